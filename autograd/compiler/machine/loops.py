"""Kernels that are plain loops, written in a few words of Python (``native.translate``) instead of as vectors.

These are what looks at all terms together (exact sums, the largest of some numbers), choices at run time, and on a tape
the rows of the table with any number of operands.
"""

from __future__ import annotations

from math import inf, nan

from autograd.compiler.machine.library import Written

_WORDS = (("INFINITY", inf), ("NAN", nan), ("SMALL", 2.0**-64), ("LARGE", 2.0**64))

# ---- sums rounded once, and the largest ------------------------------------------------------------------------------
# What additions lose is kept in partial sums that do not overlap, smallest first (Shewchuk 1997, as math.fsum).  At the
# end they are added from the largest down until the next one no longer matters, but for a tie.  There are 40 of them at
# most.  Where something is not finite, the terms are simply added; and that is done once more with all terms made
# smaller, in case that only a partial sum was too large.
_EXACT_SUM = """
def exact_sum(terms, count, stride) -> float:
    sum = scaled_sum(terms, count, stride, 1.0)
    if not abs(sum) < INFINITY:
        sum = scaled_sum(terms, count, stride, SMALL) * LARGE
    return sum

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
        return x + 0.0
    return plain
"""
_LARGEST = """
def largest(terms, count, stride) -> float:
    best = double[terms]
    for t in range(1, count):
        x = double[terms + 8 * stride * t]
        if best < x:
            best = x
    return best
"""

# A row of the table: how many members, and how many terms each; then where the first of both are.  The columns are the
# members and the terms, so that the last stride of the descriptor is that from one term to the next.
_TOGETHER = """
def kernel(frame, data, descriptor) -> None:
    row = word[descriptor + 8]
    for r in range(word[descriptor]):
        to = frame + 8 * word[row + 16]
        terms = frame + 8 * word[row + 24]
        for m in range(word[row]):
            double[to + 8 * m] = TOGETHER(terms + 8 * m, word[row + 8], word[descriptor + 48])
        row = row + 32
"""


def together(name: str) -> Written:
    """The kernel of exact sums ("exact_sum") or of largest terms ("largest")."""
    return Written(_TOGETHER.replace("TOGETHER", name) + (_EXACT_SUM if name == "exact_sum" else _LARGEST), _WORDS)


# ---- choices: members of an array that numbers choose, or send numbers to --------------------------------------------
# The columns are the results, the numbers that choose, and the first candidates; of a SCATTER the first candidates of
# the results, the numbers that choose, and what is sent.  Behind the strides the descriptor says how many candidates
# there are, and how far apart they are in memory.
_CHOICE = """
def kernel(frame, data, descriptor) -> None:
    count = double[descriptor + 72]
    row = word[descriptor + 8]
    for r in range(word[descriptor]):
        for i in range(word[row]):
            for j in range(word[row + 8]):
                to = place(frame, data, descriptor, row, i, j, 0)
                of = place(frame, data, descriptor, row, i, j, 2)
                k = double[place(frame, data, descriptor, row, i, j, 1)]
                x = NAN
                if 0.0 <= k and k < count:
                    far = 8 * word[descriptor + 80] * int(k)
                    CHOICE
        row = row + 40

def place(frame, data, descriptor, row, i, j, column):  # of a column, in two loops
    strides = descriptor + 24 + 8 * column
    at = word[row + 16 + 8 * column] + i * word[strides] + j * word[strides + 24]
    if (word[descriptor + 16] >> column & 1) != 0:
        return data + 8 * at
    return frame + 8 * at
"""
_GATHERED = "x = double[of + far]\n                double[to] = x"
GATHER = Written(_CHOICE.replace("CHOICE", _GATHERED), _WORDS)
SCATTER = Written(_CHOICE.replace("CHOICE", "double[to + far] = double[to + far] + double[of]"), _WORDS)

