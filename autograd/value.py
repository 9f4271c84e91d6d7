"""The node of the graph: a ``Value`` is one scalar that remembers what it was computed from.

Its operators and methods are made from the rows of the derivative table; ``backward`` is one walk over the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt
from typing import Any

from autograd import ops, provenance
from autograd.collector import make_room
from autograd.conversions import Conversions, PyTorchNames, known_number, mixed, plain
from autograd.graph import NO_GRAPH, accumulate, check_root, clear, restore, spread, topological_order, walking
from autograd.methods import Subclassed, as_kind, described, kind_of, kinds, written_out
from autograd.micrograd import MicrogradNames
from autograd.modes import UNRECORDED, current_modes, open_contexts, recorder_told, recorders
from autograd.names import Absent
from autograd.ops import Binary, Number, Op, Traced, Unary, as_float, on_floats

Operand = Any  # a Value, a number of any kind, or a numpy array (numpy then applies the operator to each element)
_new = object.__new__


def constant(number: float, label: str = "") -> Value:
    """The leaf that stands for a plain number in an expression, such as the 3 of ``x * 3``.

    >>> x = Value(2.0)
    >>> (x * 3).parents[1].op is constant(3.0).op
    True
    """
    given: Any = number
    if type(given) is not float:
        if isinstance(given, Traced):
            return given.node  # type: ignore[no-any-return]
        given = plain(given)
    out = new_node(given, ops.constant, (), ())
    out.label = label
    return out


def new_node(
    data: float, op: Op, parents: tuple[Value, ...], partials: Sequence[float], kind: type[Value] | None = None
) -> Value:
    """A new node, without any check of the arguments."""
    out: Value = _new(kind or Value)
    out._data = data
    out.grad = 0  # an int until the first backward, so that a drawing can tell "not computed" from 0.0
    out.label = ""
    out.op = op
    out.parents = parents
    out.partials = partials
    return out


def unrecorded(data: float, kind: type[Value] | None = None) -> Value:
    """The result of an operation inside ``no_grad()``: a leaf."""
    out = new_node(data, ops.leaf, (), NO_GRAPH, kind)
    if recorders:
        recorder_told(made=out)
    return out


# ---- how a row of the table becomes a method -----------------------------------------------------------------------
# These methods record the same nodes as `Value.apply`, 3x faster: a row's functions are bound once, not looked up.
_methods: dict[Op, Callable[..., Value]] = {}
_plain: set[Any] = {int, float}  # the types of most operands that are not Values


def in_context(op: Op, data: float, parents: tuple[Value, ...]) -> Value:
    """The result of an operation in an open context; while the compiler records, 3x faster than ``Value.apply``."""
    modes = current_modes()
    nodes = modes.nodes
    if nodes is not None:
        out: Value = _new(Value)
        out._data = data
        out.grad = 0
        out.label = ""
        out.op = op
        out.parents = parents
        out.partials = ()  # a recording is differentiated as a whole
        nodes[out] = None
        return out
    return unrecorded(data) if modes == UNRECORDED else Value.apply(op, parents)


def _unary(op: Unary) -> Callable[[Value], Value]:
    value, derivative = op.value, on_floats(op.derivative)

    def method(self: Value) -> Value:
        x = self._data
        y = value(x)
        if open_contexts.count:
            return in_context(op, y, (self,))
        out: Value = _new(Value)
        out._data = y
        out.grad = 0
        out.label = ""
        out.op = op
        out.parents = (self,)
        out.partials = (derivative(y, x),)
        return out

    _methods[op] = method
    return described(method, op)


def _binary(op: Binary) -> Callable[[Value, Operand], Value]:
    value, partials = op.value, on_floats(op.partials)

    def method(self: Value, other: Operand) -> Any:
        if other.__class__ is not Value:
            if type(other) in _plain:
                other = constant(float(other))
            elif not isinstance(other, Value):
                return mixed(method, self, other)
        x, y = self._data, other._data
        z = value(x, y)
        if open_contexts.count:
            return in_context(op, z, (self, other))
        out: Value = _new(Value)
        out._data = z
        out.grad = 0
        out.label = ""
        out.op = op
        out.parents = (self, other)
        out.partials = partials(z, x, y)
        return out

    _methods[op] = method
    return described(method, op)


def _operator(op: Binary) -> tuple[Callable[[Value, Operand], Value], Callable[[Value, Operand], Value]]:
    """Two methods: for a Value on the left of the operator, and for a Value on the right of a plain number."""
    forward = _binary(op)

    def reflected(self: Value, other: Operand) -> Any:
        if type(other) in _plain:
            return forward(constant(float(other)), self)
        return forward(other, self) if isinstance(other, Value) else mixed(reflected, self, other)

    return forward, described(reflected, op)


def _named(op: Binary) -> Callable[[Value, Operand], Value]:
    """A method that no operator calls, such as ``x.maximum(y)``: it maps over arrays and refuses other objects."""
    forward = _binary(op)

    def method(self: Value, other: Operand) -> Any:
        out = forward(self, other)
        if out is not NotImplemented:
            return out
        if not hasattr(other, "flat"):
            return Value.apply(op, (self, other))  # raises an error that says what is wrong with the operand
        results = other.astype(object)
        results.flat = [method(self, x) for x in other.flat]
        return results

    return described(method, op)


def _comparison(compare: Callable[[float, float], bool], op: Binary, swap: bool) -> Callable[[Value, Operand], bool]:
    def method(self: Value, other: Operand) -> Any:
        if open_contexts.count and (recorder := recorder_told(read=self)) is not None:
            return recorder.truth(Value.apply(op, (other, self) if swap else (self, other)))
        number = other._data if isinstance(other, Value) else known_number(other)
        return NotImplemented if number is None else compare(self._data, number)

    return described(method, op)


class Value(Conversions, PyTorchNames, Subclassed, MicrogradNames, Absent):
    """One scalar in the computation graph.

    Args:
        data: A real number of any kind; it becomes a float.
        label: A name for drawings and messages; also as the second argument: ``Value(2.0, "x")``.
        others, names: Arguments of micrograd's and microgpt's nodes, such as ``Value(data, (x, y), "op")``: see
            ``autograd.micrograd``.

    Attributes:
        data: The number.
        grad: The derivative of the last root of ``backward`` with respect to this node; 0 before that.
        label: The name.
        op: The row of the derivative table that made the node; ``leaf`` for a node that you made.
        parents: The operands that the node was computed from, in order; ``x * x`` has two.
        partials: The local derivatives with respect to the parents, as recorded.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> c = a * b + b**3
    >>> c.backward()
    >>> c.data, a.grad, b.grad           # dc/da = b, dc/db = a + 3 b²
    (0.0, 2.0, 8.0)

    A node has no other attributes, which keeps it small.  Nodes of your own subclass may have more, and the results of
    operations on them belong to that subclass, too: see ``autograd.methods``.
    """

    __slots__ = ("_data", "grad", "label", "op", "parents", "partials")

    _data: float
    grad: float
    label: str
    op: Op
    parents: tuple[Value, ...]
    partials: Sequence[float]

    def __init__(self, data: float, *others: Any, label: str = "", **names: Any) -> None:
        self.grad = 0
        self.label = label
        self.op = ops.leaf
        self.parents = self.partials = ()
        self._data = data if type(data) is float else self._number(data)
        if open_contexts.count and (recorder := recorder_told(made=self)) is not None:
            recorder.on_node(self)
        if others or names or label.__class__ is not str:
            if len(others) == 1 and others[0].__class__ is str and not label and not names:
                self.label = others[0]
            else:
                self._adopt(others, {"label": label, **names})

    def _number(self, data: Any) -> float:
        """A number of any kind as a float; given a traced number, this node becomes a copy that passes gradients on."""
        if isinstance(data, Traced):
            self.op, self.parents, self.partials = ops.identity, (data.node,), (1.0,)
            traced: float = data.node._data
            return traced
        return as_float(data)

    @property
    def data(self) -> float:
        """The number that this node holds.

        >>> x = Value(2)
        >>> x.data += 1; x.data
        3.0
        """
        if open_contexts.count and (recorder := recorder_told(read=self)) is not None:
            number: float = recorder.data(self)
            return number
        return self._data

    @data.setter
    def data(self, data: float) -> None:
        if open_contexts.count and (recorder := current_modes().recorder) is not None:
            recorder.on_set(self, data)
            return
        self._data = data if type(data) is float else as_float(data)

    # ---- differentiation -------------------------------------------------------------------------------------------
    def backward(self, gradient: float = 1.0, retain_graph: bool | None = None) -> None:
        """Set ``grad`` of every node that this node depends on: the derivative of this node with respect to that one.

        The gradients of leaves add up over several calls, as mini-batches and ``zero_grad`` expect.  Other nodes hold
        the gradient of the last call.  Either all gradients are written or, if an error occurs, none.

        Args:
            gradient: A factor of all gradients: the derivative of a later result with respect to this node.
            retain_graph: Accepted for programs from PyTorch, and ignored: a graph lives as long as its root.

        Raises:
            AutogradError: This node was computed inside ``no_grad()``.

        >>> x = Value(3.0); y = x**3
        >>> y.backward(); x.grad
        27.0
        >>> y.backward(); x.grad
        54.0
        """
        check_root(self)
        if open_contexts.count and (recorder := current_modes().recorder) is not None:
            recorder.on_backward(self, gradient)
            return
        start = as_float(gradient)
        try:
            if not open_contexts.count and spread(self, start):
                return
        except TypeError:
            provenance.check_gradients(self.parents)
            raise
        order = topological_order(self)
        make_room(len(order))
        with walking:
            before = [node.grad for node in order]
            try:
                clear(order)
                self.grad = self.grad + start
                accumulate(order)
                if open_contexts.count and current_modes().strict:
                    provenance.check_adjoints({node: node.grad for node in order})
            except BaseException:
                restore(order, before)
                provenance.check_gradients(order)
                raise

    def detach(self) -> Value:
        """A leaf with the same number and label, through which no gradient flows.

        >>> x = Value(3.0); y = x * x.detach(); y.backward(); x.grad
        3.0
        """
        if open_contexts.count and current_modes().recorder is not None:
            return self.apply(ops.detached, (self,))
        out: Value = as_kind(self._kind, Value(self._data, self.label))
        return out

    @classmethod
    def apply(cls, op: Op, operands: Sequence[Operand]) -> Value:
        """Record one application of any primitive to any operands; the operators and methods are faster cases of this.

        >>> Value.apply(ops.add, (Value(1.0), 2.0))
        Value(data=3.0, grad=0)
        """
        kind = (kind_of(operands) or cls._kind) if kinds else None
        if not open_contexts.count and op in _methods and isinstance(operands[0], Value):
            out = _methods[op](*operands)
            if out is not NotImplemented:
                return as_kind(kind, out)  # type: ignore[no-any-return]
        nodes = tuple([v if isinstance(v, Value) else constant(v) for v in operands])
        numbers = [node._data for node in nodes]
        data = op.value(*numbers)
        modes = current_modes() if open_contexts.count else None
        if modes == UNRECORDED:
            return unrecorded(data, kind)
        if modes is not None and modes.nodes is not None:
            out = new_node(data, op, nodes, (), kind)  # a recording is differentiated as a whole
            modes.nodes[out] = None
            return out
        out = new_node(data, op, nodes, op.partials(data, *numbers), kind)
        if modes is not None:
            if modes.strict:
                out.partials = provenance.located(out.partials)
                provenance.check_result(out)
            if modes.recorder is not None:
                modes.recorder.on_node(out)
                if not modes.recording:  # inside no_grad(): every replay needs the number, but no gradient
                    out = new_node(data, ops.detached, (out,), NO_GRAPH, kind)
                    modes.recorder.on_node(out)
            elif recorders:
                recorder_told(made=out)
            if modes.recorder is None and not modes.recording:
                out.op, out.parents, out.partials = ops.leaf, (), NO_GRAPH
        return out

    def select(self, x: Operand, y: Operand) -> Value:
        """x where this Value is not 0, else y; only the side that is taken becomes a parent.

        >>> x = Value(3.0)
        >>> y = Value(0.0).select(5.0, x)
        >>> y.parents == (x,)
        True
        """
        if open_contexts.count and current_modes().recorder is not None:
            return self.apply(ops.select, (self, x, y))
        return self.apply(ops.identity, (x if self._data else y,))

    # ---- the table, as operators and methods -----------------------------------------------------------------------
    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    _power, __rpow__ = _operator(ops.power)
    _constant_power = _binary(ops.constant_power)
    __neg__, __abs__, abs = _unary(ops.neg), _unary(ops.abs), _unary(ops.abs)
    __floor__, floor = _unary(ops.floor), _unary(ops.floor)
    round, sign = _unary(ops.round), _unary(ops.sign)

    exp, expm1, square = _unary(ops.exp), _unary(ops.expm1), _unary(ops.square)
    log, log1p, log2, log10 = _unary(ops.log), _unary(ops.log1p), _unary(ops.log2), _unary(ops.log10)
    sqrt, cbrt, erf = _unary(ops.sqrt), _unary(ops.cbrt), _unary(ops.erf)
    sin, cos, tan = _unary(ops.sin), _unary(ops.cos), _unary(ops.tan)
    asin, acos, atan = _unary(ops.asin), _unary(ops.acos), _unary(ops.atan)
    sinh, cosh, tanh = _unary(ops.sinh), _unary(ops.cosh), _unary(ops.tanh)
    asinh, acosh, atanh = _unary(ops.asinh), _unary(ops.acosh), _unary(ops.atanh)
    sigmoid, softplus, silu = _unary(ops.sigmoid), _unary(ops.softplus), _unary(ops.silu)
    relu, gelu, identity = _unary(ops.relu), _unary(ops.gelu), _unary(ops.identity)
    atan2, hypot, logaddexp = _named(ops.atan2), _named(ops.hypot), _named(ops.logaddexp)
    maximum, minimum = _named(ops.maximum), _named(ops.minimum)
    # The method names that numpy calls on a Value and on the elements of an array; PyTorch has most of them, too.
    arcsin, arccos, arctan, arcsinh, arccosh, arctanh, arctan2 = asin, acos, atan, asinh, acosh, atanh, atan2
    conjugate, fabs, rint = identity, abs, round

    def __pow__(self, exponent: Operand) -> Value:
        # For a plain number as exponent, only the base is differentiated: this avoids the log of a negative base.
        return self._power(exponent) if isinstance(exponent, Number) else self._constant_power(exponent)

    # ---- comparisons compare numbers; equality and hash are those of identity ----------------------------------------
    __lt__ = _comparison(lt, ops.less, swap=False)
    __le__ = _comparison(le, ops.less_equal, swap=False)
    __gt__ = _comparison(gt, ops.less, swap=True)
    __ge__ = _comparison(ge, ops.less_equal, swap=True)


for _name, _row, _function in written_out(Value, constant, in_context):
    _methods[_row] = _function
    setattr(Value, _name, described(_function, _row))
