"""What callbacks of a training change is used, compiled as without the compiler."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from autograd import Value
from nn import MLP, SGD, Adam, EarlyStopping, Module, fit, make_line, mse_loss, predict

pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

X = [[0.1 * i, 1.0 - 0.05 * i] for i in range(20)]
Y = [0.3 * x[0] - x[1] for x in X]
TEMPERATURE: list[float] = [1.0]


class Tempered(Module):
    def __init__(self) -> None:
        self.net = MLP(2, [3, 1], activation="tanh", seed=0)
        self.temperature = 1.0
        self.parts = {"scale": [1.0]}
        self.mode = "plain"

    def __call__(self, x: Any) -> Any:
        out = self.net(x) / self.temperature * self.parts["scale"][0]
        return out if self.mode == "plain" else out * 2.0 + self.net([x[1], x[0]])


def attribute(model: Any, epoch: int) -> None:
    model.temperature = 1.0 + 0.5 * epoch


def nested(model: Any, epoch: int) -> None:
    model.parts["scale"][0] = 1.0 + epoch


def another_graph(model: Any, epoch: int) -> None:
    model.mode = "other" if epoch >= 2 else "plain"


def closed_over(model: Any, epoch: int) -> None:
    TEMPERATURE[0] = 1.0 + epoch


def nothing(model: Any, epoch: int) -> None:
    model.notes = [epoch]


def loss_of(output: Any, target: Any) -> Any:
    return mse_loss(output / TEMPERATURE[0], target)


def trained(change: Callable[[Any, int], None], executor: Any = None, **options: Any) -> Any:
    TEMPERATURE[0] = 1.0
    model = Tempered()
    optimizer = options.pop("make", Adam)(model.parameters(), lr=0.05)

    def callback(history: Any) -> None:
        change(model, len(history))

    history = fit(
        model, X, Y, loss=loss_of, optimizer=optimizer, epochs=5, batch_size=8, callbacks=[callback],
        validation_data=(X[:5], Y[:5]), progress=False, executor=executor, **options,
    )  # fmt: skip
    return history, [p.data for p in model.parameters()], optimizer.state, optimizer.hyper.step


CHANGES = [attribute, nested, another_graph, closed_over, nothing]


@pytest.mark.parametrize("options", [{}, {"make": functools.partial(SGD, momentum=0.9)}], ids=["adam", "momentum"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_a_callback_changes_is_used_in_the_next_epoch(change: Any, options: Any) -> None:
    found, parameters, state, step = trained(change, **options)
    expected, wanted, wanted_state, wanted_step = trained(change, compile=False, **options)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert found.val_loss == pytest.approx(expected.val_loss, rel=1e-9)
    assert parameters == pytest.approx(wanted, rel=1e-9)
    assert [number for row in state for number in row] == pytest.approx(
        [number for row in wanted_state for number in row], rel=1e-8, abs=1e-12
    )
    assert step == wanted_step


@pytest.mark.parametrize("change", ["samples", "targets", "validation", "nothing", "classes"])
@pytest.mark.parametrize("arrays", [False, True], ids=["lists", "arrays"])
def test_data_that_a_callback_changes_in_place_is_used_in_the_next_epoch(change: str, arrays: bool) -> None:
    """Fresh noise for each epoch, say."""
    numpy = pytest.importorskip("numpy")

    def trained_on_data(compile: bool) -> tuple[Any, list[float]]:
        rng = random.Random(0)
        rows: Any = [[rng.random(), rng.random()] for _ in range(12)]
        targets: Any = [int(x > y) for x, y in rows]
        if change != "classes":
            targets = [float(target) for target in targets]
        held_out: Any = [[0.5, 0.1], [0.2, 0.9]]
        if arrays:
            rows, targets, held_out = map(numpy.array, (rows, targets, held_out))
        model = MLP(2, [4, 2 if change == "classes" else 1], activation="tanh", seed=1)

        def callback(history: Any) -> None:
            if change == "samples":
                rows[len(history)][0] += 0.5
            elif change in ("targets", "classes"):
                targets[len(history)] = 1 - targets[len(history)]
            elif change == "validation":
                held_out[1][0] += 1.0

        history = fit(
            model, rows, targets, loss="cross_entropy" if change == "classes" else "mse_loss", epochs=5, batch_size=4,
            optimizer=SGD(model.parameters(), lr=0.1), callbacks=[callback], compile=compile, progress=False,
            validation_data=(held_out, targets[:2]),
        )  # fmt: skip
        return history, [p.data for p in model.parameters()]

    (found, parameters), (expected, wanted) = trained_on_data(True), trained_on_data(False)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert found.val_loss == pytest.approx(expected.val_loss, rel=1e-9)
    assert parameters == pytest.approx(wanted, rel=1e-9)


def test_data_of_another_kind_may_change_too() -> None:
    """A data set that holds a lock cannot be copied, nor compared."""

    class Rows:
        def __init__(self) -> None:
            self.rows, self.lock = [[0.1, 0.2], [0.3, 0.4]], threading.Lock()

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, at: int) -> list[float]:
            return self.rows[at]

    losses = []
    for compile in (True, False):
        rows, model = Rows(), MLP(2, [3, 1], seed=0)

        def callback(history: Any, rows: Rows = rows) -> None:
            rows.rows[0][0] += 0.5

        options = {"loss": "mse_loss", "epochs": 3, "callbacks": [callback], "progress": False}
        losses.append(fit(model, rows, [0.0, 1.0], compile=compile, **options).loss)
    assert losses[0] == pytest.approx(losses[1])


def test_the_best_epoch_may_be_one_before_the_change() -> None:
    options = {"early_stopping": EarlyStopping(patience=2)}
    found, parameters, *_ = trained(another_graph, **options)
    expected, wanted, *_ = trained(another_graph, compile=False, **options)
    assert found.val_loss == pytest.approx(expected.val_loss, rel=1e-9)
    assert parameters == pytest.approx(wanted, rel=1e-9)


def test_workers_use_it_too() -> None:
    with ThreadPoolExecutor(2) as executor:
        found, parameters, *_ = trained(attribute, executor)
    expected, wanted, *_ = trained(attribute, compile=False)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert parameters == pytest.approx(wanted, rel=1e-9)


def test_what_does_not_concern_the_loss_records_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from nn.training.steps import CompiledSteps

    counts = dict.fromkeys(("nothing", "attribute"), 0)
    record = CompiledSteps._record
    for change in (nothing, attribute):

        def counting(self: Any, name: str = change.__name__) -> None:
            counts[name] += 1
            record(self)

        monkeypatch.setattr(CompiledSteps, "_record", counting)
        trained(change)
    assert counts == {"nothing": 1, "attribute": 6}


def test_a_change_that_cannot_be_compiled_is_an_error() -> None:
    class Deciding(Module):
        def __init__(self) -> None:
            self.w, self.decides = Value(0.5), False

        def __call__(self, x: Any) -> Any:
            if self.decides and x[0] > 0.5:
                return self.w * x[0] * 2.0
            return self.w * x[0]

    model = Deciding()
    with pytest.raises(Exception, match=r"decides by its data .* compile=False"):
        fit(model, X, Y, callbacks=[lambda history: setattr(model, "decides", True)], epochs=3, progress=False)


# ---- a loss or a model that changes something at each call -----------------------------------------------------------
class Kept:
    """What a loss keeps outside."""

    def __init__(self) -> None:
        self.n, self.worst, self.seen, self.names = 0, 0.0, [0.0], {"sum": 0.0}


def switches(kept: Kept, a: Any, t: Any) -> Any:
    kept.n += 1
    return (a - t) ** 2 if kept.n < 60 else abs(a - t)


def counts(kept: Kept, a: Any, t: Any) -> Any:
    kept.n += 1
    return (a - t) ** 2


def appends(kept: Kept, a: Any, t: Any) -> Any:
    kept.seen.append(a.data)
    return (a - t) ** 2


def keeps_the_worst(kept: Kept, a: Any, t: Any) -> Any:
    kept.worst = max(kept.worst, abs(a.data - t))
    return (a - t) ** 2


def adds_up(kept: Kept, a: Any, t: Any) -> Any:
    kept.names["sum"] = kept.names["sum"] + a.data
    return (a - t) ** 2


def keeps_what_nobody_reads(kept: Kept, a: Any, t: Any) -> Any:
    kept.last = a.data  # type: ignore[attr-defined]
    return (a - t) ** 2


@pytest.mark.parametrize(
    "loss", [switches, counts, appends, keeps_the_worst, adds_up, keeps_what_nobody_reads], ids=lambda f: f.__name__
)
def test_a_loss_that_changes_something_is_run_for_each_sample(loss: Any) -> None:
    X, y = make_line(20, seed=0)

    def train(compile: bool) -> Any:
        kept = Kept()
        history = fit(
            MLP(1, [3, 1], seed=0), X, y, loss=lambda a, t: loss(kept, a, t), epochs=6, progress=False, compile=compile
        )
        return history.loss, vars(kept)

    with pytest.warns(RuntimeWarning, match="without the compiler.*changes"):
        found = train(True)
    assert found == train(False)


class Warmer(Module):
    """A model that counts its calls, and changes after some."""

    def __init__(self) -> None:
        self.mlp, self.calls = MLP(1, [3, 1], seed=0), 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.mlp(x) if self.calls < 50 else 0.5 * self.mlp(x)


def test_a_model_that_changes_something_is_run_for_each_sample() -> None:
    X, y = make_line(20, seed=0)
    found, expected = Warmer(), Warmer()
    with pytest.warns(RuntimeWarning, match=r"without the compiler.*changes model\.calls"):
        history = fit(found, X, y, epochs=6, progress=False)
    assert history.loss == fit(expected, X, y, epochs=6, progress=False, compile=False).loss
    assert found.calls == expected.calls


def test_predictions_of_a_model_that_counts_are_counted() -> None:
    X, _ = make_line(20, seed=0)
    found, expected = Warmer(), Warmer()
    for _ in range(3):
        assert predict(found, X, compile=True) == predict(expected, X, compile=False)
    assert found.calls == expected.calls
