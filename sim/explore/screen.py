"""Table of an exploration."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from ..tables import listing, percent, rows_table, short_path
from .run import PLOT, Exploration

__all__ = ["explore_screen"]


def explore_screen(found: Exploration) -> Group:
    """Picks, fastest first, and how to compile one."""
    picks = found.picks
    columns = ("pick", "weight", "state", "cycles", "us", "LUTs", "block RAMs", "multipliers", "accuracy")
    rows = (
        (
            p["name"],
            p["weight_bits"],
            p["state_bits"],
            f"{p['cycles']:.1f}",
            f"{p['latency_us']:.2f}",
            p["luts"],
            p["block_rams"],
            p["dsps"],
            percent(p["accuracy"]),
        )
        for p in picks
    )
    table = found.table
    title = f"Best of {len(table['points'])} plans on {table['board']} at {table['clock_mhz']:g} MHz"
    folder = short_path(found.path)
    return Group(
        rows_table(title, columns, rows),
        *listing("Notes", [table["note"]] if table.get("note") else []),
        Text(f"Plot: {short_path(found.path / PLOT)}"),
        Text(f"Compile one: spikeloom compile {folder} --pick {picks[0]['name']} -o BUILD"),
    )
