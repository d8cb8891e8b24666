"""Netlist pass: carry chains (ECP5 CCU2C) that begin and end without a cell of their own.

A carry that begins as a constant, and one that nobody takes, each cost a whole CCU2C in place and route: two
LUTs a chain end. Here a chain of n bits begins in half a cell:

- n odd: half a cell that makes the constant, in front of the first bit;
- n even: the first bit's half only makes its carry, and its sum is a LUT beside the chain.

Either takes n + 1 LUTs, in place of n + 4 (even) or n + 5 (odd). A carry that leaves the chain takes half a
cell as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

__all__ = ["trim_carry_chains"]

Netlist = dict[str, Any]
Bit = int | str
Readers = dict[Bit, list[tuple[str, str]]]

_INPUTS = ("A", "B", "C", "D")
_ALL_ONES = 0xFFFF


class _Half(NamedTuple):
    """One bit of a chain: LUT content (4 input function, its low 4 bits the carry), inputs, sum."""

    init: int
    inputs: tuple[Bit, ...]
    sum: list[Bit]


def trim_carry_chains(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with all carry chains that begin constant shortened."""
    for module in netlist["modules"].values():
        cells = module["cells"]
        if any(cell["type"] == "CCU2C" for cell in cells.values()):
            readers = _readers(module)
            used = (bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
            spare = count(1 + max(bit for bit in used if isinstance(bit, int)))
            for chain in list(_chains(cells, readers)):
                _shorten(cells, chain, readers, spare)
    return netlist


def _readers(module: Netlist) -> Readers:
    """Cell and port names that read each bit; the module's own ports count."""
    readers: Readers = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in bits:
                    readers[bit].append((name, port))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            readers[bit].append(("", name))
    return readers


def _chains(cells: Netlist, readers: Readers) -> Iterator[list[str]]:
    """Cells of every chain whose first carry is a constant and whose carries stay inside it."""
    for name, cell in cells.items():
        if cell["type"] != "CCU2C" or cell["connections"]["CIN"] not in (["0"], ["1"]):
            continue
        chain = [name]
        while len(following := _following(cells, chain[-1], readers)) == 1 and following[0][1] == "CIN":
            chain.append(following[0][0])
        plain = all(cells[each]["parameters"][f"INJECT1_{k}"] == "NO" for each in chain for k in (0, 1))
        if plain and not any(port == "CIN" for _, port in following):
            yield chain


def _following(cells: Netlist, name: str, readers: Readers) -> list[tuple[str, str]]:
    return [reader for bit in cells[name]["connections"].get("COUT", []) for reader in readers.get(bit, [])]


def _shorten(cells: Netlist, chain: list[str], readers: Readers, spare: Iterator[int]) -> None:
    """Write a chain again, from its halves that are used."""
    first, last = cells[chain[0]]["connections"], cells[chain[-1]]["connections"]
    carry_in, carry_out = int(first["CIN"][0]), last.get("COUT", [])
    halves = [half for name in chain for half in _halves(cells[name])]
    if any(readers.get(bit) for bit in carry_out):
        halves.append(_Half(0, ("1",) * 4, carry_out))  # its sum is the carry that enters it
    else:
        while halves and not any(readers.get(bit) for bit in halves[-1].sum):
            halves.pop()
    begun = _begin(cells, chain[0], halves, carry_in, readers)
    template = cells[chain[0]]
    for name in chain:
        del cells[name]
    _write(cells, chain, template, begun, spare)


def _halves(cell: Netlist) -> list[_Half]:
    connections, parameters = cell["connections"], cell["parameters"]
    return [
        _Half(
            int(parameters[f"INIT{k}"], 2),
            tuple(connections[f"{name}{k}"][0] for name in _INPUTS),
            connections.get(f"S{k}", []),
        )
        for k in (0, 1)
    ]


def _begin(cells: Netlist, name: str, halves: list[_Half], carry_in: int, readers: Readers) -> list[_Half]:
    """The halves with a first one that needs no carry."""
    if not halves:
        return []
    bit = halves[0]
    used = any(readers.get(net) for net in bit.sum)
    constant = set(bit.inputs[2:]) <= {"0", "1"}
    if not constant or (used and len(halves) % 2):
        return [_Half(0x000F * carry_in, ("1",) * 4, []), *halves]
    if used:
        _add_lut(cells, f"{name}_first", bit.init ^ (_ALL_ONES * carry_in), bit)
    return [_carry_alone(bit, carry_in), *halves[1:]]


def _carry_alone(bit: _Half, carry_in: int) -> _Half:
    """A half that makes the carry of `bit`, whatever comes in: nothing propagates in the upper quarter."""
    quarter = int(bit.inputs[2]) + 2 * int(bit.inputs[3])
    propagates = bit.init >> (4 * quarter) & 0xF
    carry = (propagates * carry_in) | (bit.init & ~propagates & 0xF)
    return _Half(carry, (*bit.inputs[:2], "1", "1"), [])


def _add_lut(cells: Netlist, name: str, init: int, bit: _Half) -> None:
    cells[name] = {
        "hide_name": 0,
        "type": "LUT4",
        "parameters": {"INIT": f"{init:016b}"},
        "attributes": {},
        "port_directions": {**dict.fromkeys(_INPUTS, "input"), "Z": "output"},
        "connections": {**{port: [net] for port, net in zip(_INPUTS, bit.inputs, strict=True)}, "Z": bit.sum},
    }


def _write(
    cells: Netlist, names: list[str], template: Netlist, halves: list[_Half], spare: Iterator[int]
) -> None:
    """Put the halves into cells, two each, joined by their carries; the last has none that leaves."""
    if len(halves) % 2:
        halves = [*halves, _Half(0, ("1",) * 4, [])]
    pairs = list(zip(halves[::2], halves[1::2], strict=True))
    names = [*names, f"{names[0]}_more"][: len(pairs)]
    carries = [next(spare) for _ in pairs[1:]]
    for k, (name, pair) in enumerate(zip(names, pairs, strict=True)):
        connections: dict[str, list[Bit]] = {"CIN": [carries[k - 1]] if k else ["x"]}
        parameters = dict(template["parameters"])
        for n, half in enumerate(pair):
            parameters[f"INIT{n}"] = f"{half.init:016b}"
            connections |= {f"{port}{n}": [net] for port, net in zip(_INPUTS, half.inputs, strict=True)}
            connections[f"S{n}"] = half.sum or [next(spare)]
        # nextpnr wants the port to be there, and takes x for no net
        connections["COUT"] = [carries[k]] if k < len(carries) else ["x"]
        cells[name] = {**template, "parameters": parameters, "connections": connections}
