"""What the page of a graph knows: its levels of detail, each as a picture and as data for the scripts of the page.

A level is written small: from what is left, the script (``assets/unpack.js``) makes the same level again, letter by
letter.  Kinds are numbers; texts that come back are in a table; a local derivative that is the number of an operand, as
those of a product are, says which operand; the steps of backward follow from the arrows.
"""

from __future__ import annotations

import linecache
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from autograd import ops
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.ops import TABLE
from autograd.primitive import Primitive
from autograd.value import Value
from autograd.viz.facts.steps import backward_steps, replay
from autograd.viz.pictures.figure import Box, Figure, Graph, scalar_figure, summary
from autograd.viz.pictures.fold import folded_figure
from autograd.viz.pictures.heat import HeatMap, heat_maps
from autograd.viz.pictures.keys import NETWORK_LEVELS, OTHER_LEVELS, is_network, keys_of
from autograd.viz.pictures.layout import FEW, Layout, layout_of
from autograd.viz.pictures.render import LayoutError
from autograd.viz.pictures.theme import Kind
from autograd.viz.text.formula import local_derivatives
from autograd.viz.text.notation import LABELS, Names, expression, number

DELTAS = (-1.0, -0.75, -0.5, -0.25, -0.1, -0.01, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0)
MOST_MAPPED = 4_000  # numbers in heat maps for which a page has room, besides those with a box of their own
SPARSE = 20  # arrows between groups, of which more are a bundle: only those of one box show their labels
MOST_NEURONS = 1 / 3  # boxes of neurons, per number; with more of them the level tells no more than that of numbers
MOST_REPLAYED = 1_000_000  # nodes to compute again for nudging; leaves beyond that cannot be nudged
KINDS = [kind.value for kind in Kind]
SHARED = ("o", "f", "p", "s")  # texts of a box that are often those of another one
Level = dict[str, Any]


def levels_of(graph: Graph, most: int, timeout: float) -> tuple[list[dict[str, Any]], str]:
    """The levels of detail from the coarsest to single numbers, and what had to be left out."""
    size = len(graph.order)
    names = [*reversed(NETWORK_LEVELS)] if is_network(graph.order, graph.places) else []
    found = _pictures(graph, names, most, timeout)
    numbers = _pictures(graph, ["number"], most, timeout) if size <= most else []
    if not found and not numbers:
        found = _pictures(graph, [*OTHER_LEVELS], most, timeout)
    if not found and not numbers:
        raise LayoutError(f"no picture of this graph of {size:,} nodes could be laid out in {timeout:g} s")
    return [*found, *numbers], "" if numbers else f"{size:,} numbers are too many for a box each."


def _pictures(graph: Graph, names: Sequence[str], most: int, timeout: float) -> list[dict[str, Any]]:
    """Those of the levels that can be laid out."""
    found = []
    for name in names:
        is_scalar = name == "number"
        keys = {} if is_scalar else keys_of(graph.order, graph.roots, name, graph.places)
        figure = scalar_figure(graph) if is_scalar else folded_figure(graph, keys)
        is_fine = name == "neuron" and len(figure.boxes) > MOST_NEURONS * len(graph.order)
        if len(figure.boxes) <= most and not is_fine and not _has_circles(figure):
            maps = {box: heat_maps(box, graph.places) for box in figure.boxes} if name == "layer" else {}
            with suppress(LayoutError):
                layout = layout_of(figure, labelled=FEW if is_scalar else SPARSE, timeout=timeout)
                level = _scalar_level(figure) if is_scalar else _folded_level(name, figure, maps, most)
                found.append(level | {"g": places_in(figure, layout)})
    return found


