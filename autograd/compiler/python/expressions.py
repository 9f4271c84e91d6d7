"""Operations of the table as Python expressions: the compiler's dialect."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograd import ops
from autograd.ops import Op
from autograd.writer import Dialect, Level, Text

__all__ = ["COMPILED", "added", "number", "operation", "product_of"]

COMPILED = Dialect({ops.add: " + ", ops.sub: " - ", ops.mul: " * ", ops.div: " / "})
_COMPARISON = {ops.less: "<", ops.less_equal: "<=", ops.equal: "=="}
_TRUTH = "float("  # what a comparison begins with where it is a number


def number(x: float) -> Text:
    """A plain number."""
    return COMPILED.number(repr(x))


def added(terms: Sequence[Text]) -> Text:
    """A sum of one term or more."""
    return COMPILED.infix(ops.add, terms)


def product_of(factors: Sequence[Text]) -> Text:
    """A product of one factor or more."""
    return COMPILED.infix(ops.mul, factors)


def operation(op: Op, parts: Sequence[Text], function: Callable[[Op], str]) -> Text:
    """An operation on parts; ``function`` tells under which name the value function of a row is called.

    >>> x, y = Text("x"), Text("y")
    >>> operation(ops.mul, [operation(ops.add, [x, y], str), y], str).text
    '(x + y) * y'
    """
    if op is ops.sub and parts[1].text == "-0.0":  # x - -0.0 makes 0.0 of -0.0, as x + 0.0 does
        return COMPILED.infix(ops.add, [parts[0], Text("0.0")])
    if op is ops.square:
        return COMPILED.infix(ops.mul, [parts[0], parts[0]])
    if op is ops.identity or op is ops.detached:
        return parts[0]
    if op is ops.select:
        return Text(f"{parts[1]:SUM} if {_condition(parts[0])} else {parts[2]}", Level.OPEN)
    if op in _COMPARISON:
        return Text(f"{_TRUTH}{parts[0]:SUM} {_COMPARISON[op]} {parts[1]:SUM})")
    # Python's / raises for a divisor of 0: it is written only where the divisor is another number.
    is_operator = op in COMPILED.operators and (op is not ops.div or _is_nonzero_number(parts[1].text))
    if is_operator or op in (ops.neg, ops.sum_of_products):
        return COMPILED.operation(op, parts)
    return Text(f"{function(op)}({', '.join([part.text for part in parts])})")


def _is_nonzero_number(text: str) -> bool:
    try:
        return text not in ("inf", "nan") and float(text) != 0.0
    except ValueError:
        return False


def _condition(part: Text) -> str:
    """What is true where a select takes its first branch."""
    is_comparison = part.text.startswith(_TRUTH) and part.level == Level.ATOM
    return part.text[len(_TRUTH) : -1] if is_comparison else part.at(Level.SUM)
