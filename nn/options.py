"""What arguments of functions are checked by: whole numbers, names, and the names of functions."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

__all__ = ["check_name", "name_of", "whole_number"]


def whole_number(name: str, given: Any, least: int | None = None, otherwise: str = "") -> int:
    """An argument as an int, from anything that is one, numpy's as well.

    Args:
        name: of the argument.
        given: what it is.
        least: the smallest that makes sense, if there is one.
        otherwise: what else can be given.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than that.
    """
    hint = f"; {otherwise}" if otherwise else ""
    try:
        number = index(given)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {given!r}{hint}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}{hint}")
    return number


def check_name(kind: str, given: str, known: Iterable[str], otherwise: str) -> None:
    """Refuse a name that is not known.

    Raises:
        ValueError: it says which there are, what else can be given, and which of them was perhaps meant.
    """
    names = list(known)
    if given not in names:
        meant = next((f"; did you mean {name!r}?" for name in names if given and name.startswith(given.lower())), "")
        raise ValueError(f"there is no {kind} {given!r}: there are {', '.join(names)}, or {otherwise}{meant}")


def name_of(function: Any) -> str:
    """The name of a function, also of one with some arguments filled in by ``functools.partial``; else of the class."""
    inner = getattr(function, "func", function)
    return str(getattr(function, "__name__", None) or getattr(inner, "__name__", type(function).__name__))
