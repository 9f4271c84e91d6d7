"""The steps in which a program is computed: sums and choices one by one, and operations on members in regions.

A region is a group of operations on as many members each that read each other's results in their own place.  It becomes
one loop: what only the region itself reads stays in the registers of the machine.

    a1 = mul a0 a0        one region: a loop over the members in which a1 and a2 are never stored,
    a2 = sub 1.0 a1       if only a3 reads them
    a3 = mul a2 b

A long region is cut where its operations repeat, as the steps of a simulation do: then its parts are the same loop over
other numbers, and only one of them is compiled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

from autograd.compiler.program.classes import Array, Kind, Program, Read, reads_of
from autograd.compiler.program.indices import Dims, Index, common_dims

_LONG = 128  # operations; shorter regions are one loop
_PART = 48  # operations in a part that repeats, at least
_ROW = 4  # operations that must be the same to look whether more are
_TRIED = 8  # periods
_MOST_BREAKS = 8  # of tables in one region, each of which begins a block of its loop


class Region(NamedTuple):
    """Operations on members, computed in one loop."""

    arrays: list[int]  # the numbers of the arrays, in order
    size: int  # the number of members of each
    batched: bool  # whether they are batched


Step = Region | int  # a region, or the number of a sum or a choice


def schedule(program: Program) -> list[Step]:
    """The steps of a program, in order."""
    steps: list[Step] = []
    for step in _Schedule(program).steps:
        if isinstance(step, Region):
            steps += [step._replace(arrays=arrays) for arrays in _cut(program, step.arrays)]
        else:
            steps.append(step)
    return steps


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


def _cut(program: Program, arrays: list[int]) -> list[list[int]]:
    """The operations of a region in parts, those that repeat in parts that are alike."""
    # Two places where the same few operations begin may be a period apart: from there on operations are compared until
    # one differs.  Of all periods tried, the one that covers most is taken.
    if len(arrays) <= _LONG:
        return [arrays]
    position = {number: k for k, number in enumerate(arrays)}
    signs = [_sign(program.arrays[number], k, position) for k, number in enumerate(arrays)]
    following: dict[Any, list[int]] = {}  # the places where some operations in a row begin
    for k in range(len(arrays)):
        following.setdefault(tuple(signs[k : k + _ROW]), []).append(k)
    parts: list[list[int]] = []
    rest: list[int] = []
    k = 0
    while k < len(arrays):
        known = following[tuple(signs[k : k + _ROW])]
        after = bisect_right(known, k)
        lengths = [_repetition(signs, k, other - k) for other in known[after : after + _TRIED] if other - k <= _LONG]
        length, times = max(lengths, key=prod, default=(0, 0))
        if times < 2:
            rest.append(arrays[k])
            k += 1
        else:
            parts += [rest] * bool(rest)
            rest = []
            parts += [arrays[first : first + length] for first in range(k, k + times * length, length)]
            k += times * length
    return [*parts, rest] if rest else parts


def _sign(array: Array, place: int, position: dict[int, int]) -> Any:
    """What an operation does, and how far back in the region each operand is, at most ``_LONG``."""
    operands: list[int] = []
    for operand in array.operands:
        if not isinstance(operand, Read):
            operands.append(-1)
        elif operand.array in position and operand.index.is_identity:
            operands.append(min(place - position[operand.array], _LONG))
        else:
            operands.append(_LONG)
    return array.op, tuple(operands)


def _repetition(signs: list[Any], first: int, period: int) -> tuple[int, int]:
    """How long the parts would be that repeat with this period from here on, and how many there are."""
    end = first + period
    while end < len(signs) and signs[end] == signs[end - period]:
        end += 1
    length = period * max(1, _PART // period)
    return length, (end - first) // length


class _Schedule:
    """The steps of a program, before long regions are cut."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.steps: list[Step] = []
        self.step_of: dict[int, int] = {}
        self.spaces: dict[int, _Space] = {}  # of the regions, by step
        self.open: dict[tuple[int, bool], list[int]] = {}  # the regions of each size
        for number, array in enumerate(program.arrays):
            if array.kind is Kind.MAP:
                self._place(number, array)
            elif not array.kind.is_leaf:
                self._add(number, number)

    def _add(self, number: int, step: Step) -> None:
        self.step_of[number] = len(self.steps)
        self.steps.append(step)

    def _place(self, number: int, array: Array) -> None:
        """Put an operation into the first region that can take it, or into a new one.

        A region can, if all that the operation reads is computed before it, or in it and in the same place.
        """
        key = array.size, array.batched
        earliest = 0
        for read in reads_of(array):
            if read.array in self.step_of:
                at, other = self.step_of[read.array], self.program.arrays[read.array]
                joins = at in self.spaces and read.index.is_identity and (other.size, other.batched) == key
                earliest = max(earliest, at if joins else at + 1)
        # The index maps, other than the identity, by which it reads arrays outside of its region.
        columns = {read.index for read in reads_of(array) if not read.index.is_identity}
        for at in self.open.get(key, ()):
            if at >= earliest and self.spaces[at].extend(columns):
                step = self.steps[at]
                assert isinstance(step, Region)
                step.arrays.append(number)
                self.step_of[number] = at
                return
        self._add(number, Region([number], *key))
        at = self.step_of[number]
        self.spaces[at] = _Space(columns)
        self.open.setdefault(key, []).append(at)


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
            others = [column for column in together if column.dims is not None]
            breaks = set().union(*[column.breaks for column in tables]) if len(together) > 1 else ()
            fits = len(breaks) <= _MOST_BREAKS and all(len(column.dims or ()) == 1 for column in others)
        else:
            dims: list[Dims | None] = [column.dims for column in together]
            found = common_dims(dims)
            fits = found is not None and len(found[0]) <= 2
        if fits:
            self.columns = together
        return fits
