"""Compiled and eager steps: one trajectory, whatever the optimiser, the loss and the batches; what is compiled."""

from __future__ import annotations

import math
import random
import signal
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import autograd.functional
from autograd import Value, softplus, tanh, where
from autograd.errors import NumericError
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    CosineAnnealingLR,
    EarlyStopping,
    ExponentialLR,
    History,
    Module,
    Optimizer,
    RMSprop,
    fit,
    make_moons,
    predict,
)
from nn.losses import LOSSES, binary_cross_entropy_with_logits, cross_entropy, l2_penalty, mse_loss
from nn.training.steps import CompiledSteps, EagerSteps, Problem, steps_for
from tests.support import numbers

pytest.importorskip("llvmlite")
np = pytest.importorskip("numpy")

RNG = random.Random(3)
X = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(23)]
NUMBERS = [RNG.uniform(-1.0, 1.0) for _ in X]
CLASSES = [RNG.randrange(3) for _ in X]


def mlp(*nouts: int, **options: Any) -> MLP:
    return MLP(3, list(nouts), **{"activation": "tanh", "seed": 1, **options})


def both(
    make: Callable[[], Any], y: Any, optimizer: Callable[[Any], Optimizer], *, data: Any = None, **options: Any
) -> tuple[History, History]:
    """Train the same model eagerly and compiled, and compare all that it leaves behind."""
    found = []
    for compile in (False, True):
        model = make()
        made = optimizer(model.parameters())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            history = fit(
                model, X if data is None else data, y, optimizer=made,
                **{"epochs": 7, "batch_size": 8, "progress": False, "compile": compile, **options},
            )  # fmt: skip
        found.append((history, numbers(model), [x for state in made.state for x in state], made))
    (eager, *left, by_graph), (compiled, *right, by_machine) = found
    assert compiled.loss == pytest.approx(eager.loss, rel=1e-12, abs=1e-12)
    for a, b in zip(left, right, strict=True):
        assert b == pytest.approx(a, rel=1e-12, abs=1e-12)
    assert compiled.lr == eager.lr
    assert len(compiled.seconds) == len(compiled)
    assert compiled.stopped == eager.stopped
    assert repr(by_graph) == repr(by_machine)  # the number of steps, among others
    return eager, compiled


OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda ps: SGD(ps, 0.1),
    "momentum": lambda ps: SGD(ps, 0.1, momentum=0.9),
    "nesterov": lambda ps: SGD(ps, 0.1, momentum=0.9, nesterov=True),
    "decay": lambda ps: SGD(ps, 0.1, momentum=0.5, weight_decay=0.1),
    "Adam": lambda ps: Adam(ps, 0.01),
    "Adam with decay": lambda ps: Adam(ps, 0.01, betas=(0.8, 0.9), weight_decay=0.1),
    "AdamW": lambda ps: AdamW(ps, 0.01),
    "SGD with dampening": lambda ps: SGD(ps, lr=0.1, momentum=0.9, dampening=0.4),
    "RMSprop": lambda ps: RMSprop(ps),
    "RMSprop with momentum": lambda ps: RMSprop(ps, momentum=0.5, weight_decay=0.1),
}


# --- one trajectory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_same_steps(name: str) -> None:
    both(lambda: mlp(5, 4, 1), NUMBERS, OPTIMIZERS[name])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_gives_the_same_steps(loss: str) -> None:
    if loss == "cross_entropy":
        both(lambda: mlp(5, 3), CLASSES, OPTIMIZERS["SGD"], loss=loss)
        return
    targets = {
        "hinge_loss": [1 if y > 0 else -1 for y in NUMBERS],
        "binary_cross_entropy": [float(y > 0) for y in NUMBERS],
        "binary_cross_entropy_with_logits": [float(y > 0) for y in NUMBERS],
    }.get(loss, NUMBERS)
    output = "sigmoid" if loss == "binary_cross_entropy" else "identity"
    both(lambda: mlp(5, 1, output=output), targets, OPTIMIZERS["SGD"], loss=loss)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 22, 23, 100, None])
def test_batches_may_be_of_any_size(batch_size: int | None) -> None:
    both(lambda: mlp(4, 2), [[y, -y] for y in NUMBERS], OPTIMIZERS["Adam"], batch_size=batch_size)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "leaky_relu", "elu", "softplus", "silu", "gelu", "sin"])
def test_every_activation(activation: str) -> None:
    both(lambda: mlp(4, 1, activation=activation), NUMBERS, OPTIMIZERS["SGD"])