def _has_circles(figure: Figure) -> bool:
    """Whether boxes depend on each other, as a layer does whose output comes back to it, so that no order exists."""
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
        "arrows": [[index[a.tail.nodes[0]], index[a.head.nodes[0]], *map(json_number, a.derivatives), *formula]
                   for a, formula in zip(figure.arrows, _formulas(figure))],
        "steps": [[i, json_number(step.contribution), json_number(step.after)]
                  for i, (arrow, step) in enumerate(steps) if not arrow.is_constant],
    }  # fmt: skip


def _formulas(figure: Figure) -> Iterator[list[str]]:
    """For each arrow its derivative as a formula, if that says more than the number.

    That is the symbols and a template for the numbers, or, where there is none, the whole text.
    """
    nodes = reversed(topological_order(*figure.graph.roots))  # the order of the arrows
    for node in nodes:
        for derivative in local_derivatives(node, figure.graph.names):
            if not derivative.symbols:
                yield []
            elif derivative.template:
                yield [derivative.symbols, derivative.template]
            else:
                yield [derivative.steps]


def _scalar_box(box: Box, graph: Graph, nudges: dict[Value, list[float]]) -> dict[str, Any]:
    (node,) = box.nodes
    name, title = graph.names.name[node], graph.names.title[node]
    found: dict[str, Any] = {"n": name, "t": title, "k": box.kind.value, "v": json_number(node._data)}
    if node.parents:
        found |= {"o": node.op.symbol, "f": _computation(node, graph.names)}
        if _is_in_the_table(node):
            found["p"] = node.op.name
    elif label_of(node) and box.kind is not Kind.CONSTANT:
        found["m"] = 1  # can be moved; a number without a label is named by its digits wherever it is used
    elif label_of(node):
        found["c"] = 1  # a constant with a name, whose number has a line of its own
    if node in nudges:
        found["u"] = [json_number(value) for value in nudges[node]]
    if node.origin:
        file, _, line = node.origin.rpartition(":")
        found["s"] = f"{os.path.basename(file)}, line {line}: {linecache.getline(file, int(line)).strip()}"
    return found


def _is_in_the_table(node: Value) -> bool:
    """Whether an operation is one of the package, which the page can compute; a user's exists in Python only."""
    return TABLE.get(node.op.name) is node.op and not isinstance(node.op, Primitive)


def _computation(node: Value, names: Names) -> str:
    """A node written with a place for the number of each operand: -@0**-@1.

    The operands are written as if they were negative, so that (-@1) stands where a negative number has parentheses.
    """
    operands = [LABELS.number(f"-@{i}") for i in range(len(node.parents))]
    if node.op is ops.sum_of_products and len(operands) <= 9:
        left, right, rest = ops.factors([f"({operand})" for operand in operands])
        terms = [*[f"{x}*{y}" for x, y in zip(left, right)], *rest]
        return " + ".join(terms).replace("(-@0)", "-@0", 1)  # a formula may begin with a sign
    return expression(node, operands, names.spec).text


def _nudges(graph: Graph) -> dict[Value, list[float]]:
    """The output recomputed with each leaf moved by ``DELTAS``, if the page cannot do that itself."""
    if all(_is_in_the_table(node) for node in graph.order if node.parents):
        return {}
    leaves = [node for node in graph.order if not node.parents and node.op is not ops.constant]
    affordable = MOST_REPLAYED // (len(graph.order) * len(DELTAS))
    found = {}
    for leaf in sorted(leaves, key=lambda node: not label_of(node))[:affordable]:
        moved = [replay(graph.order, {leaf: leaf._data + delta}) for delta in DELTAS]
        found[leaf] = [math.fsum([new.get(root, root._data) for root in graph.roots]) for new in moved]
    return found


