"""A program as a Python function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from autograd.compiler.program.classes import Program
from autograd.compiler.python.text import Function, Text
from autograd.compiler.python.writer import python_text

__all__ = ["PythonKernel", "python_source"]


def python_source(program: Program, batch: int = 1) -> str:
    """A program as readable Python source, with the forward lines first and the backward pass after them."""
    return python_text(program, batch).source()


class PythonKernel:
    """A program as a Python function.

    ``kernel(arguments, parameters)`` gives for each output of the program the list of its numbers; of a batched
    output, a list for each member.

    Args:
        program: The program to run.
        batch: The number of samples in the batched arrays.
    """

    def __init__(self, program: Program, batch: int = 1) -> None:
        self.program, self.batch = program, batch

    @cached_property
    def _text(self) -> Text:
        return python_text(self.program, self.batch)

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
    """Plain floats, also of numpy's; where there is one argument per sample, lists of them."""
    return [list(map(float, x)) if hasattr(x, "__len__") else float(x) for x in numbers]
