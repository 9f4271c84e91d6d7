"""What a function can see besides its arguments: a recording holds as long as all of that is as it was.

A number from a global, a list, an attribute or a closure is a constant of the recording.  So everything of that kind
that the function can reach is looked at before the recording, and compared before each call with what is there then.

The walk starts at the function and follows what its code can name: globals, names of enclosing functions, defaults,
members of lists and dictionaries, attributes of objects and classes, and the functions among all of these, with their
code.  Of an object, a module or a class only those attributes count whose name occurs in the code, so that a list of
losses beside the parameters of a model does no harm.  Values are live: their numbers are read at each call.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from operator import attrgetter, is_, itemgetter
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, NamedTuple

from autograd.compiler.rewriting import codes_of
from autograd.ops import Op
from autograd.value import Value

__all__ = ["NO_KEY", "Difference", "Outside", "compares_with_true", "names_read"]

_MOST = 1_000_000  # objects that are compared before each call: 20 ms
_ATOMS = (int, float, complex, str, bytes, range, type(None), type(...), type(NotImplemented))
_DYNAMIC = {"getattr", "hasattr", "vars", "__dict__", "attrgetter", "eval", "exec", "asdict", "astuple"}
# Packages whose code neither changes while a program runs nor reads what a program changes.
_FIXED = {*sys.stdlib_module_names, "autograd", "numpy", "scipy", "torch", "jax", "pandas", "matplotlib", "sklearn"}
_OWN = {"_compiled", "__wrapped__"}  # attributes that the compiler itself sets
# Types of the standard library that hold what a user puts there.
_OPEN = {"function", "SimpleNamespace", "Namespace", "_local", "UserDict", "UserList", "ChainMap"}
_READ_ONLY = {*_FIXED, "nn"}  # and one whose code is followed, but is not expected to change


class _NoKey:
    """In the place of the key of an object that cannot be set, such as the class of an object."""


NO_KEY = _NoKey()


class Difference(NamedTuple):
    """An object outside that is another one now: where it is, its name, and both."""

    space: Any
    key: Any
    name: str
    seen: Any
    now: Any


class _Watch:
    """Some objects that are looked at: how to find them, and which they were."""

    __slots__ = ("find", "first", "identical", "keys", "names", "put", "seen", "space")

    def __init__(
        self,
        names: str | list[str],
        find: Callable[[], Any],
        space: Any = None,
        keys: Sequence[Any] = (),
        put: Callable[[Any], None] | None = None,
    ) -> None:
        self.names, self.find = names, find
        self.space, self.keys = space, keys  # the container, and the key of each object; NO_KEY where it has none
        self.put = put  # puts objects back as they were seen
        self.seen = self.first = find()
        # Values are equal if they are identical, and lists compare identities first: 10x faster than one by one.
        self.identical = len(self.seen) > 8 and {*map(type, self.seen)} == {Value}

    def holds(self) -> bool:
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
            space = self.space
            self._look_at(lambda: (len(space),))
            self.keys = [NO_KEY]
        elif freed:

            def look() -> list[Any]:
                now = list(find())
                if len(now) == len(self.keys):
                    for k in freed:
                        now[k] = None
                return now

            self._look_at(look)

    def put_back(self) -> None:
        """Put the objects back that are other ones now."""
        if self.put is not None and not self.holds():
            self.put(self.first)

    def _look_at(self, find: Callable[[], Any]) -> None:
        self.find, self.seen, self.identical = find, find(), False


class Outside:
    """All that a function can see besides its arguments, as it is now.

    >>> rates = [1.0]
    >>> outside = Outside(lambda x: x * rates[0])
    >>> outside.holds()
    True
    >>> rates[0] = 2.0
    >>> outside.holds(), outside.changed()
    (False, 'rates')

    Attributes:
        live: Numbers that the caller looks at itself: the ids of the containers, and the keys there.
        values: The Values among it.
        spaces: The namespaces of objects and modules among it, and how the names there are written.
        functions: The user's functions among it.
        codes: Their code.
        never: Why no look can tell whether it is as it was; empty if a look can.
    """

    def __init__(self, f: Callable[..., Any], live: Iterable[tuple[int, Any]] = ()) -> None:
        self.names: set[str] = set()
        self.stored: set[str] = set()  # names of attributes and globals that code sets
        self.count = 0
        known = -1
        while len(self.names) > known:  # names that code further on uses may be attributes of what was passed before
            known = len(self.names)
            self._walk(f)
        self.live = frozenset(live)
        self._free()
        self._watches.reverse()  # what is nearest to the function changes most often
        self._looks = [(watch, watch.find, watch.seen) for watch in self._watches]
        if self.count > _MOST:
            self.never = f"reads more than {_MOST:,} numbers and objects from outside: pass them as arguments"

    # ---- is it as it was? ------------------------------------------------------------------------------------------
    def holds(self) -> bool:
        """Whether all of it is as it was."""
        for watch, find, seen in self._looks:
            now = find()
            same = len(now) == len(seen) and not watch.identical and all(map(is_, now, seen))
            if not same and not watch.holds():
                return False
        return not self.never

    def changed(self) -> str:
        """The name of something that is not as it was; empty if there is none."""
        return next(filter(None, map(_Watch.changed, self._watches)), "")

    def sets(self, attribute: str) -> bool:
        """Whether some code may set an attribute of this name."""
        return attribute in self.stored or "setattr" in self.names

    def only_set(self) -> list[Difference]:
        """What code of the function sets and never reads, as it is now: NO_KEY where there is nothing yet."""
        names = self.stored - self.names - _OWN
        found = []
        for space, prefix in self.spaces.values() if names else ():
            for name in names:
                now = space.get(name, NO_KEY)
                found.append(Difference(space, name, prefix + name, now, now))
        return found

    def differences(self) -> list[Difference] | None:
        """All objects that are other ones now; None if some are of a kind that cannot be set."""
        found: list[Difference] = []
        for watch in self._watches:
            here = watch.differences()
            if here is None:
                return None
            found += here
        return found

    def _free(self) -> None:
        """Leave out what the caller looks at itself."""
        keys: dict[int, set[Any]] = {}
        for space, key in self.live:
            keys.setdefault(space, set()).add(key)
        for watch in self._watches if keys else ():
            if id(watch.space) in keys:
                watch.free(keys[id(watch.space)])

    def put_back(self) -> None:
        """Put everything back as it was, but for what the caller looks at itself."""
        for watch in self._watches:
            watch.put_back()

    def rewind(self) -> Callable[[], None]:
        """What sets the random generators back to the state in which they are now."""
        puts = [put() for put in self._puts]

        def rewound() -> None:
            for put in puts:
                put()

        return rewound

    def draws(self) -> list[Any]:
        """The states of the random generators that the function can see."""
        return [state() for state in self._states.values()]

    # ---- the walk --------------------------------------------------------------------------------------------------
    def _walk(self, f: Any) -> None:
        self._watches: list[_Watch] = []
        self._spaces: dict[int, tuple[dict[str, Any], set[str]]] = {}
        self.functions: list[FunctionType] = []
        self._cells: list[tuple[str, Any]] = []
        self._states: dict[int, Callable[[], Any]] = {}
        self._puts: list[Callable[[], Callable[[], None]]] = []
        self.spaces: dict[int, tuple[dict[str, Any], str]] = {}
        self._seen: dict[int, Any] = {}  # objects by id, which keeps them alive
        self.values: list[Value] = []
        self.codes: list[CodeType] = []
        self.never = ""
        self.count = 0
        self._pending: list[tuple[Any, str]] = [(f, "")]
        while self._pending:
            x, where = self._pending.pop()
            if not isinstance(x, _ATOMS) and id(x) not in self._seen:
                self._seen[id(x)] = x
                self._visit(x, where)
        functions = self.functions
        if functions:
            names = [f"the function {f.__name__}" for f in functions] * 2
            self._watch(names, lambda: [*codes_of(functions), *map(_defaults, functions)])
        for space, chosen in self._spaces.values():
            if chosen:
                self._watch_space(chosen, space)
        for name, cell in self._cells:
            self._watch(
                [name],
                functools.partial(_contents, cell),
                cell,
                ["cell_contents"],
                functools.partial(_put_content, cell),
            )

    def _watch(
        self,
        names: str | list[str],
        find: Callable[[], Any],
        space: Any = None,
        keys: Sequence[Any] = (),
        put: Callable[[Any], None] | None = None,
    ) -> None:
        watch = _Watch(names, find, space, keys, put)
        self.count += 0 if watch.identical else len(watch.seen)
        self._watches.append(watch)

    def _see(self, x: Any, where: str) -> None:
        self._pending.append((x, where))

    def _push(self, items: Iterable[tuple[Any, Any]], where: str) -> None:
        """Members by key."""
        for key, item in items:
            if item.__class__ is Value:
                if id(item) not in self._seen:
                    self._seen[id(item)] = item
                    self.values.append(item)
            elif not isinstance(item, _ATOMS):
                self._pending.append((item, f"{where}[{key!r}]"))

    def _push_values(self, x: Iterable[Any]) -> bool:
        """Members that are all Values nobody has met yet, such as the weights of a network: 10x faster."""
        found = {id(item): item for item in x} if {*map(type, x)} == {Value} else {}
        if not found or not self._seen.keys().isdisjoint(found):
            return False
        self._seen.update(found)
        self.values.extend(found.values())
        return True

    def _visit(self, x: Any, where: str) -> None:
        if isinstance(x, Value):
            self.values.append(x)
        elif isinstance(x, Op):
            self._see(getattr(x, "function", None), where)
        elif isinstance(x, (list, deque, set, frozenset)):
            keys = range(len(x)) if isinstance(x, (list, deque)) else ()
            self._watch(where, functools.partial(list, x), x, keys, functools.partial(_put_items, x))
            if not self._push_values(x):
                self._push(enumerate(x), where)
        elif isinstance(x, tuple):
            self._push(enumerate(x), where)
        elif isinstance(x, (dict, MappingProxyType)):
            self._watch(where, lambda: [*x, *x.values()], x, [*[NO_KEY] * len(x), *x], functools.partial(_put_dict, x))
            self._push(x.items(), where)
        elif isinstance(x, FunctionType):
            self._visit_function(x, where)
        elif isinstance(x, MethodType):
            self._see(x.__func__, where)
            self._see(x.__self__, where)
        elif isinstance(x, functools.partial):
            self._push(enumerate(x.args), where)
            self._see(x.func, where)
            self._see(x.keywords, where)
        elif isinstance(x, (property, functools.cached_property)):
            self._see(x.fget if isinstance(x, property) else x.func, where)
            self._see(getattr(x, "fset", None), where)
        elif isinstance(x, (classmethod, staticmethod)):
            self._see(x.__func__, where)
        elif isinstance(x, ModuleType):
            self._visit_module(x, where)
        elif isinstance(x, type):
            self._visit_class(x, where)
        elif isinstance(x, ContextVar):
            self._watch(where, lambda: (x.get(None),))
            self._see(x.get(None), where)
        elif isinstance(x, (array, bytearray)):
            self._watch(where, lambda: (bytes(x),))
        elif hasattr(x, "dtype") and hasattr(x, "tobytes"):
            if x.dtype.kind == "O":
                self._watch(where, lambda: x.ravel().tolist())
                self._push(enumerate(x.ravel().tolist()), where)
            else:
                self._watch(where, lambda: (repr(x.shape), x.tobytes()), put=functools.partial(_put_bytes, x))
                self.count += x.size // 10  # compared as bytes
        else:
            self._visit_object(x, where)

    def _visit_function(self, f: FunctionType, where: str) -> None:
        package = _package(f.__module__)
        if package in _FIXED:
            return
        codes = list(_codes(f.__code__))
        names = {name for code in codes for name in names_read(code)}
        self.stored.update(*map(names_stored, codes))
        if package in _READ_ONLY:  # which asks for attributes by names that it spells out
            constants = [constant for code in codes for constant in code.co_consts if isinstance(constant, str)]
            names = names.difference(("getattr", "hasattr", "attrgetter")).union(filter(str.isidentifier, constants))
        self.names |= names
        where = where or f.__name__
        self._push(enumerate(f.__defaults__ or ()), f"a default of {where}")
        self._see(f.__kwdefaults__, f"a default of {where}")
        self._see(getattr(f, "__wrapped__", None), where)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
            self._cells.append((name, cell))
            self._see(_content(cell), name)
        space = f.__globals__
        for name in names & space.keys():
            self._see(space[name], name)
        if package not in _READ_ONLY:
            self.functions.append(f)
            self.codes += codes
            self._spaces.setdefault(id(space), (space, set()))[1].update(names)
            self.stored.update(*map(globals_stored, codes))
            self.spaces[id(space)] = space, ""
            if vars(f):
                self._attributes(f, where)

    def _visit_module(self, module: ModuleType, where: str) -> None:
        if module is random:
            self._states[id(module)] = random.getstate
            self._puts.append(lambda: functools.partial(random.setstate, random.getstate()))
        elif module.__name__ == "numpy" and "random" in self.names:
            self._states[id(module)] = lambda: repr(module.random.get_state())
            self._puts.append(lambda: functools.partial(module.random.set_state, module.random.get_state()))
        elif _package(module.__name__) not in _FIXED:
            space = vars(module)
            names = self.names & space.keys()
            if _package(module.__name__) not in _READ_ONLY:
                self._spaces.setdefault(id(space), (space, set()))[1].update(names)
            for name in names:
                self._see(space[name], f"{where}.{name}")

    def _visit_class(self, kind: type, where: str) -> None:
        for cls in kind.__mro__:
            package = _package(cls.__module__)
            if package in _FIXED:
                continue
            space = vars(cls)
            chosen = self.names | {name for name in space if name[:2] == "__" and isinstance(space[name], FunctionType)}
            if package not in _READ_ONLY:
                self._watch_space(chosen, space, f"{cls.__name__}.")
            for name in chosen & space.keys():
                self._see(space[name], f"{cls.__name__}.{name}")

    def _visit_object(self, x: Any, where: str) -> None:
        where = where or type(x).__name__
        if isinstance(x, random.Random):
            self._states[id(x)] = x.getstate
            self._puts.append(lambda: functools.partial(x.setstate, x.getstate()))
        elif hasattr(x, "bit_generator"):
            self._states[id(x)] = lambda: repr(x.bit_generator.state)
            self._puts.append(lambda: functools.partial(setattr, x.bit_generator, "state", x.bit_generator.state))
        elif hasattr(x, "__next__") and not hasattr(x, "read"):
            self.never = f"reads {where}, an iterator: pass what comes out of it as an argument"
        self._see(type(x), type(x).__name__)
        self._attributes(x, where)
        self._see(getattr(x, "__wrapped__", None), where)  # of a compiled function, or one with a cache

    def _attributes(self, x: Any, where: str) -> None:
        """The attributes of an object: those in its dictionary, and those in its slots."""
        fixed = _package(type(x).__module__) in _FIXED and type(x).__name__ not in _OPEN
        any_name = type(x).__name__ in _OPEN or not _DYNAMIC.isdisjoint(self.names)
        space = getattr(x, "__dict__", None)
        if isinstance(space, dict) and not fixed:
            self.spaces[id(space)] = space, f"{where}."
            names = ({*space} if any_name else self.names) - _OWN
            if any_name:
                keys = [NO_KEY, *[NO_KEY] * len(space), *space]
                put = functools.partial(_put_attributes, space)
                self._watch(where, lambda: [x.__class__, *space, *space.values()], space, keys, put)
            else:
                self._watch_space(names, space, f"{where}.", x)
            for name in names & space.keys():
                self._see(space[name], f"{where}.{name}")
        slots = [name for name in _slots(type(x)) if any_name or name in self.names]
        if slots:
            names_of_slots = [f"{where}.{name}" for name in slots]

            def put_slots(seen: Any) -> None:
                for name, y in zip(slots, seen):
                    if y is not getattr(x, name, None):
                        setattr(x, name, y)

            self._watch(names_of_slots, lambda: [getattr(x, name, None) for name in slots], x, slots, put_slots)
            self._push([(name, getattr(x, name, None)) for name in slots], where)

    def _watch_space(self, names: set[str], space: Any, prefix: str = "", owner: Any = None) -> None:
        """Some names of a namespace: what they stand for, and that the others are not there."""
        present = [name for name in space if name in names]
        absent = names.difference(present)
        find = itemgetter(*present) if len(present) > 1 else lambda space: [space[name] for name in present]

        def look() -> Any:
            if not space.keys().isdisjoint(absent):
                return ()
            try:
                return (owner.__class__, *find(space))
            except KeyError:
                return ()

        names_here = [prefix.rstrip("."), *[prefix + name for name in present]]
        if not isinstance(space, dict):  # of a class
            self._watch(names_here, look)
            return

        def put(seen: Any) -> None:
            for name in absent:
                space.pop(name, None)
            space.update(zip(present, seen[1:]))

        self._watch(names_here, look, space, [NO_KEY, *present], put)


def _same(now: Any, seen: Any) -> bool:
    """Whether two objects are the same to a function: the same object, or the same number or text."""
    if now is seen:
        return True
    plain = isinstance(now, _ATOMS) and type(now) is type(seen)
    return plain and bool(now == seen or now != now) and repr(now) == repr(seen)


_defaults = attrgetter("__defaults__")


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A piece of code, and those of the functions and comprehensions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=10_000)
def names_read(code: CodeType) -> frozenset[str]:
    """The names of globals and attributes that a piece of code reads.

    >>> def f(x):
    ...     x.best = x.last + offset
    >>> sorted(names_read(f.__code__))
    ['last', 'offset']
    """
    steps = [step for step in dis.get_instructions(code) if step.opcode in dis.hasname]
    return frozenset([step.argval for step in steps if not step.opname.startswith(("STORE", "DELETE"))])


@functools.lru_cache(maxsize=10_000)
def names_stored(code: CodeType) -> frozenset[str]:
    """The names of attributes that a piece of code sets."""
    return frozenset([step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"])


@functools.lru_cache(maxsize=10_000)
def globals_stored(code: CodeType) -> frozenset[str]:
    """The names of globals that a piece of code sets."""
    return frozenset([step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL"])


@functools.lru_cache(maxsize=10_000)
def compares_with_true(code: CodeType) -> bool:
    """Whether a piece of code asks if something ``is`` True or False, or matches with these.

    >>> compares_with_true((lambda x: (x > 0) is True).__code__), compares_with_true((lambda x: x is None).__code__)
    (True, False)
    """
    if not any(constant is True or constant is False for constant in code.co_consts):
        return False
    return any(step.opname == "IS_OP" for step in dis.get_instructions(code))


def _put_items(x: Any, seen: Any) -> None:
    if isinstance(x, list):
        x[:] = seen
    elif not isinstance(x, frozenset):
        x.clear()
        x.extend(seen) if isinstance(x, deque) else x.update(seen)


def _put_dict(x: Any, seen: Any) -> None:
    if isinstance(x, dict):
        x.clear()
        x.update(zip(seen[: len(seen) // 2], seen[len(seen) // 2 :]))


def _put_attributes(space: dict[str, Any], seen: Any) -> None:
    count = len(seen) // 2
    space.clear()
    space.update(zip(seen[1 : 1 + count], seen[1 + count :]))


def _put_content(cell: Any, seen: Any) -> None:
    cell.cell_contents = seen[0]


def _put_bytes(x: Any, seen: Any) -> None:
    """An array of numpy, whose own type knows how to read bytes."""
    import numpy as np

    x[...] = np.frombuffer(seen[1], dtype=x.dtype).reshape(x.shape)


def _contents(cell: Any) -> tuple[Any]:
    return (_content(cell),)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the name has no object yet: the function's own, while it is being defined
        return None


def _slots(kind: type) -> Iterator[str]:
    for cls in kind.__mro__:
        if _package(cls.__module__) not in _FIXED:
            slots = cls.__dict__.get("__slots__", ())
            yield from [slots] if isinstance(slots, str) else slots
