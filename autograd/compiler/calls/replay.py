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

__all__ = ["CompiledCall", "compute", "replayed", "replayed_together"]


class CompiledCall(Op):
    """The primitive of one call, for one output: its derivatives are those that the call computed.

    As a graph it is the recording, so that derivatives can be differentiated again.

    Args:
        call: The call (``calls.nodes.Call``).
        output: The number of the output.
    """

    name = symbol = "compiled"

    def __init__(self, call: Any, output: int) -> None:
        # There is one for each call, so nothing is made here that is not asked for.
        self._call, self._output = call, output

    def value(self, *operands: float) -> float:
        """The number that the call gave, or the recorded graph's at other operands."""
        if [*operands] == self._call.at:
            return self._call.values[self._output]  # type: ignore[no-any-return]
        return as_node(self(*operands))._data  # where they are the same, it would differ by rounding

    def partials(self, result: Any, *operands: Any) -> Sequence[Any]:
        """The derivatives of the recorded graph, as numbers or as a graph."""
        with recording_on():
            # Nodes of their own, since one operand may have been computed from another.
            nodes = [ops.identity(as_node(x)) for x in operands]
            is_graph = any(isinstance(x, Value) for x in operands)
            return gradients(as_node(self(*nodes)), nodes, create_graph=is_graph)

    def __call__(self, *operands: Any) -> Any:
        """The recorded graph of other captured leaves and arguments."""
        return self._call.again([self._output], operands)[0]

    def __reduce__(self) -> NoReturn:
        raise PrimitiveError("cannot save the result of a compiled function with its graph: save it.detach()")


def replayed(output: Value, place: dict[Value, Any]) -> Any:
    """A recorded graph once more, as eager code would have made it.

    Args:
        output: The node to compute again.
        place: Other numbers or nodes in the place of some of its nodes.
    """
    return replayed_together([output], place)[0]


def replayed_together(outputs: Sequence[Value], place: dict[Value, Any]) -> list[Any]:
    """Several outputs of a recorded graph, each of whose nodes is computed once."""
    for node in topological_order(*outputs):
        if node.parents and node not in place:
            compute(node, place)
            if isinstance(place[node], Value):
                place[node].label = node.label
    return [place.get(output, output) for output in outputs]


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
