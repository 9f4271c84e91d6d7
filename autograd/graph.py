"""Walks over a graph of nodes.  None of them recurses: a graph may be a million nodes deep.

A node is anything with ``parents``, the tuple of the nodes that it was computed from.
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
    """A node as far as a walk knows it."""

    @property
    def parents(self) -> tuple[Any, ...]: ...


class Leaves(tuple[Any, ...]):
    """Parents that are known to be leaves, each of them once."""

    native: Any = None  # what adds an array of derivatives to their gradients by machine code; None if nothing can


T = TypeVar("T", bound=Node)
_WIDE = 64  # parents of a node, such as those of the result of a compiled function
_get_parents, _get_partials = attrgetter("parents"), attrgetter("partials")


def topological_order(*roots: T, known: Iterable[T] = ()) -> list[T]:
    """Every node that the roots depend on, roots included; each one once, and after all of its parents.

    Args:
        roots: The nodes that the walk starts from.
        known: Nodes that are left out, with all that only they depend on.

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
    stack: list[Any] = [*reversed(roots)]  # nodes and, above one whose parents are still to come, None
    pop, push, extend, emit = stack.pop, stack.append, stack.extend, order.append
    mark, done = seen.add, seen.issuperset
    while stack:
        node = pop()
        if node is None:  # the parents of the node below are done: they were above it on the stack
            emit(pop())
        elif node not in seen:
            mark(node)
            parents = node.parents
            if done(parents):  # none, or all of them are done: a graph has no cycles
                emit(node)
            elif len(parents) == 1 and done((below := parents[0]).parents):  # such as an activation: the stack costs 2x
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
    """The inputs, and all the nodes of a topological order that depend on them."""
    found = set(inputs)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def value_at(node: Any, numbers: Sequence[float]) -> float:
    """The value of a node for other operands; nan where its primitive refuses them."""
    try:
        value: float = node.op.value(*numbers)
    except (AutogradError, ArithmeticError, ValueError):
        return nan
    return value


def accumulate(order: Sequence[Any], partials: Callable[[Any], Sequence[Any]] | None = None) -> None:
    """Reverse-mode differentiation: one walk against the topological order that completes ``grad`` of every node.

    The gradient (or adjoint) of a node is the derivative of the root with respect to that node.  By the chain rule it
    is the sum, over the nodes that were computed from it, of their gradient times the local derivative.  When the walk
    arrives at a node, it has been at all of them, so that the sum is complete.

    Args:
        order: The nodes in topological order; the ``grad`` of the root is set, that of the others is what to add to.
        partials: A node's local derivatives, aligned with its parents; floats, or nodes that can be differentiated
            again, or registers of a program: whatever they are, the gradients are of the same kind.  By default those
            that the node recorded.
    """
    node, backwards = None, order[::-1]
    every = map(partials, backwards) if partials else [node.partials for node in backwards]
    try:
        for node, local in zip(backwards, every):
            upstream, count = node.grad, len(local)
            if count == 2:  # most nodes have two parents or one; without the loop below 2x and 4x faster
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
                if upstream == 0.0:  # nothing to pass on (half of all ReLUs are off), but 0 * inf is nan
                    total = sum(local)
                    if total.__class__ is float and isfinite(total):
                        continue
                for parent, derivative in zip(node.parents, local):  # of one length, so without `strict`, 10% faster
                    parent.grad += upstream * derivative
        if order and node is not order[0]:  # to `map`, StopIteration is the end of the walk
            raise PrimitiveError("a rule raised StopIteration, which would end the walk before all gradients are known")
    except ValueError:
        check_derivatives(order, partials or _get_partials)
        raise


def spread(root: Any, upstream: float) -> bool:
    """The whole backward pass from a node whose parents are known to be leaves, such as a compiled loss has.

    The gradient of each leaf grows by the gradient of the node times the local derivative: ``accumulate`` for a graph
    of one node.  A few calls into C do it, 3x faster than the walk, and the last of them writes all gradients at once.
    Returns False, with nothing written, for any other node.
    """
    parents, local = root.parents, root.partials
    if not isinstance(parents, Leaves) or len(local) != len(parents) or upstream == 0.0:
        return False
    with walking:
        if parents.native is not None and (array := getattr(local, "array", None)) is not None:
            # It adds to all or, where a gradient is no plain float, to none.  Both calls are in one of C.
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
    """Look for a node without a local derivative for each of its parents, as programs can make it by hand.

    Raises:
        PrimitiveError: There is one.
    """
    for node in order:
        parents, local = len(node.parents), len(partials(node))
        if parents and not local:
            raise PrimitiveError(
                f"{node!r} has children, but nobody gave its local derivatives: make it Value(data, (x, y), (by_x, "
                "by_y)) with a number for each child, or assign a closure to its _backward"
            )
        if parents != local:
            raise PrimitiveError(f"{node!r} has {parents} children, but {local} local derivatives")


# A walk uses the nodes' own ``grad``, 3x faster than a dictionary; so one at a time, and a walk inside another's
# rule (in the same thread) puts back what it found.
walking = RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    # A forked process has only the thread that forked.  Were another one in the middle of a walk, the process would
    # start with half of its gradients, and with a lock that nobody opens: so a fork waits for the end of the walk.
    os.register_at_fork(before=walking.acquire, after_in_parent=walking.release, after_in_child=walking.release)
_get_grad = attrgetter("grad")


def sweep(
    order: Sequence[T],
    seeds: Mapping[Any, Any],
    partials: Callable[[T], Sequence[Any]] | None = None,
    zero: Any = 0.0,
) -> dict[T, Any]:
    """The gradient of every node as a dictionary, the nodes' own ``grad`` left as it was: see ``accumulate``.

    Args:
        order: The nodes in topological order.
        seeds: The gradients of the roots (1.0 for a loss).
        partials: A node's local derivatives; by default those that it recorded.
        zero: The number that the sum of every other node starts from.
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
    """Set the gradients of the nodes that are no leaves to 0, and those of leaves that never had one to 0.0.

    It is a function of its own, because in Python 3.13 Ctrl-C can leave a loop with an `if` in it without passing
    through the `try` around the loop.
    """
    for node in nodes:
        if node.parents:
            node.grad = 0.0
        else:
            node.grad += 0.0  # an int until the first backward, also where nothing is passed on


def restore(nodes: Sequence[Any], gradients: Sequence[Any]) -> None:
    """Write the gradients of many nodes by one call into C, which neither Ctrl-C nor another thread can split."""
    deque(map(setattr, nodes, repeat("grad"), gradients), maxlen=0)
