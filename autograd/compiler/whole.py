"""Numbers of a recording that are an int or a bool when the function runs without one.

An argument that is an int, and what a comparison gives, must become nodes, for a replay to compute them anew.  Where
only an int will do (an index, a ``range``, ``n % 2``) they are that int, which becomes a guard; and they are equal to
other numbers as an int is.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from autograd import ops
from autograd.value import Value

__all__ = ["Whole"]


class Whole(Value):
    """A node that stands for an int or a bool.

    >>> from autograd import compile
    >>> @compile
    ... def f(x, n, k):
    ...     return sum(x[(k + i) % 3] for i in range(n)) if n != 0 else x[0] * 0
    >>> f.value_and_grad([1.0, 2.0, 3.0], 2, 1)
    (5.0, ([0.0, 1.0, 1.0], 0.0, 0.0))
    """

    __slots__ = ()
    __hash__ = Value.__hash__

    @classmethod
    def of(cls, node: Any) -> Whole:
        """The node itself, which is whole from now on."""
        whole: Whole = node
        whole.__class__ = cls
        return whole

    def __index__(self) -> int:  # type: ignore[override]  # of no other Value
        return int(self.data)

    __int__ = __index__  # type: ignore[assignment]  # nor is this

    def __pow__(self, exponent: Any) -> Value:
        out = super().__pow__(exponent)
        return Whole.of(out) if isinstance(exponent, int) and exponent >= 0 else out

    def __eq__(self, other: object) -> Any:
        return Whole.of(Value.apply(ops.equal, (self, other))) if isinstance(other, (Value, Real)) else NotImplemented


def _same(name: str) -> Callable[..., Any]:
    """The operator of a Value, whose result is whole if its operands are."""
    method = getattr(Value, name)

    def operator(self: Whole, *others: Any) -> Any:
        out = method(self, *others)
        return Whole.of(out) if all(isinstance(x, (Integral, Whole)) for x in others) else out

    return operator


def _read(name: str) -> Callable[..., Any]:
    """The operator of an int, which no Value has, or has for another purpose."""

    def operator(self: Whole, *others: Any) -> Any:
        return getattr(int(self), name)(*[int(x) if isinstance(x, Whole) else x for x in others])

    return operator


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "pos", "abs"):
    setattr(Whole, f"__{_name}__", _same(f"__{_name}__"))
for _name in (
    "mod", "rmod", "floordiv", "rfloordiv", "divmod", "rdivmod", "lshift", "rlshift", "rshift", "rrshift",
    "and", "rand", "or", "ror", "xor", "rxor", "invert", "str", "format",
):  # fmt: skip
    setattr(Whole, f"__{_name}__", _read(f"__{_name}__"))
