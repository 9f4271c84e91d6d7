"""Programs over classes, evaluated member by member and sample by sample: what the back ends are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.compiler.classes import Array, Kind, Operand, Program, Read
from autograd.ieee import fsum

Samples = list[float]  # a member of an array: one number, or one for each sample of a batch


def evaluate(program: Program, arguments: Sequence[Any], parameters: Sequence[float], batch: int = 1) -> list[Any]:
    """The outputs of a program, a list each; of a batched output a list over the samples for each member.

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
        else:
            given = {Kind.ARGUMENT: arguments, Kind.PARAMETER: parameters}.get(array.kind)
            numbers = [given[k] if given is not None else k for k in array.data]
            values.append([list(x) if isinstance(x, list) else [x] for x in numbers])
    return [_output(program, values, output) for output in program.outputs]


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


def _total(terms: Sequence[float], array: Array) -> float:
    if array.op is not None:
        return float(array.op.value(*terms))
    return fsum(*terms) if array.exact else float(sum(terms))


def _output(program: Program, values: list[list[Samples]], output: Operand) -> list[Any]:
    members = _members(values, output, 1)
    batched = isinstance(output, Read) and program.arrays[output.array].batched
    return [list(numbers) if batched else numbers[0] for numbers in members]
