"""Programs as people write them: run-time indices, max and min, .data, and results of any structure."""

from __future__ import annotations

import fractions
import math
import random
import threading
import warnings
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, functional, take
from autograd.compiler.recording.rewriting import codes_of, rewritten
from tests.support import PATIENCE

BACKENDS = ["native", "python"]
pytest.importorskip("llvmlite")
TABLE = [[Value(10.0 * row + column) for column in range(3)] for row in range(4)]
NUMBERS = [0.5, -1.0, 2.0, 8.0]
ORDER = [2, 0, 3, 1]


def leaves_of(table: Any) -> list[Value]:
    return [leaf for row in table for leaf in row]


def same(compiled: Any, f: Callable[..., Any], leaves: list[Value], *args: Any) -> None:
    """The value and the gradients of captured leaves, or the error, as without the compiler."""
    try:
        expected = f(*args)
    except IndexError as error:
        with pytest.raises(IndexError, match=str(error)):
            compiled(*args)
        return
    found = compiled(*args)
    assert found.data == pytest.approx(getattr(expected, "data", expected), rel=1e-12, nan_ok=True)
    if isinstance(expected, Value):
        wanted = autograd.grad(expected, leaves)
        assert list(autograd.grad(found, leaves)) == pytest.approx(list(wanted), rel=1e-12, abs=1e-300, nan_ok=True)


# ---- indices ---------------------------------------------------------------------------------------------------------
def a_row(i: int) -> Any:
    return sum(v * v for v in TABLE[i])


def an_entry(i: int) -> Any:
    return TABLE[i][i - 1] * NUMBERS[i]


def by_another_index(i: int) -> Any:
    return TABLE[ORDER[i]][-1] * (ORDER[i] + 1)


def of_tuples(i: int) -> Any:
    return tuple(tuple(row) for row in TABLE)[i][1:][0] ** 2


def by_the_function(i: int) -> Any:
    return take(take(TABLE, i), 1) * 2.0


def of_what_was_computed(i: int) -> Any:
    shares = [v.exp() for v in TABLE[0]]
    return -(shares[i] / sum(shares)).log()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [a_row, an_entry, by_another_index, of_tuples, by_the_function, of_what_was_computed])
