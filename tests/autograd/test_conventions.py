"""What was decided about numbers and behaviour: one line or one test for each decision, in every way of evaluation."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd
from autograd import (
    PrimitiveError,
    StaleGraphError,
    Value,
    atan2,
    exp,
    floor,
    functional,
    grad,
    hypot,
    log,
    logaddexp,
    logsumexp,
    maximum,
    minimum,
    no_grad,
    primitive,
    relu,
    sigmoid,
    sign,
    softplus,
    sqrt,
    tanh,
    where,
)
from autograd.ops import TABLE
from tests.support.evaluators import EVALUATORS, Evaluator
from tests.support.table import the_table_is_left_as_it_was  # noqa: F401 - a fixture

every_evaluator = pytest.mark.parametrize("evaluate", EVALUATORS.values(), ids=EVALUATORS)


class Convention(NamedTuple):
    """A function, a point, and the value and the gradient there."""

    name: str
    f: Callable[..., Any]
    at: tuple[float, ...]
    value: float
    gradient: tuple[float, ...]


ROOT_HALF = math.sqrt(0.5)
CONVENTIONS = [
    # At a kink: the true gradient if it exists, else the sub-gradient of least norm, else the limit, else nan.
    Convention("relu at 0", relu, (0.0,), 0.0, (0.0,)),
    Convention("relu at -0", relu, (-0.0,), 0.0, (0.0,)),
    Convention("relu of nan", relu, (nan,), nan, (nan,)),
    Convention("abs at 0", abs, (0.0,), 0.0, (0.0,)),
    Convention("abs of nan", abs, (nan,), nan, (nan,)),
    Convention("maximum, tie", maximum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    Convention("minimum, tie", minimum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    Convention("maximum, first nan", maximum, (nan, 1.0), nan, (nan, nan)),
    Convention("maximum, second nan", maximum, (1.0, nan), nan, (nan, nan)),
    Convention("minimum, first nan", minimum, (nan, 1.0), nan, (nan, nan)),
    Convention("minimum, second nan", minimum, (1.0, nan), nan, (nan, nan)),
    Convention("the builtin max, tie", max, (2.0, 2.0), 2.0, (1.0, 0.0)),
    Convention("clip at the lower bound", lambda x: autograd.clip(x, 0.0, 1.0), (0.0,), 0.0, (1.0,)),
    Convention("clip at the upper bound", lambda x: autograd.clip(x, 0.0, 1.0), (1.0,), 1.0, (1.0,)),
    Convention("clip outside", lambda x: autograd.clip(x, 0.0, 1.0), (1.5,), 1.0, (0.0,)),
    Convention("leaky_relu at 0", lambda x: autograd.leaky_relu(x, 0.1), (0.0,), 0.0, (0.1,)),
    Convention("elu at 0", lambda x: autograd.elu(x, 1.0), (0.0,), 0.0, (1.0,)),
    Convention("sqrt at 0", sqrt, (0.0,), 0.0, (inf,)),
    Convention("sqrt at -0", sqrt, (-0.0,), 0.0, (inf,)),
    Convention("0 sqrt(x) at 0", lambda x: 0.0 * sqrt(x), (0.0,), 0.0, (nan,)),
    Convention("0 sqrt(x) at 0, behind where", lambda x: where(x > 0.0, 0.0 * sqrt(x), 0.0 * x), (0.0,), 0.0, (0.0,)),
    # Powers.
    *[Convention(f"{x}**0.0", lambda x: x**0.0, (x,), 1.0, (0.0,)) for x in (0.0, -0.0, 1.0, -2.0, inf, -inf, nan)],
    Convention("pow(0, 0)", lambda x, y: x**y, (0.0, 0.0), 1.0, (0.0, 0.0)),
    Convention("pow(0, 1)", lambda x, y: x**y, (0.0, 1.0), 0.0, (1.0, 0.0)),
    Convention("pow(0, 0.5)", lambda x, y: x**y, (0.0, 0.5), 0.0, (inf, 0.0)),
    Convention("pow(0, -1)", lambda x, y: x**y, (0.0, -1.0), inf, (-inf, -inf)),
    Convention("pow(-2, 2), constant exponent", lambda x: x**2, (-2.0,), 4.0, (-4.0,)),
    Convention("pow(-2, 2), Value as exponent", lambda x, y: x**y, (-2.0, 2.0), 4.0, (-4.0, nan)),
    Convention("x**2 is exactly 2x", lambda x: x**2, (0.1,), 0.1 * 0.1, (0.2,)),
    # Outside of the domain, at poles, beyond the largest float.
    Convention("(-2)**0.5", lambda x: x**0.5, (-2.0,), nan, (nan,)),
    Convention("log(-1)", log, (-1.0,), nan, (nan,)),
    Convention("log1p(-2)", autograd.log1p, (-2.0,), nan, (nan,)),
    Convention("atanh(2)", autograd.atanh, (2.0,), nan, (nan,)),
    Convention("log(0)", log, (0.0,), -inf, (inf,)),
    Convention("1/0", lambda x, y: x / y, (1.0, 0.0), inf, (inf, -inf)),
    Convention("1/0 with a constant 1", lambda y: 1 / y, (0.0,), inf, (-inf,)),
    Convention("exp(1000)", exp, (1000.0,), inf, (inf,)),
    Convention("1e200**2", lambda x: x**2, (1e200,), inf, (2e200,)),
    Convention("1e200 * 1e200", lambda x: x * x, (1e200,), inf, (2e200,)),
    Convention("atan2(0, 0)", atan2, (0.0, 0.0), 0.0, (0.0, 0.0)),
    Convention("hypot(0, 0)", hypot, (0.0, 0.0), 0.0, (0.0, 0.0)),
    Convention("hypot(1e200, 1e200)", hypot, (1e200, 1e200), math.hypot(1e200, 1e200), (ROOT_HALF, ROOT_HALF)),
    Convention("hypot(1e-200, 1e-200)", hypot, (1e-200, 1e-200), math.hypot(1e-200, 1e-200), (ROOT_HALF, ROOT_HALF)),
    # Saturation.
    Convention("sigmoid(1000)", sigmoid, (1000.0,), 1.0, (0.0,)),
    Convention("sigmoid(-1000)", sigmoid, (-1000.0,), 0.0, (0.0,)),
    Convention("tanh(1000)", tanh, (1000.0,), 1.0, (0.0,)),
    Convention("tanh(-1000)", tanh, (-1000.0,), -1.0, (0.0,)),
    Convention("softplus(1000)", softplus, (1000.0,), 1000.0, (1.0,)),
    Convention("softplus(-1000)", softplus, (-1000.0,), 0.0, (0.0,)),
    Convention("logsumexp(1000, -1000)", lambda x, y: logsumexp([x, y]), (1000.0, -1000.0), 1000.0, (1.0, 0.0)),
    Convention("logsumexp(-1000, -1000)", lambda x, y: logsumexp([x, y]), (-1000.0, -1000.0),
               math.log(2.0) - 1000.0, (0.5, 0.5)),
    Convention("logaddexp(inf, 0)", logaddexp, (inf, 0.0), inf, (1.0, 0.0)),
    Convention("logaddexp(inf, inf)", logaddexp, (inf, inf), inf, (0.5, 0.5)),
    Convention("logsumexp(inf, inf)", lambda x, y: logsumexp([x, y]), (inf, inf), inf, (0.5, 0.5)),
    Convention("logaddexp(-inf, -inf)", logaddexp, (-inf, -inf), -inf, (nan, nan)),
    # Steps.
    *[Convention(f"{f.name}({x})", f, (x,), f(x), (0.0,)) for f in (floor, autograd.round, sign)
      for x in (-1.5, -0.5, 0.0, 0.5, 2.0, 2.5)],
    # The side that is not taken.
    Convention("where, log not taken", lambda x: where(x > 0.0, log(x), 2.0 * x), (-1.0,), -2.0, (2.0,)),
    Convention("where, pole not taken", lambda x: where(x > 0.0, 1.0 / x, 3.0 * x), (0.0,), 0.0, (3.0,)),
    Convention("where, log taken", lambda x: where(x > 0.0, log(x), 2.0 * x), (4.0,), math.log(4.0), (0.25,)),
]  # fmt: skip


def same(got: float, want: float) -> bool:
    return got == want or (got != got and want != want) or abs(got - want) <= 1e-14 * min(abs(want), sys.float_info.max)


@every_evaluator
@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_the_convention_holds(evaluate: Evaluator, convention: Convention) -> None:
    value, gradient = evaluate(convention.f, convention.at)
    assert same(value, convention.value), value
    assert len(gradient) == len(convention.gradient)
    assert all(map(same, gradient, convention.gradient)), gradient


@every_evaluator
@pytest.mark.parametrize("x", [-1000.0, -30.0, -1.0, 0.0, 0.3, 17.0, 1000.0])
def test_tanh_and_sigmoid_have_the_derivatives_of_the_textbook(evaluate: Evaluator, x: float) -> None:
    y, (slope,) = evaluate(tanh, [x])
    assert slope == 1.0 - y * y
    y, (slope,) = evaluate(sigmoid, [x])
    assert slope == y * (1.0 - y)


# The first, second and third derivative at the edge of the domain: where there is none, the limit from within.
EDGES = [
    *[(f, x, (inf, -inf, inf)) for f in (log, autograd.log2, autograd.log10, sqrt) for x in (0.0, -0.0)],
    (autograd.log1p, -1.0, (inf, -inf, inf)),
    (lambda x: x**0.5, 0.0, (inf, -inf, inf)),
    (autograd.asin, 1.0, (inf, inf, inf)),
    (autograd.asin, -1.0, (inf, -inf, inf)),
    (autograd.acos, 1.0, (-inf, -inf, -inf)),
    (autograd.acosh, 1.0, (inf, -inf, inf)),
    (autograd.atanh, 1.0, (inf, inf, inf)),
    (autograd.atanh, -1.0, (inf, -inf, inf)),
    (autograd.cbrt, 0.0, (inf, nan, nan)),  # from the left inf, from the right -inf
    *[(f, -3.0, (nan, nan, nan)) for f in (log, autograd.log1p, sqrt, autograd.asin, autograd.acosh, autograd.atanh)],
]


@pytest.mark.parametrize(("f", "x", "expected"), EDGES)
def test_higher_derivatives_at_the_edge_of_the_domain(f: Any, x: float, expected: tuple[float, ...]) -> None:
    for limit in expected:
        f = functional.grad(f)
        assert same(f(x), limit)


@pytest.mark.parametrize("x", [0.0, 1e-60, 0.7, 3e40])
@pytest.mark.parametrize("y", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_order_of_differentiation_of_a_power_does_not_matter(x: float, y: float) -> None:
    (_, by_x_by_y), (by_y_by_x, _) = functional.hessian(lambda v: v[0] ** v[1])([x, y])
    assert same(by_x_by_y, by_y_by_x)
    if x:
        assert same(by_x_by_y, x ** (y - 1.0) * (1.0 + y * math.log(x)))


def test_the_side_not_taken_is_no_parent() -> None:
    x, y = Value(1.0), Value(2.0)
    result = where(x < y, x, y)
    assert result.parents == (x,)
    result.backward()
    assert (x.grad, y.grad) == (1.0, 0)


@pytest.mark.parametrize(
    "op", [op for op in TABLE.values() if op.name not in ("leaf", "constant", "frozen")], ids=lambda o: o.name
)
def test_no_row_ever_raises_on_floats(op: Any) -> None:
    numbers = [0.0, -0.0, 5e-324, 1.0, -1.0, 0.5, 1e308, -1e308, inf, -inf, nan]
    for x in numbers:
        for y in numbers if not isinstance(op, autograd.ops.Unary) else [0.0]:
            operands = {"Unary": (x,), "Binary": (x, y)}.get(type(op).__name__, (x, y, x))
            result = op.value(*operands)
            assert type(result) is float
            assert all(isinstance(partial, float) for partial in op.partials(result, *operands))


# ---- behaviour -------------------------------------------------------------------------------------------------------
def test_backward_twice_adds_up_in_leaves_and_starts_afresh_inside() -> None:
    x = Value(3.0)
    inside = x * x
    y = inside * x
    y.backward()
    assert (x.grad, inside.grad) == (27.0, 3.0)
    y.backward()
    assert (x.grad, inside.grad) == (54.0, 3.0)


def test_backward_of_a_leaf_is_1_and_of_no_value_a_type_error() -> None:
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    with pytest.raises(TypeError, match=r"outputs must be Values, got 3\.0"):
        grad(3.0, x)  # type: ignore[arg-type]


def test_data_changed_after_recording() -> None:
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    assert grad(y, x) == (6.0,)  # by the numbers that were recorded
    with pytest.raises(StaleGraphError, match="x"):
        grad(y, x, create_graph=True)
    compiled = autograd.compile(lambda t: t * x)
    assert compiled(2.0).data == 10.0
    x.data = 7.0
    assert compiled(2.0).data == 14.0  # a replay uses the numbers as they are now


@pytest.mark.parametrize(
    ("partials", "message"),
    [
        (lambda y, x: 1 / 0, "'broken' raised ZeroDivisionError"),
        (lambda y, x: (1.0, 2.0), "'broken' gave 2 partial derivatives for 1"),
        (lambda y, x: "one", "'broken' gave 'one' as a partial derivative"),
    ],
)
def test_a_broken_rule_is_named_and_no_gradient_is_half_written(partials: Any, message: str) -> None:
    broken = primitive(partials, name="broken")(lambda x: x)
    x = Value(2.0)
    with pytest.raises(PrimitiveError, match=message):
        broken(x * x).backward()
    assert x.grad == 0
    (x * x).backward()
    assert x.grad == 4.0


def test_a_graph_far_deeper_than_the_recursion_limit() -> None:
    x = Value(1.0)
    y = x
    for _ in range(8_000):  # a million in test_scale
        y = y * 1.0
    y.backward()
    assert x.grad == 1.0
    assert grad(grad(y, x, create_graph=True)[0], x) == (0.0,)
    assert repr(y).startswith("Value(data=1.0")
    assert pickle.loads(pickle.dumps(y)).data == copy.deepcopy(y).data == 1.0
    drawing = str(autograd.draw_dot(y))
    assert "folded" in drawing
    assert len(drawing) < 10_000


def test_leaves_and_graphs_can_be_copied_and_pickled() -> None:
    x = Value(3.0, "x")
    y = x.sin() * x
    for duplicate in (copy.deepcopy, lambda node: pickle.loads(pickle.dumps(node))):
        twin = duplicate(y)
        twin.backward()
        (leaf,) = {parent for parent in twin.parents if not parent.parents}
        assert (leaf.label, leaf.data, leaf.grad) == ("x", 3.0, math.cos(3.0) * 3.0 + math.sin(3.0))
    assert x.grad == 0


def test_switches_are_per_thread() -> None:
    recorded = []
    with no_grad():
        thread = threading.Thread(target=lambda: recorded.append((Value(1.0) * 2.0).parents))
        thread.start()
        thread.join()
        assert (Value(1.0) * 2.0).parents == ()
    assert len(recorded[0]) == 2


def test_a_graph_goes_the_moment_its_root_goes() -> None:
    gc.disable()
    try:
        tracked = len(gc.get_objects())
        for _ in range(200):
            x = Value(2.0)
            y = (x * x).tanh() + x
            y.backward()
            grad(grad(y, x, create_graph=True), x)
            del x, y
        assert len(gc.get_objects()) <= tracked + 100  # other threads of the process may have made some
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "number", [2, True, Fraction(1, 2), np.float64(2.0), np.float32(0.5), np.int64(3), np.bool_(True)]
)
def test_real_numbers_of_any_kind_become_floats(number: Any) -> None:
    x = Value(number)
    assert type(x.data) is float
    assert x.data == float(number)
    product = Value(2.0) * number
    assert product.data == (number * Value(2.0)).data == 2.0 * float(number)


@pytest.mark.parametrize("given", ["3", None, 1j, [1.0], np.zeros(2)])
def test_anything_else_is_a_type_error_that_names_the_type(given: Any) -> None:
    with pytest.raises(TypeError, match=rf"{type(given).__name__}|'3'|None|1j"):
        Value(given)


def test_a_number_too_large_for_a_float_is_an_overflow_error() -> None:
    with pytest.raises(OverflowError):
        Value(10**400)


def test_lengths_that_differ_are_a_value_error_with_both() -> None:
    with pytest.raises(ValueError, match=r"2.*3"):
        autograd.sumprod([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"2.*1|1.*2"):
        grad([Value(1.0), Value(2.0)], [], grad_outputs=[1.0])


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("f", [sqrt, log, autograd.log2, autograd.log10])
def test_the_slope_at_minus_zero_is_that_at_zero_however_it_is_computed(f: Any, backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    slope = autograd.compile(functional.grad(f), backend=backend)
    for x in (0.0, -0.0):
        assert functional.grad(f)(x) == inf
        assert compiled.value_and_grad(x)[1] == (inf,)
        assert compiled.map([x, 1.0])[1][0][0] == inf
        assert slope.value_and_grad(x) == (inf, (-inf,))
