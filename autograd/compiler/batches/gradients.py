"""The gradient of a loss over many samples, summed up for someone else's step.

Gradients over samples are sums, so a batch can be cut into parts and each part computed on another machine.  What
travels there is the program of the loss and its gradient; the machine code is made where it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.collector import collector_paused
from autograd.compiler.backends import Kernel, first_that_can
from autograd.compiler.program.classes import Program
from autograd.compiler.python.writer import PythonKernel
from autograd.locks import renew_in_child

__all__ = ["Gradients", "rows_of"]

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
                made = first_that_can(lambda: self._natively(lanes), lambda: PythonKernel(self.program, lanes), "auto")
                self._kernels[lanes] = made
            return self._kernels[lanes]

    def _natively(self, lanes: int) -> Kernel:
        from autograd.compiler.machine.machine import Machine

        return Machine(self.program, lanes)