def _folded_level(name: str, figure: Figure, maps: dict[Box, list[HeatMap]], most: int) -> dict[str, Any]:
    """One box per group; and the box of each number, if there is a picture of the numbers, too."""
    index = {box: i for i, box in enumerate(figure.boxes)}
    order, ends = figure.graph.order, set(figure.graph.roots)
    places = {node: i for box, i in index.items() for node in box.nodes}
    has_numbers = len(order) <= most
    numbers = {node: i for i, node in enumerate(order)} if has_numbers else {}
    boxes = [_folded_box(box, numbers) for box in figure.boxes]
    shown = dict.fromkeys(node for found in maps.values() for it in found for row in it.grid for node in row)
    if has_numbers or len(shown) <= MOST_MAPPED:
        mapped = numbers or {node: i for i, node in enumerate(shown)}
        for box, found in maps.items():
            if found:
                boxes[index[box]]["h"] = [_map(it, mapped) for it in found]
    return {
        "name": name, "scalar": False, "boxes": boxes, "dense": len(figure.arrows) > SPARSE,
        "roots": [i for box, i in index.items() if not ends.isdisjoint(box.nodes)],
        "arrows": [[index[a.tail], index[a.head], a.label(figure.graph.spec)] for a in figure.arrows],
        "steps": [[i] for i, arrow in enumerate(figure.arrows) if not arrow.is_constant],
    } | ({"of": [places[node] for node in order]} if has_numbers else _mapped(shown, figure.graph))  # fmt: skip


