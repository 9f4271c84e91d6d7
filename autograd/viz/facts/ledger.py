"""Where a gradient comes from: the terms it is the sum of, or the paths it came along."""

from __future__ import annotations

import gc
import html
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from autograd import display
from autograd.graph import dependents, topological_order
from autograd.value import Value
from autograd.viz.facts.steps import Paths, adjoints, count_paths, finite_difference, strongest_paths
from autograd.viz.text.formula import LocalDerivative, local_derivatives
from autograd.viz.text.notation import NOT_COMPUTED, Names, factor, nodes_of, number, product, reading_order
from autograd.viz.text.typeset import latex_factor, latex_number, latex_of, latex_text

MOST_TERMS = 12  # longer sums are shortened to their largest terms


def explain(
    node: Value, loss: Value | None = None, *, k: int = 5, number_format: str = ".4g", formulas: bool = False
) -> Ledger | Paths:
    """Explain where the gradient of a node comes from.

    ``explain(v)`` takes ``v.grad`` apart: one term per use of v, the local derivative times the gradient there.  It
    looks for the uses among all living graphs, since a node does not know who uses it.

        grad v = Σ_u ∂u/∂v · grad u

    ``explain(w, loss)`` lists the paths from w to the loss, with the product of local derivatives along each.

        ∂loss/∂w = Σ_paths Π_edges ∂head/∂tail

    Args:
        node: The node whose gradient is explained.
        loss: The result that was differentiated; any node that was computed from ``node``.
        k: Number of paths to list, the strongest first.
        number_format: Format of numbers, as in ``format(x, ".4g")``.
        formulas: Whether to show the formula of each local derivative; the table in a notebook always does.

    Raises:
        ValueError: k is less than 1; or the paths go through a compiled function that returns many numbers.

    Returns:
        Text when printed, a table in a notebook, LaTeX by ``to_latex()``; with all numbers as attributes.

    >>> b = Value(2.0, "b")
    >>> c = b * 3 + b * 5
    >>> c.backward()
    >>> explain(b)
    b.grad = 8 = 3·1 (via b*3) + 5·1 (via b*5)
    >>> explain(b, c)
    ∂(b*3 + b*5)/∂b = 8, the sum of 2 paths
      1. ∂(b*3 + b*5)/∂(b*5) · ∂(b*5)/∂b = 1·5 = 5
      2. ∂(b*3 + b*5)/∂(b*3) · ∂(b*3)/∂b = 1·3 = 3
    finite differences give 8
    >>> cube = b**3
    >>> cube.backward()
    >>> explain(b, cube, formulas=True)
    ∂(b**3)/∂b = 12, the sum of 1 path
      1. ∂(b**3)/∂b = 12 = 12
         ∂(b**3)/∂b = 3b² = 3·2² = 12
    finite differences give 12
    """
    (node,) = nodes_of(node, "explain")
    if loss is None:
        return _ledger(node, number_format, formulas)
    (loss,) = nodes_of(loss, "explain")
    if k < 1:
        raise ValueError(f"k is the number of paths to list and must be at least 1, got {k}")
    order = topological_order(loss)
    if any(getattr(user.op, "name", "") == "compiled output" for user in dependents(order, [node])):
        raise ValueError(
            "the paths go through a call of a compiled function with several results, and it is not known which result "
            "depends on which argument: compute the loss without compile, and explain that loss"
        )
    gradient = adjoints([loss], order).get(node, 0.0)
    return Paths(
        node=node,
        loss=loss,
        gradient=gradient,
        count=count_paths(node, loss, order),
        paths=strongest_paths(node, loss, order, k),
        finite_difference=finite_difference(order, loss, node, gradient),
        names=Names(reading_order(loss) if node in set(order) else reading_order(loss, node), number_format),
        with_formulas=formulas,
    )


