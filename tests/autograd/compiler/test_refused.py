"""What a replay could not repeat: done right, or refused with an error that says what to do."""

from __future__ import annotations

import copy
import json
import math
import pickle
import struct
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import autograd
from autograd import AutogradError, NumericError, Value, no_grad
from autograd.compiler.recording.record import record
from nn import MLP, SGD


def in_a_thread(task: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(task).result()


def without_gradients(task: Callable[[], Any]) -> Any:
    with no_grad():
        return task()


np = pytest.importorskip("numpy")
W = Value(3.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: in_a_thread(lambda: x * 2.0),
        lambda x: x * in_a_thread(lambda: (x * 2.0).data),
        lambda x: x * in_a_thread(lambda: Value(2.0)),
        lambda x: x * in_a_thread(lambda: W * W),
        lambda x: x * in_a_thread(lambda: Value((W * W).data)),
        lambda x: x * in_a_thread(lambda: without_gradients(lambda: W * W)),
        lambda x: x if in_a_thread(lambda: x * 2.0 > 1.0) else x * 3.0,
        lambda x: x * sum(in_a_thread(lambda: [v * 1.0 for v in (W, x)])),
    ],
)
def test_what_computes_in_another_thread_runs_without_the_compiler(f: Callable[[Any], Any]) -> None:
    compiled = autograd.compile(f)
    with pytest.warns(RuntimeWarning, match="computes with Values in another thread"):
        assert [compiled(Value(x)).data for x in (1.0, 2.0, 0.25, 1.0, 3.0)] == [
            f(Value(x)).data for x in (1.0, 2.0, 0.25, 1.0, 3.0)
        ]


def test_strict_inside_holds_in_each_call() -> None:
    """A call from machine code would go on with nan."""

    def trained(decorator: Callable[[Any], Any]) -> list[Any]:
        w = Value(0.5)

        @decorator
        def step(x: float) -> Any:
            try:
                with autograd.strict():
                    loss = (w * x).log() ** 2
                    w.grad = 0.0
                    loss.backward()
            except NumericError:
                return None
            w.data -= 0.1 * w.grad
            return loss.data

        return [*[step(x) for x in (3.0, 2.0, 1.0, -1.0, 0.0, 2.0, -2.0)], w.data]

    eagerly = trained(lambda f: f)
    with pytest.warns(RuntimeWarning, match=r"checks each operation inside strict\(\)"):
        assert trained(autograd.compile) == eagerly
    assert eagerly[3] is None


def test_a_step_for_a_copy_of_parameters_runs_without_the_compiler() -> None:
    """As meta-learning takes it: what was copied while the function was recorded is no parameter."""
    weights = [Value(0.5), Value(-0.25)]

    def adapted(x: float) -> Any:
        fast = copy.deepcopy(weights)
        ((fast[0] * x + fast[1]) ** 2).backward()
        for p in fast:
            p.data -= 0.125 * p.grad
        return (fast[0] * x + fast[1]) ** 2

    compiled = autograd.compile(adapted)
    with pytest.warns(RuntimeWarning, match="sets .data of a Value that it made itself, such as a copy"):
        found = [compiled(float(x)).data for x in range(6)]
    assert found == [adapted(float(x)).data for x in range(6)]
    assert [w.grad for w in weights] == [0.0, 0.0]


def test_other_threads_go_on_while_a_function_is_recorded() -> None:
    """What they do to their own Values, and to parameters that are shared, is no business of the recording."""
    done, started = threading.Event(), threading.Event()
    found: list[float] = []

    def work() -> None:
        v = Value(1.0)
        while not done.is_set():
            y = v * 2.0 + W * 0.5
            found.append(y.data if y > 0 else 0.0)
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()

    def f(x: Any) -> Any:
        for _ in range(2000):
            x = x * 1.0 + W * 0.0
        return x

    try:
        assert autograd.compile(f, backend="python")(Value(5.0)).data == 5.0
    finally:
        done.set()
        thread.join()
    assert set(found) == {3.5}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda v: copy.deepcopy([v, v])[1]])
