"""Derivatives of functions: one call records the graph, differentiates it and drops it.

The names and the meaning of ``argnums`` are those of JAX.  Arguments are numbers, Values, numpy arrays, or nested
lists, tuples and dictionaries of numbers and Values; a derivative has the shape of its argument.  Keyword arguments are
passed on unchanged.  The results are floats.  They are Values if an argument is a Value, or if the call happens inside
a function that is itself being differentiated.  Therefore transformations can be nested: ``grad(grad(f))``.

    grad, value_and_grad    the derivative of a function that returns one number
    jacobian, hessian       all first derivatives of several outputs; all second derivatives of one output
    jvp, vjp, hvp           the product of a Jacobian or Hessian and a vector, without forming the matrix
    gradients               for graphs instead of functions: this is ``autograd.grad``
    transformation          a context in which derivatives are Values, even where the arguments are floats

>>> grad(lambda x: x**3)(2.0), hessian(lambda x: x**3)(2.0)
(12.0, 12.0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from math import isnan
from types import MappingProxyType
from typing import Any

from autograd import ops
from autograd.branches import Where, conditions
from autograd.errors import AutogradError, StaleGraphError
from autograd.graph import check_derivatives, check_root, dependents, leaves, sweep, topological_order
from autograd.modes import current_modes, in_transformation, open_contexts, recording, transformation
from autograd.names import lazy_names
from autograd.provenance import check_adjoints, describe
from autograd.rows import Detached
from autograd.trees import aligned, all_floats, flatten, is_tree, rebuild
from autograd.value import Value, constant

__all__ = ["grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "transformation", "value_and_grad", "vjp"]


NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


# ---- on graphs -------------------------------------------------------------------------------------------------------
def gradients(
    outputs: Value | Sequence[Value],
    inputs: Value | Sequence[Value] | None = None,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> tuple[Any, ...]:
    """The derivatives of the sum of the outputs with respect to each input; no ``.grad`` is read or written.

    This is the function ``autograd.grad``.

    Args:
        outputs, inputs: One node or several, leaves or not.
        grad_outputs: A weight for each output, 1 by default; for one output, it may be a single number.
        retain_graph: Accepted for programs from PyTorch, and ignored: a graph lives as long as its root.
        create_graph: Whether to return Values, which can be differentiated again, drawn or compiled, instead of floats.

    Returns:
        One derivative per input; 0 where the outputs do not depend on it.

    Raises:
        AutogradError: An output was computed inside ``no_grad()``.
        StaleGraphError: With ``create_graph``, the data of a node was changed after the node had been used.

    >>> x = Value(2.0)
    >>> (dx,) = gradients(x**3, x, create_graph=True)
    >>> dx.data, gradients(dx, x)
    (12.0, (12.0,))
    """
    roots, wanted = _nodes("outputs", outputs), _nodes("inputs", inputs)
    if open_contexts.count and (recorder := current_modes().recorder) is not None:
        wanted = recorder.on_gradients(roots, wanted)
        if not create_graph:  # plain numbers for f, but computed anew at every replay
            graph = gradients(roots, wanted, grad_outputs=grad_outputs, create_graph=True)
            return tuple([recorder.number(d.detach()) for d in graph])
    weights = [1.0] * len(roots) if grad_outputs is None else list(map(_weight, _several(grad_outputs)))
    if len(weights) != len(roots):
        raise ValueError(f"got {len(weights)} grad_outputs for {len(roots)} outputs")
    order = topological_order(*roots)
    seeds: dict[Value, Any] = {}
    for root, weight in zip(roots, weights):
        check_root(root)
        seeds[root] = seeds[root] + weight if root in seeds else weight
    if not create_graph:
        adjoint = first_order(order, seeds)
        return tuple([adjoint.get(node, 0.0) for node in wanted])
    depends = dependents(order, wanted)
    with recording():
        # Apply all rules before the sweep: a user's own rule may do anything, even differentiate these same nodes.
        local = {node: _partials_as_graph(node, depends) for node in order}
        if any(node.op is ops.select for node in order):
            _mask_branches(order, roots, local)
        between = [node for node in order if node in depends]  # the inputs and what depends on them
        starts = {root: seed for root, seed in seeds.items() if root in depends}
        adjoint = sweep(between, starts, local.__getitem__, NOTHING)
    found = [adjoint.get(node, 0.0) for node in wanted]
    return tuple([d if isinstance(d, Value) else constant(0.0 if d is NOTHING else d) for d in found])


def first_order(order: Sequence[Value], seeds: Mapping[Value, Any]) -> dict[Value, Any]:
    """The adjoints, computed from the recorded partials; inside ``strict()`` they are checked for nan and infinity."""
    adjoint = sweep(order, seeds)
    if open_contexts.count and current_modes().strict:
        check_adjoints(adjoint)
    return adjoint


class _Nothing:
    """The empty sum: x plus it is x itself, and a product with it is empty again.  No node is made for either."""

    def __add__(self, other: Any) -> Any:
        return other

    def __mul__(self, other: Any) -> _Nothing:
        return self

    __radd__, __rmul__ = __add__, __mul__


NOTHING = _Nothing()


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Iterable) else [given]


def _weight(x: Any) -> Any:
    return x.node if isinstance(x, ops.Traced) else x if isinstance(x, Value) else ops.as_float(x)


def _nodes(what: str, given: Any) -> list[Value]:
    if callable(given):
        raise TypeError(f"{what} must be Values: for the derivative of a function there is autograd.functional.grad")
    if given is None:
        raise TypeError(f"{what} are missing: write grad(output, inputs), as in autograd.grad(y, [x, w])")
    nodes = [x.node if isinstance(x, ops.Traced) else x for x in _several(given)]
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"{what} must be Values, got {node!r} of type {type(node).__name__}")
    return nodes


def _partials_as_graph(node: Value, wanted: set[Value]) -> list[Any]:
    """The local derivatives of a node as nodes, which can be differentiated again: its rule, applied to nodes."""
    if node not in wanted or node.op in ops.COMPARISONS:
        return [NOTHING] * len(node.parents)
    if not node.parents:
        return []
    check_data(node, "differentiating it twice")
    # Constants become floats, which saves nodes.  Inputs of a network have labels, which formulas show: they stay.
    operands = [p._data if p.op is ops.constant and not p.label else p for p in node.parents]
    local = (NOTHING, 1.0, 1.0) if node.op is ops.select else node.op.partials(node, *operands)
    return [derivative if parent in wanted else NOTHING for parent, derivative in zip(node.parents, local)]


def check_data(node: Value, use: str) -> None:
    """Raise a ``StaleGraphError`` if the data of an operand was changed after the node had been computed from it."""
    if current_modes().recorder is None:  # a compiler's recording has no partials: it is differentiated as a whole
        check_derivatives([node])
    if not isinstance(node.op, ops.Op):
        raise AutogradError(f"{node!r} has the operation {node.op!r}, which was set by hand: it has no rule for {use}")
    now = node.op.value(*[parent._data for parent in node.parents])
    if now != node._data and not (isnan(now) and isnan(node._data)):
        changed = {parent.label or f"Value({parent._data})": None for parent in node.parents if not parent.parents}
        raise StaleGraphError(
            f"{describe(node)} was recorded as {node._data} but now is {now}: the data of "
            f"{' or '.join(changed) or 'a node'} changed since; record the graph again before {use}"
        )


def _mask_branches(order: Sequence[Value], roots: Sequence[Value], local: dict[Value, list[Any]]) -> None:
    """In a graph that the compiler records, make the derivatives of a branch count only where the branch is taken."""

    def edges(node: Value) -> Iterable[tuple[int, Value]]:
        return [(k, parent) for k, (parent, d) in enumerate(zip(node.parents, local[node])) if d is not NOTHING]

    def chosen(node: Value) -> Value | None:
        return node.parents[0] if node.op is ops.select else None

    for (node, k), taken in conditions(order, roots, edges, chosen).items():
        local[node][k] = Where(taken, local[node][k])


# ---- on functions ----------------------------------------------------------------------------------------------------
class _Call:
    """One recorded call of a function: new nodes for the chosen arguments, and the output."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], argnums: int | Sequence[int],
        options: Mapping[str, Any] = NO_OPTIONS,
    ) -> None:  # fmt: skip
        chosen = _chosen(args, argnums)
        self.single = isinstance(argnums, int)
        self.trees = [args[i] for i in chosen]
        flat = flatten(self.trees)
        # The results must be Values if the caller differentiates them, too.  It does so if it passes Values, or if this
        # call happens inside a function that is being transformed: f may use that function's Values through a closure.
        self.nested = in_transformation() or any(isinstance(x, Value) for x in flatten([*args, *options.values()]))
        with recording():
            # A Value is copied to a new node, so that another use of the Value in f does not count as this argument.
            self.inputs = [ops.identity(x) if isinstance(x, Value) else Value(x) for x in flat]
            call = list(args)
            for i, tree in zip(chosen, rebuild(self.trees, self.inputs)):
                call[i] = tree
            with transformation():
                self.output = f(*call, **options)

    def scalar(self) -> Value:
        """The output as one node."""
        if isinstance(self.output, Value):
            return self.output
        if is_tree(self.output):
            raise TypeError(f"the function must return one number, got {type(self.output).__name__}: use jacobian")
        return as_node(self.output)

    def gradient(self, output: Value, create_graph: bool) -> Any:
        """The derivative of one output with respect to the inputs, in the shape of the arguments."""
        found = gradients(output, self.inputs, create_graph=create_graph)
        shaped = rebuild(self.trees, found if create_graph else map(self.marked, found))
        return shaped[0] if self.single else tuple(shaped)

    def number(self, x: Any) -> Any:
        """A result for the caller: a float, or a Value if the caller is differentiating too."""
        return x if self.nested or not isinstance(x, Value) else self.marked(x._data)

    def marked(self, x: Any) -> Any:
        """A result for the caller; a float becomes ``Detached`` if f uses Values that are not among its arguments."""
        return Detached(x) if type(x) is float and self._captures else x

    @cached_property
    def _captures(self) -> bool:
        others = set(leaves(*[out for out in flatten(self.output) if isinstance(out, Value)])).difference(self.inputs)
        return any(leaf.op is ops.leaf for leaf in others)


