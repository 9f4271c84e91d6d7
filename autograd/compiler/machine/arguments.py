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
    words = {"TYPE": TYPE, "NUMBER": FLOAT_VALUE, "SIZE": SIZE, "ITEMS": LIST_ITEMS, "TUPLE": TUPLE_ITEMS}
    (code,) = addresses([Written.of(_TEXT, **words)])
    return ctypes.PYFUNCTYPE(ctypes.c_size_t, *[ctypes.c_void_p] * 5)(code)


_TEXT = """
define i64 @NAME(ptr %known, ptr %rows, ptr %objects, ptr %args, ptr %out) nounwind {
  %at = alloca i64
  %key.now = alloca ptr
  %now = alloca ptr
  %float = load ptr, ptr %known
  %k1 = getelementptr i64, ptr %known, i64 1
  %next = load ptr, ptr %k1
  %k2 = getelementptr i64, ptr %known, i64 2
  %count = load i64, ptr %k2
  store ptr %args, ptr %objects
  br label %row
row:
  %r = phi i64 [0, %0], [%r.next, %done]
  %r.more = icmp ult i64 %r, %count
  br i1 %r.more, label %look, label %all
look:
  %offset = mul i64 %r, 5
  %words = getelementptr i64, ptr %rows, i64 %offset
  %kind = load i64, ptr %words
  %w1 = getelementptr i64, ptr %words, i64 1
  %class.then = load ptr, ptr %w1
  %w2 = getelementptr i64, ptr %words, i64 2
  %length = load i64, ptr %w2
  %w3 = getelementptr i64, ptr %words, i64 3
  %first = load i64, ptr %w3
  %w4 = getelementptr i64, ptr %words, i64 4
  %keys = load ptr, ptr %w4
  %x.at = getelementptr ptr, ptr %objects, i64 %r
  %x = load ptr, ptr %x.at
  %class.at = getelementptr i8, ptr %x, i64 TYPE
  %class.now = load ptr, ptr %class.at
  %same.class = icmp eq ptr %class.now, %class.then
  br i1 %same.class, label %alike, label %other
alike:
  %members = getelementptr ptr, ptr %objects, i64 %first
  %numbers = getelementptr double, ptr %out, i64 %first
  switch i64 %kind, label %sized [i64 0, label %single i64 3, label %dict]

single:
  %single.at = getelementptr i8, ptr %x, i64 NUMBER
  %single.number = load double, ptr %single.at
  store double %single.number, ptr %numbers
  br label %done

sized:                                    ; a list has its members elsewhere, a tuple in itself
  %size.at = getelementptr i8, ptr %x, i64 SIZE
  %size = load i64, ptr %size.at
  %as.long = icmp eq i64 %size, %length
  br i1 %as.long, label %items, label %other
items:
  %list.at = getelementptr i8, ptr %x, i64 ITEMS
  %of.list = load ptr, ptr %list.at
  %of.tuple = getelementptr i8, ptr %x, i64 TUPLE
  %is.list = icmp eq i64 %kind, 1
  %is.flat.list = icmp eq i64 %kind, 4
  %any.list = or i1 %is.list, %is.flat.list
  %from = select i1 %any.list, ptr %of.list, ptr %of.tuple
  %is.flat = icmp ugt i64 %kind, 3
  br label %item
item:
  %i = phi i64 [0, %items], [%i.next, %item.done]
  %i.more = icmp ult i64 %i, %length
  br i1 %i.more, label %item.in, label %done
item.in:
  %item.at = getelementptr ptr, ptr %from, i64 %i
  %item.now = load ptr, ptr %item.at
  br i1 %is.flat, label %number, label %object
object:
  %member.at = getelementptr ptr, ptr %members, i64 %i
  store ptr %item.now, ptr %member.at
  br label %item.done
number:
  %item.class.at = getelementptr i8, ptr %item.now, i64 TYPE
  %item.class = load ptr, ptr %item.class.at
  %is.float = icmp eq ptr %item.class, %float
  br i1 %is.float, label %float.in, label %other
float.in:
  %float.at = getelementptr i8, ptr %item.now, i64 NUMBER
  %float.number = load double, ptr %float.at
  %number.at = getelementptr double, ptr %numbers, i64 %i
  store double %float.number, ptr %number.at
  br label %item.done
item.done:
  %i.next = add i64 %i, 1
  br label %item

dict:                                     ; the same keys in the same order, and no more
  store i64 0, ptr %at
  br label %entry
entry:
  %e = phi i64 [0, %dict], [%e.next, %entry.same]
  %there = call i32 %next(ptr %x, ptr %at, ptr %key.now, ptr %now)
  %is.there = icmp ne i32 %there, 0
  %e.more = icmp ult i64 %e, %length
  %as.many = icmp eq i1 %is.there, %e.more
  br i1 %as.many, label %entry.go, label %other
entry.go:
  br i1 %e.more, label %entry.in, label %done
entry.in:
  %key.at = getelementptr ptr, ptr %keys, i64 %e
  %key.then = load ptr, ptr %key.at
  %key.here = load ptr, ptr %key.now
  %same.key = icmp eq ptr %key.then, %key.here
  br i1 %same.key, label %entry.same, label %other
entry.same:
  %value.now = load ptr, ptr %now
  %value.at = getelementptr ptr, ptr %members, i64 %e
  store ptr %value.now, ptr %value.at
  %e.next = add i64 %e, 1
  br label %entry

done:
  %r.next = add i64 %r, 1
  br label %row
all:
  ret i64 1
other:
  ret i64 0
}
"""
