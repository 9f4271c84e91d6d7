"""The numbers in many objects of Python, read and written by machine code: Values, and lists of floats.

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
from autograd.compiler.machine.native.jit import (
    FLOAT_VALUE,
    LIST_ITEMS,
    SIZE,
    TYPE,
    WORD,
    address,
    available,
)
from autograd.value import Value


# ---- Values ----------------------------------------------------------------------------------------------------------
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
        read, add = _of_values()
        self._read: Callable[..., int] = partial(read, *where)
        self._add: Callable[..., int] = partial(add, *where, self._made.ctypes.data)

    def read(self) -> Any:
        """The data of all of them, as an array; None if one of them is of another class, or its data is no float."""
        found = np.empty(len(self._values))
        return found if self._read(found.ctypes.data) else None

    def adding(self, slopes: Any, upstream: float) -> Callable[[], int]:
        """A function that adds derivatives times an upstream gradient to all gradients and returns 1, or to none."""
        return partial(self._add, slopes.ctypes.data, upstream)


@cache
def _of_values() -> tuple[Any, Any]:
    word, pointer = ctypes.c_size_t, ctypes.c_void_p
    kernels = [Written(text, (("TYPE", TYPE), ("NUMBER", FLOAT_VALUE))) for text in (_READ_VALUES, _ADD_TO_VALUES)]
    read, add = addresses(kernels)
    return (
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer)(read),
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer, pointer, ctypes.c_double)(add),
    )


# ``known`` has the addresses of Value, float and 0, the places of data and gradient in a Value, and two functions.
_READ_VALUES = """
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
_ADD_TO_VALUES = """
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


# ---- lists of floats outside -----------------------------------------------------------------------------------------
class Lists:
    """Lists of floats outside of a function, whose numbers are in some places of an array.

    Nobody can watch a list, so its numbers are there after each call, as they would be without the compiler.  To make a
    new float for each takes 25 ns.  A float to which nothing but the list refers gets its new number in place instead:
    nobody can tell, and it takes 2.

    Attributes:
        read: Puts their numbers into the array and returns 1, or 0 if they are no longer lists of so many floats.
        reserve: Makes the new floats that are needed, of no particular number: MemoryError if there is no room.
        write: Puts the numbers of the array into the lists, by one call into C that needs no more memory, right after
            ``reserve``; a list that another thread has made shorter meanwhile gets those that it has room for.
    """

    def __init__(self, lists: Sequence[list[float]], places: Sequence[Any], memory: Any) -> None:
        places = [np.ascontiguousarray(x, dtype=np.int64) for x in places]
        rows = [(id(x), len(at), at.ctypes.data) for x, at in zip(lists, places)]
        calls = address("PyFloat_FromDouble"), address("Py_DecRef")
        known = np.array([id(float), *calls, len(rows), 0], dtype=np.int64)
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
        made = np.empty(sum(map(len, places)), dtype=np.int64)
        where = [x.ctypes.data for x in (known, table, memory, made)]
        read, reserve, write = _of_lists()
        self.read: Callable[[], int] = partial(read, *where)
        self.reserve: Callable[[], None] = partial(reserve, *where)
        self.write: Callable[[], None] = partial(write, *where)
        self._keep = lists, places, memory, known, table, made


@cache
def _of_lists() -> tuple[Any, ...]:
    words = {"TYPE": TYPE, "COUNT": TYPE - WORD, "NUMBER": FLOAT_VALUE, "SIZE": SIZE, "ITEMS": LIST_ITEMS}
    read, *others = addresses([Written(text, tuple(words.items())) for text in (_READ_LISTS, _RESERVE, _WRITE_LISTS)])
    pointers = [ctypes.c_void_p] * 4
    found = [ctypes.PYFUNCTYPE(None, *pointers)(function) for function in others]
    return (ctypes.PYFUNCTYPE(ctypes.c_size_t, *pointers)(read), *found)


# ``known`` has the address of float, those of two functions, the number of lists, and how many floats are reserved; a
# row has the address of a list, how many numbers belong there, and their places.
_READ_LISTS = """
def read(known, rows, memory, made):
    float = word[known]
    for r in range(word[known + 24]):
        row = rows + 24 * r
        x = word[row]
        if word[x + SIZE] != word[row + 8]:
            return 0
        items = word[x + ITEMS]
        places = word[row + 16]
        for i in range(word[row + 8]):
            item = word[items + 8 * i]
            if word[item + TYPE] != float:
                return 0
            double[memory + 8 * word[places + 8 * i]] = double[item + NUMBER]
    return 1
"""

# A function of its own makes the new floats, since it alone can fail: it is called before anything is changed.  Then
# they change places with the old ones, which are dropped last: what happens then finds the lists complete.  From Python
# 3.14 on the count of references has 32 bits.
_END = """
def end(row):  # how many numbers there are, and room for
    size = word[word[row] + SIZE]
    if size < word[row + 8]:
        return size
    return word[row + 8]

def drop(known, made, count) -> None:
    for i in range(count):
        none.call(word[known + 16], word[made + 8 * i])
"""

_EACH_SHARED = """
    count = 0
    for r in range(word[known + 24]):
        row = rows + 24 * r
        items = word[word[row] + ITEMS]
        places = word[row + 16]
        for i in range(end(row)):
            item = word[items + 8 * i]
            x = double[memory + 8 * word[places + 8 * i]]
            if word[item + TYPE] != word[known] or int32[item + COUNT] != 1:  # others refer to it, too"""

_RESERVE = f"""
def reserve(known, rows, memory, made) -> None:
    drop(known, made, word[known + 32])  # those that nobody has used
    word[known + 32] = 0
{_EACH_SHARED}
                new = word.call(word[known + 8], x)
                if new == 0:  # no memory
                    drop(known, made, count)
                    return
                word[made + 8 * count] = new
                count = count + 1
    word[known + 32] = count
{_END}"""

_WRITE_LISTS = f"""
def write(known, rows, memory, made) -> None:
    reserved = word[known + 32]
    word[known + 32] = 0
{_EACH_SHARED}
                if count < reserved:
                    new = word[made + 8 * count]
                    double[new + NUMBER] = x
                    word[items + 8 * i] = new
                    word[made + 8 * count] = item
                    count = count + 1
            else:  # nothing but the list refers to it
                double[item + NUMBER] = x
    drop(known, made, reserved)
{_END}"""
