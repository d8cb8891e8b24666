"""Netlist pass: fewer LUTs one behind the other (iCE40 SB_LUT4, ECP5 LUT4).

Mapping saves area where a path is not by its gates the slowest of the whole design, which beside a slow link
or a long sum is nearly everywhere: it leaves inverters and small gates that several LUTs share in a row.
Here a LUT takes the inputs of the LUT that it waits for in place of its output, where all of it has four
inputs: it then comes a level earlier, and no cell more is needed. Where a LUT belongs to a carry (iCE40) it
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

__all__ = ["shorten_ecp5_lut_paths", "shorten_ice40_lut_paths"]

Netlist = dict[str, Any]
Bit = int | str


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """The LUT of a family, and what else passes from its inputs to its outputs within a cycle.

    Attributes
    ----------
    lut, init : str
        Type of the cell, and the parameter that is its function.
    inputs : tuple of str
        From the lowest place in its binary number on.
    output : str
    lut_ns : float
        With the routing before it.
    passing : mapping of str to mapping of str to float
        Of each other type, the time from each input to its outputs, ns.
    """

    lut: str
    init: str
    inputs: tuple[str, ...]
    output: str
    lut_ns: float
    passing: Mapping[str, Mapping[str, float]]


_ICE40 = _Cells(
    lut="SB_LUT4",
    init="LUT_INIT",
    inputs=("I0", "I1", "I2", "I3"),
    output="O",
    lut_ns=2.8,
    passing={"SB_CARRY": {"CI": 0.3, "I0": 2.8, "I1": 2.8}},
)
_ADDER_NS = {f"{port}{half}": 1.5 for port in "ABCD" for half in "01"}
_ECP5 = _Cells(
    lut="LUT4",
    init="INIT",
    inputs=("A", "B", "C", "D"),
    output="Z",
    lut_ns=0.9,
    passing={
        "CCU2C": {"CIN": 0.07, **_ADDER_NS},
        "PFUMX": {"ALUT": 0.2, "BLUT": 0.2, "C0": 0.9},
        "L6MUX21": {"D0": 0.2, "D1": 0.2, "SD": 0.9},
    },
)


@dataclass(frozen=True)
class _Function:
    """What a LUT computes: of `inputs`, values in the order of their binary number, the first lowest."""

    inputs: tuple[Bit, ...]
    values: tuple[bool, ...]

    def at(self, known: Mapping[Bit, bool]) -> bool:
        return self.values[sum(known[bit] << place for place, bit in enumerate(self.inputs))]


def shorten_ice40_lut_paths(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with LUTs that wait for fewer others."""
    return _shorten(netlist, _ICE40)


def shorten_ecp5_lut_paths(netlist: Netlist) -> Netlist:
    """The same for ECP5."""
    return _shorten(netlist, _ECP5)


def _shorten(netlist: Netlist, kinds: _Cells) -> Netlist:
    for module in netlist["modules"].values():
        paths = _Paths(module["cells"], kinds)
        if paths.luts:
            paths.shorten()
            _drop_unread(module, kinds)
    return netlist


