"""The exceptions of the package: one base class, and a built-in one beside it where Python users expect that."""

from __future__ import annotations

__all__ = [
    "AutogradError", "CompileError", "DrawingError", "ExpressionError", "GradcheckError", "NumericError",
    "PrimitiveError", "StaleGraphError",
]  # fmt: skip


class AutogradError(Exception):
    """Base class of every error that this package raises on purpose.

    >>> try:
    ...     with strict():
    ...         Value(0.0).log()
    ... except AutogradError as error:
    ...     print(type(error).__name__)
    NumericError
    """


class NumericError(AutogradError, ArithmeticError):
    """Inside ``strict()``: an operation gave nan or inf, or was asked for a point outside its domain.

    >>> with strict():
    ...     Value(0.0, "x").log()
    Traceback (most recent call last):
        ...
    autograd.errors.NumericError: log(0 ('x')) at ... gave -inf
    """


class PrimitiveError(AutogradError):
    """A user's own primitive raised, or returned something that is not a value or not its partial derivatives.

    >>> halved = primitive(lambda y, x: "half", name="halved")(lambda x: x / 2)
    >>> halved(Value(1.0))
    Traceback (most recent call last):
        ...
    autograd.errors.PrimitiveError: primitive 'halved' gave 'half' as a partial derivative: ...
    """


class CompileError(AutogradError):
    """The compiler cannot do something; the message says what, and why.

    Where the same can be computed without the compiler, as in ``nn.fit``, this happens, and the message becomes a
    warning.  Any other error from the compiler is a mistake in this package, and is not caught anywhere.

    >>> from autograd.compiler.backends import compile_errors
    >>> try:
    ...     with compile_errors():
    ...         {1.0: "one"}[2.0]
    ... except CompileError as error:
    ...     print(error)
    KeyError: 2.0
    """


class GradcheckError(AutogradError, AssertionError):
    """A gradient disagrees with finite differences.

    >>> from autograd import gradcheck
    >>> wrong = primitive(lambda y, x: 3 * x, name="wrong")(lambda x: x**2)
    >>> gradcheck(wrong, 5.0)
    Traceback (most recent call last):
        ...
    autograd.errors.GradcheckError: 0 of 1 derivatives agree with finite differences
      wrong: d output / d argument 0 at 5 is 15, but differences give 10 ± ... (off by 5)
    """


class DrawingError(AutogradError, RuntimeError):
    """A graph could not be laid out: no Graphviz was found, or it failed, or took too long.

    >>> from autograd import draw_dot
    >>> try:
    ...     draw_dot(Value(1.0)).pipe("no such format")
    ... except DrawingError:
    ...     print("there is no such picture")
    there is no such picture
    """


class ExpressionError(AutogradError, ValueError):
    """A formula given as text has something in it that is not allowed, or its names and values do not match.

    >>> from autograd.expression import parse
    >>> parse("x +")
    Traceback (most recent call last):
        ...
    autograd.errors.ExpressionError: ...
    """


class StaleGraphError(AutogradError, RuntimeError):
    """The number of a node was changed after it was used, and the old one is needed to differentiate again.

    >>> x = Value(3.0, "x"); y = x * x
    >>> x.data = 5.0
    >>> grad(y, x, create_graph=True)
    Traceback (most recent call last):
        ...
    autograd.errors.StaleGraphError: mul(5 ('x'), 5 ('x')) was recorded as 9.0 but now is 25.0: ...
    """
