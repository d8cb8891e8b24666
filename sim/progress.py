"""Progress on the terminal, in the three forms in which the long steps tell of it.

All of it disappears when the work ends, and none of it shows where standard error is not a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["counts_shown", "lines_shown", "samples_shown", "steps_shown"]

_LINE_CHARACTERS = 70


@contextmanager
def steps_shown(console: Console) -> Iterator[Callable[[str], None]]:
    """Spinner with the step that runs: ``show(step)``."""
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(escape(step))


@contextmanager
def lines_shown(console: Console) -> Iterator[Callable[[str, str], None]]:
    """Spinner with the step and the latest line of its tool: ``show(step, line)``."""
    with steps_shown(console) as show:
        yield lambda step, line: show(f"{step}: {line.strip()[:_LINE_CHARACTERS]}")


@contextmanager
def counts_shown(console: Console) -> Iterator[Callable[..., None]]:
    """Bar a stage: ``show(stage, done, total)``, and optionally a text to stand before it."""
    if not console.is_terminal:
        yield lambda stage, done, total, text="": None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {}

        def show(stage: str, done: int, total: int, text: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            named = f"{stage}: {text}" if text else stage
            progress.update(tasks[stage], completed=done, total=total, description=named)

        yield show


@contextmanager
def samples_shown(console: Console) -> Iterator[Callable[[int, int, float | None, float], None]]:
    """Bar with accuracy and rate: ``show(done, total, accuracy, samples_per_s)``."""
    with counts_shown(console) as bar:

        def show(done: int, total: int, accuracy: float | None, samples_per_s: float) -> None:
            bar("samples", done, total, _so_far(accuracy, samples_per_s))

        yield show


def _so_far(accuracy: float | None, samples_per_s: float) -> str:
    right = "" if accuracy is None else f"{accuracy:.1%} right, "
    return f"{right}{samples_per_s:.1f} samples/s"
