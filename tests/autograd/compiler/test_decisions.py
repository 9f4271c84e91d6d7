"""Functions that decide differently at nearly every call: right numbers, few recordings, one warning that says why."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import NumericError, Value, functional, log, strict
from autograd.trees import flatten

pytest.importorskip("numpy")
RNG = random.Random(0)
POINTS = [[RNG.uniform(-1.0, 1.0) for _ in range(5)] for _ in range(200)]  # with 32 patterns of signs
RATE: Any = 0.0


def bent(x: Any) -> Any:
    return sum(v**2 if v > 0 else -v for v in x)  # a power is computed only where it is taken: a decision


def stairs(x: Any, steps: int = 51) -> Any:
    return x * sum(1 for k in range(1, steps) if x >= k / steps) + x * x


def quietly(compiled: Callable[..., Any], points: list[Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [compiled(point) for point in points]


@pytest.mark.parametrize("backend", ["python", "native"])
def test_what_no_recording_fits_is_computed_by_the_graph(backend: str) -> None:
    compiled = autograd.compile(bent, backend=backend)
    found = quietly(compiled.value_and_grad, POINTS)
    for point, (value, (gradient,)) in zip(POINTS, found):
        expected = functional.value_and_grad(bent)(point)
        assert (value, gradient) == (pytest.approx(expected[0], rel=1e-14), expected[1])
    assert compiled.recordings < 24
    before = compiled.recordings
    quietly(compiled.value_and_grad, POINTS)
    assert compiled.recordings <= before + 1  # the number of calls has doubled once


def test_decisions_that_come_back_are_all_recorded() -> None:
    compiled = autograd.compile(lambda x, n: x[0] * n if str(n)[-1] in "13579" else x[1] * n)
    for _ in range(8):
        quietly(lambda n: compiled([1.0, 2.0], n), list(range(12)))
    (kept,) = compiled.variants.values()
    assert len(kept) == 12
    before = compiled.recordings
    assert [compiled([1.0, 2.0], n) for n in range(12)] == [n * (1.0 if n % 2 else 2.0) for n in range(12)]
    assert compiled.recordings == before


def test_a_call_by_the_graph_passes_gradients_to_parameters_and_arguments() -> None:
    w, n = Value(2.0), 7

    def f(x: Any, k: int) -> Any:
        slope = functional.grad(lambda u: w * u**3)(x)  # a graph, though x is a plain number
        return slope * k + (w if x.data > 0.5 else 0.0) + float(x.data)

    compiled = autograd.compile(f)
    quietly(lambda x: compiled(x, n), [point[0] for point in POINTS[:40]])
    quietly(lambda x: compiled(Value(x), n), [point[0] for point in POINTS[:40]])  # which is no number, but a node
    recordings, x = compiled.recordings, Value(0.75)
    out = compiled(x, n)
    assert compiled.recordings == recordings
    assert out.data == 3 * 2.0 * 0.75**2 * n + 2.0 + 0.75
    assert autograd.grad(out, [w, x]) == (3 * 0.75**2 * n + 1.0, 6 * 2.0 * 0.75 * n)
    recordings = compiled.recordings + 1  # the calls have doubled once
    assert compiled.value_and_grad(0.75, n) == (out.data, (6 * 2.0 * 0.75 * n, 3 * 2.0 * 0.75**2))
    assert compiled.recordings <= recordings
    with autograd.no_grad():
        assert (compiled(x, n).data, compiled(x, n).parents) == (out.data, ())
        assert compiled.value_and_grad(0.75, n)[1][0] == 6 * 2.0 * 0.75 * n
    with strict(), pytest.raises(NumericError):
        compiled(float("inf"), n)


@pytest.mark.parametrize("count", [1000, 2000])
@pytest.mark.parametrize("backend", ["python", "native"])
def test_map_finishes_however_many_decisions_there_are(backend: str, count: int) -> None:
    xs = [i / count for i in range(count)]
    compiled = autograd.compile(stairs, backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if count == 1000 else "ignore")
        values, (slopes,) = compiled.map(xs)
    assert list(values) == pytest.approx([stairs(x) for x in xs], rel=1e-15)
    assert list(slopes) == pytest.approx([(stairs(x) - x * x) / x + 2 * x if x else 0.0 for x in xs], rel=1e-15)
    assert compiled.recordings <= 16


def test_map_records_where_it_serves_many_points() -> None:
    compiled = autograd.compile(lambda x: stairs(x, 10))
    compiled.map([i / 20000 for i in range(20000)])
    assert compiled.recordings == 10


# ---- lists of different lengths --------------------------------------------------------------------------------------
WEIGHTS = [Value(0.5 + 0.25 * k) for k in range(6)]
TEXTS = [[0, 1, 2], [3, 4], [5, 1, 2], [2], [1, 1], [4]]
PAIRS = [[[1.0, 2.0], [2.0, 3.0]], [[3.0, 4.0]], [[5.0, 6.0], [1.0, 2.0]], [[0.5, 0.5]]]
PARTS = (WEIGHTS[:2], WEIGHTS[2:3], WEIGHTS[3:5], [WEIGHTS[5]])
COUNT = {"calls": 0}


def of_text(k: int) -> Any:
    return sum(WEIGHTS[token] * WEIGHTS[0] for token in TEXTS[k])


def of_pairs(k: int) -> Any:
    return sum(WEIGHTS[0] * x + WEIGHTS[1] * y for x, y in PAIRS[k])


def of_parts(k: int) -> Any:
    row = PARTS[k]
    return row[-1] * row[0] + len(row)


def counted(k: int) -> Any:
    COUNT["calls"] += 1
    return WEIGHTS[0] * sum(TEXTS[COUNT["calls"] % len(TEXTS)])


@pytest.mark.parametrize(
    ("f", "lists", "lengths"), [(of_text, TEXTS, 3), (of_pairs, PAIRS, 2), (of_parts, PARTS, 2), (counted, TEXTS, 3)]
)
def test_an_index_into_lists_of_different_lengths_is_one_recording_for_each_length(
    f: Callable[..., Any], lists: Any, lengths: int
) -> None:
    compiled = autograd.compile(f)
    for k in range(-len(lists), len(lists)):
        found = []
        for run in (f, compiled):
            COUNT["calls"] = k
            for w in WEIGHTS:
                w.grad = 0.0
            y = run(k)
            y.backward()
            found.append([y.data, *[w.grad for w in WEIGHTS]])
        assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert compiled.recordings == lengths
    if f is not counted:
        for k in (len(lists), -len(lists) - 1):
            with pytest.raises(IndexError):
                compiled(k)


@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
@pytest.mark.parametrize("table", [[(1, 2), (3, 4)], [(1, 2), (3,), (4, 5)], [(WEIGHTS[0],), (WEIGHTS[1],)], TEXTS])
def test_a_selected_list_or_tuple_is_the_one_in_the_table(table: Any) -> None:
    compiled = autograd.compile(lambda k: WEIGHTS[0] * (table[k] is table[0]))
    for k in (*range(len(table)), -1, -len(table)):
        assert compiled(k).data == WEIGHTS[0].data * (table[k] is table[0])


@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
def test_lists_of_different_lengths_may_change_between_calls() -> None:
    texts = [[0, 1], [2], [3, 4]]
    compiled = autograd.compile(lambda k: sum(WEIGHTS[token] for token in texts[k]))
    for change in (lambda: None, lambda: texts[0].append(5), lambda: texts.pop(), lambda: texts[1].__setitem__(0, 4)):
        change()
        for k in range(len(texts)):
            assert compiled(k).data == sum(WEIGHTS[token].data for token in texts[k])


# ---- the warning -----------------------------------------------------------------------------------------------------
def looked_up(x: Any, y: Any) -> Any:
    return sum({0: 0.5, 1: 1.5, 2: 2.5}[t] * v for v, t in zip(x, y))


def read(x: Any, y: Any) -> Any:
    return x[0] * int(x[0].data * 1000) + y[0]


def drawn(x: Any, y: Any) -> Any:
    COUNT["calls"] += 1
    return x[0] * {k: float(k) for k in range(90)}[COUNT["calls"] % 90] + y[0]


def scaled(x: Any, y: Any) -> Any:
    return x[0] * RATE + y[0]


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (looked_up, r"the int y\[\d\] is compared, .* an index into .*give class labels as vectors \(nn.one_hot\)"),
        (read, r"decides by its data \(if, max, sorted, \.data, math\..*\): write that with autograd\.where"),
        (lambda x, y: bent(x) + y[0], r"decides by its data \(if, max, sorted, \.data, .*\): write that with autograd"),
        (drawn, r"decides by its data \(a whole number from outside is a key, .* of different lengths"),
        (scaled, r"reads something from outside that is a different object each time: pass it as an argument"),
    ],
)
def test_one_warning_names_the_reason_and_the_way_out(
    f: Callable[..., Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = autograd.compile(f)

    def call(i: int) -> None:
        monkeypatch.setitem(globals(), "RATE", float(i))
        x, y = POINTS[i], [RNG.randrange(3) for _ in range(5)]
        found, COUNT["calls"] = compiled(x, y), COUNT["calls"] - (f is drawn)
        assert found == pytest.approx(f(list(map(Value, x)), y).data)

    with pytest.warns(RuntimeWarning, match=f"recorded . times in . calls; calls that no .*{reason}") as all_:
        list(map(call, range(30)))
    assert [warning.filename for warning in all_] == [__file__]
    assert compiled.recordings < 24


def test_a_function_that_decides_now_and_then_is_recorded_without_a_warning() -> None:
    def size(x: Any) -> Any:
        if x > 0:
            return x
        return -x

    compiled = autograd.compile(size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [compiled(x) for x in (1.0, -2.0, 3.0, -4.0)] == [1.0, 2.0, 3.0, 4.0]
    assert compiled.recordings == 2


@pytest.mark.parametrize(
    "kind",
    [
        lambda n: 10 if type(n) is int else 1,
        lambda n: {int: 2, float: 3}.get(type(n), 7),
        lambda n: 5 if n.__class__ is int else 1,
    ],
)
def test_a_call_by_the_graph_may_ask_for_the_type_of_a_number(kind: Callable[[Any], int]) -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x, n: w * x * kind(n) * len(f"{x}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(20):
            x = 1.0 + n / 7
            assert compiled(x, n).data == (w * x * kind(n) * len(f"{x}")).data
    assert compiled.recordings < 20  # the others ran by the graph


def test_strict_looks_at_plain_numbers_too_before_and_after_a_recording() -> None:
    compiled = autograd.compile(lambda x, n: log(x) * [1.0, 2.0][n])
    for _ in range(2):
        with strict():
            assert compiled(1.0, 1) == 0.0
            assert compiled.value_and_grad(1.0, 1) == (0.0, (2.0, 0.0))
            for fails in (compiled, compiled.value_and_grad):
                with pytest.raises(NumericError, match=r"log\(-1 \('x'\)\)"):
                    fails(-1.0, 1)
        assert compiled(1.0, 1) == 0.0


READS: dict[str, Callable[[Any, Any], Any]] = {
    "a text": lambda x, w: (f"{x:.2f}", w * x),
    "a text of data": lambda x, w: (str((w * x).data), w * x),
    "digits": lambda x, w: w * round(x, 1),
    "an exact sum": lambda x, w: w * math.fsum([x, 0.25]),
    "a key": lambda x, w: w * {1.5: 2.0}.get(x, 3.0),
    "hypot": lambda x, w: w * math.hypot(x, 1.0),
}


@pytest.mark.parametrize("backend", ["auto", "python", "native"])
@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_number_that_was_nan_when_it_was_read_is_nan_in_later_calls(
    read: Callable[[Any, Any], Any], backend: str
) -> None:
    w = Value(2.0)

    def shown(f: Callable[[Any], Any], x: float) -> str:
        return repr([y.data if isinstance(y, Value) else y for y in flatten(f(x))])

    compiled = autograd.compile(lambda x: [read(x, w)], backend=backend)
    for x in [math.nan, 1.5, math.nan, math.nan, 1.5] * 2:
        assert shown(compiled, x) == shown(lambda x: [read(x, w)], x)
    assert compiled.recordings == 2
