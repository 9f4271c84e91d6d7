"""When something goes wrong in the middle: all gradients are written or none, and the engine works as before."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

import autograd
from autograd import PrimitiveError, Value, no_grad, primitive, strict, sumprod
from autograd.collector import collector_paused
from autograd.functional import grad, hessian
from autograd.graph import topological_order
from autograd.modes import Modes, current_modes, in_transformation, open_contexts
from autograd.ops import TABLE
from nn import SGD
from tests.support import PATIENCE
from tests.support.interrupts import interrupted_at


def network(width: int = 3) -> tuple[list[Value], Value]:
    """Leaves, some with a gradient from before, and a root with shared nodes, wide nodes and constants."""
    xs = [Value(0.1 * (i + 1)) for i in range(width)]
    h = [sumprod(xs, [float(i + j) for j in range(width)], xs[i]).tanh() for i in range(width)]
    root = (sumprod(h, h) * 0.5 + h[0] * xs[0]).exp()
    root.backward()
    xs[0].grad = 0.0
    return xs, root


def snapshot(root: Value) -> list[tuple[float, type]]:
    return [(node.grad, type(node.grad)) for node in topological_order(root)]


def assert_engine_works() -> None:
    """In this thread and in another one, with every switch off."""
    assert current_modes() == Modes()
    assert not in_transformation()
    found: list[Any] = []

    def check() -> None:
        x = Value(3.0)
        (x * x + x).backward()
        found.append((x.grad, autograd.grad(x**3, x), grad(grad(lambda t: t**3))(3.0)))

    check()
    thread = threading.Thread(target=check, daemon=True)  # a lock that was left taken would show here
    thread.start()
    thread.join(PATIENCE)
    assert found == [(7.0, (27.0,), 18.0)] * 2


# ---- an interrupt wherever there can be one --------------------------------------------------------------------------
def test_backward_interrupted_at_any_moment_writes_all_or_nothing() -> None:
    outcomes = set()
    for n in range(1, 10_000):
        xs, root = network()
        none = snapshot(root)
        if not interrupted_at(n, root.backward):
            break
        _, twin = network()
        twin.backward()
        assert snapshot(root) in (none, snapshot(twin)), f"interrupted at {n}"
        outcomes.add(snapshot(root) == none)
        xs[0].grad = 0.0
    assert n > 100
    assert True in outcomes
    assert_engine_works()


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_interrupted_at_any_moment_touches_no_gradient(create_graph: bool) -> None:
    step = 7 if create_graph else 1
    for n in range(1, 100_000, step):
        xs, root = network()
        before = snapshot(root)
        if not interrupted_at(n, lambda: autograd.grad(root, xs, create_graph=create_graph)):  # noqa: B023
            break
        assert snapshot(root) == before, f"interrupted at {n}"
    assert n > 100
    assert_engine_works()


@pytest.mark.parametrize(
    "work",
    [
        lambda: hessian(lambda v: v[0] * v[1] ** 2)([1.0, 2.0]),
        lambda: switch_everything(Value(2.0)),
    ],
    ids=["hessian", "switches"],
)
def test_an_interrupt_at_any_moment_leaves_no_switch_on(work: Callable[[], Any]) -> None:
    for n in range(1, 100_000, 3):
        if not interrupted_at(n, work):
            break
        assert current_modes() == Modes(), f"interrupted at {n}"
        assert not in_transformation()
    assert n > 30
    assert_engine_works()
    open_contexts.count = 0  # an interrupt may leave it too high, which only makes operators slower


def test_an_interrupt_at_any_moment_leaves_the_collector_on() -> None:
    def pause() -> None:
        with collector_paused():
            Value(2.0).exp()

    for n in range(1, 1000):
        if not interrupted_at(n, pause):
            break
        assert gc.isenabled(), f"interrupted at {n}"
    assert n > 3


def test_a_step_of_an_optimizer_interrupted_at_any_moment_moves_all_or_nothing() -> None:
    def before_a_step() -> SGD:
        optimizer = SGD([Value(1.0), Value(2.0)], lr=0.5, momentum=0.5)
        for parameter in optimizer.parameters:
            parameter.grad = 1.0
        return optimizer

    def everything(optimizer: SGD) -> Any:
        return [parameter.data for parameter in optimizer.parameters], optimizer.state, optimizer.hyper.step

    stepped = before_a_step()
    stepped.step()
    for n in range(1, 10_000):
        optimizer = before_a_step()
        if not interrupted_at(n, optimizer.step):
            break
        assert everything(optimizer) in (everything(before_a_step()), everything(stepped)), f"interrupted at {n}"
    assert n > 10


def switch_everything(x: Value) -> None:
    with no_grad(), strict():
        x * x
        grad(lambda t: t * x)(2.0)


# ---- real signals ----------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_ctrl_c_at_random_moments_writes_all_or_nothing() -> None:
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)  # what Ctrl-C does
    xs, root = network(width=30)
    order = topological_order(root)
    landed = 0
    try:
        for attempt in range(400):
            for node in order:
                node.grad = 0
            root.backward()
            once = [x.grad for x in xs]
            delay = 1e-6 + (attempt % 40) * 1.5e-5  # a pass takes about half a millisecond
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                root.backward()
                autograd.grad(root, xs)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                landed += 1
            assert [x.grad for x in xs] in (once, [2 * g for g in once])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert landed > 100
    assert_engine_works()


# ---- rules that fail -------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def own(value: Callable[..., Any], partials: Callable[..., Any]) -> Iterator[Any]:
    try:
        yield primitive(partials, name="test_fault")(value)
    finally:
        TABLE.pop("test_fault", None)


@pytest.mark.parametrize("where", ["value", "partials"])
@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=repr)
def test_an_exception_in_a_rule_is_seen_and_changes_nothing(where: str, error: BaseException) -> None:
    def fails(*operands: Any) -> float:
        raise error

    rule: Callable[..., Any] = lambda y, x: 1.0  # noqa: E731
    xs, root = network()
    before = snapshot(root)
    expected = PrimitiveError if isinstance(error, Exception) else type(error)
    with own(fails if where == "value" else lambda x: x, fails if where == "partials" else rule) as row:
        with pytest.raises(expected) as caught:
            row(root * xs[0])
        assert caught.value is error or caught.value.__cause__ is error
        with pytest.raises(expected):
            grad(row)(1.0)
    assert snapshot(root) == before
    assert_engine_works()


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()], ids=repr)
def test_a_rule_that_fails_in_the_middle_of_create_graph_changes_nothing(error: BaseException) -> None:
    def rule(y: Any, x: Any) -> Any:
        if isinstance(x, Value):
            raise error
        return 2.0

    xs, root = network()
    with own(lambda x: 2 * x, rule) as row:
        z = row(root) * root
        z.backward()
        before = snapshot(z)
        with pytest.raises((PrimitiveError, KeyboardInterrupt)):
            autograd.grad(z, xs, create_graph=True)
        assert snapshot(z) == before
        assert_engine_works()


def test_a_wrong_number_of_partials_that_shows_only_on_nodes_changes_nothing() -> None:
    xs, root = network()
    with own(lambda x, y: x, lambda z, x, y: (1.0,) if isinstance(z, Value) else (1.0, 0.0)) as row:
        z = row(root, xs[0])
        before = snapshot(z)
        with pytest.raises(PrimitiveError, match="gave 1 partial derivatives for 2 operands"):
            autograd.grad(z, xs, create_graph=True)
        assert snapshot(z) == before
    assert_engine_works()


def test_an_event_in_strict_backward_changes_nothing() -> None:
    x = Value(1e-200)
    with strict():
        y = x * 1e200 * 1e200
        before = snapshot(y)
        for attempt in (y.backward, lambda: autograd.grad(y, x)):
            with pytest.raises(autograd.NumericError):
                attempt()
            assert snapshot(y) == before
    assert_engine_works()


# ---- re-entrancy -----------------------------------------------------------------------------------------------------
def test_a_derivative_taken_inside_the_rule_of_another_does_not_disturb_it() -> None:
    """The inner walk crosses nodes of the outer one."""
    x = Value(0.5)
    inner = x.sin()

    def rule(y: Any, t: Any) -> Any:
        if isinstance(t, Value):
            autograd.grad(inner * inner, x)
        return 3.0

    with own(lambda t: 3 * t, rule) as row:
        z = row(inner) * x
        expected = autograd.grad(z, x)
        (dx,) = autograd.grad(z, x, create_graph=True)
        assert dx.data == pytest.approx(expected[0], rel=1e-15)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_a_signal_handler_may_differentiate() -> None:
    def handler(signum: int, frame: FrameType | None) -> None:
        y = Value(3.0)
        (y * y).backward()
        handled.append(y.grad)
        signal.setitimer(signal.ITIMER_REAL, 1e-4)  # not before: a slow machine would do nothing else

    handled: list[float] = []
    before = signal.signal(signal.SIGALRM, handler)
    try:
        xs, root = network(width=20)
        expected = autograd.grad(root, xs)
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
        for _ in range(200):
            assert autograd.grad(root, xs) == expected
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(handled) > 3
    assert set(handled) == {6.0}
