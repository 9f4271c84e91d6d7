"""What ``python -m nn`` shows: a network trained on a table, and its gradients beside the textbook's formulas."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograd import Value
from autograd.errors import DrawingError
from autograd.labels import notation
from autograd.terminal import say
from autograd.viz import draw_dot, save
from nn.cli.chart import line_chart
from nn.cli.tabular import TabularModel, check_classes, diverged
from nn.data import Dataset, Standardizer, argmax, one_hot, read_csv, train_test_split
from nn.datasets import load_iris
from nn.evaluation import accuracy, predict
from nn.files import FileError, check_writable, file_errors, write_text
from nn.formulas import COSTS, LayerGradients, by_formulas, by_graph
from nn.layers import MLP
from nn.losses import LOSSES
from nn.optim import SGD
from nn.training import History, fit
from nn.training.progress import epoch_lines

__all__ = ["LEARNING_RATES", "Settings", "run"]

# What suits standardized features; the squared errors are means over the outputs behind a sigmoid: small gradients.
LEARNING_RATES = {"half_mse_loss": 2.0, "mse_loss": 1.0, "cross_entropy": 0.1}
_NEURONS_SHOWN = 6
_FILES = ["model.json", "loss.svg", "neuron.dot", "neuron.svg"]


@dataclass
class Settings:
    """The choices of the command line."""

    data: str | None = None
    target: str | None = None
    hidden: list[int] = field(default_factory=lambda: [5])
    activation: str = "sigmoid"
    loss: str = "half_mse_loss"
    epochs: int = 100
    batch_size: int = 10
    lr: float | None = None
    seed: int = 0
    out: str = "nn-demo"


@dataclass
class Task:
    """A table, split and standardized; targets are vectors with a 1 at the class."""

    table: Dataset[int]
    target: str
    loss: str
    scaling: Standardizer
    X_train: list[list[float]]
    X_test: list[list[float]]
    y_train: list[list[float]]
    y_test: list[list[float]]


def run(settings: Settings) -> None:
    """Train, print what came out and what one sample's gradients are, write the files.

    Raises:
        DataError: The data cannot be used.
        FileError: The folder for the files cannot be written.
        NumericError: Training diverged.
    """
    out = Path(settings.out)
    check_folder(out)
    task = prepare(settings)
    model = MLP(
        len(task.table.feature_names),
        [*settings.hidden, len(task.table.class_names)],
        activation=settings.activation,
        output="identity" if settings.loss == "cross_entropy" else "sigmoid",
        seed=settings.seed,
    )
    say(introduction(settings, task, model), flush=True)
    untrained = mean_loss(predict(model, task.X_train), task.y_train, task.loss)
    history = train(settings, task, model)
    trained = mean_loss(predict(model, task.X_train), task.y_train, task.loss)
    if note := diverged(untrained, trained, rate_of(settings)):
        say(f"python -m nn: note: {note}", file=sys.stderr)
    say(f"\n{result(settings, task, model)}\n")
    text, neuron = gradients(settings, task, model)
    say(f"{text}\n")
    for line in write(out, task, model, history, neuron):
        say(line)


def check_folder(out: Path) -> None:
    """Find out whether the files can be written, before training.

    Raises:
        FileError: It is no folder, it cannot be made, or a file in it cannot be written.
    """
    folder = out.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there == folder and not out.is_dir():
        raise FileError(f"cannot write into {out}: it is a file, not a folder")
    if not there.is_dir():
        raise FileError(f"cannot make the folder {out}: {there} is a file")
    for name in _FILES if there == folder else folder.relative_to(there).parts[:1]:
        check_writable(there / name)


# ---- data and training -----------------------------------------------------------------------------------------------
def prepare(settings: Settings) -> Task:
    """Read the table, hold a third out, and standardize by what the rest has."""
    table = load_iris() if settings.data is None else read_csv(settings.data, str(settings.target))
    classes = len(table.class_names)
    check_classes(
        table, str(settings.data), str(settings.target),
        ask="this demonstration needs classes: python -m nn train --task regression predicts numbers",
    )  # fmt: skip
    X_train, X_test, y_train, y_test = train_test_split(
        table.features, table.targets, test_size=1 / 3, seed=settings.seed, stratify=True
    )
    scaling = Standardizer.fit(X_train)
    return Task(
        table, settings.target or "species", settings.loss, scaling,
        scaling.transform(X_train), scaling.transform(X_test), one_hot(y_train, classes), one_hot(y_test, classes),
    )  # fmt: skip


def train(settings: Settings, task: Task, model: MLP) -> History:
    """Gradient descent over mini-batches, with about ten lines of progress on stderr."""

    def share() -> str:
        return f"   accuracy {accuracy(predict(model, task.X_train), task.y_train):6.1%}"

    return fit(
        model, task.X_train, task.y_train, loss=settings.loss,
        optimizer=SGD(model.parameters(), lr=rate_of(settings)), epochs=settings.epochs,
        batch_size=settings.batch_size, seed=settings.seed, progress=False,
        callbacks=[epoch_lines(settings.epochs, share)],
    )  # fmt: skip


def rate_of(settings: Settings) -> float:
    """The learning rate that was asked for, or else one that suits the loss."""
    return LEARNING_RATES[settings.loss] if settings.lr is None else settings.lr


def mean_loss(outputs: Sequence[Any], y: Sequence[Any], loss: str) -> float:
    """The mean of the losses of the samples."""
    return math.fsum(map(LOSSES[loss], outputs, y)) / len(y)


# ---- what is printed -------------------------------------------------------------------------------------------------
def introduction(settings: Settings, task: Task, model: MLP) -> str:
    """Two lines that say what is trained on what."""
    name = "Iris" if settings.data is None else Path(settings.data).name
    sizes = [len(task.table.feature_names), *[len(layer.neurons) for layer in model.layers]]
    return (
        f"{name}: {len(task.table.targets)} samples, {sizes[0]} features, {sizes[-1]} classes; "
        f"{len(task.X_train)} to train on, {len(task.X_test)} held out\n"
        f"{'-'.join(map(str, sizes))} network, {settings.activation}, {len(model.parameters())} parameters; "
        f"J = {COSTS[settings.loss][0]}, mini-batches of {settings.batch_size}"
    )


def result(settings: Settings, task: Task, model: MLP) -> str:
    """The loss and the accuracy on both sides of the split."""
    lines = []
    for name, X, y in [("trained on", task.X_train, task.y_train), ("held out", task.X_test, task.y_test)]:
        outputs = predict(model, X)
        mean = mean_loss(outputs, y, settings.loss)
        share = accuracy(outputs, y)
        lines.append(f"{name:10}   loss {mean:.5f}   accuracy {share:6.1%}   ({round(share * len(y))} of {len(y)})")
    return "\n".join([*lines, f"This is one random split (seed {settings.seed}); another gives other numbers."])


def gradients(settings: Settings, task: Task, model: MLP) -> tuple[str, Value]:
    """A table of one sample's gradients, from the graph and by the four formulas; and a neuron to draw."""
    loss = LOSSES[settings.loss]
    costs = list(map(loss, predict(model, task.X_test), task.y_test))
    worst = argmax(costs)
    x, y = task.X_test[worst], task.y_test[worst]
    graph, activations = by_graph(model, x, y, loss)
    formula = by_formulas(model, x, y, settings.loss)

    label = task.table.class_names[y.index(1.0)]
    lines = [f"The held-out sample with the largest loss, class {label!r}: J = {costs[worst]:.6f}", ""]
    lines.append(f"{'':32}{'from the graph':>18}{'by the formula':>20}{'difference':>13}")
    for i in reversed(range(len(graph))):
        for name, found, expected in _rows(i + 2, i == len(graph) - 1, graph[i], formula[i]):
            lines.append(f"{name:32}{found:+18.10e}{expected:+20.10e}{abs(found - expected):13.1e}")
        lines.append("")
    pairs = [pair for g, f in zip(graph, formula) for pair in zip(g.flat(), f.flat())]
    largest = max(abs(found - expected) for found, expected in pairs)
    lines.append(f"Largest difference among all {len(pairs)}, shown or not: {largest:.1e}")
    return "\n".join(lines), activations[0][0]


