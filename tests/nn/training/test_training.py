"""fit: what it trains, when it stops, what it refuses."""

from __future__ import annotations

import math
import random
import sys
import warnings
from types import ModuleType
from typing import Any

import pytest

from autograd import Value
from autograd.errors import NumericError
from nn import MLP, SGD, Adam, EarlyStopping, History, MSELoss, StepLR, accuracy, fit, make_xor, one_hot, predict

X = [[0.0], [1.0], [2.0], [3.0]]
Y = [1.0, 3.0, 5.0, 7.0]


def train(model: Any, X: Any = X, Y: Any = Y, **options: Any) -> History:
    return fit(model, X, Y, **{"progress": False, **options})


# --- training -------------------------------------------------------------------------------------------------------


def test_xor_is_learnt_with_every_kind_of_loss() -> None:
    points, classes = make_xor()
    for loss, output, targets in [
        ("mse_loss", "sigmoid", [float(c) for c in classes]),
        ("half_mse_loss", "tanh", [2.0 * c - 1.0 for c in classes]),
        ("hinge_loss", "identity", [2 * c - 1 for c in classes]),
        ("binary_cross_entropy", "sigmoid", [float(c) for c in classes]),
        ("binary_cross_entropy_with_logits", "identity", [float(c) for c in classes]),
    ]:
        model = MLP(2, [4, 1], activation="tanh", output=output, seed=0)
        train(model, points, targets, loss=loss, optimizer=Adam(model.parameters(), lr=0.1), epochs=100)
        threshold = 0.5 if output == "sigmoid" else 0.0
        assert accuracy(predict(model, points), targets, threshold=threshold) == 1.0, loss


def test_classes_are_learnt_by_index_and_by_vector_alike() -> None:
    points, classes = make_xor()
    models = []
    for targets in (classes, one_hot(classes, 2)):
        model = MLP(2, [4, 2], activation="tanh", seed=0)
        train(model, points, targets, loss="cross_entropy", optimizer=Adam(model.parameters(), lr=0.1), epochs=50)
        assert accuracy(predict(model, points), targets) == 1.0
        models.append([p.data for p in model.parameters()])
    assert models[0] == pytest.approx(models[1], abs=1e-9)


def test_the_loss_of_an_epoch_is_the_mean_over_samples_before_their_steps() -> None:
    w = Value(0.0)
    seen = []

    def loss(output: Value, target: float) -> Value:
        cost = (output - target) ** 2
        seen.append(cost.data)
        return cost

    sgd = SGD([w], lr=0.01)
    history = train(lambda x: w * x[0], loss=loss, optimizer=sgd, epochs=2, batch_size=3, compile=False)
    assert history.loss == pytest.approx([sum(seen[:4]) / 4, sum(seen[4:]) / 4])
    assert history.lr == [0.01, 0.01]
    assert history.stopped == ""
    assert len(history) == 2


def test_a_large_batch_is_one_step_on_the_mean_whatever_its_size() -> None:
    xs = [[random.Random(i).uniform(-1, 1)] for i in range(150)]
    w = Value(0.5)
    train(lambda x: w * x[0], xs, [0.0] * 150, optimizer=SGD([w], lr=0.1), epochs=1, batch_size=None)
    assert w.data == pytest.approx(0.5 - 0.1 * sum(2 * 0.5 * x * x for (x,) in xs) / 150, abs=1e-15)


def test_the_same_seed_gives_the_same_training() -> None:
    def run(seed: int) -> list[float]:
        model = MLP(1, [3, 1], activation="tanh", seed=0)
        return train(model, seed=seed, epochs=3, batch_size=2).loss

    assert run(1) == run(1) != run(2)


def test_the_optimizer_can_be_a_name() -> None:
    model = MLP(1, [1], seed=0)
    before = [p.data for p in model.parameters()]
    train(model, optimizer="adam", epochs=1, batch_size=None)
    assert [abs(p.data - b) for p, b in zip(model.parameters(), before, strict=True)] == pytest.approx([1e-3, 1e-3])


def test_only_the_parameters_of_the_optimizer_move() -> None:
    model = MLP(1, [2, 1], activation="tanh", seed=0)
    frozen = [p.data for p in model.layers[0].parameters()]
    train(model, optimizer=SGD(model.layers[1].parameters(), lr=0.1), epochs=2)
    assert [p.data for p in model.layers[0].parameters()] == frozen


