"""Walks over a graph of nodes.  None of them recurses: a graph may be a million nodes deep.

A node is anything with ``parents``, the tuple of the nodes that it was computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["leaves", "sweep", "topological_order"]


class Node(Protocol):
    """What a walk needs of a node."""

    @property
    def parents(self) -> tuple[Any, ...]: ...


T = TypeVar("T", bound=Node)


def topological_order(*roots: T) -> list[T]:
    """Every node that the roots depend on, roots included; each one once, and after all of its parents.

    >>> from autograd import Value
    >>> a = Value(2.0, label="a"); b = a * a; c = a * b
    >>> topological_order(c) == [a, b, c]
    True
    """
    order: list[T] = []
    seen: set[T] = set()
    stack: list[T | None] = [*reversed(roots)]
    pop, push, extend, emit, mark = stack.pop, stack.append, stack.extend, order.append, seen.add
    while stack:
        node = pop()
        if node is None:  # the parents of the node below are done: they were above it on the stack
            emit(pop())  # type: ignore[arg-type]
        elif node not in seen:
            mark(node)
            parents = node.parents
            if parents:
                push(node)
                push(None)
                extend(parents)
            else:
                emit(node)
    return order


def leaves(*roots: T) -> list[T]:
    """The nodes without parents that the roots depend on, in the order of the walk."""
    return [node for node in topological_order(*roots) if not node.parents]


def sweep(
    order: Sequence[T], seeds: Mapping[T, Any], partials: Callable[[T], Iterable[Any]], zero: Any = 0.0
) -> dict[T, Any]:
    """Reverse-mode differentiation: the adjoint of every node, by one walk against the topological order.

    The adjoint of a node is the derivative of the seeded roots by that node.  By the chain rule it is the sum, over
    the nodes that were computed from it, of their adjoint times the local derivative.  When the walk arrives at a
    node all of them are behind it, so that the sum is complete.

    Args:
        order: the nodes in topological order.
        seeds: the adjoints of the roots (1.0 for a loss).
        partials: a node's local derivatives, aligned with its parents (None: not wanted); floats, or nodes that can
            be differentiated again, or registers of a program: whatever they are, the adjoints are of the same kind.
        zero: what every other sum starts from.
    """
    adjoint: dict[T, Any] = dict.fromkeys(order, zero)
    adjoint.update(seeds)
    backwards = order[::-1]
    for node, local in zip(backwards, map(partials, backwards)):
        if local:
            upstream = adjoint[node]
            for parent, derivative in zip(node.parents, local):
                if derivative is not None:
                    adjoint[parent] += upstream * derivative
    return adjoint
