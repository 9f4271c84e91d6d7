"""What ``python -m nn train``, ``predict``, ``evaluate``, ``draw`` and ``export`` do, with a table of the user.

Results go to stdout and all else to stderr, so that both can be sent elsewhere.  Files appear in one piece or not at
all; ``-`` as the table is standard input.
"""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autograd import Value
from autograd.display import aligned, say
from autograd.errors import NumericError
from autograd.labels import notation
from autograd.viz import save, write_html
from nn.cli.tabular import TABULAR_LOSSES, Experiment, TabularModel, check_classes, in_words, note
from nn.data import Task, read_csv
from nn.export import to_torch
from nn.files import FileError, check_writable, csv_of, file_errors, replace_not_finite, write_text
from nn.losses import LOSSES
from nn.tables import DataError, DataFile, Table, listing, read_table
from nn.training.history import epoch_lines

RATES = {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.01, "sgd": 0.1}  # what suits standardized features
_HALF_OFF = ("relu", "leaky_relu", "elu", "silu", "gelu")  # activations that pass on about half of the spread
_PREDICTION = "prediction"
_FEATURES_BY_NAME = 20  # drawn as a box each


# ---- train -----------------------------------------------------------------------------------------------------------
def train(
    data: str,
    target: str,
    *,
    task: Task | None = None,
    drop: Sequence[str] = (),
    skip_empty: bool = False,
    hidden: Sequence[int] = (16,),
    activation: str = "relu",
    loss: str | None = None,
    optimizer: str = "adam",
    epochs: int = 100,
    batch_size: int = 32,
    lr: float | None = None,
    seed: int = 0,
    test_size: float = 0.25,
    out: str = "model.json",
    keep_diverged: bool = False,
    as_json: bool = False,
) -> None:
    """Train a network on a table, save it, and print how well it does on the rows it has not seen."""
    loss = _loss(loss, task or "classification")
    _check_output(out, data)
    table = read_csv(_file(data), target, task=task or "classification", drop=drop, skip_empty=skip_empty)
    check_classes(
        table, _name(data), target, "; for a column of numbers add --task regression", chosen=task is not None,
        ask="add --task regression to predict the number, or --task classification if each number is a class",
    )  # fmt: skip
    experiment = Experiment.on(
        table, _name(data), target, loss=loss, hidden=hidden, seed=seed, test_size=test_size, activation=activation,
        init="he_normal" if activation in _HALF_OFF else "xavier_uniform",
    )  # fmt: skip
    if not as_json:
        say(experiment.introduction(f"{loss}, {optimizer}"), flush=True)
    history, worse = experiment.train(
        optimizer, RATES[optimizer] if lr is None else lr, epochs=epochs, batch_size=batch_size, seed=seed,
        **_progress(epochs),
    )  # fmt: skip
    if worse and not keep_diverged:
        raise NumericError(f"{worse}; {out} is not written (--keep-diverged writes it)")
    if worse:
        note(worse)
    experiment.network.save(out)
    if as_json:
        size = len(experiment.network.model.parameters())
        _deliver(_json({"model": out, "parameters": size, "epochs": len(history), **experiment.scores()}), "-")
        return
    say("\n".join([*experiment.results(), f"wrote {out}"]))


def _loss(given: str | None, task: Task) -> str:
    fitting = TABULAR_LOSSES[task]
    if given is not None and given not in fitting:
        raise DataError(f"the loss {given} does not suit {task}: there are {', '.join(fitting)}")
    return given or fitting[0]


def _progress(epochs: int) -> dict[str, Any]:
    """Options for ``fit``: tqdm's bar if it is installed and someone watches, else about ten lines on stderr."""
    if sys.stderr and sys.stderr.isatty() and find_spec("tqdm"):
        return {"progress": True}
    return {"progress": False, "callbacks": [epoch_lines(epochs)]}