def _rows(layer: int, last: bool, graph: LayerGradients, formula: LayerGradients) -> Iterator[tuple[str, float, float]]:
    """δ of the neurons of a layer, then the bias and the weights of its first neuron."""
    for j, (found, expected) in enumerate(zip(graph.delta[:_NEURONS_SHOWN], formula.delta), start=1):
        cost = f"∂J/∂{notation('a', layer, j)}"
        pull = cost if last else f"Σ {notation('w', layer + 1)}ₘ{notation('', None, j)} {notation('δ', layer + 1)}ₘ"
        yield f"{notation('δ', layer, j)} = {pull} · σ'({notation('z', layer, j)})", found, expected
    delta = notation("δ", layer, 1)
    yield f"∂J/∂{notation('b', layer, 1)} = {delta}", graph.bias[0], formula.bias[0]
    for k, (found, expected) in enumerate(zip(graph.weight[0][:_NEURONS_SHOWN], formula.weight[0]), start=1):
        source = notation("x", None, k) if layer == 2 else notation("a", layer - 1, k)
        yield f"∂J/∂{notation('w', layer, 1, k)} = {source} {delta}", found, expected


# ---- what is written -------------------------------------------------------------------------------------------------
def write(out: Path, task: Task, model: MLP, history: History, neuron: Value) -> Iterator[str]:
    """Write the files, and say of each what it is."""
    with file_errors("make the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    names, classes = task.table.feature_names, task.table.class_names
    TabularModel(model, task.target, names, classes, task.loss, task.scaling).save(out / "model.json")
    yield f"{out / 'model.json'}   the trained network"
    chart = line_chart(history.loss, title="Loss while training", x_label="epoch", y_label="mean loss J")
    write_text(out / "loss.svg", chart)
    yield f"{out / 'loss.svg'}   the loss curve"
    drawing = draw_dot(neuron, parameters=model)
    write_text(out / "neuron.dot", drawing.source)
    yield f"{out / 'neuron.dot'}   the first hidden neuron as a graph, with that sample's gradients"
    try:
        save(drawing, out / "neuron.svg")
    except DrawingError as error:
        say(f"python -m nn: note: neuron.svg was not drawn: {error}", file=sys.stderr)
    else:
        yield f"{out / 'neuron.svg'}   the same, drawn"
