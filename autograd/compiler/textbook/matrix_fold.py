"""Lines that repeat, step after step of a recurrence, as one loop.

>>> print("\\n".join(folded([f"t{k + 1} = tanh(p1 t{k} + x{k})" for k in range(1, 60)])))
for k = 0 … 58:
    t[k + 2] = tanh(p1 t[k + 1] + x[k + 1])
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autograd.labels import DIGITS, SUBSCRIPTS

__all__ = ["folded"]

FEWEST = 3  # repetitions that make a loop
LONGEST = 24  # lines of a step of a recurrence

_LETTER = rf"[xptc](?=\d)|[^\W\d{SUBSCRIPTS}]+(?=[{SUBSCRIPTS}])"  # x in x12, t in t₁₂
_NUMBERED = re.compile(rf"(?<![^\W\d])({_LETTER})(\d+|[{SUBSCRIPTS}]+)(?!\w)")


def folded(lines: Sequence[str]) -> list[str]:
    """Lines with their repetitions written once."""
    texts = [_NUMBERED.sub(r"\1", line) for line in lines]
    numbers = [[int(found[2].translate(DIGITS)) for found in _NUMBERED.finditer(line)] for line in lines]
    result: list[str] = []
    at = 0
    while at < len(lines):
        best = 0, 0, 0  # lines saved, lines of a step, repetitions
        for step in range(1, min(LONGEST, (len(lines) - at) // FEWEST) + 1):
            times = _repetitions(texts, numbers, at, step)
            if times >= FEWEST:
                best = max(best, (step * (times - 1), -step, times))
        saved, step, times = best[0], -best[1], best[2]
        if not saved:
            result.append(lines[at])
            at += 1
            continue
        result.append(f"for k = 0 … {times - 1}:")
        for k in range(at, at + step):
            result.append("    " + _template(lines[k], numbers[k], numbers[k + step]))
        at += step * times
    return result


def _repetitions(texts: Sequence[str], numbers: Sequence[Sequence[int]], at: int, step: int) -> int:
    """How many times the next lines come again, all numbers in them going on by the same steps."""
    times = 1
    while at + (times + 1) * step <= len(texts):
        for k in range(at, at + step):
            last, new = k + (times - 1) * step, k + times * step
            if texts[new] != texts[k] or any(
                z - y != b - a for a, b, y, z in zip(numbers[k], numbers[k + step], numbers[last], numbers[new])
            ):
                return times
        times += 1
    return times


def _template(line: str, now: Sequence[int], then: Sequence[int]) -> str:
    """A line for any k."""
    pairs = iter(zip(now, then))

    def numbered(match: re.Match[str]) -> str:
        first, second = next(pairs)
        step = second - first
        if step == 0:
            return match[0]
        many = "k" if abs(step) == 1 else f"{abs(step)}k"
        return f"{match[1]}[{many} + {first}]" if step > 0 else f"{match[1]}[{first} − {many}]"

    return _NUMBERED.sub(numbered, line)
