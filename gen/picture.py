"""The graph of a network as an SVG picture: populations in layers, projections as curves.

Columns follow the longest forward path; a projection that closes a cycle is a dashed curve that runs back
above the boxes. Names come from strangers, so every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from .describe import Description, PopulationRow, ProjectionRow

__all__ = ["draw_svg"]

_BOX = (190, 58)
_GAP = (210, 46)
_MARGIN, _HEADROOM = 30, 70
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.small{font-size:10px;fill:#555}.mid{text-anchor:middle}"
    "rect{fill:#eef3fa;stroke:#4a6fa5;rx:6}rect.input{fill:#f6f1e4;stroke:#a58a4a}rect.output{stroke-width:3}"
    "path{fill:none;stroke:#555;marker-end:url(#tip)}path.recurrent{stroke:#b0413e;stroke-dasharray:5 3}"
    "marker path{fill:#555;stroke:none;marker-end:none}"
)


@dataclass(frozen=True, kw_only=True)
class _Box:
    """A box by its upper left corner."""

    x: int
    y: int

    @property
    def right(self) -> tuple[int, int]:
        return self.x + _BOX[0], self.y + _BOX[1] // 2

    @property
    def left(self) -> tuple[int, int]:
        return self.x, self.y + _BOX[1] // 2


def draw_svg(description: Description) -> str:
    """Draw a network.

    Parameters
    ----------
    description : Description

    Returns
    -------
    str
        A whole SVG file.
    """
    boxes = _placed(description)
    width = max(box.x for box in boxes.values()) + _BOX[0] + _MARGIN
    height = max(box.y for box in boxes.values()) + _BOX[1] + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
        *_curves(description.projections, boxes),
        *(_input(name, shape, boxes[name]) for name, shape in description.inputs),
        *(
            _population(row, row.name in description.outputs, boxes[row.name])
            for row in description.populations
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _placed(description: Description) -> dict[str, _Box]:
    columns: dict[str, int] = {name: 0 for name, _ in description.inputs}
    forward = [row for row in description.projections if not row.recurrent]
    for population in description.populations:  # sources stand before their targets
        before = [columns[row.source] for row in forward if row.target == population.name]
        columns[population.name] = 1 + max(before, default=0)
    boxes, filled = {}, {}
    for name, column in columns.items():
        row = filled[column] = filled.get(column, -1) + 1
        x = _MARGIN + column * (_BOX[0] + _GAP[0])
        # A column that starts lower leaves room for the curve of a projection that skips it.
        boxes[name] = _Box(x=x, y=_HEADROOM + row * (_BOX[1] + _GAP[1]))
    return boxes


def _curves(rows: Iterable[ProjectionRow], boxes: dict[str, _Box]) -> Iterator[str]:
    drawn: dict[tuple[str, str], int] = {}
    for row in rows:
        number = drawn[row.source, row.target] = drawn.get((row.source, row.target), -1) + 1
        source, target = boxes[row.source], boxes[row.target]
        curve = _back(source, target, number) if row.recurrent else _forth(source, target, number)
        path, (x, y) = curve
        kind = ' class="recurrent"' if row.recurrent else ""
        yield (
            f'<g><title>{_text(_told(row))}</title><path{kind} d="{path}"/>'
            f'<text class="small mid" x="{x}" y="{y}">{_text(_short(row))}</text></g>'
        )


def _forth(source: _Box, target: _Box, number: int) -> tuple[str, tuple[int, int]]:
    (x1, y1), (x2, y2) = source.right, target.left
    across = x2 - x1 > _GAP[0]
    middle, bend = (x1 + x2) // 2, (-64 if across else 0) + 26 * number
    path = f"M{x1} {y1}C{middle} {y1 + bend} {middle} {y2 + bend} {x2} {y2}"
    return path, (middle, (y1 + y2) // 2 + 3 * bend // 4 - 6)


def _back(source: _Box, target: _Box, number: int) -> tuple[str, tuple[int, int]]:
    x1, x2 = source.x + _BOX[0] * 3 // 4, target.x + _BOX[0] // 4
    y1, y2 = source.y, target.y
    top = min(y1, y2) - 36 - 12 * number
    return f"M{x1} {y1}C{x1} {top} {x2} {top} {x2} {y2}", ((x1 + x2) // 2, (3 * top + min(y1, y2)) // 4 - 4)


def _short(row: ProjectionRow) -> str:
    delays = f", delay {row.delays[0]:g}..{row.delays[1]:g}" if row.delays else ""
    return f"{row.form}{delays}"


def _told(row: ProjectionRow) -> str:
    folded = f"; folded: {', '.join(row.nodes)}" if row.nodes else ""
    late = ", one step later" if row.recurrent else ""
    return f"{row.name}: {row.form}, {row.synapses} synapses, {row.weights} weights stored{late}{folded}"


def _input(name: str, shape: tuple[int, ...], box: _Box) -> str:
    return _box("input", name, ("input", "x".join(map(str, shape))), box, name)


def _population(row: PopulationRow, is_output: bool, box: _Box) -> str:
    lines = f"{row.kind}{', output' if is_output else ''}", f"{'x'.join(map(str, row.shape))} neurons"
    return _box("output" if is_output else "", row.name, lines, box, f"{row.name}: {', '.join(row.nodes)}")


def _box(kind: str, name: str, lines: tuple[str, str], box: _Box, told: str) -> str:
    middle = box.x + _BOX[0] // 2
    return (
        f'<g><title>{_text(told)}</title><rect class="{kind}" x="{box.x}" y="{box.y}"'
        f' width="{_BOX[0]}" height="{_BOX[1]}"/>'
        f'<text class="mid" x="{middle}" y="{box.y + 20}">{_text(name, 26)}</text>'
        f'<text class="small mid" x="{middle}" y="{box.y + 35}">{_text(lines[0])}</text>'
        f'<text class="small mid" x="{middle}" y="{box.y + 49}">{_text(lines[1])}</text></g>'
    )


def _text(text: str, longest: int = 400) -> str:
    """Escape a text; what cannot be printed is written as an escape, as XML knows no control characters."""
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return escape(plain if len(plain) <= longest else plain[: longest - 3] + "...")
