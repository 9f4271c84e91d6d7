"""A loop over parameters, written by hand, is recorded once for all, and does what it does without the compiler."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiler.recording.loops import Loop

COUNT = 40
LR, BETA = 0.05, 0.9


class State:
    """What a program of this kind keeps: parameters, lists of numbers, and a counter."""

    def __init__(self) -> None:
        self.params = [Value(0.1 * k - 1.5) for k in range(COUNT)]
        self.m, self.v = [0.0] * COUNT, [0.25] * COUNT
        self.rates = [0.01 + 0.001 * k for k in range(COUNT)]
        self.lr, self.t, self.total = 0.1, 0, 0.0

    def numbers(self) -> list[Any]:
        grads = [p.grad for p in self.params]
        return [[p.data for p in self.params], grads, self.m, self.v, self.rates, self.lr, self.t, self.total]


# ---- loops that are recorded once ------------------------------------------------------------------------------------
def adam(s: State) -> None:
    params, m, v = s.params, s.m, s.v
    s.t += 1
    t = s.t
    for i, p in enumerate(params):
        m[i] = BETA * m[i] + (1 - BETA) * p.grad
        v[i] = 0.99 * v[i] + (1 - 0.99) * p.grad**2
        m_hat = m[i] / (1 - BETA**t)
        v_hat = v[i] / (1 - 0.99**t)
        p.data -= LR * m_hat / (v_hat**0.5 + 1e-8)
        p.grad = 0


def descent(s: State) -> None:
    for p in s.params:
        p.data -= LR * p.grad


def descent_upwards(s: State) -> None:
    for p in s.params:
        p.data += -s.lr * p.grad


def momentum_of_attributes(s: State) -> None:
    for i, p in enumerate(s.params):
        s.m[i] = BETA * s.m[i] - s.lr * p.grad
        p.data += s.m[i]


def by_index(s: State) -> None:
    for i in range(len(s.params)):
        s.m[i] = s.m[i] * BETA + s.params[i].grad
        s.params[i].data -= LR * s.m[i]


def twice_in_a_row(s: State) -> None:
    for p in s.params:
        g = p.grad
        p.data -= LR * g
    for p in s.params:
        g = p.data
        p.grad = 0.5 * g


# ---- loops that are not ----------------------------------------------------------------------------------------------
def zipped(s: State) -> None:
    for p, rate, old in zip(s.params, s.rates, s.v):
        step, factor = rate * p.grad, old + 1.0
        p.data = p.data - step * factor


def lists_alone(s: State) -> None:
    for i, x in enumerate(s.m):
        s.m[i] = 0.5 * x + s.v[i] * s.rates[i]


def with_a_tangent(s: State) -> None:
    for p in s.params:
        p.data -= LR * math.tanh(p.grad)


def adam_with_math(s: State) -> None:
    for i, p in enumerate(s.params):
        s.v[i] = 0.99 * s.v[i] + 0.01 * p.grad**2
        s.m[i] = math.fabs(p.grad) + sqrt(s.v[i]) * math.atan2(p.grad, 2.0)
        p.data -= LR * p.grad / (math.sqrt(s.v[i]) + 1e-8)


def another_math(s: State) -> None:
    math = Wrong()
    for p in s.params:
        p.data -= LR * math.tanh(p.grad)


class Wrong:
    """What a program may call like a module that everybody knows."""

    def tanh(self, x: float) -> float:
        return 0.5 * x


def with_a_log(s: State) -> None:
    for p in s.params:
        p.data -= LR * math.log(p.grad**2 + 1e-3) * math.exp(-(p.grad**2))


def a_sum_over_all(s: State) -> None:
    total = 0.0
    for p in s.params:
        total += p.grad**2
        p.data -= LR * p.grad / (1.0 + total)
    s.total = total


def from_the_member_before(s: State) -> None:
    last = 0.0
    for i, p in enumerate(s.params):
        s.m[i] = last + p.grad
        last = p.grad


def a_variable_that_is_read_later(s: State) -> None:
    step = 0.0
    for p in s.params:
        step = LR * p.grad
        p.data -= step
    s.total = step


def the_next_loop_reads_it(s: State) -> None:
    g: Any = 0.0
    for p in s.params:
        g = p.grad
        p.data -= LR * g
    for p in s.params:
        p.grad = g * 0.5
        g = p.grad


def the_last_member(s: State) -> None:
    for p in s.params:
        p.data -= LR * p.grad
    p.data += 1.0


def an_inner_function_knows_it(s: State) -> None:
    def step() -> Any:
        return LR * p.grad

    for p in s.params:
        p.data -= LR * p.grad
    s.total = step()


def a_member_of_its_neighbour(s: State) -> None:
    for i in range(1, len(s.m)):
        s.m[i] = s.m[i - 1] + s.rates[i]


def a_parameter_that_comes_twice(s: State) -> None:
    for p in [*s.params, s.params[3]]:
        p.data -= LR * p.grad


def one_list_under_two_names(s: State) -> None:
    other = s.m
    for i, p in enumerate(s.params):
        s.m[i] = s.m[i] + p.grad
        other[i] = other[i] * 2.0


def parameters_under_two_names(s: State) -> None:
    turned = s.params[::-1]
    for p, q in zip(s.params, turned):
        p.data -= LR * p.grad
        q.data *= 0.5


def the_rate_is_a_parameter(s: State) -> None:
    rate = s.params[5]
    for p in s.params:
        p.data -= 0.1 * rate.data * p.grad


def a_decision(s: State) -> None:
    for p in s.params:
        if p.grad > 0.0:
            p.data -= LR


def read_after_it_was_set(s: State) -> None:
    for i, p in enumerate(s.params):
        p.data = 0
        s.m[i] = p.data * -1.0 + p.grad


def the_list_that_it_goes_through(s: State) -> None:
    for i, x in enumerate(s.v):
        s.v[i] = x + 1.0
        s.m[i] = s.v[0] * x


def with_an_end(s: State) -> None:
    for p in s.params:
        p.data -= LR * p.grad
    else:
        s.total = 1.0


def few(s: State) -> None:
    for p in s.params[:5]:
        p.data -= LR * p.grad


def of_a_generator(s: State) -> None:
    for p in (q for q in s.params):
        p.data -= LR * p.grad


def a_call(s: State) -> None:
    for p in s.params:
        p.data -= clipped(p.grad)


def clipped(x: Any) -> Any:
    return 0.5 * x


def its_own_enumerate(s: State) -> None:
    def enumerate(xs: Any) -> Any:
        return [(k, x) for k, x in zip(range(len(xs) - 1, -1, -1), xs)]

    for i, p in enumerate(s.params):
        s.m[i] = p.grad + s.rates[i]


class Normed:
    """Attributes of a kind that code of the program's gives."""

    def __init__(self, s: State) -> None:
        self.s, self.reads = s, 0

    @property
    def rate(self) -> Any:
        self.reads += 1
        return 0.01 * self.reads

    @property
    def norm(self) -> Any:
        return sum([p.grad**2 for p in self.s.params]) ** 0.5 + 1.0

    @property
    def copied(self) -> list[Any]:
        return [*self.s.m]


