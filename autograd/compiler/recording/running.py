"""A function runs with stand-ins for the numbers of a call: to be recorded, and where it runs without the compiler.

An error of the function ends the recording, and the call runs without the compiler.  So the error has Python's own
numbers, and what the function changed before it stays changed, as ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from autograd.compiler.recording.arguments import called
from autograd.compiler.recording.choosing import DifferentiatedWhole, TracedWhole
from autograd.compiler.recording.exact import Whole
from autograd.compiler.recording.givens import Copies
from autograd.compiler.recording.traced import TracedNumber, traced
from autograd.compiler.recording.written import NotReplayableError
from autograd.errors import CompileError, StaleGraphError
from autograd.modes import current_modes, transformation
from autograd.subclasses import as_kind
from autograd.trees import rebuild
from autograd.value import Value

__all__ = ["RaisedError", "inputs_for", "run"]


class RaisedError(NotReplayableError):
    """The function raised an error while it was recorded."""


def inputs_for(
    given: Iterable[Any], labels: Iterable[str] = repeat(""), *, keep: bool = False, differentiated: bool = False
) -> list[Any]:
    """What a function gets in the place of the numbers and Values in its arguments: traced numbers, and leaves.

    Args:
        given: The numbers and Values.
        labels: Their names.
        keep: Whether a Value stands for itself.
        differentiated: Whether to refuse what would drop the gradient of a number.
    """
    whole = DifferentiatedWhole if differentiated else TracedWhole
    return [
        (x if keep else as_kind(x._kind, Value(x._data, label)))
        if isinstance(x, Value)
        else (whole(Value(x, label)) if type(x) is Whole else traced(x, label, differentiated=differentiated))
        for x, label in zip(given, labels)
    ]


def run(f: Callable[..., Any], args: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, Copies]:
    """What the function gives with these inputs in the place of the numbers in its arguments, and what it was given.

    Raises:
        RaisedError: It raises an error while it is recorded with its changes.
        NotReplayableError: That error comes from the recording alone.
        TypeError: It gives a stand-in to something that takes Python's own numbers only.
    """
    supply = iter(inputs)
    inside = [rebuild(arg, supply) for arg in args]
    copies = Copies(tuple(inside), inputs)
    recorder = current_modes().recorder
    if recorder is not None:
        recorder.copies = {*map(id, copies.containers)}
    try:
        with transformation():
            return called(f, inside), copies
    except CompileError:
        raise
    except Exception as error:
        changes = recorder is not None and recorder.changes is not None
        reason = _of_recording(error)
        if changes:
            raise (NotReplayableError(reason) if reason else RaisedError(f"raises {type(error).__name__}")) from error
        if reason and isinstance(error, TypeError):
            raise TypeError(reason) from error
        error.args = tuple(map(_plain, error.args))
        vars(error).update({name: _plain(x) for name, x in vars(error).items()})
        raise


def _of_recording(error: Exception) -> str:
    """What is wrong, if a recording alone raises this error; empty if Python does, too."""
    if isinstance(error, StaleGraphError):  # without the compiler the numbers of before are there still
        return "asks for the gradient of what it computed before it set .data"
    if not isinstance(error, TypeError):
        return ""
    text = str(error)
    named = "Traced" in text or re.search(r"\bLog\b", text) is not None
    if not named and not text.startswith(("Object of type int", "Object of type float")):
        return ""
    # Such as json.dumps(n), which looks at how an int is kept in memory: without the compiler it is one.
    return (
        "gives a number that comes from the arguments to something that takes Python's own numbers only: give it "
        f"int(x) or float(x) ({error})"
    )


def _plain(x: Any) -> Any:
    return x.read() if isinstance(x, TracedNumber) else x
