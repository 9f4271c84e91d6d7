"""A branch that is not taken gets no gradient, not even nan: how reverse mode treats a recorded ``select``.

A graph that was recorded for all numbers contains both sides of a ``where``.  On the side that is not taken the local
derivatives may be inf or nan, and the zero that comes from above would not make them 0.  So each edge that only some
branch uses passes on a product where that branch was taken, and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


class LinearMap:
    """A local derivative that is a function of the result's adjoint, and no number."""

    __slots__ = ()

    def __call__(self, adjoint: Any) -> Any:
        raise NotImplementedError

    def __rmul__(self, adjoint: Any) -> Any:
        return self(adjoint)

    def __add__(self, other: Any) -> LinearMap:
        return self  # in a sum of derivatives, which is no number then

    __radd__ = __add__


class Where(LinearMap):
    """A derivative that counts only if a branch was taken; otherwise it adds 0, even if it is inf or nan."""

    __slots__ = ("derivative", "taken")

    def __init__(self, taken: Any, derivative: Any) -> None:
        self.taken = taken
        self.derivative = derivative

    def __call__(self, adjoint: Any) -> Any:
        return self.taken.select(adjoint * self.derivative, 0.0)


def conditions(
    order: Sequence[Any],
    roots: Iterable[Any],
    edges: Callable[[Any], Iterable[tuple[int, Any]]],
    chosen: Callable[[Any], Any],
) -> dict[tuple[Any, int], Any]:
    """The edges that only some branch of a ``select`` uses, each with a number that is 0 if no such branch was taken.

    That number counts the ways on which the branch was taken: it is a sum, of which the compiler makes lanes.  The
    nodes are in topological order; ``edges`` gives the operands that get a gradient from a node, each with its
    position, and ``chosen`` the condition of a ``select``, or None for any other node.
    """
    always = set(roots)
    when: dict[Any, Any] = {}
    found: dict[tuple[Any, int], Any] = {}
    for node in reversed(order):
        if node not in always and node not in when:  # it only decides something
            continue
        condition = None if node in always else when[node]
        choice = chosen(node)
        for position, parent in edges(node):
            taken = condition
            if choice is not None:
                branch = choice.select(1.0, 0.0) if position == 1 else choice.select(0.0, 1.0)
                taken = branch if condition is None else condition.select(branch, 0.0)
            if taken is None:
                always.add(parent)
                continue
            found[node, position] = taken
            if parent not in always and parent.parents:
                when[parent] = when[parent] + taken if parent in when else taken
    return found
