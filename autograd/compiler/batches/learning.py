"""Programs of training: the loss over a batch and its gradient, and with the optimiser's update a whole step.

One sample is recorded; its program is batched, and the loss is the sum over the batch.  The rule of an optimiser is a
function on numbers, so it is applied to whole arrays of parameters like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.backends import compile_errors
from autograd.compiler.pipeline import in_order, inlined
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Program, Read, Terms
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.group import group
from autograd.compiler.recording.record import Recording

__all__ = ["Rule", "StepProgram", "loss_and_gradients", "step_program"]

# rule(parameter, gradient, state, hyper) -> (new parameter, new state), on any numbers
Rule = Callable[[Any, Any, tuple[Any, ...], Any], tuple[Any, Sequence[Any]]]


class StepProgram(NamedTuple):
    """A program whose first output is the loss, and which outputs replace which leaves for the next step."""

    program: Program
    carried: list[tuple[int, Read]]


def loss_and_gradients(recording: Recording, trained: int) -> Program:
    """The sum of a loss over a batch, and its derivatives with respect to the first parameters, in their order.

    Args:
        recording: the loss of one sample.
        trained: the number of parameters to differentiate with respect to.
    """
    builder, loss, gradients = _differentiated(recording, None)
    leaf = _parameters(builder)
    if leaf is None:
        return builder.program([loss, *[0.0] * trained])
    ordered = in_order(builder, leaf, gradients)
    return inlined(builder.program([loss, builder.read(ordered, builder.identity(trained))]))


def _differentiated(recording: Recording, scale: int | None) -> tuple[Builder, Operand, Operand]:
    """The loss over a batch and its derivatives with respect to all captured leaves.

    Args:
        recording: the loss of one sample.
        scale: the number of the live number that the loss is multiplied with; None for the plain sum.
    """
    builder, (loss,), leaves = group(
        [recording.outputs], recording.arguments, recording.parameters, recording.nodes, batched=True
    )
    every = Terms(builder.identity(1), (builder.spread(loss, 1),), True)
    total = builder.sum(1, [every], batched=False)
    if scale is not None:
        total = builder.map(ops.mul, [total, builder.leaf(Kind.PARAMETER, [scale])])
    if Kind.PARAMETER not in leaves:
        return builder, total, 0.0
    (gradients,) = differentiate(builder, total, [leaves[Kind.PARAMETER]])
    return builder, total, gradients


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
        recording: the loss of one sample; its first parameters are trained.  None: loss and gradients are arguments.
        captured: the number of captured leaves, trained or not.
        trained: the number of parameters that are trained.
        rule: the update of one parameter.
        state_size: The number of numbers that the rule carries along for each parameter.
        hyper: the numbers that the rule finds in ``hyper``; ``lr`` and ``step`` may change from step to step.

    Raises:
        CompileError: the rule does something that only numbers can do, such as ``if``.
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
    replaced = [(old, new), *zip(states, new_states), (count, Rows(builder, count) + 1.0)]
    outputs: list[Operand] = [loss]
    carried = []
    for leaf, number in replaced:
        if isinstance(number, Rows) and number.read == leaf:
            continue
        size = len(leaf.index)
        value = builder.spread(number.read if isinstance(number, Rows) else float(number), size)
        carried.append((len(outputs), leaf))
        outputs.append(value)
    return _carried(inlined(builder.program(outputs)), builder, carried)


def _carried(program: Program, builder: Builder, carried: list[tuple[int, Read]]) -> StepProgram:
    """The leaves that are replaced, by their numbers in the program; leaves keep their order."""
    where = {tuple(array.data): number for number, array in enumerate(program.arrays) if array.kind is Kind.PARAMETER}
    moved = []
    for output, leaf in carried:
        moved.append((output, Read(where[tuple(builder.arrays[leaf.array].data)], leaf.index)))
    return StepProgram(program, moved)
