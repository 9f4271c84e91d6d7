"""Neural networks of ``autograd`` scalars: every neuron is an expression, every gradient comes from its graph."""

from __future__ import annotations

from nn.data import DataError, Dataset, Standardizer, minibatches, one_hot, read_csv, train_test_split
from nn.datasets import load_iris, make_circles, make_line, make_moons, make_spirals, make_xor
from nn.executor import ExecutorError, Workers
from nn.files import FileError
from nn.layers import MLP, Layer, Neuron, load_model
from nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_mse_loss,
    hinge_loss,
    huber_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
)
from nn.module import Module
from nn.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm_, clip_grad_value_
from nn.schedules import CosineAnnealingLR, ExponentialLR, LinearLR, ReduceLROnPlateau, StepLR
from nn.sweep import Run, Sweep, sweep
from nn.training import History, accuracy, fit, predict

__all__ = [  # noqa: RUF022 - classes first
    "Adam", "AdamW", "CosineAnnealingLR", "DataError", "Dataset", "ExecutorError", "ExponentialLR", "FileError",
    "History", "Layer", "LinearLR", "MLP", "Module", "Neuron", "Optimizer", "RMSprop", "ReduceLROnPlateau", "Run",
    "SGD", "Standardizer", "StepLR", "Sweep", "Workers",
    "accuracy", "binary_cross_entropy", "binary_cross_entropy_with_logits", "clip_grad_norm_", "clip_grad_value_",
    "cross_entropy", "fit", "half_mse_loss", "hinge_loss", "huber_loss", "l1_loss", "l1_penalty", "l2_penalty",
    "load_iris", "load_model", "make_circles", "make_line", "make_moons", "make_spirals", "make_xor", "minibatches",
    "mse_loss", "one_hot", "predict", "read_csv", "sweep", "train_test_split",
]  # fmt: skip
