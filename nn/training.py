"""Training: gradient descent over mini-batches, with a record of how it went."""

from __future__ import annotations

import math
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograd.errors import NumericError
from nn.checkpoint import Checkpoint, Moment
from nn.data import minibatches, samples_of
from nn.files import FilePath
from nn.history import History
from nn.losses import loss_named
from nn.optim import OPTIMIZERS, Optimizer
from nn.schedules import ReduceLROnPlateau
from nn.steps import CompiledSteps, EagerSteps, steps_for
from nn.stopping import Stalling
from nn.validation import Measure, Metric, Samples, metrics_by_name, set_apart

__all__ = ["fit"]

Loss = Callable[[Any, Any], Any]
Callback = Callable[[History], None]

_GLANCE = 0.05  # seconds of compiled training between two looks at it, where nobody else looks


def fit(
    model: Callable[[Any], Any],
    X: Sequence[Any],
    y: Sequence[Any],
    *,
    loss: str | Loss = "mse_loss",
    optimizer: str | Optimizer = "adam",
    schedule: Any = None,
    epochs: int = 100,
    batch_size: int | None = 32,
    validation_data: Samples | None = None,
    validation_split: float = 0.0,
    metrics: Sequence[str | Metric] = (),
    tol: float | None = None,
    n_iter_no_change: int = 10,
    early_stopping: bool = False,
    restore_best: bool = True,
    checkpoint: FilePath | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    seed: int | random.Random = 0,
    compile: bool = True,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    executor: Any = None,
) -> History:
    """Train a model: in each epoch go through the samples once, in random mini-batches, with a step after each.

        θ ← θ − α · mean over the batch of ∂loss/∂θ         (for plain gradient descent)

    Validation is on samples that are not trained on, after each epoch, with modules in the mode of ``eval()``.  A
    ``validation_split`` holds out random samples, the same ones for the same ``seed`` (those of seed 0 if that is a
    generator): the last samples, which Keras takes, are one class only where a table is sorted.

    With ``early_stopping``, training stops once the validation loss has not improved; then, or after the last epoch,
    model and optimiser go back to the epoch with the least validation loss, so that further training goes on from
    there (with the learning rate of the end).  After Ctrl-C they are as after the last step.

    A ``checkpoint`` holds all that the next epoch depends on, but for what callbacks keep and what the model draws at
    random.  Resumed training gives the same numbers, to the bit, as if it had not been cut off; so the learning rate
    and the other numbers of the optimiser come from the file, too.

    Args:
        model: takes a sample, gives a Value or a list of them; a ``Module`` unless the optimiser is given.
        X: the samples.
        y: one target per sample, as the loss wants it: a number, a list, or the index of a class.
        loss: a name from ``nn.losses.LOSSES``, or a function (output, target) of one sample.
        optimizer: an optimiser of the model's parameters, or a name for one with its defaults.
        schedule: of the learning rate of that optimiser; it steps at the end of every epoch.
        epochs: how often to go through the samples, those before a resumption included.
        batch_size: 1 is stochastic gradient descent, None takes all samples in one batch (in order).
        validation_data: a pair (X, y) to measure the loss on after each epoch.
        validation_split: or which part of the samples to hold out for that, between 0 and 1.
        metrics: "accuracy", the name of a loss, or functions (outputs, targets) -> number; measured on the validation
            data, on those of the training if there are no others.
        tol: stop once the loss has not become better by more than this for ``n_iter_no_change`` epochs in a row.
        n_iter_no_change: how long to wait for an improvement.
        early_stopping: look at the validation loss for that; ``tol`` is 0 if not given.
        restore_best: go back to the best epoch after early stopping.
        checkpoint: a file to write the state of the training to, in one piece; also at the end and at Ctrl-C.
        checkpoint_every: after how many epochs.
        resume: go on from the checkpoint if there is one.
        seed: of the batches.
        compile: run compiled steps where there is a compiler; the trajectory is the same to rounding.
        progress: show a bar, if tqdm is installed and someone is watching.
        callbacks: functions that get the history at the end of every epoch; to stop there, set ``history.stopped``.
        executor: where to compute gradients: ``Workers``, or any executor of PEP 3148, such as a
            ``ProcessPoolExecutor`` or Dask's ``Client(...).get_executor()``; None for here.

    Returns:
        The losses and metrics of every epoch.

    Raises:
        ValueError: there are no samples, or X and y differ in length; a name is unknown; options contradict each
            other; or the loss depends on no parameter of the optimiser.
        NumericError: the loss became nan or infinite; the parameters are those before that epoch.
        FileError: the checkpoint cannot be written; or not be read, or is of another training: nothing has changed.
        ExecutorError: the workers are gone, the parameters are those after the last finished step; or the model cannot
            be compiled for them.

    >>> from nn import MLP, SGD
    >>> line = MLP(1, [1], init="zeros")
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, optimizer=SGD(line.parameters(), lr=0.1), epochs=200, progress=False)
    >>> [round(p.data, 3) for p in line.parameters()]
    [2.0, 1.0]
    """
    X, y = samples_of(X), samples_of(y)
    _count_samples(X, y)
    if epochs < 0:
        raise ValueError(f"epochs must be at least 0, got {epochs}")
    split_seed = seed if isinstance(seed, int) else 0
    (X, y), held_out = set_apart(X, y, validation_data, validation_split, split_seed)
    _check_options(held_out, early_stopping, checkpoint, checkpoint_every, resume)
    size = _batch_size(batch_size, len(X))
    loss = loss_named(loss)
    optimizer = _optimizer(optimizer, model)
    if schedule is not None and getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise ValueError("the schedule is of another optimizer: make it from the one that fit gets, optimizer=...")
    measures = metrics_by_name(metrics, loss)
    keeps_best = early_stopping and restore_best
    if executor is None:
        steps = steps_for(model, loss, optimizer, X, y, size, compile)
    else:
        from nn.distributed import steps_on

        steps = steps_on(executor, model, loss, optimizer, X, y, compile)
    training = _Training(
        steps, len(X), size,
        rng=seed if isinstance(seed, random.Random) else random.Random(seed),
        history=History(metrics={name: [] for name in measures}),
        measure=Measure(steps, model, loss, *(held_out or (X, y)), measures) if held_out or measures else None,
        validates=held_out is not None,
        watched="val_loss" if early_stopping else "loss",
        stalling=Stalling(
            "validation loss" if early_stopping else "loss",
            0.0 if early_stopping and tol is None else tol, n_iter_no_change,
        ),
        keeps_best=keeps_best,
        schedule=schedule,
        callbacks=callbacks,
    )  # fmt: skip
    if checkpoint is not None:
        setting = {
            "samples": len(X), "batch_size": size, "loss": getattr(loss, "__name__", type(loss).__name__),
            "validation_samples": len(held_out[0]) if held_out else 0,
            "validation_split": [validation_split, split_seed] if validation_split else None,
            "metrics": list(measures), "restores_best": keeps_best,
        }  # fmt: skip
        training.checkpoint = Checkpoint(checkpoint, model, steps, schedule, training.rng, setting)
        training.every = checkpoint_every
        if resume and training.checkpoint.exists():
            training.best = training.checkpoint.read(training.history)
    with _progress_bar(epochs, len(training.history), progress) as report, _stored(steps):
        training.run(epochs, report)
    return training.history


