"""``Compiled.map``: a function of scalars, and its gradient, at many points."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.compiler.arguments import is_whole, structure
from autograd.errors import AutogradError
from autograd.modes import current_modes, open_contexts
from autograd.ops import as_float

if TYPE_CHECKING:
    from autograd.compiler.compiled import Compiled

__all__ = ["map_points"]

MOST_RECORDINGS = 64  # for the points of one call


def map_points(compiled: Compiled, arrays: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Values and gradients at N points; where guards do not hold, those points are recorded apart.

    Raises:
        TypeError, ValueError: arguments that are no one-dimensional arrays of numbers of one length.
        AutogradError: the function decides differently at too many points.
    """
    if not arrays:
        raise TypeError("map needs one array of numbers per argument of the function")
    columns = [_column(array, i) for i, array in enumerate(arrays)]
    kinds = [int if is_whole(array) else float for array in arrays]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"map needs arrays of one length, got {', '.join(map(str, lengths))}")
    if open_contexts.count and current_modes().strict:  # which looks at each operation
        rows = [compiled.value_and_grad(*[kind(x) for kind, x in zip(kinds, point)]) for point in zip(*columns)]
        slopes = zip(*[row[1] for row in rows]) if rows else [() for _ in columns]
        return _column([row[0] for row in rows], 0), tuple([_column(list(column), 0) for column in slopes])
    results, pending = _evaluate(compiled, columns, kinds, range(lengths[0]), 0)
    for attempt in range(1, MOST_RECORDINGS):
        if not pending:
            break
        found, failed = _evaluate(compiled, columns, kinds, pending, attempt)
        for result, part in zip(results, found):
            for i, number in zip(pending, part):
                result[i] = number
        pending = [pending[k] for k in failed]
    if pending:
        raise AutogradError(
            f"the function decides by its data (if, max, .data) in more than {MOST_RECORDINGS} ways at these points: "
            "write such a decision with autograd.where, maximum or relu"
        )
    return results[0], tuple(results[1:])


def _evaluate(
    compiled: Compiled, columns: list[Any], kinds: Sequence[type], points: Sequence[int], attempt: int
) -> tuple[list[Any], list[int]]:
    """Value and gradients at some of the points by one variant; and the positions at which its guards do not hold."""
    every = len(points) == len(columns[0])
    here = columns if every else [_chosen(column, points) for column in columns]
    first = [kind(column[0] if points else 0.0) for kind, column in zip(kinds, here)]
    variant = compiled.variant(structure(first)[0], attempt, first)
    outputs = variant.point_plan().at(here, variant.live())
    if not variant.recording.guards:
        return outputs, []
    value, violations, *gradients = outputs
    return [value, *gradients], [i for i, count in enumerate(violations) if count != 0.0]


def _chosen(column: Any, points: Sequence[int]) -> Any:
    return column[points] if hasattr(column, "dtype") else [column[i] for i in points]


def _column(array: Any, position: int) -> Any:
    """An argument as numbers: a contiguous numpy array where numpy is installed, else a list."""
    if importlib.util.find_spec("numpy") is None:
        return [as_float(x) for x in array]
    import numpy as np

    given = np.asarray(array)
    if given.dtype == object or given.dtype.kind not in "biuf":
        given = np.array([as_float(x) for x in array])
    if given.ndim != 1:
        raise ValueError(f"argument {position} of map must be one-dimensional, one number per point, not {given.shape}")
    return np.ascontiguousarray(given, dtype=float)
