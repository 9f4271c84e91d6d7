"""``Compiled.map``: a function of scalars, and its gradient, at many points."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any

from autograd.compiler.calls.budget import FEW, MOST
from autograd.compiler.calls.recordings import Uncompiled
from autograd.compiler.calls.variants import Variant
from autograd.compiler.recording.arguments import kind_of, structure
from autograd.errors import AutogradError
from autograd.modes import current_modes, open_contexts
from autograd.ops import as_float

__all__ = ["map_points"]

ENOUGH = 1000  # points that a recording must serve to pay: recording costs as much as these points by the graph


def map_points(compiled: Uncompiled, arrays: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Values and gradients at N points; the points at which a guard does not hold get a recording of their own.

    A few points that no recording serves are evaluated without the compiler.

    Raises:
        TypeError, ValueError: The arguments are not one-dimensional arrays of numbers of the same length.
    """
    if not arrays:
        raise TypeError("map needs one array of numbers per argument of the function")
    columns = [_column(array, i) for i, array in enumerate(arrays)]
    kinds = [kind_of(array) for array in arrays]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"map needs arrays of the same length, got {', '.join(map(str, lengths))}")
    results: list[Any] = [[0.0] * lengths[0] for _ in range(1 + len(columns))]
    if open_contexts.count and current_modes().strict:  # strict() checks each operation
        _by_graph(compiled, columns, kinds, range(lengths[0]), results)
        return _column(results[0], 0), tuple([_column(result, 0) for result in results[1:]])
    kind_of_call = structure([kind() for kind in kinds])[0]
    kept = list(compiled.kept.holding(kind_of_call))
    pending: Sequence[int] = range(lengths[0])
    served = attempt = 0
    while not attempt or (pending and (attempt < len(kept) or attempt < FEW or (served >= ENOUGH and attempt < MOST))):
        if attempt >= len(kept) and compiled.never:
            break
        here = columns if not attempt else [_chosen(column, pending) for column in columns]
        first = [kind(column[0] if len(pending) else 0.0) for kind, column in zip(kinds, here)]
        variant = kept[attempt] if attempt < len(kept) else compiled.recorded(first, kind_of_call)
        if variant is None or not variant.outside.holds():
            break
        variant.check_gradients()
        if variant.recording.effects.any:
            raise AutogradError(
                "map evaluates a function at many points at once, but this function changes something at each call "
                "(.data, .grad, or a number outside): call it once for each point"
            )
        found, failed = _evaluate(variant, here)
        if attempt:
            for result, part in zip(results, found):
                for k, i in enumerate(pending):
                    result[i] = part[k]
        else:
            results = found
        served, attempt = len(pending) - len(failed), attempt + 1
        pending = [pending[k] for k in failed]
    if len(pending) > ENOUGH:
        compiled.warn_of_graph(kind_of_call, f"{lengths[0]} points")
    _by_graph(compiled, columns, kinds, pending, results)
    if isinstance(results[0], list):
        results = [_column(result, 0) for result in results]
    return results[0], tuple(results[1:])


def _by_graph(
    compiled: Uncompiled, columns: list[Any], kinds: Sequence[type], points: Iterable[int], results: Sequence[Any]
) -> None:
    """Write value and gradients at some of the points, computed without the compiler."""
    for i in points:
        point = [kind(column[i]) for kind, column in zip(kinds, columns)]
        value, gradients = compiled.by_graph(point, point)
        for result, number in zip(results, (value, *gradients)):
            result[i] = number


def _evaluate(variant: Variant, columns: list[Any]) -> tuple[list[Any], list[int]]:
    """Value and gradients at all points by one variant, and the positions at which its guards do not hold."""
    live = variant.live(())
    if live is None:
        raise AutogradError("something that the function reads outside was a number, and is no number now")
    outputs = variant.point_plan().at(columns, live)
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
