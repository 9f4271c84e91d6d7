"""Training: gradient descent over mini-batches, with a record of how it went."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from autograd import Value, fsum, no_grad
from autograd.errors import NumericError
from nn.data import minibatches
from nn.losses import LOSSES
from nn.optim import OPTIMIZERS, Optimizer

__all__ = ["History", "accuracy", "fit", "predict"]

Loss = Callable[[Any, Any], Any]
Callback = Callable[["History"], None]
# One step of the optimiser for each batch of indices of samples; returns the mean losses, each before its step.
Steps = Callable[[Sequence[Sequence[int]]], list[float]]

_ALIVE_AT_ONCE = 64  # the samples whose graphs are in memory together, whatever the size of the batch


@dataclass
class History:
    """What happened in each epoch.

    Attributes:
        loss: the mean over the samples, each measured just before the step that used it.
        lr: the learning rate at the end of the epoch.
        stopped: why training ended before the last epoch; empty if it did not.
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    stopped: str = ""

    def __len__(self) -> int:
        return len(self.loss)


def fit(
    model: Callable[[Any], Any],
    X: Sequence[Any],
    y: Sequence[Any],
    *,
    loss: str | Loss = "mse_loss",
    optimizer: str | Optimizer = "adam",
    epochs: int = 100,
    batch_size: int | None = 32,
    tol: float | None = None,
    n_iter_no_change: int = 10,
    seed: int | random.Random = 0,
    compile: bool = True,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    executor: Any = None,
) -> History:
    """Train a model: in each epoch go through the samples once, in random mini-batches, with a step after each.

        θ ← θ − α · mean over the batch of ∂loss/∂θ         (for plain gradient descent)

    Args:
        model: takes a sample, gives a Value or a list of them; a ``Module`` unless the optimiser is given.
        X: the samples.
        y: one target per sample, as the loss wants it: a number, a list, or the index of a class.
        loss: a name from ``nn.losses.LOSSES``, or a function (output, target) of one sample.
        optimizer: an optimiser of the model's parameters, or a name for one with its defaults.
        epochs: how often to go through the samples.
        batch_size: 1 is stochastic gradient descent, None takes all samples in one batch.
        tol: stop once the loss has not become better by more than this for ``n_iter_no_change`` epochs in a row.
        seed: of the batches.
        compile: run compiled steps where there is a compiler; the trajectory is the same to rounding.
        progress: show a bar, if tqdm is installed and someone is watching.
        callbacks: functions that get the history at the end of every epoch.
        executor: where to compute gradients; None for here.

    Returns:
        The loss of every epoch.

    Raises:
        ValueError: there are no samples, or X and y differ in length; or a name is unknown.
        NumericError: the loss became nan or infinite; the parameters are those before that epoch.

    >>> from nn import MLP, SGD
    >>> line = MLP(1, [1], init="zeros")
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, optimizer=SGD(line.parameters(), lr=0.1), epochs=200, progress=False)
    >>> [round(p.data, 3) for p in line.parameters()]
    [2.0, 1.0]
    """
    if executor is not None:
        raise NotImplementedError("training on an executor is not available yet: use executor=None")
    n = _count_samples(X, y)
    optimizer = _optimizer(optimizer, model)
    take_steps = _eager_steps(model, _loss(loss), optimizer, X, y)
    rng = seed if isinstance(seed, random.Random) else random.Random(seed)
    history = History()
    with _progress_bar(epochs, progress) as report:
        for _ in range(epochs):
            before = [parameter.data for parameter in optimizer.parameters]
            batches = minibatches(n, batch_size or n, rng)
            losses = take_steps(batches)
            history.loss.append(sum([mean * len(batch) for mean, batch in zip(losses, batches)]) / n)
            if not math.isfinite(history.loss[-1]):
                _give_up(history, optimizer, before)
            history.lr.append(optimizer.lr)
            for callback in callbacks:
                callback(history)
            report(history)
            if tol is not None and _stalled(history.loss, tol, n_iter_no_change):
                history.stopped = f"the loss did not improve by more than {tol:g} in {n_iter_no_change} epochs"
                break
    return history


def _count_samples(X: Sequence[Any], y: Sequence[Any]) -> int:
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} samples but y has {len(y)} targets: give one target per sample")
    if not len(X):
        raise ValueError("there are no samples to train on")
    return len(X)


