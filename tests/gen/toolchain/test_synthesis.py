"""Synthesis scripts and their statistics."""

import json
import re

import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.toolchain import ice40
from spikeloom.gen.toolchain.synthesis import read_cells, synthesise
from spikeloom.gen.toolchain.yosys import run_yosys
from spikeloom.hw.boards.registry import BOARDS

MULTIPLY = """
module top(input clk, input signed [11:0] a, input [9:0] b, output reg signed [21:0] product);
  reg signed [11:0] a1;
  reg [9:0] b1;
  always @(posedge clk) begin a1 <= a; b1 <= b; product <= a1 * $signed({1'b0, b1}); end
endmodule
"""
SMALL_MULTIPLY = """
module top(input signed [5:0] a, input [4:0] b, output signed [10:0] y);
  assign y = a * $signed({1'b0, b});
endmodule
"""


def rtlil(folder, source, name="top.il"):
    (folder / "top.v").write_text(source)
    run_yosys(f"read_verilog top.v\nproc\nwrite_rtlil {name}\n", cwd=folder)


@pytest.mark.parametrize("board", ["icebreaker", "ulx3s_85f", "tang_nano_9k", "tang_primer_20k"])
@pytest.mark.parametrize("multipliers", [True, False])
def test_multipliers(tmp_path, board, multipliers):
    rtlil(tmp_path, MULTIPLY)
    device = BOARDS[board].device
    found = synthesise(["top.il"], top="top", device=device, cwd=tmp_path, multipliers=multipliers)
    assert found.resources.dsps == multipliers
    assert 22 <= found.resources.ffs <= 44
    assert (found.resources.luts > 60) == (not multipliers)
    assert "top" in json.loads(found.netlist.read_text())["modules"]
    assert {p.name for p in tmp_path.iterdir()} == {
        *("top.v", "top.il", "top.ys", "top.json", "top.stat.json", "top.yosys.log")
    }


def test_devices_without_multipliers(tmp_path):
    rtlil(tmp_path, MULTIPLY)
    device = BOARDS["ice40_hx8k_evn"].device
    assert synthesise(["top.il"], top="top", device=device, cwd=tmp_path).resources.dsps == 0


def test_ice40_multiplier_is_the_product(tmp_path):
    """The cell that stands for a signed by unsigned product gives the product."""
    rtlil(tmp_path, SMALL_MULTIPLY)
    found = synthesise(["top.il"], top="top", device=BOARDS["icebreaker"].device, cwd=tmp_path)
    assert found.resources.dsps == 1
    unsigned = (0, 1, 21, 31)
    tables = "\n".join(f"eval -set b {b} -table a -show y" for b in unsigned)
    log = run_yosys(
        "read_json top.json\ndelete =A:blackbox =A:whitebox\n"
        "read_verilog -defer -D ICE40_U +/ice40/cells_sim.v\n"
        f"hierarchy -top top\nproc\nflatten\nopt -full\n{tables}\n",
        cwd=tmp_path,
    ).log
    rows = re.findall(r"^ 6'([01]{6}) \| 11'([01]{11})$", log, re.MULTILINE)
    assert [(int(a, 2), int(y, 2)) for a, y in rows] == [
        (a, ((a - 64 if a >= 32 else a) * b) % 2048) for b in unsigned for a in range(64)
    ]


def test_ice40_logic_cells():
    """Two LUTs, one of which alone drives a flip-flop; the other flip-flops need cells of their own."""

    def cell(kind, **connections):
        directions = {port: "output" if port in "OQ" else "input" for port in connections}
        return {
            "type": kind,
            "connections": {port: [bit] for port, bit in connections.items()},
            "port_directions": directions,
        }

    cells = {
        "lut_with_ff": cell("SB_LUT4", I0=2, O=3),
        "ff_of_lut": cell("SB_DFF", D=3, Q=4),
        "lut_shared": cell("SB_LUT4", I0=4, O=5),
        "ff_of_shared": cell("SB_DFFE", D=5, Q=6, E=2),
        "ff_alone": cell("SB_DFFSR", D=6, Q=7),
        "carry": cell("SB_CARRY", I0=7, CI=8),
    }
    module = {"cells": cells, "ports": {"led": {"bits": [5]}}}
    assert ice40.FLOW.count_luts is not None
    assert ice40.FLOW.count_luts(module) == 4


CONTROLLED = """
module top(
  input clk, input [3:0] c, input [23:0] d,
  output reg [22:0] a, output reg [6:0] b, output reg [23:0] e, output reg [7:0] r
);
  always @(posedge clk) begin
    if (c[0]) a <= d[22:0];
    if (c[1]) b <= 0; else b <= d[6:0];
    if (c[2]) e <= d;
    if (c[3]) r <= 0; else r <= d[7:0];
  end
endmodule
"""


def test_ice40_controls_of_few_flip_flops_are_logic(tmp_path):
    """An enable of 23 flip-flops and a reset of 7 are in front of them; of 24 and of 8, in the tiles."""
    rtlil(tmp_path, CONTROLLED)
    found = synthesise(["top.il"], top="top", device=BOARDS["icebreaker"].device, cwd=tmp_path)
    kinds = {name: count for name, count in found.cells.items() if name.startswith("SB_")}
    assert kinds == {"SB_DFF": 30, "SB_DFFE": 24, "SB_DFFSR": 8, "SB_LUT4": 30}
    assert found.resources.luts == 62  # those that are logic share a cell with it


def test_a_failure_is_one_line(tmp_path):
    (tmp_path / "top.il").write_text("module \\top\n  nonsense\nend\n")
    with pytest.raises(UserError, match=r"^synthesis: .*line 2: Unexpected token") as error:
        synthesise(["top.il"], top="top", device=BOARDS["ulx3s_85f"].device, cwd=tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"design": {}}', '{"design": {"num_cells_by_type": {"a": []}}}']
)
def test_broken_statistics(tmp_path, text):
    (tmp_path / "stat.json").write_text(text)
    with pytest.raises(UserError, match=re.escape("stat.json is not a report of Yosys' stat -json")):
        read_cells(tmp_path / "stat.json")


def test_cells(tmp_path):
    cells = {"$scopeinfo": 3, "LUT4": 7, "TRELLIS_FF": 2}
    (tmp_path / "stat.json").write_text(json.dumps({"design": {"num_cells_by_type": cells}}))
    assert read_cells(tmp_path / "stat.json") == {"LUT4": 7, "TRELLIS_FF": 2}