def test_many_epochs_with_nobody_looking_run_in_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    run = CompiledSteps.run
    monkeypatch.setattr(CompiledSteps, "run", lambda self, *args: calls.append(args) or run(self, *args))
    for batch_size in (None, 8):
        calls.clear()
        both(lambda: mlp(3, 1), NUMBERS, OPTIMIZERS["Adam"], epochs=300, batch_size=batch_size)
        assert len(calls) < 100


def test_with_callbacks_every_epoch_is_on_its_own() -> None:
    def seen(compile: bool) -> list[Any]:
        model = mlp(3, 1)
        adam = Adam(model.parameters())
        notes: list[Any] = []
        fit(
            model, X, NUMBERS, optimizer=adam, epochs=4, compile=compile, progress=False,
            callbacks=[lambda history: notes.extend([len(history), adam.hyper.step, *numbers(model), *adam.state[0]])],
        )  # fmt: skip
        return notes

    assert seen(True) == pytest.approx(seen(False), rel=1e-12)


def test_callbacks_may_change_everything() -> None:
    """The learning rate, another number of the rule, the state, and the parameters."""

    def train(compile: bool) -> list[float]:
        model = mlp(3, 1)
        sgd = SGD(model.parameters(), lr=0.1, momentum=0.9)

        def disturb(history: History) -> None:
            if len(history) == 2:
                sgd.lr = 0.05
            if len(history) == 3:
                sgd.hyper.momentum = 0.5
            if len(history) == 4:
                sgd.state = [(0.0,) for _ in sgd.state]
            if len(history) == 5:
                model.parameters()[0].data += 1.0

        history = fit(model, X, NUMBERS, optimizer=sgd, epochs=7, compile=compile, progress=False, callbacks=[disturb])
        return [*history.loss, *history.lr, *numbers(model)]

    assert train(True) == pytest.approx(train(False), rel=1e-12)


@pytest.mark.parametrize("kind", [lambda o: ExponentialLR(o, 0.8), lambda o: CosineAnnealingLR(o, 5)])
def test_schedules_step_at_the_end_of_epochs(kind: Callable[[Optimizer], Any]) -> None:
    def train(compile: bool, by_callback: bool) -> list[float]:
        model = mlp(3, 1)
        adam = Adam(model.parameters(), lr=0.1)
        schedule = kind(adam)
        way: dict[str, Any] = (
            {"callbacks": [lambda history: schedule.step()]} if by_callback else {"schedule": schedule}
        )
        history = fit(model, X, NUMBERS, optimizer=adam, epochs=6, compile=compile, progress=False, **way)
        assert history.lr == [schedule.rate(epoch) for epoch in range(6)]
        return [*history.loss, *history.lr, *numbers(model)]

    assert train(True, False) == pytest.approx(train(False, False), rel=1e-12)
    for compile in (True, False):
        assert train(compile, True) == train(compile, False)


def test_a_negligible_improvement_stops_at_the_same_epoch() -> None:
    for batch_size in (None, 8):
        eager, compiled = both(
            lambda: mlp(1), NUMBERS, OPTIMIZERS["SGD"], epochs=2000,
            early_stopping=EarlyStopping("loss", min_delta=1e-5, patience=3),
            batch_size=batch_size,
        )  # fmt: skip
        assert 10 < len(eager) == len(compiled) < 2000
        assert compiled.stopped


def test_training_again_goes_on_where_it_stopped() -> None:
    """Optimiser, batches and model carry over: 3 + 4 epochs are 7, to the bit."""
    for compile in (False, True):
        ends = []
        for parts in ([7], [3, 4]):
            model, rng = mlp(4, 1), random.Random(5)
            adam = Adam(model.parameters(), lr=0.01)
            for epochs in parts:
                fit(model, X, NUMBERS, optimizer=adam, epochs=epochs, seed=rng, compile=compile, progress=False)
            ends.append((numbers(model), adam.state, adam.hyper.step, rng.random()))
        assert ends[0] == ends[1]


def test_parameters_that_are_not_trained_and_those_that_nothing_uses() -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.frozen, self.w, self.unused = Value(0.5), Value(0.25), Value(2.0)

        def __call__(self, x: Any) -> Any:
            return tanh(self.frozen * x[0] + self.w * x[1])

    both(Odd, NUMBERS, lambda ps: SGD(ps[1:], lr=0.1, weight_decay=0.5, momentum=0.9))


def test_a_loss_of_users_may_use_parameters() -> None:
    model = mlp(3, 1)

    def penalized(output: Any, target: Any) -> Any:
        return mse_loss(output, target) + 1e-3 * l2_penalty(model.parameters())

    start, ends = numbers(model), []
    for compile in (False, True):
        for parameter, number in zip(model.parameters(), start, strict=True):
            parameter.data = number
        fit(model, X, NUMBERS, loss=penalized, epochs=5, compile=compile, progress=False)
        ends.append(numbers(model))
    assert ends[1] == pytest.approx(ends[0], rel=1e-12)


