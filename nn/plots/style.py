"""What the pictures share: matplotlib, axes to draw on, and colours that suit the style in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "MARKERS", "ON_DARK", "axes", "diverging", "foreground", "palette", "pyplot"]

# Okabe and Ito (2008): people with any colour vision can tell them apart; each has a marker or a dash of its own, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8a8a")
ON_DARK = ("#56b4e9", "#f58a36", "#2cc79b", "#dd97c0", "#4c9be8", "#f0e442", "#a8adb3")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")


def pyplot() -> Any:
    """``matplotlib.pyplot``.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "scalar-autograd[notebooks]"') from error
    return plt


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes given, or those of a new figure of this size in inches."""
    plt = pyplot()
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax


def foreground() -> Any:
    """The colour of lines and text in the style in use."""
    return pyplot().rcParams["text.color"]


def palette() -> tuple[str, ...]:
    """The colours to use on the background of the style in use."""
    from matplotlib.colors import to_rgb

    return ON_DARK if sum(to_rgb(foreground())) > 1.5 else COLOURS  # whose text is light


def diverging(negative: str, positive: str, alpha: float) -> Any:
    """A colour map from one colour through transparency, where the number is 0, to another."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [to_rgba(negative, alpha), to_rgba(negative, 0.0), to_rgba(positive, 0.0), to_rgba(positive, alpha)]
    return LinearSegmentedColormap.from_list("diverging", list(zip((0.0, 0.5, 0.5, 1.0), ends)))
