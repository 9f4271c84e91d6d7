"""How a compiled function may be called, defined and kept: ints, keywords, dictionaries, methods, models, copies."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import weakref
from collections import namedtuple
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any

import pytest

import autograd
from autograd import NumericError, Value, compile, functional, strict
from autograd.compiler.program.classes import Kind
from nn import MLP, Module, cross_entropy, make_moons

numpy = pytest.importorskip("numpy")
BACKENDS = ["python", "native"]
RATE: Any = 2.0


# ---- whole numbers: what an int or a comparison can do besides arithmetic --------------------------------------------
def of_index(x: Any, n: int) -> Any:
    return x[n] * x[-n] + x[n - 1]


def of_range(x: Any, n: int) -> Any:
    return sum((i + 1) * x[i] for i in range(n)) + x[0]


def of_equality(x: Any, n: int) -> Any:
    if n == 2 or n - 1 == 0:
        return x[0] * n
    return x[1] * 7.0 if n != 0 else x[2]


def of_remainders(x: Any, n: int) -> Any:
    return x[n // 2] if n % 2 == 0 else x[0] * (n & 1) * 3.0 + x[1] * (7 % (n + 1))


def of_recursion(x: Any, n: int) -> Any:
    return x[0] if n == 0 else x[1] * of_recursion(x, n - 1)


def of_membership(x: Any, n: int) -> Any:
    return x[0] * 5.0 if n in (1, 3) else x[1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [of_index, of_range, of_equality, of_remainders, of_recursion, of_membership])
def test_an_int_is_an_int_where_only_that_will_do(f: Callable[[Any, int], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for x in ([1.0, 2.0, 3.0, 4.0], [-1.5, 0.5, 2.5, 0.25]):
        for n in (0, 1, 2, 3, 2, 0, True, numpy.int64(1)):
            value, (dx, _) = compiled.value_and_grad(x, n)
            assert (value, dx) == functional.value_and_grad(lambda v, n=n: f(v, int(n)))(x)
            assert compiled(x, n) == value


def test_an_int_and_a_float_of_the_same_size_are_recorded_apart() -> None:
    compiled = autograd.compile(lambda x, n: x * 10.0 if n == 2 else x)
    assert [compiled(1.0, n) for n in (2.5, 2, 3)] == [1.0, 10.0, 1.0]


def test_ints_among_floats_are_data() -> None:
    compiled = autograd.compile(lambda x: x[0] * x[1])
    for x in ([1, 0.5], [0.5, 2], [0.5, 0.25], [3, 0.5]):
        assert compiled(x) == x[0] * x[1]
    assert compiled.recordings == 3  # one for each set of places of ints


def same_side(x: Any, y: Any) -> Any:
    return x * y if (x > 0) == (y > 0) else x - y


def counted(x: Any, y: Any) -> Any:
    return x * [x > 0, y > 0].count(True) + y * ((x > 0) & (y > 0)) + (7.0 if sum(v > 0 for v in (x, y)) == 1 else 0.0)


def chosen(x: Any, y: Any) -> Any:
    return (x, y)[x > y] * 2.0 if (x > 1) != (y > 1) else x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [same_side, counted, chosen])
def test_comparisons_are_compared_and_counted_as_truths(f: Callable[[Any, Any], Any], backend: str) -> None:
    compiled, mapped = autograd.compile(f, backend=backend), autograd.compile(f, backend=backend)
    points = [(x, y) for x in (2.0, -0.5, 0.5, -2.0) for y in (1.5, -1.0, 3.0)]
    expected = [functional.value_and_grad(f, argnums=(0, 1))(*point) for point in points]
    for point, (value, gradient) in zip(points, expected):
        assert compiled.value_and_grad(*point) == (value, pytest.approx(gradient))
    values, gradients = mapped.map(*zip(*points))
    assert list(values) == [value for value, _ in expected]
    assert list(zip(*gradients)) == [gradient for _, gradient in expected]


def test_map_takes_ints_for_ints() -> None:
    compiled = autograd.compile(lambda x, n: x if n == 2 else x * 10.0)
    for ns in ([1, 2, 2], numpy.array([1, 2, 2])):
        values, _ = compiled.map([1.0, 2.0, 3.0], ns)
        assert list(values) == [10.0, 2.0, 3.0]


def test_classes_by_index_in_a_naive_loop_over_the_samples_become_lanes() -> None:
    model = MLP(2, [3, 3], activation="tanh")
    X = [[0.1 * i, 1.0 - 0.03 * i] for i in range(60)]

    def loss(X: Any, y: Any) -> Any:
        return sum(cross_entropy(model(x), t) for x, t in zip(X, y)) * (1 / len(y))

    compiled = autograd.compile(loss)
    for y in ([i % 3 for i in range(60)], [i % 2 for i in range(60)]):
        for labels in (y, numpy.array(y)):
            out, expected = compiled(X, labels), loss(X, y)
            assert out.data == pytest.approx(expected.data, rel=1e-12)
            found = autograd.grad(out, model.parameters())
            assert found == pytest.approx(autograd.grad(expected, model.parameters()), rel=1e-9, abs=1e-12)
    assert compiled.recordings == 2  # for lists and for arrays, whatever the labels
    sizes = [array.size for array in compiled.program.arrays if array.kind in (Kind.MAP, Kind.SUM)]
    assert len(sizes) < 60
    assert sizes.count(180) > 5  # the three neurons of a layer, for all samples
    with pytest.raises(ValueError, match="must be an index from 0 to 2, or one probability per class, not 3"):
        compiled(X, [3] * 60)


def test_a_label_counts_also_where_a_logit_is_infinite() -> None:
    compiled = autograd.compile(cross_entropy)
    for z, label in (([1.0, -math.inf, 2.0], 2), ([1.0, -math.inf, 2.0], 0), ([-math.inf, 0.5, 0.5], 1)):
        value, (dz, _) = compiled.value_and_grad(z, label)
        expected = functional.value_and_grad(lambda v, label=label: cross_entropy(v, label))(z)
        assert (value, dz) == (pytest.approx(expected[0]), pytest.approx(expected[1], abs=1e-15))
    assert compiled.recordings == 1


# ---- names, dictionaries ---------------------------------------------------------------------------------------------
def weighted(x: Any, y: Any = 2.0, *, scale: Any = 1.0) -> Any:
    return x * y * scale


def test_arguments_by_name() -> None:
    compiled = autograd.compile(weighted)
    assert compiled(3.0) == 6.0
    assert compiled(3.0, y=4.0) == 12.0
    assert compiled(y=4.0, x=5.0, scale=0.5) == 10.0
    assert compiled.value_and_grad(3.0, y=4.0) == (12.0, (4.0, 3.0))
    assert compiled.value_and_grad(3.0, 4.0) == (12.0, (4.0, 3.0))
    assert compiled.value_and_grad(y=4.0, x=3.0) == (12.0, (4.0, 3.0))
    assert compiled.value_and_grad(3.0, scale=0.5) == (3.0, (1.0, {"scale": 6.0}))
    scale = Value(3.0)
    compiled(2.0, scale=scale).backward()
    assert scale.grad == 4.0
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        compiled(1.0, z=2.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_changed_list_of_the_arguments_is_no_gradient(backend: str) -> None:
    def f(x: Any, seen: Any) -> Any:
        seen[0] = x * 2.0
        return x * x + seen[0]

    compiled = autograd.compile(f, backend=backend)
    for _ in range(3):  # the first call makes the recording, the later ones may take a shorter way
        assert compiled.value_and_grad(3.0, [1.0]) == (15.0, (8.0, [0.0]))


class _Replaced:
    """What a recording saw, at which another thread looks in the middle of a call and finds something new."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled

    def holds(self) -> bool:
        self.compiled._fast = None
        return True


