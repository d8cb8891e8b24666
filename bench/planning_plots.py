"""Pictures of bench/planning.py: predicted against measured, and the targets of the planner."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["Pair", "pairs_picture", "targets_picture"]

Pair = tuple[int, int]
"""Measured, predicted."""

# Text stays text, and nothing depends on the time: small files that change only with the figures.
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "spikeloom", "font.size": 8}


def pairs_picture(panels: Mapping[str, tuple[Sequence[Pair], Mapping[str, Pair]]], most_error: float) -> str:
    """SVG with a panel for each resource: builds that the model was fitted to, and named ones."""
    with _figure(4.5 * len(panels), 4.2) as (figure, text):
        for place, (label, (fitted, named)) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), place)
            every = [count for pair in (*fitted, *named.values()) for count in pair]
            ends = min(every) / 1.5, max(every) * 1.5
            axes.plot(ends, ends, color="0.5", linewidth=0.8)
            low, high = ([end * (1 + sign * most_error) for end in ends] for sign in (-1, 1))
            axes.fill_between(ends, low, high, color="0.9", label=f"within {most_error:.0%}")
            measured, predicted = [pair[0] for pair in fitted], [pair[1] for pair in fitted]
            axes.scatter(measured, predicted, s=12, color="C0", label="builds of the fit")
            for at, (name, pair) in enumerate(named.items(), start=1):
                axes.scatter(*pair, s=30, marker="^", color=f"C{at}", label=f"MNIST, {name}")
            axes.set(xscale="log", yscale="log", xlabel=f"{label} of synthesis", ylabel=f"{label} predicted")
            axes.legend()
    return text.getvalue()


def targets_picture(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """SVG: cycles of a sample over LUTs for each target, predicted and measured."""
    with _figure(6.5, 4.0) as (figure, text):
        axes = figure.add_subplot()
        for place, (name, row) in enumerate(rows.items(), start=1):
            predicted = row["predicted"]["luts"], row["predicted_cycles"]
            measured = row["synthesised"]["luts"], row["cycles"]
            axes.plot(*zip(predicted, measured, strict=True), color=f"C{place}", linewidth=0.8)
            axes.scatter(*predicted, s=40, facecolors="none", edgecolors=f"C{place}")
            axes.scatter(*measured, s=40, color=f"C{place}", label=f"{name}, {_lanes(row)}")
        axes.set(xscale="log", yscale="log", xlabel="LUTs (empty: predicted, full: synthesis)")
        axes.set_ylabel("cycles of an image")
        axes.grid(True, which="both", alpha=0.25)
        axes.legend(title="target, lanes/update lanes", loc="center left")
    return text.getvalue()


def _lanes(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{lanes}/{update}" for lanes, update in row["lanes"].values())


@contextmanager
def _figure(width_inches: float, height_inches: float) -> Iterator[tuple[Figure, io.StringIO]]:
    """A figure to draw in, which becomes the SVG in the text."""
    matplotlib.use("Agg")
    text = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield figure, text
        figure.savefig(text, format="svg", metadata={"Date": None})
