"""What runs a program: machine code where llvmlite is installed, generated Python source elsewhere.

Both are called alike: ``kernel(numbers, parameters)`` with the numbers of all arguments in one flat list and the data of
the captured leaves in another gives one result per output of the program, a list over lanes where the output has lanes.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compile.program import ARGUMENT, PARAMETER, Program
from autograd.compile.python_source import PythonKernel

__all__ = ["BACKENDS", "Kernel", "kernel_for", "native_available"]

Kernel = Callable[[Sequence[float], Sequence[float]], list[Any]]
BACKENDS = ("auto", "native", "python")

_notice_lock = threading.Lock()
_notice_given = False


def native_available() -> bool:
    """Whether the packages of the extra ``compile`` are installed; says once what is missing if not."""
    global _notice_given
    missing = [name for name in ("numpy", "llvmlite") if importlib.util.find_spec(name) is None]
    with _notice_lock:
        if missing and not _notice_given:
            _notice_given = True
            warnings.warn(
                f"{' and '.join(missing)} not installed: compiled functions run as Python source, which is slower "
                'than machine code; pip install "scalar-autograd[compile]"',
                RuntimeWarning,
                stacklevel=4,
            )
    return not missing


def kernel_for(program: Program, backend: str) -> Kernel:
    """The fastest kernel that can run a program.

    Args:
        program: what to run.
        backend: "auto", or "native" or "python" to insist on one.
    """
    if backend != "python" and (backend == "native" or native_available()):
        from autograd.compile.native import UnsupportedError
        from autograd.compile.native_kernel import NativeKernel

        try:
            return NativeKernel(program)
        except UnsupportedError:  # a user's primitive that only Python can evaluate
            if backend == "native":
                raise
    return PythonKernel(program)


def arguments_and_parameters(program: Program) -> tuple[list[int], list[int]]:
    """The registers that are arguments, and those that are captured leaves."""
    arguments = [i for i, step in enumerate(program.instructions) if step.op is ARGUMENT]
    return arguments, [i for i, step in enumerate(program.instructions) if step.op is PARAMETER]
