"""How good a model is: its outputs for many samples, eagerly or in machine code, and their accuracy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd import Value, no_grad
from autograd.errors import CompileError
from nn.chance import check_repeatable, not_drawn, tried
from nn.data import argmax, first_not_finite, samples_of
from nn.losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, hinge_loss
from nn.module import Module

Metric = Callable[[Any, Any], float]

# The losses of classifiers, each with the single output above which the class is the positive one.
_THRESHOLDS: dict[Callable[..., Any], float] = {
    cross_entropy: 0.0, binary_cross_entropy: 0.5, binary_cross_entropy_with_logits: 0.0, hinge_loss: 0.0,
}  # fmt: skip


def predict(model: Callable[[Any], Any], X: Sequence[Any], *, compile: bool = False) -> list[Any]:
    """The outputs for many samples as floats (a list per sample where there are several); no graph is kept.

    The model is a function of a sample that gives a Value or a list of them.  With ``compile``, machine code is made
    from its graph for the first sample, and run for all.  This pays off for thousands of samples; the outputs are the
    same to rounding.  A model that branches on its data, or draws random numbers, runs on each sample in any case.

    >>> predict(MLP(1, [2], init="zeros"), [[5.0]])
    [[0.0, 0.0]]
    """
    check_model(model, "predict(model, X)")
    X = samples_of(X)
    if compile and len(X) > 1 and (natively := native_outputs(model, X)):
        return natively()
    outputs = []
    with no_grad():
        for i, x in enumerate(X):
            with errors_name(i, X=x):
                outputs.append(numbers_in(model(x)))
    return outputs


@contextmanager
def errors_name(i: int, **held: Any) -> Iterator[None]:
    """In this context the message of a TypeError or ValueError begins with the number of the sample.

    A value that is missing in what is ``held`` of it, X or y, is named instead.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):  # of a class whose arguments nobody knows
            raise
        for name, row in held.items():
            if isinstance(error, TypeError) and (bad := first_not_finite([row])) and bad[2] is None:
                place, remedy = f"{name}[{i}]{bad[1]}", "leave the sample out, or put a number there"
                raise TypeError(f"sample {i}: {place} is None, a missing value: {remedy}") from error
        is_text = isinstance(error, TypeError) and isinstance(held.get("y"), str)
        remedy = ": number the classes, as in classes.index(text)" if is_text else ""
        raise type(error)(f"sample {i}: {error}{remedy}") from error


def check_model(model: Any, usage: str) -> None:
    """Refuse a model that is no function of a sample; ``usage`` shows the call in which it was given."""
    if isinstance(model, type):
        raise TypeError(f"the model is the class {model.__name__}: make an object of it, as in {model.__name__}(…)")
    if not callable(model):
        kind = type(model).__name__
        raise TypeError(f"the model comes first, as in {usage}, and is a function of one sample: got a {kind}")


def native_outputs(model: Callable[[Any], Any], X: Sequence[Any]) -> Callable[[], list[Any]] | None:
    """A function that computes the outputs for some samples natively, with the parameters as they are at each call.

    None where the compiler cannot do what the model does.  An error of the model comes up again when it is run eagerly.
    """
    from autograd.compiler.backends import compile_errors, native_available

    if not native_available():
        return None
    from autograd.compiler.recording.outside import Outside

    found = Outputs()

    def outputs(x: Any) -> list[Any]:
        with compile_errors():
            return found.listed(model(x))

    try:
        evaluator = evaluator_of(model, outputs, (X,), Outside(model))
    except CompileError:
        return None
    return lambda: found.by_sample(evaluator([]))


def numbers_in(output: Any) -> Any:
    """An output with floats in place of its Values."""
    if hasattr(output, "__len__") and not isinstance(output, dict):
        return [numbers_in(a) for a in output]
    return output.data if isinstance(output, Value) else output


