"""Arguments and results that hold many numbers: nested lists, tuples and dictionaries, and numpy arrays.

A tree is a number, or one of these with trees inside.  Numbers are taken out in order, and put back into its shape.
What is ``FIXED``, such as a text among the arguments of a compiled function, belongs to the shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from enum import Enum
from functools import cache
from itertools import islice
from numbers import Real
from typing import Any

from autograd.rows import Detached

__all__ = [
    "FIXED", "NumpyKindError", "ObjectError", "OwnKindError", "aligned", "all_floats", "check_kind", "flatten",
    "holds_numpy", "is_array", "is_numpy", "is_object", "is_tree", "put_entries", "rebuild",
]  # fmt: skip

_OF_NUMBERS = ("__array__", "__float__", "detach")  # what arrays, numbers and tensors have
FIXED = (str, bytes, type(None), Enum)
_KNOWN = ("builtins", "autograd", "numpy")  # packages whose numbers behave as Python's floats and ints
_KINDS = ("f8", "i8", "O")  # numpy's that do so: the others round to fewer digits, overflow, or compute as bits


class OwnKindError(TypeError):
    """What only the function itself knows to use: a number of a class of the program's own, a set, an iterator."""


class NumpyKindError(OwnKindError):
    """A number of numpy, or an array, of a kind that computes otherwise than floats or ints do."""


class ObjectError(TypeError):
    """Where numbers are expected, there is an object that a function may read numbers from."""


def is_object(x: Any) -> bool:
    """Whether x is a model, an optimiser, a dataclass or a function: nothing like a number, and no list of these.

    >>> [is_object(x) for x in (print, lambda: 0, 1.0, [1.0], "text", None, Value(1.0), float)]
    [True, True, False, False, False, False, False, False]
    """
    if isinstance(x, (type, int, float, complex, list, tuple, dict)) or any(hasattr(x, name) for name in _OF_NUMBERS):
        return False
    return callable(x) or hasattr(x, "__dict__") or hasattr(type(x), "__slots__")


def check_kind(x: Any) -> None:
    """Refuse a float or int of a class of the program's own, and numpy's numbers and arrays of fewer or other bits."""
    held = {*map(type, x.flat)} if is_numpy(x) and x.dtype.kind == "O" else ()
    if is_numpy(x) and (not x.dtype.str.endswith(_KINDS) or any(hasattr(kind, "flat") for kind in held)):
        raise NumpyKindError(f"numpy gets different results with {x.dtype} than with floats: give x.astype(float)")
    if isinstance(x, Real) and type(x).__module__.partition(".")[0] not in _KNOWN:
        raise OwnKindError(f"{x!r} is a {type(x).__name__}, which may differ from a float: give float(x)")


def all_floats(numbers: Iterable[Any]) -> bool:
    """Whether these are Python's floats and nothing else."""
    for number in numbers:  # noqa: SIM110 - 2x faster than all()
        if type(number) is not float:  # a traced number passes for one
            return False
    return True


def is_numpy(x: Any) -> bool:
    """Whether x is an array or a scalar of numpy (or what can be used as one)."""
    kind = type(x)  # an object's own __getattr__ may do anything
    return hasattr(kind, "flat") and hasattr(kind, "tolist") and hasattr(kind, "dtype")


def holds_numpy(tree: Any) -> bool:
    """Whether there is an array or a scalar of numpy in a tree."""
    if isinstance(tree, dict):
        tree = [*tree.values()]
    if isinstance(tree, (list, tuple)):
        return not all_floats(tree) and any(map(holds_numpy, tree))
    return is_numpy(tree)


def is_array(x: Any) -> bool:
    """Whether x is an array of numpy with at least one axis (or what can be used as one)."""
    return is_numpy(x) and bool(x.ndim > 0)


def is_tree(x: Any) -> bool:
    """Whether x is more than one number."""
    return isinstance(x, (list, tuple, dict)) or is_array(x)


def flatten(tree: Any) -> list[Any]:
    """The numbers of a tree, in order.

    >>> flatten([1.0, (2.0, {"a": 3.0})])
    [1.0, 2.0, 3.0]
    """
    if isinstance(tree, (list, tuple)) and all_floats(tree):
        return list(tree)
    if isinstance(tree, (list, tuple, dict)):
        return [number for branch in _branches(tree) for number in flatten(branch)]
    return tree.ravel().tolist() if is_array(tree) else [tree]