class Asked(Normed):
    def __getattribute__(self, name: str) -> Any:
        if name == "lr":
            self.reads += 1
            return 0.01 * self.reads
        return super().__getattribute__(name)


def a_property_of_all_members(s: State) -> None:
    n = Normed(s)
    for p in s.params:
        p.grad = p.grad / n.norm


def a_property_that_counts(s: State) -> None:
    n = Normed(s)
    for p in s.params:
        p.data -= n.rate * p.grad


def an_attribute_that_is_asked_for(s: State) -> None:
    n = Asked(s)
    n.lr = 0.5  # type: ignore[attr-defined]
    for p in s.params:
        p.data -= n.lr * p.grad


def a_list_that_is_made_anew(s: State) -> None:
    n = Normed(s)
    for i, p in enumerate(s.params):
        n.copied[i] = p.grad * 2.0


def another_order(s: State) -> None:
    m, order = s.m, [*range(COUNT)][::-1]
    for j, x in zip(order, m):
        m[j] = 0.5 * x + 0.1


def one_of_the_lists_is_its_own_index(s: State) -> None:
    order = [*range(1, COUNT), 0]
    for k in order:
        order[k] = order[k] + 0
    s.t = order[3]


def in_a_try(s: State) -> None:
    s.v[5] = 0.0
    try:
        for j, p in enumerate(s.params):
            p.data -= 0.1 / s.v[j]
    except ZeroDivisionError:
        s.total += 1.0


