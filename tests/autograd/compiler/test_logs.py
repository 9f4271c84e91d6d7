"""Numbers that a compiled function appends to a list outside: each call appends its own, by its program."""

from __future__ import annotations

import json
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

import autograd
from autograd import Value
from nn import MLP, Adam
from tests.support.interrupts import interrupted_at

HISTORY: list[Any] = []
BACKENDS = ["python", "auto"]
Made = tuple[Callable[[Any, float], Any], Callable[[], Any]]  # what logs the loss and the input, and what it has logged


class Logger:
    __slots__ = ("losses",)

    def __init__(self) -> None:
        self.losses: list[float] = []

    def note(self, loss: Any) -> None:
        self.losses.append(loss.data)


def _a_list() -> Made:
    losses: list[float] = []
    return lambda loss, x: losses.append(loss.data), lambda: losses


def _a_global() -> Made:
    HISTORY.clear()
    return lambda loss, x: HISTORY.append(loss.data), lambda: HISTORY


def _an_attribute() -> Made:
    log = SimpleNamespace(losses=[])
    return lambda loss, x: log.losses.append(loss.data), lambda: log.losses


def _a_slot_by_a_method() -> Made:
    log = Logger()
    return lambda loss, x: log.note(loss), lambda: log.losses


def _an_entry() -> Made:
    log: dict[str, Any] = {"losses": [], "inputs": [0.0]}
    return lambda loss, x: (log["losses"].append(loss.data), log["inputs"].append(x)), lambda: log


def _several() -> Made:
    log: list[Any] = []
    return lambda loss, x: (
        log.append((loss.data, x, "step")),
        log.extend([1, {"twice": 2.0 * loss.data}]),
    ), lambda: log


def _added() -> Made:
    log = {"losses": [1.0]}

    def note(loss: Any, x: float) -> None:
        log["losses"] += [loss.data]

    return note, lambda: log


def _the_last_few() -> Made:
    log: deque[float] = deque(maxlen=6)
    return lambda loss, x: log.append(loss.data), lambda: list(log)


def _two_names() -> Made:
    log: list[float] = []
    others = {"log": log}
    return lambda loss, x: log.append(loss.data) if x < 9.0 else others["log"].append(x), lambda: log


def _a_list_in_a_list() -> Made:
    logs: list[list[float]] = [[], []]
    return lambda loss, x: logs[1].append(loss.data), lambda: logs


def _only_if() -> Made:
    log: list[float] = []
    return lambda loss, x: log.append(loss.data) if loss.data > 0.1 else None, lambda: log


MADE = [make for name, make in list(globals().items()) if name[0] == "_" and callable(make) and name[1] in "aosti"]


def trained(
    make: Callable[[], Made], decorator: Callable[[Any], Any], between: Callable[[Any], Any] = lambda log: None
) -> tuple[Any, Any]:
    """What was logged in eight steps, and the step."""
    model = MLP(2, [3, 1], seed=0)
    optimizer = Adam(model.parameters(), lr=0.1)
    note, logged = make()

    @decorator
    def step(x: float, y: float) -> Any:
        loss = (model([x, y]) - x * y) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        note(loss, x)
        return loss

    for k in range(8):
        step(0.25 * k, 1.0)
        between(logged())
    return logged(), step


