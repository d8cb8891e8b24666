"""Place and route with nextpnr, and packing into a bitstream."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...hw.boards.board import Board
from ..errors import UserError
from .floorplan import release_block_rams
from .flow import Flow, Placer
from .flows import FLOWS
from .process import OnLine, Tool, ToolRun, run_tool, run_tools
from .resources import Resources
from .timing import CriticalPath, read_critical_paths, slowest

__all__ = ["Placement", "pack", "place_and_route", "read_report"]

REPORT = "nextpnr.json"
LOG = "nextpnr.log"
CLOCKS = "top.sdc"
NETLIST = "top.json"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placed and routed design.

    Attributes
    ----------
    fmax_mhz : mapping of str to float
        Highest frequency of each clock.
    reserve : float
        The same beside what was asked of it, of the clock with the least of that.
    resources : Resources
        Everything in use, also what packing and routing added.
    utilisation : mapping of str to (int, int)
        Used and available of every kind of site that is used, in nextpnr's names.
    critical_paths : mapping of str to CriticalPath
        The slowest path between two registers of each clock that has one.
    """

    fmax_mhz: Mapping[str, float]
    reserve: float
    resources: Resources
    utilisation: Mapping[str, tuple[int, int]]
    critical_paths: Mapping[str, CriticalPath]

    @property
    def critical_path(self) -> CriticalPath | None:
        """The slowest of all."""
        return slowest(self.critical_paths.values())


def place_and_route(
    board: Board, *, cwd: Path, synthesised: Resources, seed: int = 1, on_line: OnLine | None = None
) -> Placement:
    """Place and route ``top.json`` in the folder `cwd` on `board`, with the placer that makes it fastest.

    Several placers run side by side, for a large design one with the sites of its block RAMs and without.

    A clock that is too slow is not an error here: the caller compares `Placement.fmax_mhz`.

    Parameters
    ----------
    synthesised : Resources
        What synthesis counted, for what nextpnr does not report.
    seed : int
        Start of the placer's random numbers.

    Raises
    ------
    MissingTool
        nextpnr is not installed.
    UserError
        nextpnr stopped: its first error.
    """
    flow = FLOWS[board.family]
    options = [
        *flow.place_options(board),
        *("--seed", str(seed)),
        *("--report", REPORT),
        "--timing-allow-fail",
        *_clock_options(board, cwd),
    ]
    large = synthesised.luts + synthesised.ffs > flow.large_cells
    placers = flow.large_placers if large else flow.placers
    with _folders(cwd, flow, placers) as folders:
        asked = [
            ([*options, *placer.options], folder) for placer, folder in zip(placers, folders, strict=True)
        ]
        runs = run_tools(flow.placer, asked, step="place and route", on_line=on_line)
        ended = [pair for pair in zip(folders, runs, strict=True) if not pair[1].returncode]
        placed: list[tuple[Placement, Path]] = []
        for folder, run in ended or [(folders[-1], runs[-1])]:
            (folder / LOG).write_text(run.output, encoding="utf-8")
            _check(flow.placer, run, "place and route", folder / flow.routed, folder / REPORT)
            placed.append((read_report(folder / REPORT, flow=flow, synthesised=synthesised), folder))
        best, folder = max(placed, key=lambda pair: pair[0].reserve)
        for name in (flow.routed, REPORT, LOG):
            (folder / name).replace(cwd / name)  # onto itself where it is `cwd`
    with (cwd / LOG).open("a", encoding="utf-8") as log:
        log.writelines(f"Another placer stopped: {run.error}\n" for run in runs if run.returncode)
    return best


@contextmanager
def _folders(cwd: Path, flow: Flow, placers: Sequence[Placer]) -> Iterator[list[Path]]:
    """A folder for each placer, with what it reads: `cwd` itself where there is one."""
    if len(placers) == 1:
        yield [cwd]
        return
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory(dir=cwd))) for _ in placers]
        for placer, folder in zip(placers, folders, strict=True):
            for name in (NETLIST, flow.constraints, CLOCKS):
                if (cwd / name).exists():
                    shutil.copy(cwd / name, folder)
            if not placer.sites:
                _release(folder / NETLIST)
        yield folders


def _release(path: Path) -> None:
    netlist = release_block_rams(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(netlist), encoding="utf-8")


def _clock_options(board: Board, cwd: Path) -> list[str]:
    """What tells nextpnr the clocks beyond what its constraints file says."""
    flow = FLOWS[board.family]
    asked = [] if board.pll is None and flow.pll_clocks is None else ["--freq", f"{board.design_mhz:g}"]
    if board.pll is None or flow.pll_clocks is None:
        return asked
    module = json.loads((cwd / NETLIST).read_text(encoding="utf-8"))["modules"]["top"]
    (cwd / CLOCKS).write_text(flow.pll_clocks(module, board), encoding="utf-8")
    return [*asked, "--sdc", CLOCKS]


def pack(board: Board, *, cwd: Path, on_line: OnLine | None = None) -> Path:
    """Turn the routed design in the folder `cwd` into a bitstream; return its path.

    Raises
    ------
    MissingTool
        The packer is not installed.
    UserError
        The packer stopped: its first error.
    """
    flow = FLOWS[board.family]
    run = run_tool(flow.packer, flow.pack_options(board), cwd=cwd, step="packing", on_line=on_line)
    bitstream = cwd / flow.bitstream
    _check(flow.packer, run, "packing", bitstream)
    return bitstream


def _check(tool: Tool, run: ToolRun, step: str, *written: Path) -> None:
    missing = [path.name for path in written if not path.exists()]
    if run.returncode or missing:
        raise UserError(f"{step}: {tool.name} stopped: {run.error}")


def read_report(path: Path, *, flow: Flow, synthesised: Resources) -> Placement:
    """Read nextpnr's report.

    Raises
    ------
    UserError
        It is not such a file.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return _placement(report, flow, synthesised)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"place and route: {path.name} is not a report of nextpnr ({error})") from None


def _placement(report: Mapping[str, Any], flow: Flow, synthesised: Resources) -> Placement:
    utilisation = {
        name: (int(entry["used"]), int(entry["available"]))
        for name, entry in report["utilization"].items()
        if entry["used"]
    }
    found = {
        resource: sum(utilisation.get(name, (0, 0))[0] for name in names)
        for resource, names in flow.bels.items()
    }
    return Placement(
        fmax_mhz={clock: float(entry["achieved"]) for clock, entry in report["fmax"].items()},
        reserve=min(
            (entry["achieved"] / entry["constraint"] for entry in report["fmax"].values()), default=1.0
        ),
        resources=Resources(**{**asdict(synthesised), **found}),
        utilisation=utilisation,
        critical_paths=read_critical_paths(report["critical_paths"]),
    )
