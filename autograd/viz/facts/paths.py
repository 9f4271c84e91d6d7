"""The chain rule path by path: the strongest of the ways on which a node influences another."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

from autograd.value import Value

__all__ = ["Path", "count_paths", "strongest_paths"]


class Path(NamedTuple):
    """One way from a node to the output.

    Attributes:
        nodes: from the node to the output.
        partials: the local derivative at each step.
        product: all of them multiplied, the share of this path in the gradient.
    """

    nodes: list[Value]
    partials: list[float]
    product: float


class _Best(NamedTuple):
    """One of the strongest paths from a node: its first step, and which of the next node's best it goes on with."""

    strength: float  # the logarithm of the magnitude, which neither overflows nor underflows
    partial: float
    following: Value | None
    rank: int


def strongest_paths(start: Value, root: Value, order: Sequence[Value], k: int) -> list[Path]:
    """The k paths with the products of largest magnitude, the strongest first.

    They are found without listing all paths, of which a network has more than could ever be listed: the k best paths
    from a node begin with a step to one of its consumers and go on with one of the k best from there.
    """
    between = _between(start, order)
    best: dict[Value, list[_Best]] = {root: [_Best(0.0, 1.0, None, 0)]} if root in between else {}
    for node in reversed(order):
        if node not in best:
            continue
        best[node] = heapq.nlargest(k, best[node], key=lambda path: path.strength)
        for parent, partial in zip(node.parents, node.partials):
            if parent in between:
                step = _strength(partial)
                found = [_Best(_plus(after.strength, step), partial, node, i) for i, after in enumerate(best[node])]
                best.setdefault(parent, []).extend(found)
    return [_follow(start, first, best) for first in best.get(start, [])]


def count_paths(start: Value, root: Value, order: Sequence[Value]) -> int:
    """How many paths there are; a node used twice by another counts as two."""
    count = {start: 1}
    for node in order:
        if node is not start and (total := sum([count.get(parent, 0) for parent in node.parents])):
            count[node] = total
    return count.get(root, 0)


def _between(start: Value, order: Sequence[Value]) -> set[Value]:
    """The nodes that depend on the start, itself included."""
    found = {start}
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def _strength(partial: float) -> float:
    if math.isnan(partial):
        return math.inf  # what is wrong comes first
    return math.log(abs(partial)) if partial else -math.inf


def _plus(x: float, y: float) -> float:
    total = x + y
    return math.inf if math.isnan(total) else total  # 0 · inf is nan, and comes first


def _follow(start: Value, first: _Best, best: dict[Value, list[_Best]]) -> Path:
    nodes, partials, step = [start], [], first
    while step.following is not None:
        nodes.append(step.following)
        partials.append(step.partial)
        step = best[step.following][step.rank]
    return Path(nodes, partials, math.prod(reversed(partials)))
