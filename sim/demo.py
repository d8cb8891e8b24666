"""The demo: the digits network from its model file to a bitstream, all test digits on the RTL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..gen.errors import UserError
from ..gen.plan import PlanOptions
from ..gen.toolchain.build import BuildResult, build
from .compile import CompileOptions, CompileResult, compile_model
from .data import load_samples
from .results import VerifyResult
from .verify import verify

__all__ = ["EXAMPLE", "DemoResult", "run_demo"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits"


@dataclass(frozen=True, kw_only=True, eq=False)
class DemoResult:
    """What each step of the demo gave."""

    compiled: CompileResult
    verified: VerifyResult
    built: BuildResult
    wall_s: float

    @property
    def ok(self) -> bool:
        """Whether the RTL does what the golden model does, at the board's clock."""
        return self.verified.ok and self.built.timing_met is not False

    @property
    def us_per_sample(self) -> float | None:
        """Microseconds a sample at the clock that place and route reached."""
        cycles, mhz = self.verified.cycles_per_sample, self.built.fmax_mhz
        return None if cycles is None or mhz is None else cycles / mhz

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        table = {"verify": self.verified.to_json(), "build": self.built.as_json()}
        rest = {"us_per_sample": self.us_per_sample, "wall_s": self.wall_s, "ok": self.ok}
        return {**table, **rest, "directory": str(self.compiled.build.path)}


def run_demo(
    out: str | Path, *, board: str, progress: Callable[[str], None] = lambda step: None
) -> DemoResult:
    """Compile, verify on all held-out digits and build for `board`.

    Raises
    ------
    UserError, MissingTool
        As the steps do; and where the example files are not beside the package.
    """
    started = time.monotonic()
    if not EXAMPLE.is_dir():
        raise UserError(f"The demo needs the folder {EXAMPLE}, which comes with a checkout of the project")
    options = CompileOptions(plan=replace(PlanOptions(), board=board))
    compiled = compile_model(
        EXAMPLE / "digits.nir",
        out,
        options=options,
        calibration=EXAMPLE / "digits_calibration.npz",
        progress=progress,
    )
    samples = load_samples(EXAMPLE / "digits_test.npz", shape=compiled.build.qnet.input_shape)
    progress("running all test digits on the RTL")
    verified = verify(compiled.build, samples.x, samples.y)
    built = build(compiled.build, board=board, progress=lambda step, line: progress(f"{step}: {line[:70]}"))
    wall_s = round(time.monotonic() - started, 3)
    return DemoResult(compiled=compiled, verified=verified, built=built, wall_s=wall_s)