# --- stopping -------------------------------------------------------------------------------------------------------


def test_training_stops_once_the_improvement_is_negligible() -> None:
    model = MLP(1, [1], init="zeros")
    options: dict[str, Any] = {"optimizer": SGD(model.parameters(), lr=0.1), "batch_size": None}
    history = train(model, epochs=1000, early_stopping=EarlyStopping("loss", min_delta=1e-6, patience=2), **options)
    assert len(history) < 1000
    assert history.stopped == "the loss did not improve by more than 1e-06 in 2 epochs"
    improvements = [before - after for before, after in zip(history.loss, history.loss[1:], strict=False)]
    assert all(step > 1e-6 / 2 for step in improvements[:-2])
    assert history.loss[-3] - history.loss[-1] <= 1e-6


def test_without_tol_all_epochs_are_run() -> None:
    model = MLP(1, [1], init="zeros")
    assert len(train(model, X, [0.0] * 4, epochs=30)) == 30


def test_a_loss_that_rises_counts_as_no_improvement() -> None:
    w = Value(1.0)
    history = train(
        lambda x: w * x[0],
        [[1.0]],
        [0.0],
        optimizer=SGD([w], lr=1.1),
        epochs=50,
        early_stopping=EarlyStopping("loss", patience=3),
    )
    assert len(history) == 4


@pytest.mark.parametrize("batch_size", [1, None])
def test_a_divergence_is_an_error_that_leaves_the_model_as_before_the_epoch(batch_size: int | None) -> None:
    model = MLP(1, [1], init="zeros")
    history: list[History] = []
    optimizer = SGD(model.parameters(), lr=1e30)
    after_epochs = [[0.0, 0.0]]

    def remember(so_far: History) -> None:
        history[:] = [so_far]
        after_epochs.append([p.data for p in model.parameters()])

    with pytest.raises(
        NumericError, match=r"the loss became (inf|nan) in epoch \d+: use a smaller learning rate than 1e\+30"
    ):
        train(model, optimizer=optimizer, epochs=100, batch_size=batch_size, callbacks=[remember])
    assert [p.data for p in model.parameters()] == after_epochs[-1]
    assert all(map(math.isfinite, after_epochs[-1]))


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"Y": Y[:3]}, ValueError, "X has 4 samples but y has 3 targets"),
        ({"X": [], "Y": []}, ValueError, "there are no samples: X and y are empty"),
        ({"loss": "mse"}, ValueError, "there is no loss 'mse': there are mse_loss, half_mse_loss"),
        ({"optimizer": "lbfgs"}, ValueError, "there is no optimizer 'lbfgs': there are sgd, adam, adamw, rmsprop"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ({"batch_size": -1}, ValueError, "batch_size must be at least 1, got"),
        ({"X": [[1.0, 2.0]] * 4}, ValueError, "this MLP has 1 inputs, but got 2 numbers"),
        ({"Y": [[1.0, 2.0]] * 4}, ValueError, "there is one output but 2 targets"),
        ({"loss": lambda output, target: 1.0}, TypeError, r"the loss gave .*, which depends on no parameter"),
        ({"loss": lambda o, t: [o - t]}, TypeError, "loss of a sample must be one number, got a list of 1: add up"),
        ({"loss": lambda o, t: None}, TypeError, "loss of a sample must be one number, got None: .* `return`"),
        ({"executor": object()}, TypeError, "an executor has a method submit, but <object .* has none"),
        (
            {"optimizer": SGD([Value(1.0), Value(2.0)])},
            ValueError,
            "no parameter of this model: make one from model.* none of the 2 that it has",
        ),
        ({"schedule": StepLR(SGD([Value(1.0)]), 3)}, ValueError, "the schedule belongs to another optimizer"),
        ({"schedule": "step"}, TypeError, r"a schedule is made from the optimizer, as StepLR\(.*\), got 'step'"),
        ({"schedule": StepLR}, TypeError, "a schedule is made from the optimizer, .* got <class"),
        ({"optimizer": SGD}, TypeError, "optimizer must be a name, such as 'adam', or made from parameters, .* <class"),
        ({"optimizer": None}, TypeError, "optimizer must be a name, such as 'adam', or made .*; got None"),
        ({"lr": 0.1}, TypeError, r"takes no argument 'lr': write optimizer=Adam\(model.parameters\(\), lr=0.01\)"),
        ({"epoch": 3}, TypeError, "takes no argument 'epoch'; did you mean 'epochs'?"),
        ({"optimizer": "Adam"}, ValueError, "there is no optimizer 'Adam': .*; did you mean 'adam'?"),
        ({"loss": "cross"}, ValueError, "there is no loss 'cross': .*; did you mean 'cross_entropy'?"),
        ({"epochs": 1.5}, TypeError, r"epochs must be a whole number, got 1\.5"),
        ({"batch_size": 2.5}, TypeError, r"batch_size must be a whole number, got 2\.5; None takes all samples"),
        ({"early_stopping": 3}, TypeError, r"early_stopping must be True, False, or an EarlyStopping\(\.\.\.\), got 3"),
        ({"seed": "0"}, TypeError, r"seed must be a whole number, got '0'; random\.Random\(\) gives other batches"),
        ({"seed": None}, TypeError, "seed must be a whole number, got None"),
    ],
)
@pytest.mark.parametrize("compile", [True, False])
def test_what_cannot_be_trained_is_refused(
    options: dict[str, Any], error: type[Exception], message: str, compile: bool
) -> None:
    model = MLP(1, [1])
    before = [p.data for p in model.parameters()]
    with pytest.raises(error, match=message):
        train(model, compile=compile, **options)
    assert [p.data for p in model.parameters()] == before


