"""How often a function is recorded, and how often its body runs: once a call at most."""

from __future__ import annotations

import io
import itertools
import math
import random
import types
import warnings
from typing import Any

import pytest

import autograd
from autograd import Value, functional
from autograd.compiler.calls import budget, kept
from autograd.compiler.calls import compiled as calls_of
from autograd.compiler.calls.budget import Budget
from autograd.compiler.calls.kept import Variants

pytest.importorskip("numpy")
RNG = random.Random(1)


def total(x: Any) -> Any:
    return sum(v * v for v in x)


def call_quietly(compiled: Any, calls: list[Any]) -> list[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [y.data if isinstance(y := compiled(call), Value) else y for call in calls]


# ---- one budget for a function ---------------------------------------------------------------------------------------
def test_a_structure_that_was_recorded_never_waits_again_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "_LONG", 0.5)
    known = Budget()
    for n in range(3 * budget.MOST):
        known.ran(n, seconds=9.0)
        known.add(n, 1.0)
    assert not any(map(known.waits, range(3 * budget.MOST)))
    assert known.waits("another")
    assert known.structures_waiting == 0
    known.ran("another", seconds=0.1)
    assert known.structures_waiting == 1


@pytest.mark.filterwarnings("ignore:.*for such arguments")
def test_each_kind_of_reason_is_told_once() -> None:
    np = pytest.importorskip("numpy")
    compiled, narrow = autograd.compile(total), np.array([1.5, 2.5], dtype=np.float32)
    with pytest.warns(RuntimeWarning, match="different results with float32"):
        compiled(narrow)
    with pytest.warns(RuntimeWarning, match="gets arguments of a different structure") as told:
        found = [compiled(x) for n in range(1, 100) for x in ([0.5] * n, narrow)]
    assert found[::2] == [0.25 * n for n in range(1, 100)]
    assert len(told) == 1


def test_ever_new_shapes_are_recorded_a_few_times_only_and_the_warning_says_so() -> None:
    compiled = autograd.compile(total, backend="python")
    calls = [[float(i) for i in range(n)] for n in range(1, 301)]
    with pytest.warns(RuntimeWarning, match="gets arguments of a different structure .* at nearly every call"):
        assert [compiled(call) for call in calls] == [total(call) for call in calls]
    assert compiled.recordings <= 24
    assert sum(map(len, compiled.variants.values())) <= 24


def test_decisions_in_ever_new_shapes_share_the_budget() -> None:
    def f(x: Any) -> Any:
        return sum(v if v > 0 else -v for v in x)

    compiled = autograd.compile(f, backend="python")
    calls = [[RNG.gauss(0.0, 1.0) for _ in range(RNG.randrange(8, 16))] for _ in range(300)]
    assert call_quietly(compiled, calls) == pytest.approx([f(call) for call in calls], rel=1e-14)
    assert compiled.recordings <= 26


