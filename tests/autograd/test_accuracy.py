"""Every primitive against 100 digits, over the whole range of its operands.

"0 misses of N" means: N numbers were compared, each the value or one partial derivative of a primitive at one point.
A value misses if it is off by more than 16 units in the last place (for sums that cancel: in the last place of the
largest term), a partial by more than 64, or if one of the two is nan or infinite and the other is not the same.

- Partials of saturating functions (tanh, sigmoid, and logaddexp and logsumexp, whose partials are sigmoids) may instead
  be off by 2e-16: tanh' = 1 - y² and σ' = y (1 - y) are meant to be that simple.  So may silu' and gelu', but only
  around the point where they are 0.
- Floats below 2.2e-308 have fewer digits.  A partial may be off by as much as moving such an operand by half a unit in
  its last place would change it.
- Overflow: beyond the largest float the right answer is inf.

``python -m tests.autograd.test_accuracy 1000 7`` checks 1000 random points per primitive from seed 7
and prints a table.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, ulp
from typing import Any

import pytest
from mpmath import mp, mpf

from autograd import Value, grad
from autograd.ops import Op
from autograd.value import constant
from tests.support.oracle import Reference, derivative, ulps, value
from tests.support.points import PRIMITIVES, hard_points, random_points
from tests.support.references import REFERENCES

VALUE_ULPS, PARTIAL_ULPS, SATURATED = 16, 64, 2e-16
# Random points per primitive; fewer where the reference takes long.
COUNT = {"erf": 60, "normal_cdf": 60, "logaddexp": 40, "logsumexp": 15, "sinh": 60, "cosh": 60}
tally = Counter[str]()


def misses(op: Op, points: Iterable[Sequence[float]]) -> Iterator[str]:
    """One line per number that is wrong."""
    reference = REFERENCES[op.name]
    for xs in points:
        got = op.value(*xs)
        partials = op.partials(got, *xs)
        tally["numbers"] += 1 + len(xs)
        if len(partials) != len(xs):
            tally["misses"] += 1
            yield f"{op.name}{tuple(xs)} has {len(partials)} partials for {len(xs)} operands"
        exact = reference.exact(*xs)
        if exact is not None:
            for i, (number, want) in enumerate(zip((got, *partials), (exact[0], *exact[1]))):
                if not _same(number, want):
                    yield _line(op, xs, i, number, want)
            continue
        want_value = value(reference, xs)
        if ulps(got, want_value) > VALUE_ULPS and ulps(got, want_value, _size(reference, xs)) > VALUE_ULPS:
            yield _line(op, xs, 0, got, want_value)
        for i, partial in enumerate(partials):
            want = derivative(reference, xs, i)
            if ulps(partial, want) > PARTIAL_ULPS and not _excused(reference, xs, i, partial, want):
                yield _line(op, xs, i + 1, partial, want)


def _size(reference: Reference, xs: Sequence[float]) -> mpf:
    """The size of the terms of which the result is the sum, 0 for other functions."""
    with mp.workprec(2400):
        return mpf(reference.cancels(*map(mpf, xs)))


def _same(got: float, want: float | None) -> bool:
    """Exactly the same, except that a finite number which is not 0 (such as π/2) may be rounded otherwise."""
    if want is None:  # no convention asks for anything
        return True
    if got != got or want != want:
        return got != got and want != want
    return got == want or (isfinite(want) and abs(got - want) <= 4 * ulp(want) and want != 0.0)


def _excused(reference: Reference, xs: Sequence[float], by: int, got: float, want: mpf) -> bool:
    if not isfinite(got) or mp.isnan(want):
        return False
    error = abs(mpf(got) - want)
    if reference.saturating(*xs) and error <= SATURATED:
        return True
    subnormal = [i for i, x in enumerate(xs) if 0.0 < abs(x) < sys.float_info.min]
    return bool(error <= sum(abs(derivative(reference, xs, by, i)) for i in subnormal) * mpf(2) ** -1075)


def _line(op: Op, xs: Sequence[float], position: int, got: float, want: Any) -> str:
    tally["misses"] += 1
    what = "value" if position == 0 else f"partial {position - 1}"
    return f"{op.name}{tuple(xs)}: {what} is {got!r}, should be {mp.nstr(mpf(want), 17)}"


def points_of(op: Op, count: int, seed: int) -> Iterator[tuple[float, ...]]:
    rng = random.Random(seed)
    yield from hard_points(op, rng, sample=2 * count)
    yield from random_points(op, rng, count)


def test_every_primitive_has_a_reference() -> None:
    assert {op.name for op in PRIMITIVES} == set(REFERENCES)


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_values_and_partials_against_100_digits(op: Op) -> None:
    assert list(misses(op, points_of(op, COUNT.get(op.name, 100), seed=1))) == []


# ---- second derivatives ----------------------------------------------------------------------------------------------
# tanh' or σ' is a factor or a term, or two terms cancel where the second derivative is 0.
SATURATING = {"tanh", "sigmoid", "softplus", "silu", "gelu", "gauss", "normal_pdf", "logaddexp", "logsumexp"}
SATURATED_TWICE = 1e-15
LEAST = 1e-290  # below it products of subnormal numbers are not accurate


def second_misses(op: Op, points: Iterable[Sequence[float]]) -> Iterator[str]:
    """One line per second derivative that is off by more than 64 units in the last place of the largest of them.

    Operands are 0 or of a size from 1e-60 to 1e60, since the factors of a second derivative may overflow alone.
    """
    reference = REFERENCES[op.name]
    for xs in points:
        if reference.exact(*xs) is not None or not all(x == 0.0 or 1e-60 < abs(x) < 1e60 for x in xs):
            continue
        leaves = [Value(x) for x in xs]
        operands = [constant(x) if i in reference.parameters else leaf for i, (x, leaf) in enumerate(zip(xs, leaves))]
        first = grad(op(*operands), leaves, create_graph=True)
        got = [grad(slope, leaves) for slope in first]
        want = {(i, j): derivative(reference, xs, i, j) for i in range(len(xs)) for j in range(len(xs))}
        finite = [isfinite(slope.data) for slope in first]
        largest = max(LEAST, *map(abs, want.values()))
        for (i, j), true in want.items():
            tally["second derivatives"] += 1
            close = abs(mpf(got[i][j]) - true) <= (SATURATED_TWICE if op.name in SATURATING else 0)
            if finite[i] and finite[j] and not close and ulps(got[i][j], true, largest) > PARTIAL_ULPS:
                tally["misses"] += 1
                yield f"{op.name}{tuple(xs)}: second derivative {i}{j} is {got[i][j]!r}, should be {mp.nstr(true, 17)}"


@pytest.mark.parametrize("op", PRIMITIVES, ids=lambda op: op.name)
def test_second_derivatives_against_100_digits(op: Op) -> None:
    rng = random.Random(2)
    points = list(hard_points(op, rng))
    some = rng.sample(points, min(len(points), 60)) + list(random_points(op, rng, 60))
    assert list(second_misses(op, some)) == []


@pytest.fixture(scope="module", autouse=True)
def _print_how_many_were_compared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    compared = f"{tally['numbers']:,} values and partials, {tally['second derivatives']:,} second derivatives"
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\naccuracy: {tally['misses']} misses of {compared}")


def main(count: int = 300, seed: int = 1) -> None:
    """Print a table: numbers compared, misses, and the first few of them."""
    for op in PRIMITIVES:
        before = tally["numbers"]
        found = list(misses(op, points_of(op, count, seed)))
        print(
            f"{op.name:15} {len(found)} misses of {tally['numbers'] - before:,}", *found[:5], sep="\n    ", flush=True
        )
    print(f"{tally['misses']} misses of {tally['numbers']:,}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
