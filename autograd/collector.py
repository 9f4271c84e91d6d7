"""Fewer searches of Python's garbage collector while a program records and differentiates graphs.

A graph is many small objects without a cycle.  Each is freed with the last reference to it, so the collector finds
nothing there.  It searches all the same: whenever 700 objects more are alive than at its last search, it goes through
the new ones.  That is a seventh of the time of a training step.

The collector has no switch for one kind of object, but the number 700 may be changed.  It is raised for as long as a
graph is recorded:

- A search begins, the program has differentiated large graphs before, and most of the new objects are nodes and their
  tuples: another graph is being recorded.  The next search waits for as many objects as a graph has.
- ``backward`` walks over the graph, which is finished.  The next search waits for 700 more than are alive now.
- The graph is freed, or what was recorded of it: the number is 700 again.  One node knows, by its tuple.

So other objects of the program, among which there may be garbage, are searched as soon as without graphs, except while
a graph is recorded; then they are few beside the nodes.  What survives ten searches is searched again.  These ten would
be long in coming if no node ever counted, so for one graph in 32 nothing is changed.  Thresholds that a program has
set by itself are never changed, and ``leave_alone`` switches all of this off.  The compiler's passes, which make no
garbage either, run without the collector.
"""

from __future__ import annotations

import gc
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from autograd.rows import Number

__all__ = ["collector_paused", "leave_alone", "make_room"]


DEFAULTS = ((700, 10, 10), (2_000, 10, 10))  # of Python, before and from 3.13
_MANY = 1_000  # nodes of a graph that is worth it
_OBJECTS = 4  # for each node: itself, its parents, its local derivatives, and one for what the program keeps besides
_MOST = 1_000_000  # objects for which the collector waits
_COUNTED = 32  # one in so many graphs counts as without this module
_FORGOTTEN = 20  # searches without a walk after which no graph is expected any more


class _State:
    found: tuple[int, int, int] = DEFAULTS[0]  # the thresholds before they were changed here
    own: tuple[int, int, int] | None = None  # those that were set here last
    expected = 0  # objects of the next graph
    graphs = 0  # that were walked since one counted
    searches = 0  # since the last walk
    node: Any = None  # of the graph that is being recorded while a search is going on
    off = False  # after leave_alone()


class _Watched(tuple[Any, ...]):
    """The local derivatives of a node, which tell when it is freed."""

    def __del__(self) -> None:
        if gc.get_threshold() == _State.own:
            gc.set_threshold(*_State.found)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


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
    if alone:
        _State.expected = 0
        if gc.get_threshold() == _State.own:
            gc.set_threshold(*_State.found)


def make_room(nodes: int) -> None:
    """Expect another graph of this many nodes, as each step of a training makes one; a small one changes nothing."""
    if nodes < _MANY or _State.off or not gc.isenabled():
        return
    if _around_a_search not in gc.callbacks:
        gc.callbacks.append(_around_a_search)
    # The largest graph is forgotten little by little.
    _State.expected = min(max(_OBJECTS * nodes, _State.expected - _State.expected // 8), _MOST)
    _State.graphs, _State.searches = (_State.graphs + 1) % _COUNTED, 0
    if gc.get_threshold() == _State.own:
        _wait_for(gc.get_count()[0])


def _wait_for(others: int) -> None:
    """Let the collector search when, besides these, as many objects are new as Python allows."""
    first, second, third = _State.found
    _State.own = (first + others, second, third)
    gc.set_threshold(*_State.own)


def _around_a_search(phase: str, info: dict[str, Any]) -> None:
    """Python calls this function before and after each search."""
    try:
        _adapt(phase)
    except KeyboardInterrupt:  # Python ignores what this function raises, so that Ctrl-C would be lost
        Timer(0.001, interrupt_main).start()


def _adapt(phase: str) -> None:
    """Raise the threshold if the objects that are searched are a graph in the making; else set it back."""
    now = gc.get_threshold()
    if not _State.expected or (now != _State.own and now not in DEFAULTS):
        return
    if phase == "start":
        _State.node = _one_of_a_graph(gc.get_objects(generation=0))
        return
    node, _State.node = _State.node, None
    _State.searches += 1
    if now in DEFAULTS:
        _State.found = now
    if _State.searches > _FORGOTTEN:
        _State.expected = 0
        if gc.callbacks[-1] is _around_a_search:  # to take another one away would skip the one behind it
            gc.callbacks.pop()
    if node is not None and _State.expected and _State.graphs:
        node.partials = _Watched(node.partials)
        _wait_for(_State.expected)
    elif now == _State.own:
        gc.set_threshold(*_State.found)


def _one_of_a_graph(young: list[Any]) -> Any:
    """A node, if the newest objects are a graph in the making; else None."""
    first = _State.found[0]
    some = young[-first :: 1 + first // 64]
    nodes = [x for x in some if issubclass(type(x), Number)]  # isinstance may run code of x
    others = len(some) - len(nodes) - sum([type(x) is tuple for x in some])
    if 2 * len(young) < first or not 5 * len(nodes) > len(some) > 10 * others:
        return None
    # The newest node may be without local derivatives yet, and a leaf has none.
    return next((x for x in nodes if type(getattr(x, "partials", None)) is tuple and x.partials), None)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cyclic collector, which would look through the nodes of a recording again and again.

    If a large graph is alive at the end, it counts as old, or the first search afterwards would go through all of it.
    """
    enabled, before = gc.isenabled(), gc.get_count()[0]
    try:  # Ctrl-C may come at any point: it must not leave the collector off
        gc.disable()
        yield
    finally:
        try:
            if enabled and gc.get_count()[0] - before > _OBJECTS * _MANY and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
        finally:
            if enabled:
                gc.enable()
