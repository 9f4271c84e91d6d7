"""Objects outside of a function that are looked at before each call: are they the same as when it was recorded?

A function may see thousands of objects, most of them Values in the lists of a model.  So they are compared by a handful
of calls into C, and one by one only where these find a difference.  What machine code can compare by itself is said by
``Look``s: then it looks, and not Python.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from operator import is_, itemgetter
from typing import Any, NamedTuple

from autograd.trees import put_entries
from autograd.value import Value

ATOMS = (int, float, complex, str, bytes, range, type(None), type(...), type(NotImplemented))
_NUMBERS = {int, float, bool, complex}
_MANAGED_DICT = 1 << 4  # CPython's Py_TPFLAGS_MANAGED_DICT
_WORD = tuple.__itemsize__
Freed = Mapping[int, set[Any]]  # by the id of a container, the keys whose objects somebody else looks at


class _NoKey:
    """In the place of the key of an object that cannot be set, such as the class of an object."""


class _Any:
    """In the place of an object that may be any."""


class _Unset:
    """In the place of an object that the function may replace, and does not read, while it is recorded."""


NO_KEY = _NoKey()
ANY = _Any()
UNSET = _Unset()


class Look(NamedTuple):
    """Objects that machine code can find and compare by itself: what a container held."""

    # "list" for all its members, "dict" for all its entries in order, "names" for some; "class" for the class of an
    # object, "attributes" for its dictionary, "cell" for what a name of an enclosing function stands for, "code",
    # "defaults" and "kwdefaults" for those of a function.
    kind: str
    container: Any  # the list, dictionary, object, name or function
    keys: Sequence[Any]  # those of a dictionary
    # What was there, NO_KEY for a key that was not there, ANY for a key that may stand for anything.
    expected: Sequence[Any]


class Difference(NamedTuple):
    """An object outside that is another one now: where it is, its name, and both."""

    space: Any
    key: Any
    name: str
    seen: Any
    now: Any


class Watch:
    """Some objects that are looked at: how to find them, and which they were.

    Args:
        names: The name of each, or one for all.
        find: A function that finds them.
        space: The container that they are in.
        keys: The key of each object there, NO_KEY where it has none; a range if these are all members of a list.
        put: A function that puts them back as they were.
        looks: The same for machine code; nothing if it cannot do it.
    """

    __slots__ = ("find", "identical", "keys", "looks", "names", "put", "seen", "space")

    def __init__(
        self,
        names: str | list[str],
        find: Callable[[], Any],
        space: Any = None,
        keys: Sequence[Any] = (),
        put: Callable[[], object] | None = None,
        looks: Sequence[Look] = (),
    ) -> None:
        self.names, self.find, self.space, self.keys = names, find, space, keys
        self.put, self.looks, self.seen = put, looks, find()
        # Values are equal if they are identical, and lists compare identities first: 10x faster than one by one.
        self.identical = len(self.seen) > 8 and {*map(type, self.seen)} == {Value}

    def holds(self) -> bool:
        """Whether all objects are the same."""
        now, seen = self.find(), self.seen
        if self.identical:
            return bool(now == seen)
        if len(now) != len(seen):
            return False
        return all(map(is_, now, seen)) or all(map(_same, now, seen))

    def _others(self) -> list[tuple[int, Any, Any]] | None:
        """The objects that are other ones now, with their numbers; None if there are more or fewer objects."""
        now, seen = self.find(), self.seen
        if len(now) != len(seen):
            return None
        return [(k, *pair) for k, pair in enumerate(zip(seen, now)) if not _same(*pair)]

    def holds_but_for_numbers(self) -> bool:
        """Whether all that is another object now is a number, and was one."""
        others = [] if self.holds() else self._others()
        found = [*self.find(), *self.seen] if others is None else [x for _, *pair in others for x in pair]
        return _NUMBERS.issuperset(map(type, found)) and (others is not None or len(self.find()) > 0)

    def changed(self) -> str:
        """The name of an object that is another one now; empty if there is none."""
        if self.holds():
            return ""
        others = self._others() if isinstance(self.names, list) else ()
        return self.names[others[0][0]] if others else str(self.names)

    def differences(self) -> list[Difference] | None:
        """The objects that are other ones now; None if it is not known where they are, or there are more or fewer."""
        if self.holds():
            return []
        others = self._others()
        known = self.space is not None and len(self.keys) == len(self.seen)
        if others is None or not known or any(self.keys[k] is NO_KEY for k, _, _ in others):
            return None
        name = self.changed()
        return [Difference(self.space, self.keys[k], name, seen, now) for k, seen, now in others]

    def put_back(self) -> None:
        """Put the objects back that are other ones now."""
        if self.put is not None and not self.holds():
            self.put()


def _same(now: Any, seen: Any) -> bool:
    """Whether two objects are the same to a function: the same object, or the same number or text."""
    if now is seen:
        return True
    plain = isinstance(now, ATOMS) and type(now) is type(seen)
    return plain and bool(now == seen or now != now) and repr(now) == repr(seen)


# ---- what there is to watch: how it is found, and how it is put back -------------------------------------------------
def of_members(name: str, x: Any, freed: Freed) -> Watch:
    """All members of a list, a deque or a set."""
    before, free = list(x), freed.get(id(x), set())

    def put() -> None:
        if isinstance(x, list):
            x[:] = before
        else:
            x.clear()
            x.extend(before) if isinstance(x, deque) else x.update(before)

    keys = range(len(x)) if isinstance(x, (list, deque)) else ()
    if free.issuperset(keys) and free:  # 20x faster than object by object
        return Watch(name, lambda: (len(x) == len(before),), x, [NO_KEY], put)  # a truth is one object, ints are many
    if free:
        return Watch(name, lambda: [None if k in free else item for k, item in enumerate(x)], x, [*keys], put)
    return Watch(name, partial(list, x), x, keys, put, [Look("list", x, (), before)] if type(x) is list else ())


def of_entries(name: str, space: Any, freed: Freed, owner: Any = None) -> Watch:
    """The class of an owner, all keys of a dictionary, then all that they stand for.

    Nothing if these are the attributes of the owner, and it has another dictionary now.
    """
    before, free = {**space}, freed.get(id(space), set())

    def find() -> list[Any]:
        if owner is not None and owner.__dict__ is not space:
            return []
        values = [None if key in free else x for key, x in space.items()] if free else space.values()
        return [owner.__class__, *space, *values]

    def put() -> None:  # the class stays
        if isinstance(space, dict):
            space.clear()
            put_entries(space, before.items())

    keys = [NO_KEY, *[NO_KEY] * len(before), *before]
    expected = [ANY if key in free else x for key, x in before.items()]
    looks = with_class(owner, [Look("dict", space, [*before], expected)]) if type(space) is dict else ()
    return Watch(name, find, space, keys, put, looks)


def of_slots(prefix: str, x: Any, slots: Sequence[str], freed: Freed) -> Watch:
    """What some slots of an object hold."""
    slots = [name for name in slots if name not in freed.get(id(x), ())]
    before = [getattr(x, name, None) for name in slots]

    def find() -> list[Any]:
        return [getattr(x, name, None) for name in slots]

    def put() -> None:
        for name, y in zip(slots, before):
            if y is not getattr(x, name, None):
                setattr(x, name, y)

    return Watch([prefix + name for name in slots], find, x, slots, put)


def of_names(prefix: str, names: set[str], space: Any, freed: Freed, owner: Any = None) -> Watch:
    """What some names of a namespace stand for, and that the others are not there; and the class of its owner.

    Nothing if one of them is missing, if one is there that was absent, or if the owner has another namespace now.
    """
    of_class = isinstance(owner, type)  # whose namespace can be read only
    place = owner if of_class else space
    names = names.difference(freed.get(id(place), ()))
    before = {name: x for name, x in space.items() if name in names}
    absent = names.difference(before)
    get = itemgetter(*before) if len(before) > 1 else lambda space: [space[name] for name in before]

    def find() -> tuple[Any, ...]:
        moved = owner is not None and not of_class and owner.__dict__ is not space
        if moved or not space.keys().isdisjoint(absent):
            return ()
        try:
            return (owner.__class__, *get(space))
        except KeyError:
            return ()

    def put() -> None:
        for name in absent & space.keys():
            delattr(owner, name) if of_class else space.pop(name)
        for name, x in before.items():
            if not of_class:
                space[name] = x
            elif space.get(name) is not x:
                setattr(owner, name, x)

    looks: Sequence[Look] = ()
    if type(space) is dict:
        expected = [*before.values(), *[NO_KEY] * len(absent)]
        looks = with_class(owner, [Look("names", space, [*before, *absent], expected)])
    written = [prefix.rstrip("."), *[prefix + name for name in before]]
    return Watch(written, find, place, [NO_KEY, *before], put, looks)


def of_cell(name: str, cell: Any, freed: Freed) -> Watch | None:
    """What a name of an enclosing function stands for; None if somebody else looks at that."""
    if id(cell) in freed:
        return None
    now = content(cell)
    looks = [] if now is None else [Look("cell", cell, (), (now,))]
    put = partial(setattr, cell, "cell_contents", now)
    return Watch([name], lambda: (content(cell),), cell, ["cell_contents"], put, looks)


def of_module(name: str) -> Watch:
    """The module of this name, which may not be imported yet; one that the function imports stays imported."""
    now = sys.modules.get(name, NO_KEY)
    return Watch(name, lambda: (sys.modules.get(name, NO_KEY),), looks=[Look("names", sys.modules, [name], [now])])


def content(cell: Any) -> Any:
    """What a name of an enclosing function stands for; None if that is not known yet."""
    try:
        return cell.cell_contents
    except ValueError:  # the name has no object yet: the function's own, while it is being defined
        return None


def with_class(x: Any, looks: list[Look]) -> list[Look]:
    """With a look at the class of an object and at its dictionary, if these looks are at an object's attributes.

    Nothing if the object claims to be of another class, or if nobody knows where it keeps its dictionary.
    """
    if x is None:
        return looks
    if x.__class__ is not type(x) or offset_of_attributes(x) is None:
        return []
    return [Look("class", x, (), (type(x),)), Look("attributes", x, (), (x.__dict__,)), *looks]


def offset_of_attributes(x: Any) -> int | None:
    """Where an object keeps the address of its dictionary, in bytes from its own; None if that is not known.

    From Python 3.11 on that is in front of most objects, and there is nothing before somebody asks for the dictionary.
    Builds without the interpreter lock, whose objects begin with a longer head, have another order there.
    """
    if sys.version_info >= (3, 11) and type(x).__flags__ & _MANAGED_DICT:
        return -3 * _WORD if object.__basicsize__ == 2 * _WORD else None
    offset = type(x).__dictoffset__
    return offset if offset > 0 else None


# ---- names that code sets and never reads, which nobody watches ------------------------------------------------------
def of_unread(spaces: Iterable[tuple[dict[str, Any], str]], names: Collection[str]) -> list[Difference]:
    """What these names stand for in some namespaces: NO_KEY where there is nothing yet."""
    places = [(space, name, prefix + name) for space, prefix in spaces for name in names]
    return [Difference(space, name, text, now := space.get(name, NO_KEY), now) for space, name, text in places]


def put_back_unread(unread: Iterable[Difference]) -> None:
    """Put the objects back that these names stood for."""
    for space, key, _, seen, _ in unread:
        if seen is NO_KEY:
            space.pop(key, None)
        else:
            space[key] = seen
