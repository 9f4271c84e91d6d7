"""A slow, obvious interpreter of array programs: what native code is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autograd.compiler.arrays import ArrayProgram, Step, View
from autograd.compiler.program import DOT

Row = list[float]  # one number, or one per lane


def evaluate(program: ArrayProgram, given: dict[int, Sequence[Sequence[float]]]) -> list[list[Row]]:
    """All arrays after one evaluation; ``given`` are the rows of the argument and parameter arrays."""
    memory: list[list[Row]] = []
    for number, array in enumerate(program.arrays):
        if array.kind == "constant":
            rows = [list(row) if isinstance(row, tuple) else [row] for row in array.payload]
        else:
            rows = [list(row) for row in given.get(number, [[math.nan] * array.lanes] * array.rows)]
        assert all(len(row) == array.lanes for row in rows)
        assert len(rows) == array.rows
        memory.append(rows)
    for step in program.steps:
        _run(program, step, memory)
    return memory


def outputs(program: ArrayProgram, given: dict[int, Sequence[Sequence[float]]]) -> list[Row]:
    """The rows of the outputs."""
    memory = evaluate(program, given)
    return [memory[array][row] for array, row in program.outputs]


def _run(program: ArrayProgram, step: Step, memory: list[list[Row]]) -> None:
    lanes = program.arrays[step.target].lanes

    def read(view: View, i: int, j: int, width: int) -> Row:
        row = memory[view.array][view.start + i * view.step_i + j * view.step_j]
        return row if len(row) > 1 else row * width

    result: list[Row] = []
    if step.kind == "gather":
        result = [memory[array][row] * (1 if len(memory[array][row]) == lanes else lanes) for array, row in step.rows]
    elif step.kind == "product":
        for i in range(step.ni):
            start = read(step.operands[2], i, 0, lanes) if len(step.operands) == 3 else [0.0] * lanes
            terms = [(read(step.operands[0], i, j, lanes), read(step.operands[1], i, j, lanes)) for j in range(step.nj)]
            result.append([s + math.fsum(p[k] * q[k] for p, q in terms) for k, s in enumerate(start)])
    for i in range(step.ni if not result else 0):
        for j in range(step.nj):
            if step.kind == "map":
                operands = [read(view, i, j, lanes) for view in step.operands]
                result.append([step.op.value(*[x[k] for x in operands]) for k in range(lanes)])
            else:
                width = max(program.arrays[view.array].lanes for view in step.operands)
                operands = [read(view, i, j, width) for view in step.operands]
                terms = [math.prod(x) if step.op is DOT else x[0] for x in zip(*operands)]
                result.append([sum(terms)])
    memory[step.target] = result
