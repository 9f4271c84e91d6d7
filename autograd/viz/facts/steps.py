"""Walks over a recorded graph: backward step by step, and forward with other numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import NamedTuple

from autograd.differences import differentiate
from autograd.graph import sweep, topological_order, value_at
from autograd.ops import as_float
from autograd.value import Value
from autograd.viz.text.notation import nodes_of


# ---- backward --------------------------------------------------------------------------------------------------------
class Step(NamedTuple):
    """One use of the chain rule: a node receives its share of the gradient from one of its consumers.

    >>> x = Value(3.0, "x")
    >>> [(step.local, step.upstream, step.after) for step in backward_steps(x * x)]
    [(3.0, 1.0, 3.0), (3.0, 1.0, 6.0)]
    """

    node: Value  #: that receives
    via: Value  #: computed from it, with a gradient that is complete by now
    upstream: float  #: the gradient of ``via``
    local: float  #: the local derivative ∂via/∂node
    contribution: float  #: upstream · local
    before: float  #: the gradient of ``node``, which grows by the contribution
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
    complete = sweep(order, dict.fromkeys(roots, start))
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
    return sweep(order, dict.fromkeys(roots, 1.0))


# ---- forward with other numbers --------------------------------------------------------------------------------------
def replay(order: Sequence[Value], changed: Mapping[Value, float]) -> dict[Value, float]:
    """The new numbers of the changed nodes and of all that depend on them; the graph stays as it is."""
    new = dict(changed)
    for node in order:
        if node.parents and node not in changed and any(parent in new for parent in node.parents):
            new[node] = value_at(node, [new.get(parent, parent._data) for parent in node.parents])
    return new


def finite_difference(order: Sequence[Value], root: Value, node: Value, expected: float = nan) -> float:
    """The derivative of the root with respect to a node, estimated from values alone; nan if there is none.

    The steps are parts of the size of x, so that numbers such as 1e-34 may be differentiated; several of them are
    extrapolated, as in ``gradcheck``.  A closer look is taken where the result is not the ``expected`` one.
    """
    slope = differentiate(lambda x: replay(order, {node: x}).get(root, root._data), node._data, expected)
    return nan if slope is None else slope.low if slope.low == slope.high else (slope.low + slope.high) / 2