@pytest.mark.parametrize("steps", [20, 40, 70, 140])
def test_a_loop_of_any_length_over_arguments_of_its_own(steps: int) -> None:
    """Its operations read more places than a word has bits, some in the arguments, some in the frame."""
    w = Value(0.3)

    def f(xs: Any, start: Any) -> Any:
        y = start
        for x in xs:
            y = (y * x + w).tanh() - x * start
        return y

    xs, start = [math.sin(k) for k in range(steps)], 0.5
    leaves, first = list(map(Value, xs)), Value(start)
    expected = f(leaves, first)
    expected.backward()
    compiled = compile(f)
    value, (by_xs, by_start) = compiled.value_and_grad(xs, start)
    assert value == pytest.approx(expected.data, rel=1e-12)
    assert [*by_xs, by_start] == pytest.approx([x.grad for x in [*leaves, first]], rel=1e-11, abs=1e-13)
    slope, w.grad = w.grad, 0.0
    compiled(xs, start).backward()
    assert w.grad == pytest.approx(slope, rel=1e-11)
    alone = compile(lambda x, start: f([x] * steps, start))
    values, (by_x, _) = alone.map([0.1, 0.2], [0.5, 0.5])
    for k, x in enumerate([0.1, 0.2]):
        leaf = Value(x)
        expected = f([leaf] * steps, 0.5)
        expected.backward()
        assert float(values[k]) == pytest.approx(expected.data, rel=1e-12)
        assert float(by_x[k]) == pytest.approx(leaf.grad, rel=1e-11)


