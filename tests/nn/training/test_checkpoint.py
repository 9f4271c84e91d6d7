"""Training that is cut off and resumed from a file gives, to the bit, what it would have given; what is refused."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, tanh
from autograd.errors import NumericError
from nn import (
    MLP,
    SGD,
    Adam,
    Checkpoint,
    CosineAnnealingLR,
    EarlyStopping,
    FileError,
    History,
    Module,
    ReduceLROnPlateau,
    StepLR,
    fit,
    make_moons,
)
from nn.files import write_document
from nn.training.steps import CompiledSteps
from tests.support import ROOT

pytest.importorskip("llvmlite")

RNG = random.Random(4)
X = [[RNG.uniform(-2.0, 2.0) for _ in range(2)] for _ in range(40)]
Y = [math.sin(a) * b + RNG.gauss(0.0, 0.5) for a, b in X]
WAYS = pytest.mark.parametrize("compile", [True, False])
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: Adam(parameters, lr=0.05),
}


class CutOffError(Exception):
    """What ends a training in the middle."""


class Run:
    """One model and its optimiser, made anew as a program does that is started again."""

    def __init__(self, optimizer: str, seed: int = 1, schedule: Any = None) -> None:
        self.model = MLP(2, [6, 1], activation="tanh", seed=seed)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.schedule = schedule(self.optimizer) if schedule else None
        self.rng = random.Random(9)

    def train(self, cut: int = 0, **options: Any) -> History:
        def stop(history: History) -> None:
            if len(history) == cut:
                raise CutOffError

        made: dict[str, Any] = {"optimizer": self.optimizer, "schedule": self.schedule, "callbacks": [stop] * (cut > 0)}
        return fit(
            self.model, X, Y, **{"epochs": 12, "batch_size": 7, "progress": False, "seed": self.rng, **made, **options}
        )

    def state(self) -> Any:
        """All that training changes."""
        rest = vars(self.schedule) if self.schedule else {}
        return (
            [parameter.data for parameter in self.model.parameters()],
            self.optimizer.state,
            vars(self.optimizer.hyper),
            {name: value for name, value in rest.items() if name != "optimizer"},
            self.rng.getstate(),
        )


def numbers_of(history: History) -> Any:
    columns = history.to_dict()
    del columns["seconds"]
    return columns, history.stopped, history.best_epoch


# --- the same numbers -----------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [7, None])
def test_resumed_training_is_as_if_it_had_not_been_cut_off(
    tmp_path: Path, optimizer: str, batch_size: int | None, compile: bool
) -> None:
    """Twice: the first part begins with seed 2's parameters, and so does the whole."""
    whole, first = Run(optimizer, seed=2), Run(optimizer, seed=2)
    options: dict[str, Any] = {"batch_size": batch_size, "compile": compile}
    expected = whole.train(**options)
    with pytest.raises(CutOffError):
        first.train(5, checkpoint=tmp_path / "c.json", **options)
    with pytest.raises(CutOffError):
        Run(optimizer, seed=77).train(9, checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)
    last = Run(optimizer, seed=88)
    history = last.train(checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)
    assert numbers_of(history) == numbers_of(expected)
    assert last.state() == whole.state()


@WAYS
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_validation_and_early_stopping_go_on_too(tmp_path: Path, optimizer: str, compile: bool) -> None:
    """Cut off while the validation loss rises: the epochs without improvement count on, the best is still known."""
    options: dict[str, Any] = {
        "validation_split": 0.4, "metrics": ["l1_loss"], "early_stopping": EarlyStopping(patience=8), "epochs": 200,
        "compile": compile,
    }  # fmt: skip
    probe = Run(optimizer).train(**options)
    best = probe.best_epoch
    assert best is not None
    assert probe.stopped
    first = Run(optimizer)
    with pytest.raises(CutOffError):
        first.train(best + 4, checkpoint=tmp_path / "c.json", **options)
    whole, last = Run(optimizer), Run(optimizer, seed=55)
    expected = whole.train(**options)
    history = last.train(checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)
    assert numbers_of(history) == numbers_of(expected) == numbers_of(probe)
    assert last.state() == whole.state()


