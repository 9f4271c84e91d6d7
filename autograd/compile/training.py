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
from autograd.compile.arrays import Array, ArrayProgram, Step, View
from autograd.compile.builder import collector_paused
from autograd.compile.derive import differentiate
from autograd.compile.flatten import flatten
from autograd.compile.lanes import spread
from autograd.compile.native import Kernel
from autograd.compile.program import PARAMETER, TOTAL
from autograd.compile.record import arguments_of, program_of, record
from autograd.compile.update import Place, Rule, write_update
from autograd.errors import AutogradError
from autograd.value import Value

__all__ = ["DataDependent", "Trainer"]

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
        hyper: the numbers that the rule finds in ``hyper``; ``lr`` and ``step`` may change between calls of ``run``.

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
        with collector_paused():
            recording = record(loss, samples[0])
        if recording.guards:
            raise DataDependent(
                "the loss of a sample decides by its data (if, max, sorted, .data): write that with autograd.where, "
                "maximum or relu, or train with compile=False"
            )
        self.columns = _columns(samples)
        self.parameters = list(parameters)
        used = set(recording.parameters)
        trained = [parameter for parameter in self.parameters if parameter in used]
        known = set(trained)
        self.captured = trained + [leaf for leaf in recording.parameters if leaf not in known]
        with collector_paused():
            self.program = flatten(program_of(recording._replace(parameters=self.captured)))
        self.trained = len(trained)
        self.rule = rule
        self.hyper = hyper
        # All live numbers in one vector: captured leaves, then the state parameter by parameter, the rate, the step.
        place = {parameter: i for i, parameter in enumerate(trained)}
        states = [numbers for parameter, numbers in zip(self.parameters, state) if parameter in known]
        self.state_size = len(state[0]) if state else 0
        self.lr = len(self.captured) + self.trained * self.state_size
        self.step = self.lr + 1
        self.live = np.zeros(self.step + 1)
        for parameter, numbers in zip(trained, states):
            self.live[self._state_places(place[parameter])] = numbers
        self.kernels: dict[int, _StepKernel] = {}

    def _state_places(self, parameter: int) -> list[int]:
        first = len(self.captured) + parameter
        return [first + k * self.trained for k in range(self.state_size)]

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
            deque(map(_set_data, self.captured, live[: self.trained].tolist()), maxlen=0)
        return losses

    @property
    def state(self) -> list[tuple[float, ...]]:
        """The optimiser state of each parameter."""
        places = {parameter: i for i, parameter in enumerate(self.captured[: self.trained])}
        zeros = (0.0,) * self.state_size
        return [
            tuple(self.live[self._state_places(places[parameter])].tolist()) if parameter in places else zeros
            for parameter in self.parameters
        ]

    def _kernel(self, lanes: int) -> _StepKernel:
        if lanes not in self.kernels:
            with collector_paused():
                self.kernels[lanes] = _StepKernel(*self._step_program(lanes))
        return self.kernels[lanes]

    def _step_program(self, lanes: int) -> tuple[ArrayProgram, list[tuple[int, Place]]]:
        """The program of a step on a batch, and which of its outputs replace which live numbers."""
        builder, (loss, *_) = spread(self.program, lanes)
        if builder.instructions[loss].lanes > 1:
            loss = builder.emit(ops.mul, (builder.emit(TOTAL, (loss,)), builder.constant(1.0 / lanes)))
        leaves = {step.payload: i for i, step in enumerate(builder.instructions) if step.op is PARAMETER}
        found = differentiate(builder, loss, [leaves[i] for i in range(self.trained)])
        gradients = [builder.constant(0.0) if d is None else d for d in found]
        arrays = arrange(flatten(builder.program([loss, *gradients])).verify())
        place = {
            number: (i, row)
            for i, array in enumerate(arrays.arrays)
            if array.kind == "parameter"
            for row, number in enumerate(array.payload)
        }
        missing = [number for number in range(self.step + 1) if number not in place]
        for kind in (lambda n: n < self.lr, lambda n: n == self.lr, lambda n: n == self.step):
            numbers = tuple(filter(kind, missing))
            if numbers:
                place.update({number: (len(arrays.arrays), row) for row, number in enumerate(numbers)})
                arrays.arrays.append(Array(len(numbers), 1, "parameter", numbers))
        carried = write_update(
            arrays,
            self.rule,
            self.hyper,
            {"lr": place[self.lr], "step": place[self.step]},
            [place[i] for i in range(self.trained)],
            arrays.outputs[1:],
            [[place[k] for k in self._state_places(i)] for i in range(self.trained)],
        )
        one, after = len(arrays.arrays), len(arrays.arrays) + 1
        arrays.arrays.extend([Array(1, 1, "constant", (1.0,)), Array(1, 1, "computed")])
        arrays.steps.append(Step(ops.add, "map", after, 1, 1, (View(*place[self.step]), View(one, 0))))
        carried.append(((after, 0), place[self.step]))
        outputs = [arrays.outputs[0], *[new for new, _ in carried]]
        return arrays._replace(outputs=outputs), [(k, old) for k, (_, old) in enumerate(carried, start=1)]


class _StepKernel:
    """The machine code of a step on batches of one size."""

    def __init__(self, arrays: ArrayProgram, carried: Sequence[tuple[int, Place]]) -> None:
        self.arrays = arrays
        self.kernel = Kernel(arrays, carried=carried, recorded=[0])
        self.frame = self.kernel.frame()
        numbered = list(enumerate(arrays.arrays))
        self.data = [(i, np.array(array.payload)) for i, array in numbered if array.kind == "argument"]
        self.live = [(i, np.array(array.payload)) for i, array in numbered if array.kind == "parameter"]

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
