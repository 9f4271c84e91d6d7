"""gradcheck and check_graph accept what is right, reject what is wrong, and say where and by how much."""

from __future__ import annotations

import math
import random
from collections import namedtuple
from typing import Any

import pytest

import autograd
from autograd import GradcheckError, StaleGraphError, Value, check_graph, functional, gradcheck, ops, primitive
from autograd.differences import differentiate, has_kink
from autograd.ops import Op
from autograd.value import constant
from tests.support.points import PRIMITIVES, arities
from tests.support.references import REFERENCES
from tests.support.table import the_table_is_left_as_it_was  # noqa: F401 - a fixture


def wrong_square(factor: float) -> Any:
    return primitive(lambda y, x: factor * x, name="wrong_square")(lambda x: x * x)


# ---- the derivative of a function of one number ----------------------------------------------------------------------
INF = math.inf
SLOPES: dict[str, tuple[Any, float, float]] = {
    "smooth": (math.sin, 1.0, math.cos(1.0)),
    "a wave much shorter than x": (math.sin, 1e6, math.cos(1e6)),
    "x much smaller than the scale": (math.exp, 1e-12, 1.0),
    "close to a pole": (autograd.log, 1e-12, 1e12),
    "the smallest numbers": (autograd.log, 1e-300, 1e300),
    "the largest numbers": (lambda x: x * x, 3e150, 6e150),
    "close to the edge of the domain": (autograd.asin, 0.999999, 707.1069579492),
    "on a large offset": (lambda x: (1e8 + x) - 1e8, 0.3, 1.0),
    "detail below the first step": (lambda x: math.exp(-((x / 1e-6) ** 2)) + x, 1e-7, -198008.96674983),
    "a derivative of 0": (math.cos, 0.0, 0.0),
    "a constant": (lambda x: 3.0, 2.0, 0.0),
    "next to a kink": (autograd.relu, 1e-10, 1.0),
    "a small result": (autograd.softplus, -30.0, 9.35762296883930e-14),
}


@pytest.mark.parametrize("case", SLOPES)
def test_differences_are_accurate(case: str) -> None:
    f, x, slope = SLOPES[case]
    found = differentiate(f, x, slope)
    assert found is not None
    assert found.agrees(slope, 1e-6, 0.0)
    assert found.error <= 2e-6 * abs(slope) + 1e-10


@pytest.mark.parametrize("case", SLOPES)
@pytest.mark.parametrize("wrong", [lambda d: d * 1.001 + 1e-3 * (d == 0.0), lambda d: -d + (d == 0.0)])
def test_differences_tell_a_wrong_slope(case: str, wrong: Any) -> None:
    f, x, slope = SLOPES[case]
    found = differentiate(f, x, wrong(slope))
    assert found is not None
    assert not found.agrees(wrong(slope), 1e-6, 0.0)


@pytest.mark.parametrize(
    ("f", "x", "low", "high"),
    [
        (autograd.relu, 0.0, 0.0, 1.0),
        (autograd.abs, 0.0, -1.0, 1.0),
        (lambda x: autograd.clip(x, 0.0, 1.0), 1.0, 0.0, 1.0),
        (lambda x: autograd.leaky_relu(x, 3.0), 0.0, 1.0, 3.0),
        (autograd.floor, 2.0, 0.0, 0.0),
        (autograd.sign, 0.0, 0.0, 0.0),
        (autograd.sqrt, 0.0, INF, INF),
        (autograd.cbrt, 0.0, INF, INF),
        (autograd.acos, 1.0, -INF, -INF),
    ],
)
def test_at_a_kink_any_slope_between_the_sides_will_do(f: Any, x: float, low: float, high: float) -> None:
    for accepted in (low, high, 0.5 * (low + high)):
        found = differentiate(f, x, accepted)
        assert found is not None
        assert found.agrees(accepted, 1e-6, 0.0)
    for rejected in (low - 0.01, high + 0.01) if abs(low) < INF else (0.0, -low):
        found = differentiate(f, x, rejected)
        assert found is not None
        assert not found.agrees(rejected, 1e-6, 0.0)
        assert (round(found.low, 9), round(found.high, 9)) == (low, high)