@WAYS
@pytest.mark.parametrize(
    "schedule",
    [
        lambda optimizer: StepLR(optimizer, 3),
        lambda optimizer: CosineAnnealingLR(optimizer, 10),
        lambda optimizer: ReduceLROnPlateau(optimizer, patience=0, factor=0.5, threshold=0.3),
    ],
)
def test_schedules_go_on_too(tmp_path: Path, schedule: Any, compile: bool) -> None:
    whole, first, last = (Run("Adam", schedule=schedule) for _ in range(3))
    options: dict[str, Any] = {"validation_split": 0.3, "compile": compile}
    expected = whole.train(**options)
    with pytest.raises(CutOffError):
        first.train(8, checkpoint=tmp_path / "c.json", **options)
    history = last.train(checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)
    assert len(set(history.lr)) > 2
    assert numbers_of(history) == numbers_of(expected)
    assert last.state() == whole.state()


@WAYS
def test_what_callbacks_changed_is_part_of_it(tmp_path: Path, compile: bool) -> None:
    def calm(run: Run, cut: int = 0) -> Any:
        def callback(history: History) -> None:
            if len(history) == 3:
                run.optimizer.hyper.momentum, run.optimizer.lr = 0.5, 0.01
                run.model.parameters()[0].data += 0.25
            if len(history) == cut:
                raise CutOffError

        return [callback]

    whole, first, last = (Run("momentum") for _ in range(3))
    expected = whole.train(callbacks=calm(whole), compile=compile)
    with pytest.raises(CutOffError):
        first.train(callbacks=calm(first, 6), checkpoint=tmp_path / "c.json", compile=compile)
    history = last.train(callbacks=calm(last), checkpoint=Checkpoint(tmp_path / "c.json", resume=True), compile=compile)
    assert numbers_of(history) == numbers_of(expected)
    assert last.state() == whole.state()


@WAYS
def test_a_parameter_that_only_the_loss_has_is_saved_too(tmp_path: Path, compile: bool) -> None:
    def make() -> Any:
        model, scale = MLP(2, [1], seed=1), Value(1.0)
        optimizer = Adam([*model.parameters(), scale], lr=0.05)
        return [*model.parameters(), scale], lambda epochs, **options: fit(
            model, X, Y, loss=lambda output, y: (scale * output - y) ** 2, optimizer=optimizer, epochs=epochs,
            progress=False, compile=compile, **options,
        )  # fmt: skip

    (whole, train_whole), (_, train_first), (last, train_last) = make(), make(), make()
    path = tmp_path / "c.json"
    train_whole(6)
    train_first(3, checkpoint=path)
    train_last(6, checkpoint=Checkpoint(path, resume=True))
    assert [parameter.data for parameter in last] == [parameter.data for parameter in whole]


@WAYS
def test_further_epochs_of_a_finished_training_are_those_of_a_longer_one(tmp_path: Path, compile: bool) -> None:
    """The file has the last epoch, though the model has gone back to the best one."""
    options: dict[str, Any] = {"validation_split": 0.4, "early_stopping": EarlyStopping(patience=99)}
    options |= {"compile": compile}
    whole, part = Run("Adam"), Run("Adam")
    expected = whole.train(epochs=60, **options)
    part.train(epochs=40, checkpoint=Checkpoint(tmp_path / "c.json", every=7), **options)
    again = Run("Adam", seed=5)
    assert len(again.train(epochs=40, checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)) == 40
    assert again.state() == part.state()
    longer = Run("Adam", seed=6)
    assert numbers_of(
        longer.train(epochs=60, checkpoint=Checkpoint(tmp_path / "c.json", resume=True), **options)
    ) == numbers_of(expected)
    assert longer.state() == whole.state()


def test_a_training_that_was_stopped_stays_so(tmp_path: Path) -> None:
    options: dict[str, Any] = {"early_stopping": EarlyStopping("loss", min_delta=1.0, patience=3)}
    options["checkpoint"] = Checkpoint(tmp_path / "c.json", resume=True)
    first, again = Run("Adam"), Run("Adam", seed=5)
    stopped = first.train(**options)
    assert 3 < len(stopped) < 12
    assert numbers_of(again.train(**options)) == numbers_of(stopped)
    assert again.state() == first.state()
    other = {**options, "early_stopping": EarlyStopping("loss", patience=3)}
    assert len(again.train(**other)) == 12  # it goes on


