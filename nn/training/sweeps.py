"""Trying out hyper-parameters: one training for each combination, on as many workers as there are."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd.display import aligned, table
from nn.data import pair, samples_of
from nn.distributed import Parcel, Workers
from nn.evaluation import accuracy, evaluating, predict, threshold_of
from nn.files import FilePath, csv_of, write_text
from nn.losses import loss_named
from nn.options import whole_number
from nn.training.fitting import fit
from nn.training.history import progress_bar

Factory = Callable[..., Any]
Data = tuple[Sequence[Any], Sequence[Any]]

_COLUMNS = ("loss", "val_loss", "accuracy", "epochs", "seconds", "error")


@dataclass
class Run:
    """One training of a sweep: its hyper-parameters, and its results.

    >>> Run({"lr": 0.1}, loss=0.25, epochs=10).loss
    0.25
    """

    parameters: dict[str, Any]  #: the hyper-parameters that the factory was called with
    loss: float = math.nan  #: the mean loss in the last epoch; nan if the run failed
    val_loss: float | None = None  #: the mean loss of the trained model over the validation data; None without any
    accuracy: float | None = None  #: of the trained model, also on validation data; None if the loss knows no classes
    epochs: int = 0  #: how many it took
    seconds: float = 0.0
    error: str = ""  #: the message of the error that ended it; empty if none did
    numbers: Sequence[float] = field(default=(), repr=False)  #: the model's parameters after training

    @property
    def score(self) -> float:
        """The number that is to be small: the validation loss, or the loss if there are no validation data.

        >>> Run({}, loss=0.25).score, Run({}, loss=0.25, val_loss=0.5).score
        (0.25, 0.5)
        """
        return self.loss if self.val_loss is None else self.val_loss


class Sweep(Sequence[Run]):
    """The runs as a table, the best first and those that failed at the end.

    The attribute ``runs`` and the table itself are the same sequence: ``table[0]``, ``for run in table``.  A
    hyper-parameter with the name of a result has the column ``param_loss``, say.

    >>> Sweep([Run({"lr": 0.1}, 0.5), Run({"lr": 1.0}, error="NumericError"), Run({"lr": 0.2}, 0.25)], MLP)
     lr  loss  epochs  seconds  error
    0.2  0.25       0        0
    0.1   0.5       0        0
      1   nan       0        0  NumericError
    """

    def __init__(self, runs: Sequence[Run], factory: Factory) -> None:
        self.runs = sorted(runs, key=lambda run: run.score if math.isfinite(run.score) else math.inf)
        self._factory = factory

    def __getitem__(self, index: Any) -> Any:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def best(self) -> Run:
        """The run with the smallest validation loss, or loss.

        >>> Sweep([Run({"lr": 0.1}, 0.5), Run({"lr": 0.2}, 0.25)], MLP).best.parameters
        {'lr': 0.2}
        """
        return self.runs[0]

    def model(self, run: Run | None = None) -> Any:
        """The trained model of a run, by default of the best: made anew, with the numbers that training found.

        Raises:
            ValueError: The run failed.

        >>> Sweep([Run({"nin": 1, "nouts": [1]}, 0.25, numbers=[2.0, 1.0])], MLP).model()([3.0]).data
        7.0
        """
        run = run or self.best
        if run.error:
            raise ValueError(f"the run with {_listing(run.parameters)} left no model: {run.error}")
        model, _ = _made(self._factory, run.parameters)
        for parameter, number in zip(model.parameters(), run.numbers):
            parameter.data = number
        return model

    def _columns(self) -> dict[str, list[Any]]:
        """Names and contents, without columns in which there is nothing."""
        names = dict.fromkeys(name for run in self.runs for name in run.parameters)
        columns = {
            f"param_{name}" if name in _COLUMNS else name: [run.parameters.get(name) for run in self.runs]
            for name in names
        }
        for name in _COLUMNS:
            found = [getattr(run, name) for run in self.runs]
            if any(value not in (None, "") for value in found):
                columns[name] = found
        return columns

    def __str__(self) -> str:
        """One aligned line per run."""
        columns = self._columns()
        text = [k for k, values in enumerate(columns.values()) if any(isinstance(value, str) for value in values)]
        return "\n".join(aligned(zip(*[[name, *map(_cell, values)] for name, values in columns.items()]), left=text))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = self._columns()
        return table([*columns], zip(*[map(_cell, values) for values in columns.values()]))

    def to_csv(self, path: FilePath) -> None:
        """Write the table as a CSV file, numbers to the last digit.

        Raises:
            FileError: The file cannot be written.

        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Sweep([Run({"lr": 0.1}, 0.5)], MLP).to_csv(Path(folder, "sweep.csv"))
        ...     Path(folder, "sweep.csv").read_text()
        'lr,loss,epochs,seconds\\n0.1,0.5,0,0.0\\n'
        """
        write_text(path, csv_of(self._columns()))


def sweep(
    factory: Factory,
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    data: Data,
    *,
    validation_data: Data | None = None,
    executor: Any = None,
    progress: bool = True,
    **options: Any,
) -> Sweep:
    """Train a model for each combination of hyper-parameters, and compare.

    Args:
        factory: A function of the hyper-parameters, by their names, that makes the model, or a pair (model, options of
            ``fit`` in this run, such as its optimiser).  Runs are repeatable if it seeds what it draws.
        grid: The values to try for each name, all combinations of which are run; or a list of combinations.
        data: X and y, as for ``fit``.
        validation_data: X and y to judge the trained models by.
        executor: The workers to run on: ``Workers``, or any executor of PEP 3148, whose workers get the data once and
            then one run after the other; None runs here, one by one.  Processes import the factory, so that it must be
            defined at the top of a module; Dask takes any function.
        progress: Whether to show a bar, if tqdm is installed and someone is watching.
        **options: Options of ``fit``, the same in all runs.

    Returns:
        The runs, sorted.  A run that raised an error (an infinite loss, say) is a row with the error.

    Raises:
        ValueError: There is nothing to try, data are no pair (X, y) of equal lengths, or every single run failed.
        ExecutorError: The workers are gone, or something cannot be sent to them.

    >>> def line(lr):
    ...     model = MLP(1, [1], init="zeros")
    ...     return model, {"optimizer": SGD(model.parameters(), lr=lr)}
    >>> table = sweep(line, {"lr": [0.01, 0.1, 10.0]}, ([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]), epochs=200)
    >>> [run.parameters for run in table]
    [{'lr': 0.1}, {'lr': 0.01}, {'lr': 10.0}]
    >>> table[-1].error.split(":")[0], [round(p.data, 3) for p in table.model().parameters()]
    ('NumericError', [2.0, 1.0])
    """
    points = _points(grid)
    pair(data, "data")
    if validation_data is not None:
        pair(validation_data, "validation_data")
    tasks = [(factory, point, options) for point in points]
    contents = (data, validation_data)
    if executor is None:
        finished: Iterator[tuple[int, Run]] = ((k, _run(contents, *task)) for k, task in enumerate(tasks))
    else:
        workers = executor if isinstance(executor, Workers) else Workers(executor, timeout=None)
        finished = workers.as_completed(_run, [Parcel(contents)], tasks)
    runs: dict[int, Run] = {}
    with progress_bar(len(tasks), "run", progress) as report:
        for k, run in finished:
            runs[k] = run
            report(len(runs))
    table = Sweep([runs[k] for k in range(len(tasks))], factory)
    if all(run.error for run in table):
        raise ValueError(f"no run came to its end; the one with {_listing(points[0])}: {runs[0].error}")
    return table


def _points(grid: Any) -> list[dict[str, Any]]:
    """The hyper-parameters of each run."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not hasattr(values, "__iter__"):
                raise ValueError(f"the grid has {values!r} for {name!r}: give a list of values, [{values!r}] for one")
        grid = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    if not grid:
        raise ValueError("the grid has no combination to try")
    return [dict(point) for point in grid]