@pytest.mark.parametrize(
    ("f", "x"),
    [(autograd.relu, 0.0), (autograd.abs, -0.0), (autograd.floor, 3.0), (autograd.round, 0.5), (autograd.sign, 0.0),
     (autograd.sqrt, 0.0), (autograd.asin, 1.0), (lambda x: autograd.maximum(x, 1e10), 1e10)],
)  # fmt: skip
def test_a_kink_is_found(f: Any, x: float) -> None:
    assert has_kink(f, x)


@pytest.mark.parametrize(
    ("f", "x"),
    [(math.exp, 0.0), (math.sin, 1e6), (math.cos, 0.0), (autograd.relu, 1e-9), (autograd.floor, 2.5),
     (autograd.log, 1e-200), (autograd.softplus, 0.0), (autograd.log, -1.0), (lambda x: 3.0, 0.0)],
)  # fmt: skip
def test_a_smooth_point_is_no_kink(f: Any, x: float) -> None:
    assert not has_kink(f, x)


# ---- every primitive -------------------------------------------------------------------------------------------------
def random_operands(op: Op, rng: random.Random) -> list[float]:
    sizes = (rng.gauss(0, 1), rng.uniform(-30, 30), rng.choice((0.0, 1.0, -1.0, 2.0, 0.5)), 10 ** rng.uniform(-8, 8))
    return [rng.choice(sizes) for _ in range(rng.choice(arities(op)))]


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_every_row_passes_and_no_damaged_row_does(op: Op) -> None:
    rng = random.Random(op.name)
    parameters = REFERENCES[op.name].parameters
    rejected = planted = 0
    for _ in range(25):
        operands = [constant(x) if i in parameters else Value(x) for i, x in enumerate(random_operands(op, rng))]
        node = op(*operands)
        report = check_graph(node)
        right = list(node.partials)
        for i, partial in enumerate(right):
            if i in parameters or report.unchecked or report.kinks or not math.isfinite(partial):
                continue
            usual = abs(node.data) / max(1.0, abs(operands[i].data))
            if partial and abs(partial) < 1e-6 * usual:
                continue  # too flat to be seen in differences
            node.partials = [*right[:i], partial * 1.001 or max(usual, 1.0) * 1e-3, *right[i + 1 :]]
            planted += 1
            rejected += not check_graph(node, raise_exception=False)
        node.partials = right
    assert rejected >= 0.95 * planted
    assert planted > 5 or op.name == "select"


# ---- gradcheck -------------------------------------------------------------------------------------------------------
def test_a_right_gradient_gives_a_true_report() -> None:
    report = gradcheck(lambda x, y: (x * y).tanh() + x**3, [0.5, Value(-1.5)])
    assert report
    assert (report.checked, report.wrong, report.unchecked, report.kinks) == (2, (), (), ())
    assert str(report) == "2 of 2 derivatives agree with finite differences"


def test_a_wrong_one_is_named_with_its_value_and_the_difference() -> None:
    wrong = wrong_square(3.0)
    with pytest.raises(GradcheckError) as error:
        gradcheck(lambda x, w: x + wrong(w[1][0]), [2.0, [1.0, [5.0]]])
    text = str(error.value)
    assert "2 of 3 derivatives agree" in text
    assert "d output / d argument 1[1][0] at 5 is 15, but differences give 10 ± " in text
    assert "(off by 5)" in text


def test_raising_can_be_switched_off() -> None:
    report = gradcheck(wrong_square(3.0), [5.0], raise_exception=False)
    assert not report
    (comparison,) = report.wrong
    assert comparison.derivative == "d output / d argument 0"
    assert (comparison.at, comparison.found) == (5.0, 15.0)
    assert comparison.low == comparison.high == pytest.approx(10.0, abs=1e-6)


def test_outputs_may_be_nested() -> None:
    wrong = wrong_square(3.0)
    assert gradcheck(lambda x, y: [x * y, [x + y, 1.0]], [2.0, 3.0]).checked == 6
    report = gradcheck(lambda x: [x, [wrong(x)]], [2.0], raise_exception=False)
    assert [c.derivative for c in report.wrong] == ["d output[1][0] / d argument 0"]