PROGRAM = """
import os, random, sys
from nn import MLP, Adam, Checkpoint, fit

path, compiled, end = sys.argv[1], sys.argv[2] == "True", int(sys.argv[3])
rng = random.Random(0)
X = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(50)]
y = [a * b for a, b in X]
model = MLP(2, [5, 1], activation="tanh", seed=1)
optimizer = Adam(model.parameters(), lr=0.02)

def die(history):
    if len(history) == end:
        os._exit(9)

history = fit(
    model, X, y, optimizer=optimizer, epochs=20, batch_size=8, validation_split=0.2, early_stopping=True,
    checkpoint=Checkpoint(path, resume=True), compile=compiled, progress=False, callbacks=[die],
)
print([p.data.hex() for p in model.parameters()], history.loss, history.val_loss, history.best_epoch, optimizer.state)
"""


@WAYS
def test_a_process_that_is_killed_can_be_started_again(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, compile: bool
) -> None:
    environment = os.environ | {"AUTOGRAD_CACHE": str(tmp_path_factory.mktemp("cache"))}

    def run(name: str, end: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", PROGRAM, str(tmp_path / name), str(compile), str(end)]
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    whole = run("whole.json", 0)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert [run("killed.json", end).returncode for end in (3, 7, 15)] == [9, 9, 9]
    assert run("killed.json", 0).stdout == whole.stdout != ""
    assert sorted(os.listdir(tmp_path)) == ["killed.json", "whole.json"]


# --- when it is written ---------------------------------------------------------------------------------------------


def written_epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    epochs: list[int] = []

    def write(path: Any, kind: str, version: int, content: dict[str, Any]) -> None:
        epochs.append(content["epoch"])
        write_document(path, kind, version, content)

    monkeypatch.setattr("nn.training.checkpoint.write_document", write)
    return epochs


@WAYS
def test_it_is_written_after_every_nth_epoch_and_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compile: bool
) -> None:
    epochs = written_epochs(monkeypatch)
    options: dict[str, Any] = {"checkpoint": Checkpoint(tmp_path / "c.json", 5, resume=True), "compile": compile}
    Run("Adam").train(epochs=12, **options)
    assert epochs == [5, 10, 12]
    Run("Adam").train(epochs=17, **options)
    assert epochs == [5, 10, 12, 15, 17]
    Run("Adam").train(epochs=17, **options)  # nothing to do
    assert epochs == [5, 10, 12, 15, 17]


def test_epochs_between_two_of_them_run_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is known how long one takes; nobody else looks at them."""
    calls: list[int] = []
    run = CompiledSteps.run

    def counted(self: Any, batches: Any, repeat: int = 1) -> Any:
        calls.append(repeat)
        return run(self, batches, repeat)

    monkeypatch.setattr(CompiledSteps, "run", counted)
    monkeypatch.setattr("nn.training.fitting.GLANCE", 1e9)
    epochs = written_epochs(monkeypatch)
    Run("Adam").train(epochs=45, batch_size=None, checkpoint=Checkpoint(tmp_path / "c.json", every=20))
    assert epochs == [20, 40, 45]
    assert calls == [1, 19, 20, 5]


@WAYS
def test_ctrl_c_writes_the_last_whole_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compile: bool) -> None:
    epochs = written_epochs(monkeypatch)
    options: dict[str, Any] = {"checkpoint": Checkpoint(tmp_path / "c.json", every=100), "compile": compile}

    def interrupt(history: History) -> None:
        if len(history) == 6:
            raise KeyboardInterrupt

    whole, first, last = Run("Adam"), Run("Adam"), Run("Adam", seed=3)
    expected = whole.train(**options, callbacks=[lambda history: None])
    del epochs[:]
    with pytest.raises(KeyboardInterrupt):
        first.train(**options, callbacks=[interrupt])
    assert epochs == [5]  # the sixth was not over
    assert first.optimizer.hyper.step == 6 * 6  # but the model is as after the last step
    history = last.train(checkpoint=Checkpoint(tmp_path / "c.json", resume=True), compile=compile)
    assert numbers_of(history) == numbers_of(expected)
    assert last.state() == whole.state()


def test_what_has_diverged_is_not_written(tmp_path: Path) -> None:
    """A step may end in infinity that only the next epoch's loss shows."""
    path, w = tmp_path / "c.json", Value(1.0)
    sgd = SGD([w], lr=0.1)

    def explode(history: History) -> None:
        if len(history) == 3:
            w.data = math.inf

    with pytest.raises(NumericError):
        fit(lambda x: w * x[0], X, Y, optimizer=sgd, epochs=9, checkpoint=path, callbacks=[explode], progress=False)
    assert json.loads(path.read_text(encoding="utf-8"))["epoch"] == 2


