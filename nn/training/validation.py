"""What ``fit`` measures after each epoch, and which samples it holds out for that."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autograd import fsum, no_grad
from autograd.errors import CompileError
from autograd.trees import all_floats, is_array
from nn.chance import not_drawn
from nn.data import pair, train_test_split
from nn.evaluation import Metric, accuracy, evaluating, numbers_in, threshold_of
from nn.losses import LOSSES
from nn.options import check_name, name_of
from nn.training.history import COLUMNS
from nn.training.steps import CompiledSteps, Problem

Samples = tuple[Sequence[Any], Sequence[Any]]


class Measure:
    """The mean loss and the metrics of some samples, with the parameters that the steps have reached.

    Compiled steps measure in machine code and leave the parameters where they are; others are asked to store them.
    """

    def __init__(self, steps: Any, problem: Problem, metrics: dict[str, Metric]) -> None:
        self.steps, self.problem, self.metrics = steps, problem, metrics
        self.targets = [target.tolist() if hasattr(target, "tolist") else target for target in problem.y]
        model = problem.model
        with not_drawn(model), evaluating(model):
            problem.check_eagerly()  # what does not fit is refused before the first step
        self._evaluate = self._eagerly
        if isinstance(steps, CompiledSteps):
            try:
                with evaluating(model):
                    self._evaluate = steps.evaluator(problem, outputs=bool(metrics))
            except CompileError as error:
                warnings.warn(f"validation runs without the compiler: {error}", RuntimeWarning, stacklevel=3)

    def __call__(self) -> tuple[float, dict[str, float]]:
        """The mean loss, and each metric."""
        losses, outputs = self._evaluate()
        return fsum(losses) / len(losses), {
            name: float(metric(outputs, self.targets)) for name, metric in self.metrics.items()
        }

    def _eagerly(self) -> tuple[list[float], list[Any]]:
        self.steps.store()
        model, loss, X, y = self.problem
        with evaluating(model), no_grad():
            outputs = [model(x) for x in X]
            losses = [numbers_in(loss(output, target)) for output, target in zip(outputs, y)]
        return losses, [numbers_in(output) for output in outputs]


def metrics_by_name(given: Sequence[str | Metric], loss: Callable[[Any, Any], Any]) -> dict[str, Metric]:
    """The functions that compute the metrics, by name; if the loss takes probabilities, so does the accuracy."""
    known: dict[str, Metric] = {"accuracy": partial(accuracy, threshold=threshold_of(loss) or 0.0), **LOSSES}
    found: dict[str, Metric] = {}
    for metric in [given] if isinstance(given, str) else given:
        name = metric if isinstance(metric, str) else name_of(metric)
        if isinstance(metric, str):
            check_name("metric", metric, known, "give a function")
        if name in found or name in COLUMNS:
            raise ValueError(f"two columns of the history would be called {name!r}: give the metric another __name__")
        found[name] = known[metric] if isinstance(metric, str) else metric
    return found


def split_validation(
    X: Sequence[Any], y: Sequence[Any], data: Samples | None, split: float, seed: int
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those to validate on: ``data``, or the share ``split`` of all, or none."""
    if data is not None:
        if split:
            raise ValueError(f"give validation_data or validation_split={split}, not both")
        return (X, y), pair(data, "validation_data")
    if not split:
        return (X, y), None
    if not 0.0 < split < 1.0 or not 0 < round(split * len(X)) < len(X):
        raise ValueError(
            f"validation_split={split} of {len(X)} samples leaves nothing on one side: "
            "give a share between 0 and 1, or validation_data"
        )
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=float(split), seed=seed)
    return (X_train, y_train), (X_test, y_test)


# ---- data that callbacks may change ----------------------------------------------------------------------------------
def contents_of(x: Any) -> Any:
    """What lists, dictionaries, arrays and data sets hold, in a form that is equal as long as they hold the same.

    >>> data = [[1.0, 2.0], {"a": 2.0}]
    >>> before = contents_of(data)
    >>> contents_of(data) == before, data[0].append(3.0), contents_of(data) == before
    (True, None, False)
    """
    if isinstance(x, (list, tuple)):
        return [*x] if all_floats(x) else list(map(contents_of, x))
    if isinstance(x, dict):
        return [(key, contents_of(part)) for key, part in x.items()]
    if is_array(x) and x.dtype.kind in "biuf":
        return x.shape, x.dtype.str, x.tobytes()  # nan in an array is other than itself, its bytes are not
    has_samples = hasattr(type(x), "__getitem__") and hasattr(type(x), "__len__")
    if has_samples and not isinstance(x, (str, bytes)) and not hasattr(x, "dtype"):  # no tensor
        return [contents_of(x[i]) for i in range(len(x))]
    return x
