"""Derivatives of graphs and of functions: what they are, their shapes, how they nest, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import autograd
from autograd import (
    NumericError,
    StaleGraphError,
    Value,
    cos,
    exp,
    functional,
    log,
    no_grad,
    sin,
    strict,
    sumprod,
    where,
)
from autograd.functional import as_node, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.graph import topological_order
from autograd.modes import switched


def rosenbrock(v: Any) -> Any:
    x, y = v
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def rosenbrock_gradient(x: float, y: float) -> list[float]:
    return [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]


def rosenbrock_hessian(x: float, y: float) -> list[list[float]]:
    return [[2 - 400 * (y - 3 * x * x), -400 * x], [-400 * x, 200.0]]


POINTS = [(1.0, 1.0), (-1.2, 1.0), (0.0, 0.0), (2.5, -0.75)]


# ---- autograd.grad ---------------------------------------------------------------------------------------------------
def test_grad_returns_a_tuple_and_touches_no_gradient() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y + x
    x.grad = 5.0
    assert autograd.grad(z, [x, y]) == (4.0, 2.0)
    assert autograd.grad(z, x) == (4.0,)
    assert (x.grad, y.grad, z.grad) == (5.0, 0, 0)


def test_grad_of_an_interior_node_and_of_the_root_itself() -> None:
    x = Value(2.0)
    h = x * x
    z = h * h
    assert autograd.grad(z, [h, z, x]) == (8.0, 1.0, 32.0)


def test_an_input_that_the_output_does_not_depend_on_gets_zero() -> None:
    x, y = Value(2.0), Value(3.0)
    assert autograd.grad(x * x, [y, x]) == (0.0, 4.0)
    (dy,) = autograd.grad(x * x, y, create_graph=True)
    assert isinstance(dy, Value)
    assert dy.data == 0.0


def test_a_gradient_that_overflows_is_an_error_inside_strict_only() -> None:
    def overflowing() -> tuple[float, ...]:
        x = Value(1e-300)
        return autograd.grad((x * 1e200) * 1e200, x)

    assert overflowing() == (math.inf,)
    with switched(recorder=None):  # some context is open, but not strict()
        assert overflowing() == (math.inf,)
    with strict(), pytest.raises(NumericError, match="in backward, the gradient of"):
        overflowing()


def test_several_outputs_are_summed_with_their_weights() -> None:
    x = Value(2.0)
    outputs = [x * x, x * 3, x]
    assert autograd.grad(outputs, x) == (4.0 + 3.0 + 1.0,)
    assert autograd.grad(outputs, x, grad_outputs=[10.0, 100.0, 1000.0]) == (1340.0,)
    assert autograd.grad([x, x], x) == (2.0,)  # the same output twice counts twice
    h = x * x
    assert autograd.grad([h, h * h], x) == (4.0 + 32.0,)  # an output inside another
    assert autograd.grad([], x) == (0.0,)


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_refuses_what_is_no_value(create_graph: bool) -> None:
    x = Value(2.0)
    for outputs, inputs, message in (
        (3.0, x, r"outputs must be Values, got 3\.0 of type float"),
        (x, 3, "inputs must be Values, got 3 of type int"),
        ([x, None], x, "outputs must be Values, got None"),
        (x, ["x"], "inputs must be Values, got 'x'"),
    ):
        with pytest.raises(TypeError, match=message):
            autograd.grad(outputs, inputs, create_graph=create_graph)
    with pytest.raises(ValueError, match="2 grad_outputs for 1 outputs"):
        autograd.grad(x, x, grad_outputs=[1.0, 2.0], create_graph=create_graph)


def test_create_graph_gives_nodes_that_can_be_differentiated_again() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x**3 * y
    dx, dy = autograd.grad(z, [x, y], create_graph=True)
    assert (dx.data, dy.data) == (36.0, 8.0)
    assert autograd.grad(dx, [x, y]) == (36.0, 12.0)
    assert autograd.grad(dy, [x, y]) == (12.0, 0.0)
    (dx + dy).backward()
    assert (x.grad, y.grad) == (48.0, 12.0)


def test_weights_that_are_values_are_part_of_the_graph() -> None:
    x, w = Value(2.0), Value(5.0)
    (dx,) = autograd.grad(x * x, x, grad_outputs=[w], create_graph=True)
    assert dx.data == 20.0
    assert autograd.grad(dx, [w, x]) == (4.0, 10.0)


def test_the_gradient_graph_holds_only_what_leads_to_the_inputs() -> None:
    x, w = Value(2.0), [Value(float(i)) for i in range(100)]
    z = sumprod(w, w) * x
    (dx,) = autograd.grad(z, x, create_graph=True)
    assert dx.data == z.parents[0].data  # d(s x)/dx = s, and nothing about the hundred derivatives by w
    assert len(topological_order(dx)) <= len(topological_order(z)) + 2


def test_changed_data_is_an_error_that_names_the_leaf() -> None:
    x, y = Value(2.0, label="weight"), Value(3.0)
    z = x * y
    x.data = 7.0
    with pytest.raises(
        StaleGraphError, match=r"mul\(7 \('weight'\), 3\) was recorded as 6.0 but now is 21.0: the data of weight or "
    ):
        autograd.grad(z, y, create_graph=True)
    assert autograd.grad(z, y) == (2.0,)  # first derivatives use what was recorded
    x.data = 2.0
    assert autograd.grad(z, y, create_graph=True)[0].data == 2.0


def test_data_changed_to_nan_is_an_error_but_nan_that_was_recorded_is_none() -> None:
    x = Value(2.0)
    y = x * x
    x.data = math.nan
    with pytest.raises(StaleGraphError, match=r"recorded as 4\.0 but now is nan"):
        autograd.grad(y, x, create_graph=True)
    (slope,) = autograd.grad(x * x, x, create_graph=True)
    assert math.isnan(slope.data)


def test_changed_data_that_no_derivative_needs_is_no_error() -> None:
    x, unused = Value(2.0), Value(3.0)
    other = unused * 2
    z = x * x
    unused.data = 4.0
    assert autograd.grad(z + other.detach(), x, create_graph=True)[0].data == 4.0


# ---- functions -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("point", POINTS)
def test_gradient_hessian_and_products_of_rosenbrock(point: tuple[float, float]) -> None:
    gradient, matrix = rosenbrock_gradient(*point), rosenbrock_hessian(*point)
    v = [0.5, -2.0]
    assert grad(rosenbrock)(list(point)) == pytest.approx(gradient)
    value, found = value_and_grad(rosenbrock)(list(point))
    assert value == pytest.approx(rosenbrock(point))
    assert found == pytest.approx(gradient)
    for row, expected in zip(hessian(rosenbrock)(list(point)), matrix, strict=True):
        assert row == pytest.approx(expected)
    product = [sum(a * b for a, b in zip(row, v, strict=True)) for row in matrix]
    assert hvp(rosenbrock, list(point), v) == pytest.approx(product)
    out, tangent = jvp(rosenbrock, (list(point),), (v,))
    assert out == pytest.approx(value)
    assert tangent == pytest.approx(sum(a * b for a, b in zip(gradient, v, strict=True)))
    out, pull_back = vjp(rosenbrock, list(point))
    assert out == pytest.approx(value)
    assert pull_back(3.0)[0] == pytest.approx([3 * g for g in gradient])


def test_jacobian_forward_and_backward_products_agree() -> None:
    def f(v: Any, s: Any) -> list[Any]:
        return [v[0] * v[1] * s, sin(v[0]) + s, exp(v[1]) * v[0], v[2] * 0 + 7]

    v, s, direction, weights = [0.3, -0.4, 2.0], 1.7, ([1.0, 2.0, -1.0], 0.5), [1.0, -2.0, 0.5, 9.0]
    rows = jacobian(f, argnums=(0, 1))(v, s)
    matrix = [[*by_v, by_s] for by_v, by_s in rows]
    flat = [*direction[0], direction[1]]
    forward = [sum(a * b for a, b in zip(row, flat, strict=True)) for row in matrix]
    assert jvp(f, (v, s), direction)[1] == pytest.approx(forward)
    by_v, by_s = vjp(f, v, s)[1](weights)
    backward = [sum(w * row[j] for w, row in zip(weights, matrix, strict=True)) for j in range(4)]
    assert [*by_v, by_s] == pytest.approx(backward)


@pytest.mark.parametrize("order", range(9))
def test_sin_is_its_own_fourth_derivative(order: int) -> None:
    f: Any = sin
    for _ in range(order):
        f = grad(f)
    for x in (0.0, 0.4, -2.0):
        expected = [math.sin, math.cos, lambda t: -math.sin(t), lambda t: -math.cos(t)][order % 4](x)
        assert f(x) == pytest.approx(expected, abs=1e-12)


def test_without_argnums_the_first_argument_is_meant() -> None:
    def f(x: Any, y: Any) -> Any:
        return x**3 * y

    assert grad(f)(2.0, 5.0) == 60.0
    assert value_and_grad(f)(2.0, 5.0) == (40.0, 60.0)
    assert jacobian(lambda x, y: [f(x, y), x])(2.0, 5.0) == [60.0, 1.0]
    assert hessian(f)(2.0, 5.0) == 60.0
    assert grad(f, argnums=1)(2.0, 5.0) == 8.0


def test_a_tangent_that_is_a_value_is_differentiated_through() -> None:
    t = Value(3.0)
    _, slope = jvp(lambda x: x * x, (2.0,), (t,))
    assert (slope.data, autograd.grad(slope, t)) == (12.0, (4.0,))


@pytest.mark.parametrize("derivative", [grad, lambda f: lambda x: jvp(f, (x,), (1.0,))[1]], ids=["grad", "jvp"])
@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda x: 2.0 * where(x > 0.0, x * x, 5.0), 3.0, 12.0),
        (lambda x: 2.0 * where(x > 0.0, x * x, 5.0), -3.0, 0.0),
        (lambda x: 2.0 * where(x > 0.0, 5.0, x * x), 3.0, 0.0),
        (lambda x: 2.0 * where(x > 0.0, 5.0, x * x), -3.0, -12.0),
        (lambda x: where(x > 0.0, 1.0, 2.0), 3.0, 0.0),
        (lambda x: where(x > 0.0, log(x), x), -1.0, 1.0),  # no nan from the side that is not taken
        (lambda x: where(x > 0.0, x, log(-x)), 1.0, 1.0),
    ],
)
def test_a_compiled_derivative_is_that_of_the_side_that_is_taken(
    derivative: Any, f: Any, at: float, expected: float
) -> None:
    compiled = autograd.compile(derivative(f))
    assert [float(as_node(compiled(x)).data) for x in (at, at)] == [expected] * 2


def test_arguments_and_results_have_the_same_shape() -> None:
    def f(a: Any, b: Any) -> Any:
        return a[0] * a[1][0] + b[1] ** 2

    assert grad(f, argnums=(0, 1))([2, (3.0,)], (4.0, 5.0)) == ([3.0, (2.0,)], (0.0, 10.0))
    assert grad(f, argnums=1)([2, (3.0,)], (4.0, 5.0)) == (0.0, 10.0)
    assert grad(f, argnums=-1)([2, (3.0,)], (4.0, 5.0)) == (0.0, 10.0)
    assert jacobian(lambda x: ([x, [x * x]], x**3))(2.0) == ([1.0, [4.0]], 12.0)
    assert grad(lambda empty: 3.0)([]) == []


def test_numbers_come_back_as_floats_and_values_as_values() -> None:
    assert type(grad(sin)(1)) is float
    x = Value(1.0)
    derivative = grad(sin)(x)
    assert isinstance(derivative, Value)
    derivative.backward()
    assert x.grad == pytest.approx(-math.sin(1.0))


def test_a_function_is_called_once_and_its_value_leaves_no_trace() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x)
        return x * x

    x = Value(3.0)
    value_and_grad(f)(3.0)
    grad(f)(x)
    assert len(calls) == 2
    assert x.grad == 0
    assert x not in calls  # the function gets a node of its own


def test_constant_functions_have_the_derivative_zero() -> None:
    assert value_and_grad(lambda x: 7)(3.0) == (7.0, 0.0)
    assert jacobian(lambda x: [1.0, x])(3.0) == [0.0, 1.0]
    assert jvp(lambda x: [7.0, x], (3.0,), (1.0,)) == ([7.0, 3.0], [0.0, 1.0])
    assert hessian(lambda v: v[0] + v[1])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]


# ---- nesting ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (lambda x: grad(lambda y: x * y)(2.0), 1.0),
        (lambda x: x * grad(lambda y: x + y)(1.0), 1.0),
        (lambda x: value_and_grad(lambda y: x * y)(2.0)[0], 2.0),
        (lambda x: jacobian(lambda y: [x * y, y])(2.0)[0], 1.0),
        (lambda x: vjp(lambda y: x * y * y, 2.0)[1](1.0)[0], 4.0),
        (lambda x: jvp(lambda y: x * y, (2.0,), (1.0,))[1], 1.0),
        (lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], 1.0),
        (lambda x: hvp(lambda y: x * y**3, 2.0, 1.0), 12.0),
        (lambda x: hessian(lambda v: x * v[0] ** 2)([1.0])[0][0], 2.0),
        (lambda x: grad(lambda y: grad(lambda z: x * y * z)(5.0))(7.0), 1.0),
    ],
)
def test_a_derivative_inside_a_differentiated_function_sees_its_closure(inner: Any, expected: float) -> None:
    assert grad(inner)(3.0) == expected
    assert jvp(inner, (3.0,), (1.0,))[1] == expected


def test_the_argument_and_the_same_value_captured_from_outside_are_told_apart() -> None:
    x = Value(3.0)
    partial = grad(lambda y: x * y)(x)  # d(x y)/dy at y = x
    assert partial.data == 3.0
    assert autograd.grad(partial, x) == (1.0,)


def test_a_captured_parameter_is_a_constant_to_the_derivative() -> None:
    w = Value(5.0)
    assert grad(lambda x: w * x * x)(2.0) == 20.0
    assert w.grad == 0


def test_a_failing_function_does_not_leave_the_mark_of_a_transformation() -> None:
    def fails(x: Any) -> Any:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        grad(fails)(1.0)
    assert type(grad(sin)(1.0)) is float


def test_derivatives_are_right_inside_no_grad() -> None:
    x = Value(3.0)
    with no_grad():
        assert grad(lambda t: t**3)(3.0) == 27.0
        assert grad(grad(lambda t: t**3))(3.0) == 18.0
        assert jvp(cos, (0.5,), (1.0,))[1] == pytest.approx(-math.sin(0.5))
        assert grad(lambda t: t**3)(x).data == 27.0
        assert not (x * x).parents  # what is outside of the derivative is still not recorded
    y = x**3
    with no_grad():
        (dx,) = autograd.grad(y, x, create_graph=True)
    assert autograd.grad(dx, x) == (18.0,)


def test_no_grad_inside_the_function_cuts_the_graph() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            held = x * x
        return held * x

    assert grad(f)(3.0) == 9.0


# ---- cost ------------------------------------------------------------------------------------------------------------
def test_a_hessian_vector_product_does_not_form_the_hessian() -> None:
    """The number of primitives applied grows with n, as a gradient's does, not with n²."""

    def applied(n: int) -> int:
        count = 0

        def f(v: Any) -> Any:
            return sumprod([x * x for x in v], v)

        original = Value.apply

        def counting(op: Any, operands: Any) -> Value:
            nonlocal count
            count += 1
            return original(op, operands)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Value, "apply", staticmethod(counting))
            with autograd.modes.switched():  # sends every operator through apply
                hvp(f, [1.0] * n, [1.0] * n)
        return count

    small, large = applied(10), applied(40)
    assert small > 20
    assert large < 4.5 * small


