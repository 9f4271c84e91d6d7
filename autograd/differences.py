"""Derivatives by finite differences with extrapolation: from the left, from the right, and across.

A difference quotient with step h is off by a series in h (from one side) or in h² (across), and by rounding, which
grows as 1/h.  Quotients at h, h/4, h/16, … are extrapolated to h = 0 (L. F. Richardson, 1911), and two extrapolations
that agree tell which h to choose and how far to trust it (C. J. F. Ridders, 1982).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from math import copysign, frexp, inf, isfinite, ldexp, ulp
from operator import attrgetter
from sys import float_info
from typing import NamedTuple

Function = Callable[[float], float]
Quotient = Callable[[Function, float, float], float]

FIRST = -8  # the first step is 2^-8 of the size of x
FINER, COARSER = 17, 3  # then up to 17 steps, each a quarter of the one before, or larger ones up to 2^-3


class Slope(NamedTuple):
    """A range for the derivative, from ``low`` to ``high``, which differ only at a kink."""

    low: float
    high: float
    error: float  # how far off either may be

    def agrees(self, number: float, rtol: float, atol: float) -> bool:
        """Whether a number lies between low and high, give or take the error and what is tolerated."""
        if not isfinite(number):
            return self.low <= number <= self.high
        slack = 2.0 * self.error + atol + rtol * max(abs(number), abs(self.low), abs(self.high))
        return self.low - slack <= number <= self.high + slack


def differentiate(
    f: Function, x: float, expected: float, rtol: float = 1e-6, atol: float = 0.0, scale: float = 1.0
) -> Slope | None:
    """The derivative of f at x, searched more thoroughly where it is not the expected one; None if f is nan around x.

    Errors up to ``rtol`` and ``atol`` do not matter.  The ``scale`` is the distance over which f varies if x is 0.
    """
    search = _Search(cache(f), x, rtol, atol, abs(x) or scale)
    quick = search.coarse(_across, 2)
    if quick is not None and quick.agrees(expected, rtol, atol):
        return quick
    across, left, right = search.best(_across, 2), search.best(_left, 1), search.best(_right, 1)
    if left is None or right is None:  # the edge of the domain
        return left or right or across
    if not (search.good(left) and search.good(right)):
        return across or right
    if across is not None and search.good(across) and left.agrees(across.low, rtol, atol):
        return across
    return Slope(min(left.low, right.low), max(left.low, right.low), max(left.error, right.error))


def has_kink(f: Function, x: float, scale: float = 1.0) -> bool:
    """Whether f has different slopes on both sides of x, or jumps, or ends there."""
    unit = _power_of_two(abs(x) or scale)
    h = max(min(unit, 1.0) * 2.0**-28, unit * 2.0**-40)
    here, below, above = f(x), f(x - h), f(x + h)
    if not isfinite(here) or not (isfinite(below) and isfinite(above)):
        return isfinite(here) and isfinite(below) != isfinite(above)
    farther_below, farther_above = f(x - 256.0 * h), f(x + 256.0 * h)
    bend, wider_bend = above - 2.0 * here + below, (farther_above - 2.0 * here + farther_below) / 256.0
    jump, wider_jump = above - below, farther_above - farther_below
    rounding = 8.0 * float_info.epsilon * (abs(below) + abs(here) + abs(above))
    # Where f is smooth, the bend is 256 times smaller than the wider one, and so is the jump.
    return any(abs(a) > rounding and not abs(a) < 0.25 * abs(b) for a, b in ((bend, wider_bend), (jump, wider_jump)))


def _power_of_two(x: float) -> float:
    return ldexp(1.0, frexp(x)[1])


def _across(f: Function, x: float, h: float) -> float:
    return (f(x + h) - f(x - h)) / (2.0 * h)


def _right(f: Function, x: float, h: float) -> float:
    return (f(x + 2.0 * h) - f(x + h)) / h  # without f(x), which may lie on a jump


def _left(f: Function, x: float, h: float) -> float:
    return _right(f, x, -h)


class _Search(NamedTuple):
    """A search for a good step."""

    f: Function
    x: float
    rtol: float
    atol: float
    unit: float

    def coarse(self, quotient: Quotient, order: int) -> Slope | None:
        """The first good estimate on the way to larger steps, which suffer less from rounding."""
        size = frexp(self.unit)[1]
        steps = (ldexp(1.0, k) for k in range(size + FIRST, max(size, 0) - COARSER + 1, 2))
        return next(filter(self.good, self._estimates(quotient, order, steps)), None)

    def best(self, quotient: Quotient, order: int) -> Slope | None:
        """The best estimate that agrees with those of smaller steps, since there may be detail below the first step."""
        size = frexp(self.unit)[1]
        steps = [ldexp(1.0, size + FIRST - 2 * k) for k in range(FINER)]
        if infinite := self._infinite(quotient, steps):
            return infinite
        # From the smallest step to the largest: an estimate counts only if all those of smaller steps agree with it.
        # The smallest steps suffer most from rounding, and say so by their error.
        finer: list[Slope] = []
        for slope in reversed(list(self._estimates(quotient, order, steps))):
            if all(slope.agrees(other.low, 0.0, 8.0 * other.error) for other in finer):
                finer.append(slope)
        found = min(finer, key=attrgetter("error"), default=None)
        coarse = None if found is not None and self.good(found) else self.coarse(quotient, order)
        if coarse is not None and (found is None or coarse.agrees(found.low, 0.0, 8.0 * found.error)):
            return coarse
        return found

    def good(self, slope: Slope) -> bool:
        """Whether the error does not matter, or is nothing beside a usual slope."""
        h = self.unit * 2.0**FIRST
        usual = max(abs(self.f(x)) for x in (self.x - h, self.x, self.x + h)) / max(self.unit, 1.0)
        return slope.error <= self.atol + self.rtol * abs(slope.low) + 1e-10 * usual

    def _estimates(self, quotient: Quotient, order: int, steps: Iterable[float]) -> Iterator[Slope]:
        # Two quotients whose steps differ by a factor of 4 tell how large their first error is: without it, the next
        # power of h is left.  Done twice with four quotients, this gives two estimates; their difference is the error.
        for h in steps:
            slopes = [quotient(self.f, self.x, h / 4.0**k) for k in range(4)]
            if all(map(isfinite, slopes)):
                once = [b + (b - a) / (4.0**order - 1.0) for a, b in pairwise(slopes)]
                first, second = [b + (b - a) / (16.0**order - 1.0) for a, b in pairwise(once)]
                rounding = ulp(self.f(self.x)) + ulp(self.f(self.x + h))
                yield Slope(second, second, abs(second - first) + 2.0 * rounding / (h / 64.0))

    def _infinite(self, quotient: Quotient, steps: Iterable[float]) -> Slope | None:
        """An infinite slope, if the quotients grow from each step to the next."""
        slopes = [quotient(self.f, self.x, h) for h in steps]
        if all(isfinite(b) and abs(b) > 1.02 * abs(a) > 0.0 and (a > 0.0) == (b > 0.0) for a, b in pairwise(slopes)):
            return Slope(copysign(inf, slopes[0]), copysign(inf, slopes[0]), 0.0)
        return None
