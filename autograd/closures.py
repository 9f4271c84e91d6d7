"""What programs for micrograd use: its names, and operations of their own, whose backward pass is a closure.

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

What the closure adds to the gradients of the parents is linear in the gradient of the node.  So the local derivatives
are what it adds where the node's gradient is 1 and theirs are 0: it is called once, when it is assigned, and the node
is one like all others.  Such a node has no formula, hence no second derivative, no check and no compilation: see
``primitive``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any

from autograd import provenance
from autograd.errors import AutogradError, PrimitiveError
from autograd.graph import accumulate, restore, walking
from autograd.modes import current_modes
from autograd.ops import Number, Op, as_float, constant_power

__all__ = ["Closure", "MicrogradNames"]


class Closure(Op):
    """The row of one such node: its numbers at one point, without a rule."""

    def __init__(self, name: str, data: float, operands: Sequence[float]) -> None:
        super().__init__(name or "closure", self._known, self._unknown)
        self.data, self.operands = data, tuple(operands)

    def _known(self, *operands: float) -> float:
        if operands != self.operands:
            raise _refusal(self.name, f"is known at {self.operands} only")
        return self.data

    def _unknown(self, *_: Any) -> Sequence[Any]:
        raise _refusal(self.name, "has no rule for its derivatives")

    def __reduce__(self) -> tuple[Any, ...]:
        return Closure, (self.name, self.data, self.operands)


class MicrogradNames(Number):
    """The names by which programs written for micrograd know a node."""

    __slots__ = ()

    def _adopt(self: Any, children: Iterable[Any] = (), op: str = "") -> None:
        """``Value(data, (x, y), "op")``: the second argument is a label here, and the children in micrograd."""
        if not isinstance(self.label, str):
            self.label, children = "", self.label
        _adopt(self, children, op)

    @property
    def _prev(self: Any) -> set[Any]:
        """The parents as a set."""
        return set(self.parents)

    @property
    def _op(self: Any) -> str:
        """The symbol of the operation; empty for a leaf."""
        if self.op is constant_power:
            return f"**{self.parents[1]._data:g}"
        return str(self.op.symbol).strip()

    @property
    def _backward(self: Any) -> Callable[[], None]:
        """One step of the walk: add to the gradients of the parents.  A closure that does may be assigned."""
        return partial(accumulate, [self], attrgetter("partials"))

    @_backward.setter
    def _backward(self: Any, closure: Callable[[], None]) -> None:
        if not isinstance(self.label, str):  # children, of an operation without a name
            self._adopt()
        if not self.parents:  # no children were named: they are the nodes that the closure knows
            _adopt(self, [x for x in _captured(closure) if isinstance(x, Number) and x is not self], self._op)
        self.partials = _derivatives(self, closure)
        if current_modes().strict:
            self.partials = provenance.located(self.partials)
            provenance.check_result(self)


def _adopt(node: Any, children: Iterable[Any], name: str) -> None:
    """Make a new leaf the result of an operation on the children; no gradient passes until its closure is assigned."""
    found = dict.fromkeys(children)  # once each: a closure adds to the gradient of `x * x` as a whole
    for child in found:
        if not isinstance(child, Number):
            raise TypeError(f"the children of a node must be Values, got {child!r} of type {type(child).__name__}")
    if current_modes().recorder is not None:
        raise _refusal(name, "cannot be compiled")
    if (found or name) and current_modes().recording:
        node.op = Closure(name, node._data, [child._data for child in found])
        node.parents, node.partials = tuple(found), (0.0,) * len(found)


def _captured(closure: Callable[[], None]) -> Iterator[Any]:
    for cell in getattr(closure, "__closure__", None) or ():
        with suppress(ValueError):  # a variable that has no value yet
            yield cell.cell_contents


def _refusal(name: str, problem: str) -> AutogradError:
    return AutogradError(
        f"the operation {name!r} {problem}, since its backward pass is a _backward closure: "
        "make it an @autograd.primitive to differentiate it twice, check it or compile it"
    )


def _derivatives(node: Any, closure: Callable[[], None]) -> Sequence[float]:
    """The local derivatives of a node by its parents: what its closure adds to their gradients per unit of its own.

    Raises:
        PrimitiveError: it adds to the gradient of another node, or something that is no number.
    """
    others: list[Any] = [
        x for x in _captured(closure) if isinstance(x, Number) and x is not node and x not in node.parents
    ]
    touched: list[Any] = [node, *node.parents, *others]
    with walking:
        before = [other.grad for other in touched]
        try:
            restore(touched, [1.0] + [0.0] * (len(touched) - 1))
            closure()
            by_parents = [parent.grad for parent in node.parents]
            strangers = [other for other in others if other.grad != 0.0]
        finally:
            restore(touched, before)
    if strangers and current_modes().recording:
        raise PrimitiveError(
            f"the _backward of {node!r} adds to the gradient of {strangers[0].label or strangers[0]!r}, which is not "
            "among its children: name them all, as in Value(data, (x, y), 'op')"
        )
    try:
        return tuple(map(as_float, by_parents))
    except TypeError as error:
        raise PrimitiveError(f"the _backward of {node!r} must add numbers to gradients: {error}") from error
