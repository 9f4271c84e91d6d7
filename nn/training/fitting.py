"""Training: gradient descent over mini-batches, with a record of how it went."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from autograd.conversions import freezes
from autograd.errors import NumericError
from nn.data import check_pairs, first_not_finite, minibatches, samples_of
from nn.evaluation import Metric, check_model
from nn.files import FilePath
from nn.losses import loss_for
from nn.optim import OPTIMIZERS, Optimizer
from nn.options import check_known, check_name, name_of, whole_number
from nn.schedules import ReduceLROnPlateau
from nn.training.checkpoint import Checkpoint, CheckpointFile, Snapshot
from nn.training.history import GLANCE, EarlyStopping, History, Improvement, progress_bar
from nn.training.steps import CompiledSteps, EagerSteps, Loss, Problem, steps_for, steps_on
from nn.training.validation import Measure, Samples, contents_of, metrics_by_name, split_validation

Callback = Callable[[History], None]
_ELSEWHERE = {
    **dict.fromkeys(["lr", "learning_rate"], "optimizer=Adam(model.parameters(), lr=0.01)"),
    "sample_weight": "loss=lambda output, pair: pair[1] * (output - pair[0]) ** 2 and y=list(zip(y, weights))",
}


def fit(
    model: Callable[[Any], Any],
    X: Sequence[Any],
    y: Sequence[Any],
    *,
    loss: str | Loss = "mse_loss",
    optimizer: str | Optimizer = "adam",
    epochs: int = 100,
    batch_size: int | None = 32,
    validation_data: Samples | None = None,
    validation_split: float = 0.0,
    metrics: Sequence[str | Metric] = (),
    early_stopping: bool | EarlyStopping = False,
    callbacks: Sequence[Callback] = (),
    schedule: Any = None,
    checkpoint: FilePath | Checkpoint | None = None,
    seed: int | random.Random = 0,
    compile: bool = True,
    progress: bool = True,
    executor: Any = None,
    **unknown: NoReturn,
) -> History:
    """Train a model: in each epoch, go once through the samples in random mini-batches, with a step for each batch.

        θ ← θ − α · mean over the batch of ∂loss/∂θ         (for plain gradient descent)

    After each epoch, validation measures the loss on samples that are not used for training, with the modules in
    evaluation mode.  ``validation_split`` holds out random samples, chosen by ``seed`` (by seed 0, if it is a
    generator).  Keras holds out the last samples instead, which all have one class if a table is sorted by class.

    With ``early_stopping=True``, training stops once the validation loss has not improved for 10 epochs.  Then, or
    after the last epoch, model and optimiser are set back to the epoch with the least validation loss; further training
    continues from there, with the last learning rate.  After Ctrl-C they keep the state of the last step.

    A ``checkpoint`` contains all that the next epoch depends on, except the state of callbacks and of random generators
    in the model.  Resumed training gives the same numbers, to the bit, as training without an interruption.  Therefore
    the learning rate and the other hyper-parameters of the optimiser come from the file, too.

    Args:
        model: The function to train, from a sample to a Value or a list of them.  It is a ``Module`` unless the
            optimiser is given.
        X: The samples.
        y: One target per sample, as the loss wants it: a number, a list, or the index of a class.
        loss: The name of a loss (``nn.losses.LOSSES``), or a function (output, target) of one sample.
        optimizer: An optimiser of the model's parameters, or the name of one, which then has its defaults.
        epochs: The number of passes through the samples, including those before a resumption.
        batch_size: The number of samples in a batch.  1 is stochastic gradient descent; None takes all, in order.
        validation_data: A pair (X, y) to measure the loss on after each epoch.
        validation_split: The share of the samples to hold out for that instead, between 0 and 1.
        metrics: "accuracy", names of losses, or functions (outputs, targets) -> number.  They are measured on the
            validation data or, if there are none, on the training data.  For a single output, accuracy predicts the
            positive class above 0, or above ½ with ``binary_cross_entropy``; for another threshold give
            ``functools.partial(accuracy, threshold=0.5)``.
        early_stopping: Whether to stop once the validation loss no longer improves; or an ``EarlyStopping``, which says
            which loss, for how many epochs, and by how much.
        callbacks: Functions that are called with the history at the end of every epoch; one that sets
            ``history.stopped`` to a text ends the training there.
        schedule: The schedule of the optimiser's learning rate; it steps at the end of every epoch.
        checkpoint: The file for the state of the training; or a ``Checkpoint``, which says how often, and if to resume.
        seed: The seed of the batches, or a random generator.
        compile: Whether to run compiled steps where there is a compiler; the trajectory is the same to rounding.
        progress: Whether to show a bar, if tqdm is installed and someone is watching.
        executor: The workers that compute gradients: ``Workers``, or any executor of PEP 3148, such as a
            ``ProcessPoolExecutor`` or Dask's ``Client(...).get_executor()``; None computes here.

    Returns:
        The losses and metrics of every epoch.

    Raises:
        ValueError: There are no samples, or X and y differ in length; a name is unknown; options contradict each
            other; or the loss depends on no parameter of the optimiser.
        TypeError: The model cannot be called, or an option is unknown or has the wrong type.
        NumericError: The loss became nan or infinite; the parameters are those before that epoch.
        FileError: The checkpoint cannot be written; or it cannot be used, and then nothing has changed.
        ExecutorError: The workers are gone, and the parameters are those of the last step; or workers cannot compile.

    >>> line = MLP(1, [1], init="zeros")
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, optimizer=SGD(line.parameters(), lr=0.1), epochs=200, progress=False)
    >>> [round(p.data, 3) for p in line.parameters()]
    [2.0, 1.0]
    """
    check_known("fit", unknown, fit.__kwdefaults__ or (), _ELSEWHERE)
    check_model(model, "fit(model, X, y)")
    X, y = samples_of(X), samples_of(y)
    check_pairs(X, y)
    epochs = whole_number("epochs", epochs, 0)
    rng, split_seed = _generator(seed)
    (X, y), held_out = split_validation(X, y, validation_data, validation_split, split_seed)
    stopping = _stopping(early_stopping, held_out)
    size = len(X)
    if batch_size is not None:
        size = min(whole_number("batch_size", batch_size, 1, "None takes all samples"), size)
    loss = loss_for(loss, y)
    if callable(callbacks):
        raise TypeError(f"callbacks are a list of functions, as in callbacks=[{name_of(callbacks)}]")
    whole = _optimizer(optimizer, model, schedule)
    measures = metrics_by_name(metrics, loss)
    problem, trained = Problem(model, loss, X, y), whole.unfrozen()
    if executor is None:
        steps = steps_for(problem, trained, size, compile)
    else:
        steps = steps_on(executor, problem, trained, compile)
    training = _Training(
        steps, whole, (X, y), size, rng,
        history=History(metrics={name: [] for name in measures}),
        measure=Measure(steps, Problem(model, loss, *(held_out or (X, y))), measures) if held_out or measures else None,
        held_out=held_out,
        improvement=Improvement(stopping),
        schedule=schedule,
        callbacks=callbacks,
        freezes=freezes[0],
    )  # fmt: skip
    if checkpoint is not None:
        training.keep_in(checkpoint, [validation_split, split_seed] if validation_split else None)
    with progress_bar(epochs, "epoch", progress, len(training.history)) as report, _stored(steps, whole):
        training.run(epochs, report)
    return training.history


@dataclass
class _Training:
    """The epochs of a training, one after the other."""

    steps: EagerSteps | CompiledSteps  # they compute the gradients and move the parameters
    optimizer: Optimizer  # as it was given; that of the steps leaves out the frozen parameters
    samples: Samples  # X and y
    batch_size: int
    rng: random.Random  # cuts the batches
    history: History  # of the epochs that are over
    measure: Measure | None  # of the loss and the metrics at the end of an epoch; None if nobody wants them
    held_out: Samples | None  # what these are measured on; None for the samples of the training
    improvement: Improvement  # what early stopping looks at, and what it decides
    schedule: Any  # of the learning rate; None if there is none
    callbacks: Sequence[Callback]
    best: Any = None  # what the steps saved at the end of the best epoch; None if that is not kept
    checkpoint: CheckpointFile | None = None
    every: int = 1  # epochs from one checkpoint to the next
    written: int = 0  # the epoch that the checkpoint is of
    freezes: object = None  # the mark of the last ``requires_grad_`` when fit last looked which parameters are frozen
    known: Any = (
        None  # the contents of samples and held_out, which callbacks may change; None if there are no callbacks
    )

    def keep_in(self, given: FilePath | Checkpoint, split: Any) -> None:
        """Write a checkpoint from now on; continue from the one that is there, if that is wanted.

        The ``split`` is the share of the samples that were held out, and the seed by which; None if none were.
        """
        checkpoint = given if isinstance(given, Checkpoint) else Checkpoint(given)
        model, loss, *_ = self.steps.problem
        setting = {
            "samples": len(self.samples[0]), "batch_size": self.batch_size, "loss": name_of(loss),
            "validation_samples": len(self.held_out[0]) if self.held_out else 0, "validation_split": split,
            "metrics": list(self.history.metrics), "restores_best": self.improvement.restores_best,
        }  # fmt: skip
        self.checkpoint = CheckpointFile(checkpoint.path, model, self.steps, self.schedule, self.rng, setting)
        self.every = checkpoint.every
        if checkpoint.resume and Path(checkpoint.path).exists():
            self.best = self.checkpoint.read(self.history)

    def run(self, epochs: int, report: Callable[..., Any]) -> None:
        """Train up to this many epochs, then go back to the best of them if that is wanted."""
        self._look(getattr(self.history, self.improvement.monitor))  # that of resumed training
        snapshot = self._snapshot()
        self.written = snapshot.epoch
        self.known = contents_of((self.samples, self.held_out)) if self.callbacks else None
        try:
            while len(self.history) < epochs and not self.history.stopped:
                self._train(min(self._ahead(), epochs - len(self.history)), snapshot)
                self._end_epoch()
                shown = {"loss": self.history.loss[-1:], "val_loss": self.history.val_loss[-1:]}
                last = {name: number for name, numbers in shown.items() for number in numbers}
                report(len(self.history), over=bool(self.history.stopped), **last)
                snapshot = self._snapshot()
                if snapshot.epoch % self.every == 0:
                    self._write(snapshot)
        except KeyboardInterrupt:
            self._write(snapshot)
            raise
        self._write(snapshot)
        if self.best is not None:
            self.steps.restore(self.best)

    def _write(self, snapshot: Snapshot) -> None:
        """Write the checkpoint, if there is to be one and it is not there already."""
        if self.checkpoint and snapshot.epoch > self.written:
            self.checkpoint.write(snapshot, self.history)
            self.written = snapshot.epoch

    def _ahead(self) -> int:
        """The number of epochs to run in one call: several, if they are fast and nobody asks about each of them."""
        history = self.history
        if not history or self.measure or self.schedule or self.callbacks:
            return 1
        if not isinstance(self.steps, CompiledSteps) or self.steps.draws:  # what was drawn cannot be drawn again
            return 1
        ahead = max(1, int(GLANCE / max(history.seconds[-1], 1e-9)))
        return min(ahead, self.every - len(history) % self.every) if self.checkpoint else ahead

    def _train(self, epochs: int, start: Snapshot) -> None:
        """Train some epochs, or fewer if training is to stop before.

        The epochs run in one call, so that their losses are known only after all of them.  If one of these losses says
        that training should have stopped before the end, or is nan, the parameters and the random generator go back to
        the start, and only the epochs that count run again: they give the same numbers.
        """
        begun, history = time.perf_counter(), self.history
        losses = _run_epochs(self.steps, epochs, len(self.samples[0]), self.batch_size, self.rng)
        seconds = (time.perf_counter() - begun) / len(losses)
        finite = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        good = self._look(losses[:finite]) if self.improvement.monitor == "loss" else finite
        if good < len(losses):
            self.steps.restore(start.numbers)
            self.rng.setstate(start.batches)
            _run_epochs(self.steps, good, len(self.samples[0]), self.batch_size, self.rng)
        rate = self.steps.optimizer.lr
        history.loss += losses[:good]
        history.lr += [rate] * good
        history.seconds += [seconds] * good
        if finite < len(losses) and not history.stopped:
            remedy = f"use a smaller learning rate than {rate:g}, or standardize the features"
            for name, rows in zip("Xy", self.samples):
                if bad := first_not_finite(rows):
                    remedy = f"{name}[{bad[0]}]{bad[1]} holds {bad[2]}" + ", a missing value?" * math.isnan(bad[2])
                    break
            raise NumericError(f"the loss became {losses[good]} in epoch {len(history) + 1}: {remedy}")

    def _look(self, losses: Sequence[float]) -> int:
        """Show losses to early stopping; returns how many of these epochs count, since it may stop in between."""
        good = self.improvement.accept(losses)
        self.history.stopped = self.improvement.reason
        return good

    def _end_epoch(self) -> None:
        """Do all that comes after an epoch: validation, schedule, callbacks."""
        history, steps = self.history, self.steps
        if self.measure:
            loss, metrics = self.measure()
            if self.held_out:
                history.val_loss.append(loss)
            for name, value in metrics.items():
                history.metrics[name].append(value)
        if self.improvement.monitor == "val_loss":
            self._look(history.val_loss[-1:])
            if self.improvement.restores_best and self.improvement.is_best:
                self.best = steps.save()
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step((history.val_loss or history.loss)[-1])
        elif self.schedule is not None:
            self.schedule.step()
        if self.callbacks:
            steps.store()
            for callback in self.callbacks:
                callback(history)
            self._check_frozen()
            known, self.known = self.known, contents_of((self.samples, self.held_out))
            steps.load(data=known != self.known)

    def _check_frozen(self) -> None:
        """Refuse to go on with other parameters than those that training began with."""
        if freezes[0] is not self.freezes:
            self.freezes = freezes[0]
            if self.optimizer.unfrozen().parameters != self.steps.optimizer.parameters:
                raise ValueError(
                    "a callback froze or unfroze a parameter, which fit checks only at its start: call fit once for "
                    "each stage, with the same optimizer"
                )

    def _snapshot(self) -> Snapshot:
        return Snapshot(
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
def _stored(steps: EagerSteps | CompiledSteps, optimizer: Optimizer) -> Iterator[None]:
    """Bring the model and the optimiser to the state after the last step, however training ends: by Ctrl-C, too."""
    try:
        yield
    finally:
        steps.store()
        optimizer.adopt(steps.optimizer)


def _generator(seed: Any) -> tuple[random.Random, int]:
    """The random generator of the batches, and the seed by which samples are held out."""
    if isinstance(seed, random.Random):
        return seed, 0
    number = whole_number("seed", seed, otherwise="random.Random() gives other batches each time")
    return random.Random(number), number


def _stopping(given: Any, held_out: Samples | None) -> EarlyStopping | None:
    stopping = given if isinstance(given, EarlyStopping) else EarlyStopping() if given is True else None
    if stopping is None and given is not False:
        raise TypeError(f"early_stopping must be True, False, or an EarlyStopping(...), got {given!r}")
    if stopping and stopping.monitor == "val_loss" and held_out is None:
        raise ValueError(
            "early stopping looks at validation data: give validation_data=(X, y), validation_split=0.2, or "
            'early_stopping=EarlyStopping(monitor="loss")'
        )
    return stopping


def _optimizer(given: str | Optimizer, model: Any, schedule: Any) -> Optimizer:
    """The optimiser, of which the schedule must be made, if there is one."""
    if isinstance(given, str):
        check_name("optimizer", given, OPTIMIZERS, "make one yourself")
        if not hasattr(model, "parameters"):
            raise TypeError(f"{name_of(model)} is no Module with known parameters: give optimizer=Adam([…])")
        given = OPTIMIZERS[given](model.parameters())
    if not isinstance(given, Optimizer):
        raise TypeError(
            "optimizer must be a name, such as 'adam', or made from parameters, such as Adam(model.parameters()); "
            f"got {given!r}"
        )
    if schedule is not None:
        if isinstance(schedule, type) or not callable(getattr(schedule, "step", None)):
            raise TypeError(
                f"a schedule is made from the optimizer, as StepLR(optimizer, step_size=10), got {schedule!r}"
            )
        if getattr(schedule, "optimizer", given) is not given:
            raise ValueError("the schedule belongs to another optimizer: make it from that of fit, optimizer=...")
    return given
