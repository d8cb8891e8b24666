"""Netlist pass: use the block RAM's own output register (ECP5 DP16KD).

Yosys never does: it leaves the register behind a memory in the fabric, and the block RAM's slow
clock-to-out limits the clock (docs/performance.md). A data output is absorbed when all its bits drive
nothing but the data input of one plain flip-flop each: no enable, no reset, no initial value, same clock.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

__all__ = ["absorb_output_registers"]

Netlist = dict[str, Any]
_PORT_BITS = 18


def absorb_output_registers(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with the registers absorbed.

    A DP16KD port whose every used output bit can be absorbed gets ``REGMODE = OUTREG`` and drives what the
    registers drove; the registers are deleted.
    """
    for module in netlist["modules"].values():
        users = _users(module)
        for cell in [c for c in module["cells"].values() if c["type"] == "DP16KD"]:
            for port in "AB":
                _absorb(module, cell, port, users)
    return netlist


def _users(module: Netlist) -> dict[int, list[tuple[str, str]]]:
    """Cell and port names that each net bit feeds; module ports count as users."""
    users: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    users[bit].append((name, port))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            users[bit].append(("", name))
    return users


def _absorb(module: Netlist, ram: Netlist, port: str, users: dict[int, list[tuple[str, str]]]) -> None:
    outputs = [f"DO{port}{bit}" for bit in range(_PORT_BITS)]
    clock = ram["connections"].get(f"CLK{port}")
    absorbed: dict[str, str] = {}
    for output in outputs:
        for bit in ram["connections"].get(output, []):
            if not users[bit]:
                continue
            register = _register(module, users[bit], clock)
            if register is None:
                return
            absorbed[output] = register
    if not absorbed or ram["parameters"].get(f"REGMODE_{port}", "NOREG") != "NOREG":
        return
    for output, register in absorbed.items():
        ram["connections"][output] = module["cells"].pop(register)["connections"]["Q"]
    ram["parameters"][f"REGMODE_{port}"] = "OUTREG"
    ram["connections"][f"OCE{port}"] = ["1"]
    ram["port_directions"][f"OCE{port}"] = "input"


def _register(module: Netlist, users: list[tuple[str, str]], clock: list | None) -> str | None:
    """Name of the plain flip-flop that is the only user of a bit."""
    if len(users) != 1 or users[0][1] not in ("DI", "M"):
        return None
    cell = module["cells"].get(users[0][0])
    if cell is None or cell["type"] != "TRELLIS_FF" or cell["connections"]["CLK"] != clock:
        return None
    parameters, connections = cell["parameters"], cell["connections"]
    reset = connections.get("LSR", ["0"])
    if (
        parameters.get("CEMUX", "").strip() != "1"
        or reset not in (["0"], [])
        or parameters.get("CLKMUX") == "INV"
    ):
        return None
    return users[0][0]
