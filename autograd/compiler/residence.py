"""Numbers of Values that stay in the memory of machine code from call to call, until somebody looks at one of them.

A step of training changes thousands of parameters, and the next step is usually the only one to read them.  To write
each into its Value would take 30 times as long as to compute them.  So after the call they stay where the machine code
left them, and meanwhile the class of these Values is a subclass whose ``data`` and ``grad`` are properties:

    p.data        of any of them: all numbers are written where they belong, all are plain Values again,
                  and then it is what it says

So nobody can see an old number, through whichever door they come: eager code, another compiled function, a copy, a
pickle, a picture.  A Value keeps its identity; ``type(p)`` tells the difference, ``isinstance(p, Value)`` does not.
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
    """The step that has numbers in its memory."""

    values: list[Value]  # the Values that some of them belong to
    data: list[Value]  # those whose data it has
    grads: list[Value]  # those whose gradient it has

    def numbers(self) -> tuple[Iterator[float], Iterator[float], list[Iterator[list[Any]]]]:
        """The data, the gradients, and each deferred list, which are read when somebody asks for the first."""


class _Slot(NamedTuple):
    """A deferred list: where it stands, and what stands there meanwhile."""

    space: dict[str, Any]
    key: str
    deferred: Deferred


class Residence:
    """The numbers of one compiled function that are in the memory of machine code."""

    def __init__(self) -> None:
        self.lock = RLock()  # held by the thread that reads or changes them
        self.ahead: Resident | None = None  # the machine code that has them; None if all numbers are in their Values
        # The Values whose gradient the call sets to the same number each time, such as 0, and these numbers.
        self.constants: tuple[Sequence[Value], Sequence[Any]] = ((), ())
        self.running = False  # whether the machine code is in the middle of a call
        self.kind = _kind(self)  # the class of the Values as long as ``ahead`` has their numbers
        # The memory of the machine code, one for each set of numbers that recordings of the function keep.
        self.homes: list[Resident] = []
        self._slots: list[_Slot] = []
        self._disturbed = False  # whether somebody looked in the middle of a call
        renew_in_child(self, "lock", RLock)
        renew_in_child(self, "running", bool)  # nothing is running there

    # ---- in and out ------------------------------------------------------------------------------------------------
    def entered(self, resident: Resident, places: Sequence[Any]) -> Iterator[Any]:
        """The calls after which the numbers are in the memory of the machine code, and nowhere else."""
        self._slots = [
            _Slot(place.space, place.key, Deferred(partial(self._list, k))) for k, place in enumerate(places)
        ]
        return chain(
            map(setattr, (self,), ("ahead",), (resident,)),
            map(_set_class, resident.values, repeat(self.kind)),
            map(set_data, resident.data, repeat(None)),  # whoever comes past the properties finds no old number
            map(set_grad, resident.grads, repeat(None)),
            *[map(slot.space.__setitem__, (slot.key,), (slot.deferred,)) for slot in self._slots],
        )

    def stopped(self) -> None:
        """The machine code is no longer in the middle of a call."""
        self.running = False
        if self._disturbed and self.ahead is not None:
            self._disturbed = False
            for slot in self._slots:
                slot.space[slot.key] = slot.deferred

    def defers(self) -> bool:
        """Whether all deferred lists are still deferred: somebody may have put others there."""
        for slot in self._slots:  # noqa: SIM110 - 3x faster than all() of a generator
            if slot.space.get(slot.key) is not slot.deferred:
                return False
        return True

    def release(self) -> None:
        """Write all numbers where they belong.

        By one call into C, which Ctrl-C cannot split: until the end of it what the machine code has is what counts.
        """
        with self.lock:
            if self.ahead is not None:
                with collector_paused():
                    deque(chain.from_iterable(self._released(self.ahead)), maxlen=0)

    def _released(self, resident: Resident) -> list[Iterator[Any]]:
        data, grads, lists = resident.numbers()
        calls = [put_back(resident, data, grads, self.constants)]
        if self.running:  # somebody looks in the middle of a call, in a handler of a signal: the call goes on
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
        """A deferred list, for somebody who asks for it."""
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
    """The calls that write numbers into their Values."""
    return chain(map(set_data, resident.data, data), map(set_grad, resident.grads, grads), map(set_grad, *constants))


def _kind(residence: Residence) -> type[Value]:
    """The class of Values whose numbers are there."""

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
    """Where the numbers of some objects may be, if they are Values."""
    kinds = {kind for kind in {*map(type, values)} if issubclass(kind, Value)}
    return {kind._residence for kind in kinds if hasattr(kind, "_residence")}


def settle(values: Iterable[Any]) -> None:
    """Let these have their own numbers, if they are Values: before they are written past their properties."""
    for residence in residences_of(values):
        residence.release()
