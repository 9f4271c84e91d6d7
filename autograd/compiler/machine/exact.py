"""The machine code of what is found from all terms together: exact sums, and the largest of some numbers."""

from __future__ import annotations

from functools import cache
from math import inf
from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.native.translate import translated
from autograd.compiler.machine.texts import KernelText

__all__ = ["ExactKernel", "together"]


class ExactKernel(NamedTuple):
    """Exact sums, rounded once, or largest terms: loops over members (columns: sum, first term) and over the terms."""

    name: str = "exact_sum"
    lanes: int = 1

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        functions.pieces.setdefault(self.name, together(self.name))
        text = KernelText(name, functions, 2, "uu")
        sums, terms = text.moved("%p0", "%m", "%s0.0"), text.moved("%p1", "%m", "%s0.1")
        text.code.do(f"call void @{self.name}(ptr {sums}, ptr {terms}, i64 %n1, i64 %s1.1)")
        return "\n".join([
            *text.head(),
            "  br label %m.loop", "m.loop:", "  %m = phi i64 [0, %row], [%m.next, %m.loop]",
            *text.taken(),
            "  %m.next = add i64 %m, 1", "  %m.more = icmp ult i64 %m.next, %n0",
            "  br i1 %m.more, label %m.loop, label %row.last", "row.last:",
            *text.tail(),
        ]) + "\n"  # fmt: skip


# What additions lose is kept in partial sums that do not overlap, smallest first (Shewchuk 1997, as math.fsum).  At the
# end they are added from the largest down until the next one no longer matters, but for a tie.  There are 40 of them at
# most.  Where something is not finite, the terms are simply added; and that is done once more with all terms made
# smaller, in case that only a partial sum was too large.
_EXACT_SUM = """
def exact_sum(to: ptr, terms: ptr, count, stride) -> None:
    sum = scaled_sum(terms, count, stride, 1.0)
    if not abs(sum) < INFINITY:
        sum = scaled_sum(terms, count, stride, SMALL) * LARGE
    double[to] = sum

def scaled_sum(terms, count, stride, scale: float) -> float:
    parts = room(64)
    used = 0
    plain = 0.0
    for t in range(count):
        x = double[terms + 8 * stride * t] * scale
        plain = plain + x
        left = 0
        for k in range(used):
            y = double[parts + 8 * k]
            high = x + y
            back = high - x
            lost = (x - (high - back)) + (y - back)
            double[parts + 8 * left] = lost
            if lost != 0.0:
                left = left + 1
            x = high
        double[parts + 8 * left] = x
        used = left + 1
        if used > 62:
            used = 62
    if used == 0:
        return 0.0
    k = used - 1
    x = double[parts + 8 * k]
    while k > 0:
        k = k - 1
        y = double[parts + 8 * k]
        high = x + y
        low = y - (high - x)
        x = high
        if low != 0.0:
            if k > 0:
                below = double[parts + 8 * (k - 1)]
                if (below > 0.0 and low > 0.0) or (below < 0.0 and low < 0.0):
                    twice = low * 2.0
                    moved = high + twice
                    if moved - high == twice:
                        x = moved
            break
    if abs(x) < INFINITY:
        return x
    return plain
"""
_LARGEST = """
def largest(to: ptr, terms: ptr, count, stride) -> None:
    best = double[terms]
    for t in range(1, count):
        x = double[terms + 8 * stride * t]
        if best < x:
            best = x
    double[to] = best
"""
_WORDS = {"INFINITY": inf, "SMALL": 2.0**-64, "LARGE": 2.0**64}


@cache
def together(name: str) -> str:
    """The function of this name."""
    text = translated(_EXACT_SUM if name == "exact_sum" else _LARGEST, name, _WORDS)
    return text.replace("define", "define internal", 1)
