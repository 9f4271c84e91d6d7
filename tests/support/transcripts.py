"""Two runs of a function that does more than compute: with and without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
from autograd import Value

POINTS = [0.5, 1.5, -0.5, 2.0, 0.5]
Program = Callable[[Any], Any]  # a function to compile, made anew for each side of a comparison
Made = tuple[Program, Callable[[], Any]]  # the function, and what to look at after each call


def transcript(make: Callable[[], Made], compiled: bool) -> list[Any]:
    """What calls of a function give, and what somebody sees after each of them."""
    f, look = make()
    if compiled:
        f = autograd.compile(f)
    found: list[Any] = []
    for x in POINTS:
        value = f(x)
        found += [value.data if isinstance(value, Value) else value, look()]
    return found


def check(make: Callable[[], Made]) -> None:
    assert transcript(make, compiled=True) == transcript(make, compiled=False)
