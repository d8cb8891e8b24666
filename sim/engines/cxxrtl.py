"""Engine `cxxrtl`: the RTL compiled to machine code, several instances at a time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from ...gen.toolchain.process import tool_version
from ...gen.toolchain.yosys import yosys_engine
from ..tokens import events_format, input_tokens, out_format, read_output
from .cxxrtl_build import build_library, toggle_blocks
from .cxxrtl_library import Batch, BatchResult, Instance
from .probes import join_probes, read_probes
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
    library = build_library(design, optimise=optimise, toggles=options.toggles, progress=progress)
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
    return _join(design, library, [part.result() for part in parts], time.monotonic() - started)


class _Part:
    """Output and probes of one batch, and what else came with them."""

    def __init__(self, output: np.ndarray, probes: dict[str, Probe], result: BatchResult) -> None:
        self.output, self.probes = output, probes
        self.cycles, self.toggles, self.saturations = result.cycles, result.toggles, result.saturations


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
        probes = read_probes(design, result.probes, samples=len(x), steps=steps, first_sample=first_sample)
    return _Part(output, probes, result)


def _wait(parts: Sequence[Future[_Part]], samples: int, progress: Progress | None) -> None:
    # In order, so that of several faults the one of the first sample is told.
    for part in parts:
        while True:
            with contextlib.suppress(FutureTimeout):
                part.result(timeout=_POLL_S)
                break
            _tell(parts, samples, progress)
    _tell(parts, samples, progress)


def _tell(parts: Sequence[Future[_Part]], samples: int, progress: Progress | None) -> None:
    if progress is not None:
        ended = [part for part in parts if part.done() and not part.cancelled() and not part.exception()]
        progress("cxxrtl", sum(len(part.result().cycles) for part in ended), samples)


def _join(design: Design, library: Path, parts: Sequence[_Part], wall_s: float) -> EngineRun:
    tool = yosys_engine("auto")
    names = parts[0].probes
    probes = {name: join_probes([part.probes[name] for part in parts]) for name in names}
    return EngineRun(
        engine="cxxrtl",
        version=f"{tool.name} {tool_version(tool.distribution)}",
        readout=design.params.readout,
        output=np.concatenate([part.output for part in parts]),
        cycles=np.concatenate([part.cycles for part in parts]),
        probes=probes,
        toggles=_toggles(library, parts),
        saturations=sum(part.saturations for part in parts) if design.params.count_saturations else None,
        wall_s=wall_s,
    )


def _toggles(library: Path, parts: Sequence[_Part]) -> dict[str, int]:
    counts = np.stack([part.toggles for part in parts]).sum(axis=0, dtype=np.uint64)
    return {name: int(bits) for name, bits in zip(toggle_blocks(library), counts, strict=True)}
