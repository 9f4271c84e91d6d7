"""Machine code and Python source give what a program over classes says, whatever the program, and keep promises."""

from __future__ import annotations

import gc
import math
import struct
import weakref
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd import ops
from autograd.compiler.pipeline import assemble, inlined
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms
from autograd.compiler.python.writer import PythonKernel
from autograd.compiler.recording.record import record
from tests.autograd.compiler.test_python_backend import batched_layer
from tests.support.class_programs import PROGRAMS, Derived
from tests.support.class_reference import evaluate
from tests.support.recipes import same, size
from tests.support.threads import in_threads, switching

pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

import numpy as np

from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.maps import MapKernel
from autograd.compiler.machine.native.jit import available
from autograd.compiler.machine.points import Points, caller
from autograd.compiler.machine.tape import Tape

nan, inf = math.nan, math.inf
BATCHES = [1, 2, 7, 8, 9, 64]
OPS = [ops.add, ops.mul, ops.sub, ops.tanh, ops.sin, ops.neg, ops.maximum, ops.step, ops.relu, ops.select]
NUMBERS = st.integers(-8, 8).map(lambda n: n / 4)


# ---- random programs -------------------------------------------------------------------------------------------------
class Random:
    """A random program, array by array; ``draw`` is Hypothesis's."""

    def __init__(self, draw: Any, batched: bool) -> None:
        self.draw, self.batched, self.builder = draw, batched, Builder()
        self.reads: list[Read] = []
        for kind in (Kind.ARGUMENT, Kind.ARGUMENT, Kind.PARAMETER, Kind.CONSTANT):
            count = draw(st.integers(1, 12))
            data = draw(st.lists(NUMBERS, min_size=count, max_size=count)) if kind is Kind.CONSTANT else range(count)
            self.reads.append(self.builder.leaf(kind, data, batched=kind is Kind.ARGUMENT and batched))

    def places(self, count: int, members: int) -> list[int]:
        """An index map: one member, a line, a grid, or a table."""
        way = self.draw(st.sampled_from(["one", "line", "grid", "table"]))
        if way == "line" and count <= members:
            step = self.draw(st.sampled_from([1, 1, -1, 2]))
            line = [(step * k) % members for k in range(count)]
            return line if len(set(line)) == count else list(range(count))
        if way == "grid":
            inner = self.draw(st.sampled_from([n for n in (1, 2, 3, 4, count) if count % n == 0]))
            steps = self.draw(st.sampled_from([(0, 1), (1, 0), (1, 1), (inner, 1), (2, 0)]))
            return [(steps[0] * (k // inner) + steps[1] * (k % inner)) % members for k in range(count)]
        if way == "table":
            return self.draw(st.lists(st.integers(0, members - 1), min_size=count, max_size=count))
        return [self.draw(st.integers(0, members - 1))] * count

    def operand(self, count: int, batched: bool) -> Operand:
        """Some members of an array, as many as that; not of a batched one, if that is not wanted."""
        if self.draw(st.integers(0, 9)) == 0:
            return self.draw(NUMBERS)
        fits = [read for read in self.reads if batched or not self.builder.is_batched(read)]
        read = self.draw(st.sampled_from(fits[-5:] if self.draw(st.booleans()) else fits))
        return self.builder.read(read, self.builder.index(self.places(count, len(read.index))))

    def add(self) -> None:
        count = self.draw(st.sampled_from([1, 1, 2, 3, 4, 8, 12, 17]))
        if self.draw(st.booleans()):
            op = self.draw(st.sampled_from(OPS))
            arity = 3 if op is ops.select else 1 if isinstance(op, ops.Unary) else 2
            found = self.builder.map(op, [self.operand(count, True) for _ in range(arity)], count)
        else:
            batched = self.batched and self.draw(st.booleans())
            exact = self.draw(st.integers(0, 3)) == 0
            lists = [self.terms(count, exact, batched) for _ in range(self.draw(st.integers(1, 3)))]
            exact = exact and (batched or not any(terms.batched for terms in lists))  # a batch is never added exactly
            found = self.builder.sum(count, lists, batched=batched, exact=exact)
        if isinstance(found, Read):
            self.reads.append(Read(found.array, self.builder.identity(self.builder.arrays[found.array].size)))

    def terms(self, count: int, exact: bool, batched: bool) -> Terms:
        length = self.draw(st.sampled_from([1, count, count, 2 * count, 3 * count, 5]))
        factors = [self.operand(length, True) for _ in range(1 if exact else self.draw(st.integers(1, 2)))]
        reads = [self.builder.spread(factor, length) for factor in factors]
        found = self.builder.terms(self.places(length, count), *reads)
        return found._replace(batched=found.batched or batched)

    def program(self) -> Program:
        chosen = [self.draw(st.sampled_from(self.reads)) for _ in range(self.draw(st.integers(1, 3)))]
        return self.builder.program([self.reads[-1], *chosen, self.operand(3, True)]).verify()


@st.composite
def programs(draw: Any, batched: bool = False, most: int = 12) -> Program:
    random = Random(draw, batched)
    for _ in range(draw(st.integers(1, most))):
        random.add()
    return random.program()


def numbers_for(batch: int, seed: int) -> tuple[list[Any], list[float]]:
    """Numbers of a call; with a batch the arguments have one for each sample."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (12, batch) if batch > 1 else 12).tolist(), rng.uniform(-1, 1, 12).tolist()


def machine_on_nan(program: Program, batch: int = 1) -> Machine:
    """A machine whose memory is full of nan, where it must not rely on anything."""
    machine = Machine(program, batch)
    frame, data, evaluate = machine._memory()
    frame[:] = data[:] = nan
    machine.fill(frame, Kind.CONSTANT, None)
    machine._free.append((frame, data, evaluate))
    return machine


def lists(outputs: list[Any]) -> list[Any]:
    return [x if isinstance(x, list) else x.tolist() for x in outputs]


def check(program: Program, batch: int, seeds: tuple[int, ...] = (0, 1)) -> None:
    """Machine code, Python and the reference agree, also with other numbers in the same memory."""
    machine, python = machine_on_nan(program, batch), PythonKernel(program, batch)
    for seed in seeds:
        arguments, parameters = numbers_for(batch, seed)
        expected = evaluate(program, arguments, parameters, batch)
        scale = size(expected)
        if scale > 1e6:
            continue
        for kernel in (machine, python):
            assert same(lists(kernel(arguments, parameters)), expected, scale), (kernel, str(program))


@settings(max_examples=40)
@given(programs())
def test_a_random_program_of_one_evaluation(program: Program) -> None:
    check(program, 1)


@pytest.mark.parametrize("batch", BATCHES)
@settings(max_examples=15)
@given(program=programs(batched=True))
def test_a_random_program_for_a_batch(program: Program, batch: int) -> None:
    check(program, batch)


# ---- programs that people write --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_people_write_give_the_numbers_of_the_engine(name: str) -> None:
    derived = Derived(*PROGRAMS[name])
    machine = machine_on_nan(derived.program)
    for numbers, expected in zip(lists(machine(derived.arguments, derived.parameters)), derived.expected):
        assert numbers == pytest.approx(expected, rel=1e-12, abs=1e-12)


@cache
def compiled(name: str) -> tuple[Derived, Machine, PythonKernel]:
    """A program with its machine and its Python: one of each for all numbers."""
    derived = Derived(*PROGRAMS[name])
    return derived, machine_on_nan(derived.program), PythonKernel(derived.program)


@pytest.mark.parametrize("turned", [[0.0], [1.0, 0.0, -1.0, 0.5], [inf, 1.0, -2.0], [nan, 0.5], [1e200, -1e-200, 3.0]])
@pytest.mark.parametrize("name", PROGRAMS)
def test_other_numbers_in_the_same_program(name: str, turned: list[float]) -> None:
    """Zeros, infinities, nan and numbers out of range at some of the places, the first ones among them."""
    derived, *kernels = compiled(name)
    arguments = [turned[k % len(turned)] for k in range(len(derived.arguments))]
    parameters = [*turned, *derived.parameters][: len(derived.parameters)]
    expected = evaluate(derived.program, arguments, parameters)
    for kernel in kernels:
        found = lists(kernel(arguments, parameters))
        assert same(found, expected, size(expected)), kernel


# ---- batches ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("samples", BATCHES)
def test_a_layer_over_a_batch(samples: int) -> None:
    program, data, parameters = batched_layer(samples)
    arguments = data if samples > 1 else [row[0] for row in data]
    expected = evaluate(program, arguments, parameters, samples)
    for kernel in (machine_on_nan(program, samples), PythonKernel(program, samples)):
        assert same(lists(kernel(arguments, parameters)), expected)


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0.0, 1.0, -2.0, inf, -inf, nan]), min_size=3, max_size=3))
def test_what_fills_up_a_vector_is_not_added(row: list[float]) -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, [0], batched=True)
    y = builder.spread(builder.map(ops.log, [x]), 1)
    total = builder.sum(1, [builder.terms([0], y)], batched=False)
    products = builder.sum(1, [builder.terms([0], x, y)], batched=False)
    program = builder.program([total, products])
    assert same(lists(machine_on_nan(program, 3)([row], [])), evaluate(program, [row], [], 3))


# ---- what takes less time --------------------------------------------------------------------------------------------
def recurrence(steps: int) -> Program:
    """h <- tanh(w h + b) with a matrix w, and Σ h ᵀ h over all steps: an outer product for each of them."""
    width, builder = 4, Builder()
    x = builder.leaf(Kind.ARGUMENT, range(width))
    w = builder.leaf(Kind.PARAMETER, range(width * width))
    rows, columns = [k // width for k in range(width * width)], [k % width for k in range(width * width)]
    h, products = x, []
    for _ in range(steps):
        z = builder.sum(width, [builder.terms(rows, w, builder.read(h, columns))])
        h = builder.spread(builder.map(ops.tanh, [z]), width)
        products.append(builder.terms(range(width * width), builder.read(h, rows), builder.read(h, columns)))
    return builder.program([builder.sum(width * width, products)])


@pytest.mark.parametrize("steps", [2, 3, 9, 40])
def test_what_the_steps_of_a_recurrence_add_is_a_loop(steps: int) -> None:
    program = recurrence(steps)
    arguments, parameters = [0.5, -1.0, 0.25, 2.0], [0.1 * (k - 7) for k in range(16)]
    machine = machine_on_nan(program)
    assert same(lists(machine(arguments, parameters)), evaluate(program, arguments, parameters))
    assert len(machine.calls) <= 2 * steps + 5  # two for each step, and a few for all products


def test_numbers_put_together_are_copied() -> None:
    builder = Builder()
    x, y = builder.leaf(Kind.ARGUMENT, range(6)), builder.leaf(Kind.PARAMETER, range(6))
    both = builder.sum(12, [builder.terms(range(0, 12, 2), x), builder.terms(range(11, 0, -2), y)])
    program = builder.program([both])
    check(program, 1)
    assert all(isinstance(call.kernel, MapKernel) for call in Machine(program).calls)


def test_constants_are_equal_if_they_are_the_same_number() -> None:
    builder = Builder()
    one = builder.leaf(Kind.PARAMETER, [0])
    zeros = builder.leaf(Kind.CONSTANT, [0.0, -0.0, nan, 1.0] * 8)
    program = builder.program([builder.map(ops.div, [builder.read(one, [0] * 32), zeros])])
    (found,) = lists(Machine(program)([], [2.0]))
    assert list(map(repr, found[:4])) == ["inf", "-inf", "nan", "2.0"]
    assert list(map(repr, found)) == list(map(repr, found[:4])) * 8


@pytest.mark.parametrize("needed", [False, True])
def test_a_result_takes_the_place_of_what_nobody_needs_any_more(needed: bool) -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(9))
    z = builder.sum(9, [builder.terms([*range(9), *range(9)], builder.read(x, [*range(9), *range(8, -1, -1)]))])
    y = builder.map(ops.tanh, [z])
    assert isinstance(z, Read)
    total = builder.sum(1, [builder.terms([0] * 9, *([y, z] if needed else [y, y]))])
    program = builder.program([total])
    check(program, 1)
    places = [Machine(program).memory.base[number] for number in (z.array, z.array + 1)]
    assert (places[0] == places[1]) is not needed


# ---- many evaluations ------------------------------------------------------------------------------------------------
def update(size: int, whole: bool) -> tuple[Program, list[tuple[int, Read]]]:
    """w <- w - 0.5 Σ x over a batch of ten, for all or all but the last; and the sum of the first x over the batch."""
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(size), batched=True)
    w = builder.leaf(Kind.PARAMETER, range(size))
    sums = builder.spread(builder.sum(size, [builder.terms(range(size), x)], batched=False), size)
    every = builder.identity(size if whole else size - 1)
    new = builder.map(ops.sub, [builder.read(w, every), builder.map(ops.mul, [builder.read(sums, every), 0.5])])
    program = builder.program([builder.read(sums, [0]), new])
    (leaf,) = [number for number, array in enumerate(program.arrays) if array.kind is Kind.PARAMETER]
    return program, [(1, Read(leaf, every))]


@pytest.mark.parametrize("whole", [True, False])
def test_steps_read_their_batches_where_they_are_and_replace_parameters(whole: bool) -> None:
    program, carried = update(5, whole)
    machine = Machine(program, 10, carried)
    assert bool(machine.memory.aliases) is whole  # an update of a whole array happens in its memory
    frame, data = machine.frame(), machine.data(4)
    x = np.random.default_rng(0).normal(size=(4, 5, 10))
    machine.fill(data, Kind.ARGUMENT, x)
    machine.fill(frame, Kind.PARAMETER, np.arange(5.0))
    noted = machine.run(frame, data, 4)
    np.testing.assert_allclose(noted, x[:, 0].sum(1))
    expected = np.arange(5.0) - 0.5 * x.sum((0, 2)) * ([1.0] * 4 + [float(whole)])
    np.testing.assert_allclose(machine.taken(frame, Kind.PARAMETER, np.full(5, nan)), expected)


def test_a_part_of_an_array_that_is_carried_over_leaves_the_other_members_as_they_are() -> None:
    builder = Builder()
    x, leaf = builder.leaf(Kind.ARGUMENT, [0]), builder.leaf(Kind.PARAMETER, range(4))
    new = builder.append(Array(Kind.MAP, 4, op=ops.tanh, operands=(Read(x.array, builder.index([0] * 4)),)))
    program = builder.program([builder.read(new, builder.index([0, 1, 2]))])
    machine = Machine(program, 1, [(0, Read(leaf.array, builder.index([0, 1, 2])))])
    frame, memory = machine.frame(), machine.data()
    machine.fill(memory, Kind.ARGUMENT, np.array([0.5]))
    machine.fill(frame, Kind.PARAMETER, np.array([1.0, 2.0, 3.0, 4.0]))
    machine.run(frame, memory, 2)
    assert machine.taken(frame, Kind.PARAMETER, np.zeros(4)).tolist() == pytest.approx([math.tanh(0.5)] * 3 + [4.0])


@settings(max_examples=25)
@given(programs(most=6), st.data())
def test_what_is_carried_over_replaces_leaves_after_everything_was_read(program: Program, data: Any) -> None:
    """Each output of as many members takes the place of the parameters or of a part of them."""
    (leaf,) = [number for number, array in enumerate(program.arrays) if array.kind is Kind.PARAMETER]
    size_of = program.arrays[leaf].size
    fits = [
        k for k, x in enumerate(program.outputs) if isinstance(x, Read) and len(x.index) <= size_of and x.array != leaf
    ]
    assume(fits)
    output = data.draw(st.sampled_from(fits))
    places = list(range(len(program.outputs[output].index)))[:: data.draw(st.sampled_from([1, -1]))]
    carried = [(output, Read(leaf, Builder().index(places)))]
    machine = Machine(program, 1, carried)
    arguments, parameters = numbers_for(1, 5)
    frame, memory = machine.frame(), machine.data()
    machine.fill(memory, Kind.ARGUMENT, np.array(arguments))
    machine.fill(frame, Kind.PARAMETER, np.array(parameters))
    machine.run(frame, memory, 3)
    for _ in range(3):
        found = evaluate(program, arguments, parameters)
        assume(size(found) < 1e6)
        for place, number in zip(places, found[output]):
            parameters[place] = number
    got = machine.taken(frame, Kind.PARAMETER, np.array(parameters))
    assert same(got.tolist(), parameters, size(parameters))


# ---- one point and many ----------------------------------------------------------------------------------------------
def formula_program(batched: bool) -> Program:
    builder = Builder()
    x, y = [builder.leaf(Kind.ARGUMENT, [k], batched=batched) for k in range(2)]
    z = builder.map(ops.sin, [builder.map(ops.mul, [x, y])])
    total = builder.sum(1, [builder.terms([0, 0], builder.read(z, [0, 0]), builder.spread(2.0, 2))])
    return builder.program([builder.map(ops.sub, [total, y]), z, x, 7.0])


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 5000])
def test_many_points_of_a_formula(count: int) -> None:
    xs, ys = np.random.default_rng(1).uniform(-1, 1, (2, count))
    first, second, third, fourth = Points(Machine(formula_program(True), 4096))([xs, ys], [])
    np.testing.assert_allclose(first, 4.0 * np.sin(xs * ys) - ys, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(second, np.sin(xs * ys), rtol=1e-13)
    assert third.tolist() == xs.tolist()
    assert fourth.tolist() == [7.0] * count


class Slow:
    """What a builtin function falls back on."""

    def __call__(self, *args: Any) -> Any:
        return "slow", args

    def call(self, *args: Any) -> Any:
        return self(*args)


needs_builtins = pytest.mark.skipif(not available(), reason="builtin functions are made on CPython with its lock only")


@needs_builtins
def test_one_point_of_a_formula_is_the_very_numbers_of_python() -> None:
    slow = Slow()
    f = caller(formula_program(False), (1.0, 1.0), (0, [1, (2, 3)]), slow.call)
    assert f is not None
    z = math.sin(0.5 * -0.25)
    assert f(0.5, -0.25) == (2.0 * z + 2.0 * z + 0.25, [z, (0.5, 7.0)])
    assert f("x", 1.0) == ("slow", ("x", 1.0))


@needs_builtins
def test_a_builtin_of_a_compiled_function_that_is_gone_says_so() -> None:
    slow = Slow()
    f = caller(formula_program(False), (1.0, 1.0), 0, slow.call)
    assert f is not None
    gone = weakref.ref(slow)
    del slow
    gc.collect()
    assert gone() is None
    assert f(0.0, 1.0) == -1.0
    with pytest.raises(ReferenceError, match="compiled function is gone"):
        f("x")


# ---- threads ---------------------------------------------------------------------------------------------------------
def test_threads_share_a_machine_each_with_memory_of_its_own() -> None:
    program, data, parameters = batched_layer(9)
    machine = Machine(program, 9)
    expected = {shift: lists(machine([[x + shift for x in row] for row in data], parameters)) for shift in range(4)}

    def work(shift: int) -> bool:
        arguments = [[x + shift for x in row] for row in data]
        return all(lists(machine(arguments, parameters)) == expected[shift] for _ in range(100))

    with switching(1e-5):
        assert all(in_threads(work, len(expected)))
    assert 1 <= len(machine._free) <= 5


def test_memory_that_another_thread_takes_in_between() -> None:
    """As between the question whether there is some and the answer, which an interpreter may do at any time."""

    class Emptied(list[Any]):
        def __bool__(self) -> bool:
            return True

    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, [0])
    program = builder.program([builder.map(ops.exp, [x], 1)])
    machine = Machine(program)
    machine._free = Emptied()
    assert machine([0.0], [])[0][0] == 1.0
    tape = Tape(record(lambda x: x.exp(), [1.0]))
    tape.free = Emptied()
    assert tape([0.0], []).outputs == [1.0]
    batched = assemble(record(lambda x: x.exp(), [1.0]), [Kind.ARGUMENT], batched=True).program
    points = Points(Machine(inlined(batched), 64))
    points.memory = Emptied()
    assert points([np.zeros(3)], [])[0].tolist() == [1.0] * 3


def test_a_call_that_raises_leaves_its_memory_to_the_next_one() -> None:
    machine = Machine(inlined(assemble(record(lambda x, y: x * y, [2.0, 3.0])).program))
    expected = [[6.0]]
    assert machine([2.0, 3.0], []) == expected
    kept, free = len(machine._keep), len(machine._free)
    for _ in range(5):
        with pytest.raises((TypeError, ValueError, struct.error)):
            machine([2.0, "a text"], [])
        assert (len(machine._keep), len(machine._free)) == (kept, free)
    assert machine([2.0, 3.0], []) == expected
