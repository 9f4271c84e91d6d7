"""What a compiled function may do besides arithmetic: leave the graph, capture nodes, differentiate inside."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import AutogradError, NumericError, PrimitiveError, Value, functional, no_grad, sin, strict, tanh, viz

W = Value(2.0)


def detached(x: Any) -> Any:
    return x * x.detach()


def under_no_grad(x: Any) -> Any:
    with no_grad():
        s = x * 2 + W
    return x * s


def with_a_gradient_inside(x: Any) -> Any:
    y = x**3
    (slope,) = autograd.grad(y, x)
    return y * slope


def with_a_gradient_graph_inside(x: Any) -> Any:
    y = x**3
    (slope,) = autograd.grad(y, x, create_graph=True)
    return y * slope


def with_a_transformation_inside(x: Any) -> Any:
    return functional.grad(lambda t: t * t * x)(2.0) * x


def formatted(x: Any) -> Any:
    return x * float(f"{x:.1f}")


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize(
    "f",
    [
        detached,
        under_no_grad,
        with_a_gradient_inside,
        with_a_gradient_graph_inside,
        with_a_transformation_inside,
        formatted,
    ],
)
def test_what_leaves_the_graph_is_computed_anew(f: Callable[[Any], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for number, weight in [(3.0, 2.0), (4.0, 2.0), (4.0, 5.0), (0.5, -1.0)]:
        W.data = weight
        value, (slope,) = compiled.value_and_grad(number)
        assert (value, slope) == pytest.approx(functional.value_and_grad(f)(number))
    W.data = 2.0


def test_a_captured_node_is_a_parent_and_passes_its_gradient_on() -> None:
    w = Value(3.0)
    u = w * w
    y = autograd.compile(lambda x: x * u)(2.0)
    y.backward()
    assert (y.data, u.grad, w.grad) == (18.0, 2.0, 12.0)


def test_to_set_data_of_what_was_computed_inside_is_done_in_each_call() -> None:
    def sets(x: Any) -> Any:
        y = x * 1.0
        y.data = y.data + 7.0
        return y

    compiled = autograd.compile(sets)
    with pytest.warns(RuntimeWarning, match=r"sets \.data of a Value that it made itself"):
        assert [compiled(Value(x)).data for x in (1.0, 2.0, 5.0, 1.0, 3.0, 2.0)] == [8.0, 9.0, 12.0, 8.0, 10.0, 9.0]


def test_a_number_has_no_gradient_with_and_without_the_compiler() -> None:
    def walks(x: Any) -> Any:
        y = x * x
        y.backward()
        return y * x.grad

    for f in (walks, autograd.compile(walks)):
        assert f(Value(3.0)).data == 54.0
        with pytest.raises(AttributeError, match="'float' object has no attribute 'backward'"):
            f(3.0)


def test_a_decision_about_a_captured_leaf_is_a_guard() -> None:
    w = Value(1.0)
    compiled = autograd.compile(lambda x: x * 2.0 if w.data > 0 else x * 3.0)
    assert compiled(1.0) == 2.0
    w.data = -1.0
    assert compiled(1.0) == 3.0


def test_compiled_functions_are_differentiated_again() -> None:
    compiled = autograd.compile(lambda x, y: sin(x) * autograd.exp(y) + tanh(x * y) * 0.3 + autograd.gelu(x))

    def eager(x: Any, y: Any) -> Any:
        return sin(x) * autograd.exp(y) + tanh(x * y) * 0.3 + autograd.gelu(x)

    for i in range(40):
        point = [0.1 * i - 2.0, 1.0 - 0.07 * i]
        found = functional.hessian(lambda v: compiled(*v))(point)
        for row, expected in zip(found, functional.hessian(lambda v: eager(*v))(point)):
            assert row == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_a_compiled_graph_is_recorded_inside_another_and_differentiated_again() -> None:
    a, b = Value(2.0), Value(3.0)
    compiled = autograd.compile(a * b + a.sin(), inputs=[a, b])
    assert functional.grad(functional.grad(compiled))(0.5, 2.0) == pytest.approx(-sin(0.5))
    outer = autograd.compile(lambda x: compiled(x, x) * 2.0)
    assert outer.value_and_grad(0.5)[0] == pytest.approx(2 * (0.25 + sin(0.5)))
    with pytest.raises(AutogradError, match="twice"):
        autograd.compile(a * b, inputs=[a, a])


def test_strict_names_the_operation_inside_a_compiled_function() -> None:
    compiled = autograd.compile(lambda x: autograd.log(x) * 2)
    with strict(), pytest.raises(NumericError, match="log"):
        compiled(Value(-1.0))


def test_a_copy_of_a_compiled_function_is_itself() -> None:
    compiled = autograd.compile(lambda x: x * x)
    compiled(2.0)
    assert copy.deepcopy(compiled) is compiled


def test_a_name_outside_that_gets_another_object_is_seen() -> None:
    factor = 2.0
    compiled = autograd.compile(lambda x: x * factor)
    assert compiled.value_and_grad(3.0) == (6.0, (2.0,))
    factor = 5.0
    assert compiled.value_and_grad(3.0) == (15.0, (5.0,))
    assert compiled(1.0) == 5.0
    assert compiled.recordings == 2


def test_a_compiled_function_differentiates_itself_in_transformations() -> None:
    np = pytest.importorskip("numpy")

    def f(x: Any, w: Any) -> Any:
        return sum(a * a * b for a, b in zip(x, w)) * w[0]

    compiled, x, w = autograd.compile(f), [1.0, 2.0], [3.0, 4.0]
    for argnums in (0, 1, -1, (1, 0), (0,)):
        assert functional.value_and_grad(compiled, argnums)(x, w) == functional.value_and_grad(f, argnums)(x, w)
    assert functional.grad(lambda a: functional.grad(compiled)([a, a], w)[0])(2.0) == functional.grad(
        lambda a: functional.grad(f)([a, a], w)[0]
    )(2.0)
    assert functional.grad(compiled)([1, 2], w) == functional.grad(f)([1, 2], w)
    gradient = functional.grad(compiled)(np.array(x), w)
    assert (type(gradient), list(gradient)) == (np.ndarray, functional.grad(f)(x, w))
    v = Value(2.0)
    assert isinstance(functional.grad(compiled)([1.0, v], w)[1], Value)
    with pytest.raises(ValueError, match="argnums has 2, but the function was called with 2 arguments"):
        functional.grad(compiled, 2)(x, w)


def test_a_call_depends_on_what_the_function_captured_as_on_its_arguments() -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")
    y = autograd.compile(lambda x: x * x * w)(x)
    assert [y.op.value(3.0, 2.0), y.op.value(3.0, 5.0), y.op.value(4.0, 2.0)] == [12.0, 75.0, 16.0]
    assert [*y.op.partials(12.0, 4.0, 2.0)] == [4.0, 16.0]
    assert "finite differences give 4" in str(viz.explain(w, y))
    twin = copy.deepcopy(y)
    found = autograd.grad(twin, list(twin.parents), create_graph=True)
    assert [derivative.data for derivative in found] == [4.0, 12.0]
    assert autograd.grad(found[1], list(twin.parents)) == (4.0, 6.0)
    with pytest.raises(PrimitiveError, match="detach"):
        pickle.dumps(y)


def test_what_a_call_depends_on_may_depend_on_each_other() -> None:
    w, x = Value(0.3), Value(0.2)
    captured = (x * w).exp()

    def f(s: Any, t: Any) -> Any:
        return (s * captured + t * w).tanh()

    expected = autograd.grad(f(x, x * w), [x, w], create_graph=True)
    found = autograd.grad(autograd.compile(f)(x, x * w), [x, w], create_graph=True)
    for one, other in zip(found, expected):
        assert one.data == pytest.approx(other.data, rel=1e-12)
        assert autograd.grad(one, [x, w]) == pytest.approx(autograd.grad(other, [x, w]), rel=1e-12)
    y = autograd.compile(lambda t: t * w)(x)
    with no_grad():
        assert [*y.op.partials(0.06, 5.0, 0.2)] == [0.2, 5.0]


def test_the_graph_of_a_call_has_nothing_of_a_branch_that_was_not_taken() -> None:
    x = Value(0.0)
    y = autograd.compile(lambda x: autograd.where(x > 0, x.log(), x * x))(x)
    (slope,) = autograd.grad(y, [x], create_graph=True)
    assert (slope.data, autograd.grad(slope, [x])) == (0.0, (2.0,))


def test_a_graph_that_holds_a_call_is_compiled_with_the_graph_of_the_call() -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")
    outer = autograd.compile((autograd.compile(lambda x: x * w * w)(x) + w).tanh(), inputs=[x])
    assert outer.value_and_grad(0.1) == functional.value_and_grad(lambda x: tanh(x * w * w + w), [0])(0.1)
    w.data = -1.0
    assert outer.value_and_grad(0.5) == functional.value_and_grad(lambda x: tanh(x * w * w + w), [0])(0.5)
    assert outer.recordings == 1


def test_calls_with_any_number_of_arguments_are_recorded() -> None:
    w = Value(2.0)

    def none() -> Value:
        return w * w

    def two(x: float, y: float = 1.0) -> Value:
        return w * x * y

    compiled = autograd.compile(lambda x: none() + two(x) + two(x, 3.0) + (1.0 if isinstance(x, float) else 2.0))
    assert [compiled(x).data for x in (1.0, 2.0)] == [13.0, 21.0]
    assert (compiled.recordings, compiled.refused, compiled.budget.hits) == (1, 0, 1)


def test_it_is_a_decorator_with_options_and_with_empty_brackets_too() -> None:
    @autograd.compile(backend="python")
    def square(x: Any) -> Any:
        """x²."""
        return x * x

    @autograd.compile()
    def cube(x: Any) -> Any:
        return x * x * x

    assert (square.backend, cube.backend) == ("python", "auto")
    assert (square.__name__, square.__doc__) == ("square", "x².")
    assert square.value_and_grad(3.0) == (9.0, (6.0,))
    assert cube.value_and_grad(2.0) == (8.0, (12.0,))
    with pytest.raises(ValueError, match="backend must be one of auto, native, python, not 'fast'"):

        @autograd.compile(backend="fast")
        def fails(x: Any) -> Any:
            return x

    with pytest.raises(TypeError, match="inputs= goes with a graph"):
        autograd.compile(inputs=[Value(1.0)])  # type: ignore[call-overload]


def _inverse(x: Any) -> Any:
    try:
        return 1.0 / x
    except ZeroDivisionError:  # which a Value does not raise
        return 0.0 * x


def _stopped(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[0] * _stopped(x[1]) + _stopped(x[0]) * x[1] ** 2,
        lambda x: sum((v - m) ** 2 * m for m in [max(map(_stopped, x))] for v in x),
        lambda x: (x[0].exp() if isinstance(x[0], Value) else math.exp(x[0])) * x[1],
        lambda x: x[0] * x[1] if isinstance(x[0], float) else x[0] * x[1] ** 3,
        lambda x: x[0] * 2.0 if type(x[0]) is float else x[0] * x[1],
        lambda x: _inverse(x[0]) + x[1],
    ],
)
def test_where_a_gradient_is_wanted_the_arguments_are_values_to_isinstance_too(f: Any) -> None:
    compiled = autograd.compile(f)
    for x in ([1.0, 3.0], [0.0, 1.0], [0.5, 4.0], [1.0, 2.0]):
        assert functional.grad(compiled)(x) == pytest.approx(functional.grad(f)(x), rel=1e-14)
        assert functional.value_and_grad(compiled)(x)[0] == pytest.approx(f([*map(Value, x)]).data, rel=1e-14)
