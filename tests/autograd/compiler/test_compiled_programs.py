"""Programs that people write, compiled: the numbers of the engine, with other arguments and parameters too."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import autograd
from autograd import Value
from tests.support.class_programs import PROGRAMS, attention, cholesky, network, numbers, recurrence, runge_kutta
from tests.support.recipes import same, size

BACKENDS = ["native", "python"]


def values(x: Any, leaves: list[Value]) -> Any:
    """An argument as Values, which are noted in order."""
    if isinstance(x, list):
        return [values(y, leaves) for y in x]
    leaves.append(Value(x))
    return leaves[-1]


def turned(x: Any, rng: random.Random) -> Any:
    """Other numbers in the same structure, near enough to decide alike."""
    if isinstance(x, list):
        return [turned(y, rng) for y in x]
    return x * (1.0 + rng.uniform(-0.05, 0.05))


def agree(f: Callable[..., Any], compiled: Any, args: Sequence[Any]) -> None:
    """Value, derivatives with respect to the arguments and to what is captured, in all ways to ask for them."""
    leaves: list[Value] = []
    expected = f(*values(list(args), leaves))
    gradient = autograd.grad(expected, leaves)
    value, slopes = compiled.value_and_grad(*args)
    flat: list[float] = []

    def flatten(x: Any) -> None:
        if isinstance(x, (list, tuple)):
            for y in x:
                flatten(y)
        else:
            flat.append(x)

    flatten(slopes)
    scale = size([expected.data, *gradient])
    assert same([value, *flat], [expected.data, *gradient], scale)
    again: list[Value] = []
    out = compiled(*values(list(args), again))
    assert same(out.data, expected.data, scale)
    assert same(list(autograd.grad(out, again)), list(gradient), scale)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_people_write(name: str, backend: str) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite")
    f, args = PROGRAMS[name]
    compiled, rng = autograd.compile(f, backend=backend), random.Random(1)
    for _ in range(3):
        agree(f, compiled, args)
        args = turned(args, rng)
    assert compiled.recordings <= 2  # for numbers, and for Values


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("make", "lengths"),
    [
        (attention, (1, 2, 5, 3)),
        (recurrence, (1, 2, 9)),
        (cholesky, (1, 2, 6)),
        (runge_kutta, (1, 3)),
        (network, (1, 2, 8, 17)),
    ],
)
def test_a_program_of_any_length(make: Any, lengths: Sequence[int], backend: str) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite")
    for length in lengths:
        f, args = make(length)
        agree(f, autograd.compile(f, backend=backend), args)


@pytest.mark.parametrize("backend", BACKENDS)
def test_captured_parameters_are_read_in_each_call(backend: str) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite")
    w = [Value(x) for x in numbers(12)]

    def loss(xs: Any) -> Any:
        return sum([sum(a * x for a, x in zip(w[k:], xs)).tanh() ** 2 for k in range(9)])

    compiled, xs = autograd.compile(loss, backend=backend), numbers(4, 3)
    for _ in range(4):
        out, expected = compiled(xs), loss(xs)
        found, gradient = autograd.grad(out, w), autograd.grad(expected, w)
        assert same([out.data, *found], [expected.data, *gradient])
        for parameter, slope in zip(w, gradient):
            parameter.data -= 0.1 * slope
    assert compiled.recordings == 1