def test_data_may_be_arrays() -> None:
    for make, y, options in [
        (lambda: mlp(3, 1), NUMBERS, {}),
        (lambda: mlp(3, 2), [[y, -y] for y in NUMBERS], {}),
        (lambda: mlp(3, 3), CLASSES, {"loss": "cross_entropy"}),
    ]:
        ends = []
        for data, targets in [(X, y), (np.array(X), np.array(y))]:
            model = make()
            fit(model, data, targets, epochs=3, progress=False, **options)
            ends.append(numbers(model))
        assert ends[0] == ends[1]


# --- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [8, None])
def test_a_divergence_leaves_the_model_as_before_the_epoch(batch_size: int | None) -> None:
    """Compiled, epochs run ahead of the look at their losses: the model goes back."""
    ends = []
    for compile in (False, True):
        model = mlp(1)
        sgd = SGD(model.parameters(), lr=3.0)
        with pytest.raises(NumericError, match=r"the loss became (inf|nan) in epoch \d+") as caught:
            fit(
                model, X, NUMBERS, optimizer=sgd, epochs=100_000, batch_size=batch_size, compile=compile, progress=False
            )
        assert all(map(math.isfinite, numbers(model)))
        ends.append((str(caught.value).split(":")[0].split("epoch")[1], sgd.hyper.step, numbers(model)))
    assert ends[1][:2] == ends[0][:2]
    assert ends[1][2] == pytest.approx(ends[0][2], rel=1e-9)


@pytest.mark.parametrize("compile", [True, False])
def test_what_stops_in_the_epoch_before_a_divergence_has_not_diverged(
    monkeypatch: pytest.MonkeyPatch, compile: bool
) -> None:
    """Also where the epoch after that was run already."""
    monkeypatch.setattr("nn.training.fitting.GLANCE", 1e9)

    def train(**options: Any) -> History:
        w = Value(1.0)
        sgd = SGD([w], lr=3.0)
        return fit(
            lambda x: w * x[0], [[1.0]], [0.0], optimizer=sgd, epochs=10_000, compile=compile, progress=False, **options
        )

    with pytest.raises(NumericError, match=r"in epoch \d+") as caught:
        train()
    diverged = int(str(caught.value).partition("epoch ")[2].partition(":")[0])
    assert len(train(early_stopping=EarlyStopping("loss", patience=diverged - 2))) == diverged - 1
    with pytest.raises(NumericError):
        train(early_stopping=EarlyStopping("loss", patience=diverged - 1))


@pytest.mark.parametrize("kind", [EagerSteps, CompiledSteps])
def test_ctrl_c_leaves_the_model_as_after_some_step(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = kind.run, []

    def interrupted(self: Any, *args: Any) -> Any:
        losses = run(self, *args)
        calls.append(losses)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr(kind, "run", interrupted)
    options: dict[str, Any] = {"batch_size": None, "compile": kind is CompiledSteps, "progress": False}
    model, twin = mlp(4, 1), mlp(4, 1)
    adam = Adam(model.parameters())
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, NUMBERS, optimizer=adam, epochs=10**9, **options)
    steps = adam.hyper.step
    assert steps == sum(map(len, calls)) >= 3
    fit(twin, X, NUMBERS, optimizer="adam", epochs=steps, **options)
    assert numbers(model) == numbers(twin)
    fit(model, X, NUMBERS, optimizer=adam, epochs=1, **options)
    assert adam.hyper.step == steps + 1


def test_ctrl_c_in_the_middle_of_a_step_undoes_it() -> None:
    class Interrupted(SGD):
        calls = 0

        @staticmethod
        def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
            Interrupted.calls += 1
            if Interrupted.calls == 30:
                signal.raise_signal(signal.SIGINT)
            return SGD.rule(parameter, gradient, state, hyper)

    model, twin = mlp(4, 1), mlp(4, 1)  # 21 parameters
    sgd = Interrupted(model.parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, NUMBERS, optimizer=sgd, batch_size=None, compile=False, progress=False)
    after_one = SGD(twin.parameters(), lr=0.1, momentum=0.9)
    fit(twin, X, NUMBERS, optimizer=after_one, epochs=1, batch_size=None, compile=False, progress=False)
    assert (numbers(model), sgd.state, sgd.hyper.step) == (numbers(twin), after_one.state, 1)


# --- when not to compile --------------------------------------------------------------------------------------------


