"""Netlist passes on small circuits: fewer cells or smaller nets, and the same function, gate by gate."""

import json
import random
import shutil
import subprocess
from collections import Counter

import pytest
from amaranth import Cat, Const, Elaboratable, Module, Mux, Signal, signed
from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]  (no stub)
from spikeloom.gen.toolchain.adder_inputs import fold_adder_inputs
from spikeloom.gen.toolchain.carry_chains import trim_carry_chains
from spikeloom.gen.toolchain.copies import MOST_LOADS, copy_gates, copy_registers
from spikeloom.gen.toolchain.netlist import apply_passes
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.gen.toolchain.yosys import run_yosys
from spikeloom.hw.boards.registry import BOARDS

from .netlists import drop_open_outputs

DEVICE = BOARDS["ulx3s_85f"].device
WIDTHS = (2, 3, 4, 7, 8, 12, 13)

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
pytestmark = pytest.mark.build


class Sums(Elaboratable):
    """Sums, differences, a choice of both, comparisons and carries of every width."""

    def __init__(self):
        self.a = Signal(16)
        self.b = Signal(16)
        self.less = Signal()
        self.out = Signal(512)

    def elaborate(self, platform):
        m = Module()
        results = []
        for width in WIDTHS:
            a, b = self.a[:width], self.b[:width]
            results += [(a + b)[:width], a + b, (a - b)[:width], a < b, a.as_signed() >= b.as_signed()]
            results += [(a + Mux(self.less, ~b, b) + self.less)[:width], (a + 1)[:width], (a - 1)[:width]]
            results.append((Const(5, signed(width + 3)) - a)[:width])
        m.d.comb += self.out.eq(Cat(results))
        return m


class ChosenSums(Elaboratable):
    """Sums and differences of an operand and a choice, a gate or an exclusive-or of others."""

    def __init__(self):
        self.a = Signal(13)
        self.b = Signal(13)
        self.c = Signal(13)
        self.by = Signal(2)
        self.out = Signal(260)

    def elaborate(self, platform):
        m = Module()
        a, first, second = self.a, self.by[0], self.by[1]
        results = []
        for turn, add in enumerate((lambda x: a + x, lambda x: a - x, lambda x: x - a, lambda x: a + x + 1)):
            # each gate has one reader
            b, c = self.b.rotate_left(turn), self.c.rotate_left(2 * turn)
            gates = [Mux(first, b, c), b & first.replicate(13), b ^ second.replicate(13), b | c, ~(b & c)]
            results += [add(gate)[:13] for gate in gates]
        m.d.comb += self.out.eq(Cat(results))
        return m


class Lanes(Elaboratable):
    """Counters that all wait for one enable and are cleared by one more."""

    def __init__(self, lanes=60, bits=6):
        self.go = Signal()
        self.clear = Signal()
        self.out = Signal(lanes * bits)
        self.lanes, self.bits = lanes, bits

    def elaborate(self, platform):
        m = Module()
        go, clear, step = Signal(), Signal(), Signal(3)
        m.d.sync += [go.eq(self.go), clear.eq(self.clear), step.eq(step + 3)]
        for lane in range(self.lanes):
            counter = Signal(self.bits, name=f"counter_{lane}")
            with m.If(clear):
                m.d.sync += counter.eq(lane)
            with m.Elif(go):
                m.d.sync += counter.eq(counter + step + lane)
            m.d.comb += self.out.word_select(lane, self.bits).eq(counter)
        return m


class GatedLanes(Elaboratable):
    """A chain of registers, each of which looks at one more where the parity of many others is odd."""

    def __init__(self, lanes=100):
        self.a = Signal(12)
        self.out = Signal(lanes)

    def elaborate(self, platform):
        m = Module()
        a = Signal.like(self.a)
        m.d.sync += a.eq(self.a)
        gate = a.xor()
        for lane in range(len(self.out)):
            m.d.sync += self.out[lane].eq(self.out[lane - 1] ^ (gate & self.out[lane - 3]) ^ (lane % 3 == 0))
        return m


def netlists(folder, design, ports, changes):
    """Synthesise `design`; write it as Verilog before and after `changes`; return both netlists."""
    (folder / "top.il").write_text(rtlil.convert(design, name="top", ports=ports, emit_src=False))
    synthesise(["top.il"], top="top", device=DEVICE, cwd=folder)
    found = []
    for name in ("plain", "changed"):
        found.append(json.loads((folder / "top.json").read_text())["modules"]["top"])
        drop_open_outputs(folder / "top.json")
        run_yosys(
            f"read_json top.json\ndelete =A:blackbox =A:whitebox\n"
            f"read_verilog -defer -overwrite +/ecp5/cells_sim.v\nhierarchy -check -top top\nproc\nflatten\n"
            f"rename top {name}\nclean\nwrite_verilog -noattr {name}.v\n",
            cwd=folder,
        )
        apply_passes(folder / "top.json", changes)
    return found


