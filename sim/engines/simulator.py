"""Engines `icarus` and `verilator`: the emitted Verilog in an event-driven simulator, under cocotb."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from ...gen.errors import UserError
from .. import bench
from ..bench.runner import Simulator, build_bench, require_simulator, run_bench, simulator_version
from ..faults import HangFault, ProtocolFault
from ..tokens import Tokens, events_format, input_tokens, out_format, read_output
from .cache import cached, content_key
from .probes import probe_words, read_probes
from .run import Design, EngineOptions, EngineRun, Progress, limit_cycles, settle_cycles

__all__ = ["run_simulator"]

_BENCH = f"{bench.__name__}.accelerator"
_FAULTS = {"HangFault": HangFault, "ProtocolFault": ProtocolFault}
_FIELDS = ("group", "spikes", "membranes", "currents")


def run_simulator(
    simulator: Simulator,
    design: Design,
    x: np.ndarray,
    options: EngineOptions,
    *,
    progress: Progress | None = None,
) -> EngineRun:
    """Run samples through the Verilog of `design`.

    Parameters
    ----------
    simulator : {"icarus", "verilator"}
    x : ndarray
        (samples, steps, channels) uint8.

    Raises
    ------
    MissingTool, UserError
        The simulator, cocotb or a compiler is missing, or it refused the Verilog.
    RtlFault
        The RTL hangs or breaks a protocol.
    """
    started = time.monotonic()
    require_simulator(simulator)
    build = _build(simulator, design, progress)
    params = design.params
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as name:
        folder = Path(name)
        _write_job(folder, design, x, options)
        _copy_memories(folder, design)

        done = 0

        def poll() -> None:
            nonlocal done
            # Read while it is being written, the file may be empty.
            done = max(done, _done(folder))
            if progress is not None:
                progress(simulator, done, len(x))

        run_bench(
            simulator,
            _BENCH,
            top=design.top,
            build=build,
            folder=folder,
            env={"SPIKELOOM_JOB": str(folder)},
            poll=poll,
        )
        poll()
        result = _result(simulator, folder)
    out = Tokens(words=result["words"], offsets=result["offsets"])
    steps = x.shape[1]
    probes = {}
    if options.probes:
        records = [result[f"probe_{k}"] for k in range(len(params.cores))]
        probes = read_probes(design, records, samples=len(x), steps=steps)
    return EngineRun(
        engine=simulator,
        version=simulator_version(simulator),
        readout=params.readout,
        output=read_output(out, out_format(params), params.readout, steps=steps),
        cycles=result["cycles"],
        probes=probes,
        saturations=int(result["saturations"]) if params.count_saturations else None,
        wall_s=time.monotonic() - started,
    )


def _build(simulator: Simulator, design: Design, progress: Progress | None) -> Path:
    """Compile once; the memory images are read when the simulation starts."""
    try:
        sources = [path.read_bytes() for path in design.verilog]
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from None
    if not sources:
        raise UserError(f"{simulator} needs Verilog, and this build has none")

    def make(folder: Path) -> None:
        if progress is not None:
            progress(f"compiling for {simulator}", 0, 1)
        build_bench(simulator, design.verilog, top=design.top, folder=folder)
        for extra in folder.iterdir():
            if extra.name not in (design.top, "sim.vvp"):
                shutil.rmtree(extra) if extra.is_dir() else extra.unlink()
        if progress is not None:
            progress(f"compiling for {simulator}", 1, 1)

    key = content_key([simulator_version(simulator), design.top, *sources])
    return cached(simulator, key, make)


def _write_job(folder: Path, design: Design, x: np.ndarray, options: EngineOptions) -> None:
    params = design.params
    form = out_format(params)
    tokens = input_tokens(x, events_format(params), order_seed=options.order_seed)
    limits = limit_cycles(params, x, options)
    np.savez(folder / "tokens.npz", words=tokens.words, offsets=tokens.offsets, limits=limits)
    job = {
        "gap": options.gap,
        "stall": options.stall,
        "overlap": options.overlap,
        "seed": options.seed,
        "out_words": form.words,
        "last_bit": form.tick_bit + 1,
        "settle_cycles": settle_cycles(params),
        "startup_cycles": params.clear_cycles,
        "saturations": params.count_saturations,
        "probe_words": _probe_words(design) if options.probes else [],
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def _probe_words(design: Design) -> list[dict[str, int]]:
    cores = design.params.cores
    return [
        {name: words for name, words in zip(_FIELDS, probe_words(core), strict=True) if words}
        for core in cores
    ]


def _copy_memories(folder: Path, design: Design) -> None:
    for memory in design.memories:
        try:
            shutil.copyfile(memory, folder / memory.name)
        except OSError as error:
            raise UserError(f"cannot read {memory}: {error.strerror}") from None


def _done(folder: Path) -> int:
    path = folder / "progress"
    return int((path.read_text() or "0") if path.exists() else 0)


def _result(simulator: Simulator, folder: Path) -> dict[str, np.ndarray]:
    fault = folder / "fault.json"
    if fault.exists():
        said = json.loads(fault.read_text(encoding="utf-8"))
        raise _FAULTS[said["kind"]](f"{simulator}, {said['message']}")
    with np.load(folder / "result.npz") as file:
        return dict(file)
