"""Plot of an exploration: latency over LUTs, a colour for each number of weight bits."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

__all__ = ["draw"]

_SIZE_INCHES = (9.0, 5.5)
_LABEL_DEGREES = 35  # so that the names of plans beside each other do not run into each other


def draw(table: Mapping[str, Any]) -> str:
    """SVG; points that another beats are small and pale, the others carry their names."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "spikeloom", "font.size": 8}):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        bits = sorted({point["weight_bits"] for point in table["points"]})
        for place, weight_bits in enumerate(bits):
            some = [point for point in table["points"] if point["weight_bits"] == weight_bits]
            _points(axes, [p for p in some if not p["best"]], f"C{place}", size=10, alpha=0.35)
            best = [p for p in some if p["best"]]
            label = f"{weight_bits}-bit weights{_accuracies(some)}"
            _points(axes, best, f"C{place}", size=36, alpha=1.0, label=label)
            for point in best:
                axes.annotate(
                    f"{point['name']}, {point['block_rams']} RAMs",
                    (point["luts"], point["latency_us"]),
                    (3, 3),
                    textcoords="offset points",
                    rotation=_LABEL_DEGREES,
                    rotation_mode="anchor",
                )
        axes.margins(x=0.1, y=0.2)
        axes.set(xscale="log", yscale="log", xlabel="LUTs (predicted)", ylabel="latency of a sample, us")
        axes.set_title(f"{table['board']} at {table['clock_mhz']:g} MHz")
        axes.grid(True, which="both", alpha=0.25)
        axes.legend()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _points(axes: Any, points: list[Mapping[str, Any]], colour: str, **style: Any) -> None:
    size = style.pop("size")
    axes.scatter(
        [p["luts"] for p in points], [p["latency_us"] for p in points], s=size, color=colour, **style
    )


def _accuracies(points: list[Mapping[str, Any]]) -> str:
    """Accuracies of some formats, in words: one number or from the least to the most."""
    known = [100 * point["accuracy"] for point in points if point["accuracy"] is not None]
    if not known:
        return ""
    ends = dict.fromkeys(f"{end:.1f}" for end in (min(known), max(known)))
    return f", {' to '.join(ends)} %"
