"""The cocotb bench of the engines `icarus` and `verilator`: token streams from a file, through the top level.

``SPIKELOOM_JOB`` names a folder with ``job.json`` and ``tokens.npz`` (written by
``sim/engines/simulator.py``). The bench leaves ``result.npz`` there, or ``fault.json`` where the RTL
broke its contract, and counts the samples it has done in ``progress``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, First, SimTimeoutError, with_timeout

from ..faults import HangFault, ProtocolFault, RtlFault
from .streams import PERIOD_NS, PortSum, Stream, coin, cycle_now, get, put, reset, watch

__all__ = ["run_job"]

DRAIN_CYCLES = 64


_LOAD_INPUTS = ("active", "write", "memory", "row", "slice", "data")


def _rest(dut: Any) -> None:
    """Leave the load bus alone, where there is one: memories start with their contents here."""
    for name in _LOAD_INPUTS:
        port = getattr(dut, f"load__{name}", None)
        if port is not None:
            port.value = 0


@cocotb.test()
async def run_job(dut: Any) -> None:
    """Run every sample of the job."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = _Job(folder, **json.loads((folder / "job.json").read_text()))
    try:
        results = await job.run(dut)
    except RtlFault as fault:
        (folder / "fault.json").write_text(json.dumps({"kind": type(fault).__name__, "message": str(fault)}))
    else:
        np.savez(folder / "result.npz", allow_pickle=False, **results)


@dataclass
class _Job:
    folder: Path
    gap: float
    stall: float
    overlap: bool
    seed: int
    out_words: int
    last_bit: int
    settle_cycles: int
    startup_cycles: int
    saturations: bool
    probe_words: list[dict[str, int]]

    def __post_init__(self) -> None:
        with np.load(self.folder / "tokens.npz") as file:
            self.words, self.offsets, self.limits = file["words"], file["offsets"], file["limits"]
        self.samples = len(self.offsets) - 1
        self.records: list[list[list[int]]] = [[] for _ in self.probe_words]

    async def run(self, dut: Any) -> dict[str, np.ndarray]:
        events, self.out = Stream(dut, "events"), Stream(dut, "out")
        _rest(dut)
        await reset(dut, events, outputs=[self.out])
        if self.startup_cycles:
            await ClockCycles(dut.clk, self.startup_cycles)
        for k, (fields, records) in enumerate(zip(self.probe_words, self.records, strict=True)):
            cocotb.start_soon(watch(dut, f"probe_{k}", fields, records.append))
        saturations = PortSum(dut.saturations) if self.saturations else None
        if saturations is not None:
            cocotb.start_soon(saturations.follow())
        taken, cycles = [], []
        sender = None
        for sample in range(self.samples):
            start = cycle_now()
            if not self.overlap:
                sender = self._send(events, sample, sample + 1)
            elif sender is None:
                sender = self._send(events, 0, self.samples)
            taken.append(await self._sample(sample))
            cycles.append(cycle_now() - start)
            if not (sender.done() or self.overlap):
                raise ProtocolFault(f"sample {sample}: out ended before all input was taken")
            (self.folder / "progress").write_text(str(sample + 1))
            if self.settle_cycles and not self.overlap:
                await self._settle(dut, sample, self.settle_cycles)
        await self._settle(dut, self.samples - 1, DRAIN_CYCLES + self.settle_cycles)
        counted = {} if saturations is None else {"saturations": np.array(saturations.read(), np.int64)}
        return {**self._results(taken, cycles), **counted}

    def _send(self, events: Stream, first: int, end: int):
        payloads = self.words[self.offsets[first] : self.offsets[end], 0].tolist()
        return cocotb.start_soon(put(events, payloads, gap=self._coin(self.gap, f"gap {first}")))

    def _coin(self, probability: float, what: str):
        return coin(probability, f"{self.seed} {what}") if probability else None

    async def _sample(self, sample: int) -> list[int]:
        stall = self._coin(self.stall, f"stall {sample}")
        taking = get(self.out, done=lambda payload: bool(payload >> self.last_bit & 1), stall=stall)
        limit = int(self.limits[sample])
        try:
            return await with_timeout(taking, limit * PERIOD_NS, "ns")
        except SimTimeoutError:
            raise HangFault(
                f"sample {sample}: still running after its limit of {limit} cycles: the design hangs"
            ) from None
        except ProtocolFault as fault:
            raise ProtocolFault(f"sample {sample}: {fault}") from None

    async def _settle(self, dut: Any, sample: int, cycles: int) -> None:
        """Let every core come to rest; nothing may follow the last token."""
        self.out.ready.value = 1
        # The first cycle by itself: a token right behind the last one is no edge of valid.
        await dut.clk.rising_edge
        valid = self.out.valid
        if not int(valid.value):
            await First(ClockCycles(dut.clk, cycles), valid.rising_edge)
        if int(valid.value):
            raise ProtocolFault(f"sample {sample}: a token on out after the last one")

    def _results(self, taken: list[list[int]], cycles: list[int]) -> dict[str, np.ndarray]:
        payloads = [payload for sample in taken for payload in sample]
        results = {
            "words": _words(payloads, self.out_words),
            "offsets": np.cumsum([0, *map(len, taken)]),
            "cycles": np.array(cycles, np.int64),
        }
        for k, (fields, records) in enumerate(zip(self.probe_words, self.records, strict=True)):
            columns = [
                _words([record[at] for record in records], words) for at, words in enumerate(fields.values())
            ]
            results[f"probe_{k}"] = np.concatenate(columns, axis=1)
        return results


def _words(values: list[int], words: int) -> np.ndarray:
    data = b"".join(value.to_bytes(8 * words, "little") for value in values)
    return np.frombuffer(data, "<u8").reshape(len(values), words)
