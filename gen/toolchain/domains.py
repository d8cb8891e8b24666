"""What each clock domain of a board build has to reach, and reaches."""

from __future__ import annotations

from dataclasses import dataclass

from ...hw.boards.board import Board
from ...hw.clocked_accelerator import ACCELERATOR_DOMAIN
from .place import Placement
from .timing import slowest

__all__ = ["DomainTiming", "domain_timings"]


@dataclass(frozen=True, kw_only=True)
class DomainTiming:
    """One clock domain.

    Attributes
    ----------
    name : str
        ``"design"``: all of it; or ``"accelerator"`` and ``"link"``, each with a clock of its own.
    clock_mhz, fmax_mhz : float
        Its clock, and the highest it could have.
    critical_path : str or None
        The slowest path, in words.
    """

    name: str
    clock_mhz: float
    fmax_mhz: float
    critical_path: str | None

    @property
    def met(self) -> bool:
        """Whether it reaches its clock."""
        return self.fmax_mhz >= self.clock_mhz


def domain_timings(placement: Placement, board: Board, *, split: bool) -> tuple[DomainTiming, ...]:
    """Of a placed design: the accelerator's domain and (`split`) the link's, or the one of both.

    nextpnr names a clock by its net, which in the accelerator's domain is the domain's; where it reports no
    path within a domain there is none to miss a clock.
    """

    def timing(name: str, clock_mhz: float, clocks: list[str]) -> list[DomainTiming]:
        if not clocks:
            return []
        path = slowest(path for clock, path in placement.critical_paths.items() if clock in clocks)
        fmax_mhz = round(min(placement.fmax_mhz[clock] for clock in clocks), 2)
        text = None if path is None else str(path)
        return [DomainTiming(name=name, clock_mhz=clock_mhz, fmax_mhz=fmax_mhz, critical_path=text)]

    clocks = list(placement.fmax_mhz)
    if not split:
        return tuple(timing("design", board.design_mhz, clocks))
    inner = [clock for clock in clocks if f"{ACCELERATOR_DOMAIN}_clk" in clock]
    outer = [clock for clock in clocks if clock not in inner]
    return (
        *timing(ACCELERATOR_DOMAIN, board.design_mhz, inner),
        *timing("link", board.link_mhz, outer),
    )
