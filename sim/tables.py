"""The parts of which every screen is made: tables, facts, lists, numbers and paths as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["assumptions", "facts_table", "listing", "percent", "rows_table", "short_path"]


def percent(fraction: float | None) -> str:
    """Give a fraction as a percentage, or a dash."""
    return "-" if fraction is None else f"{100 * fraction:.2f} %"


def rows_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Table with a header; an empty cell for None."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)  # names stay whole
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    return table


def facts_table(title: str, facts: Mapping[str, object]) -> Table:
    """Two columns: what, and its value."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=SIMPLE_HEAD)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, str(value))
    return table


def listing(title: str, lines: Sequence[str]) -> list[RenderableType]:
    """Title and lines, indented where they wrap too; nothing without lines."""
    if not lines:
        return []
    return [Text(title, style="bold"), *(Padding.indent(Text(line), 2) for line in lines)]


def assumptions(lines: Sequence[str]) -> list[RenderableType]:
    """What was assumed of a model, if anything."""
    return listing("Assumed, because the file does not say", lines)


def short_path(path: Path | None) -> str:
    """Path from the working directory if it is below it, a dash for None."""
    if path is None:
        return "-"
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
