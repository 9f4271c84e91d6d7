"""What a row of the derivative table is: a primitive that computes with floats, and with any other kind of number.

A row is called like the function that it stands for.  Floats it computes itself; the first operand of another kind
says what becomes of the call:

    sin(0.5)               ieee.sin(0.5)                         a float
    sin(Value(0.5))        Value.apply(sin, (Value(0.5),))       a node
    mul(2.0, register)     register.apply(mul, (2.0, register))  a piece of program

So the partial derivatives in the table, which call rows, are right for each kind.  The rows are in ``ops.py``.
"""

from __future__ import annotations

import builtins
import numbers
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from autograd import ieee
from autograd.errors import PrimitiveError

N = TypeVar("N", bound="Number")


class Number:
    """Base class of all numbers other than floats that rows compute with: nodes, and registers of the compiler.

    A subclass says in ``apply`` what one primitive does to it.
    """

    __slots__ = ()

    @classmethod
    def apply(cls, op: Op, operands: Sequence[Any]) -> Any:
        """The result of one primitive, whose operands are of this kind, or plain numbers."""
        raise NotImplementedError

    def select(self, x: Any, y: Any) -> Any:
        """x where this number is not 0, else y."""
        raise NotImplementedError


class Traced(Number):
    """A plain number in a call that the compiler records; its ``node`` is the node that holds it.

    It passes for the float, int or bool that it stands for, so its real type is asked with ``type(x)``.
    """

    __slots__ = ("node",)
    node: Any


_FLOATS = {float}
_MISSING = object()  # in the place of an operand that was not given
TABLE: dict[str, Op] = {}  # every row by its name


class Detached(float):
    """A number that was computed from Values, through which no gradient goes to them.

    A derivative is one if its function uses Values that it did not get as arguments.  What is computed from a number
    of this kind is another one, so that it is noticed where it gets into a graph.
    """

    __slots__ = ()


def _keeping_kind(name: str) -> Callable[..., Any]:
    plain = getattr(float, name)

    def operator(*operands: Any) -> Any:
        result = plain(*operands)
        if result is NotImplemented and isinstance(operands[1], numbers.Real):  # one of numpy's
            result = plain(operands[0], float(operands[1]))
        return Detached(result) if type(result) is float else result

    return operator


for _name in ("add", "sub", "mul", "truediv", "pow", "radd", "rsub", "rmul", "rtruediv", "rpow", "neg", "pos", "abs"):
    setattr(Detached, f"__{_name}__", _keeping_kind(f"__{_name}__"))


