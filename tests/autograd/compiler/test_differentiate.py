"""Derivatives of programs over classes: those of the graph, over samples, and nothing from branches not taken."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, fsum, functional, log, ops, prod, sin, sqrt, where
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Read
from autograd.compiler.program.differentiate import differentiate
from tests.support.class_programs import PROGRAMS, Derived
from tests.support.class_reference import evaluate
from tests.support.points import PRIMITIVES, arities
from tests.support.recipes import ROUGH, Recipe, added, formula, recipes, same, size, unusual

inf = math.inf


def found(derived: Derived) -> list[Any]:
    return evaluate(derived.program, derived.arguments, derived.parameters)


def check(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The derivatives are those of the graph, but for rounding."""
    derived = Derived(f, args)
    numbers = found(derived)
    assert same(numbers, derived.expected, size(derived.expected)), str(derived.program)
    return numbers


# ---- the same numbers as the graph -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_people_write(name: str) -> None:
    f, args = PROGRAMS[name]
    check(f, *args)


@given(recipes(ROUGH), unusual(3))
def test_random_formulas_at_special_numbers(recipe: Recipe, xs: list[float]) -> None:
    derived = Derived(lambda *v: formula(recipe, v), xs)
    assume(added(derived.root) < 1e9)
    assert same(found(derived), derived.expected, size(derived.expected)), str(derived.program)


@given(recipes(), st.integers(2, 6), st.data())
def test_random_formulas_over_samples(recipe: Recipe, count: int, data: st.DataObject) -> None:
    xs = [data.draw(st.integers(-16, 16)) / 8.0 for _ in range(2 * count)]
    ws = [Value(data.draw(st.integers(-16, 16)) / 8.0) for _ in range(2)]

    def loss(v: Any) -> Any:
        return fsum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)]) * ws[0]

    derived = Derived(loss, [xs])
    assume(size(derived.expected) < 1e6)
    assert same(found(derived), derived.expected, size(derived.expected)), str(derived.program)


@pytest.mark.parametrize("op", [op for op in PRIMITIVES if not isinstance(op, ops.Unary)], ids=lambda op: op.name)
def test_a_row_of_which_some_operands_are_numbers_of_the_program(op: ops.Op) -> None:
    rng = random.Random(0)
    for arity in arities(op):
        for known in product([False, True], repeat=arity) if arity <= 3 else [(False, True) * arity]:
            if all(known[:arity]):
                continue
            for _ in range(4):
                point = [rng.choice([-2.5, -1.75, -1.0, 0.0, 0.31, 0.5, 1.0, 2.0, 3.0, 70.0]) for _ in range(arity)]
                if op is ops.take:  # an index out of range is an IndexError before any program runs
                    point[0] = float(rng.randrange(arity - 1))

                def f(*xs: Any, point: list[float] = point, known: tuple[bool, ...] = known) -> Any:
                    operands = iter(xs)
                    return op(*[x if is_known else next(operands) for x, is_known in zip(point, known)])

                check(f, *[x for x, is_known in zip(point, known) if not is_known])


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda xs: sum(x * x for x in xs), [[1.0, 2.0, 3.0]]),
        (lambda xs: sum(a * b for a in xs for b in xs), [[1.0, 2.0, 3.0]]),  # each is read six times
        (lambda xs: xs[0] * xs[1] + xs[1], [[1.0, 2.0, 3.0]]),  # of which one is not read
        (lambda xs: prod(xs) + fsum([xs[1], xs[1], xs[2]]), [[1.0, -2.0, 3.0]]),
        (lambda xs, w: sum((x * w).tanh() for x in xs) * w, [[0.1, 0.2, 0.3], 0.5]),
        (lambda xs: max(xs) * 2.0 + min(xs), [[1.0, 5.0, -2.0]]),
        (lambda xs: sum((x.detach() * x).sin() for x in xs), [[1.0, 5.0, -2.0]]),
        (lambda x: x * 0.0 + 3.0, [2.0]),
        (lambda x: x, [2.0]),
    ],
)
def test_small_programs(f: Callable[..., Any], args: list[Any]) -> None:
    check(f, *args)


