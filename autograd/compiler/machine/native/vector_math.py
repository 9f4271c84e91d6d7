"""Elementary functions over vector lanes, as LLVM IR.

``VectorMath(lanes).use("tanh")`` names a function ``<lanes x double> -> <lanes x double>`` to call; ``text()`` is the
IR to append to the module. Three sources, the first that has the function:

1. written here, branch free, inlined: exp, expm1, sigmoid, tanh, softplus, log, log1p (no call, no spilled registers);
2. the vector math library of glibc (libmvec: exp, log, sin, cos, pow since 2.22, the others since 2.35);
3. a loop over the lanes that calls the C library's scalar function.

All agree with the scalar function within 4 ulp, and exactly at nan, infinities, zeros and past overflow.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import math
import struct
from collections.abc import Callable

from autograd.compiler.machine.native.code import PURE, Code, Functions
from autograd.compiler.machine.native.jit import host, llvm

_LIBM = {
    "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "cbrt",
}  # fmt: skip
_LIBM_BINARY = ("pow", "atan2", "hypot")
ARITY = dict.fromkeys(_LIBM, 1) | dict.fromkeys(_LIBM_BINARY, 2) | {"sigmoid": 1, "softplus": 1}

_INLINED = 12  # copies of one function in a module; above that it is called, for the sake of compile time
_LN2 = math.log(2.0)
_LN2_HIGH = math.floor(_LN2 * 2.0**32) * 2.0**-32  # 32 bits: n * _LN2_HIGH is exact for |n| < 2**21
_LN2_LOW = 1.9082149292705877e-10  # ln 2 - _LN2_HIGH (beyond the 53 bits of _LN2)
_ROUND = 1.5 * 2.0**52  # x + _ROUND has round(x) in its low bits, for |x| < 2**51


@functools.cache
def vector_library() -> bool:
    """Whether there is glibc's library of vector functions, which then is loaded."""
    if not host().triple.startswith("x86_64") or "linux" not in host().triple:
        return False
    try:
        llvm().load_library_permanently("libmvec.so.1")
    except RuntimeError:  # musl, or no such library
        return False
    return True


@functools.cache
def scalar_symbol(name: str) -> str:
    """The C library's function of doubles, made known to the code generator."""
    if llvm().address_of_symbol(name) is None:
        library = ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("c"))
        llvm().add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    return name


def is_known(symbol: str) -> bool:
    """Whether machine code that calls this function can be loaded."""
    if symbol in ARITY:
        scalar_symbol(symbol)
    return llvm().address_of_symbol(symbol) is not None


