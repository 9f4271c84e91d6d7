"""Pictures of training and of what was learned, with matplotlib, which is imported when the first one is drawn.

Every function draws into the axes given, or into a new figure, and returns the axes; it shows and saves nothing.
Texts and lines have the colours of the matplotlib style in use, so that a dark one works as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import autograd
from nn.data import argmax, check_pairs
from nn.history import History
from nn.layers import ACTIVATIONS, Layer, notation
from nn.losses import loss_named
from nn.module import Module
from nn.probe import layer_of
from nn.surface import Surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_surface", "plot_boundary", "plot_gradients", "plot_history", "plot_network", "pyplot"]

# Okabe and Ito (2008): people with any colour vision can tell them apart; each has a marker or a dash of its own, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8a8a")
ON_DARK = ("#56b4e9", "#f58a36", "#2cc79b", "#dd97c0", "#4c9be8", "#f0e442", "#a8adb3")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
NAMED_UP_TO = 8  # neurons in a layer
SMALL, LARGE = 16.0, 25.0  # points that a neuron takes, without its name and with it
LOG_FROM = 30.0  # the largest loss by the smallest


def pyplot() -> Any:
    """``matplotlib.pyplot``.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "scalar-autograd[notebooks]"') from error
    return plt


# ---- the course of training ------------------------------------------------------------------------------------------
def plot_history(history: History, ax: Axes | None = None) -> Axes:
    """Draw the loss by epoch; with the validation loss, the best epoch and the metrics where there are any.

        plot_history(fit(model, X, y))

    The axis of the loss is logarithmic once it fell far; metrics have an axis of their own on the right.

    Args:
        history: what ``fit`` returned.
        ax: where to draw; by default in a new figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history has no epochs.

    >>> ax = plot_history(History(loss=[0.5, 0.3, 0.2], val_loss=[0.6, 0.4, 0.5]))
    >>> ax.get_xlabel(), [line.get_label() for line in ax.lines]
    ('epoch', ['loss', 'validation loss', 'best epoch, 2'])
    >>> pyplot().close(ax.figure)
    """
    if not len(history):
        raise ValueError("the history has no epochs: train first")
    ax = _axes(ax, (5.5, 3.4))
    validation, best = history.val_loss, history.best_epoch
    epochs, colours = range(1, len(history) + 1), palette()
    lone: dict[str, Any] = {"marker": "o"} if len(history) == 1 else {}
    lines = ax.plot(epochs, history.loss, color=colours[0], label="loss", **lone)
    if validation:
        lines += ax.plot(
            epochs[-len(validation) :], validation, "--", color=colours[1], label="validation loss", **lone
        )
    if best is not None:
        lines.append(ax.axvline(best, linestyle=":", color=_foreground(), linewidth=1, label=f"best epoch, {best}"))
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


# ---- what it learned -------------------------------------------------------------------------------------------------
def plot_boundary(
    model: Callable[[Any], Any],
    X: Sequence[Sequence[float]],
    y: Sequence[Any],
    ax: Axes | None = None,
    *,
    threshold: float = 0.0,
    resolution: int = 100,
) -> Axes:
    """Colour the plane by what a classifier of two features says, and draw the samples on it.

        plot_boundary(model, X, y).set_title("two moons")

    With one output the colour is stronger the further it is from the threshold, and samples have that of the side
    where they belong: their class is positive, or not.  With several outputs the largest one decides.

    Args:
        model: takes a list of two numbers.
        X: the samples.
        y: their classes: indices, vectors with 1 at the class, or two numbers such as -1 and 1.
        ax: where to draw; by default in a new figure.
        threshold: of a single output; 0.5 for probabilities.
        resolution: how many points to compute in each direction.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: samples do not have two features, X and y differ in length, or a class is text.

    >>> from nn import MLP, make_xor
    >>> ax = plot_boundary(MLP(2, [1], seed=0), *make_xor(), resolution=4)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x₁', 'x₂')
    >>> pyplot().close(ax.figure)
    """
    pyplot()  # before anything is computed
    surface = Surface(model, X, y, resolution)
    return draw_surface(surface, surface.outputs(), _axes(ax, (5.0, 4.0)), threshold)


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
        colouring = _diverging(colours[0], colours[1], 0.5)
        ax.set_rasterization_zorder(0.0)  # the areas only: in an SVG 5x smaller
        ax.contourf(surface.xs, surface.ys, grid(scores), levels, cmap=colouring, extend="both", zorder=-1.0)
        ax.contour(surface.xs, surface.ys, grid(scores), [0.0], colors=[_foreground()], linewidths=1.2)
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
                ax.contour(surface.xs, surface.ys, grid(lead), [0.0], colors=[_foreground()], linewidths=0.8)
    for label in classes:
        j = (int(label) if len(outputs[0]) > 1 else int(label > 0.0)) % len(colours)  # as the area that is its own
        xs, ys = zip(*[x for x, target in zip(surface.X, surface.y) if target == label])
        ax.scatter(xs, ys, s=24, color=colours[j], marker=MARKERS[j], edgecolor=ax.get_facecolor(), linewidth=0.6,
                   label=f"{label:g}", zorder=3)  # fmt: skip
    ax.set(xlabel=notation("x", None, 1), ylabel=notation("x", None, 2))
    return ax


