"""What the pictures share: matplotlib, axes to draw on, and colours that suit the style in use."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nn.plots.notebook import COLOURS, ON_DARK, figure_as_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # one for each colour


def pyplot() -> Any:
    """``matplotlib.pyplot``, or an error that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "scalar-autograd[notebooks]"') from error
    return plt


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes given, or those of a new figure of this size in inches, as light or dark as the notebook around it."""
    if ax is not None:
        return ax
    figure, new = pyplot().subplots(figsize=size, layout="constrained")
    figure._repr_html_ = partial(figure_as_html, figure)
    return new  # type: ignore[no-any-return]


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
