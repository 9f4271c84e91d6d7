"""The rule of an optimiser is recorded once for all parameters of a kind, and computes what it computes for each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value, where
from autograd.compiler.recording.columns import Formula
from autograd.elementwise import each, elementwise
from autograd.functional import value_and_grad
from nn import SGD, Adam, Optimizer, clip_grad_norm_

COUNT = 20
RATES = [float(k) for k in range(COUNT)]


class Descent(Optimizer):
    """A user's optimiser, whose rule promises nothing."""

    state_size = 1

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        (seen,) = state
        return parameter - hyper.lr * gradient, (seen + 1.0,)


class Elementwise(Descent):
    """The same, with the promise."""

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        return Descent.rule(parameter, gradient, state, hyper)


class Signs(Descent):
    """A rule that promises to be elementwise and decides by its numbers."""

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        if gradient > 0.0:
            return parameter - hyper.lr, state
        return parameter + hyper.lr, state


class Shrinking(Descent):
    """A rule that promises to be elementwise, by which the parameters decide differently from each other."""

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        if parameter > 0.0:
            return parameter - hyper.lr * parameter, state
        return parameter - hyper.lr * gradient, state


class Clamped(Descent):
    """A rule with a selection, in which a number of the state is unchanged and another is always the same."""

    state_size = 3

    @staticmethod
    @elementwise
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        largest = autograd.maximum(abs(gradient), state[0])
        moved = where(gradient > 0.5, 0.5, gradient) ** 2
        return parameter - hyper.lr * moved / (largest + 1.0), (largest, state[1], 7.0)


def run(make: Callable[[list[Value]], Any], steps: int = 5, *, compiled: bool, twice: bool = False) -> Any:
    """Parameters, gradients and state after some steps, and the recording if there is one."""
    w = [Value(0.1 * k - 0.75) for k in range(COUNT)]
    optimizer = make(w)

    def step(x: float) -> Any:
        loss = sum([(p * x - 0.3 * k) ** 2 for k, p in enumerate(w[:-3])])  # the last three get no gradient
        optimizer.zero_grad()
        loss.backward()
        if twice:
            clip_grad_norm_(w, 0.7)
            optimizer.step()
        optimizer.step()
        return loss

    f = autograd.compile(step) if compiled else step
    losses = [f(0.5 + 0.1 * k).data for k in range(steps)]
    numbers = losses + [p.data for p in w] + [float(p.grad) for p in w] + [x for row in optimizer.state for x in row]
    return numbers, f.latest.recording if compiled else None


def frozen(make: Callable[[list[Value]], Any]) -> Callable[[list[Value]], Any]:
    def made(w: list[Value]) -> Any:
        for p in w[5:9]:
            p.requires_grad_(False)
        return make(w)

    return made


