"""Python's ``math`` on the plain numbers of a recorded call.

    rate = 0.5 * (1 + math.cos(math.pi * step / steps))         step: an int argument

``math.cos`` makes a float of whatever it gets, so that the rate would be the number of one call.  While a function is
recorded, such a call is made by ``elementary`` instead (see ``rewriting``), which records the row of the table.

The functions of ``math`` raise an error where the rows give nan or an infinity.  So each comes with the numbers for
which both are the same: that the number is one of these is a guard of the recording.

>>> import math
>>> from autograd import compile
>>> f = compile(lambda x, step: x * math.exp(-0.5 * step))
>>> [round(f(2.0, step).data, 6) for step in (0, 1, 2)], f.recordings
([2.0, 1.213061, 0.735759], 1)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.recording.traced import DifferentiatedFloat, TracedFloat, node_of
from autograd.modes import current_modes
from autograd.ops import Op, Traced, Unary
from autograd.value import Value

_LARGEST = 1.7e308
_OVERFLOWS = 709.0  # e to this power is nearly the largest float


class _Row(NamedTuple):
    """A stand-in for a function of ``math``."""

    op: Op  # the row of the table
    agrees: Callable[..., Any]  # whether the two are the same for these numbers


def _always(*_: Any) -> bool:
    return True


def _is_finite(x: Any) -> Any:
    return -_LARGEST < x < _LARGEST


_ROWS: dict[Any, _Row] = {
    math.exp: _Row(ops.exp, lambda x: x < _OVERFLOWS),
    math.expm1: _Row(ops.expm1, lambda x: x < _OVERFLOWS),
    math.log2: _Row(ops.log2, lambda x: x > 0.0),
    math.log10: _Row(ops.log10, lambda x: x > 0.0),
    math.log1p: _Row(ops.log1p, lambda x: x > -1.0),
    math.log: _Row(ops.log, lambda x: x > 0.0),
    math.sqrt: _Row(ops.sqrt, lambda x: x >= 0.0),
    math.sin: _Row(ops.sin, _is_finite),
    math.cos: _Row(ops.cos, _is_finite),
    math.tan: _Row(ops.tan, _is_finite),
    math.asin: _Row(ops.asin, lambda x: -1.0 <= x <= 1.0),
    math.acos: _Row(ops.acos, lambda x: -1.0 <= x <= 1.0),
    math.atan: _Row(ops.atan, _always),
    math.sinh: _Row(ops.sinh, lambda x: -_OVERFLOWS < x < _OVERFLOWS),
    math.cosh: _Row(ops.cosh, lambda x: -_OVERFLOWS < x < _OVERFLOWS),
    math.tanh: _Row(ops.tanh, _always),
    math.asinh: _Row(ops.asinh, _always),
    math.acosh: _Row(ops.acosh, lambda x: x >= 1.0),
    math.atanh: _Row(ops.atanh, lambda x: -1.0 < x < 1.0),
    math.erf: _Row(ops.erf, _always),
    math.fabs: _Row(ops.abs, _always),
    math.atan2: _Row(ops.atan2, _always),
}
_QUESTIONS: dict[Any, Callable[[Any], Any]] = {  # these are decisions by what they ask, not by the number
    math.isnan: lambda x: x != x,
    math.isinf: lambda x: abs(x) == math.inf,
    math.isfinite: lambda x: abs(x) < math.inf,
}
ELEMENTARY = frozenset([function.__name__ for function in (*_ROWS, *_QUESTIONS)])


def elementary(function: Any, *args: Any) -> Any:
    """``function(*args)``; of traced numbers the row of the table, if the function is one of Python's ``math``."""
    numbers = [x for x in args if isinstance(x, Traced)]
    recorder = current_modes().recorder
    if recorder is None or not numbers or not isinstance(function, BuiltinFunctionType):
        return function(*args)
    if function not in _QUESTIONS and function not in _ROWS:
        return function(*args)
    if any(isinstance(x, (Value, DifferentiatedFloat)) for x in args):  # an error: it drops the gradient
        return function(*args)
    for number in numbers:  # a float without a gradient comes out: an error to who asks for that of an argument
        recorder.on_drop(node_of(number))
    if function in _QUESTIONS:
        return _QUESTIONS[function](*args)
    op, agrees = _ROWS[function]
    if len(args) != (1 if isinstance(op, Unary) else 2) or not agrees(*args):
        return function(*args)
    return TracedFloat(Value.apply(op, list(map(node_of, args))).detach())
