"""Whether to record a function once more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["FEW", "MOST", "Budget", "thread_time"]

# Seconds of the processor that this thread has used.  Python in a browser has no such clock, and only one thread.
thread_time: Callable[[], float] = getattr(time, "thread_time", time.process_time)


MOST = 16  # recordings kept for one structure of the arguments; the oldest goes first
FEW = 3  # recordings allowed before any of them has served a second call
_CHEAP = 1.0  # seconds that compiling may take before it has saved any
_LONG = 0.5  # seconds to record and compile, for which a second call of the same structure is waited for
_MOST_WAITED = 1_000  # structures that are remembered because they came once


class Budget:
    """Whether another recording of a function would pay.

    To record and compile costs as much as up to some hundred calls without the compiler, which are right, too.  So it
    is done as long as recordings serve again, else each time the calls have doubled; and where it takes long, only
    if compiling has cost less than it has saved, or than ten calls for each structure of the arguments.

    Attributes:
        hits: How many calls were served by a recording that was there.
        misses: How many were not.
        recorded: How many recordings there were.
        cost: Seconds that the last recording took, in which the function ran; a call without the compiler takes less.
        spent: Seconds that compiling has taken.
    """

    def __init__(self) -> None:
        self.hits = self.misses = self.recorded = 0
        self.cost = self.spent = 0.0
        self._structures: set[Any] = set()
        self._waited: set[Any] = set()  # structures that came once, and were not recorded
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

    def waits(self, structure: Any) -> bool:
        """Whether a call should run without the compiler, since perhaps no other one will be like it.

        What takes two seconds to record and compile pays from perhaps the twentieth call on; for a text of a length
        that comes once, it never does.  So after the first recording of such a function, each further structure is
        recorded when it comes for the second time.

        >>> budget = Budget()
        >>> budget.waits("first")
        False
        >>> budget.add("first", 2.0)
        >>> budget.waits("second")
        True
        >>> budget.waited("second")
        >>> budget.waits("second"), budget.calls
        (False, 1)
        """
        if not self.recorded or self.cost + self.spent / self.recorded < _LONG:
            return False
        return structure not in self._structures and structure not in self._waited

    def waited(self, structure: Any) -> None:
        """Note a call that ran without the compiler for that reason."""
        self.misses += 1
        if len(self._waited) == _MOST_WAITED:
            self._waited.clear()
        self._waited.add(structure)

    @property
    def structures_waited_for(self) -> int:
        """The number of structures that came once and ran without the compiler for that reason."""
        return len(self._waited - self._structures)

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
