"""Passes of the compiler without the cyclic collector, which has nothing to find in a program."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


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
