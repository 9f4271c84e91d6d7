"""Objects among the arguments of a compiled function: models, optimisers, dataclasses, functions."""

from __future__ import annotations

import random
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

import autograd
from autograd import Value, fsum
from autograd.compiler.recording.results import Plain
from nn import MLP, SGD, Adam, Linear, Sequential

pytest.importorskip("numpy")
RNG = random.Random(0)
X = [[RNG.random() for _ in range(3)] for _ in range(6)]
Y = [RNG.random() for _ in X]


def train_step(model: Any, optimizer: Any, xs: Any, ys: Any) -> Any:
    loss = fsum([(model(x) - y) ** 2 for x, y in zip(xs, ys)]) / len(xs)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def in_another_order(xs: Any, model: Any, ys: Any, optimizer: Any) -> Any:
    return train_step(model, optimizer, xs, ys)


@pytest.mark.parametrize("optimizer", [partial(SGD, lr=0.1, momentum=0.9), partial(Adam, lr=0.05)], ids=["sgd", "adam"])
@pytest.mark.parametrize(
    "call",
    [
        lambda f, model, optimizer: f(train_step)(model, optimizer, X, Y),
        lambda f, model, optimizer: f(in_another_order)(X, model, Y, optimizer),
        lambda f, model, optimizer: f(train_step)(model, optimizer=optimizer, xs=X, ys=Y),
        lambda f, model, optimizer: f(train_step)(xs=X, ys=Y, model=model, optimizer=optimizer),
    ],
    ids=["first", "in between", "by name", "all by name"],
)
def test_a_step_gets_its_model_and_its_optimizer(call: Callable[..., Any], optimizer: Callable[..., Any]) -> None:
    ends = []
    for compiled in (False, True):
        step = {f: autograd.compile(f) if compiled else f for f in (train_step, in_another_order)}
        model = MLP(3, [4, 1], activation="tanh", seed=0)
        adam = optimizer(model.parameters())
        losses = []
        for number in range(12):
            if number == 5:
                adam.lr = 0.01
            if number == 8:
                model.parameters()[0].data = 3.0
            losses.append(call(step.__getitem__, model, adam).data)
        ends.append([*losses, *[p.data for p in model.parameters()]])
    assert ends[1] == pytest.approx(ends[0], rel=1e-12)


def test_each_model_is_its_own() -> None:
    models = [MLP(3, [4, 1], activation="tanh", seed=seed) for seed in (0, 1)]

    def loss(x: Any, model: Any, y: float) -> Any:
        return (model(x) - y) ** 2

    compiled = autograd.compile(loss)
    for number in range(10):
        model = models[number % 2]
        found = []
        for f in (loss, compiled):
            model.zero_grad()
            out = f(X[number % 6], model, 0.5)
            out.backward()
            found.append([out.data, *[p.grad for p in model.parameters()]])
        assert found[1] == pytest.approx(found[0], rel=1e-12)
    value, (by_x, by_model, by_y) = compiled.value_and_grad(X[0], models[0], 0.5)
    assert by_model is None
    x, y = [Value(number) for number in X[0]], Value(0.5)
    expected = loss(x, models[0], y)
    assert value == pytest.approx(expected.data)
    assert [*by_x, by_y] == pytest.approx([*autograd.grad(expected, x), *autograd.grad(expected, y)])
    assert "recorded 2 times" in repr(compiled)
    assert compiled.report().count("the first call") == 2
    assert "tanh" in str(compiled)


@dataclass
class Spring:
    stiffness: float
    rest: Value


def energy(spring: Spring, x: Any) -> Any:
    return spring.stiffness * (x - spring.rest) ** 2


def test_numbers_of_an_object_are_read_where_they_are() -> None:
    spring = Spring(2.0, Value(1.0))
    compiled = autograd.compile(energy)
    for number in range(10):
        if number > 4:
            spring.stiffness += 0.5
            spring.rest.data -= 0.25
        found = []
        for f in (energy, compiled):
            spring.rest.grad = 0.0
            out = f(spring, 3.0)
            out.backward()
            found.append((out.data, spring.rest.grad))
        assert found[0] == pytest.approx(found[1])


