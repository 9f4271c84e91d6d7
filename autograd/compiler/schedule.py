"""The steps in which a program is computed: sums one by one, and operations on members in regions.

A region is a group of operations on as many members each that read each other's results in their own place.  It becomes
one loop: what only the region itself reads stays in the registers of the machine.

    a1 = mul a0 a0        one region: a loop over the members in which a1 and a2 are never stored,
    a2 = sub 1.0 a1       if only a3 reads them
    a3 = mul a2 b
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autograd.compiler.classes import Array, Kind, Program, Read, reads_of
from autograd.compiler.indices import Dims, Index, common_dims

__all__ = ["Region", "Step", "schedule", "stored"]


class Region(NamedTuple):
    """Operations on members, computed in one loop.

    Attributes:
        arrays: the numbers of the arrays, in order.
        size: how many members each has.
        batched: whether they are batched.
    """

    arrays: list[int]
    size: int
    batched: bool


Step = Region | int  # a region, or the number of a sum


def schedule(program: Program) -> list[Step]:
    """The steps of a program, in order."""
    return _Schedule(program).steps


def stored(program: Program, steps: list[Step]) -> set[int]:
    """The arrays that must be in memory: leaves, sums, results, and what passes from one step to another."""
    inside = {number: k for k, step in enumerate(steps) if isinstance(step, Region) for number in step.arrays}
    found = {read.array for read in program.outputs if isinstance(read, Read)}
    for number, array in enumerate(program.arrays):
        if array.kind is not Kind.MAP:
            found.add(number)
        for read in reads_of(array):
            if number not in inside or inside.get(read.array) != inside[number]:
                found.add(read.array)
    return found


class _Schedule:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.steps: list[Step] = []
        self.step_of: dict[int, int] = {}
        self.spaces: dict[int, _Space] = {}  # of the regions, by step
        self.open: dict[tuple[int, bool], list[int]] = {}  # the regions of each size
        for number, array in enumerate(program.arrays):
            if array.kind is Kind.SUM:
                self._add(number, number)
            elif array.kind is Kind.MAP:
                self._place(number, array)

    def _add(self, number: int, step: Step) -> None:
        self.step_of[number] = len(self.steps)
        self.steps.append(step)

    def _place(self, number: int, array: Array) -> None:
        """Put an operation into the first region that can take it, or into a new one."""
        key = array.size, array.batched
        earliest = 0
        for read in reads_of(array):
            if read.array in self.step_of:
                at = self.step_of[read.array]
                joins = at in self.spaces and read.index.is_identity and self._key(read.array) == key
                earliest = max(earliest, at if joins else at + 1)
        for at in self.open.get(key, ()):
            if at >= earliest and self._joins(at, array):
                step = self.steps[at]
                assert isinstance(step, Region)
                step.arrays.append(number)
                self.step_of[number] = at
                return
        self._add(number, Region([number], *key))
        at = self.step_of[number]
        self.spaces[at] = _Space(self._columns(at, array))
        self.open.setdefault(key, []).append(at)

    def _key(self, number: int) -> tuple[int, bool]:
        array = self.program.arrays[number]
        return array.size, array.batched

    def _columns(self, at: int, array: Array) -> set[Index]:
        """The index maps, other than the identity, by which an operation reads what is outside of its region."""
        return {read.index for read in reads_of(array) if not read.index.is_identity}

    def _joins(self, at: int, array: Array) -> bool:
        return self.spaces[at].extend(self._columns(at, array))


class _Space:
    """The loops of a region, as far as they are known."""

    def __init__(self, columns: Iterable[Index]) -> None:
        self.columns = set(columns)

    def extend(self, columns: set[Index]) -> bool:
        """Take more index maps in, if the loops do not get more by that than two and a table."""
        if columns <= self.columns:
            return True
        together = self.columns | columns
        tables = [column for column in together if column.dims is None]
        if tables:
            fits = len(tables) == len(together) == 1
        else:
            dims: list[Dims | None] = [column.dims for column in together]
            found = common_dims(dims)
            fits = found is not None and len(found[0]) <= 2
        if fits:
            self.columns = together
        return fits
