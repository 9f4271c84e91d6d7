"""Walks over a graph of nodes.  No walk recurses, because a graph may be a million nodes deep.

A node is any object with ``parents``, the tuple of the nodes that it was computed from.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice, repeat
from math import isfinite, nan
from operator import add, attrgetter, mul
from threading import RLock
from typing import Any, Protocol, TypeVar

from autograd.errors import AutogradError, PrimitiveError


class Node(Protocol):
    """All that a walk needs to know of a node."""

    @property
    def parents(self) -> tuple[Any, ...]: ...


class Leaves(tuple[Any, ...]):
    """A node's parents if they are known to be leaves, without repetition."""

    native: Any = None  # machine code that adds an array of derivatives to their gradients, where there is some


class NoGraph(tuple[float, ...]):
    """The empty local derivatives of a result of ``no_grad()``, by which it differs from a leaf that a user made."""

    __slots__ = ()


NO_GRAPH = NoGraph()


def check_root(root: Any) -> None:
    """Raise an error for a result of ``no_grad()``, which has no graph to differentiate."""
    if root.partials.__class__ is NoGraph:
        raise AutogradError(
            f"{root.label or root!r} was computed inside no_grad(), so it has no graph and no gradients: compute it "
            "outside of no_grad(); a leaf with its number is Value(x.data)"
        )


T = TypeVar("T", bound=Node)
_WIDE = 64  # a node with more parents, such as the result of a compiled function, is tried for the fast path below
_get_parents, _get_partials = attrgetter("parents"), attrgetter("partials")


def topological_order(*roots: T, known: Iterable[T] = ()) -> list[T]:
    """Every node that the roots depend on, roots included; each one once, and after all of its parents.

    Args:
        roots: The nodes that the walk starts from.
        known: Nodes that are left out, together with the nodes that only these depend on.

    >>> a = Value(2.0, label="a"); b = a * a; c = a * b
    >>> topological_order(c) == [a, b, c]
    True
    >>> topological_order(c, known=[b]) == [a, c]
    True
    """
    if len(roots) == 1 and not known and len(roots[0].parents) > _WIDE:
        parents = roots[0].parents
        if not any(map(_get_parents, parents)):  # leaves only: 4x faster than the walk
            return [*dict.fromkeys(reversed(parents)), roots[0]]
    order: list[T] = []
    seen: set[T] = set(known)
    stack: list[Any] = [*reversed(roots)]  # nodes; a None above a node says that its parents were pushed above it
    pop, push, extend, emit = stack.pop, stack.append, stack.extend, order.append
    mark, done = seen.add, seen.issuperset
    while stack:
        node = pop()
        if node is None:  # all parents of the node below are done, since they were above it on the stack
            emit(pop())
        elif node not in seen:
            mark(node)
            parents = node.parents
            if done(parents):  # no parents, or all of them done: a graph has no cycles
                emit(node)
            elif len(parents) == 1 and done((below := parents[0]).parents):  # an activation: 2x faster than the stack
                mark(below)
                emit(below)
                emit(node)
            else:
                push(node)
                push(None)
                extend(parents)
    return order


def leaves(*roots: T) -> list[T]:
    """The nodes without parents that the roots depend on, in the order of the walk."""
    return [node for node in topological_order(*roots) if not node.parents]


def dependents(order: Iterable[T], inputs: Iterable[T]) -> set[T]:
    """The inputs, and all nodes of a topological order that depend on at least one of them."""
    found = set(inputs)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def value_at(node: Any, numbers: Sequence[float]) -> float:
    """The value that a node would have for other operands; nan if its primitive raises an error for them."""
    try:
        value: float = node.op.value(*numbers)
    except (AutogradError, ArithmeticError, ValueError):
        return nan
    return value


def accumulate(order: Sequence[Any], partials: Callable[[Any], Sequence[Any]] | None = None) -> None:
    """Reverse-mode differentiation: one walk in reverse topological order that completes ``grad`` of every node.

    The gradient (or adjoint) of a node is the derivative of the root with respect to that node.  By the chain rule it
    is a sum over the node's children, the nodes that were computed from it: of the child's gradient times the child's
    local derivative with respect to the node.  The walk visits all children of a node before the node itself, so that
    the sum is complete when the walk arrives there.

    Args:
        order: The nodes in topological order.  ``grad`` of the root is set, and ``grad`` of every other node holds the
            number that its sum starts from.
        partials: Returns a node's local derivatives, aligned with its parents: floats, nodes that can be differentiated
            again, or registers of a program.  The gradients are of the same kind.  By default, those that the node
            recorded.
    """
    node, backwards = None, order[::-1]
    every = map(partials, backwards) if partials else [node.partials for node in backwards]
    try:
        for node, local in zip(backwards, every):
            upstream, count = node.grad, len(local)
            if count == 2:  # most nodes have two parents or one: 2x and 4x faster than by the loop below
                left, right = node.parents
                by_left, by_right = local
                left.grad += upstream * by_left
                right.grad += upstream * by_right
            elif count == 1:
                (parent,), (derivative,) = node.parents, local
                parent.grad += upstream * derivative
            elif count != len(node.parents):
                raise ValueError("a node without a local derivative for each parent")
            elif count:
                if upstream == 0.0:  # half of all ReLUs are off; nothing to pass on, unless 0 * inf makes a nan
                    total = sum(local)
                    if total.__class__ is float and isfinite(total):
                        continue
                for parent, derivative in zip(node.parents, local):  # equal lengths; `strict=True` would cost 10%
                    parent.grad += upstream * derivative
        if order and node is not order[0]:  # `map` takes a StopIteration inside a rule for the end of the walk
            raise PrimitiveError("a rule raised StopIteration, which would end the walk before all gradients are known")
    except ValueError:
        check_derivatives(order, partials or _get_partials)
        raise


