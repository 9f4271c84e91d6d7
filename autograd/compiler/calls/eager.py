"""A recording node by node, as eager code computes it: with no program and no code, so that it starts at once.

A few calls of a small function cost less than to compile it, and to import what compiles: they are made like this.

>>> from autograd import Value, compile
>>> w = Value(3.0)
>>> f = compile(lambda x: (w * x).tanh() if x > 0 else w)
>>> recording = (f(0.25), f.kept.all()[0].recording)[1]
>>> evaluated(recording, [0.0], [2.0]), evaluated(recording, [1.0], [0.0])   # x, w; there x > 0 would be another one
(None, ([0.0], [0.0], [1.0]))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import ops
from autograd.compiler.calls.replay import compute
from autograd.compiler.recording.effects import GRADIENT
from autograd.compiler.recording.record import Recording, as_node
from autograd.functional import gradients
from autograd.modes import switched
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.program.classes import Program

__all__ = ["EagerPlan", "at_recording", "evaluated", "stepped"]

# The outputs, and the derivatives of the first one with respect to all arguments and to all parameters.
Found = tuple[list[float], list[float], list[float]]


class EagerPlan(NamedTuple):
    """In the place of what is compiled later.

    Attributes:
        run: Makes a call.
        recording: Of the function.
        by: Whether to differentiate with respect to captured leaves, and to arguments.
    """

    run: Callable[..., Any]
    recording: Recording
    by: tuple[bool, bool] = (False, False)

    @property
    def program(self) -> Program:
        """The program that it will become."""
        from autograd.compiler.calls.plans import program_of

        return program_of(self.recording, self.by)


def evaluated(
    recording: Recording, numbers: Sequence[float], live: Sequence[float], *, differentiated: bool = True
) -> Found | None:
    """The outputs and the derivatives of the first one; None if a guard does not hold.

    Args:
        recording: The recording to compute, of a function that changes nothing.
        numbers: The numbers in the arguments.
        live: The numbers that it reads where they are.
        differentiated: Whether derivatives are asked for; if not, they are 0.
    """
    with switched(recorder=None, recording=differentiated, strict=False):
        place = _computed(recording, numbers, live)
        if place is None:
            return None
        count = len(numbers)
        known = [*recording.arguments, *recording.parameters]
        slopes: Sequence[float] = [0.0] * len(known)
        if differentiated:
            slopes = gradients(as_node(place.get(recording.output, recording.output)), [place[leaf] for leaf in known])
        return _numbers(recording.outputs, place), list(slopes[:count]), list(slopes[count:])


def stepped(
    recording: Recording, numbers: Sequence[float], live: Sequence[float]
) -> tuple[list[float], list[list[float]]] | None:
    """The outputs, and the numbers that the effects need; None if a guard does not hold.

    Args:
        recording: The recording to compute.
        numbers: The numbers in the arguments.
        live: The numbers that it reads where they are.
    """
    with switched(recorder=None, recording=True, strict=False):
        place = _computed(recording, numbers, live)
        if place is None:
            return None
        lists = [_numbers(nodes, place) for nodes in recording.effects.outputs if nodes]
        return _numbers(recording.outputs, place), lists


def at_recording(recording: Recording) -> Found:
    """What the recording gave where it was made, for which the function need not run again."""
    live = [node._data for node in (*recording.parameters, *recording.numbers)]
    found = evaluated(recording._replace(guards=[]), [node._data for node in recording.arguments], live)
    assert found is not None  # there are no guards
    return [node._data for node in recording.outputs], found[1], found[2]


def _computed(recording: Recording, numbers: Sequence[float], live: Sequence[float]) -> dict[Value, Any] | None:
    """What stands in the place of each node of the recording; None if a guard does not hold."""
    leaves = [*recording.arguments, *recording.parameters, *recording.numbers]
    place: dict[Value, Any] = dict(zip(leaves, map(Value, [*numbers, *live])))
    # The derivatives that backward() wrote, by the node that it began at: one walk computes all of these.
    slopes: dict[Value, list[Value]] = {}
    for node in recording.nodes:
        if node.op is GRADIENT:
            slopes.setdefault(node.parents[0], []).append(node)
    for node in recording.nodes:
        if node.op is not GRADIENT:
            compute(node, place)
        elif node not in place:
            root, same = node.parents[0], slopes[node.parents[0]]
            inputs = [place.get(slope.parents[1], slope.parents[1]) for slope in same]
            place.update(zip(same, gradients(as_node(place.get(root, root)), inputs)))
    return place if _holds(recording, place) else None


def _holds(recording: Recording, place: dict[Value, Any]) -> bool:
    """Whether all decisions are those of the recording."""
    found = _numbers([guard.node for guard in recording.guards], place)
    return all(
        (x != 0.0) == (guard.found != 0.0) if guard.is_truth else x == guard.found
        for x, guard in zip(found, recording.guards)
    )


def _numbers(nodes: Sequence[Value], place: dict[Value, Any]) -> list[float]:
    found = [place.get(node, node) for node in nodes]
    return [x._data if isinstance(x, Value) else ops.as_float(x) for x in found]
