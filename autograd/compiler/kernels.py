"""What runs a program: machine code where llvmlite is installed, generated Python source elsewhere.

Both are called alike: ``kernel(numbers, parameters)`` with the numbers of all arguments in one flat list and the data
of the captured leaves in another gives one result per output of the program, a list over lanes where that has lanes.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from autograd import ops
from autograd.compiler.builder import Builder, Register
from autograd.compiler.native import UnsupportedError
from autograd.compiler.program import Program
from autograd.compiler.python_source import PythonKernel
from autograd.primitive import Primitive

__all__ = ["BACKENDS", "Kernel", "inlined", "kernel_for", "native_available", "point_kernel_for"]

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

    def native() -> Kernel:
        from autograd.compiler.native_kernel import NativeKernel

        return NativeKernel(inlined(program))

    kernel: Kernel = _first_that_can(native, program, backend)
    return kernel


def point_kernel_for(program: Program, numbers: int, parameters: int, backend: str) -> Any:
    """The same for a program of plain numbers, in the form of a ``PointKernel`` if it is machine code."""

    def native() -> Any:
        from autograd.compiler.points import PointKernel

        return PointKernel(inlined(program), numbers, parameters)

    return _first_that_can(native, program, backend)


def _first_that_can(native: Callable[[], Any], program: Program, backend: str) -> Any:
    if backend != "python" and (backend == "native" or native_available()):
        try:
            return native()
        except UnsupportedError:  # a user's primitive that only Python can evaluate
            if backend == "native":
                raise
    return PythonKernel(program)


def inlined(program: Program) -> Program:
    """Users' primitives replaced by what their functions do, where these work on registers as on floats."""
    if not any(isinstance(step.op, Primitive) or step.op is ops.detached for step in program.instructions):
        return program
    builder = Builder()
    where: list[int] = []
    for op, operands, lanes, payload in program.instructions:
        mapped = tuple([where[operand] for operand in operands])
        if op is ops.detached:  # differentiation is over
            where.append(mapped[0])
            continue
        result = _traced(builder, op, mapped) if isinstance(op, Primitive) else None
        where.append(builder.emit(op, mapped, lanes, payload) if result is None else result)
    return builder.program([where[output] for output in program.outputs])


def _traced(builder: Builder, op: Primitive, operands: tuple[int, ...]) -> int | None:
    try:
        function: Callable[..., Any] = op.function
        result = function(*[Register(builder, operand) for operand in operands])
    except Exception:  # whatever it does, it is not for registers: Python will evaluate it
        return None
    return result.index if isinstance(result, Register) else None
