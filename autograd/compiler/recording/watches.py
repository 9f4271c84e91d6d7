"""Objects outside of a function that are looked at before each call: are they the same as when it was recorded?

A function may see thousands of objects, most of them Values in the lists of a model.  So they are compared by a handful
of calls into C, and one by one only where these find a difference.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.compiler.backends import native_available
from autograd.compiler.recording.looks import NO_KEY, Look, without
from autograd.trees import put_entries
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.machine.identical import Comparison

__all__ = [
    "ATOMS",
    "Difference",
    "Looks",
    "Watch",
    "all_attributes",
    "content",
    "contents",
    "put_attributes",
    "put_bytes",
    "put_class",
    "put_content",
    "put_dict",
    "put_items",
    "put_machine_numbers",
    "put_slots",
    "put_variable",
    "some_attributes",
    "variable",
]

ATOMS = (int, float, complex, str, bytes, range, type(None), type(...), type(NotImplemented))


_PAYS = 20  # looks after which machine code is made for them
MANY = 64  # objects that it pays for: Python looks at as few in 2 us
_AGAIN = {1, 8, 64, 512}  # how often it has found a difference where there was none, when it is made anew


class Difference(NamedTuple):
    """An object outside that is another one now: where it is, its name, and both."""

    space: Any
    key: Any
    name: str
    seen: Any
    now: Any


class Watch:
    """Some objects that are looked at: how to find them, and which they were."""

    __slots__ = ("find", "first", "identical", "keys", "looks", "names", "put", "seen", "space")

    def __init__(
        self,
        names: str | list[str],
        find: Callable[[], Any],
        space: Any = None,
        keys: Sequence[Any] = (),
        put: Callable[[Any], None] | None = None,
        looks: Sequence[Look] = (),
    ) -> None:
        self.names, self.find = names, find
        self.looks = looks  # the same for machine code, if it can do it
        self.space, self.keys = space, keys  # the container, and the key of each object; NO_KEY where it has none
        self.put = put  # puts objects back as they were seen
        self.seen = self.first = find()
        # Values are equal if they are identical, and lists compare identities first: 10x faster than one by one.
        self.identical = len(self.seen) > 8 and {*map(type, self.seen)} == {Value}

    @property
    def reads_list(self) -> bool:
        """Whether it looks at all members of a list."""
        return self.reads_all and type(self.space) is list

    @property
    def reads_all(self) -> bool:
        """Whether it looks at all members of a list, a deque or a set."""
        return isinstance(self.find, partial) and self.find.func is list

    def holds(self) -> bool:
        """Whether all objects are the same."""
        now, seen = self.find(), self.seen
        if self.identical:
            return bool(now == seen)
        if len(now) != len(seen):
            return False
        return all(map(is_, now, seen)) or all(map(_same, now, seen))

    def changed(self) -> str:
        """The name of an object that is another one now; empty if there is none."""
        if self.holds():
            return ""
        pairs = zip(self.names, self.seen, self.find()) if isinstance(self.names, list) else ()
        return next((name for name, seen, now in pairs if not _same(now, seen)), str(self.names))

    def differences(self) -> list[Difference] | None:
        """The objects that are other ones now; None if it is not known where they are, or there are more or fewer."""
        if self.holds():
            return []
        now, seen = self.find(), self.seen
        if self.space is None or len(now) != len(seen) or len(self.keys) != len(seen):
            return None
        changed = [k for k, (x, y) in enumerate(zip(now, seen)) if not _same(x, y)]
        if any(self.keys[k] is NO_KEY for k in changed):
            return None
        name = self.changed()
        return [Difference(self.space, self.keys[k], name, seen[k], now[k]) for k in changed]

    def free(self, keys: set[Any]) -> None:
        """No longer look at what these keys stand for."""
        freed = [k for k, key in enumerate(self.keys) if key is not NO_KEY and key in keys]
        find = self.find
        if len(freed) == len(self.keys) and isinstance(self.space, list):  # 20x faster than object by object
            space, count = self.space, len(self.space)
            self._look_at(lambda: (len(space) == count,))  # a truth is one object, while ints above 256 are many
            self.keys = [NO_KEY]
        elif freed:

            def look() -> list[Any]:
                now = list(find())
                if len(now) == len(self.keys):
                    for k in freed:
                        now[k] = None
                return now

            looks = [without(x, keys) for x in self.looks]
            self._look_at(look)
            self.looks = looks if all(x.kind in ("class", "attributes", "names", "dict") for x in looks) else ()

    def put_back(self) -> None:
        """Put the objects back that are other ones now."""
        if self.put is not None and not self.holds():
            self.put(self.first)

    def _look_at(self, find: Callable[[], Any]) -> None:
        self.find, self.seen, self.identical, self.looks = find, find(), False, ()


class Looks:
    """Many watches at once, those that fail most often first: machine code looks where it can, Python at the rest."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        self._calls = self._vain = 0
        self._many = sum([len(watch.seen) for watch in watches]) >= MANY
        # The machine code, and the watches at which Python looks.
        self._parts: tuple[Comparison | None, Sequence[Watch]] = (None, watches)

    def hold(self) -> bool:
        """Whether everything is as it was."""
        if self._calls < _PAYS:
            self._calls += 1
            if self._calls == _PAYS and self._many:
                self._compile()
        comparison, rest = self._parts
        if comparison is None or comparison.holds():
            return all(map(Watch.holds, rest))
        if not all(map(Watch.holds, self._watches)):
            return False
        self._vain += 1
        if self._vain in _AGAIN:  # such as an object that has one more attribute, which the function does not name
            self._compile()
        return True

    def _compile(self) -> None:
        """From now on machine code compares what it can.

        What Python no longer looks at and what machine code looks at change in one assignment: another thread may ask
        meanwhile, and Ctrl-C may come.
        """
        if native_available(notice=False):
            from autograd.compiler.machine.identical import Comparison, can_compare

            if can_compare():
                looks = [look for watch in self._watches for look in watch.looks]
                looks += [Look("list", watch.space, (), watch.seen) for watch in self._watches if watch.reads_list]
                rest = [watch for watch in self._watches if not watch.looks and not watch.reads_list]
                self._parts = Comparison(looks), rest


