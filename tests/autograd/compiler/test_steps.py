"""A whole step of training under one decorator: gradients, parameters and what else it changes, as without it."""

from __future__ import annotations

import copy
import pickle
import random
import signal
import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import autograd
from autograd import AutogradError, Value, no_grad
from autograd.compiler.machine.tape import TapedStep
from autograd.compiler.recording.results import Plain
from nn import MLP, SGD, Adam, AdamW, RMSprop, clip_grad_norm_, clip_grad_value_

POINTS = [(random.Random(k).uniform(-1.0, 1.0), random.Random(k + 100).uniform(-1.0, 1.0)) for k in range(8)]


@pytest.fixture(autouse=True)
def _no_warning() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def close(found: Any, expected: Any) -> None:
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


class Task:
    """A network, and what a step is made of."""

    def __init__(self) -> None:
        self.model = MLP(2, [4, 1], activation="tanh", seed=1)
        self.parameters = self.model.parameters()

    def loss(self, x: float, y: float) -> Any:
        return (self.model([x, y]) - x * y) ** 2

    def numbers(self) -> list[float]:
        return [p.data for p in self.parameters] + [p.grad for p in self.parameters]


def trained(make: Callable[[Task], tuple[Callable[..., Any], Callable[[], Any]]], compiled: bool, steps: int) -> Any:
    """The losses of some steps, and the numbers afterwards; and how often the step was recorded."""
    task = Task()
    step, state = make(task)
    f = autograd.compile(step) if compiled else step
    losses = [f(*POINTS[k % len(POINTS)]).data for k in range(steps)]
    return losses, task.numbers(), state(), f.recordings if compiled else 0


def same(make: Callable[[Task], tuple[Callable[..., Any], Callable[[], Any]]], steps: int = 200) -> int:
    """Compare; the number of recordings."""
    expected, found = trained(make, False, steps), trained(make, True, steps)
    for x, y in zip(found[:3], expected[:3]):
        close(x, y)
    recordings: int = found[3]
    return recordings


# ---- the optimisers of nn --------------------------------------------------------------------------------------------
OPTIMIZERS: list[Callable[[Any], Any]] = [
    lambda parameters: SGD(parameters, lr=0.1),
    lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda parameters: Adam(parameters, lr=0.01),
    lambda parameters: Adam(parameters, lr=0.01, amsgrad=True, weight_decay=0.01),
    lambda parameters: AdamW(parameters, lr=0.01),
    lambda parameters: RMSprop(parameters, lr=0.01),
    lambda parameters: SGD(parameters, lr=0.01, momentum=0.9, dampening=0.4),
    lambda parameters: SGD(parameters, lr=1e-4, maximize=True),
    lambda parameters: RMSprop(parameters, lr=0.01, momentum=0.9, centered=True),
]


