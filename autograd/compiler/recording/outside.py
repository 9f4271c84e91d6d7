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
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from autograd.compiler.backends import native_available, native_imported
from autograd.compiler.recording import codenames, watches
from autograd.compiler.recording.codenames import CLOSED, FIXED, package_of, slots_of
from autograd.compiler.recording.opaque import Generators, Inside, look_into, look_into_module, watch_functions
from autograd.compiler.recording.watches import ATOMS, Difference, Watch, content
from autograd.compiler.recording.written import END
from autograd.compiler.residence import settle
from autograd.conversions import freezes
from autograd.elementwise import Deferred
from autograd.ops import Op
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.machine.identical import Comparison

__all__ = ["Outside"]

_PAYS = 20  # looks after which machine code is made for them
MANY = 64  # objects that it pays for: Python looks at as few in 2 us
IMPORTING = 1_500_000  # objects that Python looks at in 50 ms, a quarter of what importing machine code takes
_AGAIN = {1, 8, 64, 512}  # how often it has found a difference where there was none, when it is made anew
_MOST = 1_000_000  # objects that are compared before each call: 20 ms
_DYNAMIC = {"getattr", "hasattr", "setattr", "delattr", "vars", "__dict__", "attrgetter", "eval", "exec", "globals"}
_DYNAMIC |= {"asdict", "astuple"}
_OWN = {"_compiled", "__wrapped__"}  # attributes that the compiler itself sets
# Objects that keep others in C, and the attributes that lead to these.
_WAYS: dict[type, tuple[str, ...]] = {
    MethodType: ("__func__", "__self__"),
    classmethod: ("__func__",),
    staticmethod: ("__func__",),
    property: ("fget", "fset"),
    functools.cached_property: ("func",),
    functools.partial: ("args", "func", "keywords"),
    **dict.fromkeys(map(type, ({}.keys(), {}.values(), {}.items())), ("mapping",)),
}
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
        functions, codes: The user's functions among it, and their code.
        generators: The random generators and streams among it.
        watches: What looks at all of it.
        missing: The modules that code imports and that are not imported yet.
        never: Why no look can tell whether it is as it was; empty if a look can.
    """

    def __init__(self, f: Callable[..., Any], live: Iterable[tuple[int, Any]] = ()) -> None:
        self.live = frozenset(live)
        self._freed: dict[int, set[Any]] = {}
        for space, key in self.live:
            self._freed.setdefault(space, set()).add(key)
        self.names, self.stored = set[str](), set[str]()  # stored: of attributes and globals that code sets
        self.functions, self.codes = list[FunctionType](), list[CodeType]()
        self.generators = Generators()
        self.spaces: dict[int, tuple[dict[str, Any], str]] = {}  # namespaces, and how the names there are written
        self.deferrable: set[tuple[int, str]] = set()  # where a list may be: the id of the namespace, and the name
        self.seen: dict[int, Any] = {}  # which keeps them alive
        self.values: list[Value] = []
        self.met: dict[int, int] = {}  # by id, how many ways lead to a list
        self.never = ""
        self.count = 0  # objects that are compared one by one
        self._spaces: dict[int, tuple[dict[str, Any], set[str]]] = {}  # those of modules, and the names asked for
        self._cells: dict[int, tuple[str, Any]] = {}
        self._passed: set[tuple[int, str]] = set()  # the namespaces and names that were followed
        self._pending: list[tuple[Any, str]] = [(f, "")]
        self._references, self._texts = list[Any](), set[str]()
        # What has attributes, of which those count that code names: how they are followed, and the names known then.
        self._named: dict[int, tuple[Callable[[Any, str], None], Any, str, int]] = {}
        self._made: dict[Any, tuple[Callable[..., Watch | None], Sequence[Any]]] = {}  # what makes the watches
        self._walk()
        self.missing = {key for key in self._made if type(key) is str and key not in sys.modules}
        self.watches = list(filter(None, [make(*things) for make, things in self._made.values()]))
        self.watches.reverse()  # what is nearest to the function changes most often
        self.count += sum([len(watch.seen) for watch in self.watches if not watch.identical])
        if self.count > _MOST:
            self.never = f"reads more than {_MOST:,} numbers and objects from outside: pass them as arguments"
        self._calls = self._vain = 0
        self._objects = sum([len(watch.seen) for watch in self.watches])
        self._waits = self._objects >= MANY  # machine code does
        # The machine code that looks at it, and the watches of which Python does.
        self._parts: tuple[Comparison | None, Sequence[Watch]] = (None, self.watches)

    # ---- is it as it was? ------------------------------------------------------------------------------------------
    def holds(self) -> bool:
        """Whether all of it is as it was: machine code looks where it can, Python at the rest."""
        if self._waits:
            self._calls += 1
            imported = native_imported() or self._calls * self._objects >= IMPORTING
            if self._calls >= _PAYS and imported:
                self._waits = False
                self._compile()
        comparison, rest = self._parts
        if comparison is None or comparison.holds():
            return all(map(Watch.holds, rest)) and not self.never
        if not all(map(Watch.holds, self.watches)):
            return False
        self._vain += 1
        if self._vain in _AGAIN:  # such as an object that has one more attribute, which the function does not name
            self._compile()
        return not self.never

    def _compile(self) -> None:
        """From now on machine code compares what it can.

        What Python no longer looks at and what machine code looks at change in one assignment: another thread may ask
        meanwhile, and Ctrl-C may come.
        """
        if native_available(notice=False):
            from autograd.compiler.machine.identical import Comparison, can_compare

            if can_compare():
                looks = [look for watch in self.watches for look in watch.looks]
                self._parts = Comparison(looks), [watch for watch in self.watches if not watch.looks]

    def changed(self) -> str:
        """The name of something that is not as it was; empty if there is none."""
        return next(filter(None, map(Watch.changed, self.watches)), "")

    @property
    def is_dynamic(self) -> bool:
        """Whether its code asks for attributes by names that are made at run time."""
        return not _DYNAMIC.isdisjoint(self.names)

    def sets(self, attribute: str) -> bool:
        """Whether some code may set an attribute of this name."""
        return attribute in self.stored or "setattr" in self.names

    def reads(self, attribute: str) -> bool:
        """Whether code of the user's may ask for an attribute of this name."""
        return any(attribute in codenames.names_read(code) for code in self.codes)

    def only_set(self) -> list[Difference]:
        """The names that code sets and never reads, which nobody watches, with the objects there now."""
        return watches.of_unread(self.spaces.values(), self.stored - self.names - _OWN)

    def differences(self) -> list[Difference] | None:
        """All objects that are other ones now; None if some are of a kind that cannot be set."""
        found = [watch.differences() for watch in self.watches]
        return None if None in found else [x for some in found for x in some or ()]

    def put_back(self, only_set: Iterable[Difference]) -> None:
        """Restore all that the function changed, also of ``only_set``, but for what the caller looks at itself."""
        for watch in self.watches:
            watch.put_back()
        watches.put_back_unread(only_set)

    # ---- the walk --------------------------------------------------------------------------------------------------
    def _walk(self) -> None:
        self._follow()
        # Names that code further on uses may be attributes of what was passed before.
        while earlier := [x for x in self._named.values() if x[-1] < len(self.names) + len(self.stored)]:
            for follow, y, place, _ in earlier:
                follow(y, place)
            self._follow()
        if not {"requires_grad", "requires_grad_"}.isdisjoint(self.names):
            self._see(freezes, "what is frozen")
            self._follow()
        self.generators.add_those_of_libraries(self.seen.values())
        if any(x() is not None and id(x()) not in self.seen for x in self._references):
            self.never = "reads an object by a weak reference only, and a recording would keep that object alive"
        if self.functions:
            self._watch(("functions",), watch_functions, self.functions)
        for number, (space, chosen) in self._spaces.items():
            if chosen:
                self._watch((number, "names"), watches.of_names, "", chosen, space, self._freed)
        for number, (name, cell) in self._cells.items():
            self._watch(number, watches.of_cell, name, cell, self._freed)

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
        if self.is_dynamic:
            self.names |= self._texts  # getattr(y, x) asks for the attribute x

    def _watch(self, key: Any, make: Callable[..., Watch | None], *things: Any) -> None:
        """From now on look at something; what is known by the same key is looked at in this way only."""
        self._made[key] = make, things

    def _note_named(self, follow: Callable[[Any, str], None], x: Any, where: str) -> None:
        self._named[id(x)] = follow, x, where, len(self.names) + len(self.stored)

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
        elif isinstance(x, (list, deque, set, frozenset, tuple)):
            if {*map(type, x)} != {Value}:
                settle(x)  # all Values are of one class then
            if not isinstance(x, (frozenset, tuple)):  # which cannot change
                self._watch(id(x), watches.of_members, where, x, self._freed)
            if not self._push_values(x):
                self._push(enumerate(x), where)
        elif isinstance(x, (dict, MappingProxyType)):
            self._watch(id(x), watches.of_entries, where, x, self._freed)
            self._push(x.items(), where)
        elif isinstance(x, FunctionType):
            self._visit_function(x, where)
        elif ways := next(filter(None, map(_WAYS.get, type(x).__mro__)), None):
            for way in ways:
                self._see(getattr(x, way), where)
            if getattr(x, "__dict__", None):
                self._attributes(x, where)
        elif isinstance(x, ModuleType):
            self._visit_module(x, where)
        elif isinstance(x, type):
            self._visit_class(x, where)
        elif (inside := look_into(x)) is not None:
            if isinstance(x, weakref.ref):
                self._references.append(x)
            self._look(x, inside, where)
        else:
            self._visit_object(x, where)

    def _look(self, x: Any, inside: Inside | None, where: str) -> None:
        if inside is not None:  # an object that keeps it in C
            self.names.update(inside.names)
            self._watch(id(x), inside.watch, where)
            self.count += 0 if inside.find is None else inside.size
            self._push(enumerate(inside.members), where)

    def _visit_function(self, f: FunctionType, where: str) -> None:
        if (package := package_of(f.__module__)) in FIXED:  # such as what ``grad`` returned, with the user's function
            self._push(enumerate(filter(callable, map(content, f.__closure__ or ()))), where)
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
            self._cells[id(cell)] = name, cell
            self._see(content(cell), name)
        space = f.__globals__
        for module in {x for code in codes for x in codenames.modules_named(code, str(space.get("__package__")))}:
            self._watch(module, watches.of_module, module)
            self._see(sys.modules.get(module), module)
        self._see_names(space, known & space.keys(), "")
        if package not in _READ_ONLY:
            self.functions.append(f)
            self.codes += codes
            self._spaces.setdefault(id(space), (space, set()))[1].update(known)
            self.spaces[id(space)] = space, ""
            self.spaces[id(vars(f))] = vars(f), f"{where}."
            self._of_function(f, where)

    def _of_function(self, f: FunctionType, where: str) -> None:
        """The attributes of a function, if it has some, or may get some that the code looks for."""
        self._note_named(self._of_function, f, where)
        counts = (self.stored & self.names) - {"data", "grad", "label"}
        if vars(f) or counts or self.is_dynamic:
            self._attributes(f, where)

    def _visit_module(self, module: ModuleType, where: str) -> None:
        self._note_named(self._visit_module, module, where)
        self._look(module, look_into_module(module, self.names), where)
        if not self.generators.add(module, self.names) and package_of(module.__name__) not in FIXED:
            space = vars(module)
            names = self.names if self.is_dynamic else self.names & space.keys()
            if package_of(module.__name__) not in _READ_ONLY:
                self.spaces[id(space)] = space, f"{where}."
                self._spaces.setdefault(id(space), (space, set()))[1].update(names)
            self._see_names(space, names & space.keys(), f"{where}.")

    def _see_names(self, space: Mapping[str, Any], names: Iterable[str], prefix: str, key: int = 0) -> None:
        """Follow some names of a namespace, each once; the caller may look at what is there itself."""
        places = {(key or id(space), name) for name in names} - self._passed - self.live
        self._passed |= places
        for _, name in places:
            self._see(space[name], prefix + name)

    def _visit_class(self, kind: type, where: str) -> None:
        self._note_named(self._visit_class, kind, where)
        self._see(type(kind), type(kind).__name__)
        for cls in kind.__mro__:
            package = package_of(cls.__module__)
            if package in FIXED:
                continue
            space = vars(cls)
            # Where names are made at run time, any data may be meant.  Methods would lead through whole packages.
            data = {x for x in space if self.is_dynamic and not (callable(space[x]) or hasattr(space[x], "__get__"))}
            special = {x for x in space if x[:2] == "__" and isinstance(space[x], _METHODS)}
            special |= {x for x in self.stored & space.keys() if hasattr(space[x], "__set__")}  # code runs to set it
            if package in _READ_ONLY:  # to make a model and to write it asks for attributes that no number depends on
                special -= {"__new__", "__repr__"}
            chosen = special | data | self.names
            if package not in _READ_ONLY:
                names = chosen | self.stored
                self._watch(id(cls), watches.of_names, f"{cls.__name__}.", names, space, self._freed, cls)
            self._see_names(space, chosen & space.keys(), f"{cls.__name__}.", id(cls))

    def _visit_object(self, x: Any, where: str) -> None:
        where = where or type(x).__name__
        if not self.generators.add(x, self.names) and hasattr(type(x), "__next__"):
            self.never = f"reads {where}, an iterator: pass its items as arguments"
        self._see(type(x), type(x).__name__)
        self._attributes(x, where)
        self._see(getattr(x, "__dict__", {}).get("__wrapped__"), where)  # of a compiled function, or one with a cache

    def _attributes(self, x: Any, where: str) -> None:
        """The attributes of an object: those in its dictionary, and those in its slots."""
        self._note_named(self._attributes, x, where)
        package = package_of(type(x).__module__)
        any_name = package in FIXED or self.is_dynamic
        space = getattr(x, "__dict__", None)
        if isinstance(space, dict) and package not in CLOSED:
            names = ({*space} if any_name else self.names) - _OWN
            for name in getattr(type(x), "deferrable", ()):
                self.deferrable.add((id(space), name))
                if type(space.get(name)) is Deferred:
                    space[name] = space[name].fetch()
            if any_name:
                self.spaces.pop(id(space), None)
                self._watch(id(x), watches.of_entries, where, space, self._freed, x)
            else:
                self.spaces[id(space)] = space, f"{where}."
                self._watch(id(x), watches.of_names, f"{where}.", names, space, self._freed, x)
            self._see_names(space, names & space.keys(), f"{where}.")
        slots = [name for name in slots_of(type(x)) if any_name or name in self.names or name in self.stored]
        if slots:
            self._watch((id(x), "slots"), watches.of_slots, f"{where}.", x, slots, self._freed)
            self._see_names({name: getattr(x, name, None) for name in slots}, slots, f"{where}.", id(x))