# ---- what users of PyTorch and JAX write -----------------------------------------------------------------------------
def test_grad_takes_the_arguments_of_pytorch() -> None:
    x = Value(3.0)
    y = x * x
    assert autograd.grad(y, x, 2.0, True, False) == (12.0,)
    assert autograd.grad(y, [x], grad_outputs=[2.0], retain_graph=True) == (12.0,)
    (dx,) = autograd.grad(y, x, grad_outputs=Value(2.0), create_graph=True)
    assert autograd.grad(dx, x) == (4.0,)
    y.backward(retain_graph=True)
    y.backward(1.0, True)
    assert x.grad == 12.0


def test_keyword_arguments_are_passed_on() -> None:
    def f(x: Any, *, scale: Any = 1.0) -> Any:
        return scale * x**3

    assert value_and_grad(f)(2.0, scale=10.0) == (80.0, 120.0)
    assert hessian(f)(2.0, scale=10.0) == 120.0
    captured = Value(10.0)
    slope = grad(f)(2.0, scale=captured)
    assert autograd.grad(slope, captured) == (12.0,)


def test_arguments_and_results_may_be_dictionaries_and_named_tuples() -> None:
    class Point(NamedTuple):
        x: Any
        y: Any

    def f(p: Any) -> Any:
        return p["w"] ** 2 * p["at"].x + p["at"].y

    at = {"w": 3.0, "at": Point(2.0, 5.0)}
    assert grad(f)(at) == {"w": 12.0, "at": Point(9.0, 1.0)}
    assert hessian(f)(at)["w"] == {"w": 4.0, "at": Point(6.0, 0.0)}
    assert jacobian(lambda x: {"square": x * x, "one": 1.0})(3.0) == {"square": 6.0, "one": 0.0}
    assert jvp(f, (at,), ({"at": Point(1.0, 0.0), "w": 10.0},)) == (23.0, 129.0)  # in any order
    assert hvp(f, at, {"at": Point(0.0, 0.0), "w": 1.0}) == {"w": 4.0, "at": Point(6.0, 0.0)}


