"""The record of a training: its best epoch, its columns, its file."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nn import FileError, History

FULL = History(
    loss=[0.5, 1 / 3, 0.1 + 0.2],
    val_loss=[0.6, 0.4, 0.4],
    metrics={"accuracy": [0.5, 1.0, 0.75]},
    lr=[0.1, 0.1, 0.01],
    seconds=[0.0, 1e-320, 2.0],
    stopped="enough",
)


@pytest.mark.parametrize(
    ("val_loss", "best"),
    [
        ([], None), ([3.0], 1), ([3.0, 2.0, 2.0], 2), ([math.nan, 2.0, math.nan], 2), ([math.inf, math.nan], None),
        ([math.inf, -1.0], 2),
    ],
)  # fmt: skip
def test_the_best_epoch_is_the_first_with_the_least_validation_loss(val_loss: list[float], best: int | None) -> None:
    assert History(val_loss=val_loss).best_epoch == best


def test_the_columns_are_copies_of_what_was_recorded() -> None:
    columns = FULL.to_dict()
    assert list(columns) == ["epoch", "loss", "val_loss", "accuracy", "lr", "seconds"]
    assert columns["epoch"] == [1, 2, 3]
    assert columns["accuracy"] == [0.5, 1.0, 0.75]
    columns["loss"].append(0.0)
    assert len(FULL.loss) == 3
    assert list(History(loss=[1.0], lr=[1.0], seconds=[1.0]).to_dict()) == ["epoch", "loss", "lr", "seconds"]


def test_a_csv_file_reads_back_to_the_bit(tmp_path: Path) -> None:
    FULL.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == FULL.loss
    assert [float(row["seconds"]) for row in rows] == FULL.seconds
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["accuracy"]) for row in rows] == FULL.metrics["accuracy"]


def test_columns_that_were_not_recorded_are_left_out(tmp_path: Path) -> None:
    History(loss=[1.0, 0.5]).to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == "epoch,loss\n1,1.0\n2,0.5\n"


def test_a_csv_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        FULL.to_csv(tmp_path / "missing" / "history.csv")


def test_it_is_shown_in_one_line() -> None:
    shown = "loss 0.5 → 0.3, val_loss 0.6 → 0.4, accuracy 0.5 → 0.75, best in epoch 2, stopped: enough"
    assert repr(FULL) == f"History(3 epochs, {shown})"
    assert repr(History(loss=[0.25], lr=[1.0], seconds=[1.0])) == "History(1 epoch, loss 0.25 → 0.25)"
    assert repr(History()) == "History(0 epochs)"


def test_plot_hands_itself_to_the_module_of_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nn.plots", SimpleNamespace(plot_history=lambda history, ax=None: (history, ax)))
    assert FULL.plot() == (FULL, None)
    assert FULL.plot(ax="axes") == (FULL, "axes")
