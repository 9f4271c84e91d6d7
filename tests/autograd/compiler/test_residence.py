"""Numbers that stay in the memory of machine code from step to step: nobody ever sees an old one."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import re
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, no_grad, strict
from autograd.elementwise import Deferred
from nn import MLP, SGD, Adam, AdamW, RMSprop
from nn.schedules import CosineAnnealingLR
from tests.support import PATIENCE
from tests.support.interrupts import interrupted_at

pytest.importorskip("llvmlite")


def point(k: int) -> tuple[float, float]:
    rng = random.Random(k)
    return rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)


class Task:
    """A network and a step of its training."""

    def __init__(self, optimizer_of: Callable[[Any], Any] | None = None, *, compiled: bool = True) -> None:
        self.model = MLP(2, [4, 1], activation="tanh", seed=1)
        self.parameters = self.model.parameters()
        self.optimizer = (optimizer_of or (lambda ps: Adam(ps, lr=0.05)))(self.parameters)
        model, optimizer = self.model, self.optimizer

        def step(x: float, y: float) -> Any:
            value = (model([x, y]) - x * y) ** 2
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        self.step = autograd.compile(step) if compiled else step

    def run(self, start: int, end: int) -> list[float]:
        return [self.step(*point(k)).data for k in range(start, end)]

    def numbers(self) -> list[float]:
        state = [x for row in self.optimizer.state for x in row]
        return [p.data for p in self.parameters] + [p.grad for p in self.parameters] + state


def pair(optimizer_of: Callable[[Any], Any] | None = None, steps: int = 5) -> tuple[Task, Task]:
    """A task some steps on, its numbers in the machine, and the same eagerly."""
    task, twin = Task(optimizer_of), Task(optimizer_of, compiled=False)
    close(task.run(0, steps), twin.run(0, steps))
    assert is_resident(task.parameters)
    return task, twin


def is_resident(values: Any) -> bool:
    return {type(p) is Value for p in values} == {False}


def close(found: Any, expected: Any) -> None:
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


# ---- reading ---------------------------------------------------------------------------------------------------------
def seen_by_backward(p: Any) -> list[float]:
    before = p.grad
    (p * p).backward()
    return [p.grad - before]


DOORS: dict[str, Callable[[Any], Any]] = {
    "data": lambda p: p.data,
    "_data": attrgetter("_data"),
    "getattr": lambda p: [getattr(p, name) for name in ("data", "grad")],
    "item": lambda p: p.item(),
    "grad": lambda p: p.grad,
    "repr": lambda p: [float(x) for x in re.findall(r"=([^,)]+)", repr(p))],
    "format": lambda p: float(f"{p:.17g}"),
    "left": lambda p: (p * 3.0).data,
    "right": lambda p: (3.0 - p).data,
    "both": lambda p: (p * p).data,
    "of a plain one": lambda p: (Value(2.0) * p).data,
    "method": lambda p: p.exp().data,
    "function": lambda p: autograd.tanh(p).data,
    "sum": lambda p: autograd.fsum([p, p]).data,
    "compared": lambda p: [p < 0.0, p > p.data - 1e-9, p <= 0.1],
    "maximum": lambda p: max([p, Value(-9.0)]).data,
    "detach": lambda p: p.detach().data,
    "copy": lambda p: [copy.copy(p).data, copy.copy(p).grad],
    "deepcopy": lambda p: [copy.deepcopy(p).data, copy.deepcopy(p).grad],
    "pickle": lambda p: [pickle.loads(pickle.dumps(p)).data, pickle.loads(pickle.dumps(p)).grad],
    "backward": seen_by_backward,
    "autograd.grad": lambda p: autograd.grad(p * p * p, p)[0],
    "strict": lambda p: in_strict(p),
    "no_grad": lambda p: in_no_grad(p),
    "array": lambda p: float((np.array([p, p], dtype=object) * 2.0).sum().data),
    "compiled": lambda p: autograd.compile(lambda x: x * p)(3.0).data,
    "compiled argument": lambda p: autograd.compile(lambda x: x * x)(p).data,
    "compiled gradient": lambda p: autograd.compile(lambda x: x * p).value_and_grad(3.0)[1][0],
    "class": lambda p: [p.__class__ is Value, p.data],
    "set": lambda p: next(iter({p})).data,
}


def in_strict(p: Any) -> float:
    with strict():
        return float((p * 2.0).data)


def in_no_grad(p: Any) -> float:
    with no_grad():
        return float((p * 2.0).data)


@pytest.mark.parametrize("door", DOORS)
def test_a_parameter_is_read(door: str) -> None:
    """Through each door it is what it is without the decorator; and the next steps go on from there."""
    task, twin = pair()
    for p, q in zip(task.parameters[-3:], twin.parameters[-3:]):
        close(DOORS[door](p), DOORS[door](q))
    close(task.run(5, 8), twin.run(5, 8))
    close(task.numbers(), twin.numbers())


WHOLE: dict[str, Callable[[Task], Any]] = {
    "state": lambda task: [x for row in task.optimizer.state for x in row],
    "state_dict": lambda task: [x for row in task.optimizer.state_dict()["state"] for x in row],
    "model": lambda task: [x.data for x in task.model.parameters()],
    "model's state_dict": lambda task: list(flat(task.model.state_dict())),
    "called": lambda task: task.model([0.5, -0.5]).data,
    "deepcopy": lambda task: numbers_of(*copy.deepcopy((task.model, task.optimizer))),
    "copy of the optimizer": lambda task: [x for row in copy.copy(task.optimizer).state for x in row],
    "pickle": lambda task: numbers_of(*pickle.loads(pickle.dumps((task.model, task.optimizer)))),
    "pickle of the optimizer": lambda task: [
        x for row in pickle.loads(pickle.dumps(task.optimizer)).state for x in row
    ],
    "hyper": lambda task: [task.optimizer.hyper.step, task.optimizer.lr],
}


def flat(x: Any) -> Any:
    if isinstance(x, dict):
        for item in x.values():
            yield from flat(item)
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from flat(item)
    else:
        yield float(x)


def numbers_of(model: Any, optimizer: Any) -> list[float]:
    assert optimizer.parameters[0] is not None
    state = [x for row in optimizer.state for x in row]
    return [p.data for p in model.parameters()] + [p.grad for p in model.parameters()] + state


@pytest.mark.parametrize("door", WHOLE)
def test_a_model_and_its_optimizer_are_read(door: str) -> None:
    task, twin = pair()
    close(WHOLE[door](task), WHOLE[door](twin))
    close(task.run(5, 8), twin.run(5, 8))
    close(task.numbers(), twin.numbers())


def test_a_copy_of_an_optimizer_keeps_the_state_that_it_had() -> None:
    task, twin = pair()
    copies = copy.copy(task.optimizer), copy.copy(twin.optimizer)
    task.run(5, 9), twin.run(5, 9)
    close(*[[x for row in optimizer.state for x in row] for optimizer in copies])


def test_who_they_are_does_not_change() -> None:
    task, _ = pair()
    known = {p: k for k, p in enumerate(task.parameters)}
    ids, hashes = [id(p) for p in task.parameters], list(map(hash, task.parameters))
    assert is_resident(task.parameters)
    assert [known[p] for p in task.parameters] == list(range(len(known)))
    task.run(5, 6)
    assert all(isinstance(p, Value) and p == p and p in known for p in task.parameters)
    assert (ids, hashes) == ([id(p) for p in task.parameters], list(map(hash, task.parameters)))
    assert is_resident(task.parameters)
    assert task.parameters[0].data is not None
    assert all(type(p) is Value for p in task.parameters)


# ---- writing ---------------------------------------------------------------------------------------------------------
def halve(task: Task) -> None:
    for p in task.parameters:
        p.data *= 0.5


def set_one(task: Task) -> None:
    task.parameters[3].data = 0.25


def set_gradients(task: Task) -> None:
    for p in task.parameters:
        p.grad = 1.0


def reset(task: Task) -> None:
    task.optimizer.state = [tuple(0.5 * x for x in row) for row in task.optimizer.state]


def load(task: Task) -> None:
    saved = task.optimizer.state_dict()
    saved["state"] = [[0.0] * len(row) for row in saved["state"]]
    task.optimizer.load_state_dict(saved)


def load_model(task: Task) -> None:
    task.model.load_state_dict(MLP(2, [4, 1], activation="tanh", seed=7).state_dict())


def slower(task: Task) -> None:
    task.optimizer.lr *= 0.5


def eager_step(task: Task) -> None:
    value = (task.model([0.1, 0.2]) - 0.3) ** 2
    value.backward()
    task.optimizer.step()


def fit(task: Task) -> None:
    X = [[0.1, 0.2], [0.3, -0.4]]
    nn.fit(task.model, X, [0.02, -0.12], optimizer=task.optimizer, epochs=3, batch_size=1, seed=0)


CHANGES = [halve, set_one, set_gradients, reset, load, load_model, slower, eager_step, fit]


@pytest.mark.parametrize("change", CHANGES)
def test_somebody_changes_something_between_steps(change: Callable[[Task], None]) -> None:
    task, twin = pair()
    for k in range(5, 20):
        if k % 3 == 0:
            change(task), change(twin)
        close(task.run(k, k + 1), twin.run(k, k + 1))
    close(task.numbers(), twin.numbers())


# ---- 200 steps -------------------------------------------------------------------------------------------------------
OPTIMIZERS: list[Callable[[Any], Any]] = [
    lambda ps: SGD(ps, lr=0.1),
    lambda ps: SGD(ps, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda ps: Adam(ps, lr=0.01, amsgrad=True),
    lambda ps: AdamW(ps, lr=0.01),
    lambda ps: SGD(ps, lr=0.1, momentum=0.9, dampening=0.4),
    lambda ps: SGD(ps, lr=1e-4, maximize=True),
    lambda ps: RMSprop(ps, lr=0.01, momentum=0.9, centered=True),
]


@pytest.mark.parametrize("optimizer_of", OPTIMIZERS)
def test_two_hundred_steps_with_a_schedule(optimizer_of: Callable[[Any], Any]) -> None:
    task, twin = pair(optimizer_of, 50)
    schedules = [CosineAnnealingLR(t.optimizer, T_max=10) for t in (task, twin)]
    for k in range(50, 200):
        if k % 15 == 0:
            for schedule in schedules:
                schedule.step()
        close(task.run(k, k + 1), twin.run(k, k + 1))
    close(task.numbers(), twin.numbers())
    assert task.step.recordings <= 3


def test_numbers_are_written_when_somebody_looks_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step costs no Python for each parameter."""
    task, _ = pair()
    releases = []
    original = autograd.compiler.residence.put_back
    monkeypatch.setattr("autograd.compiler.residence.put_back", lambda *x: releases.append(1) or original(*x))
    task.run(5, 100)
    assert not releases
    assert isinstance(task.optimizer.deferred, Deferred)
    assert task.parameters[0].data is not None
    assert len(releases) == 1


