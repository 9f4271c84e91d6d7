"""When to stop training: once a loss no longer improves."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Stalling"]


class Stalling:
    """Looks at one loss after the other: is there still an improvement?

    Args:
        name: of the loss, for the reason.
        tol: the least decrease that counts as an improvement; None: never stop.
        epochs: how many in a row may have none.

    Attributes:
        best: the least loss so far, up to each epoch; infinite before the first.
        reason: why to stop, if it is not empty.

    >>> stalling = Stalling("loss", 0.0, 2)
    >>> stalling.accept([3.0, 2.0, 2.5, 2.0, 1.0]), stalling.reason
    (4, 'the loss did not improve in 2 epochs')
    """

    def __init__(self, name: str, tol: float | None, epochs: int) -> None:
        self.name, self.tol, self.epochs = name, tol, epochs
        self.best = [math.inf]  # up to each epoch
        self.reason = ""

    @property
    def improved(self) -> bool:
        """Whether the last loss is the least so far."""
        return len(self.best) > 1 and self.best[-1] < self.best[-2]

    def accept(self, losses: Sequence[float]) -> int:
        """How many of these epochs count: all, or those up to where it stops."""
        if self.tol is None:
            return len(losses)
        for count, loss in enumerate(losses, start=1):
            self.best.append(loss if loss < self.best[-1] else self.best[-1])
            if len(self.best) > self.epochs + 1 and self.best[-1] >= self.best[-1 - self.epochs] - self.tol:
                more = f" by more than {self.tol:g}" if self.tol else ""
                self.reason = f"the {self.name} did not improve{more} in {self.epochs} epochs"
                return count
        return len(losses)
