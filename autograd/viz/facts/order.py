"""The order in which a graph is read: operands as they were written, each before what it is used for."""

from __future__ import annotations

from typing import TypeVar

from autograd.graph import Node

__all__ = ["reading_order"]

T = TypeVar("T", bound=Node)


def reading_order(*roots: T) -> list[T]:
    """Every node that the roots depend on after all of its parents, and the first operand before the others.

    The engine's walk, ``topological_order``, comes to the last operand first, which is fastest.

    >>> from autograd import Value
    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> [node.label or node.op.symbol for node in reading_order(a * b + b**2)]
    ['a', 'b', '*', ' ', '**', '+']
    """
    # A node waits on the stack, below its operands, until these are in order.  Boxes of a folded drawing may depend on
    # each other: an operand that waits itself is not waited for again.
    order: dict[T, None] = {}
    begun: set[T] = set()
    stack = [*reversed(roots)]
    while stack:
        node = stack.pop()
        if node in begun:
            order[node] = None
        else:
            begun.add(node)
            stack += [node, *[parent for parent in reversed(node.parents) if parent not in begun]]
    return [*order]
