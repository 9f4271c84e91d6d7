"""Where does the 12 come from?  Each local derivative as a formula with its numbers: ∂(b**3)/∂b = 3b² = 3·2² = 12.

The formula is the row of the derivative table, applied to symbols instead of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from autograd import ops
from autograd.errors import AutogradError
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.modes import recording
from autograd.value import Value
from autograd.viz.text.algebra import Expression, Number, simplify
from autograd.viz.text.formula import Formulas
from autograd.viz.text.notation import Names, derivative_name, number
from autograd.viz.text.typeset import latex, latex_name, latex_number, plain
from autograd.writer import Level

LONGEST = 60  # letters of a formula; longer ones say less than their number
# What the rule of a primitive of one's own may raise that is written for floats, or whose numbers have no result.
_FAILURES = (ArithmeticError, AttributeError, AutogradError, LookupError, TypeError, ValueError)
# Numbers to look whether a formula stays the same: of both signs, of both orders, small and large.
PROBES = ((0.3, 0.7, 0.2), (-0.4, -0.1, -0.6), (0.9, -1.5), (-2.5, 3.5), (40.0, 20.0), (-30.0, -50.0))
MOST_OPERANDS = 400  # of a node, for each of which a row with all of them would have to be made


@dataclass(frozen=True)
class LocalDerivative:
    """The derivative of a node with respect to one of its operands, as a number and as a formula."""

    head: str  # the name of the node
    tail: str  # the name of the operand
    value: str  # the derivative, as it was recorded
    symbols: str = ""  # the formula, as text; empty if there is none to show
    numbers: str = ""  # the formula with the numbers put in
    latex: str = ""  # both in LaTeX
    # The formula with places for the numbers of the operands and, after them, of the node itself; empty if it cannot be
    # told which number goes where.
    template: str = ""

    @property
    def steps(self) -> str:
        """The formula, with its numbers, and the result: each once."""
        return " = ".join(dict.fromkeys([step for step in (self.symbols, self.numbers, self.value) if step]))

    def __str__(self) -> str:
        return f"{derivative_name(self.head, self.tail)} = {self.steps}"


def local_derivatives(node: Value, names: Names) -> list[LocalDerivative]:
    """The derivatives of a node with respect to its operands, one after the other.

    >>> b = Value(2.0, "b")
    >>> cube = b**3
    >>> print(local_derivatives(cube, Names(topological_order(cube)))[0])
    ∂(b**3)/∂b = 3b² = 3·2² = 12
    """
    rows = _rows(node, names, [parent._data for parent in node.parents], node._data)
    places = _places(node, names) if rows and _is_the_same_everywhere(rows, node, names) else {}
    found = []
    for i, (parent, partial) in enumerate(zip(node.parents, node.partials)):
        known = LocalDerivative(names.name[node], names.name[parent], number(partial, names.spec))
        formula = rows[i] if i < len(rows) else None
        found.append(known if formula is None else _written(known, formula, partial, names, places))
    return found


def _is_the_same_everywhere(rows: Sequence[Any], node: Value, names: Names) -> bool:
    """Whether the formulas would be the same for other numbers: those of a maximum depend on which number is larger."""
    shape = _shape(rows)
    for probe in PROBES:
        numbers = list(islice(cycle(probe), len(node.parents)))
        if _shape(_rows(node, names, numbers, node.op.value(*numbers))) != shape:
            return False
    return True


def _shape(rows: Sequence[Any]) -> list[Any]:
    """The formulas without the numbers of their symbols."""
    roots = [row for row in rows if isinstance(row, Value)]
    shapes: dict[Value, int] = {}
    known: dict[Hashable, int] = {}  # each formula by a number: nested tuples would grow without end
    for node in topological_order(*roots) if roots else ():
        leaf = node.label or node._data
        found = (node.op.name, *[shapes[parent] for parent in node.parents]) if node.parents else ("leaf", leaf)
        shapes[node] = known.setdefault(found, len(known))
    return [[*known], *[shapes[row] if isinstance(row, Value) else row for row in rows]]


def _places(node: Value, names: Names) -> dict[str, int]:
    """The number of each operand by the symbol that stands for it, and that of the node; none if symbols are alike."""
    found: dict[str, int] = {}
    nodes: dict[str, Value] = {}
    for i, operand in enumerate([*node.parents, *([node] if label_of(node) else [])]):
        if operand.op is ops.constant and not label_of(operand):
            continue  # written as a number, which never changes
        symbol = label_of(node) if operand is node else _atom(operand, names)
        if nodes.setdefault(symbol, operand) is not operand:
            return {}
        found.setdefault(symbol, i)
    return found


def _rows(node: Value, names: Names, numbers: Sequence[float], result: float) -> Sequence[Any]:
    """The row of the table applied to symbols, which are taken to have these numbers; nothing if no row can be."""
    if len(node.parents) > MOST_OPERANDS or not isinstance(node.op, ops.Op) or node.op in ops.COMPARISONS:
        return ()
    symbols: dict[Value, Any] = {}
    for parent, x in zip(node.parents, numbers):
        if parent.op is ops.constant and not label_of(parent):
            symbols[parent] = parent._data
        elif parent not in symbols:
            symbols[parent] = Value(x, _atom(parent, names))
    operands = [symbols[parent] for parent in node.parents]
    with recording():
        try:
            named = Value(result, label_of(node)) if label_of(node) else node.op(*operands)
            return node.op.partials(named, *operands)
        except _FAILURES:
            return ()


def _atom(node: Value, names: Names) -> str:
    return names.text[node].at(Level.ATOM)


def _written(
    known: LocalDerivative, formula: Any, partial: float, names: Names, places: dict[str, int]
) -> LocalDerivative:
    """The derivative with its formula; without, if that would not give the number that was recorded."""
    if not isinstance(formula, Value):
        return known  # a plain number says all
    if not (math.isclose(formula._data, partial, rel_tol=1e-9, abs_tol=1e-12) or formula._data == partial):
        return known
    expression = _expression(formula, names, str)
    symbols, numbers = (plain(expression, numbers=numbers, spec=names.spec) for numbers in (False, True))
    if len(symbols) > LONGEST:
        return known
    template = plain(expression, spec=names.spec, places=places) if places else ""
    expression = _expression(formula, names, latex_name)
    steps = [latex(expression, spec=names.spec), latex(expression, numbers=True, spec=names.spec)]
    text = " = ".join(dict.fromkeys([*steps, latex_number(partial, names.spec)]))
    return LocalDerivative(known.head, known.tail, known.value, symbols, numbers, text, template)


def _expression(formula: Value, names: Names, name_of: Callable[[str], str]) -> Expression:
    if not formula.parents and not formula.label:
        return Number(formula._data)
    order = topological_order(formula)
    given = {node for node in order if not node.parents}
    whole = formula if formula.parents else None
    return Formulas(order, names.spec, given=given, whole=whole, tidy=simplify, name_of=name_of).expression(formula)
