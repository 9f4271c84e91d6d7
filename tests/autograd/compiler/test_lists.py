"""Lists of floats that machine code reads and writes: nobody who keeps a number of them sees it change."""

from __future__ import annotations

import ctypes
import random
from itertools import pairwise
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiler.machine.native.jit import available

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")
if not available():
    pytest.skip("no machine code for lists: not CPython with its lock", allow_module_level=True)

from autograd.compiler.machine.objects import Lists  # noqa: E402


def numbers(count: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.uniform(-1.0, 1.0) for _ in range(count)]


def made() -> tuple[list[float], list[float], Any, Any, Lists]:
    """Two lists, the memory, the places of their numbers there, and what reads and writes them."""
    first, second = numbers(300), [0.5] * 40  # of which one float stands for all
    memory = np.array(numbers(500, seed=2))
    places = np.array(random.Random(3).sample(range(500), 340))
    return first, second, memory, places, Lists([first, second], [places[:300], places[300:]], memory)


def write(lists: Lists) -> None:
    lists.reserve()
    lists.write()


def test_numbers_go_to_their_places_and_come_back() -> None:
    first, second, memory, places, lists = made()
    untouched = np.delete(memory, places)
    assert lists.read() == 1
    assert memory[places].tolist() == first + second
    assert np.delete(memory, places).tolist() == untouched.tolist()
    memory[:] = special = [float("nan"), float("inf"), -0.0, 5e-324, *numbers(496, seed=4)]
    write(lists)
    assert list(map(repr, first + second)) == [repr(special[place]) for place in places]


@pytest.mark.parametrize("times", [1, 3])
def test_a_number_that_somebody_keeps_stays_what_it_is(times: int) -> None:
    """A float is written in place only if nothing but the list refers to it."""
    first, second, memory, _, lists = made()
    for k in range(times):
        kept = {"by a name": first[3], "in a tuple": (first[4], first[5]), "in a list": first[100:200]}
        before = repr(kept)
        memory[:] = numbers(500, seed=5 + k)
        write(lists)
        assert repr(kept) == before
        assert first[3] != kept["by a name"]
        assert len({*map(id, second)}) == 40


@pytest.mark.parametrize("other", [3, True, "text", None, np.float64(3.0), Value(3.0)])
def test_what_is_no_float_is_not_read(other: Any) -> None:
    first, _, _, _, lists = made()
    before = first[7]
    first[7] = other
    assert lists.read() == 0
    first[7] = before
    assert lists.read() == 1


def test_a_list_of_another_length_is_not_read_and_written_as_far_as_it_goes() -> None:
    first, second, memory, places, lists = made()
    first.append(1.0)
    assert lists.read() == 0
    del first[200:]
    second.clear()
    assert lists.read() == 0
    write(lists)
    assert (first, second) == (memory[places[:200]].tolist(), [])


def test_old_numbers_are_given_back_and_dropped_last() -> None:
    """What runs when an object goes finds all lists complete."""
    first, second, memory, places, lists = made()
    seen: list[list[float]] = []

    class Last:
        def __del__(self) -> None:
            seen.append(first + second)

    first[9] = Last()  # type: ignore[call-overload]  # by another thread, say
    write(lists)
    assert seen == [memory[places].tolist()]


def test_a_step_leaves_the_numbers_that_were_there_before_to_whoever_kept_them() -> None:
    w, m = [Value(0.1 * k) for k in range(300)], [0.0] * 300

    @autograd.compile
    def step(x: float) -> Any:
        value = sum([p * x for p in w]) ** 2
        value.backward()
        for k, p in enumerate(w):
            m[k] = 0.5 * m[k] + p.grad
            p.data -= 1e-6 * m[k]
            p.grad = 0.0
        return value

    history = []
    for k in range(40):
        step(0.1 * k)
        history.append(list(m))
    assert len({row[5] for row in history}) == 40
    for before, after in pairwise(history):
        momentum = [y - 0.5 * x for x, y in zip(before, after)]
        assert momentum == pytest.approx([momentum[0]] * 300)  # the same gradient for each of them
    assert step.recordings <= 3
    (variant,) = step.kept.all()
    assert variant.outside._parts[0].holds()  # the short way to compare what is outside serves lists, too


def test_where_memory_runs_out_nothing_is_changed() -> None:
    """Every number has another owner, so that each needs a new float."""
    first, second, memory, places, lists = made()
    kept, before = [*first, *second], repr((first, second))
    known = next(x for x in lists._keep if getattr(x, "shape", ()) == (5,))
    makes = int(known[1])
    known[1] = ctypes.cast(ctypes.pythonapi.PyErr_NoMemory, ctypes.c_void_p).value
    for _ in range(3):
        memory[:] = numbers(500, seed=6)
        with pytest.raises(MemoryError):
            lists.reserve()
        assert repr((first, second)) == before
    known[1] = makes
    write(lists)
    assert first + second == memory[places].tolist()
    assert repr((kept[:300], kept[300:])) == before


def test_a_step_without_memory_for_its_lists_leaves_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters, moments = [Value(0.1 * k - 0.3) for k in range(12)], [0.25] * 12

    @autograd.compile
    def step(x: float) -> Any:
        loss = sum((p * x - 1.0) ** 2 for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for k, p in enumerate(parameters):
            moments[k] = 0.9 * moments[k] + p.grad
            p.data -= 0.1 * moments[k]
        return loss

    for _ in range(8):
        step(1.0)
    before = [p.data for p in parameters], list(moments)

    def no_memory() -> None:
        raise MemoryError

    plan: Any = step.kept.all()[0].step_plan()
    monkeypatch.setattr(plan.run.home.lists, "reserve", no_memory)
    with pytest.raises(MemoryError):
        step(1.0)
    monkeypatch.undo()
    assert ([p.data for p in parameters], list(moments)) == before
    step(1.0)
    assert [p.data for p in parameters] != before[0]
