"""Place and route with nextpnr, and packing into a bitstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...hw.boards.board import Board
from ..errors import UserError
from .flow import Flow
from .flows import FLOWS
from .process import OnLine, Tool, ToolRun, run_tool
from .resources import Resources
from .timing import CriticalPath, read_critical_paths, slowest

__all__ = ["Placement", "pack", "place_and_route", "read_report"]

REPORT = "nextpnr.json"
CLOCKS = "top.sdc"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placed and routed design.

    Attributes
    ----------
    fmax_mhz : mapping of str to float
        Highest frequency of each clock.
    resources : Resources
        Everything in use, also what packing and routing added.
    utilisation : mapping of str to (int, int)
        Used and available of every kind of site that is used, in nextpnr's names.
    critical_paths : mapping of str to CriticalPath
        The slowest path between two registers of each clock that has one.
    """

    fmax_mhz: Mapping[str, float]
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
    """Place and route ``top.json`` in the folder `cwd` on `board`.

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
    run = run_tool(flow.placer, options, cwd=cwd, step="place and route", on_line=on_line)
    (cwd / "nextpnr.log").write_text(run.output, encoding="utf-8")
    _check(flow.placer, run, "place and route", cwd / flow.routed, cwd / REPORT)
    return read_report(cwd / REPORT, flow=flow, synthesised=synthesised)


def _clock_options(board: Board, cwd: Path) -> list[str]:
    """What tells nextpnr the clocks beyond what its constraints file says."""
    flow = FLOWS[board.family]
    asked = [] if board.pll is None and flow.pll_clocks is None else ["--freq", f"{board.design_mhz:g}"]
    if board.pll is None or flow.pll_clocks is None:
        return asked
    module = json.loads((cwd / "top.json").read_text(encoding="utf-8"))["modules"]["top"]
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
        resources=Resources(**{**asdict(synthesised), **found}),
        utilisation=utilisation,
        critical_paths=read_critical_paths(report["critical_paths"]),
    )