def _folded_box(box: Box, numbers: dict[Value, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": box.title, "t": box.title, "k": box.kind.value, "l": box.lines}
    if numbers:
        found |= {"w": [numbers[node] for node in box.shown], "q": [numbers[node] for node in box.parameters]}
    return found


def _map(found: HeatMap, index: dict[Value, int]) -> list[Any]:
    grid = [[index[node] for node in row] for row in found.grid]
    return [found.title, int(found.is_gradient), grid, found.x, found.y, found.cell]


def _mapped(shown: Iterable[Value], graph: Graph) -> dict[str, Any]:
    """The numbers of the heat maps of a graph that is too large for a picture of all its numbers."""
    nodes = list(shown)
    if len(nodes) > MOST_MAPPED:
        return {}

    def rounded(x: float) -> float | int | str:
        return json_number(float(number(x, graph.spec)))

    return {"m": [[label_of(node), rounded(node._data), rounded(graph.grad_of(node))] for node in nodes]}


# ---- the picture -----------------------------------------------------------------------------------------------------
def places_in(figure: Figure, layout: Layout) -> dict[str, Any]:
    """Where all of a picture is, in whole pixels; the page has all texts already, and ``drawn.js`` makes the SVG.

    There are ``size``, the width and height; ``about``, the picture in words; ``at``, the x, the y and the width of
    each box, one after the other; ``rooms``, the height that is kept free below the lines of some boxes, by their
    places; ``curves``, a path for each arrow; ``labels``, the x and the y of the number on each, or null and null.
    """
    labels = [point or (None, None) for point in layout.labels]
    centres = zip(layout.centres, layout.sizes)
    rooms = {i: box.room[1] for i, box in enumerate(figure.boxes) if box.room[1]}
    return {
        "size": [round(side) for side in layout.size],
        "about": summary(figure),
        "at": [round(number) for (x, y), (width, _) in centres for number in (x, y, width)],
        "curves": [_path(curve) for curve in layout.curves],
        "labels": [None if number is None else round(number) for point in labels for number in point],
    } | ({"rooms": rooms} if rooms else {})  # fmt: skip


def _path(curve: list[tuple[float, float]]) -> str:
    """Cubic Bézier curves from a point on, as in the paths of SVG: each is written from where the last one ended.

    >>> _path([(10.2, 20.4), (15.0, 20.0), (20.0, 18.0), (30.0, 10.0)])
    '10 20c5 0 10-2 20-10'
    """
    points = [(round(x), round(y)) for x, y in curve]
    start, numbers = points[0], []
    for i in range(1, len(points), 3):
        segment = points[i : i + 3]
        numbers += [number for x, y in segment for number in (x - start[0], y - start[1])]
        start = segment[-1]
    text = " ".join(map(str, numbers)).replace(" -", "-")
    return f"{points[0][0]} {points[0][1]}c{text}"


# ---- made small ------------------------------------------------------------------------------------------------------
def json_number(x: float) -> float | int | str:
    """A number in JSON, which has no words for nan and the infinities."""
    if not math.isfinite(x):
        return number(x)
    return int(x) if x == int(x) and abs(x) < 1e15 and math.copysign(1.0, x) > 0 else x


def packed(level: Level) -> Level:
    """A level in fewer letters; the page unpacks it.

    >>> from autograd.viz.pictures.figure import Graph
    >>> root = Value(2.0, "x") * Value(3.0, "y")
    >>> graph = Graph([root])
    >>> graph.grad_of = dict(zip(graph.order, [3.0, 2.0, 1.0])).__getitem__
    >>> packed(levels_of(graph, 10, 30.0)[0][0])["arrows"]
    [[0, 2, '1!'], [1, 2, '0!']]
    """
    texts: dict[str, int] = {}

    def shared(text: str) -> int:
        return texts.setdefault(text, len(texts))

    found = dict(level)
    found["boxes"] = [_packed_box(box, shared) for box in level["boxes"]]
    if level["scalar"]:
        found["arrows"] = _packed_arrows(level, shared)
        if _same(level["steps"], _expected_steps(level)):
            del found["steps"]
    elif level["steps"] == [[i] for i, (_, _, label) in enumerate(level["arrows"]) if label]:
        del found["steps"]
    return found | {"x": list(texts)}


def _packed_box(box: Level, shared: Any) -> Level:
    found = {key: shared(value) if key in SHARED else value for key, value in box.items()}
    found["k"] = KINDS.index(box["k"])
    if box["t"] == box["n"]:
        del found["t"]
    if "h" in box:  # the maps of numbers and of their gradients have the same cells
        grids = [grid for _, _, grid, *_ in box["h"]]
        found["h"] = [[title, is_gradient, first if (first := grids.index(grid)) < i else grid, *place]
                      for i, (title, is_gradient, grid, *place) in enumerate(box["h"])]  # fmt: skip
    return found


def _packed_arrows(level: Level, shared: Any) -> list[list[Any]]:
    """The arrows.  In place of a derivative, "1" is the number of the operand 1; "1!" says so in the formula, too."""
    boxes = level["boxes"]
    operands: dict[int, list[int]] = {}
    for tail, head, *_ in level["arrows"]:
        operands.setdefault(head, []).append(tail)
    found = []
    for tail, head, local, *formula in level["arrows"]:
        same = [i for i, other in enumerate(operands[head]) if _same(boxes[other]["v"], local)]
        named = [i for i in same if formula == [_atom(boxes[operands[head][i]]["n"]), f"⟨{i} 0l⟩"]]
        if named:
            found.append([tail, head, f"{named[0]}!"])
        else:
            number = str(same[0]) if same and not isinstance(local, int) else local
            found.append([tail, head, number, *formula[:1], *map(shared, formula[1:])])
    return found


def _atom(name: str) -> str:
    """A name as a factor, as the script writes it."""
    return f"({name})" if re.search(r"[ +*/(-]", name) else name


def _same(a: Any, b: Any) -> bool:
    """Whether two pieces of data are the same to the bit: 0.0 and -0.0 are not."""
    return repr(a) == repr(b)


def _expected_steps(level: Level) -> list[list[Any]]:
    """The steps of backward, as the script computes them from the arrows."""
    grads = [0.0] * len(level["boxes"])
    for root in level["roots"]:
        grads[root] = 1.0
    found: list[list[Any]] = []
    for i, (tail, head, local, *_) in enumerate(level["arrows"]):
        if level["boxes"][tail]["k"] != Kind.CONSTANT.value:
            contribution = grads[head] * float(local)
            grads[tail] += contribution
            found.append([i, json_number(contribution), json_number(grads[tail])])
    return found
