"""Lists outside to which a function only appends numbers: a history of losses, say.

    losses.append(loss.data)        while it is recorded: a stand-in for the list notes what is appended
                                    a call: the list gets this call's number, whatever is in it

The stand-in tells when anything else is done with the list.  Then its length and its members are part of what the
function computes, which a program cannot know: such a function runs without the compiler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from operator import is_
from typing import Any, NoReturn

from autograd.compiler.recording.looks import NO_KEY
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.written import NotReplayableError, Place, put_all

__all__ = ["Log", "Logs", "grown"]


class Log:
    """In the place of a list or a deque while a function is recorded."""

    def __init__(self, target: Any, name: str) -> None:
        self._target, self._name, self._read = target, name, False
        self._items: list[Any] = []

    def append(self, x: Any) -> None:
        """Note one more member."""
        self._items.append(x)

    def extend(self, xs: Iterable[Any]) -> None:
        """Note several."""
        self._items.extend(xs)

    def __iadd__(self, xs: Iterable[Any]) -> Log:
        self._items.extend(xs)
        return self

    @property  # type: ignore[misc]  # isinstance(log, list) holds, and the cases of a match for lists ask for its length
    def __class__(self) -> Any:
        return type(self._target)

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(self)


def _refuse(log: Log, *_: Any) -> NoReturn:
    log._read = True
    raise _is_read(log._name)


def _is_read(name: str) -> NotReplayableError:
    return NotReplayableError(
        f"appends to {name} and also reads it or changes it in another way: do one of the two after the call, with "
        "what the function returns"
    )


_REFUSED = (
    "len iter getitem setitem delitem contains reversed bool eq ne lt le gt ge hash add radd mul rmul imul repr str "
    "format reduce reduce_ex dir copy sizeof"
)
for _name in _REFUSED.split():
    setattr(Log, f"__{_name}__", _refuse)
Sequence.register(Log)


class Logs:
    """The lists to which a function appends, while it is recorded."""

    def __init__(self, outside: Outside, targets: Iterable[tuple[Any, str]]) -> None:
        self._logs = [Log(target, name) for target, name in targets]
        self._places = [_places_of(log._target, outside) for log in self._logs]

    def install(self) -> None:
        """Put the stand-ins into the places of the lists.

        Raises:
            NotReplayableError: A list is also where nothing can be put, such as in a tuple.
        """
        for log, places in zip(self._logs, self._places):
            if places is None:
                raise NotReplayableError(f"appends to {log._name}, which it also knows by another way: use one of them")
            put_all(places, [log] * len(places))

    def remove(self) -> list[tuple[Any, str, list[Any]]]:
        """Put the lists back where the function left the stand-ins, and return what is to be appended to each.

        Raises:
            NotReplayableError: A list was used otherwise.
        """
        for log, places in zip(self._logs, self._places):
            left = [place for place in places or () if place.get() is log]
            put_all(left, [log._target] * len(left))
            if log._read:
                raise _is_read(log._name)
        return [(log._target, log._name, log._items) for log in self._logs if log._items]


def grown(outside: Outside) -> list[tuple[Any, str]]:
    """The lists that have more members at the end than they had, and are the same otherwise; their names."""
    lists = [watch for watch in outside.watches if watch.reads_all and type(watch.space) in (list, deque)]
    return [(x.space, str(x.names)) for x in lists if len(x.space) > len(x.seen) and all(map(is_, x.space, x.seen))]


def _places_of(target: Any, outside: Outside) -> list[Place] | None:
    """Where a list stands; None if there are other ways to it."""
    found = {}
    for watch in outside.watches:
        if not watch.identical and len(watch.keys) == len(watch.seen):
            for key, x in zip(watch.keys, watch.seen):
                if x is target and key is not NO_KEY:
                    found[id(watch.space), key] = Place(watch.space, key, str(watch.names))
    return [*found.values()] if len(found) == outside.met.get(id(target), 0) else None