# ---- by hand ---------------------------------------------------------------------------------------------------------
class ByHand:
    """microgpt's manner: gradients set to 0 after the update, running means in lists, a counter around the function."""

    def __init__(self, *, compiled: bool) -> None:
        self.ps = [Value(random.Random(k).uniform(-1.0, 1.0)) for k in range(20)]
        self.m, self.v = [0.0] * 20, [0.0] * 20
        ps, m, v, t = self.ps, self.m, self.v, 0

        def step(xs: list[float]) -> Any:
            nonlocal t
            value = sum(((p * xs[k % len(xs)]).tanh() - 0.1 * k) ** 2 for k, p in enumerate(ps))
            value.backward()
            t += 1
            for k, p in enumerate(ps):
                m[k] = 0.9 * m[k] + 0.1 * p.grad
                v[k] = 0.99 * v[k] + 0.01 * p.grad**2
                p.data -= 0.05 * (m[k] / (1 - 0.9**t)) / ((v[k] / (1 - 0.99**t)) ** 0.5 + 1e-8)
                p.grad = 0
            return value

        self.step = autograd.compile(step) if compiled else step

    def numbers(self) -> list[float]:
        return [*[p.data for p in self.ps], *[p.grad for p in self.ps], *self.m, *self.v]


def reset_lists(task: ByHand) -> None:
    task.m[:] = [0.0] * 20


