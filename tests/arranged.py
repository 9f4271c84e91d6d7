"""Functions arranged as arrays with all their gradients, to be looked into and compared."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiler.arrange import arrange
from autograd.compiler.arrays import ArrayProgram, Step, View
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes
from autograd.compiler.program import PARAMETER, Program

from autograd import Value, fsum, ops
from autograd.compiler.builder import Builder
from autograd.compiler.record import program_of, record
from nn import MLP
from nn.losses import half_mse_loss
from tests import array_reference, program_reference
from tests.program_reference import same, size


class Arranged:
    """A function's program with gradients by its parameters, and the same as arrays."""

    def __init__(self, f: Callable[..., Value], args: Sequence[float], fewest: int | None = 2, lanes: int = 4) -> None:
        self.args = list(args)
        recording = record(f, self.args)
        self.parameters = [p.data for p in recording.parameters]
        forward = find_lanes(flatten(program_of(recording)), lanes)
        inputs = {step.payload: i for i, step in enumerate(forward.instructions) if step.op is PARAMETER}
        builder = Builder()
        where, found = derivatives(forward, forward.outputs[0], [inputs[k] for k in sorted(inputs)], builder)
        gradients = [builder.constant(0.0) if d is None else d for d in found]
        self.program: Program = flatten(builder.program([where[forward.outputs[0]], *gradients])).verify()
        self.arrays = arrange(self.program, fewest)

    def check(self) -> None:
        """Both programs give the same."""
        registers = program_reference.registers(self.program, self.args, self.parameters)
        expected = [registers[i] for i in self.program.outputs]
        assert same(run(self.arrays, self.args, self.parameters), expected, size(registers))

    def steps(self, kind: str, op: ops.Op | None = None) -> list[Step]:
        return [step for step in self.arrays.steps if step.kind == kind and op in (None, step.op)]

    def labels(self, view: View, ni: int, nj: int) -> list[list[str]]:
        """The labels of the rows that a view reads."""
        rows = self.arrays.arrays[view.array].labels
        return [[rows[view.start + i * view.step_i + j * view.step_j] for j in range(nj)] for i in range(ni)]


def run(program: ArrayProgram, args: Sequence[float], parameters: Sequence[float]) -> list[Any]:
    """The outputs of an array program, from flat lists of numbers."""
    given: dict[int, Any] = {}
    for number, array in enumerate(program.arrays):
        if array.kind == "argument":
            columns = [source if isinstance(source, tuple) else (source,) for source in array.payload]
            given[number] = [[args[k] if isinstance(k, int) else k for k in column] for column in columns]
        elif array.kind == "parameter":
            given[number] = [[parameters[k]] for k in array.payload]
    return [row if len(row) > 1 else row[0] for row in array_reference.outputs(program, given)]


def data(count: int, seed: int = 7) -> list[float]:
    rng = random.Random(seed)
    return [rng.uniform(-1, 1) for _ in range(count)]


def network_loss(model: MLP, samples: int, nin: int, nout: int) -> tuple[Callable[..., Value], list[float]]:
    """The mean loss of a model as a function of all inputs and targets in one list, and such a list."""
    width = nin + nout

    def loss(*flat: Any) -> Value:
        outputs, targets = [], []
        for k in range(0, samples * width, width):
            x, y = flat[k : k + nin], flat[k + nin : k + width]
            for j, (value, target) in enumerate(zip([*x, *y], [*"x" * nin, *"y" * nout])):
                value.label = f"{target}{'₁₂₃₄₅₆₇₈₉'[j if j < nin else j - nin]}"
            out = model(list(x))
            outputs.append(out if nout > 1 else [out])
            targets.append(list(y))
        return fsum([half_mse_loss(a, y) for a, y in zip(outputs, targets)])

    return loss, data(samples * width)
