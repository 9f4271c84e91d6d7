"""Whether to record a function once more."""

from __future__ import annotations

from typing import Any

__all__ = ["FEW", "MOST", "Budget"]

MOST = 16  # recordings kept for one structure of the arguments; the oldest goes first
FEW = 3  # recordings allowed before any of them has served a second call
_CHEAP = 1.0  # seconds that compiling may take before it has saved any


class Budget:
    """Whether another recording of a function would pay.

    To record and compile costs as much as up to some hundred calls without the compiler, which are right, too.  So it
    is done as long as recordings serve again, else each time the calls have doubled; and where it takes long, only
    if compiling has cost less than it has saved, or than ten calls for each structure of the arguments.

    Attributes:
        hits: How many calls were served by a recording that was there.
        misses: How many were not.
        recorded: How many recordings there were.
        cost: Seconds that the function takes without the compiler.
        spent: Seconds that compiling has taken.
    """

    def __init__(self) -> None:
        self.hits = self.misses = self.recorded = 0
        self.cost = self.spent = 0.0
        self._structures: set[Any] = set()
        self._at = 0  # the number of calls at the last recording

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return self.hits + self.misses

    def add(self, structure: Any, seconds: float) -> None:
        """Note one more recording, which took so long."""
        self.recorded += 1
        if len(self._structures) < MOST:
            self._structures.add(structure)
        self.cost = seconds
        self._at = self.calls

    def would_pay(self, structure: Any, kept: int) -> bool:
        """Whether to record once more.

        Args:
            structure: The structure of the arguments.
            kept: The number of recordings that there are for it.
        """
        if self.spent > max(_CHEAP, self.cost * max(self.hits, 10 * (1 + len(self._structures)))):
            return False
        if structure not in self._structures and len(self._structures) < MOST:  # sequences have different lengths
            return True
        return (kept < MOST and self.recorded <= FEW + self.hits) or self.calls >= 2 * self._at