def _same(now: Any, seen: Any) -> bool:
    """Whether two objects are the same to a function: the same object, or the same number or text."""
    if now is seen:
        return True
    plain = isinstance(now, ATOMS) and type(now) is type(seen)
    return plain and bool(now == seen or now != now) and repr(now) == repr(seen)


def all_attributes(x: Any, space: dict[str, Any]) -> list[Any]:
    """The class of an object, the names of its attributes and these; nothing if they are in another dictionary now."""
    return [x.__class__, *space, *space.values()] if x.__dict__ is space else []


def some_attributes(owner: Any, space: Any, find: Callable[[Any], Any], absent: set[str]) -> tuple[Any, ...]:
    """The class of the owner of a namespace, and what some names there stand for.

    Nothing if one of them is missing, if one is there that was absent, or if the owner has another namespace now.
    """
    if not space.keys().isdisjoint(absent):
        return ()
    if owner is not None and not isinstance(owner, type) and owner.__dict__ is not space:
        return ()
    try:
        return (owner.__class__, *find(space))
    except KeyError:
        return ()


def put_items(x: Any, seen: Any) -> None:
    """Put members back into a list, a deque or a set."""
    if isinstance(x, list):
        x[:] = seen
    else:
        x.clear()
        x.extend(seen) if isinstance(x, deque) else x.update(seen)


def put_dict(x: Any, seen: Any) -> None:
    """Put all keys and then all values back into a dictionary."""
    if isinstance(x, dict):
        x.clear()
        put_entries(x, zip(seen[: len(seen) // 2], seen[len(seen) // 2 :]))


def put_class(kind: type, absent: set[str], present: Sequence[str], seen: Any) -> None:
    """Put the attributes of a class back: those that were not there, and what the others stood for."""
    for name in absent & vars(kind).keys():
        delattr(kind, name)
    for name, x in zip(present, seen[1:]):
        if vars(kind).get(name) is not x:
            setattr(kind, name, x)


def put_slots(x: Any, slots: Sequence[str], seen: Any) -> None:
    """Put the attributes of an object with slots back."""
    for name, y in zip(slots, seen):
        if y is not getattr(x, name, None):
            setattr(x, name, y)


def put_variable(x: ContextVar[Any], before: Any, _: Any) -> None:
    """Let a context variable have the value that it had."""
    x.set(before)


def variable(x: ContextVar[Any]) -> Any:
    """The value of a context variable, or its default; None if it has neither."""
    try:
        return x.get()
    except LookupError:
        return None


def put_machine_numbers(x: Any, seen: Any) -> None:
    """Put numbers back into an array of Python's, or into a bytearray."""
    x[:] = array(x.typecode, seen[0]) if isinstance(x, array) else seen[0]


def put_attributes(space: dict[str, Any], seen: Any) -> None:
    """Put attributes back: the class, which stays, then all names, then all that they stand for."""
    count = len(seen) // 2
    space.clear()
    space.update(zip(seen[1 : 1 + count], seen[1 + count :]))


def put_bytes(x: Any, seen: Any) -> None:
    """Put numbers back into an array of numpy, whose own type knows how to read bytes."""
    import numpy as np

    x[...] = np.frombuffer(seen[1], dtype=x.dtype).reshape(x.shape)


def put_content(cell: Any, seen: Any) -> None:
    """Let a name of an enclosing function stand for what was seen."""
    cell.cell_contents = seen[0]


def contents(cell: Any) -> tuple[Any]:
    """What a name of an enclosing function stands for, as a list of one."""
    return (content(cell),)


def content(cell: Any) -> Any:
    """What a name of an enclosing function stands for; None if that is not known yet."""
    try:
        return cell.cell_contents
    except ValueError:  # the name has no object yet: the function's own, while it is being defined
        return None