def test_a_matrix_product_has_matrix_products_as_derivatives() -> None:
    builder = Builder()
    w, x = builder.leaf(Kind.PARAMETER, range(6)), builder.leaf(Kind.ARGUMENT, range(12))
    grid = [(i, j, k) for i in range(2) for j in range(4) for k in range(3)]
    owner, left, right = (
        [4 * i + j for i, j, _ in grid],
        [3 * i + k for i, _, k in grid],
        [4 * k + j for _, j, k in grid],
    )
    z = builder.sum(8, [builder.terms(owner, builder.read(w, left), builder.read(x, right))])
    y = builder.map(ops.tanh, [z])
    total = builder.sum(1, [builder.terms([0] * 8, y)])
    assert isinstance(w, Read)
    gradients = differentiate(builder, total, [w, x])
    program = builder.program([total, *gradients]).verify()
    products = [part for array in program.arrays for part in array.terms if len(part.factors) == 2]
    found = [[list(part.owner), *[list(read.index) for read in part.factors]] for part in products]
    assert found[0] == [owner, left, right]
    assert sorted(found[1:]) == sorted([[left, owner, right], [right, owner, left]])  # roles exchanged


# ---- what depends on what --------------------------------------------------------------------------------------------
def test_what_the_output_does_not_depend_on_has_the_derivative_zero() -> None:
    builder = Builder()
    x, p = builder.leaf(Kind.ARGUMENT, range(2)), builder.leaf(Kind.PARAMETER, range(3))
    y = builder.map(ops.sin, [builder.read(x, [0])])
    by_x, by_p = differentiate(builder, y, [x, p])
    assert by_p == 0.0
    assert evaluate(builder.program([by_x]), [1.0, 2.0], [0.0] * 3) == [[math.cos(1.0), 0.0]]
    assert differentiate(builder, 3.0, [x]) == [0.0]
    assert differentiate(builder, builder.read(x, [1]), [p]) == [0.0]


def test_the_derivative_with_respect_to_the_output_itself_is_one() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(3))
    (by_x,) = differentiate(builder, builder.read(x, [1]), [x])
    assert evaluate(builder.program([by_x]), [5.0, 6.0, 7.0], []) == [[0.0, 1.0, 0.0]]


def test_adjoints_know_what_they_belong_to() -> None:
    w, b = Value(0.5, "w"), Value(0.25, "b")

    def loss(x: Any) -> Any:
        z = w * x + b
        z.label = "z"
        a = z.sigmoid()
        a.label = "a"
        return (a - 1.0).square()

    program = Derived(loss, [2.0]).program
    named = [program.labels[of][0] for number, of in sorted(program.adjoints.items()) if of in program.labels]
    assert {"a", "z"} <= set(named)


def test_a_program_can_be_differentiated_twice() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(1))
    y = builder.map(ops.mul, [builder.map(ops.constant_power, [x, 3.0]), builder.map(ops.sin, [x])])
    (first,) = differentiate(builder, y, [x])
    (second,) = differentiate(builder, first, [x])
    for v in (2.0, 0.5, -1.0):
        expected = 6 * v * math.sin(v) + 6 * v**2 * math.cos(v) - v**3 * math.sin(v)
        assert same(evaluate(builder.program([second]), [v], []), [[expected]])


def test_the_derivative_of_a_deep_program() -> None:
    builder = Builder()
    x = y = builder.leaf(Kind.ARGUMENT, range(1))
    for _ in range(5_000):
        y = builder.map(ops.tanh, [y])
    (slope,) = differentiate(builder, y, [x])
    assert 0.0 < evaluate(builder.program([slope]), [1.0], [])[0][0] < 1.0


def test_a_batch_is_added_up_where_parameters_are_read() -> None:
    builder = Builder()
    x, w = builder.leaf(Kind.ARGUMENT, [0], batched=True), builder.leaf(Kind.PARAMETER, [0])
    each = builder.spread(builder.map(ops.mul, [builder.map(ops.mul, [w, x]), w]), 1)
    total = builder.sum(1, [builder.terms([0], each)], batched=False)
    by_w, by_x = differentiate(builder, total, [w, x])
    program = builder.program([total, by_w, by_x]).verify()
    assert evaluate(program, [[1.0, 2.0, 4.0]], [3.0], 3) == [[63.0], [2 * 3.0 * 7.0], [[9.0, 9.0, 9.0]]]


