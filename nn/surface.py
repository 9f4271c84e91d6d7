"""The outputs of a model over a plane: what the pictures of boundaries are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import AutogradError
from nn.validation import predict

__all__ = ["Surface"]


class Surface:
    """A plane of points around some samples, and the outputs of a model there.

    In machine code where there is a compiler and it agrees with the model; it follows the parameters.

    Attributes:
        xs, ys: the coordinates of the grid.
        points: all of them, row by row.
    """

    def __init__(
        self, model: Callable[[Any], Any], X: Sequence[Sequence[float]], y: Sequence[Any], resolution: int = 100
    ) -> None:
        if len(X) != len(y):
            raise ValueError(f"X has {len(X)} samples but y has {len(y)} targets: give one target per sample")
        if not len(X) or any(len(x) != 2 for x in X):
            raise ValueError("a boundary is drawn for samples of two features: give X as pairs of numbers")
        if resolution < 2:
            raise ValueError(f"resolution must be at least 2, got {resolution}")
        self.model, self.X, self.y = model, X, [_class_of(target) for target in y]
        self.xs, self.ys = [_spaced([x[k] for x in X], resolution) for k in (0, 1)]
        self.points = [[x1, x2] for x2 in self.ys for x1 in self.xs]
        self.compiled = self._compile()

    def _compile(self) -> list[Any]:
        """A compiled function per output; none where that is not possible."""
        from autograd.compiler.kernels import native_available

        if not native_available():
            return []
        some = self.points[:: max(1, len(self.points) // 5)]
        expected = [output if isinstance(output, list) else [output] for output in predict(self.model, some)]
        compiled = [autograd.compile(self._output(j)) for j in range(len(expected[0]))]
        try:
            found = self._mapped(compiled, some)
        except Exception:  # of any kind: what cannot be compiled is computed as it is
            return []
        if max(function.recordings for function in compiled) >= len(some):  # it decides anew at every point
            return []
        pairs = [(a, b) for f, e in zip(found, expected) for a, b in zip(f, e)]
        return compiled if all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs) else []

    def _output(self, j: int) -> Callable[..., Any]:
        def output(*x: Any) -> Any:
            found = self.model(list(x))
            return found[j] if isinstance(found, list) else found

        return output

    @staticmethod
    def _mapped(compiled: Sequence[Any], points: Sequence[Sequence[float]]) -> list[list[float]]:
        columns = list(zip(*points))
        return [list(row) for row in zip(*[list(map(float, function.map(*columns)[0])) for function in compiled])]

    def outputs(self) -> list[list[float]]:
        """The outputs at all points, with the parameters as they are now."""
        if self.compiled:
            try:
                return self._mapped(self.compiled, self.points)
            except AutogradError:  # it decides in too many ways
                self.compiled = []
        return [output if isinstance(output, list) else [output] for output in predict(self.model, self.points)]


def _class_of(target: Any) -> float:
    """A target as a number: the place of the largest in a vector."""
    if hasattr(target, "__len__"):
        return float(max(range(len(target)), key=target.__getitem__))
    return float(target)


def _spaced(numbers: Sequence[float], count: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.12 * (high - low) or 1.0
    step = (high - low + 2 * margin) / (count - 1)
    return [low - margin + step * i for i in range(count)]
