"""Why is this gradient 0, and why is that one huge: where gradients die, fade, blow up, or become nan."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autograd import display, ops
from autograd.display import filled, listed
from autograd.graph import topological_order
from autograd.ops import Op
from autograd.value import Value
from autograd.viz.facts.steps import adjoints
from autograd.viz.pictures.dot import Drawing
from autograd.viz.pictures.draw import draw_dot
from autograd.viz.text.notation import Names, nodes_of, number

STEEP = 1e3  # a local derivative above this blows a gradient up
HUGE, TINY = 1e6, 1e-8  # gradients grown or shrunk to this on a long way, each step of which is harmless
FLAT = 0.01  # a squashing function is saturated where its slope is below this share of its largest
LARGEST_SLOPE: dict[Op, float] = {
    ops.sigmoid: 0.25, ops.tanh: 1.0, ops.atan: 1.0, ops.erf: 2.0 / math.pi**0.5, ops.normal_cdf: 0.399,
}  # fmt: skip
# Why a local derivative is exactly 0.
DEAD: dict[Op, tuple[str, str]] = {
    ops.relu: ("dead ReLU", "its input is not above 0, so it passes no gradient"),
    ops.detached: ("detached", "gradients are stopped there on purpose"),
    ops.clip: ("clipped", "its input is outside of the bounds"),
    ops.mul: ("product with 0", "the other factor is 0"),
    ops.sum_of_products: ("product with 0", "the other factor is 0"),
    ops.product_of: ("product with 0", "another factor is 0"),
    ops.maximum: ("not the larger one", "only the larger operand gets a gradient"),
    ops.minimum: ("not the smaller one", "only the smaller operand gets a gradient"),
    **dict.fromkeys((ops.sign, ops.step, ops.floor, ops.round), ("step function", "its derivative is 0")),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One place where a gradient goes wrong."""

    kind: str  # the name of the problem, in two or three words
    reason: str
    node: Value  # at which it occurs
    operand: Value | None  # whose gradient suffers; None if it is that of the node itself
    number: float  # the local derivative, or the gradient

    @property
    def blocks(self) -> bool:
        """Whether the gradient ends here, since the number is exactly 0."""
        return self.number == 0.0


def diagnose(root: Value | Sequence[Value], *, number_format: str = ".4g", everywhere: bool = False) -> Diagnosis:
    """Find where gradients die (dead ReLU, product with 0), fade (saturation), blow up or become nan.

    A place is not listed if its gradient is already cut off nearer to the output.

    Args:
        root: The output, or several.
        number_format: Format of numbers.
        everywhere: Whether to list these places, too.

    Returns:
        The findings; text when printed, a table in a notebook, and a drawing with the places marked by ``draw()``.

    >>> x, w = Value(-2.0, "x"), Value(1.5, "w")
    >>> diagnose((w * x).relu())
    dead ReLU: ReLU(w*x), its input is not above 0, so it passes no gradient
      no useful gradient for: w, x
    2 of 2 leaves get no gradient
    """
    roots = nodes_of(root, "diagnose")
    order = topological_order(*roots)
    gradients = adjoints(roots, order)
    alive = _alive(roots, order)
    looked_at = set(order) if everywhere else alive
    found = [finding for node in reversed(order) if node.parents for finding in _findings(node, gradients, looked_at)]
    return Diagnosis(roots, found, gradients, alive, number_format)


def _alive(roots: Sequence[Value], order: Sequence[Value]) -> set[Value]:
    """The nodes that no local derivative of 0 keeps apart from the output."""
    alive = set(roots)
    for node in reversed(order):
        if node in alive:
            alive.update([parent for parent, partial in zip(node.parents, node.partials) if partial != 0.0])
    return alive


def _findings(node: Value, gradients: dict[Value, float], alive: set[Value]) -> Iterator[Finding]:
    for operand, partial in zip(node.parents, node.partials):
        if operand.op is ops.constant:
            continue
        what = _broken(gradients[node], partial)
        if what is None and node in alive:
            what = _blocked_or_steep(node.op, partial)
        if what is not None:
            yield Finding(*what, node, operand, partial)
    if node in alive and (what := _growth(node, gradients)) is not None:
        yield Finding(*what, node, None, gradients[node])


def _broken(gradient: float, partial: float) -> tuple[str, str] | None:
    """Whether a gradient stops being a finite number just here."""
    handed = gradient * partial
    if math.isnan(handed) and not math.isnan(gradient):
        return "nan", f"the gradient {number(gradient)} times the local derivative {number(partial)} is nan"
    if math.isinf(handed) and math.isfinite(gradient):
        return "infinite", f"its local derivative is {number(partial)}"
    return None