def _loss(given: str | Loss) -> Loss:
    if isinstance(given, str) and given not in LOSSES:
        raise ValueError(f"there is no loss {given!r}: there are {', '.join(LOSSES)}, or give a function")
    return LOSSES[given] if isinstance(given, str) else given


def _optimizer(given: str | Optimizer, model: Any) -> Optimizer:
    if not isinstance(given, str):
        return given
    if given not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {given!r}: there are {', '.join(OPTIMIZERS)}, or make one yourself")
    made: Optimizer = OPTIMIZERS[given](model.parameters())
    return made


def _eager_steps(
    model: Callable[[Any], Any], loss: Loss, optimizer: Optimizer, X: Sequence[Any], y: Sequence[Any]
) -> Steps:
    """Steps that record the graph of each batch and differentiate it."""

    def step(batch: Sequence[int]) -> float:
        optimizer.zero_grad()
        mean = 0.0
        for start in range(0, len(batch), _ALIVE_AT_ONCE):
            part = fsum([loss(model(X[i]), y[i]) for i in batch[start : start + _ALIVE_AT_ONCE]]) / len(batch)
            if not isinstance(part, Value):
                raise TypeError(f"the loss gave {part!r}, which depends on no parameter: does the model use any?")
            part.backward()
            mean += part.data
        optimizer.step()
        return mean

    return lambda batches: [step(batch) for batch in batches]


def _give_up(history: History, optimizer: Optimizer, before: Sequence[float]) -> NoReturn:
    for parameter, number in zip(optimizer.parameters, before):
        parameter.data = number
    raise NumericError(
        f"the loss became {history.loss[-1]} in epoch {len(history)}: "
        f"use a smaller learning rate than {optimizer.lr:g}, or standardize the features"
    )


def _stalled(losses: Sequence[float], tol: float, epochs: int) -> bool:
    """Whether the last epochs did not bring the loss below the best one before them by more than tol."""
    return len(losses) > epochs and min(losses[-epochs:]) >= min(losses[:-epochs]) - tol


@contextmanager
def _progress_bar(epochs: int, wanted: bool) -> Iterator[Callback]:
    """Something to report each epoch to: a bar on stderr if tqdm is there and stderr is a terminal, else nothing."""
    try:
        if not wanted:
            raise ImportError
        from tqdm.auto import tqdm
    except ImportError:
        yield lambda history: None
        return
    with tqdm(total=epochs, unit="epoch", disable=None) as bar:

        def report(history: History) -> None:
            bar.set_postfix(loss=f"{history.loss[-1]:.4g}", refresh=False)
            bar.update()

        yield report


# ---- using what was trained ------------------------------------------------------------------------------------------
def predict(model: Callable[[Any], Any], X: Sequence[Any]) -> list[Any]:
    """The outputs for many samples as floats (a list per sample where there are several); no graph is kept.

    >>> from nn import MLP
    >>> predict(MLP(1, [2], init="zeros"), [[5.0]])
    [[0.0, 0.0]]
    """
    with no_grad():
        outputs = [model(x) for x in X]
    return [[a.data for a in output] if isinstance(output, list) else output.data for output in outputs]


def accuracy(outputs: Sequence[Any], targets: Sequence[Any], *, threshold: float = 0.0) -> float:
    """The share of samples whose class was predicted right.

    Args:
        outputs: per sample one number per class, of which the largest decides; or one number, which decides by being
            above the threshold or not.
        targets: per sample the index of the class or a list with 1 at it; for one number anything positive, or not.
        threshold: 0 for scores and logits, 0.5 for probabilities.

    Raises:
        ValueError: there are no samples, or the lengths differ.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]), accuracy([2.5, -0.1], [1, -1])
    (0.5, 1.0)
    """
    if len(outputs) != len(targets):
        raise ValueError(f"there are {len(outputs)} outputs but {len(targets)} targets")
    if not len(outputs):
        raise ValueError("there are no samples")
    return sum(_is_right(output, target, threshold) for output, target in zip(outputs, targets)) / len(outputs)


def _is_right(output: Any, target: Any, threshold: float) -> bool:
    if not isinstance(output, list):
        return bool((output > threshold) == (target > 0))
    label = _argmax(target) if isinstance(target, (list, tuple)) else target
    return bool(_argmax(output) == label)


def _argmax(numbers: Sequence[float]) -> int:
    return max(range(len(numbers)), key=numbers.__getitem__)
