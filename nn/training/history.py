"""The record of a training, the rule by which it stops, and the bar that shows its progress."""

from __future__ import annotations

import html
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from autograd.display import curves
from nn.files import FilePath, csv_of, write_text
from nn.options import whole_number

COLUMNS = ("epoch", "loss", "val_loss", "lr", "seconds")


@dataclass(repr=False)
class History:
    """The losses, metrics, learning rates and times of all epochs.

    >>> history = History(loss=[0.5, 0.3, 0.2], val_loss=[0.6, 0.4, 0.5], lr=[0.1] * 3, seconds=[0.0] * 3)
    >>> history
    History(3 epochs, loss 0.5 → 0.2, val_loss 0.6 → 0.5, best in epoch 2)
    >>> history.best_epoch, history.val_loss[history.best_epoch - 1]
    (2, 0.4)
    """

    #: The mean over the samples, each measured just before the step that used it.
    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)  #: the learning rate of the steps of the epoch
    #: The time that the steps took, without validation and callbacks; the mean, if epochs ran in one call.
    seconds: list[float] = field(default_factory=list)
    #: The mean loss of the validation data, with the parameters of the end of the epoch.
    val_loss: list[float] = field(default_factory=list)
    #: Each metric at the end of the epoch, on the validation data, or on the training data if there are none.
    metrics: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""  #: the reason why training ended before the last epoch; empty if it did not

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the least validation loss, counted from 1; None if there was none, or only infinite ones.

        >>> History(val_loss=[0.6, 0.4, 0.5]).best_epoch
        2
        """
        least = min((loss for loss in self.val_loss if math.isfinite(loss)), default=None)
        return None if least is None else 1 + self.val_loss.index(least)

    def to_dict(self) -> dict[str, list[Any]]:
        """One column per quantity that was recorded, such as ``pandas.DataFrame`` takes.

        >>> History(loss=[0.5], lr=[0.1], seconds=[0.0], metrics={"accuracy": [1.0]}).to_dict()
        {'epoch': [1], 'loss': [0.5], 'accuracy': [1.0], 'lr': [0.1], 'seconds': [0.0]}
        """
        columns: dict[str, list[Any]] = {"epoch": list(range(1, len(self) + 1)), "loss": list(self.loss)}
        if self.val_loss:
            columns["val_loss"] = list(self.val_loss)
        columns |= {name: list(values) for name, values in self.metrics.items()}
        return columns | {name: list(values) for name, values in (("lr", self.lr), ("seconds", self.seconds)) if values}

    def to_csv(self, path: FilePath) -> None:
        """Write the columns of ``to_dict`` as a CSV file, in one piece; floats read back to the bit.

        Raises:
            FileError: The file cannot be written; an old one is as it was.

        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "history.csv")
        ...     History(loss=[0.5], lr=[0.1], seconds=[0.0]).to_csv(path)
        ...     print(path.read_text(), end="")
        epoch,loss,lr,seconds
        1,0.5,0.1,0.0
        """
        write_text(path, csv_of(self.to_dict()))

    def plot(self, ax: Any = None) -> Any:
        """Draw the curves of the losses and of the metrics: ``nn.plot_history(history, ax)``.

        >>> ax = History(loss=[0.5, 0.3], lr=[0.1] * 2, seconds=[0.0] * 2).plot()
        >>> ax.get_xlabel()
        'epoch'
        """
        from nn.plots import plot_history

        return plot_history(self, ax)

    def _repr_svg_(self) -> str:
        losses = {"loss": self.loss, "val_loss": self.val_loss}
        return curves({name: values for name, values in losses.items() if values})

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self._repr_svg_()}"

    def __repr__(self) -> str:
        parts = [f"{len(self)} epoch{'s' if len(self) != 1 else ''}"]
        for name, values in {"loss": self.loss, "val_loss": self.val_loss, **self.metrics}.items():
            if values:
                parts.append(f"{name} {values[0]:.4g} → {values[-1]:.4g}")
        if self.best_epoch:
            parts.append(f"best in epoch {self.best_epoch}")
        if self.stopped:
            parts.append(f"stopped: {self.stopped}")
        return f"History({', '.join(parts)})"


# ---- when to stop ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class EarlyStopping:
    """When ``fit`` stops before its last epoch: once a loss has not improved for several epochs in a row.

    Raises:
        TypeError: ``patience`` is no whole number.
        ValueError: ``monitor`` is another name, ``min_delta`` is negative or not finite, or ``patience`` is below 1.

    >>> line, (X, y) = MLP(1, [1], seed=0), make_line()
    >>> stopping = EarlyStopping(monitor="loss", min_delta=1e-3, patience=5)
    >>> sgd = SGD(line.parameters(), lr=0.1)
    >>> fit(line, X, y, optimizer=sgd, epochs=1000, early_stopping=stopping, progress=False).stopped
    'the loss did not improve by more than 0.001 in 5 epochs'
    """

    monitor: Literal["val_loss", "loss"] = "val_loss"  #: the loss to look at
    min_delta: float = 0.0  #: the least decrease that counts as an improvement; scikit-learn calls it ``tol``
    patience: int = 10  #: the number of epochs without an improvement after which training stops
    #: Whether to go back to the epoch with the least validation loss; with "loss" the model stays as it is at the end.
    restore_best: bool = True

    def __post_init__(self) -> None:
        if self.monitor not in ("val_loss", "loss"):
            raise ValueError(f"monitor must be 'val_loss' or 'loss', got {self.monitor!r}")
        min_delta: Any = self.min_delta
        if isinstance(min_delta, str) or not 0.0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be at least 0 and finite, got {min_delta!r}")
        whole_number("patience", self.patience, 1)


class Improvement:
    """Whether a loss still improves, epoch by epoch; without a rule by which to stop, training goes on."""

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


# ---- progress, where tqdm is installed and someone watches -----------------------------------------------------------
GLANCE = 0.05  # seconds from one look at the progress to the next


@contextmanager
def progress_bar(total: int, unit: str, wanted: bool, done: int = 0) -> Iterator[Callable[..., Any]]:
    """A function to report progress to.  It moves a bar, if tqdm is installed and someone watches.

    report(done, over=False, loss=0.25)
    """
    tqdm = _tqdm() if wanted else None
    if tqdm is None:
        yield lambda *done, **shown: None
        return
    notebook = "ipykernel.zmqshell" in sys.modules  # its stderr is no terminal, but shown
    with tqdm(total=total, initial=done, unit=unit, disable=False if notebook else None) as bar:
        next_look = 0.0

        def report(done: int, over: bool = False, **shown: float) -> None:
            nonlocal next_look
            now = time.perf_counter()
            if bar.disable or (now < next_look and done < total and not over):  # printing can cost more than an epoch
                return
            next_look = now + GLANCE
            if shown:
                bar.set_postfix({name: f"{number:.4g}" for name, number in shown.items()}, refresh=False)
            bar.update(done - bar.n)

        yield report


def _tqdm() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets the bar is made of text
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def epoch_lines(epochs: int, more: Callable[[], str] = str) -> Callable[[Any], None]:
    """A callback of ``fit`` that prints about ten lines on stderr: the loss of the first epoch, of some, of the last.

    The text of ``more()`` is printed after each loss.
    """
    every = max(1, epochs // 10)

    def report(history: Any) -> None:
        epoch, loss = len(history), history.loss[-1]
        if epoch % every == 0 or epoch in (1, epochs):
            number = f"{loss:.5f}" if loss < 1e5 else f"{loss:.3e}"
            with suppress(BrokenPipeError):  # who reads it has seen enough; the training goes on
                print(f"epoch {epoch:4}   loss {number}{more()}", file=sys.stderr, flush=True)

    return report
