"""What fit measures after each epoch, when that stops it, and what it goes back to; predict and accuracy."""

from __future__ import annotations

import dataclasses
import math
import random
import sys
import warnings
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from autograd import Value, where
from nn import (
    MLP,
    SGD,
    Adam,
    EarlyStopping,
    History,
    Module,
    ReduceLROnPlateau,
    accuracy,
    cross_entropy,
    fit,
    make_moons,
    mse_loss,
    predict,
    train_test_split,
)
from nn.training.history import Improvement
from tests.support import numbers

pytest.importorskip("llvmlite")
np = pytest.importorskip("numpy")

RNG = random.Random(5)
X = [[RNG.uniform(-2.0, 2.0) for _ in range(2)] for _ in range(90)]
Y = [math.sin(a) * b + RNG.gauss(0.0, 0.3) for a, b in X]
TRAIN, HELD_OUT = (X[:60], Y[:60]), (X[60:], Y[60:])
WAYS = pytest.mark.parametrize("compile", [True, False])


def mlp(*nouts: int, **options: Any) -> MLP:
    return MLP(2, list(nouts), **{"activation": "tanh", "seed": 1, **options})


def train(model: Any, *data: Any, **options: Any) -> History:
    """Without a warning: what can be compiled is."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return fit(model, *(data or TRAIN), **{"progress": False, **options})


def mean_loss(model: Any, samples: Any, loss: Any = mse_loss) -> float:
    return sum(map(loss, predict(model, samples[0]), samples[1])) / len(samples[0])


# --- validation -----------------------------------------------------------------------------------------------------


@WAYS
def test_the_validation_loss_is_that_of_the_parameters_at_the_end_of_the_epoch(compile: bool) -> None:
    model = mlp(5, 1)
    seen = []

    def look(history: History) -> None:
        seen.append(mean_loss(model, HELD_OUT))

    history = train(model, validation_data=HELD_OUT, epochs=4, compile=compile, callbacks=[look])
    assert history.val_loss == pytest.approx(seen, rel=1e-12)
    assert len(set(seen)) == 4


@WAYS
def test_validation_changes_nothing_in_the_training(compile: bool) -> None:
    plain, validated = mlp(5, 1), mlp(5, 1)
    losses = train(plain, epochs=5, compile=compile).loss
    history = train(validated, validation_data=HELD_OUT, metrics=["l1_loss"], epochs=5, compile=compile)
    assert history.loss == losses
    assert numbers(validated) == numbers(plain)
    assert all(parameter.grad == 0.0 for parameter in validated.parameters()) or not compile


def test_compiled_and_eager_validation_agree_and_so_do_metrics() -> None:
    """Also where the number of samples is none of whole vectors, and for lists of outputs."""
    for nouts, targets, loss, metrics in [
        ([4, 1], Y, "mse_loss", ["l1_loss", "huber_loss"]),
        ([4, 3], [int(y > 0) + int(y > 1) for y in Y], "cross_entropy", ["accuracy"]),
        ([4, 2], [[y, -y] for y in Y], "mse_loss", ["l1_loss"]),
    ]:
        found = [
            train(
                mlp(*nouts), X[:20], targets[:20], validation_data=(X[20:], targets[20:]), loss=loss, metrics=metrics,
                epochs=5, compile=compile,
            )
            for compile in (True, False)
        ]  # fmt: skip
        assert found[0].val_loss == pytest.approx(found[1].val_loss, rel=1e-12)
        assert list(found[0].metrics) == metrics
        for name in metrics:
            assert found[0].metrics[name] == pytest.approx(found[1].metrics[name], rel=1e-12)


@WAYS
def test_a_split_holds_out_random_samples_and_the_same_ones_for_the_same_seed(compile: bool) -> None:
    """Also where the seed is a generator, so that training in two parts validates on the same samples."""
    X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=0.2, seed=3)
    split, given = mlp(3, 1), mlp(3, 1)
    one = train(split, X, Y, validation_split=0.2, seed=3, epochs=3, compile=compile)
    two = train(given, X_train, y_train, validation_data=(X_test, y_test), seed=3, epochs=3, compile=compile)
    assert (one.loss, one.val_loss, numbers(split)) == (two.loss, two.val_loss, numbers(given))

    def first(rng: random.Random) -> float:
        sgd_of_nothing = SGD((frozen := mlp(3, 1)).parameters(), lr=0.0)
        return train(frozen, X, Y, optimizer=sgd_of_nothing, validation_split=0.2, seed=rng, epochs=1).val_loss[0]

    rng = random.Random(8)
    assert first(rng) == first(rng)


@WAYS
def test_modules_are_in_evaluation_mode_while_they_are_validated(compile: bool) -> None:
    class Halved(Module):
        """Like a network with dropout: another function while it is trained."""

        def __init__(self) -> None:
            self.w = Value(1.0)
            self.frozen = mlp(1).eval()

        def __call__(self, x: Any) -> Any:
            return self.w * x[0] * (0.5 if self.training else 1.0)

    model = Halved()
    history = train(model, [[1.0]], [0.0], optimizer=SGD([model.w], lr=0.1), batch_size=None,
                    validation_data=([[1.0]], [0.0]), metrics=["l1_loss"], epochs=1, compile=compile)  # fmt: skip
    assert history.loss == [0.25]
    assert model.w.data == pytest.approx(0.95)  # 1 - 0.1 · 2 · 0.5 · 0.5
    assert history.val_loss == pytest.approx([0.95**2])
    assert history.metrics["l1_loss"] == pytest.approx([0.95])
    assert (model.training, model.frozen.training) == (True, False)


@WAYS
def test_a_loss_with_a_penalty_is_validated_with_it(compile: bool) -> None:
    model = mlp(3, 1)
    w = model.parameters()[0]
    history = train(
        model, loss=lambda output, y: mse_loss(output, y) + w * w, validation_data=HELD_OUT, epochs=1, compile=compile
    )
    assert history.val_loss[0] == pytest.approx(mean_loss(model, HELD_OUT) + w.data**2, rel=1e-12)


def test_what_decides_by_its_data_is_validated_eagerly_with_a_warning() -> None:
    class Branches(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Any) -> Any:
            positive = self.w * x[0]
            if self.training:
                return where(x[1] > 0, positive, 2.0 * positive)
            if x[1] > 0:
                return positive
            return 2.0 * positive

    found = []
    for compile in (False, True):
        model = Branches()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = fit(model, *TRAIN, validation_data=HELD_OUT, epochs=3, compile=compile, progress=False)
        assert [str(w.message).partition(":")[0] for w in caught] == ["validation runs without the compiler"] * compile
        found.append(history.val_loss)
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_data_may_be_arrays() -> None:
    np = pytest.importorskip("numpy")
    classes = [int(y > 0) for y in Y]
    options: dict[str, Any] = {"loss": "cross_entropy", "metrics": ["accuracy"], "epochs": 2}
    lists = train(mlp(2), X, classes, validation_split=0.3, **options)
    arrays = train(mlp(2), np.array(X), np.array(classes), validation_split=0.3, **options)
    assert (lists.val_loss, lists.metrics) == (arrays.val_loss, arrays.metrics)
    vectors = np.eye(2)[classes]
    given = train(mlp(2), X, vectors.tolist(), validation_data=(np.array(X), vectors), **options)
    assert given.metrics["accuracy"][-1] > 0.5


class InAnother(Module):
    """A network whose outputs come in another kind of list."""

    def __init__(self, kind: Callable[[Any], Any]) -> None:
        self.net, self.kind = mlp(3, 2), kind

    def __call__(self, x: Any) -> Any:
        return self.kind(self.net(x))


Pair = namedtuple("Pair", "mean, spread")


@pytest.mark.parametrize(
    "kind", [tuple, lambda outputs: Pair(*outputs), np.array], ids=["tuple", "namedtuple", "array"]
)
def test_outputs_may_be_any_kind_of_list(kind: Any) -> None:
    classes = [int(y > 0) for y in Y]
    options: dict[str, Any] = {"loss": "cross_entropy", "metrics": ["accuracy"], "epochs": 3}
    plain, other = mlp(3, 2), InAnother(kind)
    histories = [
        train(model, X[:60], classes[:60], validation_data=(X[60:], classes[60:]), **options)
        for model in (plain, other)
    ]
    assert histories[1].val_loss == pytest.approx(histories[0].val_loss, rel=1e-12)
    assert histories[1].metrics["accuracy"] == histories[0].metrics["accuracy"]
    assert predict(other, X, compile=True) == predict(plain, X, compile=True)
    assert predict(other, X) == predict(plain, X)


def test_a_loss_gets_what_the_model_gives() -> None:
    def loss(output: Any, target: Any) -> Any:
        return (output.mean - target) ** 2 + (output.spread - 1.0) ** 2

    train(InAnother(lambda outputs: Pair(*outputs)), loss=loss, validation_data=HELD_OUT, epochs=2)


# --- metrics --------------------------------------------------------------------------------------------------------


@WAYS
def test_metrics_are_functions_of_all_outputs_and_targets(compile: bool) -> None:
    seen: list[Any] = []

    def largest_error(outputs: Any, targets: Any) -> float:
        seen.append((list(outputs), list(targets)))
        return max(abs(a - y) for a, y in zip(outputs, targets, strict=True))

    model = mlp(3, 1)
    history = train(model, validation_data=HELD_OUT, metrics=[largest_error], epochs=2, compile=compile)
    assert len(history.metrics["largest_error"]) == 2
    assert seen[-1][0] == pytest.approx(predict(model, HELD_OUT[0]), rel=1e-12)
    assert seen[-1][1] == HELD_OUT[1]
    assert history.metrics["largest_error"][-1] == largest_error(*seen[-1])


@WAYS
def test_without_validation_data_metrics_are_those_of_the_training_data(compile: bool) -> None:
    points, classes = make_moons(40, noise=0.1)
    model = mlp(8, 2)
    history = train(model, points, classes, loss="cross_entropy", optimizer=Adam(model.parameters(), lr=0.05),
                    metrics=["accuracy"], epochs=30, compile=compile)  # fmt: skip
    assert history.metrics["accuracy"][-1] == accuracy(predict(model, points), classes) > 0.8
    assert (history.val_loss, history.best_epoch) == ([], None)


def test_probabilities_are_right_above_one_half() -> None:
    model = MLP(1, [1], output="sigmoid", init="zeros")
    model.parameters()[1].data = -1.0  # a probability of 0.27 everywhere
    history = train(model, [[0.0]] * 4, [0, 0, 0, 1], loss="binary_cross_entropy", optimizer=SGD(model.parameters()),
                    metrics=["accuracy"], epochs=1)  # fmt: skip
    assert history.metrics["accuracy"] == [0.75]


# --- early stopping -------------------------------------------------------------------------------------------------


@WAYS
def test_training_stops_once_the_validation_loss_does_not_improve_and_goes_back_to_the_best(compile: bool) -> None:
    model = mlp(12, 1)
    adam = Adam(model.parameters(), lr=0.1)
    after: list[Any] = []

    def note(history: History) -> None:
        after.append((numbers(model), list(adam.state), adam.hyper.step))

    history = train(model, X[:15], Y[:15], optimizer=adam, batch_size=5, validation_data=HELD_OUT, epochs=500,
                    early_stopping=EarlyStopping(patience=6), compile=compile, callbacks=[note])  # fmt: skip
    best = history.best_epoch
    assert best is not None
    assert history.stopped == "the validation loss did not improve in 6 epochs"
    assert len(history) == len(history.val_loss) == best + 6
    assert history.val_loss[best - 1] == min(history.val_loss)
    assert (numbers(model), list(adam.state), adam.hyper.step) == after[best - 1] != after[-1]
    assert mean_loss(model, HELD_OUT) == pytest.approx(min(history.val_loss), rel=1e-12)


@WAYS
def test_the_best_is_restored_after_the_last_epoch_too_unless_it_is_not_wanted(compile: bool) -> None:
    ends = []
    for restore_best in (True, False):
        model = mlp(12, 1)
        history = train(model, X[:15], Y[:15], optimizer=Adam(model.parameters(), lr=0.1), validation_data=HELD_OUT,
                        epochs=60, early_stopping=EarlyStopping(patience=100, restore_best=restore_best),
                        compile=compile)  # fmt: skip
        ends.append(mean_loss(model, HELD_OUT))
        assert (len(history), history.stopped) == (60, "")
    assert history.best_epoch is not None
    assert history.best_epoch < 60
    assert ends == pytest.approx([min(history.val_loss), history.val_loss[-1]], rel=1e-12)


def test_a_callback_may_end_the_training() -> None:
    def enough(history: History) -> None:
        if len(history) == 3:
            history.stopped = "enough"

    history = train(mlp(1), epochs=10, callbacks=[enough])
    assert (len(history), history.stopped) == (3, "enough")


def test_a_small_improvement_does_not_count_but_the_best_is_the_best() -> None:
    model = mlp(1)
    history = train(model, optimizer=SGD(model.parameters(), lr=1e-3), validation_data=TRAIN, epochs=50,
                    early_stopping=EarlyStopping(min_delta=1.0, patience=4))  # fmt: skip
    assert history.stopped == "the validation loss did not improve by more than 1 in 4 epochs"
    assert len(history) == history.best_epoch == 5


def test_a_validation_loss_that_is_no_number_is_no_improvement() -> None:
    w = Value(1.0)
    history = train(lambda x: w * x[0], [[1.0]], [0.5], optimizer=SGD([w], lr=0.1), batch_size=1,
                    validation_data=([[1e300]], [0.0]), early_stopping=EarlyStopping(patience=3), epochs=9)  # fmt: skip
    assert history.val_loss == [math.inf] * 4
    assert history.best_epoch is None
    assert history.stopped
    assert 0.5 < w.data < 1.0  # there is no best epoch to go back to


# --- schedules ------------------------------------------------------------------------------------------------------


@WAYS
def test_a_plateau_is_one_of_the_validation_loss(compile: bool) -> None:
    model = mlp(12, 1)
    adam = Adam(model.parameters(), lr=0.1)
    history = train(model, X[:15], Y[:15], optimizer=adam, validation_data=HELD_OUT, epochs=40, compile=compile,
                    schedule=ReduceLROnPlateau(adam, factor=0.5, patience=2))  # fmt: skip
    twin = ReduceLROnPlateau(SGD([Value(0.0)], lr=0.1), factor=0.5, patience=2)
    rates = []
    for loss in history.val_loss:
        rates.append(twin.optimizer.lr)
        twin.step(loss)
    assert history.lr == rates
    assert len(set(rates)) > 2


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_data": (X, Y[:3])}, "validation_data: X has 90 samples but y has 3 targets"),
        ({"validation_data": ([], [])}, "validation_data: there are no samples"),
        ({"validation_data": (X, Y, X)}, r"validation_data must be a pair \(X, y\), got 3 things"),
        ({"validation_data": HELD_OUT, "validation_split": 0.2}, "validation_data or validation_split=0.2, not both"),
        ({"validation_split": 1.5}, "validation_split=1.5 of 60 samples leaves nothing on one side"),
        ({"validation_split": 0.001}, "validation_split=0.001 of 60 samples leaves nothing on one side"),
        ({"validation_data": ([[1.0]], [1.0])}, "this MLP has 2 inputs, but got 1 numbers"),
        ({"early_stopping": True}, "early stopping looks at validation data: give validation_data"),
        ({"metrics": ["acuracy"]}, "there is no metric 'acuracy': there are accuracy, mse_loss"),
        ({"metrics": ["accuracy", accuracy]}, "two columns of the history would be called 'accuracy'"),
        ({"metrics": [History.to_dict, type("loss", (), {"__call__": print})()]}, "would be called 'loss'"),
    ],
)
@WAYS
def test_what_cannot_be_validated_is_refused_before_the_first_step(
    options: dict[str, Any], message: str, compile: bool
) -> None:
    model = mlp(1)
    before = numbers(model)
    with pytest.raises(ValueError, match=message):
        train(model, compile=compile, **options)
    assert numbers(model) == before


@WAYS
def test_a_class_that_there_is_not_is_refused_in_the_validation_data_too(compile: bool) -> None:
    model = mlp(3)
    with pytest.raises(ValueError, match=r"label 3 is not one of the classes|an index from 0 to 2"):
        train(model, X, [0] * 90, loss=cross_entropy, validation_data=(X[:3], [3, 0, 1]), compile=compile)


# --- predict and accuracy -------------------------------------------------------------------------------------------


def test_predict_gives_floats() -> None:
    model = MLP(1, [1], init="zeros")
    model.layers[0].neurons[0].b.data = 2.5
    assert predict(model, [[0.0], [1.0]]) == [2.5, 2.5]
    assert predict(MLP(1, [2], init="zeros"), [[0.0]]) == [[0.0, 0.0]]
    assert predict(model, []) == []


@pytest.mark.parametrize("n", [0, 1, 2, 90])
@pytest.mark.parametrize("nouts", [1, 3])
def test_compiled_predictions_are_the_same_to_rounding(n: int, nouts: int) -> None:
    model = mlp(5, nouts)
    found, expected = predict(model, X[:n], compile=True), predict(model, X[:n])
    assert len(found) == n
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-15)
        assert type(one) is type(other)


def test_a_model_is_run_once_per_sample_only_where_it_has_to_be() -> None:
    """Where it decides by its data, draws at random, or takes other things than numbers."""
    calls: list[str] = []
    w = Value(2.0)

    def plain(x: Any) -> Any:
        return w * x[0]

    expected = [2.0 * x[0] for x in X]
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        found = predict(plain, X, compile=True)
    finally:
        sys.setprofile(None)
    assert found == pytest.approx(expected, rel=1e-15)
    assert calls.count("plain") == 4
    decides = [2.0 * x[0] if x[0] > 0 else x[1] for x in X]
    assert predict(lambda x: w * x[0] if x[0] > 0 else x[1] * 1.0, X, compile=True) == decides
    assert predict(lambda x: (w * x[0], [w]), X[:2], compile=True) == [[expected[0], [2.0]], [expected[1], [2.0]]]
    assert predict(lambda name: w * len(name), ["a", "bc"], compile=True) == [2.0, 4.0]
    rng = random.Random(0)
    noisy = predict(lambda x: w * rng.random(), X, compile=True)
    assert len(set(noisy)) == len(X)
    random.seed(0)
    first = predict(lambda x: w * random.random(), X, compile=True)
    random.seed(0)
    assert first == predict(lambda x: w * random.random(), X)


def test_an_error_of_the_model_is_its_own_error_compiled_too() -> None:
    with pytest.raises(ValueError, match="this MLP has 2 inputs, but got 1 numbers"):
        predict(mlp(1), [[1.0], [2.0]], compile=True)


@pytest.mark.parametrize(
    ("outputs", "targets", "options", "share"),
    [
        ([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 0, 0], {}, 2 / 3),
        ([[0.1, 0.9], [0.8, 0.2]], [[0.0, 1.0], [0.0, 1.0]], {}, 1 / 2),
        ([2.5, -0.1, -3.0], [1, -1, 1], {}, 2 / 3),
        ([0.4, 0.6], [0, 1], {"threshold": 0.5}, 1.0),
        ([[2.5], [-0.1]], [1, 0], {}, 1.0),
        ([2.5, -0.1], [[1], [0]], {}, 1.0),
        ([[0.4], [0.6]], [[0], [1]], {"threshold": 0.5}, 1.0),
        ([[0.1, 0.9], [0.8, 0.2]], [[1], [1]], {}, 1 / 2),
    ],
)
def test_accuracy(outputs: Any, targets: Any, options: dict[str, float], share: float) -> None:
    assert accuracy(outputs, targets, **options) == pytest.approx(share)


def test_accuracy_refuses_nothing_and_different_lengths() -> None:
    with pytest.raises(ValueError, match="there are no samples"):
        accuracy([], [])
    with pytest.raises(ValueError, match="there are 2 outputs but 1 targets"):
        accuracy([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="a sample has outputs for 2 but targets for 3"):
        accuracy([[0.1, 0.9]], [[0, 1, 0]])
    with pytest.raises(ValueError, match="a sample has outputs for 1 but targets for 2"):
        accuracy([0.1], [[0, 1]])


def test_accuracy_of_arrays_with_one_column() -> None:
    numpy = pytest.importorskip("numpy")
    assert accuracy(numpy.array([[2.5], [-0.1]]), numpy.array([[1], [0]])) == 1.0


def test_a_metric_with_arguments_filled_in_has_the_name_of_its_function() -> None:
    model, X = mlp(1, output="sigmoid"), TRAIN[0]
    y = [float(a > b) for a, b in X]
    half = train(model, X, y, metrics=[partial(accuracy, threshold=0.5)], epochs=3)
    by_loss = train(mlp(1, output="sigmoid"), X, y, loss="binary_cross_entropy", metrics=["accuracy"], epochs=1)
    assert list(half.metrics) == ["accuracy"]
    assert half.metrics["accuracy"][-1] == accuracy(predict(model, X), y, threshold=0.5)
    assert 0.0 < by_loss.metrics["accuracy"][0] < 1.0


def test_probabilities_without_a_threshold_are_noticed() -> None:
    with pytest.warns(RuntimeWarning, match=r"each counts as positive: give threshold=0\.5 if they are probabilities"):
        assert accuracy([0.4, 0.6], [0.0, 1.0]) == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert accuracy([0.4, 0.6], [1, 1]) == 1.0  # nobody is negative
        assert accuracy([0.4, 1.6], [0, 1]) == 0.5


def test_early_stopping_waits_ten_epochs_for_any_improvement_if_nothing_else_is_said() -> None:
    stopping = EarlyStopping()
    assert (stopping.monitor, stopping.min_delta, stopping.patience, stopping.restore_best) == (
        "val_loss",
        0.0,
        10,
        True,
    )
    assert EarlyStopping(patience=1).patience == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        stopping.patience = 5  # type: ignore[misc]
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        EarlyStopping(patience=0)


@pytest.mark.parametrize("min_delta", [-0.1, math.inf, math.nan, "0.1"])
def test_an_improvement_is_a_number_of_at_least_0(min_delta: Any) -> None:
    with pytest.raises(ValueError, match="min_delta must be at least 0 and finite, got "):
        EarlyStopping(min_delta=min_delta)


def test_an_improvement_in_the_last_epoch_that_it_waits_for_counts() -> None:
    improvement = Improvement(EarlyStopping(patience=2))
    assert improvement.accept([3.0, 3.0, 2.0, 2.0, 2.0, 1.0]) == 5
    assert improvement.reason == "the validation loss did not improve in 2 epochs"


def test_the_first_epoch_may_be_the_best() -> None:
    improvement = Improvement(EarlyStopping())
    found = []
    for loss in [2.0, 3.0, 2.0, 1.0]:
        improvement.accept([loss])
        found.append(improvement.is_best)
    assert found == [True, False, False, True]
