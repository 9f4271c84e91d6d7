"""State of every kind that a function changes: after each call it is what it is without the compiler.

What a program cannot change is put back after the function has been recorded, and the call runs without the compiler.
"""

from __future__ import annotations

import collections
import functools
import sys
import threading
import types
import warnings
from array import array
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, functional
from autograd.trees import flatten

Made = tuple[Callable[[float], Any], Callable[[], Any]]  # a function, and what shows the state


def _class_attributes(w: Value) -> Made:
    class Counted:
        total, history, last = 0, [0.0, 0.0], None

    def f(x: float) -> Any:
        Counted.total += 1
        Counted.history = [Counted.history[1], x]
        Counted.last = x  # which is never read
        return w * x * Counted.total * sum(Counted.history)

    return f, lambda: (Counted.total, Counted.history, Counted.last)


def _new_class_attribute(w: Value) -> Made:
    class Model:
        calls = 0

        def __call__(self, x: float) -> Any:
            type(self).calls += 1
            self.__class__.largest = x  # type: ignore[attr-defined]
            return w * x * Model.calls

    model = Model()
    return lambda x: model(x), lambda: (Model.calls, Model.largest)  # type: ignore[attr-defined]


def _attribute_of_a_function(w: Value) -> Made:
    def f(x: float) -> Any:
        f.last = (w * x).data  # type: ignore[attr-defined]
        return w * x

    return f, lambda: f.last  # type: ignore[attr-defined]


def _attribute_of_a_module(w: Value) -> Made:
    module: Any = types.ModuleType("state_of_a_test")
    sys.modules[module.__name__] = module
    module.calls = 0

    def f(x: float) -> Any:
        module.calls += 1
        module.last = x
        return w * x * module.calls

    return f, lambda: (module.calls, module.last)


def _slots(w: Value) -> Made:
    class Slotted:
        __slots__ = ("calls", "last")

    kept = Slotted()
    kept.calls = 0

    def f(x: float) -> Any:
        kept.calls += 1
        kept.last = (w * x).data
        return w * x

    return f, lambda: (kept.calls, kept.last)


def _array(w: Value) -> Made:
    kept, flags = array("d", [0.0, 0.0]), bytearray(2)

    def f(x: float) -> Any:
        kept[0] += 1.0
        flags[1] += 2
        return w * x * kept[0] * flags[1]

    return f, lambda: (list(kept), bytes(flags))


def _array_of_numpy(w: Value) -> Made:
    floats, objects = np.zeros(2), np.array([0.5, 1.5], dtype=object)

    def f(x: float) -> Any:
        floats[0] += 1.0
        objects[1] = objects[1] + 1.0
        return w * x * float(floats[0]) * objects[1]

    return f, lambda: (floats.tolist(), objects.tolist())


def _values_in_an_array_of_numpy(w: Value) -> Made:
    kept = np.array([w, Value(1.5)], dtype=object)

    def f(x: float) -> Any:
        kept[1] = Value(kept[1].data + 1.0)
        return kept[0] * x * kept[1]

    return f, lambda: [value.data for value in kept]


def _context_variable(w: Value) -> Made:
    count: ContextVar[int] = ContextVar("count", default=0)

    def f(x: float) -> Any:
        count.set(count.get() + 1)
        return w * x * count.get()

    return f, count.get


def _local_to_a_thread(w: Value) -> Made:
    kept = threading.local()
    kept.calls = 0

    def f(x: float) -> Any:
        kept.calls += 1
        return w * x * kept.calls

    return f, lambda: kept.calls


def _dictionaries(w: Value) -> Made:
    sums: dict[str, float] = collections.defaultdict(float)
    counts: collections.Counter[str] = collections.Counter()
    ordered = collections.OrderedDict(a=1.0, b=2.0)
    own = collections.UserDict(a=1.0)

    def f(x: float) -> Any:
        sums["a"] += x
        counts["k"] += 1
        ordered["a"] += x
        ordered.move_to_end("a")
        own["a"] *= 0.5
        return w * sums["a"] * counts["k"] * ordered["a"] * own["a"]

    return f, lambda: (dict(sums), dict(counts), list(ordered.items()), own["a"])