def test_numbers_that_are_not_finite_are_kept_in_the_history(tmp_path: Path) -> None:
    def make() -> Any:
        w = Value(1.0)
        return w, SGD([w], lr=0.1)

    options: dict[str, Any] = {
        "validation_data": ([[1e300, 0.0]], [0.0]),
        "checkpoint": Checkpoint(tmp_path / "c.json", resume=True),
    }
    for epochs in (2, 4):
        w, sgd = make()
        schedule = ReduceLROnPlateau(sgd)  # whose best is infinite
        history = fit(lambda x, w=w: w * x[0], X, Y, optimizer=sgd, schedule=schedule, epochs=epochs,
                      progress=False, **options)  # fmt: skip
    assert history.val_loss == [math.inf] * 4
    assert (schedule.best, schedule.bad_epochs) == (math.inf, 4)


# --- what is refused ------------------------------------------------------------------------------------------------


class Curve(Module):
    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, Value(0.5))

    def __call__(self, x: Any) -> Any:
        return tanh(sum(value * x[0] for value in self.parameters()))


def written(path: Path) -> dict[str, Any]:
    Run("Adam").train(epochs=3, checkpoint=path, validation_split=0.2, compile=False)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer 'Adam' instead of 'SGD'"),
        ({"model": MLP(2, [5, 1], activation="tanh")}, r"model.nouts \[6, 1\] instead of \[5, 1\]"),
        ({"model": MLP(2, [6, 1], activation="relu")}, "model.activation 'tanh' instead of 'relu'"),
        ({"model": Curve("a", "b")}, "model 'MLP' instead of 'Curve'"),
        ({"batch_size": 8}, "batch_size 7 instead of 8"),
        ({"loss": "l1_loss"}, "loss 'mse_loss' instead of 'l1_loss'"),
        ({"metrics": ["l1_loss"]}, r"metrics \[\] instead of \['l1_loss'\]"),
        ({"early_stopping": True}, "restores_best False instead of True"),
        ({"validation_split": 0.25}, "samples 32 instead of 30"),
        ({"seed": 1}, r"validation_split \[0.2, 0\] instead of \[0.2, 1\]"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    written(tmp_path / "c.json")
    content = (tmp_path / "c.json").read_bytes()
    options = {"model": MLP(2, [6, 1], activation="tanh", seed=4), "validation_split": 0.2, "batch_size": 7, **options}
    model = options.pop("model")
    before = [parameter.data for parameter in model.parameters()]
    with pytest.raises(FileError, match=r"c.json: the checkpoint belongs to a different training, with .*" + message):
        fit(
            model,
            X,
            Y,
            **options,
            checkpoint=Checkpoint(tmp_path / "c.json", resume=True),
            compile=False,
            progress=False,
        )
    assert [parameter.data for parameter in model.parameters()] == before
    assert (tmp_path / "c.json").read_bytes() == content


@pytest.mark.parametrize("checksum", ["old", "none"])
@pytest.mark.parametrize("place", [("epoch",), ("hyper", "lr"), ("last", "step"), ("history", "loss", 0)])
def test_a_checkpoint_that_was_changed_is_refused_and_nothing_changes(
    tmp_path: Path, place: tuple[Any, ...], checksum: str
) -> None:
    """Without a checksum, too: a training that goes on from other numbers is not the one that was cut off."""
    file = tmp_path / "c.json"
    content: Any = written(file)
    *way, last = place
    at = content
    for step in way:
        at = at[step]
    at[last] += 1
    if checksum == "none":
        del content["checksum"]
    file.write_text(json.dumps(content), encoding="utf-8")
    run = Run("Adam", seed=7)
    before = json.dumps(run.state())
    with pytest.raises(FileError, match=r"c\.json: .* not what was saved, it.* checksum.*: take another"):
        run.train(epochs=5, checkpoint=Checkpoint(file, resume=True), validation_split=0.2, compile=False)
    assert json.dumps(run.state()) == before


class Named(Module):
    """A model whose parameters have other names than those of another object of this class."""

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, Value(0.5))

    def __call__(self, x: Any) -> Any:
        a, b = self.parameters()
        return a * x[0] + b


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ("ac", {}, "only one of the two has parameters of b, c"),
        ("ab", {"amsgrad": True}, "Adam keeps 3 numbers per parameter"),
    ],
)
def test_a_checkpoint_for_other_parameters_is_refused_and_nothing_changes(
    tmp_path: Path, names: str, options: dict[str, Any], message: str
) -> None:
    def train(model: Module, optimizer: Adam, epochs: int) -> None:
        checkpoint = Checkpoint(tmp_path / "c.json", resume=True)
        fit(model, X, Y, optimizer=optimizer, epochs=epochs, checkpoint=checkpoint, compile=False, progress=False)

    model = Named("a", "b")
    train(model, Adam(model.parameters()), 1)
    other = Named(*names)
    optimizer = Adam(other.parameters(), **options)
    with pytest.raises(FileError, match=rf"c\.json: the checkpoint belongs to a different training: {message}"):
        train(other, optimizer, 2)
    assert other.state_dict() == dict.fromkeys(names, 0.5)
    assert optimizer.hyper.step == 0


