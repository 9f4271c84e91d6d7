"""Random numbers that a compiled training takes as data.

A compiled program does the same at each call, and so nothing in it may draw.  A module that asks here gets a fresh
number when it runs eagerly, and one of the program's inputs while it is compiled; ``fit`` then draws for each sample of
each step, in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from autograd import no_grad
from autograd.errors import CompileError
from nn.module import Module

Draw = Callable[[], float]
Moved = Callable[[], bool]  # whether random generators are in another state than at the last time it was asked
_CALLS = 10  # of a function that draws if random generators move during every one of them
_source: ContextVar[Callable[[Draw], Any] | None] = ContextVar("source", default=None)


def random_number(draw: Draw) -> Any:
    """A number from ``draw``; inside ``draws_given``, the next one of those given."""
    source = _source.get()
    return draw() if source is None else source(draw)


@contextmanager
def draws_given(numbers: list[Any]) -> Iterator[None]:
    """Inside this context nothing is drawn; the given numbers are taken one after the other.

    >>> with draws_given([1.0, 2.0]):
    ...     [random_number(lambda: 0.5) for _ in range(2)]
    [1.0, 2.0]
    """
    remaining = iter(numbers)
    with _from(lambda draw: next(remaining)):
        yield


def draws_of(f: Callable[[], Any]) -> list[Draw]:
    """The functions by which a function draws random numbers, in their order; each draw gives it 1 here."""
    found: list[Draw] = []

    def noted(draw: Draw) -> float:
        found.append(draw)
        return 1.0

    with _from(noted):
        f()
    return found


@contextmanager
def not_drawn(model: Callable[[Any], Any]) -> Iterator[Moved]:
    """After this context random generators are as before; it gives a function that says whether they have moved.

    Generators are the module ``random``, and those of Python and numpy that modules keep.  To compare losses is not
    enough: dropout with p = 0.1 often leaves all of a sample's numbers as they are, several times in a row.  Plain
    numbers that modules keep, such as a count of calls or a running mean, are as before, too, alone or in a list.
    """
    modules = model.modules() if isinstance(model, Module) else []
    parts = [part for module in modules for part in vars(module).values()]
    generators: list[Any] = [random, *[part for part in parts if isinstance(part, random.Random)]]
    numpys: list[Any] = [part.bit_generator for part in parts if hasattr(part, "bit_generator")]

    def states() -> tuple[list[Any], list[Any]]:
        return [generator.getstate() for generator in generators], [generator.state for generator in numpys]

    numbers = [(vars(module), {name: x for name, x in vars(module).items() if _is_number(x)}) for module in modules]
    lists = [(part, part[:]) for part in parts if type(part) is list and all(map(_is_number, part))]
    before = states()

    def moved() -> bool:
        now = repr(states())
        seen, last[0] = last[0], now
        return now != seen

    last = [repr(before)]
    try:
        yield moved
    finally:
        for generator, state in zip(generators, before[0]):
            generator.setstate(state)
        for generator, state in zip(numpys, before[1]):
            generator.state = state
        for space, kept in numbers:
            space.update(kept)
        for part, first in lists:
            part[:] = first


@contextmanager
def tried(outside: Any) -> Iterator[None]:
    """Try a function out in this context, and put back whatever it changed ``outside``: an ``Outside`` of the compiler.

    Raises:
        CompileError: The function changed something, which a program for all samples would not do.
    """
    unread = outside.only_set()  # which nobody watches
    try:
        yield
        moved = [x.name for x, y in zip(unread, outside.only_set()) if x.now is not y.now]
        if name := outside.changed() or next(iter(moved), ""):
            raise CompileError(
                f"it changes {name}, which a compiled program would not do: change it in a callback, or give "
                "compile=False"
            )
    finally:
        outside.put_back(unread)


def _is_number(x: Any) -> bool:
    return type(x) in (int, float, bool)


def check_repeatable(
    f: Callable[[], list[Any]], recorded: Sequence[float], moved: Moved, known: Sequence[Any] = ()
) -> None:
    """Refuse a loss, or outputs, that differ between calls of f for the sample that was recorded, or that draw.

    ``moved`` is what ``not_drawn`` gives; ``known`` is what one more call gave, if any did.
    """
    with no_grad():
        found = [known or f(), f(), f()]
        # Another thread, such as that of a cluster's worker, may draw in the meantime, but not during each call.
        draws = moved() and all([f(), moved()][1] for _ in range(_CALLS))
    calls = [[float(f"{number:.17g}") for number in numbers] for numbers in found]
    if draws or any(list(map(repr, call)) != list(map(repr, recorded)) for call in calls):
        raise CompileError(
            "the loss of a sample differs between calls: something in it is random, such as dropout, or kept from call "
            "to call, such as a running mean; if that is intended, give compile=False"
        )


@contextmanager
def _from(source: Callable[[Draw], Any]) -> Iterator[None]:
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)