class VectorMath(Functions):
    """The functions one module uses, for one vector width.

    Args:
        lanes: The vector width; with 1 lane everything is the C library's, as in Python's ``math``.
    """

    def __init__(self, lanes: int) -> None:
        super().__init__(lanes)
        self._written: dict[str, tuple[str, str]] = {}

    def use(self, name: str) -> str:
        """The symbol to call for ``name``; its arguments and result are of ``self.type``."""
        if name not in ARITY:
            raise ValueError(f"no vector function {name!r}; there are {', '.join(sorted(ARITY))}")
        written = _WRITTEN.get(name)
        if written and not (self.lanes == 1 and name in _LIBM):
            return self._write(name, written)
        if self.lanes == 1:
            return self.declare(scalar_symbol(name), ARITY[name])
        symbol = f"_ZGV{'e' if self.lanes == 8 else 'd'}N{self.lanes}{'v' * ARITY[name]}_{name}"
        if self.lanes in (4, 8) and vector_library() and llvm().address_of_symbol(symbol):
            return self.declare(symbol, ARITY[name])
        return self._lane_by_lane(name)

    def text(self) -> str:
        """Declarations and definitions of everything used."""
        return super().text() + "".join(self._definition(symbol) for symbol in self._written)

    def _write(self, name: str, body: Callable[[Code, str], str]) -> str:
        symbol = f"{name}.x{self.lanes}"
        self.uses[symbol] += 1
        if symbol not in self._written:
            code = Code(self)
            result = body(code, "%x")
            self._written[symbol] = "\n".join(code.lines), result
        return "@" + symbol

    def _definition(self, symbol: str) -> str:
        lines, result = self._written[symbol]
        inline = "alwaysinline" if self.uses[symbol] <= _INLINED else "noinline"
        attributes = f"{inline} {PURE} {host().attributes}"
        return (
            f"define internal {self.type} @{symbol}({self.type} %x) {attributes} {{\n{lines}\n"
            f"  ret {self.type} {result}\n}}\n"
        )

    def _lane_by_lane(self, name: str) -> str:
        symbol, arity = f"{name}.x{self.lanes}", ARITY[name]
        if symbol in self.pieces:
            return "@" + symbol
        scalar = scalar_symbol(name)
        self.pieces[f"scalar {name}"] = f"declare double @{scalar}({', '.join(['double'] * arity)}) {PURE}"
        lines = []
        for i in range(self.lanes):
            for k in range(arity):
                lines.append(f"  %a{i}.{k} = extractelement {self.type} %x{k}, i64 {i}")
            arguments = ", ".join(f"double %a{i}.{k}" for k in range(arity))
            lines.append(f"  %r{i} = call double @{scalar}({arguments})")
            before = f"%v{i - 1}" if i else "poison"
            lines.append(f"  %v{i} = insertelement {self.type} {before}, double %r{i}, i64 {i}")
        parameters = ", ".join(f"{self.type} %x{k}" for k in range(arity))
        body = "\n".join(lines)
        self.pieces[symbol] = (
            f"define internal {self.type} @{symbol}({parameters}) {PURE} {host().attributes} {{\n"
            f"{body}\n  ret {self.type} %v{self.lanes - 1}\n}}"
        )
        return "@" + symbol


def _power_of_two(c: Code, shifted: str) -> str:
    """2**n, where shifted is n + _ROUND and -1022 <= n <= 1023."""
    return c.from_bits(c.integer("add", c.integer("shl", c.bits(shifted), 52), 1023 << 52))


def _reduce(c: Code, x: str) -> tuple[str, str, str]:
    """n + _ROUND, n and r with x = n ln 2 + r, |r| <= (ln 2) / 2."""
    shifted = c.fma(x, 1.0 / _LN2, _ROUND)
    n = c.sub(shifted, _ROUND)
    return shifted, n, c.fma(n, -_LN2_LOW, c.fma(n, -_LN2_HIGH, x))


def _exp(c: Code, x: str) -> str:
    """2**n e**r with the Taylor series of e**r to r**13 (error below 2**-57)."""
    _, n, r = _reduce(c, c.clamp(x, -746.0, 710.0))
    series = c.polynomial(r, [1.0 / math.factorial(k) for k in range(14)])
    # 2**n in two factors: each is a normal number although the result may be subnormal or overflow.
    half = c.fma(n, 0.5, _ROUND)
    rest = c.add(c.sub(n, c.sub(half, _ROUND)), _ROUND)
    return c.mul(c.mul(series, _power_of_two(c, half)), _power_of_two(c, rest))


def _expm1_scaled(c: Code, x: str) -> tuple[str, str]:
    """2**(n-1) and (e**x - 1) / 2, without cancellation near 0; for x in [-40, 710]."""
    shifted, _, r = _reduce(c, x)
    series = c.mul(r, c.polynomial(r, [1.0 / math.factorial(k) for k in range(1, 15)]))  # e**r - 1
    half = _power_of_two(c, c.sub(shifted, 1.0))  # 2**1024 would overflow where e**x does not
    return half, c.fma(series, half, c.sub(half, 0.5))


def _expm1(c: Code, x: str) -> str:
    _, halved = _expm1_scaled(c, c.clamp(x, -40.0, 710.0))
    small = c.abs(x)
    return c.where("olt", small, 2.0**-54, x, c.mul(halved, 2.0))  # keeps -0 and subnormals


