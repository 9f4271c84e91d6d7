"""Every way to use a compiled function, for programs of many kinds: each gives what the engine gives."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.trees import flatten, rebuild
from tests.support.long_programs import LONG_PROGRAMS

CALLS = 4  # from the third on, machine code reads the parameters


def close(found: Any, expected: Any) -> bool:
    same: bool = found == pytest.approx(expected, rel=1e-10, abs=1e-13)
    return same


@pytest.fixture(params=LONG_PROGRAMS)
def made(request: Any) -> tuple[Callable[..., Any], tuple[Any, ...], list[Value]]:
    return LONG_PROGRAMS[request.param]()


def cleared(parameters: list[Value]) -> None:
    for p in parameters:
        p.grad = 0.0


def test_a_call_and_its_gradients(made: Any) -> None:
    f, args, parameters = made
    compiled = autograd.compile(f)
    expected = f(*args)
    expected.backward()
    gradients = [p.grad for p in parameters]
    for _ in range(CALLS):
        cleared(parameters)
        found = compiled(*args)
        found.backward()
        assert close(found.data, expected.data)
        assert close([p.grad for p in parameters], gradients)
    assert compiled.recordings == 1


def test_arguments_that_are_values(made: Any) -> None:
    f, args, parameters = made
    compiled = autograd.compile(f)
    supply = [list(map(Value, flatten(list(args)))) for _ in range(2)]
    one, other = [rebuild(list(args), iter(leaves)) for leaves in supply]
    cleared(parameters)
    f(*one).backward()
    gradients = [p.grad for p in parameters]
    for _ in range(CALLS):
        cleared([*parameters, *supply[1]])
        compiled(*other).backward()
        assert close([x.grad for x in supply[1]], [x.grad for x in supply[0]])
        assert close([p.grad for p in parameters], gradients)


def test_the_value_and_the_gradients_of_the_arguments(made: Any) -> None:
    f, args, _ = made
    compiled = autograd.compile(f)
    leaves = list(map(Value, flatten(list(args))))
    expected = f(*rebuild(list(args), iter(leaves)))
    expected.backward()
    for _ in range(CALLS):
        value, slopes = compiled.value_and_grad(*args)
        assert close(value, expected.data)
        assert close(flatten(list(slopes)), [x.grad for x in leaves])


def test_a_whole_step(made: Any) -> None:
    f, args, parameters = made
    start = [p.data for p in parameters]
    followed = []
    for decorate in (lambda f: f, autograd.compile):

        def step(*given: Any) -> Any:
            for p in parameters:
                p.grad = 0.0
            value = f(*given)
            value.backward()
            for p in parameters:
                p.data -= 1e-4 * p.grad
            return value

        made_step: Any = decorate(step)
        for p, x in zip(parameters, start):
            p.data = x
        values = [made_step(*args).data for _ in range(CALLS)]
        followed.append([*values, *[p.data for p in parameters], *[p.grad for p in parameters]])
    assert close(followed[1], followed[0])


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("read", ["a number that it changes", "a gradient", "a list that it changes", "nothing"])
def test_each_gradient_goes_to_its_own_argument_whatever_else_is_read(read: str, captured: bool, backend: str) -> None:
    """The numbers that a call reads outside are no parameters: they must not shift the gradients of these."""
    w, state = Value(0.7), types.SimpleNamespace(count=1.0, numbers=[2.0, 3.0], seen=Value(0.0))

    def f(x: Any, y: Any, z: Any) -> Any:
        result = x * 2.0 + y * y + (x * z * w if captured else 0.0)
        if read == "a number that it changes":
            state.count += 1.0
        elif read == "a gradient":
            state.count += 1.0
            return result + state.seen.grad * z
        elif read == "a list that it changes":
            state.numbers[0], state.numbers[1] = state.numbers[1], state.numbers[0] + 1.0
            return result * state.numbers[0] + x, result * state.numbers[1] + z
        return result

    compiled = autograd.compile(f, backend=backend)
    for kinds in itertools.product((Value, float), repeat=3):
        state.count, state.numbers[:], state.seen.grad = 1.0, [2.0, 3.0], 0.25
        before = [_gradients(f, kinds, w) for _ in range(CALLS)]
        state.count, state.numbers[:] = 1.0, [2.0, 3.0]
        for expected in before:
            assert close(_gradients(compiled, kinds, w), expected)


def _gradients(f: Callable[..., Any], kinds: tuple[Any, ...], w: Value) -> list[float]:
    given = [kind(x) for kind, x in zip(kinds, (0.5, 1.25, -2.0))]
    result = f(*given)
    w.grad = 0.0
    for k, root in enumerate(result if isinstance(result, tuple) else [result]):
        (root * (k + 1.0) if isinstance(root, Value) else Value(root)).backward()
    return [w.grad, *[x.grad for x in given if isinstance(x, Value)]]
