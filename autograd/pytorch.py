"""What programs for PyTorch expect of a ``Value``: its names, and activations with its default arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, TypeVar

from autograd import ops
from autograd.errors import AutogradError
from autograd.graph import topological_order

__all__ = ["PyTorchNames", "all_free", "freezes"]

# Another object each time that a leaf is frozen or set free; None as long as none was.  Compiled functions look at this
# list, which they take for part of the recording; a count they would take for a number that may change.
freezes: list[object] = [None]

V = TypeVar("V", bound="PyTorchNames")


def all_free(leaves: Iterable[Any]) -> bool:
    """Whether none of these leaves is frozen; 3x faster than to ask each for ``requires_grad``."""
    return {*map(attrgetter("op"), leaves)} == {ops.leaf}


class PyTorchNames:
    """The names by which programs written for PyTorch know a node."""

    __slots__ = ()

    apply: Any
    data: Any
    op: Any
    parents: tuple[Any, ...]

    def item(self) -> float:
        """The number that this node holds, by the name that it has in PyTorch.

        >>> (Value(2.0) * 3.0).item()
        6.0
        """
        number: float = self.data
        return number

    @property
    def requires_grad(self) -> bool:
        """Whether optimisers move this leaf, or the leaves that this node was computed from; that of a leaf may be set.

        >>> x = Value(3.0)
        >>> x.requires_grad, (x * 2).requires_grad, constant(2.0).requires_grad
        (True, True, False)
        """
        if not self.parents:
            return self.op is ops.leaf
        return any(node.op is ops.leaf for node in topological_order(self) if not node.parents)

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    def requires_grad_(self: V, requires_grad: bool = True) -> V:
        """Freeze a leaf (False), so that optimisers and ``fit`` leave it as it is, or let them move it again (True).

        Unlike in PyTorch, ``backward`` still writes its gradient: nothing is to be gained on single numbers.  A node
        that was computed from others cannot be frozen.  Returns the leaf itself.

        >>> x = Value(3.0).requires_grad_(False)
        >>> x.requires_grad
        False
        """
        if self.parents:
            raise AutogradError(f"{self!r} was computed from other nodes: freeze these, or use .detach()")
        self.op = ops.leaf if requires_grad else ops.frozen
        freezes[0] = object()
        return self

    def leaky_relu(self: V, negative_slope: Any = 0.01) -> V:
        """x where x > 0, else negative_slope * x."""
        out: V = self.apply(ops.leaky_relu, (self, negative_slope))
        return out

    def elu(self: V, alpha: Any = 1.0) -> V:
        """x where x > 0, else alpha * (e^x - 1)."""
        out: V = self.apply(ops.elu, (self, alpha))
        return out

    def clip(self: V, low: Any = -math.inf, high: Any = math.inf) -> V:
        """x, but at least low and at most high."""
        out: V = self.apply(ops.clip, (self, low, high))
        return out
