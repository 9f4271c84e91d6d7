"""What a compiled function returns and leaves behind is of the kind that it is without the compiler."""

from __future__ import annotations

import copy
import enum
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiler.recording.results import Plain
from autograd.trees import flatten

pytestmark = pytest.mark.filterwarnings("ignore:.* was (not )?recorded")
W = Value(2.0)


class Status(enum.Enum):
    GOOD = 1
    BAD = 2


class Box:
    def __init__(self, x: Any) -> None:
        self.x = x


RESULTS: dict[str, Callable[[Any], Any]] = {
    "a number": lambda x: x * 2.0,
    "a Value": lambda x: W * x,
    "both": lambda x: {"plain": x * x, "loss": W * x, "n": [x > 0.0, 3]},
    "a constant": lambda x: 1.5,
    "the argument": lambda x: (x, [x]),
    "an exponential": lambda x: autograd.exp(x),
    "math": lambda x: math.exp(x) + math.sin(x),
    "of a Value's data": lambda x: (W.data * x, (W * x).data),
    "a made Value": lambda x: Value(x) * 2.0,
    "a text": lambda x: "good" if x > 0.0 else "bad",
    "a text with a number": lambda x: f"{x:.1f}",
    "a status and a loss": lambda x: ("good" if x > 0.0 else "bad", W * x),
    "an enumeration": lambda x: Status.GOOD if x > 0.0 else Status.BAD,
    "nothing": lambda x: None,
    "a set": lambda x: {x, 1.0},
    "an object": lambda x: Box(W * x),
    "a generator": lambda x: (W * x for _ in range(2)),
}


def shown(x: Any) -> Any:
    """The kinds and the numbers of a result."""
    if isinstance(x, (list, tuple)):
        return [shown(item) for item in x]
    if isinstance(x, dict):
        return {key: shown(item) for key, item in x.items()}
    if isinstance(x, Box):
        return Box, shown(x.x)
    if hasattr(x, "__next__"):
        return [shown(item) for item in x]
    if type(x) is Plain:  # a float that answers .data, too
        x = float(x)
    return type(x), x.data if isinstance(x, Value) else x


def test_a_plain_result_answers_data_as_a_value_does() -> None:
    square = autograd.compile(lambda x: x * x)
    for x in (1.0, 2.0, 3.0):
        assert square(x).data == square(Value(x)).data == x * x
        assert math.sqrt(square(square(x))) == pytest.approx(x * x, rel=1e-15)  # taken as an argument and by math
    assert json.dumps(pickle.loads(pickle.dumps([square(2.0), copy.copy(square(2.0))]))) == "[4.0, 4.0]"


