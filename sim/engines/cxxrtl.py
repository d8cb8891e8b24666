"""Engine `cxxrtl`: the RTL compiled to machine code, several instances at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

import numpy as np

from ...gen.toolchain.process import tool_version
from ...gen.toolchain.yosys import yosys_engine
from ..tokens import events_format, input_tokens, out_format, read_output
from .cxxrtl_build import build_library
from .cxxrtl_library import Batch, Instance, Stopped
from .probes import read_probes
from .run import Design, EngineOptions, EngineRun, Probe, Progress, limit_cycles

__all__ = ["run_cxxrtl"]

_BATCH_SAMPLES = 64
_BATCH_BYTES = 1 << 26
_POLL_S = 0.2


def run_cxxrtl(
    design: Design,
    x: np.ndarray,
    options: EngineOptions,
    *,
    optimise: int = 3,
    progress: Progress | None = None,
) -> EngineRun:
    """Run samples through the compiled RTL.

    Parameters
    ----------
    x : ndarray
        (samples, steps, channels) uint8.
    optimise : int
        Level of the C++ compiler's optimisation: 3 for data sets, 0 or 1 for a handful of cycles.

    Raises
    ------
    MissingTool, UserError
        The design cannot be compiled.
    RtlFault
        It hangs or breaks a protocol.
    """
    started = time.monotonic()
    library = build_library(design, optimise=optimise, progress=progress)
    threads = min(options.threads or os.cpu_count() or 1, max(1, len(x)))
    batches = _batches(design, x, options, threads)
    limits = limit_cycles(design.params, x, options)
    instances: SimpleQueue[Instance] = SimpleQueue()
    made = [Instance(library, design.params) for _ in range(threads)]
    for instance in made:
        instances.put(instance)
    stop = np.zeros(1, np.int32)

    def work(batch: slice) -> _Part:
        instance = instances.get()
        try:
            return _run_batch(instance, design, x[batch], limits[batch], batch.start, options, stop)
        finally:
            instances.put(instance)

    with ThreadPoolExecutor(threads) as pool:
        parts = [pool.submit(work, batch) for batch in batches]
        try:
            _wait(parts, len(x), progress)
        finally:
            # Nothing to stop unless something was raised.
            stop[0] = 1
            for part in parts:
                part.cancel()
    for instance in made:
        instance.close()
    return _join(design, [part.result() for part in parts], time.monotonic() - started)


class _Part:
    """Output, cycles and probes of one batch."""

    def __init__(self, output: np.ndarray, cycles: np.ndarray, probes: dict[str, Probe]) -> None:
        self.output, self.cycles, self.probes = output, cycles, probes


def _batches(design: Design, x: np.ndarray, options: EngineOptions, threads: int) -> list[slice]:
    form = out_format(design.params)
    sample_bytes = 8 * x.shape[1] * (form.words * (form.indices + 2) + x.shape[2])
    size = min(_BATCH_SAMPLES, -(-len(x) // threads), max(1, _BATCH_BYTES // sample_bytes))
    return [slice(start, min(start + size, len(x))) for start in range(0, len(x), max(1, size))]


def _run_batch(
    instance: Instance,
    design: Design,
    x: np.ndarray,
    limits: np.ndarray,
    first_sample: int,
    options: EngineOptions,
    stop: np.ndarray,
) -> _Part:
    params, steps = design.params, x.shape[1]
    order_seed = None if options.order_seed is None else options.order_seed + first_sample
    tokens = input_tokens(x, events_format(params), order_seed=order_seed)
    batch = Batch(tokens=tokens, limit_cycles=limits, first_sample=first_sample, steps=steps)
    result = instance.run(batch, options, stop)
    output = read_output(
        result.out, out_format(params), params.readout, steps=steps, first_sample=first_sample
    )
    probes = {}
    if options.probes:
        probes = read_probes(params, result.probes, samples=len(x), steps=steps)
    return _Part(output, result.cycles, probes)


def _wait(parts: Sequence[Future[_Part]], samples: int, progress: Progress | None) -> None:
    pending, done = set(parts), 0
    while pending:
        finished, pending = wait(pending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        for part in finished:
            done += len(part.result().cycles)
        if progress is not None:
            progress("cxxrtl", done, samples)


def _join(design: Design, parts: Sequence[_Part], wall_s: float) -> EngineRun:
    tool = yosys_engine("auto")
    probes = {
        name: Probe(
            **{
                kind: None
                if getattr(parts[0].probes[name], kind) is None
                else np.concatenate([getattr(part.probes[name], kind) for part in parts])
                for kind in ("spikes", "membranes", "currents")
            }
        )
        for name in parts[0].probes
    }
    return EngineRun(
        engine="cxxrtl",
        version=f"{tool.name} {tool_version(tool.distribution)}",
        readout=design.params.readout,
        output=np.concatenate([part.output for part in parts]),
        cycles=np.concatenate([part.cycles for part in parts]),
        probes=probes,
        wall_s=wall_s,
    )
