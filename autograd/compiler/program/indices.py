"""Index maps: for each position of an array, the member of another array that it reads.

The loops of the recorded program show in these lists: two nested loops over a matrix give 0, 1, 2, 3, 4, 5, and a
weight that every sample uses gives 0, 0, 0, 1, 1, 1.  ``Index.dims`` finds the loops again, from the outside in, as
(number of turns, step).  A list that no loops produce stays a table, and its ``dims`` is None.

>>> Index([0, 1, 2, 10, 11, 12]).dims
((2, 10), (3, 1))
>>> Index([0, 0, 0, 1, 1, 1]).dims
((2, 1), (3, 0))
>>> Index([3, 1, 4, 1, 5]).dims is None
True

This module processes lists by functions written in C only (slices, ``map``, comparisons), so that a list of 100,000
takes milliseconds without numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise, repeat
from math import gcd
from operator import itemgetter, sub
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Dims = tuple[tuple[int, int], ...]  # (turns, step) of each loop, from the outside in


class Index(Sequence[int]):
    """An immutable list: the member that each position reads.  Equal only to itself: see ``Builder.index``."""

    def __init__(self, places: Sequence[int]) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self.places[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self.places)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @cached_property
    def dims(self) -> Dims | None:
        """The loops that produce this list; None if no loops do."""
        return loops(self.places)

    @property
    def is_identity(self) -> bool:
        """Whether position i reads member i."""
        return isinstance(self.places, range) and self.places.start == 0 and self.places.step == 1

    @cached_property
    def breaks(self) -> list[int]:
        """The positions at which the step to the next position is not the most frequent step."""
        steps = list(map(sub, self.places[1:], self.places))
        usual = Counter(steps).most_common(1)[0][0] if steps else 0
        return [k for k, step in enumerate(steps) if step != usual]

    @cached_property
    def distinct(self) -> int:
        """The number of different members that are read."""
        places = self.places
        return len(places) if isinstance(places, range) else len(set(places))

    @cached_property
    def first(self) -> int:
        """The lowest member."""
        return min(self.places)

    @cached_property
    def end(self) -> int:
        """The highest member plus one."""
        return max(self.places) + 1

    @property
    def is_one_to_one(self) -> bool:
        """Whether no member is read twice."""
        return self.distinct == len(self.places)

    def __repr__(self) -> str:
        return f"Index({list(self.places)!r})" if len(self) <= 8 else f"Index of {len(self)}"


def loops(places: Sequence[int]) -> Dims | None:
    """The loops (turns, step) that produce these numbers, from the outside in; None if no loops do."""
    if isinstance(places, Index):
        return places.dims  # cached
    if isinstance(places, range):
        return ((len(places), places.step),)
    dims: list[tuple[int, int]] = []
    starts = list(places)
    while (n := len(starts)) > 1:
        step = starts[1] - starts[0]
        if starts[-1] == starts[0] + step * (n - 1) and starts == _line(starts[0], step, n):
            dims.append((n, step))
            break
        # If this is the inner one of several loops, its step is interrupted at multiples of its number of turns.
        # Usually the first interruption gives that number.  Only if it does not, the next interruptions are tried.
        turns, first = n, 0
        while turns > 1:
            try:  # the next interruption: a different step
                first = next(k for k in range(first, n - 1) if starts[k + 1] - starts[k] != step)
            except StopIteration:
                return None
            first += 1
            before, turns = turns, gcd(turns, first)
            outer = starts[::turns]
            if turns < before and turns > 1 and _repeats(starts, outer, turns, step):
                break
        if turns == 1:
            return None
        dims.append((turns, step))
        starts = outer
    return tuple(reversed(dims)) or ((1, 0),)


def _repeats(places: list[int], outer: list[int], turns: int, step: int) -> bool:
    """Whether each number of ``outer`` begins a run of ``turns`` numbers with this step."""
    if len(outer) < turns:  # few long runs
        return all(places[k * turns : (k + 1) * turns] == _line(start, step, turns) for k, start in enumerate(outer))
    if not step:  # nothing to add
        return all(places[turn::turns] == outer for turn in range(1, turns))
    shifts = [turn * step for turn in range(turns)]
    return all(places[turn::turns] == [start + shift for start in outer] for turn, shift in enumerate(shifts))


def _line(start: int, step: int, n: int) -> list[int]:
    return list(range(start, start + n * step, step)) if step else [start] * n


def common_step(places: Sequence[int], size: int) -> int | None:
    """The step from each row of ``size`` numbers to the next row; None if the rows are not equally spaced.

    >>> common_step([0, 2, 10, 12, 20, 22], 2), common_step([0, 2, 10, 13], 2)
    (10, None)
    """
    first = list(places[:size])
    step = places[size] - places[0] if len(places) > size else 0
    rows = [[place + k * step for place in first] == list(places[k * size : (k + 1) * size])
            for k in range(1, len(places) // size)]  # fmt: skip
    return step if all(rows) else None


def common_dims(columns: Sequence[Dims | None]) -> tuple[tuple[int, ...], list[tuple[int, ...]]] | None:
    """The loops that produce several lists at once: the turns of the loops, and the steps of each list.

    >>> common_dims([((6, 1),), ((2, 1), (3, 0))])
    ((2, 3), [(3, 1), (1, 0)])
    """
    inner: set[int] = {1}  # the number of positions in one turn of each loop
    for dims in columns:
        if dims is None:
            return None
        size = 1
        for turns, _ in reversed(dims):
            size *= turns
            inner.add(size)
    sizes = sorted(inner)
    if any(larger % smaller for smaller, larger in pairwise(sizes)):
        return None
    outside_in = tuple([larger // smaller for smaller, larger in pairwise(sizes)][::-1])
    return outside_in, [_refined(dims, sizes) for dims in columns if dims is not None]


def _refined(dims: Dims, sizes: list[int]) -> tuple[int, ...]:
    """The steps of one list in finer loops, which are given by the number of positions in one turn of each."""
    steps: list[int] = []
    size, position = 1, 0
    for turns, step in reversed(dims):
        whole = size * turns
        while position < len(sizes) - 1 and sizes[position] < whole:
            steps.append(step * (sizes[position] // size))
            position += 1
        size = whole
    return tuple(reversed(steps))


class Blocks(NamedTuple):
    """Several lists, cut into blocks of two nested loops."""

    steps: list[tuple[int, int]]  # for each list, the steps of the outer and of the inner loop
    table: list[tuple[int, ...]]  # for each block, the turns of the outer and inner loop, and where each list begins


def common_blocks(columns: Sequence[Sequence[int]]) -> Blocks:
    """Cut lists of the same length into blocks, so that in a block each list is produced by the same two nested loops.

    >>> common_blocks([[0, 1, 2, 3, 4, 5, 6, 7, 8], [7, 7, 8, 8, 9, 9, 1, 1, 1]])
    Blocks(steps=[(2, 1), (1, 0)], table=[(3, 2, 0, 7), (1, 3, 6, 1)])
    """
    # A row has one number of each list.  Consecutive rows that differ by the most frequent step form a run: the inner
    # loop.  Consecutive runs of equal length, whose starts differ by the most frequent step, form a block.  The same
    # function finds both: first over all rows, then over the starts of the runs.
    inner, lengths = _runs(list(zip(*columns)), repeat(1))
    starts = [row for row, _ in lengths]
    turns = [count for _, count in lengths]
    outer, rows = _runs(starts, turns)
    sizes = iter(turns)
    table = []
    for start, count in rows:
        size = next(sizes)
        for _ in range(count - 1):
            next(sizes)
        table.append((count, size, *start))
    return Blocks(list(zip(outer, inner)), table)


Row = tuple[int, ...]


def _runs(rows: list[Row], sizes: object) -> tuple[Row, list[tuple[Row, int]]]:
    """The most frequent step from one row to the next, and the runs of rows of equal size that differ by this step."""
    n = len(rows)
    width = len(rows[0])
    if n == 1:
        return (0,) * width, [(rows[0], 1)]
    steps = list(zip(*[map(sub, column[1:], column) for column in map(list, zip(*rows))]))
    same: list[bool]
    if isinstance(sizes, list):
        same = [x == y for x, y in pairwise(sizes)]
        counted = Counter([step for step, alike in zip(steps, same) if alike])
    else:
        same, counted = [True] * (n - 1), Counter(steps)
    if not counted:
        return (0,) * width, [(row, 1) for row in rows]
    usual = counted.most_common(1)[0][0]
    ends = [k for k in range(1, n) if steps[k - 1] != usual or not same[k - 1]]
    return usual, [(rows[start], end - start) for start, end in zip(chain([0], ends), [*ends, n])]


def renumbered(index: Index, numbers: Sequence[int]) -> Index:
    """An index map into an array whose members were renumbered; the same object if the numbers did not change."""
    if isinstance(numbers, range) and numbers.start == 0 and numbers.step == 1:
        return index
    return Index(taken(numbers, index.places))


def taken(places: Sequence[T], index: Sequence[int]) -> list[T]:
    """``[places[i] for i in index]``, for long lists."""
    if isinstance(places, range) and places.start == 0 and places.step == 1:
        return list(index)  # type: ignore[arg-type]  # places[i] is i
    if len(index) == 1:
        return [places[index[0]]]
    return list(itemgetter(*index)(places)) if index else []
