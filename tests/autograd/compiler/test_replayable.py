"""What a function does besides computing is done at every call, as without the compiler, not at the recording only."""

from __future__ import annotations

import contextlib
import csv
import ctypes
import functools
import heapq
import io
import itertools
import json
import logging
import os
import pathlib
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value
from tests.support.transcripts import POINTS, Made, check

pytestmark = pytest.mark.filterwarnings("ignore:.*runs without the compiler")
W = Value(2.0)


# ---- what goes out ---------------------------------------------------------------------------------------------------
def _prints() -> Made:
    out = io.StringIO()

    def f(x: Any) -> Any:
        with contextlib.redirect_stdout(out):
            print("called with", x)
        return W * x

    return f, out.getvalue


def _prints_of_itself() -> Made:
    out = io.StringIO()
    return lambda x: (print("step", file=out), W * x)[1], out.getvalue  # type: ignore[func-returns-value]


def _prints_through_others() -> Made:
    out = io.StringIO()
    show = functools.partial(print, file=out)

    class Log:
        def __call__(self, *texts: Any) -> None:
            show(*texts, sep="-")

    log = Log()

    def f(x: Any) -> Any:
        log("step", 1)
        return W * x

    return f, out.getvalue


def _keeps_the_largest() -> Made:
    heap: list[float] = []

    def f(x: Any) -> Any:
        y = W * x
        heapq.heappush(heap, y.data)
        return y + heap[0]

    return f, lambda: list(heap)


def _prints_now_and_then() -> Made:
    out, count = io.StringIO(), [0]

    def f(x: Any) -> Any:
        count[0] += 1
        if count[0] % 2 == 0:
            print("even", count[0], file=out)
        return W * x * count[0]

    return f, lambda: (out.getvalue(), list(count))


def _prints_and_catches() -> Made:
    out = io.StringIO()

    def f(x: Any) -> Any:
        with contextlib.suppress(Exception):
            print("step", file=out)
        return W * x

    return f, out.getvalue


def _changes_and_prints() -> Made:
    out, state, p = io.StringIO(), {"n": 0}, Value(1.0)

    def f(x: Any) -> Any:
        state["n"] += 1
        loss = (p * x - 1.0) ** 2
        p.grad = 0.0
        loss.backward()
        p.data -= 0.1 * p.grad
        print(state["n"], round(p.data, 6), file=out)
        return loss

    return f, lambda: (out.getvalue(), dict(state), p.data)


def _writes_to_memory() -> Made:
    text, data = io.StringIO(), io.BytesIO()

    def f(x: Any) -> Any:
        text.write("a")
        data.write(b"b")
        return W * x

    return f, lambda: (text.getvalue(), data.getvalue())


def _reads_from_memory() -> Made:
    text = io.StringIO("1\n2\n3\n4\n5\n")
    return lambda x: W * x * float(text.readline()), text.tell


def _writes_rows() -> Made:
    out = io.StringIO()
    rows = csv.writer(out)

    def f(x: Any) -> Any:
        rows.writerow([1, 2])
        return W * x

    return f, out.getvalue


def _writes_json() -> Made:
    out = io.StringIO()

    def f(x: Any) -> Any:
        json.dump({"step": 1}, out)
        return W * x

    return f, out.getvalue


def _logs() -> Made:
    out = io.StringIO()
    log = logging.Logger("test")
    log.addHandler(logging.StreamHandler(out))

    def f(x: Any) -> Any:
        log.warning("called")
        return W * x

    return f, out.getvalue


def _puts_into_a_queue() -> Made:
    python, c = queue.Queue[int](), queue.SimpleQueue[int]()

    def f(x: Any) -> Any:
        python.put(1)
        c.put(1)
        return W * x

    return f, lambda: (python.qsize(), c.qsize())


def _sets_an_event() -> Made:
    event, semaphore = threading.Event(), threading.Semaphore(9)

    def f(x: Any) -> Any:
        event.set()
        semaphore.acquire()
        return W * x

    def look() -> Any:
        was = event.is_set()
        event.clear()
        return was, semaphore._value

    return f, look


def _sets_the_environment() -> Made:
    os.environ["AUTOGRAD_TEST"] = "0"

    def f(x: Any) -> Any:
        os.environ["AUTOGRAD_TEST"] = str(int(os.environ["AUTOGRAD_TEST"]) + 1)
        return W * x

    return f, lambda: os.environ["AUTOGRAD_TEST"]


