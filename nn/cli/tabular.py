"""A network together with what its numbers mean: names of columns and classes, scales, all saved in one file."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograd import softmax
from autograd.display import say
from autograd.errors import NumericError
from nn.data import Dataset, Standardizer, Task, argmax, one_hot, train_test_split
from nn.evaluation import accuracy, predict
from nn.files import FileError, FilePath, brief
from nn.layers import MLP, load_model
from nn.losses import LOSSES
from nn.optim import OPTIMIZERS
from nn.tables import DataError, Table, number_in
from nn.training import History, fit

# What a network can be trained by, of each task the default first.
TABULAR_LOSSES: dict[Task, list[str]] = {
    "classification": ["cross_entropy", "mse_loss", "half_mse_loss"],
    "regression": ["mse_loss", "half_mse_loss", "l1_loss", "huber_loss"],
}
_FEW_NUMBERS = 20  # as many different numbers may be classes, such as grades
_WORTH_COMPILING = 1_000  # rows; the compiler takes a tenth of a second, as a few hundred rows without it

Rows = tuple[list[list[float]], list[Any]]  # features, and a target for each row


@dataclass(frozen=True)
class TabularModel:
    """A network for the rows of tables: one output per class, or one output for a number."""

    model: MLP  # its inputs are standardized features
    target: str  # the column that it predicts
    feature_names: list[str]  # the columns that it needs
    class_names: list[str]  # the label that each output stands for; empty for regression
    loss: str  # that it was trained by, one of ``TABULAR_LOSSES``
    scaling: Standardizer  # of the features
    target_scaling: Standardizer | None = None  # None for classification

    @property
    def task(self) -> Task:
        """The task that it is trained for."""
        return "classification" if self.class_names else "regression"

    # ---- rows in, numbers or names out -------------------------------------------------------------------------------
    def targets(self, table: Table) -> Sequence[Any]:
        """The targets in a table: indices of classes, or numbers in the column's unit."""
        if self.class_names:
            return table.class_indices(self.target, self.class_names)
        return [number for (number,) in table.numbers([self.target])]

    def as_trained(self, targets: Sequence[Any]) -> Sequence[Any]:
        """The targets as the loss wants them: indices or vectors of classes, or standardized numbers."""
        if self.target_scaling:
            return [number for (number,) in self.target_scaling.transform([[y] for y in targets])]
        return targets if self.loss == "cross_entropy" else one_hot(targets, len(self.class_names))

    def outputs(self, features: Sequence[Sequence[float]]) -> list[Any]:
        """The outputs of the network for features in the columns' units."""
        return predict(self.model, self.scaling.transform(features), compile=len(features) >= _WORTH_COMPILING)

    def predictions(self, outputs: Sequence[Any]) -> list[Any]:
        """The name of the class with the largest output, or the number in the column's unit."""
        if self.target_scaling:
            return [number for (number,) in self.target_scaling.inverse_transform([[a] for a in outputs])]
        return [self.class_names[argmax(a)] for a in outputs]

    def probabilities(self, outputs: Sequence[Any]) -> list[list[float]]:
        """The probability of each class, for a network trained by cross-entropy."""
        return [softmax(a) for a in outputs]

    def scores(self, outputs: Sequence[Any], targets: Sequence[Any]) -> dict[str, Any]:
        """The mean loss, with the accuracy of a classifier, or with R² and the root of the mean squared error.

        R² = 1 − Σ (a − y)² / Σ (y − mean of y)²         (nan, if all y are the same)
        """
        n = len(targets)
        loss = math.fsum(map(LOSSES[self.loss], outputs, self.as_trained(targets))) / n
        if self.class_names:
            return {"samples": n, "loss": loss, "accuracy": accuracy(outputs, targets)}
        errors = [a - y for a, y in zip(self.predictions(outputs), targets, strict=True)]
        mean = math.fsum(targets) / n
        around = math.hypot(*[y - mean for y in targets])  # scaled inside, so that no square overflows
        left = math.hypot(*errors)
        r2 = 1.0 - (left / around) ** 2 if around else math.nan
        return {"samples": n, "loss": loss, "r2": r2, "rmse": left / math.sqrt(n)}

    # ---- one file ----------------------------------------------------------------------------------------------------
    def save(self, path: FilePath) -> None:
        """Write the network and all that belongs to it as one JSON file, which ``nn.load_model`` reads, too."""
        metadata: dict[str, Any] = {
            "task": self.task, "target": self.target, "feature_names": self.feature_names,
            "class_names": self.class_names, "loss": self.loss, "standardizer": asdict(self.scaling),
        }  # fmt: skip
        if self.target_scaling:
            metadata["target_standardizer"] = asdict(self.target_scaling)
        self.model.save(path, metadata)

    @classmethod
    def load(cls, path: FilePath) -> TabularModel:
        """Read back what ``save`` wrote; a ``FileError`` names what is wrong in a file."""
        model, metadata = load_model(path)
        shape = model.architecture()
        task, target, loss = (metadata.get(name) for name in ("task", "target", "loss"))
        features: Any = metadata.get("feature_names")
        classes: Any = metadata.get("class_names")
        scalings: list[Standardizer | None] = []
        for name in ("standardizer", "target_standardizer"):
            try:
                scalings.append(Standardizer(**metadata[name]) if name in metadata else None)
            except (TypeError, ValueError) as error:
                raise FileError(f"{path}: metadata: {name!r}: {error}") from error
        nin, nout = shape["nin"], shape["nouts"][-1]
        widths = [len(scaling.mean) if scaling else 0 for scaling in scalings]
        names = nout if task == "classification" else 0
        losses = TABULAR_LOSSES["classification" if names else "regression"]
        for is_right, complaint in [
            (task in [*TABULAR_LOSSES], f"'task' must be one of {', '.join(TABULAR_LOSSES)}, not {brief(task)}"),
            (isinstance(target, str), "'target' must be the name of a column"),
            (_are_names(features, nin), f"'feature_names' must be a list of {nin} different names, one per input"),
            (_are_names(classes, names), f"'class_names' must be a list of {names} different names for a {task}"),
            (names != 1 and (names or nout == 1), f"a network with {nout} outputs cannot do {task}"),
            (loss in losses, f"'loss' must be one of {', '.join(losses)} for a {task}, not {brief(loss)}"),
            (widths == [nin, 0 if names else 1], "the standardizers do not fit the network"),
        ]:
            if not is_right:
                raise FileError(f"{path}: metadata: {complaint}; python -m nn train writes complete files")
        assert scalings[0]
        return cls(model, str(target), features, classes, str(loss), scalings[0], scalings[1])


