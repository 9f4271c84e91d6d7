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
from autograd.compiler.machine.native.pycall import LIST_ITEMS, SIZE, TYPE, WORD, address, available
from autograd.compiler.recording.looks import ANY, NO_KEY, Look, offset_of_attributes

__all__ = ["Comparison", "can_compare"]

# By kind of look: the branch of the machine code, and where the object is, or the function of CPython that finds it.
_KINDS: dict[str, tuple[int, int | str]] = {
    "list": (0, 0),
    "names": (1, "PyDict_GetItem"),
    "all keys": (1, "PyDict_GetItem"),
    "dict": (2, "PyDict_Next"),
    "class": (3, TYPE),
    "attributes": (3, 0),  # where, depends on the object
    "cell": (3, CellType.__basicsize__ - WORD),
    "code": (4, "PyFunction_GetCode"),
    "defaults": (4, "PyFunction_GetDefaults"),
    "kwdefaults": (4, "PyFunction_GetKwDefaults"),
}
_WORDS = 7  # of a row
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
        compared = [_all_keys(look) or look for look in sorted(looks, key=lambda look: -len(look.expected))]
        for kind, container, keys, expected in compared:
            branch, where = _KINDS[kind]
            found = address(where) if isinstance(where, str) else where
            if kind == "attributes":
                found = offset_of_attributes(container) or 0
            size = address("PyDict_Size") if kind == "all keys" else 0
            rows.append([branch, id(container), len(expected), *map(addresses_of, (expected, keys)), found, size])
        table = np.array(rows, dtype=np.int64).reshape(len(rows), _WORDS)
        (code,) = addresses([Written.of(_TEXT, SIZE=SIZE, ITEMS=LIST_ITEMS)])
        run = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)(code)
        self.holds: Callable[[], int] = partial(run, table.ctypes.data, len(table))
        # As long as an object is kept, no other one can have its address, and machine code can ask for its hash.
        self._keep = table, addresses_of, compared


def _all_keys(look: Look) -> Look | None:
    """A faster look at a small dictionary in which many names are absent; None if it would not be faster.

    Instead of asking for each absent name, machine code asks whether the dictionary still has the same keys, and as
    many: then no other key can be there.  What the keys stand for that the function does not read may change.
    """
    absent = sum(x is NO_KEY for x in look.expected)
    if look.kind != "names" or len(look.container) >= absent:
        return None
    known = dict(zip(look.keys, look.expected))
    there = [key for key, x in known.items() if x is not NO_KEY]
    keys = list(dict.fromkeys([*there, *look.container]))
    return Look("all keys", look.container, keys, [known.get(key, ANY) for key in keys])


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


