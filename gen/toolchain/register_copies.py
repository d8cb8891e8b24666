"""Netlist pass: copies of registers that drive many cells (ECP5 TRELLIS_FF).

A net that reaches all lanes of an array is slow wherever its register stands. Here such a register becomes
several with the same input, each for a part of what it drove. Parts follow the natural order of the cells'
names, and with it the lanes: so a copy serves lanes that are placed together.

Yosys would merge registers that are alike, so this can be done only after it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import Any

__all__ = ["copy_registers"]

Netlist = dict[str, Any]
Reader = tuple[str, str, int]
"""Cell, port and place in the port of a bit that is read."""

MOST_LOADS = 32
_CONTROL_PORTS = {"CE": 0.25, "LSR": 0.25}
"""Loads of a port that flip-flops placed together share."""
_BLOCK_RAM_LOADS = 16
"""Loads of a block RAM's address: these RAMs stand far apart."""
_BLOCK_RAM_ADDRESS = re.compile(r"AD[ABRW]\d+")


def copy_registers(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with copies of registers of more than `MOST_LOADS`."""
    for module in netlist["modules"].values():
        cells = module["cells"]
        registers = [name for name, cell in cells.items() if cell["type"] == "TRELLIS_FF"]
        if registers:
            readers, outside = _readers(module)
            used = (bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
            spare = count(1 + max(bit for bit in used if isinstance(bit, int)))
            for name in registers:
                (bit,) = cells[name]["connections"]["Q"]
                if bit not in outside:
                    _copy(cells, name, readers[bit], spare)
    return netlist


def _readers(module: Netlist) -> tuple[dict[int | str, list[Reader]], set[int | str]]:
    """What reads each bit, and the bits of the module's own ports."""
    readers: dict[int | str, list[Reader]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for place, bit in enumerate(bits):
                    readers[bit].append((name, port, place))
    return readers, {bit for port in module["ports"].values() for bit in port["bits"]}


def _copy(cells: Netlist, name: str, readers: list[Reader], spare: Iterator[int]) -> None:
    """Give each part of a register's readers a register of its own."""
    parts = _parts(readers)
    for number, part in enumerate(parts[1:], 1):
        register = cells[name]
        bit = next(spare)
        cells[f"{name}_copy_{number}"] = {
            **register,
            "connections": {**register["connections"], "Q": [bit]},
        }
        for reader, port, place in part:
            cells[reader]["connections"][port][place] = bit


def _parts(readers: list[Reader]) -> list[list[Reader]]:
    """Readers in natural order of their names, in parts of about the same load."""
    loads = [_load(port) for _, port, _ in readers]
    copies = -(-sum(loads) // MOST_LOADS)
    if copies < 2:
        return [readers]
    parts: list[list[Reader]] = [[] for _ in range(int(copies))]
    before = 0.0
    ordered = sorted(zip(readers, loads, strict=True), key=lambda item: _natural(item[0]))
    for reader, load in ordered:
        parts[int(before / sum(loads) * copies)].append(reader)
        before += load
    return parts


def _load(port: str) -> float:
    return _BLOCK_RAM_LOADS if _BLOCK_RAM_ADDRESS.fullmatch(port) else _CONTROL_PORTS.get(port, 1)


def _natural(reader: Reader) -> list[tuple[int, str]]:
    """Sort key: numbers in a name by their value."""
    pieces = re.split(r"(\d+)", reader[0])
    return [(int(piece), "") if piece.isdigit() else (0, piece) for piece in pieces]