class _Paths:
    """When each bit comes, and the functions of the LUTs so far."""

    def __init__(self, cells: Mapping[str, Netlist], kinds: _Cells):
        self.kinds = kinds
        self.luts: dict[Bit, Netlist] = {}
        self.passing: dict[Bit, Netlist] = {}
        self.operands: set[tuple[Bit, Bit]] = set()  # of carries
        for cell in cells.values():
            if cell["type"] == kinds.lut:
                self.luts[cell["connections"][kinds.output][0]] = cell
            elif cell["type"] in kinds.passing:
                self.passing |= dict.fromkeys(_outputs(cell), cell)
            if cell["type"] == "SB_CARRY":
                self.operands.add((cell["connections"]["I0"][0], cell["connections"]["I1"][0]))
        self.functions: dict[Bit, _Function] = {}
        self.times_ns: dict[Bit, float] = {}

    def shorten(self) -> None:
        """Change the LUTs, each behind all that it waits for."""
        for bit in self._order():
            if bit in self.passing:
                self.times_ns[bit] = self._passed_ns(self.passing[bit])
                continue
            lut = self.luts[bit]
            found = _function(lut, self.kinds)
            if not self._adds(lut):
                shorter = self._shorter(found)
                if shorter is not found:
                    # the last port is the fastest
                    _write(lut, shorter, sorted(shorter.inputs, key=self._time_ns), self.kinds)
                self.functions[bit] = found = shorter
            self.times_ns[bit] = self._wait_ns(found) + self.kinds.lut_ns

    def _shorter(self, function: _Function) -> _Function:
        """The same function of inputs that come earlier, if there are at most four; else itself."""
        best = function
        while function.inputs:
            last = max(function.inputs, key=self._time_ns)
            if last not in self.functions:
                break
            function = _joined(function, last, self.functions[last])
            if len(function.inputs) > len(self.kinds.inputs):
                break
            if self._wait_ns(function) < self._wait_ns(best):
                best = function
        return best

    def _time_ns(self, bit: Bit) -> float:
        return self.times_ns.get(bit, 0.0)

    def _wait_ns(self, function: _Function) -> float:
        return max(map(self._time_ns, function.inputs), default=0.0)

    def _passed_ns(self, cell: Netlist) -> float:
        inputs = self.kinds.passing[cell["type"]].items()
        return max(
            self._time_ns(cell["connections"][port][0]) + ns
            for port, ns in inputs
            if cell["connections"].get(port)
        )

    def _adds(self, lut: Netlist) -> bool:
        """Whether it is the sum beside a carry."""
        first, second, carry = (lut["connections"][port][0] for port in self.kinds.inputs[1:])
        return bool(self.operands) and (carry in self.passing or (first, second) in self.operands)

    def _order(self) -> Iterable[Bit]:
        """Outputs of LUTs and carries, each behind those it depends on."""
        return TopologicalSorter(
            {bit: self._before(bit) for bit in (*self.luts, *self.passing)}
        ).static_order()

    def _before(self, bit: Bit) -> list[Bit]:
        cell = self.luts.get(bit) or self.passing[bit]
        inputs = (bits[0] for port, bits in cell["connections"].items() if bits and not _drives(cell, port))
        return [before for before in inputs if before in self.luts or before in self.passing]


def _drives(cell: Netlist, port: str) -> bool:
    return cell["port_directions"].get(port) == "output"


def _outputs(cell: Netlist) -> Iterator[Bit]:
    """Bits that a cell drives."""
    for port, bits in cell["connections"].items():
        if _drives(cell, port) and bits and isinstance(bits[0], int):
            yield bits[0]


def _function(lut: Netlist, kinds: _Cells) -> _Function:
    """What a LUT computes of its inputs that are no constants, each once."""
    bits = [lut["connections"][port][0] for port in kinds.inputs]
    inputs = tuple(dict.fromkeys(bit for bit in bits if isinstance(bit, int)))
    table = lut["parameters"][kinds.init][::-1]
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


def _write(lut: Netlist, function: _Function, inputs: list[Bit], kinds: _Cells) -> None:
    """Make the cell compute `function` of `inputs`, which are in the order of its ports from some port on."""
    bits = ["0"] * (len(kinds.inputs) - len(inputs)) + inputs
    for port, bit in zip(kinds.inputs, bits, strict=True):
        lut["connections"][port] = [bit]
    table = [function.at(dict(zip(bits, setting, strict=True))) for setting in _settings(len(bits))]
    lut["parameters"][kinds.init] = "".join("01"[value] for value in reversed(table))


def _drop_unread(module: Netlist, kinds: _Cells) -> None:
    """Remove LUTs that nothing reads any more."""
    cells = module["cells"]
    outside = {bit for port in module["ports"].values() for bit in port["bits"]}
    while True:
        read = {
            bit
            for cell in cells.values()
            for port, bits in cell["connections"].items()
            if not _drives(cell, port)
            for bit in bits
        }
        unread = [
            name
            for name, cell in cells.items()
            if cell["type"] == kinds.lut and cell["connections"][kinds.output][0] not in read | outside
        ]
        if not unread:
            return
        for name in unread:
            del cells[name]
