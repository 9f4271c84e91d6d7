"""What a drawing shows, before it is drawn: boxes and arrows, with the texts on them.

DOT drawings, the page and the alternative text are all made from a ``Figure``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import ops
from autograd.value import Value
from autograd.viz.notation import NOT_COMPUTED, Names, gradient, number, parameters_of
from autograd.viz.theme import Kind

__all__ = ["Arrow", "Box", "Figure", "kinds_of", "scalar_figure", "spread"]


@dataclass(eq=False)
class Box:
    """One box: a node of the graph, or a group of nodes.

    Attributes:
        kind: what it is, which decides what it looks like.
        title: the first line.
        lines: the others.
        nodes: what it stands for, in topological order; of a single node, that one.
        parents: the boxes with arrows to this one, which makes boxes a graph that the walks work on.
    """

    kind: Kind
    title: str
    lines: list[str]
    nodes: list[Value] = field(repr=False)
    parents: tuple[Box, ...] = field(default=(), repr=False)

    @property
    def text(self) -> list[str]:
        """All lines."""
        return [self.title, *self.lines] if self.title else self.lines


@dataclass(eq=False)
class Arrow:
    """From an operand to a result.

    Attributes:
        derivatives: ∂head/∂tail: one number, or between groups one for each pair of an output and an input.
        is_constant: whether the operand is a constant, by which nobody differentiates.
        flow: the largest magnitude of the gradient that comes back along it; None before backward.
    """

    tail: Box
    head: Box
    derivatives: list[float] = field(default_factory=list)
    is_constant: bool = False
    flow: float | None = None

    def label(self, spec: str) -> str:
        """The derivatives in one line; nothing for a constant."""
        return "" if self.is_constant or not self.derivatives else spread(self.derivatives, spec)

    def add_flow(self, more: float | None) -> None:
        """Take one more edge into the arrow."""
        if more is not None:
            self.flow = more if self.flow is None else max(self.flow, more)

    def merge(self, other: Arrow) -> None:
        """Take all of another arrow into this one."""
        self.derivatives += other.derivatives
        self.is_constant &= other.is_constant
        self.add_flow(other.flow)


@dataclass(eq=False)
class Figure:
    """A whole drawing: boxes in topological order, arrows by head and operand, and a line to put below."""

    boxes: list[Box]
    arrows: list[Arrow]
    roots: list[Value]
    names: Names = field(repr=False)
    notice: str = ""
    size: int = field(default=0)  # nodes of the graph


def kinds_of(order: Sequence[Value], roots: Sequence[Value], parameters: Any = None) -> dict[Value, Kind]:
    """What each node is in the graph of the roots."""
    chosen = parameters_of(parameters, order)
    outputs = set(roots)

    def kind(node: Value) -> Kind:
        if node.parents:
            return Kind.OUTPUT if node in outputs else Kind.OPERATION
        if node.op is ops.constant:
            return Kind.CONSTANT
        return Kind.PARAMETER if node in chosen else Kind.LEAF

    return {node: kind(node) for node in order}


def scalar_figure(roots: list[Value], order: Sequence[Value], kinds: dict[Value, Kind], spec: str = ".4g") -> Figure:
    """One box per node."""
    names = Names(order, spec)
    boxes = {node: _scalar_box(node, names.title[node], kinds[node], spec) for node in order}
    arrows = []
    for node in reversed(order):
        head = boxes[node]
        head.parents = tuple([boxes[parent] for parent in node.parents])
        for tail, parent, partial in zip(head.parents, node.parents, node.partials):
            arrows.append(Arrow(tail, head, [partial], tail.kind is Kind.CONSTANT, flow(node, parent, partial)))
    return Figure(list(boxes.values()), arrows, roots, names, size=len(order))


def _scalar_box(node: Value, title: str, kind: Kind, spec: str) -> Box:
    data = number(node._data, spec)
    unnamed = not node.label and not node.parents
    lines = [] if unnamed and kind is Kind.CONSTANT else [f"data {data}"]
    if kind is not Kind.CONSTANT:
        lines.append(f"grad {gradient(node, spec)}")
    return Box(kind, "" if unnamed and lines else title, lines, [node])


def flow(node: Value, parent: Value, partial: float) -> float | None:
    """The magnitude of the gradient that a node hands back to an operand; None if there is none yet."""
    if parent.op is ops.constant or type(node.grad) is int:
        return None
    return abs(node.grad * partial)


def spread(numbers: Iterable[float], spec: str = ".4g") -> str:
    """Many numbers in one line: the only one, or the smallest and the largest; nan if one is nan.

    >>> spread([2.0, 2.0]), spread([0.5, -1.0, 0.25])
    ('2', '-1 … 0.5')
    """
    listed = list(numbers)
    if any(map(math.isnan, listed)):
        return "nan among them"
    low, high = number(min(listed), spec), number(max(listed), spec)
    return low if low == high else f"{low} … {high}"


def spread_of_gradients(nodes: Sequence[Value], spec: str = ".4g") -> str:
    """The gradients of many nodes in one line."""
    computed = [node.grad for node in nodes if type(node.grad) is not int]
    return spread(computed, spec) if computed else NOT_COMPUTED
