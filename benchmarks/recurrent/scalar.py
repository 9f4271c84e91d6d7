"""The cells and the loss as plain loops over numbers.

``w`` is a dictionary of matrices, each a list of rows; a cell of several gates has the rows of its gates one after the
other, as in PyTorch: reset, update, new in a GRU; input, forget, cell, output in an LSTM.
"""

from __future__ import annotations

from typing import Any

from autograd import sigmoid, tanh


def linear(rows: Any, x: Any, bias: Any) -> Any:
    return [sum(wi * xi for wi, xi in zip(row, x)) + b for row, b in zip(rows, bias)]


def rnn(w: Any, x: Any, h: Any) -> Any:
    z = linear(w["input"], x, w["bias"][0])
    u = linear(w["state"], h, w["state_bias"][0])
    return [tanh(a + b) for a, b in zip(z, u)]


def gru(w: Any, x: Any, h: Any) -> Any:
    n = len(h)
    z = linear(w["input"], x, w["bias"][0])
    u = linear(w["state"], h, w["state_bias"][0])
    reset = [sigmoid(z[i] + u[i]) for i in range(n)]
    update = [sigmoid(z[i] + u[i]) for i in range(n, 2 * n)]
    new = [tanh(z[2 * n + i] + reset[i] * u[2 * n + i]) for i in range(n)]
    return [(1 - update[i]) * new[i] + update[i] * h[i] for i in range(n)]


def lstm(w: Any, x: Any, h: Any, c: Any) -> Any:
    n = len(h)
    z = linear(w["input"], x, w["bias"][0])
    u = linear(w["state"], h, w["state_bias"][0])
    a = [zi + ui for zi, ui in zip(z, u)]
    c = [sigmoid(a[n + i]) * c[i] + sigmoid(a[i]) * tanh(a[2 * n + i]) for i in range(n)]
    h = [sigmoid(a[3 * n + i]) * tanh(c[i]) for i in range(n)]
    return h, c


def loss(cell: str, w: Any, xs: Any, ys: Any) -> Any:
    """Return the mean squared error of the readout over all steps."""
    readout = w["readout"][0]
    h = c = [0.0] * len(readout)
    total = 0.0
    for x, y in zip(xs, ys):
        if cell == "rnn":
            h = rnn(w, x, h)
        elif cell == "gru":
            h = gru(w, x, h)
        else:
            h, c = lstm(w, x, h, c)
        error = sum(wi * hi for wi, hi in zip(readout, h)) - y
        total = total + error * error
    return total / len(ys)
