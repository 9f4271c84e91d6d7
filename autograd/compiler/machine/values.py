"""The numbers of many Values, read and added to by machine code.

A loss knows thousands of parameters.  To read their data and to add to their gradients takes 25 to 60 ns for each in
Python, 5 here.  No code of Python runs meanwhile: where something is no plain float, Python does it instead.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from autograd.compiler.machine.library import Written, addresses
from autograd.compiler.machine.native.pycall import FLOAT_VALUE, TYPE, WORD, address, available
from autograd.value import Value

__all__ = ["Numbers", "can_read"]


@cache
def can_read() -> bool:
    """Whether there is machine code for it: on CPython with its lock, where slots are where they are expected."""
    return available() and None not in (_place("_data"), _place("grad"))


@cache
def _place(slot: str) -> int | None:
    """Where in a Value a slot is, found by looking for what was put there; None if it is not found."""
    found = set()
    for mark in (float("1.25"), float("2.5")):
        node = Value(0.0)
        setattr(node, slot, mark)
        places = range(0, Value.__basicsize__, WORD)
        words = [ctypes.c_size_t.from_address(id(node) + place).value for place in places]
        found.update([place for place, word in zip(places, words) if word == id(mark)])
    return found.pop() if len(found) == 1 else None


class Numbers:
    """The numbers of some Values, no two of which are the same object."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = values  # which keeps what is at their addresses
        self._addresses = np.array(list(map(id, values)), dtype=np.int64)
        self._made = np.empty(len(values), dtype=np.int64)
        known = [id(Value), id(float), id(0), _place("_data"), _place("grad")]
        known += [address("PyFloat_FromDouble"), address("Py_DecRef")]
        self._known = np.array(known, dtype=np.int64)
        where = self._known.ctypes.data, self._addresses.ctypes.data, len(values)
        read, add = _functions()
        self._read: Callable[..., int] = partial(read, *where)
        self._add: Callable[..., int] = partial(add, *where, self._made.ctypes.data)

    def read(self) -> Any:
        """The data of all of them, as an array; None if one of them is of another class, or its data is no float."""
        found = np.empty(len(self._values))
        return found if self._read(found.ctypes.data) else None

    def adding(self, slopes: Any, upstream: float) -> Callable[[], int]:
        """A function that adds derivatives times an upstream gradient to all gradients and returns 1, or to none.

        Args:
            slopes: An array of a derivative for each of the Values.
            upstream: The factor.
        """
        return partial(self._add, slopes.ctypes.data, upstream)


@cache
def _functions() -> tuple[Any, Any]:
    word, pointer = ctypes.c_size_t, ctypes.c_void_p
    kernels = [Written(text, (("TYPE", TYPE), ("NUMBER", FLOAT_VALUE))) for text in (_READ, _ADD)]
    read, add = addresses(kernels)
    return (
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer)(read),
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer, pointer, ctypes.c_double)(add),
    )


# ``known`` has the addresses of Value, float and 0, the places of data and gradient in a Value, and two functions.
_READ = """
def read(known, values, count, out):
    for i in range(count):
        value = word[values + 8 * i]
        if word[value + TYPE] != word[known]:
            return 0
        x = word[value + word[known + 24]]
        if x == 0 or word[x + TYPE] != word[known + 8]:
            return 0
        double[out + 8 * i] = double[x + NUMBER]
    return 1
"""

# First all new floats are made, then they are put into the places of the old ones.
_ADD = """
def add(known, values, count, made, slopes, upstream: float):
    for i in range(count):
        value = word[values + 8 * i]
        if word[value + TYPE] != word[known]:
            return dropped(known, made, i)
        x = word[value + word[known + 32]]
        before = 0.0
        if x == 0:
            return dropped(known, made, i)
        if word[x + TYPE] == word[known + 8]:
            before = double[x + NUMBER]
        elif x != word[known + 16]:  # the int 0 of a node without a gradient
            return dropped(known, made, i)
        new = word.call(word[known + 40], before + upstream * double[slopes + 8 * i])
        if new == 0:  # no memory
            return dropped(known, made, i)
        word[made + 8 * i] = new
    for i in range(count):
        place = word[values + 8 * i] + word[known + 32]
        old = word[place]
        word[place] = word[made + 8 * i]
        none.call(word[known + 48], old)
    return 1

def dropped(known, made, count):
    for i in range(count):
        none.call(word[known + 48], word[made + 8 * i])
    return 0
"""
