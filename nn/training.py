"""Training: gradient descent over mini-batches, with a record of how it went."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from autograd import no_grad
from autograd.errors import NumericError
from nn.data import minibatches
from nn.losses import LOSSES
from nn.optim import OPTIMIZERS, Optimizer
from nn.steps import CompiledSteps, EagerSteps, steps_for

__all__ = ["History", "accuracy", "fit", "predict"]

Loss = Callable[[Any, Any], Any]
Callback = Callable[["History"], None]

_GLANCE = 0.05  # seconds of compiled training between two looks at it, where nobody else looks


@dataclass
class History:
    """What happened in each epoch.

    Attributes:
        loss: the mean over the samples, each measured just before the step that used it.
        lr: the learning rate at the end of the epoch.
        seconds: how long the epoch took, without callbacks; the mean of those that ran in one call.
        stopped: why training ended before the last epoch; empty if it did not.
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
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
        batch_size: 1 is stochastic gradient descent, None takes all samples in one batch (in order).
        tol: stop once the loss has not become better by more than this for ``n_iter_no_change`` epochs in a row.
        seed: of the batches.
        compile: run compiled steps where there is a compiler; the trajectory is the same to rounding.
        progress: show a bar, if tqdm is installed and someone is watching.
        callbacks: functions that get the history at the end of every epoch.
        executor: where to compute gradients: ``Workers``, or any executor of PEP 3148, such as a
            ``ProcessPoolExecutor`` or Dask's ``Client(...).get_executor()``; None for here.

    Returns:
        The loss of every epoch.

    Raises:
        ValueError: there are no samples, or X and y differ in length; or a name is unknown.
        NumericError: the loss became nan or infinite; the parameters are those before that epoch.
        ExecutorError: the workers are gone, the parameters are those after the last finished step; or the model cannot
            be compiled for them.

    >>> from nn import MLP, SGD
    >>> line = MLP(1, [1], init="zeros")
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, optimizer=SGD(line.parameters(), lr=0.1), epochs=200, progress=False)
    >>> [round(p.data, 3) for p in line.parameters()]
    [2.0, 1.0]
    """
    n = _count_samples(X, y)
    size = _batch_size(batch_size, n)
    optimizer = _optimizer(optimizer, model)
    steps = steps_for(model, _loss(loss), optimizer, X, y, size, compile, executor)
    rng = seed if isinstance(seed, random.Random) else random.Random(seed)
    history, watch = History(), _Watch(tol, n_iter_no_change)
    ahead = 1  # how many epochs to run before the next look
    with _progress_bar(epochs, progress) as report, _stored(steps):
        while len(history) < epochs and not history.stopped:
            begun, before = time.perf_counter(), (steps.save(), rng.getstate())
            losses = _run_epochs(steps, min(ahead, epochs - len(history)), n, size, rng)
            seconds = (time.perf_counter() - begun) / len(losses)
            good = watch.accept(losses)
            if good < len(losses):  # back, and again up to there
                steps.restore(before[0])
                rng.setstate(before[1])
                _run_epochs(steps, good, n, size, rng)
            history.loss += losses[:good]
            history.lr += [optimizer.lr] * good
            history.seconds += [seconds] * good
            history.stopped = watch.reason
            if watch.diverged:
                raise NumericError(
                    f"the loss became {losses[good]} in epoch {len(history) + 1}: "
                    f"use a smaller learning rate than {optimizer.lr:g}, or standardize the features"
                )
            if callbacks:
                steps.store()
                for callback in callbacks:
                    callback(history)
                steps.load()
            elif isinstance(steps, CompiledSteps):
                ahead = max(1, int(_GLANCE / seconds))
            report(history)
    return history


def _run_epochs(
    steps: EagerSteps | CompiledSteps, epochs: int, n: int, batch_size: int, rng: random.Random
) -> list[float]:
    """The mean loss of each epoch, sample by sample."""
    if batch_size == n:
        return steps.run([range(n)], epochs)
    batches = [batch for _ in range(epochs) for batch in minibatches(n, batch_size, rng)]
    losses = [mean * len(batch) for mean, batch in zip(steps.run(batches), batches)]
    per_epoch = -(-n // batch_size)
    return [sum(losses[first : first + per_epoch]) / n for first in range(0, len(losses), per_epoch)]


class _Watch:
    """Looks at the losses of the epochs, one after the other: is this to go on?

    Attributes:
        diverged: the loss became nan or infinite.
        reason: why to stop before that, if it is not empty.
    """

    def __init__(self, tol: float | None, epochs: int) -> None:
        self.tol, self.epochs = tol, epochs
        self.best = [math.inf]  # up to each epoch
        self.diverged, self.reason = False, ""

    def accept(self, losses: Sequence[float]) -> int:
        """How many of these epochs count: all, or those up to where it stops."""
        if self.tol is None and math.isfinite(sum(losses)):  # nothing to look for
            return len(losses)
        for count, loss in enumerate(losses):
            if not math.isfinite(loss):
                self.diverged = True
                return count
            self.best.append(min(loss, self.best[-1]))
            if self.tol is not None and self._stalled(self.tol):
                self.reason = f"the loss did not improve by more than {self.tol:g} in {self.epochs} epochs"
                return count + 1
        return len(losses)

    def _stalled(self, tol: float) -> bool:
        """Whether the last epochs did not bring the loss below the best one before them by more than tol."""
        return len(self.best) > self.epochs + 1 and self.best[-1] >= self.best[-1 - self.epochs] - tol


@contextmanager
def _stored(steps: EagerSteps | CompiledSteps) -> Iterator[None]:
    """However training ends, by Ctrl-C, too: the model and the optimiser are as after the last step."""
    try:
        yield
    finally:
        steps.store()
        steps.optimizer.fetch_state()


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


def _batch_size(given: int | None, n: int) -> int:
    if given is not None and given < 1:
        raise ValueError(f"batch_size must be at least 1, got {given}; None takes all samples")
    return n if given is None else min(given, n)


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
            bar.update(len(history) - bar.n)

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
