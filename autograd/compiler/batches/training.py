"""Training natively: whole steps as one program, many steps in one native call.

One sample is recorded; its program is batched, and the loss is the sum over the batch.  The rule of an optimiser is a
function on numbers, so it is applied to whole arrays of parameters like everything else.  Parameters and the
optimiser's state stay in the memory of the machine code from step to step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from autograd import ops
from autograd.collector import collector_paused
from autograd.compiler.backends import compile_errors
from autograd.compiler.batches.samples import record_sample, rows_of, table_of
from autograd.compiler.calls.reuse import reused
from autograd.compiler.machine.library import kept
from autograd.compiler.machine.machine import Machine
from autograd.compiler.pipeline import in_order, inlined
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Program, Read, Terms
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.group import group
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.results import depends_on
from autograd.compiler.residence import set_data, settle
from autograd.errors import CompileError
from autograd.value import Value

__all__ = ["Rule", "StepProgram", "Trainer", "loss_and_gradients", "step_program"]


# ---- programs --------------------------------------------------------------------------------------------------------
# rule(parameter, gradient, state, hyper) -> (new parameter, new state), on any numbers
Rule = Callable[[Any, Any, tuple[Any, ...], Any], tuple[Any, Sequence[Any]]]


class StepProgram(NamedTuple):
    """A program whose first output is the loss, and which outputs replace which leaves for the next step."""

    program: Program
    carried: list[tuple[int, Read]]


def loss_and_gradients(recording: Recording, trained: int) -> Program:
    """The sum of a loss over a batch, and its derivatives with respect to the first parameters, in their order."""
    builder, loss, gradients = _differentiated(recording, None)
    leaf = _parameters(builder)
    if leaf is None:
        return builder.program([loss, *[0.0] * trained])
    ordered = in_order(builder, leaf, gradients)
    return inlined(builder.program([loss, builder.read(ordered, builder.identity(trained))]))


def _differentiated(recording: Recording, scale: int | None) -> tuple[Builder, Operand, Operand]:
    """The loss over a batch and its derivatives with respect to all captured leaves.

    Args:
        recording: The loss of one sample.
        scale: The number of the live number that the loss is multiplied with; None for the plain sum.
    """
    groups = group([recording.outputs], recording.arguments, recording.parameters, recording.nodes, batched=True)
    builder, loss = groups.builder, groups.output(recording.outputs)
    every = Terms(builder.identity(1), (builder.spread(loss, 1),), True)
    total = builder.sum(1, [every], batched=False)
    if scale is not None:
        total = builder.map(ops.mul, [total, builder.leaf(Kind.PARAMETER, [scale])])
    gradients = differentiate(builder, total, groups.leaves(Kind.PARAMETER))
    return builder, total, gradients[0] if gradients else 0.0


def _parameters(builder: Builder) -> Read | None:
    """The captured leaves."""
    for number, array in enumerate(builder.arrays):
        if array.kind is Kind.PARAMETER:
            return Read(number, builder.identity(array.size))
    return None


def step_program(
    recording: Recording | None, captured: int, trained: int, rule: Rule, state_size: int, hyper: dict[str, Any]
) -> StepProgram:
    """The program of a step of training.

    The live numbers are the parameters; the state of the optimiser, number by number; the learning rate, the number of
    the step, and one over the size of the batch.

    Args:
        recording: The loss of one sample; its first parameters are trained.  None: loss and gradients are arguments.
        captured: The number of captured leaves, trained or not.
        trained: The number of parameters that are trained.
        rule: The update of one parameter.
        state_size: The number of numbers that the rule carries along for each parameter.
        hyper: The numbers that the rule finds in ``hyper``; ``lr`` and ``step`` may change from step to step.

    Raises:
        CompileError: The rule does something that only numbers can do, such as ``if``.
    """
    lr = captured + state_size * trained
    step, scale = lr + 1, lr + 2
    if recording is None:
        builder = Builder()
        given = builder.leaf(Kind.ARGUMENT, range(1 + trained))
        loss: Operand = builder.read(given, [0])
        parameters: Read | None = builder.leaf(Kind.PARAMETER, range(trained))
        gradients: Operand = builder.read(given, range(1, 1 + trained))
    else:
        builder, loss, gradients = _differentiated(recording, scale)
        parameters = _parameters(builder)
    if parameters is None or not trained:
        return StepProgram(builder.program([loss]), [])
    numbers = list(builder.arrays[parameters.array].data)
    own = builder.index([k for k, number in enumerate(numbers) if number < trained])
    order = [numbers[k] for k in own]
    states = [
        builder.leaf(Kind.PARAMETER, [captured + k * trained + number for number in order]) for k in range(state_size)
    ]
    same = builder.index([0] * trained)
    rate, count = builder.leaf(Kind.PARAMETER, [lr]), builder.leaf(Kind.PARAMETER, [step])
    old = builder.read(parameters, own)
    gradient = wrapped(builder, builder.read(gradients, own) if isinstance(gradients, Read) else gradients)
    steering = {
        **hyper,
        "lr": wrapped(builder, builder.read(rate, same)),
        "step": wrapped(builder, builder.read(count, same)),
    }
    with compile_errors():
        new, new_states = rule(
            Rows(builder, old), gradient, tuple([Rows(builder, state) for state in states]), SimpleNamespace(**steering)
        )
    return _carried(builder, loss, [(old, new), *zip(states, new_states), (count, Rows(builder, count) + 1.0)])


def _carried(builder: Builder, loss: Operand, replaced: Sequence[tuple[Read, Any]]) -> StepProgram:
    """The program whose outputs are the loss and the new numbers of leaves; leaves that keep theirs are left out."""
    outputs: list[Operand] = [loss]
    leaves: list[Read] = []
    for leaf, number in replaced:
        if isinstance(number, Rows) and number.read == leaf:
            continue
        leaves.append(leaf)
        outputs.append(builder.spread(number.read if isinstance(number, Rows) else float(number), len(leaf.index)))
    program = inlined(builder.program(outputs))
    # The program may have other arrays; a leaf is known by its numbers, which keep their order.
    where = {tuple(array.data): k for k, array in enumerate(program.arrays) if array.kind is Kind.PARAMETER}
    moved = [Read(where[tuple(builder.arrays[leaf.array].data)], leaf.index) for leaf in leaves]
    return StepProgram(program, list(enumerate(moved, 1)))


# ---- steps -----------------------------------------------------------------------------------------------------------
_GIVEN = 0  # the size of a batch whose gradients are given
_MOST_NUMBERS = 1 << 20  # of samples copied for one native call: 8 MB, a few milliseconds of work


class Trainer:
    """Training steps of one model on one data set.

    Its numbers are its own while it runs: ``load`` takes them from the parameters, ``store`` gives them back.

    Args:
        loss: The loss of one sample, ``loss(*sample)``, as a Value.
        data: The values of each argument of ``loss`` for all samples: numbers, nested lists of them, or one array.
        parameters: The leaves that are trained.
        rule: The update of one parameter, on any numbers.
        state_size: The number of numbers that the rule carries along for each parameter.
        hyper: The numbers that the rule finds in ``hyper``; of these ``lr`` and ``step`` change from step to step.
        outside: Everything that the loss can read besides the sample; None if that is not known.

    Raises:
        DataDependentError: The loss decides by its data.
        TypeError: Something in the data is no number.
        ValueError: The samples are of different shapes.
    """

    def __init__(
        self,
        loss: Callable[..., Value],
        data: Sequence[Sequence[Any]],
        parameters: Sequence[Value],
        rule: Rule,
        state_size: int,
        hyper: dict[str, Any],
        outside: Outside | None = None,
    ) -> None:
        recording = record_sample(loss, data, "the loss", outside)
        self.recorded_loss = recording.output._data
        self.columns = table_of(data)
        self.parameters = list(parameters)
        known = set(self.parameters)
        self.captured = self.parameters + [leaf for leaf in recording.parameters if leaf not in known]
        self.reaches_parameters = depends_on([recording.output], known) is not None
        self.recording = recording._replace(parameters=self.captured)
        self.trained = len(self.parameters)
        self.rule, self.state_size, self.hyper = rule, state_size, hyper
        # All live numbers in one vector: captured leaves, then the state number by number, the rate, the step, …
        self.lr = len(self.captured) + self.trained * state_size
        self.step = self.lr + 1
        self._live = np.zeros(self.step + 2)  # the last one: 1 / the size of the batch
        self._ahead: _StepKernel | None = None  # whose memory holds newer numbers than the vector
        self.kernels: dict[int, _StepKernel] = {}

    # ---- numbers in and out ----------------------------------------------------------------------------------------
    @property
    def live(self) -> Any:
        """The vector of all live numbers, as after the last step."""
        if self._ahead is not None:
            machine, frame, _ = self._ahead
            self._live, self._ahead = machine.taken(frame, Kind.PARAMETER, self._live.copy()), None
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
        settle(self.parameters)
        deque(map(set_data, self.parameters, self.live[: self.trained].tolist()), maxlen=0)

    @property
    def state(self) -> list[tuple[float, ...]]:
        """The optimiser state of each parameter."""
        return self.state_later()()

    def state_later(self) -> Callable[[], list[tuple[float, ...]]]:
        """Makes a list of the state that each parameter has now, whenever it is called, and keeps nothing else."""
        numbers = self.live[len(self.captured) : self.lr].reshape(self.state_size, self.trained).T.copy()
        return lambda: list(map(tuple, numbers.tolist()))

    @property
    def steps(self) -> int:
        """The number of steps taken so far."""
        return int(self.live[self.step]) - 1

    def steer(self, hyper: dict[str, Any]) -> None:
        """Continue with other numbers for the rule."""
        self.live, self.hyper, self.kernels = self.live, hyper, {}

    @property
    def program(self) -> Program:
        """The sum of the loss over a batch and its gradient, for another machine."""
        with collector_paused():
            return loss_and_gradients(self.recording, self.trained)

    # ---- steps -----------------------------------------------------------------------------------------------------
    def run(self, batches: Sequence[Sequence[int]], *, lr: float, repeat: int = 1) -> list[float]:
        """One step per batch of sample indices; the mean loss of each batch, measured before its step.

        Args:
            batches: Batches that follow each other; runs of equal length are one native call each.
            lr: The learning rate.
            repeat: The number of times to go through the batches; those of a single batch are one native call.
        """
        if len(batches) == 1:
            return self._on_frame(len(batches[0]), lr).run(rows_of(self.columns, batches[0]).T[None], repeat)
        losses: list[float] = []
        for run in _of_equal_length([*batches] * repeat, _MOST_NUMBERS // self.columns.shape[1]):
            kernel = self._on_frame(len(run[0]), lr)
            losses.extend(kernel.run(self.columns[np.array(run)].transpose(0, 2, 1), len(run)))
        return losses

    def _on_frame(self, lanes: int, lr: float) -> _StepKernel:
        """The kernel for batches of a size, with the live numbers in its memory."""
        kernel = self.kernel(lanes)
        if kernel is not self._ahead or self._live[self.lr] != lr:
            live = self.live
            live[self.lr] = lr
            live[self.step + 1] = 1.0 / (lanes or 1)
            kernel.machine.fill(kernel.frame, Kind.PARAMETER, live)
            self._ahead = kernel
        return kernel

    @property
    def captured_numbers(self) -> Any:
        """A copy of the numbers of all captured leaves, the trained ones first."""
        return self.live[: len(self.captured)].copy()

    def can_update(self) -> bool:
        """Whether the rule has machine code."""
        try:
            self.kernel(_GIVEN)
        except CompileError:  # it does something that only numbers can do
            return False
        return True

    def update(self, loss: float, gradients: Any, *, lr: float) -> None:
        """One step along gradients that were computed elsewhere: to the machine code they are the only sample.

        Args:
            loss: The mean loss of the batch.
            gradients: Its derivatives by the trained parameters, an array.
            lr: The learning rate.
        """
        self._on_frame(_GIVEN, lr).run(np.concatenate(([loss], gradients))[None, :, None], 1)

    def kernel(self, lanes: int) -> _StepKernel:
        """The machine code of a step on batches of a size, compiled when it is first asked for."""
        if lanes not in self.kernels:
            with collector_paused():
                # What the rule does, as a program for one parameter: a function of the same name may do something else.
                rule = step_program(None, 1, 1, self.rule, self.state_size, self.hyper)
                options = lanes, len(self.captured), self.trained, str(rule.program), repr(rule.carried)
                machine = reused(
                    "training", self.recording, options, lambda name: kept(name, lambda: self._machine(lanes))
                )
            self.kernels[lanes] = _StepKernel(machine, machine.frame(), lanes or 1)
        return self.kernels[lanes]

    def _machine(self, lanes: int) -> Machine:
        recording = None if lanes == _GIVEN else self.recording
        step = step_program(recording, len(self.captured), self.trained, self.rule, self.state_size, self.hyper)
        return Machine(step.program, lanes or 1, step.carried)


class _StepKernel(NamedTuple):
    """The machine code of a step on batches of one size, and its memory."""

    machine: Machine
    frame: Any
    batch: int

    def run(self, columns: Any, steps: int) -> list[float]:
        """The loss of each step: columns[step, column, sample], or those of one step that is taken again and again."""
        data = self.machine.data(len(columns))
        self.machine.fill(data, Kind.ARGUMENT, columns if self.batch > 1 else columns[..., 0])
        losses: list[float] = self.machine.run(self.frame, data, steps).tolist()
        return losses


def _of_equal_length(batches: Sequence[Sequence[int]], most: int) -> list[list[Sequence[int]]]:
    """Runs of consecutive batches of one size; a run ends when it has ``most`` samples."""
    runs: list[list[Sequence[int]]] = []
    for batch in batches:
        if not runs or len(runs[-1][0]) != len(batch) or len(runs[-1]) * len(batch) >= most:
            runs.append([])
        runs[-1].append(batch)
    return runs
