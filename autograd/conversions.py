"""What Python's own functions, and programs for PyTorch, make of a node: numbers, texts, copies, names."""

from __future__ import annotations

import copy
import math
import sys
import warnings
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NoReturn, TypeVar

from autograd import display, ops
from autograd.errors import AutogradError
from autograd.graph import topological_order
from autograd.modes import current_modes, open_contexts, recorder_told
from autograd.ops import Op
from autograd.provenance import depth_of_caller
from autograd.rows import Detached, Traced, as_float

__all__ = ["PyTorchNames", "all_free", "freezes"]

V = TypeVar("V", bound="Conversions")
P = TypeVar("P", bound="PyTorchNames")


def known_number(x: object) -> float | None:
    """A plain number as a float; None for an object of someone's own class, which may know how to meet a Value."""
    if isinstance(x, Traced):
        number: float = x.node._data
        return number
    try:
        return as_float(x)
    except TypeError:
        if type(x).__module__ == "builtins":
            raise
        return None


def plain(x: Any) -> float:
    """A number that gets into a graph as a float; with a warning if a gradient should perhaps go through it."""
    if type(x) is Detached and (not open_contexts.count or current_modes().recording):
        warnings.warn(
            f"{float(x)} is a derivative of a function that also uses Values which are not its arguments, and no "
            "gradient flows through this number to them.  If it should, compute the derivative inside `with "
            "autograd.functional.transformation():`; if not, write float(...) around it",
            RuntimeWarning,
            stacklevel=depth_of_caller(),
        )
    return as_float(x)


def mixed(method: Callable[[Any, Any], Any], value: object, other: Any) -> Any:
    """Call a method with another operand than a float or a Value: another kind of number, or a foreign object."""
    if isinstance(other, Traced):
        return method(value, other.node)
    if isinstance(other, (int, float)):  # bool and np.float64 are among them
        return method(value, plain(other))
    return method(value, number) if (number := known_number(other)) is not None else NotImplemented


def _for_scipy() -> str:
    """What to give to a function of SciPy that asks a Value for its number."""
    frame = sys._getframe(1).f_back  # None where C alone has called it, as a thread of its own does
    caller = str(frame.f_globals.get("__name__")) if frame else ""
    both = "autograd.functional.value_and_grad(f), as in scipy.optimize.minimize(value_and_grad(f), x0, jac=True)"
    return f" An optimiser of SciPy takes {both}." if caller.startswith("scipy.") else ""


