"""Neural networks of ``autograd`` scalars: every neuron is an expression, every gradient comes from its graph."""

from __future__ import annotations

from nn.data import DataError, Dataset, Standardizer, minibatches, one_hot, read_csv, train_test_split
from nn.datasets import load_iris, make_circles, make_line, make_moons, make_spirals, make_xor

__all__ = [
    "DataError",
    "Dataset",
    "Standardizer",
    "load_iris",
    "make_circles",
    "make_line",
    "make_moons",
    "make_spirals",
    "make_xor",
    "minibatches",
    "one_hot",
    "read_csv",
    "train_test_split",
]
