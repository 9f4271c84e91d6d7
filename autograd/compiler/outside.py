"""What a function reads from outside by a name of its own: a recording holds as long as that is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

__all__ = ["names_outside"]

_END = object()  # what shows that there are more attributes than before, or fewer


def names_outside(f: Callable[..., Any]) -> Callable[[], list[Any]]:
    """A function that looks up what the names that ``f`` reads from outside stand for.

    These are its globals, the names of enclosing functions, and for a method or a callable object its attributes.

    >>> rate = [1.0]
    >>> names_outside(lambda x: x * rate[0])()
    [[1.0]]
    """
    owner = getattr(f, "__self__", f)
    function = getattr(f, "__func__", f)
    if not hasattr(function, "__code__"):  # an object that can be called
        function = type(f).__call__
    code, space = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    names = sorted({name for name in _names(code) if name in space}) if code else []
    cells = getattr(function, "__closure__", None) or ()
    attributes = getattr(owner, "__dict__", None) if function is not f else None

    def look_up() -> list[Any]:
        found = [space.get(name) for name in names] + [_content(cell) for cell in cells]
        return [*found, *attributes.values(), _END] if attributes is not None else found

    return look_up


def _names(code: CodeType) -> Iterator[str]:
    """The global names in a piece of code, and in the functions and comprehensions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the name has no object yet: the function's own, while it is being defined
        return None