def _blocked_or_steep(op: Op, partial: float) -> tuple[str, str] | None:
    """Another thing that is wrong with a local derivative, and the reason; None if nothing is."""
    slope = LARGEST_SLOPE.get(op)
    if slope is not None and abs(partial) < FLAT * slope:
        return f"saturated {op.name}", f"its slope is below {FLAT:.0%} of the largest, {number(slope)}"
    if partial == 0.0:
        return DEAD.get(op, ("zero derivative", f"the local derivative of {op.name} is 0 here"))
    if abs(partial) > STEEP:
        return "steep", f"its local derivative is beyond {STEEP:g}"
    return None


def _growth(node: Value, gradients: dict[Value, float]) -> tuple[str, str] | None:
    """Whether gradients become huge or tiny just here although no single step is steep or flat."""
    steps = [(abs(gradients[p]), abs(d)) for p, d in zip(node.parents, node.partials) if p.op is not ops.constant and d]
    own = abs(gradients[node])
    if any(own <= HUGE < handed and d <= STEEP for handed, d in steps):
        return "grown huge", f"behind it the gradient is beyond {HUGE:g}, by many moderate factors"
    if any(own >= TINY > handed > 0.0 and d >= FLAT for handed, d in steps):
        return "faded away", f"behind it the gradient is below {TINY:g}, by many factors below 1"
    return None


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The result of ``diagnose``.

    >>> found = diagnose(Value(-2.0, "x").relu())
    >>> [(finding.kind, finding.node.op.name) for finding in found.findings]
    [('dead ReLU', 'relu')]
    """

    roots: list[Value]  #: the outputs of the graph
    findings: list[Finding]  #: from the output back
    gradients: dict[Value, float] = field(repr=False)  #: of every node
    alive: set[Value] = field(repr=False)  #: the nodes that a gradient other than 0 can reach
    number_format: str

    @cached_property
    def names(self) -> Names:
        """The names of the nodes."""
        return Names(list(self.gradients), self.number_format)

    @property
    def leaves(self) -> list[Value]:
        """The leaves that could have a gradient, that is all but constants, the first operands first.

        >>> x, w = Value(-2.0, "x"), Value(1.5, "w")
        >>> diagnose((w * x).relu()).leaves == [w, x]
        True
        """
        return [node for node in reversed(self.gradients) if not node.parents and node.op is not ops.constant]

    @property
    def cut_off(self) -> list[Value]:
        """The leaves that no gradient other than 0 can reach.

        >>> x, w = Value(-2.0, "x"), Value(1.5, "w")
        >>> diagnose(x.relu() + w).cut_off == [x]
        True
        """
        return [leaf for leaf in self.leaves if leaf not in self.alive]

    def behind(self, *findings: Finding) -> list[Value]:
        """The leaves that these findings cut off.

        >>> x, w = Value(-2.0, "x"), Value(1.5, "w")
        >>> found = diagnose(x.relu() + w)
        >>> found.behind(*found.findings) == [x]
        True
        """
        operands = [finding.operand for finding in findings if finding.blocks and finding.operand is not None]
        reached = set(topological_order(*operands))
        return [leaf for leaf in self.cut_off if leaf in reached]

    def draw(self, **options: Any) -> Drawing:
        """A drawing in which findings are marked and all that is cut off is faded; options as for ``draw_dot``.

        >>> "dead ReLU" in diagnose(Value(-2.0, "x").relu()).draw().source
        True
        """
        notes = {finding.node: finding.kind for finding in reversed(self.findings)}
        faded = {node for node in self.gradients if node not in self.alive and node.op is not ops.constant}
        return draw_dot(self.roots, notes=notes, faded=faded, **options)

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The findings of each kind and reason: the kind, the places, the reason, and the leaves that are cut off."""
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault((finding.kind, finding.reason), []).append(finding)
        for group in groups.values():
            places = dict.fromkeys([self.names.title[finding.node] for finding in group])
            count = f" ({len(places):,})" if len(places) > 1 else ""
            cut = [self.names.name[leaf] for leaf in self.behind(*group)]
            yield group[0].kind + count, listed(list(places), separator="; "), group[0].reason, listed(cut)

    def __repr__(self) -> str:
        lines = []
        for kind, places, reason, cut in self._rows():
            lines.append(f"{kind}: {places}, {reason}")
            if cut:
                lines.append(f"  no useful gradient for: {cut}")
        return filled("\n".join([*lines, self._summary()]))

    def _summary(self) -> str:
        total, cut = len(self.leaves), len(self.cut_off)
        broken = [leaf for leaf in self.leaves if not math.isfinite(self.gradients[leaf])]
        if broken:
            names = listed([self.names.name[leaf] for leaf in broken])
            return f"{len(broken):,} of {total:,} leaves get a gradient of nan or inf: {names}"
        if cut:
            return f"{cut:,} of {total:,} leaves get no gradient"
        return f"{total:,} of {total:,} leaves get a finite gradient"

    def _repr_html_(self) -> str:
        rows = list(self._rows())
        table = display.table(["what", "where", "why", "no useful gradient for"], rows) if rows else ""
        return f"{table}<p>{html.escape(self._summary())}</p>"
