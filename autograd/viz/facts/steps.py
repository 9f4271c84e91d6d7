"""Backward as single steps.

There is no second walk for this: ``graph.sweep`` runs on numbers that note each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autograd.graph import sweep, topological_order
from autograd.ops import as_float
from autograd.value import Value
from autograd.viz.text.notation import nodes_of

__all__ = ["Step", "adjoints", "backward_steps"]


class Step(NamedTuple):
    """One use of the chain rule: a node receives its share of the gradient from one of its consumers.

    Attributes:
        node: The node that receives.
        via: The node computed from it, whose gradient is complete by now.
        upstream: The gradient of ``via``.
        local: The local derivative ∂via/∂node.
        contribution: Upstream · local.
        before, after: The gradient of ``node``, which grows by the contribution.

    >>> x = Value(3.0, "x")
    >>> [(step.local, step.upstream, step.after) for step in backward_steps(x * x)]
    [(3.0, 1.0, 3.0), (3.0, 1.0, 6.0)]
    """

    node: Value
    via: Value
    upstream: float
    local: float
    contribution: float
    before: float
    after: float


class _Local(NamedTuple):
    """A local derivative, with the two nodes that it belongs to."""

    node: Value
    via: Value
    derivative: float


class _Term(NamedTuple):
    """A product that is about to be added to a gradient."""

    local: _Local
    upstream: float
    product: float


class _Noted:
    """An unfinished gradient, which notes a step for each term that is added to it."""

    __slots__ = ("number", "steps")

    def __init__(self, number: float, steps: list[Step]) -> None:
        self.number = number
        self.steps = steps

    def __mul__(self, local: _Local) -> _Term:
        return _Term(local, self.number, self.number * local.derivative)

    def __add__(self, term: _Term) -> _Noted:
        after = self.number + term.product
        local = term.local
        step = Step(local.node, local.via, term.upstream, local.derivative, term.product, self.number, after)
        self.steps.append(step)
        return _Noted(after, self.steps)


def _locals(via: Value) -> list[_Local]:
    return [_Local(node, via, derivative) for node, derivative in zip(via.parents, via.partials)]


def backward_steps(root: Value | Sequence[Value], gradient: float = 1.0) -> Iterator[Step]:
    """The steps of ``backward``, in its order, with its numbers; no ``.grad`` is touched.

        contribution = ∂root/∂via · ∂via/∂node,        ∂root/∂node += contribution

    Args:
        root: The node to differentiate, or several (whose sum is differentiated).
        gradient: The number that backward starts from.

    Returns:
        One step per operand of each node, from the root to the leaves.

    >>> b = Value(2.0, "b")
    >>> c = b * 3 + b * 5
    >>> [(step.contribution, step.before, step.after) for step in backward_steps(c) if step.node is b]
    [(3.0, 0.0, 3.0), (5.0, 3.0, 8.0)]
    """
    roots = nodes_of(root, "backward_steps")
    steps: list[Step] = []
    start = as_float(gradient)
    sweep(topological_order(*roots), {node: _Noted(start, steps) for node in roots}, _locals, _Noted(0.0, steps))
    return iter(steps)


def adjoints(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """The derivative of the sum of the roots with respect to every node; no ``.grad`` is touched."""
    return sweep(order, dict.fromkeys(roots, 1.0), lambda node: node.partials)
