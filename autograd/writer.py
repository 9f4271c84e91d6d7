"""The one writer of expressions: how tightly each piece of text binds, and where brackets go.

Each form in which expressions are printed is a ``Dialect``, a table of spellings: the labels of drawings, programs for
this package, PyTorch and JAX, formulas as text and in LaTeX, the matrix form, and the compiler's Python.

>>> x, y = Text("x"), Text("y")
>>> python = Dialect({ops.add: " + ", ops.mul: " * "}, {"relu": "max({0}, 0)", "square": "{0:ATOM}**2"})
>>> total = python.operation(ops.add, [x, y])
>>> print(total, python.operation(ops.mul, [total, y]), sep="; ")
x + y; (x + y) * y
>>> print(python.operation(ops.square, [total]), python.operation(ops.relu, [total]), sep="; ")
(x + y)**2; max(x + y, 0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, NamedTuple

from autograd import ops
from autograd.ops import Op


class Level(IntEnum):
    """The strength with which a piece of text binds; a place that needs more strength puts it in brackets."""

    OPEN = 0  # a choice, a comparison, or a Σ: all that follows belongs to it
    SUM = 1
    PRODUCT = 2
    SIGN = 3
    POWER = 4
    ATOM = 5  # a name, a number, a call, or anything in brackets


OPEN, SUM, PRODUCT, SIGN, POWER, ATOM = Level


@dataclass(slots=True)  # not frozen: that would take twice the time for each name of a node
class Text:
    """A piece of an expression as text.

    In a template, ``{0:POWER}`` stands for the first piece as it is written where a power is needed.
    """

    brackets: ClassVar[str] = "({})"
    text: str
    level: Level = ATOM

    def at(self, needed: Level) -> str:
        """The text for a place in which everything that binds less tightly needs brackets."""
        return self.text if self.level >= needed else self.brackets.format(self.text)

    def __str__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return self.at(Level[spec]) if spec else self.text


class Operator(NamedTuple):
    """The strength with which an operator binds."""

    level: Level  # of the result
    first: Level  # below it the first operand is put in brackets
    others: Level  # below it any other operand is


# The one table of precedences.  That a - (b - c) and a / (b * c) keep their brackets is in the last column; a + (b + c)
# keeps them, too, since floats are rounded in another order without.
PRECEDENCE: dict[Op, Operator] = {
    **dict.fromkeys(ops.COMPARISONS, Operator(OPEN, SUM, SUM)),
    **dict.fromkeys((ops.add, ops.sub), Operator(SUM, SUM, PRODUCT)),
    **dict.fromkeys((ops.mul, ops.div), Operator(PRODUCT, PRODUCT, SIGN)),
    **dict.fromkeys((ops.power, ops.constant_power), Operator(POWER, ATOM, POWER)),
}
PROGRAM_SIGN = Operator(SIGN, POWER, POWER)  # programs read -a * b as (-a) * b, so that -(a * b) needs brackets
TERM_SIGN = Operator(SUM, PRODUCT, PRODUCT)  # formulas read -a b as -(a b): a sign makes a sum of one term


@dataclass(frozen=True)
class Dialect:
    """A way to spell expressions.

    In the template of a function {0} and {1} are operands, {all} is a list of all of them, and {0:POWER} is an operand
    in brackets unless it binds at least as tightly as a power.
    """

    operators: Mapping[Op, str]  # spaces included
    functions: Mapping[str, str] = field(default_factory=dict)  # templates, by the names of primitives
    loose: Mapping[str, Level] = field(default_factory=dict)  # the levels of those whose templates are no atoms
    sign: str = "-"
    binding: Operator = PROGRAM_SIGN  # of the sign
    apart: bool = False  # a sign that follows an operator is put in brackets: x*(-3)
    kind: type[Text] = Text

    def number(self, text: str) -> Text:
        """A number, given as it is spelled."""
        return self.kind(text, self.binding.level if text.startswith(self.sign) else ATOM)

    def negative(self, x: Text) -> Text:
        """A sign and its operand."""
        return self.kind(self.sign + x.at(self.binding.first), self.binding.level)

    def inner(self, x: Text, needed: Level) -> str:
        """An operand behind an operator."""
        text = x.at(needed)
        return x.brackets.format(text) if self.apart and text.startswith(self.sign) else text

    def infix(self, op: Op, operands: Sequence[Text]) -> Text:
        """Operands with an operator between them; one operand is itself."""
        level, first, others = PRECEDENCE[op]
        if len(operands) == 1:
            return operands[0]
        texts = [operands[0].at(first), *[self.inner(x, others) for x in operands[1:]]]
        return self.kind(self.operators[op].join(texts), level)

    def products(self, operands: Sequence[Text]) -> list[Text]:
        """The terms of a sum of products, given as all left factors, then all right ones, then what is added."""
        left, right, rest = ops.factors(operands)
        return [*[self.infix(ops.mul, pair) for pair in zip(left, right)], *rest]

    def function(self, name: str, operands: Sequence[Text]) -> Text:
        """A call."""
        text = self.template(name).format(*operands, all=", ".join([x.text for x in operands]))
        return self.kind(text, self.loose.get(name, ATOM))

    def template(self, name: str) -> str:
        """The template of a function: its own, or that of a call."""
        return self.functions.get(name, f"{name}({{all}})")

    def operation(self, op: Op, operands: Sequence[Text]) -> Text:
        """A primitive applied to operands."""
        if op in self.operators:
            return self.infix(op, operands)
        if op is ops.neg:
            return self.negative(operands[0])
        if op is ops.sum_of_products:
            return self.infix(ops.add, self.products(operands))
        return self.function(op.name, operands)
