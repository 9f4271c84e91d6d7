"""Derivatives inside of a compiled function go on through arguments that were computed outside of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value

P = [Value(0.5), Value(-1.0), Value(2.0)]


def train_step(loss: Value, _: Any) -> None:
    for p in P:
        p.grad = 0.0
    loss.backward()
    for p in P:
        p.data -= 0.1 * p.grad


def of_a_part(h: Value, x: float) -> Value:
    loss = (h * x - 1.0) ** 2
    loss.backward()
    return loss


def weighted(h: Value, x: float) -> None:
    (h + P[2]).backward(x)


def by_grad(h: Value, x: float) -> Any:
    return autograd.grad(h * x + P[0], P)


def of_the_second(h: Value, x: float) -> Any:
    return autograd.grad(P[0] * x, P)[0] * h


def results(f: Callable[..., Any], computed: str) -> list[Any]:
    """Numbers and gradients after calls with Values that were computed (c) and with leaves (l)."""
    found: list[Any] = []
    for p, number in zip(P, (0.5, -1.0, 2.0)):
        p.data, p.grad = number, 0.0
    leaf = Value(0.75)
    for k, kind in enumerate(computed):
        argument = (P[0] * 2.0 + P[1] * P[2] - 3.0) ** 2 if kind == "c" else leaf
        result = f(argument, 0.5 + 0.25 * k)
        numbers = result if isinstance(result, tuple) else () if result is None else (result,)
        found += [getattr(x, "data", x) for x in numbers]
        found += [x for p in P for x in (p.data, float(p.grad))]
        found.append(float(leaf.grad))
    return found


@pytest.mark.parametrize("computed", ["c" * 8, "l" * 8, "llllllcc", "ccllllll", "lclclclc"])
@pytest.mark.parametrize("step", [train_step, of_a_part, weighted, by_grad, of_the_second])
def test_gradients_reach_what_an_argument_was_computed_from(step: Callable[..., Any], computed: str) -> None:
    expected = results(step, computed)
    compiled = autograd.compile(step)
    assert results(compiled, computed) == pytest.approx(expected, rel=1e-12)
    if computed == "l" * 8 or step is of_the_second:  # no derivative ends at what was computed
        assert "computed outside" not in str(compiled.report())


def test_the_report_says_why_it_is_not_compiled() -> None:
    compiled = autograd.compile(train_step)
    compiled(P[0] * 2.0, None)
    assert "what depends on an argument that was computed outside: compute it inside" in str(compiled.report())
