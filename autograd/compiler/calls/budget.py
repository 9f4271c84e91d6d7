"""Whether to record a function once more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds of the processor that this thread has used.  Python in a browser has no such clock, and only one thread.
thread_time: Callable[[], float] = getattr(time, "thread_time", time.process_time)


MOST = 16  # recordings kept for one structure of the arguments; the oldest goes first
FEW = 3  # recordings allowed before any of them has served a second call
_CHEAP = 1.0  # seconds that compiling may take before it has saved any
_LONG = 0.1  # seconds: if to record and compile takes longer, a further structure has to wait
_PART = 0.25  # it waits until its calls have taken this part of the time that compiling takes
_MOST_STRUCTURES = 1_000  # the number of structures that are remembered


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
        self._waiting: dict[Any, float] = {}  # seconds that calls took of structures that are not recorded yet
        self._at = 0  # the number of calls at the last recording

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return self.hits + self.misses

    def add(self, structure: Any, seconds: float) -> None:
        """Note one more recording, which took so long."""
        self.recorded += 1
        if len(self._structures) < _MOST_STRUCTURES:
            self._structures.add(structure)
        self._waiting.pop(structure, None)
        self.cost = seconds
        self._at = self.calls

    def waits(self, structure: Any) -> bool:
        """Whether a call should run without the compiler, since perhaps too few others will be like it.

        What takes two seconds to record and compile never pays for a text of a length that comes once.  So after the
        first recording of such a function, each further structure is recorded when its calls have taken a quarter of
        the time that recording and compiling is going to take: one that comes again and again is compiled soon, and
        many that come once or twice are not (a "ski rental problem").

        >>> budget = Budget()
        >>> budget.waits("first")
        False
        >>> budget.add("first", 2.0)
        >>> budget.waits("second")
        True
        >>> budget.waited("second", seconds=0.3)
        >>> budget.waits("second")
        True
        >>> budget.waited("second", seconds=0.3)
        >>> budget.waits("second"), budget.calls
        (False, 2)
        """
        if not self.recorded or structure in self._structures:
            return False
        return self._price >= _LONG and self._waiting.get(structure, 0.0) < _PART * self._price

    @property
    def _price(self) -> float:
        """Seconds that another recording is going to take, and to compile it."""
        return self.cost + self.spent / self.recorded

    def waited(self, structure: Any, seconds: float) -> None:
        """Note a call that ran without the compiler for that reason, and how long it took."""
        self.misses += 1
        if len(self._waiting) == _MOST_STRUCTURES:
            self._waiting.clear()
        self._waiting[structure] = self._waiting.get(structure, 0.0) + seconds

    @property
    def structures_waiting(self) -> int:
        """The number of structures that run without the compiler for that reason."""
        return len(self._waiting)

    def would_pay(self, structure: Any, kept: int) -> bool:
        """Whether to record once more."""
        if self.spent > max(_CHEAP, self.cost * max(self.hits, 10 * (1 + min(MOST, len(self._structures))))):
            return False
        if structure not in self._structures and len(self._structures) < MOST:  # sequences have different lengths
            return True
        return (kept < MOST and self.recorded <= FEW + self.hits) or self.calls >= 2 * self._at