def test_numbers_of_numpy_are_whole_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    three, two = numpy.int64(3), numpy.int32(2)
    given, own = MLP(1, [1], seed=0), MLP(1, [1], seed=0)
    train(given, epochs=three, batch_size=two, seed=three, validation_split=0.25)
    train(own, epochs=3, batch_size=2, seed=3, validation_split=0.25)
    assert [p.data for p in given.parameters()] == [p.data for p in own.parameters()]


def test_parameters_that_only_some_samples_reach_are_trained() -> None:
    """And those that get no gradient at first: that alone does not make the optimiser one of another model."""
    w, v = Value(1.0), Value(1.0)

    def model(x: Any) -> Any:
        return w * x[0] if x[0] < 3 else v * x[0]

    train(model, optimizer=SGD([v], lr=0.1), batch_size=1, epochs=1, compile=False)
    assert v.data != 1.0
    dead = MLP(1, [1], output="relu", init="zeros")
    dead.parameters()[1].data = -1.0
    assert train(dead, optimizer=SGD(dead.parameters()), epochs=1, compile=False).loss == [21.0]


# --- the progress bar -----------------------------------------------------------------------------------------------


def test_training_is_quiet_without_tqdm(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    train(MLP(1, [1]), epochs=2, progress=True)
    assert capfd.readouterr() == ("", "")


def test_training_is_quiet_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    train(MLP(1, [1]), epochs=2, progress=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("tqdm", ["there", "missing"])
@pytest.mark.parametrize("progress", [True, False])
def test_an_error_of_a_callback_is_all_that_is_told(tqdm: str, progress: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if tqdm == "missing":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    def callback(history: Any) -> None:
        raise KeyError("mine")

    model = MLP(1, [1], seed=0)
    with pytest.raises(KeyError, match="mine") as told:
        fit(model, [[1.0]], [1.0], loss="mse_loss", epochs=1, callbacks=[callback], progress=progress)
    assert told.value.__context__ is None


def test_a_bar_shows_the_epochs_and_the_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    history = train(MLP(1, [1], init="zeros"), epochs=3, progress=True, optimizer="sgd")
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert f"loss={history.loss[-1]:.4g}" in shown


def test_a_bar_shows_the_validation_loss_too_and_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stderr is no terminal, but shown below the cell."""
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", ModuleType("zmqshell"))
    history = train(MLP(1, [1], init="zeros"), epochs=3, progress=True, optimizer="sgd", validation_data=(X, Y))
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert f"loss={history.loss[-1]:.4g}, val_loss={history.val_loss[-1]:.4g}" in shown


def test_a_loss_of_users_is_a_function_of_one_sample() -> None:
    model = MLP(1, [1], init="zeros")
    named = MLP(1, [1], init="zeros")
    train(model, loss=lambda output, target: 0.5 * (output - target) ** 2, optimizer="sgd", epochs=2)
    train(named, loss="half_mse_loss", optimizer="sgd", epochs=2)
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in named.parameters()])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
        ({"patience": -1}, ValueError, "patience must be at least 1, got -1"),
        ({"patience": 1.5}, TypeError, r"patience must be a whole number, got 1\.5"),
        ({"min_delta": -1.0}, ValueError, r"min_delta must be at least 0 and finite, got -1\.0"),
        ({"min_delta": "small"}, ValueError, "min_delta must be at least 0 and finite, got 'small'"),
        ({"min_delta": math.nan}, ValueError, "min_delta must be at least 0 and finite, got nan"),
        ({"monitor": "accuracy"}, ValueError, "monitor must be 'val_loss' or 'loss', got 'accuracy'"),
    ],
)
def test_stopping_that_makes_no_sense_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        EarlyStopping(**options)


@pytest.mark.parametrize("compile", [True, False])
def test_nan_in_the_data_is_not_blamed_on_the_learning_rate(compile: bool) -> None:
    for rows, targets, place in (
        ([[0.0], [math.nan]], [1.0, 2.0], r"X\[1\]\[0\] holds nan"),
        ([[0.0], [1.0]], [math.inf, 2.0], r"y\[0\] holds inf"),
    ):
        with pytest.raises(NumericError, match=f"the loss became .* in epoch 1: {place}"):
            fit(MLP(1, [1], seed=0), rows, targets, epochs=3, compile=compile, progress=False)


# --- messages name the sample ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ([[1, 2], [3, 4], [5]], [1, 2, 3], ValueError, "sample 2: this MLP has 2 inputs, but got 1 numbers"),
        ([[1, 2], [3, 4], [5, None]], [1, 2, 3], TypeError, r"sample 2: X\[2\]\[1\] is None, a missing value"),
        ([[1, 2], [3, 4], [5, 6]], [1, None, 3], TypeError, r"sample 1: y\[1\] is None, a missing value"),
        ([[1, 2], [3, 4]], [1, [2, 3]], ValueError, "sample 1: there is one output but 2 targets"),
        (
            [[[1], [2]], [[3], [4]]],
            [1, 2],
            ValueError,
            "sample 0: this MLP takes one sample.*flatten a picture into one list",
        ),
    ],
)
@pytest.mark.parametrize("compile", [False, True])
def test_the_error_of_a_sample_begins_with_its_number(
    X: Any, y: Any, error: type[Exception], message: str, compile: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error" if "missing" in message else "ignore", RuntimeWarning)
        with pytest.raises(error, match=message):
            fit(MLP(2, [1], seed=0), X, y, epochs=1, compile=compile, progress=False)


def test_a_function_without_parameters_needs_an_optimizer() -> None:
    with pytest.raises(TypeError, match=r"<lambda> is no Module with known parameters: give optimizer=Adam"):
        fit(lambda x: x[0] * 2.0, [[1.0]], [1.0], epochs=1, progress=False)


def test_predict_names_the_sample_too() -> None:
    with pytest.raises(ValueError, match="sample 1: this MLP has 2 inputs, but got 1 numbers"):
        predict(MLP(2, [1], seed=0), [[1, 2], [3]])


def test_tensors_of_another_library_are_taken_as_lists() -> None:
    torch = pytest.importorskip("torch")
    X, y = [[0.0, 1.0], [1.0, 0.5]], [1.0, 2.0]
    losses = [
        fit(MLP(2, [1], seed=0), *data, epochs=3, progress=False).loss
        for data in ((X, y), (torch.tensor(X), torch.tensor(y)))
    ]
    assert losses[0] == losses[1]
    with pytest.raises(TypeError, match=r"not a Tensor of another library: give its numbers, as in x\.tolist\(\)"):
        MLP(2, [1])(torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"callbacks": print}, r"callbacks are a list of functions, as in callbacks=\[print\]"),
        ({"loss": MSELoss}, r"the loss is the class MSELoss: make an object of it, as in MSELoss\(\)"),
    ],
)
def test_what_is_given_without_brackets_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        fit(MLP(2, [1], seed=0), [[1.0, 2.0]], [1.0], epochs=1, progress=False, **options)