def an_error_that_its_caller_catches(s: State) -> None:
    s.params[7].grad = None
    try:
        descent(s)
    except TypeError:
        s.total += 1.0
    s.params[7].grad = 0.0


def all_variables_are_counted(s: State) -> None:
    for p in s.params:
        step = LR * p.grad
        p.data -= step
    s.total = float(len(locals())) + eval("step")


def its_own_head_reads_it(s: State) -> None:
    p: Any = None
    for _ in range(2):
        for p in s.params if p is None else s.params[::-1][:35]:  # noqa: B020 - that is the point
            p.data -= LR * p.grad


def the_end_of_another_loop_reads_it(s: State) -> None:
    for p in s.params:
        p.data -= LR * p.grad
    for p in s.params[:0]:  # noqa: B007 - that is the point
        pass
    else:
        p.data += 1.0


def a_comprehension_starts_from_it(s: State) -> None:
    for p in s.params:
        p.data -= LR * p.grad
    s.total = sum([p.data for p in [p]])


def a_lambda_of_another_loop_sees_it(s: State) -> None:
    late = []
    for p in s.params[:2]:
        late.append(lambda: p)  # noqa: B023 - that is the point
    for p in s.params:
        p.data -= LR * p.grad
    late[0]().data += 1.0


def in_a_class(s: State) -> None:
    class Inner:
        for p in s.params:
            p.data -= LR * p.grad

    Inner.p.data += 1.0


def a_zip_of_one(s: State) -> None:
    for (p,) in zip(s.params):
        p.data -= LR * p.grad


ONCE = [
    adam, descent, descent_upwards, momentum_of_attributes, by_index, twice_in_a_row, a_zip_of_one,
    with_a_tangent, adam_with_math, with_a_log,
    a_variable_that_is_read_later, the_next_loop_reads_it, the_last_member, an_inner_function_knows_it,
    its_own_head_reads_it, the_end_of_another_loop_reads_it, a_comprehension_starts_from_it,
    a_lambda_of_another_loop_sees_it,
]  # fmt: skip
ROW_BY_ROW = [zipped, lists_alone]  # by the rule, which is called for each, since plain numbers differ
AS_WRITTEN = [
    another_math, a_sum_over_all, from_the_member_before, a_member_of_its_neighbour, a_parameter_that_comes_twice,
    one_list_under_two_names, parameters_under_two_names, the_rate_is_a_parameter, a_decision,
    read_after_it_was_set, the_list_that_it_goes_through, with_an_end, few, of_a_generator, a_call,
    its_own_enumerate, a_property_of_all_members, a_property_that_counts, an_attribute_that_is_asked_for,
    a_list_that_is_made_anew, another_order, one_of_the_lists_is_its_own_index, in_a_try,
    an_error_that_its_caller_catches, all_variables_are_counted, in_a_class,
]  # fmt: skip


