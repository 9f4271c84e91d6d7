"""The lessons in JupyterLite: notebooks that run in the browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sources import OF_THE_KERNEL, Sources, add_packages

ROOT = Path(__file__).resolve().parent.parent

OF_PYODIDE = ("matplotlib", "numpy")  # what lessons import, and Pyodide has
IN_THE_SITE = ("micrograd",)  # what a lesson imports, and the site has a wheel of
FIRST_CELL = """# This notebook runs in your browser, without machine code: to train takes minutes instead of seconds.
%pip install -q {packages}
from autograd.viz import load_renderer
await load_renderer({address})"""
LEFT_OUT = """
import left_out
left_out.leave_out_plots()"""
LACKING = """raise ModuleNotFoundError(
    "this lesson needs numpy, which this site was built without: build it with a full distribution of Pyodide")"""
NEED_NUMPY = re.compile(r"\bplot_boundary\b|\bLivePlot\b")  # plots that compute with it

# In the corner of the page, above everything: JupyterLab itself knows no page outside of it.
HOME = """<a id="home" href="../../" style="position: fixed; top: 0; right: 1rem; z-index: 9; line-height: 28px;
 font-family: system-ui, sans-serif; font-size: 13px; color: var(--jp-content-link-color, #0b57d0)">Home of the site</a>
"""
ICON = """<link rel="icon" href="./favicon.ico">
"""


def build_lessons(folder: Path, sources: Sources, parts: list[str]) -> None:
    """The lessons, with the wheel of this checkout for ``%pip install scalar-autograd``.

    What the lessons import beside the package (IPython, matplotlib, numpy) comes from where Pyodide comes from.  npm's
    package has none of it.  For a site that loads nothing from other hosts, what is written in Python is added from the
    package index; matplotlib and numpy are not, and need a full distribution of Pyodide in place of npm's package.
    Without matplotlib a lesson runs and leaves its plots out; without numpy, one that needs it says so and stops.
    """
    with tempfile.TemporaryDirectory() as work:
        lite, contents = Path(work, "lite"), Path(work, "contents")
        shutil.copytree(folder.parent / "wheels", lite / "pypi")
        (lite / "jupyter-lite.json").write_text(json.dumps(configuration(sources)))
        patterns = shutil.ignore_patterns("__pycache__", ".*", "*.md")
        shutil.copytree(ROOT / "notebooks", contents, ignore=patterns)
        shutil.copy(Path(__file__).parent / "left_out.py", contents)
        lacking: set[str] = set()
        if not sources.is_public:
            javascript = folder.parent / "javascript"
            add_packages(javascript, OF_THE_KERNEL)
            lacking = {name for name in OF_PYODIDE if not list(javascript.glob(f"{name}-*.whl"))}
        for path in sorted(contents.glob("*.ipynb")):
            _add_first_cell(path, lacking, sources)
        command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", lite, "--contents", contents]
        done = subprocess.run(
            [*map(str, command), "--output-dir", str(folder.resolve()), "--apps", "lab", "--no-sourcemaps"],
            cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"the lessons were not built (pip install '.[site]'?):\n{done.stderr[-2000:]}")
    page = folder / "lab" / "index.html"
    text = page.read_text(encoding="utf-8")
    for tag, added in (("</head>", ICON), ("</body>", HOME)):
        text = text.replace(tag, added + tag)
    page.write_text(text, encoding="utf-8")


def configuration(sources: Sources) -> dict[str, Any]:
    """JupyterLite's: where Pyodide comes from, and whether packages may come from the public index."""
    settings = {
        # A relative address starts in the folder of the lessons.
        "pyodideUrl": ("" if sources.is_public else "./") + sources.pyodide + "pyodide.mjs",
        "disablePyPIFallback": not sources.is_public,
    }
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {"litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": settings}},
    }


def _imports(path: Path) -> list[str]:
    """The packages that a notebook imports and has to install in a browser."""
    code = _code(path)
    names = [name for name in (*OF_PYODIDE, *IN_THE_SITE) if re.search(rf"(?m)^\s*(import|from) {name}\b", code)]
    return [*names, *["numpy"] * (bool(NEED_NUMPY.search(code)) and "numpy" not in names)]


def _code(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _add_first_cell(path: Path, lacking: set[str], sources: Sources) -> None:
    """Put the cell on top of a notebook that installs what a browser lacks, or says what the site was built without."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    imported = _imports(path)
    address = "" if sources.is_public else repr(f"./{Path(sources.graphviz).name}")  # it lies beside Pyodide
    installed = [name for name in imported if name not in lacking]
    first = FIRST_CELL.format(packages=" ".join(["scalar-autograd", *installed]), address=address)
    if "numpy" in lacking.intersection(imported):
        first = LACKING
    elif "matplotlib" in lacking.intersection(imported):
        first += LEFT_OUT
    cell = {"cell_type": "code", "execution_count": None, "id": "in-a-browser", "metadata": {}, "outputs": []}
    notebook["cells"].insert(0, cell | {"source": first.splitlines(keepends=True)})
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")
