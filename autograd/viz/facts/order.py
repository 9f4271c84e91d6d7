"""The order in which a graph is read: operands as they were written, each before what it is used for."""

from __future__ import annotations

from typing import Any, TypeVar

from autograd.graph import Node, topological_order

__all__ = ["reading_order"]

T = TypeVar("T", bound=Node)


class _Mirrored:
    """A node seen in a mirror: its last operand comes first."""

    __slots__ = ("node", "parents")

    def __init__(self, node: Any) -> None:
        self.node = node
        self.parents: tuple[_Mirrored, ...] = ()


def reading_order(*roots: T) -> list[T]:
    """Every node that the roots depend on after all of its parents, and the first operand before the others.

    The engine's walk comes to the last operand first, which is fastest.  So it walks a mirror image of the graph, in
    which the operands of each node are reversed.

    >>> from autograd import Value
    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> [node.label or node.op.symbol for node in reading_order(a * b + b**2)]
    ['a', 'b', '*', ' ', '**', '+']
    """
    mirrored = {node: _Mirrored(node) for node in topological_order(*roots)}
    for node, image in mirrored.items():
        image.parents = tuple([mirrored[parent] for parent in reversed(node.parents)])
    return [image.node for image in topological_order(*[mirrored[root] for root in roots])]
