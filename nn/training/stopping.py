"""When to stop training: once a loss no longer improves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nn.options import whole_number


@dataclass(frozen=True)
class EarlyStopping:
    """When ``fit`` stops before its last epoch: once a loss has not improved for several epochs in a row.

    Args:
        monitor: The loss to look at, "val_loss" or "loss".
        min_delta: The least decrease that counts as an improvement; scikit-learn calls it ``tol``.
        patience: The number of epochs without an improvement after which training stops.
        restore_best: Whether to go back to the epoch with the least validation loss.  With ``monitor="loss"`` the model
            stays as it is after the last epoch.

    Raises:
        TypeError: ``patience`` is no whole number.
        ValueError: ``monitor`` is another name, ``min_delta`` is negative or not finite, or ``patience`` is below 1.

    >>> line, (X, y) = MLP(1, [1], seed=0), make_line()
    >>> stopping = EarlyStopping(monitor="loss", min_delta=1e-3, patience=5)
    >>> sgd = SGD(line.parameters(), lr=0.1)
    >>> fit(line, X, y, optimizer=sgd, epochs=1000, early_stopping=stopping, progress=False).stopped
    'the loss did not improve by more than 0.001 in 5 epochs'
    """

    monitor: Literal["val_loss", "loss"] = "val_loss"
    min_delta: float = 0.0
    patience: int = 10
    restore_best: bool = True

    def __post_init__(self) -> None:
        if self.monitor not in ("val_loss", "loss"):
            raise ValueError(f"monitor must be 'val_loss' or 'loss', got {self.monitor!r}")
        min_delta: Any = self.min_delta
        if isinstance(min_delta, str) or not 0.0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be at least 0 and finite, got {min_delta!r}")
        whole_number("patience", self.patience, 1)


class Improvement:
    """Whether a loss still improves, epoch by epoch; without a rule by which to stop, training goes on.

    >>> improvement = Improvement(EarlyStopping("loss", patience=2))
    >>> improvement.accept([3.0, 2.0, 2.5, 2.0, 1.0]), improvement.reason
    (4, 'the loss did not improve in 2 epochs')
    """

    def __init__(self, stopping: EarlyStopping | None) -> None:
        self.stopping = stopping
        self.monitor = stopping.monitor if stopping else "loss"
        self.restores_best = bool(stopping and stopping.restore_best) and self.monitor == "val_loss"
        self.best = [math.inf]  # the least loss so far: before the first epoch, and up to each
        self.reason = ""  # why training is to stop

    @property
    def is_best(self) -> bool:
        """Whether the loss that was accepted last is the least so far."""
        return self.best[-1] < self.best[-2]

    def accept(self, losses: Sequence[float]) -> int:
        """Look at the losses of further epochs; returns how many of them count, up to the one that ends training."""
        if self.stopping is None:
            return len(losses)
        patience, min_delta = self.stopping.patience, self.stopping.min_delta
        for count, loss in enumerate(losses, start=1):
            self.best.append(loss if loss < self.best[-1] else self.best[-1])
            if len(self.best) > patience + 1 and self.best[-1] >= self.best[-1 - patience] - min_delta:
                name = "validation loss" if self.monitor == "val_loss" else "loss"
                more = f" by more than {min_delta:g}" if min_delta else ""
                self.reason = f"the {name} did not improve{more} in {patience} epochs"
                return count
        return len(losses)
