"""Compute a recorded graph again with other numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

from autograd.differences import differentiate
from autograd.graph import value_at
from autograd.value import Value

__all__ = ["finite_difference", "replay"]


def replay(order: Sequence[Value], changed: Mapping[Value, float]) -> dict[Value, float]:
    """The new numbers of the changed nodes and of all that depend on them; the graph stays as it is.

    >>> x = Value(3.0); y = x * x + 1
    >>> replay([x, *y.parents, y], {x: 5.0})[y]
    26.0
    """
    new = dict(changed)
    for node in order:
        if node.parents and node not in changed and any(parent in new for parent in node.parents):
            new[node] = value_at(node, [new.get(parent, parent._data) for parent in node.parents])
    return new


def finite_difference(order: Sequence[Value], root: Value, node: Value, expected: float = nan) -> float:
    """The derivative of the root with respect to a node, estimated from values alone; nan if there is none.

    The steps are parts of the size of x, so that numbers such as 1e-34 may be differentiated; several of them are
    extrapolated, as in ``gradcheck``.

    Args:
        order: The nodes in topological order.
        root, node: Two of them.
        expected: What to compare it with; a closer look is taken where it is something else.
    """
    slope = differentiate(lambda x: replay(order, {node: x}).get(root, root._data), node._data, expected)
    return nan if slope is None else slope.low if slope.low == slope.high else (slope.low + slope.high) / 2
