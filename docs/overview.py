"""Draw overview.svg, the one picture of the whole: .venv/bin/python docs/overview.py (needs only the package).

An expression leaves a graph of Values behind, the walk goes through it backwards, and everything else reads the graph.
The colours are those of the drawings of graphs.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from autograd.viz.pictures.theme import THEMES, Kind  # noqa: E402 - after the path

THEME = THEMES["light"]
WIDTH, HEIGHT = 905, 452
SANS = "Helvetica,Arial,Liberation Sans,Nimbus Sans,DejaVu Sans Condensed,sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,Liberation Mono,DejaVu Sans Mono,monospace"
CAPTION = (
    "An expression, written by you or by nn, is computed with the rows of the table and leaves a graph of Values. "
    "The walk goes from the result back to the leaves and gives every gradient. Drawings, derivatives of functions "
    "and compiled programs are made from the same graph."
)


def text(x: float, y: float, words: str, *, size: int = 13, colour: str = "", more: str = "") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour or THEME.text}" {more}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: Kind, title: str, where: str, *lines: str) -> str:
    """A part of the whole: its title, the file or package that holds it, and some lines about it."""
    look = THEME.looks[kind]
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{look.fill}" stroke="{look.line}" '
        'stroke-width="1.3"/>',
        text(x + 12, y + 22, title, size=15, more='font-weight="bold"'),
        text(
            x + width - 12, y + 22, where, size=12, colour=THEME.faint, more=f'text-anchor="end" font-family="{MONO}"'
        ),
    ]
    parts += [text(x + 12, y + 44 + 18 * i, line) for i, line in enumerate(lines)]
    return "\n".join(parts)


def arrow(*points: tuple[float, float], label: str = "", at: tuple[float, float] = (0, 0), back: bool = False) -> str:
    """A line through some points with a head at the end; one of the walk is drawn in the colour of gradients."""
    colour, head, width = (THEME.alarm, "back", 2) if back else (THEME.arrow, "head", 1.5)
    path = "M" + " L".join(f"{x},{y}" for x, y in points)
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" marker-end="url(#{head})"/>'
    return line + (text(*at, label, size=12, colour=colour if back else THEME.faint) if label else "")


def node(x: float, y: float, kind: Kind, name: str, number: str, colour: str = "") -> str:
    """A small node of the example's graph."""
    look = THEME.looks[kind]
    return "\n".join(
        [
            f'<rect x="{x - 24}" y="{y - 17}" width="48" height="34" rx="{6 if kind is Kind.LEAF else 0}" '
            f'fill="{look.fill}" stroke="{look.line}"/>',
            text(x, y - 3, name, size=12, more='text-anchor="middle"'),
            text(x, y + 12, number, size=12, colour=colour, more='text-anchor="middle"'),
        ]
    )


# The nodes of c = a*b + b**3, relative to the corner of their box: kind, name, number, gradient.
NODES = {
    "a": (36, 70, Kind.LEAF, "a", "−4", "2"),
    "b": (36, 132, Kind.LEAF, "b", "2", "8"),
    "a*b": (122, 70, Kind.OPERATION, "a*b", "−8", "1"),
    "b**3": (122, 132, Kind.OPERATION, "b**3", "8", "1"),
    "c": (205, 101, Kind.OUTPUT, "c", "0", "1"),
}
# An operand, a result, the local derivative, and where to write it.
ARROWS = [
    ("a", "a*b", "2", (74, 64)),
    ("b", "a*b", "−4", (64, 98)),
    ("b", "b**3", "12", (71, 148)),
    ("a*b", "c", "1", (163, 76)),
    ("b**3", "c", "1", (163, 136)),
]


def graph(left: float, top: float, *, back: bool) -> str:
    """The example's graph: forward with local derivatives, or backward with gradients."""
    parts = []
    for operand, result, local, (x, y) in ARROWS:
        start = NODES[operand][0] + 25, NODES[operand][1]
        end = NODES[result][0] - 26, NODES[result][1]
        points = [(left + u, top + v) for u, v in ((start, end) if not back else (end, start))]
        parts.append(arrow(*points, label="" if back else local, at=(left + x, top + y), back=back))
    for x, y, kind, name, number, gradient in NODES.values():
        shown, colour = (gradient, THEME.alarm) if back else (number, "")
        parts.append(node(left + x, top + y, kind, name, shown, colour))
    return "\n".join(parts)


def head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0,0 L10,5 L0,10 z" fill="{colour}"/></marker>'
    )


def overview() -> str:
    """The picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="{SANS}">',
        f"<desc>{escape(CAPTION)}</desc>",
        f"<defs>{head('head', THEME.arrow)}{head('back', THEME.alarm)}</defs>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{THEME.background}"/>',
        box(
            15,
            20,
            250,
            84,
            Kind.GROUP,
            "Networks",
            "nn",
            "neurons, layers and losses are",
            "expressions, and fit trains them",
        ),
        box(15, 152, 250, 76, Kind.LEAF, "An expression", "your code", "c = a*b + b**3, run by Python", "on Values"),
        box(
            15,
            276,
            250,
            102,
            Kind.PARAMETER,
            "The table",
            "autograd/ops.py",
            "a row for each operation: its value,",
            "and its local derivatives, such as",
            "∂(x·y)/∂x = y",
        ),
        box(325, 105, 240, 170, Kind.OPERATION, "The graph", "value.py"),
        graph(325, 105, back=False),
        box(650, 105, 240, 170, Kind.OPERATION, "The walk", "graph.py"),
        graph(650, 105, back=True),
        box(325, 345, 175, 92, Kind.OUTPUT, "Drawing", "viz", "pictures, pages to step", "through, formulas"),
        box(520, 345, 175, 92, Kind.OUTPUT, "Deriving", "functional", "gradients, Jacobians,", "Hessians of functions"),
        box(
            715,
            345,
            175,
            92,
            Kind.OUTPUT,
            "Compiling",
            "compiler",
            "the loops are found; value",
            "and gradient run as",
            "machine code",
        ),
        arrow((140, 104), (140, 150), label="write", at=(148, 131)),
        arrow((265, 190), (323, 190), label="makes", at=(274, 183)),
        arrow((265, 327), (295, 327), (295, 250), (323, 250), label="rules", at=(300, 296)),
        arrow((565, 190), (648, 190), label="c.backward()", at=(570, 183)),
        arrow((445, 275), (445, 310), (412, 310), (412, 343)),
        arrow((445, 275), (445, 310), (607, 310), (607, 343)),
        arrow((445, 275), (445, 310), (802, 310), (802, 343)),
        text(625, 303, "each of these reads the graph", size=12, colour=THEME.faint),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":  # the tests compare the file with what overview() gives
    (FOLDER / "overview.svg").write_text(overview(), encoding="utf-8")
