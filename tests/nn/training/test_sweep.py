"""sweep: which runs there are, what the table says of them, and that it is the same wherever they run."""

from __future__ import annotations

import csv
import math
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nn import MLP, SGD, Adam, ExecutorError, FileError, Run, Sweep, Workers, accuracy, fit, make_moons, predict, sweep
from nn.losses import cross_entropy, mse_loss

LINE = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
MOONS = make_moons(40, noise=0.1, seed=0)
OTHERS = make_moons(20, noise=0.1, seed=1)


def line(lr: float, momentum: float = 0.0) -> Any:
    model = MLP(1, [1], init="zeros")
    return model, {"optimizer": SGD(model.parameters(), lr=lr, momentum=momentum)}


def classifier(width: int) -> Any:
    return MLP(2, [width, 2], activation="tanh", seed=0)


def tried(grid: Any, data: Any = LINE, factory: Any = line, **options: Any) -> Sweep:
    return sweep(factory, grid, data, **{"epochs": 20, "progress": False, **options})


def without_seconds(table: Sweep) -> list[Any]:
    return [{**vars(run), "seconds": None} for run in table]


# --- which runs there are -------------------------------------------------------------------------------------------


def test_every_combination_is_a_run_and_the_best_comes_first() -> None:
    table = tried({"lr": [0.001, 0.1], "momentum": [0.0, 0.5]})
    assert len(table) == 4
    assert {tuple(run.parameters.values()) for run in table} == {(r, m) for r in (0.001, 0.1) for m in (0.0, 0.5)}
    losses = [run.loss for run in table]
    assert losses == sorted(losses)
    assert len(set(losses)) == 4
    assert table.best is table[0] is table.runs[0]
    assert [run.epochs for run in table[1:]] == [20] * 3


def test_a_grid_may_be_a_list_of_combinations() -> None:
    table = tried([{"lr": 0.1}, {"lr": 0.05, "momentum": 0.9}])
    assert sorted([sorted(run.parameters) for run in table]) == [["lr"], ["lr", "momentum"]]


def test_a_run_is_what_fit_does() -> None:
    model, options = line(0.1)
    history = fit(model, *LINE, epochs=20, progress=False, **options)
    (run,) = tried({"lr": [0.1]})
    assert (run.loss, run.epochs, run.error) == (history.loss[-1], 20, "")
    assert run.numbers == [p.data for p in model.parameters()]
    assert run.val_loss is run.accuracy is None


def test_options_of_the_factory_win() -> None:
    def short(epochs: int) -> Any:
        return MLP(1, [1]), {"epochs": epochs}

    assert sorted([run.epochs for run in tried({"epochs": [1, 3]}, factory=short, optimizer="sgd")]) == [1, 3]


# --- how good they are ----------------------------------------------------------------------------------------------


def test_validation_data_decide() -> None:
    X, y = [[0.0], [1.0]], [0.0, 0.0]
    table = tried({"lr": [0.001, 0.1]}, validation_data=(X, y))
    assert table.best.parameters == {"lr": 0.001}  # knows least of the other line
    assert table.best.loss > table[1].loss
    assert table.best.score == table.best.val_loss
    outputs = predict(table.model(), X)
    assert table.best.val_loss == pytest.approx(sum(mse_loss(a, b) for a, b in zip(outputs, y)) / 2, rel=1e-14)


@pytest.mark.parametrize("held_out", [None, OTHERS])
def test_classifiers_have_an_accuracy(held_out: Any) -> None:
    table = tried({"width": [2, 8]}, MOONS, classifier, loss="cross_entropy", validation_data=held_out)
    for run in table:
        X, y = held_out or MOONS
        assert run.accuracy == accuracy(predict(table.model(run), X), y)


def test_a_failed_run_is_a_row_that_says_so() -> None:
    def factory(lr: float) -> Any:
        if lr == 0.0:
            raise KeyError("no rate")
        return line(lr)

    table = tried({"lr": [1e30, 0.0, 0.1]}, factory=factory, epochs=100)
    assert [run.parameters["lr"] for run in table] == [0.1, 1e30, 0.0]
    assert table[1].error.startswith("NumericError: the loss became ")
    assert table[2].error == "KeyError: 'no rate'"
    assert math.isnan(table[1].loss)
    with pytest.raises(ValueError, match=r"the run with lr=0.0 left no model: KeyError: 'no rate'"):
        table.model(table[2])


def test_the_model_of_a_run_is_the_trained_one() -> None:
    table = tried({"lr": [0.1, 0.01]})
    for run in (None, *table):
        model = table.model(run)
        assert [p.data for p in model.parameters()] == (run or table.best).numbers


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_table_is_aligned_and_has_no_empty_columns() -> None:
    rows = [
        Run({"width": 16, "act": "relu"}, loss=0.125, epochs=10, seconds=1.0),
        Run({"width": 4}, error="NumericError: the loss became nan"),
        Run({"width": 8, "act": "tanh"}, loss=2 / 3, epochs=5, seconds=0.25),
    ]
    assert str(Sweep(rows, line)) == repr(Sweep(rows, line)) == (
        "width  act     loss  epochs  seconds  error\n"
        "   16  relu   0.125      10        1\n"
        "    8  tanh  0.6667       5     0.25\n"
        "    4           nan       0        0  NumericError: the loss became nan"
    )  # fmt: skip


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    table = tried({"lr": [0.1, 1e30]}, epochs=50, validation_data=LINE)
    path = tmp_path / "runs.csv"
    table.to_csv(path)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == ["lr", "loss", "val_loss", "epochs", "seconds", "error"]
    assert (float(first["lr"]), float(first["loss"]), first["error"]) == (0.1, table.best.loss, "")
    assert (second["val_loss"], second["error"]) == ("", table[1].error)
    with pytest.raises(FileError, match="cannot write"):
        table.to_csv(tmp_path / "nowhere" / "runs.csv")