def chosen(model: Any, loss: Any = mse_loss, *, data: Any = X, y: Any = NUMBERS, optimizer: Any = None) -> Any:
    return steps_for(Problem(model, loss, data, y), optimizer or SGD(model.parameters()), 8, True)


def test_what_can_be_compiled_is() -> None:
    assert type(chosen(mlp(3, 1))) is CompiledSteps
    model = mlp(3, 1)
    assert type(steps_for(Problem(model, mse_loss, X, NUMBERS), SGD(model.parameters()), 8, False)) is EagerSteps


class Decides(Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0] if x[1] > 0 else softplus(self.w * x[0])


class DecidesWithWhere(Decides):
    def __call__(self, x: Any) -> Any:
        return where(x[1] > 0, self.w * x[0], softplus(self.w * x[0]))


class Noisy(Decides):
    def __call__(self, x: Any) -> Any:
        return self.w * x[0] * random.choice([0.5, 2.0])


class NoisyOfItsOwn(Decides):
    def __init__(self) -> None:
        super().__init__()
        self.rng = random.Random(0)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0] * self.rng.gauss(1.0, 0.1)


class Looks(Decides):
    """Takes a key, not a number."""

    def __call__(self, x: Any) -> Any:
        return self.w * {0: 1.0, 1: 2.0, 2: 3.0}[x]


class LooksUp(Decides):
    """Takes an index: a decision only as far as there must be such a member."""

    def __call__(self, x: Any) -> Any:
        return self.w * [1.0, 2.0, 3.0][x]


