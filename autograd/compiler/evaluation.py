"""Outputs of a function for many samples, natively: one sample is recorded, and the samples are its lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compiler.arrange import arrange
from autograd.compiler.builder import collector_paused
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import inlined
from autograd.compiler.lanes import spread
from autograd.compiler.native import Kernel
from autograd.compiler.record import program_of
from autograd.compiler.samples import record_sample, table_of
from autograd.value import Value

__all__ = ["Evaluator"]

_LANES = 64  # per call: the numbers of a network of a hundred neurons stay in the nearest cache


class Evaluator:
    """A function of one sample, evaluated for all samples of a data set, again and again with other parameters.

    Args:
        f: of one sample, ``f(*sample)``; it returns a list of Values.
        data: for each argument of ``f`` what it is for each sample: numbers, nested lists of them, or one array.
        leaves: those leaves whose numbers each call is given; others that ``f`` uses are read where they are.

    Raises:
        DataDependentError: the recorded function has guards.
        TypeError: something in the data is no number.
        ValueError: the samples are of different shapes.
    """

    def __init__(self, f: Callable[..., Any], data: Sequence[Sequence[Any]], leaves: Sequence[Value] = ()) -> None:
        recording = record_sample(f, data, "the evaluation", several=True)
        self.recorded = [output._data for output in recording.outputs]
        known = set(leaves)
        self.others = [leaf for leaf in recording.parameters if leaf not in known]
        columns = table_of(data)
        self.count = len(columns)
        lanes = min(_LANES, max(self.count, 2))
        with collector_paused():
            program = flatten(program_of(recording._replace(parameters=[*leaves, *self.others])))
            builder, outputs = spread(program, lanes)
            arrays = arrange(inlined(flatten(builder.program(outputs))).verify())
            self.kernel = Kernel(arrays)
        self.frame = self.kernel.frame()
        # The last call is filled up with the last sample.
        last = self.count - 1
        calls = [columns[np.minimum(np.arange(first, first + lanes), last)].T for first in range(0, self.count, lanes)]
        numbered = list(enumerate(arrays.arrays))
        self.parameters = [(i, np.array(array.payload)) for i, array in numbered if array.kind == "parameter"]
        arguments = [(i, np.array(array.payload)) for i, array in numbered if array.kind == "argument"]
        self.calls = [[(i, call[index]) for i, index in arguments] for call in calls]
        self.lanes = lanes

    def __call__(self, numbers: Any) -> Any:
        """Every output for every sample, [output, sample], with these numbers of the leaves."""
        live = np.concatenate([numbers, [leaf._data for leaf in self.others]])
        for array, index in self.parameters:
            self.kernel.write(self.frame, array, live[index])
        found = np.empty((len(self.recorded), len(self.calls), self.lanes))
        for k, arguments in enumerate(self.calls):
            for array, values in arguments:
                self.kernel.write(self.frame, array, values)
            self.kernel.run(self.frame)
            for row, output in zip(found[:, k], self.kernel.read(self.frame)):
                row[:] = output
        return found.reshape(len(found), -1)[:, : self.count]
