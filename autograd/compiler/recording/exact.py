"""Ints of a recording stay exact.

A program computes with floats, which hold every int up to 2**53 and few of those beyond.  So the recorder knows of each
int how large it can be at most: an argument as large as the structure of the arguments says, a sum as large as both
together.  Where a product or a long sum may pass 2**53, that it does not is a guard.

>>> from autograd import compile
>>> f = compile(lambda x, n: x * (n * n * n - (n - 1) ** 3))
>>> f(1.0, 100).data, f(1.0, 10**6).data, f.recordings  # 10**18 is no float
(29701.0, 2999997000001.0, 2)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd import ops
from autograd.modes import current_modes
from autograd.ops import Traced
from autograd.value import Value

EXACT = 2**53  # up to here every int is a float
SMALL = 2**46  # up to here are most ints: 128 of them can be added without a guard


def divisor(x: Any) -> Any:
    """A plain number by which another one is divided: that an int is not 0 is a guard.

    Of a float that is one where the code may catch Python's error; elsewhere such a quotient is infinite.

    Raises:
        ZeroDivisionError: It is 0.
    """
    recorder = current_modes().recorder
    if (isinstance(x, int) or (recorder is not None and recorder.catches_arithmetic)) and x == 0:
        raise ZeroDivisionError("division by zero")
    return x


def powered(power: Any, base: Any, exponent: Any) -> Any:
    """A power of floats: that it is finite is a guard where the code may catch Python's error for one that is not.

    Raises:
        OverflowError: It is larger than any float.
        ZeroDivisionError: The base is 0 and the exponent negative.
    """
    recorder = current_modes().recorder
    if recorder is None or not recorder.catches_arithmetic or abs(power) < math.inf:
        return power
    base, exponent = [x.read() if isinstance(x, Traced) else x for x in (base, exponent)]  # type: ignore[attr-defined]
    return base**exponent


def bound(x: Any, recorder: Any) -> int:
    """How large an int can be at most, in the calls that a recording serves."""
    if not isinstance(x, Traced):
        return abs(int(x))
    number: Any = x
    if number.kind is bool:
        return 1
    node = number.node
    if node not in recorder.bounds:
        # An argument, or a number outside: whoever reads it looks at its size.
        recorder.bounds[node] = _guarded(node, recorder) if node.parents else _size(node)
    found: int = recorder.bounds[node]
    return found


def bounded(result: Any, operands: Sequence[Any], combined: Callable[..., int], recorder: Any) -> Any:
    """An int that was computed from others; from now on a bound of its size is known.

    Args:
        result: The int.
        operands: The others.
        combined: The bound of its size, from the bounds of theirs.
        recorder: The recorder of the recording; None if nothing is recorded.
    """
    if recorder is not None:
        most = combined(*[bound(x, recorder) for x in operands])
        recorder.bounds[result.node] = most if most <= EXACT else _guarded(result.node, recorder)
    return result


def _size(node: Value) -> int:
    return SMALL if abs(node._data) <= SMALL else EXACT


def _guarded(node: Value, recorder: Any) -> int:
    most = _size(node)
    recorder.on_branch(Value.apply(ops.less_equal, (abs(node), most)))
    return most
