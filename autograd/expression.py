"""Formulas given as text: what the whitelist knows is translated, everything else is refused, nothing is run as Python.

The text is parsed with ``ast``, and the tree is translated into steps in postfix order.  Neither the translation nor
the evaluation recurses, numbers are floats only, and the text is short: time and memory are bounded.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from autograd import ops
from autograd.errors import ExpressionError
from autograd.ops import TABLE, Binary, Number, Op, Unary

MAX_LENGTH = 2_000  # characters
CONSTANTS = {"e": math.e, "pi": math.pi}

_OPERATORS: dict[type[ast.operator | ast.unaryop], Op] = {
    ast.Add: ops.add, ast.Sub: ops.sub, ast.Mult: ops.mul, ast.Div: ops.div, ast.Pow: ops.power, ast.USub: ops.neg,
}  # fmt: skip
_NOT_FUNCTIONS = {"leaf", "constant", "frozen", "constant_power"}
# Rows that a formula may call, but that no list of functions needs: operators, and parts of other rows' derivatives.
_UNLISTED = {
    "add", "sub", "mul", "div", "neg", "power", "equal", "less", "less_equal", "select", "take", "largest",
    "detached", "identity", "step", "gauss", "normal_cdf", "normal_pdf",
}  # fmt: skip
_USUAL_NAMES = {"ln": "log", "min": "minimum"}  # elsewhere; other such names are similar enough to be found
_PRODUCT = re.compile(r"[\d)]\s*[^\W\d_]|[\w)]\s+\w|\)\s*\(")
_FOREIGN = re.compile(r"[^\w\s.,+*/()-]")


class Call(NamedTuple):
    """A step: a row of the derivative table takes its operands from the stack and puts its result there."""

    row: Op
    operands: int


Step = float | str | Call  # a number and a name go onto the stack


class Expression(NamedTuple):
    """A formula, ready to be evaluated: its text, the names in it in order, and its steps."""

    text: str
    names: tuple[str, ...]
    steps: tuple[Step, ...]

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value of the formula; a node of the graph, if there are Values among the given ones.

        Each name needs a number or a Value, but for ``pi`` and ``e``.

        Raises:
            ExpressionError: A name has no value, or a value belongs to no name.

        >>> a, b = Value(-4.0), Value(2.0)
        >>> parse("a*b + b**3").evaluate({"a": a, "b": b}).backward()
        >>> a.grad, b.grad
        (2.0, 8.0)
        """
        known = {**CONSTANTS, **values}
        if missing := [name for name in self.names if name not in known]:
            raise ExpressionError(f"{_shortened(self.text)!r} needs a value for {_listed(missing)}")
        if unused := [name for name in values if name not in self.names]:
            raise ExpressionError(f"{_shortened(self.text)!r} does not use {_listed(unused)}")
        stack: list[Any] = []
        for step in self.steps:
            if isinstance(step, Call):
                operands = stack[-step.operands :]
                stack[-step.operands :] = [_apply(step.row, operands)]
            else:
                stack.append(known[step] if isinstance(step, str) else step)
        return stack.pop()


