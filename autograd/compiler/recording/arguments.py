"""The arguments of a compiled function: their numbers in order, their structure, and the same structure anew.

An argument is a number, a Value, a list, tuple or dictionary of arguments, or a numpy array.  A text, None or a member
of an enumeration has no number: it is part of the structure, so that another one is another kind of call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from numbers import Integral
from typing import Any

from autograd.compiler.backends import native_available
from autograd.compiler.recording.exact import EXACT, SMALL
from autograd.ops import as_float
from autograd.trees import FIXED, ObjectError, OwnKindError, all_floats, check_kind, is_numpy, is_object, rebuild
from autograd.value import Value

_FEW = 16  # numbers that Python takes apart as fast as machine code
_DOUBLE = 8  # bytes
NUMBERS = {float, int, bool}
_CONTAINERS = (list, tuple, dict)
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


class Fixed:
    """In a structure: the object behind it is the same in all calls of this kind."""


class Floats(list[float]):
    """Numbers that are Python's floats, from arguments that are nothing but lists, tuples and dictionaries.

    Attributes:
        plain: Whether that is so, which may turn out not to be while they are collected.
    """

    plain = True


class _Walk:
    """Takes arguments apart.

    Args:
        fixed: Whether texts and the like are allowed.

    Attributes:
        leaves: The numbers and Values so far, in order.
        others: The numbers and arrays that are none of Python's floats and small ints.
    """

    __slots__ = ("fixed", "leaves", "others")

    def __init__(self, fixed: bool = True) -> None:
        self.fixed, self.leaves = fixed, Floats()
        self.others: list[Any] = []

    def shape(self, x: Any, where: Any) -> Any:
        """Append the numbers and Values of an argument, and give its structure: empty for a number that is no int.

        Args:
            x: The argument.
            where: Its number or its name, or a pair of the place of its container and its place there.

        Raises:
            TypeError: Something is no number, naming where it stands.
        """
        leaves: list[Any] = self.leaves
        kind = type(x)
        if kind is float:
            leaves.append(x)
            return ()
        if isinstance(x, _CONTAINERS):
            if kind not in _CONTAINERS:
                self.leaves.plain = False
            return (None if isinstance(x, dict) else self._alike(x)) or self._container(x, where)
        if kind is int and -SMALL <= x <= SMALL:
            self.leaves.plain = False
            leaves.append(x)
            return (int,)
        if isinstance(x, Value):
            self.leaves.plain = False
            leaves.append(x)
            return (x.__class__,)  # equal to itself only, as a number is not
        if self.fixed and isinstance(x, FIXED):
            self.leaves.plain = self.leaves.plain and (kind is str or x is None)
            return Fixed, x if kind is str or x is None else (kind, x)  # a member of an enumeration may equal a text
        self.leaves.plain = False
        self.others.append(x)
        if not is_numpy(x):
            leaves.append(number := _checked_number(x, where))
            return _form_of(number)
        if x.dtype.kind == "f" and x.itemsize <= _DOUBLE:
            leaves += x.ravel().tolist()
            return x.shape
        numbers = [item if isinstance(item, Value) else _number(item) for item in x.flat]
        leaves += numbers
        forms = list(map(_form_of, numbers))
        return (*x.shape, *(forms if x.dtype.kind == "O" else max(forms, key=len, default=())))

    def _alike(self, x: Sequence[Any]) -> Any:
        """The structure of a list of nothing but floats, ints or Values, or of such lists; None if it is another."""
        leaves, of = self.leaves, type(x[0]) if x else float
        if of is float and all_floats(x):
            leaves += x
            return type(x), len(x)
        if are_tokens(x) if of is int else of is Value and {*map(type, x)} == {Value}:
            self.leaves.plain = False
            leaves += x
            return type(x), len(x), of
        if of in (list, tuple) and {*map(type, x)} == {of}:  # a matrix, 3x faster than by rows
            flat = [*chain.from_iterable(x)]
            values = {*map(type, flat)} == {Value}
            if values or all_floats(flat):
                self.leaves.plain = self.leaves.plain and not values
                leaves += flat
                return type(x), tuple([(of, len(row), Value) if row and values else (of, len(row)) for row in x])
        return None

    def _container(self, x: Any, where: Any) -> Any:
        by_name, shapes = isinstance(x, Keywords), []
        for place, item in x.items() if isinstance(x, dict) else enumerate(x):
            shapes.append(self.shape(item, f"argument {place!r}" if by_name else (where, place)))
        return type(x), tuple(zip(x, shapes, map(type, x))) if isinstance(x, dict) else tuple(shapes)  # 1 equals True


def arguments_of(x: Any, where: Any = "argument", *, fixed: bool = True) -> list[Any]:
    """The numbers and Values of an argument in order.

    Raises:
        TypeError: Anything else, naming where it stands.
    """
    walk = _Walk(fixed)
    walk.shape(x, where)
    return list(walk.leaves)


def plain_numbers(objects: Sequence[Any]) -> tuple[Any, list[Any]] | None:
    """The structure of some objects and the numbers in them; None if there is more than floats and ints up to 2**46."""
    walk = _Walk(fixed=False)
    try:
        shapes = tuple([walk.shape(x, "") for x in objects])
    except (TypeError, OverflowError):
        return None
    plain = not walk.others and {float, int}.issuperset(map(type, walk.leaves))
    return (shapes, list(walk.leaves)) if plain else None


def _checked_number(x: Any, where: Any) -> float:
    try:
        return _number(x)
    except TypeError as error:
        place = f"{_place(where)} of a compiled function"
        if isinstance(x, type):
            raise TypeError(
                f"{place} is the class {x.__name__}, which is no number: "
                "for a class method write @autograd.compile above @classmethod"
            ) from None
        if is_object(x) and not isinstance(where, tuple):
            raise ObjectError(where) from None
        if is_object(x):
            raise TypeError(f"{place} is no number, but {x!r}: pass it as a separate argument") from None
        wanted = f"{place} must be a number, a Value, a nested list, a dictionary, an array or a text: "
        is_known = isinstance(x, FIXED) or hasattr(x, "__array__") or hasattr(x, "detach")
        if isinstance(x, Iterable) and not is_known:  # a recording would use up what can be read once
            raise OwnKindError(f"{wanted}give list(…) of the {type(x).__name__}") from None
        raise TypeError(f"{wanted}{error}") from None


def _place(where: Any) -> str:
    if isinstance(where, tuple):
        return f"{_place(where[0])}[{where[1]!r}]"
    return where if isinstance(where, str) else f"argument {where}"


def structure(args: Sequence[Any]) -> tuple[Any, list[Any]]:
    """What kind of call this is (hashable), and its numbers and Values in order."""
    if all_floats(args):
        return len(args), Floats(args)
    walk = _Walk()
    shapes = tuple([walk.shape(arg, i) for i, arg in enumerate(args)])
    for x in walk.others:
        check_kind(x)
    if walk.leaves.plain:
        return shapes if any(shapes) else len(args), walk.leaves  # a function of numbers is known by how many they are
    return shapes if any(shapes) else len(args), list(walk.leaves)


def are_tokens(x: Sequence[Any]) -> bool:
    """Whether these are small ints and nothing else: to look at all at once is 20x faster than one by one."""
    return {*map(type, x)} == {int} and min(x) >= -SMALL and max(x) <= SMALL


def parts_of_call(args: tuple[Any, ...]) -> tuple[Any, list[Any], list[float], tuple[int, ...]]:
    """The structure of a call, its numbers and Values in order, their numbers, and which of them are Values."""
    kinds = tuple(map(type, args))
    flat = _flat.get(kinds)
    if flat is not None:  # most calls, 4x faster
        shape, values = flat
        if not values:
            return shape, (leaves := Floats(args)), leaves, values
        return shape, list(args), [x if kind is float else x._data for kind, x in zip(kinds, args)], values
    if args and all(type(x) is list and are_tokens(x) for x in args):
        tokens = [*chain.from_iterable(args)]
        return tuple([(list, len(x), int) for x in args]), tokens, list(map(float, tokens)), ()
    shape, found = structure(args)
    plain = isinstance(found, Floats) or NUMBERS.issuperset(map(type, found))
    values = () if plain else tuple([k for k, x in enumerate(found) if isinstance(x, Value)])
    if len(_flat) < _MOST_FLAT and {float, Value}.issuperset(kinds):
        _flat[kinds] = shape, values
    if isinstance(found, Floats):
        return shape, found, found, values
    # 20x faster than one by one, where all are numbers.
    numbers = list(map(float, found)) if plain else [x._data if isinstance(x, Value) else float(x) for x in found]
    return shape, found, numbers, values


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
        elif any(isinstance(item, (list, tuple, dict, *FIXED)) or is_numpy(item) for item in x):
            inside = ", ".join(map(form, x))
        else:
            inside = f"{len(x)} number{'s' * (len(x) != 1)}"
        name = "" if type(x) in (list, dict) else f"{type(x).__name__} "
        left, right = "[]" if isinstance(x, list) else "{}" if isinstance(x, dict) else "()"
        return f"{name}{left}{inside}{right}"
    if isinstance(x, FIXED):
        return repr(x)
    return f"array {x.shape}" if is_numpy(x) and x.ndim else "number"


def is_plain(arg: Any) -> bool:
    """Whether an argument is what machine code can take apart: floats, or lists of them."""
    if arg.__class__ in (list, tuple):
        return len(arg) > 0 and (all_floats(arg) or all(map(is_plain, arg)))
    return arg.__class__ is float


def kind_of(column: Any) -> type:
    """What the numbers of a list or an array are: bools, ints or floats."""
    is_typed = is_numpy(column) and column.dtype.kind != "O"
    kinds = {_kind(column)} if is_typed else {float} if all_floats(column) else {*map(_kind, column)}
    return float if float in kinds or not kinds else int if int in kinds else bool


def _kind(x: Any) -> type:
    """What a number, or each number of an array, is to Python: a bool, an int or a float."""
    code = x.dtype.kind if is_numpy(x) else ""
    if isinstance(x, bool) or code == "b":
        return bool
    return int if isinstance(x, Integral) or code in ("i", "u") else float


def _form_of(number: Any) -> tuple[type, ...]:
    """The structure of a number or a Value; ints that are not small have another one."""
    if isinstance(number, Value):
        return (number.__class__,)
    kind = number.__class__
    return () if kind is float else (int, int) if abs(number) > SMALL else (kind,)


def _number(x: Any) -> float:
    """A number as the float, int or bool that it is."""
    number, kind = as_float(x), _kind(x)  # what is no number raises
    if kind is int and abs(int(x)) > EXACT:
        raise OverflowError(f"the int {x} is beyond 2**53, too large for an exact float: pass float({x})")
    return number if kind is float else kind(x)