@pytest.mark.parametrize("backend", ["auto", "python", "native"])
@pytest.mark.parametrize("f", RESULTS.values(), ids=RESULTS.keys())
def test_a_result_is_of_its_own_kind(f: Callable[[Any], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for x in (0.5, -1.5, 2.5, 0.5, -1.5, 2.5, 0.25):
        assert shown(compiled(x)) == shown(f(x))


@pytest.mark.parametrize("f", RESULTS.values(), ids=RESULTS.keys())
def test_also_where_it_runs_without_the_compiler(f: Callable[[Any], Any]) -> None:
    def decides(x: float) -> Any:
        return f(x) if round(x * 1000.0) % 7 else f(x + 1.0)

    compiled = autograd.compile(decides)
    for k in range(40):
        assert shown(compiled(k / 9.0)) == shown(decides(k / 9.0))


STATES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "a number": (0.5, lambda s: math.exp(-s) * math.cos(s) + 0.25),
    "a list": ([0.5, 1.5], lambda s: [math.sqrt(abs(s[1])), math.atan2(s[0], s[1])]),
    "a dictionary": (
        {"mean": 0.5, "n": 1},
        lambda s: {"mean": s["mean"] + (math.log(2.0 + s["n"]) - s["mean"]) / s["n"], "n": s["n"] + 1},
    ),
    "rows": ([[0.5, 0.25], [1.0, 2.0]], lambda s: [[math.tanh(sum(row) - x) for x in row] for row in s]),
}


@pytest.mark.parametrize(("state", "step"), STATES.values(), ids=STATES.keys())
def test_a_function_of_plain_numbers_may_be_fed_its_own_results(state: Any, step: Callable[[Any], Any]) -> None:
    compiled, now, expected = autograd.compile(step), state, state
    for _ in range(20):
        now, expected = compiled(now), step(expected)
        assert shown(flatten(now)) == [(kind, pytest.approx(x, rel=1e-9)) for kind, x in shown(flatten(expected))]
    assert compiled.recordings <= 2


@pytest.mark.parametrize("settings", [[1, 0], [True, False], ["a", "b"], [None, 1.5], [0.5, 0.25]], ids=repr)
def test_what_a_function_only_sets_is_set_also_where_it_was_that_already(settings: list[Any]) -> None:
    def made() -> tuple[Any, Box]:
        box = Box(settings[0])

        def f(x: float) -> Any:
            box.x = settings[0] if x > 0.0 else settings[1]
            return W * x

        return f, box

    (f, box), (g, other) = made(), made()
    compiled = autograd.compile(g)
    for x in (1.0, 2.0, -1.0, 3.0, -2.0, -3.0, 1.0, -1.0):
        f(x), compiled(x)
        assert (type(other.x), other.x) == (type(box.x), box.x)


@pytest.mark.parametrize("rounded", [round, math.floor, math.ceil])
def test_a_number_that_no_int_is_near_raises_as_without_the_compiler(rounded: Callable[[float], int]) -> None:
    def f(x: float) -> Any:
        try:
            return W * x + rounded(x)
        except (OverflowError, ValueError):
            return "no int"

    compiled = autograd.compile(f)
    for x in (1.5, math.inf, 2.5, math.nan, -math.inf, 0.5):
        assert repr(shown(compiled(x))) == repr(shown(f(x)))


async def _waits(x: float) -> float:
    return x


def _yields(x: float) -> Any:
    yield x


@pytest.mark.parametrize("f", [_waits, _yields])
def test_what_runs_in_parts_is_refused_at_once(f: Any) -> None:
    with pytest.raises(TypeError, match=r"is a generator or an async function.*compile a function that computes"):
        autograd.compile(f)


@pytest.mark.parametrize("error", [SystemExit, ValueError, KeyboardInterrupt])
def test_what_was_changed_before_an_error_stays_changed_or_nothing_does(error: type[BaseException]) -> None:
    def made() -> tuple[Any, dict[str, Any]]:
        seen: dict[str, Any] = {"n": 0, "x": 0.5, "all": [], "w": Value(2.0)}

        def f(x: float, xs: list[float]) -> Any:
            seen["n"] += 1
            seen["all"].append(x)
            seen["w"].data *= 0.5
            xs.append(x)
            if x > 1.0:
                raise error(3)
            seen["x"] = x
            return seen["w"] * x

        return f, seen

    (f, expected), (g, seen) = made(), made()
    compiled, lists = autograd.compile(g), ([], [])
    for x in (0.5, 0.75, 2.0, 0.25):
        before = repr((seen, lists[1]))
        for function, xs in ((f, lists[0]), (compiled, lists[1])):
            if x > 1.0:
                with pytest.raises(error):
                    function(x, xs)
            else:
                function(x, xs)
        if x > 1.0 and error is KeyboardInterrupt:  # as if there had been no call
            assert repr((seen, lists[1])) == before
            return
        assert repr((seen, lists[1])) == repr((expected, lists[0]))


def test_the_report_counts_in_english() -> None:
    f = autograd.compile(lambda x: W * x)
    f(1.0)
    assert f.report().startswith("<lambda>: 1 recording for 1 call; 0 calls reused a recording")
    f(1.0)
    assert "1 call reused a recording" in f.report()
