"""How pictures look: matplotlib, its colours, and figures in a notebook as SVG that is as light or dark as that.

matplotlib writes black on white.  The picture stays that way in the file, and a style in it gives each of these colours
its counterpart where what is around the picture is dark.
"""

from __future__ import annotations

import io
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from autograd.display import image, notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): people with any colour vision can tell them apart, on white and on a dark background.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8a8a")
ON_DARK = ("#56b4e9", "#f58a36", "#2cc79b", "#dd97c0", "#4c9be8", "#f0e442", "#a8adb3")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # one for each colour
# Colours of a light figure with those of a dark one: the background, lines and text, the frame of a legend, a grid.
_DARK = {
    "#ffffff": "#15181c", "#000000": "#e8eaed", "#cccccc": "#4a4f57", "#b0b0b0": "#4a4f57", "#808080": "#a8adb3",
    **dict(zip(COLOURS, ON_DARK)),
}  # fmt: skip
PLACES = 2  # decimals of a coordinate, in points


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


# ---- in a notebook ---------------------------------------------------------------------------------------------------
def figures_as_svg() -> None:
    """Show all matplotlib figures of a notebook as SVG: small, sharp, and light or dark like the notebook.

    Figures of ``plot_history`` and its like do so in any case; this is for your own figures.
    Outside of a notebook, where nothing shows figures, it changes nothing.

    >>> figures_as_svg()
    """
    shell = notebook()
    if shell is None:
        return
    import matplotlib.pyplot  # noqa: F401 - it chooses how figures are shown in a notebook: not after us
    from matplotlib.figure import Figure
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    forget: Any = set_matplotlib_formats
    forget()
    shell.display_formatter.formatters["text/html"].for_type(Figure, figure_as_html)


def figure_as_html(figure: Any) -> str | None:
    """A figure as an image for a notebook; None if nothing is in it.

    A figure that is not white, in a style of matplotlib's such as ``dark_background``, stays as it is.
    """
    from matplotlib.colors import to_hex

    if not figure.axes and not figure.lines:
        return None
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", facecolor=figure.get_facecolor(), metadata={"Date": None})
    is_white = to_hex(figure.get_facecolor()) == "#ffffff"
    return image(_smaller(file.getvalue()), _described(figure), dark=_rules() if is_white else "")


def _rules() -> str:
    """The style of a dark figure.  Black text has no colour of its own; that of a colour, a group, keeps it."""
    rules = [f'{tag}[style*="{name}: {old}"]{{{name}:{new}!important}}'
             for old, new in _DARK.items() for name, tag in (("fill", ":not(g)"), ("stroke", ""))]  # fmt: skip
    return f"svg{{fill:{_DARK['#000000']}}}" + "".join(rules)


def _smaller(svg: str) -> str:
    """A third of the text: without comments, metadata and empty space, and with short coordinates."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE.*?>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(?<= )(?:d|points|x|y|x1|x2|y1|y2)="[^"]*"', _short_coordinates, svg)
    return re.sub(r"(?<=[>\"]) *\n *| *\n *(?=[<\"])", "", svg).replace("\n", " ").strip()


def _short_coordinates(attribute: re.Match[str]) -> str:
    """An attribute that places something; the scale of letters, say, is no coordinate."""

    def short(number: re.Match[str]) -> str:
        return f"{float(number[0]):.{PLACES}f}".rstrip("0").rstrip(".")

    return re.sub(r"\d+\.\d{3,}(?![\d.])", short, attribute[0])


def _described(figure: Any) -> str:
    """What a figure shows, in the words that are written on it."""
    words = [figure.get_suptitle()]
    for ax in figure.axes:
        words += [ax.get_title(), ax.get_ylabel(), ax.get_xlabel()]
    return ", ".join(["Figure", *[word for word in words if word]])
