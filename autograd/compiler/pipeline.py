"""From a recording to a program: the only module that chains the passes of the compiler.

recording   group → differentiate → (inline the primitives of users) → machine code, or Python source
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.backends import compile_errors
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, choice_of, reads_of
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.group import Groups, group
from autograd.compiler.recording.effects import SET, UPDATED
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.recorder import GIVEN, Guard
from autograd.errors import CompileError
from autograd.primitive import Primitive
from autograd.value import Value

_NUMBERS = (ops.detached, UPDATED, SET, GIVEN)  # change only gradients: the result is the first operand


class Assembled(NamedTuple):
    """A program, with the meaning of its results."""

    # The results, in this order: those of the recording; the numbers that its effects write; how many guards fail, if
    # there are guards; the derivatives of the first result.
    program: Program
    outputs: int  # the number of results of the recording and of its effects
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
    in_pieces: bool = False,
) -> Assembled:
    """The program of a recording, for machine code: leaves of a kind are one array, each result is one output.

    Args:
        recording: The recording to compute.
        wanted: The kinds of leaves to differentiate the first output with respect to.
        batched: Whether the program runs for many samples at once, each with its own arguments.
        most: The largest number of classes allowed.
        in_pieces: Whether a result may be given as several consecutive outputs, instead of one array.

    Raises:
        TooManyClassesError: The program has more than ``most`` classes.
    """
    groups, lists = _grouped(recording, batched=batched, most=most)
    builder = groups.builder
    results = [groups.pieces(nodes) if in_pieces else [groups.output(nodes)] for nodes in lists]
    violations = _violations(groups, recording.guards)
    leaves = [(kind, leaf) for kind in wanted for leaf in groups.leaves(kind)]
    gradients = differentiate(builder, results[0][0], [leaf for _, leaf in leaves]) if leaves else []
    ordered = [in_order(builder, leaf, gradient) for (_, leaf), gradient in zip(leaves, gradients)]
    results += [[x] for x in (*violations, *ordered)]
    return Assembled(_with_results(builder, results), len(lists), bool(violations), [kind for kind, _ in leaves])


def _with_results(builder: Builder, results: Sequence[Sequence[Operand]]) -> Program:
    """The program with these results, some of which may consist of several consecutive outputs."""
    parts = list(map(len, results))
    program = builder.program(chain.from_iterable(results))
    return program if max(parts) == 1 else program._replace(parts=parts)


def assemble_by_name(
    recording: Recording, wanted: Sequence[Kind] = (), *, most: float = inf, by_class: bool = False
) -> Assembled:
    """The program of a recording, for printing and as Python: leaves with different names are different arrays.

    Args:
        recording: The recording to compute.
        wanted: The kinds of leaves to differentiate the first output with respect to.
        by_class: Whether derivatives keep the order of the arrays, which suits a printed program; otherwise they have
            the order of the call.
        most: The largest number of classes allowed, not counting the distinction by names.

    Raises:
        TooManyClassesError: The program has more than ``most`` classes.
    """
    groups, lists = _grouped(recording, most=most, by_name=True)
    builder, results = groups.builder, list(map(groups.pieces, lists))
    violations = _violations(groups, recording.guards)
    results += [[violation] for violation in violations]
    kinds = [kind for kind in wanted if groups.leaves(kind)]
    leaves = [leaf for kind in kinds for leaf in groups.leaves(kind)]
    found = differentiate(builder, groups.output(lists[0]), leaves)
    derivatives = {leaf.array: builder.spread(x, len(leaf.index)) for leaf, x in zip(leaves, found)}
    nodes = {Kind.PARAMETER: recording.parameters, Kind.ARGUMENT: recording.arguments}
    for kind in kinds:
        if by_class:
            results.append([_named(builder, leaf, derivatives[leaf.array]) for leaf in groups.leaves(kind)])
        else:
            results.append(groups.pieces(nodes[kind], derivatives))
    return Assembled(_results_early(_with_results(builder, results)), len(lists), bool(violations), kinds)


def _named(builder: Builder, leaf: Read, derivative: Read) -> Read:
    """The derivative with respect to a leaf as a separate array, even if it equals the adjoint of another array."""
    if builder.adjoints.get(derivative.array) == leaf.array:
        return derivative
    copy = builder.append(Array(Kind.MAP, len(leaf.index), op=ops.identity, operands=(derivative,)))
    builder.adjoints[copy.array] = leaf.array
    return copy


def _results_early(program: Program) -> Program:
    """The same program with each result directly after the last array that it reads, which is easier to read."""
    arrays = program.arrays
    results = {x.array for x in program.outputs if isinstance(x, Read) and not arrays[x.array].kind.is_leaf}

    def place(number: int) -> tuple[int, bool, int, int]:
        if number not in results:
            return number, False, 0, 0
        last = max([read.array for read in reads_of(arrays[number])], default=number)
        return last, True, program.adjoints.get(number, -1), number  # ∂W before ∂b

    order = sorted(range(len(arrays)), key=place)
    where = {old: new for new, old in enumerate(order)}

    def moved(read: Any) -> Any:
        return Read(where[read.array], read.index) if isinstance(read, Read) else read

    return program._replace(
        arrays=[arrays[number].reading(moved) for number in order],
        outputs=list(map(moved, program.outputs)),
        labels={where[number]: labels for number, labels in program.labels.items()},
        adjoints={where[number]: where[of] for number, of in program.adjoints.items()},
    )


def _grouped(recording: Recording, **options: Any) -> tuple[Groups, list[Sequence[Value]]]:
    """The classes of a recording; and lists of nodes: its results, and the numbers that its effects write."""
    lists = [*[[output] for output in recording.outputs], *filter(None, recording.effects.outputs)]
    looks = [guard.node for guard in recording.guards]
    leaves = recording.arguments, recording.parameters
    return group([*lists, looks], *leaves, recording.nodes, numbers=recording.numbers, **options), lists


def in_order(builder: Builder, leaf: Read, numbers: Operand) -> Read:
    """Reorder numbers, one for each member of a leaf, from the order of the members to the order of the call."""
    data = builder.arrays[leaf.array].data
    order = sorted(range(len(data)), key=data.__getitem__)
    return builder.read(builder.spread(numbers, len(data)), order)


def _violations(groups: Groups, guards: Sequence[Guard]) -> list[Operand]:
    """The number of guards that fail: decisions that differ from the recorded ones.  Empty if there are no guards."""
    builder, terms = groups.builder, []
    for is_truth in (True, False):
        kind = [guard for guard in guards if guard.is_truth is is_truth]
        if not kind:
            continue
        look, count, found = groups.output([guard.node for guard in kind]), len(kind), [guard.found for guard in kind]
        if is_truth:  # "the number is 0" must be 1 exactly where the recorded condition did not hold
            look, found = builder.map(ops.equal, [look, 0.0], count), [1.0 - x for x in found]
        same = builder.map(ops.equal, [look, builder.leaf(Kind.CONSTANT, found)], count)
        differs = builder.spread(builder.map(ops.sub, [1.0, same], count), count)
        terms.append(Terms(builder.index([0] * count), (differs,), builder.is_batched(differs)))
    return [builder.sum(1, terms)] if terms else []


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
    # An output that has become a constant keeps its length.
    lengths = [len(x.index) if isinstance(x, Read) else 1 for x in program.outputs]
    outputs = [moved(x) if size == 1 else builder.spread(moved(x), size) for x, size in zip(program.outputs, lengths)]
    return builder.program(outputs)._replace(parts=program.parts)


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
