"""The losses and metrics of a training by epoch, as curves."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING, Any

from nn.plots.style import axes, foreground, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 30.0  # the largest loss by the smallest


def plot_history(history: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss by epoch; with the validation loss, the best epoch and the metrics where there are any.

        plot_history(fit(model, X, y))

    The axis of the loss is logarithmic once it fell far; metrics have an axis of their own on the right.

    Args:
        history: The history that ``fit`` returned.

    Raises:
        ValueError: The history has no epochs.

    >>> ax = plot_history(History(loss=[0.5, 0.3, 0.2], val_loss=[0.6, 0.4, 0.5]))
    >>> ax.get_xlabel(), [line.get_label() for line in ax.lines]
    ('epoch', ['loss', 'validation loss', 'best epoch, 2'])
    """
    if not len(history):
        raise ValueError("the history has no epochs: train first")
    ax = axes(ax, (5.5, 3.4))
    validation, best = history.val_loss, history.best_epoch
    epochs, colours = range(1, len(history) + 1), palette()
    lone: dict[str, Any] = {"marker": "o"} if len(history) == 1 else {}
    lines = ax.plot(epochs, history.loss, color=colours[0], label="loss", **lone)
    if validation:
        lines += ax.plot(
            epochs[-len(validation) :], validation, "--", color=colours[1], label="validation loss", **lone
        )
    if best is not None:
        lines.append(ax.axvline(best, linestyle=":", color=foreground(), linewidth=1, label=f"best epoch, {best}"))
    finite = [loss for loss in [*history.loss, *validation] if math.isfinite(loss)]
    if not finite:
        ax.annotate(f"no loss was finite: {history.loss[0]:g} from the first epoch on", (0.5, 0.5), ha="center",
                    xycoords="axes fraction", fontsize="small")  # fmt: skip
        ax.set(xlim=(0.5, len(history) + 0.5), yticks=[])
    elif min(finite) > 0.0 and max(finite) > LOG_FROM * min(finite):
        from matplotlib.ticker import LogLocator, NullFormatter

        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    metrics = {name: numbers for name, numbers in history.metrics.items() if numbers}
    if metrics:
        right = ax.twinx()
        for (name, numbers), colour in zip(metrics.items(), cycle(colours[2:])):
            label = f"validation {name}" if validation else name  # as ``History.metrics`` has it
            lines += right.plot(epochs[-len(numbers) :], numbers, "-.", color=colour, label=label, **lone)
        right.set_ylabel(", ".join(metrics))
    ax.set(xlabel="epoch", ylabel="loss")
    ax.locator_params(axis="x", integer=True)
    if len(lines) > 1:
        ax.legend(
            handles=lines, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize="small", frameon=False
        )
    return ax