def test_a_call_ends_in_the_machine_code_that_it_began_with() -> None:
    compiled = autograd.compile(lambda x: x * x)
    assert [compiled.value_and_grad(x) for x in (2.0, 3.0)] == [(4.0, (4.0,)), (9.0, (6.0,))]
    call, _ = compiled._fast
    compiled._fast = call, _Replaced(compiled)
    assert compiled.value_and_grad(5.0) == (25.0, (10.0,))


def test_all_recordings_can_be_looked_at_while_another_is_added() -> None:
    compiled = autograd.compile(lambda xs: sum(xs) * 1.0, backend="python")
    compiled([1.0, 2.0])
    (first,) = compiled.kept.all()
    for number, variant in enumerate(compiled.kept.all()):
        compiled.kept.add(number, variant)
    assert compiled.kept.all() == [first, first]


def test_dictionaries_and_named_tuples_keep_their_kind() -> None:
    Point = namedtuple("Point", "x y")
    compiled = autograd.compile(lambda p, q: p["w"][0] * q.x + p["b"] * q.y)
    value, (dp, dq) = compiled.value_and_grad({"w": [2.0, 9.0], "b": 3.0}, Point(5.0, 7.0))
    assert (value, dp, dq) == (31.0, {"w": [5.0, 0.0], "b": 7.0}, Point(2.0, 3.0))
    assert type(dq) is Point
    assert compiled({"b": 3.0, "w": [2.0, 9.0]}, Point(5.0, 7.0)) == 31.0
    with pytest.raises(TypeError, match=r"argument 0\['w'\] of a compiled function must be a number"):
        compiled({"w": 1j}, Point(1.0, 2.0))


def test_value_and_grad_wants_a_number_not_a_text() -> None:
    with pytest.raises(TypeError, match="one number, not str"):
        autograd.compile(lambda x: "high" if x > 0 else "low").value_and_grad(1.0)


# ---- what stands outside ---------------------------------------------------------------------------------------------
def test_names_outside_are_seen_also_from_inside_of_a_loop_and_if_they_come_later(monkeypatch: Any) -> None:
    compiled = autograd.compile(lambda xs: sum(x * RATE for x in xs))
    assert compiled([1.0, 2.0]) == 6.0
    monkeypatch.setitem(globals(), "RATE", 3.0)
    assert compiled([1.0, 2.0]) == 9.0
    late = autograd.compile(lambda x: x * LATER)  # type: ignore[name-defined]  # noqa: F821
    for number in (2.0, 5.0):
        monkeypatch.setitem(globals(), "LATER", number)
        assert late(1.0) == number


def test_a_function_that_is_decorated_where_it_is_defined_may_call_itself() -> None:
    @autograd.compile
    def power(x: Any, n: int) -> Any:
        return x * power(x, n - 1) if n > 0 else x

    assert power(2.0, 3) == 16.0
    assert power.value_and_grad(2.0, 2) == (8.0, (12.0, 0.0))


# ---- methods, models, copies -----------------------------------------------------------------------------------------
class Line(Module):
    def __init__(self, slope: float) -> None:
        self.slope, self.offset, self.calls = Value(slope), 1.0, 100

    @autograd.compile
    def loss(self, x: Any, y: Any = 0.0) -> Any:
        return (self.slope * x + self.offset - y) ** 2

    @autograd.compile
    def __call__(self, x: Any) -> Any:
        return self.slope * x + (self.offset if self.training else 0.0)


class Steeper(Line):
    @autograd.compile
    def loss(self, x: Any, y: Any = 0.0) -> Any:
        return super().loss(x, y) + 10.0


