"""The plain numbers of a call while it is recorded: what the function gets in the place of a float, an int or a bool.

A node has its own identity and no truth of its own; a number is equal to another one, can be a key, an index or a
condition.  So an argument that is a plain number does not come as a node but as an object that has one: arithmetic
makes nodes, hence is computed anew at every replay, and whatever only a number can do is done with the number of this
call, which becomes a guard of the recording.

>>> from autograd import compile
>>> @compile
... def f(x, n, k):
...     return sum(x[(k + i) % 3] for i in range(n)) if n != 0 else x[0] * 0
>>> f.value_and_grad([1.0, 2.0, 3.0], 2, 1)
(5.0, ([0.0, 1.0, 1.0], 0.0, 0.0))
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NoReturn

from autograd import ops
from autograd.compiler.recording.exact import EXACT, bound, bounded, divisor, powered
from autograd.modes import current_modes, open_contexts
from autograd.ops import Op, Traced
from autograd.value import Value, constant

_set_node = vars(Traced)["node"].__set__


class IntLeaf(Value):
    """The node of an argument that is an int, which a message can tell from others."""

    __slots__ = ()


def traced(number: Any, label: str = "", *, differentiated: bool = False) -> TracedNumber:
    """What stands for a plain number in the arguments.

    Args:
        number: A float, an int or a bool.
        label: A name for the node.
        differentiated: Whether to refuse uses that would drop the gradient, such as ``float(x)``.
    """
    if isinstance(number, bool):
        return TracedBool(IntLeaf(number, label))
    if isinstance(number, int):
        return TracedInt(IntLeaf(number, label))
    return (DifferentiatedFloat if differentiated else TracedFloat)(Value(number, label))


def node_of(x: Any) -> Any:
    """The node of a traced number; anything else as it is."""
    return x.node if isinstance(x, Traced) else x


def _recorder() -> Any:
    return current_modes().recorder if open_contexts.count else None


def _note_node() -> None:
    """The function wants of a plain number what only a Value has."""
    if (recorder := _recorder()) is not None:
        recorder.wants_nodes = True


class TracedNumber(Traced):
    """A plain number that is computed from the arguments: see the module."""

    __slots__ = ()
    kind: Any = float  # what it is to the function
    __array_priority__ = -1.0  # numpy's scalars, whose priority is lower, leave an operator to it

    def __init__(self, node: Any) -> None:
        _set_node(self, node if isinstance(node, Value) else constant(node))  # statistics makes numbers by type(x)

    def __setattr__(self, name: str, found: Any) -> None:
        if not hasattr(Value, name):
            raise AttributeError(f"{self.kind.__name__!r} object has no attribute {name!r}")
        _note_node()
        setattr(self.node, name, found)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, float) holds as without the compiler
        return self.kind

    def read(self) -> Any:
        """The plain number of this call, which is a guard from now on."""
        if (recorder := _recorder()) is not None:
            recorder.on_read(self.node)
        return self.kind(self.node._data)

    # ---- primitives ------------------------------------------------------------------------------------------------
    @classmethod
    def apply(cls, op: Op, operands: Sequence[Any]) -> Any:
        """A node if a Value is among the operands, else a number."""
        out = Value.apply(op, [node_of(x) for x in operands])
        return out if any(isinstance(x, Value) for x in operands) else cls._float(out)

    @classmethod
    def _float(cls, node: Value) -> Any:
        return (cls if issubclass(cls, TracedFloat) else TracedFloat)(node)

    def select(self, x: Any, y: Any) -> Any:
        out = self.node.select(node_of(x), node_of(y))
        if isinstance(x, Value) or isinstance(y, Value):
            return out
        return TracedInt(out) if all(isinstance(z, int) for z in (x, y)) else TracedFloat(out)

    # ---- as a key, as a truth, as text -----------------------------------------------------------------------------
    def __bool__(self) -> bool:
        if (recorder := _recorder()) is not None:
            recorder.on_branch(self.node)
        return bool(self.node._data != 0.0)

    def __format__(self, spec: str) -> str:
        return format(self.read(), spec)

    def __complex__(self) -> complex:
        return complex(float(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> TracedNumber:
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.kind, (self.read(),)

    def __getattr__(self, name: str) -> Any:
        """The attributes of a plain number, and the methods and attributes of a node."""
        if name.startswith("_"):
            raise AttributeError(name)
        if hasattr(Value, name):
            _note_node()
            return getattr(self.node, name)
        if not hasattr(self.kind, name):
            raise AttributeError(f"{self.kind.__name__!r} object has no attribute {name!r}")
        number = self.kind(self) if name in ("as_integer_ratio", "hex") else self.read()  # to Fraction, statistics
        return getattr(number, name)

    # ---- rounding --------------------------------------------------------------------------------------------------
    def __pos__(self) -> Any:
        return self

    __copy__ = __pos__

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.read(), digits) if digits is not None else self._whole(round, lambda x: x.round())

    def __floor__(self) -> Any:
        return self._whole(math.floor, lambda x: x.floor())

    def __ceil__(self) -> Any:
        return self._whole(math.ceil, lambda x: -((-x).floor()))

    def __int__(self) -> int:
        return int(self.read())

    __trunc__ = __int__

    def _whole(self, rounded: Callable[[Any], int], node: Callable[[Value], Value]) -> Any:
        if not abs(self.node._data) < EXACT:
            return rounded(self.read())  # an error for nan
        result, recorder = _int(node(self.node)), _recorder()
        if recorder is not None:
            bound(result, recorder)  # that there is such an int is a guard
        return result


class TracedFloat(TracedNumber):
    """A float."""

    __slots__ = ()

    def __float__(self) -> float:
        if (recorder := _recorder()) is not None:
            recorder.on_drop(self.node)
        return float(self.read())


class DifferentiatedFloat(TracedFloat):
    """A float of a call that wants its gradient, where the function runs without the compiler."""

    __slots__ = ()

    def __float__(self) -> NoReturn:
        raise drops_gradient(self.node.label)


class TracedInt(TracedNumber):
    """An int.  Sums, differences and products of ints are ints as long as a float is exact."""

    __slots__ = ()
    kind: Any = int

    def __new__(cls, number: Any) -> TracedInt:
        """A float if the number is a fraction, which ``statistics.mean`` makes by the class of what it was given."""
        is_int = isinstance(number, (Value, int)) or number == int(number)
        return super().__new__(cls) if is_int else TracedFloat(number)  # type: ignore[return-value]

    def __index__(self) -> int:
        return int(self.read())

    def __float__(self) -> float:
        return float(self.read())


class TracedBool(TracedInt):
    """A truth: a bool argument, or what a comparison gave."""

    __slots__ = ()
    kind: Any = bool

    def read(self) -> Any:
        return bool(self)


def drops_gradient(name: str) -> TypeError:
    """The error for a number whose gradient is wanted and which is used as a plain float."""
    return TypeError(
        f"float({name or 'x'}), or a function of math, would drop the gradient: use the function of the same "
        "name from autograd (or the method), or .data for the number alone"
    )


def plain_number(x: Any) -> Any:
    """The plain number of a stand-in, which is a guard from then on; anything else as it is."""
    return x.read() if isinstance(x, TracedNumber) else x


# ---- operators -------------------------------------------------------------------------------------------------------
_FLOATS = {float, TracedFloat}


def _is_number(x: Any) -> bool:
    # Numpy's scalars are among the reals, but not its truths.
    return type(x) in _FLOATS or isinstance(x, (Traced, Real)) or type(x).__name__ in ("bool", "bool_")


def _is_int(x: Any) -> bool:
    return isinstance(x, int)


def _int(node: Value) -> TracedInt:
    """An int whose node may be -0.0, as of 0 * -1: an int has no such zero, by which 1 / 0 would be -inf."""
    return TracedInt(node - ops.MINUS_ZERO)


def _kind_of(self: TracedNumber, out: Value, operands: Sequence[Any], plain: Callable[..., Any]) -> Any:
    """The result of arithmetic with plain numbers: an int of ints."""
    if not all(map(_is_int, operands)):
        return type(self)._float(out)
    if abs(out._data) > EXACT:
        return plain(*map(plain_number, operands))
    positive = any(type(x) is int and x > 0 for x in operands)
    result = _int(out) if plain is operator.mul and not positive else TracedInt(out)
    return bounded(result, operands, operator.mul if plain is operator.mul else operator.add, _recorder())


def _arithmetic(name: str, op: Op, plain: Callable[..., Any]) -> None:
    compute = getattr(Value, f"__{name}__")  # on nodes

    def forward(self: TracedNumber, other: Any) -> Any:
        if type(self) is TracedFloat and type(other) in _FLOATS:  # 3x faster than all that may be otherwise
            return TracedFloat(compute(self.node, other.node if type(other) is TracedFloat else other))
        if isinstance(other, Value):
            return plain(self.node, other)
        if not _is_number(other):
            return NotImplemented  # a sequence among them, which Python repeats
        out = Value.apply(op, (self.node, node_of(other)))
        return _kind_of(self, out, (self, other), plain)

    def reflected(self: TracedNumber, other: Any) -> Any:
        if type(self) is TracedFloat and type(other) is float:
            return TracedFloat(compute(constant(other), self.node))
        if not _is_number(other):
            return NotImplemented
        out = Value.apply(op, (constant(other), self.node))
        return _kind_of(self, out, (other, self), plain)

    setattr(TracedNumber, f"__{name}__", forward)
    setattr(TracedNumber, f"__r{name}__", reflected)


for _name in ("add", "sub", "mul"):
    _arithmetic(_name, getattr(ops, _name), getattr(operator, _name))


def _operator(plain: Callable[[Any, Any], Any] | None, compute: Callable[..., Any]) -> Callable[..., Any]:
    """An operator of a stand-in and a number; of a Value what Python's own gives, if that is known."""

    def method(self: TracedNumber, other: Any, *modulus: Any) -> Any:
        if plain is not None and isinstance(other, Value):
            return plain(self.node, other)
        return compute(self, other, *modulus) if _is_number(other) else NotImplemented

    return method