def test_tolerances_are_relative_or_absolute() -> None:
    slightly_wrong = wrong_square(2.0002)  # by 1e-4
    assert not gradcheck(slightly_wrong, [5.0], raise_exception=False)
    assert gradcheck(slightly_wrong, [5.0], rtol=2e-4)
    assert gradcheck(slightly_wrong, [5.0], rtol=0.0, atol=2e-3)
    assert not gradcheck(slightly_wrong, [5.0], rtol=0.0, atol=5e-4, raise_exception=False)


def test_kinks_are_accepted_and_listed() -> None:
    def f(x: Any) -> Any:
        hidden = (x - 1.0).relu()
        hidden.label = "h"
        return hidden + autograd.maximum(x, 2.0 - x)

    report = gradcheck(f, [1.0])
    assert report.kinks == ("maximum(1, 1)", "relu(0), node 'h'")
    assert "on a kink: relu(0)" in str(report)
    assert gradcheck(f, [1.1]).kinks == ()


def test_a_gradient_outside_of_the_kink_is_rejected() -> None:
    steep = primitive(lambda y, x: 1.5, name="steep")(lambda x: max(x, 0.0))
    (comparison,) = gradcheck(steep, [0.0], raise_exception=False).wrong
    assert (round(comparison.low, 9), round(comparison.high, 9)) == (0.0, 1.0)
    assert "between 0 and 1" in str(comparison)


def test_where_there_is_no_value_nothing_is_claimed() -> None:
    report = gradcheck(lambda x, y: x.log() + y, [-1.0, 2.0])
    assert report.checked == 0
    assert len(report.unchecked) == 2
    assert "where the value is nan" in str(report)


def test_second_derivatives_are_checked_on_demand() -> None:
    report = gradcheck(lambda x, y: x**3 * y + autograd.hypot(x, y), [2.0, 3.0], second_order=True)
    assert report.checked == 2 + 4
    # The first derivative is right as a number, but as a graph it is a constant.
    flat = primitive(lambda y, x: 2.0 * getattr(x, "data", x), name="flat")(lambda x: x * x)
    assert gradcheck(flat, [5.0])
    report = gradcheck(flat, [5.0], second_order=True, raise_exception=False)
    assert [c.derivative for c in report.wrong] == ["d gradient[0][0] / d argument 0"]
    assert report.wrong[0].found == 0.0


def test_second_derivatives_are_those_of_the_graph_that_users_get() -> None:
    """In which a plain number stays one."""
    given = []

    def partials(y: Any, x: Any, n: Any) -> Any:
        given.append(n)
        return (n * x ** (n - 1), 0.0)

    raised = primitive(partials)(lambda x, n: x**n)
    assert gradcheck(lambda x: raised(x, 3.0), [2.0], second_order=True).checked == 2
    assert set(map(type, given)) == {float}


Point = namedtuple("Point", "x, y")


def test_arguments_and_results_may_be_any_trees() -> None:
    numpy = pytest.importorskip("numpy")

    def f(v: Any, p: Any, q: Any) -> Any:
        return {"sum": (v * v).sum() * p["w"][0], "pair": Point(q.x * q.y, v[0, 1])}

    inputs = [numpy.array([[1.0, 2.0]]), {"w": [3.0, 4.0]}, Point(5.0, 6.0)]
    report = gradcheck(f, inputs, second_order=True)
    assert (report.checked, len(report.unchecked)) == (3 * 6 + 3 * 6 * 6, 0)
    assert gradcheck(lambda v: v[0] * v[1], numpy.array([1.0, 2.0])).checked == 2
    assert gradcheck(lambda p: p["w"] ** 2, {"w": 3.0}).checked == 1
    wrong = gradcheck(lambda p: wrong_square(3.0)(p["w"][1]), [{"w": numpy.array([1.0, 5.0])}], raise_exception=False)
    assert "d output / d argument 0['w'][1] at 5 is 15" in str(wrong)


def test_derivatives_of_functions_can_be_checked_themselves() -> None:
    assert gradcheck(functional.grad(lambda v: v[0] ** 2 * v[1] + v[1].sin()), [[2.0, 3.0]]).checked == 4


