"""The derivative table: one row per primitive, with its name, its value and its local derivatives.

This table is all the calculus in the package.  A row such as

    sin = unary("sin", ieee.sin, lambda y, x: cos(x))

says how to compute y = sin x on floats, and dy/dx from the result y and the operand x.  The derivative works on *any*
kind of number: for floats it returns a float, for graph nodes a graph (which can be differentiated again), and for
registers of the compiler a piece of program.  Hence no other module needs a derivative rule.

Each row is also the public function of that name: ``sin(0.5)`` is a float, ``sin(Value(0.5))`` a node.  ``rows.py``
defines what a row is, and how it treats numbers of other kinds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import inf, nan
from types import FunctionType
from typing import Any, TypeVar

from autograd import ieee
from autograd.rows import TABLE, Binary, Number, Op, Traced, Unary, as_float, binary, nary, unary

__all__ = [
    "MINUS_ZERO", "TABLE", "Binary", "Number", "Op", "Traced", "Unary", "as_float", "binary", "factors", "nary",
    "on_floats", "unary",
]  # fmt: skip

T = TypeVar("T")

MINUS_ZERO = -0.0  # x - MINUS_ZERO is x, but turns -0.0 into 0.0, so that its reciprocal is inf and not -inf
LOG2_E = 1.4426950408889634  # 1 / log 2
LOG10_E = 0.4342944819032518  # 1 / log 10


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y.  Only the side that is taken becomes a parent of the result.

    >>> x = Value(0.0)
    >>> y = where(x > 0, x.log(), x * 2)       # no nan leaks from the log
    >>> y.backward(); x.grad
    2.0
    """
    if type(condition) is not bool and isinstance(condition, Number):
        return condition.select(x, y)
    if isinstance(condition, (list, tuple)):  # which is true, whatever its members are
        raise TypeError(f"where takes one condition, not {condition!r}: write [where(c, x, y) for c in conditions]")
    taken, other = (x, y) if condition else (y, x)
    if type(taken) is not float or type(other) is not float:
        for operand in (taken, other):
            if isinstance(operand, Number):
                return operand.apply(identity, (taken,))
    return taken


def choose(condition: Any, x: Callable[[], Any], y: Callable[[], Any]) -> Any:
    """``where`` for derivative rules: if the condition is known, only the side that is taken is computed."""
    if type(condition) is not bool and isinstance(condition, Number):
        return condition.select(x(), y())
    return x() if condition else y()


