"""Calling machine code with plain lists: where each number goes in the memory of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from autograd.compiler.arrange import arrange
from autograd.compiler.arrays import ArrayProgram
from autograd.compiler.native import Kernel
from autograd.compiler.program import Program

__all__ = ["NativeKernel"]


class NativeKernel:
    """A program as machine code, for any number of threads at a time."""

    def __init__(self, program: Program) -> None:
        self.arrays: ArrayProgram = arrange(program)
        self.kernel = Kernel(self.arrays)
        self.constants: list[float] = []
        self.reads: list[tuple[int, Any]] = []  # argument arrays, and which number goes where
        self.live: list[tuple[int, Any]] = []  # the same for parameters
        for i, array in enumerate(self.arrays.arrays):
            if array.kind == "argument":
                self.reads.append((i, _slice_if_dense(self._index(array.payload))))
            elif array.kind == "parameter":
                self.live.append((i, _slice_if_dense(np.array(array.payload))))
        self.free_frames: list[Any] = []  # append and pop are atomic

    def _index(self, payload: tuple[Any, ...]) -> Any:
        """For each row (and lane) the position in the list of numbers; plain numbers count from its end."""

        def position(source: int | float) -> int:
            if isinstance(source, int):
                return source
            self.constants.append(source)
            return -len(self.constants)

        return np.array([tuple(map(position, row)) if isinstance(row, tuple) else position(row) for row in payload])

    def __call__(self, numbers: Sequence[float], parameters: Sequence[float]) -> list[Any]:
        frame = self._evaluated(numbers, parameters)
        outputs = [x if isinstance(x, float) else x.tolist() for x in self.kernel.read(frame)]
        self.free_frames.append(frame)
        return outputs

    def array(self, numbers: Any, parameters: Any) -> Any:
        """The outputs, if none has lanes, as one array: 50x faster than a list of 4,811.

        Args:
            numbers: one per argument, or one row over the lanes per argument.
            parameters: the data of the captured leaves.
        """
        frame = self._evaluated(numbers, parameters)
        outputs = np.empty(len(self.arrays.outputs))
        for array, (rows, positions) in self._places.items():
            outputs[positions] = self.kernel.rows(frame, array)[rows]
        self.free_frames.append(frame)
        return outputs

    @cached_property
    def _places(self) -> dict[int, tuple[Any, Any]]:
        """For each array with outputs in it: the rows of these, and which outputs they are."""
        array, row = np.array(self.arrays.outputs).T
        return {
            int(k): (_slice_if_dense(row[array == k]), _slice_if_dense(np.flatnonzero(array == k)))
            for k in np.unique(array)
        }

    def _evaluated(self, numbers: Sequence[float], parameters: Sequence[float]) -> Any:
        """A frame that holds the outputs; whoever has read them puts it back."""
        try:
            frame = self.free_frames.pop()
        except IndexError:
            frame = self.kernel.frame()
        given = np.asarray([*numbers, *reversed(self.constants)] if self.constants else numbers, dtype=float)
        for array, index in self.reads:
            self.kernel.write(frame, array, given[index])
        if self.live:
            live = np.asarray(parameters)
            for array, index in self.live:
                self.kernel.write(frame, array, live[index])
        self.kernel.run(frame)
        return frame


def _slice_if_dense(index: Any) -> Any:
    """Indices that follow each other as a slice, through which numbers are copied once instead of twice."""
    if index.ndim == 1 and index[0] >= 0 and (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index