def test_shapes_that_come_back_are_all_recorded() -> None:
    compiled = autograd.compile(total, backend="python")
    calls = [[1.0 * i for i in range(RNG.randrange(1, 17))] for _ in range(400)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [compiled(call) for call in calls] == [total(call) for call in calls]
    assert compiled.recordings == len(compiled.variants) == 16


def test_recordings_of_many_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_IN_ALL", 5)
    compiled = autograd.compile(total, backend="python")
    for n in range(1, 31):
        call_quietly(compiled, [[1.0] * n] * 3)
    assert compiled.recordings == 30
    assert [structure for structure, kept in compiled.variants.items() if kept] == list(compiled.variants)
    assert sum(map(len, compiled.variants.values())) == 5
    assert compiled([1.0] * 30) == 30.0
    assert compiled.recordings == 30


def test_where_compiling_takes_long_a_further_structure_is_compiled_when_its_calls_have_taken_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(0.0)  # so that each call without the compiler takes 1 s
    monkeypatch.setattr(calls_of, "thread_time", lambda: next(clock))
    monkeypatch.setattr(Budget, "_price", 6.0)
    monkeypatch.setattr(budget, "_UNPROVED", 0.25)
    monkeypatch.setattr(budget, "_LONG", 0.0)
    weights = [Value(0.5) for _ in range(9)]

    def plain(xs: list[float]) -> Any:
        loss = (sum(w * x for w, x in zip(weights, xs)) - 1.0) ** 2
        for w in weights:
            w.grad = 0.0
        loss.backward()
        for w in weights:
            w.data -= 0.1 * w.grad
        return loss

    def train(step: Any) -> list[float]:
        for w in weights:
            w.data = 0.5
        return [*[step([1.0 / n] * n).data for n in (3, 3, 5, 3, 5, 5, 7, 5, 3)], *[w.data for w in weights]]

    step = autograd.compile(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # to wait is no reason for a warning
        assert train(step) == pytest.approx(train(plain), rel=1e-12)
    assert (step.recordings, step.budget.calls, step.budget.hits) == (2, 9, 4)  # 3 at once, 5 the third time
    assert "1 other structure of the arguments runs without the compiler" in step.report()


def test_value_and_grad_of_a_step_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the compiler it would be refused, since backward() inside changes something."""
    monkeypatch.setattr(budget, "_LONG", 0.0)
    seen: list[float] = []

    @autograd.compile
    def loss(xs: list[float]) -> Any:
        seen[:] = [0.0]
        return sum(x * x for x in xs)

    for n in (2, 3, 4):
        assert loss.value_and_grad([1.0] * n) == (float(n), ([2.0] * n,))


def test_what_takes_long_to_compile_must_have_saved_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_CHEAP", 1.0)
    function = Budget()
    assert function.would_pay(1, 0)
    function.add(1, 0.1)
    function.spent = 5.0
    function.misses, function.hits = 10, 20
    assert not function.would_pay(1, 1)  # 5 s for 20 calls of 0.1 s
    function.hits = 60
    assert function.would_pay(1, 1)
    function.hits, function.misses, function.spent = 0, 1000, 0.9
    assert function.would_pay(1, 1)  # cheap, and the calls have doubled


# ---- once a call -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", ["python", "native"])
def test_the_body_runs_once_where_a_number_that_was_read_differs_by_rounding(backend: str) -> None:
    def f(x: Any) -> Any:
        print("run", file=log)
        y = sum(v.exp() * v.sin() for v in x) / 3.0
        return y * y.data + x[0] * (y * 7.0).data

    log = io.StringIO()
    for _ in range(30):
        x = [RNG.gauss(0.0, 1.0) for _ in range(9)]
        expected = functional.value_and_grad(f)(x)
        for ask in (lambda compiled, x=x: compiled.value_and_grad(x), lambda compiled, x=x: graph_of(compiled, x)):
            compiled = autograd.compile(f, backend=backend)
            before = log.getvalue().count("run")
            value, (gradient,) = ask(compiled)
            assert log.getvalue().count("run") == before + 1
            assert value == pytest.approx(expected[0], rel=1e-12)
            assert gradient == pytest.approx(expected[1], rel=1e-9, abs=1e-12)


def graph_of(compiled: Any, x: list[float]) -> Any:
    leaves = [Value(v) for v in x]
    out = compiled(leaves)
    out.backward()
    return out.data, ([leaf.grad for leaf in leaves],)


def test_numbers_of_the_recording_have_nothing_of_a_branch_that_was_not_taken() -> None:
    seen: list[float] = []

    def f(x: Any, w: Any) -> Any:
        seen.append(x.data)  # changes what is outside, so that the numbers of the recording are the answer
        return autograd.where(x > 0, x.log() * x.detach(), x * x.detach() * w) * w

    compiled = autograd.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert compiled.value_and_grad(0.0, 3.0) == (0.0, (0.0, 0.0))
        assert compiled.value_and_grad(-2.0, 3.0) == (36.0, (-18.0, 24.0))
    assert seen == [0.0, -2.0]


def test_side_effects_happen_once_a_call() -> None:
    seen: list[float] = []

    def f(x: Any) -> Any:
        seen.append(1.0)
        return x * 2.0

    compiled = autograd.compile(f)
    assert call_quietly(compiled, [1.0] * 20) == [2.0] * 20
    assert len(seen) == 20


# ---- functions that decide by their data -----------------------------------------------------------------------------
def sort(xs: Any) -> Any:
    """Another order of the numbers is another decision, and there are 720."""
    ordered = sorted([SLOPE * x for x in xs], key=lambda v: v.data)
    return sum([v * k for k, v in enumerate(ordered)])


SLOPE = Value(2.0)
POINTS = [[RNG.gauss(0.0, 1.0) for _ in range(6)] for _ in range(200)]


def test_finding_out_that_a_call_needs_no_compiler_is_paid_by_such_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_LOOKING", 0.25)
    known = Budget()
    for known.misses in range(1, 30):
        known.ran("structure", seconds=1.0, looking=0.5)
        assert known.rest == (0 if known.misses <= budget._SEEN else 2)
    known.ran("structure", seconds=1.0, looking=1000.0)
    assert known.rest == 12  # not 4,000: a program may serve the next call


def test_calls_that_are_not_looked_at_give_what_the_function_gives() -> None:
    w = Value(3.0)

    def f(x: Any, scale: float = 1.0) -> Any:
        return w * x.tanh() * scale if x > 1.0 else x * 2.0 if x < 0.0 else w * x

    compiled = autograd.compile(f)
    compiled(0.5)
    structures = list(compiled.variants)
    compiled.budget.rest = 7
    assert compiled(0.5).data == 1.5
    assert compiled(2.0, scale=0.5).data == pytest.approx(1.5 * math.tanh(2.0))
    assert compiled(-2.0) == -4.0
    w.grad = 0.0
    compiled(0.25).backward()
    assert w.grad == 0.25
    with autograd.strict(), pytest.raises(autograd.NumericError):
        compiled(math.nan)
    assert autograd.compile(lambda x: compiled(x) * 2.0).value_and_grad(0.5) == (3.0, (6.0,))  # recorded in another
    assert compiled.budget.rest == 3
    assert list(compiled.variants) == structures
    with pytest.raises(TypeError, match="positional argument"):
        compiled()


def test_another_decision_is_recorded_when_calls_have_taken_longer_than_to_record_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "_TWICE", 2.0)
    known = Budget()
    for _ in range(budget.FEW):
        assert known.would_pay("structure", 0)
        known.add("structure", 1.0)
    known.hits = 10
    known.ran("structure", 1.5)
    assert not known.would_pay("structure", 3)
    known.ran("structure", 1.5)
    assert known.would_pay("structure", 3)
    known.add("structure", 1.0)
    assert not known.would_pay("structure", 3)


def test_of_too_many_recordings_the_one_that_served_longest_ago_goes() -> None:
    known = Variants()
    made: list[Any] = [types.SimpleNamespace() for _ in range(budget.MOST + 2)]
    for variant in made[:-2]:
        known.add("structure", variant)
    known.served("structure", made[0])
    known.add("structure", made[-2])
    assert {*map(id, known.all())} == {*map(id, [made[0], *made[2:-1]])}
    known.served("structure", made[3])
    known.served("structure", made[2])
    known.add("structure", made[-1])
    assert {*map(id, known.all())} == {*map(id, [made[0], made[2], made[3], *made[5:]])}
    assert [variant.is_further for variant in made] == [False, *[True] * (len(made) - 1)]


# ---- calls without the compiler get the numbers themselves -----------------------------------------------------------
def without_a_recording(f: Any, calls: list[Any]) -> tuple[Any, list[float]]:
    """The compiled function once there is no budget for another recording, and what it then gives."""
    compiled = autograd.compile(f)
    compiled(calls[0])
    compiled.budget.would_pay = lambda structure, kept: False
    return compiled, call_quietly(compiled, calls[1:])


def test_a_call_without_the_compiler_gets_plain_numbers_as_they_are() -> None:
    kinds: list[Any] = []

    class Seen(float):
        """A float in which one sees who multiplies it."""

        def __rmul__(self, other: Any) -> Any:
            kinds.append(type(other))
            return other * float(self)

    def f(xs: Any) -> Any:
        return sum([x * Seen(2.0) for x in xs]) * SLOPE if xs[0] > xs[1] else SLOPE * xs[0]

    compiled, found = without_a_recording(f, [[0.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    assert found == [12.0, 16.0]
    assert {*kinds} == {float}
    assert compiled.takes_numbers


@pytest.mark.parametrize("wants", [lambda x: x.data, lambda x: x.exp().log(), lambda x: abs(x.relu())])
def test_but_what_only_a_value_has_is_there_in_each_branch(wants: Any) -> None:
    def seldom(x: Any) -> Any:
        return SLOPE * wants(x) if x > 1.0 else SLOPE * x

    def always(x: Any) -> Any:
        return SLOPE * wants(x) if x > 1.0 else SLOPE * wants(x) * 2.0

    for f, served in ((seldom, 1.0), (always, 2.0)):
        compiled, found = without_a_recording(f, [0.5, 2.0, 3.0, 0.25])
        assert found == pytest.approx([4.0, 6.0, 0.5 * served])
        assert not compiled.takes_numbers


def test_what_another_branch_changes_before_it_wants_a_value_is_changed_once() -> None:
    """The error is that of the function without the compiler, which has changed these, too."""
    seen: list[int] = []
    count = {"n": 0}

    def f(x: Any) -> Any:
        if x > 1.0:
            count["n"] += 1
            seen.append(1)
            return SLOPE * x.data
        return SLOPE * x

    compiled = autograd.compile(f)
    compiled(0.5)
    compiled.budget.would_pay = lambda structure, kept: False  # type: ignore[method-assign]
    for n in (1, 2):
        with pytest.raises(AttributeError, match="'float' object has no attribute 'data'"):
            call_quietly(compiled, [2.0])
        assert (count["n"], len(seen)) == (n, n)


def test_an_attribute_that_is_missing_elsewhere_is_an_error_as_ever() -> None:
    runs: list[int] = []

    def f(x: Any) -> Any:
        return SLOPE * (x if x < 1.0 else runs.append(1) or len(runs).nothing)

    compiled = autograd.compile(f)
    compiled(0.5)
    with pytest.raises(AttributeError, match="'int' object has no attribute 'nothing'"):
        compiled(2.0)


def test_what_draws_is_tried_once_although_something_else_was_refused_first() -> None:
    """An attempt costs several calls, and the next one would meet the draws, too."""
    w, kept = Value(2.0), list[float]()

    @autograd.compile
    def reward(x: float) -> Value:
        y = w * x * random.random()
        kept.append(y.data)
        return y * sum(kept[-3:])

    for count in range(1, 6):
        reward(1.0)
        assert (reward.recordings, len(kept)) == (1, count)
    assert "draws random numbers" in str(reward.report())
