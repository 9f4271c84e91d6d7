"""Python's math on the plain numbers of a compiled function: the same numbers, the same errors, one recording."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from math import exp
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiler.recording.allowed import checked

POINTS = [-1e300, -750.0, -1.0, -0.9, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5, 30.0, 708.0, 709.9, 1e300, math.inf, math.nan]
# What is recorded as a row of the table, in whatever way the program calls it.
ELEMENTARY = {name for name, f in vars(math).items() if callable(f) and checked(f) is not f}
UNARY = sorted(ELEMENTARY - {"atan2", "isnan", "isinf", "isfinite"})


def outcome(f: Any, *args: Any) -> Any:
    """The number or the error of a call."""
    try:
        found = f(*args)
    except (ValueError, OverflowError) as error:
        return type(error)
    return found.data if isinstance(found, Value) else found


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_math_gives_the_number_or_the_error_that_it_gives_without_the_compiler(name: str) -> None:
    program = f"def f(x):\n    return 2.0 * math.{name}(x)\n"
    f = defined(program)
    compiled = autograd.compile(f)
    for x in POINTS * 2:  # a second time, when every recording is there
        expected, found = outcome(f, x), outcome(compiled, x)
        if isinstance(expected, type):
            assert found is expected, x
        else:
            assert found == pytest.approx(expected, rel=1e-15, nan_ok=True), x


@pytest.mark.parametrize("name", UNARY)
def test_one_recording_serves_the_whole_domain(name: str) -> None:
    compiled = autograd.compile(defined(f"def f(x):\n    return 2.0 * math.{name}(x)\n"))
    for x in [1.1, 1.5, 3.0] if name == "acosh" else [0.1, 0.25, 0.9]:
        compiled(x)
    assert compiled.recordings == 1


def test_most_functions_of_math_are_recorded() -> None:
    assert len(ELEMENTARY) == 25


def test_a_schedule_of_the_step_is_recorded_once() -> None:
    def rate(x: Any, step: int) -> Any:
        return x * (0.5 * (1 + math.cos(math.pi * step / 10)) * exp(-step)) + math.atan2(step, 2.0)

    compiled, x = autograd.compile(rate), Value(3.0)
    for step in range(10):
        x.grad = 0.0
        found = compiled(x, step)
        found.backward()
        gradient, x.grad = x.grad, 0.0
        expected = rate(x, step)
        expected.backward()
        assert (found.data, gradient) == pytest.approx((expected.data, x.grad), rel=1e-14, abs=1e-16)
    assert compiled.recordings == 1


def test_no_gradient_goes_through_a_number_of_data() -> None:
    def f(x: Any) -> Any:
        return x * math.exp(x.data)

    x = Value(0.5)
    autograd.compile(f)(x).backward()
    assert x.grad == pytest.approx(math.exp(0.5), rel=1e-15)


@pytest.mark.parametrize(("question", "special"), [("isnan", math.nan), ("isinf", -math.inf), ("isfinite", math.nan)])
def test_a_question_is_a_decision_by_its_answer(question: str, special: float) -> None:
    compiled = autograd.compile(
        defined(f"def f(x):\n    y = x * 2.0\n    if math.{question}(y):\n        return 7.0\n    return y\n")
    )
    for x in (1.0, 2.0, 3.0):
        assert compiled(x) == (7.0 if question == "isfinite" else 2.0 * x)
    assert compiled.recordings == 1
    found = compiled(special)
    assert found == (7.0 if question != "isfinite" else pytest.approx(2.0 * special, nan_ok=True))
    assert compiled.recordings == 2


def test_a_function_of_one_s_own_that_is_called_like_one_of_math_stays_its_own() -> None:
    class math:  # noqa: N801 - the name is the point
        @staticmethod
        def exp(x: Any) -> Any:
            return x + 100.0

    compiled = autograd.compile(lambda x: math.exp(x))
    assert [compiled(x) for x in (1.0, 2.0)] == [101.0, 102.0]


def test_a_value_is_refused_as_without_the_compiler() -> None:
    with pytest.raises(TypeError, match="would drop the gradient"):
        autograd.compile(lambda x: math.exp(x))(Value(1.0))


def test_a_base_of_a_logarithm_is_a_decision() -> None:
    compiled = autograd.compile(lambda x: 1.0 * math.log(x, 2))
    assert [compiled(x) for x in (2.0, 8.0)] == pytest.approx([1.0, 3.0], rel=1e-15)


def defined(program: str) -> Any:
    """The function ``f`` of a program, with a source that can be found."""
    name = f"<program {hash(program)}>"
    linecache.cache[name] = (len(program), None, program.splitlines(keepends=True), name)
    space: dict[str, Any] = {"math": math}
    exec(compile(program, name, "exec"), space)
    return space["f"]


w = Value(0.5)
history: list[float] = []


def logged(x: float) -> Any:
    loss = (w * x - 1.0) ** 2
    history.append(float(loss.data))
    return loss


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda x: w * float(x), (0.5, 1.0, -2.0)),
        (lambda xs: sum([w * Value(x) for x in map(float, xs)], Value(0.0)), ([0.5, 1.0], [2.0, -1.0])),
        (lambda n: w * float(n) + float(n // 2), (1, 2, 5)),
        (lambda x: w * float(x > 0) + float(True), (1.0, -1.0)),
        (lambda x: float((w * x).data), (0.5, 1.0)),
        (logged, (0.5, 1.0, 2.0)),
    ],
)
def test_float_of_a_number_is_no_decision(f: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    def results(step: Callable[..., Any]) -> list[Any]:
        history.clear()
        found = [getattr(y, "data", y) for y in map(step, arguments * 4)]
        return [*found, *history, *map(type, history), *map(type, found)]

    compiled = autograd.compile(f)
    assert results(compiled) == results(f)
    assert compiled.recordings == 1


def test_float_is_whatever_the_program_calls_so() -> None:
    float = lambda x: 2.0 * x  # noqa: E731 - as a program may do, to compute in another precision
    compiled = autograd.compile(lambda x: w * float(x))
    assert [compiled(x).data for x in (1.0, 2.0)] == [2.0 * w.data, 4.0 * w.data]
