"""What the notebooks share: exercises that check themselves, and figures."""

from __future__ import annotations

from math import isclose
from typing import Any

from autograd import Value


def check(answer: Any, expected: Any, hint: str = "", *, tolerance: float = 1e-6) -> None:
    """Say whether an answer is right: a number, or lists of numbers; ``...`` is no answer yet.

    >>> check(..., 8.0)
    Your turn: replace the dots and run this cell again.
    >>> check(8.0, 8.0)
    Right.
    >>> check([1.0, 2.0], [1.0, 3.0], "Look at the second one.")
    Not yet. Look at the second one.
    """
    if answer is ...:
        print("Your turn: replace the dots and run this cell again.")
    elif _agree(answer, expected, tolerance):
        print("Right.")
    else:
        print(f"Not yet. {hint}".rstrip())


def _agree(answer: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, (list, tuple)):
        same_length = isinstance(answer, (list, tuple)) and len(answer) == len(expected)
        return same_length and all(_agree(a, e, tolerance) for a, e in zip(answer, expected))
    number = answer.data if isinstance(answer, Value) else answer
    try:
        return isclose(number, expected, rel_tol=tolerance, abs_tol=tolerance)
    except TypeError:
        return False


def figures_as_svg() -> None:
    """Let notebooks show matplotlib's figures as SVG: small, and sharp at every size."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg")
