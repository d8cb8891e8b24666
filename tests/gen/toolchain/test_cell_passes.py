"""Netlist passes cell by cell: the same function with fewer LUTs in a row; registers of SPRAMs."""

import copy
import random
from collections import Counter
from functools import cache
from typing import Any

import pytest
from spikeloom.gen.toolchain.lut_levels import shorten_ecp5_lut_paths, shorten_ice40_lut_paths
from spikeloom.gen.toolchain.spram_registers import copy_spram_registers

INPUTS = 6
PORTS = ("I0", "I1", "I2", "I3")


def lut(inputs, output, table):
    """A cell: `inputs` beside constants, `table` for I3 I2 I1 I0 from 1111 down."""
    connections = {port: [bit] for port, bit in zip(PORTS, inputs, strict=True)}
    directions = dict.fromkeys(PORTS, "input") | {"O": "output"}
    return {
        "type": "SB_LUT4",
        "port_directions": directions,
        "parameters": {"LUT_INIT": table},
        "connections": {**connections, "O": [output]},
    }


def carry(first, second, before, output):
    return {
        "type": "SB_CARRY",
        "port_directions": {"I0": "input", "I1": "input", "CI": "input", "CO": "output"},
        "parameters": {},
        "connections": {"I0": [first], "I1": [second], "CI": [before], "CO": [output]},
    }


def module(cells, outputs):
    ports = {
        "a": {"direction": "input", "bits": list(range(2, 2 + INPUTS))},
        "out": {"direction": "output", "bits": outputs},
    }
    return {"modules": {"top": {"ports": ports, "cells": cells}}}


def random_netlist(rng, luts=60):
    """LUTs of one to four inputs, often the last ones made; with sums and their carries between them."""
    cells, bits = {}, list(range(2, 2 + INPUTS))
    for number in range(luts):
        used = rng.sample(bits[-8:], rng.randint(1, 4))
        inputs = used + [rng.choice("01x") for _ in range(4 - len(used))]
        rng.shuffle(inputs)
        cells[f"lut{number}"] = lut(inputs, 100 + number, f"{rng.getrandbits(16):016b}")
        bits.append(100 + number)
        if number % 15 == 14:
            first, second, before = rng.sample(bits[-8:], 3)
            cells[f"carry{number}"] = carry(first, second, before, 200 + number)
            cells[f"sum{number}"] = lut(["0", first, second, 200 + number], 300 + number, "0110100110010110")
            bits.append(300 + number)
    return module(cells, [*bits[-6:], 104, 109])


def evaluate(netlist, number):
    """Every bit for the inputs that the binary `number` gives."""
    values = {"0": 0, "1": 1, "x": 0} | {2 + k: number >> k & 1 for k in range(INPUTS)}
    drivers = {
        cell["connections"][port][0]: cell
        for cell in netlist["modules"]["top"]["cells"].values()
        for port, direction in cell["port_directions"].items()
        if direction == "output"
    }

    def value(bit):
        if bit not in values:
            cell = drivers[bit]
            pins = {port: bits[0] for port, bits in cell["connections"].items() if bits[0] != bit}
            if cell["type"] == "SB_CARRY":
                values[bit] = int(sum(map(value, pins.values())) >= 2)
            else:
                place = sum(value(pins[port]) << k for k, port in enumerate(PORTS))
                values[bit] = int(cell["parameters"]["LUT_INIT"][15 - place])
        return values[bit]

    return [value(bit) for bit in netlist["modules"]["top"]["ports"]["out"]["bits"]]


def levels(netlist):
    """LUTs in a row to each output, at most."""
    cells = netlist["modules"]["top"]["cells"].values()
    drivers = {cell["connections"]["O"][0]: cell for cell in cells if cell["type"] == "SB_LUT4"}

    @cache
    def level(bit):
        if bit not in drivers:
            return 0
        return 1 + max(level(drivers[bit]["connections"][port][0]) for port in PORTS)

    return [level(bit) for bit in netlist["modules"]["top"]["ports"]["out"]["bits"]]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_function(seed):
    before = random_netlist(random.Random(seed))
    after = shorten_ice40_lut_paths(copy.deepcopy(before))
    assert sum(levels(after)) < sum(levels(before))
    for number in range(1 << INPUTS):
        assert evaluate(after, number) == evaluate(before, number), f"seed {seed}, inputs {number:06b}"


ECP5_NAMES = {"SB_LUT4": "LUT4", "LUT_INIT": "INIT", "O": "Z", **dict(zip(PORTS, "ABCD", strict=True))}