def _writes_memory() -> Made:
    numbers = (ctypes.c_double * 2)(1.0, 2.0)
    view = memoryview(bytearray(b"ab"))

    def f(x: Any) -> Any:
        numbers[0] += 1.0
        view[0] = view[0] + 1
        return W * x * numbers[0]

    return f, lambda: (numbers[0], bytes(view))


def _prints_by_map() -> Made:
    out = io.StringIO()
    shown = logging.getLogger("by map")
    shown.handlers, shown.propagate = [logging.StreamHandler(out)], False

    def f(x: Any) -> Any:
        with contextlib.redirect_stdout(out):
            list(map(print, ["step", "loss"]))
            list(filter(shown.warning, ["a"]))
        return W * x

    return f, out.getvalue


def _saves_by_numpy() -> Made:
    numpy = pytest.importorskip("numpy")
    files = {name: io.BytesIO() for name in ("save", "savetxt", "savez")}

    def f(x: Any) -> Any:
        numpy.save(files["save"], [1.0])
        numpy.savetxt(files["savetxt"], [2.0])
        return W * x

    return f, lambda: [file.getvalue() for file in files.values()]


def _draws_unseeded() -> Made:
    return lambda x: W * 0.0 * x + random.Random(3).random(), lambda: None


@pytest.mark.parametrize(
    "make",
    [
        _prints, _prints_of_itself, _prints_through_others,
        _keeps_the_largest, _prints_now_and_then, _prints_and_catches, _changes_and_prints, _writes_to_memory,
        _reads_from_memory, _writes_rows, _writes_json, _logs, _puts_into_a_queue, _sets_an_event,
        _sets_the_environment, _writes_memory, _draws_unseeded, _prints_by_map, _saves_by_numpy,
    ],
)  # fmt: skip
def test_what_a_function_does_to_the_world_it_does_at_every_call(make: Callable[[], Made]) -> None:
    check(make)


@pytest.mark.parametrize(
    "body",
    ["print('step', file=out)", "out.write('a')", "show('step', file=out)", "out.write(str(time.time_ns())[:0])"],
)
def test_code_without_source_must_not_name_what_cannot_be_done_again(body: str) -> None:
    def make() -> Made:
        space: dict[str, Any] = {"out": io.StringIO(), "W": W, "show": print, "time": time}
        exec(f"def f(x):\n    {body}\n    return W * x", space)
        return space["f"], space["out"].getvalue

    check(make)


def test_code_without_source_must_not_name_a_cache() -> None:
    space: dict[str, Any] = {"W": W, "cached": functools.lru_cache(lambda x: x * 3.0)}
    exec("def f(x): return W * cached(x)", space)
    f = autograd.compile(space["f"])
    assert [f(x).data for x in POINTS] == [6.0 * x for x in POINTS]
    assert type(space["cached"](0.5)) is float


def test_files_are_read_and_written_at_every_call(tmp_path: pathlib.Path) -> None:
    """By the built-in open, by a path, and through a file that was opened outside."""

    def make(through_json: bool = False) -> Made:
        where, written = tmp_path / "rate", tmp_path / "log"
        where.write_text("1.0")
        written.write_text("")
        log = open(tmp_path / "open", "w")  # noqa: SIM115
        calls = itertools.count()

        def f(x: Any) -> Any:
            with open(written, "a") as file:
                file.write("called\n")
            log.write("x")
            return W * x * float(where.read_text())

        def g(x: Any) -> Any:
            json.dump({"step": 1}, log)
            return W * x

        def look() -> Any:
            where.write_text(str(float(next(calls))))
            log.flush()
            return written.read_text(), (tmp_path / "open").read_text()

        return g if through_json else f, look

    check(make)
    check(lambda: make(through_json=True))


def test_a_function_that_prints_is_compiled_for_the_calls_that_do_not() -> None:
    out = io.StringIO()

    @autograd.compile
    def f(x: float, step: int) -> Any:
        if step % 10 == 0:
            print("step", step, file=out)
        return W * x

    for step in range(31):
        assert f(3.0, step).data == 6.0
    assert out.getvalue() == "step 0\nstep 10\nstep 20\nstep 30\n"
    assert f.budget.hits == 26  # 27 calls print nothing, and the first of them is recorded


def test_the_warning_names_what_cannot_be_recorded_and_the_line() -> None:
    @autograd.compile
    def f(x: float) -> Any:
        print(end="")
        return W * x

    with pytest.warns(RuntimeWarning, match=r"calls print, which later calls would not.* \(test_replayable.py, line"):
        [f(1.0) for _ in range(8)]