def change_one(task: ByHand) -> None:
    task.v[7] *= 2.0


def change_parameter(task: ByHand) -> None:
    task.ps[5].data = 0.5


def leave_a_gradient(task: ByHand) -> None:
    task.ps[6].grad = 0.25


@pytest.mark.parametrize("change", [None, reset_lists, change_one, change_parameter, leave_a_gradient])
def test_lists_of_plain_numbers(change: Callable[[ByHand], None] | None) -> None:
    """They are right after each step; and what somebody else writes there is read by the next one."""
    task, twin = ByHand(compiled=True), ByHand(compiled=False)
    for k in range(60):
        xs = [random.Random(100 * k + i).uniform(-1.0, 1.0) for i in range(2 + k % 3)]
        close(task.step(xs).data, twin.step(xs).data)
        close(task.m + task.v, twin.m + twin.v)
        if change is not None and k % 7 == 6:
            change(task), change(twin)
    assert is_resident(task.ps)
    close(task.numbers(), twin.numbers())
    assert [type(p.grad) for p in task.ps] == [int] * 20
    assert task.step.recordings <= 5


# ---- several functions -----------------------------------------------------------------------------------------------
def test_two_functions_in_turn_on_the_same_and_on_other_parameters() -> None:
    def make(compiled: bool) -> tuple[list[Any], list[Callable[[float], Any]]]:
        ps = [Value(0.1 * k) for k in range(6)]

        def on(chosen: list[Any], others: list[Any]) -> Callable[[float], Any]:
            def step(x: float) -> Any:
                value = (sum(p * x for p in chosen) + sum(p.detach() for p in others) - 1.0) ** 2
                for p in chosen:
                    p.grad = 0.0
                value.backward()
                for p in chosen:
                    p.data -= 0.01 * p.grad
                return value

            return autograd.compile(step) if compiled else step

        return ps, [on(ps[:4], ps[4:]), on(ps[2:], ps[:2]), on(ps[2:], ps[:1])]

    ps, steps = make(True)
    qs, twins = make(False)
    for k in range(60):
        which = random.Random(k).randrange(3)
        close(steps[which](0.1 * (k % 7)).data, twins[which](0.1 * (k % 7)).data)
        if k % 10 == 0:
            close([p.data for p in ps], [q.data for q in qs])
    close([p.data for p in ps] + [p.grad for p in ps], [q.data for q in qs] + [q.grad for q in qs])


