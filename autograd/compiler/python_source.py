"""The backend without dependencies: a program as readable Python source, forward lines, then the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from autograd.compiler.program import Program
from autograd.compiler.python_text import Function, Text
from autograd.compiler.python_writer import python_text

__all__ = ["PythonKernel"]


class PythonKernel:
    """A program as a Python function.

    Args:
        program: the program; its registers are called by their labels.
        names: what to call the arguments that have no label.

    ``kernel(arguments, parameters)`` gives one float per output of the program, a list where the output has lanes.

    >>> from autograd import Value
    >>> from autograd.compiler.builder import Builder
    >>> from autograd.compiler.derive import derivatives
    >>> from autograd.compiler.record import program_of, recording_of
    >>> w, x, t = Value(0.5, "w"), Value(2.0, "x"), Value(1.0, "t")
    >>> y = (w * x).sigmoid()
    >>> y.label = "y"
    >>> builder = Builder()
    >>> program = program_of(recording_of((y - t).square(), [x, t]))
    >>> (w_register,) = [i for i, label in program.labels.items() if label == "w"]
    >>> where, (gradient,) = derivatives(program, program.outputs[0], [w_register], builder)
    >>> kernel = PythonKernel(builder.program([where[program.outputs[0]], gradient]))
    >>> print(kernel.source)
    from autograd.ieee import sigmoid
    <BLANKLINE>
    <BLANKLINE>
    def value_and_grad(arguments, parameters):
        x, t = arguments
        (w,) = parameters
    <BLANKLINE>
        # forward
        y = sigmoid(w * x)
        t1 = y - t
        value = t1 * t1
    <BLANKLINE>
        # backward
        d_y = 2.0 * t1
        d_w = d_y * (y * (1.0 - y)) * x
        return [value, d_w]
    >>> kernel([2.0, 1.0], [0.0])
    [0.25, -0.5]
    """

    def __init__(self, program: Program, names: Sequence[str] = ()) -> None:
        self.program = program
        self.names = names

    @cached_property
    def _text(self) -> Text:
        return python_text(self.program, self.names)

    @property
    def source(self) -> str:
        """The text of a Python module with one function."""
        return self._text.source()

    @cached_property
    def _function(self) -> Function:
        return self._text.compiled()

    def __call__(self, arguments: Sequence[Any], parameters: Sequence[Any]) -> list[Any]:
        first, second = self._text.unpacked
        return self._function(_floats(arguments)[:first], _floats(parameters)[:second])


def _floats(numbers: Iterable[Any]) -> list[Any]:
    """Plain floats, also of numpy's; where there is one argument per lane, lists of them."""
    return [list(map(float, x)) if hasattr(x, "__len__") else float(x) for x in numbers]