# ---- predict and evaluate --------------------------------------------------------------------------------------------
def predict(model: str, data: str, *, output: str = "-", probabilities: bool = False, as_json: bool = False) -> None:
    """Print the prediction for each row, beside the columns of the table that are no features."""
    _check_output(output, model, data)
    trained = TabularModel.load(model)
    if probabilities and trained.loss != "cross_entropy":
        raise DataError(f"{model} was trained with {trained.loss}, so its outputs are not probabilities")
    table = read_table(_file(data), needed=trained.feature_names)
    outputs = trained.outputs(table.numbers(trained.feature_names))
    predictions = trained.predictions(outputs)
    shares = trained.probabilities(outputs) if probabilities else [[] for _ in outputs]
    if as_json:
        found: dict[str, Any] = {"target": trained.target, "predictions": predictions}
        if probabilities:
            found["probabilities"] = [dict(zip(trained.class_names, row)) for row in shares]
        _deliver(_json(found), output)
        return
    carried = _columns_left(table, trained.feature_names)
    added = [_PREDICTION, *[f"probability_{name}" for name in trained.class_names if probabilities]]
    for name in added:
        if name in carried:
            raise DataError(f"{table.name}: predict writes a column {name!r} of its own: rename yours")
    columns = {name: [row[at] for _, row in table.rows] for at, name in enumerate(table.header) if name in carried}
    _deliver(csv_of(columns | dict(zip(added, [predictions, *zip(*shares)]))), output)


def evaluate(model: str, data: str, *, skip_empty: bool = False, as_json: bool = False) -> None:
    """Print how well a network does on a table that has the target, too."""
    trained = TabularModel.load(model)
    used = [*trained.feature_names, trained.target]
    table = read_table(_file(data), needed=used)
    table = table.without_empty(used) if skip_empty else table
    targets = trained.targets(table)
    outputs = trained.outputs(table.numbers(trained.feature_names))
    scores = trained.scores(outputs, targets)
    confusion = _confusion(trained.class_names, trained.predictions(outputs), targets) if trained.class_names else []
    if unused := _columns_left(table, used):
        note(f"{table.name}: not used: {listing(unused)}")
    if as_json:
        counts = {"class_names": trained.class_names, "confusion_matrix": confusion} if confusion else {}
        _deliver(_json(scores | counts), "-")
        return
    say(f"{_name(data)}: {scores['samples']} rows\n{in_words(scores)}")
    if confusion:
        say("\n" + "\n".join(_confusion_table(trained.class_names, confusion)))


def _confusion(names: list[str], predictions: Sequence[str], targets: Sequence[int]) -> list[list[int]]:
    """The number of rows of each class (down) that were taken for each class (across)."""
    counts = Counter(zip(targets, predictions, strict=True))
    return [[counts[target, name] for name in names] for target in range(len(names))]


def _confusion_table(names: list[str], counts: list[list[int]]) -> list[str]:
    cells = [["actual", *names], *[[name, *map(str, row)] for name, row in zip(names, counts, strict=True)]]
    first = max(len(name) for name, *_ in cells)
    return [f"{'':{first}}   predicted", *aligned(cells, between="   ")]


# ---- draw and export -------------------------------------------------------------------------------------------------
def draw(model: str, *, data: str | None = None, row: int | None = None, out: str = "net.svg") -> None:
    """Draw the graph of one row with its gradients: of the loss if the table has the target, else of the output."""
    if Path(out).suffix.lower() not in (".html", ".svg", ".png", ".jpg", ".jpeg", ".pdf", ".dot", ".gv"):
        raise FileError(
            f"cannot tell the format of {out!r}: its name must end in .svg, .png, .jpg, .pdf, .dot or .html"
        )
    if row and data is None:
        raise DataError("--row needs --data, the file that holds the row")
    _check_output(out, model, data)
    trained = TabularModel.load(model)
    root, story, inputs = _graph(trained, data, row or 1)
    root.backward()
    write = write_html if Path(out).suffix.lower() == ".html" else save
    with file_errors("write", out):
        write(root, out, parameters=trained.model)
    say(f"{story}, and its gradients\n{inputs}\nwrote {out}")


