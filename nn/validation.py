"""How good a model is: outputs and accuracy, and what ``fit`` measures after each epoch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autograd import Value, fsum, no_grad
from nn.data import DataError, argmax, check_pairs, samples_of, train_test_split
from nn.history import COLUMNS
from nn.losses import (
    LOSSES,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
)
from nn.options import check_name, name_of
from nn.steps import CompiledSteps, Outputs, evaluating, evaluator_of, not_drawn

__all__ = [
    "Measure", "accuracy", "evaluating", "metrics_by_name", "native_outputs", "predict", "single",
    "split_validation", "threshold_of",
]  # fmt: skip

Metric = Callable[[Any, Any], float]

# The losses of classifiers, each with the single output above which the class is the positive one.
_THRESHOLDS: list[tuple[Callable[..., Any], float]] = [
    (cross_entropy, 0.0),
    (binary_cross_entropy, 0.5),
    (binary_cross_entropy_with_logits, 0.0),
    (hinge_loss, 0.0),
]


def predict(model: Callable[[Any], Any], X: Sequence[Any], *, compile: bool = False) -> list[Any]:
    """The outputs for many samples as floats (a list per sample where there are several); no graph is kept.

    Args:
        model: takes a sample, gives a Value or a list of them.
        X: the samples.
        compile: run the model on the first sample only, and machine code made of that on all, which pays off for
            thousands; the outputs are the same to rounding.  A model that decides by its data or draws at random is
            run on each sample all the same.

    >>> from nn import MLP
    >>> predict(MLP(1, [2], init="zeros"), [[5.0]])
    [[0.0, 0.0]]
    """
    X = samples_of(X)
    if compile and len(X) > 1 and (natively := native_outputs(model, X)):
        return natively()
    with no_grad():
        return [_numbers(model(x)) for x in X]


def native_outputs(model: Callable[[Any], Any], X: Sequence[Any]) -> Callable[[], list[Any]] | None:
    """What gives the outputs for some samples natively, with the parameters as they are at each call.

    None if that fails. An error that is not the compiler's comes up again when the model is run eagerly.
    """
    from autograd.compiler.backends import native_available

    if not native_available():
        return None
    found = Outputs()
    try:
        evaluator = evaluator_of(model, lambda x: found.listed(model(x)), (X,))
    except Exception:
        return None
    return lambda: found.by_sample(evaluator([]))


def _numbers(output: Any) -> Any:
    if hasattr(output, "__len__") and not isinstance(output, dict):
        return [_numbers(a) for a in output]
    return output.data if isinstance(output, Value) else output


def accuracy(outputs: Sequence[Any], targets: Sequence[Any], *, threshold: float = 0.0) -> float:
    """The share of samples whose class was predicted right.

    Args:
        outputs: per sample one number per class, of which the largest decides; or one number, alone or in a list,
            which decides by being above the threshold or not.
        targets: per sample the index of the class or a list with 1 at it; for one number anything positive, or not.
        threshold: 0 for scores and logits, 0.5 for probabilities; a warning says where that looks wrong.

    Raises:
        ValueError: there are no samples, or the lengths differ, also those of one sample's outputs and targets.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]), accuracy([2.5, -0.1], [1, -1])
    (0.5, 1.0)
    """
    targets = samples_of(targets)
    if len(outputs) != len(targets):
        raise ValueError(f"there are {len(outputs)} outputs but {len(targets)} targets")
    if not len(outputs):
        raise ValueError("there are no samples")
    if not threshold and _look_like_probabilities(outputs) and any(_is_negative(target) for target in targets):
        warnings.warn(
            "all outputs are between 0 and 1, so that each counts as positive: "
            "give threshold=0.5 if they are probabilities",
            RuntimeWarning,
            stacklevel=2,
        )
    return sum(_is_right(output, target, threshold) for output, target in zip(outputs, targets)) / len(outputs)


def _look_like_probabilities(outputs: Sequence[Any]) -> bool:
    return all(isinstance(a := single(output), float) and 0.0 < a <= 1.0 for output in outputs)


def _is_negative(target: Any) -> bool:
    y = single(target)
    return not hasattr(y, "__len__") and y <= 0


def _is_right(output: Any, target: Any, threshold: float) -> bool:
    output, target = single(output), single(target)
    widths = [len(x) if hasattr(x, "__len__") else 1 for x in (output, target)]
    if widths[1] not in (1, widths[0]):
        raise ValueError(f"a sample has outputs for {widths[0]} but targets for {widths[1]}: give one of each")
    if widths[0] == 1:
        return bool((output > threshold) == (target > 0))
    return bool(argmax(output) == (target if widths[1] == 1 else argmax(target)))


def threshold_of(loss: Callable[[Any, Any], Any]) -> float | None:
    """Above which single output a class is the positive one, for the loss of a classifier; None for other losses."""
    return next((threshold for known, threshold in _THRESHOLDS if known is loss), None)


def single(x: Any) -> Any:
    """What is in a list of one; anything else as it is."""
    return x[0] if hasattr(x, "__len__") and len(x) == 1 else x


# ---- after each epoch of a training ----------------------------------------------------------------------------------
class Measure:
    """The mean loss and the metrics of some samples, with the parameters that the steps have reached.

    Compiled steps measure in machine code and leave the parameters where they are; others are asked to store them.

    Args:
        steps: of the training.
        model, loss, X, y: as for ``fit``.
        metrics: functions (outputs, targets) -> number by name.
    """

    def __init__(
        self,
        steps: Any,
        model: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        X: Sequence[Any],
        y: Sequence[Any],
        metrics: dict[str, Metric],
    ) -> None:
        self.steps, self.model, self.loss, self.X, self.y, self.metrics = steps, model, loss, X, y, metrics
        self.targets = [target.tolist() if hasattr(target, "tolist") else target for target in y]
        with not_drawn(model), evaluating(model), no_grad():
            loss(model(X[0]), y[0])  # what does not fit is refused before the first step
        self._evaluate = self._eagerly
        if isinstance(steps, CompiledSteps):
            try:
                with evaluating(model):
                    self._evaluate = steps.evaluator(model, loss, X, y, outputs=bool(metrics))
            except DataError:  # an index beyond the classes: the data's fault, not the compiler's
                raise
            except Exception as error:
                warnings.warn(f"validation runs without the compiler: {error}", RuntimeWarning, stacklevel=3)

    def __call__(self) -> tuple[float, dict[str, float]]:
        """The mean loss, and each metric."""
        losses, outputs = self._evaluate()
        return fsum(losses) / len(losses), {
            name: float(metric(outputs, self.targets)) for name, metric in self.metrics.items()
        }

    def _eagerly(self) -> tuple[list[float], list[Any]]:
        self.steps.store()
        with evaluating(self.model), no_grad():
            outputs = [self.model(x) for x in self.X]
            losses = [_numbers(self.loss(output, target)) for output, target in zip(outputs, self.y)]
        return losses, [_numbers(output) for output in outputs]


def metrics_by_name(given: Sequence[str | Metric], loss: Callable[[Any, Any], Any]) -> dict[str, Metric]:
    """The functions of metrics that are given by name or as functions, which have names.

    Args:
        given: "accuracy", the name of a loss, or functions.
        loss: of the training: where that takes probabilities, the accuracy does, too.

    Raises:
        ValueError: a name is unknown, or serves twice, or for another column of the history.
    """
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


Samples = tuple[Sequence[Any], Sequence[Any]]


def split_validation(
    X: Sequence[Any], y: Sequence[Any], data: Samples | None, split: float, seed: int
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those to validate on, if there are any.

    Args:
        X, y: all samples.
        data: those to validate on.
        split: or which part of all to hold out for it.
        seed: of the choice.

    Raises:
        ValueError: both are given, or ``split`` leaves one side empty; or lengths differ.
    """
    if data is not None:
        if split:
            raise ValueError(f"give validation_data or validation_split={split}, not both")
        if len(data) != 2:
            raise ValueError(f"validation_data must be a pair (X, y), got {len(data)} things")
        X_test, y_test = map(samples_of, data)
        check_pairs(X_test, y_test, "validation_data")
        return (X, y), (X_test, y_test)
    if not split:
        return (X, y), None
    if not 0.0 < split < 1.0 or not 0 < round(split * len(X)) < len(X):
        raise ValueError(
            f"validation_split={split} of {len(X)} samples leaves nothing on one side: "
            "give a share between 0 and 1, or validation_data"
        )
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=float(split), seed=seed)
    return (X_train, y_train), (X_test, y_test)