def _tanh(c: Code, x: str) -> str:
    """sign(x) m / (m + 2) with m = e**(2|x|) - 1; 1 to rounding from |x| = 20 on."""
    size = c.abs(x)
    _, halved = _expm1_scaled(c, c.where("ogt", size, 20.0, 40.0, c.add(size, size)))
    result = c.div(halved, c.add(halved, 1.0))
    result = c.where("olt", size, 2.0**-28, size, result)  # subnormals
    return c.call("copysign", result, x)


def _sigmoid(c: Code, x: str) -> str:
    """1 / (1 + e**-x) for x >= 0, e**x / (1 + e**x) below: nothing overflows."""
    power = c.function("exp", c.neg(c.abs(x)))
    return c.div(c.where("olt", x, 0.0, power, 1.0), c.add(1.0, power))


def _log_parts(c: Code, x: str) -> tuple[str, str, str]:
    """e, f and s = f / (2 + f) with x = 2**e (1 + f), 1 + f in [sqrt(1/2), sqrt(2))."""
    offset = struct.unpack("<q", struct.pack("<d", math.sqrt(0.5)))[0]
    bits = c.integer("sub", c.bits(x), offset)
    exponent = c.integer("lshr", c.integer("add", bits, 1024 << 52), 52)
    mantissa = c.from_bits(c.integer("add", c.integer("and", bits, (1 << 52) - 1), offset))
    magic = struct.unpack("<q", struct.pack("<d", _ROUND))[0]
    e = c.sub(c.from_bits(c.integer("or", exponent, magic)), _ROUND + 1024.0)
    f = c.sub(mantissa, 1.0)
    return e, f, c.div(f, c.add(f, 2.0))


def _log_core(c: Code, x: str, correction: str | float) -> str:
    """log(x) + correction for normal x > 0: e ln 2 + f - s (f - s**2 R(s**2)), the series of 2 artanh(s)."""
    e, f, s = _log_parts(c, x)
    z = c.mul(s, s)
    series = c.mul(z, c.polynomial(z, [2.0 / (2 * k + 3) for k in range(11)]))  # 2 artanh(s) / s - 2
    tail = c.mul(s, c.sub(f, series))
    low = c.fma(e, _LN2_LOW, correction)
    return c.fma(e, _LN2_HIGH, c.sub(f, c.sub(tail, low)))


def _log(c: Code, x: str) -> str:
    tiny = c.where("olt", x, 2.0**-1022, c.mul(x, 2.0**54), x)
    shift = c.where("olt", x, 2.0**-1022, -54.0 * _LN2, 0.0)
    return _log_edges(c, x, _log_core(c, tiny, shift))


def _log_edges(c: Code, x: str, result: str) -> str:
    """log at 0, infinity, nan and below 0."""
    result = c.where("olt", x, math.inf, result, x)
    result = c.where("ogt", x, 0.0, result, math.nan)
    return c.where("oeq", x, 0.0, -math.inf, result)


def _log1p_core(c: Code, x: str) -> str:
    """log(u) + (x - (u - 1)) / u with u = 1 + x as rounded; for finite x > -1."""
    u = c.add(x, 1.0)
    lost = c.div(c.sub(x, c.sub(u, 1.0)), u)
    return c.where("olt", c.abs(x), 2.0**-54, x, _log_core(c, u, lost))


def _log1p(c: Code, x: str) -> str:
    result = _log_edges(c, c.add(x, 1.0), _log1p_core(c, x))
    return c.call("copysign", result, x)  # log1p(-0.0) is -0.0; elsewhere the sign is that of x already


def _softplus(c: Code, x: str) -> str:
    """max(x, 0) + log1p(e**-|x|)."""
    positive = c.where("ogt", 0.0, x, 0.0, x)
    power = c.function("exp", c.neg(c.abs(x)))
    return c.add(positive, c.function("log1p", power) if c.lanes == 1 else _log1p_core(c, power))


_WRITTEN: dict[str, Callable[[Code, str], str]] = {
    "exp": _exp,
    "expm1": _expm1,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "log": _log,
    "log1p": _log1p,
    "softplus": _softplus,
}
