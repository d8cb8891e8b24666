"""What can run a build on input data: golden model, compiled RTL, simulators of the emitted Verilog."""

from .run import EngineOptions, EngineRun, Probe, Progress
from .select import ENGINES, run_engine

__all__ = ["ENGINES", "EngineOptions", "EngineRun", "Probe", "Progress", "run_engine"]