@dataclass(frozen=True, eq=False)
class Term:
    """One use of a node, and the share of its gradient that comes from there."""

    via: Value
    local: float
    upstream: float
    position: int = 0  # of the node among the operands of ``via``

    @property
    def contribution(self) -> float:
        """upstream · local."""
        return self.upstream * self.local


@dataclass(frozen=True, repr=False)
class Ledger:
    """The terms that a gradient is the sum of.

    >>> b = Value(2.0, "b")
    >>> c = b * 3
    >>> c.backward()
    >>> [(term.local, term.upstream) for term in explain(b).terms]
    [(3.0, 1.0)]
    """

    node: Value  #: whose gradient is explained
    terms: list[Term]  #: one per use in a graph that backward has run on
    names: Names  #: of the nodes
    with_formulas: bool = False  #: whether the text shows the formula of each local derivative

    def formula(self, term: Term) -> LocalDerivative:
        """The local derivative of a term, as a formula with its numbers.

        >>> b = Value(2.0, "b")
        >>> cube = b**3
        >>> cube.backward()
        >>> found = explain(b)
        >>> print(found.formula(found.terms[0]))
        ∂(b**3)/∂b = 3b² = 3·2² = 12
        """
        return local_derivatives(term.via, self.names)[term.position]

    @property
    def remainder(self) -> float:
        """The part of the gradient that no term explains: from earlier calls of backward, or from graphs that are gone.

        >>> b = Value(2.0, "b")
        >>> c = b * 3
        >>> c.backward(); c.backward()
        >>> explain(b).remainder                     # of the first pass
        3.0
        """
        grad, total = self.node.grad, sum([term.contribution for term in self.terms])
        if grad == total or (math.isnan(grad) and math.isnan(total)):  # inf - inf would be nan
            return 0.0
        left = grad - total
        return 0.0 if abs(left) <= 1e-9 * min(max(abs(grad), abs(total)), sys.float_info.max) else left

    def __repr__(self) -> str:
        name, spec = self.names.name[self.node], self.names.spec
        if type(self.node.grad) is int:
            return f"{name}.grad is {NOT_COMPUTED}: call backward() on what was computed from it"
        text = f"{name}.grad = {number(self.node.grad, spec)}"
        if not self.terms:
            if not self.node.grad:
                return text
            root = self.node.parents and self.node.grad == 1.0
            return text + (": backward started here" if root else ": the graph that it comes from is gone")
        terms = [f"{product([t.local, t.upstream], spec, first=not i)} (via {self.names.name[t.via]})"
                 for i, t in enumerate(self._largest)]  # fmt: skip
        lines = [text + " = " + " + ".join(terms + self._others())]
        if self.with_formulas:
            found = [self.formula(term) for term in self._largest]
            lines += dict.fromkeys([f"  {derivative}" for derivative in found if derivative.symbols])
        return "\n".join(lines)

    @property
    def _largest(self) -> list[Term]:
        if len(self.terms) <= MOST_TERMS:
            return self.terms
        kept = set(sorted(range(len(self.terms)), key=lambda i: -abs(self.terms[i].contribution))[:MOST_TERMS])
        return [term for i, term in enumerate(self.terms) if i in kept]

    def _others(self) -> list[str]:
        """The terms that are not listed one by one, in words."""
        spec, shown, found = self.names.spec, set(self._largest), []
        if hidden := [term.contribution for term in self.terms if term not in shown]:
            found.append(f"{factor(sum(hidden), spec)} from {len(hidden):,} more")
        if self.remainder:
            found.append(f"{factor(self.remainder, spec)} from elsewhere")
        return found

    def to_latex(self) -> str:
        r"""The sum as a formula.

        >>> b = Value(2.0, "b")
        >>> c = b * 3
        >>> c.backward()
        >>> print(explain(b).to_latex())
        \mathrm{grad}\,b = ...3 \cdot 1...
        """
        spec = self.names.spec
        left = rf"\mathrm{{grad}}\,{latex_of(self.names, self.node)}"
        if type(self.node.grad) is int:
            return rf"{left} = {latex_text(NOT_COMPUTED)}"
        terms = [
            rf"\underbrace{{{self._latex_local(t)} \cdot {latex_factor(t.upstream, spec)}}}"
            rf"_{{{latex_text('via ')}{latex_of(self.names, t.via)}}}"
            for t in self._largest
        ]
        terms += [latex_text(text) for text in self._others()]
        return f"{left} = " + (" + ".join(terms) + " = " if terms else "") + latex_number(self.node.grad, spec)

    def _latex_local(self, term: Term) -> str:
        """The local derivative of a term, as a number or as a formula in parentheses."""
        formula = self.formula(term).latex if self.with_formulas else ""
        return rf"\left({formula}\right)" if " = " in formula else formula or latex_factor(term.local, self.names.spec)

    def _repr_html_(self) -> str:
        spec, name = self.names.spec, self.names.name[self.node]
        if not self.terms:
            return f"<p>{html.escape(repr(self))}</p>"
        rows = [
            (self.names.name[t.via], self.formula(t).steps, number(t.upstream, spec), number(t.contribution, spec))
            for t in self._largest
        ]
        rows += [(text, "", "", "") for text in self._others()]
        rows.append((f"{name}.grad", "", "", number(self.node.grad, spec)))
        return display.table(["via", f"∂via/∂{name}", "gradient of via", "product"], rows, bold=len(rows))


