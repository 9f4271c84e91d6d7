"""What a layer holds, as heat maps in its box: the weights W and ∂W, the outputs a, and δ, the derivatives by its sums.

    W   ∂W   a   δ        one row per neuron; W has a column per input, a and δ have one per sample

A part of a model has them too, whatever it is: each of its lists of parameters, what other parts read, and the
derivatives with respect to that, or to the sums before the activation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograd import ops
from autograd.holders import Place
from autograd.labels import label_of, scripts, textbook
from autograd.ops import Op
from autograd.value import Value
from autograd.viz.pictures.figure import Box
from autograd.viz.pictures.layout import text_width
from autograd.viz.pictures.parts import rows_of

MOST_SAMPLES = 32  # columns: of more samples the first ones are shown
LARGEST = 64  # rows or columns: a map of more would be no picture
SIDE = 64  # pixels, about, of a map
CELLS = (2, 12)  # pixels: the smallest and the largest cell
GAP = 12  # pixels between maps
CAPTION = 14  # pixels below a map
CAPTION_SIZE = 10.0  # pixels of its letters
SUMS = (ops.sum_of_products, ops.sum_of, ops.add)
Grid = list[list[Value]]
Planned = tuple[str, Grid, bool]  # title, numbers, and whether their gradients are shown


@dataclass(frozen=True)
class HeatMap:
    """One heat map in the box of a layer."""

    title: str  # the text below it
    grid: Grid  # nodes, row by row
    is_gradient: bool  # it shows their gradients, instead of their numbers
    x: float  # of the top left corner in pixels, from the middle of the box
    y: float  # and from its bottom
    cell: int  # the side of a cell in pixels


def heat_maps(box: Box, places: Mapping[Value, Place] | None = None) -> list[HeatMap]:
    """The maps of a layer, and none for boxes that are no layer; the box gets the room that they take.

    The ``places`` of the parameters of models in use tell what is in a layer; without them, labels do.

    >>> from autograd.viz.pictures.figure import Graph
    >>> from autograd.viz.pictures.fold import folded_figure
    >>> from autograd.viz.pictures.keys import keys_of
    >>> graph = Graph([MLP(2, [3, 1], seed=0)([1.0, 2.0])])
    >>> figure = folded_figure(graph, keys_of(graph.order, graph.roots, "layer"))
    >>> [(map.title, len(map.grid), len(map.grid[0])) for map in heat_maps(figure.boxes[1])]
    [('W', 3, 2), ('∂W', 3, 2), ('b', 3, 1), ('∂b', 3, 1), ('a', 3, 1), ('δ', 3, 1)]
    """
    if places is None or not places.keys() >= set(box.parameters):
        places = _by_labels(box.parameters)
    planned = [it for it in _planned(box, places) if it[1]]
    if not planned or any(max(len(grid), len(grid[0])) > LARGEST for _, grid, _ in planned):
        return []
    cells = [max(CELLS[0], min(CELLS[1], SIDE // max(len(grid), len(grid[0])))) for _, grid, _ in planned]
    widths = [
        max(len(grid[0]) * cell, 16, text_width(title, CAPTION_SIZE)) for (title, grid, _), cell in zip(planned, cells)
    ]
    height = max(len(grid) * cell for (_, grid, _), cell in zip(planned, cells))
    width = sum(widths) + GAP * (len(planned) - 1)
    box.room = (width, height + CAPTION + GAP / 2)
    found, x = [], -width / 2
    for (title, grid, is_gradient), cell, wide in zip(planned, cells, widths):
        left = x + (wide - len(grid[0]) * cell) / 2
        found.append(HeatMap(title, grid, is_gradient, left, -CAPTION - len(grid) * cell, cell))
        x += wide + GAP
    return found


def _by_labels(parameters: Sequence[Value]) -> dict[Value, Place]:
    """The places that textbook labels tell: w²₁₃ is number 3 of row 1 in the list w."""
    found = {leaf: label for leaf in parameters if (label := textbook(label_of(leaf))) and label.indices}
    return {leaf: Place(0, "", "", "", it.symbol, tuple(map(int, it.indices))) for leaf, it in found.items()}


def _planned(box: Box, places: Mapping[Value, Place]) -> list[Planned]:
    """The maps of the lists of parameters in a part, and of what it computes; of inputs, which have none, x."""
    if not box.parameters:
        return [("x", _inputs(box.shown), False)]
    if not places.keys() >= set(box.parameters):
        return []
    lists: dict[str, dict[tuple[int, ...], Value]] = {}
    for leaf in box.parameters:
        lists.setdefault(places[leaf].array, {})[places[leaf].indices] = leaf
    symbols = {name: _symbol(numbers) or name for name, numbers in lists.items()}
    counts = Counter(symbols.values())
    found: list[Planned] = []
    for name, numbers in lists.items():
        title = symbols[name] if counts[symbols[name]] == 1 else name
        found += [(title, _list(numbers), False), (f"∂{title}", _list(numbers), True)]
    outputs = _outputs(box, places)
    sums = [[_sum_before(node, set(box.nodes)) for node in row] for row in outputs]
    is_sum = all(node.op in SUMS for row in sums for node in row)
    return [*found, ("a", outputs, False), ("δ" if is_sum else "∂a", sums, True)]


def _inputs(nodes: Sequence[Value]) -> Grid:
    """The inputs x₁, x₂, …: a row for each, a column per sample; empty unless all have as many."""
    rows: dict[int, list[Value]] = {}
    for node in nodes:
        found = textbook(label_of(node)) if label_of(node) else None
        if found and found.symbol == "x" and len(found.indices) == 1:
            rows.setdefault(int(found.indices[0]), []).append(node)
    return _rectangle([row[:MOST_SAMPLES] for _, row in sorted(rows.items())])


def _symbol(numbers: Mapping[tuple[int, ...], Value]) -> str:
    """The letter that a list of parameters is labelled with, a capital one for a matrix; empty if there is none."""
    letters = {scripts(label_of(leaf))[0] for leaf in numbers.values()}
    if len(letters) != 1:
        return ""
    letter = letters.pop()
    return letter.upper() if len(next(iter(numbers))) > 1 and len(letter) == 1 else letter


def _list(numbers: Mapping[tuple[int, ...], Value]) -> Grid:
    """A list of parameters by the positions in it: what is in one of its lists is a row."""
    rows: dict[int, list[Value]] = {}
    for indices, leaf in sorted(numbers.items()):
        rows.setdefault(indices[0] if indices else 0, []).append(leaf)
    return _rectangle(list(rows.values()))


def _outputs(box: Box, places: Mapping[Value, Place]) -> Grid:
    """The nodes that a part computes for other parts, at each step if it has a memory."""
    given = {node for node in box.shown if node.parents}

    def work(node: Value) -> tuple[Op, frozenset[str]]:
        return node.op, frozenset([places[parent].array for parent in node.parents if parent in places])

    kinds = {work(node) for node in given}
    used = {parent for node in box.nodes if work(node)[1] for parent in node.parents if parent.parents}
    remembered = {node for node in used & set(box.nodes) if work(node) in kinds}
    rows = rows_of(box.nodes, places)
    for chosen in (given | remembered, given):
        nodes = [node for node in box.nodes if node in chosen]
        grid = _by_rows(nodes, rows) if all(node in rows for node in nodes) else _by_steps(nodes, box)
        if grid:
            return grid
    return []


def _by_rows(nodes: Sequence[Value], rows: Mapping[Value, int]) -> Grid:
    """A row per row of parameters."""
    found: dict[int, list[Value]] = {}
    for node in nodes:
        found.setdefault(rows[node], []).append(node)
    return _rectangle([row[:MOST_SAMPLES] for _, row in sorted(found.items())])


def _by_steps(nodes: Sequence[Value], box: Box) -> Grid:
    """A column per step: the nodes of one depth."""
    depth: dict[Value, int] = {}
    for node in box.nodes:
        depth[node] = 1 + max([depth.get(parent, 0) for parent in node.parents], default=0)
    steps: dict[int, list[Value]] = {}
    for node in nodes:
        steps.setdefault(depth[node], []).append(node)
    columns = _rectangle([steps[key] for key in sorted(steps)][:MOST_SAMPLES])
    return [list(row) for row in zip(*columns)]


def _rectangle(grid: Grid) -> Grid:
    """A grid, if all of its rows have one length, and else none."""
    return grid if len({len(row) for row in grid}) == 1 else []


def _sum_before(node: Value, inside: set[Value]) -> Value:
    """The node that an activation is computed from."""
    while len(node.parents) == 1 and node.parents[0] in inside and node.parents[0].parents:
        node = node.parents[0]
    return node
