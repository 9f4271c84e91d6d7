"""What people read: text in a terminal, and tables, programs and curves in a notebook, as HTML and SVG."""

from __future__ import annotations

import base64
import html
import math
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

__all__ = [
    "Shown", "aligned", "curves", "filled", "image", "listed", "notebook", "printable", "program", "say", "table",
]  # fmt: skip

# ---- text: long lists are cut, long lines broken, columns aligned; and a terminal shows it, not obeys it -------------
LONGEST_LINE = 96  # letters; notebooks break longer lines in the middle of a word


def listed(names: Sequence[str], most: int = 6, separator: str = ", ") -> str:
    """The first of some names, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def filled(text: str, indent: str = "    ") -> str:
    """Lines that a notebook shows without breaking them: what does not fit goes onto further lines, indented."""
    return "\n".join([
        textwrap.fill(line, LONGEST_LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    ])  # fmt: skip


def aligned(rows: Iterable[Sequence[str]], left: Collection[int] = (0,), between: str = "  ") -> list[str]:
    """The rows of a table as lines: the columns in ``left`` are aligned on the left, all others on the right.

    >>> aligned([["a", "-4.0"], ["long", "2.0"]])
    ['a     -4.0', 'long   2.0']
    """
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        between.join([c.ljust(n) if k in left else c.rjust(n) for k, (c, n) in enumerate(zip(row, widths))]).rstrip()
        for row in cells
    ]


def printable(text: str) -> str:
    r"""The text with control characters spelt out, so that no terminal obeys them; line ends stay.

    A column of a table can be called "\\x1b[2J", which clears the screen, or have a mark in its name that turns the
    direction of writing.

    >>> print(printable("red: \x1b[31m\nnext line"))
    red: \x1b[31m
    next line
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def say(text: object, **options: Any) -> None:
    """``print`` for a person: with ``printable`` text.  Nothing stops because nobody reads stderr any more."""
    with suppress(*[BrokenPipeError] * (options.get("file") is sys.stderr)):
        print(printable(str(text)), **options)


# ---- notebooks: as light or dark as what is around -------------------------------------------------------------------
WIDTH, HEIGHT = 420, 160  # pixels of a curve, with its axes
LEFT, TOP, BOTTOM = 56, 10, 22  # room for the numbers beside it
# Blue, orange, green and purple of Okabe and Ito, which differ for any colour vision, on light and on dark.
HUES = ("#2f8fd0", "#d9730d", "#199c77", "#b06a94")
# Around a picture it is dark: by the system, unless a notebook says that it is light, or by the notebook itself
# (JupyterLab, VS Code, marimo, Colab).
_SCHEMES = {
    "light": '[data-jp-theme-light="true"], .vscode-light, html[theme="light"], html.light',
    "dark": '[data-jp-theme-light="false"], .vscode-dark, html[theme="dark"], html.dark, body.dark',
}


class Shown:
    """What other modules decide about all cells."""

    value: Callable[[Any], str]  # the HTML of a Value; the modules that write its expression take time to import
    theme: str = ""  # that the user chose for all pictures; without one they follow the notebook


def notebook() -> Any:
    """IPython's shell in the notebook that this runs in, which has imported it; None in a terminal, or without one."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return None if type(shell).__name__ == "TerminalInteractiveShell" else shell


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", *, align: str = "", bold: int = 0
) -> str:
    """A table as HTML, whose cells are shown as text, whatever is in them; row number ``bold`` is in bold type.

    >>> table(["name", "data"], [["<a>", 2.0]])
    '<table><thead><tr><th>name</th><th>data</th></tr></thead><tbody><tr><td>&lt;a&gt;</td><td>2.0</td></tr></tbody></table>'
    """

    style = f' style="text-align:{align}"' if align else ""

    def line(tag: str, cells: Iterable[object], number: int = -1) -> str:
        texts = [html.escape(str(cell)) for cell in cells]
        texts = [f"<b>{text}</b>" if text else "" for text in texts] if number == bold else texts
        return "<tr>" + "".join([f"<{tag}{style}>{text}</{tag}>" for text in texts]) + "</tr>"

    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    body = "".join([line("td", row, number) for number, row in enumerate(rows, start=1)])
    return f"<table>{above}<thead>{line('th', head)}</thead><tbody>{body}</tbody></table>"


def program(text: str, caption: str = "") -> str:
    """Lines of a program, or of equations, as HTML."""
    above = f"<p>{html.escape(caption)}</p>" if caption else ""
    return f"{above}<pre>{html.escape(text)}</pre>"


def image(svg: str, text: str, *, dark: str = "", width: str = "max-width:100%") -> str:
    """An SVG as an image in HTML: what cleans the HTML of a notebook, as GitHub does, lets an image through.

    The picture has light colours, and the ``text`` describes it.  An image cannot know what is around it but for the
    colour scheme of its element, which a style gives it: ``dark`` is CSS that turns it dark where what is around it is
    dark, or everywhere if the user chose that; without it, the picture stays as it is.
    """
    style = ""
    if dark and Shown.theme in ("", "dark"):
        rules = dark if Shown.theme else f"@media (prefers-color-scheme:dark){{{dark}}}"
        end = svg.index(">", svg.index("<svg")) + 1
        svg = f"{svg[:end]}<style>{rules}</style>{svg[end:]}"
        schemes = [f":is({around}) .autograd-picture{{color-scheme:{name}}}" for name, around in _SCHEMES.items()]
        style = "" if Shown.theme else f"<style>{''.join(schemes)}</style>"
    source = base64.b64encode(svg.encode()).decode()
    look = f"class='autograd-picture' alt='{html.escape(text, quote=True)}' style='{width}'"
    return f"{style}<img {look} src='data:image/svg+xml;base64,{source}'>"


def curves(named: Mapping[str, Sequence[float]], *, background: str = "none") -> str:
    """Curves over the epochs 1, 2, 3, … as SVG, each in a colour of its own and named at its end.

    Numbers that are not finite leave a gap.  A file needs a background, while a notebook has its own.
    """
    shown = {name: values for name, values in named.items() if any(map(math.isfinite, values))}
    finite = [x for values in shown.values() for x in values if math.isfinite(x)]
    if not finite:
        return ""
    low, high, longest = min(finite), max(finite), max(map(len, shown.values()))
    right = WIDTH - 90

    def across(i: int) -> float:
        return LEFT + (right - LEFT) * (i / (longest - 1) if longest > 1 else 0.5)

    def down(x: float) -> float:
        share = (x - low) / (high - low) if high > low else 0.5
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)

    parts: list[str] = []
    taken: list[float] = []
    for hue, (name, values) in zip(HUES, shown.items()):
        for run in _runs(values):
            points = " ".join([f"{across(i):.1f},{down(x):.1f}" for i, x in run])
            parts.append(f'<polyline points="{points}" fill="none" stroke="{hue}" stroke-width="2"/>')
            if len(run) == 1:
                parts.append(f'<circle cx="{across(run[0][0]):.1f}" cy="{down(run[0][1]):.1f}" r="2.5" fill="{hue}"/>')
        last = next(x for x in reversed(values) if math.isfinite(x))
        y = _apart(down(last), taken)
        parts.append(f'<circle cx="{right + 6}" cy="{y:.1f}" r="3" fill="{hue}"/>')
        parts.append(_text(right + 13, y + 4, name))  # in the colour of all text: no hue stands out on white and black
    parts += [
        _text(LEFT - 6, TOP + 8, f"{high:.4g}", 'text-anchor="end"'),
        _text(LEFT - 6, HEIGHT - BOTTOM, f"{low:.4g}", 'text-anchor="end"') if high > low else "",
        _text(LEFT, HEIGHT - 4, "epoch 1"),
        _text(right, HEIGHT - 4, f"{longest}", 'text-anchor="end"') if longest > 1 else "",
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{right}" fill="none" stroke="currentColor" opacity="0.4"/>',
    ]
    label = ", ".join([f"{name} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in shown.items()])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{html.escape(label)}" fill="currentColor" font-family="sans-serif" font-size="11" '
        f'style="background:{background}">'
        f"{''.join(parts)}</svg>"
    )


def _runs(values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """The finite numbers with their places, in pieces without a gap."""
    found: list[list[tuple[int, float]]] = [[]]
    for i, x in enumerate(values):
        if math.isfinite(x):
            found[-1].append((i, x))
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def _apart(y: float, taken: list[float]) -> float:
    """The height of a name: the one asked for, or else the next one below that is free."""
    while any(abs(y - other) < 12 for other in taken):
        y += 12
    taken.append(y)
    return y


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(text)}</text>'
