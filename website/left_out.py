"""Stands in for matplotlib in notebooks of a site that was built without it: they run, and their plots are left out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar

PACKAGES = ("matplotlib", "matplotlib_inline")


class LeftOut(ModuleType):
    """A module, a figure or an axis of which nothing is drawn, whatever it is told."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return LeftOut(name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return LeftOut(self.__name__)

    def __getitem__(self, key: Any) -> LeftOut:
        return LeftOut(self.__name__)

    def __iter__(self) -> Iterator[Any]:
        return iter(())  # of the axes of a figure, or the parts of a colour

    def _ipython_display_(self) -> None:
        """The value of a cell that ends with ``plt.show()``, which shows nothing."""

    def subplots(self, rows: int = 1, columns: int = 1, **options: Any) -> tuple[LeftOut, Any]:
        """A figure and its axes: one, a row or a column of them, or rows."""
        axes = [[LeftOut("axes") for _ in range(columns)] for _ in range(rows)]
        if columns == 1:
            return LeftOut("figure"), axes[0][0] if rows == 1 else [row[0] for row in axes]
        return LeftOut("figure"), axes[0] if rows == 1 else axes


class Finder(MetaPathFinder, Loader):
    """Finds the packages and all that is in them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in PACKAGES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return LeftOut(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def leave_out_plots() -> None:
    """Have matplotlib imported from here, and say so.

    >>> leave_out_plots()
    This site was built without matplotlib: its plots are left out here, and all else runs.
    >>> import matplotlib.pyplot as plt
    >>> figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    >>> _ = left.plot([1, 2], color="red"); _ = plt.show()
    >>> _ = sys.meta_path.pop(0), [sys.modules.pop(name) for name in [*sys.modules] if name.startswith("matplotlib")]
    """
    sys.meta_path.insert(0, Finder())
    print("This site was built without matplotlib: its plots are left out here, and all else runs.")
