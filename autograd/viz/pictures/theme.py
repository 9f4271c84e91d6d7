"""What the kinds of nodes look like.  No two differ by colour alone: each kind has a shape or an outline of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from autograd.display import Shown, image


class Kind(Enum):
    """The kind of a node, by its role in the graph."""

    LEAF = "leaf"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    OPERATION = "operation"
    OUTPUT = "output"
    GROUP = "group"


@dataclass(frozen=True)
class Look:
    """The looks of one kind of node, in Graphviz's terms."""

    fill: str
    line: str
    style: str = "filled"
    lines: int = 1  # outlines around the box

    def attributes(self) -> dict[str, str]:
        """The DOT attributes of a node that looks like this."""
        found = {"style": self.style, "fillcolor": self.fill, "color": self.line}
        return found | ({"peripheries": str(self.lines)} if self.lines > 1 else {})


@dataclass(frozen=True)
class Theme:
    """Colours and outlines for a whole drawing."""

    background: str
    text: str
    faint: str  # of what matters less: constants, captions
    arrow: str
    alarm: str  # of what is marked
    ramp: tuple[str, ...]  # of a magnitude, from nothing to the largest
    looks: dict[Kind, Look]


def _theme(
    background: str, text: str, faint: str, arrow: str, alarm: str, ramp: tuple[str, ...], **colours: tuple[str, str]
) -> Theme:
    outline = {"leaf": "rounded,filled", "parameter": "filled,diagonals", "constant": "filled,dashed",
               "group": "filled,bold"}  # fmt: skip
    looks = {
        Kind(kind): Look(fill, line, outline.get(kind, "filled"), 2 if kind == "output" else 1)
        for kind, (fill, line) in colours.items()
    }
    return Theme(background, text, faint, arrow, alarm, ramp, looks)


# The hues are those of Okabe and Ito (2008), which people with any colour vision can tell apart: blue, orange,
# bluish green, reddish purple; fills are tints light (or shades dark) enough for a contrast of text above 7 : 1.
THEMES = {
    "light": _theme(
        "white", "#1a1a1a", "#5c5c5c", "#4d4d4d", "#c1440e", ("#b8b8b8", "#c79a7e", "#cf7a45", "#d55e00", "#a63f00"),
        leaf=("#ddeefa", "#0072b2"), parameter=("#fdeecb", "#a66f00"), constant=("#f6f6f6", "#8a8a8a"),
        operation=("#ffffff", "#4d4d4d"), output=("#d6f2e6", "#00795a"), group=("#f6e6f0", "#a8527f"),
    ),
    "dark": _theme(
        "#15181c", "#f0f0f0", "#a8adb3", "#a8adb3", "#ffa657", ("#5a6169", "#8f6a4a", "#c4763a", "#f58a36", "#ffb47a"),
        leaf=("#123a56", "#56b4e9"), parameter=("#4a3605", "#e69f00"), constant=("#1d2126", "#8b9198"),
        operation=("#23282e", "#b5bbc2"), output=("#0b4534", "#2cc79b"), group=("#452136", "#dd97c0"),
    ),
    "print": _theme(
        "white", "black", "black", "black", "black", ("black",),
        leaf=("white", "black"), parameter=("#e8e8e8", "black"), constant=("white", "black"),
        operation=("white", "black"), output=("white", "black"), group=("#e8e8e8", "black"),
    ),
}  # fmt: skip


def theme_named(name: str) -> Theme:
    """One of the themes, or an error that says which there are."""
    if name not in THEMES:
        raise ValueError(f"unknown theme {name!r}: choose one of {', '.join(THEMES)}")
    return THEMES[name]


# ---- once for all ----------------------------------------------------------------------------------------------------
def theme(name: str = "") -> str:
    """Choose the theme of all later drawings and pages.

    Without a choice, drawings in a notebook are light or dark like the notebook, files are light, pages have a button.

    Args:
        name: "light", "dark" or "print" (of drawings; a page is light then); "" takes the choice back.

    Returns:
        What was chosen before.

    Raises:
        ValueError: There is no theme of that name.

    >>> before = theme("dark")
    >>> theme(before)
    'dark'
    """
    if name:
        theme_named(name)
    before, Shown.theme = Shown.theme, name
    return before


def chosen_theme() -> str:
    """The name of the theme that the user chose once for all, or nothing."""
    return Shown.theme


def image_of(svg: str, text: str, *, follows: bool) -> str:
    """An SVG as an image in HTML, no narrower than it is: it was made as small as it can be read, and scrolls.

    A picture that ``follows`` turns dark where what is around it is dark.
    """
    pairs = _pairs(THEMES["light"], THEMES["dark"]).items() if follows else ()
    dark = "".join([f'[{name}="{old}"]{{{name}:{new}}}' for old, new in pairs for name in ("fill", "stroke")])
    return image(svg, text, dark=dark, width="max-width:none")


def _pairs(light: Theme, dark: Theme) -> dict[str, str]:
    """Each colour of one theme with that of the other."""
    found = {light.background: dark.background, light.text: dark.text, light.faint: dark.faint}
    found |= {light.arrow: dark.arrow, light.alarm: dark.alarm, **dict(zip(light.ramp, dark.ramp))}
    for kind, look in light.looks.items():
        found |= {look.fill: dark.looks[kind].fill, look.line: dark.looks[kind].line}
    return found
