"""Objects that keep in C what they hold: how to see whether it is as it was, and how to put it back.

A list says what is in it, and an object has a dictionary of its attributes.  The objects here have neither; each kind
is asked in its own way: an array for its bytes, a tensor for a copy, a reference for what it refers to.  Of random
generators and streams it matters whether the function used them.
"""

from __future__ import annotations

import decimal
import io
import os
import random
import sys
import weakref
from array import array
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from operator import attrgetter, methodcaller
from types import BuiltinFunctionType, FunctionType, MethodWrapperType, ModuleType
from typing import Any, NamedTuple

from autograd.compiler.recording.looks import NO_KEY, Look
from autograd.compiler.recording.rewriting import codes_of
from autograd.compiler.recording.watches import Watch
from autograd.trees import is_numpy

_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))


class Inside(NamedTuple):
    """The contents of an object that keeps them in C."""

    find: Callable[[], Sequence[Any]] | None = None  # gives what is compared before each call; None: nothing is
    put: Callable[[Any], None] | None = None  # puts back what was found
    members: Sequence[Any] = ()  # the objects that it refers to
    names: Sequence[str] = ()  # the names of attributes that it asks others for
    size: int = 1  # how much the comparison costs, as a number of objects

    def watch(self, where: str) -> Watch | None:
        """What compares it."""
        return None if self.find is None else Watch(where, self.find, put=self.put)


