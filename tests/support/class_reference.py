"""Programs over classes, evaluated member by member and sample by sample: what the back ends are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from math import nan
from typing import Any

from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, choice_of
from autograd.ieee import fsum

Samples = list[float]  # a member of an array: one number, or one for each sample of a batch


def evaluate(program: Program, arguments: Sequence[Any], parameters: Sequence[float], batch: int = 1) -> list[Any]:
    """The results of a program, a list each; of a batched output a list over the samples for each member.

    Args:
        program: what to evaluate.
        arguments: the numbers of the call; with a batch a list over the samples for each.
        parameters: the numbers of the captured leaves.
        batch: how many samples the batched arrays hold.
    """
    values: list[list[Samples]] = []
    for array in program.arrays:
        if array.kind is Kind.MAP:
            values.append(_map(array, values, batch))
        elif array.kind is Kind.SUM:
            values.append(_sum(array, values, batch))
        elif array.kind is Kind.GATHER:
            values.append(_gather(array, values, batch))
        elif array.kind is Kind.SCATTER:
            values.append(_scatter(array, values, batch))
        else:
            given = {Kind.ARGUMENT: arguments, Kind.PARAMETER: parameters}.get(array.kind)
            numbers = [given[k] if given is not None else k for k in array.data]
            values.append([list(x) if isinstance(x, list) else [x] for x in numbers])
    outputs = iter([_output(program, values, output) for output in program.outputs])
    parts = program.parts or [1] * len(program.outputs)
    return [list(chain.from_iterable(islice(outputs, count))) for count in parts]


def _members(values: list[list[Samples]], operand: Operand, size: int) -> list[Samples]:
    if isinstance(operand, Read):
        return [values[operand.array][member] for member in operand.index]
    return [[operand]] * size


def _samples(numbers: Samples, batch: int) -> Samples:
    return numbers if len(numbers) == batch else numbers * batch


def _map(array: Array, values: list[list[Samples]], batch: int) -> list[Samples]:
    assert array.op is not None
    columns = [_members(values, operand, array.size) for operand in array.operands]
    width = batch if array.batched else 1
    return [
        [float(array.op.value(*point)) for point in zip(*[_samples(numbers, width) for numbers in members])]
        for members in zip(*columns)
    ]


def _sum(array: Array, values: list[list[Samples]], batch: int) -> list[Samples]:
    width = batch if array.batched else 1
    parts: list[list[list[float]]] = [[[] for _ in range(width)] for _ in range(array.size)]
    for terms in array.terms:
        factors = [_members(values, read, len(terms.owner)) for read in terms.factors]
        for owner, members in zip(terms.owner, zip(*factors)):
            columns = [_samples(numbers, batch if terms.batched else 1) for numbers in members]
            for sample, point in enumerate(zip(*columns)):
                parts[owner][sample if array.batched else 0].append(
                    point[0] if len(point) == 1 else point[0] * point[1]
                )
    return [[_total(terms, array) for terms in part] for part in parts]


def _gather(array: Array, values: list[list[Samples]], batch: int) -> list[Samples]:
    width, choice = batch if array.batched else 1, choice_of(array)
    candidates = _members(values, array.operands[1], 1)
    found: list[Samples] = []
    for m, numbers in enumerate(_members(values, choice.chosen, 1)):
        found.append([])
        for s, k in enumerate(_samples(numbers, width)):
            inside = 0.0 <= k < choice.count
            found[m].append(_samples(candidates[int(k) * array.size + m], width)[s] if inside else nan)
    return found


def _scatter(array: Array, values: list[list[Samples]], batch: int) -> list[Samples]:
    choice = choice_of(array)
    sums = [[0.0] * (batch if array.batched else 1) for _ in range(array.size)]
    chosen, sent = _members(values, choice.chosen, 1), _members(values, array.operands[1], 1)
    batched = array.batched or any(len(numbers) > 1 for numbers in [*chosen, *sent])
    for m, columns in enumerate(zip(chosen, sent)):
        for s, (k, x) in enumerate(zip(*[_samples(numbers, batch if batched else 1) for numbers in columns])):
            if 0.0 <= k < choice.count:
                sums[choice.places[int(k) * len(chosen) + m]][s if array.batched else 0] += x
    return sums


def _total(terms: Sequence[float], array: Array) -> float:
    if array.op is not None:
        return float(array.op.value(*terms))
    return fsum(*terms) if array.exact else float(sum(terms))


def _output(program: Program, values: list[list[Samples]], output: Operand) -> list[Any]:
    members = _members(values, output, 1)
    batched = isinstance(output, Read) and program.arrays[output.array].batched
    return [list(numbers) if batched else numbers[0] for numbers in members]
