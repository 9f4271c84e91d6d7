"""A function runs with stand-ins for the numbers of a call: to be recorded, and where it runs without the compiler.

An error of the function ends the recording, and the call runs without the compiler.  So the error has Python's own
numbers, and what the function changed before it stays changed, as ever.

Lists and dictionaries in the arguments are copied, with stand-ins in them.  What has become of the copies, such as a
cache of keys and values that grows, is part of what the function computes, and each call does the same to the lists
that it is given.

>>> from autograd import Value, compile
>>> w, seen = Value(2.0), []
>>> @compile
... def total(x, seen):
...     seen.append(w * x)
...     return sum(seen)
>>> total(1.0, seen).data, total(3.0, seen).data, [v.data for v in seen]
(2.0, 8.0, [2.0, 6.0])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product, repeat, zip_longest
from operator import is_
from typing import Any

from autograd.compiler.recording.arguments import called
from autograd.compiler.recording.results import Container, Form, Given
from autograd.compiler.recording.traced import TracedFloat, TracedInt, plain_number, traced
from autograd.compiler.recording.written import NotReplayableError
from autograd.errors import CompileError, StaleGraphError
from autograd.methods import as_kind
from autograd.modes import current_modes, transformation
from autograd.trees import FIXED, is_numpy, put_entries, rebuild
from autograd.value import Value


class RaisedError(NotReplayableError):
    """The function raised an error while it was recorded."""


def inputs_for(
    given: Iterable[Any], labels: Iterable[str] = repeat(""), *, keep: bool = False, differentiated: bool = False
) -> list[Any]:
    """What a function gets in the place of the numbers and Values in its arguments: traced numbers, and leaves.

    If they are to be kept, Values stand for themselves; if ``differentiated``, what drops a gradient is refused.
    """
    return [
        (x if keep else as_kind(x._kind, Value(x._data, label)))
        if isinstance(x, Value)
        else traced(x, label, differentiated=differentiated)
        for x, label in zip(given, labels)
    ]


def run(f: Callable[..., Any], args: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, Copies]:
    """What the function gives with these inputs in the place of the numbers in its arguments, and what it was given.

    Raises:
        RaisedError: It raises an error while it is recorded.
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
    except (Exception, SystemExit) as error:
        reason = _of_recording(error)
        if reason and recorder is not None:
            raise NotReplayableError(reason) from error
        if reason and isinstance(error, TypeError):
            raise TypeError(reason) from error
        error.args = tuple(map(plain_number, error.args))
        vars(error).update({name: plain_number(x) for name, x in vars(error).items()})
        if recorder is not None:
            raise RaisedError(f"raises {type(error).__name__}") from error
        raise


def _of_recording(error: BaseException) -> str:
    """What is wrong, if a recording alone raises this error; empty if Python does, too."""
    if isinstance(error, StaleGraphError):  # without the compiler the numbers of before are there still
        return "asks for the gradient of a result that it computed before it set .data"
    if not isinstance(error, TypeError):
        return ""
    text = str(error)
    named = "Traced" in text or re.search(r"\bLog\b", text) is not None
    if not named and not text.startswith(("Object of type int", "Object of type float")):
        return ""
    # Such as json.dumps(n), which looks at how an int is kept in memory: without the compiler it is one.
    return (
        "passes a number from the arguments to a function that takes only Python's own numbers: give it "
        f"int(x) or float(x) ({error})"
    )


# ---- lists and dictionaries in the arguments -------------------------------------------------------------------------
_NUMBERS = {Value, float, int, TracedFloat, TracedInt}


class Copies:
    """The copies of arguments that a function gets."""

    def __init__(self, copies: Sequence[Any], inputs: Sequence[Any]) -> None:
        self.containers = list(_containers(copies))
        self.before = [_members(x) for x in self.containers]
        self.inputs = inputs

    @property
    def known(self) -> dict[int, Any]:
        """The stand-ins for objects of the arguments in a template (see ``results.Form``), by the ids of these."""
        found: dict[int, Any] = {id(x): Container(k) for k, x in enumerate(self.containers)}
        return found | {id(x): Given(k) for k, x in enumerate(self.inputs) if not isinstance(x, bool)}

    def changed(self) -> dict[int, Any]:
        """The containers that have changed, by number, as new lists and dictionaries.

        Raises:
            NotReplayableError: An array was changed.
        """
        found: dict[int, Any] = {}
        for k, (x, before) in enumerate(zip(self.containers, self.before)):
            now = _members(x)
            if len(now) == len(before) and all(map(is_, now, before)):
                continue
            if not isinstance(x, (list, dict)):
                raise NotReplayableError("changes an array argument: return a new array")
            found[k] = dict(x) if isinstance(x, dict) else list(x)
        return found


def put_back(form: Form, numbers: Sequence[Any], given: Sequence[Any], args: Sequence[Any]) -> None:
    """Do to the arguments of a call what a recorded function did to its own."""
    containers = list(_containers(tuple(args)))
    for k, content in form.filled(numbers, given, containers).items():
        if isinstance(content, dict):
            containers[k].clear()
            put_entries(containers[k], content.items())
        else:
            containers[k][:] = content


def containers_in(args: Sequence[Any], structure: Any) -> list[Any]:
    """The lists and dictionaries in the arguments of a call, found by its structure, without a look at each number."""
    found: list[Any] = []
    for arg, shape in zip(args, structure) if isinstance(structure, tuple) else ():
        _find(arg, shape, found)
    return found


def _find(x: Any, shape: Any, found: list[Any]) -> None:
    if not isinstance(x, (list, tuple, dict)):
        return
    if not isinstance(x, tuple):
        found.append(x)
    inside = shape[1]
    if not isinstance(inside, tuple):  # there are numbers only
        return
    if type(x) is list and x and type(x[0]) is list and len({*inside}) == 1 and not isinstance(inside[0][1], tuple):
        found += x  # a matrix, 10x faster than row by row
        return
    shapes = [one for _, one, _ in inside] if isinstance(x, dict) else inside
    for item, one in zip(x.values() if isinstance(x, dict) else x, shapes):
        _find(item, one, found)


def _containers(x: Any) -> Iterator[Any]:
    """What can be changed in a tree: lists, dictionaries and arrays, in order."""
    if isinstance(x, (list, dict)) or is_numpy(x):
        yield x
    items = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    if not _NUMBERS.issuperset(map(type, items)):  # 20x faster than one by one
        for item in items:
            yield from _containers(item)


def _members(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [*x, *x.values()]
    return list(x) if isinstance(x, list) else x.ravel().tolist()


def labels_of(f: Callable[..., Any], args: Sequence[Any]) -> Iterator[str]:
    """What the numbers in the arguments are called: x, or X[0][2]; nothing if they have no name of their own."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    names = names[1:] if hasattr(f, "__self__") else names
    for name, arg in zip_longest(names[: len(args)], args, fillvalue=""):
        yield from _labels(arg, name)


def _labels(x: Any, name: str) -> Iterator[str]:
    if isinstance(x, (list, tuple, dict)):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            first = str(key) if isinstance(x, dict) else ""
            yield from _labels(item, f"{name}[{key}]" if name else first)
    elif isinstance(x, FIXED):
        return
    elif is_numpy(x):
        for index in product(*map(range, x.shape)):
            yield name + "".join([f"[{i}]" for i in index]) if name else ""
    else:
        yield name