# What the primitives are, for ``help``: a formula, the derivative, and an example.  The rows stay one line each so.
_TEXT = """
abs       | |x|                                          | sign x, and 0 at 0                   | -3.0     | 3.0
acos      | arccos x, in radians                         | -1 / sqrt(1 - x²)                    | 1.0      | 0.0
acosh     | the inverse of cosh for x ≥ 1                | 1 / sqrt(x² - 1)                     | 1.0      | 0.0
asin      | arcsin x, in radians                         | 1 / sqrt(1 - x²)                     | 0.0      | 0.0
asinh     | the inverse of sinh                          | 1 / sqrt(1 + x²)                     | 0.0      | 0.0
atan      | arctan x, in radians                         | 1 / (1 + x²)                         | 0.0      | 0.0
atan2     | the angle of the point (x, y), given y first | x / (x² + y²), -y / (x² + y²)        | 0.0, 2.0 | 0.0
atanh     | the inverse of tanh, for |x| ≤ 1             | 1 / (1 - x²)                         | 1.0      | inf
cbrt      | the real cube root of x                      | 1 / (3 cbrt(x)²)                     | -8.0     | -2.0
cos       | cos x, for x in radians                      | -sin x                               | 0.0      | 1.0
cosh      | (e^x + e^-x) / 2                             | sinh x                               | 0.0      | 1.0
erf       | 2/sqrt(π) ∫ e^-t² dt from 0 to x             | 2/sqrt(π) e^-x²                      | 0.0      | 0.0
exp       | e^x, and inf where that is too large         | e^x                                  | 1000.0   | inf
expm1     | e^x - 1, accurate around 0                   | e^x                                  | 1e-20    | 1e-20
floor     | the largest whole number up to x             | 0                                    | -1.5     | -2.0
gelu      | x Φ(x), with the normal distribution Φ       | Φ(x) + x Φ'(x)                       | 100.0    | 100.0
hypot     | h = sqrt(x² + y²), without overflow          | x / h, y / h; 0, 0 at the origin     | 3.0, 4.0 | 5.0
identity  | x, as a node of its own                      | 1                                    | 2.0      | 2.0
log       | the natural logarithm; -inf at 0, nan below  | 1 / x                                | 0.0      | -inf
log10     | the logarithm to base 10                     | 1 / (x log 10)                       | 1000.0   | 3.0
log1p     | log(1 + x), accurate around 0                | 1 / (1 + x)                          | 1e-20    | 1e-20
log2      | the logarithm to base 2                      | 1 / (x log 2)                        | 8.0      | 3.0
logaddexp | log(e^x + e^y), without overflow             | e^x / (e^x + e^y), e^y / (e^x + e^y) | 1e3, 0.0 | 1000.0
maximum   | the larger one, nan if one is nan            | 1 by it, else 0; ½, ½ in a tie       | 2.0, 3.0 | 3.0
minimum   | the smaller one, nan if one is nan           | 1 by it, else 0; ½, ½ in a tie       | 2.0, 3.0 | 2.0
relu      | max(x, 0)                                    | 1 for x > 0, else 0                  | -2.0     | 0.0
round     | the nearest whole number, ties to even       | 0                                    | 2.5      | 2.0
sigmoid   | σ(x) = 1 / (1 + e^-x)                        | σ(x) (1 - σ(x))                      | 0.0      | 0.5
sign      | -1, 0 or 1                                   | 0                                    | -3.0     | -1.0
silu      | x σ(x), with the sigmoid σ                   | σ(x) + x σ(x) (1 - σ(x))             | 100.0    | 100.0
sin       | sin x, for x in radians                      | cos x                                | 0.0      | 0.0
sinh      | (e^x - e^-x) / 2                             | cosh x                               | 0.0      | 0.0
softplus  | log(1 + e^x), without overflow               | σ(x)                                 | 1000.0   | 1000.0
sqrt      | the square root; nan below 0                 | 1 / (2 sqrt(x)), and inf at 0        | 9.0      | 3.0
square    | x²                                           | 2x                                   | -3.0     | 9.0
tan       | tan x, for x in radians                      | 1 + tan² x                           | 0.0      | 0.0
tanh      | (e^x - e^-x) / (e^x + e^-x)                  | 1 - tanh² x                          | 1000.0   | 1.0
"""


def _docstring(line: str) -> tuple[str, str]:
    name, formula, derivative, operands, result = [cell.strip() for cell in line.split(" | ")]
    return name, (
        f"{name}: {formula}; the derivative is {derivative}.  Takes floats or Values.\n\n"
        f">>> from autograd import {name}\n>>> {name}({operands})\n{result}\n"
    )


DOCSTRINGS = dict(map(_docstring, _TEXT.strip().splitlines()))
__test__ = DOCSTRINGS  # doctest looks here for what belongs to no function


class Op:
    """One row of the table: a primitive, its value on floats and its partial derivatives on any numbers.

    Args:
        name: The name, by which the table and files know the row.
        value: The function on floats, from the operands to the result.
        partials: The local derivatives, from the result and the operands to one derivative per operand.
        symbol: The sign that drawings show; the name if there is none.
    """

    def __init__(
        self, name: str, value: Callable[..., float], partials: Callable[..., Sequence[Any]], symbol: str = ""
    ) -> None:
        self.name = name
        self.symbol = symbol or name
        self.value = value
        self.partials = partials
        self.__doc__ = DOCSTRINGS.get(name, value.__doc__)

    def __call__(self, *operands: Any) -> Any:
        if {*map(type, operands)} <= _FLOATS:
            return self.value(*operands)
        for operand in operands:
            if isinstance(operand, Number):
                return operand.apply(self, operands)
        result = self.value(*map(as_float, operands))
        return Detached(result) if any(type(x) is Detached for x in operands) else result

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        if TABLE.get(self.name) is not self:
            raise PrimitiveError(f"cannot save {self!r}: another primitive has taken its name since")
        return _row, (self.name,)


