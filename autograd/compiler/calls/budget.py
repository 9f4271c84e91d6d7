"""Decides whether another recording of a function would pay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# CPU time of this thread in seconds.  Python in a browser has no such clock, but only one thread.
thread_time: Callable[[], float] = getattr(time, "thread_time", time.process_time)


MOST = 16  # recordings kept for one structure of the arguments; the one that served longest ago goes first
FEW = 3  # recordings allowed before any of them has served a second call
_CHEAP = 1.0  # seconds of compiling allowed before it has saved any time
_LONG = 0.1  # seconds: if recording and compiling take longer, a further structure has to wait
_PART = 0.25  # a structure waits until its calls have taken this part of the time that compiling takes
_FIRST = 4.0  # the first program takes about so many times as long to compile as the next one
_SHARE = 0.25  # a further recording is compiled when the calls that it served have taken this part of the compile time
_TWICE = 2.0  # a call is recorded again when plain calls have taken so many times the time of recording and compiling
_VAIN = 1.0  # a recording that served no call is dropped when checking it has taken so many times the time of recording
_MOST_STRUCTURES = 1_000  # structures that are remembered


class Budget:
    """Decides whether another recording of a function would pay.

    Recording and compiling can cost as much as some hundred calls without the compiler, which give the same results.
    Therefore a function is recorded again as long as its recordings are reused, and otherwise each time the number of
    calls has doubled.  From the fourth recording on, plain calls must also have taken twice as long as recording and
    compiling would.  If compiling takes long, it must also have cost less than it has saved, or than ten calls for each
    structure of the arguments.

    Attributes:
        hits: The number of calls that reused a recording.
        misses: The number of all other calls.
        recorded: The number of recordings.
        cost: The seconds that the last recording took; a call without the compiler takes less.
        spent: The seconds that compiling has taken.
    """

    def __init__(self) -> None:
        self.hits = self.misses = self.recorded = 0
        self.cost = self.spent = 0.0
        self._compiling = 0.0  # the seconds that another program is expected to take
        self._plain = 0.0  # seconds of calls without the compiler since the last recording
        self._structures: set[Any] = set()
        self._waiting: dict[Any, float] = {}  # structures not recorded yet, with the seconds that their calls took
        self._at = 0  # the number of calls at the last recording

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return self.hits + self.misses

    def add(self, structure: Any, seconds: float) -> None:
        """Note another recording, and the seconds that it took."""
        self.recorded += 1
        if len(self._structures) < _MOST_STRUCTURES:
            self._structures.add(structure)
        self._waiting.pop(structure, None)
        self.cost = seconds
        self._plain = 0.0
        self._at = self.calls

    def waits(self, structure: Any) -> bool:
        """Whether a call should run without the compiler for now, because its structure has not been frequent enough.

        Two seconds of recording and compiling never pay for a text whose length occurs once.  So after the first
        recording of such a function, a further structure is recorded when its calls have taken a quarter of the time
        that recording and compiling would take.  A structure that occurs again and again is compiled soon, and one
        that occurs once or twice is never compiled (the "ski rental problem").

        >>> budget = Budget()
        >>> budget.waits("first")
        False
        >>> budget.add("first", 2.0)
        >>> budget.waits("second")
        True
        >>> budget.ran("second", seconds=0.3)
        >>> budget.waits("second")
        True
        >>> budget.ran("second", seconds=0.3)
        >>> budget.waits("second")
        False
        """
        if not self.recorded or structure in self._structures:
            return False
        return self._price >= _LONG and self._waiting.get(structure, 0.0) < _PART * self._price

    @property
    def _price(self) -> float:
        """The expected seconds of another recording and its compilation."""
        return self.cost + self._compiling

    def compiled(self, seconds: float) -> None:
        """Note the seconds that compiling a program took; the first program includes kernels that others share."""
        self._compiling = seconds if self.spent else seconds / _FIRST
        self.spent += seconds

    def must_wait(self, structure: Any) -> bool:
        """The same as ``waits``, for an actual call: a call that waits is counted as a miss."""
        waits = self.waits(structure)
        self.misses += waits
        return waits

    @contextmanager
    def without(self, structure: Any) -> Iterator[None]:
        """A context for a call that runs without the compiler, which notes the seconds that the call takes."""
        started = thread_time()
        yield
        self.ran(structure, thread_time() - started)

    def ran(self, structure: Any, seconds: float) -> None:
        """Note a call that ran without the compiler, and the seconds that it took."""
        self._plain += seconds
        if self.waits(structure):
            if len(self._waiting) == _MOST_STRUCTURES:
                self._waiting.clear()
            self._waiting[structure] = self._waiting.get(structure, 0.0) + seconds

    @property
    def structures_waiting(self) -> int:
        """The number of structures for which ``waits`` holds."""
        return len(self._waiting)

    def would_pay(self, structure: Any, kept: int) -> bool:
        """Whether to record the function again, when ``kept`` recordings of this structure exist."""
        if self.spent > max(_CHEAP, self.cost * max(self.hits, 10 * (1 + min(MOST, len(self._structures))))):
            return False
        if structure not in self._structures and len(self._structures) < MOST:  # sequences have different lengths
            return True
        serves = kept < MOST and self.recorded <= FEW + self.hits
        if not serves and self.calls < 2 * self._at:
            return False
        return self.recorded < FEW or self._plain >= _TWICE * self._price

    def compiles(self, seconds: float) -> bool:
        """Whether to compile a further recording, whose calls by the graph have taken this many seconds."""
        return seconds >= _SHARE * self._compiling

    def is_vain(self, seconds: float) -> bool:
        """Whether to drop a recording that served no call: checking it has taken these seconds, more than recording."""
        return seconds > _VAIN * self.cost
