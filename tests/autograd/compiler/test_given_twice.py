"""One list or dictionary under two names: given twice, or given and also known to the function by itself.

A recording gets copies of its arguments, which are apart.  Where the function changes a list that has another name, the
other name must show the change, as it does without the compiler.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import CompileError, Value

pytestmark = pytest.mark.filterwarnings("ignore:.* was recorded")  # which says that such calls are not compiled
Program = Callable[[types.SimpleNamespace], Callable[..., Any]]


def _two(change: Callable[[Any, Any], Any]) -> Program:
    return lambda s: lambda a, b: s.w * float(change(a, b) or 0) + s.w * sum(b) * sum(a)


def _row(m: Any) -> Any:
    m[0][0] = m[0][0] + 1.0
    m[1].append(2.0)


# What is done to a list that may be another argument, too.
TWICE: dict[str, Callable[[Any, Any], Any]] = {
    "sets an item": lambda a, b: a.__setitem__(0, a[0] * 2.0),
    "appends": lambda a, b: a.append(b[0]),
    "removes": lambda a, b: a.pop(),
    "reverses": lambda a, b: a.reverse(),
    "asks which": lambda a, b: 2.0 if a is b else 3.0,
    "asks which not": lambda a, b: 2.0 if a is not b else 3.0,
}


def _outside_changed(s: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        s.numbers[0] = s.numbers[0] * 2.0
        return s.w * a[0]

    return f


def _argument_changed(s: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        a[0] = a[0] * 2.0
        return s.w * s.numbers[0]

    return f


def _outside_grows(s: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        s.numbers.append(a[0])
        return s.w * len(a)

    return f


def _argument_grows(s: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        a.append(1.0)
        return s.w * len(s.numbers)

    return f


def _asks(s: Any) -> Callable[..., Any]:
    return lambda a: s.w * (1.0 if a is s.numbers else 2.0) * a[0]


KNOWN = [_outside_changed, _argument_changed, _outside_grows, _argument_grows, _asks]


def _state() -> types.SimpleNamespace:
    return types.SimpleNamespace(w=Value(1.5), numbers=[1.0, 2.0], row=[1.0, 2.0], table={"a": 1.0})


def _shown(s: Any, result: Any, args: Any) -> Any:
    s.w.grad = 0.0
    (result if isinstance(result, Value) else Value(result)).backward()
    return float(getattr(result, "data", result)), s.w.grad, [*s.numbers], dict(s.table), repr(args)


def check(program: Program, given: Callable[[Any, bool], tuple[Any, ...]], backend: str) -> None:
    """Calls with one list and with two in turn: the same results, gradients and lists as without the compiler."""
    plain, compiled = _state(), _state()
    f, g = program(plain), autograd.compile(program(compiled), backend=backend)
    for same in (False, False, True, True, False, True):
        args, others = given(plain, same), given(compiled, same)
        assert _shown(compiled, g(*others), others) == _shown(plain, f(*args), args)


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("change", TWICE.values(), ids=TWICE.keys())
def test_a_list_that_is_given_twice_is_one_list(change: Callable[[Any, Any], Any], backend: str) -> None:
    def given(s: Any, same: bool) -> tuple[Any, ...]:
        one = [1.0, 2.0]
        return one, one if same else [3.0, 4.0]

    check(_two(change), given, backend)


@pytest.mark.parametrize("backend", ["python", "native"])
def test_so_is_a_row_that_stands_twice_in_a_matrix(backend: str) -> None:
    def program(s: Any) -> Callable[..., Any]:
        return lambda m: (_row(m), s.w * sum(map(sum, m)))[1]

    check(program, lambda s, same: ([[1.0, 2.0]] * 2 if same else [[1.0, 2.0], [1.0, 2.0]],), backend)
    check(program, lambda s, same: ([s.row, s.row if same else [1.0, 2.0]],), backend)


@pytest.mark.parametrize("backend", ["python", "native"])
def test_so_is_a_dictionary_in_a_dictionary(backend: str) -> None:
    def program(s: Any) -> Callable[..., Any]:
        def f(d: Any, e: Any) -> Any:
            d["inside"]["x"] = d["inside"]["x"] + 1.0
            return s.w * e["inside"]["x"] * d["inside"]["x"]

        return f

    def given(s: Any, same: bool) -> tuple[Any, ...]:
        inside = {"x": 1.0}
        return {"inside": inside}, {"inside": inside if same else {"x": 5.0}}

    check(program, given, backend)


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("program", KNOWN)
def test_a_list_that_the_function_knows_by_itself_is_that_list(program: Program, backend: str) -> None:
    check(program, lambda s, same: (s.numbers if same else [1.0] * len(s.numbers),), backend)


def test_value_and_grad_of_such_a_call_is_refused() -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = a[0] * 2.0
        return a[0] * b[0]

    compiled, one = autograd.compile(f), [2.0]
    assert compiled.value_and_grad([2.0], [3.0]) == (12.0, ([6.0], [4.0]))
    with pytest.raises(CompileError, match="passed twice"):
        compiled.value_and_grad(one, one)


def test_a_function_that_only_reads_its_lists_is_compiled_for_one_that_is_given_twice() -> None:
    compiled = autograd.compile(lambda a, b: sum(x * y for x, y in zip(a, b)))
    one = [1.0, 2.0]
    assert [compiled(one, other) for other in (one, [3.0, 4.0], one)] == [5.0, 11.0, 5.0]
    assert compiled.budget.hits == 2
