"""Programs as Python source: the same numbers as eager, readable lines, harmless names, any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.lanes import find_lanes
from autograd.compiler.program import ARGUMENT, PARAMETER, Instruction, Program
from autograd.compiler.python_source import PythonKernel
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Value, fsum, ops, sumprod, where
from autograd.compiler.builder import Builder
from autograd.compiler.record import program_of, record
from nn import MLP
from nn.losses import half_mse_loss
from tests import program_reference as reference
from tests.program_reference import ROUGH, formula, numbers, recipes, same, size, unusual

nan, inf = math.nan, math.inf
ROOT = Path(__file__).resolve().parent.parent


def differentiated(program: Program) -> Program:
    """The program with the derivatives by all of its leaves as further outputs."""
    inputs = [i for i, step in enumerate(program.instructions) if step.op in (ARGUMENT, PARAMETER)]
    builder = Builder()
    where_to, found = derivatives(program, program.outputs[0], inputs, builder)
    gradients = [builder.constant(0.0) if d is None else d for d in found]
    return flatten(builder.program([*[where_to[i] for i in program.outputs], *gradients])).verify()


def program(f: Callable[..., Any], args: Sequence[float], lanes: int = 0) -> tuple[Program, list[float]]:
    """The program of a function with all gradients, and the data of its parameters."""
    recording = record(f, list(args))
    forward = flatten(program_of(recording))
    return differentiated(find_lanes(forward, lanes) if lanes else forward), [p.data for p in recording.parameters]


def lines(source: str) -> list[str]:
    """The lines inside the function."""
    text = source.split("def ", 1)[1].splitlines()[1:]
    return [line.strip() for line in text if line.strip()]


def right_hand_side(f: Callable[..., Any], *args: float) -> str:
    """The expression of a function of x and y, without its gradients."""
    kernel = PythonKernel(flatten(program_of(record(f, list(args) or [2.0, 3.0]))), ["x", "y"])
    (line,) = [line for line in lines(kernel.source) if line.startswith("value = ")]
    return line.removeprefix("value = ")


# ---- the same numbers ------------------------------------------------------------------------------------------------
@given(recipes(ROUGH), unusual(3))
def test_values_and_gradients_are_those_of_the_graph(recipe: reference.Recipe, xs: list[float]) -> None:
    recording = record(lambda *v: formula(recipe, v), xs)
    forward = flatten(program_of(recording))
    derived = differentiated(forward)
    found = PythonKernel(derived)(xs, [])
    scale = size(reference.registers(derived, xs))
    assume(scale < 1e9)

    nodes = [Value(x) for x in xs]
    root = formula(recipe, nodes)
    assert same(found[0], root.data, scale)
    sources = [step.payload for step in forward.instructions if step.op is ARGUMENT]
    gradients = autograd.grad(root, nodes)
    assert same(found[1:], [gradients[k] for k in sources], scale)


@given(recipes(), st.integers(4, 6), st.data())
def test_lanes_give_what_the_slow_interpreter_gives(recipe: reference.Recipe, count: int, data: st.DataObject) -> None:
    xs = data.draw(numbers(2 * count))
    ws = [Value(w) for w in data.draw(numbers(2))]

    def loss(*v: Any) -> Any:
        return fsum([formula(recipe, [*ws, *v[k : k + 2]]) for k in range(0, 2 * count, 2)])

    derived, parameters = program(loss, xs, lanes=4)
    registers = reference.registers(derived, xs, parameters)
    assume(size(registers) < 1e6)
    found = PythonKernel(derived)(xs, parameters)
    assert same(found, [registers[i] for i in derived.outputs], size(registers))
    for i, number in zip(derived.outputs, found):
        assert isinstance(number, list) is (derived.instructions[i].lanes > 1)


@given(recipes(ROUGH), st.data())
def test_every_register_of_a_program_can_be_an_output(recipe: reference.Recipe, data: st.DataObject) -> None:
    xs = data.draw(numbers(3))
    steps = program_of(record(lambda *v: formula(recipe, v), xs)).instructions
    everything = Program(steps, range(len(steps)))
    expected = reference.outputs(everything, xs)
    assert same(PythonKernel(everything)(xs, []), expected, size(expected))


def test_the_source_alone_gives_the_same() -> None:
    derived, _ = program(
        lambda x, y: sumprod([x, y], [y, x]).sigmoid() / (x - x) + where(x > y, x.log(), -inf), [2.0, 3.0]
    )
    kernel = PythonKernel(derived)
    namespace: dict[str, Any] = {}
    exec(kernel.source, namespace)
    assert same(namespace["value_and_grad"]([2.0, 3.0], []), kernel([2.0, 3.0], []))


@pytest.mark.parametrize(
    ("f", "at", "value"),
    [
        (lambda x, y: x / y, (1.0, 0.0), inf),
        (lambda x, y: x / y, (0.0, 0.0), nan),
        (lambda x, y: x.log() + y, (-1.0, 1.0), nan),
        (lambda x, y: x.exp() - y, (1000.0, 0.0), inf),
        (lambda x, y: x * y, (1e200, 1e200), inf),
        (lambda x, y: x**y, (-2.0, 0.5), nan),
        (lambda x, y: x**2.5 + y, (-2.0, 0.5), nan),
        (lambda x, y: x.square() + y, (1e200, 0.0), inf),
        (lambda x, y: fsum([x, y, x]), (inf, -inf), nan),
        (lambda x, y: fsum([x, y, x]), (1e308, 1.0), inf),
        (lambda x, y: x / 1e-300 + y, (1e200, 0.0), inf),
    ],
)
def test_nothing_raises(f: Callable[..., Value], at: tuple[float, float], value: float) -> None:
    derived, _ = program(f, at)
    found = PythonKernel(derived)(at, [])
    nodes = [Value(x) for x in at]
    root = f(*nodes)
    by_source = dict(zip([s.payload for s in program_of(record(f, at)).instructions if s.op is ARGUMENT], found[1:]))
    assert same(found[0], value)
    assert same([by_source[k] for k in (0, 1)], list(autograd.grad(root, nodes)), 1e308)


def test_arguments_of_any_real_kind_are_floats_inside() -> None:
    kernel = PythonKernel(program_of(record(lambda x, y: x * y / 3.0, [1.0, 1.0])))
    for args in ([10**30, 10**30], np.array([1e30, 1e30]), (np.float32(2**0.5), True), [Fraction(1, 3), 2]):
        (found,) = kernel(args, [])
        assert type(found) is float
        assert found == float(args[0]) * float(args[1]) / 3.0


def test_parameters_and_arguments_that_the_program_does_not_need_do_no_harm() -> None:
    steps = [Instruction(ARGUMENT, payload=1), Instruction(PARAMETER, payload=2), Instruction(ops.sub, (0, 1))]
    assert PythonKernel(Program(steps, [2]))([9.0, 5.0, 9.0], [9.0, 9.0, 3.0, 9.0]) == [2.0]
    assert PythonKernel(Program([Instruction(ops.constant, payload=1.5)], [0]))([1.0], [2.0]) == [1.5]


# ---- how it reads ----------------------------------------------------------------------------------------------------
def test_a_neuron_reads_like_a_textbook() -> None:
    w, b = [Value(0.5, "w²₁₁"), Value(-1.0, "w²₁₂")], Value(0.25, "b²₁")

    def loss(x1: Any, x2: Any, y: Any) -> Any:
        z = sumprod(w, [x1, x2], b)
        z.label = "z²₁"
        a = z.sigmoid()
        a.label = "a²₁"
        return 0.5 * (a - y).square()

    derived, _ = program(loss, [1.0, 2.0, 3.0])
    found = lines(PythonKernel(derived).source)
    assert found[0] == "x1, x2, y = arguments"
    assert found[2:10] == [
        "# forward",
        "z2_1 = w2_11 * x1 + w2_12 * x2 + b2_1",
        "a2_1 = sigmoid(z2_1)",
        "t1 = a2_1 - y",
        "value = 0.5 * (t1 * t1)",
        "# backward",
        "d_a2_1 = 0.5 * (2.0 * t1)",
        "d_y = -d_a2_1",
    ]
    assert found[10] == "d_z2_1 = d_a2_1 * (a2_1 * (1.0 - a2_1))"
    assert set(found[11:-1]) == {
        "d_w2_11 = d_z2_1 * x1",
        "d_w2_12 = d_z2_1 * x2",
        "d_x1 = d_z2_1 * w2_11",
        "d_x2 = d_z2_1 * w2_12",
    }
    results = found[-1].removeprefix("return [").removesuffix("]").split(", ")
    assert sorted(results) == ["d_w2_11", "d_w2_12", "d_x1", "d_x2", "d_y", "d_z2_1", "value"], "d_b2_1 is d_z2_1"


def test_a_loop_over_samples_reads_as_list_comprehensions() -> None:
    model = MLP(2, [2, 1], activation="tanh", output="sigmoid", seed=1)

    def loss(*flat: Any) -> Any:
        rows = [flat[k : k + 3] for k in range(0, 60, 3)]
        for x1, x2, y in rows:
            x1.label, x2.label, y.label = "x₁", "x₂", "y"
        return fsum([half_mse_loss(model([x1, x2]), y) for x1, x2, y in rows])

    derived, _ = program(loss, [0.1 * k for k in range(60)], lanes=16)
    found = lines(PythonKernel(derived).source)
    for line in [
        "x1s = arguments[0:58:3]",
        "z2_1s = [w2_11 * x1 + w2_12 * x2 + b2_1 for x1, x2 in zip(x1s, x2s)]",
        "a2_1s = [tanh(z2_1) for z2_1 in z2_1s]",
        "d_b3_1 = sum(d_z3_1s)",
        "d_w2_11 = sumprod(d_z2_1s, x1s)",
        "d_z2_1s = [d_a2_1 * (1.0 - a2_1 * a2_1) for d_a2_1, a2_1 in zip(d_a2_1s, a2_1s)]",
    ]:
        assert line in found
    assert found.index("# forward") < found.index("a2_1s = [tanh(z2_1) for z2_1 in z2_1s]") < found.index("# backward")


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
        (lambda x, y: x * y + y * 2.0 + 1.0, "x * y + y * 2.0 + 1.0"),
        (lambda x, y: fsum([x, y, -1.5]), "fsum(x, y, -1.5)"),
        (lambda x, y: x + inf - y, "x + inf - y"),
        (lambda x, y: fsum([x * nan, y * -inf]), "x * nan + y * -inf"),
    ],
)
def test_expressions_have_the_parentheses_that_they_need(f: Callable[..., Value], expected: str) -> None:
    assert right_hand_side(f) == expected


def test_a_uniform_number_is_computed_once_and_not_in_every_lane() -> None:
    w = Value(0.5, "w")
    recording = record(lambda *xs: fsum([w.sin() * x for x in xs]), [0.1 * k for k in range(5)])
    source = PythonKernel(find_lanes(flatten(program_of(recording)), 4)).source
    assert "t1 = sin(w)" in lines(source)
    assert source.count("sin(w)") == 1


def test_what_is_used_twice_gets_a_line_and_long_expressions_are_broken_up() -> None:
    source = PythonKernel(program_of(record(lambda x: (s := x.sin()) * s + s, [1.0])), ["x"]).source
    assert lines(source)[2:] == ["t1 = sin(x)", "value = t1 * t1 + t1", "return [value]"]

    def deep(x: Any) -> Any:
        for _ in range(50):
            x = x.sin()
        return x

    assert max(map(len, lines(PythonKernel(program_of(record(deep, [1.0]))).source))) < 80


def test_arguments_have_the_names_that_the_function_gives_them() -> None:
    @autograd.compile
    def f(x: Any, v: Any, *rest: Any) -> Any:
        return x * v[0][1] + v[1][0] * rest[0] + rest[1]

    f.value_and_grad(2.0, np.array([[1.0, 2.0], [3.0, 4.0]]), 5.0, 6.0)
    found = lines(f.source())
    assert "x, _, v_0_1, v_1_0, _, x5, x6 = arguments" in found
    assert {"d_x = v_0_1", "d_v_1_0 = x5"}.isdisjoint(found), "what is known already is not computed again"
    assert {"x", "v_0_1", "v_1_0", "x5", "1.0"} <= set(found[-1].removeprefix("return [").removesuffix("]").split(", "))


def test_long_lines_are_broken_before_their_loop() -> None:
    ws = [Value(0.1 * k, f"a_rather_long_name_{k}") for k in range(4)]
    recording = record(lambda *xs: fsum([sumprod(ws, xs[k : k + 4]).tanh() for k in range(0, 20, 4)]), [0.5] * 20)
    kernel = PythonKernel(find_lanes(flatten(program_of(recording)), 4))
    ends = [line.strip() for line in kernel.source.splitlines()]
    assert any(line.startswith("for ") and line.endswith(" in zip(x0s, x1s, x2s, x3s))") for line in ends)
    assert max(map(len, kernel.source.splitlines())) < 130
    assert same(kernel([0.5] * 20, [p.data for p in recording.parameters]), [recording.output.data])


def test_sums_of_many_products_are_one_call() -> None:
    ws = [Value(0.1 * k, f"w{k}") for k in range(40)]
    derived = flatten(program_of(record(lambda *xs: sumprod(ws, xs, ws[0]), [1.0] * 40)))
    source = PythonKernel(derived).source
    assert "from autograd.compiler.python_text import sumprod" in source
    assert "value = sumprod([w0, w1, w2," in source
    assert max(map(len, source.splitlines())) < 130
    assert same(PythonKernel(derived)([1.0] * 40, [0.1 * k for k in range(40)]), [sum(0.1 * k for k in range(40))])


def test_a_program_without_gradients_has_no_backward_part() -> None:
    source = PythonKernel(program_of(record(lambda x: x.sin(), [1.0])), ["x"]).source
    assert "def value(arguments, parameters):" in source
    assert "# backward" not in source
