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
    kernels = [
        Written.of(_HEAD + body, TYPE=TYPE, NUMBER=FLOAT_VALUE, MORE=more, SLOT=slot)
        for body, more, slot in ((_READ, "", 3), (_ADD, ", ptr %slopes, double %upstream", 4))
    ]
    read, add = addresses(kernels)
    return (
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer)(read),
        ctypes.PYFUNCTYPE(word, pointer, pointer, word, pointer, pointer, ctypes.c_double)(add),
    )


_HEAD = """
define i64 @NAME(ptr %known, ptr %values, i64 %count, ptr %out MORE) nounwind {
  %value.class = load i64, ptr %known
  %k1 = getelementptr i64, ptr %known, i64 1
  %float.class = load i64, ptr %k1
  %k2 = getelementptr i64, ptr %known, i64 2
  %zero = load i64, ptr %k2
  %k3 = getelementptr i64, ptr %known, i64 SLOT
  %slot = load i64, ptr %k3
  %k5 = getelementptr i64, ptr %known, i64 5
  %make = load ptr, ptr %k5
  %k6 = getelementptr i64, ptr %known, i64 6
  %drop = load ptr, ptr %k6
  br label %test
test:
  %i = phi i64 [0, %0], [%i.next, %next]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %look, label %all
look:
  %value.at = getelementptr ptr, ptr %values, i64 %i
  %value = load ptr, ptr %value.at
  %class.at = getelementptr i8, ptr %value, i64 TYPE
  %class = load i64, ptr %class.at
  %is.value = icmp eq i64 %class, %value.class
  br i1 %is.value, label %plain, label %other
plain:
  %x.at = getelementptr i8, ptr %value, i64 %slot
  %x = load ptr, ptr %x.at
  %x.null = icmp eq ptr %x, null
  br i1 %x.null, label %other, label %object
object:
  %kind.at = getelementptr i8, ptr %x, i64 TYPE
  %kind = load i64, ptr %kind.at
  %is.float = icmp eq i64 %kind, %float.class
  br i1 %is.float, label %float, label %else
float:
  %number.at = getelementptr i8, ptr %x, i64 NUMBER
  %number = load double, ptr %number.at
  br label %known.number
"""

_READ = """
else:
  br label %other
known.number:
  %out.at = getelementptr double, ptr %out, i64 %i
  store double %number, ptr %out.at
  br label %next
next:
  %i.next = add i64 %i, 1
  br label %test
all:
  ret i64 1
other:
  ret i64 0
}
"""

# First all new floats are made, then they are put into the places of the old ones.
_ADD = """
else:                                     ; the int 0 of a node without a gradient
  %x.word = ptrtoint ptr %x to i64
  %is.zero = icmp eq i64 %x.word, %zero
  br i1 %is.zero, label %known.number, label %other
known.number:
  %before = phi double [%number, %float], [0.0, %else]
  %slope.at = getelementptr double, ptr %slopes, i64 %i
  %slope = load double, ptr %slope.at
  %passed = fmul double %upstream, %slope
  %sum = fadd double %before, %passed
  %new = call ptr %make(double %sum)
  %no.memory = icmp eq ptr %new, null
  br i1 %no.memory, label %other, label %next
next:
  %new.at = getelementptr ptr, ptr %out, i64 %i
  store ptr %new, ptr %new.at
  %i.next = add i64 %i, 1
  br label %test

all:
  br label %put
put:
  %j = phi i64 [0, %all], [%j.next, %put.one]
  %j.more = icmp ult i64 %j, %count
  br i1 %j.more, label %put.one, label %done
put.one:
  %into.at = getelementptr ptr, ptr %values, i64 %j
  %into = load ptr, ptr %into.at
  %place = getelementptr i8, ptr %into, i64 %slot
  %old = load ptr, ptr %place
  %made.at = getelementptr ptr, ptr %out, i64 %j
  %made = load ptr, ptr %made.at
  store ptr %made, ptr %place
  call void %drop(ptr %old)
  %j.next = add i64 %j, 1
  br label %put
done:
  ret i64 1

other:
  br label %back
back:
  %b = phi i64 [0, %other], [%b.next, %back.one]
  %b.more = icmp ult i64 %b, %i
  br i1 %b.more, label %back.one, label %none
back.one:
  %vain.at = getelementptr ptr, ptr %out, i64 %b
  %vain = load ptr, ptr %vain.at
  call void %drop(ptr %vain)
  %b.next = add i64 %b, 1
  br label %back
none:
  ret i64 0
}
"""