def run(update: Callable[[State], None], backend: str = "") -> tuple[list[Any], Any]:
    """The losses and all numbers after some steps, and the compiled step if there is one."""
    state = State()

    def step(x: float) -> Any:
        loss: Any = sum([(p * x - 0.3 * k) ** 2 for k, p in enumerate(state.params[:-3])])
        for p in state.params:
            p.grad = 0.0
        loss.backward()
        update(state)
        return loss

    compiled = autograd.compile(step, backend=backend) if backend else step
    losses = [compiled(x).data for x in (0.5, 0.25, -0.5, 0.75, 0.5)]
    return [losses, *state.numbers()], compiled


@pytest.fixture(name="done")
def loops_done(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a loop's work was done at once, for each that might be."""
    found: list[bool] = []
    call = Loop.__call__

    def observed(self: Loop, over: Any, *given: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "_getframe", lambda depth, own=sys._getframe: own(depth + 2))
            result = call(self, over, *given)
        found.append(result[1] == ())
        return result

    monkeypatch.setattr(Loop, "__call__", observed)
    return found


@pytest.mark.parametrize("backend", ["native", "python"])
@pytest.mark.parametrize("update", [*ONCE, *ROW_BY_ROW, *AS_WRITTEN])
def test_a_loop_does_what_it_does_without_the_compiler(
    update: Callable[[State], None], backend: str, done: list[bool]
) -> None:
    pytest.importorskip("numpy")
    plain, _ = run(update)
    found, _ = run(update, backend)
    for one, other in zip(plain, found):
        assert other == pytest.approx(one, rel=1e-12, abs=1e-15)
    assert any(done) is (update not in AS_WRITTEN)


def test_what_changes_between_calls_is_seen() -> None:
    s = State()

    def step(x: float) -> Any:
        loss: Any = sum([(p * x) ** 2 for p in s.params])
        for p in s.params:
            p.grad = 0.0
        loss.backward()
        momentum_of_attributes(s)
        return loss

    def train(f: Any) -> list[Any]:
        s.__init__()  # type: ignore[misc]
        found = [f(0.5).data]
        s.lr = 0.3
        found.append(f(0.5).data)
        s.m = [1.0] * COUNT
        found.append(f(0.25).data)
        s.m[3] = 7.0
        s.params[2].data = -4.0
        found.append(f(0.25).data)
        s.params[7] = s.params[8]
        return [*found, f(0.5).data, *s.numbers()]

    expected = train(step)
    for one, other in zip(expected, train(autograd.compile(step))):
        assert other == pytest.approx(one, rel=1e-12)


def test_a_list_whose_end_is_reached_raises_as_without_the_compiler() -> None:
    params, short = [Value(1.0 + k) for k in range(COUNT)], [0.0] * (COUNT - 1)

    @autograd.compile
    def step() -> Any:
        loss: Any = sum([p * p for p in params])
        loss.backward()
        for i, p in enumerate(params):
            short[i] = 0.5 * p.grad
        return loss

    with pytest.raises(IndexError, match="list assignment index out of range"):
        step()


@pytest.mark.parametrize("backend", ["native", "python"])
def test_one_member_of_many_outside_of_the_domain_raises_as_without_the_compiler(backend: str) -> None:
    def train(compiled: bool) -> tuple[list[float], str]:
        params = [Value(1.0 + k) for k in range(COUNT)]

        def step(x: float) -> Any:
            loss: Any = sum([p * x for p in params])
            loss.backward()
            for p in params:
                p.data -= 0.5 * math.sqrt(p.data)
            params[7].data -= 2.0
            return loss

        f = autograd.compile(step, backend=backend) if compiled else step
        f(1.0)
        for _ in range(6):
            try:
                f(1.0)
            except ValueError as error:
                return [p.data for p in params], str(error)
        raise AssertionError("a root of a negative number is an error")

    pytest.importorskip("numpy")
    expected, found = train(False), train(True)
    assert found[1] == expected[1]
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
