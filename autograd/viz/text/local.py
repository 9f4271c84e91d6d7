"""Where does the 12 come from?  Each local derivative as a formula with its numbers: ∂(b**3)/∂b = 3b² = 3·2² = 12.

The formula is the row of the derivative table, applied to symbols instead of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import ops
from autograd.errors import AutogradError
from autograd.graph import topological_order
from autograd.modes import recording
from autograd.value import Value
from autograd.viz.text.algebra import Expression, Number, simplify
from autograd.viz.text.formula import Formulas
from autograd.viz.text.markup import latex_name, latex_number
from autograd.viz.text.notation import Names, derivative_name, number
from autograd.viz.text.typeset import latex, plain
from autograd.writer import Level

__all__ = ["LocalDerivative", "local_derivatives"]

LONGEST = 60  # letters of a formula; longer ones say less than their number
# What the rule of a primitive of one's own may raise that is written for floats, or whose numbers have no result.
_FAILURES = (ArithmeticError, AttributeError, AutogradError, LookupError, TypeError, ValueError)
MOST_OPERANDS = 400  # of a node, for each of which a row with all of them would have to be made


@dataclass(frozen=True)
class LocalDerivative:
    """The derivative of a node with respect to one of its operands, as a number and as a formula.

    Attributes:
        head, tail: The node and the operand, by name.
        value: The derivative, as it was recorded.
        symbols: The formula, as text; empty if there is none to show.
        numbers: The formula with the numbers put in.
        latex: Both in LaTeX.
    """

    head: str
    tail: str
    value: str
    symbols: str = ""
    numbers: str = ""
    latex: str = ""

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
    rows = _rows(node, names)
    found = []
    for i, (parent, partial) in enumerate(zip(node.parents, node.partials)):
        known = LocalDerivative(names.name[node], names.name[parent], number(partial, names.spec))
        formula = rows[i] if i < len(rows) else None
        found.append(known if formula is None else _written(known, formula, partial, names))
    return found


def _rows(node: Value, names: Names) -> Sequence[Any]:
    """The row of the table applied to symbols; nothing where an operation has no row that can be."""
    if len(node.parents) > MOST_OPERANDS or not isinstance(node.op, ops.Op) or node.op in ops.COMPARISONS:
        return ()
    symbols: dict[Value, Any] = {}
    for parent in node.parents:
        if parent.op is ops.constant and not parent.label:
            symbols[parent] = parent._data
        elif parent not in symbols:
            symbols[parent] = Value(parent._data, _atom(parent, names))
    operands = [symbols[parent] for parent in node.parents]
    with recording():
        try:
            result = Value(node._data, node.label) if node.label else node.op(*operands)
            return node.op.partials(result, *operands)
        except _FAILURES:
            return ()


def _atom(node: Value, names: Names) -> str:
    return names.text[node].at(Level.ATOM)


def _written(known: LocalDerivative, formula: Any, partial: float, names: Names) -> LocalDerivative:
    """The derivative with its formula; without, if that would not give the number that was recorded."""
    if not isinstance(formula, Value):
        return known  # a plain number says all
    if not (math.isclose(formula._data, partial, rel_tol=1e-9, abs_tol=1e-12) or formula._data == partial):
        return known
    symbols, numbers = (
        plain(_expression(formula, names, str), numbers=numbers, spec=names.spec) for numbers in (False, True)
    )
    if len(symbols) > LONGEST:
        return known
    expression = _expression(formula, names, latex_name)
    steps = [latex(expression, spec=names.spec), latex(expression, numbers=True, spec=names.spec)]
    text = " = ".join(dict.fromkeys([*steps, latex_number(partial, names.spec)]))
    return LocalDerivative(known.head, known.tail, known.value, symbols, numbers, text)


def _expression(formula: Value, names: Names, name_of: Callable[[str], str]) -> Expression:
    if not formula.parents:
        return (
            Formulas([formula], names.spec, name_of=name_of).expression(formula)
            if formula.label
            else Number(formula._data)
        )
    order = topological_order(formula)
    given = {node for node in order if not node.parents}
    return Formulas(order, names.spec, given=given, whole=formula, tidy=simplify, name_of=name_of).expression(formula)