_TEXT = """
define i64 @NAME(ptr %rows, i64 %count) nounwind {
  %at = alloca i64
  %key.now = alloca ptr
  %now = alloca ptr
  br label %row
row:
  %r = phi i64 [0, %0], [%r.next, %same]
  %words = phi ptr [%rows, %0], [%words.next, %same]
  %r.more = icmp ult i64 %r, %count
  br i1 %r.more, label %look, label %all
look:
  %branch = load i64, ptr %words
  %w1 = getelementptr i64, ptr %words, i64 1
  %x = load ptr, ptr %w1
  %w2 = getelementptr i64, ptr %words, i64 2
  %number = load i64, ptr %w2
  %w3 = getelementptr i64, ptr %words, i64 3
  %expected = load ptr, ptr %w3
  %w4 = getelementptr i64, ptr %words, i64 4
  %keys = load ptr, ptr %w4
  %w5 = getelementptr i64, ptr %words, i64 5
  %where = load i64, ptr %w5
  %find = inttoptr i64 %where to ptr
  %w6 = getelementptr i64, ptr %words, i64 6
  %sizer = load ptr, ptr %w6
  store i64 0, ptr %at
  switch i64 %branch, label %list [i64 1, label %names i64 2, label %dict i64 3, label %field i64 4, label %function]

list:                                     ; as many members, and the same ones: four at a time, then one by one
  %size.at = getelementptr i8, ptr %x, i64 SIZE
  %size = load i64, ptr %size.at
  %as.long = icmp eq i64 %size, %number
  br i1 %as.long, label %long, label %other
long:
  %items.at = getelementptr i8, ptr %x, i64 ITEMS
  %items = load ptr, ptr %items.at
  %fours = and i64 %number, -4
  br label %four
four:
  %i = phi i64 [0, %long], [%i.next, %four.next]
  %bits = phi <4 x i64> [zeroinitializer, %long], [%bits.next, %four.next]
  %i.more = icmp ult i64 %i, %fours
  br i1 %i.more, label %four.next, label %rest
four.next:
  %a.at = getelementptr i64, ptr %items, i64 %i
  %a = load <4 x i64>, ptr %a.at, align 8
  %b.at = getelementptr i64, ptr %expected, i64 %i
  %b = load <4 x i64>, ptr %b.at, align 8
  %ab = xor <4 x i64> %a, %b
  %bits.next = or <4 x i64> %bits, %ab
  %i.next = add i64 %i, 4
  br label %four
rest:
  %b0 = extractelement <4 x i64> %bits, i64 0
  %b1 = extractelement <4 x i64> %bits, i64 1
  %b2 = extractelement <4 x i64> %bits, i64 2
  %b3 = extractelement <4 x i64> %bits, i64 3
  %b01 = or i64 %b0, %b1
  %b23 = or i64 %b2, %b3
  %b0123 = or i64 %b01, %b23
  br label %one
one:
  %j = phi i64 [%fours, %rest], [%j.next, %one.next]
  %bit = phi i64 [%b0123, %rest], [%bit.next, %one.next]
  %j.more = icmp ult i64 %j, %number
  br i1 %j.more, label %one.next, label %list.end
one.next:
  %c.at = getelementptr i64, ptr %items, i64 %j
  %c = load i64, ptr %c.at
  %d.at = getelementptr i64, ptr %expected, i64 %j
  %d = load i64, ptr %d.at
  %cd = xor i64 %c, %d
  %bit.next = or i64 %bit, %cd
  %j.next = add i64 %j, 1
  br label %one
list.end:
  %no.bit = icmp eq i64 %bit, 0
  br i1 %no.bit, label %same, label %other

names:                                    ; what some keys of a dictionary stand for
  %n = phi i64 [0, %look], [%n.next, %name.same]
  %n.more = icmp ult i64 %n, %number
  br i1 %n.more, label %name, label %names.end
name:
  %name.key.at = getelementptr ptr, ptr %keys, i64 %n
  %name.key = load ptr, ptr %name.key.at
  %name.now = call ptr %find(ptr %x, ptr %name.key)
  %name.then.at = getelementptr ptr, ptr %expected, i64 %n
  %name.then = load ptr, ptr %name.then.at
  %name.equal = icmp eq ptr %name.now, %name.then
  %n.next = add i64 %n, 1
  br i1 %name.equal, label %name.same, label %name.any
name.any:
  %may.be.any = icmp eq ptr %name.then, inttoptr (i64 1 to ptr)
  %is.something = icmp ne ptr %name.now, null
  %is.any = and i1 %may.be.any, %is.something
  br i1 %is.any, label %name.same, label %other
name.same:
  br label %names
names.end:                                ; and how many keys there are, if these are all
  %all.keys = icmp ne ptr %sizer, null
  br i1 %all.keys, label %names.size, label %same
names.size:
  %keys.now = call i64 %sizer(ptr %x)
  %as.many.keys = icmp eq i64 %keys.now, %number
  br i1 %as.many.keys, label %same, label %other

dict:                                     ; all keys of a dictionary in their order, and what they stand for
  %e = phi i64 [0, %look], [%e.next, %entry.same]
  %there = call i32 %find(ptr %x, ptr %at, ptr %key.now, ptr %now)
  %is.there = icmp ne i32 %there, 0
  %e.more = icmp ult i64 %e, %number
  %as.many = icmp eq i1 %is.there, %e.more
  br i1 %as.many, label %dict.go, label %other
dict.go:
  br i1 %e.more, label %entry, label %same
entry:
  %entry.key.at = getelementptr ptr, ptr %keys, i64 %e
  %entry.key = load ptr, ptr %entry.key.at
  %entry.key.now = load ptr, ptr %key.now
  %key.equal = icmp eq ptr %entry.key, %entry.key.now
  %entry.then.at = getelementptr ptr, ptr %expected, i64 %e
  %entry.then = load ptr, ptr %entry.then.at
  %entry.now = load ptr, ptr %now
  %value.same = icmp eq ptr %entry.then, %entry.now
  %value.any = icmp eq ptr %entry.then, inttoptr (i64 1 to ptr)
  %value.equal = or i1 %value.same, %value.any
  %entry.equal = and i1 %key.equal, %value.equal
  %e.next = add i64 %e, 1
  br i1 %entry.equal, label %entry.same, label %other
entry.same:
  br label %dict

field:                                    ; the class of an object, and what a name of an enclosing function stands for
  %field.at = getelementptr i8, ptr %x, i64 %where
  %field.now = load ptr, ptr %field.at
  br label %single
function:                                 ; the code of a function, and its defaults
  %function.now = call ptr %find(ptr %x)
  br label %single
single:
  %single.now = phi ptr [%field.now, %field], [%function.now, %function]
  %single.then = load ptr, ptr %expected
  %single.equal = icmp eq ptr %single.now, %single.then
  br i1 %single.equal, label %same, label %other

same:
  %r.next = add i64 %r, 1
  %words.next = getelementptr i64, ptr %words, i64 7
  br label %row
all:
  ret i64 1
other:
  ret i64 0
}
"""
