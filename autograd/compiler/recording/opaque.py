"""Objects that keep in C what they hold: how to see whether it is as it was, and how to put it back.

A list says what is in it, and an object has a dictionary of its attributes.  The objects here have neither; each kind
is asked in its own way: an array for its bytes, a tensor for a copy, a reference for what it refers to.  Of random
generators and streams it matters whether the function used them.
"""

from __future__ import annotations

import io
import os
import random
import sys
import weakref
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import partial
from itertools import chain
from operator import attrgetter, methodcaller, setitem
from types import BuiltinFunctionType, FunctionType, MethodWrapperType, ModuleType
from typing import Any, NamedTuple

from autograd.compiler.recording.codenames import package_of
from autograd.compiler.recording.rewriting import codes_of
from autograd.compiler.recording.watches import NO_KEY, Look, Watch
from autograd.trees import is_numpy

_DRAWING = {"scipy", "sklearn", "pandas"}  # packages whose functions draw from numpy's global generator


class Inside(NamedTuple):
    """The contents of an object that keeps them in C."""

    find: Callable[[], Sequence[Any]] | None = None  # gives what is compared before each call; None: nothing is
    put: Callable[[], object] | None = None  # puts back what is there now
    members: Sequence[Any] = ()  # the objects that it refers to
    names: Sequence[str] = ()  # the names of attributes that it asks others for
    size: int = 1  # how much the comparison costs, as a number of objects

    def watch(self, where: str) -> Watch | None:
        """What compares it."""
        return None if self.find is None else Watch(where, self.find, put=self.put)


