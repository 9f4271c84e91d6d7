"""The order of the steps: maps over the same space stand together in long regions, to become one loop each.

A region keeps its intermediate results in registers. So a step may join it if all that it reads was computed before the
region, or in it by a map at the very same row; sums over lanes join too, and are known after the region only.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from autograd.compiler.arrays import ArrayProgram, Step
from autograd.compiler.native.space import Space, reads_own_row, space_of

__all__ = ["Stage", "schedule"]


class Stage(NamedTuple):
    """Steps that become one function; ``space`` is None for a step that stands alone (a product, a gather)."""

    steps: list[int]
    space: Space | None


def schedule(program: ArrayProgram, alone: Callable[[Step], bool], longest: int) -> list[Stage]:
    """Group the steps, all dependencies kept.

    Args:
        program: the steps.
        alone: whether a step cannot share a loop.
        longest: the size of a region, in steps of two operands (compile time grows faster than a function's length).
    """
    return _Scheduler(program, alone, longest).run()


class _Scheduler:
    def __init__(self, program: ArrayProgram, alone: Callable[[Step], bool], longest: int) -> None:
        self.steps, self.longest = program.steps, longest
        self.space = [None if alone(step) else space_of(step, program.arrays) for step in self.steps]
        self.writer = {step.target: number for number, step in enumerate(self.steps)}
        self.users: list[list[int]] = [[] for _ in self.steps]
        self.missing = [0] * len(self.steps)  # producers that are not scheduled yet
        self.ready: dict[Space | None, list[int]] = {}  # per space a heap: the earliest of the program first
        self.region: set[int] = set()  # what the open region computes
        for number, step in enumerate(self.steps):
            producers = self._producers(step)
            self.missing[number] = len(producers)
            for producer in producers:
                self.users[producer].append(number)
            if not producers:
                self._offer(number)

    def _producers(self, step: Step) -> set[int]:
        read = [view.array for view in step.operands] + [array for array, _ in step.rows]
        return {self.writer[array] for array in read if array in self.writer}

    def run(self) -> list[Stage]:
        stages = []
        while self.ready:
            space = self._next_space()
            stages.append(Stage(self._region(space), space))
        return stages

    def _next_space(self) -> Space | None:
        """Products first, since maps wait for them; else the space with most steps that can start."""
        if None in self.ready:
            return None
        return max(self.ready, key=lambda space: (len(self.ready[space]), -self.ready[space][0]))

    def _region(self, space: Space | None) -> list[int]:
        """Take steps of one space until none is left that may join."""
        steps: list[int] = []
        afterwards: list[int] = []
        size = 0
        self.region.clear()
        while space in self.ready and size < self.longest:
            number = self._take(space)
            steps.append(number)
            self.region.add(number)
            size += max(1, len(self.steps[number].operands) - 1)
            for user in self.users[number]:
                self.missing[user] -= 1
                if not self.missing[user]:
                    if self.space[user] != space or self._may_join(self.steps[user]):
                        self._offer(user)
                    else:
                        afterwards.append(user)
            if space is None:
                break
        for number in afterwards:
            self._offer(number)
        return steps

    def _may_join(self, step: Step) -> bool:
        """Whether the step, over the space of the open region, reads only what is at hand there."""
        for view in step.operands:
            producer = self.writer.get(view.array)
            if producer in self.region and not (
                self.steps[producer].kind == "map" and reads_own_row(view, step.ni, step.nj)
            ):
                return False
        return True

    def _take(self, space: Space | None) -> int:
        queue = self.ready[space]
        number = heapq.heappop(queue)
        if not queue:
            del self.ready[space]
        return number

    def _offer(self, number: int) -> None:
        heapq.heappush(self.ready.setdefault(self.space[number], []), number)
