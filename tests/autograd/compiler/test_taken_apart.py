"""Arguments that machine code takes apart: the numbers in the order of the call, or None if it differs."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import autograd
from autograd import Value
from autograd.compiler.machine.native.jit import available
from autograd.trees import flatten

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")
if not available():
    pytest.skip("no machine code for arguments: not CPython with its lock", allow_module_level=True)

from autograd.compiler.machine.arguments import Reader, reader_of  # noqa: E402
from autograd.compiler.recording.arguments import Apart  # noqa: E402


def matrix(rows: int, columns: int, seed: int = 1) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.uniform(-1.0, 1.0) for _ in range(columns)] for _ in range(rows)]


def tree(seed: int = 1) -> tuple[Any, ...]:
    w = {"a": matrix(3, 4, seed), "b": (0.5 * seed, [1.5, 2.5], ()), "c": {"d": [[], [seed / 7]], "e": -0.0}}
    return w, 3.0 + seed, (1.0, 2.0), [(0.1, 0.2), [0.3]], [], {}


def random_tree(rng: random.Random, depth: int) -> Any:
    kind = rng.choice(["float", "list", "tuple", "dict", "row"])
    if depth == 0 or kind == "float":
        return rng.uniform(-1.0, 1.0)
    if kind == "row":
        return [rng.random() for _ in range(rng.randrange(5))]
    items = [random_tree(rng, depth - 1) for _ in range(rng.randrange(5))]
    if kind == "dict":
        return {f"k{k}": item for k, item in enumerate(items)}
    return items if kind == "list" else tuple(items)


def test_numbers_come_in_the_order_of_the_call() -> None:
    reader = Reader(tree())
    for seed in (1, 2, 3):
        assert repr(reader(tree(seed)).tolist()) == repr(flatten(tree(seed)))


@pytest.mark.parametrize("seed", range(60))
def test_numbers_of_random_trees(seed: int) -> None:
    args = tuple([random_tree(random.Random(100 * seed + k), 4) for k in range(3)])
    reader = Reader(args)
    assert reader(args).tolist() == flatten(args)
    assert reader(copy.deepcopy(args)).tolist() == flatten(args)


class Pair(NamedTuple):
    x: float
    y: float


class Row(list[float]):
    pass


class Number(float):
    pass


CHANGES: dict[str, Callable[[Any], Any]] = {
    "an int": lambda w: w["a"][1].__setitem__(2, 3),
    "a truth": lambda w: w["a"][0].__setitem__(0, True),
    "a Value": lambda w: w["a"][2].__setitem__(3, Value(1.0)),
    "a float of numpy": lambda w: w["a"][2].__setitem__(3, np.float64(1.0)),
    "a subclass of float": lambda w: w["a"][2].__setitem__(3, Number(1.0)),
    "None": lambda w: w["c"].__setitem__("e", None),
    "a longer row": lambda w: w["a"][1].append(1.0),
    "a shorter row": lambda w: w["a"][1].pop(),
    "another row": lambda w: w["a"].append([1.0, 2.0, 3.0, 4.0]),
    "no row": lambda w: w["a"].pop(),
    "a number for a row": lambda w: w["a"].__setitem__(0, 1.0),
    "a tuple for a row": lambda w: w["a"].__setitem__(0, (1.0, 2.0, 3.0, 4.0)),
    "a subclass of list": lambda w: w["a"].__setitem__(0, Row([1.0, 2.0, 3.0, 4.0])),
    "a named tuple": lambda w: w.__setitem__("b", Pair(1.0, 2.0)),
    "another key": lambda w: w.__setitem__("z", 1.0),
    "no key": lambda w: w.pop("b"),
    "the keys in another order": lambda w: w.__setitem__("a", w.pop("a")),
    "another kind of dictionary": lambda w: w.__setitem__("c", OrderedDict(w["c"])),
    "something in an empty list": lambda w: w["c"]["d"][0].append(1.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_different_is_not_read(change: str) -> None:
    args = tree()
    reader = Reader(args)
    CHANGES[change](args[0])
    assert reader(args) is None
    assert reader(tree()) is not None


def test_what_has_no_table() -> None:
    numbers = [0.5] * 100
    assert reader_of(([0.5] * 100,), ()) is not None
    for args in (
        (np.zeros(100),),
        ([1] * 100,),
        ([*numbers, 1],),
        ([Value(1.0)] * 100,),
        (Row(numbers),),
        (Pair(1.0, 2.0),),
    ):
        assert reader_of(args, ()) is None


@pytest.mark.parametrize(("count", "native"), [(2, False), (100, True)])
def test_python_takes_a_few_numbers_apart_as_fast(count: int, native: bool) -> None:
    apart = Apart()
    for _ in range(3):
        apart(([0.5] * count,), True)
    assert (apart.reader is not None) == native


def loss(w: Any, k: int = 2) -> Any:
    return sum([(x * y) ** k for x, y in zip(w["a"][0], w["a"][1])]) + w["b"][0] * w["c"]["e"] + sum(w["a"][2])


def test_a_gradient_of_nested_arguments_whatever_form_they_have() -> None:
    """Calls of several forms in turn, each as often as machine code needs to take it over."""
    compiled = autograd.compile(lambda w: loss(w))
    twin = autograd.compile(lambda w: loss(w), backend="python")

    def argument(columns: int, seed: int) -> Any:
        return {"a": matrix(3, columns, seed), "b": (0.5 * seed, [1.5]), "c": {"e": 0.25 * seed}, "more": matrix(4, 4)}

    taken = 0
    for k in range(60):
        w = argument(4 + (k // 6) % 3, seed=k)
        if k % 13 == 12:
            w["a"][0][1] = 3  # an int for once
        value, (gradient,) = compiled.value_and_grad(w)
        expected, (slopes,) = twin.value_and_grad(w)
        assert value == pytest.approx(expected, rel=1e-12)
        assert list(gradient) == list(w)
        assert flatten(gradient) == pytest.approx(flatten(slopes), rel=1e-12, abs=1e-15)
        assert repr(form_of(gradient)) == repr(form_of(w))
        taken += compiled._apart.reader is not None
    assert taken > 20
    assert compiled.recordings <= 8


def form_of(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: form_of(item) for key, item in x.items()}
    return type(x)(map(form_of, x)) if isinstance(x, (list, tuple)) else None


def test_a_decision_on_what_machine_code_has_read_records_again() -> None:
    @autograd.compile
    def f(w: list[list[float]]) -> Any:
        return w[0][0] * w[1][0] if w[0][1] > 0 else w[0][0] + w[1][1] ** 2

    for k in range(12):
        w = matrix(4, 5, seed=k)
        value, (gradient,) = f.value_and_grad(w)
        expected = w[0][0] * w[1][0] if w[0][1] > 0 else w[0][0] + w[1][1] ** 2
        assert value == pytest.approx(expected, rel=1e-14)
        assert gradient[0][0] == pytest.approx(w[1][0] if w[0][1] > 0 else 1.0, rel=1e-14)
    assert f._apart.reader is not None
    assert f.recordings == 2
