"""Machine code and Python source give what a program over classes says, whatever the program; and keep their promises."""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import ops
from autograd.compiler.builder import Builder
from autograd.compiler.classes import Kind, Operand, Program, Read, Terms
from autograd.compiler.python.kernel import PythonKernel
from tests.class_programs import PROGRAMS, Derived
from tests.class_reference import evaluate
from tests.recipes import same, size
from tests.test_python_backend import batched_layer

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.backends import kernel_for
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.points import points

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
    frame, data = machine.frame(), machine.data()
    frame[:] = data[:] = nan
    machine.fill(frame, Kind.CONSTANT, None)
    machine._free.append((frame, data))
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


@settings(max_examples=15)
@given(programs())
def test_a_random_program_of_one_evaluation(program: Program) -> None:
    check(program, 1)


@pytest.mark.parametrize("batch", BATCHES)
@settings(max_examples=15)
@given(program=programs(batched=True))
def test_a_random_program_for_a_batch(program: Program, batch: int) -> None:
    check(program, batch)
