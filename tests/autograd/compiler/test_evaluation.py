"""Evaluating many samples natively: the numbers are those of the graph, with the parameters of each call."""

from __future__ import annotations

import random
from typing import Any

import pytest

from autograd import Value, exp, no_grad, tanh, where

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd.compiler.batches.samples import DataDependentError, Evaluator  # noqa: E402 - needs numpy

RNG = random.Random(7)


def rows(n: int, width: int = 3) -> list[list[float]]:
    return [[RNG.gauss(0.0, 1.0) for _ in range(width)] for _ in range(n)]


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 200])
def test_every_output_of_every_sample_is_that_of_the_graph(n: int) -> None:
    """Whatever the number of samples: one call takes 64, and the last one is filled up."""
    a, b = Value(0.5), Value(-1.5)

    def f(x: Any, target: Any) -> list[Value]:
        hidden = tanh(a * x[0] + b * x[1] + x[2])
        return [(hidden - target) ** 2, hidden, where(x[0] > 0.0, hidden, exp(x[1]))]

    X, y = rows(n), [RNG.random() for _ in range(n)]
    found = Evaluator(f, (X, y), [a, b])([0.5, -1.5])
    with no_grad():
        expected = [[value.data for value in f(x, target)] for x, target in zip(X, y, strict=True)]
    assert found.shape == (3, n)
    assert found.T.tolist() == [pytest.approx(row, rel=1e-13, abs=1e-15) for row in expected]


def test_each_call_has_the_numbers_of_the_leaves_that_it_is_given_and_reads_the_others() -> None:
    a, b = Value(2.0), Value(10.0)
    evaluator = Evaluator(lambda x: [a * x[0] + b], ([[1.0], [2.0]],), [a])
    assert evaluator([2.0]).tolist() == [[12.0, 14.0]]
    assert evaluator([3.0]).tolist() == [[13.0, 16.0]]
    b.data, a.data = 20.0, 100.0
    assert evaluator([3.0]).tolist() == [[23.0, 26.0]]


def test_an_output_may_be_an_input_a_leaf_or_a_number() -> None:
    w = Value(2.0)
    found = Evaluator(lambda x: [x[1], w, 3.0, w * x[0]], ([[1.0, 5.0], [4.0, 6.0]],))([])
    assert found.tolist() == [[5.0, 6.0], [2.0, 2.0], [3.0, 3.0], [2.0, 8.0]]


def test_a_function_that_decides_by_its_data_is_refused() -> None:
    with pytest.raises(DataDependentError, match="decides by its data"):
        Evaluator(lambda x: [x[0] if x[0] > 0 else -x[0]], ([[1.0], [-2.0]],))


def test_samples_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="sample 0 has 2 numbers, but sample 1 has 1"):
        Evaluator(lambda x: [x[0]], ([[1.0, 2.0], [1.0]],))