def test_ever_new_objects_are_not_compiled_for_and_a_warning_says_so() -> None:
    compiled = autograd.compile(energy)
    with pytest.warns(RuntimeWarning, match="energy gets a different object at nearly every call.*the numbers") as told:
        found = [compiled(Spring(float(n), Value(1.0)), 3.0).data for n in range(20)]
    assert found == [4.0 * n for n in range(20)]
    assert len(told) == 1
    assert len(compiled.objects.known) <= 4


def test_results_are_of_one_kind_whether_compiled_or_not() -> None:
    compiled = autograd.compile(lambda spring, x: 3.0 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {type(compiled(Spring(float(n), Value(1.0)), 2.0)) for n in range(9)} == {Plain}


def test_objects_by_name_only_and_with_a_length() -> None:
    model = Sequential(Linear(2, 3), Linear(3, 1))

    def f(x: float, *, network: Any, shift: float = 1.0) -> Any:
        return network([x, shift])[0]

    compiled = autograd.compile(f)
    for number in range(8):
        x = 0.5 * number
        assert compiled(x, network=model).data == pytest.approx(f(x, network=model).data)
        assert compiled(x, network=model, shift=x).data == pytest.approx(f(x, network=model, shift=x).data)
    value, (by_x, others) = compiled.value_and_grad(0.5, network=model, shift=2.0)
    assert value == pytest.approx(f(0.5, network=model, shift=2.0).data)
    assert list(others) == ["shift"]
    assert isinstance(by_x, float)


def test_functions_are_objects() -> None:
    compiled = autograd.compile(lambda f, x: 2.0 * f(x))
    square = lambda x: x * x  # noqa: E731
    for x in (0.5, 1.5, -2.0):
        assert compiled(square, x) == 2.0 * x * x
        assert compiled(autograd.sin, x) == 2.0 * autograd.sin(x)


def test_what_is_neither_an_object_nor_a_number_is_an_error() -> None:
    compiled = autograd.compile(lambda x, y: x * y)
    for argument in (1j, float, [MLP(1, [1])]):
        with pytest.raises(TypeError, match=r"argument 0(\[0\])? of a compiled function"):
            compiled(argument, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="unsupported operand"):
            compiled(MLP(1, [1]), 2.0)


@pytest.mark.parametrize("make", [set, frozenset, iter, range, lambda xs: (x for x in xs), lambda xs: zip(xs), deque])
def test_what_a_function_reads_in_its_own_way_runs_without_the_compiler(make: Callable[[Any], Any]) -> None:
    """A recording would use up what can be read once only."""
    given = (lambda: range(3)) if make is range else (lambda: make([1.0, 2.0, 4.0]))
    w = Value(0.5)
    total = lambda xs: sum([(x[0] if isinstance(x, tuple) else x) * w for x in xs])  # noqa: E731
    compiled = autograd.compile(total)
    with pytest.warns(RuntimeWarning, match=r"argument 0 of a compiled function must be .*: give list"):
        assert [compiled(given()).data for _ in range(3)] == [total(given()).data] * 3
    assert compiled(list(given())).data == total(given()).data


def test_an_error_of_the_function_is_all_that_is_told() -> None:
    def f(model: Any, x: float) -> Any:
        return model.missing * x

    compiled = autograd.compile(f)
    for call in (compiled, compiled.value_and_grad):
        for _ in range(3):
            with pytest.raises(AttributeError, match="missing") as told:
                call(MLP(1, [1]), 1.0)
            context = told.value.__context__
            assert context is None or "ObjectError" not in repr(context)


def test_threads_give_one_function_many_objects() -> None:
    """More than are kept, so that some are let go while others are looked up."""
    springs = [Spring(float(n), Value(1.0)) for n in range(40)]
    compiled = autograd.compile(energy)
    expected = [energy(spring, 3.0).data for spring in springs]

    def work(seed: int) -> bool:
        order = random.Random(seed).choices(range(len(springs)), k=150)
        return all(compiled(springs[n], 3.0).data == expected[n] for n in order)

    with warnings.catch_warnings(), ThreadPoolExecutor(4) as threads:
        warnings.simplefilter("ignore")
        assert all(threads.map(work, range(4)))
