"""The outputs of a model over a plane: what the pictures of boundaries are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nn.data import argmax, check_pairs, samples_of
from nn.evaluation import native_outputs, predict, single

__all__ = ["Surface"]


class Surface:
    """A plane of points around some samples, and the outputs of a model there.

    Machine code computes them if possible; it is made once, and reads the parameters at each call.

    Attributes:
        xs, ys: The coordinates of the grid.
        points: All of them, row by row.
        compiled: A function that gives the outputs natively; None if that is not possible.
    """

    def __init__(
        self, model: Callable[[Any], Any], X: Sequence[Sequence[float]], y: Sequence[Any], resolution: int = 100
    ) -> None:
        X, y = samples_of(X), samples_of(y)
        check_pairs(X, y)
        if any(len(x) != 2 for x in X):
            raise ValueError("a boundary is drawn for samples of two features: give X as pairs of numbers")
        if resolution < 2:
            raise ValueError(f"resolution must be at least 2, got {resolution}")
        self.model, self.X, self.y = model, X, [_class_of(target) for target in y]
        self.xs, self.ys = [_spaced([x[k] for x in X], resolution) for k in (0, 1)]
        self.points = [[x1, x2] for x2 in self.ys for x1 in self.xs]
        self.compiled = native_outputs(model, self.points)

    def outputs(self) -> list[list[float]]:
        """The outputs at all points, with the parameters as they are now."""
        outputs = self.compiled() if self.compiled else predict(self.model, self.points)
        return [output if isinstance(output, list) else [output] for output in outputs]


def _class_of(target: Any) -> float:
    """A target as a number: the place of the largest in a vector."""
    if isinstance(target, str):
        raise ValueError(
            f"the class {target!r} is text: give indices of classes, [sorted(set(y)).index(label) for label in y]"
        )
    target = single(target)
    return float(argmax(target) if hasattr(target, "__len__") else target)


def _spaced(numbers: Sequence[float], count: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.12 * (high - low) or 1.0
    step = (high - low + 2 * margin) / (count - 1)
    return [low - margin + step * i for i in range(count)]
