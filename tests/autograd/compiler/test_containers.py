"""Containers of every kind in arguments and results: each is of its own kind, new at each call, without stand-ins."""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

import autograd
from autograd import Value, constant
from autograd.ops import Traced

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.filterwarnings("ignore:.* was recorded")  # for other keys
BACKENDS = ["python", "native"]
CALLS = [(1, 2.0), (3, -4.0), (1, 2.5), (0, 1.0), (3, 0.5), (2, -1.0)]

Pair = namedtuple("Pair", "first second")


@dataclasses.dataclass
class Record:
    count: Any
    table: Any = None


def _default(n: Any, x: Any) -> Any:
    found: Any = defaultdict(list)
    found[n].append(x)
    return found


RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    "an int as a key": lambda n, x: {n: x, n + 1: n},
    "a float as a key": lambda n, x: {x: n},
    "a truth as a key": lambda n, x: {n > 1: x},
    "a tuple as a key": lambda n, x: {(n, ("a", x)): x * 2.0},
    "Counter": lambda n, x: Counter([n, n + 1, n, "a"]),
    "Counter in a list": lambda n, x: [Counter("aba"), Counter({n: 2}), x],
    "OrderedDict": lambda n, x: OrderedDict([("b", x), (n, x), ("a", 1.0)]),
    "defaultdict": _default,
    "namedtuple": lambda n, x: Pair(n, {n: [x]}),
    "dataclass": lambda n, x: Record(n, {n: (x, Record(n > 0))}),
    "array": lambda n, x: np.array([x * 2.0, x]),
    "array of ints": lambda n, x: [np.array([n, 2]), np.arange(n + 1), np.full((2, 2), n)],
    "array of truths": lambda n, x: [np.array([n > 1, x > 0.0])],
    "array in a dictionary": lambda n, x: {"a": np.array([[x, 1.0], [2.0, x * n]]), "b": x},
    "array that is always the same": lambda n, x: [np.zeros(3), np.arange(2), x],
    "array of a mean": lambda n, x: {"m": np.mean([x, 1.0]), "s": np.array([x, 1.0]).sum()},
}


def _shown(x: Any) -> Any:
    """All that there is to see: kinds, keys in their order, numbers.  A float may be a Value."""
    assert not isinstance(x, Traced)
    if isinstance(x, (Value, float)):
        return "number", round(float(x.data if isinstance(x, Value) else x), 12)
    if isinstance(x, np.ndarray):
        kind = "number" if x.dtype == object or x.dtype.kind == "f" else x.dtype.kind
        return "array", kind, x.shape, [_shown(item) for item in x.ravel().tolist()]
    if isinstance(x, dict):
        return type(x).__name__, [(_shown(key), _shown(item)) for key, item in x.items()]
    if dataclasses.is_dataclass(x):
        return type(x).__name__, _shown(vars(x))
    if isinstance(x, (list, tuple)):
        return type(x).__name__, [_shown(item) for item in x]
    return type(x).__name__, x


def _spoiled(x: Any) -> None:
    """Change a result as its owner may."""
    if isinstance(x, np.ndarray):
        x[...] = 7
    elif isinstance(x, (list, tuple)):
        for item in x:
            _spoiled(item)
        if isinstance(x, list):
            x.append(7)
    elif isinstance(x, dict):
        for item in x.values():
            _spoiled(item)
        x.clear()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", RESULTS.values(), ids=RESULTS.keys())
