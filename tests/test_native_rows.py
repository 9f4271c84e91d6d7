"""Machine code computes every row of the table as Python does: special numbers, random numbers, any width."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from autograd.compiler.arrays import Array, ArrayProgram, Step, View

from autograd import ops
from autograd.ops import TABLE, Op
from autograd.primitive import Primitive
from tests.array_reference import outputs

pytest.importorskip("llvmlite")
pytest.importorskip("numpy")

from autograd.compiler.backends import UnsupportedError

INF = math.inf
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-310, -1e-310, 1e-20, -1e-20, 3.5, -2.5, 25.0, -25.0, 39.9,
           709.7, -709.7, -745.0, 800.0, -800.0, 1e160, -1e160, 1e300, -1e300, INF, -INF, math.nan]  # fmt: skip
# How many operands the rows take that are not of one or two.
ARITIES = {"clip": (3,), "select": (3,), "sumprod": (2, 5, 8), "fsum": (1, 2, 7), "prod": (1, 2, 7),
           "logsumexp": (1, 2, 7)}  # fmt: skip
TOLERANCE = 1e-14
ROWS = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant) and not isinstance(op, Primitive)]


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


def operands_for(arity: int) -> list[list[float]]:
    """One list per operand, all of one length."""
    rng = random.Random(1)
    numbers = [rng.uniform(-3, 3) for _ in range(40)]
    numbers += [rng.gauss(0, 1) * 10.0 ** rng.uniform(-9, 3) for _ in range(40)]
    if arity == 1:
        return [SPECIAL + numbers]
    points = list(itertools.product(SPECIAL, SPECIAL)) if arity == 2 else []
    points = [point + (rng.choice(SPECIAL),) * (arity - 2) for point in points]
    points += [tuple(rng.choice(SPECIAL) for _ in range(arity)) for _ in range(200 if arity > 2 else 0)]
    points += [tuple(rng.choice(numbers) for _ in range(arity)) for _ in range(100)]
    return [list(column) for column in zip(*points)]


def run(program: ArrayProgram, given: dict[int, list[list[float]]]) -> list[list[float]]:
    kernel = Kernel(program)
    frame = kernel.frame()
    for array, rows in given.items():
        kernel.write(frame, array, rows if program.arrays[array].lanes > 1 else [row[0] for row in rows])
    kernel.run(frame)
    return [[x] if isinstance(x, float) else x.tolist() for x in kernel.read(frame)]


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
@pytest.mark.parametrize("layout", ["lanes", "uniform rows", "one by one"])
def test_a_row_of_the_table_has_the_value_it_has_in_python(op: Op, layout: str) -> None:
    for arity in arities(op):
        columns = operands_for(arity)
        if op is ops.sum_of_products:
            columns = [list(column) for column in zip(*[p for p in zip(*columns) if not overflows(p)])]
        if layout == "one by one":
            columns = [column[:: max(1, len(column) // 60)] for column in columns]
        count = len(columns[0])
        rows, lanes = (1, count) if layout == "lanes" else (count, 1)
        arrays = [Array(rows, lanes, "argument") for _ in columns]
        operands = [View(k, 0, 1) for k in range(arity)]
        if layout == "one by one":
            steps = [Step(op, "map", arity + i, 1, 1, tuple([View(k, i) for k in range(arity)])) for i in range(count)]
            arrays += [Array(1, 1, "computed")] * count
            found = [(arity + i, 0) for i in range(count)]
        else:
            steps = [Step(op, "map", arity, rows, 1, tuple(operands))]
            arrays.append(Array(rows, lanes, "computed"))
            found = [(arity, row) for row in range(rows)]
        program = ArrayProgram(arrays, steps, found)
        given = {k: [column] if lanes > 1 else [[x] for x in column] for k, column in enumerate(columns)}
        got = list(itertools.chain(*run(program, given)))
        want = list(itertools.chain(*outputs(program, given)))
        points = list(zip(*columns))
        sizes = [terms(point) if op is ops.sum_of_products else 0.0 for point in points]
        wrong = [case for case in zip(points, got, want, sizes) if not same(*case[1:])]
        assert not wrong, wrong[:5]


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0, -1.0, -2.0, -3.0, 0.5, -0.5, 1.5, INF])
def test_a_power_with_a_known_exponent(exponent: float) -> None:
    (column,) = operands_for(1)
    lanes = len(column)
    arrays = [Array(1, lanes, "argument"), Array(1, 1, "constant", (exponent,)), Array(1, lanes, "computed")]
    program = ArrayProgram(arrays, [Step(ops.constant_power, "map", 2, 1, 1, (View(0, 0), View(1, 0)))], [(2, 0)])
    (got,), (want,) = run(program, {0: [column]}), outputs(program, {0: [column]})
    assert [(x, g, w) for x, g, w in zip(column, got, want) if not same(g, w)] == []


def test_a_user_s_primitive_is_refused() -> None:
    own = Op("own", lambda x: x, lambda y, x: (1.0,))
    arrays = [Array(1, 1, "argument"), Array(1, 1, "computed")]
    with pytest.raises(UnsupportedError, match="'own'"):
        Kernel(ArrayProgram(arrays, [Step(own, "map", 1, 1, 1, (View(0, 0),))], [(1, 0)]))