def _raise(self: TracedNumber, exponent: Any, modulus: Any = None) -> Any:
    if modulus is None and not (_is_int(self) and _is_int(exponent)):
        return powered(type(self)._float(self.node ** node_of(exponent)), self, exponent)
    exponent = plain_number(exponent)
    if modulus is not None or exponent < 0 or abs(self.node._data) ** exponent > EXACT:
        return pow(self.read(), exponent, modulus)
    return bounded(TracedInt(self.node**exponent), (self,), lambda most: most**exponent, _recorder())


def _raise_to(self: TracedNumber, base: Any) -> Any:
    whole = _is_int(self) and _is_int(base)
    return base ** self.read() if whole else powered(type(self)._float(base**self.node), base, self)


def _same_kind(name: str) -> Callable[[TracedNumber], Any]:
    def method(self: TracedNumber) -> Any:
        out = getattr(self.node, name)()
        return _int(out) if _is_int(self) else type(self)(out)

    return method


def _of_plain_numbers(name: str) -> Callable[..., Any]:
    """An operator that is done with the plain numbers of this call."""
    is_reflected = not hasattr(operator, name) and name != "__divmod__"
    plain = getattr(operator, name.replace("__r", "__") if is_reflected else name, divmod)

    def method(self: TracedNumber, *others: Any) -> Any:
        if not all(map(_is_number, others)):
            return NotImplemented
        operands = [self.read(), *map(plain_number, others)]
        found = plain(*reversed(operands) if is_reflected else operands)
        if name in ("__mod__", "__rmod__", "__divmod__", "__rdivmod__") and not _is_int(self):
            float(self)  # whose derivative is not 0
        return found

    return method


