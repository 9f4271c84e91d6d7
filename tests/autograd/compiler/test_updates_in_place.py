"""Updates that machine code computes straight into the places of the old numbers, and those for which it cannot."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import SGD, Adam, AdamW, Optimizer, RMSprop

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.machine.machine import Machine  # noqa: E402
from autograd.compiler.machine.maps import MapKernel  # noqa: E402

COUNT = 24


class KeepsOld(Optimizer):
    """Its state is the parameter before the step, and half of the one before that."""

    state_size = 2

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        return parameter - hyper.lr * gradient - 0.01 * state[1], (parameter, 0.5 * state[0])


def swap(ps: list[Any]) -> None:
    half = COUNT // 2
    for p, q in zip(ps[:half], ps[half:]):
        p.data, q.data = 0.5 * q.data - p.grad, 0.9 * p.data


def shift(ps: list[Any]) -> None:
    first = ps[0].data
    for p, q in pairwise(ps):
        p.data = 0.9 * q.data - 0.1 * p.grad
    ps[-1].data = 0.5 * first


def shift_back(ps: list[Any]) -> None:
    before = [p.data for p in ps]
    for p, x in zip(ps[1:], before):
        p.data = 0.9 * x - 0.1 * p.grad


def towards_mean(ps: list[Any]) -> None:
    mean = sum(p.data for p in ps) / len(ps)
    for p in ps:
        p.data += 0.1 * (mean - p.data) - 0.01 * p.grad


def halves_apart(ps: list[Any]) -> None:
    """The second half moves by the old numbers of the first, which has another rule."""
    half = COUNT // 2
    before = [p.data for p in ps[:half]]
    for p in ps[:half]:
        p.data -= 0.01 * p.grad
    for p, x in zip(ps[half:], before):
        p.data = p.data * 0.99 + 0.1 * x * x


def plain(ps: list[Any]) -> None:
    for p in ps:
        p.data -= 0.01 * p.grad


def by(kind: Any, **options: Any) -> Callable[[list[Any]], Callable[[list[Any]], None]]:
    def made(ps: list[Any]) -> Callable[[list[Any]], None]:
        optimizer = kind(ps, **options)
        return lambda ps: optimizer.step()

    return made


UPDATES: dict[str, Callable[[list[Any]], Callable[[list[Any]], None]]] = {
    "plain": lambda ps: plain,
    "swap": lambda ps: swap,
    "shift": lambda ps: shift,
    "shift back": lambda ps: shift_back,
    "towards the mean": lambda ps: towards_mean,
    "halves apart": lambda ps: halves_apart,
    "Adam": by(Adam, lr=0.01),
    "AdamW": by(AdamW, lr=0.01, weight_decay=0.1, amsgrad=True),
    "momentum": by(SGD, lr=0.01, momentum=0.9, nesterov=True),
    "RMSprop": by(RMSprop, lr=0.01, centered=True, momentum=0.5),
    "keeps old": by(KeepsOld, lr=0.01),
}


def trained(update_of: Callable[[list[Any]], Callable[[list[Any]], None]], compiled: bool) -> tuple[Any, list[Any]]:
    """A step and its parameters, of which every third call leaves some out."""
    rng = random.Random(1)
    ps = [Value(rng.uniform(-1.0, 1.0)) for _ in range(COUNT)]
    update = update_of(ps)

    def step(xs: list[float]) -> Any:
        value = sum([(p * x - 0.5) ** 2 for p, x in zip(ps, xs)]) + sum([p * q for p, q in pairwise(ps)])
        for p in ps:
            p.grad = 0.0
        value.backward()
        update(ps)
        return value

    return autograd.compile(step) if compiled else step, ps


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_gives_the_numbers_of_eager(name: str) -> None:
    (step, ps), (twin, qs) = trained(UPDATES[name], True), trained(UPDATES[name], False)
    for k in range(30):
        rng = random.Random(k)
        xs = [rng.uniform(-1.0, 1.0) for _ in range(COUNT - 4 * (k % 3 == 2))]
        assert step(xs).data == pytest.approx(twin(xs).data, rel=1e-12, abs=1e-14)
        if k % 10 == 9:
            assert [p.data for p in ps] == pytest.approx([q.data for q in qs], rel=1e-12, abs=1e-14)
            assert [p.grad for p in ps] == pytest.approx([q.grad for q in qs], rel=1e-12, abs=1e-14)
    assert step.recordings <= 4


def carrying(step: Any) -> list[int]:
    """For each recording, how many numbers a call copies into their places."""
    found = []
    for variant in step.kept.all():
        machine = variant.step_plan().run.layout.machine
        assert isinstance(machine, Machine)
        found.append(machine.copied)
    return found


@pytest.mark.parametrize("name", ["plain", "Adam", "AdamW", "momentum", "RMSprop"])
def test_parameters_and_state_are_not_copied(name: str) -> None:
    """Gradients only, which are sums."""
    step, _ = trained(UPDATES[name], True)
    for k in range(3):
        step([0.1 * k] * COUNT)
    assert max(carrying(step)) <= COUNT


@pytest.mark.parametrize("name", ["swap", "shift", "shift back"])
def test_numbers_that_another_update_reads_are_copied(name: str) -> None:
    step, _ = trained(UPDATES[name], True)
    for k in range(3):
        step([0.1 * k] * COUNT)
    assert max(carrying(step)) > COUNT


@pytest.mark.parametrize("divisor", [3.0, -0.7, 0.0, -0.0, 5e-324, -1e-310, 2e-308, 1e-300, 1e300, 1.7e308])
def test_division_by_the_same_number_in_all_turns(divisor: float) -> None:
    """Twice rounded, and right where the inverse itself would be infinite or 0."""
    special = [0.0, -0.0, 1.0, -3.0, 5e-324, 1e-310, 0.3, 1e300, 1.7e308, float("inf"), float("-inf"), float("nan")]
    kernel = MapKernel((("div", (("column", 0), ("inverse", 1))),), ("u", "b"), ((0, "u"),), 4)
    found = run(kernel, special, divisor)
    with np.errstate(all="ignore"):
        expected = np.array(special) / np.float64(divisor)
    np.testing.assert_allclose(found, expected, rtol=5e-16, atol=5e-324)
    assert np.signbit(found[:11]).tolist() == np.signbit(expected[:11]).tolist()


@pytest.mark.parametrize("divisor", [float("inf"), float("-inf"), float("nan")])
def test_division_by_what_is_not_finite(divisor: float) -> None:
    special = [0.0, 1.0, -3.0, 1.7e308, float("inf"), float("nan")]
    found = run(MapKernel((("div", (("column", 0), ("inverse", 1))),), ("u", "b"), ((0, "u"),), 4), special, divisor)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, np.array(special) / np.float64(divisor))


def run(kernel: MapKernel, numbers: list[float], divisor: float) -> Any:
    """What a kernel of two columns gives for these numbers and one divisor."""
    import ctypes

    from autograd.compiler.machine.library import addresses

    frame = np.array([*numbers, divisor, *[0.0] * len(numbers)])
    count = len(numbers)
    rows = np.array([1, count, 0, count, count + 1], dtype=np.int64)
    descriptor = np.array([1, rows.ctypes.data, 0, 0, 0, 0, 1, 0, 1], dtype=np.int64)
    (where,) = addresses([kernel])
    pointer = ctypes.c_void_p
    ctypes.CFUNCTYPE(None, pointer, pointer, pointer)(where)(frame.ctypes.data, None, descriptor.ctypes.data)
    return frame[count + 1 :]


# ---- one number for several places -----------------------------------------------------------------------------------
def two_parameters(w: list[Value]) -> None:
    t = 0.1 * w[0].grad
    w[1].data = t
    w[2].data = t


def all_gradients(w: list[Value]) -> None:
    mean = sum([p.grad for p in w]) / len(w)
    for p in w:
        p.grad = mean


def all_data(w: list[Value]) -> None:
    last = 0.5 * w[-1].data
    for p in w:
        p.data = last


def data_and_gradient(w: list[Value]) -> None:
    for p in w:
        t = 0.9 * p.data
        p.data, p.grad = t, t


def a_constant_everywhere(w: list[Value]) -> None:
    for p in w:
        p.data = 0.03
    for p in w:
        p.grad = 0.5 * p.data


def neighbours(w: list[Value]) -> None:
    for p, q in zip(w[::2], w[1::2]):
        t = p.data - 0.1 * p.grad
        p.data, q.data = t, t


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("count", [4, 40])
@pytest.mark.parametrize(
    "update", [two_parameters, all_gradients, all_data, data_and_gradient, a_constant_everywhere, neighbours]
)
def test_one_number_may_be_put_into_several_places(update: Any, count: int, backend: str) -> None:
    def run(backend: str) -> list[Any]:
        w = [Value(0.1 * k - 1.0) for k in range(count)]

        def step(x: float) -> Any:
            loss: Any = sum([(p * x - 0.1 * k) ** 2 for k, p in enumerate(w)])
            for p in w:
                p.grad = 0.0
            loss.backward()
            update(w)
            return loss

        f = autograd.compile(step, backend=backend) if backend else step
        losses = [f(x).data for x in (0.5, 0.25, 1.0, 0.75, 0.5)]
        return [*losses, *[p.data for p in w], *[p.grad for p in w]]

    assert run(backend) == pytest.approx(run(""), rel=1e-12)