def test_recordings_of_one_function_take_over_from_each_other() -> None:
    """One for each length, in any order; and one that uses fewer parameters."""

    def make(compiled: bool) -> tuple[Any, Any]:
        ps = [Value(0.1 * k) for k in range(12)]
        optimizer = Adam(ps, lr=0.01)

        def step(xs: list[float]) -> Any:
            value = sum((p * x - 1.0) ** 2 for p, x in zip(ps, xs))
            optimizer.zero_grad()
            value.backward()
            if len(xs) == 12:
                for p in ps[:3]:
                    p.data *= 0.999
            else:
                optimizer.step()
            return value

        return ps, autograd.compile(step) if compiled else step

    (ps, step), (qs, twin) = make(True), make(False)
    for k in range(80):
        xs = [0.5] * random.Random(k).choice([3, 5, 9, 12])
        close(step(xs).data, twin(xs).data)
    assert is_resident(ps)
    close([p.data for p in ps] + [p.grad for p in ps], [q.data for q in qs] + [q.grad for q in qs])
    assert step.recordings <= 6


def test_recordings_of_all_lengths_keep_their_numbers_in_one_place() -> None:
    """Texts of any length in any order; a result that is computed, a parameter and a constant."""

    def trained(decorator: Callable[[Any], Any]) -> tuple[list[Any], Any]:
        rng = random.Random(0)
        rows = [[Value(rng.gauss(0.0, 1.0)) for _ in range(3)] for _ in range(6)]
        places = [Value(rng.gauss(0.0, 1.0)) for _ in range(5)]
        parameters = [*places, *[p for row in rows for p in row]]
        optimizer = Adam(parameters, lr=0.05)

        @decorator
        def step(text: list[int]) -> Any:
            value = sum((rows[t][0] * rows[t][1] - places[k] * rows[t][2]) ** 2 for k, t in enumerate(text))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value, places[0], rows[text[0]][1].data, 2.5

        seen: list[Any] = []
        for k in range(80):
            value, place, row, constant = step([rng.randrange(6) for _ in range(rng.randrange(1, 6))])
            seen.append([value.data, place.data, row, constant])
            if k % 7 == 3:
                seen.append([p.data for p in parameters] + [p.grad for p in parameters])
            if k % 11 == 5:
                parameters[k % len(parameters)].data += 0.5
        return seen, step

    found, step = trained(autograd.compile)
    expected, _ = trained(lambda f: f)
    for one, other in zip(found, expected):
        close(one, other)
    assert step.recordings == 5
    assert len(step._residence.homes) == 1


