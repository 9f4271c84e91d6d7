"""Where primitives are tested: hard points, and random ones over the whole range of floats."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from math import inf, nan

from autograd import ops
from autograd.ops import TABLE, Op
from autograd.primitive import Primitive

__all__ = ["PRIMITIVES", "arities", "hard_points", "random_points"]

# Every row that computes something; what was detached, and the largest of it, has no derivative.
_OTHERS = {"leaf", "constant", "frozen", "detached", "largest"}
PRIMITIVES = [op for name, op in TABLE.items() if name not in _OTHERS and not isinstance(op, Primitive)]
_ARITIES = {"clip": (3,), "select": (3,), "take": (2, 4), "sumprod": (2, 5, 8), "fsum": (1, 3, 6), "prod": (1, 2, 3, 5),
            "logsumexp": (1, 2, 4)}  # fmt: skip

# Zero, the smallest float, the ends of the range, points around kinks and poles, where exp and erfc underflow.
_POSITIVE = [0.0, 5e-324, 3e-320, 2.3e-308, 1e-200, 1e-17, 1e-8, 0.1, 0.5, 0.99, 1.0, 1.01, 1.5, 2.0, 2.5, 3.0, 7.7,
             37.9, 100.0, 700.5, 720.3, 1000.0, 12345.678, 1e16, 1e200, 1.7976931348623157e308, inf]  # fmt: skip
_FEWER = [0.0, 5e-324, 1e-310, 1e-200, 0.5, 0.99, 1.0, 1.01, 3.0, 40.3, 750.0, 1e200, 1.7e308, inf]
HARD = [*_POSITIVE, *[-x for x in _POSITIVE], nan]
HARD_IN_PAIRS = [*_FEWER, *[-x for x in _FEWER], nan]


def arities(op: Op) -> tuple[int, ...]:
    """How many operands a primitive is tested with."""
    return (1,) if isinstance(op, ops.Unary) else (2,) if isinstance(op, ops.Binary) else _ARITIES[op.name]


def hard_points(op: Op, rng: random.Random, sample: int = 80) -> Iterator[tuple[float, ...]]:
    """All hard numbers, all pairs of them, and of larger combinations a sample."""
    for arity in arities(op):
        if arity <= 2:
            yield from itertools.product(HARD if arity == 1 else HARD_IN_PAIRS, repeat=arity)
        else:
            yield from (tuple(rng.choice(HARD_IN_PAIRS) for _ in range(arity)) for _ in range(sample))


def random_points(op: Op, rng: random.Random, count: int) -> Iterator[tuple[float, ...]]:
    """Points of which some have operands that are equal, opposite, or nearly so: there differences cancel."""
    for arity in arities(op):
        for _ in range(count):
            xs = [_random_number(rng) for _ in range(arity)]
            if arity > 1 and rng.random() < 0.15:
                xs[1] = xs[0] * rng.choice((1.0, -1.0, 1.0 + 2.0**-30, 1.0 - 2.0**-45, -1.0 - 2.0**-20))
            yield tuple(xs)


def _random_number(rng: random.Random) -> float:
    sign = rng.choice((1.0, -1.0))
    kind = rng.random()
    if kind < 0.35:  # any float: its logarithm is uniform
        return sign * math.ldexp(rng.uniform(1.0, 2.0), rng.randint(-1074, 1023))
    if kind < 0.9:
        return rng.uniform(-1.0, 1.0) * rng.choice((3.0, 50.0, 800.0))
    if kind < 0.95:  # next to ±1
        return sign * (1.0 + rng.choice((1.0, -1.0)) * 2.0 ** -rng.randint(1, 52))
    return rng.choice(HARD)
