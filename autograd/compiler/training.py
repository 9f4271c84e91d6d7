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
from autograd.compiler.arguments import arguments_of
from autograd.compiler.arrange import arrange
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.builder import collector_paused
from autograd.compiler.derive import differentiate
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import inlined
from autograd.compiler.lanes import spread
from autograd.compiler.native import Kernel
from autograd.compiler.program import PARAMETER, TOTAL
from autograd.compiler.record import program_of, record
from autograd.compiler.update import Place, Rule, write_update
from autograd.errors import AutogradError
from autograd.value import Value

__all__ = ["DataDependentError", "Trainer"]

_set_data = vars(Value)["_data"].__set__
_MOST_NUMBERS = 1 << 20  # of samples copied for one native call: 8 MB, a few milliseconds of work


class DataDependentError(AutogradError):
    """The loss of a sample decides by its data, so that one recording does not serve all samples."""


class Trainer:
    """Training steps of one model on one data set.

    Its numbers are its own while it runs: ``load`` takes them from the parameters, ``store`` gives them back.

    Args:
        loss: the loss of one sample, ``loss(*sample)``, as a Value.
        data: for each argument of ``loss`` what it is for each sample: numbers, nested lists of them, or one array.
        parameters: what is trained.
        rule: the update of one parameter, on any numbers.
        state_size: how many numbers the rule carries along for each parameter.
        hyper: the numbers that the rule finds in ``hyper``; of these ``lr`` and ``step`` change from step to step.

    Raises:
        DataDependentError: the recorded loss has guards.
        TypeError: something in the data is no number.
        ValueError: the samples are of different shapes.
    """

    def __init__(
        self,
        loss: Callable[..., Value],
        data: Sequence[Sequence[Any]],
        parameters: Sequence[Value],
        rule: Rule,
        state_size: int,
        hyper: dict[str, Any],
    ) -> None:
        with collector_paused():
            recording = record(loss, [values[0] for values in data])
        if recording.guards:
            raise DataDependentError(
                "the loss of a sample decides by its data (if, max, sorted, .data): write that with autograd.where, "
                "maximum or relu, or train with compile=False"
            )
        self.recorded_loss = recording.output._data
        self.columns = np.hstack([_table(values) for values in data])
        self.parameters = list(parameters)
        known = set(self.parameters)
        self.captured = self.parameters + [leaf for leaf in recording.parameters if leaf not in known]
        self.reaches_parameters = not known.isdisjoint(recording.parameters)
        with collector_paused():
            self.program = flatten(program_of(recording._replace(parameters=self.captured)))
        self.trained = len(self.parameters)
        self.rule, self.state_size, self.hyper = rule, state_size, hyper
        # All live numbers in one vector: captured leaves, then the state number by number, the rate, the step.
        self.lr = len(self.captured) + self.trained * state_size
        self.step = self.lr + 1
        self._live = np.zeros(self.step + 1)
        self._ahead: _StepKernel | None = None  # whose memory holds newer numbers than the vector
        self.kernels: dict[int, _StepKernel] = {}

    # ---- numbers in and out ----------------------------------------------------------------------------------------
    @property
    def live(self) -> Any:
        """The vector of all live numbers, as after the last step."""
        if self._ahead is not None:
            self._live, self._ahead = self._ahead.numbers(self._live), None
        return self._live

    @live.setter
    def live(self, numbers: Any) -> None:
        self._live, self._ahead = numbers, None

    def load(self, steps: int, state: Sequence[Sequence[float]] | None = None) -> None:
        """Take the data of the parameters, the number of steps so far, and if given the state of each parameter."""
        live = self.live
        live[: len(self.captured)] = [leaf._data for leaf in self.captured]
        live[self.step] = steps + 1
        if state is not None:
            live[len(self.captured) : self.lr] = np.array(state, dtype=float).T.ravel()

    def store(self) -> None:
        """Set the data of the parameters."""
        # One call into C: Ctrl-C cannot come between two of the parameters.
        deque(map(_set_data, self.parameters, self.live[: self.trained].tolist()), maxlen=0)

    @property
    def state(self) -> list[tuple[float, ...]]:
        """The optimiser state of each parameter."""
        numbers = self.live[len(self.captured) : self.lr].reshape(self.state_size, self.trained)
        return list(map(tuple, numbers.T.tolist()))

    @property
    def steps(self) -> int:
        """The number of steps taken so far."""
        return int(self.live[self.step]) - 1

    def steer(self, hyper: dict[str, Any]) -> None:
        """Continue with other numbers for the rule."""
        self.live, self.hyper, self.kernels = self.live, hyper, {}

    def _state_places(self, parameter: int) -> list[int]:
        first = len(self.captured) + parameter
        return [first + k * self.trained for k in range(self.state_size)]

    # ---- steps -----------------------------------------------------------------------------------------------------
    def run(self, batches: Sequence[Sequence[int]], *, lr: float, repeat: int = 1) -> list[float]:
        """One step per batch of sample indices; the mean loss of each batch, measured before its step.

        Args:
            batches: batches that follow each other; runs of equal length are one native call each.
            lr: the learning rate.
            repeat: how often to go through the batches; for one batch that is one native call.
        """
        if len(batches) == 1:
            return self._on_frame(len(batches[0]), lr).repeat(self._samples(batches[0]), repeat)
        losses: list[float] = []
        for group in _of_equal_length([*batches] * repeat, _MOST_NUMBERS // self.columns.shape[1]):
            kernel = self._on_frame(len(group[0]), lr)
            losses.extend(kernel.run(self.columns[np.array(group)]))
        return losses

    def _samples(self, batch: Sequence[int]) -> Any:
        return self.columns[batch.start : batch.stop : batch.step] if isinstance(batch, range) else self.columns[batch]

    def _on_frame(self, lanes: int, lr: float) -> _StepKernel:
        """The kernel for batches of a size, with the live numbers in its memory."""
        kernel = self.kernel(lanes)
        if kernel is not self._ahead or self._live[self.lr] != lr:
            live = self.live
            live[self.lr] = lr
            kernel.load(live)
            self._ahead = kernel
        return kernel

    def kernel(self, lanes: int) -> _StepKernel:
        """The machine code of a step on batches of a size, compiled when it is first asked for."""
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
        gradients = [builder.constant(0.0)] * self.trained
        used = [i for i in range(self.trained) if i in leaves]
        for i, gradient in zip(used, differentiate(builder, loss, [leaves[i] for i in used])):
            gradients[i] = gradients[i] if gradient is None else gradient
        arrays = arrange(inlined(flatten(builder.program([loss, *gradients]))).verify())
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

    def load(self, live: Any) -> None:
        """Take the live numbers into the memory of the machine code."""
        for array, index in self.live:
            self.kernel.write(self.frame, array, live[index])

    def numbers(self, live: Any) -> Any:
        """The live numbers there, in a copy of the vector."""
        after = live.copy()
        for array, index in self.live:
            after[index] = self.kernel.rows(self.frame, array)
        return after

    def run(self, samples: Any) -> list[float]:
        """One step per batch: samples[step, lane, column]."""
        buffer = self.kernel.batches(len(samples))
        columns = samples.transpose(0, 2, 1) if samples.shape[1] > 1 else samples[:, 0]
        for array, index in self.data:
            self.kernel.write(buffer, array, columns[:, index])
        return self._losses(self.kernel.run_steps(self.frame, buffer))

    def repeat(self, samples: Any, steps: int) -> list[float]:
        """Many steps on the same batch: samples[lane, column]."""
        for array, index in self.data:
            self.kernel.write(self.frame, array, samples.T[index] if len(samples) > 1 else samples[0, index])
        return self._losses(self.kernel.run_steps(self.frame, steps=steps))

    def _losses(self, recorded: Any) -> list[float]:
        found: list[float] = recorded.ravel().tolist()
        return found


def _table(values: Sequence[Any]) -> Any:
    """The numbers of each sample in a row."""
    try:
        table = np.asarray(values)
    except ValueError:  # rows of different lengths
        table = np.empty(0, object)
    if table.dtype.kind in "biuf":
        return table.reshape(len(values), -1).astype(float, copy=False)
    rows = [list(arguments_of(value, f"sample {i}")) for i, value in enumerate(values)]
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"sample 0 has {len(rows[0])} numbers, but sample {i} has {len(row)}")
    return np.array(rows, dtype=float)


def _of_equal_length(batches: Sequence[Sequence[int]], most: int) -> list[list[Sequence[int]]]:
    """Runs of batches of one size, in order, of not many more than so many samples."""
    runs: list[list[Sequence[int]]] = []
    for batch in batches:
        if not runs or len(runs[-1][0]) != len(batch) or len(runs[-1]) * len(batch) >= most:
            runs.append([])
        runs[-1].append(batch)
    return runs
