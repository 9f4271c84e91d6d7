"""A recording as a graph again: for derivatives of derivatives, and where nothing is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any, NoReturn

from autograd import ops
from autograd.compiler.recording.effects import UPDATED
from autograd.compiler.recording.record import as_node
from autograd.errors import PrimitiveError
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.modes import recording as recording_on
from autograd.ops import Op
from autograd.value import Value

__all__ = ["CompiledCall", "compute", "replayed"]


class CompiledCall(Op):
    """The primitive of one call: its derivatives are those that it computed; as a graph, those of the recording.

    Args:
        call: The result of the call, and its arguments (``Nodes``).
        output: The number of this output.
    """

    name = symbol = "compiled"

    def __init__(self, call: Any, output: int) -> None:
        # There is one for each call, so nothing is made here that is not asked for.
        self._call, self._output = call, output

    def again(self, *operands: Any) -> Any:
        """The recorded graph of other captured leaves and arguments."""
        call = self._call
        recording = call.variant.alone(self._output)
        inputs = [*recording.parameters, *[recording.arguments[i] for i in call.chosen or ()]]
        known = [*recording.numbers, *recording.arguments, *inputs]
        numbers = map(float, call.live[len(recording.parameters) :])
        return replayed(recording.output, dict(zip(known, [*numbers, *call.leaves, *operands])))

    def value(self, *operands: float) -> float:
        """The number that the call gave, or the recorded graph's at other operands."""
        call = self._call
        at = [*call.live[: len(call.variant.captured)], *[call.numbers[i] for i in call.chosen or ()]]
        # Eagerly it would differ by rounding.
        return call.values[self._output] if [*operands] == at else as_node(self.again(*operands))._data

    def partials(self, result: Any, *operands: Any) -> Sequence[Any]:
        """The derivatives of the recorded graph, as numbers or as a graph."""
        with recording_on():
            # Nodes of their own, since one operand may have been computed from another.
            nodes = [ops.identity(as_node(x)) for x in operands]
            is_graph = any(isinstance(x, Value) for x in operands)
            return gradients(as_node(self.again(*nodes)), nodes, create_graph=is_graph)

    def __call__(self, *operands: Any) -> Any:
        """The recorded graph itself, of the operands: a replay, which may be compiled, has no use for this one call."""
        return self.again(*operands)

    def __reduce__(self) -> NoReturn:
        raise PrimitiveError("cannot save the result of a compiled function with its graph: save it.detach()")


def replayed(output: Value, place: dict[Value, Any]) -> Any:
    """A recorded graph once more, as eager code would have made it.

    Args:
        output: The node to compute again.
        place: Other numbers or nodes in the place of some of its nodes.
    """
    for node in topological_order(output):
        if node.parents and node not in place:
            compute(node, place)
            if isinstance(place[node], Value):
                place[node].label = node.label
    return place.get(output, output)


def compute(node: Value, place: dict[Value, Any]) -> None:
    """Compute one node again, of what is in the place of its operands, and put the result in its own."""
    place[node] = _EAGERLY.get(node.op, node.op)(*[place.get(parent, parent) for parent in node.parents])


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Value) else x


def _taken(i: Any, *xs: Any) -> Any:
    number = i._data if isinstance(i, Value) else i
    return ops.identity(xs[int(number)]) if 0.0 <= number < len(xs) else nan


# What is not taken is no parent, nor is what was detached.
_EAGERLY: dict[Op, Any] = {ops.select: ops.where, ops.detached: _detached, UPDATED: _detached, ops.take: _taken}
