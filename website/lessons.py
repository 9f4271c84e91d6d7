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
FIRST_CELL = """# This runs in your browser, without machine code: to train the GPT of lesson 10 takes about a minute.
%pip install -q {packages}
import warnings
from autograd.viz import load_renderer
warnings.filterwarnings("ignore", "no machine code can be made in a browser")
await load_renderer({address})"""
LEFT_OUT = """
import left_out
left_out.leave_out_plots()"""
WITHOUT_NUMPY = 'print("This site was built without numpy, which this cell computes with: it is left out here.")'
NUMPY = re.compile(r"(?m)^\s*(import|from) numpy\b")

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
    Without matplotlib a lesson runs and leaves its plots out; without numpy, it leaves out the cells that import it.
    """
    with tempfile.TemporaryDirectory() as work:
        lite, contents = Path(work, "lite"), Path(work, "contents")
        shutil.copytree(folder.parent / "wheels", lite / "pypi")
        (lite / "jupyter-lite.json").write_text(json.dumps(configuration(sources)))
        shutil.copytree(ROOT / "notebooks", contents, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        shutil.copy(ROOT / "examples/gpt.py", contents)  # which a lesson leads to
        shutil.copy(Path(__file__).parent / "left_out.py", contents)
        lacking: set[str] = set()
        if not sources.is_public:
            assert sources.distribution is not None
            javascript = folder.parent / "javascript"
            lacking = add_packages(javascript, [*OF_THE_KERNEL, *OF_PYODIDE], sources.distribution)
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
    """JupyterLite's: where Pyodide comes from, whether packages may come from the public index, light or dark."""
    settings = {
        # A relative address starts in the folder of the lessons.
        "pyodideUrl": ("" if sources.is_public else "./") + sources.pyodide + "pyodide.mjs",
        "disablePyPIFallback": not sources.is_public,
    }
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": settings},
            "settingsOverrides": {"@jupyterlab/apputils-extension:themes": {"adaptive-theme": True}},
        },
    }


def _imports(path: Path) -> list[str]:
    """The packages that a notebook imports and has to install in a browser."""
    code = _code(path)
    return [name for name in (*OF_PYODIDE, *IN_THE_SITE) if re.search(rf"(?m)^\s*(import|from) {name}\b", code)]


def _code(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _add_first_cell(path: Path, lacking: set[str], sources: Sources) -> None:
    """Put the cell on top of a notebook that installs what a browser lacks, or says what the site was built without."""
    notebook = json.loads(path.read_text(encoding="utf-8").replace("](../examples/", "]("))
    imported = _imports(path)
    address = "" if sources.is_public else repr(f"./{Path(sources.graphviz).name}")  # it lies beside Pyodide
    installed = [name for name in imported if name not in lacking]
    first = FIRST_CELL.format(packages=" ".join(["scalar-autograd", *installed]), address=address)
    if "matplotlib" in lacking.intersection(imported):
        first += LEFT_OUT
    for cell in notebook["cells"] if "numpy" in lacking else []:
        if cell["cell_type"] == "code" and NUMPY.search(source := "".join(cell["source"])):
            code = "".join([f"\n# {line}" for line in source.splitlines()])
            cell["source"] = f"{WITHOUT_NUMPY}{code}".splitlines(keepends=True)
    cell = {"cell_type": "code", "execution_count": None, "id": "in-a-browser", "metadata": {}, "outputs": []}
    notebook["cells"].insert(0, cell | {"source": first.splitlines(keepends=True)})
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")
