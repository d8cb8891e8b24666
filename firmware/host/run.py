"""Run a data set on a board: what `spikeloom run` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...gen.build_dir import Build
from ...gen.errors import UserError
from ...gen.manifest import build_id
from ...gen.toolchain.tops import DEFAULT_BAUD
from ...hw.link.params import HostLinkParams, bit_cycles_for
from ...hw.load_bus import loaded_shapes
from ...sim.decision import decide_output
from ...sim.engines.run import Progress
from ...sim.engines.select import engine_input
from ...sim.link.pins import SimulatedBoard
from .board import BoardLink
from .ports import Port, SerialPort
from .session import LinkOptions

__all__ = ["SIMULATED", "LoadResult", "RunResult", "connect", "load_board", "run_on_board"]

SIMULATED = "sim"
"""Port of a simulated board."""
_SIMULATED_CLOCK_HZ = 25_000_000
_SIMULATED_OPTIONS = LinkOptions(timeout_s=0.005, tries=50)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a board did with a data set.

    Attributes
    ----------
    port : str
    samples, steps : int
    accuracy : float or None
        Fraction of right classes; None without labels.
    link_s : float
        Seconds on the board's side of the first to the last sample: of a real board wall time, of a
        simulated one simulated time.
    samples_per_s : float
        Of `link_s`.
    wall_s : float
    bytes_per_sample : float
        On the line, to the board and back.
    link : mapping
        Statistics of the host's end (`LinkStatistics`).
    counters : mapping
        Of the board, over this run.
    """

    port: str
    samples: int
    steps: int
    accuracy: float | None
    link_s: float
    samples_per_s: float
    wall_s: float
    bytes_per_sample: float
    link: dict[str, int]
    counters: dict[str, int]

    def facts(self) -> dict[str, object]:
        """What the command line shows."""
        errors = sum(self.counters[name] for name in ("bad_frames", "stray_frames", "line_errors"))
        return {
            "board": self.port,
            "samples": self.samples,
            "accuracy": "-" if self.accuracy is None else f"{self.accuracy:.2%}",
            "samples a second": f"{self.samples_per_s:.1f}",
            "bytes a sample": f"{self.bytes_per_sample:.1f}",
            "saturations": self.counters.get("saturations", "not counted"),
            "frames sent again": self.link["sent_again"],
            "frames damaged on the way there": errors,
            "frames damaged on the way back": self.link["bad_frames"],
            "wall time": f"{self.wall_s:.1f} s",
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What was loaded into a board.

    Attributes
    ----------
    port : str
    memories, memory_bytes : int
    contents : str
        SHA-256 of it.
    link_s : float
        Seconds on the board's side, as in `RunResult`.
    """

    port: str
    memories: int
    memory_bytes: int
    contents: str
    link_s: float

    def facts(self) -> dict[str, object]:
        """What the command line shows."""
        return {
            "board": self.port,
            "memories": self.memories,
            "bytes": self.memory_bytes,
            "contents": self.contents[:12],
            "written and read back in": f"{self.link_s:.2f} s",
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return asdict(self)


def load_board(link: BoardLink, *, progress: Progress | None = None) -> LoadResult:
    """Load the build of `link` into its board, whatever it holds.

    Raises
    ------
    UserError
        Its memories are part of the bitstream.
    LinkError
        As `BoardLink.load`.
    """
    image = link.build.load_image()
    if image is None:
        raise UserError(
            f"{link.build.path}: its weights are part of the bitstream; compile with --weights loaded"
        )
    clock = link.session.port.now
    begun = clock()
    link.load(progress=progress)
    return LoadResult(
        port=link.session.port.name,
        memories=len(image.shapes),
        memory_bytes=len(image.data),
        contents=image.sha256,
        link_s=clock() - begun,
    )


def connect(
    build: Build,
    port: str,
    *,
    baud: int = DEFAULT_BAUD,
    load: bool = True,
    progress: Progress | None = None,
) -> BoardLink:
    """Open a board that holds `build`.

    Parameters
    ----------
    port : str
        A serial port, or ``sim``: the RTL of the build and of its UART link, compiled.
    baud : int
        Of the serial port and of the simulated UART.
    load : bool
        Whether memories that are loaded at run time, and hold something else, are loaded now.
    progress : callable, optional
        Called with a step, what is done of it, and all of it.

    Raises
    ------
    MissingTool, LinkError
        pyserial or a compiler is missing; no such port; nobody answers; another build is on the board.
    """
    if port != SIMULATED:
        return BoardLink(SerialPort(port, baud=baud), build, load=load, progress=progress)
    try:
        bit_cycles = bit_cycles_for(_SIMULATED_CLOCK_HZ, baud)
    except ValueError as error:
        raise UserError(str(error)) from None
    params = HostLinkParams(
        bit_cycles=bit_cycles,
        clock_hz=_SIMULATED_CLOCK_HZ,
        build_id=build_id(build.path),
        memories=loaded_shapes(build.plan.accelerator),
    )
    board: Port = SimulatedBoard(build, params, progress=progress)
    return BoardLink(board, build, options=_SIMULATED_OPTIONS, load=load, progress=progress)


def run_on_board(
    link: BoardLink,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    limit: int | None = None,
    progress: Callable[[int, int, float | None, float], None] | None = None,
) -> RunResult:
    """Run samples and measure.

    Parameters
    ----------
    x, y : ndarray
        As for `sim.verify.simulate`.
    progress : callable, optional
        Called with (samples done, samples, accuracy so far or None, samples a second).

    Raises
    ------
    UserError, LinkError
        As `BoardLink.run`.
    """
    x = engine_input(link.build, x, limit)
    if y is not None:
        y = y[: len(x)]
    before, started = link.counters(), time.monotonic()
    bytes_before = link.statistics.bytes_out + link.statistics.bytes_in
    clock = link.session.port.now
    begun, right = clock(), 0
    qnet, readout = link.build.qnet, link.params.readout
    for number, output in enumerate(link.stream(x)):
        if y is not None:
            right += int(decide_output(qnet, readout, output)[0] == y[number])
        if progress is not None:
            rate = (number + 1) / max(clock() - begun, 1e-9)
            progress(number + 1, len(x), None if y is None else right / (number + 1), rate)
    link_s = clock() - begun
    moved = link.statistics.bytes_out + link.statistics.bytes_in - bytes_before
    after = link.counters()
    return RunResult(
        port=link.session.port.name,
        samples=len(x),
        steps=x.shape[1],
        accuracy=None if y is None else right / len(x),
        link_s=link_s,
        samples_per_s=len(x) / max(link_s, 1e-9),
        wall_s=time.monotonic() - started,
        bytes_per_sample=moved / len(x),
        link=asdict(link.statistics),
        counters={name: (after[name] - before[name]) % (1 << 32) for name in after},
    )
