"""What programs for micrograd and microgpt expect of a ``Value``: its names, and operations of their own.

In micrograd the backward pass of an operation is a closure; in microgpt a node is given its local derivatives:

    def tanh(self):                                            def tanh(self):
        t = math.tanh(self.data)                                   t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")                            return Value(t, (self,), (1 - t**2,))

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

What the closure adds to the gradients of the parents is linear in the gradient of the node.  So the local derivatives
are what it adds where the node's gradient is 1 and theirs are 0: it is called when it is assigned, and the node is one
like all others.  Two more calls, with a large and a small gradient, find a closure that is not linear.

A node of either kind has no formula, hence no second derivative and no check, and one with a closure is not compiled:
see ``primitive``.  A node with parents whose local derivatives nobody gave can be drawn, but not differentiated.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from autograd import ops, provenance
from autograd.errors import AutogradError, PrimitiveError
from autograd.graph import NO_GRAPH, accumulate, restore, walking
from autograd.modes import current_modes
from autograd.ops import Number, Op, Traced, as_float, constant_power

# By which keywords other engines know the arguments of a node.
KEYWORDS = {
    **dict.fromkeys(("label", "_label", "name"), "label"),
    **dict.fromkeys(("op", "_op", "operation"), "op"),
    **dict.fromkeys(("children", "_children", "prev", "_prev", "parents", "_parents"), "children"),
    **dict.fromkeys(("local_grads", "_local_grads", "local_gradients", "_local_gradients"), "derivatives"),
}
PROBES = (-(2.0**20), 2.0**-20)  # powers of two, by which every product is multiplied without a rounding


class Closure(Op):
    """The row of one node with a closure: it knows its numbers at one point, and has no rule."""

    def __init__(self, name: str, data: float, operands: Sequence[float]) -> None:
        super().__init__(name or "closure", self._known, self._unknown)
        self.data, self.operands = data, tuple(operands)

    def _known(self, *operands: float) -> float:
        if operands != self.operands:
            raise refusal(self.name, f"is known at {self.operands} only")
        return self.data

    def _unknown(self, *_: Any) -> Sequence[Any]:
        raise refusal(self.name, "has no rule for its derivatives")

    def __reduce__(self) -> tuple[Any, ...]:
        return Closure, (self.name, self.data, self.operands)


class MicrogradNames(Number):
    """The names by which programs written for micrograd and microgpt know a node."""

    __slots__ = ()

    def _adopt(self: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        """Become the node that another engine makes of these arguments, which come after the number."""
        given = _arguments(arguments, keywords)
        self.label = given.label
        _adopt(self, given.children, given.op, given.derivatives)

    @property
    def _children(self: Any) -> tuple[Any, ...]:
        """The parents."""
        return tuple(self.parents)

    @_children.setter
    def _children(self: Any, children: Iterable[Any]) -> None:
        found = _nodes(children)
        if set(found) != set(self.parents):
            _adopt(self, found, self._op)

    @property
    def _prev(self: Any) -> set[Any]:
        """The parents as a set."""
        return set(self.parents)

    @_prev.setter
    def _prev(self: Any, children: Iterable[Any]) -> None:
        self._children = children

    @property
    def _local_grads(self: Any) -> tuple[float, ...]:
        """The local derivatives."""
        return tuple(self.partials)

    @_local_grads.setter
    def _local_grads(self: Any, derivatives: Iterable[float]) -> None:
        _adopt(self, self.parents, self._op, derivatives)

    @property
    def _op(self: Any) -> str:
        """The symbol of the operation; empty for a leaf."""
        if isinstance(self.op, str):  # set by a program
            return self.op
        if self.op is constant_power:
            return f"**{self.parents[1]._data:g}"
        return str(self.op.symbol).strip()

    @_op.setter
    def _op(self: Any, name: str) -> None:
        self.op = Closure(name, self._data, [parent._data for parent in self.parents]) if name else ops.leaf

    @property
    def _backward(self: Any) -> Callable[[], None]:
        """One step of the walk: add to the gradients of the parents.  A closure that does may be assigned."""
        return partial(accumulate, [self])

    @_backward.setter
    def _backward(self: Any, closure: Callable[[], None]) -> None:
        known = [x for x in _known_to(closure) if x is not self]
        if not self.parents:  # no children were named: they are the nodes that the closure knows
            _adopt(self, known, self._op)
        elif not isinstance(self.op, Closure):  # parents were set, not given to the constructor
            _adopt(self, self.parents, self._op)
        if getattr(_probed, "now", False):  # `self.tanh().data` in the closure of tanh: nobody differentiates that node
            return
        self.partials = _derivatives(self, closure, known)
        _check(self)


# ---- the arguments of other engines ----------------------------------------------------------------------------------
class _Arguments(NamedTuple):
    label: str
    op: str
    children: list[Any]
    derivatives: Any  # None: not given


def _arguments(positional: Sequence[Any], keywords: Mapping[str, Any]) -> _Arguments:
    """What stands behind the number of a node, in whichever order an engine takes it.

    That is ``("x")``, ``((x, y), "op", "label")``, ``("op", (x, y))``, ``((x, y), (by_x, by_y))`` or
    ``((x, by_x), (y, by_y))``.
    """
    texts: list[str] = []
    lists: list[Any] = []
    first = 0  # how many texts are before the children
    for argument in positional:
        if isinstance(argument, str):
            texts.append(argument)
        elif argument is None and lists:
            continue
        elif argument is None or isinstance(argument, Number) or hasattr(argument, "__iter__"):
            lists.append(list(argument) if hasattr(argument, "__next__") else argument)
        else:
            raise _stranger(argument)
        if not lists:
            first = len(texts)
    if len(texts) > 2 or len(lists) > 2:
        raise TypeError(f"a Value has a label, an operation, children and their derivatives, got {positional!r}")
    found: dict[str, Any] = dict(zip(("children", "derivatives"), lists))
    named_first = first == 1 and len(_items(found.get("children"))) > 0
    found.update(zip(("op", "label") if named_first or (lists and not first) else ("label", "op"), texts))
    for keyword, argument in keywords.items():
        if keyword not in KEYWORDS:
            raise TypeError(
                f"Value() has no argument {keyword!r}: it takes a number and a label, as in Value(2.0, 'x'); the "
                "children of a node are children=(x, y), the local derivatives local_grads=(by_x, by_y)"
            )
        before = found.get(KEYWORDS[keyword])
        if argument is None or (isinstance(argument, str) and not argument):
            continue
        if before is not None and not (isinstance(before, (str, tuple)) and len(before) == 0):
            raise TypeError(f"Value() got two arguments for {KEYWORDS[keyword]!r}")
        found[KEYWORDS[keyword]] = argument
    return _checked(found)


def _checked(found: Mapping[str, Any]) -> _Arguments:
    label, op, children = found.get("label") or "", found.get("op") or "", _items(found.get("children"))
    if not isinstance(label, str):
        raise TypeError(f"a label is a text, not {label!r}: give label=str({label!r})")
    if not isinstance(op, str):
        raise _stranger(op)
    derivatives = found.get("derivatives")
    if children and all(isinstance(x, (tuple, list)) and len(x) == 2 for x in children):  # pairs, without a third list
        if derivatives is not None:
            raise TypeError("the local derivatives of a node are given twice: in pairs with its children, and alone")
        derivatives, children = [pair[1] for pair in children], [pair[0] for pair in children]
    unordered = isinstance(found.get("children"), (set, frozenset)) and len(children) > 1
    if unordered and isinstance(derivatives, (list, tuple)) and derivatives:
        raise TypeError("a set of children has no order: give them and their derivatives as tuples")
    return _Arguments(label, op, _nodes(children), derivatives)


def _stranger(argument: Any) -> TypeError:
    return TypeError(
        f"a Value cannot use {argument!r} of type {type(argument).__name__}: after the number comes a label, as in "
        "Value(2.0, 'x'); an operation of your own is Value(data, (x, y), 'name') with a _backward closure, or "
        "Value(data, (x, y), (by_x, by_y)) with its local derivatives"
    )


def _items(children: Any) -> list[Any]:
    if children is None:
        return []
    if isinstance(children, Number):
        return [children]
    if isinstance(children, (str, Mapping)) or not hasattr(children, "__iter__"):
        raise _stranger(children)
    return list(children)


def _nodes(children: Any) -> list[Any]:
    found = _items(children)
    for child in found:
        if not isinstance(child, Number):
            raise TypeError(f"the children of a node must be Values, got {child!r} of type {type(child).__name__}")
    return found


def _adopt(node: Any, children: Sequence[Any], name: str, derivatives: Any = None) -> None:
    """Make a new leaf the result of an operation on the children, whose derivatives may come later by a closure."""
    partials: tuple[Any, ...] = ()
    if derivatives is None or (hasattr(derivatives, "__len__") and len(derivatives) == 0):
        children = list(dict.fromkeys(children))  # a closure adds to the gradient of `x * x` as a whole
    else:
        partials = _numbers(children, derivatives)
    if (recorder := current_modes().recorder) is not None:
        if children:
            recorder.on_derivatives(node, children, partials)
    elif (children or name) and current_modes().recording:
        node.op = Closure(name, node._data, [child._data for child in children])
        node.parents, node.partials = tuple(children), partials
        if partials:
            _check(node)
    elif children:
        node.partials = NO_GRAPH


def _numbers(children: Sequence[Any], derivatives: Any) -> tuple[Any, ...]:
    if isinstance(derivatives, Mapping):
        missing = [child for child in children if child not in derivatives]
        if missing:
            raise ValueError(f"a node needs one local derivative for each child, got none for {missing[0]!r}")
        derivatives = [derivatives[child] for child in children]
    if isinstance(derivatives, (Number, str)) or not hasattr(derivatives, "__iter__"):
        raise _stranger(derivatives)
    try:
        partials = tuple([x if isinstance(x, Traced) else as_float(x) for x in derivatives])
    except TypeError as error:
        raise TypeError(f"the local derivatives of a node must be numbers, one for each child: {error}") from error
    if len(partials) != len(children):
        raise ValueError(f"a node needs one local derivative for each child, got {len(partials)} for {len(children)}")
    return partials


def _check(node: Any) -> None:
    if current_modes().strict:
        node.partials = provenance.located(node.partials)
        provenance.check_result(node)


def refusal(name: str, problem: str) -> AutogradError:
    """The error for what needs the formula of a node that has none."""
    return AutogradError(
        f"the operation {name or 'closure'!r} {problem}, since its backward pass is a _backward closure or a list of "
        "numbers: make it an @autograd.primitive to differentiate it twice, check it or compile it"
    )


# ---- the derivatives that are in a closure ---------------------------------------------------------------------------
_probed = threading.local()  # now: whether this thread is calling a closure for its derivatives


def _known_to(closure: Any) -> Iterator[Any]:
    """The nodes that a function can reach by its variables, arguments and globals, and by functions among these."""
    stack, seen = [closure], set()
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Number):
            yield x
        elif isinstance(x, FunctionType):
            for cell in x.__closure__ or ():
                with suppress(ValueError):  # a variable that has no value yet
                    stack.append(cell.cell_contents)
            stack += x.__defaults__ or ()
            stack += (x.__kwdefaults__ or {}).values()
            stack += [x.__globals__[name] for name in x.__code__.co_names if name in x.__globals__]
        elif isinstance(x, MethodType):
            stack += [x.__func__, x.__self__]
        elif isinstance(x, partial):
            stack += [x.func, *x.args, *x.keywords.values()]
        elif isinstance(x, (list, tuple, set, frozenset)):
            stack += x
        elif isinstance(x, dict):
            stack += x.values()


def _derivatives(node: Any, closure: Callable[[], None], known: Iterable[Any]) -> Sequence[float]:
    """The local derivatives of a node: what its closure adds to the parents when the node's own gradient is 1.

    Raises:
        PrimitiveError: It adds to the gradient of another node, or something that is no number, or that is not
            proportional to the gradient of the node.
    """
    others = [x for x in known if x not in node.parents]
    touched: list[Any] = [node, *node.parents, *others]

    def added(gradient: float) -> list[Any]:
        restore(touched, [gradient] + [0.0] * (len(touched) - 1))
        closure()
        return [x.grad for x in touched[1:]]

    with walking:
        before = [x.grad for x in touched]
        _probed.now = True
        try:
            slopes = added(1.0)
            strangers = [x for x, slope in zip(others, slopes[len(node.parents) :]) if slope != 0.0]
            partials = _as_numbers(node, slopes[: len(node.parents)])
            linear = strangers or all(_proportional(partials, added(probe), probe) for probe in PROBES)
        finally:
            _probed.now = False
            restore(touched, before)
    if strangers and current_modes().recording:
        raise PrimitiveError(
            f"the _backward of {node!r} adds to the gradient of {strangers[0].label or strangers[0]!r}, which is not "
            "among its children: pass all children, as in Value(data, (x, y), 'op')"
        )
    if not linear:
        raise PrimitiveError(
            f"the _backward of {node!r} is not linear in the node's gradient, as a derivative is: it must add "
            "slope * out.grad; clip the gradients of the parameters after backward()"
        )
    return partials


def _as_numbers(node: Any, slopes: Sequence[Any]) -> tuple[float, ...]:
    try:
        return tuple(map(as_float, slopes))
    except TypeError as error:
        raise PrimitiveError(f"the _backward of {node!r} must add numbers to gradients: {error}") from error


def _proportional(slopes: Sequence[float], added: Sequence[Any], probe: float) -> bool:
    """Whether each sum is the slope times the probe, up to rounding; slopes of nan or infinity are not compared."""
    return all(
        not math.isfinite(slope) or math.isclose(slope * probe, total, rel_tol=1e-9, abs_tol=1e-290)
        for slope, total in zip(slopes, added)
    )
