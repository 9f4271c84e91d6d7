"""Results of a subclass of ``Value`` are of that subclass, at no cost for plain Values.

The methods of ``Value`` make plain nodes and do not ask.  A subclass gets methods of its own when it is defined: they
call those of ``Value`` and turn what they give into a node of the subclass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from autograd.modes import current_modes, open_contexts
from autograd.ops import Number, Op

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
