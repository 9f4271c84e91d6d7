"""What a look at a network gives: findings, each with a sentence and a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nn.data import numbers_of

__all__ = ["Finding", "Result", "aligned"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or a note.

    Attributes:
        kind: The name of the illness, in two or three words.
        severity: "error" if training cannot work like this, "warning" if it suffers, "note" if it may be all right.
        where: The names of the parameters, neurons, layers or features that have it.
        sentence: A sentence with the numbers that were measured.
        remedy: The advice to the user.
    """

    kind: str
    severity: str
    where: tuple[str, ...]
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}\n  {self.remedy}"


Result = tuple[list[Finding], str]


def aligned(outputs: Sequence[float], target: Any) -> list[tuple[int, float]]:
    """The place of each output with its target number; nothing if the target is the index of a class, or unknown."""
    numbers = numbers_of(target)
    return list(enumerate(numbers)) if numbers is not None and len(numbers) == len(outputs) else []
