"""Real functions that never raise: IEEE-754 results where Python's ``math`` raises instead.

``math.log(0)`` raises ``ValueError`` and ``math.exp(1000)`` raises ``OverflowError``; here they are -inf and inf,
as they are in compiled code, in numpy and in PyTorch.  Everything is ``float -> float``; there are no derivatives here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import accumulate
from math import inf, nan
from operator import mul

Real = Callable[[float], float]

SQRT_HALF = 0.7071067811865476  # 1 / sqrt(2), which is, to twice as many digits, the sum of
SQRT_HALF_HEAD, SQRT_HALF_TAIL = 0.707106776535511, 4.651036507555142e-09  # 27 bits and the rest
INVERSE_SQRT_2PI = 0.3989422804014327
TWO_OVER_SQRT_PI = 1.1283791670955126


def _total(function: Real, poles: dict[float, float] | None = None, *, odd: bool = False) -> Real:
    """Extend ``function`` to every float: its poles as given, inf on overflow (with the sign of x if odd), else nan."""
    at_pole = poles or {}

    def total(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.copysign(inf, x) if odd else inf
        except ValueError:
            return at_pole.get(x, nan)

    total.__name__ = function.__name__
    return total


exp = _total(math.exp)
expm1 = _total(math.expm1)
log = _total(math.log, {0.0: -inf})
log2 = _total(math.log2, {0.0: -inf})
log10 = _total(math.log10, {0.0: -inf})
log1p = _total(math.log1p, {-1.0: -inf})
sqrt = _total(math.sqrt)
sin = _total(math.sin)
cos = _total(math.cos)
tan = _total(math.tan)
asin = _total(math.asin)
acos = _total(math.acos)
sinh = _total(math.sinh, odd=True)
cosh = _total(math.cosh)
acosh = _total(math.acosh)
atanh = _total(math.atanh, {1.0: inf, -1.0: -inf})


atan = math.atan
atan2 = math.atan2
tanh = math.tanh
asinh = math.asinh
erf = math.erf


def hypot(x: float, y: float) -> float:
    """sqrt(x² + y²), scaled so that the squares do not overflow."""
    return math.hypot(x, y)


def power_cbrt(x: float) -> float:
    """The real cube root by a power and one Newton step."""
    if x == 0.0 or not math.isfinite(x):
        return x
    root = math.copysign(abs(x) ** (1.0 / 3.0), x)
    return root - (root - x / (root * root)) / 3.0


cbrt: Real = getattr(math, "cbrt", power_cbrt)  # Python has one from 3.11 on


def divide(x: float, y: float) -> float:
    """x / y with 1/0 = inf, -1/0 = -inf, 0/0 = nan."""
    try:
        return x / y
    except ZeroDivisionError:
        if x == 0.0 or x != x:
            return nan
        return math.copysign(inf, x) * math.copysign(1.0, y)


def power(x: float, y: float) -> float:
    """x ** y as C's ``pow``: nan where Python would give a complex number, inf on overflow and at poles."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0.0 and _is_odd(y) else inf
    except ValueError:
        if x != 0.0:
            return nan
        return math.copysign(inf, x) if _is_odd(y) else inf


def _is_odd(y: float) -> bool:
    """Whether y is an odd whole number: by ``fmod``, which is exact, while -0.9999999999999999 % 2.0 rounds to 1.0."""
    return abs(math.fmod(y, 2.0)) == 1.0


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), computed from the side on which the exponential cannot overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def softplus(x: float) -> float:
    """log(1 + e^x) without overflow."""
    return x + math.log1p(math.exp(-x)) if x > 0.0 else math.log1p(math.exp(x))


def silu(x: float) -> float:
    """x * sigmoid(x); far to the left the factors are split, so that the product underflows only once."""
    if x < -700.0:
        half = math.exp(0.5 * x)
        return x * half * half if half else -0.0
    return x * sigmoid(x)


def gauss(x: float, c: float = 1.0) -> float:
    """exp(-c x²); x is split so that the square of its head is exact, else the error would grow with x²."""
    if not abs(x) < 40.0:
        return math.exp(-c * x * x)
    head = math.floor(x * 1024.0) / 1024.0
    return math.exp(-c * head * head) * math.exp(-c * (x - head) * (x + head))