def parse(text: str) -> Expression:
    """Translate a formula: numbers, names, ``+ - * / **``, parentheses, and the functions of the derivative table.

    Raises:
        ExpressionError: It is too long, or has anything else in it; the message quotes the part.

    >>> parse("a*b + sin(a)").names
    ('a', 'b')
    >>> parse("2 + 3").evaluate({})
    5.0
    >>> parse("a.__class__")
    Traceback (most recent call last):
    autograd.errors.ExpressionError: 'a.__class__' is not allowed: ...
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text)} characters, {MAX_LENGTH} are allowed")
    line = " ".join(text.split())
    if not line:
        raise ExpressionError("the expression is empty")
    if found := _FOREIGN.search(line):
        hint = ": powers are written **" if found[0] == "^" else ""
        raise ExpressionError(f"unexpected character {found[0]!r} in {_shortened(line)!r}{hint}")
    steps = _postfix(_tree(line), line)
    return Expression(line, tuple(dict.fromkeys([step for step in steps if isinstance(step, str)])), steps)


def function_names() -> list[str]:
    """The functions that a formula may call."""
    return sorted(set(TABLE) - _NOT_FUNCTIONS)


def listed_names() -> list[str]:
    """The functions that users are told of."""
    return [name for name in function_names() if name not in _UNLISTED]


def _tree(line: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of what looks odd, such as `1if`; it is refused anyway
            return ast.parse(line, mode="eval").body
    except (RecursionError, MemoryError):
        raise ExpressionError(f"{_shortened(line)!r} is nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        hint = "; products are written *, as in 2*a" if _PRODUCT.search(line) else ""
        raise ExpressionError(f"{_shortened(line)!r} is not an expression: {reason}{hint}") from None


def _postfix(tree: ast.expr, line: str) -> tuple[Step, ...]:
    """The steps in the order of evaluation, with what is made of numbers alone already computed."""
    # A call is put onto the stack below its operands: it comes up again once the steps of all of them are written.
    steps: list[Step] = []
    pending: list[ast.expr | Call] = [tree]
    while pending:
        match node := pending.pop():
            case Call():
                _emit(node, steps)
            case ast.BinOp(left=x, op=operator, right=y) if type(operator) in _OPERATORS:
                pending += [Call(_OPERATORS[type(operator)], 2), y, x]
            case ast.UnaryOp(op=ast.USub(), operand=x):
                pending += [Call(ops.neg, 1), x]
            case ast.UnaryOp(op=ast.UAdd(), operand=x):
                pending.append(x)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                pending += [Call(_function(name, len(arguments)), len(arguments)), *reversed(arguments)]
            case ast.Name(id=name):
                steps.append(name)
            case ast.Constant(value=int() | float() as literal) if not isinstance(literal, bool):
                steps.append(_finite(literal, _part(node, line)))
            case _:
                # Python reads 3(a + 1) as a call of 3.
                is_product = isinstance(node, ast.Call) and not isinstance(node.func, (ast.Name, ast.Attribute))
                hint = "products are written *, as in 2*a" if is_product else (
                    "use numbers, names, + - * / **, and functions such as sin(x)"
                )  # fmt: skip
                raise ExpressionError(f"{_shortened(_part(node, line))!r} is not allowed: {hint}")
    return tuple(steps)


def _part(node: ast.expr, line: str) -> str:
    return line.encode()[node.col_offset : node.end_col_offset].decode()  # ast counts in bytes


def _emit(call: Call, steps: list[Step]) -> None:
    operands = steps[-call.operands :]
    numbers = [x for x in operands if isinstance(x, float)]
    if len(numbers) < call.operands:
        steps.append(call)
    else:
        text = f"{call.row.name}({', '.join(map(repr, numbers))})"
        steps[-call.operands :] = [_finite(_apply(call.row, numbers), text)]


def _apply(row: Op, operands: Iterable[Any]) -> Any:
    x, *rest = operands
    if row is ops.power and not isinstance(rest[0], Number):
        row = ops.constant_power  # as the operator does: with a plain exponent only the base is differentiated
    return row(x, *rest)


def _finite(number: float, text: str) -> float:
    """A number as a float, if it is one."""
    try:
        x = float(number)
    except OverflowError:
        x = math.inf
    if not math.isfinite(x):
        raise ExpressionError(f"{_shortened(text)} is {x}, not a finite number")
    return x


def _function(name: str, operands: int) -> Op:
    if name not in TABLE or name in _NOT_FUNCTIONS:
        known = listed_names()
        close = [_USUAL_NAMES[name]] if name in _USUAL_NAMES else get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {' '.join(known)}"
        raise ExpressionError(f"there is no function {_shortened(name)!r}: {hint}")
    row = TABLE[name]
    if not operands or not _takes(row, operands):
        raise ExpressionError(f"{name} does not take {operands} operand{'s' * (operands != 1)}")
    return row


def _takes(row: Op, operands: int) -> bool:
    if isinstance(row, (Unary, Binary)):
        return operands == (1 if isinstance(row, Unary) else 2)
    try:
        inspect.signature(row.value).bind(*range(operands))
    except TypeError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return _shortened(", ".join(map(repr, names)))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:50]}…{text[-9:]}"
