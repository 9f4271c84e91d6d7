"""``x if c else y`` in a compiled function: a selection where both sides are simple numbers, else a decision."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import autograd
from autograd import Value

HIGH = 3.0


def clipped(v: Any, low: Any, high: Any) -> Any:
    return low if v < low else high if v > high else v


def relu(v: Any) -> Any:
    return v if v.data > 0 else 0


PROGRAMS: list[Callable[..., Any]] = [
    lambda xs, t: sum(x if x > t else -x for x in xs),
    lambda xs, t: sum([x * x if x > 0 else 0.5 * x for x in xs]) * t,
    lambda xs, t: sum(map(relu, xs)) + t,
    lambda xs, t: sum(clipped(x, -0.5, t) for x in xs),
    lambda xs, t: sum((3 if x > t else 4) * x for x in xs),
    lambda xs, t: sum((t if x > y else 0.25) * x * y for x, y in pairwise(xs)),
    lambda xs, t: sum(x for x in (xs if t > 0.5 else xs[1:])),  # lists: a decision, in what a loop runs through
    lambda xs, t: sum(x for x in xs if (x if t > 0 else -x) > 0),
    lambda xs, t: {True: xs[0], False: xs[1]}[xs[0] > xs[1]] + (lambda a: a if a > t else -a)(xs[2]),
]


@pytest.mark.filterwarnings("ignore:.*was recorded:RuntimeWarning")  # where it is a decision
@pytest.mark.parametrize("f", PROGRAMS)
def test_the_same_number_and_gradient_as_without_the_compiler(f: Callable[..., Any]) -> None:
    compiled, rng = autograd.compile(f), random.Random(0)
    for _ in range(12):
        numbers, t = [rng.uniform(-1, 1) for _ in range(5)], rng.uniform(0, 1)
        found, expected = ([Value(x) for x in numbers] for _ in range(2))
        out, eager = compiled(found, t), f(expected, t)
        out.backward()
        eager.backward()
        assert out.data == pytest.approx(eager.data, rel=1e-14, abs=1e-15)
        assert [x.grad for x in found] == pytest.approx([x.grad for x in expected], rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("f", PROGRAMS[:6])
def test_no_choice_of_numbers_is_recorded_twice(f: Callable[..., Any]) -> None:
    compiled, rng = autograd.compile(f), random.Random(1)
    for _ in range(8):
        compiled([rng.uniform(-1, 1) for _ in range(5)], rng.uniform(0, 1))
    assert compiled.recordings == 1


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf, 0.0, -0.0])
def test_special_numbers_are_chosen_as_python_does(special: float) -> None:
    compiled = autograd.compile(lambda x, y: x if x > y else y)
    for x, y in ((special, 1.0), (1.0, special), (special, 0.0), (-0.0, special)):
        expected = x if x > y else y
        found = compiled(x, y)
        assert (
            math.isnan(found)
            if math.isnan(expected)
            else (found, math.copysign(1, found))
            == (
                expected,
                math.copysign(1, expected),
            )
        )


def test_no_gradient_comes_from_the_side_that_is_not_taken() -> None:
    z, y = Value(math.nan), Value(5.0)
    f = autograd.compile(lambda z, y: y if y > 0 else z * z)
    f(z, y).backward()
    assert (y.grad, z.grad) == (1.0, 0.0)


def test_a_side_that_could_fail_or_do_something_is_computed_only_where_it_is_taken() -> None:
    seen = []

    def note(x: Any) -> Any:
        seen.append(1)
        return x

    compiled = autograd.compile(lambda x: (1 / x if x > 0 else 0.0) + (note(x) if x > 2 else x))
    assert [compiled(x) for x in (0.0, 1.0, 0.0, -1.0)] == [0.0, 2.0, 0.0, -1.0]
    assert not seen


def unset(x: Any, n: int) -> Any:
    if n > 0:
        double = x * 2.0
    return double if n > 0 else x


def unset_here(x: Any, n: int) -> Any:
    if n > 0:
        HIGH = x * 2.0
    return HIGH if n > 0 else x


def absent(x: Any, n: int, more: Any = None) -> Any:
    return x + more if n > 1 else -x


def deleted(x: Any, n: int) -> Any:
    part = x * 3.0
    if n > 0:
        del part
    return x if n > 0 else part * 2.0


def text(x: Any, n: int, name: Any = "a") -> Any:
    return len(name + name if n > 0 else name) * x


@pytest.mark.parametrize("f", [unset, unset_here, absent, deleted, text])
def test_the_side_that_is_not_taken_may_have_no_number_in_it(f: Callable[..., Any]) -> None:
    compiled = autograd.compile(f)
    for x, n in ((1.0, 1), (2.0, 0), (3.0, 1), (4.0, -1)):
        assert compiled(x, n) == f(x, n)
    assert autograd.compile(absent)(1.0, 2, 0.5) == 1.5


def test_variables_from_around_a_function_and_of_its_module_are_chosen_without_a_decision() -> None:
    low = 0.25

    def f(xs: Any, t: Any) -> Any:
        return sum([x * HIGH if x > t else low * x for x in xs])

    compiled, points = autograd.compile(f), [([1.0, -2.0], 0.5), ([-1.0, 2.0], -3.0)]
    for xs, t in points:
        assert compiled(xs, t) == f(xs, t)
    assert compiled.recordings == 1


def test_whole_numbers_stay_whole() -> None:
    compiled = autograd.compile(lambda x, xs: xs[1 if x > 0 else 2] * 1.0)
    assert [compiled(x, [5.0, 6.0, 7.0]) for x in (1.0, -1.0, 2.0)] == [6.0, 7.0, 6.0]
    assert compiled.recordings == 1


def test_a_truth_stays_a_truth() -> None:
    compiled = autograd.compile(lambda x, flag: 1.0 * x if (flag if x > 0 else False) is True else 2.0 * x)
    assert [compiled(x, flag) for x, flag in ((1.0, True), (1.0, False), (-1.0, True))] == [1.0, 2.0, -2.0]


class Clipping:
    low = 0.0 if math.pi > 3 else 1.0  # in the body of a class

    def __call__(self, x: Any) -> Any:
        low = self.low
        return x if x > low else low


def test_a_method_of_a_class_with_choices_in_its_body() -> None:
    compiled = autograd.compile(Clipping())
    assert [compiled(x) for x in (1.0, -1.0, 2.0)] == [1.0, 0.0, 2.0]
    assert compiled.recordings == 1
