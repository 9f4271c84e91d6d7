"""The table itself: every row works on floats and on nodes alike, and says the same on both."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Sequence
from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, ieee, ops
from autograd.ops import TABLE, Number, Op, as_float
from tests.support.oracle import ulps
from tests.support.points import HARD, PRIMITIVES, arities, hard_points, random_points

every_primitive = pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)


def same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


def points(op: Op) -> list[Sequence[float]]:
    rng = random.Random(op.name)
    hard = list(hard_points(op, rng))
    return rng.sample(hard, min(len(hard), 120)) + list(random_points(op, rng, 40))


# ---- one row, any number ---------------------------------------------------------------------------------------------
@every_primitive
def test_nodes_get_the_numbers_that_floats_get(op: Op) -> None:
    for xs in points(op):
        value = op.value(*xs)
        node = op(*map(Value, xs))
        assert same(node.data, value), xs
        assert same(op(*xs), value), xs
        assert all(map(same, node.partials, op.partials(value, *xs))), xs


@every_primitive
def test_the_derivative_on_nodes_has_the_numbers_of_that_on_floats(op: Op) -> None:
    for xs in points(op):
        nodes = list(map(Value, xs))
        result = op(*nodes)
        on_nodes = op.partials(result, *nodes)
        numbers = [partial.data if isinstance(partial, Value) else partial for partial in on_nodes]
        assert all(map(same, numbers, op.partials(result.data, *xs))), xs


@every_primitive
def test_one_partial_per_operand_and_all_of_them_floats(op: Op) -> None:
    for xs in points(op):
        result = op.value(*xs)
        partials = op.partials(result, *xs)
        assert type(result) is float
        assert [type(partial) for partial in partials] == [float] * len(xs)


@every_primitive
def test_a_row_has_a_name_a_symbol_and_survives_pickling(op: Op) -> None:
    assert TABLE[op.name] is op
    assert op.symbol
    assert pickle.loads(pickle.dumps(op)) is op
    assert repr(op) == f"<primitive {op.name}>"


@every_primitive
def test_other_numbers_are_converted_and_strangers_refused(op: Op) -> None:
    for arity in arities(op):
        assert same(op(*[Fraction(1, 2)] * arity), op.value(*[0.5] * arity))
        assert same(op(*[np.float32(0.5)] * arity), op.value(*[0.5] * arity))
        assert same(op(*[1] * arity), op.value(*[1.0] * arity))
        for stranger in ("1", None, 1j, [1.0]):
            with pytest.raises(TypeError):
                op(*[stranger] * arity)


def test_the_functions_of_several_numbers_take_none() -> None:
    assert (ops.sum_of(), ops.product_of(), ops.log_sum_exp()) == (0.0, 1.0, -inf)
    assert autograd.fsum([]) == 0.0
    assert autograd.prod([]) == 1.0
    assert autograd.logsumexp([]) == -inf
    for op in (ops.sum_of, ops.product_of, ops.log_sum_exp, ops.sum_of_products):
        assert tuple(op.partials(op.value())) == ()


def test_no_row_depends_on_what_a_float_is() -> None:
    class Written(Number):
        """A number that only writes down what is done to it."""

        def __init__(self, text: str) -> None:
            self.text = text

        @classmethod
        def apply(cls, op: Op, operands: Sequence[Any]) -> Written:
            return cls(f"{op.name}({', '.join(getattr(x, 'text', str(x)) for x in operands)})")

        def select(self, x: Any, y: Any) -> Written:
            return self.apply(ops.select, (self, x, y))

        def __bool__(self) -> bool:
            raise AssertionError("a row branches on data")

    def operator(op: Op, reflected: bool = False) -> Any:
        return lambda self, *other: Written.apply(op, (*other, self) if reflected else (self, *other))

    for name, op in {"add": ops.add, "sub": ops.sub, "mul": ops.mul, "truediv": ops.div}.items():
        setattr(Written, f"__{name}__", operator(op))
        setattr(Written, f"__r{name}__", operator(op, reflected=True))
    for name, op in {"neg": ops.neg, "abs": ops.abs, "lt": ops.less, "le": ops.less_equal}.items():
        setattr(Written, f"__{name}__", operator(op))
    Written.__gt__, Written.__ge__ = operator(ops.less, True), operator(ops.less_equal, True)  # type: ignore[attr-defined]

    for op in PRIMITIVES:
        for arity in arities(op):
            operands = [Written(f"x{i}") for i in range(arity)]
            partials = op.partials(Written("y"), *operands)
            assert len(partials) == arity
            assert all(isinstance(partial, (Written, float)) for partial in partials), op.name


# ---- where -----------------------------------------------------------------------------------------------------------
def test_where_takes_floats_values_and_conditions_of_both_kinds() -> None:
    assert autograd.where(True, 1.0, 2.0) == 1.0
    x = Value(3.0)
    assert autograd.where(x > 2, x, 0.0).parents == (x,)
    assert autograd.where(x, 1.0, 2.0).data == 1.0
    assert autograd.where(Value(0.0), 1.0, x).parents == (x,)


def test_choose_computes_only_the_side_that_is_taken() -> None:
    assert ops.choose(True, lambda: 1.0, lambda: 1 / 0) == 1.0
    assert ops.choose(False, lambda: 1 / 0, lambda: 2.0) == 2.0


# ---- conversion ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [1, True, 1.5, Fraction(3, 2), np.float32(1.5), np.int8(1), np.bool_(True)])
def test_real_numbers_become_floats(number: Any) -> None:
    assert type(as_float(number)) is float
    assert as_float(number) == float(number)


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("1.5", r"float\('1\.5'\)"),
        ("setosa", r"the text 'setosa'$"),
        (None, "not None: perhaps a function lacks its return"),
        (Value(1.0), r"\.detach\(\)"),
        ([1.0], r"\[Value\(x\) for x in"),
        (np.zeros(2), "a Value is a scalar"),
        (1j, "1j of type complex"),
    ],
)
def test_what_is_no_real_number_is_refused_with_a_remedy(given: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        as_float(given)


# ---- the float functions ---------------------------------------------------------------------------------------------
def test_the_cube_root_of_python_3_10_is_as_accurate() -> None:
    rng = random.Random(1)
    for x in [*HARD, *[math.ldexp(rng.uniform(-2, 2), rng.randint(-1074, 1023)) for _ in range(2000)]]:
        root = ieee.power_cbrt(x)
        if math.isfinite(x):
            exact = Fraction(root) ** 3 - Fraction(x)
            assert abs(exact) <= 3 * abs(Fraction(root)) ** 2 * Fraction(2 * math.ulp(root)), x
        else:
            assert same(root, x)


def test_sums_are_rounded_once_also_when_a_partial_sum_overflows() -> None:
    big = 1.7e308
    assert ieee.fsum(big, big, -big) == big
    assert ieee.fsum(big, big, -big, -big, 5e-324) == 5e-324
    assert ieee.fsum(big, big) == inf
    assert ieee.fsum(-big, -big) == -inf
    assert ieee.fsum(big, big, -inf) == -inf
    assert math.isnan(ieee.fsum(big, big, inf, -inf))
    assert math.isnan(ieee.fsum(inf, -inf))
    assert math.isnan(ieee.fsum(big, big, nan))


def test_the_product_of_the_others_needs_no_division() -> None:
    assert ieee.others((2.0, 0.0, 3.0)) == (0.0, 6.0, 0.0)
    assert ieee.others((0.0, 0.0, 3.0)) == (0.0, 0.0, 0.0)
    assert ieee.others((5.0,)) == (1.0,)
    assert ieee.others(()) == ()


def test_the_error_measure_counts_units_in_the_last_place() -> None:
    from mpmath import mpf

    assert ulps(1.0, mpf(1)) == 0.0
    assert ulps(1.0 + 2.0**-52, mpf(1)) == 1.0
    assert ulps(5e-324, mpf(0)) == 1.0
    assert ulps(inf, mpf(2) ** 2000) == 0.0
    assert ulps(inf, mpf(1)) > 1e15
    assert ulps(1.7976931348623157e308, mpf(2) ** 1024) == 1.0
    assert ulps(nan, mpf(1)) == inf
    assert ulps(nan, mpf("nan")) == 0.0
    assert ulps(0.5, mpf(0), at_least=1) == 2.0**51


@pytest.mark.parametrize("base", [0.0, -0.0, -0.5, -2.0, -1e200, -math.inf, 1e200, 0.5])
@pytest.mark.parametrize(
    "whole", [-9007199254740993.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 2.0**52 + 1]
)
def test_a_power_is_that_of_c_beside_every_whole_exponent(base: float, whole: float) -> None:
    """Only a whole odd exponent gives a negative result: its neighbours do not, though `% 2.0` rounds them to it."""
    for exponent in (math.nextafter(whole, -math.inf), whole, math.nextafter(whole, math.inf)):
        with np.errstate(all="ignore"):
            expected = float(np.power(base, exponent))
        found = ieee.power(base, exponent)
        assert found == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True), (base, exponent)
        if expected == expected:
            assert math.copysign(1.0, found) == math.copysign(1.0, expected), (base, exponent)


def test_the_derivative_of_a_power_does_not_underflow_before_its_factor_counts() -> None:
    x = Value(0.5)
    (x**1076).backward()  # 0.5**1075 is 0, but 1076 times as much is not
    assert x.grad == math.ldexp(1076.0, -1075) > 0.0


@pytest.mark.parametrize("operand", [Value(1.0), 1.0, [1.0, 2.0]])
def test_a_function_of_two_numbers_says_so_of_one(operand: Any) -> None:
    with pytest.raises(
        TypeError, match=r"maximum takes two numbers, as in maximum\(x, y\); .* functools.reduce\(maximum, xs\)"
    ):
        ops.maximum(operand)