def test_a_function_that_varies_by_itself_is_refused() -> None:
    rng = random.Random(1)
    with pytest.raises(ValueError, match="for the same inputs"):
        gradcheck(lambda x: x * rng.random(), [1.0])


def test_no_gradient_of_the_user_is_touched() -> None:
    w = Value(3.0)
    w.grad = 7.0
    assert gradcheck(lambda x: w * x, [2.0], second_order=True)
    assert w.grad == 7.0


def test_no_inputs_is_nothing_to_check() -> None:
    assert gradcheck(lambda: Value(1.0), []).checked == 0


# ---- check_graph -----------------------------------------------------------------------------------------------------
def test_the_first_wrong_node_is_named_with_primitive_operands_and_label() -> None:
    wrong = wrong_square(3.0)
    x = Value(5.0, "x")
    y = (x + 1.0).tanh()
    z = wrong(x)
    z.label = "z"
    root = (y + wrong(z)).exp()
    with pytest.raises(GradcheckError, match=r"wrong_square\(5 \('x'\)\), node 'z', by operand 0 at 5 is 15, but"):
        check_graph(root)
    assert len(check_graph(root, raise_exception=False).wrong) == 1


def test_every_node_is_checked_and_constants_are_not() -> None:
    x = Value(0.5)
    report = check_graph((x**2 + 3.0 * x).sin())
    assert report.checked == 1 + 1 + 2 + 1  # **2 and 3*x by x alone, + by both, sin


def test_a_damaged_partial_is_found_in_the_recorded_graph() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    product = x * y
    root = product + x
    product.partials = (2.0, 3.0)  # the wrong way around
    report = check_graph(root, raise_exception=False)
    assert "mul(2 ('x'), 3 ('y')) by operand 0 at 2 is 2" in str(report)


def test_several_roots_share_one_walk() -> None:
    x = Value(0.5)
    shared = x.sin()
    assert check_graph([shared.exp(), shared * 2.0]).checked == 3


def test_data_that_changed_since_is_an_error() -> None:
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(StaleGraphError, match=r"recorded as 4\.0 but now is 9\.0"):
        check_graph(y)


@pytest.mark.parametrize("damage", [0, 170, 300])
def test_many_operands_are_checked_together(damage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    leaves = [Value(rng.gauss(0, 1)) for _ in range(301)]
    node = autograd.sumprod(leaves[:150], leaves[150:300], leaves[300])
    calls = 0
    value = ops.sum_of_products.value

    def counted(*operands: float) -> float:
        nonlocal calls
        calls += 1
        return value(*operands)

    monkeypatch.setattr(ops.sum_of_products, "value", counted)
    monkeypatch.setattr("autograd.check.has_kink", lambda *arguments: False)
    assert check_graph(node).checked == 301
    assert calls < 100
    right = list(node.partials)
    node.partials = [p * (1.001 if i == damage else 1.0) for i, p in enumerate(right)]
    report = check_graph(node, raise_exception=False)
    assert f"by operand {damage} " in str(report)


def test_a_compiled_call_is_left_to_gradcheck() -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x: (w * x).tanh())
    x = Value(0.3)
    report = check_graph(compiled(x) * 2.0)
    assert report.checked == 1
    assert "is a compiled function; give it to gradcheck" in report.unchecked[0]
    assert gradcheck(compiled, [0.3]).checked == 1


def test_a_graph_of_a_training_step_passes() -> None:
    rng = random.Random(1)
    weights = [[Value(rng.gauss(0, 1)) for _ in range(4)] for _ in range(3)]
    hidden = [autograd.sumprod(row, [0.5, -1.0, 2.0, 0.1]).relu() for row in weights]
    loss = -(autograd.softmax(hidden)[0].log()) + 0.01 * sum((w * w for row in weights for w in row), Value(0.0))
    assert check_graph(loss)


def test_a_single_input_may_be_alone() -> None:
    assert gradcheck(lambda x: x**2, 3.0).checked == 1
    assert gradcheck(lambda x: x**2, Value(3.0)).checked == 1
