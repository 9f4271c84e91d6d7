"""What each primitive of the table is, to any number of digits; see ``tests.support.oracle``.

A new primitive needs a row here, which says its value and its exact points but no derivative, and is then checked like
all the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from math import inf, isfinite, isinf, nan
from typing import Any

import numpy as np
from mpmath import mp, mpf

from tests.support.oracle import Exact, Reference, UndefinedError


def at(points: dict[float, tuple[float, float]], nan_slope: float = nan) -> Callable[[float], Exact | None]:
    """The exact points of a function of one number: {x: (value, derivative)}; nan gives nan."""

    def exact(x: float) -> Exact | None:
        if x != x:
            return nan, (nan_slope,)
        if x in points:
            value, slope = points[x]
            return value, (slope,)
        return None

    return exact


def everywhere(*xs: float) -> bool:
    return True


# ---- the functions -------------------------------------------------------------------------------------------------
def _exp(x: mpf) -> mpf:
    """e^x; beyond ±10^6, where only the size matters and mpmath takes long, something as far out of range."""
    return mp.exp(x) if abs(x) < 10**6 else mpf(2) ** (10**6) * x**3 if x > 0 else mpf(0)


def _expm1(x: mpf) -> mpf:
    return mp.expm1(x) if abs(x) < 10**6 else _exp(x) - 1


def _cbrt(x: mpf) -> mpf:
    return mp.sign(x) * mp.cbrt(abs(x))


def _sigmoid(x: mpf) -> mpf:
    return 1 / (1 + _exp(-x))


def _erf(x: mpf) -> mpf:
    return mp.erf(x) if abs(x) < 100 else mp.sign(x) * (1 - _exp(-x * x) / abs(x))  # in size: mpmath takes too long


def _normal_cdf(x: mpf) -> mpf:
    tail = mp.erfc(abs(x) / mp.sqrt(2)) / 2 if abs(x) < 100 else _exp(-x * x / 2)  # in size
    return tail if x < 0 else 1 - tail


def _power(x: mpf, y: mpf) -> Any:
    if x > 0:
        return mp.exp(y * mp.log(x))
    if not mp.isint(y):
        raise UndefinedError
    return mp.exp(y * mp.log(-x)) * (-1 if int(y) % 2 else 1)


def _taken_exact(i: float, xs: tuple[float, ...]) -> Exact:
    inside = 0.0 <= i < len(xs)
    return xs[int(i)] if inside else nan, (0.0, *[float(inside and int(i) == k) for k in range(len(xs))])


def _sum_products(v: Sequence[Any], term: Callable[[Any], Any] = lambda t: t) -> Any:
    n = len(v) // 2
    return sum(term(p * q) for p, q in zip(v[:n], v[n:])) + (term(v[-1]) if len(v) % 2 else 0)


def _log_sum_exp(*xs: mpf) -> mpf:
    largest = max(xs)
    return largest + mp.log(sum(mp.exp(x - largest) for x in xs if x - largest > -(10**5)))  # e^-100000 is nothing


def _numbers(*xs: float) -> list[Any]:
    return [np.float64(x) for x in xs]


def _quietly(f: Callable[..., Exact | None]) -> Callable[..., Exact | None]:
    """NumPy's numbers follow IEEE 754, too, and would warn of it."""

    @wraps(f)
    def quiet(*xs: float) -> Exact | None:
        with np.errstate(all="ignore"):
            return f(*xs)

    return quiet


# ---- the exact points of functions of several numbers ----------------------------------------------------------------
def _linear(*partials: float) -> Callable[..., Exact | None]:
    def exact(*xs: float) -> Exact | None:
        if all(map(isfinite, xs)):
            return None
        slopes = partials or (1.0,) * len(xs)
        return float(sum(slope * x for slope, x in zip(slopes, xs))), slopes

    return exact


def _mul_exact(x: float, y: float) -> Exact | None:
    return None if isfinite(x) and isfinite(y) else (x * y, (y, x))


@_quietly
def _div_exact(x: float, y: float) -> Exact | None:
    if isfinite(x) and isfinite(y) and y != 0.0:
        return None
    x, y = _numbers(x, y)
    return x / y, (1 / y, -x / y / y)