def _run(contents: tuple[Data, Data | None], factory: Factory, point: dict[str, Any], options: dict[str, Any]) -> Run:
    """Train once with these hyper-parameters, here or on a worker; an error becomes a part of the result."""
    (X, y), validation_data = contents
    run = Run(point)
    begun = time.perf_counter()
    try:
        model, own = _made(factory, point)
        settings = {"progress": False, **options, **own}
        whole_number("epochs", settings.get("epochs", 1), 1)  # without one there is no loss to compare
        history = fit(model, X, y, **settings)
        run.loss, run.epochs, run.numbers = history.loss[-1], len(history), [p.data for p in model.parameters()]
        loss = loss_named(settings.get("loss", "mse_loss"))
        _judge(run, model, loss, *(validation_data or (X, y)), validation_data is not None)
    except Exception as error:  # of the factory, too: the table shows it, and the other runs go on
        run.error = f"{type(error).__name__}: {error}"
    run.seconds = time.perf_counter() - begun
    return run


def _made(factory: Factory, point: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    made = factory(**point)
    return made if isinstance(made, tuple) else (made, {})


def _judge(run: Run, model: Any, loss: Any, X: Sequence[Any], y: Sequence[Any], is_validation: bool) -> None:
    """Note how good the trained model is."""
    y = samples_of(y)
    with evaluating(model):
        outputs = predict(model, X)
    if is_validation:
        run.val_loss = math.fsum(float(loss(output, target)) for output, target in zip(outputs, y)) / len(y)
    if (threshold := threshold_of(loss)) is not None:
        run.accuracy = accuracy(outputs, y, threshold=threshold)


def _listing(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in parameters.items()) or "no parameters"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
