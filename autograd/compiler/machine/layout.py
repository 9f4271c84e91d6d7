"""The program of a step whose numbers stay in the frame of its machine: where each of them is.

Every number that stays has a slot, a member of a leaf.  The program computes new numbers elsewhere in the frame, and
when all is well the machine carries them over into the slots.  A list that the program gathers from several arrays is
taken apart first, so that its numbers are copied once:

    a9 = Σ a4[classes' members] + Σ a7[other members]; a9 → slots          before
    a4[members] → some slots, a7[members] → the others                     after
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count, repeat
from typing import Any

import numpy as np

from autograd.compiler.held import Held
from autograd.compiler.machine.machine import Machine
from autograd.compiler.pipeline import assemble, inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Operand, Program, Read, reads_of
from autograd.compiler.recording.record import Recording

__all__ = ["Layout"]

Member = tuple[int, int]  # an array, and a place there


class Layout:
    """The machine of a step, and the places of its numbers.

    Attributes:
        machine: The program as machine code, with its frame.
        guarded: Whether there are guards.
        results: The outputs of the recording, the number of guards that do not hold if there are any, and the numbers
            that are written elsewhere.
        slots: For each key of a held number its place in the frame.
        fixed: The places that always get the same number, and these numbers.
        leaves: For each live number that the outputs or the guards depend on, its place.
    """

    def __init__(self, recording: Recording, held: Held) -> None:
        assembled = assemble(recording)
        program = inlined(assembled.program)
        self.guarded = assembled.guarded
        live, outputs = len(recording.parameters) + len(recording.numbers), len(recording.outputs)
        sizes = [len(nodes) for nodes in recording.effects.outputs if nodes]
        lists = [_members(program, *pair) for pair in zip(program.outputs[outputs : assembled.outputs], sizes)]

        builder = Builder()
        builder.arrays = list(program.arrays)
        leaves = held.leaves | dict(zip([key for key in held.keys if key not in held.leaves], count(live)))
        if len(leaves) > live:
            builder.leaf(Kind.PARAMETER, range(live, len(leaves)))
        slots = {number: slot for slot, number in _leaves(builder)}
        sources = {key: lists[number][place] for key, (number, place) in held.sources.items()}
        moves = _moves([(x, slots[leaves[key]]) for key, x in sources.items() if isinstance(x, tuple)])
        results = [*program.outputs[:outputs], *program.outputs[assembled.outputs :]]
        shown = [x.array for x in results if isinstance(x, Read)]
        for number, place in held.part_sources:
            x = lists[number][place]
            results.append(builder.read(_whole(builder, x[0]), [x[1]]) if isinstance(x, tuple) else x)

        where = self._build(builder, results, moves)
        self.slots = {key: where[array] + member for key in held.keys for array, member in [slots[leaves[key]]]}
        always = {key: x for key, x in sources.items() if not isinstance(x, tuple)}
        always |= dict(zip(zip(repeat("grad"), held.constants[0]), held.constants[1]))
        self.fixed = np.array([self.slots[key] for key in always], dtype=int), np.array([*always.values()], dtype=float)
        reached = _reached(program, shown)
        self.leaves = {
            number: where[array] + member
            for number, (array, member) in slots.items()
            if number < live and array in reached
        }

    def _build(
        self, builder: Builder, results: list[Operand], moves: dict[tuple[int, int], list[tuple[int, int]]]
    ) -> dict[int, int]:
        """Make the machine; where each leaf begins in the frame, by its number before."""
        of, to = [], []
        for (new, old), pairs in moves.items():
            members = sorted(pairs)
            to.append((old, builder.index([member for member, _ in members])))
            of.append(builder.read(_whole(builder, new), [member for _, member in members]))
        leaves = [number for number, array in enumerate(builder.arrays) if array.kind is Kind.PARAMETER]
        program = builder.program([*results, *of, *[_whole(builder, number) for number in leaves]])
        number_of = {
            number: read.array
            for number, read in zip(leaves, program.outputs[-len(leaves) :])
            if isinstance(read, Read)
        }
        program = program._replace(outputs=program.outputs[: len(results) + len(of)])
        carried = [(len(results) + k, Read(number_of[old], index)) for k, (old, index) in enumerate(to)]
        self.results = program.outputs[: len(results)]
        self.machine = Machine(program, carried=carried, apart=True)
        return {number: self.machine.memory.base[number_of[number]] for number in leaves}


def _members(program: Program, output: Operand, size: int) -> list[Any]:
    """For each place of an output the array and the member that it is; a number where it is always that."""
    if not isinstance(output, Read):
        return [output] * size
    array = program.arrays[output.array]
    found: dict[int, Member] = {}
    plain = array.kind is Kind.SUM and array.op is None and not array.exact and not array.batched
    if plain and all(len(terms.factors) == 1 for terms in array.terms):
        for terms in array.terms:
            (factor,) = terms.factors
            found.update(zip(terms.owner.places, zip(repeat(factor.array), factor.index.places)))
    if len(found) == array.size == sum([len(terms.owner) for terms in array.terms]):  # a list gathered from arrays
        return [found[place] for place in output.index.places]
    return list(zip(repeat(output.array), output.index.places))


def _leaves(builder: Builder) -> Iterable[tuple[Member, int]]:
    """The members of all leaves that each call reads where they are, with their live numbers."""
    for number, array in enumerate(builder.arrays):
        if array.kind is Kind.PARAMETER:
            yield from zip(zip(repeat(number), range(array.size)), array.data)


def _moves(pairs: Sequence[tuple[Member, Member]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """What is carried over, by the arrays from and to: the members, those of the array to first."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (new, member), (old, slot) in pairs:
        if (new, member) != (old, slot):
            found.setdefault((new, old), []).append((slot, member))
    return found


def _whole(builder: Builder, number: int) -> Read:
    return Read(number, builder.identity(builder.arrays[number].size))


def _reached(program: Program, arrays: Iterable[int]) -> set[int]:
    """The arrays that these depend on, and these."""
    found, stack = set(arrays), list(arrays)
    while stack:
        for read in reads_of(program.arrays[stack.pop()]):
            if read.array not in found:
                found.add(read.array)
                stack.append(read.array)
    return found
