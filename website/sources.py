"""Where Python in the browser (Pyodide) and Graphviz as WebAssembly come from: a public host, or the site itself."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from autograd.viz.pictures.render import ADDRESS

PYODIDE = "https://cdn.jsdelivr.net/pyodide/v314.0.7/full/"
PARTS = "pyodide.mjs", "pyodide.asm.*", "python_stdlib.zip", "pyodide-lock.json"  # of Pyodide, without packages
OF_THE_KERNEL = ("micropip", "ipython", "jedi", "packaging")  # what runs notebooks asks Pyodide for these


class Sources(NamedTuple):
    """Where the browser gets what the site does not write itself; relative addresses start in a folder of the site.

    Attributes:
        pyodide: The folder of Pyodide, with a slash at the end.
        graphviz: The module ``@viz-js/viz``.
        distribution: The folder that Pyodide was copied from, where packages may lie beside it; None if it is public.
    """

    pyodide: str = PYODIDE
    graphviz: str = ADDRESS
    distribution: Path | None = None

    @property
    def is_public(self) -> bool:
        """Whether they are other hosts."""
        return self.pyodide == PYODIDE


def sources_of(site: Path, node_modules: Path | None) -> Sources:
    """The public host, or copies of npm's packages in the folder ``javascript`` of the site.

    Args:
        site: Folder of the site.
        node_modules: Folder with the packages ``pyodide`` and ``@viz-js/viz``; in place of the first may be a full
            distribution of Pyodide, which has other packages beside it.
    """
    if node_modules is None:
        return Sources()
    own, pyodide = site / "javascript", node_modules / "pyodide"
    own.mkdir(exist_ok=True)
    for path in [path for pattern in PARTS for path in pyodide.glob(pattern)]:
        shutil.copy(path, own / path.name)
    shutil.copy(node_modules / "@viz-js/viz/dist/viz.js", own / "viz.js")
    return Sources("../javascript/", "../javascript/viz.js", pyodide)


def add_packages(own: Path, names: Iterable[str], distribution: Path) -> set[str]:
    """Add Python packages, with what they need, to a folder with Pyodide.

    They come from a full distribution of Pyodide.  npm's package has none: what is written in Python is the same in the
    package index then; what is compiled for WebAssembly is not there.

    Args:
        own: The folder, whose ``pyodide-lock.json`` lists versions and dependencies.
        names: Names of the packages.
        distribution: The folder that Pyodide was copied from.

    Returns:
        The packages of these that could not be added, since something compiled is missing.
    """
    lock = json.loads((own / "pyodide-lock.json").read_text(encoding="utf-8"))
    packages, lacking = {}, set()
    for name in names:
        needed = _with_dependencies(lock["packages"], [name])
        if all((distribution / it["file_name"]).exists() or _is_pure(it) for it in needed.values()):
            packages |= needed
        else:
            lacking.add(name)
    pure = {}
    for name, it in packages.items():
        if (distribution / it["file_name"]).exists():
            shutil.copy(distribution / it["file_name"], own)
        else:
            pure[name] = it
    if pure:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary=:all:", "--platform", "any", "--python-version", "3.14", "--dest", str(own)]
        subprocess.run([*pip, *[f"{name}=={it['version']}" for name, it in pure.items()]], check=True)
        for it in pure.values():  # Pyodide packs its wheels anew, and compares their sums
            it["sha256"] = hashlib.sha256((own / it["file_name"]).read_bytes()).hexdigest()
    # A notebook's kernel loads what a cell imports, if it is listed; what is not here would be an error each time.
    lock["packages"] = packages
    (own / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return lacking


def _is_pure(package: dict[str, Any]) -> bool:
    """Whether a package is written in Python, and so the same everywhere."""
    return str(package["file_name"]).endswith("-none-any.whl")


def _with_dependencies(listed: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found[name] = listed[name]
            waiting += listed[name]["depends"]
    return found
