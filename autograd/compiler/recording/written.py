"""What a call leaves outside: numbers in places, made from those that the program computes, and put there at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import setitem
from typing import Any, NamedTuple

from autograd.compiler.recording.traced import TracedFloat
from autograd.elementwise import Deferred
from autograd.errors import CompileError
from autograd.ops import Traced
from autograd.value import Value


class _End:
    """Stands for the key of a member that is appended to a list."""


END = _End()
PLAIN = (int, float, str, bool, bytes, type(None))


class NotReplayableError(CompileError):
    """Something that a program cannot do: the call runs without the compiler."""


def no_number(name: str) -> NotReplayableError:
    return NotReplayableError(
        f"keeps something new in {name} that is no number: set .data of the Values that are there, or the members of "
        "the list; append the .data of a Value"
    )


class Place(NamedTuple):
    """Where a number is kept: a list or dictionary and the key, or an object and the name of an attribute."""

    space: Any
    key: Any
    name: str

    @property
    def is_item(self) -> bool:
        """Whether it is in a list or a dictionary."""
        return isinstance(self.space, (list, deque, dict))

    def is_there(self) -> bool:
        """Whether there is anything: an entry can be deleted, and a list can get shorter."""
        try:
            self.get()
        except (LookupError, AttributeError):
            return False
        return True

    def get(self) -> Any:
        """What is there."""
        if self.key is END:
            return self.space
        found = self.space[self.key] if self.is_item else getattr(self.space, self.key)
        return found.fetch() if found.__class__ is Deferred else found


class _Sides:
    """Puts objects into places: into lists and dictionaries by one call into C, into attributes by another."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._sides = []
        for put, is_item in ((setitem, True), (setattr, False)):
            here = [k for k, place in enumerate(places) if place.is_item is is_item]
            if here:
                self._sides.append((put, here, [places[k].space for k in here], [places[k].key for k in here]))

    def calls(self, objects: Sequence[Any]) -> Iterator[Any]:
        """The calls that put one object into each place."""
        if len(self._sides) == 1:
            put, _, spaces, keys = self._sides[0]
            return map(put, spaces, keys, objects)
        return chain.from_iterable(
            [map(put, spaces, keys, [objects[k] for k in here]) for put, here, spaces, keys in self._sides]
        )


def put_all(places: Sequence[Place], objects: Sequence[Any]) -> None:
    """Put objects into places, by one call into C that Ctrl-C cannot split."""
    deque(_Sides(places).calls(objects), maxlen=0)


class Part(NamedTuple):
    """The object that a function leaves in one place."""

    place: Place
    make: Callable[[Iterator[float]], Any]  # makes it from the numbers that the next ones of an iterator are
    nodes: list[Value]  # the numbers to compute
    width: int | None  # of a list of tuples of floats their length; 0 for one float; None for anything else


class Written:
    """The objects that a function leaves in places outside.

    Args:
        outside: The objects that were outside before, by id.
    """

    def __init__(self, outside: Mapping[int, Any]) -> None:
        self.parts: list[Part] = []
        self._outside = outside

    @property
    def any(self) -> bool:
        """Whether there is something."""
        return bool(self.parts)

    @property
    def nodes(self) -> list[Value]:
        """The numbers to compute."""
        return [node for part in self.parts for node in part.nodes]

    def add(self, place: Place, now: Any) -> None:
        """Note what is in a place now."""
        nodes: list[Value] = []
        make = self._maker(place, now, nodes)
        width = len(now[0]) if _is_rows(now) else 0 if type(now) is TracedFloat else None
        self.parts.append(Part(place, make, nodes, width))

    def _maker(self, place: Place, now: Any, nodes: list[Value]) -> Callable[[Iterator[float]], Any]:
        """A function that makes such an object of other numbers; the nodes of its numbers are added to ``nodes``."""
        if isinstance(now, Traced):
            nodes.append(now.node)
            kind: Any = now.__class__
            return next if kind is float else lambda numbers: kind(next(numbers))
        if type(now) in PLAIN:
            return lambda numbers: now
        if type(now) in (list, dict) and id(now) in self._outside:  # each call would put a new one there
            raise NotReplayableError(f"keeps in {place.name} a list or dictionary that is elsewhere, too: keep a copy")
        if _is_rows(now):
            width, flat = len(now[0]), list(chain.from_iterable(now))
            count = len(flat)
            nodes += [x.node for x in flat]
            return lambda numbers: list(zip(*[islice(numbers, count)] * width))
        if type(now) in (list, tuple):
            kind, parts = type(now), [self._maker(place, item, nodes) for item in now]
            return lambda numbers: kind([make(numbers) for make in parts])
        if type(now) is dict:
            entries = {key: self._maker(place, item, nodes) for key, item in now.items()}
            return lambda numbers: {key: make(numbers) for key, make in entries.items()}
        raise no_number(place.name)


class Puts:
    """Puts numbers into some places."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._makes = [part.make for part in parts]
        self._ends = [(k, part.place.space.extend) for k, part in enumerate(parts) if part.place.key is END]
        self._inside = [k for k, part in enumerate(parts) if part.place.key is not END]
        self._sides = _Sides([parts[k].place for k in self._inside])

    def calls(self, numbers: Sequence[float]) -> Iterator[Any]:
        """The calls that put them there, which makes what consists of several numbers at once."""
        supply = iter(numbers)
        objects = [make(supply) for make in self._makes]
        inside = [objects[k] for k in self._inside] if self._ends else objects
        return chain(self._sides.calls(inside), *[map(extend, (objects[k],)) for k, extend in self._ends])


def _is_rows(now: Any) -> bool:
    """Whether it is a list of tuples of floats, all of one length, as an optimiser's state is."""
    if type(now) is not list or not now or not all(type(item) is tuple for item in now):
        return False
    return (
        bool(now[0])
        and {*map(len, now)} == {len(now[0])}
        and all(type(x) is TracedFloat for x in chain.from_iterable(now))
    )
