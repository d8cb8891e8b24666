"""Run a compiler or simulator in a child process that cannot outlive an interrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["run_command"]


def run_command(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    poll: Callable[[], None] | None = None,
) -> tuple[int, str]:
    """Run `command` in `cwd`; return its exit code and all it printed.

    `poll` is called about five times a second. When it raises, or the caller is interrupted, the
    command and what it started are killed. Raises FileNotFoundError when there is no such program.
    """
    child = subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output = _output(child, poll)
        return child.returncode, output
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _output(child: subprocess.Popen[str], poll: Callable[[], None] | None) -> str:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=0.2)[0]
        if poll is not None:
            poll()
