"""Where machine code looks for objects outside of a function, to tell whether they are the same as before."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

_MANAGED_DICT = 1 << 4  # CPython's Py_TPFLAGS_MANAGED_DICT
_WORD = tuple.__itemsize__


class _NoKey:
    """In the place of the key of an object that cannot be set, such as the class of an object."""


class _Any:
    """In the place of an object that may be any."""


class _End:
    """Stands for the key of a member that is appended to a list."""


NO_KEY = _NoKey()
ANY = _Any()
END = _End()


class Look(NamedTuple):
    """Objects that machine code can find and compare by itself: what a container held."""

    # "list" for all its members, "dict" for all its entries in order, "names" for some; "class" for the class of an
    # object, "attributes" for its dictionary, "cell" for what a name of an enclosing function stands for, "code",
    # "defaults" and "kwdefaults" for those of a function.
    kind: str
    container: Any  # the list, dictionary, object, name or function
    keys: Sequence[Any]  # those of a dictionary
    # What was there, NO_KEY for a key that was not there, ANY for a key that may stand for anything.
    expected: Sequence[Any]


def with_class(x: Any, looks: list[Look]) -> list[Look]:
    """With a look at the class of an object and at its dictionary, if these looks are at an object's attributes.

    Nothing if the object claims to be of another class, or if nobody knows where it keeps its dictionary.
    """
    if x is None:
        return looks
    if x.__class__ is not type(x) or offset_of_attributes(x) is None:
        return []
    return [Look("class", x, (), (type(x),)), Look("attributes", x, (), (x.__dict__,)), *looks]


def offset_of_attributes(x: Any) -> int | None:
    """Where an object keeps the address of its dictionary, in bytes from its own; None if that is not known.

    From Python 3.11 on that is in front of most objects, and there is nothing before somebody asks for the dictionary.
    Builds without the interpreter lock, whose objects begin with a longer head, have another order there.
    """
    if sys.version_info >= (3, 11) and type(x).__flags__ & _MANAGED_DICT:
        return -3 * _WORD if object.__basicsize__ == 2 * _WORD else None
    offset = type(x).__dictoffset__
    return offset if offset > 0 else None


def without(look: Look, keys: set[Any]) -> Look:
    """The look without some of its keys, which may stand for anything."""
    if look.kind == "dict":
        return look._replace(expected=[ANY if key in keys else x for key, x in zip(look.keys, look.expected)])
    if look.kind != "names":
        return look
    pairs = [(key, x) for key, x in zip(look.keys, look.expected) if key not in keys]
    return look._replace(keys=[key for key, _ in pairs], expected=[x for _, x in pairs])
