"""Netlist passes: copies of gates and registers that drive many cells (ECP5 LUT4 and TRELLIS_FF).

A net that reaches all lanes of an array is slow wherever its driver stands. Here such a gate or register
becomes several with the same inputs, each for a part of what it drove. Parts follow the natural order of the
cells' names, and with it the lanes; none is for two modules that both read much. So a copy serves
cells that are placed together. Gates come first, since their copies are loads of registers.

Yosys would merge cells that are alike, so this can be done only after it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import count, groupby
from typing import Any

__all__ = ["MOST_LOADS", "copy_gates", "copy_registers"]

Netlist = dict[str, Any]
Reader = tuple[str, str, int]
"""Cell, port and place in the port of a bit that is read."""

MOST_LOADS = 32
_OWN_READERS = 8
"""Readers in a module of the design that has a copy of its own; the parts of a memory have fewer."""
_CONTROL_PORTS = {"CE": 0.25, "LSR": 0.25}
"""Loads of a port that flip-flops placed together share."""
_BLOCK_RAM_LOADS = 16
"""Loads of a block RAM's address: these RAMs stand far apart."""
_BLOCK_RAM_ADDRESS = re.compile(r"AD[ABRW]\d+")


def copy_gates(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with copies of LUTs of more than `MOST_LOADS`."""
    return _copy_all(netlist, kind="LUT4", output="Z")


def copy_registers(netlist: Netlist) -> Netlist:
    """The same of flip-flops."""
    return _copy_all(netlist, kind="TRELLIS_FF", output="Q")


def _copy_all(netlist: Netlist, *, kind: str, output: str) -> Netlist:
    for module in netlist["modules"].values():
        cells = module["cells"]
        drivers = [name for name, cell in cells.items() if cell["type"] == kind]
        if drivers:
            readers, outside = _readers(module)
            used = (bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
            spare = count(1 + max(bit for bit in used if isinstance(bit, int)))
            for name in drivers:
                (bit,) = cells[name]["connections"][output]
                if bit not in outside:
                    _copy(cells, name, output, readers[bit], spare)
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


def _copy(cells: Netlist, name: str, output: str, readers: list[Reader], spare: Iterator[int]) -> None:
    """Give each part of a cell's readers a cell of its own."""
    for number, part in enumerate(_parts(readers)[1:], 1):
        driver = cells[name]
        bit = next(spare)
        # lists of its own: they are changed where what drives it has copies too
        connections = {port: list(bits) for port, bits in driver["connections"].items()}
        cells[f"{name}_copy_{number}"] = {**driver, "connections": connections | {output: [bit]}}
        for reader, port, place in part:
            cells[reader]["connections"][port][place] = bit


def _parts(readers: list[Reader]) -> list[list[Reader]]:
    """Readers in natural order of their names, in parts of at most `MOST_LOADS`, modules apart."""
    if sum(map(_load, readers)) <= MOST_LOADS:
        return [readers]
    parts: list[list[Reader]] = []
    room = 0.0
    for _, group in groupby(sorted(readers, key=_natural), key=_module):
        run = list(group)
        load = sum(map(_load, run))
        if len(run) >= _OWN_READERS or load > MOST_LOADS:
            parts += _cut(run, load)
            room = 0.0
        elif load > room:
            parts.append(run)
            room = MOST_LOADS - load
        else:
            parts[-1] += run
            room -= load
    return parts


def _cut(readers: list[Reader], load: float) -> list[list[Reader]]:
    """As few parts as may be, of about the same load."""
    copies = int(-(-load // MOST_LOADS))
    parts: list[list[Reader]] = [[] for _ in range(copies)]
    before = 0.0
    for reader in readers:
        parts[int(before / load * copies)].append(reader)
        before += _load(reader)
    return [part for part in parts if part]


def _load(reader: Reader) -> float:
    port = reader[1]
    return _BLOCK_RAM_LOADS if _BLOCK_RAM_ADDRESS.fullmatch(port) else _CONTROL_PORTS.get(port, 1)


def _module(reader: Reader) -> str:
    """Path of the module of the design that a cell is in."""
    return reader[0].rpartition(".")[0]


def _natural(reader: Reader) -> list[tuple[int, str]]:
    """Sort key: numbers in a name by their value."""
    pieces = re.split(r"(\d+)", reader[0])
    return [(int(piece), "") if piece.isdigit() else (0, piece) for piece in pieces]