@_quietly
def _power_exact(x: float, y: float) -> Exact | None:
    """C's pow; partials are limits, 0 by both at (0, 0), and an infinite exponent is even as in IEEE 754."""
    if isfinite(x) and isfinite(y) and x != 0.0 and y != 0.0:
        return None
    try:
        z = math.pow(x, y)
    except ValueError:
        z = math.copysign(inf, x) if y % 2.0 == 1.0 else inf
    a, b, c = _numbers(x, y, z)
    if y == 0.0:
        by_x = 0.0
    elif abs(y) >= 2.0**53:
        by_x = y * x if isinf(x) and y > 0.0 else b * c / a
    else:
        by_x = b * np.power(a, b - 1)
    if x == -inf and y % 1.0 != 0.0:
        by_x = None  # not defined to the left of 0, except by IEEE 754 at the very end
    elif by_x != by_x and x == x and y == y:
        by_x = 0.0  # inf * x^inf for |x| < 1 and the like: the power wins
    if x != x or y != y:
        by_y = 0.0 if x == 1.0 else nan
    elif x < 0.0:
        by_y = nan
    elif x == 0.0:
        by_y = -inf if y < 0.0 else 0.0
    else:
        by_y = 0.0 if z == 0.0 else c * np.log(a)
    return z, (by_x, by_y)


def _constant_power_exact(x: float, y: float) -> Exact | None:
    found = _power_exact(x, y)
    return found and (found[0], (found[1][0], 0.0))


def _hypot_exact(x: float, y: float) -> Exact | None:
    """At the origin 0; towards infinity the direction of IEEE 754's atan2, which is the diagonal for two infinities."""
    if isfinite(x) and isfinite(y) and (x or y):
        return None
    if x != x or y != y:
        return float(np.hypot(x, y)), (nan, nan)
    angle = np.arctan2(y, x)
    return float(np.hypot(x, y)), (0.0, 0.0) if x == y == 0.0 else tuple(
        c if abs(c) > 1e-15 else 0.0 for c in (float(np.cos(angle)), float(np.sin(angle)))
    )


@_quietly
def _atan2_exact(y: float, x: float) -> Exact | None:
    if x != x or y != y:
        return nan, (nan, nan)
    if not (isfinite(x) and isfinite(y)) or x == y == 0.0:
        return float(np.arctan2(y, x)), (0.0, 0.0)
    if y == 0.0 and x < 0.0:  # on the branch cut, where the value jumps and its derivative does not
        return float(np.arctan2(y, x)), (float(1 / np.float64(x)), 0.0)
    return None


def _logsumexp_exact(*xs: float) -> Exact | None:
    """Infinities share the derivative, as in a tie of maximum; among nothing but -inf there is no limit."""
    if any(x != x for x in xs):
        return nan, (nan,) * len(xs)
    largest = max(xs, default=-inf)
    if isfinite(largest):
        return None
    return largest, tuple(float(x == inf) / xs.count(inf) if largest == inf else nan for x in xs)


def _extreme_exact(x: float, y: float, smaller: bool) -> Exact | None:
    if x != x or y != y:
        return nan, (nan, nan)
    if x == y:
        return x, (0.5, 0.5)
    first = (x < y) == smaller
    return (x if first else y), (float(first), float(not first))


def _clip_exact(x: float, low: float, high: float) -> Exact | None:
    """As minimum(maximum(x, low), high); at a bound the derivative goes to x."""
    if x != x or low != low or high != high:
        return nan, (nan, nan, nan)
    if low <= x <= high and low < high:
        return x, (1.0, 0.0, 0.0)
    return (low, (0.0, 1.0, 0.0)) if x < low <= high else (high, (0.0, 0.0, 1.0))


def _leaky_relu_exact(x: float, slope: float) -> Exact | None:
    if x != x:
        return nan, (nan, nan)
    if isfinite(x) and isfinite(slope) and x != 0.0:
        return None
    if x > 0.0:
        return x, (1.0, 0.0)
    return slope * x, (slope if x < 0.0 else _least(slope), x)


def _least(slope: float) -> float:
    """The number of least size between a slope on the left and 1 on the right."""
    return min(max(slope, 0.0), 1.0) if slope == slope else nan


def _elu_exact(x: float, alpha: float) -> Exact | None:
    if x != x:
        return nan, (nan, nan)
    if x > 0.0:
        return x, (1.0, 0.0)
    if x == 0.0:
        return alpha * x, (_least(alpha), 0.0)
    if isfinite(x) and isfinite(alpha):
        return None
    return alpha * math.expm1(x), (alpha * math.exp(0.5 * x), math.expm1(x))


def _prod_exact(*xs: float) -> Exact | None:
    """Where a product on the way leaves the range, or an operand is special: IEEE 754, from the left and the right."""
    heads = [math.prod(xs[:i]) for i in range(len(xs) + 1)]
    tails = [math.prod(xs[:i:-1]) for i in range(-1, len(xs))]
    if 0.0 not in xs and all(2.0**-1000 < abs(product) < 2.0**1000 for product in heads + tails):
        return None
    return heads[-1], tuple(math.prod(xs[:i]) * math.prod(xs[:i:-1]) for i in range(len(xs)))


