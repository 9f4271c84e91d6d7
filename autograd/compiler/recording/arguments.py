"""The arguments of a compiled function: their numbers in order, their structure, and the same structure anew.

An argument is a number, a Value, a list, tuple or dictionary of arguments, or a numpy array.  A text, None or a member
of an enumeration has no number: it is part of the structure, so that another one is another kind of call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from numbers import Integral
from typing import Any

from autograd.compiler.backends import native_available
from autograd.compiler.recording.exact import EXACT, SMALL, Whole
from autograd.ops import as_float
from autograd.trees import FIXED, ObjectError, all_floats, check_kind, is_object, rebuild
from autograd.value import Value

__all__ = [
    "NUMBERS", "Apart", "Keywords", "arguments_of", "called", "form", "is_plain", "is_whole", "kind_of",
    "numbers_of", "parts_of_call", "positional", "refilled", "structure", "values_in",
]  # fmt: skip

_FEW = 16  # numbers that Python takes apart as fast as machine code
_DOUBLE = 8  # bytes
_INTS, NUMBERS = {int}, {float, int, bool}
_MOST_FLAT = 1000
_flat: dict[tuple[type, ...], tuple[Any, tuple[int, ...]]] = {}  # of calls with nothing but floats and Values


class Keywords(dict[str, Any]):
    """Arguments that a function takes by name only: the last one of a call."""


def positional(f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments of a call in the order of the signature; those that have no place there behind, as Keywords."""
    if not keywords:
        return tuple(args)
    bound = inspect.signature(f).bind(*args, **keywords)
    return (*bound.args, Keywords(bound.kwargs)) if bound.kwargs else bound.args


