"""Losses: values and gradients against their definitions, extreme numbers, shapes, reductions, refusals."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value
from nn.layers import MLP
from nn.losses import (
    LOSSES,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_mse_loss,
    hinge_loss,
    huber_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    loss_for,
    loss_named,
    mse_loss,
    wrong_targets,
)


def sigma(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


def softmax(z: list[float]) -> list[float]:
    e = [math.exp(v) for v in z]
    return [v / sum(e) for v in e]


def value_and_gradient(loss: Callable[..., Any], inputs: list[float], target: Any, **options: Any) -> Any:
    """The loss of a list of outputs, and its gradient by them."""
    nodes = [Value(x) for x in inputs]
    result = loss(nodes, target, **options)
    result.backward()
    return result.data, [node.grad for node in nodes]


# --- each loss against its definition -------------------------------------------------------------------------------

# loss, outputs, targets, the losses one by one and their derivatives, as textbooks define them
A, Y = [0.5, -1.0, 3.0], [1.0, -1.5, 3.0]
P, T = [0.25, 0.5, 0.875], [1.0, 0.0, 0.5]
CASES: list[tuple[Callable[..., Any], list[float], list[float], list[float], list[float]]] = [
    (mse_loss, A, Y, [0.25, 0.25, 0.0], [-1.0, 1.0, 0.0]),
    (half_mse_loss, A, Y, [0.125, 0.125, 0.0], [-0.5, 0.5, 0.0]),
    (l1_loss, A, Y, [0.5, 0.5, 0.0], [-1.0, 1.0, 0.0]),
    (huber_loss, [0.5, 3.0, -2.0], [0.0, 0.0, 0.0], [0.125, 2.5, 1.5], [0.5, 1.0, -1.0]),
    (hinge_loss, [2.0, 0.5, -0.5], [1.0, -1.0, 1.0], [0.0, 1.5, 1.5], [0.0, 1.0, -1.0]),
    (
        binary_cross_entropy, P, T,
        [-(t * math.log(p) + (1 - t) * math.log(1 - p)) for p, t in zip(P, T, strict=True)],
        [(p - t) / (p * (1 - p)) for p, t in zip(P, T, strict=True)],
    ),
    (
        binary_cross_entropy_with_logits, A, T,
        [-(t * math.log(sigma(z)) + (1 - t) * math.log(1 - sigma(z))) for z, t in zip(A, T, strict=True)],
        [sigma(z) - t for z, t in zip(A, T, strict=True)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "inputs", "targets", "values", "gradients"), CASES)
def test_a_loss_and_its_gradient_are_as_defined(
    loss: Callable[..., Any], inputs: list[float], targets: list[float], values: list[float], gradients: list[float]
) -> None:
    n = len(inputs)
    assert loss(inputs, targets, reduction="none") == pytest.approx(values, abs=1e-14)
    value, gradient = value_and_gradient(loss, inputs, targets, reduction="sum")
    assert value == pytest.approx(math.fsum(values), abs=1e-14)
    assert gradient == pytest.approx(gradients, abs=1e-14)
    value, gradient = value_and_gradient(loss, inputs, targets)
    assert value == pytest.approx(math.fsum(values) / n, abs=1e-14)
    assert gradient == pytest.approx([g / n for g in gradients], abs=1e-14)


def test_the_three_scalings_of_squared_error_that_tutorials_use() -> None:
    a, y = [1.0, 2.0, 4.0], [0.0, 0.0, 1.0]  # Σ (a − y)² = 14
    assert mse_loss(a, y, reduction="sum") == 14.0
    assert mse_loss(a, y) == pytest.approx(14.0 / 3)
    assert half_mse_loss(a, y) == pytest.approx(14.0 / 6)


def test_huber_bends_at_delta() -> None:
    assert huber_loss([1.5, 3.0], [0.0, 0.0], reduction="none", delta=2.0) == [1.125, 4.0]
    assert value_and_gradient(huber_loss, [2.0], [0.0], delta=2.0) == (2.0, [2.0])  # both sides meet there


def test_cross_entropy_of_an_index_and_of_probabilities() -> None:
    z = [0.5, -1.0, 2.0]
    p = softmax(z)
    value, gradient = value_and_gradient(cross_entropy, z, 1)
    assert value == pytest.approx(-math.log(p[1]), abs=1e-14)
    assert gradient == pytest.approx([p[0], p[1] - 1, p[2]], abs=1e-14)
    t = [0.2, 0.5, 0.3]
    value, gradient = value_and_gradient(cross_entropy, z, t)
    assert value == pytest.approx(-sum(y * math.log(q) for y, q in zip(t, p, strict=True)), abs=1e-14)
    assert gradient == pytest.approx([q - y for q, y in zip(p, t, strict=True)], abs=1e-14)


def test_cross_entropy_of_many_samples_is_reduced_over_samples() -> None:
    Z = [[0.5, -1.0], [0.25, 2.0], [0.0, 0.0]]
    each = [cross_entropy(z, y) for z, y in zip(Z, [0, 1, 1], strict=True)]
    assert cross_entropy(Z, [0, 1, 1], reduction="none") == each
    assert cross_entropy(Z, [0, 1, 1], reduction="sum") == pytest.approx(sum(each), abs=1e-14)
    assert cross_entropy(Z, [0, 1, 1]) == pytest.approx(sum(each) / 3, abs=1e-14)
    assert [cross_entropy(Z[0], 0, reduction=word) for word in ("none", "sum", "mean")] == [each[0]] * 3
    assert cross_entropy(Z, [[1, 0], [0, 1], [0, 1]]) == pytest.approx(sum(each) / 3, abs=1e-14)


def test_penalties() -> None:
    parameters = [Value(3.0), Value(-4.0), Value(0.0)]
    l2_penalty(parameters).backward()
    assert [p.grad for p in parameters] == [6.0, -8.0, 0.0]
    for p in parameters:
        p.grad = 0.0
    l1_penalty(parameters).backward()
    assert [p.grad for p in parameters] == [1.0, -1.0, 0.0]


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
def test_a_penalty_takes_parameters_and_no_model(penalty: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"{penalty.__name__} needs parameters, not their model: give model\.parameters"
    ):
        penalty(MLP(1, [1]))


# --- far from zero --------------------------------------------------------------------------------------------------

FAR = [-1000.0, -40.0, 40.0, 1000.0]


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"binary_cross_entropy", "cross_entropy"}))
@pytest.mark.parametrize("x", FAR)
@pytest.mark.parametrize("y", [-1.0, 0.0, 1.0])
def test_losses_are_finite_far_from_zero(name: str, x: float, y: float) -> None:
    value, (gradient,) = value_and_gradient(LOSSES[name], [x], [y])
    assert math.isfinite(value)
    assert math.isfinite(gradient)


@pytest.mark.parametrize(
    ("z", "y", "value", "gradient"),
    [
        (1000.0, 1.0, 0.0, 0.0),
        (1000.0, 0.0, 1000.0, 1.0),
        (-1000.0, 1.0, 1000.0, -1.0),
        (-1000.0, 0.0, 0.0, 0.0),
        (40.0, 1.0, math.exp(-40.0), -math.exp(-40.0)),  # not rounded to 0
    ],
)
def test_binary_cross_entropy_of_large_logits_is_exact(z: float, y: float, value: float, gradient: float) -> None:
    found = value_and_gradient(binary_cross_entropy_with_logits, [z], [y])
    assert found[0] == pytest.approx(value, rel=1e-15, abs=0.0)
    assert found[1] == pytest.approx([gradient], rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("p", [0.0, 5e-324, 1e-60, 1e-20, 0.5, 1.0 - 2.0**-53, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_binary_cross_entropy_is_finite_up_to_the_ends(p: float, y: float) -> None:
    value, (gradient,) = value_and_gradient(binary_cross_entropy, [p], [y])
    assert 0.0 <= value <= 100.0
    assert math.isfinite(gradient)


@pytest.mark.parametrize("target", [0, 1, [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
@pytest.mark.parametrize("z", [[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -1000.0], [40.0, 0.0, -40.0]])
def test_cross_entropy_of_large_logits_is_finite(z: list[float], target: Any) -> None:
    value, gradient = value_and_gradient(cross_entropy, z, target)
    assert math.isfinite(value)
    assert value >= 0.0
    assert all(map(math.isfinite, gradient))
    assert math.fsum(gradient) == pytest.approx(0.0, abs=1e-14)


def test_cross_entropy_of_a_certain_right_answer_is_zero() -> None:
    assert cross_entropy([1000.0, -1000.0], 0) == 0.0
    assert cross_entropy([1000.0, -1000.0], 1) == 2000.0


@pytest.mark.parametrize("size", [0.0, 1e8, -1e8, 1e16])
def test_cross_entropy_of_an_index_keeps_its_digits_however_large_the_logits_are(size: float) -> None:
    value, gradient = value_and_gradient(cross_entropy, [size, size], 0)
    assert value == pytest.approx(math.log(2.0), rel=1e-15)
    assert gradient == pytest.approx([-0.5, 0.5], rel=1e-15)
    assert cross_entropy([size, size - 4.0, size], 2) == pytest.approx(math.log(2.0 + math.exp(-4.0)), rel=1e-15)


# --- shapes ---------------------------------------------------------------------------------------------------------


def test_one_output_alone_a_list_and_lists_in_a_list() -> None:
    assert mse_loss(3.0, 1.0) == 4.0
    assert mse_loss(3.0, 1.0, reduction="none") == 4.0
    assert mse_loss([3.0], [1.0], reduction="none") == [4.0]
    assert mse_loss([[3.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 2.0]], reduction="none") == [[4.0, 0.0], [0.0, 1.0]]
    assert mse_loss([[3.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 2.0]]) == 1.25
    assert isinstance(mse_loss(Value(3.0), 1.0), Value)


def test_targets_may_be_arrays() -> None:
    outputs = [Value(3.0), Value(1.0)]
    assert mse_loss(outputs, np.array([1.0, 1.0])).data == 2.0
    assert cross_entropy(outputs, np.array([0.0, 1.0])).data == cross_entropy(outputs, 1).data
    assert cross_entropy(outputs, np.int64(1)).data == cross_entropy(outputs, 1).data


@pytest.mark.parametrize(
    ("loss", "input", "target", "message"),
    [
        (mse_loss, [1.0, 2.0], [1.0], "there are 2 outputs but 1 targets"),
        (mse_loss, [1.0, 2.0], 1.0, "there are 2 outputs, but the target is the single 1.0"),
        (mse_loss, 1.0, [1.0, 2.0, 3.0], "there is one output but 3 targets"),
        (mse_loss, [[1.0], [2.0]], [[1.0], [2.0, 3.0]], "there are 1 outputs but 2 targets"),
        (mse_loss, [], [], "there is no mean of 0 losses"),
        (cross_entropy, [], [], "there is no mean of 0 losses"),
        (cross_entropy, [], [1], "there are 0 outputs but 1 targets"),
        (cross_entropy, [1.0, 2.0], 2, "must be an index from 0 to 1, or one probability per class, not 2"),
        (cross_entropy, [1.0, 2.0], -1, "must be an index from 0 to 1, .* not -1"),
        (
            cross_entropy,
            [1.0, 2.0],
            1.0,
            r"must be an index from 0 to 1, .* not 1.0: an index is an int, as in int\(y\)",
        ),
        (cross_entropy, [1.0, 2.0], 0.5, "must be an index from 0 to 1, .* not 0.5$"),
        (cross_entropy, [1.0, 2.0], [1.0], "there are 2 outputs but 1 targets"),
        (cross_entropy, [[1.0, 2.0]], [1, 0], "there are 1 outputs but 2 targets"),
        (cross_entropy, 1.0, 0, "with one logit use binary_cross_entropy_with_logits"),
        (
            binary_cross_entropy,
            [1.5],
            [1.0],
            "1.5 is no probability: binary_cross_entropy_with_logits takes any number",
        ),
        (binary_cross_entropy, [-0.1], [1.0], "-0.1 is no probability"),
        (binary_cross_entropy, [math.nan], [1.0], "nan is no probability"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_numbers(
    loss: Callable[..., Any], input: Any, target: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loss(input, target)


@pytest.mark.parametrize("given", [3, None, ["mse_loss"]])
def test_what_is_neither_the_name_of_a_loss_nor_a_function_is_refused(given: Any) -> None:
    with pytest.raises(
        TypeError, match="a loss is a name, such as 'mse_loss', or a function of an output and a target"
    ):
        loss_named(given)


def test_an_unknown_reduction_and_a_bad_delta_are_refused() -> None:
    with pytest.raises(ValueError, match="reduction must be 'none', 'sum' or 'mean', not 'avg'"):
        mse_loss([1.0], [1.0], reduction="avg")
    for target in (1, [0.5, 0.5]):
        with pytest.raises(ValueError, match="reduction must be 'none', 'sum' or 'mean', not 'foo'"):
            cross_entropy([1.0, 2.0], target, reduction="foo")
    with pytest.raises(ValueError, match=r"delta must be positive, got 0\.0"):
        huber_loss([1.0], [1.0], delta=0.0)


# ---- which targets a loss takes --------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
def test_probabilities_are_from_0_to_1_both_included(loss: Callable[[Any, Any], Any]) -> None:
    assert wrong_targets(loss, [0.0, 0.25, 1.0]) is None
    found = wrong_targets(loss, [0.0, -0.5, 1.5])
    assert found is not None
    assert "2 of 3 targets are not: from -0.5 to 1.5." in found[0]


@pytest.mark.parametrize("backend", ["native", "python"])
def test_the_index_of_a_class_is_compared_anew_in_every_call_of_a_compiled_loss(backend: str) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite")
    logits = [1.0, -2.0, 3.0]

    def f(z: list[Any], k: int) -> Any:
        return cross_entropy(z, k)

    loss = autograd.compile(f, backend=backend)
    for k in (2, 0, 1, 2):
        assert loss(logits, k) == pytest.approx(cross_entropy(logits, k), rel=1e-14)
    assert loss.recordings == 1
    for k in (-1, 3):
        with pytest.raises(ValueError, match="must be an index from 0 to 2"):
            loss(logits, k)


def test_a_compiled_loss_may_be_recorded_with_the_first_class() -> None:
    f = autograd.compile(lambda z, y: cross_entropy([z, 0.0, 1.0], y), backend="python")
    for y in (0, 0, 0, 0, 0, 2, 1):
        assert f(0.5, y) == pytest.approx(cross_entropy([0.5, 0.0, 1.0], y), rel=1e-12)
    assert "0 ran without the compiler" in f.report()


def test_what_is_no_probability_makes_the_loss_of_a_program_nan() -> None:
    f = autograd.compile(lambda p: binary_cross_entropy(p, 1.0), backend="python")
    assert f(0.5) == pytest.approx(math.log(2.0))
    assert math.isnan(f(-0.5))
    assert math.isnan(f(1.5))


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.0])
def test_the_weight_of_the_positive_class_multiplies_its_term(weight: float) -> None:
    z, y = 0.7, 0.25
    expected = -weight * y * math.log(sigma(z)) - (1.0 - y) * math.log(sigma(-z))
    assert binary_cross_entropy_with_logits(z, y, pos_weight=weight) == pytest.approx(expected, rel=1e-12)


def test_a_target_may_be_smoothed_as_a_whole_and_not_more() -> None:
    z = [0.5, -1.0, 2.0]
    evenly = -sum(math.log(p) for p in softmax(z)) / 3
    assert cross_entropy(z, 0, label_smoothing=1.0) == pytest.approx(evenly)
    for smoothing in (-0.5, 1.5):
        with pytest.raises(ValueError, match=f"label_smoothing must be from 0 to 1, got {smoothing}"):
            cross_entropy(z, 0, label_smoothing=smoothing)


def test_a_hinge_takes_minus_1_and_1_alone() -> None:
    assert wrong_targets(hinge_loss, [-1.0, 1.0]) is None
    found = wrong_targets(hinge_loss, [-2.0, 1.0, 2.0])
    assert found
    assert found[0].endswith("2 of 3 targets are not: from -2 to 2.")


def test_a_training_is_warned_of_targets_that_its_loss_does_not_take() -> None:
    with pytest.warns(
        RuntimeWarning, match="training goes on, but cannot succeed: hinge_loss takes targets -1"
    ) as found:
        loss_for("hinge_loss", [0, [1.0]])
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss_for("hinge_loss", [-1, [1.0]]) is hinge_loss


def test_the_warning_about_targets_names_the_line_that_trains() -> None:
    def train() -> None:
        loss_for("hinge_loss", [0])

    with pytest.warns(RuntimeWarning, match="cannot succeed") as caught:
        train()
    assert (caught[0].filename, caught[0].lineno) == (__file__, train.__code__.co_firstlineno + 4)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([0.5], r"there is 1 output in a list, but the target is the single 2: give a list of one, as in y = \[\[t\]"),
        ([0.5, 1.0], r"there are 2 outputs, but the target is the single 2: give a list of as many; .* cross_entropy"),
    ],
)
def test_a_single_target_of_a_list_says_which_list_to_give(outputs: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mse_loss(outputs, 2)
