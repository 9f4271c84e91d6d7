"""What the notebooks share: exercises that check themselves, long lines, and figures."""

from __future__ import annotations

from typing import Any

from autograd.display import filled
from nn.lessons.answers import JUDGES
from nn.plots import figures_as_svg

__all__ = ["check", "figures_as_svg", "show"]


def check(exercise: str, answer: Any) -> None:
    """Say whether the answer to an exercise is right, or else in which way it is wrong.

    Three digits are enough; ``...`` is no answer yet.  The answers are computed in ``answers.py``.

    >>> check("1.1", ...)
    Your turn: replace the dots and run this cell again.
    >>> check("1.1", -4.0)
    Not yet. The size is right, the sign is not. Hint: ∂c/∂b = a + 3b².
    """
    if exercise not in JUDGES:
        raise KeyError(f"there is no exercise {exercise!r}; there are {', '.join(JUDGES)}")
    judge, hint = JUDGES[exercise]
    is_open = answer is ... or (isinstance(answer, (list, tuple)) and any(part is ... for part in answer))
    verdict = ... if is_open else judge(answer)
    if verdict is ...:
        print("Your turn: replace the dots and run this cell again.")
    elif not verdict:
        print("Right.")
    else:
        show(f"Not yet. {verdict} Hint: {hint}")


def show(text: Any) -> None:
    """Print a text whose lines may be longer than a notebook is wide.

    >>> show("see " * 30)
    see see see see see see see see see see see see see see see see see see see see see see see see
      see see see see see see
    """
    print(filled(str(text), indent="  "))
