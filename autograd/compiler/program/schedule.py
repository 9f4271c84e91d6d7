"""Splits a program into steps: each SUM, GATHER and SCATTER is a step, and MAPs are joined into regions.

A region is a group of MAPs of the same size, in which member m of an array reads only member m of the others.  It
becomes one loop, and numbers that only the region reads stay in machine registers.

    a1 = mul a0 a0        one region: a loop over the members in which a1 and a2 are never stored,
    a2 = sub 1.0 a1       if only a3 reads them
    a3 = mul a2 b

A long region is cut where its operations repeat, as the steps of a simulation do.  Its parts are then the same loop
over different numbers, and only one of them has to be compiled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

from autograd.compiler.program.classes import Array, Kind, Program, Read, reads_of
from autograd.compiler.program.indices import Dims, Index, common_dims

_LONG = 128  # a region with at most so many operations is not cut
_PART = 48  # operations that a repeated part has at least
_ROW = 4  # a repetition is searched for where so many operations in a row are equal
_TRIED = 8  # periods that are tried at each position
_MOST_BREAKS = 8  # breaks allowed in the tables of a region; each break begins a new block of its loop


class Region(NamedTuple):
    """MAPs that are computed in one loop."""

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
    """The arrays that must be in memory: all except the MAPs that only their own region reads."""
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
    """Cut the operations of a region into parts, so that repeated operations form equal parts."""
    # If the same few operations begin at two positions, their distance may be a period: the following operations are
    # compared until one differs.  Of all periods tried, the one that covers the most operations is taken.
    if len(arrays) <= _LONG:
        return [arrays]
    position = {number: k for k, number in enumerate(arrays)}
    signs = [_sign(program.arrays[number], k, position) for k, number in enumerate(arrays)]
    following: dict[Any, list[int]] = {}  # for each sequence of _ROW operations, the positions where it begins
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
    """An operation, with how far back in the region each of its operands is, at most ``_LONG``."""
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
    """The length and the number of the parts that repeat with this period, from position ``first`` on."""
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

        A region can take it if each operand is computed before the region, or in it and read at the same position.
        """
        key = array.size, array.batched
        earliest = 0
        for read in reads_of(array):
            if read.array in self.step_of:
                at, other = self.step_of[read.array], self.program.arrays[read.array]
                joins = at in self.spaces and read.index.is_identity and (other.size, other.batched) == key
                earliest = max(earliest, at if joins else at + 1)
        # The index maps through which the operation reads arrays of other steps.
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
    """The index maps of a region, which must fit into loops of one kind."""

    def __init__(self, columns: Iterable[Index]) -> None:
        self.columns = set(columns)

    def extend(self, columns: set[Index]) -> bool:
        """Add index maps if all of them together still need at most two loops, or one loop and a short table."""
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
