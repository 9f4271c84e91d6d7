"""How some methods of ``Value`` are made: those of its subclasses; and sum, product and ReLU, written out for speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from autograd import ops
from autograd.conversions import mixed
from autograd.modes import current_modes, open_contexts
from autograd.ops import Number, Op

# ---- in a subclass ---------------------------------------------------------------------------------------------------
# Results of a subclass of ``Value`` are of that subclass, at no cost for plain Values: the methods of ``Value`` make
# plain nodes and do not ask.  A subclass gets methods of its own when it is defined: they call those of ``Value`` and
# turn what they give into a node of the subclass.
M = TypeVar("M", bound=Callable[..., Any])

kinds: set[type[Any]] = set()  # the subclasses that programs have made: while there are none, nobody looks for them
lifted: set[Callable[..., Any]] = set()  # the methods of Value that are made from rows of the table


def described(method: M, op: Op) -> M:
    """A method under the name of its row, which Python's messages about wrong arguments use."""
    method.__name__, method.__qualname__, method.__doc__ = op.name, f"Value.{op.name}", op.__doc__
    lifted.add(method)
    return method


class Subclassed(Number):
    """A class whose subclasses, if a program defines them, have operators that stay in the subclass."""

    __slots__ = ()
    _kind: ClassVar[type[Any] | None] = None  # in a subclass of a program: that subclass

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.partition(".")[0] == __package__:  # our own classes say themselves what their results are
            return
        cls._kind = cls
        kinds.add(cls)
        for name in dir(cls):
            method = getattr(cls, name, None)
            if isinstance(method, FunctionType) and method in lifted:  # neither the class nor a mixin has its own
                setattr(cls, name, _typed(method))


def kind_of(operands: Iterable[Any]) -> type[Any] | None:
    """The subclass of a result: that of its operands; of several, the one that is derived from the others."""
    kind = None
    for operand in operands:
        own = getattr(operand, "_kind", None)
        if own is not None and (kind is None or issubclass(own, kind)):
            kind = own
    return kind


def as_kind(kind: type[Any] | None, node: Any) -> Any:
    """A new plain node as one of the subclass.  ``__init__`` is not called, since it may take other arguments."""
    if kind is None or not isinstance(node, Subclassed) or node._kind is not None:
        return node
    plain: Any = node
    out: Any = object.__new__(kind)
    out._data, out.grad, out.label = plain._data, plain.grad, plain.label
    out.op, out.parents, out.partials = plain.op, plain.parents, plain.partials
    if open_contexts.count and (recorder := current_modes().recorder) is not None:
        recorder.on_node(out)
    return out


def _typed(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def typed(self: Any, *operands: Any, **named: Any) -> Any:
        return as_kind(kind_of((self, *operands, *named.values())), method(self, *operands, **named))

    return typed


# ---- sum, product and ReLU, written out ------------------------------------------------------------------------------
# They record what the general methods of ``autograd.value`` record for these rows of the table, 1.2x faster since no
# function is called for the number and the local derivatives.  ``test_ops`` compares them with the rows.
def written_out(
    kind: type[Any], constant: Callable[[float], Any], in_context: Callable[..., Any]
) -> Iterator[tuple[str, Op, Callable[..., Any]]]:
    """The name, the row and the function of each, for nodes of this kind.

    While some context is open, ``in_context`` makes the result of the row, the number and the operands.
    """
    new, plain = object.__new__, {int, float}
    add_row, mul_row, relu_row = ops.add, ops.mul, ops.relu

    def add(self: Any, other: Any) -> Any:
        if other.__class__ is not kind:
            if type(other) in plain:
                other = constant(float(other))
            elif not isinstance(other, kind):
                return mixed(add, self, other)
        z = self._data + other._data
        if open_contexts.count:
            return in_context(add_row, z, (self, other))
        out = new(kind)
        out._data = z
        out.grad = 0
        out.label = ""
        out.op = add_row
        out.parents = (self, other)
        out.partials = (1.0, 1.0)
        return out

    def mul(self: Any, other: Any) -> Any:
        if other.__class__ is not kind:
            if type(other) in plain:
                other = constant(float(other))
            elif not isinstance(other, kind):
                return mixed(mul, self, other)
        x, y = self._data, other._data
        if open_contexts.count:
            return in_context(mul_row, x * y, (self, other))
        out = new(kind)
        out._data = x * y
        out.grad = 0
        out.label = ""
        out.op = mul_row
        out.parents = (self, other)
        out.partials = (y, x)
        return out

    def relu(self: Any) -> Any:
        x = self._data
        if x > 0.0:
            y, partials = x, (1.0,)
        elif x != x:  # nan
            y, partials = x, (x,)
        else:
            y, partials = 0.0, (0.0,)
        if open_contexts.count:
            return in_context(relu_row, y, (self,))
        out = new(kind)
        out._data = y
        out.grad = 0
        out.label = ""
        out.op = relu_row
        out.parents = (self,)
        out.partials = partials
        return out

    yield "__add__", add_row, add
    yield "__mul__", mul_row, mul
    yield "relu", relu_row, relu
