"""Objects among the arguments of a compiled function: a model, an optimiser, a function.

    @compile
    def step(model, optimizer, x, y): ...      step(net, adam, 1.0, 2.0)

Numbers differ from call to call, but objects hardly ever do.  So for the objects of a call, there is a compiled
function of the other arguments.  To that function the objects are outside: their numbers are read at each call.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from autograd.compiler.calls.budget import FEW, MOST
from autograd.compiler.recording.arguments import Keywords
from autograd.locks import renew_in_child
from autograd.provenance import depth_of_caller
from autograd.trees import is_object


def given(f: Callable[..., Any], objects: Mapping[Any, Any]) -> Callable[..., Any]:
    """f with some arguments fixed, by position (int) or name (str): a function of the other arguments.

    >>> given(divmod, {1: 4})(11), given(sorted, {"reverse": True})([1, 3, 2])
    ((2, 3), [3, 2, 1])
    """
    by_place = {key: x for key, x in objects.items() if isinstance(key, int)}
    by_name = {key: x for key, x in objects.items() if not isinstance(key, int)}
    function = partial(_called, f, by_place, **by_name)  # the recorder reads the members of a partial as outside
    function.__name__ = getattr(f, "__name__", "the function")  # type: ignore[attr-defined]
    return function


def _called(f: Callable[..., Any], objects: Mapping[int, Any], *rest: Any, **keywords: Any) -> Any:
    return f(*_put_in(objects, rest), **keywords)


def _put_in(objects: Mapping[int, Any], rest: Sequence[Any]) -> list[Any]:
    """All arguments of a call in order: the fixed objects and the rest."""
    args = [*rest]
    for place, x in objects.items():
        args.insert(place, x)
    return args


def _taken_out(args: Sequence[Any]) -> tuple[dict[Any, Any], list[Any]]:
    """The objects among the arguments, by position or name, and the list of the other arguments."""
    objects: dict[Any, Any] = {place: x for place, x in enumerate(args) if is_object(x)}
    rest = [x for place, x in enumerate(args) if place not in objects]
    if rest and isinstance(rest[-1], Keywords):
        named = {name: x for name, x in rest[-1].items() if is_object(x)}
        others = {name: x for name, x in rest[-1].items() if name not in named}
        objects |= named
        rest[-1:] = [Keywords(others)] if others else []
    return objects, rest


class Objects:
    """The compiled functions for the objects of the last calls."""

    def __init__(self, f: Callable[..., Any], compiled: Callable[[Callable[..., Any]], Any]) -> None:
        self._f, self._compile = f, compiled
        self.known: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._made = self._found = 0
        self._warned = False
        self._lock = Lock()
        renew_in_child(self, "_lock", Lock)

    def compiled(self, args: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The compiled function for the objects among the arguments, and the other arguments.

        The function is None if the objects differ at nearly every call, since compiling for each would cost too much.
        """
        objects, rest = _taken_out(args)
        return self._compiled_for(objects) if objects else None, rest

    def _compiled_for(self, objects: Mapping[Any, Any]) -> Any:
        key = tuple([(place, id(x)) for place, x in objects.items()])
        with self._lock:  # several threads may call the function
            if key in self.known:
                self._found += 1
                self.known.move_to_end(key)
                return self.known[key]
            if self._made <= FEW + self._found:
                self._made += 1
                made = self.known[key] = self._compile(given(self._f, objects))
                if len(self.known) > MOST:
                    self.known.popitem(last=False)
                return made
        self._warn()
        return None

    def value_and_grad(self, args: Sequence[Any]) -> tuple[float, tuple[Any, ...]]:
        """The value, and the gradients with respect to the other arguments; None for an object."""
        objects, rest = _taken_out(args)
        compiled = self._compiled_for(objects) or self._compile(given(self._f, objects))
        value, gradients = compiled.value_and_grad(*rest)
        return value, tuple(_put_in({place: None for place in objects if isinstance(place, int)}, gradients))

    @property
    def last(self) -> Any:
        """The compiled function for the objects of the last call."""
        return next(reversed(self.known.values()), None)

    def _warn(self) -> None:
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"{getattr(self._f, '__name__', 'the function')} gets a different object at nearly every call, and would "
            "be compiled for each: it runs without the compiler, many times slower.  Pass the numbers instead",
            RuntimeWarning,
            stacklevel=depth_of_caller(),
        )


class Methods(dict[Any, Any]):
    """The compiled methods of one object, by the method of its class; a copy of the object starts without any."""

    def __init__(self, owner: Any = None) -> None:
        self.owner = owner

    def __deepcopy__(self, memo: dict[int, Any]) -> Methods:
        return Methods()

    def __reduce__(self) -> tuple[Any, ...]:
        return Methods, ()
