"""Lists and dictionaries in the arguments that a function changes, as a cache of keys and values that grows.

The function gets copies of its arguments, with traced numbers in them.  What has become of the copies is part of what
the function computes, and each call does the same to the lists that it is given.

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

from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any

from autograd.compiler.recording.results import Container, Form, Given
from autograd.errors import CompileError
from autograd.trees import is_numpy, put_entries
from autograd.value import Value

__all__ = ["Copies", "containers_in", "put_back"]

_NUMBERS = {Value, float, int}


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
            CompileError: An array was changed.
        """
        found: dict[int, Any] = {}
        for k, (x, before) in enumerate(zip(self.containers, self.before)):
            now = _members(x)
            if len(now) == len(before) and all(map(is_, now, before)):
                continue
            if not isinstance(x, (list, dict)):
                raise CompileError("a compiled function cannot change an array that it is given: return a new one")
            found[k] = dict(x) if isinstance(x, dict) else list(x)
        return found


def put_back(form: Form, numbers: Sequence[Any], given: Sequence[Any], args: Sequence[Any]) -> None:
    """Do to the arguments of a call what a recorded function did to its own.

    Args:
        form: The result of ``Copies.changed``, taken apart.
        numbers: The numbers that were computed for it.
        given: The numbers and Values in the arguments.
        args: The arguments.
    """
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
    if isinstance(x, (list, tuple)):
        if isinstance(x, list):
            yield x
        if not _NUMBERS.issuperset(map(type, x)):  # 20x faster than one by one
            for item in x:
                yield from _containers(item)
    elif isinstance(x, dict):
        yield x
        for item in x.values():
            yield from _containers(item)
    elif is_numpy(x):
        yield x


def _members(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [*x, *x.values()]
    return list(x) if isinstance(x, list) else x.ravel().tolist()
