"""Where machine code looks for objects outside of a function, to tell whether they are the same as before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["END", "NO_KEY", "Look", "with_class", "without"]


class _NoKey:
    """In the place of the key of an object that cannot be set, such as the class of an object."""


class _End:
    """In the place of the key of what is appended to a list."""


NO_KEY = _NoKey()
END = _End()


class Look(NamedTuple):
    """Objects that machine code can find and compare by itself: what a container held.

    Attributes:
        kind: "list" for all its members, "dict" for all its entries in order, "names" for some; "class" for the class
            of an object, "cell" for what a name of an enclosing function stands for, "code" and "defaults" for those
            of a function.
        container: The list, dictionary, object, name or function.
        keys: Those of a dictionary.
        expected: What was there, NO_KEY for a key that was not there.
    """

    kind: str
    container: Any
    keys: Sequence[Any]
    expected: Sequence[Any]


def with_class(x: Any, looks: list[Look]) -> list[Look]:
    """With a look at the class of an object, if it has one of its own; nothing if it claims to be of another one."""
    if x is None:
        return looks
    return [Look("class", x, (), (type(x),)), *looks] if x.__class__ is type(x) else []


def without(look: Look, keys: set[Any]) -> Look:
    """The same without some of the keys."""
    if look.kind != "names":
        return look
    pairs = [(key, x) for key, x in zip(look.keys, look.expected) if key not in keys]
    return look._replace(keys=[key for key, _ in pairs], expected=[x for _, x in pairs])
