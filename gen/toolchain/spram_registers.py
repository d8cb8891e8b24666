"""Netlist pass: a register of its own for the data of every SPRAM (iCE40 UltraPlus SB_SPRAM256KA).

These RAMs lie in the corners of the device, and weights take all four. One register that drives the same bit
of several is far from most of them. Here each RAM gets a copy with the same input. Yosys would merge
registers that are alike, so this can be done only after it; addresses and enables are not touched.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any

__all__ = ["copy_spram_registers"]

Netlist = dict[str, Any]

_SPRAM = "SB_SPRAM256KA"
_PORT = "DATAIN"


def copy_spram_registers(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with a register for each SPRAM that one writes to."""
    for module in netlist["modules"].values():
        cells = module["cells"]
        rams = [cell["connections"] for cell in cells.values() if cell["type"] == _SPRAM]
        if not rams:
            continue
        readers = _readers(rams)
        used = (bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
        spare = count(1 + max(bit for bit in used if isinstance(bit, int)))
        for name, register in list(cells.items()):
            if register["type"].startswith("SB_DFF"):
                for number, ram in enumerate(readers[register["connections"]["Q"][0]][1:], 1):
                    cells[f"{name}_copy_{number}"] = _copied(register, ram, next(spare))
    return netlist


def _readers(rams: list[Netlist]) -> dict[int | str, list[Netlist]]:
    """Connections of the RAMs that are written with each bit."""
    readers: dict[int | str, list[Netlist]] = defaultdict(list)
    for ram in rams:
        for bit in dict.fromkeys(ram[_PORT]):
            readers[bit].append(ram)
    return readers


def _copied(register: Netlist, ram: Netlist, copy: int) -> Netlist:
    """A register like `register` that drives bit `copy`, which `ram` is written with instead."""
    (bit,) = register["connections"]["Q"]
    ram[_PORT] = [copy if old == bit else old for old in ram[_PORT]]
    return {**register, "connections": {**register["connections"], "Q": [copy]}}