def _ledger(node: Value, spec: str, with_formulas: bool) -> Ledger:
    if node.op.name == "compiled call":
        raise ValueError(
            "this node stands for a compiled call with several results: explain one of the results, which "
            "have the gradients"
        )
    users = [user for user in users_of(node) if type(user.grad) is not int]
    names = names_of(node, users, spec)
    users.sort(key=lambda user: names.name[user])
    terms = [
        Term(user, local, user.grad, position)
        for user in users
        for position, (parent, local) in enumerate(zip(user.parents, user.partials))
        if parent is node
    ]
    return Ledger(node, terms, names, with_formulas)


# ---- users of a node -------------------------------------------------------------------------------------------------
MOST_NUMBERED = 3_000  # nodes of a graph that may have been drawn with numbers for names


def names_of(node: Value, users: Sequence[Value], spec: str) -> Names:
    """Names for a node and its users; where these would be mere numbers, the names in a drawing of the whole graph."""
    order = reading_order(*users, node)
    names = Names(order, spec)
    if not names.numbered.isdisjoint([node, *users]) and len(order) <= MOST_NUMBERED:
        whole = reading_order(*_outputs([*users, node]))
        return Names(whole, spec) if len(whole) <= MOST_NUMBERED else names
    return names


def _outputs(nodes: Sequence[Value]) -> list[Value]:
    """The last results that were computed from these nodes, in graphs that backward has run on."""
    users: dict[Value, list[Value]] = {}
    # A list of users in each node would cost every node memory and the walk time; this search takes 13 ms among 76,000
    # objects (Python with numpy, matplotlib and both packages), and only where somebody asks about a node.
    for user in gc.get_objects():
        if issubclass(type(user), Value) and type(user.grad) is not int:  # isinstance would ask dead proxies
            for parent in user.parents:
                users.setdefault(parent, []).append(user)
    found = dict.fromkeys(nodes)
    to_visit = [*nodes]
    while to_visit:
        further = [user for user in users.get(to_visit.pop(), ()) if user not in found]
        found |= dict.fromkeys(further)
        to_visit += further
    return [node for node in found if node not in users]


def users_of(node: Value) -> list[Value]:
    """The nodes computed directly from this one.

    A node that held its users would be a cycle, which is not freed at once; Python's collector knows them without.
    """
    holders = [holder for holder in gc.get_referrers(node) if issubclass(type(holder), tuple)]
    found = gc.get_referrers(*holders) if holders else []
    return [user for user in found if isinstance(user, Value) and any(user.parents is tuple_ for tuple_ in holders)]
