"""Numbers of Values that stay in the memory of machine code from call to call, until somebody looks at one of them.

A training step changes thousands of parameters, and usually only the next step reads them.  Writing each number into
its Value would take 30 times as long as computing it.  So the numbers stay where the machine code left them, and these
Values get another class for that time: a subclass of ``Value`` whose ``data`` and ``grad`` are properties.  Reading any
of these properties first writes all numbers back and makes all Values plain again, and then returns the number.

So nobody can see an old number: neither eager code, nor another compiled function, a copy, a pickle or a picture.  A
Value keeps its identity; ``type(p)`` tells the difference, ``isinstance(p, Value)`` does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat, tee
from threading import RLock
from typing import Any, NamedTuple, Protocol

from autograd.collector import collector_paused
from autograd.elementwise import Deferred
from autograd.locks import renew_in_child
from autograd.value import Value

set_data, set_grad = vars(Value)["_data"].__set__, vars(Value)["grad"].__set__
_set_class = vars(object)["__class__"].__set__


class Resident(Protocol):
    """A compiled step that keeps numbers in its memory."""

    values: list[Value]  # all Values that have a number there
    data: list[Value]  # the Values whose data is there
    grads: list[Value]  # the Values whose gradient is there

    def numbers(self) -> tuple[Iterator[float], Iterator[float], list[Iterator[list[Any]]]]:
        """The data, the gradients, and each deferred list; the memory is read when the first iterator advances."""


class _Slot(NamedTuple):
    """An attribute whose list is in the memory of machine code, and the ``Deferred`` that stands in for it."""

    space: dict[str, Any]
    key: str
    deferred: Deferred


class Residence:
    """The numbers of one compiled function that are in the memory of machine code."""

    def __init__(self) -> None:
        self.lock = RLock()  # held by the thread that reads or changes the numbers
        self.ahead: Resident | None = None  # the step that has the numbers; None if the Values have them
        # The Values whose gradient each call sets to the same number, such as 0, and these numbers.
        self.constants: tuple[Sequence[Value], Sequence[Any]] = ((), ())
        self.running = False  # whether the machine code is in the middle of a call
        self.kind = _kind(self)  # the class of the Values while ``ahead`` has their numbers
        self.homes: list[Resident] = []  # the memories: one for each set of numbers that recordings hold
        self._slots: list[_Slot] = []
        self._disturbed = False  # whether somebody looked in the middle of a call
        renew_in_child(self, "lock", RLock)
        renew_in_child(self, "running", bool)  # no call is running in a forked process

    # ---- in and out ------------------------------------------------------------------------------------------------
    def entered(self, resident: Resident, places: Sequence[Any]) -> Iterator[Any]:
        """The assignments that hand the numbers over to the machine code, as an iterator that makes them one by one."""
        self._slots = [
            _Slot(place.space, place.key, Deferred(partial(self._list, k))) for k, place in enumerate(places)
        ]
        return chain(
            map(setattr, (self,), ("ahead",), (resident,)),
            map(_set_class, resident.values, repeat(self.kind)),
            map(set_data, resident.data, repeat(None)),  # code that bypasses the properties finds no old number
            map(set_grad, resident.grads, repeat(None)),
            *[map(slot.space.__setitem__, (slot.key,), (slot.deferred,)) for slot in self._slots],
        )

    def stopped(self) -> None:
        """Note that the call of the machine code has ended."""
        self.running = False
        if self._disturbed and self.ahead is not None:
            self._disturbed = False
            for slot in self._slots:
                slot.space[slot.key] = slot.deferred

    def defers(self) -> bool:
        """Whether every slot still holds its ``Deferred``: somebody may have assigned another list."""
        for slot in self._slots:  # noqa: SIM110 - 3x faster than all() of a generator
            if slot.space.get(slot.key) is not slot.deferred:
                return False
        return True

    def release(self) -> None:
        """Write all numbers back into their Values and lists.

        One call into C does it, which Ctrl-C cannot interrupt.  Until its end, the numbers in the machine code count.
        """
        with self.lock:
            if self.ahead is not None:
                with collector_paused():
                    deque(chain.from_iterable(self._released(self.ahead)), maxlen=0)

    def _released(self, resident: Resident) -> list[Iterator[Any]]:
        data, grads, lists = resident.numbers()
        calls = [put_back(resident, data, grads, self.constants)]
        if self.running:  # a signal handler looks at a number in the middle of a call: the call goes on afterwards
            self._disturbed = True
            return calls
        for (space, key, deferred), found in zip(self._slots, lists):
            once, again = tee(found)
            calls.append(map(setattr, (deferred,), ("found",), once))
            if space.get(key) is deferred:
                calls.append(map(space.__setitem__, (key,), again))
        calls.append(map(_set_class, resident.values, repeat(Value)))
        calls.append(map(setattr, (self,), ("ahead",), (None,)))
        return calls

    def _list(self, k: int) -> list[Any]:
        """The numbers of deferred list k, which somebody is reading."""
        with self.lock:
            deferred = self._slots[k].deferred
            if self.ahead is not None and self.running:
                return next(self.ahead.numbers()[2][k])
            self.release()
            assert deferred.found is not None
            return deferred.found


def put_back(
    resident: Resident,
    data: Iterator[float],
    grads: Iterator[float],
    constants: tuple[Sequence[Value], Sequence[Any]],
) -> Iterator[Any]:
    """The assignments that write numbers into their Values, as an iterator that makes them one by one."""
    return chain(map(set_data, resident.data, data), map(set_grad, resident.grads, grads), map(set_grad, *constants))


def _kind(residence: Residence) -> type[Value]:
    """The class of Values whose numbers are in the memory of machine code."""

    def watched(slot: Any) -> Any:
        def read(self: Value) -> Any:
            residence.release()
            return slot.__get__(self)

        def write(self: Value, x: Any) -> None:
            residence.release()
            slot.__set__(self, x)

        return property(read, write)

    def kind(self: Value) -> type[Value]:
        residence.release()
        return Value

    def set_kind(self: Value, kind: type[Value]) -> None:
        residence.release()
        _set_class(self, kind)

    body = {
        "__slots__": (),
        "__module__": Value.__module__,
        "__doc__": Value.__doc__,
        "__class__": property(kind, set_kind),
        "_data": watched(vars(Value)["_data"]),
        "grad": watched(vars(Value)["grad"]),
        "_residence": residence,
    }
    return type("Value", (Value,), body)


def residences_of(values: Iterable[Any]) -> set[Residence]:
    """The residences that may have numbers of these objects; only Values have numbers there."""
    kinds = {kind for kind in {*map(type, values)} if issubclass(kind, Value)}
    return {kind._residence for kind in kinds if hasattr(kind, "_residence")}


def settle(values: Iterable[Any]) -> None:
    """Write the numbers of these objects back, if they are Values: before code bypasses their properties."""
    for residence in residences_of(values):
        residence.release()