def called(f: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What the function gives for arguments as ``positional`` orders them."""
    if args and isinstance(args[-1], Keywords):
        return f(*args[:-1], **args[-1])
    return f(*args)


def arguments_of(x: Any, where: Any = "argument", whole: bool = True, fixed: bool = True) -> list[Any]:
    """The numbers and Values of an argument in order: an int where it is one to the function, else a float.

    In a list that is so if all its numbers are: [1, 2] may be indices, [1, 0.5] are data of which one has no decimals,
    and which can be an index all the same, see ``Whole``.

    Args:
        x: The argument.
        where: The name of the argument, or a pair of the container that it stands in and its place there.
        whole: Whether ints stay ints.
        fixed: Whether texts and the like are allowed.

    Raises:
        TypeError: Anything else, naming where it stands.
    """
    if isinstance(x, (list, tuple)) and (all_floats(x) or _all_ints(x)):
        return list(x)
    if isinstance(x, (list, tuple, dict)):
        whole = is_whole(x)
        places = x.items() if isinstance(x, dict) else enumerate(x)
        if isinstance(x, Keywords):
            return [
                number for name, item in places for number in arguments_of(item, f"argument {name!r}", whole, fixed)
            ]
        return [number for place, item in places for number in arguments_of(item, (where, place), whole, fixed)]
    if isinstance(x, Value):
        return [x]
    if fixed and isinstance(x, FIXED):
        return []
    if _is_array(x):
        if x.dtype.kind == "f" and x.itemsize <= _DOUBLE:
            floats: list[Any] = x.ravel().tolist()
            return floats
        whole = whole and is_whole(x)
        return [item if isinstance(item, Value) else _number(item, whole) for item in x.flat]
    try:
        return [_number(x, whole)]
    except TypeError as error:
        if isinstance(x, type):
            raise TypeError(
                f"{_place(where)} of a compiled function is the class {x.__name__}, which is no number: "
                "for a class method write @autograd.compile above @classmethod"
            ) from None
        if is_object(x) and isinstance(where, str):
            raise ObjectError(where) from None
        if is_object(x):
            raise TypeError(
                f"{_place(where)} of a compiled function is no number, but {x!r}: give it as an argument of its own"
            ) from None
        raise TypeError(
            f"{_place(where)} of a compiled function must be a number, a Value, a nested list, a dictionary, an array "
            f"or a text: {error}"
        ) from None


def _place(where: Any) -> str:
    return f"{_place(where[0])}[{where[1]!r}]" if isinstance(where, tuple) else where


def structure(args: Sequence[Any]) -> tuple[Any, list[Any]]:
    """What kind of call this is (hashable), and its numbers and Values in order."""
    if all_floats(args):
        return len(args), Floats(args)
    leaves = Floats()
    found = []
    for arg in args:
        shape = _simple(arg, leaves)
        if shape is None:
            break
        found.append(shape)
    else:
        return tuple(found) if any(found) else len(args), list(leaves) if leaves.mixed else leaves
    every = [x for i, arg in enumerate(args) for x in arguments_of(arg, f"argument {i}")]
    shapes = tuple([_shape(arg) for arg in args])
    return shapes if any(shapes) else len(args), every


def parts_of_call(args: tuple[Any, ...]) -> tuple[Any, list[Any], list[float], tuple[int, ...]]:
    """The structure of a call, its numbers and Values in order, their numbers, and which of them are Values."""
    kinds = tuple(map(type, args))
    flat = _flat.get(kinds)
    if flat is not None:  # most calls, 4x faster
        shape, values = flat
        if not values:
            return shape, (leaves := Floats(args)), leaves, values
        return shape, list(args), [x if kind is float else x._data for kind, x in zip(kinds, args)], values
    shape, found = structure(args)
    if NUMBERS.issuperset(map(type, found)):
        return shape, found, found if isinstance(found, Floats) else list(map(float, found)), ()
    values = values_in(found)
    if len(_flat) < _MOST_FLAT and {float, Value}.issuperset(kinds):
        _flat[kinds] = shape, values
    return shape, found, numbers_of(found), values


class Apart:
    """Takes calls apart of which many in turn have arguments of the same form, nested lists of floats: by machine code.

    Attributes:
        reader: What reads the numbers of arguments of the last form; None if Python does it.
        structure: That of the last call.
    """

    def __init__(self) -> None:
        self.reader: Any = None
        self.structure: Any = None

    def __call__(self, args: tuple[Any, ...], native: bool) -> tuple[Any, list[Any], Any]:
        """The structure of a call, its numbers and Values in order, and their numbers.

        What machine code has read is an array, and nobody lists the numbers: they are all floats.
        """
        reader, known = self.reader, self.structure
        if reader is not None and native and (read := reader(args)) is not None:
            return reader.structure, Floats(), read
        shape, leaves, numbers, _ = parts_of_call(args)
        if shape != known:
            self.reader, self.structure = None, shape
        elif reader is None and native and _many(leaves):
            from autograd.compiler.machine.arguments import reader_of

            self.reader = reader_of(args, shape)
        return shape, leaves, numbers


def _many(leaves: list[Any]) -> bool:
    """Whether machine code takes such numbers apart faster than Python."""
    return len(leaves) >= _FEW and isinstance(leaves, Floats) and native_available(notice=False)


class Fixed:
    """In a structure: the object behind it is the same in all calls of this kind."""


class Floats(list[float]):
    """Numbers that are known to be Python's floats, from arguments that are nothing but lists and dictionaries.

    Attributes:
        mixed: Whether there are ints or Values among them, for the time being.
    """

    mixed = False


def _simple(x: Any, leaves: Floats) -> Any:
    """Append the numbers of an argument, and give its shape as ``_shape`` does; None if that needs a closer look.

    A float, an int or a Value, a list of nothing but one of these, and lists and dictionaries of such lists.
    """
    kind = type(x)
    if kind is float:
        leaves.append(x)
        return ()
    if kind is int and -SMALL <= x <= SMALL:
        leaves.mixed = True
        leaves.append(x)
        return (int,)
    if kind is Value:
        leaves.mixed = True
        leaves.append(x)
        return (Value,)
    if kind is str or x is None:
        return Fixed, x
    if kind is not list and kind is not tuple and kind is not dict:
        return None
    if kind is not dict:
        of = type(x[0]) if x else float
        if (of is float and all_floats(x)) or (of is int and _all_ints(x)) or (of is Value and {*map(type, x)} == {of}):
            leaves += x
            leaves.mixed = leaves.mixed or of is not float
            return (kind, len(x)) if of is float else (kind, len(x), of)
        if of is list and {*map(type, x)} == {list}:  # a matrix, 3x faster than by rows
            flat = [*chain.from_iterable(x)]
            values = {*map(type, flat)} == {Value}
            if values or all_floats(flat):
                leaves += flat
                leaves.mixed = leaves.mixed or values
                return kind, tuple([(list, len(row), Value) if row and values else (list, len(row)) for row in x])
    shapes = []
    for item in x.values() if kind is dict else x:
        shape = None if type(item) is int else _simple(item, leaves)  # whether it is one depends on the others
        if shape is None:
            return None
        shapes.append(shape)
    return kind, tuple(zip(x, shapes, map(type, x))) if kind is dict else tuple(shapes)


def refilled(args: Sequence[Any], shape: Any, leaves: list[Any], numbers: list[float]) -> tuple[Any, ...]:
    """Gradients in the shape of the arguments of a call: in the place of a text, which has none, is None."""
    supply = iter(numbers)
    if not isinstance(leaves, Floats):
        return tuple([rebuild(arg, supply, fixed=False) for arg in args])
    return tuple(numbers) if isinstance(shape, int) else tuple([_filled(one, supply) for one in shape])


def _filled(shape: Any, supply: Iterator[float]) -> Any:
    if not shape:
        return next(supply)
    kind, inside = shape
    if kind is Fixed:
        return None
    if isinstance(inside, int):
        return kind(islice(supply, inside))
    if kind is dict:
        return {key: _filled(one, supply) for key, one, _ in inside}
    lengths = _lengths(inside)
    if lengths:
        return kind([[*islice(supply, length)] for length in lengths])
    return kind([_filled(one, supply) for one in inside])


@lru_cache(64)
def _lengths(shapes: tuple[Any, ...]) -> list[int]:
    """How long the rows of a matrix are; nothing if it is none."""
    is_matrix = all(len(shape) == 2 and shape[0] is list and isinstance(shape[1], int) for shape in shapes)
    return [length for _, length in shapes] if is_matrix else []


def form(x: Any) -> str:
    """The structure of an argument in words that show all that a function can see of it but the numbers.

    >>> form({"a": [1.0, 2.0], "b": (3.0, [4.0])})
    '{a: [2 numbers], b: tuple (number, [1 number])}'
    """
    if isinstance(x, (list, tuple, dict)):
        if isinstance(x, dict):
            inside = ", ".join([f"{key}: {form(item)}" for key, item in x.items()])
        elif any(isinstance(item, (list, tuple, dict, *FIXED)) or _is_array(item) for item in x):
            inside = ", ".join(map(form, x))
        else:
            inside = f"{len(x)} number{'s' * (len(x) != 1)}"
        name = "" if type(x) in (list, dict) else f"{type(x).__name__} "
        left, right = "[]" if isinstance(x, list) else "{}" if isinstance(x, dict) else "()"
        return f"{name}{left}{inside}{right}"
    if isinstance(x, FIXED):
        return repr(x)
    return f"array {x.shape}" if _is_array(x) and x.ndim else "number"


def numbers_of(leaves: list[Any]) -> list[float]:
    """The numbers and the data of the Values."""
    if isinstance(leaves, Floats) or all_floats(leaves):
        return leaves
    if NUMBERS.issuperset(map(type, leaves)):
        return list(map(float, leaves))
    return [x._data if isinstance(x, Value) else float(x) for x in leaves]


def values_in(leaves: list[Any]) -> tuple[int, ...]:
    """Which of the numbers in the arguments are Values."""
    if isinstance(leaves, Floats) or NUMBERS.issuperset(map(type, leaves)):  # 20x faster than one by one
        return ()
    return tuple([k for k, x in enumerate(leaves) if isinstance(x, Value)])


def is_plain(arg: Any) -> bool:
    """Whether an argument is what machine code can take apart: floats, or lists of them."""
    if arg.__class__ in (list, tuple):
        return len(arg) > 0 and (all_floats(arg) or all(map(is_plain, arg)))
    return arg.__class__ is float


def _is_array(x: Any) -> bool:
    return hasattr(x, "flat") and hasattr(x, "tolist") and not isinstance(x, Value)


def is_whole(x: Any) -> bool:
    """Whether a number is an int or a bool, or all numbers are that stand in an array or directly in a list."""
    if x.__class__ is float or isinstance(x, Value):
        return False
    if x.__class__ is int or x.__class__ is bool:
        return True
    if isinstance(x, (list, tuple, dict)):
        items = x.values() if isinstance(x, dict) else x
        return all(is_whole(item) for item in items if not isinstance(item, (list, tuple, dict, *FIXED)))
    return x.dtype.kind in "biu" if _is_array(x) else isinstance(x, Integral)


def _all_ints(x: Sequence[Any]) -> bool:
    """Whether everything in a list is an int and none is large, as tokens are: 20x faster than one by one."""
    return {*map(type, x)} == _INTS and min(x) >= -SMALL and max(x) <= SMALL


def kind_of(column: Any) -> type:
    """What the numbers of a list or an array are: bools, ints or floats."""
    if not is_whole(column):
        return float
    return bool if len(column) and all(map(_is_bool, column)) else int


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or getattr(getattr(x, "dtype", None), "kind", "") == "b"


def _number(x: Any, whole: bool) -> float:
    number = as_float(x)  # what is no number raises
    if not whole or not is_whole(x):
        return Whole(number) if x.__class__ is int else number
    if abs(int(x)) > EXACT:
        raise OverflowError(f"the int {x} is beyond 2**53, where a compiled function cannot count: pass float({x})")
    return bool(x) if _is_bool(x) else int(x)


def _shape(x: Any, whole: bool = True) -> Any:
    """Empty for a number that is no int, so that a function of numbers is known by how many they are."""
    if isinstance(x, dict):
        whole = is_whole(x)
        return type(x), tuple([(key, _shape(item, whole), type(key)) for key, item in x.items()])  # 1 equals True
    if isinstance(x, (list, tuple)):
        if all_floats(x):
            return type(x), len(x)
        if _all_ints(x):
            return type(x), len(x), int
        if {*map(type, x)} == {Value}:
            return type(x), len(x), Value
        whole = is_whole(x)
        return type(x), tuple([_shape(item, whole) for item in x])
    if isinstance(x, Value):
        return (x.__class__,)  # equal to itself only, as a number is not
    if isinstance(x, FIXED):
        return Fixed, (
            x if type(x) is str or x is None else (type(x), x)
        )  # a member of an enumeration may equal a text
    check_kind(x)
    kind = () if not whole or not is_whole(x) else (bool,) if _is_bool(x) else (int,) if _is_small(x) else (int, int)
    return (*x.shape, "numpy", *kind) if _is_array(x) else kind


def _is_small(x: Any) -> bool:
    """Whether an int, or all in an array, are of a size that lets a program add some of them."""
    return bool(abs(x).max(initial=0) <= SMALL) if _is_array(x) else abs(x) <= SMALL