def aligned(tree: Any, like: Any, what: str, of: str) -> list[Any]:
    """The numbers of a tree in the order of another one of the same shape; an array has the shape of its lists.

    Raises:
        ValueError: The shapes differ; ``what`` and ``of`` say what the two trees are.
    """
    tree, like = (x.tolist() if is_array(x) else x for x in (tree, like))
    if isinstance(tree, dict) and isinstance(like, dict) and tree.keys() == like.keys():
        pairs = [(tree[key], like[key]) for key in like]
    elif isinstance(tree, (list, tuple)) and isinstance(like, (list, tuple)) and len(tree) == len(like):
        pairs = list(zip(tree, like))
    elif is_tree(tree) or is_tree(like):
        sizes = f"{len(flatten(tree))} {what} for {len(flatten(like))} {of}"
        raise ValueError(f"got {sizes}, {tree!r} for {like!r}: they must have the same shape")
    else:
        return [tree]
    return [number for branch, other in pairs for number in aligned(branch, other, what, of)]


def rebuild(tree: Any, numbers: Iterable[Any], *, fixed: bool = True) -> Any:
    """A tree of the same shape with other numbers, or with other trees in the place of its numbers.

    Texts and other objects that are no numbers stay if they are ``fixed``; else None takes their place.

    >>> rebuild([1.0, (2.0, {"a": 3.0})], "xyz")
    ['x', ('y', {'a': 'z'})]
    """
    return _rebuilt(tree, iter(numbers), fixed)


def _rebuilt(tree: Any, supply: Iterator[Any], fixed: bool) -> Any:
    if isinstance(tree, dict):
        out = copy(tree)  # of its own kind
        put_entries(out, [(key, _rebuilt(branch, supply, fixed)) for key, branch in tree.items()])
        return out
    if isinstance(tree, (list, tuple)):
        flat = all_floats(tree)
        branches = list(islice(supply, len(tree))) if flat else [_rebuilt(branch, supply, fixed) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)  # a namedtuple, or not
    if isinstance(tree, FIXED):
        return tree if fixed else None
    return _array(tree, list(islice(supply, tree.size))) if is_array(tree) else next(supply)


def put_entries(x: dict[Any, Any], entries: Iterable[tuple[Any, Any]]) -> None:
    """Set keys of a dictionary of any kind: the ``update`` of a Counter would add to what is there."""
    for key, item in entries:
        x[key] = item


def _array(like: Any, entries: list[Any]) -> Any:
    """An array of that shape: of floats, or of objects if there are Values among them."""
    import numpy as np  # which is there, since the caller has an array

    kinds = {*map(type, entries)}
    if all(issubclass(kind, float) for kind in kinds):
        out = np.array(entries, dtype=float).reshape(like.shape)
        return out.view(_detached_array()) if Detached in kinds else out
    if all(is_array(entry) for entry in entries):
        found = np.array(entries).reshape(like.shape + entries[0].shape)
        return found.view(_detached_array()) if _detached_array() in kinds else found
    out = np.empty(like.size, dtype=object)
    out[:] = entries
    return out.reshape(like.shape)


@cache
def _detached_array() -> Any:
    """The class of the arrays whose entries are ``Detached``, as is what is computed from them."""
    import numpy as np

    def plain(x: Any) -> Any:
        return np.asarray(x) if isinstance(x, DetachedArray) else x

    def entries(x: Any) -> Any:
        """The array as one of objects: these meet Values one by one."""
        out: Any = np.empty(x.shape, dtype=object)
        out.flat = [Detached(entry) for entry in np.asarray(x).flat]
        return out

    class DetachedArray(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            entry = super().__getitem__(key)
            return Detached(entry) if isinstance(entry, float) else entry

        def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
            known = list(map(plain, operands))
            if any(np.asarray(x).dtype == object for x in known):
                known = [entries(x) if isinstance(x, DetachedArray) else x for x in operands]
            if given := options.get("out"):
                options["out"] = tuple(map(plain, given))
            found = getattr(ufunc, method)(*known, **options)
            if isinstance(found, float):
                return Detached(found)
            return found.view(DetachedArray) if is_array(found) and found.dtype == float else found

        def __array_function__(self, *call: Any) -> Any:
            found = super().__array_function__(*call)
            return Detached(found) if isinstance(found, float) else found

        def __reduce__(self) -> Any:
            return np.asarray(self).__reduce__()

    return DetachedArray


def _branches(tree: Any) -> Iterable[Any]:
    return tree.values() if isinstance(tree, dict) else tree