@dataclass
class _Training:
    """The epochs of a training, one after the other.

    Attributes:
        steps: what trains.
        n, batch_size: the number of samples, and of those in a batch.
        rng: of the batches.
        history: of the epochs that are over.
        measure: gives the loss and the metrics after an epoch, if they are wanted;
        validates: on validation data.
        watched: the column of the history that may end the training;
        stalling: once it stalls.
        best: what the steps saved at the end of the best epoch, if it keeps that.
    """

    steps: EagerSteps | CompiledSteps
    n: int
    batch_size: int
    rng: random.Random
    history: History
    measure: Measure | None
    validates: bool
    watched: str
    stalling: Stalling
    keeps_best: bool
    schedule: Any
    callbacks: Sequence[Callback]
    best: Any = None
    checkpoint: Checkpoint | None = None
    every: int = 1

    def run(self, epochs: int, report: Callback) -> None:
        """Train up to so many epochs; go back to the best of them if that is wanted."""
        self._look(getattr(self.history, self.watched))  # that of resumed training
        moment = self._moment()
        written = moment.epoch
        try:
            while len(self.history) < epochs and not self.history.stopped:
                self._train(min(self._ahead(), epochs - len(self.history)), moment)
                self._end_epoch()
                report(self.history)
                moment = self._moment()
                if self.checkpoint and moment.epoch % self.every == 0:
                    self.checkpoint.write(moment, self.history)
                    written = moment.epoch
        except KeyboardInterrupt:
            if self.checkpoint and moment.epoch > written:
                self.checkpoint.write(moment, self.history)
            raise
        if self.checkpoint and moment.epoch > written:
            self.checkpoint.write(moment, self.history)
        if self.best is not None:
            self.steps.restore(self.best)

    def _ahead(self) -> int:
        """How many epochs to train before the next look at them: several, where they are fast and nobody else looks."""
        history = self.history
        if not history or self.measure or self.schedule or self.callbacks or not isinstance(self.steps, CompiledSteps):
            return 1
        ahead = max(1, int(_GLANCE / max(history.seconds[-1], 1e-9)))
        return min(ahead, self.every - len(history) % self.every) if self.checkpoint else ahead

    def _train(self, epochs: int, start: Moment) -> None:
        """Some epochs, up to the first that is to be the last."""
        begun, history = time.perf_counter(), self.history
        losses = _run_epochs(self.steps, epochs, self.n, self.batch_size, self.rng)
        seconds = (time.perf_counter() - begun) / len(losses)
        finite = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        good = self._look(losses[:finite]) if self.watched == "loss" else finite
        if good < len(losses):  # back, and again up to there
            self.steps.restore(start.numbers)
            self.rng.setstate(start.batches)
            _run_epochs(self.steps, good, self.n, self.batch_size, self.rng)
        rate = self.steps.optimizer.lr
        history.loss += losses[:good]
        history.lr += [rate] * good
        history.seconds += [seconds] * good
        if good == finite < len(losses) and not history.stopped:
            raise NumericError(
                f"the loss became {losses[good]} in epoch {len(history) + 1}: "
                f"use a smaller learning rate than {rate:g}, or standardize the features"
            )

    def _look(self, losses: Sequence[float]) -> int:
        """How many of these epochs count: all, or those up to where it stops."""
        good = self.stalling.accept(losses)
        self.history.stopped = self.stalling.reason
        return good

    def _end_epoch(self) -> None:
        """All that is done after an epoch."""
        history, steps = self.history, self.steps
        if self.measure:
            loss, metrics = self.measure()
            if self.validates:
                history.val_loss.append(loss)
            for name, value in metrics.items():
                history.metrics[name].append(value)
        if self.watched == "val_loss":
            self._look(history.val_loss[-1:])
            if self.keeps_best and self.stalling.improved:
                self.best = steps.save()
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step((history.val_loss or history.loss)[-1])
        elif self.schedule is not None:
            self.schedule.step()
        if self.callbacks:
            steps.store()
            for callback in self.callbacks:
                callback(history)
            steps.load()

    def _moment(self) -> Moment:
        return Moment(
            epoch=len(self.history),
            numbers=self.steps.save(),
            best=self.best,
            hyper=dict(vars(self.steps.optimizer.hyper)),
            schedule=self.schedule.state_dict() if self.checkpoint and self.schedule is not None else None,
            batches=self.rng.getstate(),
        )


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


