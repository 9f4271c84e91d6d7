"""Where CPython keeps what machine code reads in its objects, and the functions that it offers."""

from __future__ import annotations

import ctypes
import sys

WORD = ctypes.sizeof(ctypes.c_void_p)
_API = ctypes.pythonapi if sys.implementation.name == "cpython" else None

# Offsets that CPython tells itself, right for debug builds and for 3.14's longer tuples too.
TYPE = object.__basicsize__ - WORD
SIZE = object.__basicsize__
FLOAT_VALUE = float.__basicsize__ - 8
LIST_ITEMS = list.__basicsize__ - 2 * WORD
TUPLE_ITEMS = tuple.__basicsize__


def available() -> bool:
    """Whether machine code can read objects: on CPython with its lock, floats and lists laid out as expected."""
    return (
        _API is not None
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and float.__basicsize__ == object.__basicsize__ + 8
        and list.__basicsize__ == object.__basicsize__ + 3 * WORD
    )


def address(name: str) -> int:
    """Where a function of CPython is."""
    return ctypes.cast(getattr(_API, name), ctypes.c_void_p).value or 0
