"""How the calls of one recording run: without the compiler, by the graph, as Python source, at last by machine code.

Compiling costs as much as some hundred calls of a small function, and a program may end before that.  So each stage
waits until calls have taken longer than it takes to compile.
"""

from __future__ import annotations

from typing import Any

from autograd.compiler.backends import compiler_imported, native_imported
from autograd.compiler.calls.budget import Budget
from autograd.compiler.recording.record import Recording

BY_GRAPH = 4  # calls of a small function before it is compiled; those that ask for gradients replay the graph
PROVED = 2  # a recording with decisions is compiled after it served so many calls, its own among them
BUILTIN_FROM = 4  # calls of value_and_grad before it becomes a builtin function
PAYS = 3  # fewer calls by the graph are not worth it
TINY = 100  # a function with at most so many operands is faster as Python source than as machine code
FEW_CLASSES = 30  # a program with more classes is too long for Python source
PATIENCE = 1.2  # calls must have taken so many times the seconds of the next stage
_PYTHON, _NATIVE = 0.01, 0.08  # seconds to make Python source, or machine code,
_IMPORTS_PYTHON, _IMPORTS_NATIVE = 0.04, 0.3  # and to import what makes it
_LARGE = 10_000  # a function with more operands becomes machine code at once after a quarter of that time,
_HUGE = 100_000  # and one with so many in its first call
_OPERAND = 6e-6  # seconds that machine code takes for each operand besides
_TRIALS = 8  # timed calls after which a program must have proved faster than the function
# How many times as long the calls of a program may take: if it changes nothing, the backward pass comes with each call.
_GAIN = {True: 1.0, False: 1.5}


class Stages:
    """Decides how the calls of one recording run.

    Attributes:
        calls: The calls that it served, the recorded one and those without the compiler among them.
        plans: The plans that were made from it.
        is_further: Whether an earlier recording of this structure exists, with other decisions.
        later: The backend of the last stage.
        took: The seconds of calls before there was machine code.
        is_irregular: Whether Python source would be too long.
        is_final: Whether the stages before the last one are over.
    """

    def __init__(self, recording: Recording, backend: str, budget: Budget) -> None:
        self.recording, self.backend, self.budget = recording, backend, budget
        self.has_effects = recording.effects.any
        self.plans: dict[Any, Any] = {}
        self.calls, self.took, self.later = 0, 0.0, backend
        self.is_further = self.is_irregular = self.is_final = False
        self.calls_by_graph = 0
        self._operands = 1 + len(recording.nodes.operands)
        self._without = 0.0  # the least seconds of a call without the compiler
        self._times: list[float] = []  # seconds of calls by the latest program, before it has proved faster
        self._is_slow = False  # whether the function itself is faster
        self._is_small = backend == "auto" and self._operands <= _LARGE
        self.waits = self._is_small  # for machine code
        if self._is_small:
            calls = min(BY_GRAPH, _LARGE // self._operands)
            self.calls_by_graph = calls if calls >= PAYS else 0
            self.later = "python" if self._operands <= TINY else "auto"

    def has_no_program(self, call: int) -> bool:
        """Whether there is none for this call, counted from 1, because compiling would not pay, or not yet.

        If there are several recordings, with different decisions, each of them may never serve another call.
        """
        if self.backend != "auto" or self.plans:
            return False
        has_guards = bool(self.recording.guards) and (self._is_small or self.is_further)
        if call <= max(self.calls_by_graph, PROVED if has_guards else 0):
            return True
        if not self._is_small:
            return self.is_further and not self.budget.compiles(self.took)
        python = not self.is_irregular and (self.later == "python" or self.waiting())
        price = _PYTHON + _IMPORTS_PYTHON * (not compiler_imported()) if python else self._native_price
        return self.took < PATIENCE * price

    @property
    def _native_price(self) -> float:
        return _NATIVE + _OPERAND * self._operands + _IMPORTS_NATIVE * (not native_imported())

    def waiting(self) -> bool:
        """Whether it is too early for machine code."""
        self.waits = self.waits and self.took < PATIENCE * self._native_price and not native_imported()
        return self.waits

    @property
    def is_early(self) -> bool:
        """Whether calls run without the compiler, because that is faster, or because compiling has to be paid for."""
        if self._is_slow:
            return True
        if self._is_small:
            proved = self.calls >= PROVED or not self.recording.guards
            return proved and self.has_no_program(self.calls + 1)
        if self.backend != "auto" or self.plans or self.is_further:
            return False
        return self._operands <= _HUGE and self.took < PATIENCE / 4.0 * self._native_price

    def ran(self, seconds: float, in_all: float) -> None:
        """Note a call without the compiler, and the seconds of this call and of those that nobody looked at."""
        self.calls += 1
        self._without = min(self._without or seconds, seconds)
        self.took += in_all
        if self._is_slow and not self.is_final and self.took >= PATIENCE * self._native_price:
            self._is_slow = False  # machine code may be faster than Python source

    def served(self, seconds: float) -> bool:
        """Note the seconds of a call that a program has made; False if those of the next call are wanted, too."""
        if not self._without or len(self._times) == _TRIALS:
            return True
        self._times.append(seconds)
        if len(self._times) < _TRIALS:
            return False
        self._is_slow = min(self._times) > _GAIN[self.has_effects] * self._without
        return True

    def made(self) -> None:
        """Note that there is another program, which has to prove faster than the function."""
        self._times.clear()

    @property
    def pays_builtin(self) -> bool:
        """Whether ``value_and_grad`` was called often enough to be made a builtin function."""
        early = self.waiting() and self.took < PATIENCE * _PYTHON  # it is 10x faster than Python source
        return self.backend == "native" or (self.calls >= BUILTIN_FROM and not early)