def test_results_are_as_without_the_compiler_at_every_call(f: Callable[[Any, Any], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for n, x in CALLS:
        result = compiled(n, x)
        assert _shown(result) == _shown(f(n, x))
        _spoiled(result)


def test_numbers_in_an_array_have_their_gradients() -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x: {"a": np.array([w * x, w * w]), "n": 1})
    for x in (3.0, 5.0):
        w.grad = 0.0
        one, other = compiled(x)["a"]
        (one + other).backward()
        assert w.grad == x + 4.0


def test_an_array_is_more_than_the_number_that_value_and_grad_wants() -> None:
    compiled = autograd.compile(lambda x: np.array([x, x * x]))
    with pytest.raises(TypeError, match="one number, not ndarray"):
        compiled.value_and_grad(2.0)


ARGUMENTS: list[Callable[[], dict[Any, float]]] = [
    lambda: {"b": 1.0, "a": 2.0},
    lambda: Counter({"b": 1.0, "a": 2.0}),
    lambda: OrderedDict([("b", 1.0), ("a", 2.0)]),
    lambda: defaultdict(float, {"b": 1.0, "a": 2.0}),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("made", ARGUMENTS)
def test_dictionaries_in_the_arguments_keep_their_kind(made: Callable[[], dict[Any, Any]], backend: str) -> None:
    def reading(d: Any) -> Any:
        return sum(x * (k + 1.0) for k, x in enumerate(d.values())) * len(d)

    def changing(d: Any) -> Any:
        d["c"] = d["a"] * 2.0
        del d["b"]
        d["a"] += 1.0
        return d["a"]

    compiled = autograd.compile(reading, backend=backend)
    for _ in range(5):
        assert compiled(made()) == 10.0
        value, (gradients,) = compiled.value_and_grad(made())
        assert (value, gradients, type(gradients)) == (10.0, {"b": 2.0, "a": 4.0}, type(made()))
    compiled = autograd.compile(changing, backend=backend)
    for _ in range(5):
        given, expected = made(), made()
        assert _shown(compiled(given)) == _shown(changing(expected))
        assert _shown(given) == _shown(expected)


# ---- numbers of other kinds ------------------------------------------------------------------------------------------
class Metres(float):
    """A float that knows more than one."""

    unit = "m"

    def __mul__(self, other: Any) -> Any:
        return Metres(float(self) * other) if isinstance(other, (int, float)) else float(self) * other


class Place(int):
    pass


W = Value(1.5)
QUESTIONS: list[Callable[[Any], Any]] = [
    lambda x: W * (2.0 if isinstance(x, Metres) else 3.0),
    lambda x: W * (2.0 if type(x) is Place else 3.0),
    lambda x: W * len(getattr(x, "unit", "none")) + x,
    lambda x: {"w": W * x, "unit": getattr(x * 2, "unit", "")},
]


@pytest.mark.parametrize("f", QUESTIONS)
def test_a_number_of_a_class_of_the_programs_own_is_that_number(f: Callable[[Any], Any]) -> None:
    for compiled in (autograd.compile(f), autograd.compile(lambda xs: f(xs[0]["x"]))):
        for x in (Metres(2.0), 2.0, Place(3), 3, Metres(2.5), 2.5) * 2:
            given = x if compiled.f is f else [{"x": x}]
            assert _shown(compiled(given)) == _shown(f(x))


@pytest.mark.filterwarnings("ignore:.*runs without the compiler")
def test_a_fraction_stays_exact() -> None:
    def expansion(x: Any) -> list[int]:
        found = []
        while x and len(found) < 20:  # a float would never be 0
            found.append(int(x // 1))
            x = x % 1 and 1 / (x % 1)
        return found

    compiled, in_a_list = autograd.compile(expansion), autograd.compile(lambda xs: expansion(xs[0]))
    for x in (Fraction(649, 200), Fraction(1, 3), Fraction(22, 7)):
        assert compiled(x) == in_a_list([x]) == expansion(x)


def test_the_gradient_of_such_a_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Metres, which may differ from a float: give float\(x\)"):
        autograd.compile(lambda x: x * x).value_and_grad(Metres(2.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda xs: W * sum(len(kind.__name__) for kind in map(type, xs)),
        lambda xs: {"kinds": sorted({kind.__name__ for kind in map(type, xs)}), "w": W * xs[0]},
        lambda xs: W * (1.0 if np.array(xs).dtype == np.dtype(float) else 2.0),
        lambda xs: W * type("Own", (), {"gain": 2.0}).gain * xs[0],
    ],
)
def test_kinds_are_those_of_the_numbers_also_where_they_are_asked_for_indirectly(f: Callable[[Any], Any]) -> None:
    compiled = autograd.compile(f)
    for xs in ([1.0, 2.0], [3, 4], [1.5, 2.5], [Value(2.0), Value(3.0)], [True, False]) * 2:
        assert _shown(compiled(xs)) == _shown(f(xs))


def _matched(x: Any) -> float:
    match x:
        case np.floating() | int():
            return 2.0
    return 3.0


def _is_int(x: Any) -> bool:
    match x:
        case int():
            return True
    return False


NUMPYS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: [W * (x[0] * 0.1 + x[1] * x[1] + x[1]), x[0] + x[1]],
    "a difference": lambda x: W * (x[0] - x[1]),
    "a mean": lambda x: W * x.sum() + x.mean(),
    "bits": lambda x: W * float(~x[0]),
    "a mask": lambda x: W * np.array([3.0, 4.0])[x].sum(),
    "a quotient": lambda x: W * (x[0] / (x[0] - x[0])),
    "digits": lambda x: W * float(x[1].round(1)),
    "numpy's": lambda x: W * (2.0 if isinstance(x[0], np.floating) else 3.0) * x[1],
    "Python's": lambda x: W * (2.0 if isinstance(x[0] * 2, int) else 3.0) * x[1],
    "one of several": lambda x: W * (2.0 if isinstance(x[0], (list, (int, np.integer))) else 3.0) * x[1],
    "its type": lambda x: W * (2.0 if type(x[0]) is float else 3.0) * x[1],
    "the type of a truth": lambda x: W * (2.0 if type(x[0] > 1) is bool else 3.0) * x[1],
    "all types": lambda x: W * (2.0 if {*map(type, x)} == {float} else 3.0) * x[1],
    "its class": lambda x: W * (2.0 if x[0].__class__ is float else 3.0) * x[1],
    "a pattern": lambda x: W * _matched(x[0]) * x[1],
    "a Value": lambda x: (x[0] if isinstance(x[0], Value) else W * x[0]) * x[1],
}


@pytest.mark.filterwarnings(
    "ignore:.*runs without the compiler", "ignore::RuntimeWarning:numpy", "ignore:.*encountered"
)
@pytest.mark.parametrize("f", NUMPYS.values(), ids=NUMPYS.keys())
def test_numbers_of_numpy_compute_as_without_the_compiler(f: Callable[[Any], Any]) -> None:
    compiled = autograd.compile(f)
    kinds = ["float64", "float32", "float16", "bool", "int64", "int32", "uint8"]
    arrays = [np.array([1.7, 3.3]).astype(kind) for kind in kinds]
    for x in [y for array in arrays for y in (array, list(array), np.array([*array, None])[:2])] * 2:
        try:
            expected = f(x)
        except Exception as error:
            with pytest.raises(type(error)):
                compiled(x)
        else:
            assert _numbers(compiled(x)) == pytest.approx(_numbers(expected), rel=1e-15, nan_ok=True)


def _numbers(x: Any) -> list[float]:
    return [float(y.data if isinstance(y, Value) else y) for y in (x if isinstance(x, list) else [x])]


def test_what_numpy_rounds_in_its_own_way_is_said_and_has_its_gradient_as_floats() -> None:
    compiled = autograd.compile(lambda x: W * x[0] * x[1])
    narrow = np.array([1.5, 3.0], dtype=np.float32)
    with pytest.warns(RuntimeWarning, match=r"different results with float32 than with floats: give x.astype\(float\)"):
        assert compiled(narrow).data == 6.75
    value, (gradient,) = compiled.value_and_grad(narrow)
    assert (value, gradient.tolist(), compiled.recordings) == (6.75, [4.5, 2.25], 1)


@pytest.mark.filterwarnings("ignore:.*beyond 2")
def test_large_ints_count_as_without_the_compiler() -> None:
    def f(n: int, ns: list[int], x: float) -> Value:
        return W * x * (n * n % 7 + ns[0] % 11 + (n + 1 == n))

    compiled = autograd.compile(f)
    for n in (3, 2**53 + 1, 2**60 + 1, -(2**100), 10**400, 5):
        assert compiled(n, [n, 1], 2.0).data == f(n, [n, 1], 2.0).data


def test_a_parameter_in_a_result_is_that_parameter() -> None:
    w, v = Value(2.0), Value(3.0)

    def f(x: float) -> Any:
        w.grad = 0.0
        loss = (w * x - v) ** 2
        loss.backward()
        w.data -= 0.1 * w.grad
        return {"loss": loss, "parameters": [w, v], "new": (Value(x), w * 1.0)}

    compiled = autograd.compile(f)
    for k in range(8):
        w.data = 2.0 + k
        shown, changed = _shown(found := compiled(1.5)), w.data
        w.data = 2.0 + k
        assert shown == _shown(f(1.5))
        assert changed == w.data
        assert found["parameters"][0] is w
        assert found["parameters"][1] is v
        assert found["new"][0] is not w
    assert compiled.recordings == 1


@pytest.mark.parametrize(
    "is_int",
    [
        lambda x: isinstance(x, int),
        lambda x: type(x) is int,
        lambda x: [*map(type, [x])] == [int],
        lambda x: x.__class__ is int,
        _is_int,
    ],
)
def test_an_int_in_a_list_of_floats_is_an_int_to_who_asks(is_int: Callable[[Any], bool]) -> None:
    def f(xs: list[Any]) -> Any:
        return sum(W * x * (2.0 if is_int(x) else 1.0) for x in xs)

    compiled, numbers = (
        autograd.compile(f),
        autograd.compile(lambda xs: sum(W * x for x in xs if isinstance(x, (int, float)))),
    )
    for k in range(10):
        for xs in ([1.0, 2.5], [1, 2.5], [k + 0.5, k], [1, 2], [3, 2.5, Value(0.5)]):
            assert compiled(xs).data == f(xs).data
        assert numbers([k, 2.5]).data == W.data * (k + 2.5)
    assert numbers.recordings == 1


@pytest.mark.parametrize("make", [lambda: constant(0.5), lambda: Value(0.5), lambda: Value(0.5).detach()])
def test_a_leaf_that_the_function_makes_is_a_new_one_in_each_result(make: Callable[[], Value]) -> None:
    w = Value(2.0)

    def f(x: float) -> Any:
        b = make()
        return [b, w * x + b]

    compiled = autograd.compile(f)
    for k in range(4):
        found, total = compiled(1.0 + k)
        assert (found.data, found.grad, total.data) == (0.5, 0.0, 2.5 + 2.0 * k)
        found.data, found.grad = 9.0, 7.0
    assert compiled.recordings == 1
