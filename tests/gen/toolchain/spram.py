"""Verilog model of the SPRAM of the iCE40 UltraPlus (Lattice FPGA-TN-02022, SPRAM usage guide).

16384 words of 16 bits, one port, four write masks of 4 bits; what it holds at the start, and what it gives
after a write, is unknown. Yosys' own model clears its output asynchronously beside the memory, which its
simulation backend does not take. Not covered: standby, sleep, power off.
"""

__all__ = ["SPRAM"]

SPRAM = """
module SB_SPRAM256KA(
  input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN,
  input WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF,
  output reg [15:0] DATAOUT
);
  reg [15:0] mem [0:16383];
  wire [15:0] mask = {{4{MASKWREN[3]}}, {4{MASKWREN[2]}}, {4{MASKWREN[1]}}, {4{MASKWREN[0]}}};
  always @(posedge CLOCK)
    if (CHIPSELECT && WREN) mem[ADDRESS] <= (mem[ADDRESS] & ~mask) | (DATAIN & mask);
  always @(posedge CLOCK)
    if (CHIPSELECT) DATAOUT <= WREN ? 16'hdead : mem[ADDRESS];
endmodule
"""
