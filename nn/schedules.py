"""Schedules: the learning rate as a function of the epoch.

Make one from an optimiser and give both to ``fit``, or call its ``step()`` at the end of every epoch.  Names, arguments
and defaults are those of ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from nn.optim import Optimizer
from nn.options import whole_number

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LinearLR", "ReduceLROnPlateau", "Schedule", "StepLR"]


class _Stateful:
    """A schedule whose numbers can be saved; those of its optimiser are saved with that."""

    optimizer: Optimizer

    def state_dict(self) -> dict[str, Any]:
        """Every number of it by name."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned.

        Raises:
            ValueError: It is of another kind of schedule, or no learning rate follows from it; nothing has changed.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(f"{type(self).__name__} keeps {', '.join(self.state_dict())}, not {', '.join(state)}")
        trial = copy.copy(self)
        vars(trial).update(state)
        try:
            sound = trial._is_sound()
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(f"{type(self).__name__} has no learning rate with these numbers: {error}") from error
        if not sound:
            raise ValueError(f"{type(self).__name__} has no learning rate with these numbers")
        vars(self).update(state)

    def _is_sound(self) -> bool:
        """Whether it has a learning rate."""
        raise NotImplementedError


class Schedule(_Stateful):
    """Base class: ``rate`` says what the learning rate is in an epoch; epochs count from 0.

    Attributes:
        initial: The learning rate that the optimiser was made with.
        epoch: The number of ``step()`` calls so far.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.initial = optimizer.lr
        self.epoch = 0
        optimizer.lr = self.rate(0)

    def _is_sound(self) -> bool:
        return self.epoch >= 0 and 0.0 <= self.rate(self.epoch) < math.inf

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch.

        >>> from autograd import Value
        >>> from nn import SGD
        >>> ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5).rate(2)
        0.25
        """
        raise NotImplementedError

    def step(self) -> None:
        """End an epoch.

        >>> from autograd import Value
        >>> from nn import SGD
        >>> optimizer = SGD([Value(0.0)], lr=1.0)
        >>> ExponentialLR(optimizer, gamma=0.5).step(); optimizer.lr
        0.5
        """
        self.epoch += 1
        self.optimizer.lr = self.rate(self.epoch)


class StepLR(Schedule):
    """Multiply by ``gamma`` every ``step_size`` epochs.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> StepLR(SGD([Value(0.0)], lr=1.0), step_size=10, gamma=0.5).rate(25)
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = whole_number("step_size", step_size, 1), gamma
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.initial * self.gamma ** (epoch // self.step_size)


class ExponentialLR(Schedule):
    """Multiply by ``gamma`` every epoch.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5).rate(3)
    0.125
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.initial * self.gamma**epoch


class CosineAnnealingLR(Schedule):
    """Half a cosine from the initial rate down to ``eta_min`` in ``T_max`` epochs (and up again after that).

    Source: I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).

    >>> from autograd import Value
    >>> from nn import SGD
    >>> schedule = CosineAnnealingLR(SGD([Value(0.0)], lr=1.0), T_max=10)
    >>> [round(schedule.rate(epoch), 6) for epoch in (0, 5, 10)]
    [1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = whole_number("T_max", T_max, 1), eta_min
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.eta_min + (self.initial - self.eta_min) * (1.0 + math.cos(math.pi * epoch / self.T_max)) / 2.0


class LinearLR(Schedule):
    """Warm-up: from ``start_factor`` to ``end_factor`` times the initial rate in ``total_iters`` epochs.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> schedule = LinearLR(SGD([Value(0.0)], lr=1.0), start_factor=0.5, total_iters=4)
    >>> [schedule.rate(epoch) for epoch in (0, 2, 4, 8)]
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = whole_number("total_iters", total_iters, 1)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        done = min(epoch / self.total_iters, 1.0)
        return self.initial * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ReduceLROnPlateau(_Stateful):
    """Multiply by ``factor`` when a loss has not become better for more than ``patience`` epochs.

    Better means less than (1 − threshold) times the best so far.

    Attributes:
        best: The least loss seen.
        bad_epochs: The number of epochs since then.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> optimizer = SGD([Value(0.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None:
        if not 0.0 < factor < 1.0:
            raise ValueError(f"factor must be between 0 and 1, got {factor}")
        self.optimizer = optimizer
        self.factor, self.patience, self.threshold, self.min_lr = factor, patience, threshold, min_lr
        self.best, self.bad_epochs = math.inf, 0

    def _is_sound(self) -> bool:
        return 0.0 < self.factor < 1.0 and 0 <= self.bad_epochs < math.inf and 0.0 <= self.min_lr < math.inf

    def step(self, loss: float) -> None:
        """End an epoch that had this loss.

        >>> from autograd import Value
        >>> from nn import SGD
        >>> schedule = ReduceLROnPlateau(SGD([Value(0.0)]))
        >>> schedule.step(2.0); schedule.step(3.0)
        >>> schedule.best, schedule.bad_epochs
        (2.0, 1)
        """
        if loss < self.best * (1.0 - self.threshold):
            self.best, self.bad_epochs = loss, 0
            return
        self.bad_epochs += 1
        if self.bad_epochs > self.patience:
            self.optimizer.lr = max(self.optimizer.lr * self.factor, self.min_lr)
            self.bad_epochs = 0