def test_an_index_that_every_sample_has_is_no_reason_against_it() -> None:
    assert type(chosen(LooksUp(), data=CLASSES)) is CompiledSteps
    model, twin = LooksUp(), LooksUp()
    for one, compiled in ((model, True), (twin, False)):
        fit(one, CLASSES, NUMBERS, epochs=3, batch_size=5, seed=1, compile=compiled, progress=False)
    assert numbers(model) == pytest.approx(numbers(twin))
    assert numbers(model) != [1.0]
    with pytest.warns(RuntimeWarning, match="runs without the compiler"), pytest.raises(IndexError):
        fit(LooksUp(), [*CLASSES[:-1], 3], NUMBERS, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        (Decides(), {}, "decides by its data"),
        (Noisy(), {}, "something in it is random"),
        (NoisyOfItsOwn(), {}, "something in it is random"),
        (Looks(), {"data": CLASSES}, "decides by its data (the int x is compared, "),
        (mlp(3, 1), {"loss": lambda output, label: mse_loss(output, float(label == "a")), "y": ["a"] * 23}, "'a'"),
        (
            mlp(3, 1),
            {"loss": lambda output, ys: mse_loss(output, ys[0]), "y": [[1.0]] * 22 + [[1.0, 2.0]]},
            "sample 22",
        ),
    ],
)
def test_what_cannot_be_compiled_is_trained_all_the_same(model: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.warns(RuntimeWarning, match="training runs without the compiler, many times slower") as caught:
        steps = chosen(model, **options)
    assert type(steps) is EagerSteps
    assert reason in str(caught[0].message)
    before = numbers(model)
    steps.run([[0, 1]])
    assert numbers(model) != before


def test_the_warning_names_the_line_that_called_fit() -> None:
    with pytest.warns(RuntimeWarning, match="training runs without the compiler") as caught:
        fit(Decides(), X, NUMBERS, epochs=1, progress=False)
    assert caught[0].filename == __file__


def test_a_choice_by_where_is_compiled() -> None:
    assert type(chosen(DecidesWithWhere())) is CompiledSteps
    both(DecidesWithWhere, NUMBERS, OPTIMIZERS["Adam"])


def test_random_models_train_as_without_compiler() -> None:
    ends = []
    for compile in (False, True):
        random.seed(0)
        model = Noisy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(model, X, NUMBERS, epochs=3, compile=compile, progress=False)
        ends.append(numbers(model))
    assert ends[0] == ends[1]


def test_an_optimizer_with_a_step_of_its_own_is_not_compiled() -> None:
    class Signed(SGD):
        def step(self) -> None:
            for parameter in self.parameters:
                parameter.data -= self.lr * math.copysign(1.0, parameter.grad)

    model = mlp(1)
    assert type(chosen(model, optimizer=Signed(model.parameters()))) is EagerSteps


def test_without_the_packages_training_is_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.compiler.backends.native_available", lambda: False)
    assert type(chosen(mlp(1))) is EagerSteps


def test_a_wrong_class_is_refused_before_the_first_step() -> None:
    model = mlp(3)
    before = numbers(model)
    with pytest.raises(ValueError, match="label 3 is not one of the classes 0 … 2"):
        fit(model, X, [*CLASSES[:-1], 3], loss=cross_entropy, progress=False)
    assert numbers(model) == before


class Slope(Module):
    """u'(x) + u(x), as in a network that is to solve a differential equation."""

    def __init__(self) -> None:
        self.u = MLP(1, [3, 1], activation="tanh", seed=0)

    def __call__(self, x: Any) -> Any:
        return autograd.functional.grad(lambda t: self.u([t]))(x[0]) + self.u(x)


def test_a_derivative_by_the_input_depends_on_the_parameters_eagerly_and_compiled() -> None:
    X, y = [[i / 10] for i in range(5)], [1.0] * 5
    losses = []
    for compiled in (True, False):
        model = Slope()
        options: Any = {"optimizer": SGD(model.parameters(), lr=0.1), "epochs": 3, "batch_size": None}
        losses.append(fit(model, X, y, **options, compile=compiled, progress=False).loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert losses[0][-1] < 0.2


class HeavyBall(Optimizer):
    """Momentum by the last two positions: the state is the parameter as it was before the step."""

    state_size = 1

    def __init__(self, parameters: Any, lr: float = 0.1) -> None:
        super().__init__(parameters, lr=lr)

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        return parameter - hyper.lr * gradient + 0.5 * (parameter - state[0]), (parameter,)


class Shifted(HeavyBall):
    """Each number of the state takes the place of the next one."""

    state_size = 3

    @staticmethod
    def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
        first, second, third = state
        return parameter - hyper.lr * (gradient + 0.3 * third), (gradient, first, second)


@pytest.mark.parametrize("kind", [HeavyBall, Shifted])
def test_a_rule_may_keep_old_numbers_in_the_place_of_others(kind: type[Optimizer]) -> None:
    X, y = make_moons(20)
    found = []
    for steps in (CompiledSteps, EagerSteps):
        model = MLP(2, [4, 1], activation="tanh", seed=0)
        problem = Problem(model, binary_cross_entropy_with_logits, X, y)
        training = steps(problem, kind(model.parameters()))
        losses = training.run([range(20)] * 6)
        training.store()
        found.append([*losses, *[parameter.data for parameter in model.parameters()]])
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-12)


# ---- mistakes of the compiler itself ---------------------------------------------------------------------------------
class MistakeError(Exception):
    """A bug in the compiler."""


def mistaken(*args: Any, **options: Any) -> None:
    raise MistakeError


@pytest.mark.parametrize("module", ["training", "samples"])
def test_a_mistake_in_the_compiler_is_no_reason_to_train_without_it(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(f"autograd.compiler.batches.{module}.Machine", mistaken)
    with pytest.raises(MistakeError):
        fit(mlp(1), X, NUMBERS, epochs=1, validation_split=0.2, progress=False)


def test_a_mistake_in_the_compiler_is_no_reason_to_predict_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.compiler.batches.samples.Machine", mistaken)
    with pytest.raises(MistakeError):
        predict(mlp(1), X, compile=True)


def test_a_rule_that_only_numbers_can_follow_is_trained_without_the_compiler() -> None:
    class Clipped(SGD):
        @staticmethod
        def rule(parameter: Any, gradient: Any, state: Any, hyper: Any) -> Any:
            return parameter - hyper.lr * (1.0 if gradient > 0.0 else -1.0), state

    model = mlp(1)
    with pytest.warns(RuntimeWarning, match="runs without the compiler, many times slower: .*where"):
        assert type(chosen(model, optimizer=Clipped(model.parameters()))) is EagerSteps


def test_a_model_that_sets_gradients_is_trained_without_the_compiler() -> None:
    class Clears(Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def __call__(self, x: Any) -> Any:
            self.w.grad = 0.0
            return self.w * x[0]

    with pytest.warns(RuntimeWarning, match="runs without the compiler, many times slower: .* cannot set .grad"):
        assert type(chosen(Clears())) is EagerSteps


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    "loss", [lambda z, t: (z.data - t) ** 2, lambda z, t: (z.detach() - t) ** 2, lambda z, t: (z > t) * 1.0]
)
def test_a_loss_that_drops_the_gradient_trains_nothing_and_says_so(loss: Any, compiled: bool) -> None:
    model = MLP(2, [3, 1], seed=0)
    before = model.state_dict()
    with pytest.raises((TypeError, ValueError), match="depends on no"):
        fit(model, [[1.0, 2.0], [0.5, -1.0]], [1.0, -1.0], loss=loss, epochs=2, compile=compiled, progress=False)
    assert model.state_dict() == before
