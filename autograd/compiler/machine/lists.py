"""Lists of floats outside of a function, read and written by machine code at each call.

Nobody can watch a list, so its numbers are there after each call, as they would be without the compiler.  To make a new
float for each takes 25 ns.  A float to which nothing but the list refers gets its new number in place instead: nobody
can tell, and it takes 2.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from autograd.compiler.machine.library import Written, addresses
from autograd.compiler.machine.native.pycall import FLOAT_VALUE, LIST_ITEMS, SIZE, TYPE, WORD, address

__all__ = ["Lists"]


class Lists:
    """Lists of floats whose numbers are in some places of an array.

    Attributes:
        read: Puts their numbers into the array and returns 1, or 0 if they are no longer lists of so many floats.
        reserve: Makes the new floats that are needed, of no particular number: MemoryError if there is no room.
        write: Puts the numbers of the array into the lists, by one call into C that needs no more memory, right after
            ``reserve``; a list that another thread has made shorter meanwhile gets those that it has room for.

    Args:
        lists: The lists.
        places: The places of the numbers of each list.
        memory: The array.
    """

    def __init__(self, lists: Sequence[list[float]], places: Sequence[Any], memory: Any) -> None:
        places = [np.ascontiguousarray(x, dtype=np.int64) for x in places]
        rows = [(id(x), len(at), at.ctypes.data) for x, at in zip(lists, places)]
        calls = address("PyFloat_FromDouble"), address("Py_DecRef")
        known = np.array([id(float), *calls, len(rows), 0], dtype=np.int64)
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
        made = np.empty(sum(map(len, places)), dtype=np.int64)
        where = [x.ctypes.data for x in (known, table, memory, made)]
        read, reserve, write = _functions()
        self.read: Callable[[], int] = partial(read, *where)
        self.reserve: Callable[[], None] = partial(reserve, *where)
        self.write: Callable[[], None] = partial(write, *where)
        self._keep = lists, places, memory, known, table, made


@cache
def _functions() -> tuple[Any, ...]:
    words = {"TYPE": TYPE, "COUNT": TYPE - WORD, "NUMBER": FLOAT_VALUE, "SIZE": SIZE, "ITEMS": LIST_ITEMS}
    read, *others = addresses([Written(text, tuple(words.items())) for text in (_READ, _RESERVE, _WRITE)])
    pointers = [ctypes.c_void_p] * 4
    found = [ctypes.PYFUNCTYPE(None, *pointers)(function) for function in others]
    return (ctypes.PYFUNCTYPE(ctypes.c_size_t, *pointers)(read), *found)


# ``known`` has the address of float, those of two functions, the number of lists, and how many floats are reserved; a
# row has the address of a list, how many numbers belong there, and their places.
_READ = """
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

_RESERVE = f"""
def reserve(known, rows, memory, made) -> None:
    float = word[known]
    drop(known, made, word[known + 32])  # those that nobody has used
    word[known + 32] = 0
    count = 0
    for r in range(word[known + 24]):
        row = rows + 24 * r
        items = word[word[row] + ITEMS]
        places = word[row + 16]
        for i in range(end(row)):
            item = word[items + 8 * i]
            if word[item + TYPE] != float or int32[item + COUNT] != 1:
                new = word.call(word[known + 8], double[memory + 8 * word[places + 8 * i]])
                if new == 0:  # no memory
                    drop(known, made, count)
                    return
                word[made + 8 * count] = new
                count = count + 1
    word[known + 32] = count
{_END}"""

_WRITE = f"""
def write(known, rows, memory, made) -> None:
    float = word[known]
    reserved = word[known + 32]
    word[known + 32] = 0
    count = 0
    for r in range(word[known + 24]):
        row = rows + 24 * r
        items = word[word[row] + ITEMS]
        places = word[row + 16]
        for i in range(end(row)):
            item = word[items + 8 * i]
            if word[item + TYPE] != float or int32[item + COUNT] != 1:
                if count < reserved:
                    new = word[made + 8 * count]
                    double[new + NUMBER] = double[memory + 8 * word[places + 8 * i]]
                    word[items + 8 * i] = new
                    word[made + 8 * count] = item
                    count = count + 1
            else:  # nothing but the list refers to it
                double[item + NUMBER] = double[memory + 8 * word[places + 8 * i]]
    drop(known, made, reserved)
{_END}"""
