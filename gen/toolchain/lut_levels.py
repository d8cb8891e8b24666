"""Netlist pass: fewer LUTs one behind the other (iCE40 SB_LUT4).

Mapping saves area where a path is not the slowest of the whole design, which beside a slow link is everywhere
in the accelerator: it leaves inverters and small gates that several LUTs share in a row. Here a LUT takes the
inputs of the LUT that it waits for in place of that LUT's output, where all of it has four inputs: it then
comes a level earlier, and no cell more is needed. Adders, whose LUTs belong to their carries, stay as they
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

__all__ = ["shorten_lut_paths"]

Netlist = dict[str, Any]
Bit = int | str

_INPUTS = ("I0", "I1", "I2", "I3")
_LUT_NS, _CARRY_NS, _ENTRY_NS = 2.8, 0.3, 2.5  # with the routing before it; of a carry, and into a chain


@dataclass(frozen=True)
class _Function:
    """What a LUT computes: of `inputs`, values in the order of their binary number, the first lowest."""

    inputs: tuple[Bit, ...]
    values: tuple[bool, ...]

    def at(self, known: Mapping[Bit, bool]) -> bool:
        return self.values[sum(known[bit] << place for place, bit in enumerate(self.inputs))]


def shorten_lut_paths(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with LUTs that wait for fewer others."""
    for module in netlist["modules"].values():
        cells = module["cells"]
        luts = {cell["connections"]["O"][0]: cell for cell in cells.values() if cell["type"] == "SB_LUT4"}
        carries = {
            cell["connections"]["CO"][0]: cell for cell in cells.values() if cell["type"] == "SB_CARRY"
        }
        if luts:
            _Paths(luts, carries).shorten()
            _drop_unread(module)
    return netlist


class _Paths:
    """When each bit comes, and the functions of the LUTs so far."""

    def __init__(self, luts: Mapping[Bit, Netlist], carries: Mapping[Bit, Netlist]):
        self.luts, self.carries = luts, carries
        self.operands = {
            (cell["connections"]["I0"][0], cell["connections"]["I1"][0]) for cell in carries.values()
        }
        self.functions: dict[Bit, _Function] = {}
        self.times_ns: dict[Bit, float] = {}

    def shorten(self) -> None:
        """Change the LUTs, each behind all that it waits for."""
        for bit in self._order():
            if bit in self.carries:
                self.times_ns[bit] = self._carry_ns(bit)
                continue
            lut = self.luts[bit]
            found = _function(lut)
            if not self._adds(lut):
                shorter = self._shorter(found)
                if shorter is not found:
                    # the last port is the fastest
                    _write(lut, shorter, sorted(shorter.inputs, key=self._time_ns))
                self.functions[bit] = found = shorter
            self.times_ns[bit] = self._wait_ns(found) + _LUT_NS

    def _shorter(self, function: _Function) -> _Function:
        """The same function of inputs that come earlier, if there are at most four; else itself."""
        best = function
        while function.inputs:
            last = max(function.inputs, key=self._time_ns)
            if last not in self.functions:
                break
            function = _joined(function, last, self.functions[last])
            if len(function.inputs) > len(_INPUTS):
                break
            if self._wait_ns(function) < self._wait_ns(best):
                best = function
        return best

    def _time_ns(self, bit: Bit) -> float:
        return self.times_ns.get(bit, 0.0)

    def _wait_ns(self, function: _Function) -> float:
        return max(map(self._time_ns, function.inputs), default=0.0)

    def _carry_ns(self, bit: Bit) -> float:
        connections = self.carries[bit]["connections"]
        before = self._time_ns(connections["CI"][0]) if "CI" in connections else 0.0
        operands = max(self._time_ns(connections[port][0]) for port in ("I0", "I1"))
        return max(before, operands + _ENTRY_NS) + _CARRY_NS

    def _adds(self, lut: Netlist) -> bool:
        """Whether it is the sum beside a carry."""
        first, second, carry = (lut["connections"][port][0] for port in _INPUTS[1:])
        return carry in self.carries or (first, second) in self.operands

    def _order(self) -> Iterable[Bit]:
        """Outputs of LUTs and carries, each behind those it depends on."""
        return TopologicalSorter(
            {bit: self._before(bit) for bit in (*self.luts, *self.carries)}
        ).static_order()

    def _before(self, bit: Bit) -> list[Bit]:
        cell = self.luts.get(bit) or self.carries[bit]
        bits = (bits[0] for port, bits in cell["connections"].items() if port not in ("O", "CO") and bits)
        return [before for before in bits if before in self.luts or before in self.carries]


def _function(lut: Netlist) -> _Function:
    """What a LUT computes of its inputs that are no constants, each once."""
    bits = [lut["connections"][port][0] for port in _INPUTS]
    inputs = tuple(dict.fromkeys(bit for bit in bits if isinstance(bit, int)))
    table = lut["parameters"]["LUT_INIT"][::-1]
    values = []
    for setting in _settings(len(inputs)):
        known = {"0": False, "1": True, "x": False, **dict(zip(inputs, setting, strict=True))}
        values.append(table[sum(known[bit] << place for place, bit in enumerate(bits))] == "1")
    return _Function(inputs, tuple(values))


def _settings(inputs: int) -> Iterator[tuple[bool, ...]]:
    """All values of so many inputs, in the order of their binary number, the first lowest."""
    for number in range(1 << inputs):
        yield tuple(bool(number >> place & 1) for place in range(inputs))


def _joined(function: _Function, bit: Bit, before: _Function) -> _Function:
    """`function` with `before` in place of its input `bit`; inputs that then do not matter are gone."""
    inputs = tuple(dict.fromkeys([other for other in function.inputs if other != bit] + [*before.inputs]))
    values = []
    for setting in _settings(len(inputs)):
        known = dict(zip(inputs, setting, strict=True))
        values.append(function.at({**known, bit: before.at(known)}))
    found = _Function(inputs, tuple(values))
    for place in reversed(range(len(inputs))):
        found = _without(found, place)
    return found


def _without(function: _Function, place: int) -> _Function:
    """`function` without the input at `place`, if that does not matter."""
    halves = [
        tuple(value for number, value in enumerate(function.values) if number >> place & 1 == half)
        for half in (0, 1)
    ]
    if halves[0] != halves[1]:
        return function
    return _Function(function.inputs[:place] + function.inputs[place + 1 :], halves[0])


def _write(lut: Netlist, function: _Function, inputs: list[Bit]) -> None:
    """Make the cell compute `function` of `inputs`, which are in the order of its ports from some port on."""
    bits = ["0"] * (len(_INPUTS) - len(inputs)) + inputs
    for port, bit in zip(_INPUTS, bits, strict=True):
        lut["connections"][port] = [bit]
    table = [function.at(dict(zip(bits, setting, strict=True))) for setting in _settings(len(bits))]
    lut["parameters"]["LUT_INIT"] = "".join("01"[value] for value in reversed(table))


def _drop_unread(module: Netlist) -> None:
    """Remove LUTs that nothing reads any more."""
    cells = module["cells"]
    outside = {bit for port in module["ports"].values() for bit in port["bits"]}
    while True:
        read = {
            bit
            for cell in cells.values()
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] != "output"
            for bit in bits
        }
        unread = [
            name
            for name, cell in cells.items()
            if cell["type"] == "SB_LUT4" and cell["connections"]["O"][0] not in read | outside
        ]
        if not unread:
            return
        for name in unread:
            del cells[name]
