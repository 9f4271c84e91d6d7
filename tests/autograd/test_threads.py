"""Many threads at once, with the interpreter switching between them as often as it can: no wrong gradient."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import autograd
from autograd import NumericError, Value, log, no_grad, primitive, strict, sumprod
from autograd.functional import grad, value_and_grad
from autograd.modes import Modes, current_modes, open_contexts
from autograd.ops import TABLE
from tests.support.threads import in_threads, switching

THREADS = 8


@pytest.fixture(autouse=True)
def _switching_all_the_time() -> Iterator[None]:
    with switching():
        yield
    assert (current_modes(), open_contexts.count) == (Modes(), 0)


def switches(turns: list[int]) -> int:
    """How often another thread had its turn."""
    return sum(before != after for before, after in zip(turns, turns[1:]))  # noqa: RUF007 - pairwise is no clearer


# ---- separate graphs -------------------------------------------------------------------------------------------------
@pytest.fixture
def nested() -> Iterator[Any]:
    """A primitive whose rule takes a derivative."""

    def quartic(t: Any) -> Any:
        return t**4

    @primitive(lambda y, x: grad(grad(quartic))(x), name="test_thread")
    def slope(x: float) -> Any:
        return grad(quartic)(x)

    yield slope
    del TABLE["test_thread"]


def test_separate_graphs_in_eight_threads(nested: Any) -> None:
    """8 x 300 rounds of 3 gradients, and a tenth of them through a rule that differentiates: none is wrong."""
    turns: list[int] = []

    def work(i: int) -> tuple[int, int]:
        checked = wrong = 0
        for k in range(300):
            turns.append(i)
            a, b = float(i + 1), 0.5 + k % 7
            x, y = Value(a), Value(b)
            z = x * y + sumprod([x, y], [y, 3.0]) - x / y
            z.backward()
            expected = (2 * b - 1 / b, 2 * a + 3 + a / (b * b))
            found = [(x.grad, y.grad), autograd.grad(z, [x, y])]
            wanted: list[Any] = [expected, expected]
            found.append(value_and_grad(lambda t: t * t * i)(a))
            wanted.append((a * a * i, 2 * a * i))
            if k % 10 == 0:
                found.append(grad(nested)(a))
                wanted.append(12 * a * a)
            for f, w in zip(found, wanted, strict=True):
                checked += 1
                wrong += f != pytest.approx(w, rel=1e-12)
        return checked, wrong

    results = in_threads(work)
    assert sum(checked for checked, _ in results) >= 7_000
    assert sum(wrong for _, wrong in results) == 0
    assert switches(turns) > 10 * THREADS  # else this would prove nothing


# ---- one graph for all -----------------------------------------------------------------------------------------------
def shared_graph() -> tuple[list[Value], Value]:
    xs = [Value(0.1 * (i + 1)) for i in range(4)]
    h = sumprod(xs, xs)
    return xs, h.sin() * h + xs[0] * xs[1] + h


def test_grad_of_one_graph_from_all_threads() -> None:
    xs, root = shared_graph()
    expected = autograd.grad(root, xs)

    def work(i: int) -> int:
        if i % 2:
            return sum(autograd.grad(root, xs) != expected for _ in range(500))
        return sum(
            tuple(d.data for d in autograd.grad(root, xs, create_graph=True)) != pytest.approx(expected, rel=1e-14)
            for _ in range(100)
        )

    assert in_threads(work) == [0] * THREADS
    assert [x.grad for x in xs] == [0] * len(xs)


def test_backward_of_one_graph_from_all_threads_loses_no_gradient() -> None:
    xs, root = shared_graph()
    expected = autograd.grad(root, xs)
    passes = 1000

    def work(i: int) -> None:
        for _ in range(passes):
            root.backward()

    in_threads(work)
    assert [x.grad for x in xs] == pytest.approx([THREADS * passes * g for g in expected], rel=1e-12)
    assert root.grad == 1.0


def test_backward_over_shared_parameters_adds_up() -> None:
    """Each thread has a loss of its own on the same weights."""
    w = [Value(0.5), Value(-0.3)]
    passes = 1000

    def work(i: int) -> None:
        for _ in range(passes):
            sumprod(w, [float(i), 1.0]).backward()

    in_threads(work)
    assert [p.grad for p in w] == [passes * sum(range(THREADS)), float(passes * THREADS)]


# ---- switches --------------------------------------------------------------------------------------------------------
def test_no_grad_and_strict_hold_in_their_own_thread_only() -> None:
    def recording(i: int) -> int:
        wrong = 0
        for _ in range(1000):
            x = Value(2.0)
            (x * x).backward()
            wrong += x.grad != 4.0
            wrong += log(x - 3).origin is not None
        return wrong

    def silent(i: int) -> int:
        wrong = 0
        for _ in range(1000):
            with no_grad():
                wrong += bool((Value(2.0) * 3).parents)
        return wrong

    def checking(i: int) -> int:
        missed = 1000
        for _ in range(1000):
            with strict():
                try:
                    log(Value(-1.0))
                except NumericError:
                    missed -= 1
        return missed

    works = [recording, silent, checking, recording]
    assert in_threads(lambda i: works[i % len(works)](i)) == [0] * THREADS


def test_a_thread_started_inside_a_block_starts_with_every_switch_off() -> None:
    found: list[Any] = []
    with no_grad(), strict():
        thread = threading.Thread(target=lambda: found.append((current_modes(), (Value(2.0) * 3).parents)))
        thread.start()
        thread.join()
    (modes, parents), = found  # fmt: skip
    assert modes == Modes()
    assert parents
