"""Optimisers, clipping and schedules against their definitions in plain floats."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd import Value, grad
from nn import MLP
from nn.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm_, clip_grad_value_
from nn.schedules import CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, ReduceLROnPlateau, Schedule, StepLR

GRADIENTS = [0.5, -2.0, 0.25, 3.0, 0.0]
START = 1.5


def trajectory(make: Callable[[list[Value]], Optimizer]) -> list[float]:
    """The parameter after each of the given gradients."""
    p = Value(START)
    optimizer = make([p])
    found = []
    for g in GRADIENTS:
        p.grad = g
        optimizer.step()
        found.append(p.data)
    return found


# What PyTorch 2.13 has in the signatures of its optimisers and schedules.
DEFAULTS: dict[type[Any], dict[str, Any]] = {
    SGD: {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    Adam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False},
    AdamW: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False},
    RMSprop: {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
    StepLR: {"gamma": 0.1},
    MultiStepLR: {"gamma": 0.1},
    CosineAnnealingLR: {"eta_min": 0.0},
    LinearLR: {"start_factor": 1 / 3, "end_factor": 1.0, "total_iters": 5},
    ReduceLROnPlateau: {
        "mode": "min", "factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0,
        "min_lr": 0.0, "eps": 1e-8,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", DEFAULTS)
def test_what_is_not_given_is_as_in_pytorch(kind: type[Any]) -> None:
    parameters = inspect.signature(kind).parameters
    assert {name: parameters[name].default for name in DEFAULTS[kind]} == DEFAULTS[kind]


# --- the definitions, written with a loop and no state object --------------------------------------------------------


def sgd(
    lr: float, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
) -> Iterator[float]:
    p, v = START, 0.0
    for t, g in enumerate(GRADIENTS):
        g += weight_decay * p
        v = momentum * v + (1 - dampening if t else 1) * g
        p -= lr * (g + momentum * v if nesterov else v)
        yield p


def adam(lr: float, weight_decay: float = 0.0, *, decoupled: bool = False) -> Iterator[float]:
    p, m, v = START, 0.0, 0.0
    for t, g in enumerate(GRADIENTS, start=1):
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g += weight_decay * p
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        p -= lr * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield p


def rmsprop(lr: float, momentum: float = 0.0) -> Iterator[float]:
    p, v, b = START, 0.0, 0.0
    for g in GRADIENTS:
        v = 0.99 * v + 0.01 * g**2
        b = momentum * b + g / (math.sqrt(v) + 1e-8)
        p -= lr * b
        yield p


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda ps: SGD(ps), sgd(1e-3)),
        (lambda ps: SGD(ps, 0.1, 0.9), sgd(0.1, 0.9)),
        (lambda ps: SGD(ps, 0.1, 0.9, nesterov=True), sgd(0.1, 0.9, nesterov=True)),
        (lambda ps: SGD(ps, 0.1, 0.5, 0.3), sgd(0.1, 0.5, 0.3)),
        (lambda ps: SGD(ps, 0.1, 0.5, 0.3, 0.2), sgd(0.1, 0.5, 0.3, 0.2)),
        (lambda ps: Adam(ps), adam(1e-3)),
        (lambda ps: Adam(ps, 0.1, weight_decay=0.3), adam(0.1, 0.3)),
        (lambda ps: AdamW(ps, 0.1), adam(0.1, 0.01, decoupled=True)),
        (lambda ps: AdamW(ps, 0.1, weight_decay=0.3), adam(0.1, 0.3, decoupled=True)),
        (lambda ps: RMSprop(ps), rmsprop(0.01)),
        (lambda ps: RMSprop(ps, 0.1, momentum=0.9), rmsprop(0.1, 0.9)),
    ],
)
def test_steps_follow_the_definition(make: Callable[[list[Value]], Optimizer], expected: Iterator[float]) -> None:
    assert trajectory(make) == pytest.approx(list(expected), rel=1e-13)


@pytest.mark.parametrize(("alpha", "gradient"), [(0.5, -0.7), (0.95, 0.9)])
def test_equal_gradients_have_no_variance_and_no_nan(alpha: float, gradient: float) -> None:
    """Rounding makes v − m² negative after some of them."""
    p = Value(0.0)
    optimizer = RMSprop([p], alpha=alpha, centered=True)
    below = 0
    for _ in range(700):
        p.grad = gradient
        optimizer.step()
        ((v, _, mean),) = optimizer.state
        below += v < mean * mean
    assert below > 0
    assert math.isfinite(p.data)


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_maximize_is_descent_of_the_opposite(kind: Any) -> None:
    climbing, descending = Value(START), Value(START)
    up, down = kind([climbing], lr=0.1, weight_decay=0.1, maximize=True), kind([descending], lr=0.1, weight_decay=0.1)
    for g in GRADIENTS:
        climbing.grad, descending.grad = g, -g
        up.step()
        down.step()
        assert climbing.data == descending.data != START


def test_each_parameter_has_a_state_of_its_own() -> None:
    ps = [Value(START), Value(START)]
    optimizer = Adam(ps, lr=0.1)
    alone = trajectory(lambda one: Adam(one, lr=0.1))
    for g in GRADIENTS:
        ps[0].grad, ps[1].grad = g, -5.0 * g
        optimizer.step()
    assert ps[0].data == alone[-1]
    assert ps[1].data == pytest.approx(2 * START - alone[-1], abs=1e-7)  # Adam does not see the scale of gradients


def test_a_parameter_that_no_loss_reached_stays() -> None:
    p = Value(2.0)
    SGD([p], lr=0.5).step()
    assert p.data == 2.0


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_rules_are_pure_functions_on_any_numbers(kind: type[Optimizer]) -> None:
    """What the compiler needs: given nodes the rule records a graph, with the same result as on floats."""
    optimizer = kind([Value(1.0)])
    optimizer.hyper.step = 3
    state = tuple(0.5 + i for i in range(kind.state_size))
    number, new_state = kind.rule(1.25, -0.75, state, optimizer.hyper)
    p, g = Value(1.25), Value(-0.75)
    node, node_state = kind.rule(p, g, tuple(map(Value, state)), optimizer.hyper)
    assert isinstance(node, Value)
    assert node.data == number
    assert tuple(s.data for s in node_state) == new_state
    assert grad(node, [p, g])[0] != 0.0


def test_a_step_goes_downhill_in_a_network() -> None:
    for name, kind in OPTIMIZERS.items():
        model = MLP(2, [4, 1], activation="tanh", seed=0)
        optimizer = kind(model.parameters(), lr=0.01)
        losses = []
        for _ in range(20):
            loss = (model([0.5, -1.0]) - 2.0) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.data)
        assert losses == sorted(losses, reverse=True), name


def test_zero_grad_and_repr_and_lr() -> None:
    p = Value(1.0)
    optimizer = SGD([p], lr=0.5, momentum=0.9)
    p.grad = 3.0
    optimizer.zero_grad()
    assert p.grad == 0.0
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    assert (
        repr(optimizer)
        == "SGD(1 parameters, lr=0.25, momentum=0.9, dampening=0, weight_decay=0, nesterov=0, maximize=0, step=0)"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD([]), ValueError, "an optimizer needs at least one parameter"),
        (lambda: SGD([1.0]), TypeError, r"parameters must be Values, got 1\.0 of type float"),  # type: ignore[list-item]
        (lambda: SGD([Value(1.0)], lr=-1.0), ValueError, r"lr must be at least 0 and finite, got -1\.0"),
        (lambda: SGD([Value(1.0)], lr="fast"), TypeError, "lr must be a number, got 'fast'"),  # type: ignore[arg-type]
        (lambda: SGD([Value(1.0)], lr=math.nan), ValueError, "lr must be at least 0 and finite, got nan"),
        (lambda: SGD([Value(1.0)], momentum=math.inf), ValueError, "momentum must be at least 0 and finite, got inf"),
        (lambda: SGD([Value(1.0)], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda: SGD([Value(1.0)], 0.1, 0.9, 0.1, nesterov=True), ValueError, "and no dampening"),
        (
            lambda: Adam([Value(1.0)], betas=(0.9, 1.0)),
            ValueError,
            r"beta2 must be at least 0 and less than 1, got 1\.0",
        ),
        (lambda: RMSprop([Value(1.0)], alpha=1.0), ValueError, r"alpha must be at least 0 and less than 1, got 1\.0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- clipping -------------------------------------------------------------------------------------------------------


def with_gradients(*gradients: float) -> list[Value]:
    ps = [Value(0.0) for _ in gradients]
    for p, g in zip(ps, gradients, strict=True):
        p.grad = g
    return ps


def test_clipping_by_value() -> None:
    ps = with_gradients(3.0, -0.5, -7.0, 1.0)
    clip_grad_value_(ps, 1.0)
    assert [p.grad for p in ps] == [1.0, -0.5, -1.0, 1.0]


@pytest.mark.parametrize(("norm_type", "norm"), [(2.0, 5.0), (1.0, 7.0), (math.inf, 4.0)])
def test_clipping_by_norm(norm_type: float, norm: float) -> None:
    ps = with_gradients(3.0, -4.0)
    assert clip_grad_norm_(ps, 1.0, norm_type) == pytest.approx(norm)
    assert [p.grad for p in ps] == pytest.approx([3.0 / (norm + 1e-6), -4.0 / (norm + 1e-6)])


def test_short_and_huge_gradients() -> None:
    ps = with_gradients(0.3, 0.4)
    assert clip_grad_norm_(ps, 1.0) == pytest.approx(0.5)
    assert [p.grad for p in ps] == [0.3, 0.4]
    ps = with_gradients(3e200, 4e200)  # whose squares overflow
    assert clip_grad_norm_(ps, 1.0) == pytest.approx(5e200)
    assert [p.grad for p in ps] == pytest.approx([0.6, 0.8])
    assert clip_grad_norm_(with_gradients(0.0, 0.0), 1.0) == 0.0
    assert clip_grad_norm_(with_gradients(0.3, 0.4), 1.0, math.inf) == 0.4
    assert clip_grad_norm_(with_gradients(math.inf, 1.0), 1.0) == math.inf
    ps = with_gradients(1e-6)  # as small as what PyTorch adds to the norm before it divides
    clip_grad_norm_(ps, 1e-6)
    assert ps[0].grad == pytest.approx(5e-7)


@pytest.mark.parametrize(
    ("clip", "limit"), [(clip_grad_value_, 0.0), (clip_grad_norm_, 0.0), (clip_grad_norm_, math.nan)]
)
def test_limits_must_be_positive(clip: Callable[..., Any], limit: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        clip(with_gradients(1.0), limit)


# --- schedules ------------------------------------------------------------------------------------------------------


def rates(make: Callable[[Optimizer], Schedule], epochs: int) -> list[float]:
    optimizer = SGD([Value(0.0)], lr=0.8)
    schedule = make(optimizer)
    found = []
    for _ in range(epochs):
        found.append(optimizer.lr)
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: StepLR(o, step_size=2, gamma=0.5), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]),
        (lambda o: ExponentialLR(o, gamma=0.5), [0.8, 0.4, 0.2, 0.1]),
        (lambda o: CosineAnnealingLR(o, T_max=4), [0.8 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(6)]),
        (lambda o: CosineAnnealingLR(o, T_max=2, eta_min=0.2), [0.8, 0.5, 0.2, 0.5]),
        (lambda o: LinearLR(o, start_factor=0.25, total_iters=3), [0.2, 0.4, 0.6, 0.8, 0.8]),
    ],
)
def test_schedules(make: Callable[[Optimizer], Schedule], expected: list[float]) -> None:
    assert rates(make, len(expected)) == pytest.approx(expected)


def test_the_rate_drops_on_a_plateau() -> None:
    optimizer = SGD([Value(0.0)], lr=0.8)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1, min_lr=0.3)
    found = []
    for loss in [1.0, 0.5, 0.49999, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4]:
        schedule.step(loss)
        found.append(optimizer.lr)
    assert found == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3]


# The rates are those of PyTorch's schedule with these options, from 0.8 on.
@pytest.mark.parametrize(
    ("options", "losses", "expected"),
    [
        ({"mode": "max", "threshold": 0.1}, [1.0, 1.15, 1.2, 1.3, -1.0], [0.8, 0.8, 0.4, 0.4, 0.2]),
        ({"mode": "min", "threshold": 0.1}, [1.0, 0.85, 0.8, 0.75], [0.8, 0.8, 0.4, 0.4]),
        (
            {"mode": "max", "threshold_mode": "abs", "threshold": 0.5},
            [1.0, 1.75, 2.0, 2.5], [0.8, 0.8, 0.4, 0.4],
        ),
        (
            {"mode": "min", "threshold_mode": "abs", "threshold": 0.5},
            [4.0, 3.25, 3.0, 2.5], [0.8, 0.8, 0.4, 0.4],
        ),
        ({"threshold": 0.0}, [1.0, 1.0, 0.5], [0.8, 0.4, 0.4]),
        ({}, [math.inf, math.inf], [0.4, 0.2]),
        ({"cooldown": 2}, [1.0] * 8, [0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1]),
        ({"cooldown": 1, "patience": 1}, [1.0] * 9, [0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1]),
        ({"eps": 0.15}, [1.0] * 5, [0.8, 0.4, 0.2, 0.2, 0.2]),
    ],
)  # fmt: skip
def test_a_plateau_is_what_it_is_in_pytorch(
    options: dict[str, Any], losses: list[float], expected: list[float]
) -> None:
    optimizer = SGD([Value(0.0)], lr=0.8)
    schedule = ReduceLROnPlateau(optimizer, **{"factor": 0.5, "patience": 0, **options})
    found = []
    for loss in losses:
        schedule.step(loss)
        found.append(optimizer.lr)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, step_size=0), "step_size must be at least 1, got 0"),
        (lambda o: CosineAnnealingLR(o, T_max=0), "T_max must be at least 1, got 0"),
        (lambda o: LinearLR(o, total_iters=0), "total_iters must be at least 1, got 0"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), r"factor must be between 0 and 1, got 1\.0"),
        (lambda o: ReduceLROnPlateau(o, factor=0.0), r"factor must be between 0 and 1, got 0\.0"),
        (lambda o: MultiStepLR(o, milestones=[3, -1]), "a milestone must be at least 0, got -1"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(make: Callable[[Optimizer], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(SGD([Value(0.0)]))


def test_a_schedule_goes_on_from_its_state() -> None:
    first, second = SGD([Value(0.0)], lr=1.0), SGD([Value(0.0)], lr=5.0)
    plateau, again = ReduceLROnPlateau(first, patience=1), ReduceLROnPlateau(second, patience=7)
    for loss in (3.0, 3.0):
        plateau.step(loss)
    again.load_state_dict(plateau.state_dict())
    second.lr = first.lr
    for schedule in (plateau, again):
        schedule.step(3.0)
    assert first.lr == second.lr == 0.1
    assert plateau.state_dict() == again.state_dict()
    with pytest.raises(ValueError, match="a StepLR state has step_size, gamma, initial, epoch, not factor, patience"):
        StepLR(second, 3).load_state_dict(plateau.state_dict())


def test_a_model_instead_of_its_parameters_is_refused() -> None:
    with pytest.raises(TypeError, match=r"SGD needs parameters, not their model: give model\.parameters\(\)"):
        SGD(MLP(1, [1]))  # type: ignore[arg-type]


# --- the state of an optimiser --------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[list[Value]], Optimizer]] = {
    "SGD": lambda parameters: SGD(parameters, lr=0.1, momentum=0.5),
    "dampening": lambda parameters: SGD(parameters, lr=0.1, momentum=0.5, dampening=0.3),
    "Adam": lambda parameters: Adam(parameters, lr=0.1),
    "amsgrad": lambda parameters: Adam(parameters, lr=0.1, betas=(0.5, 0.5), amsgrad=True),
    "AdamW": lambda parameters: AdamW(parameters, lr=0.1),
    "RMSprop": lambda parameters: RMSprop(parameters, lr=0.1, momentum=0.5),
    "centered": lambda parameters: RMSprop(parameters, lr=0.1, centered=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_optimizer_goes_on_from_its_state(kind: str) -> None:
    """Through JSON, and with the options of the one that was saved."""
    whole = trajectory(KINDS[kind])
    p = Value(START)
    optimizer = KINDS[kind]([p])
    for g in GRADIENTS[:3]:
        p.grad = g
        optimizer.step()
    saved = json.loads(json.dumps(optimizer.state_dict()))
    other = KINDS[kind]([p])
    other.lr = 9.0
    other.load_state_dict(saved)
    assert other.state_dict() == optimizer.state_dict()
    for g, expected in zip(GRADIENTS[3:], whole[3:], strict=True):
        p.grad = g
        other.step()
        assert p.data == expected


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (Adam([Value(1.0)]), "the state does not belong to SGD"),
        (SGD([Value(1.0), Value(2.0)]), "the state is of 2 parameters, but this optimizer has 1"),
    ],
)
def test_the_state_of_another_optimizer_is_refused(saved: Optimizer, message: str) -> None:
    optimizer = SGD([Value(1.0)], lr=0.5)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved.state_dict())
    assert optimizer.state_dict() == before


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "this is not the state of an optimizer, it holds nothing"),
        (MLP(1, [1], seed=0).state_dict(), r"not the state of an optimizer, it holds 'layers\.0\.neurons\.0\.w\.0'"),
        ({"hyper": {"lr": 0.1}}, "this is not the state of an optimizer, it holds 'hyper'"),
    ],
)
def test_what_is_no_state_of_an_optimizer_is_refused(state: dict[str, Any], message: str) -> None:
    optimizer = SGD([Value(1.0)], lr=0.5)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_the_state_with_another_option_is_refused() -> None:
    with pytest.raises(ValueError, match="the state does not belong to Adam"):
        Adam([Value(1.0)]).load_state_dict(Adam([Value(1.0)], amsgrad=True).state_dict())


@pytest.mark.parametrize(("kind", "plain"), [("amsgrad", {"betas": (0.5, 0.5)}), ("centered", {})])
def test_the_options_matter_here(kind: str, plain: dict[str, Any]) -> None:
    """Otherwise the tests above and those against PyTorch could not fail."""
    without: Any = Adam if kind == "amsgrad" else RMSprop
    assert trajectory(KINDS[kind]) != trajectory(lambda parameters: without(parameters, lr=0.1, **plain))


@pytest.mark.parametrize(
    ("rate", "error"),
    [(-0.1, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("0.1", TypeError), (None, TypeError)],
)
def test_a_rate_that_is_set_later_is_checked_as_the_first_one_is(rate: Any, error: type[Exception]) -> None:
    optimizer = SGD([Value(1.0)], lr=0.5)
    with pytest.raises(error, match="lr must be"):
        optimizer.lr = rate
    assert optimizer.lr == 0.5


def test_the_rates_of_all_groups_are_the_last_ones() -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=1.0)
    schedule = StepLR(optimizer, step_size=1, gamma=0.5)
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.25]


def test_betas_of_a_group_are_read_and_set_by_pytorchs_name() -> None:
    (group,) = Adam([Value(1.0)]).param_groups
    assert group["betas"] == (0.9, 0.999)
    group["betas"] = 0.5, 0.25
    assert (group["beta1"], group["beta2"]) == (0.5, 0.25)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_clipping_takes_parameters_or_one_but_no_model(clip: Callable[..., Any]) -> None:
    p = Value(0.0)
    p.grad = 5.0
    clip(p, 1.0)
    assert p.grad == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(TypeError, match=r"needs parameters, not their model: give model\.parameters\(\)"):
        clip(MLP(1, [1]), 1.0)


def test_a_parameter_that_is_listed_twice_is_refused() -> None:
    x = Value(1.0)
    with pytest.raises(ValueError, match="listed twice"):
        SGD([x, x])


def test_a_parameter_that_is_the_result_of_others_is_refused() -> None:
    x, y = Value(1.0), Value(2.0)
    for given in ([x * y], [x, -y], [{"params": [x]}, {"params": [y.exp()]}]):
        with pytest.raises(ValueError, match=r"is the result of .* give the Values that it is computed from"):
            Adam(given)


def test_a_step_that_fails_in_the_middle_moves_nothing() -> None:
    class Broken(SGD):
        @staticmethod
        def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
            return (parameter - hyper.lr * gradient if parameter < 2.0 else "no number"), state

    parameters = [Value(1.0), Value(2.0)]
    for parameter in parameters:
        parameter.grad = 1.0
    optimizer = Broken(parameters)
    with pytest.raises(TypeError):
        optimizer.step()
    assert [parameter.data for parameter in parameters] == [1.0, 2.0]
    assert optimizer.hyper.step == 0


# ---- groups ----------------------------------------------------------------------------------------------------------
def test_a_group_is_a_mapping_of_its_parameters_and_numbers() -> None:
    x = Value(1.0)
    (group,) = SGD([x], lr=0.1).param_groups
    names = ["params", "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "step"]
    assert list(group) == names
    assert len(group) == len(names)
    assert group["params"] == [x]
    with pytest.raises(TypeError, match="'lr' is part of every group of this optimizer"):
        del group["lr"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [{"lr": 0.1}],
            r'a parameter group is a dictionary such as {"params": \[...\], "lr": 0.1}, got one with \'lr\'',
        ),
        ([{}], "such as .*, got one with nothing"),
        ([{"params": [Value(1.0)]}, "w"], "such as .*, got 'w'"),
    ],
)
def test_what_is_no_group_is_refused(given: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        SGD(given)


def test_the_first_unknown_name_of_a_group_is_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"a parameter group has no 'alpha': it can have lr, momentum, dampening, "):
        SGD([{"params": [Value(1.0)], "alpha": 0.5, "beta": 0.5}])


def test_what_decides_on_the_state_is_one_for_all_groups() -> None:
    optimizer = Adam([{"params": [Value(1.0)]}, {"params": [Value(2.0)], "amsgrad": False}])
    with pytest.raises(ValueError, match="amsgrad holds for all groups"):
        optimizer.param_groups[1]["amsgrad"] = True
    optimizer.param_groups[1]["maximize"] = True  # which may differ
    assert [group["maximize"] for group in optimizer.param_groups] == [False, True]


def two_groups(first: float, second: float) -> SGD:
    return SGD([{"params": [Value(1.0)], "lr": first}, {"params": [Value(2.0)], "lr": second}])


def rates_of_groups(optimizer: Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def test_groups_keep_their_ratios_also_where_the_rate_was_0_for_a_while() -> None:
    optimizer = two_groups(0.1, 0.3)
    optimizer.lr = 0.0
    assert rates_of_groups(optimizer) == [0.0, 0.0]
    optimizer.lr = 0.2
    assert rates_of_groups(optimizer) == pytest.approx([0.2, 0.6])


def test_groups_have_the_ratios_of_the_state_that_was_loaded() -> None:
    optimizer = two_groups(0.1, 0.3)
    optimizer.load_state_dict(two_groups(0.1, 0.4).state_dict())
    optimizer.lr = 0.2
    assert rates_of_groups(optimizer) == pytest.approx([0.2, 0.8])


def test_only_several_groups_are_in_the_state() -> None:
    assert "groups" not in SGD([Value(1.0)]).state_dict()
    assert [group["lr"] for group in two_groups(0.1, 0.3).state_dict()["groups"]] == [0.1, 0.3]
