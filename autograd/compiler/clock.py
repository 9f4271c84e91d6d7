"""The clock that compilations are timed with."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["thread_time"]

# Seconds of the processor that this thread has used.  Python in a browser has no such clock, and only one thread.
thread_time: Callable[[], float] = getattr(time, "thread_time", time.process_time)