def test_a_method_is_compiled_for_each_object() -> None:
    first, second = Line(2.0), Line(5.0)
    for _ in range(2):
        assert (first.loss(1.0).data, second.loss(1.0).data) == (9.0, 36.0)
        assert first.loss.value_and_grad(1.0, y=1.0) == (4.0, (8.0, -4.0))
        assert (first(3.0).data, Steeper(2.0).loss(1.0).data) == (7.0, 19.0)
    assert first.loss.recordings == 2  # with one argument and with two
    assert first.parameters() == [first.slope]
    first.slope.data = 3.0
    assert first.loss(1.0).data == 16.0
    first.offset = 2.0
    assert first.loss(1.0).data == 25.0
    first.loss(1.0).backward()
    assert first.slope.grad == 10.0
    second.eval()
    assert second(3.0).data == 15.0


class Noted(Line):
    @autograd.compile
    def loss(self, x: Any, y: Any = 0.0) -> Any:
        return (self.slope * x - y) * getattr(self, "note_1000", 1.0)


def test_an_attribute_that_comes_or_goes_is_seen_among_any_number_of_them() -> None:
    line = Noted(2.0)
    vars(line).update({f"note_{i}": None for i in range(1000)})
    for _ in range(3):
        assert line.loss(1.0).data == 2.0
    assert line.loss.recordings == 1
    line.note_1000 = 5.0  # type: ignore[attr-defined]
    assert line.loss(1.0).data == 10.0
    assert line.loss.recordings == 2
    del line.note_1000  # type: ignore[attr-defined]
    assert line.loss(1.0).data == 2.0
    assert line.loss.recordings == 2  # the first one holds again


def test_an_attribute_that_no_code_of_the_method_names_does_no_harm() -> None:
    line = Line(2.0)
    for i in range(10):
        line.note, line.calls = [i], i  # type: ignore[attr-defined]
        assert line.loss(1.0).data == 9.0
    assert line.loss.recordings == 1


def test_super_finds_the_method_of_the_base_and_leaves_the_own_one_in_place() -> None:
    line = Steeper(2.0)
    assert [line.loss(1.0).data for _ in range(3)] == [19.0] * 3
    assert line.loss.recordings == 1


def test_a_copy_of_an_object_has_methods_of_its_own() -> None:
    line = Line(2.0)
    line.loss(1.0)
    for twin in (copy.deepcopy(line), pickle.loads(pickle.dumps(line))):
        twin.slope.data = 4.0
        assert (twin.loss(1.0).data, line.loss(1.0).data) == (25.0, 9.0)
    gone = weakref.ref(line)
    del line
    gc.collect()
    assert gone() is None


def test_a_model_compiled_as_it_is_and_its_copies() -> None:
    model = MLP(2, [4, 1])
    compiled = autograd.compile(model)
    x = [Value(1.0), Value(-2.0)]
    out, expected = compiled(x), model(x)
    assert autograd.grad(out, model.parameters() + x) == pytest.approx(autograd.grad(expected, model.parameters() + x))
    for twin in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        twin.f.parameters()[0].data += 1.0
        assert twin(x).data == pytest.approx(twin.f(x).data, rel=1e-12)  # sums in machine code are associated otherwise
        assert compiled(x).data == pytest.approx(model(x).data, rel=1e-12)
    line = Line(3.0)
    assert autograd.compile(line.loss)(1.0).data == 16.0
    assert autograd.compile(line).recordings == 0  # whatever attributes it has


def test_a_decorated_function_is_saved_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert str(autograd.compile(weighted)) == "<compiled weighted, recorded 0 times>"


@autograd.compile
def decorated(x: Any) -> Any:
    return x * x


# --- what kinds of calls are told apart -----------------------------------------------------------------------------


def test_an_empty_dictionary_is_no_number_and_arguments_by_name_are_no_dictionary() -> None:
    compiled = compile(lambda a, b: (0.0 if isinstance(a, dict) else a) + b * b)
    assert [compiled({}, 3.0), compiled(2.0, 3.0)] == [9.0, 11.0]

    @compile
    def first(*places: Any, **names: Any) -> Any:
        return places[0]["x"] * 10 if places else names["x"]

    assert [first({"x": 3.0}), first(x=3.0)] == [30.0, 3.0]


