"""Schedules: the learning rate as a function of the epoch.

Make one from an optimiser and give both to ``fit``, or call its ``step()`` at the end of every epoch.  Names, arguments
and defaults are those of ``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autograd import cos
from nn.optim import Optimizer
from nn.options import check_name, whole_number


class _Stateful:
    """A schedule whose numbers can be saved; those of its optimiser are saved with that."""

    optimizer: Optimizer

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group, as PyTorch's schedules give it.

        >>> ExponentialLR(SGD([Value(0.0)], lr=0.5), gamma=0.5).get_last_lr()
        [0.5]
        """
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Every number of the schedule, by name; all else, such as a function, stays that of the one that loads it."""
        return {name: value for name, value in vars(self).items() if isinstance(value, (int, float))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned.

        Raises:
            ValueError: It is of another kind of schedule; nothing has changed.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"a {type(self).__name__} state has {', '.join(self.state_dict())}, not {', '.join(state)}"
            )
        vars(self).update(state)


class Schedule(_Stateful):
    """Base class: ``rate`` says what the learning rate is in an epoch; epochs count from 0."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__} needs the optimizer whose rate it changes, not {optimizer!r}")
        self.optimizer = optimizer
        self.initial = optimizer.lr  #: that the optimiser was made with
        self.epoch = 0  #: the number of ``step()`` calls so far
        optimizer.lr = self.rate(0)

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch.

        >>> ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5).rate(2)
        0.25
        """
        raise NotImplementedError

    def step(self) -> None:
        """End an epoch: set the learning rate of the next one.

        >>> optimizer = SGD([Value(0.0)], lr=1.0)
        >>> ExponentialLR(optimizer, gamma=0.5).step(); optimizer.lr
        0.5
        """
        self.epoch += 1
        self.optimizer.lr = self.rate(self.epoch)


class StepLR(Schedule):
    """Multiply by ``gamma`` every ``step_size`` epochs.

    >>> StepLR(SGD([Value(0.0)], lr=1.0), step_size=10, gamma=0.5).rate(25)
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = whole_number("step_size", step_size, 1), gamma
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.initial * self.gamma ** (epoch // self.step_size)


class MultiStepLR(Schedule):
    """Multiply by ``gamma`` in each of the epochs ``milestones``.

    >>> schedule = MultiStepLR(SGD([Value(0.0)], lr=1.0), milestones=[3, 8], gamma=0.5)
    >>> [schedule.rate(epoch) for epoch in (2, 3, 8)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = [whole_number("a milestone", epoch, 0) for epoch in milestones], gamma
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.initial * self.gamma ** sum(milestone <= epoch for milestone in self.milestones)


class ExponentialLR(Schedule):
    """Multiply by ``gamma`` every epoch.

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

    >>> schedule = CosineAnnealingLR(SGD([Value(0.0)], lr=1.0), T_max=10)
    >>> [round(schedule.rate(epoch), 6) for epoch in (0, 5, 10)]
    [1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = whole_number("T_max", T_max, 1), eta_min
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.eta_min + (self.initial - self.eta_min) * (1.0 + cos(math.pi * epoch / self.T_max)) / 2.0


class LinearLR(Schedule):
    """Warm-up: from ``start_factor`` to ``end_factor`` times the initial rate in ``total_iters`` epochs.

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


class LambdaLR(Schedule):
    """Multiply the initial rate by a function of the epoch: a schedule of your own in one line.

    >>> LambdaLR(SGD([Value(0.0)], lr=1.0), lambda epoch: 1 / (1 + epoch)).rate(3)
    0.25
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self._factor = lr_lambda
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.initial * self._factor(epoch)


class ReduceLROnPlateau(_Stateful):
    """Multiply by ``factor`` when a loss has not become better for more than ``patience`` epochs.

    Args:
        optimizer: The optimiser whose rate is reduced.
        mode: "min" for a loss, "max" for an accuracy.
        factor: The factor of the rate, between 0 and 1.
        patience: The number of epochs without progress that are waited for.
        threshold: The least progress that counts.
        threshold_mode: "rel" measures progress in parts of the best so far, "abs" as a difference.
        cooldown: The number of epochs after a reduction that are not counted.
        min_lr: The least rate.
        eps: The least difference that a reduction makes; a smaller one is left out.

    Raises:
        ValueError: ``factor`` is out of range, or a mode is unknown.

    >>> optimizer = SGD([Value(0.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, "min", factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: float = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        check_name("mode", mode, ["min", "max"], "leave it out")
        check_name("threshold_mode", threshold_mode, ["rel", "abs"], "leave it out")
        if not 0.0 < factor < 1.0:
            raise ValueError(f"factor must be between 0 and 1, got {factor}")
        self.optimizer, self.mode, self.threshold_mode = optimizer, mode, threshold_mode
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf  #: the best loss seen
        self.bad_epochs = self.cooling = 0  # epochs since then, and those that are not counted

    def _improves(self, loss: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return sign * loss > sign * bound

    def step(self, loss: float) -> None:
        """End an epoch that had this loss.

        >>> schedule = ReduceLROnPlateau(SGD([Value(0.0)]))
        >>> schedule.step(2.0); schedule.step(3.0)
        >>> schedule.best, schedule.bad_epochs
        (2.0, 1)
        """
        if self._improves(loss):
            self.best, self.bad_epochs = loss, 0
        else:
            self.bad_epochs += 1
        if self.cooling:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            rate = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - rate > self.eps:
                self.optimizer.lr = rate
            self.bad_epochs, self.cooling = 0, self.cooldown
