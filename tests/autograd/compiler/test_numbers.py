"""Plain numbers given to a compiled function are numbers: whatever a float, an int or a bool can do, the same."""

from __future__ import annotations

import copy
import fractions
import math
import operator
import pickle
import struct
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import pytest

import autograd
from autograd import Value, functional, sin, where
from nn import MLP, binary_cross_entropy, cross_entropy

np = pytest.importorskip("numpy")


# ---- ints ------------------------------------------------------------------------------------------------------------
def counted(x: Any, n: int) -> Any:
    d: dict[Any, Any] = {}
    for k in (n, 2, n + 1, n - 1):
        d[k] = d.get(k, 0) + x
    return sum((i + 1) * v for i, v in enumerate(d.values()))


def matched(x: Any, n: int) -> Any:
    match n:
        case 0:
            return x
        case 1 | 2:
            return x * 2.0
        case int(k) if k > 4:
            return x * k
        case _:
            return x * 7.0


def matched_truth(x: Any, n: int) -> Any:
    match n > 2:
        case True:
            return x * 2.0
        case False:
            return x * 3.0


def powers(x: Any, n: int) -> Any:
    return x * (n**2 + 2**n + pow(n, 3, 5) + n**n) + x**n + n**0.5 + 2.0**n


INTS: list[Callable[[Any, int], Any]] = [
    counted,
    matched,
    matched_truth,
    powers,
    lambda x, n: x if n in {1, 3} else x * 2.0,
    lambda x, n: x if n not in (1, 3) else x * 2.0,
    lambda x, n: x * {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}.get(n, 5.0),
    lambda x, n: x * Counter([n, 1, 2, n])[n],
    lambda x, n: x * len({n, 1, 2, n > 1}),
    lambda x, n: x * [1, 2, 3, 2].count(n),
    lambda x, n: x * ([1, 2, 3, 0, 4, 5, 6].index(n) + 1),
    lambda x, n: x * {True: 2.0, False: 3.0}[n > 1],
    lambda x, n: x * {True: 2.0, False: 3.0}[x > 1.5],
    lambda x, n: sum([x] * n, 0.0) + sum(n * [2.0]) + len("ab" * n) + len(n * (1,)),
    lambda x, n: x * float(n) + math.sqrt(n) + math.factorial(n) + math.comb(6, n),
    lambda x, n: x * round(n) + round(n, -1) + math.floor(n) + math.ceil(n) + math.trunc(n),
    lambda x, n: x * float(np.arange(n + 1).sum()) + np.zeros(n).size + float(np.ones(5)[n % 5]),
    lambda x, n: x * n.bit_length() + n.real + n.imag + n.numerator / n.denominator,
    lambda x, n: x * n.to_bytes(2, "big")[1] + n.conjugate(),
    lambda x, n: x if isinstance(n, int) and not isinstance(n, (float, bool)) else x * 2.0,
    lambda x, n: x if isinstance(n, Integral) and isinstance(n, Real) else x * 2.0,
    lambda x, n: x if (n > 1) is True else x * 2.0,
    lambda x, n: x if (n == 2) is not False else x * 2.0,
    lambda x, n: x * isinstance(n > 1, bool) + (n > 1) + (n != 1) * 3.0,
    lambda x, n: x * operator.index(n) + int(n) + complex(n).real,
    lambda x, n: x * len(range(0, 10, n + 1)) + sum(range(n)),
    lambda x, n: x * int(f"{n:03d}") + float(str(n)) + int(repr(n)) + int("%d" % n),  # noqa: UP031 - another way in
    lambda x, n: x * (n // 2 + n % 3 + (7 // (n + 1)) + divmod(n, 2)[0] + (n << 1) + (n & 1) + ~n + (n ^ 5)),
    lambda x, n: x * (n / 2 + (n + 0.5) // 1 + (-n) + abs(n - 3) + +n),
    lambda x, n: x * fractions.Fraction(n, 7).numerator,
    lambda x, n: x * max(n, 2) + min(n, 2, key=lambda k: -k) + sorted([3, n, 1])[1],
    lambda x, n: x * sum(1 for i in range(5) if i == n) + [10.0, 20.0, 30.0, 40.0, 50.0, 60.0][n],
    lambda x, n: x * (n.__index__() + n.__add__(1) + hash(n)),
    lambda x, n: x * copy.copy(n) + copy.deepcopy([n])[0] + pickle.loads(pickle.dumps(n)),
    lambda x, n: x * struct.unpack("i", struct.pack("i", n))[0],
    lambda x, n: x * where(n == 2, 3.0, n) + where(n > 2, n, 1),
    lambda x, n: [x, x * 2.0, x * 3.0, x, x, x, x][n:][0],
    lambda x, n: x if n else x * 2.0,
    lambda x, n: x if not n else x * 2.0,
    lambda x, n: x * (n == 2.0) + (n == "2") + (n is None) + (n == np.int64(2)) + (np.float64(2.0) == n),
    lambda x, n: x * float((np.array([0, 1, 2, 3]) == n).sum()) + float(np.float64(2.0) * n) + float(np.int64(3) + n),
    lambda x, n: Value(n) * x,
    lambda x, n: x ** n + n ** Value(2.0) + Value(3.0) ** n,
    lambda x, n: x * (2 ** (40 + n) * 2 ** (40 + n) % 7),
    lambda x, n: x * ((n + 10) ** 20 % 1000),
]  # fmt: skip


def eager(f: Callable[..., Any], *args: Any) -> float:
    y = f(*args)
    return y.data if isinstance(y, Value) else float(y)


@pytest.mark.parametrize("ask", ["call", "value_and_grad", "graph"])
@pytest.mark.parametrize("number", range(len(INTS)))
def test_an_int_does_what_an_int_does(number: int, ask: str) -> None:
    f = INTS[number]
    compiled = autograd.compile(f, backend="python")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (2, 1, 0, 3, 2, 5, 1, 0):
            for x in (1.0, 2.0):
                expected = eager(f, x, n)
                if ask == "call":
                    found = eager(compiled, x, n)
                elif ask == "graph":
                    found = compiled.by_graph([x, n], [x, n])[0]
                else:
                    found = compiled.value_and_grad(x, n)[0]
                assert found == pytest.approx(expected, rel=1e-14), (n, x)


# ---- floats ----------------------------------------------------------------------------------------------------------
FLOATS: list[Callable[[Any, float], Any]] = [
    lambda x, y: x if y == 1 else x * 2.0,
    lambda x, y: x if y != 1 else x * 2.0,
    lambda x, y: x if y in (0.0, 1.0) else x * 2.0,
    lambda x, y: x if y in {0.0, 1.0} else x * 2.0,
    lambda x, y: x * [0.0, 1.0, -1.0].count(y),
    lambda x, y: x * [0.0, 1.0, -1.0, 2.5, 2.0].index(y),
    lambda x, y: x * len({y, 1.0, 2.0}),
    lambda x, y: x * {1.0: 2.0, -1.0: 3.0}.get(y, 4.0),
    lambda x, y: x if isinstance(y, float) and not isinstance(y, (int, Value)) else x * 2.0,
    lambda x, y: x if isinstance(y, (int, float)) else x * 2.0,
    lambda x, y: (y if isinstance(y, Value) else Value(y)) * x,
    lambda x, y: x if 2.0 * y + 1.0 == 3.0 else x * 2.0,
    lambda x, y: x if sin(y) * 0.0 == 0.0 else x * 2.0,
    lambda x, y: x if (y == 1.0) == (x > 1.0) else x * 2.0,
    lambda x, y: x if (y > 0.5) is True else x * 2.0,
    lambda x, y: x * round(y) + math.floor(y) + math.ceil(y) * 2.0 + int(y),
    lambda x, y: x * [1.0, 2.0, 3.0, 4.0][round(y)],
    lambda x, y: x * (y // 2) + y % 2,
    lambda x, y: x * float((np.array([0.0, 1.0, 2.0]) == y).sum()),
    lambda x, y: x * y.is_integer() + y.real + y.imag + len(y.hex()),
    lambda x, y: x * float(f"{y:.1f}") + round(y, 1),
    lambda x, y: x if y else x * 2.0,
    lambda x, y: x * max(y, 0.5) + sorted([1.5, y, 0.25])[1],
    lambda x, y: x * math.exp(y) + float(y) + math.hypot(y, 1.0) + sum([y, 1.0]),
    lambda x, y: x * np.exp(np.array([y, y])).sum(),
    lambda x, y: x * copy.deepcopy({"a": y})["a"] + copy.copy(y),
    lambda x, y: x ** 2 * y ** 2 + 2.0 ** y + 1.0 / (y + 4.0) - (3 - y) + abs(y) + -y,
    lambda x, y: x * where(y == 1.0, 3.0, y) + where(y > 0.5, x, y),
    lambda x, y: x * (y == "a") + (y is None) + (y == x.data),
]  # fmt: skip


@pytest.mark.parametrize("ask", ["call", "graph", "node"])
@pytest.mark.parametrize("number", range(len(FLOATS)))
def test_a_float_does_what_a_float_does(number: int, ask: str) -> None:
    """``x`` is given as a Value to the call that is named so, else as a number."""
    f = FLOATS[number]
    compiled = autograd.compile(f, backend="python")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for y in (1.0, 0.0, -1.0, 2.5, 1.0, 2.0, -1.0):
            try:
                expected = eager(f, Value(2.0), y)
            except ValueError:  # not in the list
                with pytest.raises(ValueError, match="not in"):
                    compiled(Value(2.0), y)
                continue
            if ask == "graph":
                found = compiled.graph([Value(2.0), y], [Value(2.0), y]).data
            else:
                found = eager(compiled, Value(2.0) if ask == "node" else 2.0, y)
            assert found == pytest.approx(expected, rel=1e-14), y


def test_gradients_go_through_what_a_float_does_and_what_would_drop_them_is_refused() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y * (2.0 if y == 1.0 else 3.0) + where(y != 1.0, x, y) * y**2

    compiled = autograd.compile(f)
    for x, y in ((2.0, 1.0), (2.0, 3.0), (0.5, 1.0)):
        k, by_y = (2.0, 3 * y * y) if y == 1.0 else (3.0, 2 * y * x)
        assert compiled.value_and_grad(x, y) == (f(x, y), (k * y + (y * y if y != 1.0 else 0.0), k * x + by_y))
    dropping = autograd.compile(lambda x, y: x * math.exp(y))
    assert dropping(2.0, 1.0) == 2.0 * math.e
    assert autograd.grad(dropping(v := Value(2.0), 1.0), [v]) == (math.e,)
    for _ in range(8):
        with pytest.raises(TypeError, match=r"float\(y\), or a function of math, would drop the gradient"):
            dropping.value_and_grad(2.0, 1.0)
    with pytest.raises(TypeError, match="would drop the gradient"):
        dropping.map([1.0], [2.0])
    with pytest.raises(TypeError, match="would drop the gradient"):
        dropping.by_graph([2.0, 1.0], [2.0, 1.0])


def test_a_number_and_a_node_are_recorded_apart() -> None:
    compiled = autograd.compile(lambda x, y: x if y == 1.0 else x * 2.0)
    one = Value(1.0)
    for _ in range(2):
        assert (compiled(3.0, 1.0), compiled(3.0, one)) == (3.0, 6.0)  # a node is equal to itself only


def test_an_int_is_no_float_after_any_number_of_calls_with_floats() -> None:
    compiled = autograd.compile(lambda x: x * 3.0 if hasattr(x, "bit_length") else x * 2.0)
    for _ in range(5):
        assert [compiled.value_and_grad(x)[0] for x in (2.0, 2, True, 2.0)] == [4.0, 6.0, 3.0, 4.0]


@pytest.mark.filterwarnings("ignore:.*different results with bool")
def test_a_bool_is_no_int() -> None:
    compiled = autograd.compile(lambda x, flag: x * (len(str(flag)) + (flag is True) + isinstance(flag, bool) + flag))
    for flag in (True, 1, False, 0, True, np.bool_(True)):
        assert compiled(2.0, flag) == compiled.f(2.0, flag)


def test_arithmetic_of_ints_stays_in_the_recording() -> None:
    compiled = autograd.compile(lambda x, n, k: x * (n * k - n + 2) + (n + k) * 0.5)
    for n in range(10):
        for k in range(5):
            assert compiled(2.0, n, k) == compiled.f(2.0, n, k)
    assert compiled.recordings == 1


def test_slopes_inside_are_numbers_too() -> None:
    compiled = autograd.compile(lambda x: x * (2.0 if autograd.grad(x * x, x)[0] == 2.0 else 3.0))
    assert [compiled(x) for x in (1.0, 2.0, 1.0)] == [2.0, 6.0, 2.0]


def test_inputs_may_be_wrapped_also_where_no_recording_fits() -> None:
    model = MLP(2, [3, 1], seed=0)

    def loss(X: Any, y: Any) -> Any:
        scores = [model(list(map(Value, x))) for x in X]
        return sum((1 - t * s).relu() if round(s.data, 9) > 0 else t * s for t, s in zip(y, scores))

    compiled = autograd.compile(loss)
    rows = [([[0.1 * i, (-1.0) ** (i // k)] for k in (1, 2, 3, 5)], [1.0, -1.0, 1.0, -1.0]) for i in range(40)]
    with warnings.catch_warnings(record=True) as all_:
        warnings.simplefilter("always")
        for X, y in rows:
            model.zero_grad()
            compiled(X, y).backward()
            found = [p.grad for p in model.parameters()]
            model.zero_grad()
            loss(X, y).backward()
            assert found == pytest.approx([p.grad for p in model.parameters()], rel=1e-10, abs=1e-13)
            value, (by_x, _) = compiled.value_and_grad(X, y)
            expected = functional.value_and_grad(lambda X, y=y: loss_of_nodes(model, X, y))(X)
            assert value == pytest.approx(expected[0])
            for row, wanted in zip(by_x, expected[1]):
                assert row == pytest.approx(wanted, rel=1e-10, abs=1e-13)
    assert all_  # some were evaluated without the compiler


def loss_of_nodes(model: Any, X: Any, y: Any) -> Any:
    scores = [model(x) for x in X]
    return sum((1 - t * s).relu() if s.data > 0 else t * s for t, s in zip(y, scores))


def test_losses_of_the_library_take_traced_numbers() -> None:
    for f, calls in (
        (binary_cross_entropy, [([0.5, 0.25], [1.0, 0.0]), ([0.5, 0.75], [1, 0])]),
        (cross_entropy, [([0.5, 0.25], 1), ([0.5, 0.25], 0), ([0.5, 0.25], [1.0, 0.0]), ([0.5, 0.25], [1, 0])]),
    ):
        compiled = autograd.compile(f)
        for call in calls:
            assert compiled(*call) == pytest.approx(f(*call), rel=1e-14)


def test_an_attribute_that_a_number_has_not_is_an_attribute_error() -> None:
    for name in ("flat", "shape", "tolist", "__array__", "nothing"):
        compiled = autograd.compile(lambda x, n, name=name: x * hasattr(n, name) + x)
        assert [compiled(1.0, n) for n in (2, 2.0)] == [1.0, 1.0]
    defaults: Any = defaultdict(float)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'nothing'"):
        autograd.compile(lambda x: x.nothing + defaults[0])(1.0)


class Squared(Value):
    def squared(self) -> Any:
        return self * self


def test_a_node_of_a_subclass_is_one_inside_too() -> None:
    compiled = autograd.compile(lambda x: x.squared() if hasattr(x, "squared") else x * 3.0)
    for _ in range(2):
        assert (compiled(Squared(5.0)).data, compiled(Value(5.0)).data, compiled(5.0)) == (25.0, 15.0, 15.0)


# ---- whole division --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", ["auto", "python"])
def test_whole_division_of_ints_is_computed_anew(backend: str) -> None:
    def f(x: float, n: int, m: int) -> list[Any]:
        return [n % m, n // m, n % 7, -7 // n, 23 % n, *divmod(n, m), *divmod(5, m), n % m == 0, x * (n // 2)]

    compiled = autograd.compile(f, backend=backend)
    edge = 2**53 - 1
    for n, m in ((7, 3), (-7, 3), (7, -3), (-7, -3), (6, 3), (1, 2), (edge, 3), (-edge, 94906265), (edge, edge - 1)):
        found, expected = compiled(2.0, n, m), f(2.0, n, m)
        assert [x.data if isinstance(x, Value) else x for x in found] == expected
        assert list(map(type, found[:9])) == [int] * 9
        if abs(n) < edge:
            assert compiled.recordings == 1  # where numbers are larger Python computes with those of the call


def test_whole_division_by_zero_is_pythons_error() -> None:
    compiled = autograd.compile(lambda x, n: x * (5 % n) + 7 // n)
    for n in (2, 0, 3, 0):
        if n:
            assert compiled(2.0, n) == 2.0 * (5 % n) + 7 // n
        else:
            with pytest.raises(ZeroDivisionError):
                compiled(2.0, n)


def test_whole_division_chooses_samples_and_rates_with_one_recording() -> None:
    w, data = Value(0.5), [0.5, -1.0, 2.0]

    def step(k: int) -> Any:
        loss = (w * data[k % len(data)] - 1.0) ** 2
        loss.backward()
        w.data -= 0.1 * 0.5 ** (k // 4) * w.grad
        w.grad = 0.0
        return loss.data

    expected = [step(k) for k in range(12)]
    w.data = 0.5
    compiled = autograd.compile(step)
    assert [compiled(k) for k in range(12)] == pytest.approx(expected, rel=1e-12)
    assert compiled.recordings == 1


def test_a_whole_quotient_has_no_gradient() -> None:
    assert autograd.compile(lambda x, n: x * (n % 3) + n // 2).value_and_grad(2.0, 5) == (6.0, (2.0, 0.0))


@pytest.mark.parametrize(
    "zero",
    [
        lambda x, n: n * -1,
        lambda x, n: -n,
        lambda x, n: n * n * -(n + 1),
        lambda x, n: 0 * (n - 3),
        lambda x, n: (n - 3) * 0 + n,
        lambda x, n: round(x * 0.1) + n,
        lambda x, n: math.ceil(x * 0.1) * (n + 1),
        lambda x, n: abs(-n) * -2,
        lambda x, n: n // -5,
        lambda x, n: n % -5 * -1,
        lambda x, n: min(-n, n * -1, 0 * -n),
    ],
)
@pytest.mark.parametrize("backend", ["python", "native"])
def test_an_int_has_one_zero(zero: Callable[[Any, int], Any], backend: str) -> None:
    """That of a float has a sign, by which a Value divided by it is inf or -inf."""
    one = Value(1.0)
    compiled = autograd.compile(lambda x, n: one * x / zero(x, n), backend=backend)
    for n in (0, 2, 0):
        number = zero(-3.0, n)
        assert isinstance(number, int)
        assert compiled(-3.0, n).data == (-3.0 / number if number else -math.inf)


class Equal:
    """With the ``__eq__`` that a dataclass has from Python 3.13 on."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


def test_a_function_that_only_returns_true_decides_nothing() -> None:
    def f(x: Any, y: Any) -> Any:
        return Equal(x > y).x * 2.0 + x

    compiled = autograd.compile(f)
    assert [compiled(x, 1.0) for x in (0.5, 2.0, 0.25)] == [0.5, 4.0, 0.25]
    assert compiled.recordings == 1


@pytest.mark.parametrize("asks", [lambda c: c is True, lambda c: True is c, lambda c: (lambda t: c is t)(True)])
def test_a_comparison_that_is_asked_to_be_true_is_a_decision(asks: Any) -> None:
    compiled = autograd.compile(lambda x: x if asks(x > 0.0) else x * 2.0)
    assert [compiled(x) for x in (1.0, -1.0, 2.0)] == [1.0, -2.0, 2.0]
