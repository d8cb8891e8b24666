"""Run a data set through an engine, the golden model and the float reference, and put them side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..gen.build_dir import Build
from ..gen.errors import UserError
from .engines.run import EngineOptions, Progress
from .engines.select import check_engine
from .measure import Measurement
from .results import SimulateResult, VerifyResult

__all__ = ["simulate", "verify"]


def simulate(
    build: Build,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    engine: str = "cxxrtl",
    limit: int | None = None,
    rule: str | None = None,
    options: EngineOptions | None = None,
    progress: Progress | None = None,
) -> SimulateResult:
    """Run data through an engine and measure it.

    Parameters
    ----------
    build : Build
    x : ndarray
        (samples, steps, *input shape) uint8 event counts.
    y : ndarray, optional
        (samples,) labels.
    engine : str
        One of `engines.ENGINES`.
    limit : int, optional
        Run the first `limit` samples only.
    rule : str, optional
        How a class is decided, see `decision.decide`. Readouts `counts` and `class` decide by "count"
        or "sum" only.
    options : EngineOptions, optional
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    UserError, MissingTool
        Input, labels or a rule that do not fit, or a tool that is not there.
    RtlFault
        The RTL hangs or breaks a protocol.
    """
    check_engine(engine)
    return Measurement(build, x, y, engine, limit, rule, options or EngineOptions(), progress).result()


def verify(
    build: Build,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    engine: str = "cxxrtl",
    limit: int | None = None,
    rule: str | None = None,
    options: EngineOptions | None = None,
    progress: Progress | None = None,
) -> VerifyResult:
    """Check RTL against the golden model on data: every output, every state where there are debug ports.

    Parameters and errors are those of `simulate`; `engine` must run RTL.
    """
    check_engine(engine)
    if engine == "golden":
        raise UserError(
            "verify compares RTL with the golden model: Engine must be cxxrtl, icarus or verilator"
        )
    debug = build.plan.accelerator.debug
    options = replace(options or EngineOptions(), probes=debug)
    result = Measurement(build, x, y, engine, limit, rule, options, progress).result()
    return VerifyResult(**vars(result), states_compared=debug)
