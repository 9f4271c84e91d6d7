"""The switches: no_grad, strict, where a node was recorded, and whom a switch is for."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import AutogradError, NumericError, Value, linear, log, no_grad, sqrt, strict, sumprod
from autograd.modes import Modes, current_modes, open_contexts, switched


@pytest.fixture(autouse=True)
def _every_switch_is_off_afterwards() -> Iterator[None]:
    assert (current_modes(), open_contexts.count) == (Modes(), 0)
    yield
    assert (current_modes(), open_contexts.count) == (Modes(), 0)


def here() -> int:
    """The line of the caller."""
    return sys._getframe(1).f_lineno


V: Any = Value  # also with the arguments of other engines
several = autograd.compile(lambda t: [t * 3.0, t * 2.0])


# ---- no_grad ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * x,
        lambda x: x.tanh(),
        lambda x: sumprod([x, x], [2.0, x]),
        lambda x: autograd.clip(x, 0.0, 1.0),
        lambda x: V(9.0, (x,), (6.0,)),
        autograd.compile(lambda x: x * 2.0),
        lambda x: several(x)[1],
    ],
)
@pytest.mark.parametrize("checked", [False, True], ids=["", "strict"])
def test_what_has_no_graph_for_this_reason_cannot_be_differentiated(
    compute: Callable[[Value], Value], checked: bool
) -> None:
    """Nothing would get a gradient, without a word: also where it is the last number of a step of training."""
    x = Value(2.0)
    for _ in range(6):
        with no_grad(), strict() if checked else nullcontext():
            y = compute(x)
        for use in (y.backward, lambda y=y: autograd.grad(y, [x]), copy.deepcopy(y).backward):
            with pytest.raises(AutogradError, match=r"was computed inside no_grad\(\), so it has no graph"):
                use()
    z = y * x  # it is a number like others in what is computed later
    z.backward()
    assert (x.grad, y.grad) == (y.data, x.data)


def test_a_compiled_step_refuses_it_as_it_does_without_the_compiler() -> None:
    x = Value(2.0)

    def step(factor: float) -> Value:
        with no_grad():
            loss = x * factor
        loss.backward()
        return loss

    for f in (step, autograd.compile(step)):
        for _ in range(3):
            with pytest.raises(AutogradError, match="has no graph"):
                f(2.0)


def test_leaves_may_be_roots() -> None:
    for leaf in (Value(2.0), (Value(2.0) * 3.0).detach(), autograd.compile(lambda: Value(3.0))()):
        leaf.backward()
        assert leaf.grad == 1.0


def test_no_graph_is_recorded() -> None:
    x = Value(2.0, label="x")
    with no_grad():
        results = [
            x * x,
            x + 1,
            2**x,
            -x,
            x.exp(),
            log(x),
            sumprod([x], [x]),
            *linear([x, x], [[x, x], [x, 3.0]], [x, x]),
            *linear([x, x], [[x, x], [x, x]], [x, x]),
            x.clip(0, 1),
            autograd.where(x > 1, x, 0),
        ]
    for y in results:
        assert (y.parents, y.partials, y.op) == ((), (), x.op)
        with pytest.raises(AutogradError, match="has no graph"):
            y.backward()
    assert [y.data for y in results[:11]] == [4, 3, 4, -2, math.exp(2), math.log(2), 4, 10, 12, 10, 10]


def test_recording_goes_on_after_the_block_and_after_an_exception_in_it() -> None:
    x = Value(2.0)
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    (x * x).backward()
    assert x.grad == 4.0


def test_what_was_recorded_before_can_be_differentiated_inside() -> None:
    x = Value(2.0)
    y = x * x
    with no_grad():
        y.backward()
        assert autograd.grad(y, x) == (4.0,)
    assert x.grad == 4.0


def test_blocks_nest() -> None:
    x = Value(2.0)
    with no_grad():
        with no_grad():
            assert not (x * x).parents
        assert not (x * x).parents
        with strict():
            assert not (x * x).parents
            with pytest.raises(NumericError):
                log(x - 3)
        assert math.isnan(log(x - 3).data)
    assert (x * x).parents


def test_as_a_decorator() -> None:
    @no_grad()
    def step(x: Value) -> Value:
        return x * x

    for _ in range(2):
        assert not step(Value(2.0)).parents


# ---- strict: what is an event ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "message"),
    [
        (lambda x: log(x - 3), r"log\(-1\).* gave nan"),
        (lambda x: x.log1p() - (x - 4).log1p(), r"log1p\(-2\).* gave nan"),
        (lambda x: sqrt(-x), r"sqrt\(-2\).* gave nan"),
        (lambda x: sqrt(x - 2), r"sqrt\(0\).*: the local derivative is inf"),
        (lambda x: 1 / (x - 2), r"div\(1, 0\).* gave inf"),
        (lambda x: (x * 1000).exp(), r"exp\(2000\).* gave inf"),
        (lambda x: x * math.inf, r"mul\(2 \('x'\), inf\).* gave inf"),
        (lambda x: x + math.nan, r"add\(2 \('x'\), nan\).* gave nan"),
        (lambda x: (-x) ** 0.5, r"constant_power\(-2, 0.5\).* gave nan"),
        (lambda x: (-x) ** Value(2.0), r"power\(-2, 2\).*: the local derivative is nan"),
        (lambda x: x * 1e200 * 1e200, r"mul\(2e\+200, 1e\+200\).* gave inf"),
    ],
)
def test_the_first_event_raises_and_names_primitive_and_operands(event: Callable[[Value], Any], message: str) -> None:
    x = Value(2.0, label="x")
    event(x)  # quiet outside
    with strict(), pytest.raises(NumericError, match=message) as error:
        event(x)
    assert isinstance(error.value, ArithmeticError)


def test_what_is_finite_is_no_event() -> None:
    x = Value(2.0)
    with strict():
        y = (x * x).log() / x.sqrt() + (-x) ** 2 + x.relu() + abs(x - 2) + autograd.where(x > 3, x / 0.5, x)
        y.backward()
        assert autograd.grad(x**0.0, x) == (0.0,)
        (x - 2) * 5 + 0 ** (x - 1.5)  # by the constant 0 it is inf


def test_the_derivative_by_a_constant_is_nobodys_concern() -> None:
    y = Value(3.0)
    with strict():
        (1e-300 * y).backward(1e308)  # by y it is 1e8, by the constant inf
    assert y.grad == pytest.approx(1e8)


def test_an_event_in_backward_names_the_node_and_writes_nothing() -> None:
    x = Value(1e-200, label="x")
    with strict():
        h = x * 1e200
        h.label = "h"
        y = h * 1e200
        with pytest.raises(NumericError, match="in backward, the gradient of leaf 1e-200, node 'x', became inf"):
            y.backward()
        with pytest.raises(NumericError, match="in backward"):
            autograd.grad(y, x)
    assert (x.grad, h.grad, y.grad) == (0, 0, 0)
    y.backward()
    assert x.grad == math.inf


# ---- strict: where ---------------------------------------------------------------------------------------------------
def test_the_error_names_the_line_and_the_label() -> None:
    x = Value(2.0)
    with strict():
        p = x - 2.2
        p.label = "p"
        with pytest.raises(NumericError) as error:
            log(p)
        line = here() - 1
    assert str(error.value) == f"log(-0.2 ('p')) at {__file__}:{line} gave nan"


def test_the_line_is_the_users_also_below_functions_of_the_package() -> None:
    x = Value(2.0)
    with strict():
        nodes = [autograd.sumprod([x], [x]), autograd.softmax([x, x])[0], x.select(x, x), autograd.clip(x)]; line = here()  # noqa: E501,E702  # fmt: skip
        (dx,) = autograd.grad(x * x, x, create_graph=True); below = here()  # noqa: E702  # fmt: skip
    assert {node.origin for node in nodes} == {f"{__file__}:{line}"}
    assert dx.origin == f"{__file__}:{below}"
    assert Path(__file__).name in str(dx.origin)


def test_a_long_list_of_operands_is_cut() -> None:
    xs = [Value(1e200)] * 1000
    with strict(), pytest.raises(NumericError, match=r"… 1994 more\) at .* gave inf") as error:
        sumprod(xs, xs)
    assert len(str(error.value)) < 300


def test_outside_nothing_remembers_where_it_was_made() -> None:
    x = Value(2.0)
    assert x.origin is None
    assert (x * x).origin is None


# ---- whom a switch is for --------------------------------------------------------------------------------------------
def test_tasks_have_switches_of_their_own() -> None:
    x = Value(2.0)
    log_of_it: list[tuple[str, bool]] = []

    async def silent() -> None:
        with no_grad():
            for _ in range(5):
                await asyncio.sleep(0)
                log_of_it.append(("silent", bool((x * x).parents)))

    async def recording() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
            log_of_it.append(("recording", bool((x * x).parents)))

    async def both() -> None:
        await asyncio.gather(silent(), recording(), silent())

    asyncio.run(both())
    assert [who for who, _ in log_of_it[:4]] == ["silent", "recording", "silent", "silent"]  # they did interleave
    assert all(recorded == (who == "recording") for who, recorded in log_of_it)


def test_a_generator_closed_early_closes_its_block() -> None:
    def numbers() -> Iterator[Value]:
        with no_grad():
            yield Value(2.0)

    generator = numbers()
    x = next(generator)
    assert not (x * x).parents  # as any context variable: the block holds for whoever runs the generator
    generator.close()
    assert (x * x).parents


def test_a_generator_closed_in_another_context_leaves_its_switches_as_they_are() -> None:
    def numbers() -> Iterator[Value]:
        with no_grad():
            yield Value(2.0)

    generator = numbers()
    x = contextvars.copy_context().run(next, generator)
    with strict():
        generator.close()
        assert current_modes().strict
        assert (x * x).parents
    assert open_contexts.count == 0


def test_another_context_is_not_affected() -> None:
    x = Value(2.0)
    outside = contextvars.copy_context()
    with no_grad():
        assert outside.run(lambda: (x * x).parents)
        assert not contextvars.copy_context().run(lambda: (x * x).parents)


def test_without_an_open_context_an_operator_asks_nobody() -> None:
    """What makes switches free of cost while nobody uses them."""
    asked = 0

    def counting() -> Modes:
        nonlocal asked
        asked += 1
        return Modes()

    x = Value(2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autograd.value, "current_modes", counting)
        (x * x + 1).exp().backward()
        assert asked == 0
        with switched():
            x * x
        assert asked > 0


def test_many_blocks_leave_nothing_behind() -> None:
    for _ in range(1000):
        with no_grad(), strict(), no_grad():
            pass
