"""Gate level: the synthesised netlist of every family does what the golden model says."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]  (no stub)
from spikeloom.gen.emit import emit_rtlil
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.resources.model import predict_resources
from spikeloom.gen.toolchain.netlist import apply_passes, passes_for
from spikeloom.gen.toolchain.selftest_words import event_words, output_words
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.gen.toolchain.yosys import run_yosys
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.boards.top import BoardTop
from spikeloom.hw.emitted import EmittedAccelerator
from spikeloom.hw.selftest import SelfTest, SelfTestParams, output_signature
from spikeloom.sim.golden.model import run_golden

from ..chains import quantised_chain
from .dp16kd import DP16KD
from .netlists import drop_open_outputs

pytestmark = [
    pytest.mark.build,
    pytest.mark.icarus,
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"),
]

BENCH = """
`timescale 1ns/1ps
module bench;
  reg clk = 0, rst = 1; wire passed, failed;
  top dut(.clk(clk), .rst(rst), .start(1'b1), .passed(passed), .failed(failed));
  always #5 clk = !clk;
  initial begin #100 rst = 0; #{time_ns} $display("passed=%b failed=%b", passed, failed); $finish; end
endmodule
"""


def network(family, sizes=(9, 6, 5), seed=4):
    """Small enough that the families whose RAM and multiplier cells have no model use none."""
    qnet = quantised_chain(sizes, seed=seed)
    if family == "ice40":
        return qnet

    def shared(population):
        neuron = population.neuron
        decay = replace(neuron.membrane, factor=3500)
        return replace(population, neuron=replace(neuron, membrane=decay, threshold=5))

    return replace(qnet, populations=tuple(shared(population) for population in qnet.populations))


def gates(folder, qnet, device, *, spoil=0, block_rams=False, lanes=3, passes=None, board=None):
    """Write the netlist as plain Verilog, ``gates.v``; return its cells; `spoil` the expected signature.

    Of the self-test alone, or of the top level of a `board`.
    """
    plan = make_plan(qnet, PlanOptions(lanes=lanes))
    x = (np.random.default_rng(2).random((1, 5, qnet.inputs[0].size)) < 0.6).astype(np.uint8)
    output = run_golden(qnet, x).output[0]
    assert output.any()
    signature = output_signature(output_words(plan.accelerator, output))
    params = SelfTestParams(tokens=tuple(event_words(x[0])), signature=signature ^ spoil)
    selftest = SelfTest(EmittedAccelerator(plan.accelerator), params)
    if board is None:
        text = rtlil.convert(selftest, name="top", emit_src=False)
    else:
        top = BoardTop(board, selftest)
        text = board.make_platform().prepare(top, "top", emit_src=False).files["top.il"]
    if device.family != "ice40" and not block_rams:
        text = text.replace('attribute \\ram_style "block"', "")
    (folder / "top.il").write_text(text)
    (folder / "accelerator.il").write_text(emit_rtlil(plan, qnet))
    netlist = synthesise(["accelerator.il", "top.il"], top="top", device=device, cwd=folder)
    apply_passes(netlist.netlist, passes or {})
    drop_open_outputs(netlist.netlist)
    (folder / "dp16kd.v").write_text(DP16KD)
    run_yosys(
        f"""
        read_json top.json
        delete =A:blackbox =A:whitebox
        read_verilog -defer -overwrite -D ICE40_U +/{device.family}/cells_sim.v
        read_verilog -defer -overwrite dp16kd.v
        hierarchy -check -top top
        proc
        {"setattr -mod -set keep_hierarchy 1 *SB_IO* *SB_GB_IO*" if board else ""}
        flatten
        clean
        write_verilog -noattr gates.v
        """,
        cwd=folder,
    )
    return netlist.cells


def simulate(folder, *, time_ns=20_000, bench=BENCH):
    (folder / "bench.v").write_text(bench.replace("{time_ns}", str(time_ns)))
    compile_command = ["iverilog", "-g2012", "-o", "bench", "-s", "bench", "bench.v", "gates.v"]
    subprocess.run(compile_command, cwd=folder, check=True, capture_output=True)
    run = subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.split("\n")[0]


@pytest.mark.parametrize(
    ("board", "on"),
    [("icebreaker", False), ("icebreaker", True), ("ulx3s_85f", False), ("tang_nano_9k", False)],
)
def test_netlist_equals_golden(tmp_path, board, on):
    """With the netlist passes of the family `on` or not; those of ECP5 are below, with block RAMs."""
    device = BOARDS[board].device
    passes = passes_for(device) if on else {}
    cells = gates(tmp_path, network(device.family), device, passes=passes)
    if device.family == "ice40":
        assert {"SB_MAC16", "SB_RAM40_4K"} <= cells.keys()
    assert simulate(tmp_path) == "passed=1 failed=0"


PINS = """
`timescale 1ns/1ps
module bench;
  reg clk = 0; wire pin, passed, failed;
  assign pin = clk;
  top dut(.clk12_0__io(pin), .led_0__io(passed), .led_1__io(failed));
  always #5 clk = !clk;
  initial begin
    #1790 if (passed !== 0 || failed !== 0) $display("before its start: %b %b", passed, failed);
    #{time_ns} $display("passed=%b failed=%b", passed, failed); $finish;
  end
