"""Arrays and tables go through the whole of training as lists do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nn import MLP, Standardizer, accuracy, fit, load_iris, predict, train_test_split


def test_accuracy_takes_arrays() -> None:
    outputs, classes = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), np.array([1, 0, 0])
    assert accuracy(outputs, classes) == accuracy(outputs, np.eye(2)[classes]) == 2 / 3
    assert accuracy(outputs[:, 1] - 0.5, classes) == 2 / 3


@pytest.mark.parametrize("compile", [True, False])
def test_arrays_and_tables_train_as_lists_do(compile: bool) -> None:
    iris = load_iris()
    X, y = np.array(iris.features, dtype=np.float32), np.array(iris.targets)

    def result(X: Any, y: Any) -> Any:
        X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y)
        scaler = Standardizer.fit(X_train)
        model = MLP(4, [3], seed=0)
        fit(model, scaler.transform(X_train), y_train, loss="cross_entropy", epochs=3, compile=compile, progress=False)
        return model.state_dict(), accuracy(predict(model, scaler.transform(X_test)), y_test)

    assert result(X, y) == result(Table(X), Table(y)) == result(X.tolist(), y.tolist())


def test_every_step_takes_a_table() -> None:
    rows, classes = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    X, y = Table(np.array(rows)), Table(np.array(classes))
    assert Standardizer.fit(X) == Standardizer.fit(rows)
    assert Standardizer.fit(X).transform(X) == Standardizer.fit(rows).transform(rows)
    model, other = MLP(2, [1], seed=0), MLP(2, [1], seed=0)
    assert fit(model, X, y, epochs=3, progress=False).loss == fit(other, rows, classes, epochs=3, progress=False).loss
    assert predict(model, X) == predict(other, rows)
    assert accuracy([-1.0, 1.0, 1.0, 1.0], y) == 0.75


class Table:
    """As a table of pandas: its items are columns, and ``to_numpy`` gives the rows."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __getitem__(self, column: Any) -> Any:
        raise KeyError(column)

    def __len__(self) -> int:
        return len(self.rows)

    def to_numpy(self) -> Any:
        return self.rows
