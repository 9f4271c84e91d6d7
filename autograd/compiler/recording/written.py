"""What a call leaves outside: numbers in places, made from those that the program computes, and put there at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from operator import setitem
from typing import Any, NamedTuple

from autograd.compiler.recording.traced import TracedFloat
from autograd.elementwise import Deferred
from autograd.errors import CompileError
from autograd.ops import Traced
from autograd.trees import FIXED, flatten, rebuild
from autograd.value import Value


class _End:
    """Stands for the key of a member that is appended to a list."""


END = _End()
PLAIN = (int, float, str, bool, bytes, type(None))
_call: Any = partial.__call__  # in C


class NotReplayableError(CompileError):
    """Something that a program cannot do: the call runs without the compiler."""


def no_number(name: str) -> NotReplayableError:
    return NotReplayableError(
        f"stores something new in {name} that is no number: set .data of the Values that are there, or the members of "
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

    def get(self) -> Any:
        """What is there.

        Raises:
            LookupError, AttributeError: There is nothing: an entry can be deleted, and a list can get shorter.
        """
        if self.key is END:
            return self.space
        found = self.space[self.key] if self.is_item else getattr(self.space, self.key)
        return found.fetch() if found.__class__ is Deferred else found

    def is_there(self) -> bool:
        """Whether there is anything."""
        try:
            self.get()
        except (LookupError, AttributeError):
            return False
        return True

    @property
    def put(self) -> partial[Any]:
        """A function that puts an object there."""
        if self.key is END:
            return partial(self.space.extend)
        return partial(setitem if self.is_item else setattr, self.space, self.key)


def put_all(places: Sequence[Place], objects: Sequence[Any]) -> None:
    """Put objects into places, by one call into C that Ctrl-C cannot split."""
    deque(map(_call, [place.put for place in places], objects), maxlen=0)


class Part(NamedTuple):
    """The object that a function leaves in one place."""

    place: Place
    make: Callable[[Iterator[float]], Any]  # makes it from the numbers that the next ones of an iterator are
    nodes: list[Value]  # the numbers to compute
    width: int | None  # of a list of tuples of floats their length; 0 for one float; None for anything else


class Puts:
    """Puts numbers into some places."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self._makes, self._puts = [part.make for part in parts], [part.place.put for part in parts]

    def calls(self, numbers: Sequence[float]) -> Iterator[Any]:
        """The calls that put them there, which makes what consists of several numbers at once."""
        supply = iter(numbers)
        return map(_call, self._puts, [make(supply) for make in self._makes])


def part_of(place: Place, now: Any, outside: Mapping[int, Any]) -> Part:
    """What is to be left in a place, where this is now.

    Args:
        place: The place.
        now: What is there.
        outside: The objects that were outside before, by id.

    Raises:
        NotReplayableError: A program cannot make it.
    """
    if type(now) is TracedFloat:
        return Part(place, next, [now.node], 0)
    if (flat := in_rows(now, TracedFloat)) is not None and id(now) not in outside:
        width, count = len(now[0]), len(flat)
        return Part(place, lambda numbers: list(zip(*[islice(numbers, count)] * width)), [x.node for x in flat], width)
    _check(place, now, outside)
    leaves = [x for x in flatten(now) if not isinstance(x, FIXED)]
    kinds: list[Any] = [x.__class__ if isinstance(x, Traced) else None for x in leaves]

    def make(numbers: Iterator[float]) -> Any:
        return rebuild(now, [x if kind is None else kind(next(numbers)) for x, kind in zip(leaves, kinds)])

    return Part(place, make, [x.node for x in leaves if isinstance(x, Traced)], None)


def _check(place: Place, now: Any, outside: Mapping[int, Any]) -> None:
    """Refuse what a program cannot make of numbers."""
    if isinstance(now, Traced) or type(now) in PLAIN:
        return
    if type(now) not in (list, tuple, dict):
        raise no_number(place.name)
    if type(now) is not tuple and id(now) in outside:  # each call would put a new one there
        raise NotReplayableError(f"stores in {place.name} a list or dictionary that is also elsewhere: store a copy")
    for item in now.values() if type(now) is dict else now:
        _check(place, item, outside)


def in_rows(x: Any, kind: type) -> list[Any] | None:
    """What is in a list of tuples of one length, if all is of one kind, as an optimiser's state is: 10x faster."""
    if type(x) is list and {*map(type, x)} == {tuple} and len({*map(len, x)}) == 1:
        found = list(chain.from_iterable(x))
        return found if {*map(type, found)} == {kind} else None
    return None