def test_a_copy_of_a_node_is_a_number_of_this_call(copied: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return x * copied(x) + copied(x * W) * x

    compiled = autograd.compile(f)
    for number in (2.0, 5.0):
        x, y = Value(number), Value(number)
        out, expected = compiled(x), f(y)
        out.backward()
        expected.backward()
        slope = 7.0 if copied is copy.copy else 4.0  # a shallow copy of a result shares its leaves
        assert (out.data, x.grad) == (expected.data, y.grad) == (4.0 * number * number, slope * number)
        assert compiled(number).data == 4.0 * number * number
    assert [type(copied(W)), copied(W) is W, copied(W * W).data] == [Value, False, 9.0]


def test_a_call_that_pickles_a_value_runs_without_the_compiler() -> None:
    f = autograd.compile(lambda x: pickle.loads(pickle.dumps(x)) * 2.0)
    for number in (1.0, 3.0):
        assert f(Value(number)).data == 2.0 * number
    assert f.changes.startswith("pickles a Value")


MODEL = MLP(1, [1], seed=0)
OPTIMIZER = SGD(MODEL.parameters(), lr=0.1)


def by_hand(x: Any) -> Any:
    for p in MODEL.parameters():
        p.grad = 0
    return MODEL([x])


def by_model(x: Any) -> Any:
    MODEL.zero_grad()
    return MODEL([x])


def by_optimizer(x: Any) -> Any:
    OPTIMIZER.zero_grad()
    return MODEL([x])


def of_an_argument(x: Any) -> Any:
    x.grad = 0.0
    return MODEL([x])


def by_name(x: Any) -> Any:
    for p in MODEL.parameters():
        setattr(p, "grad", 0.0)  # noqa: B010 - another way to do it
    return MODEL([x])


@pytest.mark.parametrize("f", [by_hand, by_model, by_optimizer, of_an_argument, by_name])
@pytest.mark.parametrize("before", [0, 0.0, 7.0])
def test_gradients_are_set_as_without_the_compiler(f: Callable[[Any], Any], before: float) -> None:
    compiled, found = autograd.compile(f), []
    for call in (f, compiled, compiled):
        x = Value(1.0)
        for p in (x, *MODEL.parameters()):
            p.grad = before
        call(x)
        found.append([p.grad for p in (x, *MODEL.parameters())])
    assert found[0] == found[1] == found[2]
    assert compiled.recordings == 1


@pytest.mark.parametrize("f", [by_hand, by_model, by_optimizer, by_name])
def test_the_loss_of_fit_sets_no_gradients(f: Callable[[Any], Any]) -> None:
    with pytest.raises(AutogradError, match=r"cannot set \.grad, and so cannot call zero_grad\(\)"):
        record(f, [1.0])


def reads_a_gradient(x: Any) -> Any:
    return W * x + W.grad


def calls_backward(x: Any) -> Any:
    (W * x).backward()
    return W * x


def sets_data(x: Any) -> Any:
    W.data = 2.0
    return W * x


@pytest.mark.parametrize("f", [reads_a_gradient, calls_backward, sets_data])
def test_the_loss_of_fit_leaves_values_as_they_are(f: Callable[[Any], Any]) -> None:
    before = W.data, W.grad
    with pytest.raises(AutogradError, match=r"this function cannot set \.(grad|data)"):
        record(f, [1.0])
    assert (W.data, W.grad) == before


def test_an_error_in_the_loss_of_fit_is_the_one_that_it_raised() -> None:
    with pytest.raises(KeyError) as raised:
        record(lambda x: {}[x * 2.0], [1.5])
    assert raised.value.args == (3.0,)
    assert type(raised.value.args[0]) is float


def test_gradients_stay_what_they_were() -> None:
    def f(x: Any, reset: bool) -> Any:
        if reset:
            MODEL.zero_grad()
        y = MODEL([x])
        return y + autograd.grad(y * y, MODEL.parameters())[0]

    for p, gradient in zip(MODEL.parameters(), (0, 2.5)):
        p.grad = gradient
    autograd.compile(f)(1.0, False)
    assert [(type(p.grad), p.grad) for p in MODEL.parameters()] == [(int, 0), (float, 2.5)]


def test_the_truth_of_a_node_is_what_it_is_without_the_compiler() -> None:
    b = Value(2.0)
    compiled = autograd.compile(lambda x: x * b if b else x)
    assert compiled(3.0).data == 6.0
    b.data = 0.0
    for f in (compiled, compiled.f):
        with pytest.raises(TypeError, match="can mean two things"):
            f(3.0)


@pytest.mark.parametrize("write", [lambda n: json.dumps([n]), lambda n: json.dumps({"n": n}, indent=1), int.__repr__])
def test_what_takes_python_s_own_numbers_only_runs_without_the_compiler(write: Any) -> None:
    f = autograd.compile(lambda x, n: x * len(write(n)))
    assert [f(2.0, n) for n in (3, 30, 3)] == [2.0 * len(write(n)) for n in (3, 30, 3)]
    with pytest.raises(TypeError, match=r"a number from the arguments .* give it int\(x\) or float\(x\)"):
        f.value_and_grad(2.0, 3)
    compiled = autograd.compile(lambda x, n: x * len(write(int(n))))
    assert compiled(2.0, 3) == 2.0 * len(write(3))
    assert compiled.value_and_grad(2.0, 3) == (2.0 * len(write(3)), (float(len(write(3))), 0.0))


PICKED = [Value(1.5), Value(-0.5), Value(0.25)]
ROWS = [[Value(float(3 * i + j)) for j in range(2)] for i in range(3)]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda i: PICKED[i], lambda i: PICKED[i]),
        (lambda i: (PICKED[i], PICKED[0] * 2.0)[0], lambda i: PICKED[i]),
        (lambda i: {"row": ROWS[i]}["row"][1], lambda i: ROWS[i][1]),
        (lambda i: ROWS[i][i % 2], lambda i: ROWS[i][i % 2]),
        (lambda i: max(PICKED, key=lambda p: p.data * (i - 1)), lambda i: max(PICKED, key=lambda p: p.data * (i - 1))),
        (lambda i: PICKED[0] if PICKED[i].data > 0 else ROWS[0][1], lambda i: ROWS[0][1] if i == 1 else PICKED[0]),
    ],
)
def test_a_value_of_the_callers_that_was_chosen_is_returned_itself(f: Any, expected: Any) -> None:
    """The caller may read its gradient, or set its data."""
    compiled, together = autograd.compile(f), autograd.compile(lambda i: (f(i), PICKED[0] * 2.0, [f(i)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in (0, 1, 2, 2, 1, 0, 1):
            assert compiled(i) is expected(i)
            first, _, (second,) = together(i)
            assert first is second is expected(i)


def test_what_was_computed_from_a_chosen_value_is_no_decision() -> None:
    compiled = autograd.compile(lambda i: (PICKED[i] * 2.0, [ROWS[i][0] + ROWS[i][1], max(PICKED[i] * 1.0, 0.0)]))
    for i in range(3):
        assert compiled(i)[0].data == 2.0 * PICKED[i].data
    assert compiled.recordings == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: W * np.heaviside(x, 0.5),
        lambda x: W if np.isnan(x) else W * x,
        lambda x: W * float(np.sinc(x)),
        lambda x: W * float(abs(np.fft.fft([x, 1.0, 2.0])[1])),
        lambda x: W * float(np.histogram([x, 0.5], bins=2)[0][0]),
        lambda x: W * float(np.array([float(z) for z in (x, 1.0)]).sum()),
        lambda x: W * struct.unpack("d", struct.pack("d", x))[0],
    ],
)
@pytest.mark.filterwarnings("ignore:.*without the compiler")
def test_a_routine_that_takes_pythons_own_numbers_only_gets_them(f: Callable[[Any], Any]) -> None:
    compiled = autograd.compile(f)
    for x in (1.0, -0.5, 0.25, 1.0, 2.0, 3.0):
        assert compiled(x).data == f(x).data


@pytest.mark.filterwarnings("ignore:.*Cell.h")
def test_state_that_holds_values_is_named_with_the_way_out() -> None:
    cell, number = Cell(), 0.0
    step = autograd.compile(cell.step)
    for _ in range(12):
        number = math.tanh(number + 0.1)
        assert step(0.1).data == pytest.approx(2.0 * number, rel=1e-14)
    assert "Cell.h" in step.report()
    assert ".data" in step.report()


class Cell:
    """Hands its state on from call to call as Values."""

    def __init__(self) -> None:
        self.h = [Value(0.0)]

    def step(self, x: float) -> Any:
        self.h = [(v.detach() + x).tanh() for v in self.h]
        return self.h[0] * 2.0


@pytest.mark.parametrize(("error", "f"), [(IndexError, lambda x: x * [][0]), (NameError, lambda x: x * undefined)])  # type: ignore[name-defined] # noqa: F821
def test_map_raises_the_error_of_the_function(error: type[Exception], f: Any) -> None:
    with pytest.raises(error):
        autograd.compile(f).map([1.0, 2.0])


def test_map_prints_for_each_point(capsys: pytest.CaptureFixture[str]) -> None:
    values, _ = autograd.compile(lambda x: print("at") or 2.0 * x).map([1.0, 2.0])
    assert list(values) == [2.0, 4.0]
    assert capsys.readouterr().out == "at\nat\n"
