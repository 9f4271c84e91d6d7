"""Programs over classes, evaluated member by member: what the back ends are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.classes import Kind, Operand, Program, Read
from autograd.ieee import fsum


def evaluate(
    program: Program, arguments: Sequence[float], parameters: Sequence[float], batch: Sequence[Sequence[float]] = ()
) -> list[list[float]]:
    """The outputs of a program that is not batched, a list of numbers each."""
    values: list[list[float]] = []

    def places(operand: Operand, size: int) -> list[float]:
        if isinstance(operand, Read):
            return [values[operand.array][i] for i in operand.index]
        return [operand] * size

    for array in program.arrays:
        if array.kind is Kind.MAP:
            columns = [places(x, array.size) for x in array.operands]
            values.append([float(array.op.value(*row)) for row in zip(*columns)])
        elif array.kind is Kind.SUM:
            parts: list[list[float]] = [[] for _ in range(array.size)]
            for terms in array.terms:
                factors = [places(x, len(terms.owner)) for x in terms.factors]
                for owner, row in zip(terms.owner, zip(*factors)):
                    parts[owner].append(row[0] if len(row) == 1 else row[0] * row[1])
            values.append([fsum(*part) if array.exact else sum(part) for part in parts])
        else:
            given = {Kind.ARGUMENT: arguments, Kind.PARAMETER: parameters}.get(array.kind)
            values.append([float(given[k]) if given is not None else float(k) for k in array.data])
    return [places(output, 1) for output in program.outputs]
