"""The two backends that run a program: machine code if llvmlite is installed, else generated Python source.

Both make kernels that are called in the same way: ``kernel(arguments, parameters)`` takes the numbers of a call, and
returns a list of numbers for each output of the program.  A batched output has, for each member, a list over the batch.
So has a batched argument, if the batch has two samples or more; for one sample it has plain numbers.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd.errors import AutogradError, CompileError
from autograd.locks import renew_in_child
from autograd.provenance import depth_of_caller

__all__ = [
    "BACKENDS",
    "Kernel",
    "TooManyClassesError",
    "UnsupportedError",
    "compile_errors",
    "compiler_imported",
    "first_that_can",
    "native_available",
    "native_imported",
]

Kernel = Callable[[Sequence[Any], Sequence[float]], list[Any]]
BACKENDS = ("auto", "native", "python")

_notice_lock = threading.Lock()
renew_in_child(sys.modules[__name__], "_notice_lock", threading.Lock)
_notice_given = False


class UnsupportedError(CompileError):
    """The program contains something that machine code does not support; it runs as Python instead."""


def native_available(*, notice: bool = True) -> bool:
    """Whether this platform supports machine code and the packages for it are installed.

    Args:
        notice: Whether to warn, once per process, about what is missing.
    """
    global _notice_given
    missing = [name for name in ("numpy", "llvmlite") if importlib.util.find_spec(name) is None]
    reason = f"{' and '.join(missing)} not installed" if missing else ""
    if sys.platform == "emscripten":
        reason = "no machine code can be made in a browser"
    with _notice_lock:
        if notice and reason and not _notice_given:
            _notice_given = True
            remedy = '; pip install "scalar-autograd[compile]"' if missing and sys.platform != "emscripten" else ""
            warnings.warn(
                f"{reason}: compiled functions run as Python source, which is slower than machine code{remedy}",
                RuntimeWarning,
                stacklevel=depth_of_caller(),
            )
    return not reason


def native_imported() -> bool:
    """Whether something has imported what machine code needs, which takes longer than many a program runs."""
    return "autograd.compiler.machine.library" in sys.modules


def compiler_imported() -> bool:
    """Whether something has imported what compiles to Python source, which takes a tenth of that time."""
    return "autograd.compiler.calls.plans" in sys.modules


class TooManyClassesError(AutogradError):
    """A graph in which few nodes do the same: it is better run node by node, as a tape."""


@contextmanager
def compile_errors() -> Iterator[None]:
    """A context in which a user's function runs on stand-ins for numbers: its errors become ``CompileError``.

    >>> with compile_errors():
    ...     raise TypeError("no number")
    Traceback (most recent call last):
        ...
    autograd.errors.CompileError: no number
    """
    try:
        yield
    except CompileError:
        raise
    except Exception as error:  # whatever a user's function may raise
        speaks = isinstance(error, (AutogradError, TypeError, ValueError)) and str(error)
        raise CompileError(str(error) if speaks else f"{type(error).__name__}: {error}") from error


def first_that_can(native: Callable[[], Any], python: Callable[[], Any], backend: str) -> Any:
    """The result of ``native`` if machine code is wanted and possible, else the result of ``python``.

    Args:
        native: A function that makes machine code, or raises UnsupportedError.
        python: A function that makes Python source.
        backend: "auto", or "native" or "python" to insist on one.
    """
    if backend != "python" and (backend == "native" or native_available()):
        try:
            return native()
        except UnsupportedError:  # a user's primitive that only Python can evaluate
            if backend == "native":
                raise
    return python()