class Unary(Op):
    """A primitive of one operand, whose row gives one derivative instead of a tuple."""

    def __init__(self, name: str, value: ieee.Real, derivative: Callable[[Any, Any], Any], symbol: str = "") -> None:
        super().__init__(name, value, lambda y, x: (derivative(y, x),), symbol)
        self.derivative = derivative

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: N) -> N: ...
    def __call__(self, x: Any, other: Any = _MISSING) -> Any:
        if other is not _MISSING:
            name, pythons = self.name, f"; Python's is builtins.{self.name}" if hasattr(builtins, self.name) else ""
            raise TypeError(f"{name} takes one number, as in {name}(x){pythons}")
        if type(x) is float:
            return self.value(x)
        return x.apply(self, (x,)) if isinstance(x, Number) else Op.__call__(self, x)


class Binary(Op):
    """A primitive of two operands."""

    @overload
    def __call__(self, x: float, y: float) -> float: ...
    @overload
    def __call__(self, x: N, y: N | float) -> N: ...
    @overload
    def __call__(self, x: float, y: N) -> N: ...
    def __call__(self, x: Any, y: Any = _MISSING, *more: Any) -> Any:
        if type(x) is float and type(y) is float and not more:
            return self.value(x, y)
        if y is _MISSING or more:
            raise TypeError(
                f"{self.name} takes two numbers, as in {self.name}(x, y); for a list, write "
                f"functools.reduce({self.name}, xs)"
            )
        return x.apply(self, (x, y)) if isinstance(x, Number) else Op.__call__(self, x, y)


def _row(name: str) -> Op:
    """The row of a name that a pickle has."""
    try:
        return TABLE[name]
    except KeyError:
        raise LookupError(f"unknown primitive {name!r}: define it with @primitive before loading") from None


def unary(name: str, value: ieee.Real, derivative: Callable[[Any, Any], Any], symbol: str = "") -> Unary:
    """Add the row of a primitive of one operand: its derivative takes (y, x)."""
    row = TABLE[name] = Unary(name, value, derivative, symbol)
    return row


def binary(
    name: str, value: Callable[[float, float], float], partials: Callable[[Any, Any, Any], Any], symbol: str = ""
) -> Binary:
    """Add the row of a primitive of two operands: its partials take (z, x, y)."""
    row = TABLE[name] = Binary(name, value, partials, symbol)
    return row


def nary(name: str, value: Callable[..., float], partials: Callable[..., Sequence[Any]], symbol: str = "") -> Op:
    """Add the row of a primitive of any number of operands: its partials take (y, *xs)."""
    row = TABLE[name] = Op(name, value, partials, symbol)
    return row


def as_float(x: Any) -> float:
    """A real number of any kind as a float.

    Raises:
        TypeError: Not a real number; the message says what to do.
        OverflowError: An integer or fraction beyond the largest float.
    """
    kind = type(x).__name__
    if isinstance(x, (int, float, numbers.Real)) or kind in ("bool", "bool_"):  # numpy's bool is no numbers.Real
        return float(x)
    if isinstance(x, Number):
        raise TypeError(f"expected a plain number, not a {kind}: use it as it is, or its .data, or .detach()")
    if isinstance(x, str):
        raise TypeError(f"expected a number, not the text {x!r}{_way_out_of_text(x)}")
    if hasattr(x, "detach") and hasattr(x, "tolist"):
        raise TypeError(f"expected one number, not a {kind} of another library: give its numbers, as in x.tolist()")
    if isinstance(x, tuple) and len(x) == 1:
        raise TypeError("expected one number, not a tuple of one: take its entry, as in autograd.grad(y, x)[0]")
    if getattr(x, "shape", None) == () and hasattr(x, "__array__") and not isinstance(x, numbers.Number):
        raise TypeError(f"expected a number, not a zero-dimensional {kind}: give float(x)")
    if hasattr(x, "__len__") or hasattr(x, "__array__"):
        raise TypeError(f"expected one number, not a {kind}: a Value is a scalar, use [Value(x) for x in ...]")
    if x is None:
        raise TypeError("expected a real number, not None: perhaps a function lacks its return")
    raise TypeError(f"expected a real number, not {x!r} of type {kind}")


def _way_out_of_text(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return ""
    return f": convert it first, as in float({text!r})"