# ---- refusals --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (lambda: grad(sin)("a"), TypeError, "the text 'a'"),
        (lambda: grad(sin)({"a": 1.0}), TypeError, "dict"),
        (lambda: grad(lambda x: [x])(1.0), TypeError, "must return one number, got list: use jacobian"),
        (lambda: grad(lambda x: "a")(1.0), TypeError, "the text 'a'"),
        (lambda: grad(sin, argnums=1)(1.0), ValueError, "argnums has 1, but the function was called with 1"),
        (lambda: grad(sin, argnums=-2)(1.0), ValueError, "argnums has -2"),
        (lambda: grad(lambda x, y: x, argnums=(0, 0))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: grad(lambda x, y: x, argnums=(1, -1))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: jvp(sin, (1.0,), (1.0, 2.0)), ValueError, "2 tangents for 1 primals"),
        (lambda: vjp(sin, 1.0)[1]([1.0, 2.0]), ValueError, "2 weights for 1 outputs"),
        (lambda: hvp(rosenbrock, [1.0, 2.0], [1.0]), ValueError, "1 tangents for 2 primals"),
        (lambda: hessian(lambda v: [v[0], v[1]])([1.0, 2.0]), TypeError, "must return one number"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "must return a number, got None: does it say `return`"),
        (lambda: jvp(sin, 1.0, 1.0), TypeError, r"must be tuples of one entry per argument, got 1\.0"),
        (lambda: jvp(lambda x, y: x * y[0], (2.0, [1.0]), ([1.0], 2.0)), ValueError, "must have the same shape"),
        (lambda: jvp(lambda p: p["w"], ({"w": 1.0},), ({"v": 1.0},)), ValueError, "must have the same shape"),
        (lambda: vjp(sin, 1.0)[1]("a"), TypeError, "the text 'a'"),
        (lambda: jacobian(sin, 1.0), TypeError, r"argnums are positions of arguments, not 1\.0.*jacobian\(f\)\(x\)"),
        (lambda: hessian(rosenbrock, [1.0, 2.0]), TypeError, "argnums are positions"),
        (lambda: autograd.grad(sin), TypeError, r"there is autograd\.functional\.grad"),
        (lambda: autograd.grad(Value(1.0)), TypeError, r"inputs are missing: write grad\(output, inputs\)"),
        (lambda: grad(Value(1.0)), TypeError, "expected a function, not Value"),
        (lambda: autograd.grad(Value(1.0), Value(1.0), grad_outputs=["a"]), TypeError, "the text 'a'"),
    ],
)
def test_wrong_arguments_are_refused(attempt: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attempt()


def test_numpy_s_functions_are_differentiated_twice_and_compiled() -> None:
    np = pytest.importorskip("numpy")
    x = np.array([3.0, 4.0])
    assert list(grad(np.linalg.norm)(x)) == pytest.approx([0.6, 0.8])
    rows = hessian(lambda v: np.linalg.norm(v) ** 3)(x)  # 3 (|x| I + x x^T / |x|)
    assert rows.tolist() == [pytest.approx([20.4, 7.2]), pytest.approx([7.2, 24.6])]

    def f(v: Any) -> Any:
        return np.sqrt(np.sum(v * v)) + np.exp(v[0])

    value, (gradient,) = autograd.compile(f).value_and_grad(x)
    assert value == pytest.approx(5.0 + math.exp(3.0))
    assert list(gradient) == pytest.approx(list(grad(f)(x)))


W = Value(2.0)


@pytest.mark.parametrize(
    "derivative",
    [
        lambda: functional.grad(lambda x: W * x**3)(1.5),
        lambda: functional.grad(functional.grad(lambda x: W * x**3))(1.5),
        lambda: functional.value_and_grad(lambda x: W * x**3)(1.5)[0],
        lambda: functional.value_and_grad(lambda x: W * x**3)(1.5)[1],
        lambda: functional.hessian(lambda v: W * v[0] ** 3)([1.5])[0][0],
        lambda: functional.jacobian(lambda v: [W * v[0] ** 3])([1.5])[0][0],
        lambda: functional.vjp(lambda x: W * x**3, 1.5)[1](1.0)[0],
        lambda: functional.jvp(lambda x: W * x**3, (1.5,), (1.0,))[1],
    ],
    ids=["grad", "grad of grad", "value", "value_and_grad", "hessian", "jacobian", "vjp", "jvp"],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda d: W + d**2,
        lambda d: sum([-d, abs(d) / 2, 1.0]) * W,
        lambda d: 2.0 - d - W,
        lambda d: W * autograd.fsum([d, d, 1.0]),
        lambda d: autograd.fsum([d * d, W]),
        lambda d: autograd.sin(d) + W,
        lambda d: autograd.hypot(d, 3.0) * W,
        lambda d: autograd.logsumexp([W, d]),
        lambda d: autograd.maximum(d, W) * W,
        lambda d: W.hypot(d),
    ],
    ids=["+", "sum", "-", "fsum", "fsum with a Value", "sin", "hypot", "logsumexp", "maximum", "method"],
)
def test_a_gradient_that_is_lost_in_a_graph_is_told(derivative: Callable[[], Any], use: Callable[[Any], Any]) -> None:
    """A loss with a derivative of a network: its numbers are right, and its gradients would not be."""
    number = derivative()
    assert isinstance(number, float)
    with pytest.warns(RuntimeWarning, match=r"no gradient flows through this number.*transformation\(\)") as told:
        lost = use(number)
    assert told[0].filename == __file__
    with functional.transformation():
        right = use(derivative())
    assert lost.data == pytest.approx(right.data)
    inside = autograd.compile(lambda: use(derivative()))()
    for root in (right, inside):
        W.grad = 0.0
        root.backward()
        assert W.grad == pytest.approx(autograd.grad(right, W)[0])
    assert autograd.grad(lost, W)[0] != pytest.approx(autograd.grad(right, W)[0])


