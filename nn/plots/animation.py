"""Moving pictures of training: callbacks for ``fit`` that collect frames, or draw while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd.cells import notebook
from nn.files import write_text
from nn.plots.boundary import Surface, draw_surface
from nn.plots.curves import plot_history
from nn.plots.style import axes, pyplot

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes


class BoundaryFilm:
    """The boundary of a classifier of two features, epoch by epoch: see ``animate_boundary``."""

    def __init__(self, surface: Surface, every: int, threshold: float) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.surface, self.every, self.threshold = surface, every, threshold
        # The pictures, each as its epoch, its loss (None before training), and the outputs at all points.
        self.frames: list[tuple[int, float | None, list[list[float]]]] = [(0, None, surface.outputs())]

    def __call__(self, history: Any) -> None:
        if len(history) % self.every == 0:
            self.frames.append((len(history), history.loss[-1], self.surface.outputs()))

    def draw(self, frame: int, ax: Axes) -> Axes:
        """Draw one of the frames."""
        epoch, loss, outputs = self.frames[frame]
        draw_surface(self.surface, outputs, ax, self.threshold)
        ax.set_title("before training" if loss is None else f"epoch {epoch}, loss {loss:.3f}", fontsize="medium")
        return ax

    def animation(self, fps: int = 8, figsize: tuple[float, float] = (4.5, 3.6), dpi: int = 80) -> FuncAnimation:
        """An animation of matplotlib with all frames; the last one stays for a second."""
        plt = pyplot()
        from matplotlib.animation import FuncAnimation

        figure, ax = plt.subplots(figsize=figsize, dpi=dpi, layout="constrained")
        plt.close(figure)  # a notebook would show it as well

        def update(frame: int) -> list[Any]:
            ax.clear()
            self.draw(frame, ax)
            return []

        count = len(self.frames)
        order = [*range(count), *[count - 1] * fps]
        return FuncAnimation(figure, update, order, init_func=list, interval=1000.0 / fps, repeat_delay=0)

    def save(self, path: str | os.PathLike[str], fps: int = 8, **options: Any) -> Path:
        """Write a GIF, a page (.html), or what else matplotlib can write; returns the path."""
        path = Path(path)
        if path.suffix.lower() in (".html", ".htm"):
            write_text(path, self.to_html(fps, **options))
        else:
            writer = "pillow" if path.suffix.lower() == ".gif" else None
            self.animation(fps, **options).save(path, writer=writer)
        return path

    def to_html(self, fps: int = 8, **options: Any) -> str:
        """A player with a slider, as HTML that a notebook can show."""
        return str(self.animation(fps, **options).to_jshtml(fps=fps))

    def _repr_html_(self) -> str:
        return self.to_html()


def animate_boundary(
    model: Callable[[Any], Any],
    X: Sequence[Sequence[float]],
    y: Sequence[Any],
    *,
    every: int = 1,
    threshold: float = 0.0,
    resolution: int = 60,
) -> BoundaryFilm:
    """Film the boundary of a classifier of two features while it is trained: a callback for ``fit``.

        film = animate_boundary(model, X, y, every=5)
        fit(model, X, y, callbacks=[film])
        film.save("boundary.gif")                # or film, as the last line of a notebook's cell

    Args:
        model, X, y, threshold, resolution: The same as for ``plot_boundary``.
        every: The number of epochs from one frame to the next; the first frame is drawn before training.

    Raises:
        ValueError: The reasons of ``plot_boundary``; or ``every`` is less than 1.

    >>> X, y = make_xor()
    >>> model = MLP(2, [4, 1], activation="tanh", seed=0)
    >>> film = animate_boundary(model, X, y, every=5, resolution=4)
    >>> _ = fit(model, X, y, epochs=10, callbacks=[film], progress=False)
    >>> [epoch for epoch, loss, outputs in film.frames]
    [0, 5, 10]
    """
    return BoundaryFilm(Surface(model, X, y, resolution), every, threshold)


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
        self,
        draw: Callable[[Any, Axes], Any] = plot_history,
        *,
        samples: Callable[[], Iterable[str]] | None = None,
        ax: Axes | None = None,
        interval: float = 0.5,
    ) -> None:
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
