"""What can run a build on input data: golden model, compiled RTL, simulators of the emitted Verilog."""
