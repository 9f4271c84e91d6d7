"""Python's cyclic garbage collector, set up for graphs.

A graph is many small objects without a cycle: each is freed with the last reference to it, and the collector finds
nothing there.  As Python sets it up it looks through all of them several times while they are made, which doubles the
time of a step.
"""

from __future__ import annotations

import gc

__all__ = ["make_room"]

FEWEST, MOST, OLD = 50_000, 3_000_000, 5_000_000  # objects
OBJECTS = 3  # of a node: itself, its parents, its local derivatives
DEFAULTS = (700, 2_000)  # of Python, before and from 3.13
_own: list[tuple[int, int, int]] = []  # the thresholds that were set here


def make_room(nodes: int = 0) -> None:
    """Let the collector look after as many new objects as a graph of so many nodes has, and no fewer than 50,000.

    A program that differentiates a graph makes another one in its next step.  What the collector has seen once it
    looks at again after 5,000,000 new objects.  If somebody has set it up otherwise, that stays.
    """
    first, _, third = now = gc.get_threshold()
    wanted = min(max(FEWEST, OBJECTS * nodes), MOST)
    if wanted != first and (now in _own or (not _own and gc.isenabled() and first in DEFAULTS)):
        _own[:] = [(wanted, OLD // wanted, third)]
        gc.set_threshold(*_own[0])
