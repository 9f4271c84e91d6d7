"""Random generators and streams that a function can see: whether it used them, and how to set them back."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

__all__ = ["Generators"]


class Generators:
    """The random generators and streams among the objects that a function can see."""

    def __init__(self) -> None:
        self._states: dict[int, Callable[[], Any]] = {}  # by the id of the generator what gives its state
        self._keeps: list[Callable[[], Callable[[], None]]] = []  # each makes what sets a generator back

    def add_module(self, module: ModuleType, names: set[str]) -> bool:
        """Note the generator of a module; whether it is one that has a generator.

        Args:
            module: ``random``, ``numpy`` or any other module.
            names: The names that the function uses.
        """
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
        """What sets them back to the state in which they are now."""
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
