"""From a recording to a program: the only module that chains the passes of the compiler.

recording   group → differentiate → (inline the primitives of users) → machine code, or Python source
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.backends import compile_errors
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Program, Read, Terms, choice_of
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.group import group
from autograd.compiler.recording.effects import SET, UPDATED
from autograd.compiler.recording.record import Recording
from autograd.errors import CompileError
from autograd.primitive import Primitive

_NUMBERS = (ops.detached, UPDATED, SET)  # operations that change only gradients: their result is their operand


class Assembled(NamedTuple):
    """A program, with the meaning of its outputs."""

    # The outputs, in this order: those of the recording; the numbers that its effects write; how many guards fail, if
    # there are guards; the derivatives of the first output.
    program: Program
    outputs: int  # the number of outputs of the recording and of its effects
    guarded: bool  # whether there are guards
    gradients: list[Kind]  # for each derivative, the kind of leaves that it is taken with respect to


class Leaf(NamedTuple):
    """One array that replaces several leaves."""

    data: Sequence[int]  # the number of each member
    places: Mapping[int, int]  # the member with each number


def assemble(
    recording: Recording,
    wanted: Sequence[Kind] = (),
    *,
    batched: bool = False,
    most: float = inf,
    by_class: bool = False,
) -> Assembled:
    """The program of a recording.

    Args:
        recording: The recording to compute.
        wanted: The kinds of leaves to differentiate the first output with respect to.
        batched: Whether the program runs for many samples at once, each with its own arguments.
        most: The largest number of classes allowed.
        by_class: Whether derivatives keep the order of the members of a class, which suits a printed program; otherwise
            they have the order of the call.

    Raises:
        TooManyClassesError: The program has more than ``most`` classes.
    """
    truths = [guard for guard in recording.guards if guard.is_truth]
    numbers = [guard for guard in recording.guards if not guard.is_truth]
    lists = [*[[output] for output in recording.outputs], *filter(None, recording.effects.outputs)]
    guards = [kind for kind in (truths, numbers) if kind]
    builder, found, leaves = group(
        [*lists, *[[guard.node for guard in kind] for kind in guards]],
        recording.arguments,
        recording.parameters,
        recording.nodes,
        numbers=recording.numbers,
        batched=batched,
        most=most,
    )
    outputs, looks = found[: len(lists)], found[len(lists) :]
    results = list(outputs)
    if guards:
        results.append(_violations(builder, guards, looks))
    kinds = [kind for kind in wanted if kind in leaves]
    gradients = differentiate(builder, outputs[0], [leaves[kind] for kind in kinds])
    if not by_class:
        gradients = [in_order(builder, leaves[kind], gradient) for kind, gradient in zip(kinds, gradients)]
    return Assembled(builder.program([*results, *gradients]), len(lists), bool(guards), kinds)


def in_order(builder: Builder, leaf: Read, numbers: Operand) -> Read:
    """Reorder numbers, one for each member of a leaf, from the order of the members to the order of the call."""
    data = builder.arrays[leaf.array].data
    order = sorted(range(len(data)), key=data.__getitem__)
    return builder.read(builder.spread(numbers, len(data)), order)


def _violations(builder: Builder, guards: list[list[Any]], looks: list[Operand]) -> Operand:
    """The number of guards that fail: decisions that differ from the recorded ones."""
    terms = []
    for kind, look in zip(guards, looks):
        count = len(kind)
        if kind[0].is_truth:  # "the number is 0" must be 1 exactly where the recorded condition did not hold
            look = builder.map(ops.equal, [look, 0.0], count)
            found = [1.0 - guard.found for guard in kind]
        else:
            found = [guard.found for guard in kind]
        same = builder.map(ops.equal, [look, builder.leaf(Kind.CONSTANT, found)], count)
        differs = builder.spread(builder.map(ops.sub, [1.0, same], count), count)
        terms.append(Terms(builder.index([0] * count), (differs,), builder.is_batched(differs)))
    return builder.sum(1, terms)


def inlined(program: Program, leaf: Leaf | None = None) -> Program:
    """Replace users' primitives by the operations in their functions, if these functions work on arrays."""
    if leaf is None and not any(isinstance(array.op, Primitive) or array.op in _NUMBERS for array in program.arrays):
        return program
    builder = Builder()
    where: list[Operand] = []
    every = builder.leaf(Kind.PARAMETER, leaf.data) if leaf else 0.0

    def moved(operand: Any) -> Any:
        if not isinstance(operand, Read):
            return operand
        now = where[operand.array]
        return builder.read(now, operand.index) if isinstance(now, Read) else now

    for array in program.arrays:
        if array.kind is Kind.MAP and array.op is not None:
            operands = [moved(operand) for operand in array.operands]
            where.append(_called(builder, array.op, operands, array.size))
        elif array.kind is Kind.SUM:
            terms = [
                part._replace(factors=tuple([builder.spread(moved(x), len(part.owner)) for x in part.factors]))
                for part in array.terms
            ]
            where.append(builder.sum(array.size, terms, batched=array.batched, exact=array.exact, op=array.op))
        elif array.kind is Kind.GATHER:
            chosen, candidates = map(moved, array.operands)
            spread = builder.spread(candidates, len(choice_of(array).places))
            where.append(builder.gather(chosen, spread, array.size))
        elif array.kind is Kind.SCATTER:
            chosen, sent = map(moved, array.operands)
            where.append(builder.scatter(chosen, sent, choice_of(array).places, batched=array.batched)[0])
        elif leaf is not None and array.kind is Kind.PARAMETER:
            where.append(builder.read(every, [leaf.places[number] for number in array.data]))
        else:
            where.append(builder.append(array))
    return builder.program([moved(output) for output in program.outputs])


def _called(builder: Builder, op: Any, operands: list[Operand], size: int) -> Operand:
    if op in _NUMBERS:  # these operations matter to differentiation only, which is over
        return operands[0]
    if isinstance(op, Primitive):
        function: Callable[..., Any] = op.function
        stand_ins = [wrapped(builder, operand) for operand in operands]
        try:
            with compile_errors():
                result = function(*stand_ins)
        except CompileError:  # the function does not work on arrays: Python will evaluate it for each number
            result = None
        if isinstance(result, Rows):
            return result.read
        if isinstance(result, float):
            return result
    return builder.map(op, operands, size)