def _graph(trained: TabularModel, data: str | None, row: int) -> tuple[Value, str, str]:
    """The node to draw, a description of it, and a line about its inputs."""
    features, place = [trained.scaling.mean], "with every feature at its mean"
    if data is not None:
        table = read_table(_file(data), needed=trained.feature_names)
        if row > len(table.rows):
            raise DataError(f"{table.name}: there is no row {row}, only {len(table.rows)}")
        table = Table(table.name, table.header, [table.rows[row - 1]])
        features, place = table.numbers(trained.feature_names), f"of row {row} of {_name(data)}"
    leaves, inputs = _inputs(trained, features[0])
    outputs = trained.model(leaves)
    if data is not None and trained.target in table.header:
        (target,) = trained.as_trained(trained.targets(table))
        loss: Value = LOSSES[trained.loss](outputs, target)
        loss.label = "J"
        return loss, f"the loss J = {loss.data:.6g} {place}", inputs
    if isinstance(outputs, Value):
        return outputs, f"the output {outputs.data:.6g} {place}", inputs
    largest = max(outputs, key=lambda a: a.data)
    return largest, f"the output {largest.data:.6g} for {trained.class_names[outputs.index(largest)]!r} {place}", inputs


def _inputs(trained: TabularModel, features: Sequence[float]) -> tuple[list[Value], str]:
    """The features as leaves, so that they have gradients, too; and a line with their numbers in both units.

    The network computes with standardized features.  Their names say so: a column's name alone would promise its unit.
    """
    names, numbers = trained.feature_names, trained.scaling.transform([features])[0]
    if len(names) > _FEATURES_BY_NAME:
        leaves = [Value(z, notation("x", None, k)) for k, z in enumerate(numbers, 1)]
        return leaves, f"standardized inputs: {leaves[0].label} to {leaves[-1].label}, in the order of the columns"
    leaves = [Value(z, f"{name} standardized") for name, z in zip(names, numbers, strict=True)]
    pairs = [f"{name} {x:.6g} → {z:.4g}" for name, x, z in zip(names, features, numbers, strict=True)]
    return leaves, f"standardized inputs: {', '.join(pairs)}"


def export(model: str, *, out: str = "-") -> None:
    """Print the network as a program for PyTorch, and what its inputs and outputs mean."""
    _check_output(out, model)
    trained = TabularModel.load(model)
    scaling = trained.target_scaling
    if scaling:
        answer = f"(model(x)[:, 0] * {scaling.scale[0]!r} + {scaling.mean[0]!r}).tolist()"
    else:
        answer = "[classes[i] for i in model(x).argmax(1).tolist()]"
    lines = [
        "",
        f"features = {trained.feature_names!r}",
        f"mean = torch.tensor({trained.scaling.mean!r}, dtype=torch.float64)",
        f"scale = torch.tensor({trained.scaling.scale!r}, dtype=torch.float64)",
        *([] if scaling else [f"classes = {trained.class_names!r}"]),
        "\n\ndef predict(rows):",
        "    x = (torch.tensor(rows, dtype=torch.float64) - mean) / scale",
        f"    return {answer}",
    ]
    _deliver("\n".join([to_torch(trained.model), *lines, ""]), out)


# ---- words and files -------------------------------------------------------------------------------------------------
def _file(data: str) -> DataFile:
    return sys.stdin.buffer if data == "-" else data


def _name(data: str) -> str:
    return "standard input" if data == "-" else Path(data).name


def _check_output(out: str, *read: str | None) -> None:
    """Refuse at the start what could not be written at the end, and what would replace a file that is read."""
    path = Path(out)
    if out == "-":  # standard output
        return
    if path.is_dir():
        raise FileError(f"cannot write {out}: it is a folder, not a file")
    if not path.parent.is_dir():
        raise FileError(f"cannot write {out}: there is no folder {path.parent}")
    if any(path.exists() and Path(name).exists() and path.samefile(name) for name in read if name):
        raise FileError(f"cannot write {out}: it is the file that is read")
    check_writable(out)


def _columns_left(table: Table, used: Sequence[str]) -> list[str]:
    taken = set(used)
    return [name for name in table.header if name not in taken]


def _json(content: Any) -> str:
    """Content as JSON, in which null stands for nan and infinity."""
    return json.dumps(replace_not_finite(content, lambda _: None), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _deliver(text: str, output: str) -> None:
    """Write text to a file, or to stdout for ``-``: in UTF-8, unless stdout is a terminal."""
    if output != "-":
        write_text(output, text)
        say(f"python -m nn: wrote {output}", file=sys.stderr)
        return
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    if sys.stdout.isatty():
        say(text, end="")
    else:
        print(text, end="")
