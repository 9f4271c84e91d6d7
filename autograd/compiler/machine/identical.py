"""Whether lists, dictionaries and objects still hold the same objects: machine code compares addresses.

Before each call of a compiled function thousands of objects that it reads from outside are looked at.  In Python that
takes 50 us for a model of 4,192 parameters with its optimiser, here it takes 5.

No Python code runs meanwhile, and no reference is counted.  So a ``Comparison`` keeps all objects of before: at the
address of an object that is gone there may be another one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from types import CellType
from typing import Any

import numpy as np

from autograd.compiler.machine.library import Written, addresses
from autograd.compiler.machine.native.jit import LIST_ITEMS, SIZE, TYPE, WORD, address, available, llvm
from autograd.compiler.machine.native.vector_math import scalar_symbol
from autograd.compiler.recording.watches import ANY, NO_KEY, Look, offset_of_attributes

# By kind of look: the branch of the machine code, and where the object is, or the function of CPython that finds it.
_KINDS: dict[str, tuple[int, int | str]] = {
    "list": (0, 0),  # compared by memcmp
    "names": (1, "PyDict_GetItem"),
    "dict": (2, "PyDict_Next"),
    "class": (3, TYPE),
    "attributes": (3, 0),  # where, depends on the object
    "cell": (3, CellType.__basicsize__ - WORD),
    "code": (4, "PyFunction_GetCode"),
    "defaults": (4, "PyFunction_GetDefaults"),
    "kwdefaults": (4, "PyFunction_GetKwDefaults"),
}
_WORDS = 6  # of a row
_SPECIAL = {id(NO_KEY): 0, id(ANY): 1}  # what is in the place of their addresses
_LONG = 256  # objects of a list in which others are looked for


def can_compare() -> bool:
    """Whether there is machine code for it: on CPython with its lock."""
    return available()


class Comparison:
    """Compares what some containers hold with what they held.

    Attributes:
        holds: Whether all of it is the same: 1, or 0 if something else may be there.
    """

    def __init__(self, looks: Sequence[Look]) -> None:
        rows: list[list[int]] = []
        addresses_of = _Addresses()
        compared = sorted(looks, key=lambda look: -len(look.expected))
        for kind, container, keys, expected in compared:
            branch, where = _KINDS[kind]
            found = address(where) if isinstance(where, str) else where
            if kind == "attributes":
                found = offset_of_attributes(container) or 0
            elif kind == "list":
                found = llvm().address_of_symbol(scalar_symbol("memcmp"))
            rows.append([branch, id(container), len(expected), *map(addresses_of, (expected, keys)), found])
        table = np.array(rows, dtype=np.int64).reshape(len(rows), _WORDS)
        (code,) = addresses([Written(_COMPARE, (("SIZE", SIZE), ("ITEMS", LIST_ITEMS)))])
        run = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)(code)
        self.holds: Callable[[], int] = partial(run, table.ctypes.data, len(table))
        # As long as an object is kept, no other one can have its address, and machine code can ask for its hash.
        self._keep = table, addresses_of, compared


class _Addresses:
    """Makes arrays of the addresses of objects.

    The parameters of a model are in the lists of its layers and again in those of its optimiser.  What is part of an
    array is not written again: to read it takes longer than to compare it.
    """

    def __init__(self) -> None:
        self._arrays: list[Any] = []
        self._places: dict[int, tuple[Any, int]] = {}  # of the objects in long arrays

    def __call__(self, objects: Sequence[Any]) -> int:
        """Where the addresses of these are."""
        found = np.array([_SPECIAL[id(x)] if id(x) in _SPECIAL else id(x) for x in objects], dtype=np.int64)
        if len(found) and found[0] in self._places:
            known, place = self._places[found[0]]
            if np.array_equal(known[place : place + len(found)], found):
                return int(known[place:].ctypes.data)
        self._arrays.append(found)
        if len(found) >= _LONG:
            self._places.update([(x, (found, k)) for k, x in enumerate(found.tolist())])
        return int(found.ctypes.data)


_COMPARE = """
def compare(rows, count):
    at = room(1)
    key = room(1)
    now = room(1)
    for r in range(count):
        row = rows + 48 * r
        branch = word[row]
        x = word[row + 8]
        number = word[row + 16]
        expected = word[row + 24]
        keys = word[row + 32]
        find = word[row + 40]
        if branch == 0:  # as many members of a list, and the same ones
            if word[x + SIZE] != number or int32.call(find, word[x + ITEMS], expected, 8 * number) != 0:
                return 0
        elif branch == 1:  # what some keys of a dictionary stand for
            for i in range(number):
                found = word.call(find, x, word[keys + 8 * i])
                then = word[expected + 8 * i]
                if found != then and (then != 1 or found == 0):
                    return 0
        elif branch == 2:  # all keys of a dictionary in their order, and what they stand for
            word[at] = 0
            for i in range(number):
                if int32.call(find, x, at, key, now) == 0 or word[key] != word[keys + 8 * i]:
                    return 0
                then = word[expected + 8 * i]
                if word[now] != then and then != 1:
                    return 0
            if int32.call(find, x, at, key, now) != 0:
                return 0
        elif branch == 3:  # the class of an object, and what a name of an enclosing function stands for
            if word[x + find] != word[expected]:
                return 0
        else:  # the code of a function, and its defaults
            if word.call(find, x) != word[expected]:
                return 0
    return 1
"""