def with_optimizer(optimizer_of: Callable[[Any], Any]) -> Any:
    def make(task: Task) -> Any:
        optimizer = optimizer_of(task.parameters)

        def step(x: float, y: float) -> Any:
            value = task.loss(x, y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        return step, lambda: [*optimizer.hyper.__dict__.values(), *[x for row in optimizer.state for x in row]]

    return make


@pytest.mark.parametrize("optimizer_of", OPTIMIZERS)
def test_a_step_with_an_optimizer(optimizer_of: Callable[[Any], Any]) -> None:
    assert same(with_optimizer(optimizer_of)) == 1


def test_the_python_back_end_does_the_same() -> None:
    task, other = Task(), Task()
    step, _ = with_optimizer(OPTIMIZERS[3])(task)
    expected, _ = with_optimizer(OPTIMIZERS[3])(other)
    compiled = autograd.compile(step, backend="python")
    for x, y in POINTS:
        close(compiled(x, y).data, expected(x, y).data)
    close(task.numbers(), other.numbers())


def test_clipping() -> None:
    def make(task: Task) -> Any:
        optimizer = SGD(task.parameters, lr=0.1)

        def step(x: float, y: float) -> Any:
            value = task.loss(x, y)
            optimizer.zero_grad()
            value.backward()
            clip_grad_value_(task.parameters, 0.5)
            clip_grad_norm_(task.parameters, 0.3)
            clip_grad_norm_(task.parameters, 0.2, norm_type=3.0)
            optimizer.step()
            return value

        return step, lambda: optimizer.lr

    assert same(make) == 1


# ---- by hand ---------------------------------------------------------------------------------------------------------
def by_hand(task: Task) -> Any:
    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        for p in task.parameters:
            p.grad = 0
        value.backward()
        for p in task.parameters:
            p.data -= 0.1 * p.grad
        return value

    return step, list


def adam_by_hand(task: Task) -> Any:
    m, v = [0.0] * len(task.parameters), [0.0] * len(task.parameters)
    counter = SimpleNamespace(step=0)

    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        value.backward()
        rate = 0.01 * (1 - counter.step / 1000)
        for i, p in enumerate(task.parameters):
            m[i] = 0.85 * m[i] + (1 - 0.85) * p.grad
            v[i] = 0.99 * v[i] + (1 - 0.99) * p.grad**2
            m_hat = m[i] / (1 - 0.85 ** (counter.step + 1))
            v_hat = v[i] / (1 - 0.99 ** (counter.step + 1))
            p.data -= rate * m_hat / (v_hat**0.5 + 1e-8)
            p.grad = 0
        counter.step += 1
        return value

    return step, lambda: [*m, *v, counter.step]


def accumulating(task: Task) -> Any:
    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        value.backward()
        for p in task.parameters:
            p.data -= 0.001 * p.grad
        return value

    return step, list


def in_dictionaries(task: Task) -> Any:
    state: dict[str, Any] = {"lr": 0.1, "velocity": {p.label: 0.0 for p in task.parameters}, "seen": 0}

    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        task.model.zero_grad()
        value.backward()
        for p in task.parameters:
            state["velocity"][p.label] = 0.9 * state["velocity"][p.label] + p.grad
            p.data -= state["lr"] * state["velocity"][p.label]
        state["lr"] *= 0.999
        state["seen"] += 1
        return value

    return step, lambda: [state["lr"], state["seen"], *state["velocity"].values()]


def around_it(task: Task) -> Any:
    velocities, count, largest = [0.0] * len(task.parameters), 0, 0.0

    def step(x: float, y: float) -> Any:
        nonlocal velocities, count, largest
        value = task.loss(x, y)
        with no_grad():
            for p in task.parameters:
                p.grad = 0.0
        value.backward(2.0)
        velocities = [0.5 * v + p.grad for v, p in zip(velocities, task.parameters)]
        with no_grad():
            for p, v in zip(task.parameters, velocities):
                p.data = p.data - 0.05 * v
        count += 1
        largest = max(largest, value.data)
        return value

    return step, lambda: [*velocities, count, largest]


def two_losses(task: Task) -> Any:
    def step(x: float, y: float) -> Any:
        for p in task.parameters:
            p.grad = 0.0
        value = task.loss(x, y)
        value.backward()
        (task.loss(y, x) * 0.5).backward()
        for p in task.parameters:
            p.data -= 0.1 * p.grad
        return value

    return step, list


def two_steps_in_one(task: Task) -> Any:
    def step(x: float, y: float) -> Any:
        for _ in range(2):
            task.model.zero_grad()
            value = task.loss(x, y)
            value.backward()
            for p in task.parameters:
                p.data -= 0.1 * p.grad
        return value + task.loss(x, y)

    return step, list


def penalised(task: Task) -> Any:
    """Weight decay and a gradient of a gradient."""

    def step(x: float, y: float) -> Any:
        task.model.zero_grad()
        value = task.loss(x, y)
        slopes = autograd.grad(value, task.parameters, create_graph=True)
        total = value + 0.1 * sum((d * d for d in slopes), Value(0.0))
        total.backward()
        for p in task.parameters:
            p.data = p.data * 0.999 - 0.1 * p.grad
        return total

    return step, list


HAND = [by_hand, adam_by_hand, accumulating, in_dictionaries, around_it, two_losses, two_steps_in_one, penalised]


@pytest.mark.parametrize("make", HAND)
def test_a_step_by_hand(make: Any) -> None:
    assert same(make) == 1


class Trainer:
    """A class that keeps everything in attributes."""

    rate = 0.1

    def __init__(self) -> None:
        self.task = Task()
        self.velocity = [0.0 for _ in self.task.parameters]
        self.steps = 0
        self.last: Any = None

    def step(self, x: float, y: float) -> Any:
        value = self.task.loss(x, y)
        self.task.model.zero_grad()
        value.backward()
        self.velocity = [0.9 * v + p.grad for v, p in zip(self.velocity, self.task.parameters)]
        for p, v in zip(self.task.parameters, self.velocity):
            p.data -= self.rate * v
        self.steps += 1
        self.last = value.data
        return value

    compiled = autograd.compile(step)

    def numbers(self) -> list[Any]:
        return [*self.task.numbers(), *self.velocity, self.steps, self.last]


def test_a_method() -> None:
    one, other = Trainer(), Trainer()
    for x, y in POINTS * 5:
        close(one.compiled(x, y).data, other.step(x, y).data)
        close(one.numbers(), other.numbers())
    assert one.compiled.recordings == 2  # in the first call ``last`` was None
    assert [type(one.steps), type(one.last), type(one.velocity)] == [int, float, list]
    twin = copy.deepcopy(one)
    close(twin.compiled(*POINTS[0]).data, other.step(*POINTS[0]).data)
    assert pickle.loads(pickle.dumps(one)).numbers() == one.numbers()


COUNT, TOTAL = 0, [0.0]


def counted(x: Any) -> Any:
    global COUNT
    COUNT += 1
    TOTAL[0] += x
    return x * COUNT + TOTAL[0]


def test_globals_and_numbers_without_parameters() -> None:
    global COUNT
    COUNT, TOTAL[0] = 0, 0.0
    compiled = autograd.compile(counted)
    assert [compiled(2.0) for _ in range(4)] == [4.0, 8.0, 12.0, 16.0]
    assert (COUNT, TOTAL, compiled.recordings) == (4, [8.0], 1)
    assert type(COUNT) is int
    COUNT, TOTAL[0] = 10, 1.0
    assert compiled(2.0) == 2.0 * 11 + 3.0
    assert compiled.value_and_grad(2.0) == (2.0 * 12 + 5.0, (13.0,))
    assert (COUNT, TOTAL, compiled.recordings) == (12, [5.0], 1)


# ---- what happens around it ------------------------------------------------------------------------------------------
def test_others_change_parameters_gradients_and_state_between_calls() -> None:
    results = []
    for compiled in (False, True):
        task = Task()
        m = [0.0] * len(task.parameters)

        def step(x: float, y: float, task: Task = task, m: list[float] = m) -> Any:
            value = task.loss(x, y)
            value.backward()
            for i, p in enumerate(task.parameters):
                m[i] = 0.5 * m[i] + p.grad
                p.data -= 0.1 * m[i]
                p.grad *= 0.5
            return value

        f = autograd.compile(step) if compiled else step
        found = []
        for k, (x, y) in enumerate(POINTS):
            found.append(f(x, y).data)
            if k == 2:
                task.parameters[0].data = 0.25
                task.parameters[1].grad = 3
                m[2] = 1
            if k == 4:
                task.model.zero_grad()
                m[:] = [0.1] * len(m)
            if k == 5:
                task.loss(x, y).backward()
        results.append([found, task.numbers(), m])
    for x, y in zip(*results):
        close(y, x)


def test_two_functions_on_the_same_parameters() -> None:
    task, other = Task(), Task()
    for t in (task, other):
        step, _ = with_optimizer(OPTIMIZERS[3])(t)
        decay = decaying(t)
        if t is task:
            step, decay = autograd.compile(step), autograd.compile(decay)
        losses = [(step(x, y).data, decay(x).data) for x, y in POINTS * 2]
        if t is task:
            found = losses
    close([x for pair in found for x in pair], [x for pair in losses for x in pair])
    close(task.numbers(), other.numbers())


def decaying(task: Task) -> Callable[[float], Any]:
    def decay(x: float) -> Any:
        for p in task.parameters:
            p.data *= 0.9
        return task.parameters[0] * x

    return decay


def test_a_parameter_in_two_lists() -> None:
    results = []
    for compiled in (False, True):
        a, b = Value(2.0), Value(3.0)
        groups = {"fast": [a, b], "slow": [b, a]}

        def step(x: float, groups: dict[str, list[Value]] = groups) -> Any:
            first, second = groups["fast"]
            value = (first * x - second) ** 2
            value.backward()
            for name, rate in (("fast", 0.1), ("slow", 0.01)):
                for p in groups[name]:
                    p.data -= rate * p.grad
            for p in groups["slow"]:
                p.grad = 0.0
            return value

        f = autograd.compile(step) if compiled else step
        results.append([[f(0.1 * k).data for k in range(20)], [a.data, b.data, a.grad, b.grad]])
    for x, y in zip(*results):
        close(y, x)


def test_arguments_that_are_parameters() -> None:
    def step(w: Any, x: float) -> Any:
        value = (w * x - 1.0) ** 2
        value.backward()
        w.data -= 0.1 * w.grad
        return value

    compiled = autograd.compile(step)
    ws = [Value(2.0), Value(2.0)]
    for k in range(10):
        close(compiled(ws[0], 0.3 * k).data, step(ws[1], 0.3 * k).data)
        close([ws[0].data, ws[0].grad], [ws[1].data, ws[1].grad])
    assert compiled.recordings == 1


def test_the_same_parameter_as_two_arguments() -> None:
    def step(v: Any, w: Any) -> Any:
        value = v * w
        value.backward()
        v.data -= 0.1 * v.grad
        return value + w

    compiled, a, b = autograd.compile(step), Value(2.0), Value(2.0)
    other, another = Value(1.0), Value(1.0)
    for one, two in ((a, b), (a, a), (a, b)):
        u, w = {a: (other), b: another}[one], {a: other, b: another}[two]
        u.data, w.data = one.data, two.data
        u.grad, w.grad = one.grad, two.grad
        close(compiled(one, two).data, step(u, w).data)
        close([one.data, two.data, one.grad, two.grad], [u.data, w.data, u.grad, w.grad])


def test_the_result_has_the_gradients_of_the_graph_before_the_step() -> None:
    results = []
    for compiled in (False, True):
        task = Task()
        step, _ = by_hand(task)
        f = autograd.compile(step) if compiled else step
        outs = [f(*point) for point in POINTS[:3]]
        for p in task.parameters:
            p.grad = 0.0
        outs[1].backward()
        results.append(task.numbers())
    close(results[1], results[0])


def test_inside_no_grad_backward_is_an_error_as_without_the_compiler() -> None:
    results = []
    for compiled in (False, True):
        task = Task()
        step, _ = by_hand(task)
        f = autograd.compile(step) if compiled else step
        f(*POINTS[0])
        with no_grad(), pytest.raises(AutogradError, match=r"was computed inside no_grad\(\)"):
            f(*POINTS[1])
        f(*POINTS[2])
        results.append(task.numbers())
    close(results[1], results[0])


def test_what_was_changed_before_an_error_stays_changed_as_without_the_compiler() -> None:
    results = []
    for compiled in (False, True):
        task = Task()
        m = [0.0, 1.0]
        step = _raising(task, m)
        f = autograd.compile(step) if compiled else step
        for x in (0.7, 0.1, 0.7, 0.2, 0.9, 0.9, 0.9, 0.9, 0.3):
            if x > 0.5:
                with pytest.raises(KeyError) as caught:
                    f(x, 1.0)
                assert [*map(type, caught.value.args)] == [float, float]
            else:
                f(x, 1.0)
            results.append([*task.numbers(), *m])
    half = len(results) // 2
    for found, expected in zip(results[half:], results[:half]):
        close(found, expected)


def _raising(task: Task, m: list[float]) -> Any:
    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        value.backward()
        m[0] = m[0] + value.data
        for p in task.parameters:
            p.data -= p.grad
            p.grad = 0
        if x > 0.5:
            raise KeyError(x, value.data)
        return value

    return step


def test_decisions_are_made_before_anything_is_written() -> None:
    def make(task: Task) -> Any:
        count = [0]

        def step(x: float, y: float) -> Any:
            task.model.zero_grad()
            value = task.loss(x, y)
            value.backward()
            count[0] += 1
            rate = 0.2 if value.data > 0.05 else 0.01
            for p in task.parameters:
                if p.grad > 0:
                    p.data -= rate * p.grad
                else:
                    p.data -= 0.5 * rate * p.grad
            return value

        return step, lambda: count

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(make, 60)


def test_models_and_optimizers_are_pickled_and_copied_afterwards() -> None:
    task = Task()
    optimizer = Adam(task.parameters, lr=0.01)

    def step(x: float, y: float) -> Any:
        value = task.loss(x, y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    compiled = autograd.compile(step)
    for point in POINTS:
        compiled(*point)
    model, twin = pickle.loads(pickle.dumps((task.model, optimizer)))
    assert [p.data for p in model.parameters()] == [p.data for p in task.parameters]
    assert (twin.state, vars(twin.hyper)) == (optimizer.state, vars(optimizer.hyper))
    assert copy.deepcopy(optimizer).state_dict() == optimizer.state_dict()
    assert [type(x) for row in optimizer.state for x in row] == [float] * (2 * len(task.parameters))
    assert (type(optimizer.hyper.step), optimizer.hyper.step) == (int, len(POINTS))


def test_a_learning_rate_that_is_an_argument_or_is_changed_between_calls() -> None:
    results = []
    for compiled in (False, True):
        task = Task()
        optimizer = SGD(task.parameters, lr=0.1, momentum=0.5)

        def step(x: float, y: float, rate: float, task: Task = task, optimizer: Any = optimizer) -> Any:
            value = task.loss(x, y)
            optimizer.zero_grad()
            value.backward()
            for p in task.parameters:
                p.grad *= rate
            optimizer.step()
            return value

        f = autograd.compile(step) if compiled else step
        losses = []
        for k in range(100):
            optimizer.lr = 0.1 / (1 + k)
            losses.append(f(*POINTS[k % 8], 1.0 / (1 + k)).data)
        results.append([losses, task.numbers()])
        if compiled:
            assert f.recordings <= 2
    for x, y in zip(*results):
        close(y, x)


@pytest.mark.parametrize("length", [0, 3])
def test_a_list_that_grows_at_the_front(length: int) -> None:
    """It cannot be part of a program: the calls run without the compiler, with the same result."""
    task, other = Task(), Task()
    seen: list[float] = [0.0] * length

    def step(task: Task, x: float, y: float) -> Any:
        task.model.zero_grad()
        value = task.loss(x, y)
        value.backward()
        for p in task.parameters:
            p.data -= 0.1 * p.grad
        seen.insert(0, value.data)
        return value

    compiled = autograd.compile(lambda x, y: step(task, x, y))
    with pytest.warns(RuntimeWarning, match="changes (the length|it in another way)"):
        losses = [compiled(*point).data for point in POINTS]
    close(losses, [*reversed(seen)][length:])
    found, seen[:] = [*seen], [0.0] * length
    for point in POINTS:
        step(other, *point)
    close(found, seen)
    close(task.numbers(), other.numbers())


def test_dropout_draws_at_each_call() -> None:
    results = []
    for compiled in (False, True):
        task, rng = Task(), random.Random(5)

        def step(x: float, y: float, task: Task = task, rng: random.Random = rng) -> Any:
            task.model.zero_grad()
            value = task.loss(x, y) * (rng.random() > 0.5)
            value.backward()
            for p in task.parameters:
                p.data -= 0.1 * p.grad
            return value

        f = autograd.compile(step) if compiled else step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append([[f(*point).data for point in POINTS], task.numbers()])
    for x, y in zip(*results):
        close(y, x)


def test_a_list_that_is_replaced_now_and_changed_in_place_then() -> None:
    results = []
    for compiled in (False, True):
        keep = SimpleNamespace(m=[1.0, 2.0])

        def step(x: float, reset: bool, keep: Any = keep) -> Any:
            if reset:
                keep.m = [0.0, 0.0]
            keep.m[0] = keep.m[0] + x
            return keep.m[0] * x

        f = autograd.compile(step) if compiled else step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = [f(0.5 * k, k % 4 == 2) for k in range(12)]
        results.append([[getattr(x, "data", x) for x in out], keep.m])
    assert results[0] == results[1]


class _Counter:
    """An attribute that can be deleted."""


@pytest.mark.parametrize("kind", ["entry", "attribute", "member"])
@pytest.mark.parametrize("backend", ["python", "native"])
def test_a_number_outside_that_is_not_there_any_more(kind: str, backend: str) -> None:
    """The function says what is done then, as it does without the compiler."""

    def make() -> tuple[Callable[[float], Any], Callable[[], Any]]:
        entries: dict[str, Any] = {"n": 0.0}
        counter: Any = _Counter()
        counter.n = 0.0
        members = [0.0, 0.0]

        def entry(x: Any) -> Any:
            entries["n"] = entries.get("n", 0.5) + x
            return x * entries["n"]

        def attribute(x: Any) -> Any:
            counter.n = getattr(counter, "n", 0.5) + x
            return x * counter.n

        def member(x: Any) -> Any:
            if len(members) > 1:
                members[1] = members[1] + x
            return x * members[-1]

        deletions = {
            "entry": (entry, lambda: entries.pop("n")),
            "attribute": (attribute, lambda: delattr(counter, "n")),
            "member": (member, members.pop),
        }
        return deletions[kind]

    def run(f: Callable[[float], Any], delete: Callable[[], Any]) -> list[float]:
        found = [f(x) for x in (1.0, 2.0, 2.0)]
        delete()
        found += [f(x) for x in (3.0, 4.0, 5.0)]
        return [getattr(x, "data", x) for x in found]

    (f, delete), (g, other) = make(), make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where it adds the entry it runs without the compiler
        found = run(autograd.compile(f, backend=backend), delete)
    assert found == run(g, other)


def test_an_int_that_becomes_a_float() -> None:
    """The function may ask what it is."""
    results = []
    for compiled in (False, True):
        kept: list[Any] = [0, 0]

        def step(x: float, kept: list[Any] = kept) -> Any:
            kept[0] = kept[0] + x
            kept[1] = kept[1] + 1 if isinstance(kept[1], int) and kept[1] < 3 else 0.5
            return x * kept[0] + kept[1]

        f = autograd.compile(step) if compiled else step
        out = [f(0.5 * k) for k in range(10)]
        results.append([[getattr(x, "data", x) for x in out], [*kept], [type(x) for x in kept]])
    assert results[0] == results[1]


def test_state_that_is_made_in_the_first_call() -> None:
    def make(task: Task) -> Any:
        keep = SimpleNamespace(velocity=[], last=0, turns=0.0)

        def step(x: float, y: float) -> Any:
            if not keep.velocity:
                keep.velocity = [1.0 for _ in task.parameters]
            value = task.loss(x, y)
            task.model.zero_grad()
            value.backward()
            keep.velocity = [0.5 * v + p.grad for v, p in zip(keep.velocity, task.parameters)]
            for p, v in zip(task.parameters, keep.velocity):
                p.data -= 0.1 * v
            keep.last = value.data if isinstance(keep.last, float) else 7.0
            return value

        return step, lambda: [*keep.velocity, keep.last]

    assert same(make, 20) <= 4


@pytest.mark.parametrize("start", [0.5, -0.5])
def test_a_step_whose_graph_hardly_repeats_itself_is_a_tape(start: float) -> None:
    """Its operations are one by one, so that compiling each would take longer than to run them for hours."""

    def make() -> tuple[Callable[..., Any], Any]:
        k, damping = Value(2.0, label="k"), Value(0.1, label="damping")
        state = SimpleNamespace(rate=0.01, count=0, losses=[0.0, 0.0], momentum=[0.0, 0.0], k=k, damping=damping)

        def step(x: float, target: float) -> Any:
            v = 0.0
            for n in range(200):
                a = -k * x - damping * v
                v = v + 0.01 * a * (1 + n % 3)
                x = x + 0.01 * v
            loss = (x - target) ** 2
            if loss > 10.0:
                loss = loss.sqrt()
            for p in (k, damping):
                p.grad = 0.0
            loss.backward()
            for i, p in enumerate((k, damping)):
                state.momentum[i] = 0.9 * state.momentum[i] + p.grad
                p.data -= state.rate * state.momentum[i]
            state.count += 1
            state.losses[0] = loss.data
            return {"loss": loss, "x": x}

        return step, state

    eager, expected = make()
    f, found = make()
    compiled = autograd.compile(f)
    for call in range(9):
        target = 0.25 * call if call != 7 else 20.0  # another decision
        one, other = eager(start, target), compiled(start, target)
        assert other["loss"].data == pytest.approx(one["loss"].data, rel=1e-12)
        assert other["x"].data == pytest.approx(one["x"].data, rel=1e-12)
        for name in ("k", "damping"):
            left, right = getattr(expected, name), getattr(found, name)
            assert right.data == pytest.approx(left.data, rel=1e-12)
            assert right.grad == pytest.approx(left.grad, rel=1e-11)
        assert found.momentum == pytest.approx(expected.momentum, rel=1e-11)
        assert found.losses == pytest.approx(expected.losses, rel=1e-11)
        assert found.count == expected.count
        if call == 2:
            found.rate = expected.rate = 0.02
            found.k.data = expected.k.data = 2.5
    assert compiled.recordings <= 4
    before = found.k.grad
    one["x"].backward()  # the result of the last call has gradients as well
    other["x"].backward()
    assert found.k.grad - before == pytest.approx(expected.k.grad - before, rel=1e-9)
    plans = [plan for variant in compiled.kept.all() for key, plan in variant.plans.items() if key == "step"]
    assert plans
    assert all(isinstance(plan.run.args[1], TapedStep) for plan in plans)


@pytest.mark.parametrize("given", [True, False])
def test_a_taped_step_that_differentiates_a_leaf(given: bool) -> None:
    """The root of ``backward()`` is a parameter, or an argument, and no result."""
    results = []
    for decorate in (lambda f: f, autograd.compile):
        w = [Value(0.1 * k) for k in range(1, 6)]

        def step(x: Any, w: Any = w) -> Any:
            for p in w:
                p.grad = 0.0
            (x if given else w[0]).backward()
            y = x
            for k in range(300):
                y = (y * w[k * k % 5]).sin() if k * k % 7 < 3 else (y + w[k % 5]) / (1.5 + w[k % 3])
            w[1].data = w[1].data - 0.1 * (w[0].grad + 1.0)
            return y

        made: Any = decorate(step)
        x = Value(0.5)
        found = [made(x).data for _ in range(3)]
        results.append([*found, *[p.data for p in w], *[p.grad for p in w], x.grad])
    assert results[1] == pytest.approx(results[0], rel=1e-12)


@pytest.mark.parametrize(
    "optimizer_of", [lambda w: SGD(w, 0.01), lambda w: SGD(w, 0.01, momentum=0.9), lambda w: Adam(w, 0.01)]
)
def test_a_taped_step_with_an_optimizer(optimizer_of: Callable[[Any], Any]) -> None:
    results, compiled = [], None
    for is_compiled in (False, True):
        w = [Value(0.1 * k - 0.5) for k in range(12)]
        optimizer = optimizer_of(w)

        def step(x: float, w: Any = w, optimizer: Any = optimizer) -> Any:
            for k in range(300):
                x = (x * w[k * k % 12]).sin() if k * k % 7 < 3 else (x + w[k % 12]) / (1.5 + w[k % 5] ** 2)
            optimizer.zero_grad()
            x.backward()
            optimizer.step()
            return x

        compiled = autograd.compile(step) if is_compiled else None
        values = [(compiled or step)(0.5).data for _ in range(5)]
        results.append([*values, *[p.data for p in w], *[p.grad for p in w]])
    assert results[1] == pytest.approx(results[0], rel=1e-11)
    assert compiled is not None
    assert compiled.recordings == 1
    (variant,) = compiled.kept.all()
    assert isinstance(variant.step_plan().run.args[1], TapedStep)


@pytest.mark.parametrize("count", [1, 300])
def test_a_step_that_does_not_read_its_arguments(count: int) -> None:
    results = []
    for decorate in (lambda f: f, autograd.compile):
        w = [Value(0.01 * k + 1.0) for k in range(count)]

        def step(epoch: float, batch: list[float], w: Any = w) -> Any:
            for p in w:
                p.grad = 0.0
            loss = sum(p * p for p in w)
            loss.backward()
            for p in w:
                p.data -= 0.1 * p.grad
            return loss

        made: Any = decorate(step)
        results.append([made(float(k), [1.0, 2.0]).data for k in range(30)])  # machine code takes over in between
    assert results[1] == pytest.approx(results[0], rel=1e-11)


def test_a_gradient_that_is_only_read() -> None:
    w = Value(2.0)
    compiled = autograd.compile(lambda x: w * x + w.grad)
    for gradient in (0, 1.5, -2.0):
        w.grad = gradient
        assert compiled(3.0).data == 6.0 + gradient
    assert compiled.recordings == 1


def test_inputs_that_become_values_inside() -> None:
    """As micrograd's demo does it; they are data, and their gradient is nobody's."""
    results = []
    for compiled in (False, True):
        task = Task()

        def step(xs: list[float], task: Task = task) -> Any:
            inputs = list(map(Value, xs))
            value = (task.model(inputs) - Value(0.5)) ** 2
            task.model.zero_grad()
            value.backward()
            for p in task.parameters:
                p.data += -0.1 * p.grad
            return value

        f = autograd.compile(step) if compiled else step
        results.append([[f(list(point)).data for point in POINTS], task.numbers()])
        if compiled:
            assert f.recordings == 1
            assert len(f.program.arrays) < 60
    for x, y in zip(*results):
        close(y, x)


def test_a_step_that_returns_nothing_or_more_than_the_loss() -> None:
    task, other = Task(), Task()

    def nothing(t: Task, x: float, y: float) -> None:
        t.model.zero_grad()
        t.loss(x, y).backward()
        for p in t.parameters:
            p.data -= 0.1 * p.grad

    def several(t: Task, x: float, y: float) -> Any:
        nothing(t, x, y)
        value = t.loss(x, y)
        return {"loss": value, "norm": sum(p.grad**2 for p in t.parameters) ** 0.5, "sign": value.data > 0.1}

    for f in (nothing, several):
        compiled = autograd.compile(lambda x, y, f=f: f(task, x, y))  # type: ignore[misc]
        for point in POINTS:
            found, expected = compiled(*point), f(other, *point)
            if expected is None:
                assert found is None
            else:
                close([found["loss"].data, found["norm"]], [expected["loss"].data, expected["norm"]])
                assert [type(x) for x in found.values()] == [type(x) for x in expected.values()]
                assert found["sign"] == expected["sign"]
            close(task.numbers(), other.numbers())


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that interrupt")
def test_an_interrupt_leaves_all_or_nothing() -> None:
    ps = [Value(0.0) for _ in range(300)]
    m, counter = [0.0] * 300, SimpleNamespace(n=0, pairs=[(0.0, 0.0)] * 300)

    def step(x: float) -> Any:
        value = sum((p * x for p in ps), Value(0.0))
        for i, p in enumerate(ps):
            p.data += 1.0
            p.grad += 1.0
            m[i] += 1.0
        counter.n += 1
        counter.pairs = [(a + 1.0, b + 1.0) for a, b in counter.pairs]
        return value

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    compiled, interrupted = autograd.compile(step), 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        rng = random.Random(0)
        for _ in range(300):
            try:
                # Once more after a second: Python drops one that comes inside what the collector calls.
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 2e-3), 1.0)
                while True:
                    compiled(1.0)
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            numbers = [p.data for p in ps] + [p.grad for p in ps] + m + [x for pair in counter.pairs for x in pair]
            assert {*numbers} == {float(counter.n)}
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 300
    assert {type(x) for x in m} == {float}


