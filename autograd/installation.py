"""Is this folder only ours?  HIPS ``autograd`` has the same import name, and installers write both into one folder."""

from __future__ import annotations

import warnings
from pathlib import Path

__all__ = ["warn_if_mixed"]

OF_HIPS = ("tracer.py", "wrap_util.py", "differential_operators.py")  # and no names of ours


def warn_if_mixed(folder: Path) -> None:
    """Say so if the folder of this package also holds files of HIPS autograd, which then does not work.

    Args:
        folder: Folder of the package.

    >>> warn_if_mixed(Path("a folder without them"))
    """
    if any((folder / name).exists() for name in OF_HIPS):
        warnings.warn(
            f"HIPS autograd was installed into the same folder as scalar-autograd ({folder}), so that `import "
            "autograd` gives this package and HIPS autograd is broken: keep each in an environment of its own, or run "
            "`pip uninstall autograd` and then `pip install --force-reinstall --no-deps scalar-autograd`",
            stacklevel=3,
        )