def look_into(x: Any) -> Inside | None:
    """The contents of an object of one of these kinds; None for an object of any other kind."""
    if isinstance(x, ContextVar):
        return Inside(lambda: (_variable(x),), partial(x.set, _variable(x)), [_variable(x)])
    if isinstance(x, (array, bytearray)):
        return Inside(lambda: (bytes(x),), partial(setitem, x, slice(None), x[:]))
    if is_numpy(x):
        put = partial(setitem, x, ..., x.copy())
        if x.dtype.kind == "O":
            return Inside(lambda: x.ravel().tolist(), put, x.ravel().tolist())
        return Inside(lambda: (repr(x.shape), x.tobytes()), put, size=x.size // 10)
    if isinstance(x, weakref.ref):
        return Inside(lambda: (id(x()),))  # which does not keep the object alive
    if isinstance(x, (BuiltinFunctionType, MethodWrapperType)):  # such as the append of a list
        return Inside(members=[] if isinstance(x.__self__, ModuleType) else [x.__self__])
    if isinstance(x, (attrgetter, methodcaller)):
        names = [part for name in x.__reduce__()[1] if isinstance(name, str) for part in name.split(".")]
        return Inside(members=x.__reduce__()[1], names=names)
    if type(x).__module__.partition(".")[0] == "pandas" and hasattr(type(x), "to_numpy"):  # a frame, a column, an index
        return Inside(lambda: (repr(x.shape), *x.to_numpy().ravel().tolist()), size=x.size)
    if x is os.environ:
        return Inside(lambda: [*os.environ, *os.environ.values()], partial(_put_environment, dict(os.environ)))
    return _memory(x)


def look_into_module(module: ModuleType, names: set[str]) -> Inside | None:
    """What a module of the standard library has that programs change, as far as these names ask for it."""
    if module is os and "environ" in names:
        return Inside(members=[os.environ])
    if module is sys and "argv" in names:
        return Inside(lambda: (sys.argv,), partial(setattr, sys, "argv", sys.argv), [sys.argv])
    if module is sys.modules.get("decimal"):  # what is computed depends on the precision
        return Inside(lambda: (repr(module.getcontext()),))
    return None


def watch_functions(functions: Sequence[FunctionType]) -> Watch:
    """What looks at the code of functions, and at their defaults."""

    def find() -> dict[str, list[Any]]:
        defaults, by_name = [[getattr(f, name) for f in functions] for name in ("__defaults__", "__kwdefaults__")]
        return {"code": list(codes_of(functions)), "defaults": defaults, "kwdefaults": by_name}

    looks = [
        Look(kind, f, (), (NO_KEY if x is None else x,)) for kind, xs in find().items() for f, x in zip(functions, xs)
    ]
    names = [f"the function {f.__name__}" for f in functions]
    return Watch(3 * names, lambda: [*chain.from_iterable(find().values())], looks=looks)


def _memory(x: Any) -> Inside | None:
    """The contents of a tensor, a memoryview or an array of ctypes."""
    if type(x).__module__.partition(".")[0] == "torch" and hasattr(type(x), "detach"):
        return Inside(lambda: (x.detach().cpu().numpy().tobytes(),), partial(x.data.copy_, x.detach().clone()))
    try:
        view = memoryview(x)
    except TypeError:
        return None
    return Inside(lambda: (view.tobytes(),), None if view.readonly else partial(_put_memory, view, view.tobytes()))


def _variable(x: ContextVar[Any]) -> Any:
    """The value of a context variable, or its default; None if it has neither."""
    try:
        return x.get()
    except LookupError:
        return None


def _put_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _put_memory(view: memoryview, before: bytes) -> None:
    view.cast("B")[:] = before


class Generators:
    """The random generators and streams among the objects that a function can see."""

    def __init__(self) -> None:
        # By the id of each: a function that gives its state, one that sets it, and the state as it can be compared.
        self._found: dict[int, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {}

    def add(self, x: Any, names: set[str]) -> bool:
        """Note an object, or a module, if it is or has a generator or a stream; whether that is so.

        Args:
            x: The object.
            names: The names that code asks for.
        """
        kind = type(x)
        if isinstance(x, random.SystemRandom):  # which has no state: a call of it is refused
            return True
        if x is random or isinstance(x, random.Random):
            self._found[id(x)] = x.getstate, x.setstate, _itself
        elif isinstance(x, ModuleType) and x.__name__ == "torch":
            torch: Any = x
            self._found[id(x)] = torch.get_rng_state, torch.set_rng_state, lambda state: state.numpy().tobytes()
        elif isinstance(x, ModuleType):
            if x.__name__ != "numpy" or "random" not in names:
                return False
            self._found[id(x)] = x.random.get_state, x.random.set_state, repr
        elif kind.__name__ == "RandomState" and kind.__module__.startswith("numpy."):
            self._found[id(x)] = x.get_state, x.set_state, repr
        elif hasattr(kind, "bit_generator"):
            bits = x.bit_generator
            self._found[id(x)] = lambda: bits.state, partial(setattr, bits, "state"), repr
        elif isinstance(x, io.IOBase):
            self._found[id(x)] = lambda: (_position(x), _size(x)), lambda state: _put_position(x, *state), _itself
        else:
            return False
        return True

    def add_those_of_libraries(self, objects: Iterable[Any]) -> None:
        """Note numpy's global generator, if some objects are of packages that may draw from it."""
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and not _DRAWING.isdisjoint(sys.modules):
            modules = [getattr(x, "__name__" if isinstance(x, ModuleType) else "__module__", None) for x in objects]
            if not _DRAWING.isdisjoint([package_of(name) for name in {*modules} if isinstance(name, str)]):
                self.add(numpy, {"random"})

    def states(self) -> list[Any]:
        """Their states now."""
        return [compared(state()) for state, _, compared in self._found.values()]

    def rewind(self) -> Callable[[], None]:
        """A function that sets them back to the state in which they are now."""
        puts = [partial(put, state()) for state, put, _ in self._found.values()]

        def rewound() -> None:
            for put in puts:
                put()

        return rewound


def _itself(state: Any) -> Any:
    return state


def _position(stream: Any) -> Any:
    """Where a stream is read or written; None if it does not say so."""
    try:
        return stream.tell()
    except (OSError, ValueError):  # a pipe, or closed; or a file that is being read line by line: new each time
        return object() if not stream.closed and stream.seekable() else None


def _size(stream: Any) -> int | None:
    """How long a stream is; None if it does not say so."""
    if stream.closed or not stream.seekable():
        return None
    try:
        position = stream.tell()
        size: int = stream.seek(0, io.SEEK_END)
        stream.seek(position)
    except OSError:
        return None
    return size


def _put_position(stream: Any, position: Any, size: int | None) -> None:
    """Go back in a stream, and take back what was written at its end since."""
    if size is not None and not stream.closed:
        stream.seek(position)
        if stream.writable():
            stream.truncate(size)
