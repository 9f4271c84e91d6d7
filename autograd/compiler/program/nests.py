"""Loop nests over memory: from index maps to the turns and strides that machine code runs with.

A step of a program reads and writes several arrays, each through its own index map.  This module combines these maps
into one nest: a table of blocks, and in each block two or three loops that advance each array by a fixed stride.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from operator import add
from typing import NamedTuple

from autograd.compiler.program.indices import Dims, common_blocks, common_dims, loops


class Column(NamedTuple):
    """One array that a step reads or writes, with the member that it uses at each position."""

    places: Sequence[int]  # the members
    base: int  # where the array begins in memory
    scale: int = 1  # the count of numbers per member: 1, or the size of the batch
    data: bool = False  # whether the array belongs to the arguments, which have their own memory


class Loop(NamedTuple):
    """The turns of a loop, and how far each column advances in a turn."""

    turns: int
    strides: tuple[int, ...]


class Nest(NamedTuple):
    """Loops from the outside in, and for each block the turns of the loops and the start of each column.

    If ``ragged`` is set, the turns of the loops differ from block to block; otherwise there is one block.
    """

    loops: list[Loop]
    blocks: list[tuple[tuple[int, ...], tuple[int, ...]]]
    ragged: bool


def nest_of(columns: Sequence[Column], batch: int = 1) -> Nest:
    """The nest of some columns; the samples of a batch become the innermost loop."""
    scales = [column.scale for column in columns]
    found = common_dims([loops(column.places) for column in columns])
    inner = [Loop(batch, tuple([int(scale > 1) for scale in scales]))] if batch > 1 else []
    if found is not None:
        turns, steps = found
        nest = [
            Loop(count, tuple([column[k] * scale for column, scale in zip(steps, scales)]))
            for k, count in enumerate(turns)
        ]
        starts = tuple([c.base + c.places[0] * c.scale for c in columns])
        joined = _joined([*nest, *inner]) or [Loop(1, (0,) * len(columns))]
        return Nest(joined, [(tuple([loop.turns for loop in joined]), starts)], False)
    blocks = common_blocks([list(column.places) for column in columns])
    outside = [Loop(0, tuple([step[k] * scale for step, scale in zip(blocks.steps, scales)])) for k in range(2)]
    rows = [
        ((*row[:2], *[loop.turns for loop in inner]), tuple([c.base + p * c.scale for c, p in zip(columns, row[2:])]))
        for row in blocks.table
    ]
    return Nest([*outside, *inner], rows, True)


def _joined(nest: list[Loop]) -> list[Loop]:
    """The nest without loops of one turn, and with two loops joined into one if all strides continue without a jump."""
    result: list[Loop] = []
    for loop in reversed([loop for loop in nest if loop.turns > 1]):
        if result:
            inner = result[0]
            if all(x == y * inner.turns for x, y in zip(loop.strides, inner.strides)):
                result[0] = Loop(loop.turns * inner.turns, inner.strides)
                continue
        result.insert(0, loop)
    return result


class Table(NamedTuple):
    """The numbers that a kernel runs with: the strides of its loops, and for each block a row."""

    loops: list[tuple[int, ...]]  # the strides of each loop, from the outside in
    rows: list[tuple[int, ...]]  # the turns of each loop, then the start of each column

    def moved(self, starts: Sequence[int]) -> Table:
        """The table of the same loops over columns that begin elsewhere, by so much."""
        head = len(self.loops)
        return Table(self.loops, [(*row[:head], *map(add, row[head:], starts)) for row in self.rows])

    def of_columns(self, kept: Sequence[int]) -> Table:
        """The table of some of the columns, in the order given."""
        head = len(self.loops)
        loops = [tuple([strides[c] for c in kept]) for strides in self.loops]
        return Table(loops, [(*row[:head], *[row[head + c] for c in kept]) for row in self.rows])


def arranged(nest: Nest, kept: Sequence[int]) -> Table:
    """The table of a kernel that runs some of the loops; all other loops are unrolled into rows.

    Args:
        nest: All loops.
        kept: The loops that the kernel runs, from the outside in; -1 stands for a loop of one turn.
    """
    width = len(nest.blocks[0][1])
    others = [k for k in range(len(nest.loops)) if k not in kept]
    strides = [nest.loops[k].strides if k >= 0 else (0,) * width for k in kept]
    rows = []
    for turns, starts in nest.blocks:
        kept_turns = tuple([turns[k] if k >= 0 else 1 for k in kept])
        for place in product(*[range(turns[k]) for k in others]):
            at = list(starts)
            for k, turn in zip(others, place):
                for c, stride in enumerate(nest.loops[k].strides):
                    at[c] += turn * stride
            rows.append((*kept_turns, *at))
    return Table(strides, rows)


_SHORT = 1024  # with more members, a step that is met once only should not be written out a second time
Chosen = tuple[str, Table, bool]  # see ``sum_nest``


def _as_before(choose: Callable[..., Chosen], columns: Sequence[Column], *options: int) -> Chosen:
    """What a function chooses for some columns; the hundreds of steps of a recurrence differ in their starts only."""
    if len(columns[0].places) <= _SHORT:
        found = _from_zero(choose, tuple([(loops(c.places), c.scale) for c in columns]), *options)
        if found is not None:
            way, table, complete = found
            return way, table.moved([c.base + c.places[0] * c.scale for c in columns]), complete
    return choose(columns, *options)


@lru_cache(maxsize=1024)
def _from_zero(
    choose: Callable[..., Chosen], shapes: tuple[tuple[Dims | None, int], ...], *options: int
) -> Chosen | None:
    """The same for columns that these loops produce, from place 0 on; None if no loops produce them together."""
    every = [dims for dims, _ in shapes if dims is not None]
    if len(every) < len(shapes) or common_dims(every) is None:
        return None
    places = [[sum(at) for at in product(*[[turn * step for turn in range(n)] for n, step in dims])] for dims in every]
    return choose([Column(at, 0, scale) for at, (_, scale) in zip(places, shapes)], *options)


def map_nest(columns: Sequence[Column], batch: int = 1) -> Table:
    """The table of a region, for a kernel with two loops, of which the inner one is vectorized."""
    return _as_before(_map_nest, columns, batch)[1]


def _map_nest(columns: Sequence[Column], batch: int) -> Chosen:
    nest = nest_of(columns, batch)
    numbers = range(len(nest.loops))
    sizes = [max(turns[k] for turns, _ in nest.blocks) for k in numbers]

    def worth(k: int) -> tuple[int, int, int]:
        """Rank loops: first those whose columns are contiguous or constant, then those with many turns."""
        strides = nest.loops[k].strides
        easy = all(stride in (0, 1) for stride in strides)
        return easy and sizes[k] > 1, min(sizes[k], 8) if easy else 0, sizes[k]

    inner = max(numbers, key=worth)
    rest = [k for k in numbers if k != inner]
    outer = max(rest, key=lambda k: sizes[k]) if rest else -1
    return "", arranged(nest, (outer, inner)), True


def sum_nest(columns: Sequence[Column], factors: int, batch: int = 1) -> Chosen:
    """The table of the terms of a sum, for a kernel with loops m, n and k, where loop k runs over the terms of one sum.

    Args:
        columns: The columns of the owners, of one or two factors, and perhaps of the numbers that the sums start from.
        factors: The number of factors.
        batch: The number of samples in a batch.

    Returns:
        How the kernel is vectorized ("n": over adjacent sums; "k": over the terms of a sum; "": not at all), the table,
        and whether every sum is completed in one row.
    """
    return _as_before(_sum_nest, columns, factors, batch)


def _sum_nest(columns: Sequence[Column], factors: int, batch: int) -> Chosen:
    # Some loops run over the terms of one sum (its owner does not change), the others from sum to sum.
    nest = nest_of(columns, batch)
    sizes = [max(turns[k] for turns, _ in nest.blocks) for k in range(len(nest.loops))]
    numbers = [k for k, size in enumerate(sizes) if size > 1]
    inside = [k for k in numbers if nest.loops[k].strides[0] == 0]
    outside = [k for k in numbers if nest.loops[k].strides[0] != 0]
    # Vectors need factors that are contiguous or constant.  Along n the sums must be contiguous, too, and along k both
    # factors must be contiguous.
    steps = [loop.strides[1 : 1 + factors] for loop in nest.loops]
    easy = [k for k in numbers if all(step in (0, 1) for step in steps[k])]
    by_size = lambda k: sizes[k]  # noqa: E731
    along = [k for k in outside if k in easy and nest.loops[k].strides[0] == 1]
    along = [k for k in along if all(stride in (0, 1) for stride in nest.loops[k].strides)]
    within = [k for k in inside if k in easy and all(step == 1 for step in steps[k])]
    n = max(along, key=by_size, default=-1)
    k = max(inside, key=by_size, default=-1)
    dot = max(within, key=by_size, default=-1)
    # Take the way with fewer vectors; 1.5 is the cost of adding up the lanes of a vector at the end of each sum.
    cost_n = _vectors(sizes, n) * prod(sizes[j] for j in numbers if j != n) if n >= 0 else None
    cost_k = (_vectors(sizes, dot) + 1.5) * prod(sizes[j] for j in numbers if j != dot) if dot >= 0 else None
    if cost_n is not None and (cost_k is None or cost_n <= cost_k):
        way = "n"
    elif cost_k is not None:
        way, k = "k", dot
    else:
        way = ""
    # The kernel runs the three largest loops; all others become rows of the table.
    rest = sorted([j for j in outside if j != n or way != "n"], key=by_size, reverse=True)
    if way == "n":
        kept = (rest[0] if rest else -1, n, k)
    else:
        m, n = [*rest, -1, -1][:2]
        if n >= 0 and nest.loops[m].strides[0] == 1:  # adjacent sums go to the inner one of the two loops
            m, n = n, m
        kept = (m, n, k)
    reached = sum([prod([turns[j] for j in outside]) for turns, _ in nest.blocks])
    owners = len(set(columns[0].places)) * (batch if columns[0].scale > 1 else 1)
    if owners != reached and not _apart(nest, kept[:2]):  # the loops come to a sum twice: run it row by row instead
        kept = (-1, kept[1] if way == "n" else -1, kept[2])
    return way, arranged(nest, kept), owners == reached and all(j in kept for j in inside)


def _apart(nest: Nest, kept: Sequence[int]) -> bool:
    """Whether two loops (-1: no loop) never come to the same sum twice, wherever they start."""
    steps = [(abs(nest.loops[k].strides[0]), max(turns[k] for turns, _ in nest.blocks)) for k in kept if k >= 0]
    return len(steps) < 2 or min(steps)[0] * (min(steps)[1] - 1) < max(steps)[0]


def _vectors(sizes: Sequence[int], k: int) -> int:
    return -(-sizes[k] // 8)