def test_a_checkpoint_after_every_0_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        Checkpoint("c.json", every=0)


def test_a_schedule_that_does_not_say_its_state_is_refused(tmp_path: Path) -> None:
    class Mine:
        def step(self) -> None:
            raise AssertionError("no step is taken")

    run = Run("Adam")
    with pytest.raises(TypeError, match=r"Mine has no state_dict\(\) to store in a checkpoint: derive it from"):
        run.train(schedule=Mine(), checkpoint=tmp_path / "c.json")
    assert run.optimizer.hyper.step == 0


def test_without_a_file_resuming_begins_anew(tmp_path: Path) -> None:
    one, two = Run("Adam"), Run("Adam")
    assert one.train(checkpoint=Checkpoint(tmp_path / "c.json", resume=True)).loss == two.train().loss
    assert (tmp_path / "c.json").exists()


def test_a_file_that_cannot_be_written_ends_training_after_the_epoch(tmp_path: Path) -> None:
    run = Run("Adam")
    with pytest.raises(FileError, match="cannot write"):
        run.train(checkpoint=tmp_path / "missing" / "c.json")
    assert run.optimizer.hyper.step == 6


# ---- files of earlier versions ---------------------------------------------------------------------------------------
def test_a_checkpoint_that_an_earlier_version_wrote_is_continued(tmp_path: Path) -> None:
    """The file names classes (the model's, the optimiser's, the schedule's), wherever their modules are now."""

    def train(epochs: int, **options: Any) -> tuple[MLP, History]:
        model = MLP(2, [4, 1], activation="tanh", seed=3)
        optimizer = Adam(model.parameters(), lr=0.05)
        history = fit(
            model, *make_moons(60, noise=0.1, seed=1), loss="binary_cross_entropy_with_logits", optimizer=optimizer,
            schedule=StepLR(optimizer, step_size=4), epochs=epochs, batch_size=16, validation_split=0.25,
            metrics=["accuracy"], early_stopping=EarlyStopping(patience=50), seed=2, progress=False, **options,
        )  # fmt: skip
        return model, history

    copy = tmp_path / "checkpoint.json"
    shutil.copy(Path(__file__).parent / "checkpoint_v1.json", copy)  # written after epoch 5
    model, history = train(10, checkpoint=Checkpoint(copy, resume=True))
    anew, expected = train(10)
    assert json.loads(copy.read_text())["epoch"] == len(history) == 10
    assert history.loss == pytest.approx(expected.loss, rel=1e-12)
    assert history.metrics == expected.metrics
    assert history.lr == expected.lr
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in anew.parameters()], rel=1e-9)