# ---- the network -----------------------------------------------------------------------------------------------------
def plot_network(
    model: Module,
    ax: Axes | None = None,
    *,
    sample: Sequence[float] | None = None,
    target: Any = None,
    loss: str | Callable[[Any, Any], Any] = "mse_loss",
) -> Axes:
    """Draw neurons and weights: colour and width of a line show its sign and size, the fill of a neuron its error δ.

        plot_network(model, sample=X[0], target=y[0], loss="cross_entropy")

    The errors δ = ∂J/∂z are those of the sample, if one is given.  Otherwise they are the gradients of the biases,
    which are the same (∂J/∂b = δ, summed over the samples that ``backward`` has seen); before any backward there are
    none.

    Args:
        model: a network of layers, such as an ``MLP``.
        ax: where to draw; by default in a new figure.
        sample, target, loss: of which to show the errors; no gradient is touched.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: the model has no layers one after the other.
        ValueError: there is a sample without its target, or a target without its sample.

    >>> from nn import MLP
    >>> ax = plot_network(MLP(2, [3, 1], seed=0))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['inputs', 'layer 2\\nrelu', 'layer 3\\nidentity']
    >>> pyplot().close(ax.figure)
    """
    if (sample is None) != (target is None):
        raise ValueError("give both a sample and its target, or neither")
    layers = [part for part in model.modules() if isinstance(part, Layer)]
    sizes = [len(layers[0].neurons[0].w), *[len(layer.neurons) for layer in layers]] if layers else []
    if not layers or any(len(layer.neurons[0].w) != n for layer, n in zip(layers, sizes)):
        raise TypeError(f"plot_network draws layers one after the other, which {type(model).__name__} does not have")
    deltas = _deltas(layers, sample, target, loss)
    ax = _axes(ax, (1.2 + 1.9 * len(sizes), min(1.6 + 0.42 * max(sizes), 8.0)))
    room = ax.get_window_extent().height * 72.0 / ax.figure.dpi / (max(sizes) + 0.8)
    places = [[(float(column), (n - 1) / 2 - row) for row in range(n)] for column, n in enumerate(sizes)]
    _draw_weights(ax, layers, places, room)
    _draw_neurons(ax, layers, places, deltas, room)
    ax.set_xlim(-0.45, len(sizes) - 0.55)
    ax.set_ylim(-max(sizes) / 2 - 0.4, max(sizes) / 2 + 0.4)
    ax.set_xticks(range(len(sizes)), ["inputs", *[_caption(i, layer) for i, layer in enumerate(layers, start=2)]])
    ax.tick_params(length=0)
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _deltas(layers: list[Layer], sample: Any, target: Any, loss: Any) -> list[list[float]] | None:
    if sample is None:
        biases = [[neuron.b.grad for neuron in layer.neurons] for layer in layers]
        return biases if any(any(row) for row in biases) else None
    signals: list[Any] = [autograd.constant(x) for x in sample]
    zs: list[list[Any]] = []
    for layer in layers:
        zs.append(layer.weighted(signals))
        signals = [neuron.activated(z) for neuron, z in zip(layer.neurons, zs[-1])]
    cost = loss_named(loss)(signals[0] if len(signals) == 1 else signals, target)
    found = iter(autograd.grad(cost, [z for row in zs for z in row]))
    return [[next(found) for _ in row] for row in zs]


def _draw_weights(ax: Axes, layers: list[Layer], places: list[list[tuple[float, float]]], room: float) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    lines, weights, (negative, positive, *_) = [], [], palette()
    for layer, before, here in zip(layers, places, places[1:]):
        for neuron, end in zip(layer.neurons, here):
            for w, start in zip(neuron.w, before):
                lines.append([start, end])
                weights.append(w.data)
    largest = max(map(abs, weights)) or 1.0
    shares = [abs(w) / largest for w in weights]
    ax.add_collection(LineCollection(
        lines, colors=[positive if w > 0.0 else negative for w in weights],
        linewidths=[min(1.0, room / SMALL) * (0.3 + 2.7 * share) for share in shares],
        alpha=[0.2 + 0.7 * share for share in shares], zorder=1,
    ))  # fmt: skip
    samples = [Line2D([], [], color=colour, linewidth=3) for colour in (positive, negative)]
    names = [f"w = {largest:.2g}", f"w = −{largest:.2g}"]
    ax.legend(samples, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize="small")


