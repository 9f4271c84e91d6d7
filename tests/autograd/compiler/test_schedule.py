"""The steps of a program: loops over members that keep what only they need in registers, and sums in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from autograd import ops
from autograd.compiler.pipeline import inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Operand, Program, Read, reads_of
from autograd.compiler.program.schedule import Region, Step, schedule, stored
from tests.autograd.compiler.test_machine import programs
from tests.support.class_programs import PROGRAMS, Derived


def check(program: Program) -> list[Step]:
    """Everything is computed once, after all that it reads, and what a region does not store only it reads."""
    steps = schedule(program)
    kept = stored(program, steps)
    ready = {number for number, array in enumerate(program.arrays) if array.kind.is_leaf}
    for step in steps:
        numbers = step.arrays if isinstance(step, Region) else [step]
        inside: set[int] = set()
        for number in numbers:
            array = program.arrays[number]
            assert number not in ready | inside
            if isinstance(step, Region):
                assert (array.kind, array.size, array.batched) == (Kind.MAP, step.size, step.batched)
            else:
                assert array.kind in (Kind.SUM, Kind.GATHER, Kind.SCATTER)
            for read in reads_of(array):
                assert read.array in ready or (read.array in inside and read.index.is_identity)
                assert read.array in kept or read.array in inside
            inside.add(number)
        ready |= inside
    assert len(ready) == len(program.arrays)
    assert {output.array for output in program.outputs if isinstance(output, Read)} <= kept
    return steps


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_people_write(name: str) -> None:
    check(inlined(Derived(*PROGRAMS[name]).program))


@settings(max_examples=60)
@given(programs(most=20))
def test_random_programs(program: Program) -> None:
    check(program)


@settings(max_examples=30)
@given(programs(batched=True, most=20))
def test_random_programs_for_a_batch(program: Program) -> None:
    check(program)


def regions(program: Program) -> list[list[int]]:
    return [step.arrays for step in check(program) if isinstance(step, Region)]


def test_a_formula_is_one_loop_that_stores_its_result_only() -> None:
    builder = Builder()
    x: Operand = builder.leaf(Kind.ARGUMENT, range(9))
    y = builder.map(ops.sub, [1.0, builder.map(ops.mul, [x, x])])
    z = builder.map(ops.mul, [y, builder.map(ops.tanh, [x])])
    program = builder.program([z])
    assert regions(program) == [[1, 2, 3, 4]]
    assert stored(program, schedule(program)) == {0, 4}


def test_operations_on_other_members_wait() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(4))
    y = builder.map(ops.exp, [x])
    assert isinstance(y, Read)
    z = builder.map(ops.add, [y, builder.read(y, [1, 2, 3, 0])])
    assert regions(builder.program([z])) == [[1], [2]]


def test_the_derivative_of_an_activation_is_computed_where_it_is_needed() -> None:
    """1 - y² is no array beside y from the forward to the backward pass."""
    program = inlined(Derived(*PROGRAMS["network"], (Kind.PARAMETER,)).program)
    steps = schedule(program)
    kept = stored(program, steps)
    slopes = [
        number
        for number, array in enumerate(program.arrays)
        if array.op is ops.sub and array.operands[0] == 1.0 and array.size > 9
    ]
    assert slopes
    assert kept.isdisjoint(slopes)
