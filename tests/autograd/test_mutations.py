"""Mistakes planted in the engine, one at a time: the tests must find each of them."""

from __future__ import annotations
import __future__

import inspect
import random
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, settings

import autograd
from autograd import Value, functional, graph
from autograd.ops import Op
from tests.autograd import test_backward, test_properties
from tests.autograd.test_accuracy import misses, second_misses
from tests.support.points import PRIMITIVES, random_points
from tests.support.strategies import Expression, expressions


# ---- the tests that a mistake has to get past ------------------------------------------------------------------------
@cache  # made by the process that runs these tests, and not by all that import them
def _corpus(count: int = 60) -> list[Expression]:
    """The same random expressions each time, well conditioned ones."""
    found: list[Expression] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate])
    @given(expressions())
    def collect(f: Expression) -> None:
        if test_properties.is_well_conditioned(f, 1e3):
            found.append(f)

    collect()
    return found


def every_expression(check: Callable[[Expression], None], count: int = 60) -> Callable[[], None]:
    def checked() -> None:
        for f in _corpus()[:count]:
            check(f)

    return checked


def grad_uses_and_touches_no_gradient() -> None:
    x = Value(2.0)
    y = x * x
    x.grad = y.grad = 7.0
    assert autograd.grad(y, x) == (4.0,)
    assert (x.grad, y.grad) == (7.0, 7.0)


def the_same_output_counts_twice() -> None:
    x = Value(2.0)
    y = x * x
    assert autograd.grad([y, y], x, grad_outputs=[1.0, 10.0]) == (44.0,)


