"""Fewer searches of Python's garbage collector while a program records and differentiates graphs.

A graph is many small objects without a cycle. Each is freed with the last reference to it, so the collector finds
nothing there. The collector looks at every new object soon after it was made (the young generation, every 700
objects). It looks a second time at the objects that are still there after ten such looks (the middle generation), and
now and then at everything. While a graph is recorded, the second look is wasted on nodes: without it, a step with one
node for each + and * takes 0.6 times as long.

Therefore a walk postpones the next second look until a graph of its size has been recorded twice. The first look,
which finds most garbage, stays as it is. If a second look comes and no such graph was walked since the one before,
Python's thresholds are set back. Thresholds that a program has set by itself are never changed, and ``leave_alone``
switches all of this off. The compiler's passes, which make no garbage either, run without the collector.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["collector_paused", "leave_alone", "make_room"]


DEFAULTS = ((700, 10, 10), (2_000, 10, 10))  # of Python, before and from 3.13
_FEW = 256  # nodes for which no threshold is too low
OBJECTS = 3  # of a node: itself, its parents, its local derivatives
MOST = 10_000  # young looks before a second one


class _State:
    found: tuple[int, int, int] = DEFAULTS[0]  # the thresholds before they were changed here
    own: tuple[int, int, int] | None = None  # those that were set here and hold now
    wanted = 0  # for the largest graph that was walked since the last second look
    off = False  # after leave_alone()


def leave_alone(alone: bool = True) -> None:
    """Set Python's thresholds back and never change them again; ``leave_alone(False)`` allows changes again.

    >>> import gc
    >>> leave_alone()
    >>> before = gc.get_threshold()
    >>> make_room(1_000_000)
    >>> gc.get_threshold() == before
    True
    >>> leave_alone(False)
    """
    _State.off = alone
    if alone and _State.own is not None and gc.get_threshold() == _State.own:
        gc.set_threshold(*_State.found)
    if alone:
        _State.own, _State.wanted = None, 0


def make_room(nodes: int) -> None:
    """Expect another graph of this many nodes, as a program that trains makes one in each step.

    >>> make_room(10)              # a small graph changes nothing
    >>> _State.own is None
    True
    """
    if nodes < _FEW or _State.off:
        return
    first, second, _ = now = gc.get_threshold()
    if now != _State.own:
        if now not in DEFAULTS or not gc.isenabled():
            return
        _State.found, _State.own = now, None
    wanted = min(2 * OBJECTS * nodes // first, MOST)
    if wanted > second:
        _wait_for(wanted)
    _State.wanted = max(wanted, _State.wanted)


def _wait_for(looks: int) -> None:
    first, _, third = _State.found
    _State.own = (first, looks, third)
    gc.set_threshold(*_State.own)
    if _after_a_look not in gc.callbacks:
        gc.callbacks.append(_after_a_look)


def _after_a_look(phase: str, info: dict[str, Any]) -> None:
    """Keep the threshold if large graphs were walked since the last second look; else set Python's own back."""
    if phase != "stop" or info["generation"] == 0:
        return
    wanted, _State.wanted = _State.wanted, 0
    if _State.own is None or gc.get_threshold() != _State.own:
        return
    if wanted > _State.found[1]:
        _wait_for(wanted)
    else:
        _State.own = None
        gc.set_threshold(*_State.found)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cyclic collector, which would look through the nodes of a recording again and again."""
    enabled = gc.isenabled()
    try:  # Ctrl-C may come at any point: it must not leave the collector off
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()
