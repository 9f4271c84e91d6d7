"""What a function can see besides its arguments: a recording holds as long as all of that is as it was.

A number from a global, a list, an attribute or a closure is a constant of the recording.  So everything of that kind
that the function can reach is looked at before the recording, and compared before each call with what is there then.

The walk starts at the function and follows what its code can name: globals, names of enclosing functions, defaults,
members of lists and dictionaries, attributes of objects and classes, and the functions among all of these, with their
code.  Of an object, a module or a class only those attributes count whose name occurs in the code, so that a list of
losses beside the parameters of a model does no harm.  Values are live: their numbers are read at each call.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from autograd.compiler.recording import codenames
from autograd.compiler.recording.codenames import FIXED, package_of, slots_of
from autograd.compiler.recording.looks import END, NO_KEY
from autograd.compiler.recording.opaque import Generators, Inside, look_into, look_into_module, watch_functions
from autograd.compiler.recording.watches import (
    ATOMS,
    Difference,
    Looks,
    Watch,
    content,
    of_attributes,
    of_cell,
    of_entries,
    of_members,
    of_names,
    of_slots,
)  # fmt: skip
from autograd.compiler.residence import settle
from autograd.elementwise import Deferred
from autograd.ops import Op
from autograd.pytorch import freezes
from autograd.value import Value

__all__ = ["Outside"]

_MOST = 1_000_000  # objects that are compared before each call: 20 ms
_DYNAMIC = {
    "getattr", "hasattr", "setattr", "delattr", "vars", "__dict__", "attrgetter", "eval", "exec", "globals", "asdict",
    "astuple",
}  # fmt: skip
_OWN = {"_compiled", "__wrapped__"}  # attributes that the compiler itself sets
_CLOSED = FIXED - sys.stdlib_module_names | {"asyncio", "concurrent", "logging", "multiprocessing", "random"}
_METHODS = (FunctionType, staticmethod, classmethod)  # __new__ is a static method
_READ_ONLY = {*FIXED, "nn"}  # and one whose code is followed, but is not expected to change


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
        seen: By id, the objects among it.
        values: The Values among it.
        functions: The user's functions among it.
        codes: Their code.
        generators: The random generators and streams among it.
        watches: What looks at all of it.
        never: Why no look can tell whether it is as it was; empty if a look can.
    """

    def __init__(self, f: Callable[..., Any], live: Iterable[tuple[int, Any]] = ()) -> None:
        self.live = frozenset(live)
        self.names: set[str] = set()
        self.stored: set[str] = set()  # names of attributes and globals that code sets
        self.count = 0
        for self._names_only in (True, False):  # the names in all of the code, then what they stand for
            self._walk(f)
        self._free()
        self.watches.reverse()  # what is nearest to the function changes most often
        self._looks = Looks(self.watches)
        if self.count > _MOST:
            self.never = f"reads more than {_MOST:,} numbers and objects from outside: pass them as arguments"

    # ---- is it as it was? ------------------------------------------------------------------------------------------
    def holds(self) -> bool:
        """Whether all of it is as it was."""
        return self._looks.hold() and not self.never

    def changed(self, only_set: Iterable[Difference] = ()) -> str:
        """The name of something that is not as it was, also of what ``only_set`` gave; empty if there is none."""
        names = [x.name for x in only_set if x.space.get(x.key, NO_KEY) is not x.now]
        return next(filter(None, map(Watch.changed, self.watches)), next(iter(names), ""))

    def sets(self, attribute: str) -> bool:
        """Whether some code may set an attribute of this name."""
        return attribute in self.stored or "setattr" in self.names

    def reads(self, attribute: str) -> bool:
        """Whether code of the user's may ask for an attribute of this name."""
        return any(attribute in codenames.names_read(code) for code in self.codes)

    def only_set(self) -> list[Difference]:
        """The names that the function sets and never reads, with their objects now: NO_KEY where there is none yet."""
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
        for watch in self.watches:
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
        for watch in self.watches if keys else ():
            if id(watch.space) in keys:
                watch.free(keys[id(watch.space)])

    def put_back(self, only_set: Iterable[Difference] = ()) -> None:
        """Restore all that the function changed, also of ``only_set``, but for what the caller looks at itself."""
        for watch in self.watches:
            watch.put_back()
        for space, key, _, before, _ in only_set:
            if before is NO_KEY:
                space.pop(key, None)
            else:
                space[key] = before

    # ---- the walk --------------------------------------------------------------------------------------------------
    def _walk(self, f: Any) -> None:
        self.watches: list[Watch] = []
        self._spaces: dict[int, tuple[dict[str, Any], set[str]]] = {}
        self.functions: list[FunctionType] = []
        self._cells: list[tuple[str, Any]] = []
        self.generators = Generators()
        self.spaces: dict[int, tuple[dict[str, Any], str]] = {}  # namespaces, and how the names there are written
        self.deferrable: set[tuple[int, str]] = set()  # where a list may be: the id of the namespace, and the name
        self.seen: dict[int, Any] = {}  # which keeps them alive
        self.values: list[Value] = []
        self.codes: list[CodeType] = []
        self.never = ""
        self.count = 0
        self.met: dict[int, int] = {}  # by id, how many ways lead to a list
        self._globals: set[tuple[int, str]] = set()  # the namespaces and names that were followed
        self._pending: list[tuple[Any, str]] = [(f, "")]
        self._references: list[Any] = []
        self._texts: set[str] = set()
        # What has attributes, of which those count that code names: how they are followed, and the names known then.
        self._named: dict[int, tuple[Callable[[Any, str], None], Any, str, int]] = {}
        if "requires_grad" in self.names:
            self._see(freezes, "what is frozen")
        self._follow()
        # Names that code further on uses may be attributes of what was passed before.
        while self._names_only and (earlier := [x for x in self._named.values() if x[-1] < self._known()]):
            for follow, y, place, _ in earlier:
                follow(y, place)
            self._follow()
        if any(x() is not None and id(x()) not in self.seen for x in self._references):
            self.never = "reads an object by a weak reference only, and a recording would keep that object alive"
        if self.functions:
            self._watch(watch_functions, self.functions)
        for space, chosen in self._spaces.values():
            if chosen:
                self._watch(of_names, "", chosen, space)
        for name, cell in self._cells:
            self._watch(of_cell, name, cell)

    def _known(self) -> int:
        """How many names are known of those that code reads or sets."""
        return len(self.names) + len(self.stored)

    def _follow(self) -> None:
        """Visit all that is pending, and what is pending then."""
        while self._pending:
            x, where = self._pending.pop()
            if type(x) is str and x.isidentifier():
                self._texts.add(x)
            if type(x) is list or type(x) is deque:
                self.met[id(x)] = self.met.get(id(x), 0) + 1
            if not isinstance(x, ATOMS) and id(x) not in self.seen:
                self.seen[id(x)] = x
                if (id(x), END) not in self.live:  # the function does not look into a list to which it appends
                    self._visit(x, where)
        if not _DYNAMIC.isdisjoint(self.names):
            self.names |= self._texts  # getattr(y, x) asks for the attribute x

    def _watch(self, make: Callable[..., Watch | None], *things: Any) -> None:
        """From now on look at something; nobody looks as long as only names are collected."""
        if not self._names_only and (watch := make(*things)) is not None:
            self.count += 0 if watch.identical else len(watch.seen)
            self.watches.append(watch)

    def _see(self, x: Any, where: str) -> None:
        self._pending.append((x, where))

    def _push(self, items: Iterable[tuple[Any, Any]], where: str) -> None:
        """Members by key."""
        for key, item in items:
            if item.__class__ is Value:
                if id(item) not in self.seen:
                    self.seen[id(item)] = item
                    self.values.append(item)
            elif not isinstance(item, ATOMS):
                self._pending.append((item, f"{where}[{key!r}]"))

    def _push_values(self, x: Iterable[Any]) -> bool:
        """Members that are all Values nobody has met yet, such as the weights of a network: 10x faster."""
        found = dict(zip(map(id, x), x)) if {*map(type, x)} == {Value} else {}
        if not found or not self.seen.keys().isdisjoint(found):
            return False
        self.seen.update(found)
        self.values.extend(found.values())
        return True

    def _visit(self, x: Any, where: str) -> None:
        if isinstance(x, Value):
            self.values.append(x)
            if x._kind is not None:  # a subclass of the program's, which may have attributes of its own
                self._attributes(x, where)
        elif isinstance(x, Op):
            self._see(getattr(x, "function", None), where)
        elif self._names_only and isinstance(x, list) and {*map(type, x)} == {Value}:
            return  # the weights of a network name nothing
        elif isinstance(x, (list, deque, set, frozenset)):
            if {*map(type, x)} != {Value}:
                settle(x)  # all Values are of one class then
            if not isinstance(x, frozenset):  # which cannot change
                self._watch(of_members, where, x)
            if not self._push_values(x):
                self._push(enumerate(x), where)
        elif isinstance(x, tuple):
            self._push(enumerate(x), where)
        elif isinstance(x, (dict, MappingProxyType)):
            self._watch(of_entries, where, x)
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
        elif (inside := look_into(x)) is not None:
            if isinstance(x, weakref.ref):
                self._references.append(x)
            self._look(inside, where)
        else:
            self._visit_object(x, where)

    def _look(self, inside: Inside | None, where: str) -> None:
        if inside is not None:  # an object that keeps it in C
            self.names.update(inside.names)
            self._watch(inside.watch, where)
            self.count += 0 if inside.find is None else inside.size
            self._push(enumerate(inside.members), where)

    def _visit_function(self, f: FunctionType, where: str) -> None:
        if (package := package_of(f.__module__)) in FIXED:
            return
        codes = list(codenames.codes_inside(f.__code__))
        names = {name for code in codes for name in codenames.names_read(code)}
        known = {name for code in codes for name in codenames.globals_read(code)}  # b, but not the b of self.b
        self.stored.update(*map(codenames.names_stored, codes))
        if package in _READ_ONLY or not _DYNAMIC.isdisjoint(names):
            for found in (names, known):
                found.update(*map(codenames.names_spelled, codes))
        if package in _READ_ONLY:  # which asks for attributes by names that it spells out
            names -= {"getattr", "hasattr", "attrgetter"}
        self.names |= names
        where = where or f.__name__
        self._push(enumerate(f.__defaults__ or ()), f"a default of {where}")
        self._see(f.__kwdefaults__, f"a default of {where}")
        self._see(getattr(f, "__wrapped__", None), where)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
            self._cells.append((name, cell))
            self._see(content(cell), name)
        space = f.__globals__
        self._see_globals(space, known & space.keys(), "")
        if package not in _READ_ONLY:
            self.functions.append(f)
            self.codes += codes
            self._spaces.setdefault(id(space), (space, set()))[1].update(known)
            self.stored.update(*map(codenames.globals_stored, codes))
            self.spaces[id(space)] = space, ""
            self.spaces[id(vars(f))] = vars(f), f"{where}."
            if vars(f):
                self._attributes(f, where)

    def _visit_module(self, module: ModuleType, where: str) -> None:
        self._named[id(module)] = self._visit_module, module, where, self._known()
        self._look(look_into_module(module, self.names), where)
        if not self.generators.add_module(module, self.names) and package_of(module.__name__) not in FIXED:
            space = vars(module)
            names = self.names & space.keys()
            if package_of(module.__name__) not in _READ_ONLY:
                self.spaces[id(space)] = space, f"{where}."
                self._spaces.setdefault(id(space), (space, set()))[1].update(names)
            self._see_globals(space, names, f"{where}.")

    def _see_globals(self, space: dict[str, Any], names: set[str], prefix: str) -> None:
        for name in names:
            if (id(space), name) not in self._globals:  # several functions know it
                self._globals.add((id(space), name))
                self._see(space[name], prefix + name)

    def _visit_class(self, kind: type, where: str) -> None:
        self._named[id(kind)] = self._visit_class, kind, where, self._known()
        any_name = not _DYNAMIC.isdisjoint(self.names)
        for cls in kind.__mro__:
            package = package_of(cls.__module__)
            if package in FIXED:
                continue
            space = vars(cls)
            # Where names are made at run time, any data may be meant.  Methods would lead through whole packages.
            data = {x for x in space if not (callable(space[x]) or hasattr(space[x], "__get__"))} if any_name else set()
            special = {x for x in space if x[:2] == "__" and isinstance(space[x], _METHODS)}
            if package in _READ_ONLY:  # to make a model and to write it asks for attributes that no number depends on
                special -= {"__new__", "__repr__"}
            chosen = special | data | self.names
            if package not in _READ_ONLY:
                self._watch(of_names, f"{cls.__name__}.", chosen | self.stored, space, cls)
            for name in chosen & space.keys():
                if (id(cls), name) not in self.live:  # else the caller looks at all that is in there, too
                    self._see(space[name], f"{cls.__name__}.{name}")

    def _visit_object(self, x: Any, where: str) -> None:
        where = where or type(x).__name__
        if not self.generators.add(x) and hasattr(type(x), "__next__"):
            self.never = f"reads {where}, an iterator: pass what comes out of it as an argument"
        self._see(type(x), type(x).__name__)
        self._attributes(x, where)
        self._see(getattr(x, "__dict__", {}).get("__wrapped__"), where)  # of a compiled function, or one with a cache

    def _attributes(self, x: Any, where: str) -> None:
        """The attributes of an object: those in its dictionary, and those in its slots."""
        self._named[id(x)] = self._attributes, x, where, self._known()
        package = package_of(type(x).__module__)
        fixed = package in _CLOSED
        any_name = package in FIXED or not _DYNAMIC.isdisjoint(self.names)
        space = getattr(x, "__dict__", None)
        if isinstance(space, dict) and not fixed:
            self.spaces[id(space)] = space, f"{where}."
            names = ({*space} if any_name else self.names) - _OWN
            for name in getattr(type(x), "deferrable", ()):
                self.deferrable.add((id(space), name))
                if type(space.get(name)) is Deferred:
                    space[name] = space[name].fetch()
            if any_name:
                self._watch(of_attributes, where, x, space)
            else:
                self._watch(of_names, f"{where}.", names, space, x)
            for name in names & space.keys():
                if (id(space), name) not in self.live:  # else the caller looks at all that is in there, too
                    self._see(space[name], f"{where}.{name}")
        slots = [name for name in slots_of(type(x)) if any_name or name in self.names or name in self.stored]
        if slots:
            self._watch(of_slots, f"{where}.", x, slots)
            self._push([(name, getattr(x, name, None)) for name in slots], where)
