"""Loop nests over memory: from index maps to the turns and strides that machine code runs with.

A step of a program touches several arrays at once, each by its own index map.  Here these maps become one nest: a table
of blocks, and inside of each block two or three loops in which everything advances by fixed strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from autograd.compiler.program.indices import common_blocks, common_dims, loops


class Column(NamedTuple):
    """One array that a step touches, and the member that it touches at each place."""

    places: Sequence[int]  # members of an array
    base: int  # the place where the array begins in memory
    scale: int = 1  # the number of numbers of a member: 1, or the size of the batch
    data: bool = False  # whether it is among the arguments, which have memory of their own


class Loop(NamedTuple):
    """The turns of a loop, and how far each column advances in a turn."""

    turns: int
    strides: tuple[int, ...]


class Nest(NamedTuple):
    """Loops from the outside in, and for each block the turns of the loops and where each column begins.

    If ``ragged`` is set, the turns of the loops differ from block to block; else there is one block.
    """

    loops: list[Loop]
    blocks: list[tuple[tuple[int, ...], tuple[int, ...]]]
    ragged: bool


def nest_of(columns: Sequence[Column], batch: int = 1) -> Nest:
    """The nest of some columns; with a batch its samples are the innermost loop."""
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
    """Loops of one turn left out, and two that go on in memory without a jump as one."""
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
    """What a kernel runs: for each row the turns of its loops and where its columns begin; the strides of the loops."""

    loops: list[tuple[int, ...]]  # strides, from the outside in
    rows: list[tuple[int, ...]]  # turns, then starts

    def of_columns(self, kept: Sequence[int]) -> Table:
        """The table of some of the columns, in the order given."""
        head = len(self.loops)
        loops = [tuple([strides[c] for c in kept]) for strides in self.loops]
        return Table(loops, [(*row[:head], *[row[head + c] for c in kept]) for row in self.rows])


def arranged(nest: Nest, kept: Sequence[int]) -> Table:
    """The table of a kernel that runs through some of the loops; all other loops are unrolled into rows.

    Args:
        nest: All loops.
        kept: The numbers of the loops of the kernel, from the outside in; -1 stands for a loop of one turn.
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


def map_nest(columns: Sequence[Column], batch: int = 1) -> Table:
    """The nest of operations on members, for a kernel with two loops, the inner one of which runs in vectors."""
    nest = nest_of(columns, batch)
    numbers = range(len(nest.loops))
    sizes = [max(turns[k] for turns, _ in nest.blocks) for k in numbers]

    def worth(k: int) -> tuple[int, int, int]:
        """Loops in which everything is next to each other or the same come first, then long ones."""
        strides = nest.loops[k].strides
        easy = all(stride in (0, 1) for stride in strides)
        return easy and sizes[k] > 1, min(sizes[k], 8) if easy else 0, sizes[k]

    inner = max(numbers, key=worth)
    rest = [k for k in numbers if k != inner]
    outer = max(rest, key=lambda k: sizes[k]) if rest else -1
    return arranged(nest, (outer, inner))


def sum_nest(columns: Sequence[Column], factors: int, batch: int = 1) -> tuple[str, Table, bool]:
    """The nest of the terms of a sum, for a kernel with loops m, n and k, of which k stays within one sum.

    Args:
        columns: The columns of the owners, of one or two factors, and perhaps of the numbers that the sums start from.
        factors: The number of factors.
        batch: The samples of a batch.

    Returns:
        How it runs in vectors ("n": over members next to each other; "k": along the sum; "": not at all), the table,
        and whether every sum is completed in one row.
    """
    # Which loops stay within one sum (its owner does not move), and which go from sum to sum.
    nest = nest_of(columns, batch)
    sizes = [max(turns[k] for turns, _ in nest.blocks) for k in range(len(nest.loops))]
    numbers = [k for k, size in enumerate(sizes) if size > 1]
    inside = [k for k in numbers if nest.loops[k].strides[0] == 0]
    outside = [k for k in numbers if nest.loops[k].strides[0] != 0]
    # Vectors need factors that are next to each other or the same.  Along n the sums are next to each other, too; along
    # k all factors are.
    steps = [loop.strides[1 : 1 + factors] for loop in nest.loops]
    easy = [k for k in numbers if all(step in (0, 1) for step in steps[k])]
    by_size = lambda k: sizes[k]  # noqa: E731
    along = [k for k in outside if k in easy and nest.loops[k].strides[0] == 1]
    along = [k for k in along if all(stride in (0, 1) for stride in nest.loops[k].strides)]
    within = [k for k in inside if k in easy and all(step == 1 for step in steps[k])]
    n = max(along, key=by_size, default=-1)
    k = max(inside, key=by_size, default=-1)
    dot = max(within, key=by_size, default=-1)
    # Take what needs fewer vectors; the 1.5 is what adding up the lanes of a vector at the end of each sum costs.
    cost_n = _vectors(sizes, n) * prod(sizes[j] for j in numbers if j != n) if n >= 0 else None
    cost_k = (_vectors(sizes, dot) + 1.5) * prod(sizes[j] for j in numbers if j != dot) if dot >= 0 else None
    if cost_n is not None and (cost_k is None or cost_n <= cost_k):
        way = "n"
    elif cost_k is not None:
        way, k = "k", dot
    else:
        way = ""
    # The kernel has three loops, the largest that there are; all others become rows of the table.
    rest = sorted([j for j in outside if j != n or way != "n"], key=by_size, reverse=True)
    if way == "n":
        kept = (rest[0] if rest else -1, n, k)
    else:
        m, n = [*rest, -1, -1][:2]
        if n >= 0 and nest.loops[m].strides[0] == 1:  # as in a matrix whose rows are one after the other
            m, n = n, m
        kept = (m, n, k)
    reached = sum([prod([turns[j] for j in outside]) for turns, _ in nest.blocks])
    owners = len(set(columns[0].places)) * (batch if columns[0].scale > 1 else 1)
    if owners != reached and not _apart(nest, kept[:2]):  # one after the other may add to a sum that comes again
        kept = (-1, kept[1] if way == "n" else -1, kept[2])
    return way, arranged(nest, kept), owners == reached and all(j in kept for j in inside)


def _apart(nest: Nest, kept: Sequence[int]) -> bool:
    """Whether two loops (-1: none) never come to the same sum twice, wherever they begin."""
    steps = [(abs(nest.loops[k].strides[0]), max(turns[k] for turns, _ in nest.blocks)) for k in kept if k >= 0]
    return len(steps) < 2 or min(steps)[0] * (min(steps)[1] - 1) < max(steps)[0]


def _vectors(sizes: Sequence[int], k: int) -> int:
    return -(-sizes[k] // 8)
