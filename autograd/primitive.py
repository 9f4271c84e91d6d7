"""Your own rows of the derivative table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from autograd.errors import AutogradError, PrimitiveError
from autograd.modes import transformation
from autograd.ops import TABLE, Number, Op, as_float


class Primitive(Op):
    """A row that a user added: what its functions return is checked, since a typing error there is a wrong gradient."""

    def __init__(self, function: Callable[..., float], partials: Callable[..., Any], name: str = "") -> None:
        def value(*operands: float) -> float:
            return self._number("its value", self._call(function, operands))

        def checked_partials(result: Any, *operands: Any) -> Sequence[Any]:
            found = self._call(partials, (result, *operands))
            if not isinstance(found, (tuple, list)):
                found = (found,)
            if len(found) != len(operands):
                raise PrimitiveError(
                    f"primitive {self.name!r} gave {len(found)} partial derivatives for {len(operands)} operands"
                )
            return tuple([d if isinstance(d, Number) else self._number("a partial derivative", d) for d in found])

        self.function = function
        value.__doc__ = function.__doc__
        super().__init__(name or function.__name__, value, checked_partials)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        symbolic = any(isinstance(x, Number) for x in arguments)
        try:
            with nullcontext() if symbolic else transformation(False):  # floats in, floats out
                return function(*arguments)
        except AutogradError:
            raise
        except Exception as error:  # of the user's function
            at = ", ".join(map(str, arguments))
            raise PrimitiveError(f"primitive {self.name!r} raised {type(error).__name__} at ({at}): {error}") from error

    def _number(self, what: str, x: Any) -> float:
        try:
            return as_float(x)
        except (TypeError, OverflowError) as error:
            raise PrimitiveError(f"primitive {self.name!r} gave {x!r} as {what}: {error}") from error


def primitive(partials: Callable[..., Any], *, name: str = "") -> Callable[[Callable[..., float]], Primitive]:
    """Make a function of floats a primitive with the given derivatives, usable like a built-in one.

    Args:
        partials: A function of the result and the operands that returns one derivative per operand (one alone needs no
            tuple).  Write it with operators and the functions of this package, not with those of ``math``: then it
            works on Values too, and the primitive can be differentiated any number of times and compiled.
        name: Name in drawings and messages; by default that of the function.

    Raises:
        PrimitiveError: When the primitive is used and a function raises, or returns something else than numbers.

    >>> @primitive(lambda y, x: 3 * x**2)
    ... def cube(x):
    ...     return x**3
    >>> x = Value(2.0)
    >>> y = cube(x); y.backward(); y.data, x.grad
    (8.0, 12.0)
    >>> (dx,) = grad(cube(x), [x], create_graph=True)
    >>> grad(dx, [x])
    (12.0,)
    """

    def decorate(function: Callable[..., float]) -> Primitive:
        given: object = function
        if not callable(given):
            bare = getattr(partials, "__name__", "the function")
            raise PrimitiveError(f"@primitive above {bare} needs the derivative: write @primitive(lambda y, x: …)")
        row = Primitive(function, partials, name)
        if row.name in TABLE and not isinstance(TABLE[row.name], Primitive):
            raise PrimitiveError(f"{row.name!r} is a built-in primitive: give yours another name")
        TABLE[row.name] = row
        return row

    return decorate
