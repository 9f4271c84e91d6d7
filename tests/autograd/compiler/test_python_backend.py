"""Programs over classes as Python source: the numbers of the engine, readable lines, any program."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, compile, fsum, ops, primitive, where
from autograd.compiler.program.builder import Builder
from autograd.compiler.program.classes import Kind, Program, Read
from autograd.compiler.python.walks import Walk, walk_of
from autograd.compiler.python.writer import PythonKernel, python_source
from nn import MLP, fit
from tests.support.class_programs import PROGRAMS, Named
from tests.support.class_reference import evaluate
from tests.support.recipes import ROUGH, Recipe, formula, recipes, same, size, unusual
from tests.support.strategies import Expression, expressions

nan, inf = math.nan, math.inf


def found(derived: Named) -> list[list[float]]:
    return [list(output) for output in PythonKernel(derived.program)(derived.arguments, derived.parameters)]


def lines(source: str) -> list[str]:
    """The lines inside the function."""
    text = source.split("def ", 1)[1].splitlines()[1:]
    return [line.strip() for line in text if line.strip()]


def right_hand_side(f: Any, *args: float) -> str:
    """The expression of a function of x and y, without its gradients."""
    source = python_source(Named(f, list(args) or [2.0, 3.0], ()).shown)
    (line,) = [line for line in lines(source) if line.startswith("value = ")]
    return line.removeprefix("value = ")


# ---- the same numbers ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_people_write_give_the_numbers_of_the_engine(name: str) -> None:
    derived = Named(*PROGRAMS[name])
    for numbers, expected in zip(found(derived), derived.expected, strict=True):
        assert numbers == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(expressions())
def test_random_expressions_give_the_numbers_of_the_engine(expression: Expression) -> None:
    derived = Named(lambda *xs: expression(*xs) + 0.0 * sum(xs), expression.inputs)
    for numbers, expected in zip(found(derived), derived.expected, strict=True):
        assert same(numbers, expected, size(derived.expected))


@given(recipes(ROUGH), unusual(3))
def test_infinities_and_nan_are_where_the_reference_has_them(recipe: Recipe, xs: list[float]) -> None:
    derived = Named(lambda *v: formula(recipe, v), xs)
    expected = evaluate(derived.program, derived.arguments, derived.parameters)
    assume(size(expected) < 1e9)
    assert same(found(derived), expected, size(expected))


@given(recipes(), st.integers(2, 5), st.data())
def test_random_formulas_over_samples_give_the_numbers_of_the_engine(
    recipe: Recipe, samples: int, data: st.DataObject
) -> None:
    numbers = st.integers(-16, 16).map(lambda k: k / 8.0)
    xs = data.draw(st.lists(numbers, min_size=2 * samples, max_size=2 * samples))
    ws = [Value(w) for w in data.draw(st.lists(numbers, min_size=2, max_size=2))]
    together: Any = data.draw(st.sampled_from([fsum, sum]))

    def loss(*v: Any) -> Any:
        return together([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * samples, 2)])

    derived = Named(loss, xs)
    assume(size(derived.expected) < 1e6)
    assert same(found(derived), derived.expected, size(derived.expected))


@pytest.mark.parametrize(
    ("f", "at", "value"),
    [
        (lambda x, y: x / y, (1.0, 0.0), inf),
        (lambda x, y: x / y, (0.0, 0.0), nan),
        (lambda x, y: x.log() + y, (-1.0, 1.0), nan),
        (lambda x, y: x.exp() - y, (1000.0, 0.0), inf),
        (lambda x, y: x * y, (1e200, 1e200), inf),
        (lambda x, y: x**y, (-2.0, 0.5), nan),
        (lambda x, y: fsum([x, y, x]), (inf, -inf), nan),
        (lambda x, y: x / 1e-300 + y, (1e200, 0.0), inf),
        (lambda x, y: where(x > y, x.log(), y * inf), (-1.0, 2.0), inf),
    ],
)
def test_nothing_raises(f: Any, at: tuple[float, float], value: float) -> None:
    derived = Named(f, at)
    numbers = found(derived)
    assert same(numbers[0], [value])
    assert same(numbers, derived.expected, 1e308)


def test_the_source_alone_gives_the_same() -> None:
    derived = Named(*PROGRAMS["attention"])
    kernel = PythonKernel(derived.program)
    namespace: dict[str, Any] = {}
    exec(kernel.source, namespace)
    again = namespace["value_and_grad"](derived.arguments, derived.parameters)
    assert again == kernel(derived.arguments, derived.parameters)


def test_arguments_of_any_real_kind_are_floats_inside() -> None:
    kernel = PythonKernel(Named(lambda x, y: x * y / 3.0, [1.0, 1.0], ()).program)
    for args in ([10**30, 10**30], (True, 2), [Fraction(1, 3), 2]):
        assert kernel(args, []) == [[float(args[0]) * float(args[1]) / 3.0]]


def test_a_primitive_of_ones_own_is_called() -> None:
    calls = []

    @primitive(lambda y, x: 3.0 * x * x)
    def backend_cube(x: float) -> float:
        calls.append(x)
        return x**3

    derived = Named(lambda xs, w: sum(backend_cube(x) for x in xs) * backend_cube(w), [[1.0, 2.0, 3.0], 2.0])
    calls.clear()
    assert found(derived) == derived.expected
    assert sorted(calls) == [1.0, 2.0, 2.0, 3.0]
    assert "# backend_cube: a primitive of your own" in python_source(derived.program)


def test_a_thousand_lines_of_loops_run_in_pieces() -> None:
    def f(xs: Sequence[Any]) -> Any:
        values = list(xs)
        for k in range(1100):
            values = [(v * 0.9 + k).sin() for v in values]
        return sum(values)

    derived = Named(f, [[0.1, 0.2, 0.3]], ())
    assert found(derived)[0] == pytest.approx(derived.expected[0], rel=1e-12)


# ---- batches ---------------------------------------------------------------------------------------------------------
def batched_layer(samples: int) -> tuple[Program, list[list[float]], list[float]]:
    """tanh(W x + b) and the derivatives of its sum, for samples whose numbers come together."""
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(5), batched=True)
    w, b = builder.leaf(Kind.PARAMETER, range(15)), builder.leaf(Kind.PARAMETER, range(15, 18))
    owner = [j for j in range(3) for _ in range(5)]
    inputs = builder.read(x, list(range(5)) * 3)
    z = builder.sum(3, [builder.terms(owner, w, inputs), builder.terms(range(3), b)])
    y = builder.map(ops.tanh, [z])
    slope = builder.map(ops.sub, [1.0, builder.map(ops.mul, [y, y])])
    dw = builder.sum(15, [builder.terms(range(15), builder.read(slope, owner), inputs)], batched=False)
    db = builder.sum(3, [builder.terms(range(3), slope)], batched=False)
    dx = builder.sum(5, [builder.terms(list(range(5)) * 3, w, builder.read(slope, owner))])
    total = builder.sum(1, [builder.terms([0] * 3, y)], batched=False)
    program = builder.program([total, y, builder.read(y, [2]), dw, db, dx]).verify()
    data = [[math.sin(3.0 * k + s) for s in range(samples)] for k in range(5)]
    return program, data, [math.cos(k) for k in range(18)]


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_batched_programs_hold_a_block_for_each_sample(samples: int) -> None:
    program, data, parameters = batched_layer(samples)
    given = data if samples > 1 else [row[0] for row in data]  # of one sample plain numbers
    total, y, last, dw, db, dx = PythonKernel(program, samples)(given, parameters)
    ws = [Value(p) for p in parameters]
    xs = [[Value(v) for v in row] for row in data]
    outputs = [
        [(sum(ws[5 * j + k] * xs[k][s] for k in range(5)) + ws[15 + j]).tanh() for s in range(samples)]
        for j in range(3)
    ]
    root = sum(v for row in outputs for v in row)
    assert isinstance(root, Value)
    gradients = autograd.grad(root, [*ws, *[v for row in xs for v in row]])
    assert total == pytest.approx([root.data], rel=1e-12)
    assert [v for row in y for v in row] == pytest.approx([v.data for row in outputs for v in row], rel=1e-12)
    assert last == [y[2]]
    assert [*dw, *db, *[v for row in dx for v in row]] == pytest.approx(gradients, rel=1e-12, abs=1e-14)


# ---- readable lines --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x - (y - x), "x - (y - x)"),
        (lambda x, y: (x + y) * -x, "(x + y) * -x"),
        (lambda x, y: x / (y * 2.0), "divide(x, y * 2.0)"),
        (lambda x, y: (x * y) / 4.0, "x * y / 4.0"),
        (lambda x, y: where(x < y, x, 1.5 - y), "x if x < y else 1.5 - y"),
        (lambda x, y: x.maximum(y).exp(), "exp(maximum(x, y))"),
        (lambda x, y: x * y + y * 2.0 + 1.0, "x * y + y * 2.0 + 1.0"),
        (lambda x, y: abs(x) + y.sigmoid(), "abs(x) + sigmoid(y)"),
    ],
)
def test_a_formula_of_scalars_reads_like_one(f: Any, expected: str) -> None:
    assert sorted(right_hand_side(f).split(" + ")) == sorted(expected.split(" + "))


def test_a_network_reads_layer_by_layer() -> None:
    text = lines(python_source(Named(*PROGRAMS["network"]).shown))
    for line in (
        "a2 = [tanh(z) for z in z2]",
        "z3 = [sumprod(w, a) + b for w, b in zip(w3_rows, b3) for a in a2_columns]",
        "d_w3 = [sumprod(d_z, a) for d_z in d_z3_rows for a in a2_rows]",
        "# backward",
    ):
        assert line in text
    assert text.index("# forward") < text.index("# backward")


def test_names_do_not_hide_what_the_source_needs() -> None:
    def f(exp: Any, sum: Any, x: Any) -> Any:
        return (exp * sum).exp() + x

    derived = Named(f, [1.0, 2.0, 3.0])
    assert same(found(derived), derived.expected)


def test_a_program_without_any_computation() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(3))
    program = builder.program([x, 2.5, builder.read(x, [2, 0]), builder.read(x, [1])])
    assert PythonKernel(program)([1.0, 2.0, 3.0], []) == [[1.0, 2.0, 3.0], [2.5], [3.0, 1.0], [2.0]]


# ---- ways through a list ---------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-5, 5)), min_size=1, max_size=4), st.integers(0, 3))
def test_every_way_through_a_list_is_right(loops: list[tuple[int, int]], start: int) -> None:
    places = [0]
    for turns, step in loops:
        places = [place + turn * step for place in places for turn in range(turns)]
    places = [place - min(places) + start for place in places]
    walk = walk_of("a", 90, places)
    assert walk is not None
    read = eval(str(walk), {"a": list(range(90))})
    assert (read if isinstance(read, list) else [read]) == places


def test_a_list_backwards() -> None:
    for places in ([5, 4, 3], [4, 2, 0], [8, 5, 2]):
        assert eval(str(walk_of("a", 9, places)), {"a": list(range(9))}) == places


def test_places_without_loops_have_no_walk() -> None:
    assert walk_of("a", 9, [3, 1, 4]) is None
    assert str(Walk("a", 9, 0, (), "places1")) == "take(a, places1)"


def test_one_array_can_be_two_outputs() -> None:
    builder = Builder()
    x = builder.leaf(Kind.ARGUMENT, range(2))
    y = builder.map(ops.exp, [x])
    assert isinstance(y, Read)
    first, second = PythonKernel(builder.program([y, y]))([0.0, 0.0], [])
    assert first == second == [1.0, 1.0]


def square_twice() -> None:
    for f in (lambda x: x * x, lambda x: x + x):
        compile(f)(3.0)


def train_a_neuron() -> None:
    fit(MLP(1, [1], seed=0), [[1.0]], [1.0], epochs=1, progress=False)


@pytest.mark.parametrize("use", [square_twice, train_a_neuron])
def test_that_there_is_no_machine_code_is_said_once_and_of_the_line_that_asked(
    use: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.compiler.backends._notice_given", False)
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.warns(RuntimeWarning, match="no machine code can be made in a browser") as caught:
        use()
    assert [warning.filename for warning in caught] == [__file__]