def test_one_recording_serves_every_index(f: Callable[[int], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for i in (1, 0, 2, -1, -3, 2, 7, -9, 3, 4, -4, 1, 99):
        same(compiled, f, leaves_of(TABLE), i)
    assert compiled.recordings == 1


@pytest.mark.parametrize("first", [4, -5])
def test_an_index_out_of_range_is_an_error_at_the_first_call_too(first: int) -> None:
    compiled = autograd.compile(a_row)
    for i in (first, 0, first):
        same(compiled, a_row, leaves_of(TABLE), i)


def test_an_index_error_can_be_caught() -> None:
    def f(i: int) -> Any:
        try:
            return TABLE[i][0]
        except IndexError:
            return TABLE[0][2] * 7.0

    compiled = autograd.compile(f)
    for i in (0, 9, 2, 9, -1):
        same(compiled, f, leaves_of(TABLE), i)


def test_members_of_arguments_get_their_gradients() -> None:
    compiled = autograd.compile(lambda xs, i, ys: xs[i] * ys[i + 1])
    for i in (0, 1, -1, -3):
        value, (by_xs, by_i, by_ys) = compiled.value_and_grad([1.0, 2.0, 3.0], i, [4.0, 5.0, 6.0])
        expected = functional.value_and_grad(lambda xs, ys, i=i: xs[i] * ys[i + 1], argnums=(0, 1))
        assert (value, (by_xs, by_ys), by_i) == (*expected([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), 0.0)
    assert compiled.recordings == 1


def test_what_is_not_chosen_may_be_anything() -> None:
    xs = [Value(0.0), Value(2.0), Value(-1.0)]

    def f(i: int) -> Any:
        return [xs[0].log(), xs[1].log(), xs[2].sqrt()][i] * 3.0

    for backend in BACKENDS:
        compiled = autograd.compile(f, backend=backend)
        for i in (1, 1, 0, 2, 1):
            same(compiled, f, xs, i)
        assert compiled.recordings == 1


def test_a_graph_without_repetition_takes_members_too() -> None:
    xs = [Value(0.1 * k + 0.5) for k in range(6)]
    rng = random.Random(1)
    names = [rng.choice(["sin", "cos", "exp", "tanh", "sqrt"]) for _ in range(400)]

    def f(i: int) -> Any:
        x = xs[i]
        for name in names:
            x = getattr(x, name)() * xs[i - 2] + 0.25
        return x

    compiled = autograd.compile(f)
    for i in (1, 2, -1, 5, 8):
        same(compiled, f, xs, i)
    assert compiled.recordings == 1


def test_lists_that_are_no_tables_are_read_by_a_decision() -> None:
    things: list[Any] = ["a", [1.0], [1.0, 2.0], abs]
    compiled = autograd.compile(lambda x, i: x * len(str(things[i])))
    for i in range(4):
        assert compiled(2.0, i) == 2.0 * len(str(things[i]))
    assert compiled.recordings == 4


def test_a_row_that_is_changed_is_that_of_the_table() -> None:
    def f(xs: Any, i: int) -> Any:
        rows = [[x] for x in xs]
        rows[i].append(xs[0] * 10.0)
        row = rows[i]
        row += [xs[1] * 100.0]
        rows[i][0] = xs[2]
        return sum(sum(row) for row in rows) + len(row)

    compiled = autograd.compile(f)
    for i in (0, 1, 2, -1):
        xs = [1.0, 2.0, 3.0]
        value, (by_xs, _) = compiled.value_and_grad(xs, i)
        assert (value, by_xs) == functional.value_and_grad(lambda xs, i=i: f(xs, i))(xs)


def test_a_member_is_the_one_that_was_chosen() -> None:
    def f(i: int) -> Any:
        here = TABLE[0].index(TABLE[0][i])
        return TABLE[1][here] * (2.0 if TABLE[0][i] == TABLE[0][1] else 3.0)

    compiled = autograd.compile(f)
    for i in (0, 1, 2, -1):
        same(compiled, f, leaves_of(TABLE), i)


# ---- max and min -----------------------------------------------------------------------------------------------------
def largest_minus(xs: Any) -> Any:
    top = max(x.data for x in xs)
    return sum((x - top).exp() for x in xs) * min([x.data for x in xs], default=3.0)


def of_two(xs: Any) -> Any:
    return max(0, xs[0] - xs[1]) + min(xs[1], xs[2], 0.75) * 3.0


def of_values(xs: Any) -> Any:
    return max(xs) * 2.0 + min(x * x for x in xs)


def where_the_largest_is(xs: Any) -> Any:
    return xs[0] * xs.index(max(xs)) + xs[1]


def by_a_key(xs: Any) -> Any:
    best = max(range(len(xs)), key=lambda k: xs[k].data)
    return xs[best] * best + xs[0]


POINTS = [[1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [3.0, 1.0, 3.0], [-1.0, -0.5, -0.5], [nan, 1.0, 2.0], [1.0, nan, 2.0],
          [inf, 1.0, -inf], [0.5, -0.25, 4.0]]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [largest_minus, of_two, of_values, where_the_largest_is, by_a_key])
def test_the_largest_and_the_smallest_are_those_of_python(f: Callable[[Any], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for numbers in POINTS:
        xs = list(map(Value, numbers))
        same(compiled, f, xs, xs)
    if f in (largest_minus, of_two, of_values):
        assert compiled.recordings == 1


def test_what_max_refuses_and_what_it_returns_is_that_of_python() -> None:
    for f in (lambda x: max(), lambda x: max([]), lambda x: max(x), lambda x: max([x, "a"])):
        for _ in range(2):
            with pytest.raises((TypeError, ValueError)):
                autograd.compile(f)(1.0)
    assert autograd.compile(lambda x: max([], default=x) * 2.0)(1.5) == 3.0
    compiled = autograd.compile(lambda x, n: x * [5.0, 7.0, 9.0][max(n, 1)])
    assert [compiled(1.0, n) for n in (0, 1, 2)] == [7.0, 7.0, 9.0]
    assert compiled.recordings == 1


def test_ragged_lists_have_one_class_of_largest_numbers() -> None:
    weights = [Value(0.3 * k) for k in range(40)]

    def f(x: Any) -> Any:
        total = 0.0
        for n in range(1, 20):
            scores = [w * x for w in weights[:n]]
            top = max(score.data for score in scores)
            total = total + sum((score - top).exp() for score in scores).log()
        return total

    compiled = autograd.compile(f)
    same(compiled, f, weights, Value(0.7))
    same(compiled, f, weights, Value(-0.7))
    assert len(compiled.program.arrays) < 60


# ---- .data -----------------------------------------------------------------------------------------------------------
def test_data_is_the_number_of_this_call_without_its_gradient() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        return w * x / (w * x).data + abs(w.data - x)

    compiled = autograd.compile(f)
    for x in (3.0, 0.5, -1.0):
        same(compiled, f, [w], x)
        w.data += 0.5
    assert compiled.recordings == 1


def test_data_that_a_function_of_math_reads_is_a_decision() -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x: w * x * math.exp(w.data))
    for _ in range(3):
        assert compiled(2.0).data == pytest.approx(w.data * 2.0 * math.exp(w.data))
        w.data += 1.0


# ---- functions as people write them ----------------------------------------------------------------------------------
class Base:
    def scores(self, i: int) -> Any:
        return [v * 2.0 for v in TABLE[i]]


class Derived(Base):
    __rates = [1.0, 2.0, 4.0, 8.0]  # noqa: RUF012

    def scores(self, i: int) -> Any:
        return [v * self.__rates[i] for v in super().scores(i)]

    def __call__(self, i: int) -> Any:
        return sum(self.scores(i))


def nested(i: int, scale: Any = NUMBERS) -> Any:
    def inner(k: int) -> Any:
        return scale[k] * TABLE[k][offset] if k else TABLE[0][0]

    offset = 1
    return sum(inner(k) for k in [i, -1]) + (lambda k: TABLE[k][0])(i) * (lambda k: TABLE[k][1])(i)


def recursive(i: int, depth: int = 3) -> Any:
    return NUMBERS[i] * (recursive(i, depth - 1) if depth else TABLE[i][0])


def generated(i: int) -> Any:
    def rows() -> Any:
        yield TABLE[i]
        yield from (TABLE[k] for k in (i, 0))

    return sum(first * NUMBERS[i] for first, *_ in rows())


def with_modules(i: int) -> Any:
    return TABLE[i][0] * math.exp(0.5) + random.Random(3).random() * NUMBERS[i] * 0.0


@pytest.mark.parametrize("f", [Derived(), nested, recursive, generated, with_modules])
def test_methods_closures_and_generators_are_rewritten_too(f: Callable[[int], Any]) -> None:
    compiled = autograd.compile(f)
    for i in (1, 2, 3, 0, 2):
        same(compiled, f, leaves_of(TABLE), i)
    assert compiled.recordings <= 2  # nested decides whether k is 0


def test_no_function_keeps_the_code_that_is_recorded() -> None:
    functions = [a_row, nested, Base.scores, Derived.scores]
    before = [function.__code__ for function in functions]
    with rewritten(functions):
        assert all(function.__code__ is not code for function, code in zip(functions, before))
        assert codes_of(functions) == before
        with rewritten(functions[:2]):
            pass
        assert functions[0].__code__ is not before[0]
    assert all(function.__code__ is code for function, code in zip(functions, before))


def test_an_error_while_recording_leaves_no_rewritten_code() -> None:
    before = a_row.__code__

    def f(i: int) -> Any:
        return a_row(i) / 0

    with pytest.raises(IndexError):
        autograd.compile(f)(99)
    assert a_row.__code__ is before


def test_other_threads_may_run_a_function_while_it_is_recorded() -> None:
    # A recording that is given up takes back what changed meanwhile, also the flag of an Event; a lock it cannot see.
    inside, busy = threading.Event(), threading.Lock()
    busy.acquire()

    def f(i: int) -> Any:
        if threading.current_thread() is threading.main_thread():
            inside.set()
            if busy.acquire(timeout=PATIENCE):
                busy.release()
        return sum(NUMBERS[i] * k for k in range(3)) * TABLE[i][0]

    results: list[Any] = []

    def other() -> None:
        inside.wait(PATIENCE)
        results.extend([f.__code__ is before, f(2).data])
        busy.release()

    before = f.__code__
    thread = threading.Thread(target=other)
    thread.start()
    assert autograd.compile(f)(2).data == 6.0 * TABLE[2][0].data
    thread.join()
    assert results == [False, 6.0 * TABLE[2][0].data]
    assert f.__code__ is before


def test_a_function_without_source_decides_and_is_right() -> None:
    namespace: dict[str, Any] = {"TABLE": TABLE, "take": take}
    exec("def f(i): return TABLE[i][0] * 2.0\ndef g(i): return take(TABLE, i)[0] * 2.0", namespace)
    f, g = autograd.compile(namespace["f"]), autograd.compile(namespace["g"])
    for i in (0, 1, 2, -1):
        same(f, namespace["f"], leaves_of(TABLE), i)
        same(g, namespace["g"], leaves_of(TABLE), i)
    assert (f.recordings > 1, g.recordings) == (True, 1)


def test_a_file_that_changed_since_it_was_read_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "edited.py"
    file.write_text("def f(xs, i):\n    return xs[i] * 2.0\n")
    namespace: dict[str, Any] = {"__name__": "edited"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    file.write_text("def f(xs, i):\n    return xs[i] * 3.0 + 0\n")
    compiled = autograd.compile(namespace["f"])
    assert [compiled([1.0, 2.0], i) for i in (0, 1)] == [2.0, 4.0]


# ---- results ---------------------------------------------------------------------------------------------------------
Pair = namedtuple("Pair", "loss, accuracy")


@dataclass(frozen=True)
class Result:
    loss: Any
    scores: list[Any]
    note: str = "a note"


def structured(x: Any, y: Any) -> Any:
    return Result(x * y, [Pair(x + y, x > y), {"exp": (x.exp(), 3, None)}])


def flat(result: Any) -> list[Any]:
    return [result.loss, result.scores[0].loss, result.scores[1]["exp"][0]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_structure_comes_back_with_gradients(backend: str) -> None:
    compiled = autograd.compile(structured, backend=backend)
    for numbers in ((2.0, 3.0), (2.5, 1.0), (0.5, 0.25)):
        x, y = map(Value, numbers)
        found, expected = compiled(x, y), structured(x, y)
        assert (type(found), found.note, type(found.scores[0])) == (Result, "a note", Pair)
        assert found.scores[0].accuracy is expected.scores[0].accuracy
        assert found.scores[1]["exp"][1:] == (3, None)
        for one, other in zip(flat(found), flat(expected), strict=True):
            assert one.data == pytest.approx(other.data)
            assert list(autograd.grad(one, [x, y])) == pytest.approx(list(autograd.grad(other, [x, y])))
        mixed, wanted = (math.prod(flat(result)[1:], start=flat(result)[0]) for result in (found, expected))
        assert list(autograd.grad(mixed, [x, y])) == pytest.approx(list(autograd.grad(wanted, [x, y])))
    assert compiled.recordings == 1


def test_gradients_are_those_of_the_call_also_if_numbers_changed_since() -> None:
    w = Value(3.0)
    compiled = autograd.compile(lambda x: [w * x, w * w * x])
    first, second = compiled(2.0)
    w.data = 100.0
    assert (autograd.grad(first, [w])[0], autograd.grad(second, [w])[0]) == (2.0, 12.0)


def test_an_accuracy_beside_the_loss_costs_no_decision() -> None:
    numpy = pytest.importorskip("numpy")
    rng = random.Random(3)
    w = [Value(rng.gauss(0.0, 1.0)) for _ in range(3)]
    X = numpy.array([[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(9)])
    y = numpy.array([rng.choice([-1, 1]) for _ in range(9)])

    def loss() -> Any:
        scores = [sum(wi * xi for wi, xi in zip(w, map(Value, row))) for row in X]
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores)]
        accuracy = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores)]
        return sum(losses) * (1.0 / len(losses)), sum(accuracy) / len(accuracy)

    compiled = autograd.compile(loss)
    seen = set()
    for _ in range(8):
        (one, found), (other, expected) = compiled(), loss()
        assert (one.data, found) == (pytest.approx(other.data), expected)
        assert list(autograd.grad(one, w)) == pytest.approx(list(autograd.grad(other, w)))
        seen.add(found)
        for parameter in w:
            parameter.data = rng.gauss(0.0, 1.0)
    assert compiled.recordings == 1
    assert len(seen) > 2


@pytest.mark.filterwarnings("ignore:.* was recorded")
@pytest.mark.parametrize("result", [{1.0}, fractions.Fraction(1, 2), math.sin, range(3)], ids=repr)
def test_a_result_that_no_program_can_make_is_that_of_the_function(result: Any) -> None:
    w, seen = Value(2.0), []

    @autograd.compile
    def f(x: float) -> Any:
        seen.append(x)
        return [w * x, result]

    for k in range(8):
        value, other = f(float(k))
        assert (value.data, other) == (2.0 * k, result)
    assert seen == [float(k) for k in range(8)]


def test_value_and_grad_and_map_want_one_number() -> None:
    compiled = autograd.compile(lambda x: (x * 2.0, x))
    for _ in range(2):
        with pytest.raises(TypeError, match="need a function that returns one number, not tuple"):
            compiled.value_and_grad(1.0)
    with pytest.raises(TypeError, match="one number, not tuple"):
        compiled.map([1.0, 2.0])


def test_without_gradients_a_structure_holds_leaves() -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x: [w * x, w + x])
    with autograd.no_grad():
        assert [(out.data, out.parents) for out in compiled(3.0)] == [(6.0, ()), (5.0, ())]


# ---- all of it together ----------------------------------------------------------------------------------------------
def test_a_language_model_is_recorded_once_for_each_length() -> None:
    rng = random.Random(5)
    embeddings = [[Value(rng.gauss(0.0, 0.5)) for _ in range(4)] for _ in range(7)]
    keys_of, head = ([[Value(rng.gauss(0.0, 0.5)) for _ in range(4)] for _ in range(n)] for n in (4, 7))
    parameters = [*leaves_of(embeddings), *leaves_of(keys_of), *leaves_of(head)]

    def linear(x: Any, w: Any) -> Any:
        return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]

    def softmax(z: Any) -> Any:
        top = max(v.data for v in z)
        exps = [(v - top).exp() for v in z]
        total = sum(exps)
        return [e / total for e in exps]

    def loss(tokens: Any) -> Any:
        keys: list[Any] = []
        losses = []
        for position in range(len(tokens) - 1):
            x = embeddings[tokens[position]]
            keys.append(linear(x, keys_of))
            shares = softmax([sum(a * b for a, b in zip(x, key)) / 2.0 for key in keys])
            mixed = [sum(s * key[j] for s, key in zip(shares, keys)) for j in range(4)]
            losses.append(-softmax(linear(mixed, head))[tokens[position + 1]].log())
        return (1 / len(losses)) * sum(losses)

    compiled = autograd.compile(loss)
    lengths = [3, 4, 3, 6, 4, 2, 6, 3, 2, 4]
    for length in lengths:
        same(compiled, loss, parameters, [rng.randrange(7) for _ in range(length)])
    assert compiled.recordings == len(set(lengths))
    same(compiled, loss, parameters, [0, 7, 1])


def test_the_report_names_the_line_of_each_decision() -> None:
    def f(x: Any, n: int) -> Any:
        if n == 2:
            return x * 2.0
        return x

    compiled = autograd.compile(f)
    for n in (1, 2, 1, 2):
        compiled(1.0, n)
    text = compiled.report()
    line = f.__code__.co_firstlineno + 1
    assert text.startswith("f: 2 recordings for 4 calls; 2 calls reused a recording, 0 ran")
    assert f"2. test_programs.py, line {line} decided differently" in text
    assert f"1 guard (test_programs.py, line {line})" in text


# ---- arguments that a function changes -------------------------------------------------------------------------------
def grows(x: Any, keys: Any) -> Any:
    keys["all"].append([x * WEIGHT, x])
    keys["last"] = keys["all"][0]
    return sum(key[0] for key in keys["all"])


def shuffles(x: Any, keys: Any) -> Any:
    keys["all"].reverse()
    keys["all"], keys["all2"] = [[WEIGHT * 3.0, 1.0]], keys["all"]
    return x * WEIGHT


WEIGHT = Value(2.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [grows, shuffles])
def test_a_list_that_a_function_is_given_and_changes_is_changed(f: Callable[..., Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for _ in range(2):
        states: list[Any] = [{"all": []}, {"all": []}]
        inner = [state["all"] for state in states]
        for x in (1.0, 3.0, 2.0):
            found, expected = compiled(Value(x), states[0]), f(Value(x), states[1])
            assert found.data == pytest.approx(expected.data)
            assert numbers_in(states[0]) == numbers_in(states[1])
            assert states[0].get("last") is states[0]["all"][0] if f is grows else True
            states = [{"all": state["all"]} for state in states]
        if f is grows:
            assert states[0]["all"] is inner[0]
    assert compiled.recordings <= 3


def numbers_in(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: numbers_in(item) for key, item in tree.items()}
    return [numbers_in(item) for item in tree] if isinstance(tree, list) else getattr(tree, "data", tree)


def test_what_is_put_into_a_list_has_its_gradient() -> None:
    keys: list[Any] = []
    compiled = autograd.compile(lambda x, keys: keys.append(x * WEIGHT) or x)
    x = Value(5.0)
    compiled(x, keys)
    compiled(x, keys)
    assert list(autograd.grad(keys[0] * 1.0 + keys[1], [x, WEIGHT])) == [4.0, 10.0]


def test_a_list_is_changed_also_where_no_recording_fits() -> None:
    def f(keys: Any, n: int) -> Any:
        keys.append(keys[0] * n if n % 7 else keys[0])
        return keys[-1]

    compiled = autograd.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(30):
            keys, wanted = [1.5], [1.5]
            assert compiled(keys, n) == f(wanted, n)
            assert (keys, [*map(type, keys)]) == (wanted, [float, float]) or [k.data for k in keys[1:]] == wanted[1:]


@pytest.mark.parametrize("texts", [False, True], ids=["recorded", "by the graph"])
def test_numbers_in_a_list_that_is_given_stay_numbers(texts: bool) -> None:
    """Adam with its state in lists that it is given: the next call takes a root of what is in them."""
    params = [Value(1.0), Value(-2.0)]

    def adam(xs: Any, m: Any, v: Any, counts: Any, rate: float) -> Any:
        loss = sum((p * x) ** 2 for p, x in zip(params, xs))
        for k, p in enumerate(params):
            m[k] = 0.9 * m[k] + 0.1 * p.data * xs[k]
            v[k] = 0.9 * v[k] + 0.1 * (p.data * xs[k]) ** 2
            counts[k] += 1
        return loss + rate * m[0] / (math.sqrt(v[1]) + 1e-8) + (len(f"{rate}") if texts else 0)

    compiled = autograd.compile(adam)
    states: list[Any] = [([0.0, 0.0], [0.0, 0.0], [0, 0]) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(12):
            results = [f([0.5, 1.0 + k], *state, 0.1 * k) for f, state in zip((compiled, adam), states)]
            assert results[0].data == pytest.approx(results[1].data, rel=1e-14)
            for found, expected in zip(*states):
                assert found == pytest.approx(expected, rel=1e-14)
                assert [*map(type, found)] == [*map(type, expected)]


@pytest.mark.filterwarnings("ignore:.*changes an array argument")
def test_an_array_in_the_arguments_is_changed_as_without_the_compiler() -> None:
    numpy = pytest.importorskip("numpy")
    w = Value(3.0)

    def f(x: Any) -> Any:
        x[0] = x[1] * 2.0
        return w * x[0]

    compiled = autograd.compile(f)
    for k in range(8):
        found, expected = numpy.array([1.0, k]), numpy.array([1.0, k])
        assert compiled(found).data == f(expected).data
        assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())
    assert compiled.value_and_grad(numpy.array([1.0, 2.0]))[0] == 12.0
