"""A reference for a function: its value to 100 digits and more, and its derivatives by differences of that value.

A reference says what a function is, never what its derivative is: derivatives are central differences with a step of
2^-100 of the distance over which the function varies, on numbers of at least 140 digits, of which 30 or more are right.
They share nothing with the table that they are to check.  Where differences make no sense (nan, infinities, poles,
kinks) ``exact`` says what IEEE 754, or the limit, or the convention for kinks demands.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from math import inf, isfinite, nan
from typing import Any, NamedTuple

from mpmath import mp, mpc, mpf

_NOTHING = mpf(2) ** -1200
_LARGEST = mpf(2) ** 1024
Exact = tuple[float, tuple[float | None, ...]]  # None: nothing is demanded


class Reference(NamedTuple):
    """What a primitive is.

    Args:
        value: the function on finite numbers of any precision; complex or an error outside of its domain.
        exact: value and partials at points where no difference can tell, None elsewhere.
        smooth: how far from the operands the function is smooth: the distance to the next pole, kink or branch point,
            one for all operands or one each.
        cancels: the size of the terms whose sum is the result: the error of the value is measured against that.
        saturating: an absolute error of 2e-16 in a partial will do, where this says so.
        parameters: operands that are not differentiated: their partial is 0.
    """

    value: Callable[..., Any]
    exact: Callable[..., Exact | None]
    smooth: Callable[..., Any] = lambda *xs: 1
    cancels: Callable[..., Any] = lambda *xs: 0
    saturating: Callable[..., bool] = lambda *xs: False
    parameters: tuple[int, ...] = ()


class UndefinedError(ArithmeticError):
    """Outside of the domain of a function."""


def _evaluate(reference: Reference, xs: Sequence[mpf]) -> mpf:
    try:
        y = reference.value(*xs)
    except (ValueError, ZeroDivisionError) as error:
        raise UndefinedError from error
    if isinstance(y, mpc) or mp.isnan(y):
        raise UndefinedError
    return mpf(y)


def _range(xs: Sequence[float]) -> int:
    """By how many bits the largest or the smallest of them differs from 1."""
    return max([abs(math.frexp(x)[1]) for x in xs], default=0)


def value(reference: Reference, xs: Sequence[float]) -> mpf:
    """The value at finite operands, nan outside of the domain."""
    with mp.workprec(400 + _range(xs)):
        try:
            return _evaluate(reference, [mpf(x) for x in xs])
        except UndefinedError:
            return mpf(nan)


def derivative(reference: Reference, xs: Sequence[float], *by: int) -> mpf:
    """The derivative by the operands of these numbers (two of them: the second derivative); nan where there is none."""
    order = len(by)
    if not set(by).isdisjoint(reference.parameters):
        return mpf(0)
    bits = 350 + 130 * order + _range(xs)  # if that is not enough, the noise below tells
    while True:
        with mp.workprec(bits):
            points = [mpf(x) for x in xs]
            distances = reference.smooth(*points)
            steps = [mp.ldexp(distances[i] if isinstance(distances, tuple) else distances, -100) for i in by]
            total, largest = mpf(0), mpf(0)
            try:
                for signs in itertools.product((1, -1), repeat=order):
                    shifted = list(points)
                    for i, sign, step in zip(by, signs, steps):
                        shifted[i] += sign * step
                    y = _evaluate(reference, shifted)
                    largest = max(largest, abs(y))
                    total += math.prod(signs) * y
            except UndefinedError:
                return mpf(nan)
            volume = math.prod(2 * step for step in steps)
            slope, noise = total / volume, mp.ldexp(largest, 8 - bits) / volume
            if abs(slope) > mp.ldexp(noise, 100) or abs(slope) + noise < _NOTHING or bits > 6000:
                return slope
            bits += 1000


def ulps(got: float, want: mpf, at_least: Any = 0) -> float:
    """The error of a float in units in the last place of the true number (or of ``at_least``, if that is larger)."""
    if mp.isnan(want) or got != got:
        return 0.0 if mp.isnan(want) and got != got else inf
    if got == float(want):  # correctly rounded, which is half a unit at most
        return 0.0 if got == want or not isfinite(got) else 0.5
    with mp.workprec(2400):
        size = max(abs(want), abs(mpf(at_least)))
        if abs(want) >= _LARGEST or not isfinite(got):  # overflow: inf counts as the number that would come next
            want = max(-_LARGEST, min(_LARGEST, want))
        exponent = max(mp.frexp(min(size, _LARGEST / 2))[1] - 53, -1074) if size else -1074
        exact = mpf(got) if isfinite(got) else math.copysign(1, got) * _LARGEST
        return float(min(mp.ldexp(abs(exact - want), -exponent), mpf(10) ** 300))
