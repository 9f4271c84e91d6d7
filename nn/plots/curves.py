"""The losses and metrics of a training by epoch, as curves: those of a history, or drawn while ``fit`` runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any

from autograd.display import notebook
from nn.plots.style import axes, foreground, palette, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 30.0  # the largest loss by the smallest


def plot_history(history: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss by epoch; with the validation loss, the best epoch and the metrics where there are any.

        plot_history(fit(model, X, y))

    The axis of the loss is logarithmic once it fell far; metrics have an axis of their own on the right.

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


# ---- while fit runs --------------------------------------------------------------------------------------------------
class LivePlot:
    """Draw the history while ``fit`` runs: a callback.

        fit(model, X, y, callbacks=[LivePlot()])

    In a notebook, the picture below the cell is replaced; elsewhere the axes are drawn again, as a window shows.
    If the model generates text, ``samples`` shows new lines beside the curve in each picture.

        live = LivePlot(samples=lambda: [write() for _ in range(7)])
        live(history)                            # in your own loop, as often as you like

    Args:
        draw: A function that draws a history on axes.
        samples: A function that gives a few short texts, a line each beside the picture; by default there are none.
        interval: The least time in seconds from one picture to the next; the last one is always drawn in a notebook.

    >>> live = LivePlot(interval=0.0)
    >>> _ = fit(MLP(2, [1], seed=0), *make_xor(), epochs=3, callbacks=[live], progress=False)
    >>> len(live.ax.lines[0].get_xdata())
    3
    """

    def __init__(
        self, draw: Callable[[Any, Axes], Any] = plot_history, *, samples: Callable[[], Iterable[str]] | None = None,
        ax: Axes | None = None, interval: float = 0.5,
    ) -> None:  # fmt: skip
        self.plt = pyplot()
        self.draw, self.samples, self.interval = draw, samples, interval
        size = (5.5 if samples is None else 7.5, 3.4)
        self.ax: Any = axes(ax, size)
        self.history: Any = None  # a ``History``, as ``fit`` gives it to callbacks
        self.handle: Any = None
        self.shell = notebook()
        self.drawn = -interval
        if self.shell is not None:
            self.plt.close(self.ax.figure)  # the notebook would show it once more at the end of the cell
            self.shell.events.register("post_run_cell", self._finish)

    def __call__(self, history: Any) -> None:
        self.history = history
        if time.monotonic() - self.drawn >= self.interval:
            self.redraw()

    def redraw(self) -> None:
        """Draw the history as it is now.

        >>> live = LivePlot()
        >>> live(History(loss=[0.5]))
        >>> live.history.loss.append(0.25); live.redraw()
        >>> [float(loss) for loss in live.ax.lines[0].get_ydata()]
        [0.5, 0.25]
        """
        if self.history is None:
            return
        for other in self.ax.figure.axes[:]:
            if other is not self.ax and other.bbox.bounds == self.ax.bbox.bounds:
                other.remove()  # the axis of the metrics
        self.ax.clear()
        self.draw(self.history, self.ax)
        if self.samples is not None:
            self._write(self.samples())
        if self.shell is None:
            self.ax.figure.canvas.draw_idle()
            self.ax.figure.canvas.flush_events()
        elif self.handle is None:
            from IPython.display import display

            show: Any = display
            self.handle = show(self.ax.figure, display_id=True)
        else:
            self.handle.update(self.ax.figure)
        self.drawn = time.monotonic()

    def _write(self, texts: Iterable[str]) -> None:
        """Put texts beside the picture, in a column whose width does not depend on them: the curve must not jump."""
        is_alone = all(other is self.ax for other in self.ax.figure.axes)  # no axis of metrics on the right
        column = self.ax.inset_axes((1.05 if is_alone else 1.2, 0.0, 0.45, 1.0))
        column.axis("off")
        column.text(0.0, 1.0, "\n".join(texts), va="top", family="monospace", fontsize="small", parse_math=False)

    def _finish(self, *result: Any) -> None:
        """The cell has ended: draw what came after the last picture."""
        self.shell.events.unregister("post_run_cell", self._finish)
        self.redraw()