def equal(folder, ports, *, clocked, cycles=400):
    """Run both netlists side by side in Icarus on random input; whether all outputs were alike."""
    rng = random.Random(7)
    inputs = [port for port in ports if port.name != "out"]
    width = len(next(port for port in ports if port.name == "out"))
    signals = "".join(f"reg [{len(port) - 1}:0] {port.name} = 0;\n" for port in inputs)
    joined = ", ".join(f".{port.name}({port.name})" for port in inputs)
    joined += ", .clk(clk), .rst(1'b0)" if clocked else ""
    lines = []
    for _ in range(cycles):
        for port in inputs:
            value = rng.choice([rng.getrandbits(len(port)), rng.getrandbits(1) * ((1 << len(port)) - 1)])
            lines.append(f"{port.name} = {len(port)}'d{value};")
        lines.append('#5 clk = 1; #4 if (one !== two) begin $display("differs"); $finish; end #1 clk = 0;')
    (folder / "bench.v").write_text(
        f"module bench;\nreg clk = 0;\n{signals}wire [{width - 1}:0] one, two;\n"
        f"plain x({joined}, .out(one)); changed y({joined}, .out(two));\n"
        f'initial begin\n{chr(10).join(lines)}\nif (^one === 1\'bx) $display("unknown");\n'
        f'else $display("same");\n$finish; end\nendmodule\n'
    )
    command = ["iverilog", "-g2012", "-o", "bench", "-s", "bench", "bench.v", "plain.v", "changed.v"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    run = subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.split("\n")[0]


def carry_cells(module):
    """What the carry chains take: CCU2C, those at chain ends that place and route adds, and LUTs."""
    cells = module["cells"].values()
    read = {
        b for c in cells for p, n in c["connections"].items() if c["port_directions"][p] == "input" for b in n
    }
    chained = [cell["connections"] for cell in cells if cell["type"] == "CCU2C"]
    begins = sum(cell["CIN"] in (["0"], ["1"]) for cell in chained)
    ends = sum(cell["COUT"] != ["x"] and not read & set(cell["COUT"]) for cell in chained)
    return 2 * (len(chained) + begins + ends) + sum(cell["type"] == "LUT4" for cell in cells)


@needs_icarus
@pytest.mark.icarus
def test_carry_chains(tmp_path):
    design = Sums()
    ports = [design.a, design.b, design.less, design.out]
    before, after = netlists(tmp_path, design, ports, {"carry_chains": trim_carry_chains})
    assert carry_cells(after) < 0.85 * carry_cells(before)
    assert equal(tmp_path, ports, clocked=False) == "same"


@needs_icarus
@pytest.mark.icarus
@pytest.mark.parametrize("trimmed", [False, True])
def test_adder_inputs(tmp_path, trimmed):
    """Gates before operands are gone, whether chains were shortened before or not; no other cell is."""
    design = ChosenSums()
    ports = [design.a, design.b, design.c, design.by, design.out]
    before_it = {"carry_chains": trim_carry_chains} if trimmed else {}
    before, after = netlists(tmp_path, design, ports, before_it | {"adder_inputs": fold_adder_inputs})
    kinds = [Counter(cell["type"] for cell in module["cells"].values()) for module in (before, after)]
    assert kinds[1]["LUT4"] < 0.5 * kinds[0]["LUT4"]
    assert equal(tmp_path, ports, clocked=False) == "same"


@needs_icarus
@pytest.mark.icarus
def test_register_copies(tmp_path):
    design = Lanes()
    ports = [design.go, design.clear, design.out]
    before, after = netlists(tmp_path, design, ports, {"register_copies": copy_registers})
    assert max(loads(before)) > MOST_LOADS
    assert max(loads(after)) <= MOST_LOADS + 1
    assert equal(tmp_path, ports, clocked=True) == "same"


@needs_icarus
@pytest.mark.icarus
def test_gate_copies(tmp_path):
    """A gate that every lane waits for becomes several, and so do the registers before it."""
    design = GatedLanes()
    ports = [design.a, design.out]
    passes = {"gate_copies": copy_gates, "register_copies": copy_registers}
    before, after = netlists(tmp_path, design, ports, passes)
    assert max(loads(before, "LUT4")) > MOST_LOADS
    assert max(loads(after, "LUT4")) <= MOST_LOADS + 1
    assert equal(tmp_path, ports, clocked=True) == "same"


def test_copies_serve_whole_modules():
    """Three modules of 20 cells that read one register: a copy each, no copy for two."""
    ff = {"type": "TRELLIS_FF", "port_directions": {"DI": "input", "Q": "output"}}
    lut = {"type": "LUT4", "port_directions": {"A": "input", "Z": "output"}}
    cells = {"top.go": {**ff, "connections": {"DI": [2], "Q": [3]}}}
    for number in range(60):
        name = f"top.lane_{number // 20}.bit_{number % 20}"
        cells[name] = {**lut, "connections": {"A": [3], "Z": [10 + number]}}
    copy_registers({"modules": {"top": {"ports": {}, "cells": cells}}})
    drivers = {lane: set() for lane in range(3)}
    for name, cell in cells.items():
        if "lane_" in name:
            drivers[int(name[9])].add(cell["connections"]["A"][0])
    assert all(len(found) == 1 for found in drivers.values())
    assert len(set.union(*drivers.values())) == 3


def loads(module, kind="TRELLIS_FF"):
    """Weighted loads of every flip-flop (or LUT) that no port of the module shows."""
    shown = {bit for port in module["ports"].values() for bit in port["bits"]}
    output = "Q" if kind == "TRELLIS_FF" else "Z"
    count = {cell["connections"][output][0]: 0.0 for cell in module["cells"].values() if cell["type"] == kind}
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"][port] == "input" and bit in count:
                    count[bit] += 0.25 if port in ("CE", "LSR") else 1
    return [count[bit] for bit in count.keys() - shown]