def test_map_is_refused() -> None:
    with pytest.raises(autograd.AutogradError, match="changes something at each call"):
        autograd.compile(counted).map([1.0, 2.0])


def lengths(sizes: Sequence[int]) -> list[list[float]]:
    return [[random.Random(k).uniform(-1.0, 1.0) for _ in range(size)] for k, size in enumerate(sizes)]


def test_arguments_of_many_lengths() -> None:
    """One recording for each, and one more at most."""
    rows = lengths([2, 5, 3, 2, 5, 4, 3, 2] * 4)
    results = []
    for compiled in (False, True):
        task = Task()
        optimizer = Adam(task.parameters, lr=0.05)

        def step(xs: list[float], task: Task = task, optimizer: Any = optimizer) -> Any:
            value = sum((task.loss(a, xs[0]) for a in xs), Value(0.0)) / len(xs)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        f = autograd.compile(step) if compiled else step
        results.append([[f(row).data for row in rows], task.numbers()])
        if compiled:
            assert f.recordings == 4
    for x, y in zip(*results):
        close(y, x)


# ---- results that depend on parameters that the call has set ---------------------------------------------------------
def _gives_a_parameter(w: list[Value]) -> Callable[[float], Any]:
    def step(x: float) -> Any:
        w[0].data += x
        return w[0]

    return step


