"""FPGA devices: what each can hold, in the units that synthesis reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SPRAM_ROWS", "Device", "Family"]

SPRAM_ROWS = 1 << 14
"""Words of 16 bits of an iCE40 UltraPlus SPRAM."""


class Family(StrEnum):
    """Device families with an open toolchain from PyPI."""

    ICE40 = "ice40"
    ECP5 = "ecp5"
    GOWIN = "gowin"


@dataclass(frozen=True, kw_only=True)
class Device:
    """One FPGA.

    Attributes
    ----------
    name : str
        Part name as the vendor writes it.
    family : Family
    luts, ffs : int
        4-input LUTs and flip-flops. On iCE40 both sit in one logic cell, so both are the cell count.
    block_rams : int
        Number of block RAMs.
    block_ram_shapes : tuple of (int, int)
        (depth, width in bits) of every way to use one, for one read port.
    lut_rams : int
        Number of RAMs of 16 words of 4 bits that LUTs can be turned into.
    dsps : int
        Multipliers of about 18 by 18 bits (16 by 16 on iCE40).
    sprams : int
        256 kbit single-port RAMs without initial contents (iCE40 UltraPlus).
    """

    name: str
    family: Family
    luts: int
    ffs: int
    block_rams: int
    block_ram_shapes: tuple[tuple[int, int], ...]
    lut_rams: int = 0
    dsps: int = 0
    sprams: int = 0

    @property
    def block_ram_bits(self) -> int:
        """Bits of one block RAM in its largest shape."""
        return max(depth * width for depth, width in self.block_ram_shapes)

    @property
    def block_ram_kbit(self) -> float:
        """Capacity of all block RAMs in units of 1024 bits."""
        return self.block_rams * self.block_ram_bits / 1024

    def block_rams_for(self, *, rows: int, row_bits: int) -> int:
        """Block RAMs that a memory of `rows` words of `row_bits` takes in its best shape."""
        return min(-(-rows // depth) * -(-row_bits // width) for depth, width in self.block_ram_shapes)
