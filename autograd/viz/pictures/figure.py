"""What a drawing shows, before it is drawn: boxes and arrows, with the texts on them.

DOT drawings, the page and the alternative text are all made from a ``Figure``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from autograd import ops
from autograd.graph import topological_order
from autograd.holders import Place, places_of
from autograd.labels import label_of
from autograd.value import Value
from autograd.viz.facts.steps import Step, backward_steps
from autograd.viz.pictures.theme import Kind
from autograd.viz.text.notation import NOT_COMPUTED, Names, gradient, number, parameters_of, product, reading_order

MOST_SENTENCES = 20  # in the text that stands for a drawing


class Graph:
    """A graph to draw, and the choices of how it is shown; the arguments are those of ``draw_dot``."""

    def __init__(
        self,
        roots: list[Value],
        *,
        parameters: Any = None,
        spec: str = ".4g",
        notes: Mapping[Value, str] | None = None,
        faded: Collection[Value] = (),
    ) -> None:
        self.roots = roots
        self.spec = spec
        self.notes = notes or {}
        self.faded = set(faded)
        self.grad_of: Callable[[Value], float] = attrgetter("grad")  # a page sets another one
        self.order = reading_order(*roots)  # all nodes
        held = self.places if parameters is None else {}
        self.kinds = self._kinds(parameters_of(parameters, self.order).union(held))

    @cached_property
    def places(self) -> dict[Value, Place]:
        """The places of the parameters of models in use."""
        return places_of({node for node in self.order if not node.parents})

    @cached_property
    def names(self) -> Names:
        """The names of the nodes."""
        return Names(self.order, self.spec)

    def _kinds(self, parameters: set[Value]) -> dict[Value, Kind]:
        outputs = set(self.roots)

        def kind(node: Value) -> Kind:
            if node.parents:
                return Kind.OUTPUT if node in outputs else Kind.OPERATION
            if node.op is ops.constant:
                return Kind.CONSTANT
            return Kind.PARAMETER if node in parameters else Kind.LEAF

        return {node: kind(node) for node in self.order}

    def flow(self, node: Value, parent: Value, partial: float) -> float | None:
        """The magnitude of the gradient that a node hands back to an operand; None if there is none yet."""
        grad = self.grad_of(node)
        return None if parent.op is ops.constant or type(grad) is int else abs(grad * partial)

    def marked(self, box: Box) -> Box:
        """Write the notes of its nodes into a box, each kind once and with its count; returns the box."""
        found = Counter([self.notes[node] for node in box.nodes if node in self.notes] if self.notes else [])
        box.notes = [note if len(box.nodes) == 1 else f"{count:,} × {note}" for note, count in found.items()]
        box.is_faded = bool(self.faded) and self.faded.issuperset(box.nodes)
        return box

    def spread_of_gradients(self, nodes: Sequence[Value]) -> str:
        """The gradients of many nodes in one line."""
        computed = [grad for node in nodes if type(grad := self.grad_of(node)) is not int]
        return spread(computed, self.spec) if computed else NOT_COMPUTED


@dataclass(eq=False)
class Box:
    """One box: a node of the graph, or a group of nodes."""

    kind: Kind  # which decides how the box looks
    title: str  # the first line
    lines: list[str]  # the others
    nodes: list[Value] = field(repr=False)  # those that the box stands for, in topological order
    notes: list[str] = field(default_factory=list)  # marks, in lines of their own at the end
    is_faded: bool = False  # drawn as unimportant
    # Boxes with arrows to this one, which makes boxes a graph that the walks work on.
    parents: tuple[Box, ...] = field(default=(), repr=False)
    shown: Sequence[Value] = field(default=(), repr=False)  # nodes whose data and gradients the lines of a group sum up
    parameters: Sequence[Value] = field(default=(), repr=False)
    room: tuple[float, float] = (0.0, 0.0)  # the width and the height in pixels that are kept free below the lines

    @property
    def text(self) -> list[str]:
        """All lines."""
        return [*([self.title] if self.title else []), *self.lines, *self.notes]


@dataclass(eq=False)
class Arrow:
    """An arrow from an operand to a result."""

    tail: Box
    head: Box
    # ∂head/∂tail: one number, or between groups one for each pair of an output and an input.
    derivatives: list[float] = field(default_factory=list)
    is_constant: bool = False  # the operand is a constant, which has no gradient
    flow: float | None = None  # the largest magnitude of the gradient that comes back along it; None before backward

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
    """A whole drawing.

    A layout, an SVG and the data of a page refer to boxes and arrows by their place in here, and each is made on its
    own.  So the places never change: both are tuples.
    """

    graph: Graph = field(repr=False)
    boxes: tuple[Box, ...]  # in topological order
    arrows: tuple[Arrow, ...]  # in the order in which backward gets to them: the last box first
    notice: str = ""  # a line to put below

    @cached_property
    def identity(self) -> dict[Box, str]:
        """The names of the boxes in DOT, and in the ``data-`` attributes of an SVG: n0, n1, …"""
        return {box: f"n{i}" for i, box in enumerate(self.boxes)}

    def read_arrows(self) -> list[Arrow]:
        """The arrows as the boxes are read, and those of a box by operand: what Graphviz is to keep the order of."""
        place = {box: i for i, box in enumerate(self.boxes)}
        operand = {box: {parent: i for i, parent in reversed([*enumerate(box.parents)])} for box in self.boxes}
        return sorted(self.arrows, key=lambda arrow: (place[arrow.head], operand[arrow.head].get(arrow.tail, 0)))


def scalar_figure(graph: Graph) -> Figure:
    """One box per node."""
    boxes = {node: _scalar_box(graph, node) for node in graph.order}
    arrows = []
    for node in reversed(topological_order(*graph.roots)):  # the order of backward
        head = boxes[node]
        head.parents = tuple([boxes[parent] for parent in node.parents])
        for tail, parent, partial in zip(head.parents, node.parents, node.partials):
            arrows.append(Arrow(tail, head, [partial], tail.kind is Kind.CONSTANT, graph.flow(node, parent, partial)))
    return Figure(graph, tuple(boxes.values()), tuple(arrows))


def _scalar_box(graph: Graph, node: Value) -> Box:
    kind, unnamed = graph.kinds[node], not label_of(node) and not node.parents
    if node.op.name == "compiled call":  # its results have the numbers
        return graph.marked(Box(kind, graph.names.title[node], [], [node]))
    lines = [] if unnamed and kind is Kind.CONSTANT else [f"data {number(node._data, graph.spec)}"]
    if kind is not Kind.CONSTANT:
        lines.append(f"grad {gradient(graph.grad_of(node), graph.spec)}")
    title = "" if unnamed and lines else graph.names.title[node]
    return graph.marked(Box(kind, title, lines, [node]))


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


# ---- the text that stands for a drawing: what is computed, then the backward pass in its order -----------------------
def alt_text(figure: Figure) -> str:
    """A few sentences for those who cannot see the drawing.

    >>> from autograd.viz import draw_dot
    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(draw_dot(a * b).alt_text)
    Computation graph of a*b = -8, 3 nodes. Backward: a*b starts with 1; a gets 2·1 = 2; b gets -4·1 = -4.
    """
    if len(figure.boxes) != len(figure.graph.order):
        details = f"From the output back: {_listing([', '.join(box.text) for box in reversed(figure.boxes)])}."
    else:
        details = f"Backward: {_listing(_backward(figure))}."
    return f"{summary(figure)}. {details}{figure.notice and ' '}{figure.notice}"


def summary(figure: Figure) -> str:
    """A sentence about what is drawn, without a word on gradients."""
    spec, name = figure.graph.spec, figure.graph.names.name
    outputs = ", ".join([f"{name[root]} = {number(root._data, spec)}" for root in figure.graph.roots])
    size = len(figure.graph.order)
    text = f"Computation graph of {outputs}, {size:,} node{'s' * (size > 1)}"
    return f"{text} in {len(figure.boxes):,} boxes" if len(figure.boxes) != size else text


def _listing(parts: list[str]) -> str:
    more = len(parts) - MOST_SENTENCES
    return "; ".join(parts[:MOST_SENTENCES]) + (f"; and {more:,} more" if more > 0 else "")


def _backward(figure: Figure) -> list[str]:
    received: dict[Value, list[Step]] = {}
    for step in backward_steps(figure.graph.roots):
        received.setdefault(step.node, []).append(step)
    spec, name = figure.graph.spec, figure.graph.names.name
    parts = []
    for node in reversed(topological_order(*figure.graph.roots)):
        if node in figure.graph.roots:
            parts.append(f"{name[node]} starts with 1")
        elif figure.graph.kinds[node] is not Kind.CONSTANT:
            steps = received[node]
            terms = " + ".join([product([s.local, s.upstream], spec, first=not i) for i, s in enumerate(steps)])
            parts.append(f"{name[node]} gets {terms} = {number(steps[-1].after, spec)}")
    return parts