def accuracy(outputs: Sequence[Any], targets: Sequence[Any], *, threshold: float = 0.0) -> float:
    """The share of samples whose class was predicted right.

    Args:
        outputs: One number per class for each sample, of which the largest decides; or a single number for each sample,
            alone or in a list, which means the positive class if it is above the threshold.
        targets: The index of each sample's class, or a list with 1 at it; beside single outputs, a number that is
            positive for the positive class.
        threshold: The least single output of the positive class: 0 for scores and logits, 0.5 for probabilities.

    Raises:
        ValueError: There are no samples, or the lengths differ, also those of one sample's outputs and targets.
        TypeError: The outputs or the targets are text.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]), accuracy([2.5, -0.1], [1, -1])
    (0.5, 1.0)
    """
    targets = samples_of(targets)
    if len(outputs) != len(targets):
        raise ValueError(f"there are {len(outputs)} outputs but {len(targets)} targets")
    if not len(outputs):
        raise ValueError("there are no samples")
    for row in (outputs[0], targets[0]):
        if row is None or isinstance(single(row), str):
            raise TypeError(f"accuracy compares outputs, which are numbers, with indices of classes: got {row!r}")
    alone = [single(target) for target in targets]
    like_probabilities = all(isinstance(a := single(output), float) and 0.0 < a <= 1.0 for output in outputs)
    if not threshold and like_probabilities and any(not hasattr(y, "__len__") and y <= 0 for y in alone):
        warnings.warn(
            "all outputs are between 0 and 1, so that each counts as positive: "
            "give threshold=0.5 if they are probabilities",
            RuntimeWarning,
            stacklevel=2,
        )
    return sum(_is_right(output, target, threshold) for output, target in zip(outputs, targets)) / len(outputs)


def _is_right(output: Any, target: Any, threshold: float) -> bool:
    output, target = single(output), single(target)
    widths = [len(x) if hasattr(x, "__len__") else 1 for x in (output, target)]
    if widths[1] not in (1, widths[0]):
        raise ValueError(f"a sample has outputs for {widths[0]} but targets for {widths[1]}: give one of each")
    if widths[0] == 1:
        return bool((output > threshold) == (target > 0))
    return bool(argmax(output) == (target if widths[1] == 1 else argmax(target)))


def threshold_of(loss: Callable[[Any, Any], Any]) -> float | None:
    """The single output above which the class is positive, for the loss of a classifier; None for other losses."""
    return _THRESHOLDS.get(loss) if isinstance(loss, Hashable) else None


def single(x: Any) -> Any:
    """The member of a list that has one; else what was given."""
    return x[0] if hasattr(x, "__len__") and len(x) == 1 else x


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """A module in evaluation mode for a while; each module inside returns to the mode it was in."""
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


# ---- in machine code -------------------------------------------------------------------------------------------------
def evaluator_of(
    model: Callable[[Any], Any], f: Callable[..., list[Any]], data: Sequence[Sequence[Any]], outside: Any,
    leaves: Sequence[Value] = (),
) -> Any:  # fmt: skip
    """A native ``Evaluator`` of a function of one sample that uses a model; what the model sees is given, too."""
    from autograd.compiler.batches.samples import Evaluator

    with not_drawn(model) as moved, tried(outside):
        evaluator = Evaluator(f, data, leaves)
        check_repeatable(lambda: f(*[values[0] for values in data]), evaluator.recorded, moved)
    return evaluator


class Outputs:
    """The outputs of a model as lists, and the way back from lists to what ``predict`` returns."""

    single = False

    def listed(self, output: Any) -> list[Any]:
        """The numbers of an output; lists of lists are refused."""
        self.single = not hasattr(output, "__len__")
        numbers = [output] if self.single else list(output)
        if any(hasattr(number, "__len__") for number in numbers):
            raise CompileError("the model gives lists of lists")
        return numbers

    def by_sample(self, columns: Any) -> list[Any]:
        """Outputs [output, sample] as one list per sample, or as one number where there is a single output."""
        rows: list[Any] = columns[0].tolist() if self.single else columns.T.tolist()
        return rows