def test_an_int_can_do_what_an_int_can() -> None:
    def f(x: float, n: int) -> Any:
        q, r = divmod(n, 2)
        return x * (sum(range(n**2)) + (n << 1) + q + r + len(f"w{n}"))

    compiled = compile(f)
    for n in (3, 4, 12):
        assert compiled(2.0, n) == f(2.0, n)


def test_strict_looks_at_each_operation_of_a_compiled_function() -> None:
    compiled = compile(lambda x: x.log() * 2.0)
    assert compiled.value_and_grad(1.0) == (0.0, (2.0,))
    with strict():
        assert compiled.value_and_grad(Value(1.0)) == (0.0, (2.0,))
        values, (slopes,) = compiled.map([1.0, 2.0])
        assert [list(values), list(slopes)] == [[0.0, 2.0 * math.log(2.0)], [2.0, 1.0]]
        for fails in (lambda: compiled.value_and_grad(-1.0), lambda: compiled.map([1.0, -1.0])):
            with pytest.raises(NumericError, match="log"):
                fails()


def test_map_notices_a_name_outside_that_changed() -> None:
    factor = 2.0
    compiled = compile(lambda x: x * factor)
    assert list(compiled.map([1.0])[0]) == [2.0]
    factor = 3.0
    assert list(compiled.map([1.0])[0]) == [3.0]


def test_numbers_may_be_made_values_inside_as_in_the_demo_of_micrograd() -> None:
    model = MLP(2, [3, 1], seed=0)
    X, y = make_moons(20, noise=0.1)

    def loss(X: Any, y: Any) -> Any:
        scores = [model(list(map(Value, x))) for x in X]
        return sum((1 + -t * s).relu() for t, s in zip(y, scores))

    compiled = compile(loss)
    loss(X, y).backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    out = compiled(X, y)
    out.backward()
    assert out.data == pytest.approx(loss(X, y).data)
    assert [p.grad for p in model.parameters()] == pytest.approx(expected)
    assert "# each line holds in each of 20 lanes" in str(compiled)


def test_numbers_that_become_values_inside_are_data_and_parameters_that_are_kept_are_live() -> None:
    X, y = make_moons(20, noise=0.1)
    model = MLP(2, [3, 1], seed=0)

    @compile
    def loss() -> Any:
        return sum((1 - t * model(list(map(Value, x)))).relu() for x, t in zip(X, y))

    assert loss().data == pytest.approx(loss.f().data)
    assert "# each line holds in each of 20 lanes" in str(loss)

    kept: list[Value] = []

    @compile
    def lazily(x: float) -> Any:
        if not kept:
            kept.append(Value(2.0))
        return kept[0] * x

    assert lazily(3.0).data == 6.0
    kept[0].data = 5.0
    assert lazily(3.0).data == 15.0


def test_a_value_made_inside_can_be_what_is_returned() -> None:
    assert compile(lambda x: Value(2.0))(1.0).data == 2.0


# ---- what is no number -----------------------------------------------------------------------------------------------
class Shape(IntEnum):
    LINEAR = 0
    SQUARE = 1


WEIGHTS = {("a", 0): Value(2.0), ("b", 0): Value(3.0), ("a", 1): Value(5.0), ("b", 1): Value(7.0)}


def by_text(word: str, tag: int, mask: Any = None, *, kind: Any = "sum") -> Any:
    score = sum(WEIGHTS[letter, tag] * (k + 1) for k, letter in enumerate(word))
    if mask is not None:
        score = score * mask
    match kind:
        case "sum" | Shape.LINEAR:
            return score
        case Shape.SQUARE:
            return score * score
    return score / len(word)


@pytest.mark.parametrize("backend", BACKENDS)
def test_texts_none_and_members_of_enumerations_are_part_of_the_structure(backend: str) -> None:
    f = compile(by_text, backend=backend)
    calls: list[Any] = [
        (("ab", 0), {}), (("ab", 1), {}), (("ba", 0, 2.0), {}), (("ab", 0, None), {"kind": "mean"}),
        (("ab", 0), {"kind": Shape.SQUARE}), (("ab", 0), {"kind": Shape.LINEAR}), (("b", 1), {"kind": None}),
    ]  # fmt: skip
    for args, keywords in calls * 2:
        found, expected = f(*args, **keywords), by_text(*args, **keywords)
        for node in (found, expected):
            for w in WEIGHTS.values():
                w.grad = 0.0
            node.backward()
            node.label = str([w.grad for w in WEIGHTS.values()])
        assert (found.data, found.label) == (expected.data, expected.label)
    assert f.recordings <= len(calls) + 1  # the tag is a part of a key


