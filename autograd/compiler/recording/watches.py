"""Objects outside of a function that are looked at before each call: are they the same as when it was recorded?

A function may see thousands of objects, most of them Values in the lists of a model.  So they are compared by a handful
of calls into C, and one by one only where these find a difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.compiler.backends import native_available
from autograd.compiler.recording.looks import NO_KEY, Look, with_class, without
from autograd.trees import put_entries
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.machine.identical import Comparison

ATOMS = (int, float, complex, str, bytes, range, type(None), type(...), type(NotImplemented))
_NUMBERS = {int, float, bool, complex}


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

    def holds_but_for_numbers(self) -> bool:
        """Whether all that is another object now is a number, and was one."""
        if self.holds():
            return True
        now, seen = self.find(), self.seen
        if len(now) == len(seen):
            others = [x for pair in zip(now, seen) if not _same(*pair) for x in pair]
        else:
            others = [*now, *seen]
        return bool(now) and _NUMBERS.issuperset(map(type, others))

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


# ---- what there is to watch: how it is found, and how it is put back -------------------------------------------------
def of_members(name: str, x: Any) -> Watch:
    """All members of a list, a deque or a set."""

    def put(seen: Any) -> None:
        if isinstance(x, list):
            x[:] = seen
        else:
            x.clear()
            x.extend(seen) if isinstance(x, deque) else x.update(seen)

    return Watch(name, partial(list, x), x, range(len(x)) if isinstance(x, (list, deque)) else (), put)


def of_entries(name: str, x: Any) -> Watch:
    """All keys of a dictionary, then all that they stand for."""

    def put(seen: Any) -> None:
        if isinstance(x, dict):
            x.clear()
            put_entries(x, zip(seen[: len(seen) // 2], seen[len(seen) // 2 :]))

    looks = [Look("dict", x, [*x], [*x.values()])] if type(x) is dict else []
    return Watch(name, lambda: [*x, *x.values()], x, [*[NO_KEY] * len(x), *x], put, looks)


def of_attributes(name: str, x: Any, space: dict[str, Any]) -> Watch:
    """The class of an object, the names of all its attributes, and these; nothing if it has another dictionary now."""

    def put(seen: Any) -> None:  # the class stays
        count = len(seen) // 2
        space.clear()
        space.update(zip(seen[1 : 1 + count], seen[1 + count :]))

    def find() -> list[Any]:
        return [x.__class__, *space, *space.values()] if x.__dict__ is space else []

    looks = with_class(x, [Look("dict", space, list(space), list(space.values()))])
    return Watch(name, find, space, [NO_KEY, *[NO_KEY] * len(space), *space], put, looks)


def of_slots(prefix: str, x: Any, slots: Sequence[str]) -> Watch:
    """What some slots of an object hold."""

    def put(seen: Any) -> None:
        for name, y in zip(slots, seen):
            if y is not getattr(x, name, None):
                setattr(x, name, y)

    return Watch([prefix + name for name in slots], lambda: [getattr(x, name, None) for name in slots], x, slots, put)


def of_names(prefix: str, names: set[str], space: Any, owner: Any = None) -> Watch:
    """What some names of a namespace stand for, and that the others are not there; and the class of its owner.

    Nothing if one of them is missing, if one is there that was absent, or if the owner has another namespace now.
    """
    of_class = isinstance(owner, type)  # whose namespace can be read only
    present = [name for name in space if name in names]
    absent = names.difference(present)
    get = itemgetter(*present) if len(present) > 1 else lambda space: [space[name] for name in present]

    def find() -> tuple[Any, ...]:
        moved = owner is not None and not of_class and owner.__dict__ is not space
        if moved or not space.keys().isdisjoint(absent):
            return ()
        try:
            return (owner.__class__, *get(space))
        except KeyError:
            return ()

    def put(seen: Any) -> None:
        for name in absent & space.keys():
            if of_class:
                delattr(owner, name)
            else:
                del space[name]
        for name, x in zip(present, seen[1:]):
            if not of_class:
                space[name] = x
            elif space.get(name) is not x:
                setattr(owner, name, x)

    looks: Sequence[Look] = ()
    if type(space) is dict:
        expected = [*map(space.__getitem__, present), *[NO_KEY] * len(absent)]
        looks = with_class(owner, [Look("names", space, [*present, *absent], expected)])
    written = [prefix.rstrip("."), *[prefix + name for name in present]]
    return Watch(written, find, owner if of_class else space, [NO_KEY, *present], put, looks)


def of_cell(name: str, cell: Any) -> Watch:
    """What a name of an enclosing function stands for."""
    now = content(cell)
    looks = [] if now is None else [Look("cell", cell, (), (now,))]
    put = partial(setattr, cell, "cell_contents")
    return Watch([name], lambda: (content(cell),), cell, ["cell_contents"], lambda seen: put(seen[0]), looks)


def content(cell: Any) -> Any:
    """What a name of an enclosing function stands for; None if that is not known yet."""
    try:
        return cell.cell_contents
    except ValueError:  # the name has no object yet: the function's own, while it is being defined
        return None
