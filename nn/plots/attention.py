"""Which token looks at which: the weights of attention as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nn.plots.style import axes, foreground, palette, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
