"""Random numbers that a compiled training takes as data.

A compiled program does the same at each call, and so nothing in it may draw.  A module that asks here gets a fresh
number when it runs eagerly, and one of the program's inputs while it is compiled; ``fit`` then draws for each sample of
each step, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["draws_given", "draws_of", "random_number"]

Draw = Callable[[], float]
_source: ContextVar[Callable[[Draw], Any] | None] = ContextVar("source", default=None)


def random_number(draw: Draw) -> Any:
    """What ``draw`` gives, or the next number of those that are given.

    >>> random_number(lambda: 0.5)
    0.5
    """
    source = _source.get()
    return draw() if source is None else source(draw)


@contextmanager
def draws_given(numbers: list[Any]) -> Iterator[None]:
    """Inside, nothing is drawn: these numbers are taken one after the other.

    >>> with draws_given([1.0, 2.0]):
    ...     [random_number(lambda: 0.5) for _ in range(2)]
    [1.0, 2.0]
    """
    remaining = iter(numbers)
    with _from(lambda draw: next(remaining)):
        yield


def draws_of(f: Callable[[], Any]) -> list[Draw]:
    """What a function draws by, in the order in which it does; it gets 1 for each.

    >>> [draw() for draw in draws_of(lambda: random_number(lambda: 0.5) + random_number(lambda: 0.25))]
    [0.5, 0.25]
    """
    found: list[Draw] = []

    def noted(draw: Draw) -> float:
        found.append(draw)
        return 1.0

    with _from(noted):
        f()
    return found


@contextmanager
def _from(source: Callable[[Draw], Any]) -> Iterator[None]:
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)
