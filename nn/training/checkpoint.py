"""Training in a file: all that the next epoch depends on, so that it continues to the bit where it was cut off."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import Any, NamedTuple

from autograd import Value
from nn.files import FileError, FilePath, brief, read_document, replace_not_finite, write_document
from nn.optim import Optimizer
from nn.options import whole_number
from nn.training.history import History

CHECKPOINT_FORMAT, CHECKPOINT_VERSION = "scalar-autograd checkpoint", 1


@dataclass(frozen=True)
class Checkpoint:
    """The file from which ``fit`` can resume an interrupted training.

    Raises:
        TypeError: ``every`` is no whole number.
        ValueError: ``every`` is less than 1.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "line.json")
    ...     _ = fit(MLP(1, [1], seed=0), *make_line(), epochs=10, checkpoint=file, progress=False)
    ...     longer = Checkpoint(file, every=5, resume=True)
    ...     history = fit(MLP(1, [1], seed=0), *make_line(), epochs=15, checkpoint=longer, progress=False)
    >>> len(history)
    15
    """

    path: (
        FilePath  #: the file for the state of the training, which is replaced as a whole, also at the end and at Ctrl-C
    )
    every: int = 1  #: the file is written after every so many epochs
    resume: bool = False  #: whether to resume from the file if it exists

    def __post_init__(self) -> None:
        whole_number("every", self.every, 1)


class Snapshot(NamedTuple):
    """Training at the end of an epoch."""

    epoch: int  # the number of epochs that are over
    numbers: Any  # the parameters and the optimiser's state, as the steps save them
    best: Any  # the same at the end of the best epoch; None if that is not to be restored
    hyper: dict[str, Any]  # the numbers that steer the optimiser
    schedule: dict[str, Any] | None  # its state
    batches: Any  # the state of the random generator that cuts them


class CheckpointFile:
    """The file of one training: it holds all that the ``steps``, the schedule and the generator of ``batches`` know.

    Parameters are saved by name if the model has ``named_parameters``.  Training continues only where the ``setting``,
    which JSON can hold, is the same.
    """

    def __init__(
        self, path: FilePath, model: Any, steps: Any, schedule: Any, batches: random.Random, setting: dict[str, Any]
    ) -> None:
        if schedule is not None and not hasattr(schedule, "state_dict"):
            raise TypeError(
                f"{type(schedule).__name__} has no state_dict() to store in a checkpoint: derive it from "
                "nn.schedules.Schedule, or write state_dict and load_state_dict"
            )
        self.path, self.steps, self.schedule, self.batches = path, steps, schedule, batches
        self.optimizer: Optimizer = steps.optimizer
        named = dict(model.named_parameters()) if hasattr(model, "named_parameters") else {}
        known = set(named.values())
        others = [parameter for parameter in self.optimizer.parameters if parameter not in known]
        self.parameters: dict[str, Value] = named | {f"optimizer.{i}": p for i, p in enumerate(others)}
        name_of = {parameter: name for name, parameter in self.parameters.items()}
        self.trained = [name_of[parameter] for parameter in self.optimizer.parameters]
        self.setting: dict[str, Any] = json.loads(json.dumps({**_kind_of_model(model), **setting}))
        self.setting |= {"parameters": len(self.parameters), "optimizer": type(self.optimizer).__name__}
        self.setting |= {"schedule": schedule and type(schedule).__name__}

    # ---- writing ---------------------------------------------------------------------------------------------------
    def write(self, snapshot: Snapshot, history: History) -> None:
        """Write a snapshot and the history up to it, in one piece.

        What has diverged is not written: the file of the last good epoch stays.
        """
        now = self.steps.save()
        try:
            last = self._numbers(snapshot.numbers)
            best = None if snapshot.best is None else self._numbers(snapshot.best)
        finally:
            self.steps.restore(now)
            self.steps.store()
        if not all(map(math.isfinite, last["parameters"].values())):
            return
        content = {
            "setting": self.setting,
            "epoch": snapshot.epoch,
            "last": last,
            "best": best,
            "hyper": {name: number for name, number in snapshot.hyper.items() if name != "step"},
            "schedule": snapshot.schedule,
            "batches": snapshot.batches,
            "history": _up_to(snapshot.epoch, history),
        }
        write_document(self.path, CHECKPOINT_FORMAT, CHECKPOINT_VERSION, replace_not_finite(content, repr))

    def _numbers(self, saved: Any) -> dict[str, Any]:
        self.steps.restore(saved)
        self.steps.store()
        return {
            "parameters": {name: parameter.data for name, parameter in self.parameters.items()},
            "state": dict(zip(self.trained, map(list, self.optimizer.state), strict=True)),
            "step": self.optimizer.hyper.step,
        }

    # ---- reading ---------------------------------------------------------------------------------------------------
    def read(self, history: History) -> Any:
        """Set everything as in the checkpoint, the history too; returns what the steps saved in the best epoch.

        Its checksum says that the content is what ``write`` wrote.  Before anything is set, it is compared with this
        model, optimiser and schedule: a ``FileError`` leaves everything as it was.
        """
        document = _with_floats(read_document(self.path, CHECKPOINT_FORMAT, CHECKPOINT_VERSION, sealed=True))
        self._compare(document["setting"])
        try:
            self._check_names(document["last"])
            if self.schedule is not None:
                self.schedule.load_state_dict(document["schedule"])  # checks before it sets anything
        except ValueError as error:
            raise FileError(f"{self.path}: the checkpoint belongs to a different training: {error}") from error
        version, numbers, gauss = document["batches"]
        self.batches.setstate((version, tuple(numbers), gauss))
        vars(self.optimizer.hyper).update(document["hyper"])
        for name, past in document["history"].items():
            setattr(history, name, past)
        best = None if document["best"] is None else self._set(document["best"])
        self._set(document["last"])
        return best

    def _compare(self, found: dict[str, Any]) -> None:
        differing = [
            f"{name} {brief(found.get(name))} instead of {brief(self.setting.get(name))}"
            for name in {**self.setting, **found}
            if found.get(name) != self.setting.get(name)
        ]
        if differing:
            raise FileError(
                f"{self.path}: the checkpoint belongs to a different training, with {', '.join(differing)}: "
                "train with the same settings, or start anew without resume=True"
            )

    def _check_names(self, numbers: dict[str, Any]) -> None:
        """Refuse the numbers of other parameters, or another number of them."""
        for kind, expected in (("parameters", list(self.parameters)), ("state", self.trained)):
            odd = set(expected) ^ set(numbers[kind])
            if odd:
                raise ValueError(f"only one of the two has {kind} of {', '.join(sorted(odd)[:3])}")
        if any(len(state) != self.optimizer.state_size for state in numbers["state"].values()):
            raise ValueError(f"{type(self.optimizer).__name__} keeps {self.optimizer.state_size} numbers per parameter")

    def _set(self, numbers: dict[str, Any]) -> Any:
        """Make these the numbers of the training; returns them as the steps save them."""
        for name, parameter in self.parameters.items():
            parameter.data = numbers["parameters"][name]
        self.optimizer.state = [tuple(numbers["state"][name]) for name in self.trained]
        self.optimizer.hyper.step = numbers["step"]
        self.steps.load()
        return self.steps.save()


def _kind_of_model(model: Any) -> dict[str, Any]:
    """Its class and, where it says so, what it is built of."""
    architecture = model.architecture() if hasattr(model, "architecture") else None
    kind: dict[str, Any] = {"model": type(model).__name__}
    return kind | {f"model.{name}": value for name, value in (architecture or {}).items()}


def _up_to(epoch: int, history: History) -> dict[str, Any]:
    lists = {name: values[:epoch] for name, values in vars(history).items() if isinstance(values, list)}
    return {**lists, "metrics": {name: values[:epoch] for name, values in history.metrics.items()}}


def _with_floats(part: Any) -> Any:
    """What was saved, with nan and the infinities as numbers again, for which JSON has no form."""
    if isinstance(part, dict):
        return {name: _with_floats(inner) for name, inner in part.items()}
    if isinstance(part, list):
        return [_with_floats(inner) for inner in part]
    return float(part) if part in ("nan", "inf", "-inf") else part
