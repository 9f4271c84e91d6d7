"""Work in several threads that take turns all the time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.support import PATIENCE


@contextmanager
def switching(interval: float = 1e-6) -> Iterator[None]:
    """Inside, Python goes from one thread to the next after so many seconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(work: Callable[[int], Any], threads: int = 8) -> list[Any]:
    """work(0), work(1), … at the same time; their results, or the first exception."""
    start = threading.Barrier(threads)

    def run(i: int) -> Any:
        start.wait(PATIENCE)
        return work(i)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))
