"""Walks over a recorded graph: backward step by step, forward with other numbers, and along the strongest paths."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from autograd import display, ops
from autograd.differences import differentiate
from autograd.graph import dependents, sweep, topological_order, value_at
from autograd.ops import as_float
from autograd.value import Value
from autograd.viz.text.formula import LocalDerivative, local_derivatives
from autograd.viz.text.notation import Names, derivative_name, factor, nodes_of, number
from autograd.viz.text.typeset import latex_factor, latex_number, latex_of, latex_text


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

    There is one step per operand of each node, from the root to the leaves.  Of several roots, the sum is
    differentiated.  The ``gradient`` is the number that backward starts from.

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


# ---- the chain rule path by path: the ways on which a node influences another ----------------------------------------
LONGEST_PATH = 12  # steps that are listed; of longer paths, the first and the last


class Path(NamedTuple):
    """One way from a node to the output."""

    nodes: list[Value]  # the output last
    partials: list[float]  # the local derivative of each step
    product: float  # of all partials: the share of this path in the gradient


@dataclass(frozen=True, repr=False)
class Paths:
    """The chain rule, path by path.

    >>> from autograd.viz import explain
    >>> b = Value(2.0, "b")
    >>> c = b * 3 + b * 5
    >>> found = explain(b, c)
    >>> found.gradient, found.count, [path.product for path in found.paths]
    (8.0, 2, [5.0, 3.0])
    """

    node: Value  #: the start of all paths
    loss: Value  #: their end
    gradient: float  #: ∂loss/∂node, the sum over all paths
    count: int  #: of all paths
    paths: list[Path]  #: the strongest
    finite_difference: float  #: an estimate of the gradient from values alone, as a check
    names: Names  #: of the nodes
    with_formulas: bool = False  #: whether the text shows the formula of each local derivative

    @property
    def remainder(self) -> float:
        """The sum of all paths that are not listed; nan if those that are listed are infinite.

        >>> from autograd.viz import explain
        >>> b = Value(2.0, "b")
        >>> c = b * 3 + b * 5
        >>> explain(b, c, k=1).remainder
        3.0
        """
        listed: float = ops.sum_of(*[path.product for path in self.paths])
        return self.gradient - listed

    def __repr__(self) -> str:
        spec = self.names.spec
        head = f"{self._derivative(self.loss, self.node)} = {number(self.gradient, spec)}"
        if not self.count:
            swapped = self.loss in topological_order(self.node)
            return f"{head}: no path leads there" + ("; the node comes first, then the loss" if swapped else "")
        lines = [f"{head}, the sum of {_count(self.count)} path{'s' * (self.count > 1)}"]
        for i, path in enumerate(self.paths, 1):
            symbols, numbers = self._factors(path)
            lines.append(f"  {i}. {' · '.join(symbols)} = {'·'.join(numbers)} = {number(path.product, spec)}")
            if self.with_formulas:
                lines += [f"     {derivative}" for derivative in self._formulas(path)]
        if self.count > len(self.paths):
            rest = self.remainder
            total = "are not listed" if math.isnan(rest) else f"add up to {number(rest, spec)}"
            lines.append(f"  the other {_count(self.count - len(self.paths))} {total}")
        lines.append(f"finite differences give {number(self.finite_difference, spec)}")
        return "\n".join(lines)

    def _formulas(self, path: Path) -> list[LocalDerivative]:
        """The local derivatives along a path of which the formula says more than the number, from the loss back."""
        found = []
        for head, tail, partial in list(zip(path.nodes[1:], path.nodes, path.partials))[::-1][:LONGEST_PATH]:
            of_head = local_derivatives(head, self.names)
            places = [i for i, (p, d) in enumerate(zip(head.parents, head.partials)) if p is tail and d == partial]
            found += [of_head[i] for i in places[:1] if of_head[i].symbols]
        return found

    def to_latex(self) -> str:
        r"""The sum over the paths as lines of an ``aligned`` environment.

        >>> from autograd.viz import explain
        >>> b = Value(2.0, "b")
        >>> print(explain(b, b * 3).to_latex().splitlines()[0])
        \begin{aligned}
        """
        spec = self.names.spec
        fraction = self._latex_derivative(self.loss, self.node)
        rows = [f"{fraction} &= {latex_number(self.gradient, spec)}"]
        for path in self.paths:
            steps = list(zip(path.nodes[1:], path.nodes, path.partials))[::-1]
            symbols = _shortened([self._latex_derivative(head, tail) for head, tail, _ in steps], r"\cdots")
            numbers = _shortened([latex_factor(partial, spec) for _, _, partial in steps], r"\cdots")
            factors = r" \cdot ".join(numbers) or "1"
            rows.append(rf"&\quad {' '.join(symbols) or '1'} = {factors} = {latex_number(path.product, spec)}")
        if self.count > len(self.paths):
            rest = latex_text(f"the other {_count(self.count - len(self.paths))} paths: ")
            rows.append(rf"&\quad {rest}{latex_number(self.remainder, spec)}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_html_(self) -> str:
        spec = self.names.spec
        rows = []
        for path in self.paths:
            symbols, numbers = self._factors(path)
            rows.append([" · ".join(symbols), " · ".join(numbers), number(path.product, spec)])
        if self.count > len(self.paths):
            rows.append([f"the other {_count(self.count - len(self.paths))} paths", "", number(self.remainder, spec)])
        name = self._derivative(self.loss, self.node)
        rows.append([name, f"{_count(self.count)} in all", number(self.gradient, spec)])
        rows.append(["finite differences", "", number(self.finite_difference, spec)])
        return display.table(["path", "local derivatives", "product"], rows, bold=len(rows) - 1)

    def _factors(self, path: Path) -> tuple[list[str], list[str]]:
        """The derivatives along a path, from the loss down, in symbols and in numbers."""
        steps = list(zip(path.nodes[1:], path.nodes, path.partials))[::-1]
        if not steps:
            return [self._derivative(self.loss, self.node)], ["1"]
        symbols = [self._derivative(head, tail) for head, tail, _ in steps]
        numbers = [factor(partial, self.names.spec, first=not i) for i, (_, _, partial) in enumerate(steps)]
        return _shortened(symbols), _shortened(numbers)

    def _derivative(self, of: Value, by: Value) -> str:
        return derivative_name(self.names.name[of], self.names.name[by])

    def _latex_derivative(self, of: Value, by: Value) -> str:
        return rf"\frac{{\partial {latex_of(self.names, of)}}}{{\partial {latex_of(self.names, by)}}}"


def _count(n: int) -> str:
    """A count as text, rounded if it is huge: nobody wants to read the digits of the paths of a deep network."""
    return f"{n:,}" if n < 10**12 else f"{n // 10 ** (len(str(n)) - 2) / 10}e{len(str(n)) - 1}"


def _shortened(parts: list[str], ellipsis: str = "…") -> list[str]:
    half = LONGEST_PATH // 2
    return parts if len(parts) <= LONGEST_PATH else [*parts[:half], ellipsis, *parts[-half:]]


# ---- finding them ----------------------------------------------------------------------------------------------------
class _Best(NamedTuple):
    """One of the strongest paths from a node: its first step, and the rank of its rest among the next node's paths."""

    strength: float  # the logarithm of the magnitude, which neither overflows nor underflows
    partial: float
    following: Value | None
    rank: int


def strongest_paths(start: Value, root: Value, order: Sequence[Value], k: int) -> list[Path]:
    """The k paths with the products of largest magnitude, the strongest first.

    A network has more paths than could ever be listed.  But the k best paths from a node begin with a step to one of
    its consumers, and go on with one of the k best paths from there: one walk from the root back finds them all.
    """
    between = dependents(order, [start])
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
    """The number of paths; a node used twice by another counts as two."""
    count = {start: 1}
    for node in order:
        if node is not start and (total := sum([count.get(parent, 0) for parent in node.parents])):
            count[node] = total
    return count.get(root, 0)


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
