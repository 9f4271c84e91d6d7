"""What a function chooses by a number of the call passes for the one that was chosen: its gradient and its identity."""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value, fsum, take
from nn import SGD, clip_grad_norm_

CALLS = [(0, 1), (1, 2), (2, 0), (0, 1), (1, 1), (2, 2), (0, 2), (1, 0)]
F = Callable[[int, int], Any]


def gradient(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        loss = (T[i] * T[j]) ** 2
        loss.backward()
        return T[i].grad

    return f


def row_update(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for row in E:
            for v in row:
                v.grad = 0.0
        loss = fsum([a * b for a, b in zip(E[i], E[j])]) ** 2
        loss.backward()
        for k in range(3):
            E[i][k].data -= 0.1 * E[i][k].grad
        return loss

    return f


def chosen_once(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        t = T[i]
        t.grad = 0.0
        loss = t * t * T[j]
        loss.backward()
        t.data = t.data - 0.1 * t.grad
        return loss

    return f


def grad_by_chosen(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        (g,) = autograd.grad(sum(t * t * (k + 1) for k, t in enumerate(T)), [T[i]])
        return g

    return f


def conditional(T: list[Value], E: list[list[Value]]) -> Any:
    w, u = T[0], T[1]

    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        float(i) - 0.5
        p = w if i > j else u
        loss = p * p * w
        loss.backward()
        return [p.grad, (u if p is w else w), 1.0 if p is not u else 0.0]

    return f


def largest(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        m = max(T[i], T[j])
        loss = m * m * T[0]
        loss.backward()
        return [m.grad, 1.0 if m is T[j] else 2.0]

    return f


def clipped(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for row in E:
            for v in row:
                v.grad = 0.0
        loss = fsum([v * v for v in E[i]]) * T[j]
        loss.backward()
        clip_grad_norm_(E[i], 0.1)
        return [v.grad for v in E[i]]

    return f


def momentum(T: list[Value], E: list[list[Value]]) -> Any:
    M = [0.0] * 3

    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        loss = (T[i] - T[j] * 0.5) ** 2
        loss.backward()
        M[i] = 0.9 * M[i] + T[i].grad
        T[i].data -= 0.01 * M[i]
        return loss

    return f


def two_backwards(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        T[0].data = T[0].data * 1.1
        t = T[i]
        loss = (t * T[j]) ** 2
        loss.backward()
        a = t.grad
        t.data = t.data - 0.01 * a
        for q in T:
            q.grad = 0.0
        l2 = (T[i] + T[j]) ** 2
        l2.backward()
        return [loss, l2, T[i].grad, t.grad, take(T, i).grad]

    return f


def row_kept(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        row = E[i]
        for v in row:
            v.grad = 0.0
        loss = fsum([a * b for a, b in zip(row, E[j])]) * fsum([v for r in E for v in r])
        loss.backward()
        for v in row:
            v.data -= 0.05 * v.grad
        return loss

    return f


def identity(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        return [1.0 * k for k, t in enumerate(T) if t is not T[i]] + [
            float(T.index(T[i])),
            1.0 if T[i] in T[:2] else 0.0,
            1.0 if T[i] == T[j] else 0.0,
        ]

    return f


def updated_once(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        used = {T[i], T[j]}
        loss = (T[i] * T[j]) ** 2
        for t in T:
            t.grad = 0.0
        loss.backward()
        for t in used:
            t.data -= 0.01 * t.grad
        return [loss, len(used), T[0] in used]

    return f


def remembered(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        place = {id(t): k + 1.0 for k, t in enumerate(T)}
        gains = {T[i]: 2.0, T[j]: 3.0}
        counts: dict[Value, int] = {}
        for t in (T[i], T[j], T[i]):
            counts[t] = counts.get(t, 0) + 1
        return [T[i] * place[id(T[i])] * gains[T[i]], T[j] * counts[T[j]], len(gains)]

    return f


def known_rows(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        place = {id(row): k for k, row in enumerate(E)}
        same = E[i] is E[j]
        return [E[i][0] * (2.0 if same else 3.0), E[j] is E[1], E[j] is not E[1], place[id(E[i])]]

    return f


def set_and_used(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        p.data = p.data + 0.5
        return p * 1.0

    return f


def set_after_backward(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        loss = p * 2.0
        p.grad = 0.0
        loss.backward()
        p.data -= 0.1 * p.grad
        return [loss, p * 2.0]

    return f


def largest_set(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = max(T[0], T[1])
        p.data = float(i) + 0.5
        return p * 2

    return f


def another_one_set(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        T[0].data = 3.0
        return p * 1.0

    return f


def in_sets_and_dictionaries(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        return [
            float(len({p, *T})),
            1.0 if T[1] in {p: 1.0} else 0.0,
            1.0 if T[i] in {T[0], T[1]} else 0.0,
            float({q: k for k, q in enumerate(T)}.get(T[i], -1)),
            sum({T[i], T[j]}),
            float(len(dict.fromkeys([T[i], T[j]]))),
        ]

    return f


def two_that_may_be_one(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        ps = [T[i], T[j]]
        loss = ps[0] * ps[1]
        loss.backward()
        for p in ps:
            p.data -= 0.1 * p.grad
        return T[i] * 1.0

    return f


def used_after_a_step(T: list[Value], E: list[list[Value]]) -> Any:
    optimizer = SGD(T, lr=0.1)

    def f(i: int, j: int) -> Any:
        e = T[i]
        loss = e * T[j]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return e * 2.0

    return f


def a_step(T: list[Value], E: list[list[Value]]) -> Any:
    optimizer = SGD(T, lr=0.1)

    def f(i: int, j: int) -> Any:
        e = T[i]
        loss = e * T[j]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return f


def used_after_all_are_set(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        e = T[i]
        for p in T:
            p.data *= 0.5
        return e * 2.0

    return f


def momentum_by_parameter(T: list[Value], E: list[list[Value]]) -> Any:
    M = dict.fromkeys(T, 0.0)

    def f(i: int, j: int) -> Any:
        for t in T:
            t.grad = 0.0
        e = T[i]
        loss = e * T[j]
        loss.backward()
        M[e] = 0.9 * M[e] + e.grad
        e.data -= 0.1 * M[e]
        return loss

    return f


def looked_up_again(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        T[i]
        T[0].data = T[0].data + 1.0
        g = T[i]
        return [g * 1.0, g.data]

    return f


def choices_of_choices(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        e = T[i] if i > j else T[j]
        max(e, T[2])
        T[2].data = 0.5
        return [1.0]

    return f


def a_choice_of_choices_used(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        e = T[i]
        k = max(e, T[j])
        T[i].data = 0.5
        return k * 1.0

    return f


def set_twice(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        p.data = p.data + 0.5
        p.data = p.data + 0.25
        return p.data

    return f


def read_before_and_after(T: list[Value], E: list[list[Value]]) -> Any:
    def f(i: int, j: int) -> Any:
        p = T[i]
        before, copy = p.data, p.detach()
        p.data = float(j) + 0.5
        return [before + 0.0, copy * 1.0, p.data * 1.0]

    return f


EVERY = [
    set_twice,
    read_before_and_after,
    gradient,
    row_update,
    chosen_once,
    grad_by_chosen,
    conditional,
    largest,
    clipped,
    momentum,
    two_backwards,
    row_kept,
    identity,
    updated_once,
    remembered,
    known_rows,
    set_and_used,
    set_after_backward,
    largest_set,
    another_one_set,
    in_sets_and_dictionaries,
    two_that_may_be_one,
    used_after_a_step,
    a_step,
    used_after_all_are_set,
    momentum_by_parameter,
    looked_up_again,
    choices_of_choices,
    a_choice_of_choices_used,
]


def outcome(make: Callable[[Any, Any], F], compile: Callable[[F], F]) -> list[list[float]]:
    """All numbers that calls give and leave behind."""
    few = [Value(1.0), Value(2.0), Value(3.0)]
    table = [[Value(0.1 * i + 0.2 * k) for k in range(3)] for i in range(4)]
    f = compile(make(few, table))
    leaves = [*few, *[v for row in table for v in row]]
    found = []
    for call in CALLS:
        result = f(*call)
        results = result if isinstance(result, list) else [result]
        numbers = [x.data if isinstance(x, Value) else x for x in results]
        found.append([*numbers, *[v.data for v in leaves], *[v.grad for v in leaves]])
    return found


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
def test_what_is_chosen_is_one_of_them(make: Callable[[Any, Any], F], backend: str) -> None:
    if backend == "native":
        pytest.importorskip("llvmlite")
    expected = outcome(make, lambda f: f)
    found = outcome(make, lambda f: autograd.compile(f, backend=backend))
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-14)


def test_to_compute_with_what_is_chosen_is_no_decision() -> None:
    few = [Value(1.0), Value(2.0), Value(3.0)]

    @autograd.compile
    def loss(i: int, x: float) -> Any:
        one, other = few[i], few[-1]
        chosen = one if x > 0.0 else other
        return max(chosen * x, few[i].data, chosen.exp())

    for i in range(3):
        for x in (0.5, -0.5, 3.0):
            loss(i, x).backward()
    assert loss.recordings == 1


def test_a_step_of_an_optimizer_is_no_decision_either() -> None:
    few = [Value(1.0), Value(2.0), Value(3.0)]
    optimizer = SGD(few, lr=0.1)

    @autograd.compile
    def step(i: int, j: int) -> Any:
        chosen = few[i]
        loss = chosen * few[j]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for call in CALLS:
        step(*call)
    assert step.recordings == 1


Deep = list[list[list[float]]]
CHANGES: dict[str, Callable[[Deep, int, float], Any]] = {
    "a number two levels down": lambda m, n, x: (m[n % 2][0].__setitem__(1, x), m[n % 2][0][1] + m[0][0][1])[1],
    "by two numbers of the call": lambda m, n, x: (m[n % 2][n % 2].__setitem__(0, x), sum(m[0][0]) + sum(m[1][1]))[1],
    "a row in a row": lambda m, n, x: (m[n % 2].__setitem__(0, [x, 1.0]), m[n % 2][0][0] + len(m[0][0]))[1],
    "a row that grows": lambda m, n, x: (m[n % 2][0].append(x), sum(m[n % 2][0]) * len(m[0][0]))[1],
    "a name for a part": lambda m, n, x: (lambda s: (s.__setitem__(0, x), m[n % 2][1][0] + s[0])[1])(m[n % 2][1]),
    "two names": lambda m, n, x: (lambda p, q: (p[0].reverse(), q[0][0] * x)[1])(m[n % 2], m[n % 2]),
    "two names, further down": lambda m, n, x: (lambda q: (m[n % 2][0].__setitem__(0, x), q[0] * 2.0)[1])(m[n % 2][0]),
    "two names of other rows": lambda m, n, x: (
        lambda p, q: (p.__setitem__(0, x), q[0] + p[0])[1])(m[n % 2][0], m[(n + 1) % 2][0]),
    "taken out": lambda m, n, x: (m[n % 2][0].append(m[n % 2][0].pop(0)), m[n % 2][0][0] * x)[1],
    "only read": lambda m, n, x: x * (m[n % 2][0] is m[0][0]) + m[n % 2][1][n % 2],
}  # fmt: skip


def set_by_its_own_name(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    m[0][0][0] = x
    return row[0] * 2.0


def added_to_by_its_own_name(m: Deep, n: int, x: float) -> float:
    row, first = m[n % 2][0], m[0][0]
    first[1] += x
    return sum(row)


def shortened_by_its_own_name(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][1]
    del m[0][1][0]
    return x * len(row)


def grown_by_its_own_name(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    m[1][0].append(x)
    return max(row) + len(row)


def changed_after_its_last_use(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    y = row[0] * x
    m[0][0][0] = y
    m[0][0][1:] = [x, y]
    return y


def grown_by_another_name(m: Deep, n: int, x: float) -> float:
    row, first = m[n % 2][0], m[0][0]
    first += [x]
    return sum(row)


def grown_in_its_place(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    m[0][0] *= 2
    return sum(row) * x


def changed_by_functions_in_c(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    heapq.heappush(m[0][0], x)
    list.append(m[1][0], 2.0 * x)
    operator.setitem(m[0][0], 0, 3.0 * x)
    return sum(row)


def replaced_in_the_list_of_lists(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    m[0][0] = [x, x]
    m.insert(0, m.pop())
    row[0] = 5.0
    return m[0][0][0] + 10.0 * m[1][0][0]


def changed_while_it_is_gone_through(m: Deep, n: int, x: float) -> float:
    total = 0.0
    for k, y in enumerate(m[n % 2][0]):
        m[0][0][1] = x
        total += y * (k + 1.0)
    for y, z in zip(reversed(m[n % 2][1]), m[0][1]):
        m[0][1][0] = x
        total += y * z
    return total


def added_to_another_list(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][0]
    m[0][0][0] = x
    return sum([1.0] + row)  # noqa: RUF005 - it is this addition that is tried


def chosen_from_what_was_chosen(m: Deep, n: int, x: float) -> float:
    row = m[n % 2][n % 2]
    m[0][0][0] = m[1][1][1] = x
    return sum(row)


CHANGES |= {
    f.__name__.replace("_", " "): f
    for f in (
        set_by_its_own_name, added_to_by_its_own_name, shortened_by_its_own_name, grown_by_its_own_name,
        changed_after_its_last_use, grown_by_another_name, grown_in_its_place, changed_by_functions_in_c,
        replaced_in_the_list_of_lists, changed_while_it_is_gone_through, added_to_another_list,
        chosen_from_what_was_chosen,
    )
}  # fmt: skip


Table = list[list[float]]
SETS: list[Callable[[Table, int, float], Any]] = [
    lambda table, n, y: table[0].__setitem__(1, y),
    lambda table, n, y: table[0].append(y),
    lambda table, n, y: heapq.heappush(table[n], y),
    lambda table, n, y: table[n].sort(key=lambda x: -x),
]


@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
@pytest.mark.parametrize("change", SETS)
def test_what_changes_a_list_that_it_chose_from_runs_without_the_compiler(change: Any) -> None:
    table: Table = []

    def f(n: int, x: float) -> float:
        y = table[n][0] * x
        change(table, n, y)
        return y

    found, compiled = [], autograd.compile(f)
    for call in (f, compiled):
        table[:] = [[1.0, 2.0], [3.0, 4.0]]
        results: list[Any] = [call(k % 2, 2.0) for k in range(8)]
        found.append(([getattr(x, "data", x) for x in results], [[*row] for row in table]))
    assert found[0] == found[1]
    assert compiled.refused > 0


@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
def test_a_row_that_was_changed_by_another_name_is_returned_as_it_is_then() -> None:
    table = [[1.0, 2.0], [3.0, 4.0]]

    @autograd.compile
    def f(n: int, x: float) -> list[Any]:
        row = table[n]
        table[0][0] = x
        return [row]

    assert [list(f(k % 2, float(k))[0]) for k in range(4)] == [[0.0, 2.0], [3.0, 4.0], [2.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.filterwarnings("ignore:.*calls that no recording fits")
@pytest.mark.parametrize("given", [False, True], ids=["outside", "an argument"])
def test_a_chosen_list_is_changed_under_all_its_names(change: Any, given: bool, backend: str) -> None:
    def made() -> Deep:
        return [[[0.1, 0.2], [0.3, 0.4]], [[1.1, 1.2], [1.3, 1.4]]]

    def calls(compile: Callable[[Any], Any]) -> list[Any]:
        table = made()
        f = compile((lambda n, x, m: change(m, n, x)) if given else lambda n, x: change(table, n, x))
        found = []
        for n, x in ((0, 0.5), (1, 1.5), (2, 2.5), (1, 3.5), (3, 4.5), (0, 5.5)):
            table[:] = made()
            result = f(n, x, table) if given else f(n, x)
            shown = [[getattr(a, "data", a) for a in row] for rows in table for row in rows]
            found.append((getattr(result, "data", result), shown))
        return found

    found, expected = calls(lambda f: autograd.compile(f, backend=backend)), calls(lambda f: f)
    for one, other in zip(found, expected, strict=True):
        assert one[0] == pytest.approx(other[0], rel=1e-12)
        assert one[1] == other[1]
