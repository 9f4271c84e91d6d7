"""A laid-out figure as SVG for the page: classes instead of colours, short numbers, one group per box and arrow."""

from __future__ import annotations

import html
from collections.abc import Iterable

from autograd.viz.pictures.describe import summary
from autograd.viz.pictures.figure import Arrow, Box, Figure
from autograd.viz.pictures.layout import LINE_HEIGHT, OUTLINE, Layout
from autograd.viz.pictures.theme import Kind
from autograd.viz.text.notation import NOT_COMPUTED

__all__ = ["svg_of"]

MARGIN = 24.0


def svg_of(figure: Figure, layout: Layout) -> str:
    """The picture; boxes and arrows come in the order of the figure, each as one ``<g>``."""
    width, height = layout.size
    view = f"{-MARGIN:g} {-MARGIN:g} {_short(width + 2 * MARGIN)} {_short(height + 2 * MARGIN)}"
    arrows = [_arrow(figure, *found) for found in zip(figure.arrows, layout.curves, layout.labels)]
    boxes = [_box(figure, *found) for found in zip(figure.boxes, layout.centres, layout.sizes)]
    return (
        f'<svg class="graph" viewBox="{view}" role="group" aria-label="{html.escape(summary(figure))}">'
        f"<g>{''.join(arrows)}</g><g>{''.join(boxes)}</g></svg>"
    )


def _short(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join([f"{_short(x)},{_short(y)}" for x, y in points])


def _arrow(figure: Figure, arrow: Arrow, curve: list[tuple[float, float]], label: tuple[float, float] | None) -> str:
    path = f'<path d="M{_points(curve[:1])}C{_points(curve[1:])}"/>'
    number = arrow.label(figure.graph.spec)
    text = f'<text x="{_short(label[0])}" y="{_short(label[1])}">{number}</text>' if label else ""
    ends = f'data-tail="{figure.identity[arrow.tail]}" data-head="{figure.identity[arrow.head]}"'
    return f'<g class="e{" k" if arrow.is_constant else ""}" {ends}>{path}{text}</g>'


def _box(figure: Figure, box: Box, centre: tuple[float, float], size: tuple[float, float]) -> str:
    top = LINE_HEIGHT * (0.78 - len(box.text) / 2) - box.room[1] / 2
    lines = []
    for i, (name, text) in enumerate([("t", box.title)] * bool(box.title) + [_line(line) for line in box.lines]):
        lines.append(f'<text class="{name}" y="{_short(top + i * LINE_HEIGHT)}">{text and html.escape(text)}</text>')
    where = f"translate({_short(centre[0])} {_short(centre[1])})"
    which = f'class="b {box.kind.value}" data-node="{figure.identity[box]}"'
    return f'<g {which} transform="{where}">{_outline(box.kind, *size)}{"".join(lines)}</g>'


def _line(line: str) -> tuple[str, str]:
    """A line of a box with its class: d for data, g for a gradient, which shows when backward gets there."""
    if "grad " in line:
        return "g", line.replace(NOT_COMPUTED, "")
    return "d", line


def _outline(kind: Kind, width: float, height: float) -> str:
    if kind is Kind.OUTPUT:
        return _rectangle(width, height) + _rectangle(width - 2 * OUTLINE, height - 2 * OUTLINE)
    x, y = width / 2, height / 2
    if kind is Kind.PARAMETER:  # cut corners
        cut = 7.0
        corners = [(-x + cut, -y), (x - cut, -y), (x, -y + cut), (x, y - cut), (x - cut, y), (-x + cut, y)]
        return f'<polygon points="{_points([*corners, (-x, y - cut), (-x, -y + cut)])}"/>'
    radius = {Kind.LEAF: ' rx="14"', Kind.GROUP: ' rx="4"'}.get(kind, "")
    shape = _rectangle(width, height, radius)
    if kind is Kind.GROUP:  # a second sheet behind the first
        return f'<path class="sheet" d="M{_short(-x + 4)} {_short(y)}v4h{_short(width)}v{_short(-height)}h-4"/>{shape}'
    return shape


def _rectangle(width: float, height: float, radius: str = "") -> str:
    x, y = _short(-width / 2), _short(-height / 2)
    return f'<rect x="{x}" y="{y}" width="{_short(width)}" height="{_short(height)}"{radius}/>'
