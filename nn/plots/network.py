"""What is inside of a model: its weights and errors, the gradients of its layers, and what attention looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import autograd
from autograd.labels import notation
from nn.data import pair
from nn.layers import ACTIVATIONS, Layer, layer_of, signals
from nn.losses import loss_named
from nn.module import Module
from nn.plots.style import axes, diverging, foreground, palette, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_UP_TO = 8  # neurons in a layer
SMALL, LARGE = 16.0, 25.0  # points that a neuron takes, without its name and with it


def plot_network(
    model: Module, ax: Axes | None = None, *, sample: Sequence[float] | None = None, target: Any = None,
    loss: str | Callable[[Any, Any], Any] = "mse_loss",
) -> Axes:  # fmt: skip
    """Draw neurons and weights: colour and width of a line show its sign and size, the fill of a neuron its error δ.

        plot_network(model, sample=X[0], target=y[0], loss="cross_entropy")

    The errors δ = ∂J/∂z are those of the sample, if one is given.  Otherwise they are the gradients of the biases,
    which are the same (∂J/∂b = δ, summed over the samples that ``backward`` has seen); before any backward there are
    none.

    Args:
        model: A network of layers, such as an ``MLP``.
        sample, target, loss: The sample whose errors are shown, its target and the loss; no ``grad`` is touched.

    Raises:
        TypeError: The model has no layers one after the other.
        ValueError: There is a sample without its target, or a target without its sample.

    >>> ax = plot_network(MLP(2, [3, 1], seed=0))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['inputs', 'layer 2\\nrelu', 'layer 3\\nidentity']
    """
    if (sample is None) != (target is None):
        raise ValueError("give both a sample and its target, or neither")
    layers = [part for part in model.modules() if isinstance(part, Layer)]
    sizes = [len(layers[0].neurons[0].w), *[len(layer.neurons) for layer in layers]] if layers else []
    if not layers or any(len(layer.neurons[0].w) != n for layer, n in zip(layers, sizes)):
        raise TypeError(f"plot_network needs a model of consecutive layers, and this {type(model).__name__} is none")
    deltas = _deltas(layers, sample, target, loss)
    ax = axes(ax, (1.2 + 1.9 * len(sizes), min(1.6 + 0.42 * max(sizes), 8.0)))
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
    zs, (*_, outputs) = signals(layers, sample)
    cost = loss_named(loss)(outputs[0] if len(outputs) == 1 else outputs, target)
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
    norm, cmap = Normalize(-(largest or 1.0), largest or 1.0), diverging(palette()[3], palette()[2], 0.8)
    for column, here in enumerate(places):
        values = deltas[column - 1] if deltas and column else [0.0] * len(here)
        large = len(here) <= NAMED_UP_TO and room > LARGE
        xs, ys = zip(*here)
        size = 520 if large else 150 * min(1.0, room / SMALL) ** 2  # square points
        ax.scatter(xs, ys, s=size, color=ax.get_facecolor(), zorder=2, gid="background")
        ax.scatter(xs, ys, s=size, c=values, cmap=cmap, norm=norm, edgecolor=foreground(),
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
    model: Module, ax: Axes | None = None, *, loss: str | Callable[[Any, Any], Any] | None = None,
    batch: tuple[Sequence[Any], Sequence[Any]] | None = None, bins: int = 30,
) -> Axes:  # fmt: skip
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
        f, (X, y) = loss_named(loss), pair(batch, "the batch")
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


# ---- attention -------------------------------------------------------------------------------------------------------
_WITH_NUMBERS = 8  # tokens; with more of them there is no room


def plot_attention(weights: Sequence[Sequence[Any]], tokens: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw the weights of attention: a row for each query token, and a column for each key token.

        plot_attention(weights, ".anna")

    A row may be shorter, as with a causal mask: fields without a weight stay empty. For up to eight tokens, the fields
    also show the numbers.

    Args:
        weights: A list per token, of numbers or Values that add up to 1; ``MultiheadAttention`` gives them as its
            second result.
        tokens: The name of each.

    Raises:
        ValueError: The number of rows is not that of the tokens, or a row is longer.

    >>> ax = plot_attention([[1.0], [0.25, 0.75]], ".a")
    >>> [text.get_text() for text in ax.texts]
    ['1', '0.25', '0.75']

    Source: A. Vaswani and others, "Attention Is All You Need" (2017), figure 3.
    """
    n = len(tokens)
    if len(weights) != n or any(len(row) > n for row in weights):
        lengths = ", ".join(str(len(row)) for row in weights)
        raise ValueError(f"{n} tokens need {n} rows of at most {n} weights, got rows of {lengths or 'none'}")
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    numbers = [[float(getattr(w, "data", w)) for w in row] + [float("nan")] * (n - len(row)) for row in weights]
    size = 1.2 + 0.42 * min(n, 16)
    ax = axes(ax, (size, size))
    colours = LinearSegmentedColormap.from_list("attention", [to_rgba(palette()[0], a) for a in (0.0, 1.0)])
    ax.imshow(numbers, cmap=colours, vmin=0.0, vmax=1.0)
    ax.set_xticks(range(n), list(tokens))
    ax.set_yticks(range(n), list(tokens))
    ax.set(xlabel="looked at", ylabel="looks")
    if n <= _WITH_NUMBERS:
        # A field is filled with as much of its colour as its weight: from the half on, the background is to be seen.
        on_fill = pyplot().rcParams["axes.facecolor"]
        for y, row in enumerate(weights):
            for x in range(len(row)):
                colour = on_fill if numbers[y][x] > 0.5 else foreground()
                ax.text(x, y, f"{numbers[y][x]:.2g}", ha="center", va="center", fontsize="x-small", color=colour)
    return ax
