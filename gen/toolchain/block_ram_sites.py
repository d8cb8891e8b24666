"""Where the block RAMs of a device stand, and what nextpnr calls those places (ECP5)."""

from __future__ import annotations

from typing import NamedTuple

from ...hw.boards.device import Device, Family

__all__ = ["Site", "block_ram_sites"]


class Site(NamedTuple):
    """A place for one block RAM: column and row of the tile grid, and its name in the attribute BEL."""

    x: int
    y: int
    bel: str


class _Die(NamedTuple):
    """Rows with block RAMs, and in each the first columns of groups of four."""

    rows: tuple[int, ...]
    groups: tuple[int, ...]


# As nextpnr placed a netlist of nothing but block RAMs, as many as each device has.
_ECP5 = (
    _Die((25, 37), (4, 13, 22, 33, 42, 51, 60)),
    _Die((10, 34, 58), (4, 13, 22, 31, 42, 51, 60, 69, 78)),
    _Die((22, 46, 70, 82), (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)),
)
_GROUP = 4  # block RAMs, every second column
_DIES = {len(die.rows) * len(die.groups) * _GROUP: die for die in _ECP5}


def block_ram_sites(device: Device) -> tuple[Site, ...]:
    """All sites of `device`; none where they are not known."""
    die = _DIES.get(device.block_rams) if device.family is Family.ECP5 else None
    if die is None:
        return ()
    places = ((first + 2 * k, y, k) for y in die.rows for first in die.groups for k in range(_GROUP))
    return tuple(Site(x, y, f"X{x}/Y{y}/EBR{k}") for x, y, k in places)
