"""Functions of one sample, which is recorded and stands for all.

The samples are a table, one row of numbers each; what is computed of them is all outputs, or sums over samples.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from autograd.collector import collector_paused
from autograd.compiler.backends import Kernel, first_that_can
from autograd.compiler.calls.replay import evaluated
from autograd.compiler.calls.reuse import reused
from autograd.compiler.machine.library import kept
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.points import Points
from autograd.compiler.pipeline import assemble, inlined
from autograd.compiler.program.classes import Program
from autograd.compiler.python.writer import PythonKernel
from autograd.compiler.recording.arguments import arguments_of, form
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import Recording, advice, record
from autograd.errors import CompileError
from autograd.locks import renew_in_child
from autograd.ops import as_float
from autograd.trees import rebuild
from autograd.value import Value

__all__ = ["DataDependentError", "Evaluator", "Gradients", "SamplesError", "record_sample", "rows_of", "table_of"]


class DataDependentError(CompileError):
    """A function of a sample decides by its data, so that one recording does not serve all samples."""


class SamplesError(CompileError, ValueError):
    """The samples are not all of one structure, or something in them is no number, so that they make no table."""


def record_sample(
    f: Callable[..., Any],
    data: Sequence[Sequence[Any]],
    what: str,
    outside: Outside | None = None,
    *,
    several: bool = False,
) -> Recording:
    """The recording of a function at the first sample.

    Args:
        f: A function of one sample, ``f(*sample)``.
        data: The values of each argument of ``f`` for all samples.
        what: Name of what ``f`` computes, used in the error message.
        outside: Everything that the function can read besides its arguments, if that is known.
        several: Whether ``f`` returns a list of Values instead of one.

    Raises:
        DataDependentError: It decides by its data, and not for all samples in the same way.
        SamplesError: Something in the first sample is no number.
    """
    with collector_paused():
        recording = record(f, [_first(values) for values in data], outside, several=several)
    if recording.guards and not _hold_for_all(recording, table_of(data)):
        raise DataDependentError(f"{what} of a sample {advice(recording.guards[0])}, or train with compile=False")
    return recording._replace(guards=[])


def _hold_for_all(recording: Recording, columns: Any) -> bool:
    """Whether the decisions are those of every sample, whatever the parameters are: an index that exists, say."""
    decided = [guard.node for guard in recording.guards]
    graph = recording.nodes.followed(decided)
    known = {*graph.others, *decided}
    if not known.isdisjoint(recording.parameters):
        return False
    read = [k for k, leaf in enumerate(recording.arguments) if leaf in known]
    alone = Recording([], [recording.arguments[k] for k in read], [], recording.guards, graph)
    rows = np.unique(columns[:, read], axis=0).tolist()
    return all(evaluated(alone, row, [], differentiated=False) is not None for row in rows)


def table_of(data: Sequence[Sequence[Any]]) -> Any:
    """The numbers of each sample in a row.

    Raises:
        SamplesError: Something is no number, or two samples have different structures.  They must agree in the kinds of
            their containers, in the keys of dictionaries and the order of these keys, and in all lengths.
    """
    return np.hstack([_rows(values) for values in data])


def _rows(values: Sequence[Any]) -> Any:
    table = _regular(values)
    if table is not None:
        return table.reshape(len(values), -1).astype(float, copy=False)
    rows = [_numbers(value, f"sample {i}") for i, value in enumerate(values)]
    first = form(values[0])
    for i, (value, row) in enumerate(zip(values, rows)):
        if len(row) != len(rows[0]):
            raise SamplesError(f"sample 0 has {len(rows[0])} numbers, but sample {i} has {len(row)}")
        if form(value) != first:
            raise SamplesError(f"sample 0 has the structure {first}, but sample {i} has {form(value)}")
    return np.array(rows, dtype=float)


def _regular(values: Sequence[Any]) -> Any:
    """The samples as one array, if all of them are nested in the same way and numpy sees that; else None."""
    try:
        table = np.asarray(values)
    except ValueError:  # rows of different lengths
        return None
    if table.dtype.kind not in "biuf":
        return None
    # numpy takes a list, a tuple and an array of the same numbers for the same thing; a model may not.
    level: Any = values
    for _ in range(table.ndim):
        if isinstance(level, np.ndarray):
            break
        kinds = {*map(type, level)}
        if len(kinds) > 1 and not all(issubclass(kind, (int, float, np.generic)) for kind in kinds):
            return None
        if not issubclass(next(iter(kinds), float), (list, tuple)):
            break  # numbers, or arrays, whose lengths numpy has compared
        level = list(chain.from_iterable(level))
    return table


def _first(values: Sequence[Any]) -> Any:
    """The first sample, with a float in the place of each int that is a float in another sample."""
    first = values[0]
    whole = [*map(_is_int, _numbers(first, "sample 0"))]
    if not any(whole):
        return first
    for value in values if getattr(values, "dtype", None) is None else ():
        whole = [a and b for a, b in zip(whole, map(_is_int, arguments_of(value)))]
    if all(whole):
        return first
    return rebuild(first, [x if stays else as_float(x) for x, stays in zip(arguments_of(first), whole)])


def _numbers(sample: Any, name: str) -> list[Any]:
    """The numbers of a sample.

    Raises:
        SamplesError: Something in it is no number, or an int that no float is equal to.
    """
    try:
        return arguments_of(sample, name, fixed=False)
    except (TypeError, OverflowError) as error:
        raise SamplesError(str(error)) from error


def _is_int(x: Any) -> bool:
    return isinstance(x, int)


# ---- the outputs of all samples --------------------------------------------------------------------------------------
_LANES = 64  # per call: the numbers of a network of a hundred neurons stay in the nearest cache


class Evaluator:
    """A function of one sample, evaluated for all samples of a data set, again and again with other parameters.

    Args:
        f: The function of one sample, ``f(*sample)``, which returns a list of Values.
        data: The values of each argument of ``f`` for all samples: numbers, nested lists of them, or one array.
        leaves: The leaves whose numbers each call is given; others that ``f`` uses are read where they are.

    Raises:
        DataDependentError: The function decides by its data.
        SamplesError: Something in the data is no number, or the samples are of different shapes.
        CompileError: The function does something else that the compiler cannot do.
    """

    def __init__(self, f: Callable[..., Any], data: Sequence[Sequence[Any]], leaves: Sequence[Value] = ()) -> None:
        recording = record_sample(f, data, "the evaluation", several=True)
        self.recorded = [output._data for output in recording.outputs]
        known = set(leaves)
        self.others = [leaf for leaf in recording.parameters if leaf not in known]
        columns = table_of(data)
        lanes = min(_LANES, max(len(columns), 2))
        whole = recording._replace(parameters=[*leaves, *self.others])
        with collector_paused():
            machine = reused(
                "evaluation", whole, lanes,
                lambda name: kept(name, lambda: Machine(inlined(assemble(whole, batched=True).program), lanes)),
            )  # fmt: skip
        self.points, self.columns = Points(machine), columns.T

    def __call__(self, numbers: Any) -> Any:
        """Every output for every sample, [output, sample], with these numbers of the leaves."""
        return np.array(self.points(self.columns, np.concatenate([numbers, [leaf._data for leaf in self.others]])))


# ---- sums over samples, for someone else's step ----------------------------------------------------------------------
# Gradients over samples are sums, so a batch can be cut into parts and each part computed on another machine.  What
# travels there is the program of the loss and its gradient; the machine code is made where it runs.
_MOST_LANES = 256  # samples in one evaluation: what they need stays in the cache


def rows_of(columns: Any, batch: Sequence[int]) -> Any:
    """The rows of a batch; those of a range are a view."""
    return columns[batch.start : batch.stop : batch.step] if isinstance(batch, range) else columns[batch]


class Gradients:
    """Sums of a loss and of its gradient over any number of samples, for any number of threads at a time.

    It can be pickled; the machine code stays behind and is made again where it is needed.
    """

    def __init__(self, program: Program, trained: int) -> None:
        self.program, self.trained = program, trained
        self._kernels: dict[int, Kernel] = {}
        self._lock = threading.Lock()
        renew_in_child(self, "_lock", threading.Lock)

    def __reduce__(self) -> tuple[Any, ...]:
        return Gradients, (self.program, self.trained)

    def __call__(self, columns: Any, batch: Sequence[int], parameters: Any) -> Any:
        """The sum of the losses, then that of each derivative.

        Args:
            columns: The numbers of all samples, one row per sample.
            batch: The places of the samples of this batch.
            parameters: The numbers of all captured leaves.
        """
        sums = np.zeros(1 + self.trained)
        for first in range(0, len(batch), _MOST_LANES):
            rows = rows_of(columns, batch[first : first + _MOST_LANES])
            loss, gradient = self._kernel(len(rows))(rows.T if len(rows) > 1 else rows[0], parameters)
            sums[0] += loss[0]
            sums[1:] += gradient
        return sums

    def _kernel(self, lanes: int) -> Kernel:
        with self._lock, collector_paused():
            if lanes not in self._kernels:
                make = partial(Machine, self.program, lanes), partial(PythonKernel, self.program, lanes)
                self._kernels[lanes] = first_that_can(*make, "auto")
            return self._kernels[lanes]
