"""Parameters that are frozen, and groups of parameters with hyper-parameters of their own."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import AutogradError, Value
from nn import MLP, SGD, Adam, AdamW, ExponentialLR, Optimizer, RMSprop, fit, make_moons

X, Y = make_moons(24, noise=0.1, seed=0)
MAKERS: list[Callable[[Any], Optimizer]] = [
    lambda ps: SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.01),
    lambda ps: Adam(ps, lr=0.02, weight_decay=0.01),
    lambda ps: AdamW(ps, lr=0.02),
    lambda ps: RMSprop(ps, lr=0.01, momentum=0.5),
]


def network() -> MLP:
    return MLP(2, [4, 3, 1], activation="tanh", seed=0)


def data(model: MLP) -> list[float]:
    return [p.data for p in model.parameters()]


def loss(model: Any) -> Any:
    return sum((model(x) - t) ** 2 for x, t in zip(X, Y)) / len(X)


# ---- freezing --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("compile", [True, False])
def test_fit_leaves_frozen_parameters_and_their_state_and_trains_the_others_as_alone(
    make: Callable[[Any], Optimizer], compile: bool
) -> None:
    model, other = network(), network()
    model.layers[0].requires_grad_(False)
    optimizer, alone = make(model.parameters()), make([p for layer in other.layers[1:] for p in layer.parameters()])
    first = [p.data for p in model.layers[0].parameters()]
    for m, o in ((model, optimizer), (other, alone)):
        fit(m, X, Y, loss="mse_loss", optimizer=o, epochs=3, batch_size=8, compile=compile, progress=False)
    assert [p.data for p in model.layers[0].parameters()] == first
    assert data(model) == pytest.approx(data(other), rel=1e-12)
    assert optimizer.state[len(first) :] == [pytest.approx(row, rel=1e-12) for row in alone.state]
    assert all(set(row) == {0.0} for row in optimizer.state[: len(first)])
    assert optimizer.hyper.step == 9


@pytest.mark.filterwarnings("ignore:.*was recorded:RuntimeWarning")  # at each change
@pytest.mark.parametrize("make", MAKERS)
def test_a_compiled_step_notices_that_a_parameter_was_frozen_or_set_free(make: Callable[[Any], Optimizer]) -> None:
    models = [network(), network()]
    optimizers = [make(model.parameters()) for model in models]

    def step(model: Any, optimizer: Any) -> Any:
        value = loss(model)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    compiled = autograd.compile(lambda: step(models[0], optimizers[0]))
    for round_ in range(6):
        for model in models:
            model.layers[1].requires_grad_(round_ % 3 != 1)
        before = [p.data for p in models[0].layers[1].parameters()]
        found, expected = compiled().data, step(models[1], optimizers[1]).data
        assert found == pytest.approx(expected, rel=1e-12)
        assert data(models[0]) == pytest.approx(data(models[1]), rel=1e-12)
        assert ([p.data for p in models[0].layers[1].parameters()] == before) is (round_ % 3 == 1)


def _by_hand(parameters: list[Value]) -> Callable[[], None]:
    def step() -> None:
        for p in parameters:
            if p.requires_grad:
                p.data -= 0.1 * p.grad

    return step


@pytest.mark.parametrize("make", [lambda ps: SGD(ps, lr=0.1).step, _by_hand], ids=["optimizer", "by hand"])
@pytest.mark.parametrize("freeze", [False, True], ids=["set free first", "frozen first"])
def test_each_single_change_is_noticed(make: Any, freeze: bool) -> None:
    """A count of the changes would be taken for a number that the step reads anew, as it does a learning rate."""

    def moves(decorator: Callable[[Any], Any]) -> list[bool]:
        ws = [Value(1.0) for _ in range(12)]
        update = make(ws)

        def step(x: float) -> None:
            for p in ws:
                p.grad = 0.0
            sum(p * x for p in ws).backward()
            update()

        step, found = decorator(step), []
        for k in range(10):
            if k % 2 == 1:
                ws[3].requires_grad_((k % 4 == 1) is not freeze)
            before = ws[3].data
            step(1.0)
            found.append(ws[3].data != before)
        assert ws[0].data == pytest.approx(0.0, abs=1e-12)
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert moves(autograd.compile) == moves(lambda f: f)


def test_a_frozen_leaf_stays_one_in_copies_and_pickles() -> None:
    x = Value(3.0, "x").requires_grad_(False)
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (twin.data, twin.requires_grad) == (3.0, False)
    assert not (x * 2).requires_grad
    assert (x * Value(1.0)).requires_grad
    assert x.requires_grad_().requires_grad


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_callback_that_freezes_or_sets_free_is_told_that_it_comes_too_late(compile: bool, first: bool) -> None:
    model, other = network(), network()
    model.layers[0].requires_grad_(first)

    def change(history: Any) -> None:
        other.requires_grad_(False)  # of another model: nothing to this training
        if len(history) == 2:
            model.layers[0].requires_grad_(not first)

    with pytest.raises(ValueError, match="a callback froze or unfroze a parameter"):
        fit(model, X, Y, loss="mse_loss", epochs=4, callbacks=[change], compile=compile, progress=False)


@pytest.mark.filterwarnings("error")  # there is one group to train, which is compiled
@pytest.mark.parametrize("frozen", [0, 1])
def test_a_group_that_is_frozen_as_a_whole_costs_nothing(frozen: int) -> None:
    model, other = network(), network()
    one, two = halves(model)
    optimizer = Adam([{"params": one, "lr": 0.05}, {"params": two}], lr=0.02)
    alone = Adam(halves(other)[1 - frozen], lr=(0.02, 0.05)[frozen])
    for parameter in (one, two)[frozen]:
        parameter.requires_grad_(False)
    for m, o in ((model, optimizer), (other, alone)):
        schedule = ExponentialLR(o, gamma=0.9)
        fit(m, X, Y, loss="mse_loss", optimizer=o, schedule=schedule, epochs=3, batch_size=8, progress=False)
    assert data(model) == pytest.approx(data(other), rel=1e-12)
    assert [group["step"] for group in optimizer.param_groups] == [9, 9]
    assert optimizer.param_groups[1 - frozen]["lr"] == pytest.approx(alone.lr)


def test_what_was_computed_cannot_be_frozen() -> None:
    with pytest.raises(AutogradError, match=r"computed from other nodes.*detach"):
        (Value(1.0) * 2.0).requires_grad_(False)


def test_there_must_be_something_to_train() -> None:
    model = network().requires_grad_(False)
    with pytest.raises(ValueError, match="every parameter of the optimizer is frozen"):
        fit(model, X, Y, progress=False)


# ---- groups ----------------------------------------------------------------------------------------------------------
def halves(model: MLP) -> tuple[list[Value], list[Value]]:
    return model.layers[0].parameters(), [p for layer in model.layers[1:] for p in layer.parameters()]


GROUPS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (SGD, {"lr": 0.1, "momentum": 0.9}, {"lr": 0.01}),
    (Adam, {"lr": 0.02}, {"betas": (0.8, 0.9), "weight_decay": 0.1}),
    (RMSprop, {"lr": 0.01}, {"alpha": 0.5, "lr": 0.05}),
]


@pytest.mark.parametrize(("kind", "common", "own"), GROUPS)
@pytest.mark.parametrize("compiled", [True, False])
def test_each_group_moves_as_with_an_optimizer_of_its_own(
    kind: Any, common: dict[str, Any], own: dict[str, Any], compiled: bool
) -> None:
    model, other = network(), network()
    one, two = halves(model)
    together = kind([{"params": one, **own}, {"params": two}], **common)
    apart = [kind(halves(other)[0], **{**common, **own}), kind(halves(other)[1], **common)]

    def step(m: Any, optimizers: Any) -> Any:
        value = loss(m)
        for optimizer in optimizers:
            optimizer.zero_grad()
        value.backward()
        for optimizer in optimizers:
            optimizer.step()
        return value

    run = autograd.compile(lambda: step(model, [together])) if compiled else lambda: step(model, [together])
    for _ in range(5):
        assert run().data == pytest.approx(step(other, apart).data, rel=1e-12)
    assert data(model) == pytest.approx(data(other), rel=1e-12)
    assert together.hyper.step == 5


def test_a_schedule_keeps_the_ratio_of_the_rates() -> None:
    x, y = Value(1.0), Value(1.0)
    optimizer = SGD([{"params": [x]}, {"params": y, "lr": 0.5}], lr=0.1)
    ExponentialLR(optimizer, gamma=0.5).step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.25])
    assert optimizer.param_groups[1]["params"] == [y]


@pytest.mark.parametrize(("position", "expected"), [(0, [0.2, 0.25]), (1, [0.05, 0.1])])
def test_a_rate_set_by_hand_holds_when_a_schedule_goes_on(position: int, expected: list[float]) -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    optimizer.param_groups[position]["lr"] = 2 * expected[position]
    optimizer.lr /= 2
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(expected)


def test_one_rate_for_all_groups_set_by_hand_stays_one() -> None:
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    for group in optimizer.param_groups:
        group["lr"] = 0.8
    for rate in (0.4, 0.0, 0.2):
        optimizer.lr = rate
        assert [group["lr"] for group in optimizer.param_groups] == [rate, rate]


@pytest.mark.parametrize(("kind", "option"), [(Adam, "amsgrad"), (AdamW, "amsgrad"), (RMSprop, "centered")])
def test_what_decides_the_size_of_the_state_is_one_for_all_groups(kind: Any, option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} holds for all groups"):
        kind([{"params": [Value(1.0)], option: True}])
    optimizer = kind([{"params": [Value(1.0)], option: True}], **{option: True})
    with pytest.raises(ValueError, match=f"{option} holds for all groups"):
        optimizer.param_groups[0][option] = False
    assert optimizer.param_groups[0][option] is True


def test_the_state_of_groups_goes_through_json() -> None:
    def make() -> Any:
        return Adam([{"params": [Value(1.0)]}, {"params": [Value(2.0)], "lr": 0.5}], lr=0.1)

    first, second = make(), make()
    for p in first.parameters:
        p.grad = 3.0
    first.step()
    first.param_groups[1]["lr"] = 0.25
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state == first.state
    assert [dict(group) for group in second.param_groups][1]["lr"] == 0.25
    assert second.hyper.step == second.param_groups[1]["step"] == 1
    with pytest.raises(ValueError, match="2 groups, but this optimizer has 1"):
        Adam([Value(1.0), Value(2.0)]).load_state_dict(first.state_dict())


def test_fit_says_that_it_trains_several_groups_without_the_compiler() -> None:
    model = network()
    one, two = halves(model)
    optimizer = SGD([{"params": one, "lr": 0.0}, {"params": two}], lr=0.1)
    before = [p.data for p in one]
    with pytest.warns(RuntimeWarning, match="only one group of parameters"):
        fit(model, X, Y, loss="mse_loss", optimizer=optimizer, epochs=1, progress=False)
    assert [p.data for p in one] == before


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([{"params": [Value(1.0)], "learning_rate": 0.1}], ValueError, "no 'learning_rate': it can have lr, momentum"),
        ([{"lr": 0.1}], TypeError, r"a parameter group is .* got one with 'lr'$"),
        ([{}], TypeError, "a parameter group is .* got one with nothing$"),
        ([{"params": [Value(1.0)], "lr": "0.1"}], TypeError, r"lr must be a number, got '0\.1'"),
        ([{"params": [Value(1.0)]}, Value(2.0)], TypeError, "a parameter group is"),
        ([{"params": [Value(1.0)], "lr": -0.1}], ValueError, "lr must be at least 0"),
        ([{"params": []}], ValueError, "at least one parameter"),
        ([{"params": [1.0]}], TypeError, "parameters must be Values"),
    ],
)
def test_groups_that_make_no_sense_are_refused(groups: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SGD(groups)


def test_a_group_has_the_names_of_its_rule_only() -> None:
    group = SGD([Value(1.0)]).param_groups[0]
    with pytest.raises(KeyError, match="no 'rate'"):
        group["rate"] = 1.0
    with pytest.raises(TypeError, match="is part of every group"):
        del group["lr"]
    assert list(group) == [
        "params", "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "step"
    ]  # fmt: skip


def test_requires_grad_may_be_set() -> None:
    x = Value(3.0)
    x.requires_grad = False
    assert not x.requires_grad
    x.requires_grad = True
    assert x.requires_grad
    with pytest.raises(AutogradError, match="computed from other nodes"):
        (x * 2).requires_grad = False
