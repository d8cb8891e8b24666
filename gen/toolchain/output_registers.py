"""Netlist pass: use the block RAM's own output register (ECP5 DP16KD).

Yosys never does: it leaves the register behind a memory in the fabric, and the block RAM's slow
clock-to-out (5.8 ns) limits the clock. A read port is changed if every data output that is used drives
nothing but the data input of one plain flip-flop: no enable, no reset, the same edge of the same clock. What
comes before the first clock edge is zero in both.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

__all__ = ["absorb_output_registers"]

Netlist = dict[str, Any]
Users = dict[int | str, list[tuple[str, str]]]

_PORT_BITS = 18
_MERGED_WIDTH = 36  # a read port that takes the outputs of both sides


class _ReadPort(NamedTuple):
    """A read port of a block RAM: the sides whose data outputs it has, and the side of its clock."""

    sides: str
    clock: str


def absorb_output_registers(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with the registers absorbed.

    A port that can be changed gets ``REGMODE = OUTREG`` and drives what the registers drove; the registers
    are deleted.
    """
    for module in netlist["modules"].values():
        rams = [cell for cell in module["cells"].values() if cell["type"] == "DP16KD"]
        users = _users(module) if rams else {}
        for ram in rams:
            for port in _read_ports(ram):
                _absorb(module, ram, port, users)
    return netlist


def _users(module: Netlist) -> Users:
    """Cell and port names that each net bit feeds; module ports count as users."""
    users: Users = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in bits:
                    users[bit].append((name, port))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            users[bit].append(("", name))
    return users


def _read_ports(ram: Netlist) -> list[_ReadPort]:
    if int(ram["parameters"]["DATA_WIDTH_B"], 2) == _MERGED_WIDTH:
        return [_ReadPort("AB", "B")]
    return [_ReadPort("A", "A"), _ReadPort("B", "B")]


def _absorb(module: Netlist, ram: Netlist, port: _ReadPort, users: Users) -> None:
    connections, parameters = ram["connections"], ram["parameters"]
    if not _is_plain(ram, port):
        return
    registers: dict[str, str] = {}
    for output in (f"DO{side}{bit}" for side in port.sides for bit in range(_PORT_BITS)):
        for bit in connections.get(output, []):
            if users.get(bit):
                register = _register(module, users[bit], connections[f"CLK{port.clock}"])
                if register is None:
                    return
                registers[output] = register
    if not registers:
        return
    for output, register in registers.items():
        connections[output] = module["cells"].pop(register)["connections"]["Q"]
    for side in port.sides:
        parameters[f"REGMODE_{side}"] = "OUTREG"
        connections[f"OCE{side}"] = ["1"]
        ram["port_directions"][f"OCE{side}"] = "input"


def _is_plain(ram: Netlist, port: _ReadPort) -> bool:
    """Whether the port has no output register yet, is clocked at the rising edge, and is never reset."""
    connections, parameters = ram["connections"], ram["parameters"]
    return (
        all(parameters.get(f"REGMODE_{side}", "NOREG") == "NOREG" for side in port.sides)
        and all(connections.get(f"RST{side}", ["0"]) == ["0"] for side in port.sides)
        and parameters.get(f"CLK{port.clock}MUX") == f"CLK{port.clock}"
        and isinstance(connections[f"CLK{port.clock}"][0], int)
    )


def _register(module: Netlist, users: list[tuple[str, str]], clock: list) -> str | None:
    """Name of the plain flip-flop that is the only user of a bit."""
    if len(users) != 1 or users[0][1] != "DI":
        return None
    cell = module["cells"].get(users[0][0])
    if cell is None or cell["type"] != "TRELLIS_FF" or cell["connections"]["CLK"] != clock:
        return None
    parameters, connections = cell["parameters"], cell["connections"]
    plain = (
        parameters["CEMUX"].strip() == "1"
        and connections.get("LSR", ["0"]) in (["0"], [])
        and parameters["CLKMUX"] == "CLK"
        and parameters["REGSET"] == "RESET"
    )
    return users[0][0] if plain else None
