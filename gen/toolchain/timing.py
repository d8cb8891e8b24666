"""The critical path of a report, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CriticalPath", "read_critical_paths", "slowest"]


@dataclass(frozen=True, kw_only=True)
class CriticalPath:
    """The slowest path between two registers.

    Attributes
    ----------
    start, end : str
        Names of the cells it leaves and enters.
    clock_to_out_ns, logic_ns, routing_ns, setup_ns : float
        Its parts.
    levels : int
        Cells it goes through in between.
    """

    start: str
    end: str
    clock_to_out_ns: float
    logic_ns: float
    routing_ns: float
    setup_ns: float
    levels: int

    @property
    def total_ns(self) -> float:
        """Sum of the parts."""
        return self.clock_to_out_ns + self.logic_ns + self.routing_ns + self.setup_ns

    def __str__(self) -> str:
        """One sentence."""
        cells = "1 cell" if self.levels == 1 else f"{self.levels} cells"
        return (
            f"{self.total_ns:.1f} ns from {self.start} to {self.end} through {cells}: "
            f"clock to output {self.clock_to_out_ns:.1f}, logic {self.logic_ns:.1f}, "
            f"routing {self.routing_ns:.1f}, setup {self.setup_ns:.1f}"
        )


def read_critical_paths(paths: Sequence[Mapping[str, Any]]) -> dict[str, CriticalPath]:
    """Find in nextpnr's report the slowest path between two registers of one clock, for each clock."""
    found: dict[str, CriticalPath] = {}
    for path in paths:
        if path["from"] == path["to"] and path["path"]:
            clock = str(path["from"]).split(maxsplit=1)[-1]  # posedge clk
            best = slowest([*filter(None, [found.get(clock)]), _critical_path(path["path"])])
            assert best is not None  # there is one
            found[clock] = best
    return found


def slowest(paths: Iterable[CriticalPath]) -> CriticalPath | None:
    """Return the one that takes longest; None of none."""
    return max(paths, key=lambda path: path.total_ns, default=None)


def _critical_path(hops: Sequence[Mapping[str, Any]]) -> CriticalPath:
    def total(kind: str) -> float:
        return sum(float(hop["delay"]) for hop in hops if hop["type"] == kind)

    through = {hop["from"]["cell"] for hop in hops if hop["type"] == "logic"}
    return CriticalPath(
        start=_name(hops[0]["from"]["cell"]),
        end=_name(hops[-1]["to"]["cell"]),
        clock_to_out_ns=total("clk-to-q"),
        logic_ns=total("logic"),
        routing_ns=total("routing"),
        setup_ns=total("setup"),
        levels=len(through),
    )


def _name(cell: str) -> str:
    """Name without what the tools append: ``array.sum_TRELLIS_FF_Q_3`` is ``array.sum``."""
    cell = cell.replace("selftest.accelerator.emitted.", "accelerator.")
    found = re.match(r"(.+?)_(?:TRELLIS|SB|DFF|CCU2C|LUT4|PFUMX|L6MUX21|ALU|LUT\d|DP16KD)(?:_|$)", cell)
    return found[1] if found else cell.split("$")[0] or cell
