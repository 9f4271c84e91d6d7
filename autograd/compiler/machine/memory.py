"""Where the arrays of a program lie in memory: those that are never needed at the same time may share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from autograd.compiler.program.classes import Array, Kind, Program, Read, reads_of
from autograd.compiler.program.schedule import Region, Step

__all__ = ["Elsewhere", "Memory", "aligned", "last_regions", "memory_of"]

_LINE = 8  # doubles in a cache line, at which every array begins


class Memory(NamedTuple):
    """The places of arrays.

    Attributes:
        base: The place where each array begins: arguments in the data, all others in the frame.
        size: The length of a frame.
        data: The size of the data of one evaluation.
        scratch: The place where the terms of exact sums are copied together.
        aliases: The array in whose memory another one is computed, by the array that takes its place.
        leaves: The length of the leaves, which are in front.
    """

    base: dict[int, int]
    size: int
    data: int
    scratch: int
    aliases: dict[int, int]
    leaves: int


class Elsewhere(NamedTuple):
    """Memory that several programs use in turn.

    Attributes:
        parameters: The numbers of the parameters, which stay from one evaluation to the next.
        scratch: Gives memory of a size for what is computed.
    """

    parameters: Any
    scratch: Callable[[int], Any]


def memory_of(
    program: Program, steps: Sequence[Step], kept: set[int], batch: int, replaced: Sequence[tuple[int, int]] = ()
) -> Memory:
    """Lay out the arrays of a program.

    Args:
        program: The program with these arrays.
        steps: The order of computation.
        kept: The arrays that need memory.
        batch: The number of samples in the batched arrays.
        replaced: Pairs (new, old) of arrays: the new one takes the place of the old one for the next evaluation.
    """
    first, last = _lives(program, steps)
    aliases = {new: old for new, old in replaced if _may_replace(program, steps, new, old, first)}
    pinned = {read.array for read in program.outputs if isinstance(read, Read)} | {new for new, _ in replaced}
    base: dict[int, int] = {}
    data = size = 0

    def length(number: int) -> int:
        array = program.arrays[number]
        return -(-array.size * (batch if array.batched else 1) // _LINE) * _LINE

    free: list[tuple[int, int]] = []  # places and lengths
    dying: dict[int, list[int]] = {}
    for number in sorted(kept):
        kind = program.arrays[number].kind
        if kind is Kind.ARGUMENT:
            base[number], data = data, data + length(number)
        elif kind.is_leaf:
            base[number], size = size, size + length(number)
    leaves = size
    computed = sorted([n for n in kept if n not in base and n not in aliases], key=lambda n: (first[n], n))
    given = set(base) | pinned
    in_place: dict[int, list[int]] = {}  # by step
    for number in computed:
        at = first[number]
        step = steps[at]
        if isinstance(step, Region) and at not in in_place:
            in_place[at] = _only_read_in_place(program, step)
        for operand in in_place.get(at, ()):
            if operand in base and operand not in given and last[operand] == first[number]:
                base[number] = base[operand]
                given.add(operand)  # what was in its place is there no more
                dying[first[number]].remove(operand)
                break
        if number in base:
            if number not in pinned:
                dying.setdefault(last[number], []).append(number)
            continue
        for step in [step for step in dying if step < first[number]]:
            free += [(base[other], length(other)) for other in dying.pop(step)]
        fitting = [(size_of, place) for place, size_of in free if size_of >= length(number)]
        if fitting:
            size_of, place = min(fitting)
            free.remove((place, size_of))
            base[number] = place
            if size_of > length(number):
                free.append((place + length(number), size_of - length(number)))
        else:
            base[number], size = size, size + length(number)
        if number not in pinned:
            dying.setdefault(last[number], []).append(number)
    for new, old in aliases.items():
        base[new] = base[old]
    scratch = max([_copied(array, batch) for array in program.arrays if array.exact], default=0)
    return Memory(base, size + scratch, data, size, aliases, leaves)


def last_regions(
    program: Program, steps: Sequence[Step], carried: Sequence[tuple[int, Read]]
) -> tuple[list[Region], dict[int, list[int]]]:
    """Regions that may come last and write where their results stay: an update of parameters, say.

    Nothing else reads what they compute, and each old number that they replace is read by nobody but them, where they
    write the new one.

    Args:
        program: The program with these arrays.
        steps: The order of computation.
        carried: Pairs (number of an output, leaf): the output takes the place of members of leaf 0.

    Returns:
        The regions in order; and for the arrays that they compute, the member of the leaf that each member replaces.
    """
    results = [read for read in program.outputs if isinstance(read, Read)]
    times = Counter([read.array for read in results])
    places: dict[int, list[int]] = {}
    for number, old in carried:
        new = program.outputs[number]
        if isinstance(new, Read) and times[new.array] == 1 and program.arrays[new.array].size == new.index.distinct:
            to = dict(zip(new.index, old.index))
            places[new.array] = [to[member] for member in range(len(to))]
    readers: dict[int, set[int]] = {}
    for number, array in enumerate(program.arrays):
        for x in reads_of(array):
            readers.setdefault(x.array, set()).add(number)
    alone = [
        step
        for step in steps
        if isinstance(step, Region)
        and not any(readers.get(x, set()) - set(step.arrays) or (x in times and x not in places) for x in step.arrays)
    ]
    read = [
        [x.index for number in step.arrays for x in reads_of(program.arrays[number]) if x.array == 0] for step in alone
    ]
    copied = [x.index for x in results if x.array == 0]
    chosen: list[Region] = []
    for k, step in enumerate(alone):
        written = [places[x] for x in step.arrays if x in places]
        others = [*copied, *chain.from_iterable([*read[:k], *read[k + 1 :]])]
        in_place = all(_moves_along(index, column) for index in read[k] for column in written)
        if in_place and set(chain.from_iterable(written)).isdisjoint(chain.from_iterable(others)):
            chosen.append(step)
    return chosen, {x: places[x] for step in chosen for x in step.arrays if x in places}


def _moves_along(read: Sequence[int], written: Sequence[int]) -> bool:
    """Whether each place that is both read and written is read and written in the same turn of a loop."""
    if [*read] == written or set(read).isdisjoint(written):  # 5x faster than turn by turn
        return True
    return set(written).isdisjoint([x for x, y in zip(read, written) if x != y])


def _only_read_in_place(program: Program, region: Region) -> list[int]:
    """Arrays of the size of a region that are read in place only: member i where member i of the region is written."""
    reads = [read for inside in region.arrays for read in reads_of(program.arrays[inside])]
    elsewhere = {read.array for read in reads if not read.index.is_identity} | set(region.arrays)
    alike = [x for x in dict.fromkeys([read.array for read in reads]) if x not in elsewhere]
    return [x for x in alike if (program.arrays[x].size, program.arrays[x].batched) == (region.size, region.batched)]


def _copied(array: Array, batch: int) -> int:
    """How many numbers an exact sum copies together."""
    return sum([len(part.owner) for part in array.terms]) * (batch if array.batched else 1)


def _lives(program: Program, steps: Sequence[Step]) -> tuple[dict[int, int], dict[int, int]]:
    """The step that computes each array, and the last one that reads it."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for k, step in enumerate(steps):
        for number in step.arrays if isinstance(step, Region) else [step]:
            first[number] = k
            last.setdefault(number, k)
            for read in reads_of(program.arrays[number]):
                last[read.array] = max(last.get(read.array, k), k)
    return first, last


def _may_replace(program: Program, steps: Sequence[Step], new: int, old: int, first: dict[int, int]) -> bool:
    """Whether nothing reads the old numbers once the new ones are written over them."""
    if program.arrays[new].kind is not Kind.MAP or program.arrays[new].size != program.arrays[old].size:
        return False
    for k, step in enumerate(steps):
        for number in step.arrays if isinstance(step, Region) else [step]:
            for read in reads_of(program.arrays[number]):
                if read.array == old and (k > first[new] or (k == first[new] and not read.index.is_identity)):
                    return False
    return all(read.array != old for read in program.outputs if isinstance(read, Read))


def aligned(*shape: int) -> Any:
    """Zeros, the first of them at the beginning of a cache line."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 2 * _LINE)
    first = -raw.ctypes.data % 64 // 8
    return raw[first : first + size].reshape(shape)
