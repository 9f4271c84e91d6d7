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
        write: Puts the numbers of the array into the lists, by one call into C; a list that another thread has made
            shorter meanwhile gets those that it has room for.

    Args:
        lists: The lists.
        places: The places of the numbers of each list.
        memory: The array.
    """

    def __init__(self, lists: Sequence[list[float]], places: Sequence[Any], memory: Any) -> None:
        places = [np.ascontiguousarray(x, dtype=np.int64) for x in places]
        rows = [(id(x), len(at), at.ctypes.data) for x, at in zip(lists, places)]
        known = np.array([id(float), address("PyFloat_FromDouble"), address("Py_DecRef"), len(rows)], dtype=np.int64)
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
        made = np.empty(sum(map(len, places)), dtype=np.int64)
        where = [x.ctypes.data for x in (known, table, memory, made)]
        read, write = _functions()
        self.read: Callable[[], int] = partial(read, *where)
        self.write: Callable[[], None] = partial(write, *where)
        self._keep = lists, places, memory, known, table, made


@cache
def _functions() -> tuple[Any, Any]:
    pointers = [ctypes.c_void_p] * 4
    read, write = addresses([_kernel("i64", _TAKE, end=_TAKEN), _kernel("void", _MAKE, _PUT, end=_DROP)])
    return ctypes.PYFUNCTYPE(ctypes.c_size_t, *pointers)(read), ctypes.PYFUNCTYPE(None, *pointers)(write)


def _kernel(result: str, *bodies: str, end: str) -> Written:
    """The machine code that reads or writes: a loop over all members for each body."""
    loops = [_LOOP.replace("BODY", body).replace("~", f".{k}") for k, body in enumerate(bodies)]
    text = "".join([_HEAD, *loops, end])
    for k in range(len(bodies)):
        text = text.replace(f"pass.{k}.next", f"pass.{k + 1}")
    offsets = {"TYPE": TYPE, "COUNT": TYPE - WORD, "NUMBER": FLOAT_VALUE, "SIZE": SIZE, "ITEMS": LIST_ITEMS}
    return Written.of(text, RESULT=result, **offsets)


_HEAD = """
define RESULT @NAME(ptr %known, ptr %rows, ptr %memory, ptr %made) nounwind {
  %float = load ptr, ptr %known
  %k1 = getelementptr i64, ptr %known, i64 1
  %make = load ptr, ptr %k1
  %k2 = getelementptr i64, ptr %known, i64 2
  %drop = load ptr, ptr %k2
  %k3 = getelementptr i64, ptr %known, i64 3
  %lists = load i64, ptr %k3
  br label %pass.0
"""

# Once through all members of all lists: the object, whether it is a float, where its number is, and whether only the
# list refers to it; from Python 3.14 on the count of references has 32 bits.  %m counts the floats that are made.
_LOOP = """
pass~:
  br label %list~
list~:
  %r~ = phi i64 [0, %pass~], [%r.next~, %list.end~]
  %m.list~ = phi i64 [0, %pass~], [%m~, %list.end~]
  %r.more~ = icmp ult i64 %r~, %lists
  br i1 %r.more~, label %list.in~, label %pass~.next
list.in~:
  %words~ = mul i64 %r~, 3
  %row~ = getelementptr i64, ptr %rows, i64 %words~
  %x~ = load ptr, ptr %row~
  %w1~ = getelementptr i64, ptr %row~, i64 1
  %wanted~ = load i64, ptr %w1~
  %w2~ = getelementptr i64, ptr %row~, i64 2
  %places~ = load ptr, ptr %w2~
  %size.at~ = getelementptr i8, ptr %x~, i64 SIZE
  %size~ = load i64, ptr %size.at~
  %items.at~ = getelementptr i8, ptr %x~, i64 ITEMS
  %items~ = load ptr, ptr %items.at~
  %as.long~ = icmp eq i64 %size~, %wanted~
  %shorter~ = icmp ult i64 %size~, %wanted~
  %end~ = select i1 %shorter~, i64 %size~, i64 %wanted~
  br label %item~
item~:
  %i~ = phi i64 [0, %list.in~], [%i.next~, %next~]
  %m~ = phi i64 [%m.list~, %list.in~], [%m.next~, %next~]
  %i.more~ = icmp ult i64 %i~, %end~
  br i1 %i.more~, label %item.in~, label %list.end~
item.in~:
  %item.at~ = getelementptr ptr, ptr %items~, i64 %i~
  %item.now~ = load ptr, ptr %item.at~
  %class.at~ = getelementptr i8, ptr %item.now~, i64 TYPE
  %class~ = load ptr, ptr %class.at~
  %is.float~ = icmp eq ptr %class~, %float
  %number.at~ = getelementptr i8, ptr %item.now~, i64 NUMBER
  %count.at~ = getelementptr i8, ptr %item.now~, i64 COUNT
  %count~ = load i32, ptr %count.at~
  %is.alone~ = icmp eq i32 %count~, 1
  %in.place~ = and i1 %is.float~, %is.alone~
  %place.at~ = getelementptr i64, ptr %places~, i64 %i~
  %place~ = load i64, ptr %place.at~
  %here~ = getelementptr double, ptr %memory, i64 %place~
  %made.at~ = getelementptr ptr, ptr %made, i64 %m~
BODY
  %i.next~ = add i64 %i~, 1
  br label %item~
list.end~:
  %r.next~ = add i64 %r~, 1
  br label %list~
"""

_TAKE = """
  %may.be.read~ = and i1 %as.long~, %is.float~
  br i1 %may.be.read~, label %next~, label %other
next~:
  %m.next~ = phi i64 [%m~, %item.in~]
  %number~ = load double, ptr %number.at~
  store double %number~, ptr %here~
"""

_TAKEN = """
pass.1:
  ret i64 1
other:
  ret i64 0
}
"""

# First all new floats are made, then they change places with the old ones, which are dropped last: what happens then
# finds the lists complete.
_MAKE = """
  br i1 %in.place~, label %next~, label %make.one
make.one:
  %number.made = load double, ptr %here~
  %new = call ptr %make(double %number.made)
  %no.memory = icmp eq ptr %new, null
  br i1 %no.memory, label %drop.all, label %made.one
made.one:
  store ptr %new, ptr %made.at~
  %m.more = add i64 %m~, 1
  br label %next~
next~:
  %m.next~ = phi i64 [%m~, %item.in~], [%m.more, %made.one]
"""

_PUT = """
  br i1 %in.place~, label %put.number, label %put.object
put.number:
  %number.put = load double, ptr %here~
  store double %number.put, ptr %number.at~
  br label %next~
put.object:
  %object = load ptr, ptr %made.at~
  store ptr %object, ptr %item.at~
  store ptr %item.now~, ptr %made.at~
  %m.object = add i64 %m~, 1
  br label %next~
next~:
  %m.next~ = phi i64 [%m~, %put.number], [%m.object, %put.object]
"""

_DROP = """
pass.2:
  br label %drop.all
drop.all:
  %count.all = phi i64 [%m.list.1, %pass.2], [%m.0, %make.one]
  br label %drop.test
drop.test:
  %d = phi i64 [0, %drop.all], [%d.next, %drop.one]
  %d.more = icmp ult i64 %d, %count.all
  br i1 %d.more, label %drop.one, label %done
drop.one:
  %old.at = getelementptr ptr, ptr %made, i64 %d
  %old = load ptr, ptr %old.at
  call void %drop(ptr %old)
  %d.next = add i64 %d, 1
  br label %drop.test
done:
  ret void
}
"""