class Conversions:
    """The methods of ``Value`` that Python's own functions call."""

    __slots__ = ()

    _data: float
    data: Any
    grad: float
    parents: tuple[Any, ...]
    partials: Any
    apply: Any
    detach: Any
    round: Any

    # ---- numbers -----------------------------------------------------------------------------------------------------
    def __float__(self) -> NoReturn:
        raise TypeError(
            f"float({self!r}) would drop the gradient, and so would a function of math: use one from autograd "
            f"instead, as in autograd.exp(v) or v.exp(). Write v.data if you want only the number.{_for_scipy()}"
        )

    def __int__(self) -> NoReturn:
        raise TypeError(f"int({self!r}) would drop the gradient: use int(v.data)")

    def __index__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be an index: use int(v.data)")

    def __round__(self, digits: int | None = None) -> Any:
        if digits:
            raise TypeError(f"round(value, {digits}) is no operation of the graph: round value.data, or format it")
        return self.round()

    def __ceil__(self: Any) -> Any:  # math.ceil and np.ceil
        return -(-self).__floor__()

    def __pos__(self: V) -> V:
        return self

    def __bool__(self) -> bool:
        if open_contexts.count and (recorder := recorder_told(read=self)) is not None:
            recorder.on_branch(self)
        if self._data == 0.0:
            raise TypeError(
                f'bool({self!r}) can mean two things: for "is there one?" write `v is not None`, and for "is it other '
                'than 0?" `v.data != 0`'
            )
        return self._data != 0.0

    # ---- text --------------------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        if open_contexts.count and (recorder := current_modes().recorder) is not None:
            recorder.on_text(self)
        return f"Value(data={self._data}, grad={self.grad})"

    def _repr_html_(self) -> str:
        return display.Shown.value(self)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    @property
    def origin(self) -> str | None:
        """Where the node was recorded, as ``file:line``; known only for nodes made inside ``strict()``.

        >>> with strict():
        ...     y = Value(2.0) * 3
        >>> file, _, line = y.origin.rpartition(":")
        >>> line.isdigit(), (y * 2).origin
        (True, None)
        """
        return getattr(self.partials, "origin", None)

    # ---- copies ------------------------------------------------------------------------------------------------------
    def __copy__(self) -> Any:
        if open_contexts.count and current_modes().recorder is not None:
            # A leaf becomes a number of its own, computed anew at every replay; a result shares its leaves.
            return self.apply(ops.identity, (self,)) if self.parents else self.detach()
        make, arguments = _reduce(self)
        return make(*arguments)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if open_contexts.count and current_modes().recorder is not None:
            return memo.setdefault(id(self), self.detach())
        return _deepcopy(self, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        if open_contexts.count and (recorder := current_modes().recorder) is not None:
            recorder.refuse("pickles a Value: use .detach()")
        return _reduce(self)


# ---- copying and pickling a graph of any depth: node by node in topological order, without recursion -----------------
_OF_EVERY_NODE = {"_data", "grad", "label", "op", "parents", "partials", "__dict__", "__weakref__"}


def _deepcopy(root: Any, memo: dict[int, Any]) -> Any:
    """Copy a node for ``copy.deepcopy``; nodes that are copied together stay connected."""
    stack = [root]  # no topological_order, which does not end at what was copied before: a list of nodes would be slow
    while stack:
        node = stack.pop()
        if id(node) in memo:
            continue
        if missing := [parent for parent in node.parents if id(parent) not in memo]:
            stack += [node, *missing]
            continue
        kind, attributes, *state = _leaf_state(node)
        twin = memo[id(node)] = _restore_leaf(kind, {}, *state)
        twin.parents, twin.partials = tuple([memo[id(parent)] for parent in node.parents]), node.partials
        for name, attribute in attributes.items():  # which may refer to the node itself
            setattr(twin, name, copy.deepcopy(attribute, memo))
    return memo[id(root)]


def _reduce(root: Any) -> tuple[Any, ...]:
    """Describe a node to ``pickle``, with its whole graph; several nodes of a pickle share only their leaves."""
    if not root.parents:
        return _restore_leaf, _leaf_state(root)
    order = topological_order(root)
    position = {node: i for i, node in enumerate(order)}
    return _restore_graph, ([node if not node.parents else _state(node, position) for node in order],)


def _state(node: Any, position: dict[Any, int]) -> tuple[Any, ...]:
    parents = tuple([position[parent] for parent in node.parents])
    return *_leaf_state(node), parents, node.partials


def _leaf_state(node: Any) -> tuple[Any, ...]:
    return node.__class__, _own_attributes(node), node._data, node.label, node.grad, node.op


def _own_attributes(node: Any) -> dict[str, Any]:
    """The attributes that a subclass adds to its nodes, in a dictionary and in slots."""
    found = dict(getattr(node, "__dict__", {}))
    for kind in type(node).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in _OF_EVERY_NODE and hasattr(node, name):
                found[name] = getattr(node, name)
    return found


def _restore_leaf(kind: Any, attributes: dict[str, Any], data: float, label: str, grad: float, op: Op) -> Any:
    out = kind.__new__(kind)  # a subclass may be made from other arguments, and keep more
    for name, attribute in attributes.items():
        setattr(out, name, attribute)
    out._data, out.label, out.grad, out.op = data, label, grad, op
    out.parents = out.partials = ()
    return out


def _restore_graph(states: list[Any]) -> Any:
    nodes: list[Any] = []
    for state in states:
        if isinstance(state, tuple):
            *leaf, parents, partials = state
            node = _restore_leaf(*leaf)
            node.parents, node.partials = tuple([nodes[i] for i in parents]), partials
            nodes.append(node)
        else:
            nodes.append(state)
    return nodes[-1]


# ---- what programs for PyTorch expect: its names, and activations with its default arguments -------------------------
# Another object each time that a leaf is frozen or set free; None as long as none was.  Compiled functions look at this
# list, which they take for part of the recording; a count they would take for a number that may change.
freezes: list[object] = [None]


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

    def requires_grad_(self: P, requires_grad: bool = True) -> P:
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

    def leaky_relu(self: P, negative_slope: Any = 0.01) -> P:
        """x where x > 0, else negative_slope * x."""
        out: P = self.apply(ops.leaky_relu, (self, negative_slope))
        return out

    def elu(self: P, alpha: Any = 1.0) -> P:
        """x where x > 0, else alpha * (e^x - 1)."""
        out: P = self.apply(ops.elu, (self, alpha))
        return out

    def clip(self: P, low: Any = -math.inf, high: Any = math.inf) -> P:
        """x, but at least low and at most high."""
        out: P = self.apply(ops.clip, (self, low, high))
        return out
