"""Training in a file: all that the next epoch depends on, so that it continues to the bit where it was cut off."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from autograd import Value
from nn.files import FileError, FilePath, brief, read_document, replace_not_finite, write_document
from nn.optim import Optimizer
from nn.optimizer import EARLIER
from nn.options import whole_number
from nn.training.history import History

__all__ = ["CHECKPOINT_FORMAT", "CHECKPOINT_VERSION", "Checkpoint", "CheckpointFile", "Snapshot"]

CHECKPOINT_FORMAT, CHECKPOINT_VERSION = "scalar-autograd checkpoint", 1


@dataclass(frozen=True)
class Checkpoint:
    """The file from which ``fit`` can continue a training that was cut off.

    Args:
        path: The file to write the state of the training to, in one piece; also at the end and at Ctrl-C.
        every: The number of epochs from one writing to the next.
        resume: Whether to continue from the file if there is one.

    Raises:
        TypeError: ``every`` is no whole number.
        ValueError: ``every`` is less than 1.

    >>> import pathlib, tempfile
    >>> from nn import MLP, fit, make_line
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "line.json")
    ...     _ = fit(MLP(1, [1], seed=0), *make_line(), epochs=10, checkpoint=file, progress=False)
    ...     longer = Checkpoint(file, every=5, resume=True)
    ...     history = fit(MLP(1, [1], seed=0), *make_line(), epochs=15, checkpoint=longer, progress=False)
    >>> len(history)
    15
    """

    path: FilePath
    every: int = 1
    resume: bool = False

    def __post_init__(self) -> None:
        whole_number("every", self.every, 1)


class Snapshot(NamedTuple):
    """Training at the end of an epoch.

    Attributes:
        epoch: The number of epochs that are over.
        numbers: The numbers of the parameters and of the optimiser's state, as the steps save them.
        best: The same at the end of the best epoch; None if that is not to be restored.
        hyper: The numbers that steer the optimiser.
        schedule: The state of the schedule.
        batches: The state of the random generator of the batches.
    """

    epoch: int
    numbers: Any
    best: Any
    hyper: dict[str, Any]
    schedule: dict[str, Any] | None
    batches: Any


class CheckpointFile:
    """The file of one training.

    Args:
        path: The path of the file.
        model: The model; its parameters are saved by name if it has ``named_parameters``.
        steps: The steps of the training, with the optimiser.
        schedule: The schedule of the learning rate; None if there is none.
        batches: The random generator of the batches.
        setting: The things that must be the same when training continues, as JSON can hold them.

    Raises:
        TypeError: The schedule does not say what its state is.
    """

    def __init__(
        self, path: FilePath, model: Any, steps: Any, schedule: Any, batches: random.Random, setting: dict[str, Any]
    ) -> None:
        if schedule is not None and not hasattr(schedule, "state_dict"):
            raise TypeError(
                f"{type(schedule).__name__} has no state_dict() to keep in a checkpoint: derive it from "
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

        Raises:
            FileError: The file cannot be written.
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
    def exists(self) -> bool:
        """Whether there is a file to continue from."""
        return Path(self.path).exists()

    def read(self, history: History) -> Any:
        """Continue from the checkpoint: set everything, the history too.

        Returns:
            What the steps saved in the best epoch; None if there is none.

        Raises:
            FileError: The file cannot be used, or it is of another training; everything is as it was.
        """
        document = read_document(self.path, CHECKPOINT_FORMAT, CHECKPOINT_VERSION)
        self._compare(document.get("setting"))
        try:
            epoch = _count(document["epoch"])
            past = self._history(document["history"], epoch)
            last = self._checked(document["last"])
            best = None if document["best"] is None else self._checked(document["best"])
            has_best = self.setting.get("restores_best") and any(loss < math.inf for loss in past.val_loss)
            if (best is not None) != bool(has_best):
                raise ValueError(f"the numbers of the best epoch are {'missing' if has_best else 'there'}")
            saved = {**EARLIER, **document["hyper"]}
            hyper = {
                name: _like(now, saved[name]) for name, now in vars(self.optimizer.hyper).items() if name != "step"
            }
            schedule = {name: _exact(number) for name, number in (document["schedule"] or {}).items()}
            batches = _generator_state(document["batches"])
            if self.schedule is not None:
                self.schedule.load_state_dict(schedule)  # checks before it sets anything
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise FileError(f"{self.path}: a part of the checkpoint is missing or damaged: {error!r}") from error
        self.batches.setstate(batches)
        vars(self.optimizer.hyper).update(hyper)
        for field in fields(History):
            setattr(history, field.name, getattr(past, field.name))
        best = None if best is None else self._set(best)
        self._set(last)
        return best

    def _compare(self, found: Any) -> None:
        if not isinstance(found, dict):
            raise FileError(f"{self.path}: the checkpoint does not say of which training it is")
        differing = [
            f"{brief(name)[1:-1]} {brief(found.get(name))} instead of {brief(self.setting.get(name))}"
            for name in {**self.setting, **found}
            if found.get(name) != self.setting.get(name)
        ]
        if differing:
            raise FileError(
                f"{self.path}: the checkpoint is of another training, with {', '.join(differing)}: "
                "train as then, or begin anew without resume=True"
            )

    def _checked(self, numbers: Any) -> dict[str, Any]:
        """The numbers of a moment, if they are those of this model and optimiser."""
        for kind, expected in (("parameters", list(self.parameters)), ("state", self.trained)):
            odd = set(expected) ^ set(numbers[kind])
            if odd:
                raise ValueError(f"{kind} of {', '.join(sorted(odd)[:3])} are on one side only")
        state = {name: tuple(map(_number, numbers["state"][name])) for name in self.trained}
        if any(len(numbers) != self.optimizer.state_size for numbers in state.values()):
            raise ValueError(f"{type(self.optimizer).__name__} keeps {self.optimizer.state_size} numbers per parameter")
        parameters = {name: _finite(numbers["parameters"][name]) for name in self.parameters}
        return {"parameters": parameters, "state": state, "step": _count(numbers["step"])}

    def _history(self, saved: Mapping[str, Any], epoch: int) -> History:
        """The history of this many epochs, if it has the columns of this training."""
        metrics = {name: list(map(_number, values)) for name, values in saved["metrics"].items()}
        lists: dict[str, Any] = {name: list(map(_number, saved[name])) for name in saved if name != "metrics"}
        columns = [name for name, values in vars(History()).items() if isinstance(values, list)]
        if set(lists) != set(columns) or list(metrics) != self.setting.get("metrics", list(metrics)):
            raise ValueError(f"the history has the columns {', '.join([*lists, *metrics])}")
        for name, values in {**lists, **metrics}.items():
            expected = 0 if name == "val_loss" and not self.setting.get("validation_samples", values) else epoch
            if len(values) != expected:
                raise ValueError(f"{name} has {len(values)} entries for {expected} epochs")
        for number in (number for name in ("loss", "lr", "seconds") for number in lists[name]):
            _finite(number)
        return History(**lists, metrics=metrics)

    def _set(self, numbers: dict[str, Any]) -> Any:
        """Make these the numbers of the training; returns them as the steps save them."""
        for name, parameter in self.parameters.items():
            parameter.data = numbers["parameters"][name]
        self.optimizer.state = [numbers["state"][name] for name in self.trained]
        self.optimizer.hyper.step = numbers["step"]
        self.steps.load()
        return self.steps.save()


def _kind_of_model(model: Any) -> dict[str, Any]:
    """Its class and, where it says so, what it is built of."""
    architecture = model.architecture() if hasattr(model, "architecture") else None
    kind: dict[str, Any] = {"model": type(model).__name__}
    return kind | {f"model.{name}": value for name, value in (architecture or {}).items()}


# ---- the history -----------------------------------------------------------------------------------------------------
def _up_to(epoch: int, history: History) -> dict[str, Any]:
    lists = {name: values[:epoch] for name, values in vars(history).items() if isinstance(values, list)}
    return {**lists, "metrics": {name: values[:epoch] for name, values in history.metrics.items()}}


# ---- numbers as they are saved ---------------------------------------------------------------------------------------
def _number(saved: Any) -> float:
    """A number; as text, too, those for which JSON has no form.

    Raises:
        ValueError: Something else.
    """
    if saved in ("nan", "inf", "-inf") or type(saved) in (int, float):
        return float(saved)
    raise ValueError(f"{brief(saved)} is not a number")


def _exact(saved: Any) -> Any:
    """A number in which whole ones and switches stay what they are."""
    return saved if type(saved) in (bool, int) else _number(saved)


def _finite(saved: Any) -> float:
    number = _number(saved)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def _count(saved: Any) -> int:
    if type(saved) is not int or not 0 <= saved < 2**53:
        raise ValueError(f"{brief(saved)} is not a number of epochs or steps")
    return saved


def _like(now: Any, saved: Any) -> Any:
    """A number that steers the optimiser: a switch stays a switch."""
    if isinstance(now, bool):
        if type(saved) is not bool:
            raise ValueError(f"{brief(saved)} is neither true nor false")
        return saved
    return _finite(saved)


def _generator_state(saved: Any) -> Any:
    """The state of Python's random generator.

    Raises:
        TypeError, ValueError: There is no such state.
    """
    version, numbers, gauss = saved
    if not all(type(number) is int and 0 <= number < 2**32 for number in numbers):
        raise ValueError("a number of the random generator has more than 32 bits")
    state = version, tuple(numbers), None if gauss is None else _finite(gauss)
    random.Random().setstate(state)
    return state