def _property(w: Value) -> Made:
    class Guarded:
        def __init__(self) -> None:
            self.stored, self.sets = 1.0, 0

        @property
        def value(self) -> float:
            return self.stored

        @value.setter
        def value(self, x: float) -> None:
            self.stored, self.sets = 2.0 * x, self.sets + 1

    kept = Guarded()

    def f(x: float) -> Any:
        kept.value = kept.value * 0.25 + x
        return w * kept.value * kept.sets

    return f, lambda: (kept.stored, kept.sets)


def _generator_of_random_numbers_by_hand(w: Value) -> Made:
    state = [1]

    def f(x: float) -> Any:
        state[0] = (state[0] * 1103515245 + 12345) % 2**31  # the product is beyond 2**53 sometimes
        return w * x * (state[0] / 2**31)

    return f, lambda: state[0]


def _memory_of_results(w: Value) -> Made:
    known: dict[float, float] = {}

    def squared(x: float) -> float:
        if x not in known:
            known[x] = x * x
        return known[x]

    return lambda x: w * squared(x) * squared(2.0), lambda: known


def _attributes_set_to_what_they_are(w: Value) -> Made:
    class Agent:
        def __init__(self) -> None:
            self.done, self.mode, self.best, self.bound = False, "low", None, 2.0

        @property
        def limit(self) -> float:
            return 0.0

        @limit.setter
        def limit(self, x: float) -> None:
            self.bound = x

        def act(self, x: float) -> Any:
            self.done, self.best, self.limit = False, None, 2.0
            self.mode = "low" if x < 3 else "high"
            if x > 4:
                self.done, self.best, self.limit = True, 1, 7.0
            return self.mode_free(x)

        def mode_free(self, x: float) -> Any:
            return w * x

    agent = Agent()
    return agent.act, lambda: sorted(vars(agent).items(), key=lambda item: item[0])


SWITCH = "low"


def _a_global_set_to_what_it_is(w: Value) -> Made:
    def f(x: float) -> Any:
        global SWITCH
        SWITCH = "low" if x < 3 else "high"
        return w * x

    return f, lambda: globals()["SWITCH"]


def _counts_in_attributes_that_are_new(w: Value) -> Made:
    halved = functools.partial(lambda x: 0.5 * x, 1.0)
    halved.calls = 0  # type: ignore[attr-defined]

    def f(x: float) -> Any:
        f.calls = getattr(f, "calls", 0) + 1  # type: ignore[attr-defined]
        halved.calls += 1  # type: ignore[attr-defined]
        return w * x * f.calls * halved.calls  # type: ignore[attr-defined]

    return f, lambda: (f.calls, halved.calls)  # type: ignore[attr-defined]


KINDS = [make for name, make in list(globals().items()) if name[0] == "_" and isinstance(make, types.FunctionType)]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__[1:])
def test_state_is_what_it_is_without_the_compiler(make: Callable[[Value], Made]) -> None:
    def run(compiled: bool) -> list[Any]:
        w = Value(0.5)
        f, state = make(w)
        step = autograd.compile(f) if compiled else f
        found = []
        for x in (1.0, 2.0, 3.0, 2.0, 5.0, 6.0, 7.0):
            w.grad = 0.0
            result = step(x)
            result.backward()
            found.append((result.data, w.grad, repr(state())))
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found, expected in zip(run(True), run(False)):
            assert found[:2] == pytest.approx(expected[:2], rel=1e-13)
            assert found[2] == expected[2]


@pytest.mark.parametrize("transformation", [functional.grad, functional.value_and_grad, functional.jacobian])
def test_what_a_function_reads_and_changes_inside_a_transformation_is_seen(transformation: Any) -> None:
    """The transformation is made outside of what is compiled: its function is in a closure of this library."""

    def run(compiled: bool) -> list[Any]:
        w, state, rate = Value(0.5), {"calls": 0}, types.SimpleNamespace(now=1.0)

        def f(x: Any) -> Any:
            state["calls"] += 1
            return w * x * x * rate.now * state["calls"]

        slope = transformation(f)
        g = autograd.compile(slope) if compiled else slope
        step = autograd.compile(lambda x: slope(x)) if compiled else slope
        found = []
        for x in (1.0, 2.0, 3.0, 2.0, 5.0):
            found += [getattr(y, "data", y) for y in flatten([g(x), step(x)])] + [state["calls"]]
            rate.now *= 0.5
        return found

    assert run(True) == pytest.approx(run(False), rel=1e-14)


