"""Machine code that reads the data of many Values and adds to their gradients, and where Python has to do it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import SGD
from tests.support.interrupts import interrupted_at

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.machine.objects import Numbers, can_read  # noqa: E402 - after llvmlite is known to be there

pytestmark = pytest.mark.skipif(not can_read(), reason="needs CPython with its lock")


class Weight(Value):
    pass


def weights(count: int = 40, kind: type[Value] = Value) -> list[Any]:
    return [kind(0.25 * k - 3.0) for k in range(count)]


# ---- the two functions -----------------------------------------------------------------------------------------------
def test_data_is_read_to_the_last_bit() -> None:
    numbers = [0.0, -0.0, 0.1, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308]
    found = Numbers([Value(x) for x in numbers]).read()
    assert repr(found.tolist()) == repr(numbers)


def test_data_is_read_where_it_is_now() -> None:
    ws = weights()
    numbers = Numbers(ws)
    ws[7].data = 100.0
    assert numbers.read().tolist() == [w.data for w in ws]


def step_of(ws: list[Any]) -> Any:
    optimizer = SGD(ws, lr=0.1)

    @autograd.compile
    def step(x: float) -> Any:
        optimizer.zero_grad()
        loss = sum(w * x for w in ws)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _resident(ws: list[Any]) -> None:
    step = step_of(ws)
    step(1.0), step(1.0)


def _of_numpy(ws: list[Any]) -> None:
    ws[5]._data = np.float64(2.5)


@pytest.mark.parametrize("change", [_resident, _of_numpy])
def test_numbers_that_are_no_plain_ones_are_left_to_python(change: Callable[[list[Any]], None]) -> None:
    ws = weights()
    numbers = Numbers(ws)
    change(ws)
    assert numbers.read() is None
    assert Numbers(weights(kind=Weight)).read() is None


@pytest.mark.parametrize("upstream", [1.0, -2.5, math.inf])
def test_gradients_are_added_to_floats_and_to_the_zero_of_a_node_that_has_none(upstream: float) -> None:
    ws = weights()
    before = [0, *[0.5 * k for k in range(1, 40)]]
    slopes = np.arange(40.0) - 7.5
    for w, gradient in zip(ws, before):
        w.grad = gradient
    assert Numbers(ws).adding(slopes, upstream)() == 1
    expected = [x + upstream * slope for x, slope in zip(before, slopes.tolist())]
    assert repr([w.grad for w in ws]) == repr(expected)
    assert {type(w.grad) for w in ws} == {float}


@pytest.mark.parametrize("gradient", [None, 1, True, np.float64(2.0), "1.0"])
def test_nothing_is_added_where_a_gradient_is_no_plain_float(gradient: Any) -> None:
    ws = weights()
    for w in ws:
        w.grad = 1.5
    ws[30].grad = gradient
    assert Numbers(ws).adding(np.ones(40), 1.0)() == 0
    assert [w.grad for w in ws[:30]] == [1.5] * 30
    assert ws[30].grad is gradient


@pytest.mark.parametrize("last", [0.0, None])
def test_no_reference_is_lost_and_none_is_kept(last: Any) -> None:
    ws = weights()
    shared = float("1234.5")
    for w in ws[:39]:
        w.grad = shared
    held = sys.getrefcount(shared)
    ws[39].grad = last
    numbers, slopes = Numbers(ws), np.ones(40)
    numbers.adding(slopes, 1.0)()
    assert sys.getrefcount(shared) == (held if last is None else held - 39)
    before = sys.getallocatedblocks()
    for _ in range(1000):  # 40,000 floats are made
        numbers.adding(slopes, 1.0)()
    assert abs(sys.getallocatedblocks() - before) < 2000


# ---- behind a compiled loss ------------------------------------------------------------------------------------------
def loss_of(ws: list[Any]) -> Callable[[Any], Any]:
    return lambda x: sum((w * x - k) ** 2 for k, w in enumerate(ws)) + ws[0] * ws[1]


def _nothing(ws: list[Any]) -> None:
    pass


def _an_int(ws: list[Any]) -> None:
    ws[3].grad = 7


def _data_of_numpy(ws: list[Any]) -> None:
    ws[3]._data = np.float64(ws[3]._data)


def _of_an_optimizer(ws: list[Any]) -> None:
    for w in ws:
        w.grad, w.data = 0.0, w.data * 0.5


@pytest.mark.parametrize("change", [_nothing, _an_int, _data_of_numpy, _of_an_optimizer])
@pytest.mark.parametrize("kind", [Value, Weight])
@pytest.mark.parametrize("gradient", [1.0, -0.5, 0.0])
def test_gradients_of_a_compiled_loss(kind: type[Value], change: Callable[[Any], None], gradient: float) -> None:
    ws, twins = weights(kind=kind), weights(kind=kind)
    compiled, eager = autograd.compile(loss_of(ws)), loss_of(twins)
    for k in range(6):
        if k == 4:
            change(ws)
            change(twins)
        for f in (compiled, eager):
            (f(0.5 * k) * 1.0 if k == 5 else f(0.5 * k)).backward(gradient)
        assert [w.grad for w in ws] == pytest.approx([w.grad for w in twins], rel=1e-13, abs=1e-13)
    assert all(isinstance(w.grad, (int, float)) for w in ws)
    assert compiled.recordings == 1


def test_no_python_for_each_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    ws = weights()
    compiled = autograd.compile(loss_of(ws))
    compiled(1.0), compiled(1.0), compiled(1.0)
    monkeypatch.setattr("autograd.graph.restore", None)
    monkeypatch.setattr("autograd.compiler.calls.variants.live_numbers", None)
    compiled(2.0).backward()
    assert ws[9].grad == pytest.approx(2.0 * (ws[9].data * 2.0 - 9) * 2.0)


def test_what_somebody_sees_of_the_result_are_floats() -> None:
    ws = weights()
    value = autograd.compile(loss_of(ws))
    value(1.0), value(1.0), value(1.0)
    found = value(2.0)
    assert {type(x) for x in found.partials} == {type(found.partials[3])} == {float}
    assert {type(x) for x in autograd.grad(found, ws)} == {float}


def test_gradients_of_a_loss_whose_parameters_a_compiled_step_keeps() -> None:
    found = []
    for decorator in (autograd.compile, lambda f: f):
        ws = weights()
        loss, step = decorator(loss_of(ws)), decorator(step_of(ws).f)
        for x in (1.0, 2.0, 0.5, 0.25, 1.5):
            step(x)
            loss(x).backward()
            found.append([w.grad for w in ws] + [w.data for w in ws])
    for one, other in zip(found[:5], found[5:]):
        assert one == pytest.approx(other, rel=1e-12)


def test_an_interrupt_at_any_moment_of_backward_adds_all_or_nothing() -> None:
    ws = weights()
    loss = autograd.compile(lambda x: sum(w * x for w in ws))
    loss(1.0), loss(1.0), loss(1.0)
    seen = set()
    for n in range(1, 10_000):
        for w in ws:
            w.grad = 0.0
        value = loss(1.0)
        done = not interrupted_at(n, value.backward)
        seen.add((value.grad, *{w.grad for w in ws}))
        if done:
            break
    assert seen == {(0, 0.0), (1.0, 1.0)}
