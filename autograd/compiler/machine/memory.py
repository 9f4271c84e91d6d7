"""Where the arrays of a program lie in memory: those that are never needed at the same time may share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from autograd.compiler.program.classes import Array, Kind, Program, Read, reads_of
from autograd.compiler.program.schedule import Region, Step

_LINE = 8  # doubles in a cache line, at which every array begins


class Memory(NamedTuple):
    """The places of arrays."""

    base: dict[int, int]  # the place where each array begins: arguments in the data, all others in the frame
    size: int  # the length of a frame
    data: int  # the size of the data of one evaluation
    scratch: int  # the place where the terms of exact sums are copied together
    aliases: dict[int, int]  # the array in whose memory another one is computed, by the array that takes its place
    leaves: int  # the length of the leaves, which are in front


class Elsewhere(NamedTuple):
    """Memory that several programs use in turn."""

    parameters: Any  # the numbers of the parameters, which stay from one evaluation to the next
    scratch: Callable[[int], Any]  # gives memory of a size for what is computed


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
    return _Places(program, steps, batch).laid_out(kept, replaced)


class _Places:
    """Memory being shared out."""

    def __init__(self, program: Program, steps: Sequence[Step], batch: int) -> None:
        self.program, self.steps, self.batch = program, steps, batch
        self.first, self.last = _lives(program, steps)
        self.base: dict[int, int] = {}  # the place of each array that has one
        self.size = 0  # how much of the frame is taken
        self._free: list[tuple[int, int]] = []  # places that nobody needs any more, and their lengths
        self._dying: dict[int, list[int]] = {}  # the arrays that nobody needs after a step
        self._read_in_place: dict[int, list[int]] = {}  # by region

    def laid_out(self, kept: set[int], replaced: Sequence[tuple[int, int]]) -> Memory:
        """See ``memory_of``."""
        program, base = self.program, self.base
        aliases = {new: old for new, old in replaced if _may_replace(program, self.steps, new, old, self.first)}
        # Leaves come first; arguments have memory of their own.
        data = 0
        for number in sorted(kept):
            kind = program.arrays[number].kind
            if kind is Kind.ARGUMENT:
                base[number], data = data, data + self._length(number)
            elif kind.is_leaf:
                base[number], self.size = self.size, self.size + self._length(number)
        leaves = self.size
        # What is computed takes, in the order of the steps, the place of something that is not needed any more.
        # Results, and what is carried over, are needed until the end.
        pinned = {read.array for read in program.outputs if isinstance(read, Read)} | {new for new, _ in replaced}
        given = set(base) | pinned
        computed = [number for number in kept if number not in base and number not in aliases]
        for number in sorted(computed, key=lambda number: (self.first[number], number)):
            if not self._in_place(number, given):
                self._elsewhere(number)
            if number not in pinned:
                self._dying.setdefault(self.last[number], []).append(number)
        for new, old in aliases.items():
            base[new] = base[old]
        scratch = max([_copied(array, self.batch) for array in program.arrays if array.exact], default=0)
        return Memory(base, self.size + scratch, data, self.size, aliases, leaves)

    def _length(self, number: int) -> int:
        array = self.program.arrays[number]
        return -(-array.size * (self.batch if array.batched else 1) // _LINE) * _LINE

    def _in_place(self, number: int, given: set[int]) -> bool:
        """Let an array of a region take the place of one that the region is the last to read, each member in turn."""
        at = self.first[number]
        step = self.steps[at]
        if not isinstance(step, Region):
            return False
        if at not in self._read_in_place:
            self._read_in_place[at] = _only_read_in_place(self.program, step)
        for operand in self._read_in_place[at]:
            if operand in self.base and operand not in given and self.last[operand] == at:
                self.base[number] = self.base[operand]
                given.add(operand)  # what was in its place is there no more
                self._dying[at].remove(operand)
                return True
        return False

    def _elsewhere(self, number: int) -> None:
        """Give an array the smallest place that is free and large enough, or a new one."""
        for step in [step for step in self._dying if step < self.first[number]]:
            self._free += [(self.base[other], self._length(other)) for other in self._dying.pop(step)]
        length = self._length(number)
        fitting = [(size, place) for place, size in self._free if size >= length]
        if not fitting:
            self.base[number], self.size = self.size, self.size + length
            return
        size, place = min(fitting)
        self._free.remove((place, size))
        self.base[number] = place
        if size > length:
            self._free.append((place + length, size - length))


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
        if not isinstance(new, Read) or times[new.array] > 1:
            continue
        # Each member goes to one place: a number that is put into several is carried over.
        if len(new.index) == program.arrays[new.array].size == new.index.distinct:
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
