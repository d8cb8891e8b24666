"""What can run a build on input data: the golden model, compiled RTL, and simulators of the emitted Verilog."""
