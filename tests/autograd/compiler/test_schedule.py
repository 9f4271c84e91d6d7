"""The steps of a program: loops over members that keep what only they need in registers, and sums in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from autograd import Value, ops
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.maps import MapKernel
from autograd.compiler.pipeline import assemble, inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Operand, Program, Read, reads_of
from autograd.compiler.program.schedule import Region, Step, schedule, stored
from autograd.compiler.recording.record import record
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


def spring(steps: int, samples: int) -> Program:
    """The derivative of a simulation, many times at once, with respect to its start."""

    def loss(starts: list[float]) -> Value:
        total = Value(0.0)
        for start in starts:
            x, v = start, 0.0
            for _ in range(steps):
                v = v - 0.01 * (2.0 * x + 0.1 * v)
                x = x + 0.01 * v
            total = total + x * x
        return total

    return inlined(assemble(record(loss, [[0.1 * k for k in range(samples)]]), [Kind.ARGUMENT]).program)


def test_the_steps_of_a_simulation_share_their_code() -> None:
    lengths = 40, 80
    regions = [[step for step in check(spring(n, 8)) if isinstance(step, Region)] for n in lengths]
    assert [max(len(region.arrays) for region in some) < 200 for some in regions] == [True, True]
    operations = [sum(len(region.arrays) for region in some) for some in regions]
    assert operations[1] > 2 * operations[0] - 20 > 400  # twice as much to do,
    kernels = [{call.kernel for call in Machine(spring(n, 8)).calls} for n in lengths]
    assert len(kernels[1]) <= len(kernels[0]) + 2 <= 14  # by the same code
    sizes = [sum(len(kernel.steps) for kernel in some if isinstance(kernel, MapKernel)) for some in kernels]
    assert sizes[1] <= 1.5 * sizes[0]