endmodule
"""


@pytest.mark.parametrize(("spoil", "shown"), [(0, "passed=1 failed=0"), (1, "passed=0 failed=1")])
def test_an_ice40_starts_without_a_reset(tmp_path, spoil, shown):
    """The whole top level, from its pins: 180 cycles (15 us) of waiting, then the sample."""
    board = BOARDS["ice40_hx8k_evn"]
    passes = passes_for(board.device)
    gates(tmp_path, network(board.family), board.device, spoil=spoil, board=board, passes=passes)
    assert simulate(tmp_path, bench=PINS) == shown


def test_a_wrong_answer_fails(tmp_path):
    device = BOARDS["ulx3s_85f"].device
    gates(tmp_path, network(device.family), device, spoil=1 << 7)
    assert simulate(tmp_path) == "passed=0 failed=1"


@pytest.mark.parametrize(
    ("sizes", "lanes", "on"), [((250, 6, 5), 3, False), ((250, 6, 5), 3, True), ((70, 18, 5), 18, True)]
)
def test_block_rams_with_and_without_their_output_registers(tmp_path, sizes, lanes, on):
    """Weight memories of many words, and wide ones; the answer is the same."""
    device = BOARDS["ulx3s_85f"].device
    passes = passes_for(device) if on else {}
    options = {"block_rams": True, "lanes": lanes, "passes": passes}
    cells = gates(tmp_path, network(device.family, sizes, seed=0), device, **options)
    assert cells["DP16KD"] >= 1
    assert ("OUTREG" in (tmp_path / "top.json").read_text()) == on
    assert simulate(tmp_path) == "passed=1 failed=0"


def test_deep_memories_are_sliced(tmp_path):
    """2400 words of 12 bits: three block RAMs of 4096 words of 4 bits, and no multiplexer behind them."""
    device = BOARDS["ulx3s_85f"].device
    options = {"block_rams": True, "lanes": 3, "passes": passes_for(device)}
    qnet = network(device.family, (600, 12, 5), seed=2)
    bits = 3 * qnet.populations[0].weight_bits
    cells = gates(tmp_path, qnet, device, **options)
    assert cells["DP16KD"] >= -(-bits // 4)
    assert (tmp_path / "accelerator.sliced.il").exists()
    netlist = (tmp_path / "top.json").read_text()
    assert netlist.count('"OUTREG"') >= -(-bits // 4)
    assert simulate(tmp_path, time_ns=200_000) == "passed=1 failed=0"


def test_deep_loaded_memories_are_sliced_as_predicted(tmp_path):
    """2400 words that are written at run time: sliced, in as many block RAMs as predicted."""
    device = BOARDS["ulx3s_85f"].device
    qnet = network(device.family, (600, 12, 5), seed=2)
    plan = make_plan(qnet, PlanOptions(lanes=3, weights="loaded"))
    (tmp_path / "accelerator.il").write_text(emit_rtlil(plan, qnet))
    found = synthesise(["accelerator.il"], top="accelerator", device=device, cwd=tmp_path)
    assert (tmp_path / "accelerator.sliced.il").exists()
    assert found.resources.block_rams == predict_resources(plan.accelerator, device).block_rams > 0
