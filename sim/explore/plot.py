"""Plot of an exploration: latency over LUTs, a colour for each number of weight bits."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

__all__ = ["draw"]

_SIZE_INCHES = (9.0, 5.0)


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
            _points(axes, best, f"C{place}", size=36, alpha=1.0, label=f"{weight_bits}-bit weights")
            for point in best:
                axes.annotate(
                    _label(point), (point["luts"], point["latency_us"]), (4, 3), textcoords="offset points"
                )
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


def _label(point: Mapping[str, Any]) -> str:
    right = "" if point["accuracy"] is None else f" {100 * point['accuracy']:.1f} %"
    return f"{point['name']}{right}, {point['block_rams']} RAMs"
