"""Weights in the SPRAM of an iCE40 UltraPlus: the synthesised cells, loaded, are the golden model.

`SPIKELOOM_SPRAM_BUILD` and `SPIKELOOM_SPRAM_DATA`, a build and samples of one's own, are run in place of a
small network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.build_dir import Build, read_build, write_build
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.toolchain.netlist import apply_passes, passes_for
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.gen.toolchain.tops import ACCELERATOR
from spikeloom.gen.toolchain.yosys import run_yosys
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.load_bus import LOAD_READ_CYCLES
from spikeloom.hw.params import WeightStore
from spikeloom.sim.engines import run_engine
from spikeloom.sim.tokens import Tokens, events_format, input_tokens, out_format, read_output

from ..chains import float_chain, quantised_chain
from .spram import SPRAM

pytestmark = [
    pytest.mark.build,
    pytest.mark.icarus,
    pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"),
]
BOARD = "icebreaker"
OWN = os.environ.get("SPIKELOOM_SPRAM_BUILD"), os.environ.get("SPIKELOOM_SPRAM_DATA")

BENCH = """
`timescale 1ns/1ps
module bench;
  reg clk = 0, rst = 1, active = 1, write = 0, valid = 0;
  reg [63:0] words [0:{words} - 1];   // memory 8, row 32, slice 8, data 16
  reg [63:0] tokens [0:{tokens} - 1];
  reg [63:0] word = 0;
  wire [15:0] q; wire ready, out_valid;
  wire [{out_bits} - 1:0] out;
  integer k = 0, samples = {samples}, cycles = 0, wrong = 0;
  accelerator dut(
    .clk(clk), .rst(rst), .load__active(active), .load__write(write), .load__memory(word[63:56]),
    .load__row(word[55:24]), .load__slice(word[23:16]), .load__data(word[15:0]), .load__q(q),
    .events__payload(tokens[k][{event_bits} - 1:0]), .events__valid(valid), .events__ready(ready),
    .out__payload(out), .out__valid(out_valid), .out__ready(1'b1));
  always #5 clk = !clk;
  initial begin
    $readmemh("words.hex", words); $readmemh("tokens.hex", tokens);
    repeat (4) @(negedge clk);
    for (k = 0; k < {words}; k = k + 1) begin word = words[k]; write = 1; @(negedge clk); end
    write = 0;
    for (k = 0; k < {words}; k = k + {step}) begin
      word = words[k]; repeat ({wait_cycles}) @(negedge clk);
      if (q !== word[15:0]) wrong = wrong + 1;
    end
    $display("wrong %0d", wrong);
    active = 0; repeat (4) @(negedge clk); rst = 0; k = 0; valid = 1;
    while (k < {tokens}) begin
      @(posedge clk);
      if (ready) begin #1 k = k + 1; if (k == {tokens}) valid = 0; end
    end
  end
  always @(posedge clk) if (!rst) begin
    cycles = cycles + 1;
    if (out_valid) begin
      $display("out %h", out);
      if (out[{out_bits} - 1]) samples = samples - 1;
    end
    if (samples == 0) begin $display("done %0d", cycles); $finish; end
    if (cycles > {limit}) begin $display("hangs"); $finish; end
  end
endmodule
"""


def small(folder: Path) -> tuple[Build, np.ndarray]:
    qnet = quantised_chain((90, 100, 5))
    plan = make_plan(qnet, PlanOptions(weights="loaded", board=BOARD, update_lanes=1, lanes=16))
    build = write_build(folder, network=float_chain(qnet), qnet=qnet, plan=plan)
    return build, (np.random.default_rng(2).random((3, 4, 90)) < 0.2).astype(np.uint8)


def own() -> tuple[Build, np.ndarray]:
    x = np.load(str(OWN[1]))["x"][:3]
    return read_build(str(OWN[0])), x.reshape(*x.shape[:2], -1)


def gates(folder: Path, build: Build) -> dict[str, int]:
    """Write the synthesised accelerator, behind the netlist passes, as plain Verilog, ``gates.v``; return its
    cells."""
    shutil.copyfile(build.rtlil, folder / "accelerator.il")
    device = BOARDS[BOARD].device
    netlist = synthesise(["accelerator.il"], top=ACCELERATOR, device=device, cwd=folder, blank=True)
    apply_passes(netlist.netlist, passes_for(device))
    (folder / "spram.v").write_text(SPRAM)
    run_yosys(
        """
        read_json top.json
        delete =A:blackbox =A:whitebox
        read_verilog -defer -overwrite -D ICE40_U +/ice40/cells_sim.v
        delete SB_SPRAM256KA
        read_verilog spram.v
        hierarchy -check -top accelerator
        proc
        flatten
        clean
        write_verilog -noattr gates.v
        """,
        cwd=folder,
    )
    return dict(netlist.cells)


def bench(folder: Path, build: Build, x: np.ndarray) -> Tokens:
    """Load, read a part of it back, and run; what came out."""
    image, params = build.load_image(), build.plan.accelerator
    assert image is not None
    words = [
        f"{number:02x}{row:08x}{place:02x}{value:04x}"
        for number, slices in enumerate(image.slices())
        for row, line in enumerate(slices.tolist())
        for place, value in enumerate(line)
    ]
    tokens = input_tokens(x, events_format(params)).words[:, 0]
    form = out_format(params)
    (folder / "words.hex").write_text("\n".join(words) + "\n")
    (folder / "tokens.hex").write_text("\n".join(f"{token:x}" for token in tokens.tolist()) + "\n")
    values = {
        "words": len(words),
        "tokens": len(tokens),
        "samples": len(x),
        "out_bits": form.payload_bits,
        "event_bits": events_format(params).payload_bits,
        "step": max(1, len(words) // 500),
        "wait_cycles": LOAD_READ_CYCLES + 1,
        "limit": 100_000 * len(x),
    }
    text = BENCH
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    (folder / "bench.v").write_text(text)
    compile_command = ["iverilog", "-g2012", "-o", "bench", "-s", "bench", "bench.v", "gates.v"]
    subprocess.run(compile_command, cwd=folder, check=True, capture_output=True)
    run = subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert "wrong 0" in lines
    assert lines[-1].startswith("done"), lines[-3:]
    out = np.array([int(line.split()[1], 16) for line in lines if line.startswith("out")], np.uint64)
    ends = np.flatnonzero(out >> np.uint64(form.tick_bit + 1) & np.uint64(1)) + 1
    return Tokens(words=out[:, None], offsets=np.concatenate([[0], ends]))


def test_netlist_equals_golden(tmp_path):
    build, x = own() if all(OWN) else small(tmp_path / "build")
    params = build.plan.accelerator
    in_spram = [core for core in params.cores if core.array.store is WeightStore.SPRAM]
    cells = gates(tmp_path, build)
    assert cells["SB_SPRAM256KA"] == sum(-(-core.array.row_bits // 16) for core in in_spram) > 0
    found = read_output(bench(tmp_path, build, x), out_format(params), params.readout, steps=x.shape[1])
    np.testing.assert_array_equal(found, run_engine("golden", build, x).output)
    print(cells)
