"""Neural networks of ``autograd`` scalars: every neuron is an expression, every gradient comes from its graph.

>>> X, y = make_xor(40, seed=0)
>>> model = MLP(2, [8, 1], activation="tanh", seed=0)
>>> history = fit(model, X, y, loss="binary_cross_entropy_with_logits", optimizer=Adam(model.parameters(), lr=0.1))
>>> accuracy(predict(model, X), y)
1.0

Models
    Neuron, Layer, MLP, and Module for your own; load_model
    Sequential Linear Embedding Dropout LayerNorm RMSNorm Conv2d RNNCell GRUCell LSTMCell MultiheadAttention
    ELU GELU Identity LeakyReLU LogSoftmax ReLU SiLU Sigmoid Softmax Softplus Tanh; gelu log_softmax softmax
Losses and penalties
    mse_loss half_mse_loss l1_loss huber_loss hinge_loss l1_penalty l2_penalty
    cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits
    MSELoss L1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss
Optimisers, and what steers them
    SGD Adam AdamW RMSprop, and Optimizer for your own; clip_grad_norm_ clip_grad_value_
    StepLR MultiStepLR ExponentialLR CosineAnnealingLR LinearLR LambdaLR ReduceLROnPlateau
Training
    fit (which returns a History), predict, accuracy; EarlyStopping and Checkpoint, for ``fit``
    sweep (which gives a Sweep, a Run each) all combinations of hyper-parameters
    Workers                                 for ``executor=`` of both: other processes and machines
    doctor                                  what is wrong with this training, and what to do
Pictures, by matplotlib
    plot_history plot_boundary plot_network plot_gradients plot_attention
    LivePlot animate_boundary, callbacks of ``fit``; figures_as_svg, for a dark notebook
Data
    read_csv and load_iris (a Dataset); load_names
    make_moons make_circles make_spirals make_xor make_line
    train_test_split Standardizer minibatches one_hot
Elsewhere
    to_torch                                the same network as a program for PyTorch
Errors
    DataError FileError ExecutorError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import autograd

if getattr(autograd, "Value", None) is None:
    raise ImportError(
        f"`import autograd` gives another package than scalar-autograd ({getattr(autograd, '__file__', None)}), most "
        "likely HIPS autograd, whose files overwrote ours or come first on the path: keep each in an environment of "
        "its own, or run `pip uninstall autograd` and then `pip install --force-reinstall --no-deps scalar-autograd`"
    )

from autograd import softmax
from autograd.names import lazy_names
from nn.activations import (
    ELU, GELU, Identity, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh, gelu, log_softmax,
)  # fmt: skip
from nn.data import Dataset, Standardizer, minibatches, one_hot, read_csv, train_test_split
from nn.datasets import load_iris, load_names, make_circles, make_line, make_moons, make_spirals, make_xor
from nn.evaluation import accuracy, predict
from nn.files import FileError
from nn.layers import MLP, Layer, Neuron, load_model
from nn.losses import (
    BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss, NLLLoss, binary_cross_entropy,
    binary_cross_entropy_with_logits, cross_entropy, half_mse_loss, hinge_loss, huber_loss, l1_loss, l1_penalty,
    l2_penalty, mse_loss, nll_loss,
)  # fmt: skip
from nn.module import Module
from nn.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm_, clip_grad_value_
from nn.parts import Conv2d, Dropout, Embedding, LayerNorm, Linear, RMSNorm, Sequential
from nn.schedules import (
    CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, ReduceLROnPlateau, StepLR,
)  # fmt: skip
from nn.sequences import GRUCell, LSTMCell, MultiheadAttention, RNNCell
from nn.tables import DataError
from nn.training import Checkpoint, EarlyStopping, History, fit

if TYPE_CHECKING:
    from nn.diagnosis import doctor
    from nn.distributed import ExecutorError, Workers
    from nn.export import to_torch
    from nn.plots import (
        LivePlot, animate_boundary, figures_as_svg, plot_attention, plot_boundary, plot_gradients, plot_history,
        plot_network,
    )  # fmt: skip
    from nn.training.sweeps import Run, Sweep, sweep

__all__ = [  # noqa: RUF022 - classes first
    "Adam", "AdamW", "BCELoss", "BCEWithLogitsLoss", "Checkpoint", "Conv2d", "CosineAnnealingLR", "CrossEntropyLoss",
    "DataError", "Dataset", "Dropout", "ELU", "EarlyStopping", "Embedding", "ExecutorError", "ExponentialLR",
    "FileError", "GELU", "GRUCell", "History", "HuberLoss", "Identity", "L1Loss", "LSTMCell", "LambdaLR", "Layer",
    "LayerNorm", "LeakyReLU", "Linear", "LinearLR", "LivePlot", "LogSoftmax", "MLP", "MSELoss", "Module", "MultiStepLR",
    "MultiheadAttention", "NLLLoss", "Neuron", "Optimizer", "RMSNorm", "RMSprop", "RNNCell", "ReLU",
    "ReduceLROnPlateau", "Run", "SGD", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Standardizer", "StepLR",
    "Sweep", "Tanh", "Workers", "accuracy", "animate_boundary", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "clip_grad_norm_", "clip_grad_value_", "cross_entropy", "doctor",
    "figures_as_svg", "fit", "gelu", "half_mse_loss", "hinge_loss", "huber_loss", "l1_loss", "l1_penalty",
    "l2_penalty", "load_iris", "load_model", "load_names", "log_softmax", "make_circles", "make_line", "make_moons",
    "make_spirals", "make_xor", "minibatches", "mse_loss", "nll_loss", "one_hot", "plot_attention", "plot_boundary",
    "plot_gradients", "plot_history", "plot_network", "predict", "read_csv", "softmax", "sweep", "to_torch",
    "train_test_split",
]  # fmt: skip

__getattr__ = lazy_names(
    __name__,
    {
        "nn.diagnosis": "doctor",
        "nn.distributed": "ExecutorError Workers",
        "nn.export": "to_torch",
        "nn.plots": "LivePlot animate_boundary figures_as_svg plot_attention plot_boundary plot_gradients plot_history "
        "plot_network",
        "nn.training.sweeps": "Run Sweep sweep",
    },
)


def __dir__() -> list[str]:
    return [*__all__]