def _chosen(args: Sequence[Any], argnums: int | Sequence[int]) -> list[int]:
    """The positions of the arguments that ``argnums`` selects."""
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)
    for i in chosen:
        if not -len(args) <= i < len(args):
            raise ValueError(f"argnums has {i}, but the function was called with {len(args)} arguments")
    if len({i % len(args) for i in chosen}) < len(chosen):
        raise ValueError(f"argnums {tuple(chosen)} names an argument twice (there are {len(args)})")
    return chosen


def as_node(output: Any) -> Value:
    """The result of a function as a node; a plain number becomes a constant."""
    if output is None:
        raise TypeError("the function must return a number, got None: does it say `return`?")
    return output if isinstance(output, Value) else constant(output)


def _check_argnums(argnums: Any) -> None:
    """Raise an error for ``jacobian(f, x)`` at once: the call is ``jacobian(f)(x)``, as in JAX."""
    for i in [argnums] if isinstance(argnums, int) else _several(argnums):
        if not isinstance(i, int):
            raise TypeError(f"argnums are positions of arguments, not {i!r}: pass the arguments as in jacobian(f)(x)")


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that returns f(...) and its derivative with respect to the chosen arguments.

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """
    _check_argnums(argnums)
    if not callable(f):
        raise TypeError(f"expected a function, not {f!r}: for the derivative of a Value there is autograd.grad(y, x)")
    itself = getattr(f, "value_and_grad", None)  # a compiled function has its own derivative, which is 7x faster

    def transformed(*args: Any, **options: Any) -> tuple[Any, Any]:
        if itself and not options and not in_transformation() and all_floats(flatten(args)):
            places = _chosen(args, argnums)
            value, gradients = itself(*args)
            if f.captures:  # type: ignore[attr-defined]
                value, gradients = Detached(value), rebuild(gradients, map(Detached, flatten(gradients)))
            return value, gradients[argnums] if isinstance(argnums, int) else tuple([gradients[i] for i in places])
        call = _Call(f, args, argnums, options)
        output = call.scalar()
        return call.number(output), call.gradient(output, call.nested)

    return transformed


__getattr__ = lazy_names(__name__)


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of f with respect to the chosen arguments, as a function of the same arguments.

    >>> grad(sin)(0.0), grad(grad(grad(sin)))(0.0)
    (1.0, -1.0)
    >>> grad(lambda w: w[0] * w[1][0])([3.0, [4.0]])
    [4.0, [3.0]]
    >>> grad(lambda p: p["w"] ** 2 * p["b"])({"w": 3.0, "b": 4.0})
    {'w': 24.0, 'b': 9.0}
    """
    both = value_and_grad(f, argnums)

    def transformed(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return transformed


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of each output with respect to the chosen arguments: the shape of the output, then the argument's.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + 3 * v[1]])([2.0, 5.0])
    [[5.0, 2.0], [1.0, 3.0]]
    """
    _check_argnums(argnums)

    def transformed(*args: Any, **options: Any) -> Any:
        call = _Call(f, args, argnums, options)
        outputs = list(map(as_node, flatten(call.output)))
        return rebuild(call.output, [call.gradient(out, call.nested) for out in outputs])

    return transformed


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The second derivatives of a scalar function: for an argument that is a list of n numbers, n rows of n.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([2.0, 5.0])
    [[10.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """``f(*args)``, and a function that maps weights, shaped like the output, to Σ weight · ∂output/∂argument.

    >>> out, pull_back = vjp(lambda x, y: [x * y, x + y], 2.0, 5.0)
    >>> out, pull_back([1.0, 10.0])
    ([10.0, 7.0], (15.0, 12.0))
    """
    call = _Call(f, args, range(len(args)))
    outputs = flatten(call.output)

    def pull_back(weights: Any) -> tuple[Any, ...]:
        flat = list(map(_weight, aligned(weights, call.output, "weights", "outputs")))
        roots = list(map(as_node, outputs))
        nested = call.nested or any(isinstance(w, Value) for w in flat)
        found = gradients(roots, call.inputs, grad_outputs=flat, create_graph=nested)
        return tuple(rebuild(call.trees, found if nested else map(call.marked, found)))

    return rebuild(call.output, map(call.number, outputs)), pull_back


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``f(*primals)``, and the derivative of every output in the direction of the tangents.

    One forward sweep: the tangent of a node is Σ ∂node/∂parent · tangent of the parent.

    >>> jvp(lambda x, y: [x * y, x + y], (2.0, 5.0), (1.0, 0.0))
    ([10.0, 7.0], [5.0, 1.0])
    """
    for arguments in (primals, tangents):
        if not isinstance(arguments, (list, tuple)):
            raise TypeError(f"primals and tangents must be tuples of one entry per argument, got {arguments!r}")
    call = _Call(f, tuple(primals), range(len(primals)))
    directions = list(map(_weight, aligned(tangents, primals, "tangents", "primals")))
    nested = call.nested or any(isinstance(t, Value) for t in directions) or current_modes().recorder is not None
    outputs = flatten(call.output)
    roots = [out for out in outputs if isinstance(out, Value)]
    order = topological_order(*roots)
    tangent: dict[Any, Any] = dict(zip(call.inputs, directions))
    depends = dependents(order, call.inputs)
    if not nested:
        check_derivatives(order)
    for node in order:
        if node in depends and node not in tangent:
            if node.op is ops.select:
                condition, x, y = node.parents
                tangent[node] = condition.select(tangent.get(x, 0.0), tangent.get(y, 0.0))
                continue
            local = _partials_as_graph(node, depends) if nested else node.partials
            terms = [d * tangent[p] for p, d in zip(node.parents, local) if p in tangent]
            if terms:
                tangent[node] = sum(terms[1:], terms[0])
    slopes = [tangent.get(out, 0.0) for out in outputs]
    values = rebuild(call.output, map(call.number, outputs))
    return values, rebuild(call.output, slopes if nested else map(call.marked, slopes))


def hvp(f: Callable[..., Any], x: Any, direction: Any) -> Any:
    """The Hessian of a scalar function times a vector, at the cost of a few gradients: the Hessian is not formed.

    >>> hvp(lambda v: v[0] ** 2 * v[1], [2.0, 5.0], [1.0, 0.0])
    [10.0, 4.0]
    """
    return jvp(grad(f), (x,), (direction,))[1]
