"""What a compiled function returns: a number, or lists, tuples, dictionaries, arrays and dataclasses of numbers.

The same structure comes back from every call.  In it a number is a Value, whose parents are the captured leaves and the
arguments, or a plain number (an accuracy, say, or what is computed from plain numbers alone), as without the compiler.

>>> from autograd import Value, compile
>>> w = Value(2.0)
>>> f = compile(lambda xs: {"loss": sum(w * x for x in xs), "positive": sum(x > 0 for x in xs)})
>>> f([1.0, -3.0, 0.5])
{'loss': Value(data=-3.0, grad=0), 'positive': 2}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.recording.effects import GRADIENT, UPDATED, Unknown
from autograd.compiler.recording.exact import EXACT
from autograd.compiler.recording.traced import IntLeaf, plain_number
from autograd.compiler.recording.written import NotReplayableError
from autograd.ops import Traced
from autograd.trees import FIXED, is_array, is_numpy, is_tree, put_entries
from autograd.value import Value, constant

_STOPS = {ops.detached, GRADIENT, UPDATED, ops.largest, *ops.COMPARISONS}  # no gradient goes through them
_PLAIN = (int, float, complex, *FIXED)


class Form(NamedTuple):
    """The structure of a result."""

    template: Any  # the result with a number of its nodes in the place of each number
    kinds: list[type]  # the kind of each of these: Value, float, int or bool

    @property
    def is_number(self) -> bool:
        """Whether it is one number, not several."""
        return isinstance(self.template, (_Place, Given, Value))

    def filled(self, numbers: Sequence[Any], given: Sequence[Any] = (), containers: Sequence[Any] = ()) -> Any:
        """The structure with these in the places of the numbers."""
        sources = {_Place: numbers, Given: given, Container: containers}
        return _mapped(self.template, lambda x: sources[type(x)][x.number] if isinstance(x, _MARKS) else x, {})


class _Place(NamedTuple):
    number: int


class Given(NamedTuple):
    """In a template: one of the numbers and Values in the arguments."""

    number: int


class Container(NamedTuple):
    """In a template: one of the lists and dictionaries in the arguments."""

    number: int


_MARKS = (_Place, Given, Container)
_KINDS = {*_MARKS}


def is_structure(result: Any) -> bool:
    """Whether a function returned more than one number."""
    return is_tree(result) or (dataclasses.is_dataclass(result) and not isinstance(result, type))


def several(result: Any) -> TypeError:
    """The error where one number is wanted and a function returns a structure."""
    return TypeError(
        f"value_and_grad, map and fit need a function that returns one number, not {type(result).__name__}: return the "
        "loss alone, or call the function itself and backward() on one of its results"
    )


def copied(result: Any, settled: Callable[[Any], Any]) -> Any:
    """The same structure in lists and dictionaries of its own: what it shares with the outside will be put back.

    In the place of each leaf x is ``settled(x)``.
    """
    return _mapped(result, settled, {})


def alone(result: Any, arguments: list[Value], outside: Mapping[int, Any]) -> Form | None:
    """The form of one Value that the caller has, too: it is returned itself, as without the compiler."""
    if not isinstance(result, Value) or result.parents:
        return None
    if result in arguments:
        return Form(Given(arguments.index(result)), [Value])
    return Form(result, [Value]) if id(result) in outside else None


def taken_apart(
    result: Any,
    arguments: Sequence[Value],
    known: Mapping[int, Any] = MappingProxyType({}),
    outside: Mapping[int, Any] = MappingProxyType({}),
) -> tuple[Form, list[Value]]:
    """The structure of a result, and the nodes of its numbers, beginning with the first Value.

    Args:
        result: The result of the function.
        arguments: The leaves that stand for its arguments.
        known: The stand-ins in the template for objects of the arguments, by the ids of these.
        outside: By id, what the function can see besides these: a leaf among it, such as a parameter, is itself in the
            result, and each other one is made anew by each call.

    Raises:
        NotReplayableError: Something in it is neither a number nor a text.
    """
    if type(result) is float or (type(result) in (int, bool) and abs(result) <= EXACT):  # as an output, for `map`
        return Form(_Place(0), [type(result)]), [constant(float(result))]
    found: list[Any] = []
    leaves = set(arguments)

    def placed(x: Any) -> Any:
        if isinstance(x, Value) and not x.parents and id(x) in outside and x not in leaves:
            return x
        if isinstance(x, (Value, Traced)):
            found.append(x)
            return _Place(len(found) - 1)
        if isinstance(x, Unknown):
            x.refuse()
        if is_numpy(x) and x.dtype.kind == "O":
            return placed(x.item())
        if not isinstance(x, _PLAIN) and getattr(x, "dtype", object) is object:
            raise NotReplayableError(f"returns an object of type {type(x).__name__}, which is made anew by each call")
        return x

    template = _mapped(result, placed, dict(known))
    kinds = [Value if isinstance(x, Value) else x.kind for x in found]
    nodes = [x.node if isinstance(x, Traced) else x for x in found]
    first = next((k for k, kind in enumerate(kinds) if kind is Value), 0)
    order = [first, *[k for k in range(len(found)) if k != first]] if found else []
    numbers = {k: _Place(number) for number, k in enumerate(order)}
    template = _mapped(template, lambda x: numbers[x.number] if isinstance(x, _Place) else x, {})
    # A program has an output: one that nothing in the template asks for, if there is no number in the result.
    return Form(template, [kinds[k] for k in order] or [float]), [nodes[k] for k in order] or [constant(0.0)]


def depends_on(nodes: Sequence[Value], leaves: set[Value]) -> Value | None:
    """A leaf, other than an int, that a gradient of one of these nodes would go to; None if there is none."""
    seen, stack = set(nodes), list(nodes)
    while stack:
        node = stack.pop()
        if node in leaves and not isinstance(node, IntLeaf):
            return node
        if node.op not in _STOPS:
            stack += [parent for parent in node.parents if parent not in seen]
            seen.update(node.parents)
    return None


def _mapped(x: Any, f: Callable[[Any], Any], copies: dict[int, Any]) -> Any:
    """A structure of new containers, with f(x) in the place of each leaf x.

    An object that stands in several places of the structure is one object in the result, too.

    Args:
        x: The structure.
        f: A function of a leaf.
        copies: By the id of an object, what is in its place.
    """
    if id(x) in copies:
        return copies[id(x)]
    if isinstance(x, _MARKS) or not is_structure(x):
        return f(x)
    if isinstance(x, tuple):
        items = [_mapped(item, f, copies) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    if is_array(x):
        copies[id(x)] = found = _mapped_array(x, f, copies)
        return found
    filled: Any = [] if isinstance(x, list) else copy(x)  # of its own kind
    copies[id(x)] = filled
    if isinstance(x, list):
        marks = _KINDS.issuperset(map(type, x))  # 3x faster than one by one
        filled.extend(map(f, x) if marks else [_mapped(item, f, copies) for item in x])
    elif isinstance(x, dict):
        if any(isinstance(key, (Traced, tuple)) for key in x):
            filled.clear()  # of keys that are to be plain numbers
        put_entries(filled, [(_plain_key(key), _mapped(item, f, copies)) for key, item in x.items()])
    else:
        for field in dataclasses.fields(x):
            object.__setattr__(filled, field.name, _mapped(getattr(x, field.name), f, copies))  # frozen ones, too
    return filled


def _mapped_array(x: Any, f: Callable[[Any], Any], copies: dict[int, Any]) -> Any:
    """A new array.  What has nothing but plain numbers in it becomes an array of these, as without the compiler."""
    if x.dtype.kind != "O":
        return x.copy()
    items = [_mapped(item, f, copies) for item in x.ravel().tolist()]
    import numpy as np  # which is there, since there is an array

    if items and {bool, int, float}.issuperset(map(type, items)):
        return np.array(items).reshape(x.shape)
    out = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):  # a tuple is a member, too
        out[k] = item
    return out.reshape(x.shape)


def _plain_key(key: Any) -> Any:
    """A key without stand-ins: its numbers are guards since it was put into the dictionary."""
    return tuple(map(_plain_key, key)) if type(key) is tuple else plain_number(key)


def floats_of(numbers: Any) -> list[float]:
    """Numbers of a program as Python's floats."""
    return list(numbers) if isinstance(numbers, (list, tuple)) else numbers.tolist()


class Plain(float):
    """A float that a compiled function returned: computed from plain numbers alone.

    It is what the function returns without the decorator.  Code that also expects Values may ask for ``.data``.

    >>> from autograd import Value, compile
    >>> square = compile(lambda x: x * x)
    >>> square(3.0), square(3.0).data, square(Value(3.0)).data
    (9.0, 9.0, 9.0)
    """

    __slots__ = ()

    @property
    def data(self) -> float:
        """The number itself."""
        return float(self)


class LazyPartials(Sequence[float]):
    """Derivatives that are computed when they are first asked for; also as an array, if there is one."""

    __slots__ = ("_compute", "_found", "_size", "array")

    def __init__(self, count: int, compute: Callable[[], Sequence[float]], array: Any = None) -> None:
        self._size, self._compute, self.array = count, compute, array
        self._found: Sequence[float] | None = None

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, k):  # type: ignore[no-untyped-def]
        if self._found is None:
            self._found = self._compute()
            del self._compute
        return self._found[k]

    def __iter__(self) -> Iterator[float]:
        return iter(self[:])
