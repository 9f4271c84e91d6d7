"""The sizes of the gradients in each layer, as histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import autograd
from nn.data import check_pairs
from nn.layers import layer_of
from nn.losses import loss_named
from nn.module import Module
from nn.plots.style import axes, foreground, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_gradients(
    model: Module,
    ax: Axes | None = None,
    *,
    loss: str | Callable[[Any, Any], Any] | None = None,
    batch: tuple[Sequence[Any], Sequence[Any]] | None = None,
    bins: int = 30,
) -> Axes:
    """Draw a histogram of the sizes of the gradients for each layer, one above the other, on a logarithmic axis.

        plot_gradients(model, loss="mse_loss", batch=(X, y))

    Layers that learn at the same pace stand one below the other; a vanishing gradient moves to the left.  Gradients of
    0 have no place on such an axis: they are counted beside it.

    Args:
        model: The model whose gradients are shown: those that ``backward`` left.
        loss, batch: A loss and a batch (X, y), to show the gradients of its mean loss instead; no ``grad`` is touched.
        bins: The number of bins on the whole axis.

    Raises:
        ValueError: There are no gradients, only one of ``loss`` and ``batch`` is given, or X and y differ in length.

    >>> ax = plot_gradients(MLP(1, [2, 1], seed=0), loss="mse_loss", batch=([[1.0]], [2.0]))
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('size of the gradient', ['layer 2', 'layer 3'])
    """
    if (loss is None) != (batch is None):
        raise ValueError("give both a loss and a batch (X, y), or none of them")
    named = list(model.named_parameters())
    parameters = [parameter for _, parameter in named]
    gradients = [float(p.grad) for p in parameters]
    if loss is not None and batch is not None:
        f, (X, y) = loss_named(loss), batch
        check_pairs(X, y)
        rows = [autograd.grad(f(model(x), target), parameters) for x, target in zip(X, y)]
        gradients = [math.fsum(column) / len(rows) for column in zip(*rows)]
    sizes: dict[str, list[float]] = {}
    for (path, parameter), g in zip(named, gradients):
        sizes.setdefault(layer_of(parameter, path), []).append(abs(g))
    found = [math.log10(g) for row in sizes.values() for g in row if 0.0 < g < math.inf]
    if not found:
        raise ValueError("all gradients are 0: call backward first, or give a loss and a batch")
    ax = axes(ax, (6.0, 1.2 + 0.75 * len(sizes)))
    _draw_rows(ax, sizes, math.floor(min(found)), math.ceil(max(found) + 1e-9), bins)
    return ax


def _draw_rows(ax: Axes, sizes: dict[str, list[float]], low: int, high: int, bins: int) -> None:
    edges = [low + (high - low) * i / bins for i in range(bins + 1)]
    for row, (name, numbers) in enumerate(sizes.items()):
        base = len(sizes) - 1 - row
        counts = [0] * bins
        for g in numbers:
            if 0.0 < g < math.inf:
                counts[min(int((math.log10(g) - low) / (high - low) * bins), bins - 1)] += 1
        heights = [base + 0.85 * count / max(*counts, 1) for count in counts]
        ax.stairs(
            heights, [10.0**e for e in edges], baseline=base, fill=True, alpha=0.75, color=palette()[0], label=name
        )
        ax.axhline(base, color=foreground(), linewidth=0.6)
        if zeros := sum(g == 0.0 for g in numbers):
            ax.annotate(f"{zeros} of {len(numbers)}\nare 0", (1.01, base + 0.4), xycoords=("axes fraction", "data"),
                        va="center", fontsize="small")  # fmt: skip
    ax.set_xscale("log")
    ax.set(xlim=(10.0**low, 10.0**high), ylim=(0, len(sizes)), xlabel="size of the gradient")
    ax.set_yticks([len(sizes) - 1 - row + 0.3 for row in range(len(sizes))], list(sizes))
    ax.tick_params(axis="y", length=0)
    for side in ("top", "left", "right"):
        ax.spines[side].set_visible(False)
