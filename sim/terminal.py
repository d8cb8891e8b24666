"""The terminal side of the command line: consoles, exit codes, and one line for whatever went wrong."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

import typer
from rich.console import Console

from ..gen.errors import UserError
from .faults import RtlFault

__all__ = ["FOUND", "INTERRUPTED", "UNUSABLE", "errors", "output", "run_app"]

FOUND = 1
"""Exit code: a mismatch or a shortfall was found."""
UNUSABLE = 2
"""Exit code: unusable input, or a tool that is missing."""
INTERRUPTED = 130

# Click's own classes, wherever this version of typer keeps them.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]
_PIPE_COLUMNS = 110


def _width() -> int | None:
    """Columns of output that goes to no terminal, where rich would take 80; None: rich finds out."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_COLUMNS


output = Console(width=_width())
"""Results."""
errors = Console(stderr=True)
"""Errors and progress, so that results can go to a file."""


def run_app(app: typer.Typer) -> NoReturn:
    """Run the command line; whatever the user can cause ends in one line on stderr and an exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False, prog_name="spikeloom")
    except UserError as error:
        _end(str(error), UNUSABLE)
    except RtlFault as fault:
        _end(str(fault), FOUND)
    except _ClickException as error:
        _end_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        _end("interrupted", INTERRUPTED)
    except MemoryError as error:
        _end(f"out of memory: {error}" if str(error) else "out of memory", UNUSABLE)
    except OSError as error:
        _end(_os_message(error), UNUSABLE)
    # Typer of today answers an interrupt with this code and without a word.
    if code == INTERRUPTED:
        _end("interrupted", INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _terminate(signum: int, _frame: object) -> NoReturn:
    """Leave as an interrupt does, so that nothing half-written stays behind."""
    sys.exit(128 + signum)


def _end(message: str, code: int, *more: str) -> NoReturn:
    lines = (f"spikeloom: {message}", *filter(None, more))
    for line in lines:
        one_line = " ".join(line.split())
        errors.print(one_line, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _end_usage(error: Exception) -> NoReturn:
    """One line for what is wrong with the command, one for what it takes."""
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    if not message.strip() and context is not None:  # no command at all: Typer has shown the help
        sys.exit(UNUSABLE)
    usage = "" if context is None else context.get_usage().strip()
    _end(message.rstrip("."), UNUSABLE, usage)


def _os_message(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what
