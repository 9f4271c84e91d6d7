"""Ints of a compiled function are exact, and a quotient by 0 is Python's error where that is seen."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value

pytestmark = pytest.mark.filterwarnings("ignore:.*runs without the compiler")
W = Value(2.0)


# ---- ints ------------------------------------------------------------------------------------------------------------
def test_ints_that_a_function_keeps_are_exact_however_large() -> None:
    for start, grow in ((2**53 - 3, lambda n: n + 1), (1, lambda n: n * 3), (2**45, lambda n: n + n + 1)):
        state, expected = {"n": start}, start

        @autograd.compile
        def f(x: Any, state: Any = state, grow: Any = grow) -> Any:
            state["n"] = grow(state["n"])
            return W * x

        for _ in range(40):
            f(1.0)
            expected = grow(expected)
            assert state["n"] == expected


def test_ints_are_exact_in_between() -> None:
    """Recorded with small ones, called with larger ones whose products no float holds."""
    programs: list[Callable[..., Any]] = [
        lambda n: n * n * n - (n - 1) * (n - 1) * (n - 1),
        lambda n: n**3 - (n - 1) ** 3,
        lambda n: (n * 1103515245 + 12345) % 2**31,
        lambda n: (n * 6364136223846793005 + 1) % 2**32,
        lambda n: n * n * n // 7 - n,
        lambda n: sum([n * k for k in range(1, 200)]) - 19899 * n,
        lambda n: 2**n - 2 ** (n - 1) if n < 1000 else n,
        lambda n: -(n * n * n) + abs(n * n * n) + n,
    ]
    for program in programs:
        f = autograd.compile(lambda n, program=program: W * program(n))
        for n in (3, 5, 10**3, 10**6 + 1, 3 * 10**8 + 1, 2**46 + 1, 2**52 + 1, 3, 10**6 + 3):
            assert f(n).data == 2.0 * program(n), (programs.index(program), n)


def test_operators_of_an_int_and_a_float_give_what_they_give_without_the_compiler() -> None:
    """On either side, in a recording and in a call that runs without the compiler."""
    programs: list[Callable[..., Any]] = [
        lambda n, x: W * (x % n + n % x + 7.5 % n + n % 2.5),
        lambda n, x: W * (x // n + n // x + 7.5 // n + n // 2.5),
        lambda n, x: [W * part for part in (*divmod(7.5, n), *divmod(n, 2.5), *divmod(x, n))],
        lambda n, x: W * (7.5 << n),
        lambda n, x: W * (n & x),
        lambda n, x: W * (2 >> n) * ~n * x,
    ]
    for program in programs:
        f = autograd.compile(program)
        for n, x in ((3, 5.5), (2, 0.75), (-4, 2.5), (True, 3.5), (3, 5.5)):
            assert _outcome(f, n, x) == _outcome(program, n, x), (programs.index(program), n)


def _outcome(f: Callable[..., Any], *args: Any) -> Any:
    try:
        result = f(*args)
    except (TypeError, ValueError) as error:
        return str(error)
    return [part.data for part in result] if isinstance(result, list) else result.data


def test_an_int_that_no_float_holds_counts_as_without_the_compiler() -> None:
    f = autograd.compile(lambda n: W * (n % 7))
    with pytest.warns(RuntimeWarning, match=r"the int \d+ is beyond 2\*\*53.*: pass float"):
        assert [f(n).data for n in (2**53 + 1, 2**60)] == [2.0 * (n % 7) for n in (2**53 + 1, 2**60)]
    assert f.recordings == 0
    assert [f(n).data for n in (2**53, 2**50 + 1, 5)] == [2.0 * (n % 7) for n in (2**53, 2**50 + 1, 5)]
    with pytest.raises(OverflowError, match=r"beyond 2\*\*53"):
        f.value_and_grad(2**53 + 1)


@pytest.mark.parametrize("program", [lambda n: 1 / n, lambda n: 2.5 / n, lambda n: (n + 1.5) / n])
def test_a_quotient_by_the_int_zero_raises_as_without_the_compiler(program: Callable[[Any], Any]) -> None:
    f = autograd.compile(lambda n: W * program(n))
    for n in (4, 0, -4, 0):
        if n:
            assert f(n).data == 2.0 * program(n)
        else:
            with pytest.raises(ZeroDivisionError):
                f(n)
    assert f.recordings == 1


def test_a_function_that_expects_a_quotient_by_zero_gets_pythons_error() -> None:
    @autograd.compile
    def f(x: Any) -> Any:
        try:
            return W * (1.0 / x)
        except ZeroDivisionError:
            return W * 100.0

    assert [f(x).data for x in (1.0, 0.0, 2.0, 0.0)] == [2.0, 200.0, 1.0, 200.0]


@pytest.mark.parametrize("quotient", [lambda x: x / x, lambda x: (x + 1.0) / (2.0 * x), lambda x: x / (0.0 * x)])
def test_also_where_both_are_computed_floats(quotient: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        try:
            return quotient(x) + 1.0
        except ZeroDivisionError:
            return x + 100.0

    compiled = autograd.compile(f)
    points = (1.0, 0.0, 2.0, 0.0)
    assert [compiled(x) for x in points] == [f(x) for x in points]


def _bare(x: Any) -> Any:
    try:
        return 1.0 / x
    except:  # noqa: E722 - this is what is tested
        return 100.0


def _exception(x: Any) -> Any:
    try:
        return 1.0 / x
    except Exception:
        return 100.0


def _helper(x: Any) -> Any:
    with contextlib.suppress(Exception):
        return _quotient(x)
    return 100.0


def _quotient(x: Any) -> Any:
    return (x + 1.0) / (x * 2.0)


def _power(x: Any) -> Any:
    try:
        return 10.0 ** (x * 200.0)
    except OverflowError:
        return 100.0


def _root(x: Any) -> Any:
    try:
        return x**-0.5
    except ArithmeticError:
        return 100.0


def _tuple(x: Any) -> Any:
    try:
        return x**300.0 / x
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        return float(len(type(error).__name__))


ERRORS = (KeyError, ArithmeticError)
IGNORED = contextlib.suppress(ArithmeticError)


class _Ignoring:
    errors = ERRORS

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, *_: Any) -> bool:
        return kind is not None and issubclass(kind, self.errors)

    def quotient(self, x: Any) -> Any:
        try:
            return 1.0 / x
        except self.errors:
            return 100.0


def _global(x: Any) -> Any:
    try:
        return 1.0 / x
    except ERRORS:
        return 100.0


def _given(x: Any, errors: Any = ERRORS[1]) -> Any:
    try:
        return 1.0 / x
    except (KeyError, errors):
        return 100.0


def _finally(x: Any) -> Any:
    found = 100.0
    try:
        found = 1.0 / x
    finally:
        return found  # noqa: B012 - this is what is tested


def _break(x: Any) -> Any:
    found = 100.0
    while True:
        try:
            found = 1.0 / x
        finally:
            break  # noqa: B012 - this is what is tested
    return found


def _context(x: Any) -> Any:
    with _Ignoring():
        return 1.0 / x
    return 100.0


def _known_context(x: Any) -> Any:
    with IGNORED:
        return 1.0 / x
    return 100.0


@pytest.mark.parametrize(
    "program",
    [
        *(_bare, _exception, _helper, _power, _root, _tuple, _global, _given, _finally, _break, _context),
        *(_known_context, _Ignoring().quotient),
    ],
)
def test_whatever_would_catch_the_error_of_a_quotient_or_a_power_gets_it(program: Callable[[Any], Any]) -> None:
    f = autograd.compile(lambda x: W * program(x))
    points = (1.0, 0.0, 2.0, 30.0, 0.0, 0.5)
    assert [f(x).data for x in points] == pytest.approx([2.0 * program(x) for x in points], rel=1e-12)


# ---- ints among floats -----------------------------------------------------------------------------------------------
def test_an_int_in_a_row_of_floats_is_an_index_and_a_number() -> None:
    """As in the rows (user, item, rating) of a table: its place may hold a float in another row."""
    ws = [Value(1.0), Value(2.0), Value(3.0)]
    named = {"w0": ws[0], "w1": ws[1], "w2": ws[2]}
    programs: list[Callable[[Any, Any], Any]] = [
        lambda i, x: ws[i] * x + i * 0.5 + i / 2,
        lambda i, x: named[f"w{i}"] * x,
        lambda i, x: sum(ws[:i], ws[0]) * x + len(list(range(i))),
    ]
    for program in programs:
        f = autograd.compile(lambda rows, program=program: sum(program(i, x) for i, x in rows))
        for rows in ([(0, 0.5), (1, 0.25)], [(2, 0.5), (0, 1.5)], [(1, 2.0), (2, 3.0)], [(0, 0.5), (2, 0.5)]):
            assert f(rows).data == sum(program(i, x) for i, x in rows).data
    f = autograd.compile(lambda rows: sum(ws[i] * x for i, x in rows))
    assert f([(1, 0.5), (2, 0.5)]).data == f([(2, 0.5), (1, 0.5)]).data == 2.5
    assert f.recordings == 1
    with pytest.raises(TypeError, match="indices"):
        f([(0.5, 0.5), (1, 0.5)])


def test_an_int_in_a_list_of_floats_has_its_gradient() -> None:
    f = autograd.compile(lambda p: p[0] * p[0] * 3.0 + p[1])
    assert f.value_and_grad([2, 0.5]) == (12.5, ([12.0, 1.0],))
    g = autograd.compile(lambda p: W * float(p[0]) + p[1])
    assert g.value_and_grad([2, 0.5]) == (4.5, ([0.0, 1.0],))  # float(n) of an int is a constant, as of an argument n


def test_ints_beside_floats_stay_ints_in_sums_and_products() -> None:
    """As the sizes in a dictionary of settings, beside a rate."""

    def f(xs: Any, settings: Any, k: int) -> Any:
        size = settings["size"]
        parts = [xs[k * size : (k + 1) * size] for k in range(len(xs) // size)]
        names = f"{size + 1} {2 * size - 1} {-size} {size * k} {size * 0.5}"
        return sum(W * x * settings["rate"] for part in parts for x in part) + xs[size - 1 + k] + len(names)

    compiled = autograd.compile(f)
    xs = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    for size, k in ((2, 1), (3, 0), (2, 2), (1, 3)):
        settings = {"size": size, "rate": 0.1 * size}
        assert compiled(xs, settings, k).data == pytest.approx(f(xs, settings, k).data, rel=1e-15)


U = [Value(1.0), Value(2.0)]
ZEROS: dict[str, Callable[[float, float], Any]] = {
    "a sum of one": lambda x, y: sum([x * U[0]]),
    "with a start": lambda x, y: sum([x * U[0]], 0.0),
    "plus nothing": lambda x, y: x * U[0] + 0.0,
    "less than nothing": lambda x, y: x * U[0] + -0.0,
    "one and a product": lambda x, y: x + y * U[1],
    "a quotient": lambda x, y: 1.0 / sum([x * y * U[0]]),
}


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("f", ZEROS.values(), ids=ZEROS.keys())
def test_a_zero_has_the_sign_that_it_has_without_the_compiler(f: Callable[[float, float], Any], backend: str) -> None:
    compiled = autograd.compile(f, backend=backend)
    for x, y in itertools.product((0.0, -0.0, 1.0), repeat=2):
        expected = repr(f(x, y).data)
        assert [repr(compiled(x, y).data) for _ in range(6)] == [expected] * 6
        assert repr(compiled.value_and_grad(x, y)[0]) == expected


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("count", [1, 3, 6, 9])  # two are a plain addition
def test_the_exact_sum_of_zeros_is_0(count: int, backend: str) -> None:
    compiled = autograd.compile(lambda xs: autograd.fsum(xs), backend=backend)
    for _ in range(6):
        assert math.copysign(1.0, compiled([Value(-0.0) for _ in range(count)]).data) == 1.0
        assert compiled([*[Value(-0.0) for _ in range(count)], Value(-1.5)]).data == -1.5
