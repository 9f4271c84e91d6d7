"""Whole training steps as one program: loss, gradients and the optimiser's update, run natively many steps at a time.

One sample is recorded; the batch is its lanes.  The update rule is a function on numbers, so it is applied to the
registers of the gradients like everything else.  New parameters and optimiser state are carried over to the next step
inside the machine code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import ops
from autograd.compile.arrange import arrange
from autograd.compile.builder import Builder, Register
from autograd.compile.derive import derivatives
from autograd.compile.flatten import flatten
from autograd.compile.lanes import spread
from autograd.compile.native import Kernel
from autograd.compile.program import PARAMETER, TOTAL, Program
from autograd.compile.record import arguments_of, program_of, record
from autograd.errors import AutogradError
from autograd.value import Value

__all__ = ["DataDependent", "Rule", "Trainer"]

# rule(parameter, gradient, state, step=…, lr=…, …) -> (new parameter, new state), on any numbers
Rule = Callable[..., tuple[Any, Sequence[Any]]]

_set_data = vars(Value)["_data"].__set__


class DataDependent(AutogradError):
    """The loss of a sample decides by its data, so that one recording does not serve all samples."""


class Trainer:
    """Training steps of one model on one data set.

    Args:
        loss: the loss of one sample, ``loss(*sample)``, as a Value.
        samples: the samples, each a tuple of what ``loss`` takes: numbers and nested lists of them.
        parameters: what is trained.
        rule: the update of one parameter, on any numbers.
        state: for each parameter the numbers that the rule carries along.
        hyper: what else the rule takes by name; ``lr`` may change between calls of ``run``.

    Raises:
        DataDependent: the recorded loss has guards.
        ValueError: the samples are of different shapes.
    """

    def __init__(
        self,
        loss: Callable[..., Value],
        samples: Sequence[tuple[Any, ...]],
        parameters: Sequence[Value],
        rule: Rule,
        state: Sequence[Sequence[float]],
        hyper: dict[str, Any],
    ) -> None:
        recording = record(loss, samples[0])
        if recording.guards:
            raise DataDependent(
                "the loss of a sample decides by its data (if, max, sorted, .data): write that with autograd.where, "
                "maximum or relu, or train with compile=False"
            )
        self.columns = _columns(samples)
        self.program = program_of(recording)
        self.parameters = list(parameters)
        self.rule = rule
        self.hyper = {name: number for name, number in hyper.items() if name != "lr"}
        # All live numbers in one vector: captured leaves, then the state of each parameter, the rate, the step.
        known = {leaf: i for i, leaf in enumerate(recording.parameters)}
        self.captured = list(recording.parameters)
        for parameter in self.parameters:
            if parameter not in known:
                known[parameter] = len(self.captured)
                self.captured.append(parameter)
        self.places = [known[parameter] for parameter in self.parameters]
        self.state_size = len(state[0]) if state else 0
        first = len(self.captured)
        count = len(self.parameters)
        self.lr = first + count * self.state_size
        self.step = self.lr + 1
        self.live = np.zeros(self.step + 1)
        self.state_places = [[first + k * count + i for k in range(self.state_size)] for i in range(count)]
        for places, numbers in zip(self.state_places, state):
            self.live[places] = numbers
        self.kernels: dict[int, _StepKernel] = {}

    def run(self, batches: Sequence[Sequence[int]], *, lr: float, steps_before: int, repeat: int = 1) -> list[float]:
        """One step per batch of sample indices; the mean loss of each batch, measured before its step.

        Args:
            batches: batches that follow each other; runs of equal length are one native call each.
            lr: the learning rate.
            steps_before: the number of steps taken so far, for rules that count them.
            repeat: how often to go through the batches (one full batch, usually).

        The data of the parameters is written back before this returns, also if it is interrupted.
        """
        live = self.live
        live[: len(self.captured)] = [leaf._data for leaf in self.captured]
        live[self.lr], live[self.step] = lr, steps_before + 1
        losses: list[float] = []
        try:
            if len(batches) == 1 and repeat > 1:
                losses.extend(self._kernel(len(batches[0])).repeat(live, self.columns[batches[0]], repeat))
            else:
                for _ in range(repeat):
                    for group in _of_equal_length(batches):
                        index = np.array(group)
                        losses.extend(self._kernel(index.shape[1]).run(live, self.columns[index]))
        finally:
            # One call into C: Ctrl-C cannot come between two of the parameters.
            deque(map(_set_data, self.parameters, live[self.places].tolist()), maxlen=0)
        return losses

    @property
    def state(self) -> list[tuple[float, ...]]:
        """The optimiser state of each parameter."""
        return [tuple(self.live[places].tolist()) for places in self.state_places]

    def _kernel(self, lanes: int) -> _StepKernel:
        if lanes not in self.kernels:
            program, carried = self._step_program(lanes)
            self.kernels[lanes] = _StepKernel(program, carried)
        return self.kernels[lanes]

    def _step_program(self, lanes: int) -> tuple[Program, list[int]]:
        """The program of a step on a batch, and which live number each output after the first replaces."""
        sample, (loss,) = spread(self.program, lanes)
        if sample.instructions[loss].lanes > 1:
            loss = sample.emit(ops.mul, (sample.emit(TOTAL, (loss,)), sample.constant(1.0 / lanes)))
        forward = sample.program([loss])
        leaves = {step.payload: i for i, step in enumerate(forward.instructions) if step.op is PARAMETER}
        wanted = [leaves[place] for place in self.places if place in leaves]
        builder = Builder()
        where, found = derivatives(forward, forward.outputs[0], wanted, builder)
        gradient = dict(zip(wanted, found))

        def live(place: int) -> Register:
            return Register(builder, builder.emit(PARAMETER, payload=place))

        rate, step = live(self.lr), live(self.step)
        outputs: list[Any] = []
        carried: list[int] = []
        for place, state_places in zip(self.places, self.state_places):
            d = gradient.get(leaves.get(place, -1))
            new, state = self.rule(
                live(place),
                0.0 if d is None else Register(builder, d),
                tuple(map(live, state_places)),
                lr=rate,
                step=step,
                **self.hyper,
            )
            outputs += [new, *state]
            carried += [place, *state_places]
        outputs.append(step + 1.0)
        carried.append(self.step)
        registers = [x.index if isinstance(x, Register) else builder.constant(x) for x in outputs]
        return flatten(builder.program([where[forward.outputs[0]], *registers])).verify(), carried


class _StepKernel:
    """The machine code of a step on batches of one size."""

    def __init__(self, program: Program, carried: Sequence[int]) -> None:
        self.arrays = arrange(program)
        place = {
            number: (i, row)
            for i, array in enumerate(self.arrays.arrays)
            if array.kind == "parameter"
            for row, number in enumerate(array.payload)
        }
        pairs = [(output, place[number]) for output, number in enumerate(carried, start=1) if number in place]
        self.kernel = Kernel(self.arrays, carried=pairs, recorded=[0])
        self.frame = self.kernel.frame()
        arrays = list(enumerate(self.arrays.arrays))
        self.data = [(i, np.array(array.payload)) for i, array in arrays if array.kind == "argument"]
        self.live = [(i, np.array(array.payload)) for i, array in arrays if array.kind == "parameter"]

    def run(self, live: Any, samples: Any) -> list[float]:
        """One step per batch: samples[step, lane, column]."""
        buffer = self.kernel.batches(len(samples))
        columns = samples.transpose(0, 2, 1)
        for array, index in self.data:
            self.kernel.write(buffer, array, columns[:, index])
        return self._steps(live, lambda: self.kernel.run_steps(self.frame, buffer))

    def repeat(self, live: Any, samples: Any, steps: int) -> list[float]:
        """Many steps on the same batch: samples[lane, column]."""
        for array, index in self.data:
            self.kernel.write(self.frame, array, samples.T[index])
        return self._steps(live, lambda: self.kernel.run_steps(self.frame, steps=steps))

    def _steps(self, live: Any, run: Callable[[], Any]) -> list[float]:
        for array, index in self.live:
            self.kernel.write(self.frame, array, live[index])
        losses = run()
        for array, index in self.live:
            live[index] = self.kernel.rows(self.frame, array)
        found: list[float] = np.asarray(losses).ravel().tolist()
        return found


def _columns(samples: Sequence[tuple[Any, ...]]) -> Any:
    """The numbers of each sample in a row."""
    rows = [list(arguments_of(sample, f"sample {i}")) for i, sample in enumerate(samples)]
    if any(len(row) != len(rows[0]) for row in rows):
        odd = next(i for i, row in enumerate(rows) if len(row) != len(rows[0]))
        raise ValueError(f"sample 0 has {len(rows[0])} numbers, but sample {odd} has {len(rows[odd])}")
    return np.array(rows, dtype=float)


def _of_equal_length(batches: Sequence[Sequence[int]]) -> list[list[Sequence[int]]]:
    """Runs of batches of one size, in order."""
    runs: list[list[Sequence[int]]] = []
    for batch in batches:
        if not runs or len(runs[-1][0]) != len(batch):
            runs.append([])
        runs[-1].append(batch)
    return runs
