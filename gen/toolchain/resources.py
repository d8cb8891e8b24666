"""What a design uses of a device, in the units of `hw.boards.device.Device`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...hw.boards.device import Device

__all__ = ["RESOURCES", "CellWeights", "Resources", "capacity", "count_resources"]

CellWeights = Mapping[str, Mapping[str, float]]
"""For each resource, how much of it one cell takes, by a regular expression for whole cell types."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """LUTs, flip-flops, RAMs made of LUTs, block RAMs, multipliers and single-port RAMs."""

    luts: int = 0
    ffs: int = 0
    lut_rams: int = 0
    block_rams: int = 0
    dsps: int = 0
    sprams: int = 0


RESOURCES = {
    "luts": "LUTs",
    "ffs": "flip-flops",
    "lut_rams": "LUT RAMs",
    "block_rams": "block RAMs",
    "dsps": "multipliers",
    "sprams": "single-port RAMs",
}


def capacity(device: Device) -> Resources:
    """Return all that `device` has."""
    return Resources(**{name: getattr(device, name) for name in RESOURCES})


def count_resources(cells: Mapping[str, int], weights: CellWeights) -> Resources:
    """Turn a netlist's cell counts into resources; cells that match no weight take none."""
    found = {}
    for name in RESOURCES:
        total = sum(
            count * weight
            for pattern, weight in weights.get(name, {}).items()
            for cell, count in cells.items()
            if re.fullmatch(pattern, cell)
        )
        found[name] = math.ceil(total)
    return Resources(**found)