def test_parameters_that_are_other_ones_at_the_next_call() -> None:
    def make(compiled: bool) -> tuple[list[Any], Any]:
        ps = [Value(0.5), Value(1.5)]

        def step(x: float) -> Any:
            value = sum(p * p * x for p in ps)
            for p in ps:
                p.grad = 0.0
            value.backward()
            for p in ps:
                p.data -= 0.1 * p.grad
            return value

        return ps, autograd.compile(step) if compiled else step

    (ps, step), (qs, twin) = make(True), make(False)
    every, others = list(ps), list(qs)
    for k in range(12):
        close(step(1.0).data, twin(1.0).data)
        if k % 3 == 2:
            for rows, known in ((ps, every), (qs, others)):
                rows[k % 2] = Value(0.25 * k)
                known.append(rows[k % 2])
    close([p.data for p in every], [q.data for q in others])


def test_a_program_s_own_class_of_values() -> None:
    class Weight(Value):
        pass

    ps = [Weight(1.0), Value(2.0)]

    @autograd.compile
    def step(x: float) -> Any:
        value = ps[0] * ps[1] * x
        for p in ps:
            p.data += 1.0
        return value

    assert [step(2.0).data for _ in range(4)] == [4.0, 12.0, 24.0, 40.0]
    assert [type(p) for p in ps] == [Weight, Value]
    assert [p.data for p in ps] == [5.0, 6.0]


def test_somebody_looks_after_each_step() -> None:
    """Then the numbers do not stay; and when nobody looks any more they do again."""
    task, twin = pair()
    for k in range(5, 60):
        task.run(k, k + 1), twin.run(k, k + 1)
        close(task.numbers(), twin.numbers())
    assert not is_resident(task.parameters)
    close(task.run(60, 200), twin.run(60, 200))
    assert is_resident(task.parameters)
    close(task.numbers(), twin.numbers())


def test_gradients_that_add_up_stay_although_the_parameters_are_only_read() -> None:
    """As in an episode: many samples, then one step of an optimiser outside."""

    def gradients(compiled: bool) -> list[float]:
        model = MLP(2, [3, 1], seed=0)
        ps = model.parameters()

        def add(x: float, y: float) -> Any:
            loss = (model([x, y]) - x * y) ** 2
            loss.backward()
            return loss

        call = autograd.compile(add) if compiled else add
        for _ in range(3):
            for k in range(20):
                call(*point(k))
                assert k < 2 or is_resident(ps) == compiled
            for p in ps:
                p.data -= 0.01 * p.grad
        return [p.grad for p in ps] + [p.data for p in ps]

    close(gradients(compiled=True), gradients(compiled=False))


def test_the_result_of_a_step_has_the_gradients_from_before_it() -> None:
    p = Value(3.0)

    @autograd.compile
    def step(x: float) -> Any:
        value = p * p * x
        p.data += 1.0
        return value

    for _ in range(4):
        step(2.0)
    kept, at = step(2.0), 7.0
    step(2.0), step(2.0)
    kept.backward()
    assert (kept.data, p.grad, p.data) == (2.0 * at * at, 2.0 * 2.0 * at, 10.0)


# ---- what goes wrong -------------------------------------------------------------------------------------------------
def test_a_call_that_fails_or_decides_otherwise_changes_nothing() -> None:
    table = [Value(float(k)) for k in range(10)]

    @autograd.compile
    def step(i: int) -> Any:
        value = table[i] * 2.0
        for p in table:
            p.data += 1.0
        return value

    assert [step(k).data for k in (0, 3, -1, 5)] == [0.0, 8.0, 22.0, 16.0]
    assert is_resident(table)
    with pytest.raises(IndexError):
        step(10)
    with pytest.raises(TypeError):
        step("x")
    assert [p.data for p in table] == [k + 4.0 for k in range(10)]
    assert step(9).data == 26.0


