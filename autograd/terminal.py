"""Text for people: long lists are cut, long lines broken, columns aligned; and a terminal shows it, not obeys it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["aligned", "filled", "listed", "printable", "say"]

WIDTH = 96  # letters; notebooks break longer lines in the middle of a word


def listed(names: Sequence[str], most: int = 6, separator: str = ", ") -> str:
    """The first of some names, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def filled(text: str, indent: str = "    ") -> str:
    """Lines that a notebook shows without breaking them: what does not fit goes onto further lines, indented.

    >>> len(filled("see " * 30).splitlines())
    2
    """
    return "\n".join([
        textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
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
    r"""``print`` for a person: with ``printable`` text.  Nothing stops because nobody reads stderr any more.

    >>> say("a\tb")
    a\tb
    """
    with suppress(*[BrokenPipeError] * (options.get("file") is sys.stderr)):
        print(printable(str(text)), **options)