def _clamps_first(w: list[Value]) -> Callable[[float], Any]:
    def loss(x: float) -> Any:
        for p in w:
            p.data = max(-0.4, min(0.4, p.data))
        return sum(p * p * x for p in w)

    return loss


def _sets_twice(w: list[Value]) -> Callable[[float], Any]:
    def loss(x: float) -> Any:
        first = w[0] * x
        w[0].data = 3.0
        second = w[0] * w[1]
        w[0].data *= 0.5
        return first + second * (w[0] + 1.0)

    return loss


def _after_a_step(w: list[Value]) -> Callable[[float], Any]:
    def step(x: float) -> Any:
        loss = w[0] * w[0] * x + w[1]
        for p in w:
            p.grad = 0.0
        loss.backward()
        for p in w:
            p.data -= 0.1 * p.grad
        return (loss + w[0] * w[1]) * w[0].grad

    return step


@pytest.mark.parametrize("backend", ["auto", "python"])
@pytest.mark.parametrize("make", [_gives_a_parameter, _clamps_first, _sets_twice, _after_a_step])
def test_gradients_of_a_result_go_to_parameters_that_the_call_has_set(make: Any, backend: str) -> None:
    def run(compiled: bool) -> Any:
        w = [Value(0.75), Value(-0.5)]
        step = autograd.compile(make(w), backend=backend) if compiled else make(w)
        found = []
        for x in (1.0, 2.0, -0.5):
            result = step(x)
            for p in w:
                p.grad = 0.0
            result.backward()
            found += [result.data, *[p.data for p in w], *[p.grad for p in w]]
        return found

    close(run(True), run(False))


