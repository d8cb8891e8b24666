"""Run tools that came as Python packages, each in a child process of its own.

A tool in a child can crash, fill the log or be interrupted without harm to its caller. There is no
time limit; an exception in the caller (an interrupt above all) ends the tool and what it started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from ..errors import MissingTool, UserError

__all__ = ["OnLine", "Tool", "ToolRun", "require", "run_tool", "run_tools", "tool_version"]

OnLine = Callable[[str], None]

# The child must die with its parent even when the parent was killed: Linux can promise that.
_DIE_WITH_PARENT = """
import ctypes, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
"""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool and where it comes from.

    Attributes
    ----------
    name : str
        What the user knows it by.
    package : str
        Importable module.
    distribution : str
        What ``pip install`` calls it.
    code : str
        Python code that runs the tool on ``sys.argv[1:]``.
    """

    name: str
    package: str
    distribution: str
    code: str

    @property
    def present(self) -> bool:
        """Whether the tool can be imported."""
        return util.find_spec(self.package) is not None


@dataclass(frozen=True, kw_only=True)
class ToolRun:
    """What a tool said: `output` is stdout and stderr together; `wall_s` seconds of wall time."""

    tool: str
    version: str
    returncode: int
    output: str
    wall_s: float

    @property
    def error(self) -> str:
        """The tool's own error, one line."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR:" in line]
        if errors:
            return errors[0]
        ended = f"signal {-self.returncode}" if self.returncode < 0 else f"exit code {self.returncode}"
        return f"{ended}, after: {lines[-1]}" if lines else ended


def tool_version(distribution: str) -> str:
    """Version of an installed distribution, ``"unknown"`` when it has none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def require(tool: Tool, *, step: str) -> None:
    """Raise `MissingTool`, with how to get it, unless `tool` is installed."""
    if not tool.present:
        raise MissingTool(f"{tool.name} is needed for {step}: pip install {tool.distribution}")


def run_tool(
    tool: Tool, arguments: Sequence[str], *, cwd: Path, step: str, on_line: OnLine | None = None
) -> ToolRun:
    """Run `tool` in the folder `cwd` until it ends: `run_tools` of one."""
    return run_tools(tool, [(arguments, cwd)], step=step, on_line=on_line)[0]


def run_tools(
    tool: Tool, runs: Sequence[tuple[Sequence[str], Path]], *, step: str, on_line: OnLine | None = None
) -> list[ToolRun]:
    """Run `tool` several times side by side until all have ended.

    Parameters
    ----------
    runs : sequence of (sequence of str, Path)
        Arguments and folder of each. File names must be relative to the folder: the WebAssembly
        tools cannot open absolute paths under the system's temporary folder.
    step : str
        What the tool is for, as error messages name it.
    on_line : callable, optional
        Called with every line of output as it comes, in a thread of its own for each run.

    Returns
    -------
    list of ToolRun

    Raises
    ------
    MissingTool
        The tool is not installed.
    UserError
        A folder is none.
    """
    require(tool, step=step)
    for _, cwd in runs:
        if not cwd.is_dir():
            raise UserError(f"{step}: {cwd} is not a folder")
    # an exception ends the children first, whose readers then end too
    with ThreadPoolExecutor(len(runs)) as pool, contextlib.ExitStack() as stack:
        children = [stack.enter_context(_ended(_start(tool, *run))) for run in runs]
        finished = [pool.submit(_finish, tool, child, on_line) for child in children]
        for run in as_completed(finished):
            run.result()
        return [run.result() for run in finished]


def _start(tool: Tool, arguments: Sequence[str], cwd: Path) -> subprocess.Popen[str]:
    # -P: the folder holds a user's files, none of which may be imported instead of the tool.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _DIE_WITH_PARENT + tool.code, *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _finish(tool: Tool, child: subprocess.Popen[str], on_line: OnLine | None) -> ToolRun:
    started = time.monotonic()
    output = _read(child, on_line)
    return ToolRun(
        tool=tool.name,
        version=tool_version(tool.distribution),
        returncode=child.wait(),
        output=output,
        wall_s=time.monotonic() - started,
    )


def _read(child: subprocess.Popen[str], on_line: OnLine | None) -> str:
    lines: list[str] = []
    for line in child.stdout or ():
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))
    return "".join(lines)


@contextlib.contextmanager
def _ended(child: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield child
    finally:
        if child.poll() is None:
            _kill_group(child)
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _kill_group(child: subprocess.Popen[str]) -> None:
    """End the child and its own children (Yosys starts abc)."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