# --- on workers -----------------------------------------------------------------------------------------------------


def test_the_table_is_the_same_wherever_it_is_made() -> None:
    grid = {"width": [3, 1, 2]}
    options: dict[str, Any] = {"loss": "cross_entropy", "validation_data": OTHERS}
    here = tried(grid, MOONS, classifier, **options)
    with ThreadPoolExecutor(2) as pool:
        assert without_seconds(tried(grid, MOONS, classifier, executor=pool, **options)) == without_seconds(here)
    with ProcessPoolExecutor(2) as pool:
        there = tried(grid, MOONS, classifier, executor=Workers(pool), **options)
    assert without_seconds(there) == without_seconds(here)


def test_a_factory_that_processes_cannot_import_is_refused() -> None:
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(ExecutorError, match=r"local object.*must be defined at the top of a module"),
    ):
        tried({"lr": [0.1]}, factory=lambda lr: line(lr), executor=pool)


class Dropping(MLP):
    """Gives nothing in training mode."""

    def __call__(self, x: Any) -> Any:
        output = super().__call__(x)
        return output * 0.0 if self.training else output


def test_models_are_judged_in_evaluation_mode() -> None:
    table = tried([{}], factory=lambda: Dropping(1, [1], init="he_normal", seed=0), validation_data=LINE)
    model = table.model().eval()
    assert model.layers[0].neurons[0].w[0].data != 0.0
    expected = sum(map(mse_loss, predict(model, LINE[0]), LINE[1])) / 3
    assert table.best.val_loss == pytest.approx(expected)
    assert expected != pytest.approx(35 / 3)  # that of outputs of 0


def test_a_loss_is_one_of_a_classifier_by_its_function_too() -> None:
    by_name, by_function = (
        tried([{"width": 2}], MOONS, classifier, loss=loss) for loss in ("cross_entropy", cross_entropy)
    )
    assert by_function.best.accuracy == by_name.best.accuracy
    assert by_name.best.accuracy is not None
    assert tried({"lr": [0.1]}).best.accuracy is None


def test_a_hyper_parameter_with_the_name_of_a_result_has_a_column_of_its_own(tmp_path: Path) -> None:
    table = Sweep([Run({"loss": "mse_loss", "epochs": 7, "lr": 0.1}, 0.5, epochs=3)], line)
    table.to_csv(tmp_path / "sweep.csv")
    with open(tmp_path / "sweep.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    found = {"param_loss": "mse_loss", "param_epochs": "7", "lr": "0.1", "loss": "0.5", "epochs": "3", "seconds": "0.0"}
    assert row == found
    assert str(table).split() == [*found, "mse_loss", "7", "0.1", "0.5", "3", "0"]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({}, {"factory": None}, "no run came to its end; the one with no parameters: TypeError"),
        ({"lr": []}, {}, "the grid has no combination to try"),
        ([], {}, "the grid has no combination to try"),
        ({"lr": 0.1}, {}, r"the grid has 0.1 for 'lr': give a list of values, \[0.1\] for one"),
        ({"lr": "01"}, {}, r"the grid has '01' for 'lr': give a list"),
        ({"lr": [0.1]}, {"data": (1, 2, 3)}, r"data must be a pair \(X, y\), got 3 things"),
        ({"lr": [0.1]}, {"validation_data": ()}, r"validation_data must be a pair \(X, y\), got 0 things"),
        ({"rate": [0.1, 0.2]}, {}, "no run came to its end; the one with rate=0.1: TypeError: .*'rate'"),
        ({"lr": [0.1]}, {"data": (LINE[0], [1.0])}, "data: X has 3 samples but y has 1 targets"),
        (
            {"lr": [0.1]},
            {"validation_data": (LINE[0][:2], LINE[1])},
            "validation_data: X has 2 samples but y has 3",
        ),
        ({"lr": [0.1]}, {"epochs": 0}, "the one with lr=0.1: ValueError: epochs must be at least 1, got 0"),
        ({"lr": [0.1]}, {"epohs": 1}, "no run came to its end; the one with lr=0.1: TypeError: .*'epohs'"),
    ],
)
def test_what_cannot_be_tried_is_refused(grid: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tried(grid, **options)


# --- the progress bar -----------------------------------------------------------------------------------------------


def test_a_bar_counts_the_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    tried({"lr": [0.1, 0.2]}, progress=True)
    assert "2/2" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    tried({"lr": [0.1, 0.2]}, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_bar_counts_the_runs_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stderr is no terminal, but shown below the cell."""
    pytest.importorskip("tqdm")
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", ModuleType("zmqshell"))
    tried({"lr": [0.1, 0.2]}, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_adam_is_the_default() -> None:
    model = MLP(1, [1], init="zeros")
    fit(model, *LINE, optimizer=Adam(model.parameters()), epochs=20, progress=False)
    (run,) = tried([{}], factory=lambda: MLP(1, [1], init="zeros"))
    assert run.numbers == [p.data for p in model.parameters()]