def flat(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [y for item in x.items() for y in flat(item)]
    return [y for item in x for y in flat(item)] if isinstance(x, (list, tuple)) else [x]


def same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    assert len(flat(found)) == len(flat(expected)) > 0
    for x, y in zip(flat(found), flat(expected)):
        assert type(x) is type(y)
        assert x == (pytest.approx(y, rel=1e-12) if type(x) is float else y)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_each_call_appends_its_numbers(make: Callable[[], Made], backend: str) -> None:
    found, step = trained(make, lambda f: autograd.compile(f, backend=backend))
    expected, _ = trained(make, lambda f: f)
    same(found, expected)
    assert step.recordings <= 3  # those that decide otherwise
    assert step.budget.hits >= 5


def test_there_is_something_of_each_kind() -> None:
    assert len(MADE) == 11


@pytest.mark.parametrize(
    "change", [list.clear, list.reverse, lambda x: x.append(7.0), lambda x: x.insert(0, Value(1.0))]
)
def test_what_others_do_with_the_list_is_no_reason_to_record_again(change: Callable[[Any], Any]) -> None:
    found, step = trained(_a_list, autograd.compile, change)
    expected, _ = trained(_a_list, lambda f: f, change)
    assert [getattr(x, "data", x) for x in found] == pytest.approx([getattr(x, "data", x) for x in expected])
    assert step.recordings == 1


def test_another_list_under_the_same_name_is_noticed() -> None:
    log = SimpleNamespace(losses=[])

    @autograd.compile
    def square(x: float) -> Any:
        y = x * x
        log.losses.append(y)
        return y

    first = log.losses
    for k in range(3):
        square(float(k))
    log.losses = []
    for k in range(3):
        square(float(k))
    assert first == log.losses == [0.0, 1.0, 4.0]
    assert square.recordings == 2


def test_gradients_are_those_of_the_function_without_its_log() -> None:
    log: list[float] = []

    @autograd.compile
    def square(x: Any) -> Any:
        y = 2.0 * x * x
        log.append(y.data if isinstance(y, Value) else y)
        return y

    x = Value(3.0)
    for _ in range(3):
        x.grad = 0.0
        square(x).backward()
        assert x.grad == 12.0
    assert square.value_and_grad(3.0) == (18.0, (12.0,))
    assert log == [18.0] * 4


# ---- functions that do more with the list --------------------------------------------------------------------------
def _length(log: Any, y: Any) -> Any:
    log.append(y)
    return y * len(log)


def _last(log: Any, y: Any) -> Any:
    log.append(y)
    return log[-1]


def _first(log: Any, y: Any) -> Any:
    log.append(y)
    return y + log[0]


def _mean(log: Any, y: Any) -> Any:
    log.append(y)
    return sum(log)


def _is_empty(log: Any, y: Any) -> Any:
    log.append(y)
    return y if log else -y


def _equals(log: Any, y: Any) -> Any:
    log.append(y)
    return y if log == [1.0] else -y


def _a_text(log: Any, y: Any) -> Any:
    log.append(y)
    return y * len(json.dumps(log[:1]) + repr(log)[:0])


def _is_kept(log: Any, y: Any) -> Any:
    log.append(y)
    return y + [*log][-1]


def _is_matched(log: Any, y: Any) -> Any:
    log.append(y)
    match log:
        case [_, _]:
            return y
        case _:
            return -y


def _caught(log: Any, y: Any) -> Any:
    log.append(y)
    try:
        return y * len(log)
    except Exception:
        return y


READ = [_length, _last, _first, _mean, _is_empty, _equals, _a_text, _is_kept, _is_matched, _caught]


@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_a_list_that_is_also_read_is_never_stale(read: Callable[[Any, Any], Any]) -> None:
    def values(decorator: Callable[[Any], Any]) -> list[float]:
        log = [1.0]
        f = decorator(lambda x: read(log, 2.0 * x))
        return [getattr(y, "data", y) for y in [f(0.5 * k) for k in range(7)]] + log

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert values(autograd.compile) == pytest.approx(values(lambda f: f))
    assert any("appends to log and also reads it" in str(warning.message) for warning in caught)


def test_a_list_that_is_known_in_another_way_is_never_stale() -> None:
    def values(decorator: Callable[[Any], Any]) -> list[float]:
        log: list[float] = []
        alias = (log,)

        def f(x: float) -> Any:
            log.append(2.0 * x)
            return x * len(alias[0])

        f = decorator(f)
        return [float(getattr(y, "data", y)) for y in [f(0.5 * k) for k in range(7)]]

    with pytest.warns(RuntimeWarning, match="which it also reaches by another name"):
        assert values(autograd.compile) == values(lambda f: f)


def test_a_method_of_the_class_of_lists_runs_without_the_compiler() -> None:
    log: list[float] = []

    @autograd.compile
    def double(x: float) -> Any:
        list.append(log, 2.0 * x)
        return 2.0 * x

    with pytest.warns(RuntimeWarning, match="runs? without the compiler"):
        assert [float(getattr(y, "data", y)) for y in map(double, [1.0, 2.0, 3.0, 4.0, 5.0])] == log
    assert log == [2.0, 4.0, 6.0, 8.0, 10.0]


@pytest.mark.parametrize("kept", [[1.0, 2.0], {"rate": 0.5}, ["warm"]], ids=["list", "dictionary", "texts"])
@pytest.mark.parametrize("inside", [False, True])
def test_an_object_from_outside_that_is_appended_is_the_object_itself(kept: Any, inside: bool) -> None:
    log: list[Any] = []

    @autograd.compile
    def double(x: float) -> Any:
        log.append((x, kept) if inside else kept)
        return 2.0 * x

    with pytest.warns(RuntimeWarning, match="store a copy"):
        assert [float(getattr(y, "data", y)) for y in map(double, [1.0, 2.0, 3.0, 4.0, 5.0])] == [2, 4, 6, 8, 10]
    assert all((x[1] if inside else x) is kept for x in log)
    assert len(log) == 5


def test_a_value_that_is_appended_is_named() -> None:
    log: list[Any] = []

    @autograd.compile
    def square(x: float) -> Any:
        y = Value(2.0) * x
        log.append(y)
        return y

    with pytest.warns(RuntimeWarning, match="append the .data of a Value"):
        assert [square(float(k)).data for k in range(6)] == [2.0 * k for k in range(6)]
    assert [y.data for y in log] == [2.0 * k for k in range(6)]


def test_an_interrupt_at_any_moment_appends_all_or_nothing() -> None:
    p, log = Value(0.0), [0.0]

    @autograd.compile
    def step(x: float) -> Any:
        p.data += x
        log.append(p.data)
        return p.data * 1.0

    for _ in range(3):
        step(1.0)
    for n in range(1, 10_000):
        if not interrupted_at(n, lambda: step(1.0)):
            break
        assert log == [float(k) for k in range(len(log))]
        assert p.data == log[-1]
    assert n > 30


def test_an_interrupt_while_it_is_recorded_leaves_the_list() -> None:
    for n in range(1, 10_000, 97):
        log = SimpleNamespace(losses=[1.0])
        mine = log.losses

        def f(x: float, log: Any = log) -> Any:
            log.losses.append(2.0 * x)
            return 2.0 * x

        done = not interrupted_at(n, partial(autograd.compile(f), 3.0))
        assert log.losses is mine
        assert mine in ([1.0], [1.0, 6.0])
        if done:
            break
    assert done
