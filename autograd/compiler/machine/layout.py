"""A step whose numbers stay in memory from call to call: where each of them is, and what is carried over.

Names have different lengths, so that a function is recorded several times, and a call of one recording follows a call
of another.  All of them find the parameters and the state of the optimiser in the same places:

    home      the numbers that stay, in the order in which the first recording reads them; spare room for others
    scratch   everything that a call computes on the way
    constants, and the arguments of a call: each recording has its own

Every number that stays has a slot in the home, which is one array of the program.  The program computes new numbers in
the frame, and when all is well the machine carries them over into the slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, count, islice, pairwise, repeat
from math import inf
from typing import Any

import numpy as np

from autograd.compiler.machine.held import Held
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.memory import Elsewhere, aligned
from autograd.compiler.machine.objects import Lists
from autograd.compiler.pipeline import Leaf, assemble, inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Operand, Program, Read, reached
from autograd.compiler.recording.record import Recording
from autograd.value import Value

_list_of = np.ndarray.tolist
_SPARE = 512  # single numbers that a call reads elsewhere and puts behind the others
_GROWTH = 1.5  # of the scratch memory, when a recording needs more


class Home:
    """The numbers that stay.

    Attributes:
        values, data, grads: See ``Resident``.
        frame: The memory.
        slots: For each key of a number its place there.
        size: How many places are taken.
        nowhere: A place that nobody reads.
        data_at, grads_at, trees_at: The places of data, gradients and state.
        lists: The lists of floats, which each call reads and writes; None if there are none.

    Args:
        held: The numbers that stay.
        slots: The place of each of them.
        others: The number of single numbers that the first recording puts behind them.
    """

    def __init__(self, held: Held, slots: dict[Any, int], others: int) -> None:
        self.whose = held.whose
        self.data, self.grads = held.data, held.grads
        self.values: list[Value] = list(dict.fromkeys([*held.data, *held.grads]))
        self.slots, self.size = slots, max(slots.values(), default=-1) + 1
        self.frame = aligned(self.size + max(others, _SPARE) + 1)
        self.nowhere = len(self.frame) - 1
        self._scratch = aligned(0)
        places = np.array([slots[key] for key in held.keys], dtype=int)
        self._tree_widths = [tree.rows[1] for tree in held.trees]
        trees = [tree.count for tree in held.trees]
        sizes = [len(self.data), len(self.grads), *trees, *map(len, held.columns)]
        parts = [places[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]
        self.data_at, self.grads_at = parts[:2]
        self.trees_at, columns_at = parts[2 : 2 + len(trees)], parts[2 + len(trees) :]
        self.lists = Lists(held.columns, columns_at, self.frame) if held.columns else None

    def has_room(self, count: int) -> bool:
        """Whether there is room for this many more single numbers."""
        return self.size + count <= self.nowhere

    def scratch(self, size: int) -> Any:
        """Memory for what a call computes; it may hold anything."""
        if len(self._scratch) < size:
            self._scratch = aligned(int(size * _GROWTH))
        return self._scratch

    def numbers(self) -> tuple[Iterator[float], Iterator[float], list[Iterator[list[Any]]]]:
        """The data, the gradients and each list of state, as they are when somebody first asks for one of them."""
        trees: list[Iterator[list[Any]]] = [
            map(list, (zip(*[self._lazily(places)] * width),))
            for width, places in zip(self._tree_widths, self.trees_at)
        ]
        return self._lazily(self.data_at), self._lazily(self.grads_at), trees

    def _lazily(self, places: Any) -> Iterator[float]:
        return chain.from_iterable(map(_list_of, map(self.frame.take, (places,))))


# ---- the program -----------------------------------------------------------------------------------------------------
Member = tuple[int, int]  # an array, and a place there
_LINE = 8  # doubles in a cache line, at which every array begins
_NOBODY = -1  # in the place of a number that fills up a line


class Layout:
    """The machine of a step, and the places of its numbers.

    Attributes:
        home: Where the numbers stay.
        machine: The program as machine code.
        guarded: Whether there are guards.
        results: The outputs of the recording, the number of guards that do not hold if there are any, and the numbers
            that are written elsewhere.
        slots: The place in the home of each live number, also of those that a call puts there.
        leaves: For each live number that the outputs or the guards depend on, its place.

    Raises:
        TooManyClassesError: There are more classes than ``most``.
    """

    def __init__(self, recording: Recording, held: Held, homes: list[Any], most: float = inf) -> None:
        assembled = assemble(recording, most=most, in_pieces=True)
        self.guarded = assembled.guarded
        # Each number that stays has a number among the live ones; those that the call only writes are counted on.
        live, outputs = len(recording.parameters) + len(recording.numbers), len(recording.outputs)
        parts = assembled.program.parts or [1] * assembled.outputs
        behind = sum(parts[: assembled.outputs])  # the outputs that belong to effects are those from ``outputs`` on
        leaves = held.leaves | dict(zip([key for key in held.keys if key not in held.leaves], count(live)))
        self.home, self.slots = _places(assembled.program, held, leaves, homes)
        reached = _reached(assembled.program, assembled.program.outputs, outputs, behind)
        self.leaves = {number: self.slots[number] for number in reached if number < live}

        # The home is one leaf in the place of all parameters.
        data = [_NOBODY] * (1 + max(self.slots.values(), default=0))
        for number, place in self.slots.items():
            data[place] = number
        program = inlined(assembled.program, Leaf(data, self.slots))
        # New numbers that stay are moved from where they are computed to their slots; all others are results.
        supply = iter(program.outputs[outputs:behind])
        lists = [
            list(chain.from_iterable(map(_members, islice(supply, count))))
            for count in parts[outputs : assembled.outputs]
        ]
        sources = {key: lists[number][place] for key, (number, place) in held.sources.items()}
        moves = _moves([(x, (0, self.home.slots[key])) for key, x in sources.items() if isinstance(x, tuple)])
        builder = Builder()
        builder.arrays = list(program.arrays)
        results = [*program.outputs[:outputs], *program.outputs[behind:]]
        for number, place in held.part_sources:
            x = lists[number][place]
            results.append(builder.read(_whole(builder, x[0]), [x[1]]) if isinstance(x, tuple) else x)
        always = {key: x for key, x in sources.items() if not isinstance(x, tuple)}
        always |= dict(zip(zip(repeat("grad"), held.constants[0]), held.constants[1]))
        if always:  # what always gets the same number
            numbers = builder.leaf(Kind.CONSTANT, list(map(float, always.values())))
            moves[numbers.array] = [(self.home.slots[key], k) for k, key in enumerate(always)]
        self._build(builder, results, moves)

    def _build(self, builder: Builder, results: list[Operand], moves: dict[int, list[tuple[int, int]]]) -> None:
        """Make the machine."""
        of, to = [], []
        for new, pairs in moves.items():
            members = sorted(pairs)
            to.append(builder.index([member for member, _ in members]))
            of.append(builder.read(_whole(builder, new), [member for _, member in members]))
        program = builder.program([*results, *of, _whole(builder, 0)])  # which is the first one there, too
        program = program._replace(outputs=program.outputs[: len(results) + len(of)])
        carried = [(len(results) + k, Read(0, index)) for k, index in enumerate(to)]
        self.results = program.outputs[: len(results)]
        self.machine = Machine(program, carried=carried, elsewhere=Elsewhere(self.home.frame, self.home.scratch))


def _places(program: Program, held: Held, leaves: dict[Any, int], homes: list[Any]) -> tuple[Home, dict[int, int]]:
    """The home of some numbers, and the place of each live number there.

    Args:
        program: The program that reads them; where there is no home yet, they are put there in the order of its arrays.
        held: The numbers that stay.
        leaves: The live number of each key.
        homes: The homes of the function.
    """
    stays = {leaves[key]: key for key in held.keys}
    arrays = [array.data for array in program.arrays if array.kind is Kind.PARAMETER]
    others = [number for data in arrays for number in data if number not in stays]
    home = next((x for x in homes if x.whose == held.whose and x.has_room(len(others))), None)
    if home is None:
        slots: dict[Any, int] = {}
        first = 0
        for data in [*arrays, list(stays)]:
            kept = [stays[number] for number in data if number in stays and stays[number] not in slots]
            slots.update(zip(kept, count(first)))
            first += -(-len(kept) // _LINE) * _LINE
        home = Home(held, slots, len(others))
        homes.append(home)
    places = {number: home.slots[key] for number, key in stays.items()}
    return home, places | dict(zip(others, count(home.size)))


def _members(output: Operand) -> Iterable[Any]:
    """For each place of an output the array and the member that it is, or the number that it always is."""
    return zip(repeat(output.array), output.index.places) if isinstance(output, Read) else [output]


def _moves(pairs: Sequence[tuple[Member, Member]]) -> dict[int, list[tuple[int, int]]]:
    """The numbers that are carried over, by the array they come from: each slot, and the member that goes there."""
    found: dict[int, list[tuple[int, int]]] = {}
    for (new, member), (old, slot) in pairs:
        if (new, member) != (old, slot):
            found.setdefault(new, []).append((slot, member))
    return found


def _whole(builder: Builder, number: int) -> Read:
    return Read(number, builder.identity(builder.arrays[number].size))


def _reached(program: Program, outputs: Sequence[Operand], first: int, last: int) -> Iterable[int]:
    """The live numbers that the outputs depend on; outputs ``first`` to ``last - 1`` do not count."""
    roots = [x.array for x in (*outputs[:first], *outputs[last:]) if isinstance(x, Read)]
    leaves = [program.arrays[number] for number in sorted(reached(program.arrays, roots))]
    return [number for array in leaves if array.kind is Kind.PARAMETER for number in array.data]