def factors(operands: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """The operands of a sumprod in three parts: all first factors, all second factors, and the start of the sum."""
    n = len(operands) // 2
    return operands[:n], operands[n : 2 * n], operands[2 * n :]


# fmt: off
# ---- nodes without operands ------------------------------------------------------------------------------------------
leaf     = nary("leaf",     lambda: nan, lambda y: (), " ")
constant = nary("constant", lambda: nan, lambda y: (), " ")
frozen   = nary("frozen",   lambda: nan, lambda y: (), " ")  # a leaf that optimisers do not update

# ---- arithmetic ------------------------------------------------------------------------------------------------------
add = binary("add", operator.add,     lambda z, x, y: (1.0, 1.0),          "+")
sub = binary("sub", operator.sub,     lambda z, x, y: (1.0, -1.0),         "-")
mul = binary("mul", operator.mul,     lambda z, x, y: (y, x),              "*")
div: Binary = binary("div", ieee.divide,      lambda z, x, y: (div(1.0, y), -div(z, y)), "/")
neg = unary("neg",  operator.neg,     lambda y, x: -1.0,                   "-")
identity: Unary = unary("identity", float,   lambda y, x: 1.0)
detached: Unary = unary("detached", float,   lambda y, x: 0.0)  # the node that detach() and no_grad() record

constant_power: Binary = binary("constant_power", ieee.power, lambda z, x, n: (
    _power_by_base(constant_power, z, x, n), 0.0), "**")
power: Binary = binary("power", ieee.power, lambda z, x, y: (
    _power_by_base(power, z, x, y), _power_by_exponent(z, x, y)), "**")

# ---- several operands in one node ------------------------------------------------------------------------------------
def _sumprod(*v: float) -> float:
    n = len(v) // 2
    return sum(map(operator.mul, v, v[n:2 * n]), v[-1] if len(v) % 2 else 0.0)

def _sumprod_partials(z: Any, *v: Any) -> tuple[Any, ...]:
    n = len(v) // 2
    return v[n:2 * n] + v[:n] + (1.0,) * (len(v) % 2)

sum_of_products = nary("sumprod", _sumprod, _sumprod_partials, "Σ×")
sum_of          = nary("fsum",    ieee.fsum, lambda y, *xs: (1.0,) * len(xs), "Σ")
product_of      = nary("prod",    ieee.prod, lambda y, *xs: ieee.others(xs), "Π")
log_sum_exp     = nary("logsumexp", ieee.logsumexp, lambda y, *xs: _softmax(y, xs))

# ---- exponentials and logarithms: outside the domain, the derivative nan / x, so that all higher ones are nan, too ---
exp: Unary   = unary("exp",   ieee.exp,   lambda y, x: y)
expm1: Unary = unary("expm1", ieee.expm1, lambda y, x: exp(x))
log: Unary   = unary("log",   ieee.log,   lambda y, x: div(where(x < 0.0, nan, 1.0), x - MINUS_ZERO))
log2  = unary("log2",  ieee.log2,  lambda y, x: div(where(x < 0.0, nan, LOG2_E), x - MINUS_ZERO))
log10 = unary("log10", ieee.log10, lambda y, x: div(where(x < 0.0, nan, LOG10_E), x - MINUS_ZERO))
log1p = unary("log1p", ieee.log1p, lambda y, x: div(where(x < -1.0, nan, 1.0), 1.0 + x))
logaddexp = binary("logaddexp", ieee.logaddexp, lambda z, x, y: _softmax(z, (x, y)))

# ---- roots and powers ------------------------------------------------------------------------------------------------
sqrt: Unary   = unary("sqrt",   ieee.sqrt, lambda y, x: div(0.5, y - MINUS_ZERO))
cbrt   = unary("cbrt",   ieee.cbrt, lambda y, x: div(1.0, y * y) / 3.0)
square: Unary = unary("square", lambda x: x * x, lambda y, x: 2.0 * x)
hypot: Binary = binary("hypot", ieee.hypot, lambda z, x, y: (_cosine(x, y), _cosine(y, x)))

# ---- trigonometric and hyperbolic ------------------------------------------------------------------------------------
sin: Unary   = unary("sin",   ieee.sin,   lambda y, x: cos(x))
cos: Unary   = unary("cos",   ieee.cos,   lambda y, x: -sin(x))
tan   = unary("tan",   ieee.tan,   lambda y, x: 1.0 + y * y)
asin  = unary("asin",  ieee.asin,  lambda y, x: div(1.0, sqrt(_one_minus_square(x))))
acos  = unary("acos",  ieee.acos,  lambda y, x: div(-1.0, sqrt(_one_minus_square(x))))
atan  = unary("atan",  ieee.atan,  lambda y, x: square(1.0 / hypot(1.0, x)))
atan2: Binary = binary("atan2", ieee.atan2, lambda z, y, x: (_over_distance(x, y), -_over_distance(y, x)))
sinh: Unary  = unary("sinh",  ieee.sinh,  lambda y, x: cosh(x))
cosh: Unary  = unary("cosh",  ieee.cosh,  lambda y, x: sinh(x))
tanh  = unary("tanh",  ieee.tanh,  lambda y, x: 1.0 - y * y)
asinh = unary("asinh", ieee.asinh, lambda y, x: 1.0 / hypot(1.0, x))
acosh = unary("acosh", ieee.acosh, lambda y, x: div(div(1.0, sqrt(x + 1.0)), sqrt(x - 1.0)))
atanh = unary("atanh", ieee.atanh, lambda y, x: div(where(abs(x) > 1.0, nan, 1.0), _one_minus_square(x)))

# ---- the normal distribution -----------------------------------------------------------------------------------------
gauss: Unary      = unary("gauss", ieee.gauss, lambda y, x: -2.0 * _times(x, y))
erf        = unary("erf", ieee.erf, lambda y, x: ieee.TWO_OVER_SQRT_PI * gauss(x))
normal_pdf: Unary = unary("normal_pdf", ieee.normal_pdf, lambda y, x: -_times(x, y))
normal_cdf: Unary = unary("normal_cdf", ieee.normal_cdf, lambda y, x: normal_pdf(x))

# ---- activations -----------------------------------------------------------------------------------------------------
sigmoid: Unary    = unary("sigmoid",  ieee.sigmoid,  lambda y, x: y * (1.0 - y))
softplus   = unary("softplus", ieee.softplus, lambda y, x: sigmoid(x))
silu       = unary("silu",     ieee.silu,     lambda y, x: sigmoid(x) + minimum(y, 1e3) * sigmoid(-x))  # not inf * 0
gelu       = unary("gelu",     ieee.gelu,     lambda y, x: normal_cdf(x) + _times(x, normal_pdf(x)))
relu       = unary("relu",     ieee.relu,     lambda y, x: step(x), "ReLU")
leaky_relu = binary("leaky_relu", ieee.leaky_relu, lambda z, x, s: (_bend(x, lambda: s), where(x > 0.0, 0.0, x)))
elu        = binary("elu", ieee.elu, lambda z, x, a: (
    _bend(x, lambda: _scaled_exp(x, a)), choose(x > 0.0, lambda: 0.0, lambda: expm1(x))))

# ---- corners: the derivative at a kink is the sub-gradient of least norm ---------------------------------------------
abs: Unary   = unary("abs",   operator.abs, lambda y, x: sign(x))
sign: Unary  = unary("sign",  ieee.sign,  lambda y, x: 0.0)
step: Unary  = unary("step",  ieee.step,  lambda y, x: 0.0)
floor = unary("floor", ieee.floor, lambda y, x: 0.0)
round = unary("round", ieee.rint, lambda y, x: 0.0)
maximum: Binary = binary("maximum", ieee.maximum, lambda z, x, y: (_larger(x, y), _larger(y, x)))
minimum: Binary = binary("minimum", ieee.minimum, lambda z, x, y: (_larger(y, x), _larger(x, y)))
clip: Op = nary("clip", ieee.clip, lambda y, x, low, high: _clip_partials(y, x, low, high))

# ---- comparisons as numbers: 1 or 0 (for recorded programs; on Values `<` gives a bool) ------------------------------
less       = binary("less",       lambda x, y: float(x < y),  lambda z, x, y: (0.0, 0.0), "<")
less_equal = binary("less_equal", lambda x, y: float(x <= y), lambda z, x, y: (0.0, 0.0), "<=")
equal      = binary("equal",      lambda x, y: float(x == y), lambda z, x, y: (0.0, 0.0), "==")
select: Op     = nary("select", lambda c, x, y: x if c else y,
                  lambda z, c, x, y: (0.0, where(c, 1.0, 0.0), where(c, 0.0, 1.0)))
largest: Op    = nary("largest", lambda *xs: max(xs), lambda y, *xs: (0.0,) * len(xs), "max")  # of detached numbers
take: Op       = nary("take", lambda i, *xs: xs[int(i)] if 0.0 <= i < len(xs) else nan, lambda y, i, *xs: (
    0.0, *_one_hot(i, len(xs))))
# fmt: on
COMPARISONS = (less, less_equal, equal)  # no gradient goes through them


# ---- local derivatives that need more than a line --------------------------------------------------------------------
def _power_by_base(power: Binary, z: Any, x: Any, y: Any) -> Any:
    """y x^(y-1): 0 for y = 0, and exactly 2x for y = 2."""
    if y.__class__ is float and 0.5 <= y <= 64.0:  # by far the most frequent case: 3x faster than the general rule
        return y * power(x, y - 1.0)
    return _any_power_by_base(power, z, x, y)


def _any_power_by_base(power: Binary, z: Any, x: Any, y: Any) -> Any:
    """y x^(y-1), in another form where y - 1 would lose digits or x^(y-1) alone would underflow."""

    def plain() -> Any:
        return y * power(x, y - 1.0)

    def split() -> Any:  # x^(y-1) may underflow although y x^(y-1) does not
        first = floor(0.5 * y)
        return y * power(x, first) * power(x, y - first - 1.0)

    def below_half() -> Any:  # for y near 0, y - 1 loses digits of y
        slope = choose(y > -0.5, lambda: div(y * z, x), split)
        at_zero = where(abs(y) <= 0.0, 0.0, plain())  # x is 0 or nan
        return where(abs(x) > 0.0, where(abs(x) >= inf, plain(), slope), at_zero)

    def moderate() -> Any:
        return choose(y >= 0.5, lambda: choose(y <= 64.0, plain, split), below_half)

    def even() -> Any:  # every float beyond 2^54 is an even integer, and y - 1 is y
        half = power(abs(x), 0.5 * y)
        return where(half <= 0.0, 0.0, where(abs(x) >= inf, y * x, div(y * half * half, x)))

    return choose(abs(y) <= 2.0**54, moderate, even)


def _power_by_exponent(z: Any, x: Any, y: Any) -> Any:
    """x^y log x as x^(y/2) log x x^(y/2), since x^y alone may underflow; nan for x < 0, and 0 at (0, 0)."""
    half = power(abs(x), 0.5 * y)
    slope = where(half <= 0.0, 0.0, half * log(x) * half)
    at_zero = where(y < 0.0, -abs(z), where(y < 1.0, 0.0 * z, z))  # so that the mixed second derivatives agree
    at_infinity = where(y < 0.0, 0.0, z * x)
    return where(x < 0.0, nan * z, where(abs(x) <= 0.0, at_zero, where(x >= inf, at_infinity, slope)))


def _softmax(y: Any, xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """e^x / Σ e^x for each x.  Every term is e^(x - y), so that the rounding error of y = log Σ e^x cancels."""
    terms = [where(x >= inf, 1.0, exp(x - y)) for x in xs]
    share = div(1.0, sum_of(*terms))
    return tuple([term * share for term in terms])


def _cosine(x: Any, y: Any) -> Any:
    """x / hypot(x, y), even where hypot overflows or underflows; 0 at the origin."""
    return sin(atan2(x, abs(y)))


def _over_distance(x: Any, y: Any) -> Any:
    """x / (x² + y²), even where hypot(x, y) overflows; 0 at the origin."""
    distance, cosine = hypot(x, y), _cosine(x, y)
    far = div(0.5 * cosine, hypot(0.5 * x, 0.5 * y))
    return where(distance <= 0.0, 0.0, where(distance < inf, div(cosine, distance), far))


def _one_minus_square(x: Any) -> Any:
    """1 - x²: near |x| = 1 as (1 - x)(1 + x), which is accurate there; elsewhere so that the derivative is accurate."""
    return where(abs(abs(x) - 0.75) < 0.25, (1.0 - x) * (1.0 + x), 1.0 - x * x)


def _times(x: Any, density: Any) -> Any:
    """x times density, but 0 where the density is 0: at infinity, inf * 0 would be nan."""
    return where(density <= 0.0, 0.0, x * density)


def _bend(x: Any, left: Callable[[], Any]) -> Any:
    """The derivative of a function that is x for x > 0 and has slope left() below; at 0, the slope nearer to 0."""
    return choose(x > 0.0, lambda: 1.0, lambda: choose(x < 0.0, left, lambda: clip(left(), 0.0, 1.0) + 0.0 * x))


def _scaled_exp(x: Any, a: Any) -> Any:
    """a e^x as a e^(x/2) e^(x/2), since e^x may underflow where the product does not."""
    half = exp(0.5 * x)
    return a * half * half


def _larger(x: Any, y: Any) -> Any:
    return where(x > y, 1.0, where(x < y, 0.0, where(x <= y, 0.5, nan)))


def _one_hot(i: Any, n: int) -> Sequence[Any]:
    """n numbers: 1 at index i, and 0 elsewhere."""
    if i.__class__ is not float:
        return [equal(floor(i), float(k)) for k in range(n)]
    chosen = [0.0] * n
    if 0.0 <= i < n:
        chosen[int(i)] = 1.0
    return chosen


def _clip_partials(y: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """The partials of clip: 1 for x if low <= x <= high, else 1 for the bound that is returned, and 0 for the rest."""
    unknown = where(y <= inf, 0.0, nan)
    by_x = where(x < low, 0.0, where(x > high, 0.0, where(low < high, 1.0, 0.0))) + unknown
    by_low = where(x < low, where(low <= high, 1.0, 0.0), 0.0) + unknown
    return by_x, by_low, 1.0 - by_x - by_low


# ---- the rules, specialised to floats --------------------------------------------------------------------------------
_functions = {name: x.value if isinstance(x, Op) else x for name, x in globals().items()}


def on_floats(rule: Callable[..., T]) -> Callable[..., T]:
    """A rule of the table for floats only: ``step(x)`` inside it becomes ``ieee.step(x)``, which skips the type check.

    >>> relu.derivative(2.0, 2.0), on_floats(relu.derivative)(2.0, 2.0)
    (1.0, 1.0)
    """
    return FunctionType(rule.__code__, _functions, rule.__name__, rule.__defaults__, rule.__closure__)
