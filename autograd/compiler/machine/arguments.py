"""Calls whose arguments machine code takes apart: nested lists, tuples and dictionaries of floats.

A gradient of a small network spends as long on looking at 35 lists of weights as on computing.  Most calls have
arguments of the same form as the call before.  So the first one makes a table of all containers, and machine code goes
through that: is each of the class, as long, and with the keys that it had, and are its numbers floats?

A function of a few numbers becomes a builtin function of CPython: its code takes the arguments apart in this way,
evaluates, and makes the result.  Anything that it does not expect it hands on to Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np

from autograd.compiler.machine.library import Written, addresses
from autograd.compiler.machine.native.jit import (
    FLOAT_VALUE,
    LIST_ITEMS,
    SIZE,
    TUPLE_ITEMS,
    TYPE,
    NativeModule,
    address,
    available,
)
from autograd.trees import all_floats

# What a row of the table is about; of a container of nothing but floats all numbers are taken at once.
_FLOAT, _LIST, _TUPLE, _DICT, _FLOATS_OF_LIST, _FLOATS_OF_TUPLE = range(6)
_KINDS: dict[Any, int] = {list: _LIST, tuple: _TUPLE, dict: _DICT}
_FLAT: dict[Any, int] = {list: _FLOATS_OF_LIST, tuple: _FLOATS_OF_TUPLE}


class Reader:
    """Takes the numbers out of arguments of one form.

    Attributes:
        structure: The structure of such a call.
        count: The number of numbers.
        table: Where the machine code finds what it needs.

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
        self.table = known.ctypes.data, table.ctypes.data, objects.ctypes.data
        self._read = partial(_of_arguments(), *self.table)

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


def reader_of(args: tuple[Any, ...], structure: Any = None) -> Reader | None:
    """What takes such arguments apart; None if Python is to do it."""
    if not available():
        return None
    try:
        return Reader(args, structure)
    except KeyError:  # something else than floats, lists, tuples and dictionaries
        return None


_PLACES = (("TYPE", TYPE), ("NUMBER", FLOAT_VALUE), ("SIZE", SIZE), ("LIST", LIST_ITEMS), ("TUPLE", TUPLE_ITEMS))


@cache
def _of_arguments() -> Any:
    (code,) = addresses([Written(_READ, _PLACES)])
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


# ---- builtin functions -----------------------------------------------------------------------------------------------
Result: TypeAlias = "int | list[Result] | tuple[Result, ...]"  # an int is the number of an output
_MOST = 1024  # numbers of a call or objects of a result, for which there is room
_KEYWORDS = 0x0001 | 0x0002  # of a method definition: a tuple of arguments, and a dictionary of others or nothing


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Owner(bytes):
    """What a builtin function belongs to, which CPython releases last: the words that its machine code needs."""

    slow: Callable[..., Any]  # what is called with arguments that the machine code declines
    keep: Any  # what must live as long

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.slow(*args, **keywords)


def builtin(
    name: str, kernel: str, args: tuple[Any, ...], outputs: int, result: Result, slow: Callable[..., Any]
) -> Callable[..., Any] | None:
    """A builtin function that takes arguments apart, runs a kernel and makes the result.

    Args:
        name: The ``__name__`` of the function.
        kernel: LLVM IR that defines ``void @kernel(ptr inputs, ptr outputs)`` on arrays of double, with the inputs in
            the order in which they stand in the arguments.
        args: The arguments of a call; others have the same form.
        outputs: The number of doubles that the kernel writes.
        result: The result to return, in terms of the numbers of the outputs.
        slow: The function to call with other arguments.

    Returns:
        None where the interpreter has no room for one.
    """
    reader = reader_of(args)
    trees: list[Any] = [result]
    rows: list[tuple[int, int, int]] = []  # 0 and an output; or 1 for a list, 2 for a tuple, length, first member's row
    for x in trees:
        rows.append((0, x, 0) if isinstance(x, int) else (1 if isinstance(x, list) else 2, len(x), len(trees)))
        trees += () if isinstance(x, int) else x
    if reader is None or max(reader.count, outputs, len(rows)) > _MOST:
        return None
    module, table = NativeModule(kernel), np.array(rows, dtype=np.int64)
    calls = np.array(list(map(address, _CALLS)), dtype=np.int64)
    words = [*reader.table, module.address("kernel"), table.ctypes.data, len(rows), calls.ctypes.data]
    owner = _Owner(np.array(words, dtype=np.int64).tobytes())
    (code,) = addresses([Written(_CALL, (*_PLACES, ("BYTES", bytes.__basicsize__ - 1)))])
    definition = _MethodDef(name.encode(), code, _KEYWORDS, None)
    owner.slow, owner.keep = slow, (reader, module, table, calls, definition)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        address("PyCFunction_NewEx")
    )
    function: Callable[..., Any] = new(ctypes.addressof(definition), owner, None)
    return function


# The objects of a result are made from the last row to the first, so that members are there before their container.
_CALLS = (
    "PyFloat_FromDouble", "PyList_New", "PyTuple_New", "PyList_SetItem", "PyTuple_SetItem", "PyObject_Call",
    "PyDict_Size",
)  # fmt: skip
_CALL = f"""
def call(self, args, keywords):
    block = self + BYTES
    calls = word[block + 48]
    given = room({_MOST})
    found = room({_MOST})
    if keywords == 0 or word.call(word[calls + 48], keywords) == 0:
        if read(word[block], word[block + 8], word[block + 16], args, given) != 0:
            none.call(word[block + 24], given, found)
            return made(word[block + 32], word[block + 40], found, calls)
    return word.call(word[calls + 40], self, args, keywords)

def made(rows, count, found, calls):
    objects = room({_MOST})
    k = count
    while k > 0:
        k = k - 1
        row = rows + 24 * k
        kind = word[row]
        if kind == 0:
            x = word.call(word[calls], double[found + 8 * word[row + 8]])
        else:
            x = word.call(word[calls + 8 * kind], word[row + 8])
        if x == 0:  # no memory: the exception is set
            return 0
        word[objects + 8 * k] = x
        if kind != 0:
            for i in range(word[row + 8]):
                int32.call(word[calls + 16 + 8 * kind], x, i, word[objects + 8 * (word[row + 16] + i)])
    return word[objects]
{_READ}"""
