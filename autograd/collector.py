"""Python's cyclic garbage collector, set up for graphs.

A graph is many small objects without a cycle: each is freed with the last reference to it, and the collector finds
nothing there.  As Python sets it up it looks through all of them several times while they are made, which doubles the
time of a step.
"""

from __future__ import annotations

import gc
from typing import Any

__all__ = ["wait_for_graphs"]

# Thresholds: how many new objects the collector waits for, and how many times it looks at the new before it looks at
# those it has seen once, too.  A graph of 65,000 nodes has fewer objects than the first, of a million than the last.
PATIENCE = [(200_000, 16), (400_000, 8), (800_000, 4), (1_600_000, 2), (3_200_000, 1)]


def wait_for_graphs() -> None:
    """Let the collector wait for 200,000 new objects, and for twice as many whenever it has found nothing.

    Once it finds something it waits for 200,000 again.  If somebody has set it up otherwise, before or later, it
    stays so.
    """
    first, _, third = gc.get_threshold()
    if gc.isenabled() and first in (700, 2_000):  # the defaults, before and from Python 3.14
        gc.set_threshold(*PATIENCE[0], third)
        gc.callbacks.append(_after_collection)


def _after_collection(phase: str, found: dict[str, Any]) -> None:
    first, second, third = gc.get_threshold()
    if phase == "stop" and (first, second) in PATIENCE:
        longer = PATIENCE.index((first, second)) + 1
        gc.set_threshold(*PATIENCE[0 if found["collected"] else min(longer, len(PATIENCE) - 1)], third)