def test_texts_among_numbers_stay_where_they_are() -> None:
    f = compile(lambda rows, names: sum(x * len(name) * n for name, x, n in rows) + (names == ["u", "v"]))
    rows = [("one", 1.5, 2), ("three", 2.0, 1)]
    assert f(rows, ["u", "v"]) == 20.0
    assert f.value_and_grad(rows, ["u", "v"]) == (20.0, ([(None, 6.0, 4.5), (None, 5.0, 10.0)], [None, None]))
    assert [f(rows, ["u", "w"]), f([("one", 1.0, 1), ("two", 1.0, 1)], ["u", "w"])] == [19.0, 6.0]
    taken = compile(lambda pair, xs: xs[pair[1]])  # an int beside a text is an int
    assert [taken(("a", i), [1.0, 2.0, 4.0]) for i in (2, 0)] == [4.0, 1.0]
    assert taken.recordings == 1


def test_what_is_equal_and_yet_another_kind_is_recorded_apart() -> None:
    class Mode(str, Enum):
        A = "a"

    def by_text(mode: Any, x: Any) -> Any:
        return x * 2 if mode is Mode.A else x * 3

    def by_key(d: Any, x: Any) -> Any:
        (key,) = d
        return x * (2 if key is True else 3 if type(key) is int else 5) + d[1]

    for f, firsts in ((by_text, [Mode.A, "a"]), (by_key, [{1: 1.0}, {True: 1.0}, {1.0: 1.0}])):
        compiled = compile(f)
        for first in [*firsts, *firsts]:
            assert compiled(first, Value(2.0)).data == f(first, Value(2.0)).data


def test_arguments_that_are_given_twice_captured_or_computed() -> None:
    w = Value(2.0)

    def f(a: Any, b: Any) -> Any:
        return a * b * w + a

    compiled = compile(f)
    pairs: list[Callable[[], tuple[Value, Value]]] = [
        lambda: (Value(3.0), Value(5.0)),
        lambda: (w, Value(2.0)),
        lambda: (Value(3.0) * w, Value(1.0)),
        lambda: (w, w),
        lambda: (x := Value(3.0), x),
        lambda: (x := Value(3.0), x * 2.0),
    ]
    for make in [*pairs, *pairs]:
        found = []
        for function in (f, compiled):
            w.grad = 0.0
            a, b = make()
            out = function(a, b) * 2.0 if make is pairs[0] else function(a, b)
            out.backward()
            found.append((out.data, w.grad, a.grad, b.grad))
        assert found[0] == found[1]


def test_a_text_has_no_gradient() -> None:
    w = Value(2.0)
    compiled = compile(lambda d, name: w * d["a"])
    for args in (({"a": 1.0, "m": "x"}, "y"), ({"a": 1.0, "m": b"x"}, None), ({"a": Value(1.0), "m": "x"}, "y")):
        assert compiled.value_and_grad(*args) == (2.0, ({"a": 2.0, "m": None}, None))


# ---- what is called inside -------------------------------------------------------------------------------------------
NAMES = ["helper", "type", "isinstance", "max", "min", "map", "filter", "sin", "exp", "len", "sum", "float"]


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("name", NAMES)
def test_a_call_reaches_the_function_that_is_named_however_many_arguments_it_has(
    name: str, count: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some calls by the names of builtin functions are written anew; a function of the program's may have that name."""
    given = ", ".join(["x"] * count)
    lines = ["def outer(x):", f"    def {name}(*args):", "        return sum(args) + 2.0 * x"]
    lines = [line.replace("sum(args)", "-x * len(args)" if name != "len" else "-x") for line in lines]
    (tmp_path / f"named_{name}_{count}.py").write_text("\n".join([*lines, f"    return {name}({given}) * x\n"]))
    monkeypatch.syspath_prepend(tmp_path)
    outer = __import__(f"named_{name}_{count}").outer
    compiled = autograd.compile(outer)
    for x in (1.5, -2.0):
        assert compiled.value_and_grad(x)[0] == outer(Value(x)).data
    assert (compiled.recordings, compiled.refused) == (1, 0)
