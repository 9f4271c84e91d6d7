"""Text from files and command lines on a terminal: shown, not obeyed."""

from __future__ import annotations

from typing import Any

__all__ = ["printable", "say"]


def printable(text: str) -> str:
    r"""The text with every character that a terminal would act on spelt out; the ends of lines stay.

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
    r"""``print`` for a person: with ``printable`` text.

    >>> say("a\tb")
    a\tb
    """
    print(printable(str(text)), **options)