def _check_options(
    held_out: Samples | None, early_stopping: bool, checkpoint: FilePath | None, every: int, resume: bool
) -> None:
    if early_stopping and held_out is None:
        raise ValueError("early_stopping looks at validation data: give validation_data=(X, y) or validation_split=0.2")
    if resume and checkpoint is None:
        raise ValueError("resume=True goes on from a file: give its path, checkpoint=...")
    if every < 1:
        raise ValueError(f"checkpoint_every must be at least 1, got {every}")


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
def _progress_bar(epochs: int, done: int, wanted: bool) -> Iterator[Callback]:
    """Something to report each epoch to: a bar, if tqdm is there and someone watches at a terminal or in a notebook."""
    try:
        if not wanted:
            raise ImportError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets the bar is made of text
            from tqdm.auto import tqdm
    except ImportError:
        yield lambda history: None
        return
    notebook = "ipykernel.zmqshell" in sys.modules  # its stderr is no terminal, but shown
    with tqdm(total=epochs, initial=done, unit="epoch", disable=False if notebook else None) as bar:
        next_look = 0.0

        def report(history: History) -> None:
            nonlocal next_look
            now, over = time.perf_counter(), len(history) == epochs or history.stopped
            if bar.disable or (now < next_look and not over):  # to write an epoch takes longer than many a one
                return
            next_look = now + _GLANCE
            shown = {"loss": history.loss, "val_loss": history.val_loss}
            bar.set_postfix({name: f"{losses[-1]:.4g}" for name, losses in shown.items() if losses}, refresh=False)
            bar.update(len(history) - bar.n)

        yield report
