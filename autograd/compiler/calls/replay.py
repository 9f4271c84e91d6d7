"""Replays a recording as an eager graph: for derivatives of derivatives, and for the first calls.

A few calls of a small function cost less than compiling it, or even than importing the compiler.  So these calls
compute the recorded graph node by node, with the numbers that eager code computes, and start at once.

>>> from autograd import Value, compile
>>> w = Value(3.0)
>>> f = compile(lambda x: (w * x).tanh() if x > 0 else w)
>>> recording = (f(0.25), f.kept.all()[0].recording)[1]
>>> evaluated(recording, [0.0], [2.0]), evaluated(recording, [1.0], [0.0])   # x, w; at x = 0 the guard x > 0 fails
(None, ([0.0], [0.0], [1.0]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from autograd import ops
from autograd.compiler.recording.effects import GRADIENT, UPDATED
from autograd.compiler.recording.record import Recording, as_node
from autograd.compiler.recording.recorder import Guard
from autograd.errors import PrimitiveError
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.modes import recording as recording_on
from autograd.ops import Op
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.program.classes import Program


class CompiledCall(Op):
    """The primitive of one output of one call: its derivatives are those that the call computed.

    To differentiate again, the primitive expands to the recorded graph.
    """

    name = "compiled"

    def __init__(self, call: Any, output: int) -> None:
        # Every call makes such a primitive, so everything else is computed on demand.
        self._call, self._output = call, output

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The name of the function, with the position of the result if there are several."""
        variant = self._call.variant
        return f"{variant.name}[{self._output}]" if len(variant.recording.outputs) > 1 else str(variant.name)

    def value(self, *operands: float) -> float:
        """The result of the call; at other operands, the result of the recorded graph."""
        if [*operands] == self._call.at:  # the graph's result could differ by rounding
            return self._call.values[self._output]  # type: ignore[no-any-return]
        return as_node(self(*operands))._data

    def partials(self, result: Any, *operands: Any) -> Sequence[Any]:
        """The derivatives of the recorded graph, as numbers or as a graph."""
        with recording_on():
            # Each operand is copied to a new node, since one operand may have been computed from another.
            nodes = [ops.identity(as_node(x)) for x in operands]
            is_graph = any(isinstance(x, Value) for x in operands)
            return gradients(as_node(self(*nodes)), nodes, create_graph=is_graph)

    def __call__(self, *operands: Any) -> Any:
        """The recorded graph, applied to other captured leaves and arguments."""
        return self._call.again([self._output], operands)[0]

    def __reduce__(self) -> NoReturn:
        raise PrimitiveError("cannot save the result of a compiled function with its graph: save it.detach()")


def replayed(output: Value, place: dict[Value, Any]) -> Any:
    """Make a recorded graph again, as eager code would; ``place`` maps some of its nodes to their replacements."""
    return replayed_together([output], place)[0]


def replayed_together(outputs: Sequence[Value], place: dict[Value, Any]) -> list[Any]:
    """Make several outputs of a recorded graph again, computing each node once: see ``replayed``."""
    for node in topological_order(*outputs):
        if node.parents and node not in place:
            compute(node, place)
            if isinstance(place[node], Value):
                place[node].label = node.label
    return [place.get(output, output) for output in outputs]


def compute(node: Value, place: dict[Value, Any]) -> None:
    """Compute one node again, from the replacements of its operands, and enter the result as its replacement."""
    place[node] = _EAGERLY.get(node.op, node.op)(*[place.get(parent, parent) for parent in node.parents])


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Value) else x


def _taken(i: Any, *xs: Any) -> Any:
    number = i._data if isinstance(i, Value) else i
    return ops.identity(xs[int(number)]) if 0.0 <= number < len(xs) else nan


# Some operations compute differently in an eager graph: a side that is not taken, or is detached, is no parent there.
_EAGERLY: dict[Op, Any] = {ops.select: ops.where, ops.detached: _detached, UPDATED: _detached, ops.take: _taken}


# ---- first calls -----------------------------------------------------------------------------------------------------
# The outputs, and the derivatives of the first one with respect to all arguments and to all parameters.
Found = tuple[list[float], list[float], list[float]]


