"""What happened in a training, epoch by epoch."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import Any

from autograd.cells import curves
from nn.files import FilePath, write_csv

COLUMNS = ("epoch", "loss", "val_loss", "lr", "seconds")


@dataclass(repr=False)
class History:
    """The losses, metrics, learning rates and times of all epochs.

    Attributes:
        loss: The mean over the samples, each measured just before the step that used it.
        lr: The learning rate of the steps of the epoch.
        seconds: The time that the steps took, without validation and callbacks; the mean, if epochs ran in one call.
        val_loss: The mean loss of the validation data, with the parameters of the end of the epoch.
        metrics: The value of each metric at the end of the epoch, on the validation data, or on the training data if
            there are none.
        stopped: The reason why training ended before the last epoch; empty if it did not.

    >>> history = History(loss=[0.5, 0.3, 0.2], val_loss=[0.6, 0.4, 0.5], lr=[0.1] * 3, seconds=[0.0] * 3)
    >>> history
    History(3 epochs, loss 0.5 → 0.2, val_loss 0.6 → 0.5, best in epoch 2)
    >>> history.best_epoch, history.val_loss[history.best_epoch - 1]
    (2, 0.4)
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""

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
        write_csv(path, self.to_dict())

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