def _sumprod_exact(*v: float) -> Exact | None:
    """The partials are operands; an overflow on the way is one of the result."""
    n = len(v) // 2
    terms = [p * q for p, q in zip(v[:n], v[n : 2 * n])] + list(v[2 * n :])
    if sum(map(abs, terms)) < 2.0**1000:
        return None
    return float(sum(terms[:n], 0.0 if len(v) % 2 == 0 else v[-1])), (*v[n : 2 * n], *v[:n], *(1.0,) * (len(v) % 2))


def _fsum_exact(*xs: float) -> Exact | None:
    return None if all(map(isfinite, xs)) else (float(sum(x for x in xs if not isfinite(x))), (1.0,) * len(xs))


# ---- one row per primitive -------------------------------------------------------------------------------------------
def _near_zero(x: Any) -> Any:
    return abs(x)


def _near_one(x: Any) -> Any:
    return abs(1 - abs(x))


def _to_integer(x: Any) -> Any:
    return min(x - mp.floor(x), mp.ceil(x) - x) or 1


def _to_half_integer(x: Any) -> Any:
    return _to_integer(x + mpf(0.5))


def _wave(x: float) -> Exact | None:
    return None if isfinite(x) else (nan, (nan,))


def _step_like(value: Callable[[float], float]) -> Callable[[float], Exact | None]:
    """Piecewise constant: the derivative is 0 everywhere."""
    return lambda x: (value(x) if x == x else nan, (0.0,))


