"""Machine code computes every row of the table as Python does: special numbers, random numbers, any width."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import pytest

from autograd import ops
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Program
from autograd.ops import TABLE, Op
from autograd.primitive import Primitive

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.backends import UnsupportedError
from autograd.compiler.machine.machine import Machine

INF = math.inf
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-310, -1e-310, 1e-20, -1e-20, 3.5, -2.5, 25.0, -25.0, 39.9,
           709.7, -709.7, -745.0, 800.0, -800.0, 1e160, -1e160, 1e300, -1e300, INF, -INF, math.nan]  # fmt: skip
# How many operands the rows take that are not of one or two.
ARITIES = {"clip": (3,), "select": (3,), "sumprod": (2, 5, 8), "fsum": (1, 2, 7), "prod": (1, 2, 7),
           "logsumexp": (1, 2, 7), "take": (2, 4, 7), "largest": (1, 2, 7)}  # fmt: skip
TOLERANCE = 1e-14
ROWS = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant, ops.frozen) and not isinstance(op, Primitive)]


def arities(op: Op) -> tuple[int, ...]:
    return (1,) if isinstance(op, ops.Unary) else (2,) if isinstance(op, ops.Binary) else ARITIES[op.name]


def same(got: float, want: float, size: float = 0.0) -> bool:
    """Whether two numbers agree; ``size`` is that of the terms, if a sum of them may cancel."""
    if want != want or got != got:
        return want != want and got != got
    if got == want:
        return math.copysign(1.0, got) == math.copysign(1.0, want) or got == 0.0 < size
    return abs(got - want) <= TOLERANCE * (abs(want) + size) + 5e-323


def terms(point: tuple[float, ...]) -> float:
    """How large the products of a sumprod are: a fused multiply-add does not round them, nor let them underflow."""
    half = len(point) // 2
    size = sum(abs(p * q) for p, q in zip(point[:half], point[half:])) + 5e-324
    return size if size < INF else 0.0


def overflows(point: tuple[float, ...]) -> bool:
    """Whether a product of finite numbers is infinite, which it is not inside a fused multiply-add."""
    half = len(point) // 2
    return any(abs(p * q) == INF and abs(p) < INF and abs(q) < INF for p, q in zip(point[:half], point[half:]))


def points_for(op: Op, arity: int) -> list[tuple[float, ...]]:
    rng = random.Random(1)
    numbers = [rng.uniform(-3, 3) for _ in range(40)]
    numbers += [rng.gauss(0, 1) * 10.0 ** rng.uniform(-9, 3) for _ in range(40)]
    if arity == 1:
        return [(x,) for x in SPECIAL + numbers]
    points = [pair + (rng.choice(SPECIAL),) * (arity - 2) for pair in itertools.product(SPECIAL, SPECIAL)]
    points = points if arity == 2 else []
    if op is ops.take:
        points += [(float(k), *[rng.choice(SPECIAL) for _ in range(arity - 1)]) for k in range(-1, arity)]
    points += [tuple(rng.choice(SPECIAL) for _ in range(arity)) for _ in range(200 if arity > 2 else 0)]
    points += [tuple(rng.choice(numbers) for _ in range(arity)) for _ in range(100)]
    return [point for point in points if op is not ops.sum_of_products or not overflows(point)]


Layout = Callable[[Op, list[tuple[float, ...]]], list[float]]


def in_members(op: Op, points: list[tuple[float, ...]]) -> list[float]:
    """One array of all points."""
    builder, count = Builder(), len(points)
    x = builder.leaf(Kind.ARGUMENT, range(count * len(points[0])))
    operands = [builder.read(x, range(k * count, (k + 1) * count)) for k in range(len(points[0]))]
    program = builder.program([builder.map(op, operands, count)])
    return list(Machine(program)([x for column in zip(*points) for x in column], [])[0])


def in_samples(op: Op, points: list[tuple[float, ...]]) -> list[float]:
    """A batch of one number each."""
    builder = Builder()
    leaves = [builder.leaf(Kind.ARGUMENT, [k], batched=True) for k in range(len(points[0]))]
    program = builder.program([builder.map(op, leaves)])
    return list(Machine(program, len(points))([list(column) for column in zip(*points)], [])[0][0])


def one_by_one(op: Op, points: list[tuple[float, ...]]) -> list[float]:
    """A machine for one point."""
    builder = Builder()
    program = builder.program([builder.map(op, [builder.leaf(Kind.ARGUMENT, [k]) for k in range(len(points[0]))])])
    machine = Machine(program)
    return [machine(point, [])[0][0] for point in points]


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@pytest.mark.parametrize("layout", [in_members, in_samples, one_by_one])
def test_a_row_of_the_table_has_the_value_it_has_in_python(op: Op, layout: Layout) -> None:
    for arity in arities(op):
        points = points_for(op, arity)
        got, want = layout(op, points), [float(op.value(*point)) for point in points]
        assert len(got) == len(points)
        sizes = [terms(point) if op is ops.sum_of_products else 0.0 for point in points]
        assert [case for case in zip(points, got, want, sizes) if not same(*case[1:])] == []


@pytest.mark.parametrize("count", range(1, 18))
def test_a_long_row_fills_its_members_and_no_others(count: int) -> None:
    arity, rng = 10, random.Random(count)
    numbers = [rng.uniform(-3, 3) for _ in range(arity * count)]
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(arity * count))
    operands = [builder.read(x, range(k * count, (k + 1) * count)) for k in range(arity)]
    rows = [builder.map(TABLE["logsumexp"], order, count) for order in (operands, operands[::-1], operands[1:])]
    got = [list(row) for row in Machine(builder.program(rows))(numbers, [])]
    points = [numbers[k::count] for k in range(count)]
    want = [[TABLE["logsumexp"].value(*order) for order in (p, p[::-1], p[1:])] for p in points]
    assert got == [pytest.approx(row, rel=TOLERANCE) for row in zip(*want)]


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0, -1.0, -2.0, -3.0, 0.5, -0.5, 1.5, INF])
def test_a_power_with_a_known_exponent(exponent: float) -> None:
    numbers = [x for (x,) in points_for(ops.exp, 1)]
    builder = Builder()
    power = builder.map(ops.constant_power, [builder.leaf(Kind.ARGUMENT, range(len(numbers))), exponent])
    got = Machine(builder.program([power]))(numbers, [])[0]
    want = [ops.constant_power.value(x, exponent) for x in numbers]
    assert [case for case in zip(numbers, got, want) if not same(*case[1:])] == []


def test_a_user_s_primitive_is_refused() -> None:
    own = Op("own", lambda x: x, lambda y, x: (1.0,))
    builder = Builder()
    program: Program = builder.program([builder.map(own, [builder.leaf(Kind.ARGUMENT, [0])])])
    with pytest.raises(UnsupportedError, match="'own'"):
        Machine(program)
