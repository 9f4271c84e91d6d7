"""Functions of plain numbers at one point or at many: machine code called without anything of Python in between."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compiler.arrange import arrange
from autograd.compiler.arrays import Array
from autograd.compiler.native import Kernel
from autograd.compiler.native.pycall import available
from autograd.compiler.program import Program

__all__ = ["PointKernel"]


class PointKernel:
    """Machine code of a program without lanes whose outputs are the value, the guards, and one gradient per number.

    Args:
        program: with uniform registers only.
        numbers: how many numbers the arguments are made of; the first outputs' gradients are by these, in order.
        parameters: how many captured leaves it reads.
    """

    def __init__(self, program: Program, numbers: int, parameters: int) -> None:
        arrays = arrange(program)
        place = {
            (array.kind, number): (i, row)
            for i, array in enumerate(arrays.arrays)
            if array.kind in ("argument", "parameter")
            for row, number in enumerate(array.payload)
        }
        unused = tuple([i for i in range(numbers) if ("argument", i) not in place])
        if unused:
            place.update({("argument", number): (len(arrays.arrays), row) for row, number in enumerate(unused)})
            arrays.arrays.append(Array(len(unused), 1, "argument", unused))
        self.kernel = Kernel(arrays)
        self.inputs = [place["argument", i] for i in range(numbers)]
        self.outputs = len(program.outputs)
        self.live = [i for i in range(parameters) if ("parameter", i) in place]
        self.parameters = [place["parameter", i] for i in self.live]
        self.block = np.zeros(max(len(self.live), 1))

    def _options(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "block": self.block.ctypes.data}

    def caller(self, shapes: Sequence[Any], result: Any, slow: Callable[..., Any]) -> Callable[..., Any] | None:
        """A builtin function of arguments of these shapes, or None where the interpreter has no room for one.

        What it does not expect it hands to ``slow``, a bound method, which is held weakly.
        """
        if not available():
            return None
        method = weakref.WeakMethod(slow)

        def other(*args: Any, **keywords: Any) -> Any:
            found = method()
            if found is None:
                raise ReferenceError("the compiled function is gone")
            return found(*args, **keywords)

        return self.kernel.builtin("value_and_grad", shapes, self.inputs, result, other, **self._options())

    def refresh(self, parameters: Sequence[float]) -> None:
        """Bring the numbers of the captured leaves up to date."""
        if self.live:
            self.block[:] = [parameters[i] for i in self.live]

    def at(self, columns: Sequence[Any]) -> list[Any]:
        """Every output at N points, given as one array of N numbers per argument."""
        if not hasattr(self, "_mapped"):
            self._mapped = self.kernel.mapped("map", self.inputs, _refused, **self._options())
        results = [np.empty(len(columns[0])) for _ in range(self.outputs)]
        self._mapped(*columns, *results)
        return results


def _refused(*buffers: Any) -> None:
    raise TypeError("expected equally long buffers of doubles")
