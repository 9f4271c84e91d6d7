"""Compute a recorded graph again with other numbers in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

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


def finite_difference(order: Sequence[Value], root: Value, node: Value) -> float:
    """The derivative of the root with respect to a node, estimated from values alone: (f(x + h) - f(x - h)) / 2h.

    The step h = ∛ε max(1, |x|) balances the error of the formula, O(h²), with rounding, O(ε/h).
    """
    x = node._data
    h = sys.float_info.epsilon ** (1 / 3) * max(1.0, abs(x))
    above = replay(order, {node: x + h}).get(root, root._data)
    below = replay(order, {node: x - h}).get(root, root._data)
    change: float = (above - below) / ((x + h) - (x - h))
    return change
