"""Samples of one data set must have one structure: a recording of the first one stands for all of them."""

from __future__ import annotations

import warnings
from collections import namedtuple
from typing import Any

import pytest

from autograd import Value
from nn import SGD, fit, mse_loss
from nn.evaluation import predict

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.batches.samples import record_sample, table_of  # noqa: E402 - needs numpy

Point, Other = namedtuple("Point", "x y"), namedtuple("Other", "y x")
DIFFERENT: list[list[Any]] = [
    [{"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}],
    [{"a": 1.0, "b": 2.0}, {"a": 1.0, "c": 2.0}],
    [[[1.0, 2.0], [3.0]], [[1.0], [2.0, 3.0]]],
    [[[1.0, 2.0, 3.0]], [[1.0], [2.0], [3.0]]],
    [[1.0, [2.0]], [[1.0], 2.0]],
    [np.ones((2, 3)), np.ones((3, 2))],
    [np.ones((2, 3)), np.ones(6)],
    [[1.0, 2.0], np.ones(2)],
    [[1.0, 2.0], (1.0, 2.0)],
    [[[1.0], (2.0,)], [(1.0,), [2.0]]],
    [Point(1.0, 2.0), Other(1.0, 2.0)],
    [1.0, [1.0]],
]


@pytest.mark.parametrize("samples", DIFFERENT, ids=repr)
def test_samples_of_different_structure_are_refused(samples: list[Any]) -> None:
    for values in (samples, samples[::-1], [samples[0]] * 3 + samples):
        with pytest.raises(ValueError, match="sample 0 has"):
            table_of([values])


@pytest.mark.parametrize("samples", [one for pair in DIFFERENT for one in pair], ids=repr)
def test_samples_of_one_structure_are_rows_of_numbers(samples: Any) -> None:
    row = table_of([[samples]]).tolist()[0]
    assert table_of([[samples] * 3]).tolist() == [row] * 3


def test_training_and_predictions_are_those_without_the_compiler_whatever_the_order_of_the_keys() -> None:
    X = [{"a": 1.0, "b": 2.0}, {"b": -1.0, "a": 3.0}, {"a": 0.5, "b": 0.0}]
    y = [3.0, 5.0, 1.0]
    found = []
    for compile in (False, True):
        a, b = Value(0.1), Value(0.2)

        def model(x: Any, a: Any = a, b: Any = b) -> Any:
            return a * x["a"] + b * x["b"]

        with warnings.catch_warnings(record=True) as all_:
            warnings.simplefilter("always")
            history = fit(
                model, X, y, loss=mse_loss, optimizer=SGD([a, b], lr=0.1), epochs=5, batch_size=None,
                compile=compile, progress=False,
            )  # fmt: skip
        assert len(all_) == compile
        found.append((history.loss, predict(model, X, compile=compile)))
    assert found[0] == found[1]


def test_an_int_that_is_a_float_in_another_sample_is_a_float_in_the_recording() -> None:
    kinds: list[Any] = []

    def f(x: Any, y: Any) -> Any:
        kinds.append([isinstance(v, (int, np.integer)) for v in (*x, y)])
        return x[0] * x[1] * y

    data: list[Any] = [
        ([[1, 2], [0.5, 2.0]], [3, 4]),
        ([[1, 2], [3, 4]], [1, 0.5]),
        (np.array([[1, 2], [3, 4]]), [1, 2]),
    ]
    for X, y in data:
        record_sample(f, (X, y), "the loss")
        assert table_of([X, y]).tolist() == [[*map(float, x), float(t)] for x, t in zip(X, y)]
    assert kinds == [[False, False, True], [True, True, False], [True, True, True]]
