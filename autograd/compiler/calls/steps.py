"""Calls of a function with effects: first read all numbers, then run the program, then write all changes.

Everything that may raise an error comes before the writing.  One call into C writes all changes, so that Ctrl-C cannot
leave half of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from autograd.collector import collector_paused
from autograd.compiler.recording.effects import Effects, Target
from autograd.compiler.recording.record import Recording
from autograd.compiler.residence import set_data, set_grad, settle

Found = tuple[list[float], list[list[float]]]  # the outputs, and the numbers that the effects need
Run = Callable[[Sequence[float], Sequence[float]], Found | None]
Stepped = tuple[list[float], Sequence[float]]  # the outputs, and the live numbers as they were before the call
_grads, _data = attrgetter("grad"), attrgetter("_data")


def step(recording: Recording, run: Run, numbers: Sequence[float], given: Sequence[Any]) -> Stepped | None:
    """Make a call that reads all numbers from Python's objects and writes them back; None if a guard does not hold."""
    live = live_numbers(recording, given)
    found = None if live is None else run(numbers, live)
    if live is None or found is None:
        return None
    write(recording.effects, found[1], given)
    return found[0], live


def recorded(recording: Recording) -> Found:
    """The results of the call that was recorded."""
    lists = [recording.outputs, *filter(None, recording.effects.outputs)]
    values, *numbers = [[node._data for node in nodes] for nodes in lists]
    return values, numbers


# ---- numbers in and out ----------------------------------------------------------------------------------------------
def _objects(targets: Sequence[Target], arguments: Sequence[Any]) -> Sequence[Any]:
    if int not in map(type, targets):  # no argument among the targets: 10x faster than the loop
        return targets
    return [arguments[target] if isinstance(target, int) else target for target in targets]


def live_numbers(recording: Recording, arguments: Sequence[Any]) -> list[float] | None:
    """The current data of the parameters and the other numbers that a call reads; None if one is no number now."""
    found = list(map(_data, recording.parameters))
    effects = recording.effects
    if recording.numbers or effects.outside is not None:
        gradients = list(map(_grads, _objects(effects.reads, arguments)))
        if not all(issubclass(kind, (int, float)) for kind in {*map(type, gradients)}):
            return None
        found += gradients
        if effects.outside is not None:
            numbers = effects.outside()
            if numbers is None:
                return None
            found += numbers
    return found


def write(effects: Effects, lists: Sequence[list[float]], arguments: Sequence[Any]) -> None:
    """Write all changes of a call or, if an error occurs before, none."""
    supply = iter(lists)
    settle(_objects([*effects.data[0], *effects.gradients[0], *effects.constants[0]], arguments))
    calls: list[Iterator[Any]] = []
    for put, (targets, nodes) in ((set_data, effects.data), (set_grad, effects.gradients)):
        if nodes:
            calls.append(map(put, _objects(targets, arguments), next(supply)))
    targets, constants = effects.constants
    calls.append(map(set_grad, _objects(targets, arguments), constants))
    with collector_paused():  # new tuples replace as many old ones, so that there is no garbage to search for
        if effects.written.parts:
            calls.append(effects.written.calls(next(supply, [])))
        deque(chain.from_iterable(calls), maxlen=0)