def test_numbers_in_class_attributes_are_a_part_of_the_program() -> None:
    class Counted:
        total = 0

    w = Value(0.5)

    @autograd.compile
    def f(x: float) -> Any:
        Counted.total += 1
        return w * x * Counted.total

    assert [f(1.0).data for _ in range(6)] == [0.5 * k for k in range(1, 7)]
    Counted.total = 10
    assert f(1.0).data == 5.5
    assert f.recordings <= 2


def _decays_first(ws: list[Value], t: Value) -> None:
    for w in ws:
        w.data *= 0.5
    t.backward()


def _goes_on_from_a_gradient(ws: list[Value], t: Value) -> None:
    for _ in range(2):
        for w in ws:
            w.grad = 0.0
        t.backward()
        for w in ws:
            w.data -= 0.05 * w.grad


def _adds_up(ws: list[Value], t: Value) -> None:
    t.backward()
    for w in ws:
        w.data -= 0.05 * w.grad
    t.backward()


def _sets_a_number(ws: list[Value], t: Value) -> None:
    ws[0].data = 2.0
    t.backward()
    ws[0].data = 3.0
    ws[1].data += ws[0].grad


def _mixes_old_and_new(ws: list[Value], t: Value) -> None:
    ws[0].data = 2.0
    (ws[0] * ws[1] + t * ws[0]).backward()


@pytest.mark.parametrize(
    "update", [_decays_first, _goes_on_from_a_gradient, _adds_up, _sets_a_number, _mixes_old_and_new]
)
@pytest.mark.parametrize("backend", ["python", "native"])
def test_a_gradient_of_what_was_computed_before_a_parameter_was_set(update: Any, backend: str) -> None:
    """It goes to the parameter, with the numbers that were recorded, as without the compiler."""
    found = []
    for compiled in (True, False):
        ws = [Value(0.3), Value(-0.4)]

        def step(x: Any, ws: list[Value] = ws) -> Any:
            for w in ws:
                w.grad = 0.0
            t = ws[0] * x + ws[1] * ws[0]
            update(ws, t)
            return t

        f: Any = autograd.compile(step, backend=backend) if compiled else step
        found.append([[f(x).data, *[(w.data, w.grad) for w in ws]] for x in (0.5, 0.7, -0.2)])
    for one, other in zip(*found):
        assert one[0] == pytest.approx(other[0])
        for w, v in zip(one[1:], other[1:]):
            assert w == pytest.approx(v)


def test_autograd_grad_after_a_parameter_was_set_is_as_without_the_compiler() -> None:
    found = []
    for compiled in (True, False):
        w, state = Value(0.5), {"slope": 0.0}

        def step(x: Any, w: Value = w, state: dict[str, float] = state) -> Any:
            t = w * w * x
            w.data = 2.0 * x
            (slope,) = autograd.grad(t, [w])
            state["slope"] = float(slope)
            return t

        f: Any = autograd.compile(step) if compiled else step
        found.append([(f(x).data, w.data, state["slope"]) for x in (0.5, 0.7, -0.2)])
    assert found[0] == found[1]


def test_a_property_that_is_only_set_runs_its_code_in_each_call() -> None:
    """What the setter reads, appends, counts and decides is seen, though the function never asks for the property."""

    class Watched:
        def __init__(self) -> None:
            self.history: list[Any] = []
            self.count, self.is_on, self.scale, self.previous = 0, True, 3, None

        def _set(self, number: float) -> None:
            self.count += 1
            self.is_on = not self.is_on
            self.previous = self.scale
            self.history.append(self.scale)

        rate = property(None, _set)

    def run(decorator: Callable[[Any], Any]) -> list[Any]:
        watched, weight, found = Watched(), Value(0.5), []

        def f(x: float) -> Any:
            watched.rate = x
            return weight * x

        f = decorator(f)
        for x in (1.0, 2.0, 3.0, 4.0):
            number = f(x).data
            found.append((number, watched.count, watched.is_on, watched.previous, [*watched.history]))
        return found

    assert run(autograd.compile) == run(lambda f: f)
