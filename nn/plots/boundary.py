"""What a model says about each point of a plane: the boundaries between classes, and a film of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd.labels import notation
from nn.data import argmax, check_pairs, samples_of
from nn.evaluation import native_outputs, predict, single
from nn.files import write_text
from nn.options import whole_number
from nn.plots.style import MARKERS, axes, diverging, foreground, palette, pyplot

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes


class Surface:
    """A plane of points around some samples, and the outputs of a model there.

    Machine code computes them if possible; it is made once, and reads the parameters at each call.
    """

    def __init__(
        self, model: Callable[[Any], Any], X: Sequence[Sequence[float]], y: Sequence[Any], resolution: int = 100
    ) -> None:
        X, y = samples_of(X), samples_of(y)
        check_pairs(X, y)
        if any(len(x) != 2 for x in X):
            raise ValueError("a boundary is drawn for samples of two features: give X as pairs of numbers")
        whole_number("resolution", resolution, 2)
        self.model, self.X, self.y = model, X, [_class_of(target) for target in y]
        self.xs, self.ys = [_spaced([x[k] for x in X], resolution) for k in (0, 1)]
        self.points = [[x1, x2] for x2 in self.ys for x1 in self.xs]  # row by row
        self.compiled = native_outputs(model, self.points)

    def outputs(self) -> list[list[float]]:
        """The outputs at all points, with the parameters as they are now."""
        outputs = self.compiled() if self.compiled else predict(self.model, self.points)
        return [output if isinstance(output, list) else [output] for output in outputs]


def _class_of(target: Any) -> float:
    """A target as a number: the place of the largest in a vector."""
    if isinstance(target, str):
        raise ValueError(
            f"the class {target!r} is text: give indices of classes, [sorted(set(y)).index(label) for label in y]"
        )
    target = single(target)
    return float(argmax(target) if hasattr(target, "__len__") else target)


def _spaced(numbers: Sequence[float], count: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.12 * (high - low) or 1.0
    step = (high - low + 2 * margin) / (count - 1)
    return [low - margin + step * i for i in range(count)]


def plot_boundary(
    model: Callable[[Any], Any], X: Sequence[Sequence[float]], y: Sequence[Any], ax: Axes | None = None, *,
    threshold: float = 0.0, resolution: int = 100,
) -> Axes:  # fmt: skip
    """Colour the plane by the predictions of a classifier with two features, and draw the samples on it.

        plot_boundary(model, X, y).set_title("two moons")

    With one output the colour is stronger the further it is from the threshold, and samples have that of the side
    where they belong: their class is positive, or not.  With several outputs the largest one decides.

    Args:
        model: A function of a list of two numbers.
        X: The samples.
        y: Their classes: indices, vectors with 1 at the class, or two numbers such as -1 and 1.
        threshold: The least single output of the positive class; 0.5 for probabilities.
        resolution: The number of points to compute in each direction.

    Raises:
        ValueError: Samples do not have two features, X and y differ in length, or a class is text.

    >>> ax = plot_boundary(MLP(2, [1], seed=0), *make_xor(), resolution=4)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x₁', 'x₂')
    """
    pyplot()  # before anything is computed
    surface = Surface(model, X, y, resolution)
    return draw_surface(surface, surface.outputs(), axes(ax, (5.0, 4.0)), threshold)


def draw_surface(surface: Surface, outputs: Sequence[Sequence[float]], ax: Axes, threshold: float = 0.0) -> Axes:
    """Draw outputs that a ``Surface`` computed, and its samples."""
    from matplotlib.colors import ListedColormap, to_rgba

    classes, colours = sorted(set(surface.y)), palette()
    width = len(surface.xs)

    def grid(numbers: Sequence[float]) -> list[Sequence[float]]:
        return [numbers[i : i + width] for i in range(0, len(numbers), width)]

    if len(outputs[0]) == 1:
        scores = [row[0] - threshold for row in outputs]
        size = sorted(map(abs, scores))[int(0.9 * len(scores))] or 1.0  # the most extreme would make the rest pale
        levels = [size * k / 5.0 for k in range(-5, 6)]
        colouring = diverging(colours[0], colours[1], 0.5)
        ax.contourf(surface.xs, surface.ys, grid(scores), levels, cmap=colouring, extend="both", zorder=-1.0)
        ax.set_rasterization_zorder(-0.5)  # the areas alone: an SVG is 5x smaller
        ax.contour(surface.xs, surface.ys, grid(scores), [0.0], colors=[foreground()], linewidths=1.2)
    else:
        winners = [argmax(row) for row in outputs]
        count = len(outputs[0])
        cmap = ListedColormap([to_rgba(colours[j % len(colours)], 0.35) for j in range(count)])
        ax.pcolormesh(surface.xs, surface.ys, grid(winners), cmap=cmap, vmin=-0.5, vmax=count - 0.5,
                      shading="nearest", rasterized=True)  # fmt: skip
        for j in range(count):
            others = [max(row[:j] + row[j + 1 :]) for row in map(list, outputs)]
            lead = [row[j] - other for row, other in zip(outputs, others)]
            if min(lead) < 0.0 < max(lead):
                ax.contour(surface.xs, surface.ys, grid(lead), [0.0], colors=[foreground()], linewidths=0.8)
    for label in classes:
        j = (int(label) if len(outputs[0]) > 1 else int(label > 0.0)) % len(colours)  # as the area that is its own
        xs, ys = zip(*[x for x, target in zip(surface.X, surface.y) if target == label])
        ax.scatter(xs, ys, s=24, color=colours[j], marker=MARKERS[j], edgecolor=ax.get_facecolor(), linewidth=0.6,
                   label=f"{label:g}", zorder=3)  # fmt: skip
    ax.set(xlabel=notation("x", None, 1), ylabel=notation("x", None, 2))
    return ax


# ---- while it is trained ---------------------------------------------------------------------------------------------
class BoundaryFilm:
    """The boundary of a classifier of two features, epoch by epoch: see ``animate_boundary``."""

    def __init__(self, surface: Surface, every: int, threshold: float) -> None:
        whole_number("every", every, 1)
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
    model: Callable[[Any], Any], X: Sequence[Sequence[float]], y: Sequence[Any], *, every: int = 1,
    threshold: float = 0.0, resolution: int = 60,
) -> BoundaryFilm:  # fmt: skip
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
