"""Decides whether another recording of a function would pay."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# CPU time of this thread in seconds.  Python in a browser has no such clock, but only one thread.
thread_time: Callable[[], float] = getattr(time, "thread_time", time.process_time)


MOST = 16  # recordings kept for one structure of the arguments; the one that served longest ago goes first
FEW = 3  # recordings allowed before any of them has served a second call
_CHEAP = 1.0  # seconds of compiling allowed before it has saved any time
_LONG = 0.02  # seconds: recordings that take longer together have to wait for calls that pay for them
_PART = 0.25  # a structure waits until its calls have taken this part of the time that recording and compiling takes,
_UNPROVED = 1.2  # and this part if that takes no long time, and has not saved yet what compiling has cost
_TRAINING = 0.1  # seconds: what takes longer to record and to compile is a program that is called for long
_LOOKING = 0.03  # the part of the time of calls without the compiler that may go into finding out that they need none
_FIRST = 4.0  # the first program takes about so many times as long to compile as the next one
_SHARE = 0.25  # a further recording is compiled when the calls that it served have taken this part of the compile time
_TWICE = 6.0  # a call is recorded again when plain calls have taken so many times the time of recording and compiling
_VAINLY = 3.0  # times the seconds of a call that finding out may count for: it may have recorded or compiled something
_SEEN = 5  # the first calls are all looked at
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
        rest: The number of calls that run without the compiler before one is looked at again.
    """

    def __init__(self) -> None:
        self.hits = self.misses = self.recorded = self.rest = 0
        self.cost = self.spent = 0.0
        self._further = 0.0  # the seconds that all recordings but the first took
        self._each = 0.0  # the seconds that a call without the compiler takes
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
        if self.recorded > 1:
            self._further += seconds
        self._plain = 0.0
        self._at = self.calls

    def waits(self, structure: Any) -> bool:
        """Whether a call should run without the compiler for now, because its structure has not been frequent enough.

        Two seconds of recording and compiling never pay for a text whose length occurs once.  So after the first
        recording of such a function, a further structure is recorded when its calls have taken a quarter of the time
        that recording and compiling would take.  Where that is short, and the compiler has not yet saved what it has
        cost, they must have taken as long.  A structure that occurs again and again is compiled soon, and one that
        occurs once or twice is never compiled (the "ski rental problem").

        >>> budget = Budget()
        >>> budget.waits("first")
        False
        >>> budget.add("first", 2.0)
        >>> budget.waits("second")
        True
        >>> _ = budget.ran("second", seconds=0.3)
        >>> budget.waits("second")
        True
        >>> _ = budget.ran("second", seconds=0.3)
        >>> budget.waits("second")
        False
        """
        if not self.recorded or structure in self._structures or self._further + self._price < _LONG:
            return False
        soon = self._price >= _TRAINING or self._saved > self.spent + self._price
        part = _PART if soon else _UNPROVED
        return self._waiting.get(structure, 0.0) < part * self._price

    @property
    def _price(self) -> float:
        """The expected seconds of another recording and its compilation."""
        return self.cost + self._compiling

    @property
    def _saved(self) -> float:
        """About the seconds that the compiler has saved: recording takes some four times as long as a call."""
        return self.hits * (self._each or self.cost / 4.0)

    def compiled(self, seconds: float) -> None:
        """Note the seconds that compiling a program took; the first program includes kernels that others share."""
        self._compiling = seconds if self.spent else seconds / _FIRST
        self.spent += seconds

    def must_wait(self, structure: Any) -> bool:
        """The same as ``waits``, for an actual call: a call that waits is counted as a miss."""
        waits = self.waits(structure)
        self.misses += waits
        return waits

    def ran(self, structure: Any, seconds: float, looking: float = 0.0) -> float:
        """Note a call that ran without the compiler, and decide how many others do before one is looked at again.

        Finding out that a call has to run without the compiler must cost nothing in the long run.  So it is paid by
        thirty times as many seconds of such calls, but by a hundred calls at most: a program may serve the next.

        Args:
            structure: The structure of the arguments.
            seconds: How long the call took.
            looking: How long it took before to find out.

        Returns:
            The seconds of this call and of those that are not looked at; all are taken to have the same structure.
        """
        self._each = max(seconds, 1e-6)
        self.looked(looking)
        seconds *= 1 + self.rest
        self._plain += seconds
        if self.waits(structure):
            if len(self._waiting) == _MOST_STRUCTURES:
                self._waiting.clear()
            self._waiting[structure] = self._waiting.get(structure, 0.0) + seconds
        return seconds

    def looked(self, seconds: float) -> None:
        """Note how long it took to find out that a call needs no program; others pay for it."""
        if self.calls > _SEEN and self._each:
            self.rest = int(min(seconds / self._each, _VAINLY) / _LOOKING)

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
        return (self.recorded < FEW and self.cost < _LONG) or self._plain >= _TWICE * self._price

    def compiles(self, seconds: float) -> bool:
        """Whether to compile a further recording, whose calls by the graph have taken this many seconds."""
        return seconds >= _SHARE * self._compiling