class EagerPlan(NamedTuple):
    """Stands in for a plan during the first calls."""

    run: Callable[..., Any]  # makes a call
    recording: Recording
    by: tuple[bool, bool] = (False, False)  # whether to differentiate with respect to captured leaves, and to arguments

    @property
    def program(self) -> Program:
        """The program that a plan of this recording has."""
        from autograd.compiler.calls.plans import program_of

        return program_of(self.recording, self.by)


def evaluated(
    recording: Recording, numbers: Sequence[float], live: Sequence[float], *, differentiated: bool = True
) -> Found | None:
    """The outputs, and the derivatives of the first output (0 if not ``differentiated``); None if a guard fails.

    The recording has no effects.  ``numbers`` are those in the arguments, ``live`` those of captured leaves and others
    from outside.
    """
    place = _computed(recording, numbers, live)
    if place is None:
        return None
    slopes = _slopes(recording, place, recording.output) if differentiated else {}
    by_arguments, by_parameters = [
        [slopes.get(leaf, 0.0) for leaf in leaves] for leaves in (recording.arguments, recording.parameters)
    ]
    return _numbers(recording.outputs, place), by_arguments, by_parameters


def stepped(
    recording: Recording, numbers: Sequence[float], live: Sequence[float]
) -> tuple[list[float], list[list[float]]] | None:
    """The outputs, and the numbers that the effects write; None if a guard does not hold."""
    place = _computed(recording, numbers, live)
    if place is None:
        return None
    lists = [_numbers(nodes, place) for nodes in recording.effects.outputs if nodes]
    return _numbers(recording.outputs, place), lists


def at_recording(recording: Recording) -> Found:
    """The results of the call that was recorded, for which the function need not run again."""
    slopes = _slopes(recording, {node: node._data for node in recording.nodes}, recording.output)
    by_arguments, by_parameters = [
        [slopes.get(leaf, 0.0) for leaf in leaves] for leaves in (recording.arguments, recording.parameters)
    ]
    return _numbers(recording.outputs, {}), by_arguments, by_parameters


def _computed(recording: Recording, numbers: Sequence[float], live: Sequence[float]) -> dict[Value, float] | None:
    """The number of each node of the recording; None if a guard does not hold."""
    leaves = [*recording.arguments, *recording.parameters, *recording.numbers]
    place = dict(zip(leaves, map(ops.as_float, [*numbers, *live])))
    guards: dict[Value, list[Guard]] = {}
    for guard in recording.guards:
        guards.setdefault(guard.node, []).append(guard)
    if not all(_holds(guards[node], place) for node in guards if node in place or not node.parents):
        return None
    slopes: dict[Value, dict[Value, float]] = {}  # for each root of a backward(), the derivatives of one walk
    for node in recording.nodes:
        if node.op is not GRADIENT:
            place[node] = node.op.value(*_numbers(node.parents, place))
        else:
            root, leaf = node.parents
            if root not in slopes:
                slopes[root] = _slopes(recording, place, root)
            place[node] = slopes[root].get(leaf, 0.0)
        if node in guards and not _holds(guards[node], place):  # guards usually fail early
            return None
    return place


def _slopes(recording: Recording, place: Mapping[Value, float], root: Value) -> dict[Value, float]:
    """The derivatives of a node with respect to each node that it depends on."""
    found = {root: 1.0}
    for node in reversed(recording.nodes):
        if node not in found or node.op is GRADIENT:
            continue
        upstream = found[node]
        local = node.op.partials(place[node], *_numbers(node.parents, place))
        for parent, derivative in zip(node.parents, local):
            if derivative != 0.0 or node.op not in _EAGERLY:
                found[parent] = found.get(parent, 0.0) + upstream * derivative
    return found


def _holds(guards: Sequence[Guard], place: Mapping[Value, float]) -> bool:
    """Whether the decisions at a node are the same as in the recording."""
    (x,) = _numbers([guards[0].node], place)
    return all((x != 0.0) == (guard.found != 0.0) if guard.is_truth else x == guard.found for guard in guards)


def _numbers(nodes: Iterable[Value], place: Mapping[Value, float]) -> list[float]:
    return [place.get(node, node._data) for node in nodes]