def _draw_neurons(
    ax: Axes, layers: list[Layer], places: list[list[tuple[float, float]]], deltas: Any, room: float
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    largest = max(abs(d) for row in deltas for d in row) if deltas else 0.0
    norm, cmap = Normalize(-(largest or 1.0), largest or 1.0), _diverging(palette()[3], palette()[2], 0.8)
    for column, here in enumerate(places):
        values = deltas[column - 1] if deltas and column else [0.0] * len(here)
        large = len(here) <= NAMED_UP_TO and room > LARGE
        xs, ys = zip(*here)
        size = 520 if large else 150 * min(1.0, room / SMALL) ** 2  # square points
        ax.scatter(xs, ys, s=size, color=ax.get_facecolor(), zorder=2, gid="background")
        ax.scatter(xs, ys, s=size, c=values, cmap=cmap, norm=norm, edgecolor=_foreground(),
                   linewidth=min(1.0, room / SMALL), zorder=3, gid=f"layer {column + 1}")  # fmt: skip
        for j, place in enumerate(here, start=1):
            if large:
                name = notation("a", column + 1, j) if column else notation("x", None, j)
                ax.annotate(name, place, ha="center", va="center", fontsize="small", zorder=4)
    if deltas:
        bar = ax.figure.colorbar(ScalarMappable(norm, cmap), ax=ax, shrink=0.7, pad=0.02)
        bar.set_label("δ = ∂J/∂z")
        bar.outline.set_visible(False)


def _caption(number: int, layer: Layer) -> str:
    name = layer.neurons[0].activation
    return f"layer {number}\n{name if name in ACTIVATIONS else getattr(name, '__name__', 'function')}"


# ---- gradients -------------------------------------------------------------------------------------------------------
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
        model: whose gradients to show: those that ``backward`` left.
        ax: where to draw; by default in a new figure.
        loss, batch: show those of the mean loss of a batch (X, y) instead; none is touched.
        bins: how many there are on the whole axis.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no gradients, only one of ``loss`` and ``batch`` is given, or X and y differ in length.

    >>> from nn import MLP
    >>> ax = plot_gradients(MLP(1, [2, 1], seed=0), loss="mse_loss", batch=([[1.0]], [2.0]))
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('size of the gradient', ['layer 2', 'layer 3'])
    >>> pyplot().close(ax.figure)
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
        raise ValueError("no gradient is other than 0: call backward first, or give a loss and a batch")
    ax = _axes(ax, (6.0, 1.2 + 0.75 * len(sizes)))
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
        ax.axhline(base, color=_foreground(), linewidth=0.6)
        if zeros := sum(g == 0.0 for g in numbers):
            ax.annotate(f"{zeros} of {len(numbers)}\nare 0", (1.01, base + 0.4), xycoords=("axes fraction", "data"),
                        va="center", fontsize="small")  # fmt: skip
    ax.set_xscale("log")
    ax.set(xlim=(10.0**low, 10.0**high), ylim=(0, len(sizes)), xlabel="size of the gradient")
    ax.set_yticks([len(sizes) - 1 - row + 0.3 for row in range(len(sizes))], list(sizes))
    ax.tick_params(axis="y", length=0)
    for side in ("top", "left", "right"):
        ax.spines[side].set_visible(False)


# ---- what several of them need ---------------------------------------------------------------------------------------
def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    plt = pyplot()
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax


def _foreground() -> Any:
    """The colour of lines and text in the style in use."""
    return pyplot().rcParams["text.color"]


def palette() -> tuple[str, ...]:
    """The colours to use on the background of the style in use."""
    from matplotlib.colors import to_rgb

    return ON_DARK if sum(to_rgb(_foreground())) > 1.5 else COLOURS  # whose text is light


def _diverging(negative: str, positive: str, alpha: float) -> Any:
    """From one colour through nothing to another: what is behind shows where the number is 0, light or dark."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [to_rgba(negative, alpha), to_rgba(negative, 0.0), to_rgba(positive, 0.0), to_rgba(positive, alpha)]
    return LinearSegmentedColormap.from_list("diverging", list(zip((0.0, 0.5, 0.5, 1.0), ends)))