# ---- rows with any number of operands, forward and back --------------------------------------------------------------
# See ``tape`` for the arguments.  The scratch memory holds one number more than the longest row has operands.
_HELPERS = """
def value(values, operands, k) -> float:
    return double[values + 8 * int32[operands + 4 * k]]

def give(adjoints, reached, operands, k, share: float) -> None:
    node = int32[operands + 4 * k]
    double[adjoints + 8 * node] = double[adjoints + 8 * node] + share
    byte[reached + node] = 1
"""
_FORWARD = """
def sumprod(values, operands, n, scratch) -> float:  # first factors, second ones, and perhaps what the sum starts from
    pairs = n >> 1
    z = 0.0
    if (n & 1) == 1:
        z = value(values, operands, n - 1)
    for k in range(pairs):
        z = z + value(values, operands, k) * value(values, operands, pairs + k)
    return z

def fsum(values, operands, n, scratch) -> float:
    double[scratch] = 0.0
    for k in range(n):
        double[scratch + 8 + 8 * k] = value(values, operands, k)
    return exact_sum(scratch, n + 1, 1)

def prod(values, operands, n, scratch) -> float:
    z = 1.0
    for k in range(n):
        z = z * value(values, operands, k)
    return z

def logsumexp(values, operands, n, scratch) -> float:
    most = 0.0 - INFINITY
    for k in range(n):
        x = value(values, operands, k)
        if not most > x and most == most:  # a nan stays
            most = x
    double[scratch] = 0.0 - 1.0  # one term is 1
    for k in range(n):
        double[scratch + 8 + 8 * k] = exp(value(values, operands, k) - most)
    if abs(most) < INFINITY:
        return most + log1p(exact_sum(scratch, n + 1, 1))
    return most

def largest(values, operands, n, scratch) -> float:
    z = value(values, operands, 0)
    for k in range(1, n):
        x = value(values, operands, k)
        if z < x:
            z = x
    return z

def take(values, operands, n, scratch) -> float:
    k = value(values, operands, 0)
    if 0.0 <= k and k < float(n - 1):
        return value(values, operands, 1 + int(k))
    return NAN

def select(values, operands, n, scratch) -> float:
    if value(values, operands, 0) != 0.0:
        return value(values, operands, 1)
    return value(values, operands, 2)
"""
_BACKWARD = """
def sumprod(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    pairs = n >> 1
    for k in range(pairs):
        give(adjoints, reached, operands, k, above * value(values, operands, pairs + k))
        give(adjoints, reached, operands, pairs + k, above * value(values, operands, k))
    if (n & 1) == 1:
        give(adjoints, reached, operands, n - 1, above)

def fsum(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    for k in range(n):
        give(adjoints, reached, operands, k, above)

def prod(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    product = 1.0  # of all factors before one, then of all behind
    for k in range(n):
        double[scratch + 8 * k] = product
        product = product * value(values, operands, k)
    product = 1.0
    k = n
    while k > 0:
        k = k - 1
        give(adjoints, reached, operands, k, above * (double[scratch + 8 * k] * product))
        product = product * value(values, operands, k)

def logsumexp(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    double[scratch] = 0.0
    for k in range(n):
        x = value(values, operands, k)
        share = 1.0
        if not x >= INFINITY:
            share = exp(x - z)
        double[scratch + 8 + 8 * k] = share
    share = 1.0 / exact_sum(scratch, n + 1, 1)
    for k in range(n):
        give(adjoints, reached, operands, k, above * (double[scratch + 8 + 8 * k] * share))

def largest(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    return

def take(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    k = value(values, operands, 0)
    if 0.0 <= k and k < float(n - 1):
        give(adjoints, reached, operands, 1 + int(k), above)

def select(values, adjoints, reached, operands, n, z: float, above: float, scratch) -> None:
    k = 2  # the branch that was not taken gets nothing, not even nan (see ``autograd.branches``)
    if value(values, operands, 0) != 0.0:
        k = 1
    give(adjoints, reached, operands, k, above)
"""


def _rows(text: str) -> dict[str, Written]:
    """The kernel of each function in a text, by its name."""
    functions = {function[4 : function.index("(")]: function for function in text.strip().split("\n\n")}
    more = {name: _HELPERS + _EXACT_SUM * ("exact_sum" in function) for name, function in functions.items()}
    return {name: Written(f"{function}\n{more[name]}", _WORDS) for name, function in functions.items()}


LISTS = {name: (forward, _rows(_BACKWARD)[name]) for name, forward in _rows(_FORWARD).items()}
