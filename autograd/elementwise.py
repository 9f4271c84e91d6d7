"""One function for many rows of numbers, such as the rule of an optimiser, which moves each parameter alike.

It is called for every row.  Only while a compiled function is recorded is it called once for all rows of a kind: what
it did to the first row is what it does to each (see ``compiler/recording/columns.py``).  The state that it leaves for
each row stays in the memory of machine code until somebody asks for it: a ``Deferred`` list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from autograd.modes import current_modes, open_contexts

__all__ = ["Deferred", "each", "elementwise"]


F = TypeVar("F", bound=Callable[..., Any])


def elementwise(f: F) -> F:
    """Promise that a function does nothing but compute: one call of it may stand for many.

    >>> @elementwise
    ... def twice(x):
    ...     return 2.0 * x
    >>> each(twice, [(1.0,), (3.0,)])
    [2.0, 6.0]
    """
    f.elementwise = f  # type: ignore[attr-defined]  # functools.wraps copies it to functions that promise nothing
    return f


def each(f: Callable[..., Any], rows: Iterable[tuple[Any, ...]], *shared: Any) -> list[Any]:
    """``[f(*row, *shared) for row in rows]``; a row has numbers, or tuples of numbers.

    A function that is not ``elementwise`` is always called for every row.
    """
    recorder = current_modes().recorder if open_contexts.count else None
    if recorder is None or getattr(f, "elementwise", None) is not f:
        return [f(*row, *shared) for row in rows]
    found: list[Any] = recorder.each(f, rows, *shared)
    return found


class Deferred:
    """Stands in an attribute for a list that would take long to make at each step, such as an optimiser's state.

    A class names the attributes in which it expects one in its own attribute ``deferrable``.
    """

    __slots__ = ("_make", "found")

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        self._make = make
        self.found: list[Any] | None = None  # the list, where somebody has made it before it would be another one

    def fetch(self) -> list[Any]:
        """The list."""
        return self._make() if self.found is None else self.found