def counting(n: int = 6) -> tuple[list[Any], list[float], Any, Any]:
    ps, m, optimizer = [Value(0.0) for _ in range(n)], [0.0] * 8, SGD([Value(0.0)], lr=0.1)
    optimizer.state = [(0.0,)] * 4

    def step(x: float) -> Any:
        value = sum(p * x for p in ps)
        for p in ps:
            p.data += 1.0
            p.grad += 1.0
        for k in range(8):
            m[k] += 1.0
        optimizer.hyper.step += 1
        optimizer.state = [(a + 1.0,) for (a,) in optimizer.state]
        return value

    return ps, m, optimizer, autograd.compile(step)


def all_numbers(ps: list[Any], m: list[float], optimizer: Any) -> set[float]:
    state = [a for (a,) in optimizer.state]
    return {*[p.data for p in ps], *[p.grad for p in ps], *m, *state, float(optimizer.hyper.step)}


@pytest.mark.parametrize("looked", [False, True])
def test_an_interrupt_at_any_moment_of_a_step_leaves_all_or_nothing(looked: bool) -> None:
    ps, m, optimizer, step = counting()
    for _ in range(3):
        step(1.0)
    outcomes = set()
    for n in range(1, 10_000):
        if looked:
            assert ps[0].data is not None
        before = float(optimizer.hyper.step)
        if not interrupted_at(n, lambda: step(1.0)):
            break
        assert step._residence.running is False
        (now,) = all_numbers(ps, m, optimizer)
        outcomes.add(now - before)
        if not looked:
            step(1.0)
    assert n > 100
    assert outcomes == {0.0, 1.0}
    assert len(all_numbers(ps, m, optimizer)) == 1


def test_an_interrupt_while_somebody_looks_loses_nothing() -> None:
    ps, m, optimizer, step = counting()
    for n in range(1, 1_000):
        step(1.0), step(1.0)
        done = not interrupted_at(n, lambda: [ps[3].data, optimizer.state])
        (now,) = all_numbers(ps, m, optimizer)
        assert now == 2.0 * n
        if done:
            break
    assert n > 10


def test_a_thread_sees_the_numbers_of_one_step() -> None:
    """Whoever reads one parameter after the other never sees an older step after a newer one."""
    ps, m, optimizer, step = counting(40)
    step(1.0)
    wrong, stop = [], threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen = [p.data for p in ps] + [p.grad for p in ps]
            if seen != sorted(seen):
                wrong.append(seen)

    threads = [threading.Thread(target=look, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        step(1.0)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not wrong
    assert all_numbers(ps, m, optimizer) == {301.0}


def test_steps_in_several_threads_do_not_get_lost() -> None:
    """The same function from all of them, and another one on some of the same parameters, without a deadlock."""
    ps, m, _, step = counting(12)

    @autograd.compile
    def other(x: float) -> Any:
        value = sum(p * x for p in ps[6:])
        for p in ps[6:]:
            p.grad += 1.0
        return value

    step(1.0), other(1.0)

    def work(f: Any) -> None:
        for _ in range(50):
            f(1.0)

    threads = [threading.Thread(target=work, args=(f,), daemon=True) for f in (step, step, other, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert {*[p.data for p in ps], *[p.grad for p in ps[:6]], *m} == {101.0}


def test_a_function_that_is_gone_leaves_its_numbers() -> None:
    task, twin = pair()
    task.step = None
    gc.collect()
    assert is_resident(task.parameters)
    close(task.numbers(), twin.numbers())


def test_everything_goes_when_nobody_needs_it() -> None:
    import weakref

    task, _ = pair()
    kept = weakref.ref(task.step._residence)
    del task, _
    gc.collect()
    assert kept() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_the_numbers_too() -> None:
    task, twin = pair()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            task.run(5, 7)
            os.write(writer, pickle.dumps(task.numbers()))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as numbers:
        found = pickle.load(numbers)
    os.waitpid(child, 0)
    close(task.numbers(), twin.numbers())
    twin.run(5, 7)
    close(found, twin.numbers())
