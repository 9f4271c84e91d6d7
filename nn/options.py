"""What arguments are checked by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from inspect import Parameter, signature
from operator import index
from typing import Any


def check_number(name: str, given: Any) -> None:
    """Refuse an argument that is no number, such as a text or a list."""
    if isinstance(given, (str, bytes)) or not hasattr(given, "__float__"):
        raise TypeError(f"{name} must be a number, got {given!r}")


def whole_number(name: str, given: Any, least: int | None = None, otherwise: str = "") -> int:
    """An argument as an int; whole numbers of numpy are taken, too.

    Raises:
        TypeError: It is no whole number.  The message hints at what can be given ``otherwise``.
        ValueError: It is less than the ``least``.
    """
    hint = f"; {otherwise}" if otherwise else ""
    try:
        number = index(given)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {given!r}{hint}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}{hint}")
    return number


def refuse_model(name: str, parameters: Any) -> None:
    """Refuse a model where a function or class of this name needs the model's parameters."""
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{name} needs parameters, not their model: give model.parameters()")


def check_name(kind: str, given: str, known: Iterable[str], otherwise: str) -> None:
    """Refuse an unknown name: say which there are, what else can be given, and which of them was perhaps meant."""
    names = list(known)
    if not isinstance(given, str) or given not in names:
        meant = suggestion(given, names)
        raise ValueError(f"there is no {kind} {given!r}: there are {', '.join(names)}, or {otherwise}{meant}")


def check_known(function: str, given: Iterable[str], known: Collection[str], elsewhere: Mapping[str, str]) -> None:
    """Refuse arguments that a function does not take, as Python does, by a TypeError that says what to write instead.

    What belongs ``elsewhere`` is told how to give it, by its name.
    """
    for name in given:
        if name not in known:
            way = suggestion(name, known) or f": it takes {', '.join(known)}"
            way = f": write {elsewhere[name]}" if name in elsewhere else way
            raise TypeError(f"{function}() takes no argument {name!r}{way}")


def check_options(kind: type[Any], given: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> None:
    """``check_known`` for the arguments by which an object of a class is made."""
    if (known := _arguments_of(kind.__init__)) is not None:
        check_known(kind.__name__, given, known, elsewhere or {})


@lru_cache(256)
def _arguments_of(made_by: Callable[..., None]) -> list[str] | None:
    """The arguments of an ``__init__`` by name; None if it takes any."""
    known = dict([*signature(made_by).parameters.items()][1:])
    return None if Parameter.VAR_KEYWORD in [p.kind for p in known.values()] else [*known]


def suggestion(given: Any, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that was probably meant, if there is one."""
    names, text = list(known), str(given).lower()
    longer = [name for name in names if text and name.startswith(text)]
    meant = longer or get_close_matches(text, names, n=1)
    return f"; did you mean {meant[0]!r}?" if meant else ""


def name_of(function: Any) -> str:
    """The name of a function, also inside of a ``functools.partial``; of any other object, the name of its class."""
    inner = getattr(function, "func", function)
    return str(getattr(function, "__name__", None) or getattr(inner, "__name__", type(function).__name__))
