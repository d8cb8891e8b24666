"""The accelerator in Amaranth's own simulator, as an engine: a small network takes tenths of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from spikeloom.gen.emit import make_accelerator
from spikeloom.gen.ir import QuantisedNetwork
from spikeloom.gen.plan import Plan
from spikeloom.sim.engines.probes import probe_words, read_probes
from spikeloom.sim.engines.run import Design, EngineRun
from spikeloom.sim.tokens import Tokens, out_format, read_output

from ..hw.runs import run_samples

__all__ = ["run_amaranth"]


def run_amaranth(
    plan: Plan,
    network: QuantisedNetwork,
    x: np.ndarray,
    *,
    gap: float = 0.0,
    stall: float = 0.0,
    overlap: bool = False,
    seed: int = 0,
) -> EngineRun:
    """Run a plan with debug ports on `x` (samples, steps, channels); pauses as in `run_samples`."""
    params = plan.accelerator
    run = run_samples(
        make_accelerator(plan, network),
        x,
        gap=gap,
        stall=stall,
        overlap=overlap,
        shuffle=bool(gap or stall),
        seed=seed,
        pause=None,
        probes=len(params.cores),
    )
    form = out_format(params)
    payloads = [
        _index_value(form, index, value) | tick << form.tick_bit | last << (form.tick_bit + 1)
        for sample in run.tokens
        for index, value, tick, last in sample
    ]
    tokens = Tokens(words=_words(payloads, form.words), offsets=np.cumsum([0, *map(len, run.tokens)]))
    design = Design(params=params, rtlil=Path(), populations=plan.populations)
    records = [_probe_records(core, rows) for core, rows in zip(params.cores, run.probes, strict=True)]
    return EngineRun(
        engine="amaranth",
        version="",
        readout=params.readout,
        output=read_output(tokens, form, params.readout, steps=x.shape[1]),
        cycles=np.array(run.cycles),
        probes=read_probes(design, records, samples=len(x), steps=x.shape[1]),
        wall_s=0.0,
    )


def _index_value(form, index, value):
    return (index or 0) | (value or 0) % (1 << form.value_bits) << form.index_bits


def _words(values, count):
    return np.frombuffer(b"".join(v.to_bytes(8 * count, "little") for v in values), "<u8").reshape(-1, count)


def _probe_records(core, rows):
    fields = zip(("group", "spikes", "membranes", "currents"), probe_words(core), strict=True)
    return np.hstack([_words([row[name] for row in rows], count) for name, count in fields if count])
