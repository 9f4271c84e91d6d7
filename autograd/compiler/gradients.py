"""The gradient of a loss over many samples, from the program of one: for a step, or summed up for someone else's.

Gradients over samples are sums, so a batch can be cut into parts and each part computed on another machine.  What
travels there is the flat program of one sample; the machine code is made where it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.builder import collector_paused
from autograd.compiler.derive import differentiate
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import kernel_for
from autograd.compiler.lanes import spread
from autograd.compiler.native_kernel import NativeKernel
from autograd.compiler.program import PARAMETER, TOTAL, Program

__all__ = ["Gradients", "loss_and_gradients", "rows_of"]

_MOST_LANES = 256  # samples in one evaluation: what they need stays in the cache


def loss_and_gradients(program: Program, trained: int, lanes: int, *, mean: bool) -> Program:
    """The program of the loss over samples, their mean or their sum, and of its derivatives by parameters.

    Args:
        program: the loss of one sample.
        trained: how many of its parameters, from the first, to differentiate by.
        lanes: the number of samples; argument i is their column i.
        mean: the mean, not the sum.
    """
    builder, (loss, *_) = spread(program, lanes)
    scale = 1.0 / lanes if mean else 1.0
    if builder.instructions[loss].lanes > 1:
        loss = builder.emit(TOTAL, (loss,))
    else:  # of one sample, or the same for all
        scale = 1.0 if mean else float(lanes)
    if scale != 1.0:
        loss = builder.emit(ops.mul, (loss, builder.constant(scale)))
    leaves = {step.payload: i for i, step in enumerate(builder.instructions) if step.op is PARAMETER}
    gradients = [builder.constant(0.0)] * trained
    used = [i for i in range(trained) if i in leaves]
    for i, gradient in zip(used, differentiate(builder, loss, [leaves[i] for i in used])):
        gradients[i] = gradients[i] if gradient is None else gradient
    return flatten(builder.program([loss, *gradients]))


def rows_of(columns: Any, batch: Sequence[int]) -> Any:
    """The rows of a batch; those of a range are a view."""
    return columns[batch.start : batch.stop : batch.step] if isinstance(batch, range) else columns[batch]


class Gradients:
    """Sums of a loss and of its gradient over any number of samples, for any number of threads at a time.

    It can be pickled; the machine code stays behind and is made again where it is needed.

    Args:
        program: the loss of one sample.
        trained: how many of its parameters, from the first, to differentiate by.

    >>> program = Program.parse('''
    ... %0 = parameter 0
    ... %1 = argument 0
    ... %2 = mul %0 %1
    ... %3 = mul %2 %2
    ... return %3''')
    >>> Gradients(program, 1)(np.array([[1.0], [2.0], [3.0]]), range(3), np.array([0.5])).tolist()  # Σ (wx)², Σ 2wx²
    [3.5, 14.0]
    """

    def __init__(self, program: Program, trained: int) -> None:
        self.program, self.trained = program, trained
        self._kernels: dict[int, Any] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Gradients, (self.program, self.trained)

    def __call__(self, columns: Any, batch: Sequence[int], parameters: Any) -> Any:
        """The sum of the losses, then that of each derivative.

        Args:
            columns: the numbers of all samples, one row per sample.
            batch: which of them.
            parameters: the numbers of all captured leaves.
        """
        sums = np.zeros(1 + self.trained)
        for first in range(0, len(batch), _MOST_LANES):
            rows = rows_of(columns, batch[first : first + _MOST_LANES])
            sums += self._kernel(len(rows))(rows.T if len(rows) > 1 else rows[0], parameters)
        return sums

    def _kernel(self, lanes: int) -> Any:
        with self._lock, collector_paused():
            if lanes not in self._kernels:
                program = loss_and_gradients(self.program, self.trained, lanes, mean=False)
                self._kernels[lanes] = _array_kernel(program.verify())
            return self._kernels[lanes]


def _array_kernel(program: Program) -> Any:
    """The fastest kernel that can run a program without lanes in its outputs, giving them as one array."""
    kernel = kernel_for(program, "auto")
    if isinstance(kernel, NativeKernel):
        return kernel.array
    return lambda arguments, parameters: np.array(kernel(arguments.tolist(), parameters.tolist()))
