"""What a function asks of the world, and of objects that keep in C what they hold, it asks at every call."""

from __future__ import annotations

import datetime
import decimal
import gc
import itertools
import operator
import os
import random
import secrets
import sys
import time
import uuid
import weakref
from collections.abc import Callable
from time import perf_counter as clock
from typing import Any

import pytest

import autograd
from autograd import Value
from tests.support.transcripts import Made, check

pytestmark = pytest.mark.filterwarnings("ignore:.*runs without the compiler")
W = Value(2.0)


# ---- what comes in ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "source",
    [
        lambda: time.perf_counter(),
        lambda: clock(),
        lambda: time.time_ns(),
        lambda: datetime.datetime.now().microsecond,
        lambda: random.Random().random(),
        lambda: random.SystemRandom().random(),
        lambda: secrets.randbelow(2**40),
        lambda: uuid.uuid4().int % 2**40,
        lambda: int.from_bytes(os.urandom(5), "big"),
    ],
)
def test_clocks_and_entropy_are_asked_at_every_call(source: Callable[[], float]) -> None:
    f = autograd.compile(lambda x: W * 0.0 * x + source())
    found = set()
    for _ in range(5):
        found.add(f(1.0).data)
        time.sleep(1e-5)
    assert len(found) == 5


def test_generators_of_other_packages_are_asked_at_every_call() -> None:
    np = pytest.importorskip("numpy")
    rand = np.random.rand
    np.random.seed(1)
    for f in (lambda x: W * x + float(rand()), lambda x: W * x + float(np.random.default_rng().random())):
        compiled = autograd.compile(f)
        assert len({compiled(1.0).data for _ in range(5)}) == 5


def _asked_through_a_method() -> Made:
    table, row = {"k": 0.0}, [0.0]
    get, item, one = table.get, row.__getitem__, itertools.count().__next__

    def look() -> None:
        table["k"] += 1.0
        row[0] += 2.0

    return lambda x: W * x * (get("k") or 0.0) + item(0) + one(), look


def _asked_through_operator() -> Made:
    class Model:
        rate = 1.0

        def scaled(self, x: float) -> float:
            return self.rate * x

    model = Model()
    model.inner = Model()  # type: ignore[attr-defined]
    rate, scaled = operator.attrgetter("inner.rate"), operator.methodcaller("scaled", 2.0)

    def look() -> None:
        model.inner.rate += 1.0  # type: ignore[attr-defined]
        model.rate += 1.0

    return lambda x: W * x * rate(model) + scaled(model), look


def _asked_through_references() -> Made:
    class Model:
        rate = 1.0

    model, other = Model(), Model()
    reference = weakref.ref(model)
    keyed = weakref.WeakKeyDictionary({model: 1.0})
    named = weakref.WeakValueDictionary({"m": model})

    def look() -> None:
        model.rate += 1.0
        keyed[model] *= 2.0
        named["m"] = other if model.rate == 3.0 else model

    def f(x: Any) -> Any:
        found: Any = reference()
        return W * x * found.rate + keyed[model] + named["m"].rate

    return f, look


def _asked_through_views() -> Made:
    table = {"k": 1.0}
    values, data = table.values(), bytearray(b"a")
    view = memoryview(data)

    def look() -> None:
        table["k"] += 1.0
        data[0] += 1

    return lambda x: W * x * sum(values) + view[0], look


def _asked_of_the_process() -> Made:
    sys.argv[1:] = []

    def look() -> None:
        sys.argv = sys.argv[:1] if len(sys.argv) == 3 else [sys.argv[0], "b", "c"]
        os.environ["AUTOGRAD_TEST"] = str(len(sys.argv))

    os.environ["AUTOGRAD_TEST"] = "1"
    return lambda x: W * x * len(sys.argv) + float(os.environ["AUTOGRAD_TEST"]), look


def _asked_of_decimal() -> Made:
    def look() -> None:
        decimal.getcontext().prec -= 1

    decimal.getcontext().prec = 28
    return lambda x: W * x * float(decimal.Decimal(1) / decimal.Decimal(3)), look


@pytest.mark.parametrize(
    "make",
    [
        _asked_through_a_method, _asked_through_operator, _asked_through_references, _asked_through_views,
        _asked_of_the_process, _asked_of_decimal,
    ],
)  # fmt: skip
def test_what_a_function_is_told_it_asks_for_at_every_call(
    make: Callable[[], Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    with decimal.localcontext():
        check(make)


@pytest.mark.filterwarnings("ignore:.* was not recorded")
@pytest.mark.parametrize("held", ["in a WeakSet", "by a reference", "as a key"])
def test_what_is_only_held_weakly_may_go(held: str) -> None:
    class Model:
        def __init__(self, gain: float) -> None:
            self.gain = Value(gain)

    models = [Model(1.0), Model(2.0)]
    references = list(map(weakref.ref, models))
    known: Any = {
        "in a WeakSet": lambda: weakref.WeakSet(models),
        "by a reference": lambda: references,
        "as a key": lambda: weakref.WeakKeyDictionary(dict.fromkeys(models, 1.0)),
    }[held]()

    def f(x: Any) -> Any:
        alive = [model() for model in known] if held == "by a reference" else list(known)
        return sum(model.gain * x for model in alive if model is not None)

    compiled = autograd.compile(f)
    assert [compiled(x).data for x in (1.0, 2.0, 1.0)] == [3.0, 6.0, 3.0]
    del models[1]
    gc.collect()
    assert references[1]() is None
    assert [compiled(x).data for x in (1.0, 2.0)] == [1.0, 2.0]


def test_what_is_also_held_otherwise_is_compiled() -> None:
    class Model:
        gain = 2.0

    model = Model()
    reference = weakref.ref(model)
    compiled = autograd.compile(lambda x: x * reference().gain * model.gain)  # type: ignore[union-attr]
    assert [compiled(x) for x in (1.0, 2.0)] == [4.0, 8.0]
    assert compiled.recordings == 1
    model.gain = 3.0
    assert compiled(1.0) == 9.0


def test_tensors_are_read_at_every_call() -> None:
    torch = pytest.importorskip("torch")

    def make() -> Made:
        t = torch.tensor([1.0, 2.0])
        return lambda x: W * x * t[0].item(), lambda: t.__setitem__(0, float(t[0]) + 1.0)

    check(make)