CASES: dict[str, Callable[[list[Value]], Any]] = {
    "plain": lambda w: SGD(w, lr=0.1),
    "momentum": lambda w: SGD(w, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda w: Adam(w, lr=0.1, amsgrad=True, weight_decay=0.01),
    "groups": lambda w: Adam(
        [{"params": w[:9], "lr": 0.2}, {"params": w[9:12], "weight_decay": 0.1}, {"params": w[12:]}]
    ),
    "frozen": frozen(lambda w: Adam(w, lr=0.1)),
    "user": lambda w: Descent(w, lr=0.1),
    "elementwise": lambda w: Elementwise(w, lr=0.1),
    "signs": lambda w: Signs(w, lr=0.1),
    "shrinking": lambda w: Shrinking(w, lr=0.1),
    "clamped": lambda w: Clamped(w, lr=0.1),
}  # fmt: skip


@pytest.mark.parametrize("twice", [False, True], ids=["once", "clipped, twice"])
@pytest.mark.parametrize("case", CASES)
def test_as_eagerly(case: str, twice: bool) -> None:
    expected, _ = run(CASES[case], compiled=False, twice=twice)
    found, _ = run(CASES[case], compiled=True, twice=twice)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


RECORDED_ONCE = {"adam": True, "elementwise": True, "clamped": True, "signs": True, "user": False, "shrinking": False}


@pytest.mark.parametrize(("case", "columns"), RECORDED_ONCE.items())
def test_which_rules_are_recorded_once(case: str, columns: bool) -> None:
    _, recording = run(CASES[case], compiled=True)
    assert recording is not None
    formulas = [node for node in recording.nodes if isinstance(node.op, Formula)]
    assert bool(formulas) is columns
    assert len({node.op for node in formulas}) <= 6  # two kinds of rows, three outputs each


def test_structures_and_numbers_that_are_handed_on() -> None:
    @elementwise
    def f(x: Any, state: Any, shared: Any) -> Any:
        return (x * shared, state)

    @autograd.compile
    def g(xs: list[float], y: float) -> Any:
        return each(f, [(x, (x, 2.0)) for x in xs], y)

    for y in (3.0, 4.0):
        found = g([1.0 * k for k in range(10)], y)
        assert [x for x, _ in found] == [y * k for k in range(10)]
        assert [(x, two) for _, (x, two) in found] == [(1.0 * k, 2.0) for k in range(10)]


def test_gradients_go_through_formulas() -> None:
    """A rate in the arguments: the derivative of what was computed from the new parameters with respect to it."""

    @elementwise
    def moved(x: Any, rate: Any) -> Any:
        return x * x - rate * autograd.sin(x)

    def f(xs: list[Any], rate: Any) -> Any:
        return sum(each(moved, [(x,) for x in xs], rate)) ** 2

    xs = [0.1 * k for k in range(10)]
    value, gradients = autograd.compile(f).value_and_grad(xs, 0.3)
    expected = value_and_grad(f, (0, 1))(xs, 0.3)
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert gradients[0] == pytest.approx(expected[1][0], rel=1e-12)
    assert gradients[1] == pytest.approx(expected[1][1], rel=1e-12)


@pytest.mark.parametrize("backend", ["python", "native"])
def test_both_back_ends(backend: str) -> None:
    w = [Value(0.1 * k) for k in range(12)]
    optimizer = Adam(w, lr=0.1)

    def step(x: float) -> Any:
        loss = sum([(p * x - 1.0) ** 2 for p in w])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    f = autograd.compile(step, backend=backend)
    for _ in range(3):
        f(0.5)
    found = [p.data for p in w]
    v = [Value(0.1 * k) for k in range(12)]
    w, optimizer = v, Adam(v, lr=0.1)
    for _ in range(3):
        step(0.5)
    assert found == pytest.approx([p.data for p in v], rel=1e-12)


def test_rows_whose_numbers_are_traced_ints_are_recorded_one_by_one() -> None:
    @elementwise
    def f(x: Any, n: Any) -> Any:
        return x + n

    g = autograd.compile(lambda xs, n: sum(each(f, [(x, n) for x in xs])))
    xs = [0.5 * k for k in range(10)]
    assert g(xs, 2) == sum(xs) + 20
    assert g(xs, 3) == sum(xs) + 30


def test_a_rule_that_wraps_one_promises_nothing() -> None:
    """``functools.wraps`` copies what is written on the rule of ``SGD``; yet this one is different for each row."""

    def trained(compiled: bool) -> list[float]:
        class Own(SGD):
            turn = 0

            @staticmethod
            @functools.wraps(SGD.rule)
            def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
                Own.turn = (Own.turn + 1) % COUNT
                return SGD.rule(parameter, gradient * RATES[Own.turn], state, hyper)

        weights = [Value(1.0) for _ in range(COUNT)]
        sgd = Own(weights, lr=0.01)

        def step(x: float) -> Value:
            loss = sum((w * x) ** 2 for w in weights)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            return loss

        run = autograd.compile(step) if compiled else step
        for _ in range(4):
            run(1.0)
        return [w.data for w in weights]

    assert trained(True) == pytest.approx(trained(False), rel=1e-12)
