"""Where the boxes of a figure go, and the curves between them: Graphviz does the layout, the page draws itself."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from autograd.labels import SCRIPTS
from autograd.viz.pictures.figure import Box, Figure
from autograd.viz.pictures.render import render
from autograd.viz.pictures.theme import Kind

FONT_SIZE = 12.0
LINE_HEIGHT = 15.0
PADDING = (10.0, 7.0)
OUTLINE = 3.0  # between the two outlines of an output
_CURVE_FONT_SIZE = 11.0
BOLD = 1.12  # how much wider bold letters are, at most
LONG = 8_000  # ranks that arrows may cross before the layout is told to hurry
FEW = 200  # arrows for whose labels room is made, which takes 3x the time; others have theirs in the middle

# Widths in ems of a sans-serif, on the wide side: the font on the screen is not known here.
_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!", 0.28), **dict.fromkeys("ftrI()[]{} -/\"", 0.37), **dict.fromkeys("mwMW@…", 0.92),
    **dict.fromkeys("*_", 0.46), **dict.fromkeys("+<>=^~&%#", 0.78),
    **dict.fromkeys(SCRIPTS, 0.4),
}  # fmt: skip


class Layout(NamedTuple):
    """Positions in pixels, from the top left."""

    size: tuple[float, float]  # of the picture
    centres: list[tuple[float, float]]  # of the boxes, in the order of the figure
    sizes: list[tuple[float, float]]  # the widths and heights of the boxes
    curves: list[list[tuple[float, float]]]  # the points of a Bézier curve for each arrow, from its tail to its head
    labels: list[tuple[float, float] | None]  # where the text of each arrow is; None without text


def layout_of(figure: Figure, *, labelled: int = FEW, timeout: float = 30.0) -> Layout:
    """Lay a figure out, with room for labels on up to ``labelled`` arrows; on more of them, labels cover the arrows.

    Raises:
        DrawingError: There is no Graphviz, it failed, or it took longer than the ``timeout`` in seconds.
    """
    sizes = [_box_size(box) for box in figure.boxes]
    hurry = _total_span(figure) > LONG
    answer = json.loads(render(_source(figure, sizes, hurry, labelled), "json0", timeout=timeout))
    width, height = _numbers(answer["bb"])[2:]
    nodes = {node["name"]: _flipped(node["pos"], height)[0] for node in answer["objects"]}
    edges = {edge["id"]: edge for edge in answer.get("edges", [])}
    found = [edges[f"e{i}"] for i in range(len(figure.arrows))]
    return Layout(
        size=(width, height),
        centres=[nodes[name] for name in figure.identity.values()],
        sizes=sizes,
        curves=[_flipped(edge["pos"], height) for edge in found],
        labels=[
            None if arrow.is_constant or not arrow.derivatives else _label_place(edge, height)
            for arrow, edge in zip(figure.arrows, found)
        ],
    )


def text_width(text: str, font_size: float = FONT_SIZE) -> float:
    """About how many pixels wide a text is."""
    return font_size * sum([_WIDTHS.get(c) or (0.72 if c.isupper() or ord(c) > 0x2000 else 0.58) for c in text])


def _box_size(box: Box) -> tuple[float, float]:
    lines = [line.replace("not computed", "") for line in box.lines]  # the page shows nothing there
    bold = [box.title, *[line for line in lines if "grad " in line]]
    if any(line.startswith("grad") for line in lines):
        bold.append("grad -0.00000")  # sums on the way may be longer than the result
    width = max(map(text_width, lines), default=0.0)
    width = max(width, BOLD * max(map(text_width, bold)))
    room = OUTLINE if box.kind is Kind.OUTPUT else 0.0
    width, height = max(width, box.room[0]), LINE_HEIGHT * len(box.text) + box.room[1]
    width, height = width + 2 * PADDING[0], height + 2 * PADDING[1]
    return math.ceil(max(width, 44.0) + 2 * room), height + 2 * room


def _label_place(edge: dict[str, str], height: float) -> tuple[float, float]:
    """The place of a label: where Graphviz put it, or the middle of the arrow if Graphviz was not asked."""
    if "lp" in edge:
        return _flipped(edge["lp"], height)[0]
    points = _flipped(edge["pos"], height)
    first = (len(points) - 1) // 6 * 3  # of the cubic Bézier curve in the middle: 4 of the 3k + 1 points
    (a, e), (b, f), (c, g), (d, h) = points[first : first + 4]
    return (a + 3 * b + 3 * c + d) / 8, (e + 3 * f + 3 * g + h) / 8


def _total_span(figure: Figure) -> int:
    """The number of ranks that all arrows cross together: each crossing costs Graphviz as much as a box."""
    rank: dict[Box, int] = {}
    for box in figure.boxes:
        rank[box] = 1 + max([rank[parent] for parent in box.parents], default=-1)
    for box in reversed(figure.boxes):  # leaves go next to what uses them first
        for parent in box.parents:
            if not parent.parents:
                rank[parent] = rank[box] - 1 if rank[parent] == 0 else min(rank[parent], rank[box] - 1)
    return sum([rank[arrow.head] - rank[arrow.tail] for arrow in figure.arrows])


def _source(figure: Figure, sizes: Sequence[tuple[float, float]], hurry: bool, labelled: int) -> str:
    """DOT with nothing but sizes: no text of a user ever gets here."""
    has_labels = len(figure.arrows) <= labelled
    between = 0.75 if has_labels or labelled >= FEW else 2.0  # inches: what a label in the middle of an arrow needs
    apart = 0.5 if has_labels and labelled >= FEW else 0.27  # the arithmetic of a step has room between two arrows
    haste = " splines=line nslimit=0.1 nslimit1=0.1 mclimit=0.1" if hurry else ""
    lines = [
        f"digraph {{ graph [rankdir=LR ordering=in nodesep={apart} ranksep={between}{haste}]",
        'node [shape=box fixedsize=true label=""]',
        f"edge [dir=none fontname=Helvetica fontsize={_CURVE_FONT_SIZE}]",
    ]
    identity = figure.identity
    for box, (width, height) in zip(figure.boxes, sizes):
        lines.append(f"{identity[box]} [width={width / 72:.3f} height={height / 72:.3f}]")
    number = {arrow: i for i, arrow in enumerate(figure.arrows)}
    for arrow in figure.read_arrows():
        room = "0" * len(arrow.label(figure.graph.spec))
        label = f' label="{room}"' if room and has_labels else ""
        lines.append(f"{identity[arrow.tail]} -> {identity[arrow.head]} [id=e{number[arrow]}{label}]")
    return "\n".join([*lines, "}"])


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _flipped(text: str, height: float) -> list[tuple[float, float]]:
    """Points such as "1,2 3,4", with y from the top."""
    return [(x, height - y) for x, y in (_numbers(point) for point in text.split())]
