"""Functions with a cache, labels, identities and types inside of a compiled function."""

from __future__ import annotations

import functools
import importlib
import statistics
import sys
from enum import Enum
from typing import Any

import pytest

import autograd
from autograd import Value
from tests.support.transcripts import POINTS

pytestmark = pytest.mark.filterwarnings("ignore:.*runs without the compiler")
W = Value(2.0)


# ---- functions with a cache ------------------------------------------------------------------------------------------
def test_a_cache_keeps_no_number_of_a_recorded_call() -> None:
    @functools.lru_cache
    def cubed(x: Any) -> Any:
        return x * x * x

    f = autograd.compile(lambda x, n: W * cubed(x) + cubed(n))
    for x, n in ((0.5, 2), (1.5, 3), (2.5, 2), (0.5, 2)):
        assert f(x, n).data == 2.0 * x**3 + n**3
    assert f.value_and_grad(0.5, 2)[1][0] == 2.0 * 3.0 * 0.25
    assert {type(cubed(x)) for x in (0.5, 1.5)} == {float}
    assert {type(cubed(n)) for n in (2, 3)} == {int}


def test_a_cached_recursion_stays_fast() -> None:
    calls = [0]

    @functools.lru_cache(None)
    def fibonacci(n: Any) -> Any:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    @autograd.compile
    def f(x: float, n: int) -> Any:
        return W * x * fibonacci(n)

    assert [f(1.0, n).data for n in (40, 41, 40)] == [2.0 * 102334155, 2.0 * 165580141, 2.0 * 102334155]
    assert calls == [0]
    assert type(fibonacci(40)) is int


def test_what_a_cache_made_once_is_one_object_still() -> None:
    """A model that is made by the first call of a function with a cache has parameters like any other."""

    @functools.cache
    def model() -> list[Value]:
        return [Value(2.0), Value(3.0)]

    class Basis:
        @functools.lru_cache  # noqa: B019
        def of(self, n: Any) -> Any:
            return n * 2.0

    basis = Basis()
    f = autograd.compile(lambda x, n: model()[0] * x * basis.of(n))
    assert f(1.0, 3).data == 12.0
    f(1.0, 3).backward()
    assert model()[0].grad == 6.0
    model()[0].data = 5.0
    assert f(1.0, 3).data == 30.0
    assert type(basis.of(3)) is float


@functools.lru_cache
def squared(x: Any) -> Any:
    return x * x


@pytest.mark.parametrize(
    "find",
    [lambda: sys.modules[__name__].squared, lambda: importlib.import_module(__name__).squared],
)
def test_a_cache_that_the_function_reaches_in_hidden_ways_keeps_no_number_of_a_recorded_call(find: Any) -> None:
    squared.cache_clear()
    f = autograd.compile(lambda x: W * find()(x))
    for x in (1.0, 2.0, 3.0, 1.0, 2.0):
        assert f(x).data == 2.0 * x * x
    assert f.recordings == 1
    assert {type(squared(x)) for x in (1.0, 2.0, 3.0)} == {float}


# ---- labels ----------------------------------------------------------------------------------------------------------
def test_a_cache_that_a_function_makes_itself_belongs_to_the_call() -> None:
    w = Value(2.0)

    @autograd.compile
    def f(xs: list[float]) -> Value:
        @functools.cache
        def product(i: int) -> Any:
            return xs[0] * w if i == 0 else product(i - 1) * xs[i]

        return product(2) + product(1)

    for last in (3.0, 4.0, 5.0, 6.0, 7.0, 8.0):
        out = f([1.0, 2.0, last])
        assert out.data == 4.0 * last + 4.0
        assert autograd.grad(out, [w]) == (2.0 * last + 2.0,)
        assert f.value_and_grad([1.0, 2.0, last])[1] == ([4.0 * last + 4.0, 2.0 * last + 2.0, 4.0],)
    assert f.recordings == 1


def test_labels_are_set_at_every_call() -> None:
    w = Value(2.0)

    @autograd.compile
    def f(x: Any) -> Any:
        w.label = "seen"
        y = w * x
        y.label = "y"
        return y, y * 2.0

    for before in ("a", "b", "c"):
        w.label = before
        y, z = f(3.0)
        assert (w.label, y.label, z.label) == ("seen", "y", "")


def test_labels_that_are_computed_are_those_of_the_call() -> None:
    w = Value(2.0)

    @autograd.compile
    def f(x: Any) -> Any:
        w.label = f"at {x}"
        return w * x

    for x in (0.5, 1.5, 0.5, 0.5):
        f(x)
        assert w.label == f"at {x}"


def test_labels_of_arguments_are_set_and_read_at_every_call() -> None:
    @autograd.compile
    def name(v: Any) -> Any:
        v.label = "argument"
        return v * 2.0

    @autograd.compile
    def ask(v: Any) -> Any:
        return v * (2.0 if v.label == "two" else 3.0)

    for label, factor in (("one", 3.0), ("two", 2.0), ("one", 3.0)):
        v = Value(1.0, label)
        assert ask(v).data == factor
        name(v)
        assert v.label == "argument"