def _are_names(given: Any, count: int) -> bool:
    """Whether this is a list of ``count`` different texts."""
    return isinstance(given, list) and all(isinstance(x, str) for x in given) and len(set(given)) == len(given) == count


def check_classes(
    table: Dataset[Any], name: str, target: str, otherwise: str = "", *, chosen: bool = False, ask: str = ""
) -> None:
    """Refuse a column of classes that seems to hold measurements, or numbers of rows.

    Such a column has nearly as many values as rows, or more than twenty different numbers, unless the user has
    ``chosen`` that these are classes.  The message ends in ``otherwise`` or ``ask``, the way out of one or the other.
    """
    classes, rows = len(table.class_names), len(table.targets)
    numbers = sum(math.isfinite(number_in(label)) for label in table.class_names)  # there may be an NA among them
    if not chosen and 2 * classes <= rows and numbers > _FEW_NUMBERS:
        raise DataError(f"{name}: column {target!r} holds {numbers} different numbers in {rows} rows: {ask}")
    if 2 * classes > rows:
        raise DataError(
            f"{name}: column {target!r} holds {classes} different values in {rows} rows: a column of classes is "
            f"needed, with several rows of each{otherwise}"
        )


# ---- training --------------------------------------------------------------------------------------------------------
@dataclass
class Experiment:
    """A network, the rows of a table from which it learns, and those that are held out to judge it."""

    name: str  # of the table
    network: TabularModel
    rows: dict[str, Rows]  # the two parts of the table, "train" and "test"

    @classmethod
    def on(
        cls, table: Dataset[Any], name: str, target: str, *, loss: str, hidden: Sequence[int], seed: int,
        test_size: float, **shape: Any,
    ) -> Experiment:  # fmt: skip
        """Hold out a part of a table, of each class the same, and make a network for the rest.

        The ``seed`` is that of the split and of the weights; ``shape`` are other arguments of ``MLP``.
        """
        X, y, classes = table.features, table.targets, table.class_names
        rows: dict[str, Rows] = {"train": (X, y), "test": ([], [])}
        if test_size:
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=test_size, seed=seed, stratify=bool(classes)
            )
            rows = {"train": (X_train, y_train), "test": (X_test, y_test)}
        X, y = rows["train"]
        model = MLP(len(table.feature_names), [*hidden, len(classes) or 1], seed=seed, **shape)
        scaling, of_target = Standardizer.fit(X), None if classes else Standardizer.fit([[number] for number in y])
        return cls(name, TabularModel(model, target, table.feature_names, classes, loss, scaling, of_target), rows)

    def introduction(self, how: str) -> str:
        """Two lines about the table and the network, which end by saying how it is trained."""
        shape = self.network.model.architecture()
        sizes = "-".join(map(str, [shape["nin"], *shape["nouts"]]))
        classes, (n_train, n_test) = self.network.class_names, [len(y) for _, y in self.rows.values()]
        kind = f"{len(classes)} classes" if classes else f"{self.network.target} as a number"
        return (
            f"{self.name}: {n_train + n_test} rows, {shape['nin']} features, {kind}; {n_train} to train on, "
            f"{n_test} held out\n{sizes} network{', ' + shape['activation'] if len(shape['nouts']) > 1 else ''}, "
            f"{len(self.network.model.parameters())} parameters; {how}"
        )

    def train(self, optimizer: str, lr: float, **options: Any) -> tuple[History, str]:
        """Train the network; returns the history, and a sentence if the network is worse than it was, else nothing.

        Raises:
            NumericError: The loss became nan or infinite.
        """
        network, (X, y) = self.network, self.rows["train"]
        before = self.scores()["train"]["loss"]
        history = fit(
            network.model, network.scaling.transform(X), network.as_trained(y), loss=network.loss,
            optimizer=OPTIMIZERS[optimizer](network.model.parameters(), lr=lr), **options,
        )  # fmt: skip
        after, remedy = self.scores()["train"]["loss"], f"use a smaller learning rate than {lr:g}"
        if not math.isfinite(after):
            raise NumericError(f"the training diverged: the final loss is {after}: {remedy}")
        rose = f"the training diverged: the loss rose from {before:.4g} to {after:.4g}: {remedy}"
        return history, rose if after > before else ""

    def scores(self) -> dict[str, dict[str, Any]]:
        """The scores of the network on both parts of the table, where there are rows."""
        return {part: self.network.scores(self.network.outputs(X), y) for part, (X, y) in self.rows.items() if y}

    def results(self) -> list[str]:
        """The scores in words: a line for each part of the table."""
        names = {"train": "trained on", "test": "held out"}
        return [f"{names[part]:10}   {in_words(found)}" for part, found in self.scores().items()]


def note(message: object, *place: Any, **where: Any) -> None:
    """Print a note on stderr; also a warning, as one line without its place."""
    say(f"python -m nn: note: {message}", file=sys.stderr)


def in_words(scores: dict[str, Any]) -> str:
    """What ``TabularModel.scores`` gave, in one line."""
    loss, n = f"loss {scores['loss']:.4g}", scores["samples"]
    if "accuracy" in scores:
        return f"{loss}   accuracy {scores['accuracy']:6.1%}   ({round(scores['accuracy'] * n)} of {n})"
    return f"{loss}   R² {scores['r2']:.4f}   RMSE {scores['rmse']:.4g}"
