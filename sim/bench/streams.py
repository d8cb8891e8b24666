"""Drive and read the streams of a flattened component in a cocotb bench, with random back-pressure.

A stream of the component's signature is three ports here: ``NAME__payload``, ``NAME__valid`` and
``NAME__ready``. Everything wakes on handshakes where it can: a bench that polls every clock edge is
several times slower. These helpers run inside the simulator.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cocotb.clock import Clock
from cocotb.utils import get_sim_time

from ..faults import ProtocolFault

__all__ = ["PERIOD_NS", "PortSum", "Stream", "coin", "cycle_now", "get", "put", "reset", "watch"]

PERIOD_NS = 10


class Stream:
    """The three ports of a stream of `dut`, and the clock they belong to.

    Attributes
    ----------
    name : str
        What messages call it.
    """

    def __init__(self, dut: Any, name: str, *, clk: str = "clk") -> None:
        self.name = name
        self.clk = getattr(dut, clk)
        self.payload = getattr(dut, f"{name}__payload")
        self.valid = getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")


def coin(probability: float, seed: object) -> Iterator[bool]:
    """Yield True with `probability`, without end; the same for the same seed (anything printable)."""
    if not probability:
        while True:
            yield False
    rng = random.Random(str(seed))
    while True:
        yield rng.random() < probability


async def reset(dut: Any, *inputs: Stream, outputs: Iterable[Stream] = (), cycles: int = 4) -> None:
    """Start the clock of `dut` and hold ``rst`` for some cycles, nothing offered and nothing taken."""
    for stream in inputs:
        stream.valid.value = 0
        stream.payload.value = 0
    for stream in outputs:
        stream.ready.value = 0
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns").start()
    for _ in range(cycles):
        await dut.clk.rising_edge
    dut.rst.value = 0
    await dut.clk.rising_edge


def cycle_now() -> int:
    """Clock cycles since the simulation began."""
    return round(get_sim_time("ns")) // PERIOD_NS


async def put(stream: Stream, payloads: Iterable[int], *, gap: Iterator[bool] | None = None) -> None:
    """Send payloads into an input stream of the component.

    Parameters
    ----------
    gap : iterator of bool, optional
        Drawn in every cycle without an offer: True offers nothing for a cycle. Default: no gaps.
    """
    edge = stream.clk.rising_edge
    for payload in payloads:
        if gap is not None:
            while next(gap):
                stream.valid.value = 0
                await edge
        stream.payload.value = payload
        stream.valid.value = 1
        await edge
        while not _bit(stream, stream.ready):
            await stream.ready.rising_edge
            await edge
    stream.valid.value = 0


async def get(
    stream: Stream, *, done: Callable[[int], bool], stall: Iterator[bool] | None = None
) -> list[int]:
    """Take payloads from an output stream of the component until ``done(payload)``; that one is the last.

    Parameters
    ----------
    stall : iterator of bool, optional
        Drawn in every cycle in which a payload may be taken: True takes nothing. Default: always ready.

    Raises
    ------
    ProtocolFault
        A payload that waited was withdrawn or changed, or a port is undefined.
    """
    edge = stream.clk.rising_edge
    taken: list[int] = []
    waiting: int | None = None
    ready = stall is None or not next(stall)
    stream.ready.value = ready
    while True:
        await edge
        if not _bit(stream, stream.valid):
            if waiting is not None:
                raise ProtocolFault(f"{stream.name} withdrew a token that waited for ready")
            await stream.valid.rising_edge
            continue
        payload = _number(stream)
        if waiting is not None and payload != waiting:
            raise ProtocolFault(f"{stream.name} changed a token that waited for ready")
        waiting = None if ready else payload
        if ready:
            taken.append(payload)
            if done(payload):
                stream.ready.value = 0
                return taken
        if stall is not None:
            ready = not next(stall)
            stream.ready.value = ready


async def watch(dut: Any, name: str, fields: Iterable[str], record: Callable[[list[int]], None]) -> None:
    """Call ``record`` with the values of the ports ``NAME__FIELD`` in every cycle with ``NAME__valid``."""
    valid = getattr(dut, f"{name}__valid")
    ports = [getattr(dut, f"{name}__{field}") for field in fields]
    while True:
        await dut.clk.rising_edge
        if int(valid.value):
            record([int(port.value) for port in ports])
        else:
            await valid.rising_edge


class PortSum:
    """The sum over clock cycles, from now on, of the values of a port; `follow` wakes on its changes only."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._sum = 0
        self._value, self._since = int(port.value), cycle_now()

    async def follow(self) -> None:
        """Keep the sum, without end."""
        while True:
            await self._port.value_change
            now = cycle_now()
            self._sum += self._value * (now - self._since)
            self._value, self._since = int(self._port.value), now

    def read(self) -> int:
        """Return the sum so far."""
        return self._sum + self._value * (cycle_now() - self._since)


def _bit(stream: Stream, port: Any) -> bool:
    try:
        return bool(int(port.value))
    except ValueError:
        raise ProtocolFault(f"{stream.name}: valid or ready is undefined ({port.value})") from None


def _number(stream: Stream) -> int:
    try:
        return int(stream.payload.value)
    except ValueError:
        raise ProtocolFault(f"{stream.name}: the payload is undefined ({stream.payload.value})") from None
