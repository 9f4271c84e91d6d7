"""A list that is made when somebody asks for it, in the place of the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Deferred"]


class Deferred:
    """Stands in an attribute for a list that would take long to make at each step, such as an optimiser's state.

    A class names the attributes in which it expects one in its own attribute ``deferrable``.

    Args:
        make: A function that makes the list.

    >>> Deferred(lambda: [1.0, 2.0]).fetch()
    [1.0, 2.0]
    """

    __slots__ = ("_make", "found")

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        self._make = make
        self.found: list[Any] | None = None  # the list, where somebody has made it before it would be another one

    def fetch(self) -> list[Any]:
        """The list."""
        return self._make() if self.found is None else self.found
