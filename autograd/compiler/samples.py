"""Functions of one sample, which is recorded and stands for all: the samples as a table, one row of numbers each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compiler.arguments import arguments_of
from autograd.compiler.builder import collector_paused
from autograd.compiler.record import Recording, advice, record
from autograd.errors import AutogradError

__all__ = ["DataDependentError", "record_sample", "table_of"]


class DataDependentError(AutogradError):
    """A function of a sample decides by its data, so that one recording does not serve all samples."""


def record_sample(
    f: Callable[..., Any], data: Sequence[Sequence[Any]], what: str, *, several: bool = False
) -> Recording:
    """The recording of a function at the first sample.

    Args:
        f: of one sample, ``f(*sample)``.
        data: for each argument of ``f`` what it is for each sample.
        what: it computes, for the message.
        several: it returns a list of Values.

    Raises:
        DataDependentError: the recording has guards.
    """
    with collector_paused():
        recording = record(f, [values[0] for values in data], several=several)
    if recording.guards:
        raise DataDependentError(f"{what} of a sample {advice(recording.guards[0])}, or train with compile=False")
    return recording


def table_of(data: Sequence[Sequence[Any]]) -> Any:
    """The numbers of each sample in a row.

    Args:
        data: for each argument what it is for each sample: numbers, nested lists of them, or one array.

    Raises:
        TypeError: something is no number.
        ValueError: the samples are of different shapes.
    """
    return np.hstack([_rows(values) for values in data])


def _rows(values: Sequence[Any]) -> Any:
    try:
        table = np.asarray(values)
    except ValueError:  # rows of different lengths
        table = np.empty(0, object)
    if table.dtype.kind in "biuf":
        return table.reshape(len(values), -1).astype(float, copy=False)
    rows = [arguments_of(value, f"sample {i}") for i, value in enumerate(values)]
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"sample 0 has {len(rows[0])} numbers, but sample {i} has {len(row)}")
    return np.array(rows, dtype=float)