def _whole_division(name: str) -> Callable[..., Any]:
    """``//``, ``%`` or ``divmod``: of ints computed anew at each call, of others with the numbers of this call."""
    otherwise = _of_plain_numbers(name)

    def method(self: TracedNumber, *others: Any) -> Any:
        if _recorder() is None or len(others) != 1 or not (_is_int(self) and _is_int(others[0])):
            return otherwise(self, *others)
        operands: tuple[Any, Any] = (others[0], self) if name.startswith("__r") else (self, others[0])
        x, y = operands
        recorder = _recorder()
        if y == 0 or bound(x, recorder) + bound(y, recorder) > EXACT / 2:  # that it is not 0 is a guard from now on
            return otherwise(self, *others)
        over, under = constant(x), constant(y)
        whole = (over / under).floor().detach()  # exact, since quotients of ints that are no ints are 1 / y from one
        rest = bounded(TracedInt((over - under * whole).detach()), (y,), abs, recorder)
        results = bounded(_int(whole), (x,), abs, recorder), rest
        return results[0] if "floordiv" in name else results[1] if "divmod" not in name else results

    return method


def _comparison(op: Op, plain: Callable[[Any, Any], Any], *, swap: bool = False, negate: bool = False) -> Any:
    def method(self: TracedNumber, other: Any) -> Any:
        if isinstance(other, Value) or not _is_number(other):
            # Equality with a node is about identity, as it is for a float; an order is about the data.
            if isinstance(other, Value) and op is not ops.equal:
                return plain(self.node, other)
            return NotImplemented
        recorder = _recorder()
        if recorder is None:
            return plain(self.read(), plain_number(other))
        left, right = self.node, constant(other)
        out = Value.apply(op, (right, left) if swap else (left, right))
        return recorder.truth(1.0 - out if negate else out)

    return method


_METHODS: dict[str, Any] = {
    "__truediv__": _operator(operator.truediv, lambda x, y: type(x)._float(x.node / node_of(divisor(y)))),
    "__rtruediv__": _operator(None, lambda y, x: type(y)._float(x / divisor(y).node)),
    "__pow__": _operator(operator.pow, _raise), "__rpow__": _operator(None, _raise_to),
    "__neg__": _same_kind("__neg__"), "__abs__": _same_kind("__abs__"), "__invert__": _of_plain_numbers("__invert__"),
    "__eq__": _comparison(ops.equal, operator.eq), "__ne__": _comparison(ops.equal, operator.ne, negate=True),
    "__lt__": _comparison(ops.less, operator.lt), "__le__": _comparison(ops.less_equal, operator.le),
    "__gt__": _comparison(ops.less, operator.gt, swap=True),
    "__ge__": _comparison(ops.less_equal, operator.ge, swap=True),
}  # fmt: skip
_SIDES: list[tuple[Callable[[str], Any], str]] = [
    (_of_plain_numbers, "lshift rshift and or xor"), (_whole_division, "mod floordiv divmod"),
]  # fmt: skip
_METHODS |= {
    (_name := f"__{side}{operation}__"): make(_name)
    for make, operations in _SIDES
    for operation in operations.split()
    for side in ("", "r")
}
_METHODS |= {f"__{f.__name__}__": lambda self, f=f: f(self.read()) for f in (hash, str, repr)}
for _name, _method in _METHODS.items():
    setattr(TracedNumber, _name, _method)