CHECKS: dict[str, Callable[[], None]] = {
    "the sum over all paths": every_expression(test_properties.check_sum_over_paths),
    "against 120 digits": every_expression(test_properties.check_against_digits, 20),
    "the Hessian against 120 digits": every_expression(test_properties.check_hessian, 20),
    "backward twice": test_backward.test_leaves_add_up_over_calls_and_interior_nodes_hold_the_last,
    "two losses": test_backward.test_two_losses_over_one_subgraph,
    "a leaf": test_backward.test_a_leaf_is_its_own_root,
    "grad leaves gradients alone": grad_uses_and_touches_no_gradient,
    "an output twice": the_same_output_counts_twice,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_without_a_mistake_they_pass(check: Callable[[], None]) -> None:
    check()


# ---- mistakes in the walk --------------------------------------------------------------------------------------------
def _plant(monkeypatch: pytest.MonkeyPatch, function: Any, old: str, new: str, occurrence: int) -> None:
    """Change the source of a function, for all who have imported it."""
    source = textwrap.dedent(inspect.getsource(function))
    parts = source.split(old)
    assert len(parts) > occurrence + 1, f"{function.__name__} has no {occurrence + 1}. {old!r} any more"
    changed = old.join(parts[: occurrence + 1]) + new + old.join(parts[occurrence + 1 :])
    namespace: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    exec(compile(changed, "planted", "exec", flags), dict(function.__globals__), namespace)
    monkeypatch.setattr(function, "__code__", namespace[function.__name__].__code__)


MISTAKES: list[tuple[Any, str, str, int]] = [
    # A dropped +=: of two parents the left and the right one, of a single one, and of any number.
    (graph.accumulate, "+=", "=", 0),
    (graph.accumulate, "+=", "=", 1),
    (graph.accumulate, "+=", "=", 2),
    (graph.accumulate, "+=", "=", 3),
    (graph.accumulate, "upstream * ", "", 0),
    (graph.accumulate, "upstream * ", "", 2),
    (graph.accumulate, "upstream * ", "", 3),
    (graph.accumulate, "zip(node.parents, local)", "zip(node.parents, local[::-1])", 0),
    # Wrong topological orders.
    (graph.accumulate, "order[::-1]", "order", 0),
    (graph.topological_order, "if done(parents)", "if True", 0),
    (graph.topological_order, "mark(node)", "mark(node); seen.update(node.parents)", 0),
    (graph.topological_order, "extend(parents)", "extend(parents[:1])", 0),
    (graph.topological_order, "done((below := parents[0]).parents)", "(below := parents[0])", 0),
    (graph.topological_order, "mark(below)", "pass", 0),
    (graph.topological_order, "emit(below)", "pass", 0),
    # What was there before.
    (graph.clear, "if node.parents", "if False", 0),
    (graph.clear, "if node.parents", "if True", 0),
    (Value.backward, "self.grad + start", "start", 0),
    (graph.sweep, "node.grad = zero", "pass", 0),
    (graph.sweep, "restore(nodes, before)", "pass", 0),
    # Differentiating again.
    (graph.dependents, "found.add(node)", "pass", 0),
    (functional._partials_as_graph, "if parent in wanted", "if parent not in wanted", 0),
    (functional._partials_as_graph, "node.op.partials(node, *operands)", "node.partials", 0),
    (functional.gradients, "seeds[root] + weight", "weight", 0),
]


@pytest.mark.parametrize(
    ("function", "old", "new", "occurrence"), MISTAKES, ids=lambda x: x.__name__ if callable(x) else str(x)
)
def test_a_mistake_in_the_walk_is_found(
    monkeypatch: pytest.MonkeyPatch, function: Any, old: str, new: str, occurrence: int
) -> None:
    _plant(monkeypatch, function, old, new, occurrence)
    assert any(map(_fails, CHECKS.values())), "no test noticed"


def _fails(check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception:
        return True
    return False


# ---- mistakes in the rows --------------------------------------------------------------------------------------------
Damage = Callable[[Sequence[float]], Sequence[float]]
DAMAGES: dict[str, Damage] = {
    "too large by 1e-13": lambda partials: [p * (1.0 + 1e-13) or 1e-13 for p in partials],
    "the wrong sign": lambda partials: [-p or 1.0 for p in partials],
    "zero": lambda partials: [0.0 if p else 1.0 for p in partials],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_a_wrong_derivative_is_found(monkeypatch: pytest.MonkeyPatch, op: Op, damage: Damage) -> None:
    right = op.partials
    monkeypatch.setattr(op, "partials", lambda y, *xs: damage(right(y, *xs)))
    assert next(misses(op, random_points(op, random.Random(1), 30)), None)


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_a_wrong_value_is_found(monkeypatch: pytest.MonkeyPatch, op: Op) -> None:
    right = op.value
    monkeypatch.setattr(op, "value", lambda *xs: right(*xs) * (1.0 + 1e-14) or 1e-14)
    assert next(misses(op, random_points(op, random.Random(1), 30)), None)


SEVERAL = {"sub", "mul", "div", "power", "hypot", "atan2", "logaddexp", "maximum", "minimum", "leaky_relu", "elu",
           "clip", "sumprod"}  # fmt: skip


@pytest.mark.parametrize("op", [op for op in PRIMITIVES if op.name in SEVERAL], ids=lambda op: op.name)
def test_exchanged_derivatives_are_found(monkeypatch: pytest.MonkeyPatch, op: Op) -> None:
    right = op.partials
    monkeypatch.setattr(op, "partials", lambda y, *xs: right(y, *xs)[::-1])
    assert next(misses(op, random_points(op, random.Random(1), 30)), None)


STRAIGHT = {"add", "sub", "neg", "identity", "fsum", "relu", "abs", "sign", "step", "floor", "round", "maximum",
            "minimum", "clip", "less", "less_equal", "equal", "select", "take"}  # fmt: skip


@pytest.mark.parametrize("op", [op for op in PRIMITIVES if op.name not in STRAIGHT], ids=lambda op: op.name)
def test_a_derivative_that_is_right_only_as_a_number_is_found(monkeypatch: pytest.MonkeyPatch, op: Op) -> None:
    right = op.partials

    def cut_off(y: Any, *xs: Any) -> list[Any]:
        return [p.detach() if isinstance(p, Value) else p for p in right(y, *[getattr(x, "data", x) for x in xs])]

    monkeypatch.setattr(op, "partials", lambda y, *xs: cut_off(getattr(y, "data", y), *xs))
    assert next(second_misses(op, random_points(op, random.Random(1), 60)), None)