def test_attributes_of_a_subclass_are_read_and_set_at_every_call() -> None:
    class Parameter(Value):
        rate = 1.0

    p = Parameter(2.0)
    p.momentum = 0.0  # type: ignore[attr-defined]

    @autograd.compile
    def step(x: Any) -> Any:
        p.momentum = 0.5 * p.momentum + x  # type: ignore[attr-defined]
        return p * x * p.rate * p.momentum  # type: ignore[attr-defined]

    scaled = autograd.compile(lambda v: v * v.rate)
    momentum = 0.0
    for k, x in enumerate(POINTS):
        p.rate = float(k)
        momentum = 0.5 * momentum + x
        assert step(x).data == 2.0 * x * k * momentum
        assert p.momentum == momentum  # type: ignore[attr-defined]
        assert scaled(p).data == 2.0 * k
        assert scaled(Parameter(3.0)).data == 3.0


def test_texts_of_values_are_those_of_the_call() -> None:
    w = Value(2.0)

    def computed(x: Any) -> Any:
        return {"text": str(w * x), "length": len(f"{w * x}"), "loss": w * x}

    def parameter(x: Any) -> Any:
        return {"text": repr(w), "loss": w * x}

    for f in (computed, parameter):
        compiled = autograd.compile(f)
        for x in (*POINTS, 0.5):
            found, expected = compiled(x), f(x)
            assert found["text"] == expected["text"]
            found["loss"].backward()
            w.data += 1.0


def test_a_mean_of_the_module_statistics_is_that_of_the_call() -> None:
    f = autograd.compile(lambda x: {"mean": statistics.mean([x, (W * x).data]), "loss": W * x})
    assert [f(x)["mean"] for x in POINTS] == [1.5 * x for x in POINTS]
    with pytest.raises(TypeError, match="would drop the gradient"):
        autograd.compile(lambda x: W * x + statistics.mean([x, x])).value_and_grad(2.0)
    of_ints = autograd.compile(lambda n, m: (statistics.mean([n, m]), statistics.variance([n, m, 4]), W * n))
    for n, m in ((1, 2), (3, 5), (2, 7), (4, 4)):
        assert of_ints(n, m)[:2] == (statistics.mean([n, m]), statistics.variance([n, m, 4]))


# ---- identity and kinds ----------------------------------------------------------------------------------------------
def test_whether_an_argument_is_a_certain_value_is_asked_at_every_call() -> None:
    f = autograd.compile(lambda a, b: a * (1.0 if a is b else 2.0))
    v = Value(3.0)
    assert [f(v, Value(3.0)).data, f(v, v).data, f(v, Value(1.0)).data] == [6.0, 3.0, 6.0]


def test_the_type_of_a_number_is_pythons_own() -> None:
    f = autograd.compile(lambda x: W * (10.0 if type(x) is float else 100.0 if type(x) == int else 1.0))  # noqa: E721
    assert [f(x).data for x in (1.0, 2, True, Value(3.0))] == [20.0, 200.0, 2.0, 2.0]


def test_members_of_an_enumeration_are_themselves_in_the_arguments() -> None:
    class Mode(int, Enum):
        TRAIN = 0
        TEST = 1

    for f in (lambda x, mode: W * x if mode is Mode.TRAIN else W, lambda x, mode: W * x if mode == Mode.TRAIN else W):
        compiled = autograd.compile(f)
        modes = (Mode.TRAIN, Mode.TEST) * 3
        assert [compiled(3.0, mode).data for mode in modes] == [6.0, 2.0] * 3
        assert compiled.recordings == 2


def test_what_makes_an_object_is_watched_as_any_method() -> None:
    class Single:
        made: Any = None

        def __new__(cls) -> Any:
            if cls.made is None:
                cls.made = super().__new__(cls)
                cls.made.count = 0
            return cls.made

    @autograd.compile
    def f(x: Any) -> Any:
        single: Any = Single()
        single.count += 1
        return W * x * single.count

    for k, x in enumerate(POINTS, start=1):
        assert f(x).data == 2.0 * x * k
        assert Single.made.count == k


def test_a_list_that_a_function_keeps_and_returns_holds_the_numbers_of_the_call() -> None:
    kept = {"a": [0.0, 5.0], "b": (1.0, {"c": 0.0})}

    @autograd.compile
    def f(x: Any) -> Any:
        kept["a"][0] = 2.0 * x  # type: ignore[index]
        kept["b"][1]["c"] += x  # type: ignore[index]
        return kept, W * x

    total = 0.0
    for x in POINTS:
        found, _ = f(x)
        total += x
        assert [found["a"][0], found["a"][1], found["b"][1]["c"]] == [2.0 * x, 5.0, total]
        assert kept == {"a": [2.0 * x, 5.0], "b": (1.0, {"c": total})}


def test_a_function_that_only_changes_numbers_returns_none() -> None:
    total = {"sum": 0.0}

    @autograd.compile
    def add(x: Any, seen: list[Any]) -> None:
        total["sum"] += x
        seen.append(x)

    seen: list[float] = []
    for x in POINTS:
        assert add(x, seen) is None  # type: ignore[func-returns-value]
    assert total["sum"] == sum(POINTS)
    assert seen == POINTS