def test_gradients_go_to_arguments_that_the_call_has_set() -> None:
    def step(p: Value, x: float) -> Any:
        p.data *= 2.0
        return p * p * p * x

    found = []
    for f in (step, autograd.compile(step)):
        for x in (1.0, 2.0):
            p = Value(0.5)
            f(p, x).backward()
            found += [p.data, p.grad]
    close(found[:4], found[4:])


def test_a_step_gives_the_plain_number_that_it_returns() -> None:
    w = [Value(0.5), Value(0.25)]

    def step(x: float, k: int, keep: list[float]) -> Any:
        loss = sum(p * p for p in w) * x
        loss.backward()
        for p in w:
            p.data -= 0.1 * p.grad
            p.grad = 0
        return loss.data if k == 0 else k + 1 if k == 1 else x > 0.0 if k == 2 else loss

    compiled = autograd.compile(step)
    kinds = [[type(compiled(x, k, [])) for x in (1.0, 0.0, 2.0)] for k in range(4)]
    assert kinds == [[Plain] * 3, [int] * 3, [bool] * 3, [Value] * 3]


def test_a_plain_number_without_a_recording_is_plain_too() -> None:
    w, history = Value(0.5), []

    @autograd.compile
    def step(k: int) -> Any:
        loss = (w - k) ** 2
        history.append(loss.data)
        return loss.data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {type(step(k)) for k in range(8)} == {Plain}
    assert history == [(0.5 - k) ** 2 for k in range(8)]


def test_an_argument_of_zero_is_an_argument() -> None:
    assert autograd.compile(lambda x: [x * 2.0, x + 1.0])(0.0) == [0.0, 1.0]


def test_the_largest_of_what_is_computed_on_the_way_in_python() -> None:
    rates, w = [0.4, 0.2, 0.1], [Value(0.5), Value(0.25)]

    def step(k: int) -> Any:
        return sum(p * p for p in w) * rates[min(k, len(rates) - 1)] + max(k * 2.0 + 1.0, k * k - 1.0)

    compiled = autograd.compile(step, backend="python")
    close([compiled(k).data for k in range(6)], [step(k).data for k in range(6)])
    assert compiled.recordings == 1


def test_the_gradient_of_an_input_is_what_it_is_without_the_compiler() -> None:
    w = Value(0.5)

    @autograd.compile
    def saliency(x: float) -> Any:
        given = Value(x)
        (given * w).tanh().backward()
        return given.data, given.grad

    with pytest.warns(RuntimeWarning, match="reads the gradient of an argument"):
        found = [saliency(0.5) for _ in range(8)]
    close([slope for _, slope in found], [0.5 * (1.0 - autograd.tanh(0.25) ** 2)] * 8)
