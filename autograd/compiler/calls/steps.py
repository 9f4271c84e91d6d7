"""Calls of a function that changes something: what it reads is read before, and what it changes is written after.

Everything that may go wrong comes first.  Then all is written by one call into C, which Ctrl-C cannot split.
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
from autograd.compiler.recording.written import Puts
from autograd.compiler.residence import set_data, set_grad, settle

Found = tuple[list[float], list[list[float]]]  # the outputs, and the numbers that the effects need
Run = Callable[[Sequence[float], Sequence[float]], Found | None]
Stepped = tuple[list[float], Sequence[float]]  # the outputs, and the live numbers before
_grads, _data = attrgetter("grad"), attrgetter("_data")


def step(recording: Recording, run: Run, numbers: Sequence[float], given: Sequence[Any]) -> Stepped | None:
    """A call that reads everything where it is, and writes everything; None if a guard does not hold."""
    live = live_numbers(recording, given)
    found = None if live is None else run(numbers, live)
    if live is None or found is None:
        return None
    write(recording.effects, found[1], given)
    return found[0], live


def recorded(recording: Recording) -> Found:
    """What the function gave when it was recorded."""
    lists = [recording.outputs, *filter(None, recording.effects.outputs)]
    values, *numbers = [[node._data for node in nodes] for nodes in lists]
    return values, numbers


# ---- numbers in and out ----------------------------------------------------------------------------------------------
def _objects(targets: Sequence[Target], arguments: Sequence[Any]) -> Sequence[Any]:
    if int not in map(type, targets):  # 10x faster than one by one
        return targets
    return [arguments[target] if isinstance(target, int) else target for target in targets]


def live_numbers(recording: Recording, arguments: Sequence[Any]) -> list[float] | None:
    """The numbers that a call reads where they are; None if something else is there now."""
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
    """Write what a call changes: all of it or, if something goes wrong before, nothing."""
    supply = iter(lists)
    settle(_objects([*effects.data[0], *effects.gradients[0], *effects.constants[0]], arguments))
    calls: list[Iterator[Any]] = []
    for put, (targets, nodes) in ((set_data, effects.data), (set_grad, effects.gradients)):
        if nodes:
            calls.append(map(put, _objects(targets, arguments), next(supply)))
    targets, constants = effects.constants
    calls.append(map(set_grad, _objects(targets, arguments), constants))
    with collector_paused():  # new tuples take the place of as many old ones: there is nothing to look for
        if effects.written is not None:
            calls.append(Puts(effects.written.parts).calls(next(supply) if effects.written.nodes else []))
        deque(chain.from_iterable(calls), maxlen=0)
