"""A page to step through a graph: one HTML file with everything in it, for a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import linecache
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any

from autograd import ops
from autograd.graph import topological_order
from autograd.labels import textbook
from autograd.value import Value
from autograd.viz.facts.replay import replay
from autograd.viz.facts.steps import adjoints, backward_steps
from autograd.viz.pictures.draw import LEGIBLE
from autograd.viz.pictures.figure import Box, Figure, Graph, scalar_figure
from autograd.viz.pictures.fold import folded_figure
from autograd.viz.pictures.keys import NETWORK_LEVELS, OTHER_LEVELS, keys_of
from autograd.viz.pictures.layout import layout_of
from autograd.viz.pictures.render import LayoutError
from autograd.viz.pictures.svg import svg_of
from autograd.viz.pictures.theme import THEMES, Theme
from autograd.viz.text.local import local_derivatives
from autograd.viz.text.notation import ATOM, NEGATION, Names, expression, nodes_of, number, shorten

__all__ = ["html_page"]

SCRIPTS = ("model.js", "badge.js", "view.js", "panel.js", "quiz.js", "stage.js", "keyboard.js", "embed.js", "main.js")
DELTAS = (-1.0, -0.75, -0.5, -0.25, -0.1, -0.01, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0)
MOST_REPLAYED = 1_000_000  # nodes to compute again for nudging; leaves beyond that cannot be nudged


def html_page(
    root: Value | Sequence[Value],
    *,
    title: str = "",
    digits: int = 4,
    parameters: Any = None,
    max_nodes: int = 1_500,
    timeout: float = 30.0,
) -> str:
    """The text of the page: see ``page``."""
    roots = nodes_of(root, "a page")
    if not 1 <= digits <= 17:
        raise ValueError(f"digits must be between 1 and 17, got {digits}")
    graph = Graph(roots, parameters=parameters, spec=f".{digits}g")
    gradients = adjoints(roots, graph.order)
    graph.grad_of = gradients.__getitem__
    levels, pictures, notice = _levels(graph, max_nodes, timeout)
    outputs = ", ".join([f"{graph.names.name[node]} = {number(node._data, graph.spec)}" for node in roots])
    legible = [i for i, it in enumerate(levels) if _crowd(it) <= LEGIBLE]
    data = {
        "digits": digits, "deltas": DELTAS, "levels": levels, "level": max(legible, default=0), "notice": notice,
        "output": _json_number(math.fsum([node._data for node in roots])),
    }  # fmt: skip
    return _assembled(shorten(title or outputs, 200), data, pictures)


def _crowd(level: dict[str, Any]) -> float:
    """How many boxes there are to look at, or arrows, of which between single numbers twice as many can be followed."""
    return max(len(level["boxes"]), len(level["arrows"]) / (2 if level["scalar"] else 1))


# ---- the pictures ----------------------------------------------------------------------------------------------------
def _levels(graph: Graph, most: int, timeout: float) -> tuple[list[dict[str, Any]], list[str], str]:
    """The levels of detail from the coarsest to single numbers, as data and as SVG, and what had to be left out."""
    is_network = any(textbook(label) for label in {node.label for node in graph.order})
    size = len(graph.order)
    found = _pictures(graph, [*reversed(NETWORK_LEVELS)] if is_network else [], most, timeout)
    numbers = _pictures(graph, ["number"], most, timeout) if size <= most else []
    if not found and not numbers:
        found = _pictures(graph, [*OTHER_LEVELS], most, timeout)
    if not found and not numbers:
        raise LayoutError(f"no picture of this graph of {size:,} nodes could be laid out in {timeout:g} s")
    levels, pictures = zip(*found, *numbers)
    return list(levels), list(pictures), "" if numbers else f"{size:,} numbers are too many for a box each."


def _pictures(graph: Graph, names: Sequence[str], most: int, timeout: float) -> list[tuple[dict[str, Any], str]]:
    """Those of the levels that can be laid out."""
    found = []
    for name in names:
        is_scalar = name == "number"
        figure = scalar_figure(graph) if is_scalar else folded_figure(graph, keys_of(graph.order, graph.roots, name))
        if len(figure.boxes) <= most and not _has_circles(figure):
            with suppress(LayoutError):
                layout = layout_of(figure, timeout=timeout)
                level = _scalar_level(figure) if is_scalar else _folded_level(name, figure, most)
                found.append((level, svg_of(figure, layout)))
    return found


def _has_circles(figure: Figure) -> bool:
    """Whether boxes depend on each other, as a layer whose output comes back to it: there is no order to walk in."""
    place = {box: i for i, box in enumerate(figure.boxes)}
    return any(place[arrow.tail] > place[arrow.head] for arrow in figure.arrows)


def _scalar_level(figure: Figure) -> dict[str, Any]:
    """One box per number, with the steps of backward."""
    graph = figure.graph
    index = {box.nodes[0]: i for i, box in enumerate(figure.boxes)}
    nudges = _nudges(graph)
    boxes = [_scalar_box(box, graph, nudges) for box in figure.boxes]
    steps = zip(figure.arrows, backward_steps(graph.roots))  # both are in the order of the walk
    return {
        "name": "number", "scalar": True, "boxes": boxes, "roots": [index[node] for node in graph.roots],
        "arrows": [[index[a.tail.nodes[0]], index[a.head.nodes[0]], *map(_json_number, a.derivatives), *formula]
                   for a, formula in zip(figure.arrows, _formulas(figure))],
        "steps": [[i, _json_number(step.contribution), _json_number(step.after)]
                  for i, (arrow, step) in enumerate(steps) if not arrow.is_constant],
    }  # fmt: skip


def _formulas(figure: Figure) -> Iterator[list[str]]:
    """For each arrow its derivative as a formula, if that says more than the number."""
    nodes = reversed(topological_order(*figure.graph.roots))  # the order of the arrows
    for node in nodes:
        for derivative in local_derivatives(node, figure.graph.names):
            yield [derivative.steps] if derivative.symbols else []


def _scalar_box(box: Box, graph: Graph, nudges: dict[Value, list[float]]) -> dict[str, Any]:
    (node,) = box.nodes
    found: dict[str, Any] = {
        "n": graph.names.name[node],
        "t": graph.names.title[node],
        "k": box.kind.value,
        "v": _json_number(node._data),
    }
    if node.parents:
        found |= {"o": node.op.symbol, "f": _computation(node, graph.names)}
    if node in nudges:
        found["u"] = [_json_number(value) for value in nudges[node]]
    if node.origin:
        file, _, line = node.origin.rpartition(":")
        found["s"] = f"{os.path.basename(file)}, line {line}: {linecache.getline(file, int(line)).strip()}"
    return found


def _computation(node: Value, names: Names) -> str:
    """A node with the numbers of its operands put in: a*b = -4*2 = -8."""
    spec = names.spec
    operands = [(number(p._data, spec), NEGATION if p._data < 0 else ATOM) for p in node.parents]
    if node.op is ops.sum_of_products and len(operands) <= 9:
        half = len(operands) // 2
        terms = [f"{x}*{y}" for (x, _), (y, _) in zip(operands[:half], operands[half:])]
        text = " + ".join(terms + [x for x, _ in operands[2 * half :]])
    else:
        text, _ = expression(node, operands, spec)
    return f"{names.title[node]} = {text} = {number(node._data, spec)}"


def _nudges(graph: Graph) -> dict[Value, list[float]]:
    """The output recomputed with each leaf moved by ``DELTAS``."""
    leaves = [node for node in graph.order if not node.parents and node.op is not ops.constant]
    affordable = MOST_REPLAYED // (len(graph.order) * len(DELTAS))
    found = {}
    for leaf in sorted(leaves, key=lambda node: not node.label)[:affordable]:
        moved = [replay(graph.order, {leaf: leaf._data + delta}) for delta in DELTAS]
        found[leaf] = [math.fsum([new.get(root, root._data) for root in graph.roots]) for new in moved]
    return found


def _folded_level(name: str, figure: Figure, most: int) -> dict[str, Any]:
    """One box per group; and, where a picture of the numbers can be had, the box that each number is in."""
    index = {box: i for i, box in enumerate(figure.boxes)}
    boxes = [
        {
            "n": box.title,
            "t": box.title,
            "k": box.kind.value,
            "l": box.lines,
            "f": f"{box.title}: {', '.join(box.lines[:1])}",
        }
        for box in figure.boxes
    ]
    order, ends = figure.graph.order, set(figure.graph.roots)
    places = {node: i for box, i in index.items() for node in box.nodes}
    of = {"of": [places[node] for node in order]} if len(order) <= most else {}
    return of | {
        "name": name, "scalar": False, "boxes": boxes,
        "roots": [i for box, i in index.items() if not ends.isdisjoint(box.nodes)],
        "arrows": [[index[a.tail], index[a.head], a.label(figure.graph.spec)] for a in figure.arrows],
        "steps": [[i] for i, arrow in enumerate(figure.arrows) if not arrow.is_constant],
    }  # fmt: skip


# ---- the file --------------------------------------------------------------------------------------------------------
def _assembled(title: str, data: dict[str, Any], pictures: Sequence[str]) -> str:
    script = '"use strict";\nconst DATA = JSON.parse(document.getElementById("data").textContent);\n'
    script = "\n".join([script, *map(_asset, SCRIPTS)])
    style = _asset("page.css").replace("{{colours}}", _colours())
    parts = {
        "title": html.escape(title), "style": style, "script": script, "pictures": "\n".join(pictures),
        "style_hash": _hash(style), "script_hash": _hash(script), "data": _json(data),
    }  # fmt: skip
    page = _asset("page.html")
    pieces = page.split("{{")
    return pieces[0] + "".join([parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:])])


def _asset(name: str) -> str:
    return files("autograd.viz").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a browser must find before it runs a script: nothing that a label smuggled in would have it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(data: Any) -> str:
    """JSON that cannot end the element it is in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _json_number(x: float) -> float | int | str:
    if not math.isfinite(x):
        return number(x)
    return int(x) if x == int(x) and abs(x) < 1e15 and math.copysign(1.0, x) > 0 else x


def _colours() -> str:
    light, dark = _variables(THEMES["light"]), _variables(THEMES["dark"])
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f":root[data-theme=light] {{ color-scheme: light; {light} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}"
    )


def _variables(theme: Theme) -> str:
    names = {"background": theme.background, "text": theme.text, "faint": theme.faint, "arrow": theme.arrow}
    names |= {"accent": theme.alarm, "hair": f"color-mix(in srgb, {theme.faint} 35%, transparent)"}
    for kind, look in theme.looks.items():
        names |= {f"{kind.value}-fill": look.fill, f"{kind.value}-line": look.line}
    return " ".join([f"--{name}: {value};" for name, value in names.items()])
