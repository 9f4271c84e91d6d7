"""Programs over classes as Python source: lines that read like a textbook, with the names of the user."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

import autograd
from autograd import Value, fsum, sumprod, where
from autograd.compiler.python.writer import PythonKernel
from nn import MLP
from nn.losses import half_mse_loss
from tests.autograd.compiler.test_python_backend import found, lines, right_hand_side
from tests.support.class_programs import PROGRAMS, Named, attention, recurrence
from tests.support.recipes import same


def read(f: Callable[..., Any], args: list[Any], *kinds: Any) -> list[str]:
    """The lines of a function."""
    return lines(PythonKernel(Named(f, args, *kinds).shown).source)


def test_a_neuron_reads_like_a_textbook() -> None:
    w, b = [Value(0.5, "w²₁₁"), Value(-1.0, "w²₁₂")], Value(0.25, "b²₁")

    def loss(x1: Any, x2: Any, y: Any) -> Any:
        z = sumprod(w, [x1, x2], b)
        z.label = "z²₁"
        a = z.sigmoid()
        a.label = "a²₁"
        return 0.5 * (a - y).square()

    text = read(loss, [1.0, 2.0, 3.0])
    assert text[0] == "x1, x2, y = arguments"
    forward, backward = text.index("# forward"), text.index("# backward")
    assert text[forward + 1 : backward] == [
        "z2_1 = w2_11 * x1 + w2_12 * x2 + b2_1",
        "a2_1 = sigmoid(z2_1)",
        "t1 = a2_1 - y",
        "value = 0.5 * (t1 * t1)",
    ]
    assert {
        "d_a2_1 = 0.5 * (2.0 * t1)",
        "d_y = -d_a2_1",
        "d_z2_1 = d_a2_1 * (a2_1 * (1.0 - a2_1))",
        "d_w2_11 = d_z2_1 * x1",
        "d_w2_12 = d_z2_1 * x2",
        "d_x1 = d_z2_1 * w2_11",
        "d_x2 = d_z2_1 * w2_12",
    } <= set(text[backward:-1])
    assert "d_b2_1 = d_z2_1" in text


def test_a_loop_over_samples_reads_as_list_comprehensions() -> None:
    model = MLP(2, [2, 1], activation="tanh", output="sigmoid", seed=1)

    def loss(*flat: Any) -> Any:
        rows = [flat[k : k + 3] for k in range(0, 60, 3)]
        for x1, x2, y in rows:
            x1.label, x2.label, y.label = "x₁", "x₂", "y"
        return fsum([half_mse_loss(model([x1, x2]), y) for x1, x2, y in rows])

    text = read(loss, [0.1 * k for k in range(60)])
    for line in ["a2 = [tanh(z) for z in z2]", "d_b2 = [sum(d_z) for d_z in d_z2_rows]", "d_b3_1 = sum(d_z3_1)"]:
        assert line in text
    assert text.index("# forward") < text.index("a2 = [tanh(z) for z in z2]") < text.index("# backward")
    assert len(text) < 40


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x - (y - x), "x - (y - x)"),
        (lambda x, y: (x - y) - x, "x - y - x"),
        (lambda x, y: (x + y) * (x - y), "(x + y) * (x - y)"),
        (lambda x, y: x * (y * 3.0), "x * (y * 3.0)"),
        (lambda x, y: -(x * y), "-(x * y)"),
        (lambda x, y: -(-x * y), "-(-x * y)"),
        (lambda x, y: x * -2.0 - y, "x * -2.0 - y"),
        (lambda x, y: x / (y * 2.0), "divide(x, y * 2.0)"),
        (lambda x, y: (x - y) / 2.0, "(x - y) / 2.0"),
        (lambda x, y: (x - y) / -2.0, "(x - y) / -2.0"),
        (lambda x, y: x / 0.0 + y, "divide(x, 0.0) + y"),
        (lambda x, y: where(x < y, x, y) * 2.0, "(x if x < y else y) * 2.0"),
        (lambda x, y: where(x, where(y >= 1.0, 2.0, x), y), "(2.0 if 1.0 <= y else x) if x else y"),
        (lambda x, y: x**3.0 + y**x, "power(x, 3.0) + power(y, x)"),
        (lambda x, y: abs(x) * y, "abs(x) * y"),
        (lambda x, y: (x - y).square(), "t1 * t1"),
        (lambda x, y: x.square() - y, "x * x - y"),
        (lambda x, y: fsum([x, y, -1.5]), "fsum(x, y, -1.5)"),
        (lambda x, y: x + inf - y, "x + inf - y"),
        (lambda x, y: fsum([x * nan, y * -inf]), "x * nan + y * -inf"),
    ],
)
def test_expressions_have_the_parentheses_that_they_need(f: Callable[..., Value], expected: str) -> None:
    assert sorted(right_hand_side(f).split(" + ")) == sorted(expected.split(" + "))


def test_what_all_samples_share_is_computed_once() -> None:
    w = Value(0.5, "w")
    text = read(lambda xs: sum([w.sin() * x for x in xs]), [[0.1 * k for k in range(5)]])
    assert sum(line.count("sin(w)") for line in text) == 1


def test_what_is_used_twice_gets_a_line_and_long_expressions_are_broken_up() -> None:
    assert read(lambda x: (s := x.sin()) * s + s, [1.0], ())[2:] == [
        "t1 = sin(x)",
        "value = t1 * t1 + t1",
        "return [[value]]",
    ]

    def deep(x: Any) -> Any:
        for _ in range(50):
            x = x.sin()
        return x

    assert max(map(len, read(deep, [1.0]))) < 80


def test_arguments_have_the_names_that_the_function_gives_them() -> None:
    numpy = pytest.importorskip("numpy")

    @autograd.compile
    def f(x: Any, v: Any, *rest: Any) -> Any:
        return x * v[0][1] + v[1][0] * rest[0] + rest[1]

    f.value_and_grad(2.0, numpy.array([[1.0, 2.0], [3.0, 4.0]]), 5.0, 6.0)
    text = lines(f.source())
    assert text[0] == "x, _, v_0_1, v_1_0, _, x1, x2 = arguments"
    assert "value = x * v_0_1 + v_1_0 * x1 + x2" in text


def test_long_lines_are_broken_inside_their_brackets() -> None:
    ws = [Value(0.1 * k, f"a_rather_long_name_{k}") for k in range(4)]
    derived = Named(lambda xs: sum(sumprod(ws, xs[k : k + 4]).tanh() for k in range(0, 20, 4)), [[0.5] * 20])
    assert max(map(len, PythonKernel(derived.program).source.splitlines())) < 130
    assert same(found(derived), derived.expected)


def test_sums_of_many_products_are_one_call() -> None:
    ws = [Value(0.1 * k, f"w{k}") for k in range(40)]
    derived = Named(lambda xs: sumprod(ws, xs, ws[0]), [[1.0] * 40])
    source = PythonKernel(derived.program).source
    assert "from autograd.compiler.python.runtime import sumprod" in source
    assert any(line.startswith("value = sumprod(") for line in lines(source))
    assert same(found(derived), derived.expected)


def test_a_program_without_gradients_has_no_backward_part() -> None:
    source = PythonKernel(Named(lambda x: x.sin(), [1.0], ()).program).source
    assert "def value(arguments, parameters):" in source
    assert "# backward" not in source


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_source_alone_gives_the_same(name: str) -> None:
    derived = Named(*PROGRAMS[name])
    kernel = PythonKernel(derived.program)
    namespace: dict[str, Any] = {}
    exec(kernel.source, namespace)
    assert same(namespace["value_and_grad"](derived.arguments, derived.parameters), found(derived))


@pytest.mark.parametrize(("make", "fewer", "more"), [(attention, 6, 12), (recurrence, 8, 12)])
def test_the_length_of_the_source_hardly_depends_on_the_length_of_the_data(make: Any, fewer: int, more: int) -> None:
    short, long = read(*make(fewer)), read(*make(more))
    if make is attention:
        assert len(long) <= len(short) + 2
    else:  # a few lines for each step
        assert len(long) - len(short) <= 10 * (more - fewer)
