"""Backward as single steps: what the walk, ``graph.sweep``, hands from node to node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
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
    roots, start = nodes_of(root, "backward_steps"), as_float(gradient)
    order = topological_order(*roots)
    complete = sweep(order, dict.fromkeys(roots, start), attrgetter("partials"))
    # When the walk arrives at a node, its gradient is complete.  So what it hands to an operand is known, and only the
    # sums on the way are left to be written down.
    so_far = dict.fromkeys(order, 0.0) | dict.fromkeys(roots, start)
    steps = []
    for via in reversed(order):
        for node, local in zip(via.parents, via.partials):
            before, contribution = so_far[node], complete[via] * local
            so_far[node] = before + contribution
            steps.append(Step(node, via, complete[via], local, contribution, before, so_far[node]))
    return iter(steps)


def adjoints(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """The derivative of the sum of the roots with respect to every node; no ``.grad`` is touched."""
    return sweep(order, dict.fromkeys(roots, 1.0), attrgetter("partials"))
