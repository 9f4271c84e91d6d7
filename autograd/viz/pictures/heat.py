"""What a layer holds, as heat maps in its box: the weights W and ∂W, the outputs a, and δ, the derivatives by its sums.

W   ∂W   a   δ            one row per neuron; W has a column per input, a and δ have one per sample
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograd.labels import textbook
from autograd.value import Value
from autograd.viz.pictures.figure import Box

__all__ = ["HeatMap", "heat_maps"]

MOST_SAMPLES = 32  # columns: of more samples the first ones are shown
LARGEST = 64  # rows or columns: a map of more would be no picture
SIDE = 64  # pixels, about, of a map
CELLS = (2, 12)  # pixels: the smallest and the largest cell
GAP = 12  # pixels between maps
CAPTION = 14  # pixels below a map
Grid = list[list[Value]]


@dataclass(frozen=True)
class HeatMap:
    """One heat map in the box of a layer.

    Attributes:
        title: The text below it.
        grid: The numbers, row by row.
        is_gradient: Whether it shows their gradients, instead of the numbers themselves.
        x, y: The top left corner in pixels, from the middle and the bottom of the box.
        cell: The side of a cell in pixels.
    """

    title: str
    grid: Grid
    is_gradient: bool
    x: float
    y: float
    cell: int


def heat_maps(box: Box) -> list[HeatMap]:
    """The maps of a layer, and none for boxes that are no layer; the box gets the room that they take.

    >>> from autograd.viz.pictures.figure import Graph
    >>> from autograd.viz.pictures.fold import folded_figure
    >>> from autograd.viz.pictures.keys import keys_of
    >>> from nn import MLP
    >>> graph = Graph([MLP(2, [3, 1], seed=0)([1.0, 2.0])])
    >>> figure = folded_figure(graph, keys_of(graph.order, graph.roots, "layer"))
    >>> [(map.title, len(map.grid), len(map.grid[0])) for map in heat_maps(figure.boxes[1])]
    [('W', 3, 2), ('∂W', 3, 2), ('b', 3, 1), ('∂b', 3, 1), ('a', 3, 1), ('δ', 3, 1)]
    """
    weights, outputs = _matrix(box.parameters, "w"), _samples(box.shown, "ax")
    biases, sums = _matrix(box.parameters, "b"), _samples(box.nodes, "z")
    planned = [(name, grid, gradient) for name, grid, gradient in (
        ("W", weights, False), ("∂W", weights, True), ("b", biases, False), ("∂b", biases, True),
        ("a" if box.parameters else "x", outputs, False), ("δ", sums, True)) if grid]  # fmt: skip
    if not planned or any(max(len(grid), len(grid[0])) > LARGEST for _, grid, _ in planned):
        return []
    cells = [max(CELLS[0], min(CELLS[1], SIDE // max(len(grid), len(grid[0])))) for _, grid, _ in planned]
    widths = [max(len(grid[0]) * cell, 16) for (_, grid, _), cell in zip(planned, cells)]
    height = max(len(grid) * cell for (_, grid, _), cell in zip(planned, cells))
    width = sum(widths) + GAP * (len(planned) - 1)
    box.room = (width, height + CAPTION + GAP / 2)
    found, x = [], -width / 2
    for (title, grid, is_gradient), cell, wide in zip(planned, cells, widths):
        left = x + (wide - len(grid[0]) * cell) / 2
        found.append(HeatMap(title, grid, is_gradient, left, -CAPTION - len(grid) * cell, cell))
        x += wide + GAP
    return found


def _matrix(parameters: Sequence[Value], symbol: str) -> Grid:
    """The parameters of one symbol by their indices: a row per neuron; empty unless all places are filled."""
    rows: dict[int, dict[int, Value]] = {}
    for node in parameters:
        found = textbook(node.label)
        if found and found.symbol == symbol and found.indices:
            row, column = (*map(int, found.indices), 0)[:2]
            rows.setdefault(row, {})[column] = node
    grid = [[row[j] for j in sorted(row)] for _, row in sorted(rows.items())]
    return grid if len({len(row) for row in grid}) == 1 else []


def _samples(nodes: Sequence[Value], symbols: str) -> Grid:
    """The nodes of one of the symbols: a row per neuron, a column per sample; empty unless all have as many."""
    rows: dict[int, list[Value]] = {}
    for node in nodes:
        found = textbook(node.label) if node.label else None
        if found and found.symbol in symbols and len(found.indices) == 1:
            rows.setdefault(int(found.indices[0]), []).append(node)
    grid = [row[:MOST_SAMPLES] for _, row in sorted(rows.items())]
    return grid if len({len(row) for row in grid}) == 1 else []
