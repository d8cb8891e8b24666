"""Verilog model of the ECP5 block RAM, for which Yosys has none (Lattice FPGA-TN-02204, memory usage guide).

1024 words of 18 bits, two bytes of 9. A port of 1, 2 or 4 bits sees the low 8 bits of a byte; one of 36
bits two words, of which side A carries the first. Not covered: write modes other than NORMAL, resets, chip
selects.
"""

from __future__ import annotations

__all__ = ["DP16KD"]


def _bus(name: str, width: int) -> str:
    return "{" + ", ".join(f"{name}{bit}" for bit in reversed(range(width))) + "}"


def _ports(side: str) -> str:
    inputs = [f"DI{side}{k}" for k in range(18)] + [f"AD{side}{k}" for k in range(14)]
    inputs += [f"{name}{side}" for name in ("CE", "OCE", "CLK", "WE", "RST")] + [
        f"CS{side}{k}" for k in range(3)
    ]
    outputs = [f"DO{side}{k}" for k in range(18)]
    return f"input {', '.join(inputs)}, output {', '.join(outputs)}"


_INITS = "".join(f"  parameter [319:0] INITVAL_{k:02X} = 0;\n" for k in range(64))
_LOADS = "".join(
    f"    for (i = 0; i < 16; i = i + 1) mem[{16 * k} + i] = INITVAL_{k:02X}[i * 20 +: 18];\n"
    for k in range(64)
)


def _side(side: str) -> str:
    """Read and write of one side."""
    merged = "DATA_WIDTH_B == 36"
    clock = f"({merged} ? CLKB : CLK{side})" if side == "A" else f"CLK{side}"
    low = "a[3] * 9"
    half = 0 if side == "A" else 1
    return f"""
  wire [13:0] ad{side} = {_bus(f"AD{side}", 14)};
  wire [17:0] di{side} = {_bus(f"DI{side}", 18)};
  reg [17:0] read{side} = 0, held{side} = 0;
  wire [17:0] out{side} = REGMODE_{side} == "OUTREG" ? held{side} : read{side};
  assign {_bus(f"DO{side}", 18)} = out{side};
  wire read_clock{side} = {clock};
  always @(posedge read_clock{side}) begin : reading{side}
    reg [13:0] a;
    if ({merged}) begin
      if (CEB) read{side} <= mem[{{adB[13:5], 1'b{half}}}];
    end else if (CE{side} && !(WE{side} && DATA_WIDTH_{side} != 18) && DATA_WIDTH_{side} != 36) begin
      a = ad{side};
      case (DATA_WIDTH_{side})
        18: if (!WE{side}) read{side} <= mem[a[13:4]];
        9: read{side} <= mem[a[13:4]][{low} +: 9];
        4: read{side} <= mem[a[13:4]][{low} + a[2] * 4 +: 4];
        2: read{side} <= mem[a[13:4]][{low} + a[2:1] * 2 +: 2];
        default: read{side} <= mem[a[13:4]][{low} + a[2:0]];
      endcase
    end
    if ({merged} ? OCEB : OCE{side}) held{side} <= read{side};
  end
  always @(posedge CLK{side}) begin : writing{side}
    reg [13:0] a;
    a = ad{side};
    if (CE{side} && WE{side}) case (DATA_WIDTH_{side})
      36: if ("{side}" == "A") begin
        if (a[0]) mem[{{a[13:5], 1'b0}}][8:0] <= diA[8:0];
        if (a[1]) mem[{{a[13:5], 1'b0}}][17:9] <= diA[17:9];
        if (a[2]) mem[{{a[13:5], 1'b1}}][8:0] <= diB[8:0];
        if (a[3]) mem[{{a[13:5], 1'b1}}][17:9] <= diB[17:9];
      end
      18: begin
        if (a[0]) mem[a[13:4]][8:0] <= di{side}[8:0];
        if (a[1]) mem[a[13:4]][17:9] <= di{side}[17:9];
      end
      9: mem[a[13:4]][{low} +: 9] <= di{side}[8:0];
      4: mem[a[13:4]][{low} + a[2] * 4 +: 4] <= di{side}[3:0];
      2: mem[a[13:4]][{low} + a[2:1] * 2 +: 2] <= di{side}[1:0];
      default: mem[a[13:4]][{low} + a[2:0]] <= di{side}[0];
    endcase
  end
"""


DP16KD = f"""
module DP16KD({_ports("A")}, {_ports("B")});
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000", CLKAMUX = "CLKA", CLKBMUX = "CLKB", GSR = "AUTO";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", INIT_DATA = "STATIC", WID = 0;
{_INITS}
  reg [17:0] mem [0:1023];
  integer i;
  initial begin
{_LOADS}  end
{_side("A")}{_side("B")}
endmodule
"""