def normal_pdf(x: float) -> float:
    """The density of the standard normal distribution, exp(-x²/2) / sqrt(2π)."""
    return gauss(x, 0.5) * INVERSE_SQRT_2PI


def normal_cdf(x: float) -> float:
    """The distribution function of the standard normal distribution."""
    return _times_normal_cdf(0.5, x)


def gelu(x: float) -> float:
    """x times the normal distribution function of x (the exact form, not the tanh approximation)."""
    return _times_normal_cdf(0.5 * x, x) if x != -inf else -0.0


def _times_normal_cdf(half: float, x: float) -> float:
    """2 half Φ(x) = half erfc(t) with t = -x / sqrt(2).  A rounding of t by δ changes erfc(t) by the factor
    1 - 2 δ exp(-t²) / (sqrt(π) erfc(t)), which is far from 1 in the left tail, where that is about 1 - 2 t δ."""
    t = -x * SQRT_HALF
    tail = math.erfc(t)
    if not 1.0 < t < 27.0:
        return half * tail
    head = math.floor(x * 1024.0) / 1024.0  # few enough digits for its products to be exact
    lost = (-head * SQRT_HALF_HEAD - t) - (x - head) * SQRT_HALF_HEAD - x * SQRT_HALF_TAIL
    return half * tail * (1.0 - lost * TWO_OVER_SQRT_PI * gauss(t) / tail)


def leaky_relu(x: float, negative_slope: float) -> float:
    """x where x > 0, else negative_slope * x."""
    return x if x > 0.0 else negative_slope * x


def elu(x: float, alpha: float) -> float:
    """x where x > 0, else alpha * (e^x - 1)."""
    return x if x > 0.0 else alpha * math.expm1(x)


def relu(x: float) -> float:
    """max(x, 0), and nan for nan."""
    return x if x > 0.0 or x != x else 0.0


def step(x: float) -> float:
    """1 where x > 0, else 0, and nan for nan: the derivative of relu."""
    return 1.0 if x > 0.0 else x if x != x else 0.0


def sign(x: float) -> float:
    """-1, 0 or 1, and nan for nan: the derivative of abs."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


def floor(x: float) -> float:
    """The largest whole number that is not above x."""
    return float(math.floor(x)) if math.isfinite(x) else x


def rint(x: float) -> float:
    """The nearest whole number, ties to even."""
    return float(round(x)) if math.isfinite(x) else x


def maximum(x: float, y: float) -> float:
    """The larger one; nan if either is nan (``max`` would depend on the order)."""
    return x if x > y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller one; nan if either is nan."""
    return x if x < y or x != x else y


def clip(x: float, low: float, high: float) -> float:
    """x, but at least low and at most high."""
    return minimum(maximum(x, low), high)


def logaddexp(x: float, y: float) -> float:
    """log(e^x + e^y) without overflow."""
    if x == y:
        return x + math.log(2.0)
    return maximum(x, y) + math.log1p(exp(-abs(x - y)))


def fsum(*terms: float) -> float:
    """The sum, rounded once, also where ``math.fsum`` raises because a partial sum is too large."""
    try:
        return math.fsum(terms)
    except ValueError:  # inf - inf
        return nan
    except OverflowError:
        special = [x for x in terms if not math.isfinite(x)]
        return sum(special) if special else _exact_sum(terms)


def _exact_sum(terms: Iterable[float]) -> float:
    unit = 2**1074  # every float is a whole multiple of 1/unit
    total = sum([numerator * (unit // denominator) for numerator, denominator in map(float.as_integer_ratio, terms)])
    try:
        return total / unit
    except OverflowError:
        return inf if total > 0 else -inf


def prod(*factors: float) -> float:
    """The product, from left to right."""
    return math.prod(factors, start=1.0)


def others(factors: Iterable[float]) -> tuple[float, ...]:
    """For each factor the product of all the other ones, without a division: zeros do no harm."""
    xs = tuple(factors)
    before = accumulate(xs[:-1], mul, initial=1.0)
    after = list(accumulate(xs[:0:-1], mul, initial=1.0))
    return tuple(map(mul, before, reversed(after))) if xs else ()


def logsumexp(*xs: float) -> float:
    """log Σ e^x without overflow."""
    largest = max(xs, default=-inf)
    if not math.isfinite(largest):
        return nan if any(x != x for x in xs) else largest
    return largest + math.log1p(math.fsum([-1.0, *[math.exp(x - largest) for x in xs]]))
