"""How the packages are imported: modules when somebody first asks for their names, and from a folder of their own."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["lazy_names", "warn_if_mixed"]


def lazy_names(
    package: str, modules: Mapping[str, str], instead: Mapping[str, str] = MappingProxyType({})
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package.

    No name may be that of a module of the package as well: importing the module would put it in the place of the name.

    Args:
        package: The package's name, used in the error message.
        modules: The names to find in each module, separated by spaces.
        instead: For names that other libraries have, what to write.

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
            advice = f": {instead[name]}" if name in instead else ""
            # With the name and the module in the error, Python itself adds "Did you mean".
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}{advice}", name=name, obj=sys.modules.get(package)
            )
        return getattr(importlib.import_module(module_of[name]), name)

    return __getattr__


OF_HIPS = ("tracer.py", "wrap_util.py", "differential_operators.py")  # and no names of ours


def warn_if_mixed(folder: Path) -> None:
    """Say so if the folder of this package also holds files of HIPS autograd, which then does not work.

    >>> warn_if_mixed(Path("a folder without them"))
    """
    if any((folder / name).exists() for name in OF_HIPS):
        warnings.warn(
            f"HIPS autograd was installed into the same folder as scalar-autograd ({folder}), so that `import "
            "autograd` gives this package and HIPS autograd is broken: keep each in an environment of its own, or run "
            "`pip uninstall autograd` and then `pip install --force-reinstall --no-deps scalar-autograd`",
            stacklevel=3,
        )
