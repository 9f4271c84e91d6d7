"""In which way an answer is wrong, said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from autograd import Value

FACTORS = (2, 3, 4, 5, 10, 100, 1000)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
Slips = Iterable[tuple[Any, str]]


def compare(answer: Any, expected: Any, slips: Slips = ()) -> str:
    """Say in which way an answer is wrong; nothing if it is right to three digits.

    Args:
        answer: A number, a Value, or a list of them.
        expected: The right answer.
        slips: Known wrong answers, each with the sentence that says what was mistaken.

    >>> compare(7.999, 8.0), compare([1, 2], [1, 2])
    ('', '')
    >>> compare(-8, 8.0)
    'The size is right, the sign is not.'
    >>> compare(1, 8.0, [(1, "That is the number of paths.")])
    'That is the number of paths.'
    >>> compare([1, 5], [1.0, 2.0])
    '1 of 2 is right. The second: it is too large.'
    """
    if isinstance(expected, (list, tuple)):
        return _compare_lists(answer, list(expected), slips)
    found = _number(answer)
    if found is None:
        return f"The answer must be a number, but this has the type {type(answer).__name__}."
    if agree(found, expected):
        return ""
    return next((why for wrong, why in slips if agree(found, wrong)), "") or _way(found, expected)


def agree(found: float, expected: float) -> bool:
    """Whether a number is another one, rounded to three digits or more."""
    if expected == 0.0 or not math.isfinite(expected):
        return abs(found - expected) < 1e-6 or found == expected
    unit = 10.0 ** (math.floor(math.log10(abs(expected))) - 2)  # of the third digit
    return abs(found - expected) <= 0.5000001 * unit


def _number(answer: Any) -> float | None:
    if isinstance(answer, Value):
        return answer.data
    if isinstance(answer, str):
        return None
    try:
        return float(answer)
    except (TypeError, ValueError):
        return None


def _way(found: float, expected: float) -> str:
    if math.isnan(found):
        return "It is nan, which is no number."
    if math.isinf(found):
        return "It is infinite."
    if expected == 0.0:
        return "It is too large." if found > 0 else "It is too small."
    if agree(found, -expected):
        return "The size is right, the sign is not."
    if found * expected < 0:
        return "The sign is wrong, and so is the size."
    for factor in FACTORS:
        if agree(found, expected * factor):
            return f"It is {factor} times what it should be."
        if agree(found, expected / factor):
            return f"{factor} times as much would be right."
    if agree(found, 1 / expected):
        return "It is the reciprocal of what it should be."
    if math.isclose(found, expected, rel_tol=0.01):
        return "It is nearly right, but not to three digits: round at the end and not before."
    size = "large" if abs(found) > abs(expected) else "small"
    return f"It is too {size}." if expected > 0 else f"The sign is right, the size is too {size}."


def _compare_lists(answer: Any, expected: Sequence[float], slips: Slips) -> str:
    wanted = f"A list of {len(expected)} numbers is wanted"
    if isinstance(answer, (str, Value)) or not hasattr(answer, "__len__"):
        return f"{wanted}, but this has the type {type(answer).__name__}."
    if len(answer) != len(expected):
        return f"{wanted}, but this one has {len(answer)}."
    found = [_number(one) for one in answer]
    numbers = [number for number in found if number is not None]
    if len(numbers) < len(expected):
        place = found.index(None)
        return f"{wanted}, but the {ORDINALS[place]} has the type {type(answer[place]).__name__}."
    for wrong, why in slips:
        if _all_agree(numbers, wrong):
            return why
    ways = ["" if agree(one, right) else _way(one, right) for one, right in zip(numbers, expected)]
    if not any(ways):
        return ""
    if _all_agree(sorted(numbers), sorted(expected)):
        return "The numbers are right, their order is not."
    if len(set(ways)) == 1:
        return f"Each of them: {_lowered(ways[0])}"
    right, first = ways.count(""), next(i for i, way in enumerate(ways) if way)
    many = f"{right or 'None'} of {len(ways)} {'are' if right > 1 else 'is'} right."
    return f"{many} The {ORDINALS[first]}: {_lowered(ways[first])}"


def _all_agree(numbers: Sequence[float], expected: Sequence[float]) -> bool:
    return all(map(agree, numbers, expected))


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
