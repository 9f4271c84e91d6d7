"""Names of a package whose modules are imported when somebody first asks for them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package.

    No name may be that of a module of the package as well: importing the module would put it in the place of the name.

    Args:
        package: The package's name, used in the error message.
        modules: The names to find in each module, separated by spaces.

    Returns:
        A function from a name to what it stands for.  It raises AttributeError for any other name.

    >>> lazy_names("shapes", {"math": "pi e"})("pi")
    3.141592653589793
    >>> lazy_names("shapes", {"math": "pi e"})("square")
    Traceback (most recent call last):
        ...
    AttributeError: module 'shapes' has no attribute 'square'
    """

    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def __getattr__(name: str) -> Any:  # noqa: N807 - Python's name for it
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module_of[name]), name)

    return __getattr__
