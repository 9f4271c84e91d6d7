"""Arguments that are nested lists, tuples and dictionaries of floats, taken apart by machine code.

A gradient of a small network spends as long on looking at 35 lists of weights as on computing.  Most calls have
arguments of the same form as the call before.  So the first one makes a table of all containers, and machine code goes
through that: is each of the class, as long, and with the keys that it had, and are its numbers floats?
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from autograd.compiler.machine.library import Written, addresses
from autograd.compiler.machine.native.pycall import (
    FLOAT_VALUE,
    LIST_ITEMS,
    SIZE,
    TUPLE_ITEMS,
    TYPE,
    address,
    available,
)
from autograd.trees import all_floats

__all__ = ["Reader", "reader_of"]

# What a row of the table is about; of a container of nothing but floats all numbers are taken at once.
_FLOAT, _LIST, _TUPLE, _DICT, _FLOATS_OF_LIST, _FLOATS_OF_TUPLE = range(6)
_KINDS: dict[Any, int] = {list: _LIST, tuple: _TUPLE, dict: _DICT}
_FLAT: dict[Any, int] = {list: _FLOATS_OF_LIST, tuple: _FLOATS_OF_TUPLE}


class Reader:
    """Takes the numbers out of arguments of one form.

    Attributes:
        structure: The structure of such a call.

    Args:
        args: The arguments of a call; no container is in itself.
        structure: Its structure.
    """

    def __init__(self, args: tuple[Any, ...], structure: Any = None) -> None:
        self.structure = structure
        # The members of a container have rows next to each other, so that it can note where each of them is.
        trees: list[Any] = [args]
        first: list[int] = []
        kinds: list[int] = []
        for x in trees:
            kind = _FLOAT if type(x) is float else _KINDS[type(x)]
            flat = kind in (_LIST, _TUPLE) and len(x) > 0 and all_floats(x)
            kinds.append(_FLAT[type(x)] if flat else kind)
            first.append(len(trees))
            if kind != _FLOAT and not flat:
                trees += x.values() if kind == _DICT else x
        self.count = self._number(kinds, first, trees)
        keys = [list(x) if kind == _DICT else [] for x, kind in zip(trees, kinds)]
        addresses_of_keys = [np.array(list(map(id, of)), dtype=np.int64) for of in keys]
        rows = [
            [kind, id(type(x)), 0 if kind == _FLOAT else len(x), place, of.ctypes.data]
            for kind, x, place, of in zip(kinds, trees, first, addresses_of_keys)
        ]
        table = np.array(rows, dtype=np.int64)
        objects = np.empty(len(rows), dtype=np.int64)
        known = np.array([id(float), address("PyDict_Next"), len(rows)], dtype=np.int64)
        self._keep = keys, addresses_of_keys, table, objects, known
        self._read = partial(_function(), known.ctypes.data, table.ctypes.data, objects.ctypes.data)

    @staticmethod
    def _number(kinds: Sequence[int], first: list[int], trees: Sequence[Any]) -> int:
        """Give rows of floats the place of their first number in the order of the call; how many there are in all."""
        count, stack = 0, [0]
        while stack:
            row = stack.pop()
            kind, x = kinds[row], trees[row]
            if kind in (_LIST, _TUPLE, _DICT):
                stack += reversed(range(first[row], first[row] + len(x)))
                continue
            first[row], count = count, count + (1 if kind == _FLOAT else len(x))
        return count

    def __call__(self, args: tuple[Any, ...]) -> Any:
        """The numbers, as an array; None if the arguments are of another form."""
        found = np.empty(self.count)
        return found if self._read(id(args), found.ctypes.data) else None


def reader_of(args: tuple[Any, ...], structure: Any) -> Reader | None:
    """What takes such arguments apart; None if Python is to do it."""
    if not available():
        return None
    try:
        return Reader(args, structure)
    except KeyError:  # something else than floats, lists, tuples and dictionaries
        return None


@cache
def _function() -> Any:
    places = {"TYPE": TYPE, "NUMBER": FLOAT_VALUE, "SIZE": SIZE, "LIST": LIST_ITEMS, "TUPLE": TUPLE_ITEMS}
    (code,) = addresses([Written(_READ, tuple(places.items()))])
    return ctypes.PYFUNCTYPE(ctypes.c_size_t, *[ctypes.c_void_p] * 5)(code)


# A row of the table has five words: kind, class, length, the number of the first member's row (or of the first number),
# and keys.  The address of each object is noted in ``objects``, so that the rows of its members find them.
_READ = """
def read(known, rows, objects, args, out):
    at = room(1)
    key = room(1)
    member = room(1)
    word[objects] = args
    for r in range(word[known + 16]):
        row = rows + 40 * r
        kind = word[row]
        length = word[row + 16]
        members = objects + 8 * word[row + 24]
        numbers = out + 8 * word[row + 24]
        x = word[objects + 8 * r]
        if word[x + TYPE] != word[row + 8]:
            return 0
        if kind == 0:
            double[numbers] = double[x + NUMBER]
        elif kind == 3:  # the same keys in the same order, and no more
            word[at] = 0
            for i in range(length):
                if int32.call(word[known + 8], x, at, key, member) == 0:
                    return 0
                if word[key] != word[word[row + 32] + 8 * i]:
                    return 0
                word[members + 8 * i] = word[member]
            if int32.call(word[known + 8], x, at, key, member) != 0:
                return 0
        else:
            if word[x + SIZE] != length:
                return 0
            items = x + TUPLE
            if kind == 1 or kind == 4:  # a list has its members elsewhere
                items = word[x + LIST]
            for i in range(length):
                item = word[items + 8 * i]
                if kind < 4:
                    word[members + 8 * i] = item
                else:
                    if word[item + TYPE] != word[known]:
                        return 0
                    double[numbers + 8 * i] = double[item + NUMBER]
    return 1
"""
