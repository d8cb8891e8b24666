"""One way to run any engine on a build."""

from __future__ import annotations

import numpy as np

from ...gen.build_dir import Build
from ...gen.errors import UserError
from ..bench.runner import SIMULATORS
from ..golden.inputs import check_counts, input_events
from .cxxrtl import run_cxxrtl
from .golden import run_golden_engine
from .run import Design, EngineOptions, EngineRun, Progress
from .simulator import run_simulator

__all__ = ["ENGINES", "check_engine", "design_of", "engine_input", "run_engine"]

ENGINES = ("golden", "cxxrtl", *SIMULATORS)


def run_engine(
    name: str,
    build: Build,
    x: np.ndarray,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
    options: EngineOptions | None = None,
) -> EngineRun:
    """Run input data through an engine.

    Parameters
    ----------
    name : str
        One of `ENGINES`. ``golden``: the golden model. ``cxxrtl``: the RTL compiled to machine code.
        ``icarus``, ``verilator``: the emitted Verilog in a simulator, under cocotb.
    build : Build
        What `gen.build_dir.read_build` or `write_build` returned.
    x : ndarray
        (samples, steps, *input shape) uint8 event counts.
    limit : int, optional
        Run the first `limit` samples only.
    progress : callable, optional
        Called with (stage, done, total) now and then.
    options : EngineOptions, optional
        How the streams are driven and what is recorded.

    Returns
    -------
    EngineRun

    Raises
    ------
    UserError
        No such engine, input that does not fit, or probes of a build without debug ports.
    MissingTool
        What the engine runs on is not installed.
    RtlFault
        The RTL hangs or breaks the protocol of a port.
    """
    check_engine(name)
    options = options or EngineOptions()
    events = engine_input(build, x, limit)
    params = build.plan.accelerator
    if name == "golden":
        return run_golden_engine(build.qnet, params, events, probes=options.probes, threads=options.threads)
    if options.probes and not params.debug:
        raise UserError(f"{build.path}: no debug ports to read states from; compile with debug on")
    design = design_of(build)
    if name == "cxxrtl":
        return run_cxxrtl(design, events, options, progress=progress)
    simulator = SIMULATORS[SIMULATORS.index(name)]
    return run_simulator(simulator, design, events, options, progress=progress)


def check_engine(name: str) -> None:
    """Raise `UserError` unless `name` is one of `ENGINES`."""
    if name not in ENGINES:
        raise UserError(f"Engine must be one of {', '.join(ENGINES)}, not {name}")


def engine_input(build: Build, x: np.ndarray, limit: int | None = None) -> np.ndarray:
    """Return the first `limit` samples as (samples, steps, channels), checked against the build.

    Raises
    ------
    UserError
        A wrong type or shape, no sample or step, or a count above what the accumulators hold.
    """
    if limit is not None and limit < 1:
        raise UserError(f"Limit must be 1 or more samples, not {limit}")
    events = input_events(build.qnet, x)[:limit]
    if not len(events) or not events.shape[1]:
        raise UserError(
            f"Input of {build.qnet.name} must have a sample and a step or more, not shape {x.shape}"
        )
    check_counts(events, name=build.qnet.name, input_max=build.qnet.input_max)
    return np.ascontiguousarray(events)


def design_of(build: Build) -> Design:
    """Return the emitted RTL of a build as the engines take it."""
    return Design(
        params=build.plan.accelerator,
        rtlil=build.rtlil,
        verilog=(build.verilog,),
        memories=build.images,
        populations=build.plan.populations,
    )
