"""Random generators that a function can see: whether it drew from them, and how to set them back."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

__all__ = ["Generators"]


class Generators:
    """The random generators among the objects that a function can see."""

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
            self._note(module, lambda: repr(numpy.get_state()), lambda: partial(numpy.set_state, numpy.get_state()))
        else:
            return False
        return True

    def add(self, x: Any) -> bool:
        """Note an object if it is a generator; whether it is one."""
        if isinstance(x, random.Random):
            self._note(x, x.getstate, lambda: partial(x.setstate, x.getstate()))
        elif hasattr(x, "bit_generator"):
            bits = x.bit_generator
            self._note(x, lambda: repr(bits.state), lambda: partial(setattr, bits, "state", bits.state))
        else:
            return False
        return True

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