def test_no_warning_where_no_gradient_is_lost() -> None:
    assert type(functional.grad(lambda x: x**2)(1.5)) is float
    number = functional.grad(lambda x: W * x**2)(1.5)
    assert (number + 1.0, f"{number:.1f}", round(number, 2), math.sqrt(number * 6.0)) == (7.0, "6.0", 6.0, 6.0)
    with autograd.no_grad():
        assert (W * number).data == 12.0
    assert (W * float(number)).data == 12.0


W = Value(2.0)
MARKED: dict[str, Callable[[Any, Any], Any]] = {
    "an entry": lambda d, np: d[0] * d[1] * Value(1.0),
    "each entry": lambda d, np: [v * W for v in d],
    "a part": lambda d, np: d[1:][0] * W,
    "a sum": lambda d, np: (d * d).sum() * W,
    "a mean": lambda d, np: d.mean() * W,
    "a norm": lambda d, np: np.linalg.norm(d) * W,
    "a product with an array of Values": lambda d, np: d @ np.array([Value(1.0), W]),
    "a product with a Value": lambda d, np: Value(3.0) * d,
    "changed in its place": lambda d, np: d.__imul__(2.0)[0] * W,
    "a step": lambda d, np: (np.ones(2) - 0.1 * d)[0] * W,
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("use", MARKED.values(), ids=MARKED.keys())
def test_a_derivative_at_an_array_tells_that_it_lost_the_gradient_to_captured_values(use: Any, compiled: bool) -> None:
    np = pytest.importorskip("numpy")

    def f(x: Any) -> Any:
        return sum(v * v * W for v in x)

    slopes = grad(autograd.compile(f) if compiled else f)(np.array([1.0, 2.0]))
    with pytest.warns(RuntimeWarning, match="is a derivative of a function"):
        use(slopes, np)


@pytest.mark.parametrize("use", [lambda h: h[0][0] * W, lambda h: h[0, 1] * W, lambda h: (h * W)[0]])
def test_a_hessian_at_an_array_tells_it_too(use: Any) -> None:
    np = pytest.importorskip("numpy")
    found = hessian(lambda x: x[0] * x[0] * x[1] * W)(np.array([1.0, 2.0]))
    assert found.tolist() == [[8.0, 4.0], [4.0, 0.0]]
    with pytest.warns(RuntimeWarning, match="is a derivative of a function"):
        use(found)


def test_such_an_array_is_one_like_any_other() -> None:
    np = pytest.importorskip("numpy")
    slopes = grad(lambda x: sum(v * v * W for v in x))(np.array([1.0, 2.0]))
    assert isinstance(slopes, np.ndarray)
    assert slopes.tolist() == [4.0, 8.0]
    assert type(pickle.loads(pickle.dumps(slopes))) is np.ndarray
    assert copy.deepcopy(slopes).tolist() == [4.0, 8.0]
    slopes -= 1.0
    slopes[0] = 5.0
    assert (slopes.tolist(), float(np.add(slopes, 1.0).max())) == ([5.0, 7.0], 8.0)
    assert type(grad(lambda x: x[0] * x[1])(np.array([1.0, 2.0]))) is np.ndarray  # of a function that captures nothing
