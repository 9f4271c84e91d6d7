"""Which members of an array are lanes: the samples, or positions, that a formula in matrix form does not mention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.compiler.program.classes import Array, Kind, Program, Read, Terms
from autograd.compiler.program.indices import Index
from autograd.compiler.program.nests import Column, Loop, nest_of
from autograd.compiler.textbook.matrix_names import Lanes

__all__ = ["BATCH", "lanes_of", "loops_of"]

BATCH = 2  # samples that a batch is taken to have: any number above 1 shows the loop


def loops_of(program: Program, number: int, terms: Terms, lanes: dict[int, Lanes]) -> list[Loop] | None:
    """The loops over the terms of a sum: those over lanes, and those over rows; None if there are no such loops."""
    arrays = [number, *[read.array for read in terms.factors]]
    places = [terms.owner, *[read.index for read in terms.factors]]
    batched = terms.batched or program.arrays[number].batched
    scales = [BATCH if program.arrays[k].batched else 1 for k in arrays]
    columns = [Column(column, 0, scale) for column, scale in zip(places, scales)]
    nest = nest_of(columns, BATCH if batched else 1)
    if nest.ragged:
        return None
    result = [loop for loop in nest.loops if loop.turns > 1]
    for array, c in zip(arrays, range(len(arrays))):
        result = [part for loop in result for part in _apart(loop, c, lanes.get(array))]
    return result


def _apart(loop: Loop, column: int, lanes: Lanes | None) -> list[Loop]:
    """A loop over rows and lanes as two."""
    if lanes is None:
        return [loop]
    turns, step = lanes
    if loop.strides[column] == step and loop.turns > turns and loop.turns % turns == 0:
        return [
            Loop(loop.turns // turns, tuple([stride * turns for stride in loop.strides])),
            Loop(turns, loop.strides),
        ]
    return [loop]


def lanes_of(program: Program) -> dict[int, Lanes]:
    """The lanes of all arrays that have them."""
    lanes: dict[int, Lanes] = {}
    for number, array in enumerate(program.arrays):
        if array.batched:
            lanes[number] = BATCH, 1
        elif found := _repeated(program.labels.get(number, ())):
            lanes[number] = found
    before = -1
    while len(lanes) > before:
        before = len(lanes)
        for number, array in enumerate(program.arrays):
            if array.kind is Kind.SUM:
                _by_weights(program, number, array, lanes)
            for terms in _terms_of(array):
                _together(program, number, terms, lanes)
        for adjoint, of in program.adjoints.items():
            if of in lanes and program.arrays[adjoint].size == program.arrays[of].size:
                lanes.setdefault(adjoint, lanes[of])
    return lanes


def _terms_of(array: Array) -> Iterator[Terms]:
    """The terms of a sum; for an operation each operand as if it were one."""
    yield from array.terms
    for operand in array.operands:
        if isinstance(operand, Read) and len(operand.index) == array.size:
            yield Terms(Index(range(array.size)), (operand,), array.batched)


def _repeated(labels: Sequence[str]) -> Lanes | None:
    """Members of one label: a neuron in all samples."""
    if len(labels) < 2 or not labels[0]:
        return None
    places = [k for k, label in enumerate(labels) if label == labels[0]]
    if len(places) < 2 or len(labels) != len(places) * len(set(labels)):
        return None
    return len(places), places[1] - places[0]


def _by_weights(program: Program, number: int, array: Array, lanes: dict[int, Lanes]) -> None:
    """A loop over sums that read the same parameters, and other data, is one over lanes."""
    for terms in array.terms:
        kinds = [program.arrays[read.array].kind is Kind.PARAMETER for read in terms.factors]
        if sorted(kinds) != [False, True] or (number in lanes and terms.factors[kinds.index(False)].array in lanes):
            continue
        weights, data = 1 + kinds.index(True), 1 + kinds.index(False)
        loops = loops_of(program, number, terms, lanes) or []
        shared = [x for x in loops if x.strides[0] > 0 and x.strides[weights] == 0 and x.strides[data] > 0]
        moving = [x for x in loops if x.strides[weights]]
        if len(shared) == 1 and moving:
            lanes.setdefault(number, (shared[0].turns, shared[0].strides[0]))
            lanes.setdefault(terms.factors[data - 1].array, (shared[0].turns, shared[0].strides[data]))


def _together(program: Program, number: int, terms: Terms, lanes: dict[int, Lanes]) -> None:
    """A loop that runs over the lanes of one array runs over those of the others, too."""
    arrays = [number, *[read.array for read in terms.factors]]
    if not any(k in lanes for k in arrays) or all(k in lanes for k in arrays):
        return
    for loop in loops_of(program, number, terms, lanes) or []:
        if any(k in lanes and lanes[k] == (loop.turns, loop.strides[c]) for c, k in enumerate(arrays)):
            for c, k in enumerate(arrays):
                if loop.strides[c] > 0:
                    lanes.setdefault(k, (loop.turns, loop.strides[c]))
