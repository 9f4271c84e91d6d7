"""The neurons and weights of a network, with the sizes of its weights and errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import autograd
from autograd.labels import notation
from nn.layers import ACTIVATIONS, Layer, signals
from nn.losses import loss_named
from nn.module import Module
from nn.plots.style import axes, diverging, foreground, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_UP_TO = 8  # neurons in a layer
SMALL, LARGE = 16.0, 25.0  # points that a neuron takes, without its name and with it


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
