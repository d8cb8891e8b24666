"""spikeloom: trained spiking neural networks to verified RTL, bitstreams and a host.

The functions behind the command line, loaded when they are used (docs/api.md)::

    result = spikeloom.compile_model("model.nir", "build", calibration="calibration.npz")
    samples = spikeloom.load_samples("test.npz", shape=result.build.qnet.input_shape)
    spikeloom.verify(result.build, samples.x, samples.y).mismatches
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .firmware.host.board import BoardLink
    from .firmware.host.run import connect
    from .firmware.host.session import LinkOptions
    from .gen.build_dir import Build, read_build
    from .gen.describe import describe
    from .gen.errors import MissingTool, UserError
    from .gen.importer import import_model, load_network
    from .gen.plan import PlanOptions
    from .gen.quantise import PopulationOptions, QuantiseOptions
    from .gen.toolchain.build import BuildResult, build
    from .hw.boards.registry import BOARDS
    from .sim.activity import Activity, measure_activity
    from .sim.compile import CompileOptions, CompileResult, compile_model
    from .sim.compile_options import read_options
    from .sim.data import Samples, load_samples
    from .sim.encode import encode_direct, encode_latency, encode_rate, encode_threshold
    from .sim.encode_file import encode_file
    from .sim.engines.run import EngineOptions
    from .sim.golden import run_float, run_golden
    from .sim.results import SimulateResult, VerifyResult
    from .sim.verify import simulate, verify

__version__ = "0.1.0"

_HOMES = {
    "firmware.host.board": ("BoardLink",),
    "firmware.host.run": ("connect",),
    "firmware.host.session": ("LinkOptions",),
    "gen.build_dir": ("Build", "read_build"),
    "gen.describe": ("describe",),
    "gen.errors": ("MissingTool", "UserError"),
    "gen.importer": ("import_model", "load_network"),
    "gen.plan": ("PlanOptions",),
    "gen.quantise": ("PopulationOptions", "QuantiseOptions"),
    "gen.toolchain.build": ("BuildResult", "build"),
    "hw.boards.registry": ("BOARDS",),
    "sim.activity": ("Activity", "measure_activity"),
    "sim.compile": ("CompileOptions", "CompileResult", "compile_model"),
    "sim.compile_options": ("read_options",),
    "sim.data": ("Samples", "load_samples"),
    "sim.encode": ("encode_direct", "encode_latency", "encode_rate", "encode_threshold"),
    "sim.encode_file": ("encode_file",),
    "sim.engines.run": ("EngineOptions",),
    "sim.golden": ("run_float", "run_golden"),
    "sim.results": ("SimulateResult", "VerifyResult"),
    "sim.verify": ("simulate", "verify"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BOARDS",
    "Activity",
    "BoardLink",
    "Build",
    "BuildResult",
    "CompileOptions",
    "CompileResult",
    "EngineOptions",
    "LinkOptions",
    "MissingTool",
    "PlanOptions",
    "PopulationOptions",
    "QuantiseOptions",
    "Samples",
    "SimulateResult",
    "UserError",
    "VerifyResult",
    "__version__",
    "build",
    "compile_model",
    "connect",
    "describe",
    "encode_direct",
    "encode_file",
    "encode_latency",
    "encode_rate",
    "encode_threshold",
    "import_model",
    "load_network",
    "load_samples",
    "measure_activity",
    "read_build",
    "read_options",
    "run_float",
    "run_golden",
    "simulate",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a function from its home on first use: `import spikeloom` itself stays quick."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