def spread(root: Any, upstream: float) -> bool:
    """The whole backward pass from a root whose parents are known to be leaves, such as a compiled loss.

    This is ``accumulate`` for a graph of one operation: the gradient of each leaf grows by the gradient of the root
    times the local derivative.  It takes a few calls into C, 3x faster than the walk, and the last call writes all
    gradients at once.  For any other root, it writes nothing and returns False.
    """
    parents, local = root.parents, root.partials
    if not isinstance(parents, Leaves) or len(local) != len(parents) or upstream == 0.0:
        return False
    with walking:
        if parents.native is not None and (array := getattr(local, "array", None)) is not None:
            # The machine code adds to all gradients or, if one of them is no plain float, to none.  The iterator chains
            # it with the update of the root, so that both happen in one call into C, which Ctrl-C cannot split.
            before, call = root.grad, parents.native.adding(array, upstream)
            done, _ = chain(islice(iter(call, None), 1), map(setattr, (root,), ("grad",), (upstream,)))
            if done:
                return True
            root.grad = before
        by_parent = local if upstream == 1.0 else map(mul, repeat(upstream), local)
        gradients = list(map(add, map(_get_grad, parents), by_parent))
        restore((*parents, root), (*gradients, upstream))
    return True


def check_derivatives(order: Sequence[Any], partials: Callable[[Any], Sequence[Any]] = _get_partials) -> None:
    """Check that every node has one local derivative per parent, which a node made by hand may lack.

    Raises:
        PrimitiveError: A node has more or fewer local derivatives than parents.
    """
    for node in order:
        parents, local = len(node.parents), len(partials(node))
        if parents and not local:
            raise PrimitiveError(
                f"{node!r} has children, but no local derivatives: make it by Value(data, (x, y), (by_x, by_y)) with a "
                "number for each child, or assign a closure to its _backward"
            )
        if parents != local:
            raise PrimitiveError(f"{node!r} has {parents} children, but {local} local derivatives")


# A walk writes to the nodes' own ``grad``, which is 3x faster than a dictionary.  Therefore only one thread walks at a
# time.  If a rule starts a walk of its own, in the same thread, that inner walk restores the gradients that it found.
walking = RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    # A forked process has only the thread that forked.  If another thread were in the middle of a walk, the new process
    # would start with half of the gradients and a lock that nobody releases.  So a fork waits until the walk ends.
    os.register_at_fork(before=walking.acquire, after_in_parent=walking.release, after_in_child=walking.release)
_get_grad = attrgetter("grad")


def sweep(
    order: Sequence[T],
    seeds: Mapping[Any, Any],
    partials: Callable[[T], Sequence[Any]] | None = None,
    zero: Any = 0.0,
) -> dict[T, Any]:
    """The gradient of every node as a dictionary; the nodes' own ``grad`` stays as it was.  See ``accumulate``.

    Args:
        order: The nodes in topological order.
        seeds: The gradients of the roots (1.0 for a loss).
        partials: Returns a node's local derivatives; by default, those that the node recorded.
        zero: The number that the gradient of every other node starts from.
    """
    nodes: Sequence[Any] = order
    with walking:
        before = list(map(_get_grad, nodes))
        try:
            for node in nodes:
                node.grad = zero
            for root, seed in seeds.items():
                root.grad = seed
            accumulate(nodes, partials)
            found = dict(zip(order, map(_get_grad, nodes)))
            restore(nodes, before)
        except BaseException:  # Ctrl-C among them
            restore(nodes, before)
            raise
        return found


def clear(nodes: Sequence[Any]) -> None:
    """Set the gradients of computed nodes to 0, and make the gradients of leaves floats.

    This is a function of its own, because in Python 3.13 Ctrl-C can leave a loop that contains an `if` without passing
    through the `try` around the loop.
    """
    for node in nodes:
        if node.parents:
            node.grad = 0.0
        else:
            node.grad += 0.0  # the int 0 of a new leaf becomes 0.0, even if no gradient reaches the leaf


def restore(nodes: Sequence[Any], gradients: Sequence[Any]) -> None:
    """Write the gradients of many nodes in one call into C, which neither Ctrl-C nor another thread can interrupt."""
    deque(map(setattr, nodes, repeat("grad"), gradients), maxlen=0)