# ---- branches --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("xs", [[1.0] * 4, [0.0] * 4, [-1.0] * 4, [0.0, 1.0, -1.0, 4.0]])
def test_a_branch_that_is_not_taken_leaks_nothing(xs: list[float]) -> None:
    w = Value(0.5)
    numbers = check(lambda v: fsum([where(x > 0, log(x) * w, x * 2.0) for x in v]), xs)
    assert all(math.isfinite(d) for gradient in numbers[1:] for d in gradient)
    assert size(numbers) > 0.0


def test_a_number_that_all_share_behind_a_branch_that_none_takes_gets_nothing() -> None:
    w = Value(0.0)
    for xs, expected in (([-1.0] * 4, 0.0), ([-1.0, 1.0, -1.0, -1.0], inf)):
        _, by_w, _ = found(Derived(lambda v: fsum([where(x > 0, log(w) * x, x) for x in v]), [xs]))
        assert by_w == [expected]


def test_members_behind_a_branch_that_is_not_taken_get_nothing() -> None:
    numbers = check(lambda v: where(v[0] > 0, fsum([log(x) for x in v[1:]]), v[0]), [-1.0, 0.0, 0.0, 0.0, 0.0])
    assert numbers[1] == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_nested_branches() -> None:
    def f(x: Any, y: Any) -> Any:
        inner = where(x > 1.0, log(x - 1.0) + y, x * y)
        shared = log(y)
        root = where(x >= 1.0, (x - 1.0).sqrt(), 0.0)
        return where(y > 0.0, inner * shared + root, inner + 1.0) + where(y > 2.0, shared, 0.0)

    for xs in ([2.0, 3.0], [0.5, 3.0], [2.0, -3.0], [1.0, 0.0], [1.0, 1.5], [0.0, 0.0]):
        check(f, *xs)


def test_a_branch_that_is_known_to_count_everywhere_inside_another_one() -> None:
    def f(x: Any, y: Any) -> Any:
        both = where(x > 10.0, x * x, x + x)
        return where(x > 10.0, y * both.maximum(both), both.maximum(both) + y)

    for xs in ([1.0, 2.0], [20.0, 2.0]):
        check(f, *xs)


@pytest.mark.parametrize("decide", [lambda x: x > 0.0, lambda x: x])
def test_what_only_decides_gets_no_gradient_even_if_it_is_infinite(decide: Callable[[Any], Any]) -> None:
    numbers = check(lambda x, y: where(decide(x), y.sqrt(), y), 1.0, 0.0)
    assert sorted(numbers[1]) == [0.0, inf]


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
    if backend == "native":
        pytest.importorskip("llvmlite")
    f, points = BRANCHING[name]
    compiled = autograd.compile(DERIVED[derived](f), backend=backend)
    for x in points:
        value, (slope,) = compiled.value_and_grad(x)
        expected = functional.value_and_grad(DERIVED[derived](f))(x)
        assert (value, slope) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True), x
    assert compiled.recordings == 1


def check_samples(f: Callable[[Any], Any], w: Value) -> None:
    """Value and gradient are right, and the classes are those of one sample."""
    compiled = autograd.compile(f)
    X = [0.3 * i - 5.0 for i in range(40)]
    out = compiled(X)
    expected = f([Value(x) for x in X])
    assert out.data == pytest.approx(expected.data, rel=1e-12)
    assert autograd.grad(out, w) == pytest.approx(autograd.grad(expected, w), rel=1e-12)
    assert len(compiled.program.arrays) < 100
    assert any(array.size == 40 for array in compiled.program.arrays)


def test_derivatives_with_branches_for_each_sample() -> None:
    w = Value(0.7)

    def penalty(X: Any) -> Any:
        slope = functional.grad(lambda x: where(w * x > 0, log(w * x), w * x * x))
        return sum(slope(x) ** 2 for x in X)

    check_samples(penalty, w)


def test_what_all_samples_share_behind_their_branches() -> None:
    w = Value(0.7)

    def steepness(X: Any) -> Any:
        scale = autograd.exp(w)
        loss = sum(where(scale * x > 0, log(scale * x), scale * x * x) for x in X)
        (slope,) = autograd.grad(loss, [w], create_graph=True)
        return slope * slope

    check_samples(steepness, w)


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
