"""The switches ``no_grad`` and ``strict``: per thread and per context, and free of cost while nobody uses them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, _GeneratorContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock
from typing import Any, NamedTuple

from autograd.locks import renew_in_child


class Modes(NamedTuple):
    """The switches of a context."""

    recording: bool = True  # False inside no_grad()
    strict: bool = False  # True inside strict()
    recorder: Any = None  # the compiler's recorder, told of every decision that depends on data
    nodes: Any = None  # the recorder's, if nothing else is switched on: operators write theirs there themselves


recorders: list[Any] = []  # those that are at work, in any thread
UNRECORDED = Modes(recording=False)  # inside no_grad() and nothing else


class _Open:
    """The number of contexts that are open in the whole process: operators look here first, since reading an
    attribute takes 5 ns and asking a context variable 40 ns."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


open_contexts = _Open()
_lock = Lock()
renew_in_child(sys.modules[__name__], "_lock", Lock)
_modes: ContextVar[Modes] = ContextVar("autograd_modes", default=Modes())  # noqa: B039 - immutable
current_modes = _modes.get


def _with_nodes(modes: Modes) -> Modes:
    plain = modes.recorder is not None and modes.recording and not modes.strict
    return modes._replace(nodes=modes.recorder.nodes if plain else None)


@contextmanager
def switched(**switches: Any) -> Iterator[None]:
    """Change switches for the duration of a ``with`` block, in this thread or task only.

    As with any context variable, a block around a ``yield`` holds for whoever runs the generator, too, until it ends.
    """
    with _lock:
        open_contexts.count += 1
    before, token = _modes.get(), None
    try:  # Ctrl-C may come at any point: it must not leave a switch on (a count too high is only slow)
        token = _modes.set(_with_nodes(before._replace(**switches)))
        yield
    finally:
        try:
            _modes.reset(token) if token else _modes.set(before)
        except ValueError:  # a generator is closed in another context, which has switches of its own
            pass
        finally:
            with _lock:
                open_contexts.count -= 1


def recorder_told(made: Any = None, read: Any = None) -> Any:
    """The compiler's recorder in this thread.

    A recorder at work in another thread is told what it misses here: a node that is made, or whose number is read.
    """
    recorder = current_modes().recorder
    if recorder is None:
        for other in recorders:
            other.on_other_thread(made, read)
    return recorder


def recording() -> AbstractContextManager[None]:
    """Inside this context nodes are recorded, even within ``no_grad()``, since a derivative needs a graph."""
    return nullcontext() if current_modes().recording else switched(recording=True)


_in_transformation: ContextVar[bool] = ContextVar("autograd_in_transformation", default=False)
in_transformation = _in_transformation.get


@contextmanager
def transformation(inside: bool = True) -> Iterator[None]:
    """Inside this context derivatives of functions are Values even for float arguments, to be differentiated again.

    So they are inside a function that is being transformed, and in a loss that ``nn.fit`` trains with.

    >>> from autograd.functional import grad, transformation
    >>> w = Value(3.0)
    >>> with transformation():
    ...     slope = grad(lambda x: w * x * x)(2.0)   # without it the float 12.0
    >>> slope.backward(); w.grad
    4.0
    """
    # No entry in Modes, so that operators stay fast.
    before = _in_transformation.get()
    try:
        _in_transformation.set(inside)
        yield
    finally:
        _in_transformation.set(before)


def no_grad() -> _GeneratorContextManager[None]:
    """Inside this context results are plain leaves: no graph is recorded and no memory held.

    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (4.0, ())
    """
    return switched(recording=False)


def strict() -> _GeneratorContextManager[None]:
    """Inside this context the first nan, inf or domain error raises ``NumericError``.

    The error names the primitive, its operands with their labels, and the file and line that recorded it.

    >>> with strict():
    ...     Value(-0.2, label="p").log()  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    autograd.errors.NumericError: log(-0.2) gave nan ...
    """
    if (recorder := current_modes().recorder) is not None:
        recorder.refuse("checks each operation inside strict()")
    return switched(strict=True)
