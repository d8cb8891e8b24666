"""Netlist pass: what chooses an operand of an adder goes into the adder's own LUT (ECP5 CCU2C).

A bit of a carry chain is a LUT of four inputs, of which an adder uses two. Synthesis puts a gate of up to
three inputs before one of them, a choice of two values for instance, into a LUT of its own: here it becomes
part of the adder's, which saves that LUT and its delay.

A half of a CCU2C gives ``sum = init(A, B, C, D) ^ carry in``; where `init` is 0, its carry out is what `init`
is at ``(A, B, 0, 0)``. So only such gates fit whose inputs can be put in an order that gives the right carry.
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product
from typing import Any

__all__ = ["fold_adder_inputs"]

Netlist = dict[str, Any]
Bit = int | str
Gate = tuple[int, list[Bit]]
"""Function of A, B, C, D as of a LUT, and what they are."""

_PORTS = "ABCD"
_MOST = 3  # inputs of a gate before an operand


def fold_adder_inputs(netlist: Netlist) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with gates before adders inside them."""
    for module in netlist["modules"].values():
        cells = module["cells"]
        adders = [cell for cell in cells.values() if cell["type"] == "CCU2C"]
        if adders:
            luts = {
                cell["connections"]["Z"][0]: name for name, cell in cells.items() if cell["type"] == "LUT4"
            }
            reads = _reads(module)
            for adder, half in product(adders, "01"):
                if adder["parameters"][f"INJECT1_{half}"] == "NO":
                    _fold(cells, adder, half, luts, reads)
    return netlist


def _reads(module: Netlist) -> Counter[Bit]:
    """How often each bit is read; the module's own ports count."""
    cells = module["cells"].values()
    bits = (
        bit
        for cell in cells
        for port, found in cell["connections"].items()
        if cell["port_directions"].get(port) != "output"
        for bit in found
    )
    reads = Counter(bits)
    reads.update(bit for port in module["ports"].values() for bit in port["bits"])
    return reads


def _fold(cells: Netlist, adder: Netlist, half: str, luts: dict[Bit, str], reads: Counter[Bit]) -> None:
    """Fold the gate before one of the two operands of a half, if there is one that fits."""
    connections, parameters = adder["connections"], adder["parameters"]
    inputs = [connections[f"{port}{half}"][0] for port in _PORTS]
    if not {"0", "1"}.issuperset(inputs[2:]):
        return
    init = int(parameters[f"INIT{half}"], 2)
    for place in (0, 1):
        name = luts.get(inputs[place])
        if name is None or reads[inputs[place]] != 1:
            continue
        lut = cells[name]
        gate = int(lut["parameters"]["INIT"], 2), [lut["connections"][port][0] for port in _PORTS]
        found = _merged(init, inputs, place, gate)
        if found is not None:
            parameters[f"INIT{half}"] = f"{found[0]:016b}"
            connections |= {f"{port}{half}": [bit] for port, bit in zip(_PORTS, found[1], strict=True)}
            del cells[name]
            return


def _merged(init: int, inputs: list[Bit], place: int, gate: Gate) -> Gate | None:
    """Function and inputs of a half whose operand `place` is what `gate` gives."""
    variables = list(dict.fromkeys(bit for bit in gate[1] if bit not in ("0", "1", "x")))
    other = inputs[1 - place]
    if len(variables) > _MOST or not isinstance(other, int) or other in variables:
        return None
    for order in permutations(variables):
        bits: list[Bit] = [other, *order, *["1"] * (_MOST - len(order))]
        table = [_half(init, inputs, place, gate, bits, index) for index in range(16)]
        merged = _init(table, len(order))
        if merged is not None:
            return merged, bits
    return None


def _half(
    init: int, inputs: list[Bit], place: int, gate: Gate, bits: list[Bit], index: int
) -> tuple[int, int]:
    """What a half propagates, and its carry where it does not, for the values `index` of `bits`."""
    values = {bit: index >> k & 1 for k, bit in enumerate(bits) if bit != "1"} | {"0": 0, "1": 1, "x": 0}
    operand = gate[0] >> sum(values[bit] << k for k, bit in enumerate(gate[1])) & 1
    a, b = (operand, values[inputs[1]]) if place == 0 else (values[inputs[0]], operand)
    rest = sum(values[bit] << k for k, bit in enumerate(inputs[2:], 2))
    return init >> (rest + a + 2 * b) & 1, init >> (a + 2 * b) & 1


def _init(table: list[tuple[int, int]], variables: int) -> int | None:
    """Function of the LUT, if its low quarter can be the carry too; inputs beyond `variables` are 1."""
    used = [k for k in range(16) if k >> (1 + variables) == 15 >> (1 + variables)]
    carries = [{table[k][1] for k in used if k % 4 == low and not table[k][0]} for low in range(4)]
    if any(len(carry) > 1 for carry in carries):
        return None
    init = sum(table[k][0] << k for k in used)
    for low, carry in enumerate(carries):
        if low not in used:
            init |= (carry == {1}) << low
        elif carry and carry != {table[low][0]}:
            return None
    return init
