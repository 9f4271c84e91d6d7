"""The text that stands for a drawing: what is computed, then the backward pass in its order."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.graph import topological_order
from autograd.value import Value
from autograd.viz.facts.steps import Step, backward_steps
from autograd.viz.pictures.figure import Box, Figure
from autograd.viz.pictures.theme import Kind
from autograd.viz.text.notation import number, product

MOST_SENTENCES = 20


def alt_text(figure: Figure) -> str:
    """A few sentences for those who cannot see the drawing.

    >>> from autograd.viz import draw_dot
    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(draw_dot(a * b).alt_text)
    Computation graph of a*b = -8, 3 nodes. Backward: a*b starts with 1; a gets 2·1 = 2; b gets -4·1 = -4.
    """
    if len(figure.boxes) != len(figure.graph.order):
        details = f"From the output back: {_listing(_boxes(figure.boxes))}."
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


def _boxes(boxes: Sequence[Box]) -> list[str]:
    return [", ".join(box.text) for box in reversed(boxes)]


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