REFERENCES: dict[str, Reference] = {
    # arithmetic
    "add": Reference(lambda x, y: x + y, _linear(1.0, 1.0)),
    "sub": Reference(lambda x, y: x - y, _linear(1.0, -1.0)),
    "mul": Reference(lambda x, y: x * y, _mul_exact),
    "div": Reference(lambda x, y: x / y, _div_exact, lambda x, y: abs(y)),
    "neg": Reference(lambda x: -x, at({inf: (-inf, -1), -inf: (inf, -1)}, -1)),
    "identity": Reference(lambda x: x, at({inf: (inf, 1), -inf: (-inf, 1)}, 1)),
    "constant_power": Reference(_power, _constant_power_exact, lambda x, n: abs(x) / (1 + abs(n)),
                                parameters=(1,)),
    "power": Reference(_power, _power_exact, lambda x, y: (abs(x) / (1 + abs(y)), 1)),
    # several operands
    "sumprod": Reference(lambda *v: _sum_products(v), _sumprod_exact, cancels=lambda *v: _sum_products(v, abs)),
    "fsum": Reference(lambda *xs: sum(xs), _fsum_exact),
    "prod": Reference(lambda *xs: math.prod(xs), _prod_exact),
    "logsumexp": Reference(_log_sum_exp, _logsumexp_exact, cancels=lambda *xs: abs(max(xs)), saturating=everywhere),
    # exponentials and logarithms
    "exp": Reference(_exp, at({-inf: (0, 0), inf: (inf, inf)})),
    "expm1": Reference(_expm1, at({-inf: (-1, 0), inf: (inf, inf)})),
    "log": Reference(mp.log, at({-inf: (nan, nan), 0: (-inf, inf), inf: (inf, 0)}), _near_zero),
    "log2": Reference(lambda x: mp.log(x, 2), at({-inf: (nan, nan), 0: (-inf, inf), inf: (inf, 0)}), _near_zero),
    "log10": Reference(mp.log10, at({-inf: (nan, nan), 0: (-inf, inf), inf: (inf, 0)}), _near_zero),
    "log1p": Reference(mp.log1p, at({-inf: (nan, nan), -1: (-inf, inf), inf: (inf, 0)}), lambda x: abs(1 + x)),
    "logaddexp": Reference(_log_sum_exp, _logsumexp_exact, cancels=lambda x, y: abs(max(x, y)), saturating=everywhere),
    # roots and powers
    "sqrt": Reference(mp.sqrt, at({-inf: (nan, nan), 0: (0, inf), inf: (inf, 0)}), _near_zero),
    "cbrt": Reference(_cbrt, at({-inf: (-inf, 0), 0: (0, inf), inf: (inf, 0)}), _near_zero),
    "square": Reference(lambda x: x * x, at({-inf: (inf, -inf), inf: (inf, inf)})),
    "hypot": Reference(mp.hypot, _hypot_exact, lambda x, y: max(abs(x), abs(y))),
    # trigonometric and hyperbolic
    "sin": Reference(mp.sin, _wave),
    "cos": Reference(mp.cos, _wave),
    "tan": Reference(mp.tan, _wave, lambda x: mpf(2) ** -70),
    "asin": Reference(mp.asin, at({-inf: (nan, nan), -1: (-math.pi / 2, inf), 1: (math.pi / 2, inf), inf: (nan, nan)}),
                      _near_one),
    "acos": Reference(mp.acos, at({-inf: (nan, nan), -1: (math.pi, -inf), 1: (0, -inf), inf: (nan, nan)}), _near_one),
    "atan": Reference(mp.atan, at({-inf: (-math.pi / 2, 0), inf: (math.pi / 2, 0)})),
    "atan2": Reference(mp.atan2, _atan2_exact, lambda y, x: abs(y) if x < 0 else max(abs(x), abs(y))),
    "sinh": Reference(mp.sinh, at({-inf: (-inf, inf), inf: (inf, inf)})),
    "cosh": Reference(mp.cosh, at({-inf: (inf, -inf), inf: (inf, inf)})),
    "tanh": Reference(mp.tanh, at({-inf: (-1, 0), inf: (1, 0)}), saturating=everywhere),
    "asinh": Reference(mp.asinh, at({-inf: (-inf, 0), inf: (inf, 0)})),
    "acosh": Reference(mp.acosh, at({-inf: (nan, nan), 1: (0, inf), inf: (inf, 0)}), _near_one),
    "atanh": Reference(mp.atanh, at({-inf: (nan, nan), -1: (-inf, inf), 1: (inf, inf), inf: (nan, nan)}), _near_one),
    # the normal distribution
    "gauss": Reference(lambda x: _exp(-x * x), at({-inf: (0, 0), inf: (0, 0)})),
    "erf": Reference(_erf, at({-inf: (-1, 0), inf: (1, 0)})),
    "normal_pdf": Reference(lambda x: _exp(-x * x / 2) / mp.sqrt(2 * mp.pi), at({-inf: (0, 0), inf: (0, 0)})),
    "normal_cdf": Reference(_normal_cdf, at({-inf: (0, 0), inf: (1, 0)})),
    # activations
    "sigmoid": Reference(_sigmoid, at({-inf: (0, 0), inf: (1, 0)}), saturating=everywhere),
    "softplus": Reference(lambda x: max(x, 0) + mp.log1p(_exp(-abs(x))), at({-inf: (0, 0), inf: (inf, 1)})),
    "silu": Reference(lambda x: x * _sigmoid(x), at({-inf: (0, 0), inf: (inf, 1)}),
                      saturating=lambda x: -2 < x < -1),  # where the derivative is 0
    "gelu": Reference(lambda x: x * _normal_cdf(x), at({-inf: (0, 0), inf: (inf, 1)}),
                      saturating=lambda x: -1 < x < 0),  # where the derivative is 0
    "relu": Reference(lambda x: max(x, 0), at({-inf: (0, 0), 0: (0, 0), inf: (inf, 1)}), _near_zero),
    "leaky_relu": Reference(lambda x, s: x if x > 0 else s * x, _leaky_relu_exact, lambda x, s: abs(x)),
    "elu": Reference(lambda x, a: x if x > 0 else a * _expm1(x), _elu_exact, lambda x, a: min(1, abs(x))),
    # corners
    "abs": Reference(abs, at({-inf: (inf, -1), 0: (0, 0), inf: (inf, 1)}), _near_zero),
    "sign": Reference(mp.sign, _step_like(lambda x: float(x > 0) - float(x < 0))),
    "step": Reference(lambda x: mpf(x > 0), _step_like(lambda x: float(x > 0))),
    "floor": Reference(mp.floor, _step_like(lambda x: float(math.floor(x)) if isfinite(x) else x)),
    "round": Reference(mp.nint, _step_like(lambda x: float(round(x)) if isfinite(x) else x)),
    "maximum": Reference(max, lambda x, y: _extreme_exact(x, y, False)),
    "minimum": Reference(min, lambda x, y: _extreme_exact(x, y, True)),
    "clip": Reference(lambda x, low, high: min(max(x, low), high), _clip_exact),
    # comparisons as numbers
    "less": Reference(lambda x, y: mpf(x < y), lambda x, y: (float(x < y), (0.0, 0.0))),
    "less_equal": Reference(lambda x, y: mpf(x <= y), lambda x, y: (float(x <= y), (0.0, 0.0))),
    "equal": Reference(lambda x, y: mpf(x == y), lambda x, y: (float(x == y), (0.0, 0.0))),
    "select": Reference(lambda c, x, y: x if c else y,
                        lambda c, x, y: (x if c else y, (0.0, float(c != 0), float(c == 0)))),
    "take": Reference(lambda i, *xs: xs[int(i)], lambda i, *xs: _taken_exact(i, xs)),
}  # fmt: skip
