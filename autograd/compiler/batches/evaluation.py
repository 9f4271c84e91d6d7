"""Outputs of a function for many samples, natively: one sample is recorded, and the samples are its lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compiler.batches.samples import record_sample, table_of
from autograd.compiler.calls.reuse import reused
from autograd.compiler.collecting import collector_paused
from autograd.compiler.machine.machine import Machine
from autograd.compiler.pipeline import inlined
from autograd.compiler.program.classes import Kind
from autograd.compiler.program.group import group
from autograd.compiler.recording.record import Recording
from autograd.value import Value

__all__ = ["Evaluator"]

_LANES = 64  # per call: the numbers of a network of a hundred neurons stay in the nearest cache


class Evaluator:
    """A function of one sample, evaluated for all samples of a data set, again and again with other parameters.

    Args:
        f: The function of one sample, ``f(*sample)``, which returns a list of Values.
        data: The values of each argument of ``f`` for all samples: numbers, nested lists of them, or one array.
        leaves: those leaves whose numbers each call is given; others that ``f`` uses are read where they are.

    Raises:
        DataDependentError: the function decides by its data.
        SamplesError: something in the data is no number, or the samples are of different shapes.
        CompileError: the function does something else that the compiler cannot do.
    """

    def __init__(self, f: Callable[..., Any], data: Sequence[Sequence[Any]], leaves: Sequence[Value] = ()) -> None:
        recording = record_sample(f, data, "the evaluation", several=True)
        self.recorded = [output._data for output in recording.outputs]
        known = set(leaves)
        self.others = [leaf for leaf in recording.parameters if leaf not in known]
        columns = table_of(data)
        self.count = len(columns)
        self.lanes = lanes = min(_LANES, max(self.count, 2))
        whole = recording._replace(parameters=[*leaves, *self.others])
        with collector_paused():
            self.machine = reused("evaluation", whole, lanes, lambda: _machine(whole, lanes))
        self.frame = self.machine.frame()
        # The last call is filled up with the last sample.
        places = np.minimum(np.arange(-(-self.count // lanes) * lanes), self.count - 1).reshape(-1, lanes)
        self.data = self.machine.data(len(places))
        self.machine.fill(self.data, Kind.ARGUMENT, columns[places].transpose(0, 2, 1))

    def __call__(self, numbers: Any) -> Any:
        """Every output for every sample, [output, sample], with these numbers of the leaves."""
        self.machine.fill(self.frame, Kind.PARAMETER, np.concatenate([numbers, [leaf._data for leaf in self.others]]))
        found = np.empty((len(self.recorded), len(self.data), self.lanes))
        for k, data in enumerate(self.data):
            self.machine.run(self.frame, data[None])
            for row, output in zip(found[:, k], self.machine.program.outputs):
                row[:] = self.machine.read(self.frame, data[None], output)
        return found.reshape(len(found), -1)[:, : self.count]


def _machine(recording: Recording, lanes: int) -> Machine:
    """The machine code of all outputs for so many samples."""
    lists = [[output] for output in recording.outputs]
    builder, outputs, _ = group(lists, recording.arguments, recording.parameters, recording.nodes, batched=True)
    return Machine(inlined(builder.program(outputs)), lanes)
