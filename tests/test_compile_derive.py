"""Derivatives of programs: those of the graph, over lanes, and nothing from branches not taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes
from autograd.compiler.program import ARGUMENT, PARAMETER, TOTAL, Instruction, Program
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, fsum, functional, log, ops, sin, sqrt, where
from autograd.compiler.builder import Builder
from autograd.compiler.record import program_of, record
from tests import program_reference as reference
from tests.program_reference import (
    ROUGH,
    formula,
    leaves,
    numbers,
    recipes,
    recorded,
    same,
    size,
    unusual,
    with_gradients,
)

inf = math.inf
X, Y, W = (Instruction(ARGUMENT, payload=0), Instruction(ARGUMENT, payload=1), Instruction(PARAMETER, payload=0))
COLUMN = Instruction(ARGUMENT, (), 3, (0, 1, 2))


@given(recipes(ROUGH), unusual(3))
def test_derivatives_are_those_of_the_graph(recipe: reference.Recipe, xs: list[float]) -> None:
    recording = record(lambda *v: formula(recipe, v), xs)
    program = program_of(recording)
    inputs = {step.payload: i for i, step in enumerate(program.instructions) if step.op is ARGUMENT}
    derived = with_gradients(program, list(inputs.values()))
    everything = reference.registers(derived, xs)
    found = dict(zip(inputs, [everything[i] for i in derived.outputs[1:]]))

    leaves = [Value(x) for x in xs]
    expected = autograd.grad(formula(recipe, leaves), leaves)
    for k, d in enumerate(expected):
        assert same(found.get(k, 0.0), d, size(everything)), (k, found, expected)


@given(recipes(), st.integers(4, 6), st.data())
def test_derivatives_over_lanes_are_those_of_the_unrolled_program(
    recipe: reference.Recipe, count: int, data: st.DataObject
) -> None:
    xs = data.draw(numbers(2 * count))
    ws = [Value(w) for w in data.draw(numbers(2))]

    def loss(*v: Any) -> Any:
        return fsum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)]) * ws[0]

    recording = record(loss, xs)
    parameters = [p.data for p in recording.parameters]
    scalar = flatten(program_of(recording))
    found = []
    for program in (scalar, find_lanes(scalar, 4)):
        inputs = leaves(program)
        derived = flatten(with_gradients(program, inputs)).verify()
        everything = reference.registers(derived, xs, parameters)
        assume(size(everything) < 1e6)
        by_leaf: dict[Any, float] = {}
        for i, output in zip(inputs, derived.outputs[1:]):
            op, _, lanes, payload = program.instructions[i]
            number = everything[output]
            per_lane = number if isinstance(number, list) else [number] * lanes
            for source, d in zip(payload if lanes > 1 else [payload], per_lane):
                if isinstance(source, int):
                    by_leaf[op, source] = by_leaf.get((op, source), 0.0) + d
        found.append((by_leaf, size(everything)))
    (unrolled, scale), (over_lanes, _) = found
    for key in {**unrolled, **over_lanes}:
        assert same(unrolled.get(key, 0.0), over_lanes.get(key, 0.0), scale)


def test_a_uniform_number_used_in_every_lane_gets_the_sum_over_the_lanes() -> None:
    w, columns = W, [COLUMN]
    steps = [*columns, w, Instruction(ops.mul, (1, 0), 3), Instruction(TOTAL, (2,)), Instruction(ops.mul, (3, 1))]
    derived = with_gradients(Program(steps, [4]), [1, 0])
    value, by_w, by_x = reference.outputs(derived, [1.0, 2.0, 4.0], [3.0])
    assert (value, by_w) == (63.0, 2 * 3.0 * 7.0)  # d (w Σ w x) / dw
    assert by_x in (9.0, [9.0] * 3)  # w² in every lane


def test_an_input_that_the_output_does_not_depend_on_has_no_derivative() -> None:
    program = Program([X, Y, Instruction(ops.sin, (0,))], [2])
    _, found = derivatives(program, 2, [0, 1], Builder())
    assert found[0] is not None
    assert found[1] is None


def test_the_derivative_by_the_output_itself_is_one() -> None:
    builder = Builder()
    _, (d,) = derivatives(Program([X], [0]), 0, [0], builder)
    assert d is not None
    assert builder.number(d) == 1.0


@pytest.mark.parametrize("xs", [[1.0] * 4, [0.0] * 4, [-1.0] * 4, [0.0, 1.0, -1.0, 4.0]])
def test_a_branch_that_is_not_taken_leaks_nothing(xs: list[float]) -> None:
    w = Value(0.5)

    def loss(*v: Any) -> Any:
        return fsum([where(x > 0, log(x) * w, x * 2.0) for x in v])

    recording = record(loss, xs)
    for program in (program_of(recording), find_lanes(program_of(recording), 4)):
        gradients = reference.outputs(with_gradients(program, leaves(program)), xs, [0.5])[1:]
        flat = [d for g in gradients for d in (g if isinstance(g, list) else [g])]
        assert all(map(math.isfinite, flat))
    assert sum(map(abs, flat)) > 0.0


def test_a_uniform_number_behind_a_branch_that_no_lane_takes_gets_nothing() -> None:
    w = Value(0.0)

    def loss(*v: Any) -> Any:
        return fsum([where(x > 0, log(w) * x, x) for x in v])

    for xs, expected in (([-1.0] * 4, 0.0), ([-1.0, 1.0, -1.0, -1.0], inf)):
        program, parameters = find_lanes(program_of(record(loss, xs)), 4), [0.0]
        (w_register,) = [i for i, step in enumerate(program.instructions) if step.op is PARAMETER]
        assert reference.outputs(with_gradients(program, [w_register]), xs, parameters)[1] == expected


def test_lanes_behind_a_branch_that_is_not_taken_get_nothing() -> None:
    def loss(*v: Any) -> Any:
        return where(v[0] > 0, fsum([log(x) for x in v[1:]]), v[0])

    xs = [-1.0, 0.0, 0.0, 0.0, 0.0]
    program = find_lanes(program_of(record(loss, xs)), 4)
    inputs = leaves(program)
    found = reference.outputs(with_gradients(program, inputs), xs)[1:]
    columns = {program.instructions[i].payload: d for i, d in zip(inputs, found)}
    assert columns.pop(0) == 1.0
    assert list(columns.values()) in ([0.0], [[0.0] * 4])


def test_nested_branches_agree_with_the_graph() -> None:
    def f(x: Any, y: Any) -> Any:
        inner = where(x > 1.0, log(x - 1.0) + y, x * y)
        shared = log(y)
        root = where(x >= 1.0, (x - 1.0).sqrt(), 0.0)
        return where(y > 0.0, inner * shared + root, inner + 1.0) + where(y > 2.0, shared, 0.0)

    program = recorded(f, [2.0, 3.0])
    inputs = {step.payload: i for i, step in enumerate(program.instructions) if step.op is ARGUMENT}
    derived = with_gradients(program, [inputs[0], inputs[1]])
    for xs in ([2.0, 3.0], [0.5, 3.0], [2.0, -3.0], [1.0, 0.0], [1.0, 1.5], [0.0, 0.0]):
        points = [Value(x) for x in xs]
        out = f(*points)
        assert same(reference.outputs(derived, xs), [out.data, *autograd.grad(out, points)])


@pytest.mark.parametrize("decide", [lambda x: x > 0.0, lambda x: x])
def test_what_only_decides_gets_no_gradient_even_if_it_is_infinite(decide: Callable[[Value], Value]) -> None:
    program = recorded(lambda x, y: where(decide(x), y.sqrt(), y), [1.0, 0.0])
    (x,) = [i for i, step in enumerate(program.instructions) if step == X]
    _, (found,) = derivatives(program, program.outputs[0], [x], Builder())
    assert found is None


def test_derivatives_are_labelled_after_the_textbook() -> None:
    w, b = Value(0.5, "w"), Value(0.25, "b")

    def loss(x: Any) -> Any:
        z = w * x + b
        z.label = "z"
        a = z.sigmoid()
        a.label = "a"
        return (a - 1.0).square()

    program = recorded(loss, [2.0])
    derived = with_gradients(program, [i for i, label in program.labels.items() if label in "wb"])
    labels = [derived.name(i) for i in range(len(derived)) if derived.name(i)]
    assert labels[-4:] == ["∂a", "sigmoid'(z)", "∂z", "∂w"], "∂b is ∂z itself"


def test_a_program_can_be_differentiated_twice() -> None:
    program = recorded(lambda x: x**3.0 * x.sin(), [2.0])
    first = with_gradients(program, leaves(program))
    turned = Program(first.instructions, first.outputs[::-1])
    second = with_gradients(turned, leaves(turned))
    x = 2.0
    expected = 6 * x * math.sin(x) + 6 * x**2 * math.cos(x) - x**3 * math.sin(x)
    assert same(reference.outputs(second, [x])[-1], expected)


def test_the_derivative_of_a_deep_program() -> None:
    steps = [X, *[Instruction(ops.tanh, (k,)) for k in range(20_000)]]
    derived = with_gradients(Program(steps, [20_000]), [0])
    assert 0.0 < reference.outputs(derived, [1.0])[1] < 1.0


# ---- derivatives inside of a compiled function -----------------------------------------------------------------------
BRANCHING: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "log": (lambda x: where(x > 0, log(x), x * x), [-1.0, 0.0, 2.0]),
    "sinc": (lambda x: where(autograd.abs(x) > 1e-6, sin(x) / x, 1 - x * x / 6), [0.0, 1.0]),
    "entropy": (lambda x: where(x > 0, x * log(x), 0.0), [0.0, 2.0]),
    "power": (lambda x: where(x >= 0, x**1.5, 0 * x), [-1.0, 2.0]),
    "sum": (lambda x: sum(where(x > k, sqrt(x - k), 0.0) for k in range(4)), [1.5, -1.0]),
    "nested": (lambda x: where(x > 0, where(x > 1, log(x - 1), sqrt(1 - x)), log(-x)), [-3.0, 0.5, 2.0]),
    "condition": (lambda x: where(log(x) > 0, log(x), x * 3), [-1.0, 0.0, 0.5, 3.0]),
    "above": (lambda x: sqrt(where(x > 0, x, 0 * x)) + where(sqrt(x) > 1, x, log(x - 9)), [4.0, 0.5, 10.0]),
}
DERIVED: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "grad": functional.grad,
    "jvp": lambda f: lambda x: functional.jvp(f, (x,), (1.0,))[1],
    "grad of grad": lambda f: functional.grad(functional.grad(f)),
    "hvp": lambda f: lambda x: functional.hvp(f, x, 1.0),
}


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("derived", DERIVED)
@pytest.mark.parametrize("name", BRANCHING)
def test_a_derivative_that_is_compiled_gets_nothing_from_branches_not_taken(
    name: str, derived: str, backend: str
) -> None:
    f, points = BRANCHING[name]
    compiled = autograd.compile(DERIVED[derived](f), backend=backend)
    for x in points:
        value, (slope,) = compiled.value_and_grad(x)
        expected = functional.value_and_grad(DERIVED[derived](f))(x)
        assert (value, slope) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True), x
    assert compiled.recordings == 1


def check_lanes_of_samples(f: Callable[[Any], Any], w: Value) -> None:
    """Value and gradient are right, and the program is one for all samples."""
    compiled = autograd.compile(f)
    X = [0.3 * i - 5.0 for i in range(40)]
    out = compiled(X)
    expected = f([Value(x) for x in X])
    assert out.data == pytest.approx(expected.data, rel=1e-12)
    assert autograd.grad(out, w) == pytest.approx(autograd.grad(expected, w), rel=1e-12)
    assert len(compiled.program) < 100
    assert any(step.lanes == 40 for step in compiled.program.instructions)


def test_derivatives_with_branches_for_each_sample_become_lanes() -> None:
    w = Value(0.7)

    def penalty(X: Any) -> Any:
        slope = functional.grad(lambda x: where(w * x > 0, log(w * x), w * x * x))
        return sum(slope(x) ** 2 for x in X)

    check_lanes_of_samples(penalty, w)


def test_what_all_samples_share_behind_their_branches_leaves_them_lanes() -> None:
    w = Value(0.7)

    def steepness(X: Any) -> Any:
        scale = autograd.exp(w)
        loss = sum(where(scale * x > 0, log(scale * x), scale * x * x) for x in X)
        (slope,) = autograd.grad(loss, [w], create_graph=True)
        return slope * slope

    check_lanes_of_samples(steepness, w)


def test_a_condition_that_is_any_number_chooses_by_not_being_zero() -> None:
    def f(a: Any, b: Any, x: Any) -> Any:
        y = sqrt(x)
        return where(a, y, 0.0 * x) + where(b, y * y, 1.0) + where(a + b, y, 2.0)

    compiled = autograd.compile(functional.grad(f, 2))
    for a, b, x in ((1.0, -1.0, 4.0), (0.0, 0.0, -1.0), (0.0, -3.0, 4.0), (-2.0, 0.0, 4.0)):
        value, slopes = compiled.value_and_grad(a, b, x)
        expected = functional.value_and_grad(functional.grad(f, 2), (0, 1, 2))(*map(Value, (a, b, x)))
        assert value == pytest.approx(expected[0].data)
        assert slopes == pytest.approx([d.data for d in expected[1]])
    assert compiled.recordings == 1
