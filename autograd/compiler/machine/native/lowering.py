"""The rows of the derivative table as vector code: the values of ``autograd.ieee``, branch free.

``lower(op)`` is a function (code, *operands) -> result.  Every lane gets what the row computes on floats, up to
rounding; nan, infinities and signed zeros included.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from autograd.compiler.backends import UnsupportedError
from autograd.compiler.machine.native.code import Code, Operand
from autograd.ieee import INVERSE_SQRT_2PI, SQRT_HALF, SQRT_HALF_HEAD, SQRT_HALF_TAIL, TWO_OVER_SQRT_PI
from autograd.ops import TABLE, Op, factors

Lowering = Callable[..., Operand]


def lower(op: Op) -> Lowering:
    """The code of one primitive.

    Raises:
        UnsupportedError: A primitive that a user has defined.
    """
    if TABLE.get(op.name) is not op or op.name not in _ROWS:
        raise UnsupportedError(f"no machine code for the primitive {op.name!r}")
    return _ROWS[op.name]


def _power(c: Code, x: Operand, y: Operand) -> Operand:
    """x ** y; a small whole or half exponent that is known becomes multiplications."""
    if isinstance(y, float):
        if y == 0.0:
            return 1.0
        if y < 0.0 and (abs(y) == 0.5 or -8.0 <= y == int(y)):
            root = _power(c, x, -y) if y == -0.5 else x
            return _power(c, c.div(1.0, root), 1.0 if y == -0.5 else -y)  # inverted first: x**2 may overflow
        if y == 0.5:  # pow, unlike sqrt, knows neither -0 nor nan for -inf
            root = c.call("sqrt", c.add(x, 0.0))
            return c.where("oeq", x, -math.inf, math.inf, root)
        if 1.0 <= y <= 8.0 and y == int(y):
            return _whole_power(c, x, int(y))
    return c.function("pow", x, y)


def _whole_power(c: Code, x: Operand, n: int) -> Operand:
    if n == 1:
        return x
    half = _whole_power(c, x, n // 2)
    square = c.mul(half, half)
    return c.mul(square, x) if n % 2 else square


def _gauss(c: Code, x: Operand, scale: float = 1.0) -> str:
    """exp(-scale x²); x is split so that the square of its head is exact, and is 0 from |x| = 40 on."""
    x = c.clamp(c.value(x), -40.0, 40.0)
    head = c.mul(c.call("floor", c.mul(x, 1024.0)), 1.0 / 1024.0)
    exact = c.function("exp", c.mul(c.mul(head, -scale), head))
    rest = c.function("exp", c.mul(c.mul(c.sub(x, head), -scale), c.add(x, head)))
    return c.mul(exact, rest)


def _normal_pdf(c: Code, x: Operand) -> str:
    return c.mul(_gauss(c, x, 0.5), INVERSE_SQRT_2PI)


def _times_normal_cdf(c: Code, half: Operand, x: Operand) -> str:
    """2 half Φ(x) = half erfc(-x / sqrt(2)), corrected in the left tail as ``ieee._times_normal_cdf`` explains."""
    t = c.mul(c.neg(x), SQRT_HALF)
    tail = c.function("erfc", t)
    head = c.mul(c.call("floor", c.mul(x, 1024.0)), 1.0 / 1024.0)
    rounded = c.sub(c.mul(c.neg(head), SQRT_HALF_HEAD), t)
    lost = c.sub(c.sub(rounded, c.mul(c.sub(x, head), SQRT_HALF_HEAD)), c.mul(x, SQRT_HALF_TAIL))
    correction = c.div(c.mul(c.mul(lost, TWO_OVER_SQRT_PI), _gauss(c, t)), tail)
    correction = c.where("ogt", t, 1.0, c.where("olt", t, 27.0, correction, 0.0), 0.0)
    return c.mul(c.mul(half, tail), c.sub(1.0, correction))


def _silu(c: Code, x: Operand) -> str:
    """x / (1 + e^-x); for x < 0 as x h (h / (1 + h²)) with h = e^(x/2), so that only the result underflows."""
    half = c.function("exp", c.mul(c.abs(x), -0.5))
    below = c.mul(c.mul(x, half), half)
    result = c.div(c.where("olt", x, 0.0, below, x), c.add(1.0, c.mul(half, half)))
    return c.where("olt", x, -1000.0, -0.0, result)  # -inf too


def _gelu(c: Code, x: Operand) -> str:
    return c.where("oeq", x, -math.inf, -0.0, _times_normal_cdf(c, c.mul(x, 0.5), x))


def _relu(c: Code, x: Operand) -> str:
    return c.where("ugt", x, 0.0, x, 0.0)


def _step(c: Code, x: Operand) -> str:
    return c.where("uno", x, x, x, c.where("ogt", x, 0.0, 1.0, 0.0))


def _sign(c: Code, x: Operand) -> str:
    return c.where("ogt", x, 0.0, 1.0, c.where("olt", x, 0.0, -1.0, x))


def _leaky_relu(c: Code, x: Operand, slope: Operand) -> str:
    return c.where("ogt", x, 0.0, x, c.mul(slope, x))


def _elu(c: Code, x: Operand, alpha: Operand) -> str:
    return c.where("ogt", x, 0.0, x, c.mul(alpha, c.function("expm1", x)))


def _rounded(mode: str) -> Lowering:
    return lambda c, x: c.add(c.call(mode, x), 0.0)  # a whole number in Python has no -0


def _maximum(c: Code, x: Operand, y: Operand) -> str:
    return c.where("ogt", x, y, x, c.where("uno", x, x, x, y))


def _minimum(c: Code, x: Operand, y: Operand) -> str:
    return c.where("olt", x, y, x, c.where("uno", x, x, x, y))


def _comparison(test: str) -> Lowering:
    return lambda c, x, y: c.where(test, x, y, 1.0, 0.0)


def _logaddexp(c: Code, x: Operand, y: Operand) -> str:
    apart = c.function("exp", c.neg(c.abs(c.sub(x, y))))
    result = c.add(_maximum(c, x, y), c.function("log1p", apart))
    return c.where("oeq", x, y, c.add(x, math.log(2.0)), result)


def _logsumexp(c: Code, *xs: Operand) -> Operand:
    if not xs:
        return -math.inf
    largest = xs[0]
    for x in xs[1:]:
        largest = _maximum(c, largest, x)
    others = _fsum(c, -1.0, *[c.function("exp", c.sub(x, largest)) for x in xs])  # one term is 1
    result = c.add(largest, c.function("log1p", others))
    return c.where("olt", c.abs(largest), math.inf, result, largest)


def _fsum(c: Code, *xs: Operand) -> Operand:
    """The sum with what each addition lost added at the end (Neumaier 1974, with the error by Knuth's two-sum)."""
    if not xs:
        return 0.0
    total, lost = c.value(xs[0]), c.value(0.0)
    for x in xs[1:]:
        new = c.add(total, x)
        added = c.sub(new, total)
        lost = c.add(lost, c.add(c.sub(total, c.sub(new, added)), c.sub(x, added)))
        total = new
    return c.where("olt", c.abs(total), math.inf, c.add(total, lost), total)


def _prod(c: Code, *xs: Operand) -> Operand:
    result: Operand = xs[0] if xs else 1.0
    for x in xs[1:]:
        result = c.mul(result, x)
    return result


def _sumprod(c: Code, *v: Operand) -> Operand:
    """Σ p q + s; without vectors product by product, as Python's ``sum`` does."""
    ps, qs, start = factors(v)
    total: Operand = start[0] if start else 0.0
    for x, y in zip(ps, qs):
        total = c.add(total, c.mul(x, y)) if c.lanes == 1 else c.fma(x, y, total)
    return total


def _take(c: Code, i: Operand, *xs: Operand) -> Operand:
    place = c.call("floor", i)
    result: Operand = math.nan
    for k, x in enumerate(xs):
        result = c.where("oeq", place, float(k), x, result)
    return result


def _largest(c: Code, *xs: Operand) -> Operand:
    result = xs[0]
    for x in xs[1:]:
        result = c.where("olt", result, x, x, result)
    return result


def _library(name: str) -> Lowering:
    return lambda c, *xs: c.function(name, *xs)


_ROWS: dict[str, Lowering] = {
    name: _library(name)
    for name in (
        "exp", "expm1", "log", "log2", "log10", "log1p", "cbrt", "hypot", "sin", "cos", "tan", "asin", "acos", "atan",
        "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "sigmoid", "softplus",
    )
} | {
    "add": Code.add,
    "sub": Code.sub,
    "mul": Code.mul,
    "div": Code.div,
    "neg": Code.neg,
    "identity": lambda c, x: x,
    "detached": lambda c, x: x,
    "abs": Code.abs,
    "square": lambda c, x: c.mul(x, x),
    "sqrt": lambda c, x: c.call("sqrt", x),
    "constant_power": _power,
    "power": _power,
    "logaddexp": _logaddexp,
    "logsumexp": _logsumexp,
    "sumprod": _sumprod,
    "fsum": _fsum,
    "prod": _prod,
    "gauss": _gauss,
    "normal_pdf": _normal_pdf,
    "normal_cdf": lambda c, x: _times_normal_cdf(c, 0.5, x),
    "silu": _silu,
    "gelu": _gelu,
    "relu": _relu,
    "step": _step,
    "sign": _sign,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "floor": _rounded("floor"),
    "round": _rounded("roundeven"),
    "maximum": _maximum,
    "minimum": _minimum,
    "clip": lambda c, x, low, high: _minimum(c, _maximum(c, x, low), high),
    "less": _comparison("olt"),
    "less_equal": _comparison("ole"),
    "equal": _comparison("oeq"),
    "select": lambda c, k, x, y: c.where("une", k, 0.0, x, y),
    "take": _take,
    "largest": _largest,
}  # fmt: skip
