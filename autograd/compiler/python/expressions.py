"""Operations of the table as Python expressions, with the parentheses that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from autograd import ops
from autograd.ops import Op

__all__ = ["ATOM", "CHOICE", "PRODUCT", "SIGN", "SUM", "Expression", "added", "number", "operation", "times"]

# How tightly an expression binds: a part is put in parentheses where its level is below what its place needs.
CHOICE, SUM, PRODUCT, SIGN, ATOM = range(5)
_INFIX = {ops.add: ("+", SUM), ops.sub: ("-", SUM), ops.mul: ("*", PRODUCT)}
_COMPARISON = {ops.less: "<", ops.less_equal: "<=", ops.equal: "=="}
_TRUTH = "float("  # what a comparison begins with where it is a number


class Expression(NamedTuple):
    """A piece of Python."""

    text: str
    level: int = ATOM

    def at(self, needed: int) -> str:
        """The text for a place where everything below a level needs parentheses."""
        return self.text if self.level >= needed else f"({self.text})"


def number(x: float) -> Expression:
    """A plain number."""
    return Expression(repr(x), SIGN if repr(x)[0] == "-" else ATOM)


def times(x: Expression, y: Expression) -> Expression:
    """A product."""
    return Expression(f"{x.at(PRODUCT)} * {y.at(SIGN)}", PRODUCT)


def added(terms: Sequence[Expression]) -> Expression:
    """A sum of one term or more."""
    if len(terms) == 1:
        return terms[0]
    return Expression(" + ".join([terms[0].at(SUM), *[term.at(PRODUCT) for term in terms[1:]]]), SUM)


def operation(op: Op, parts: Sequence[Expression], function: Callable[[Op], str]) -> Expression:
    """An operation on parts; ``function`` tells under which name the value function of a row is called.

    >>> x, y = Expression("x"), Expression("y")
    >>> operation(ops.mul, [operation(ops.add, [x, y], str), y], str).text
    '(x + y) * y'
    """
    if op is ops.sub and parts[1].text == "-0.0":  # that makes 0.0 of -0.0
        return Expression(f"{parts[0].at(SUM)} + 0.0", SUM)
    if op in _INFIX:
        sign, level = _INFIX[op]
        return Expression(f"{parts[0].at(level)} {sign} {parts[1].at(level + 1)}", level)
    if op is ops.neg:
        return Expression(f"-{parts[0].at(ATOM)}", SIGN)
    if op is ops.square:
        return times(parts[0], parts[0])
    if op is ops.sum_of_products:
        ps, qs, start = ops.factors(parts)
        return added([*map(times, ps, qs), *start])
    if op is ops.identity or op is ops.detached:
        return parts[0]
    if op is ops.div and parts[1].text not in ("inf", "nan") and _is_nonzero_number(parts[1].text):
        return Expression(f"{parts[0].at(PRODUCT)} / {parts[1].at(SIGN)}", PRODUCT)
    if op is ops.select:
        return Expression(f"{parts[1].at(SUM)} if {_condition(parts[0])} else {parts[2].at(CHOICE)}", CHOICE)
    if op in _COMPARISON:
        return Expression(f"{_TRUTH}{parts[0].at(SUM)} {_COMPARISON[op]} {parts[1].at(SUM)})")
    return Expression(f"{function(op)}({', '.join([part.text for part in parts])})")


def _is_nonzero_number(text: str) -> bool:
    try:
        return float(text) != 0.0
    except ValueError:
        return False


def _condition(part: Expression) -> str:
    """What is true where a select takes its first branch."""
    return part.text[len(_TRUTH) : -1] if part.text.startswith(_TRUTH) and part.level == ATOM else part.at(SUM)
