"""What holds for every expression: all ways of differentiating agree with each other and with 60 digits."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd import Value, functional, grad, gradcheck
from autograd.graph import topological_order
from tests.support.evaluators import EVALUATORS, backward
from tests.support.strategies import DRAWN, Expression, expressions

STEP = mpf(10) ** -30
DIGITS = 120


# ---- references that share nothing with the engine -------------------------------------------------------------------
def exact_gradient(f: Expression) -> list[mpf]:
    """By central differences of what the primitives are, with 120 digits."""
    with mp.workdps(DIGITS):
        return [_difference(f.exactly, list(map(mpf, f.inputs)), i) for i in range(len(f.inputs))]


def exact_hessian(f: Expression) -> list[list[mpf]]:
    with mp.workdps(DIGITS):
        point = list(map(mpf, f.inputs))

        def slope(i: int) -> Callable[..., mpf]:
            return lambda *xs: _difference(f.exactly, list(xs), i)

        return [[_difference(slope(i), point, j) for j in range(len(point))] for i in range(len(point))]


def _difference(f: Callable[..., mpf], point: Sequence[mpf], i: int) -> mpf:
    above, below = list(point), list(point)
    above[i] += STEP
    below[i] -= STEP
    return (f(*above) - f(*below)) / (2 * STEP)


def forward_sum(y: Value, x: Value, size: bool = False) -> Fraction:
    """Σ over all paths of the product of the recorded partials, as an exact fraction, carried forward from x.

    With ``size``, of their absolute values: rounding errors of a gradient are to be seen beside that.
    """
    carried: dict[Value, Fraction] = {}
    for node in topological_order(y):
        terms = [Fraction(abs(d) if size else d) * carried[parent] for parent, d in zip(node.parents, node.partials)]
        carried[node] = sum(terms, Fraction(node is x))
    return carried[y]


def recorded(f: Expression) -> tuple[Value, list[Value]]:
    leaves = [Value(x) for x in f.inputs]
    return f(*leaves), leaves


def sizes(f: Expression) -> list[float]:
    """For each input, what the rounding errors of the derivative by it are to be seen beside."""
    y, leaves = recorded(f)
    return [1.0 + float(forward_sum(y, leaf, size=True)) for leaf in leaves]


def is_well_conditioned(f: Expression, largest: float = 1e5) -> bool:
    return max(sizes(f)) < largest


# ---- first derivatives -----------------------------------------------------------------------------------------------
@given(expressions())
def test_backward_is_the_sum_over_all_paths(f: Expression) -> None:
    check_sum_over_paths(f)


def check_sum_over_paths(f: Expression) -> None:
    y, leaves = recorded(f)
    y.backward()
    for leaf in leaves:
        error = abs(Fraction(leaf.grad) - forward_sum(y, leaf))
        assert error <= Fraction(1e-13) * (1 + forward_sum(y, leaf, size=True))


@given(expressions())
def test_the_gradient_is_right_to_rounding(f: Expression) -> None:
    assume(is_well_conditioned(f))
    check_against_digits(f)


def check_against_digits(f: Expression) -> None:
    size = sizes(f)
    value, gradient = backward(f, f.inputs)
    with mp.workdps(DIGITS):
        assert abs(value - f.exactly(*map(mpf, f.inputs))) <= 1e-11 * (1 + abs(value)) * max(size)
    for found, exact, scale in zip(gradient, exact_gradient(f), size):
        assert abs(found - exact) <= 1e-9 * scale


@given(expressions())
@settings(max_examples=60)
def test_all_ways_of_evaluation_agree(f: Expression) -> None:
    assume(is_well_conditioned(f))
    size = sizes(f)
    value, gradient = backward(f, f.inputs)
    for name, evaluate in EVALUATORS.items():
        other_value, other_gradient = evaluate(f, f.inputs)
        assert abs(value - other_value) <= 1e-11 * (1 + abs(value)) * max(size), name
        for a, b, scale in zip(gradient, other_gradient, size):
            assert abs(a - b) <= 1e-10 * scale, name


@given(expressions(most_steps=6))
@settings(max_examples=40)
def test_gradcheck_accepts_what_is_right(f: Expression) -> None:
    assume(is_well_conditioned(f, 1e3))
    assert gradcheck(f, f.inputs, atol=1e-8)


# ---- second derivatives ----------------------------------------------------------------------------------------------
@given(expressions(most_steps=6))
def test_the_hessian_is_right_to_rounding(f: Expression) -> None:
    assume(is_well_conditioned(f, 1e3))
    check_hessian(f)


def check_hessian(f: Expression) -> None:
    exact = exact_hessian(f)
    largest = max(abs(h) for row in exact for h in row)
    y, leaves = recorded(f)
    first = grad(y, leaves, create_graph=True)
    found = [grad(slope, leaves) for slope in first]
    for row, exact_row in zip(found, exact):
        for h, exact_h in zip(row, exact_row):
            assert abs(h - exact_h) <= 1e-7 * (1 + largest)


@given(expressions(most_steps=6), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_second_derivatives_agree_with_each_other(f: Expression, rng: random.Random) -> None:
    def of_list(xs: Sequence[Any]) -> Any:
        return f(*xs)

    point = list(f.inputs)
    hessian = functional.hessian(of_list)(point)
    largest = 1.0 + max(abs(h) for row in hessian for h in row)
    assume(is_well_conditioned(f, 1e3))
    direction = [rng.uniform(-1, 1) for _ in point]
    product = functional.hvp(of_list, point, direction)
    for i, row in enumerate(hessian):
        assert abs(product[i] - sum(h * v for h, v in zip(row, direction))) <= 1e-9 * largest
        for j, h in enumerate(row):
            assert abs(h - hessian[j][i]) <= 1e-9 * largest  # symmetric


# ---- invariances -----------------------------------------------------------------------------------------------------
@given(expressions(), st.randoms(use_true_random=False))
def test_the_order_of_independent_steps_changes_nothing(f: Expression, rng: random.Random) -> None:
    shuffled = f.shuffled(rng)
    assert backward(shuffled, f.inputs) == backward(f, f.inputs)  # to the last bit


@given(expressions(), st.sampled_from([2.0, -0.5, 1024.0]))
def test_gradients_are_linear_in_the_one_from_above(f: Expression, factor: float) -> None:
    y, leaves = recorded(f)
    once = grad(y, leaves)
    y.backward(factor)
    assert [leaf.grad for leaf in leaves] == [factor * slope for slope in once]
    assert list(grad(y, leaves, grad_outputs=[factor])) == [factor * slope for slope in once]


@given(expressions(most_steps=6), expressions(most_steps=6))
@settings(max_examples=60)
def test_rows_of_the_jacobian_and_products_with_it_agree(f: Expression, g: Expression) -> None:
    assume(is_well_conditioned(f) and is_well_conditioned(g))
    count = len(f.inputs)
    point = [*f.inputs, *g.inputs]

    def both(xs: Sequence[Any]) -> list[Any]:
        return [f(*xs[:count]) + 1.0 * g(*xs[count:]), g(*xs[count:])]

    jacobian = functional.jacobian(both)(point)
    _, pull_back = functional.vjp(both, point)
    direction = [1.0 / (1 + i) for i in range(len(point))]
    _, pushed = functional.jvp(both, [point], [direction])
    largest = 1.0 + max(abs(d) for row in jacobian for d in row)
    for k, row in enumerate(jacobian):
        (pulled,) = pull_back([float(k == 0), float(k == 1)])
        assert pulled == row
        assert abs(pushed[k] - sum(d * v for d, v in zip(row, direction))) <= 1e-12 * largest


# ---- the tests test something ----------------------------------------------------------------------------------------
def test_the_expressions_use_every_primitive_share_nodes_and_fan_out() -> None:
    used, shared, steps = Counter[str](), 0, 0

    @settings(max_examples=500, database=None, derandomize=True, phases=[Phase.generate])
    @given(expressions())
    def collect(f: Expression) -> None:
        nonlocal shared, steps
        used.update(step.op.name for step in f.steps)
        uses = Counter(i for step in f.steps for i in step.operands if isinstance(i, int))
        shared += any(count > 1 for count in uses.values())
        steps += 1

    collect()
    assert set(used) == {op.name for op in DRAWN}
    assert shared > steps / 4