def look_into(x: Any) -> Inside | None:
    """The contents of an object of one of these kinds; None for an object of any other kind."""
    if isinstance(x, ContextVar):
        return Inside(lambda: (x.get(None),), partial(_put_variable, x, _variable(x)), [x.get(None)])
    if isinstance(x, (array, bytearray)):
        return Inside(lambda: (bytes(x),), partial(_put_machine_numbers, x))
    if is_numpy(x):
        if x.dtype.kind == "O":
            return Inside(lambda: x.ravel().tolist(), partial(setattr, x, "flat"), x.ravel().tolist())
        return Inside(lambda: (repr(x.shape), x.tobytes()), partial(_put_bytes, x), size=x.size // 10)
    if isinstance(x, weakref.ref):
        return Inside(lambda: (id(x()),))  # which does not keep the object alive
    if isinstance(x, _VIEWS):
        return Inside(members=[x.mapping])
    if isinstance(x, (BuiltinFunctionType, MethodWrapperType)):  # such as the append of a list
        return Inside(members=[] if isinstance(x.__self__, ModuleType) else [x.__self__])
    if isinstance(x, (attrgetter, methodcaller)):
        names = [part for name in x.__reduce__()[1] if isinstance(name, str) for part in name.split(".")]
        return Inside(members=x.__reduce__()[1], names=names)
    if x is os.environ:
        return Inside(lambda: [*os.environ, *os.environ.values()], _put_environment)
    return _memory(x)


def look_into_module(module: ModuleType, names: set[str]) -> Inside | None:
    """What a module of the standard library has that programs change, as far as these names ask for it."""
    if module is os and "environ" in names:
        return Inside(members=[os.environ])
    if module is sys and "argv" in names:
        return Inside(lambda: (sys.argv,), lambda seen: setattr(sys, "argv", seen[0]), [sys.argv])
    if module is decimal:  # what is computed depends on the precision
        return Inside(lambda: (repr(decimal.getcontext()),))
    return None


def watch_functions(functions: Sequence[FunctionType]) -> Watch:
    """What looks at the code of functions, and at their defaults."""

    def look() -> list[Any]:
        defaults = [x for f in functions for x in (f.__defaults__, f.__kwdefaults__)]
        return [*codes_of(functions), *defaults]

    looks = [Look("code", f, (), (code,)) for f, code in zip(functions, codes_of(functions))]
    for kind, get in (("defaults", attrgetter("__defaults__")), ("kwdefaults", attrgetter("__kwdefaults__"))):
        looks += [Look(kind, f, (), (NO_KEY if get(f) is None else get(f),)) for f in functions]
    names = [f"the function {f.__name__}" for f in functions]
    return Watch([*names, *[name for name in names for _ in range(2)]], look, looks=looks)


def _memory(x: Any) -> Inside | None:
    """The contents of a tensor, a memoryview or an array of ctypes."""
    if type(x).__module__.partition(".")[0] == "torch" and hasattr(type(x), "detach"):
        return Inside(lambda: (x.detach().cpu().numpy().tobytes(),), partial(_put_tensor, x, x.detach().clone()))
    try:
        view = memoryview(x)
    except TypeError:
        return None
    return Inside(lambda: (view.tobytes(),), None if view.readonly else partial(_put_memory, view))


def _put_variable(x: ContextVar[Any], before: Any, _: Any) -> None:
    x.set(before)


def _variable(x: ContextVar[Any]) -> Any:
    """The value of a context variable, or its default; None if it has neither."""
    try:
        return x.get()
    except LookupError:
        return None


def _put_machine_numbers(x: Any, seen: Any) -> None:
    """Put numbers back into an array of Python's, or into a bytearray."""
    x[:] = array(x.typecode, seen[0]) if isinstance(x, array) else seen[0]


def _put_bytes(x: Any, seen: Any) -> None:
    """Put numbers back into an array of numpy, whose own type knows how to read bytes."""
    import numpy as np

    x[...] = np.frombuffer(seen[1], dtype=x.dtype).reshape(x.shape)


def _put_environment(seen: Any) -> None:
    before = dict(zip(seen[: len(seen) // 2], seen[len(seen) // 2 :]))
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _put_tensor(x: Any, before: Any, _: Any) -> None:
    x.data.copy_(before)


def _put_memory(view: memoryview, seen: Any) -> None:
    view.cast("B")[:] = seen[0]


class Generators:
    """The random generators and streams among the objects that a function can see."""

    def __init__(self) -> None:
        self._states: dict[int, Callable[[], Any]] = {}  # by the id of the generator what gives its state
        self._keeps: list[Callable[[], Callable[[], None]]] = []  # each makes what sets a generator back

    def add_module(self, module: ModuleType, names: set[str]) -> bool:
        """Note the generator of a module; whether it is one that has a generator."""
        if module is random:
            self._note(module, random.getstate, lambda: partial(random.setstate, random.getstate()))
        elif module.__name__ == "numpy" and "random" in names:
            numpy = module.random
            self._note_legacy(module, numpy)
        elif module.__name__ == "torch":
            torch: Any = module
            state = torch.get_rng_state
            self._note(module, lambda: state().numpy().tobytes(), lambda: partial(torch.set_rng_state, state()))
        else:
            return False
        return True

    def add(self, x: Any) -> bool:
        """Note an object if it is a generator or a stream; whether it is one."""
        if isinstance(x, random.SystemRandom):  # which has no state: a call of it is refused
            return True
        if isinstance(x, random.Random):
            self._note(x, x.getstate, lambda: partial(x.setstate, x.getstate()))
        elif type(x).__name__ == "RandomState" and type(x).__module__.startswith("numpy."):
            self._note_legacy(x, x)
        elif hasattr(type(x), "bit_generator"):
            bits = x.bit_generator
            self._note(x, lambda: repr(bits.state), lambda: partial(setattr, bits, "state", bits.state))
        elif isinstance(x, io.IOBase):
            self._note(x, lambda: _position(x), lambda: partial(_put_position, x, _position(x), _size(x)))
        else:
            return False
        return True

    def _note_legacy(self, x: Any, numpy: Any) -> None:
        """Note a generator with the methods of ``numpy.random``."""
        self._note(x, lambda: repr(numpy.get_state()), lambda: partial(numpy.set_state, numpy.get_state()))

    def _note(self, x: Any, state: Callable[[], Any], keep: Callable[[], Callable[[], None]]) -> None:
        self._states[id(x)] = state
        self._keeps.append(keep)

    def states(self) -> list[Any]:
        """Their states now."""
        return [state() for state in self._states.values()]

    def rewind(self) -> Callable[[], None]:
        """A function that sets them back to the state in which they are now."""
        puts = [keep() for keep in self._keeps]

        def rewound() -> None:
            for put in puts:
                put()

        return rewound


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