def renamed(netlist: Any, names: dict[str, str]) -> Any:
    """The same with other names of types, ports and parameters."""
    if isinstance(netlist, dict):
        return {names.get(key, key): renamed(value, names) for key, value in netlist.items()}
    return names.get(netlist, netlist) if isinstance(netlist, str) else netlist


@pytest.mark.parametrize("seed", range(10))
def test_the_same_function_on_ecp5(seed):
    netlist = random_netlist(random.Random(seed), luts=14)  # too few for a carry
    found = shorten_ecp5_lut_paths(renamed(netlist, ECP5_NAMES))
    after = renamed(found, {new: old for old, new in ECP5_NAMES.items()})
    assert sum(levels(after)) < sum(levels(netlist))
    for number in range(1 << INPUTS):
        assert evaluate(after, number) == evaluate(netlist, number), f"seed {seed}, inputs {number:06b}"


def test_the_comparison_can_fail():
    before = random_netlist(random.Random(0))
    spoilt = copy.deepcopy(before)
    last = before["modules"]["top"]["ports"]["out"]["bits"][-1]
    cell = next(c for c in spoilt["modules"]["top"]["cells"].values() if c["connections"].get("O") == [last])
    cell["parameters"]["LUT_INIT"] = "".join("10"[int(bit)] for bit in cell["parameters"]["LUT_INIT"])
    assert any(evaluate(spoilt, number) != evaluate(before, number) for number in range(1 << INPUTS))


def test_a_row_of_small_gates_becomes_one():
    """Two gates and an inverter between them, all of which others read too."""
    cells = {
        "and": lut([2, 3, "0", "0"], 10, "1000" * 4),
        "not": lut([10, "0", "0", "0"], 11, "01" * 8),
        "or": lut(["0", "0", 11, 4], 12, "1111111111110000"),
    }
    after = shorten_ice40_lut_paths(module(cells, [10, 11, 12]))
    assert levels(after) == [1, 1, 1]
    assert [evaluate(after, number) for number in (0b000, 0b011, 0b111)] == [[0, 1, 1], [1, 0, 0], [1, 0, 1]]


def test_what_is_read_by_nobody_any_more_is_gone():
    cells = {
        "and": lut([2, 3, "0", "0"], 10, "1000" * 4),
        "not": lut([10, "0", "0", "0"], 11, "01" * 8),
    }
    assert list(shorten_ice40_lut_paths(module(cells, [11]))["modules"]["top"]["cells"]) == ["not"]


def test_adders_stay():
    """The LUT of a sum has its carry at I3 and the carry's operands at I1 and I2."""
    cells = {
        "gate": lut([2, 3, "0", "0"], 10, "1000" * 4),
        "carry0": carry(10, 4, "0", 11),
        "sum0": lut(["0", 10, 4, "0"], 12, "0011110000111100"),
        "sum1": lut(["0", 5, 6, 11], 13, "1100001100111100"),
    }
    before = copy.deepcopy(cells)
    assert shorten_ice40_lut_paths(module(cells, [12, 13]))["modules"]["top"]["cells"] == before


def spram(data):
    directions = {"DATAIN": "input", "DATAOUT": "output", "ADDRESS": "input"}
    connections = {"DATAIN": data, "DATAOUT": ["x"] * 4, "ADDRESS": [2]}
    return {
        "type": "SB_SPRAM256KA",
        "port_directions": directions,
        "parameters": {},
        "connections": connections,
    }


def test_every_spram_has_registers_of_its_own():
    directions = {"C": "input", "D": "input", "Q": "output"}
    cells = {
        f"data{k}": {
            "type": "SB_DFF",
            "port_directions": directions,
            "parameters": {},
            "connections": {"C": [2], "D": [3 + k], "Q": [20 + k]},
        }
        for k in range(4)
    }
    cells |= {f"ram{k}": spram([20, 21, 22, 23]) for k in range(3)}
    cells["gate"] = lut([20, "0", "0", "0"], 30, "01" * 8)
    after = copy_spram_registers(module(cells, [30]))["modules"]["top"]["cells"]
    read = [bit for k in range(3) for bit in after[f"ram{k}"]["connections"]["DATAIN"]]
    assert set(Counter(read).values()) == {1}
    inputs = {
        c["connections"]["Q"][0]: c["connections"]["D"][0] for c in after.values() if "Q" in c["connections"]
    }
    assert [inputs[bit] for bit in read] == [3, 4, 5, 6] * 3
    assert after["gate"]["connections"]["I0"] == [20]
    assert all(c["connections"]["C"] == [2] for c in after.values() if c["type"] == "SB_DFF")
