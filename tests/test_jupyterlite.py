"""The lessons in JupyterLite: run in a real browser, with nothing from another host, they give what is committed.

Needs Chromium, the npm packages `pyodide` and `@viz-js/viz`, and what builds the lessons: pip install ".[site]".
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.browser import started_chromium  # noqa: F401 - a fixture
from tests.support.javascript import MODULES
from tests.support.jupyter import committed_outputs, last_gradients, outputs, start_all, wait_for_all
from tests.support.site import Visit, built_and_served, visited, website  # noqa: F401 - fixtures

needs_lessons = pytest.mark.skipif(
    MODULES is None or importlib.util.find_spec("jupyterlite_core") is None,
    reason="needs: npm install pyodide @viz-js/viz, and pip install '.[site]'",
)


@pytest.fixture(scope="module", name="lesson")
def lessons_that_ran(visit: Visit) -> dict[str, Any]:
    """Two lessons, which run at the same time: each has a Python of its own."""
    pages = {name: visit(f"lessons/lab/index.html?path={name}.ipynb") for name in ("01_expressions", "06_compile")}
    for page in pages.values():
        start_all(page)
    for page in pages.values():
        wait_for_all(page)
    return pages


@needs_lessons
def test_lesson_1_shows_in_a_browser_what_it_shows_elsewhere(lesson: dict[str, Any]) -> None:
    page = lesson["01_expressions"]
    first, *rest = outputs(page)
    assert first == []  # the cell that installs says nothing
    assert rest == committed_outputs(ROOT / "notebooks" / "01_expressions.ipynb")
    assert last_gradients(page) == [2.0, 8.0, 1.0, None, 1.0, 1.0]


WITHOUT_PLOTS = """
import json, sys
sys.path[:0] = ["website", "notebooks"]
sys.modules |= dict.fromkeys(["numpy", "llvmlite", "scipy"])  # importing them fails, and nobody finds them
import left_out
from IPython.core.inputtransformer2 import TransformerManager
left_out.leave_out_plots()
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "code" and "%pip" not in source:
        exec(TransformerManager().transform_cell(source))
assert {type(module) for name, module in sys.modules.items() if name.startswith("matplotlib.")} <= {left_out.LeftOut}
"""
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Lessons 7, 9 and 10 train for minutes where there is no machine code.
QUICK = [path for path in LESSONS if path.stem[:2] in ("02", "03", "04", "05", "08")]


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_without_matplotlib_and_numpy_a_lesson_runs_and_leaves_its_plots_out(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="needs IPython: pip install 'scalar-autograd[notebooks]'")
    copy = Path(shutil.copy(path, tmp_path))
    sources = website.sources_of(tmp_path, None)
    website.lessons._add_first_cell(copy, {"matplotlib", "numpy"}, sources._replace(pyodide="../javascript/"))
    command = [sys.executable, "-c", WITHOUT_PLOTS, str(copy)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("This site was built without matplotlib: its plots are left out here")
    assert done.stdout.count("This site was built without numpy") == path.read_text(encoding="utf-8").count(
        "import numpy"
    )


def cells_of(path: Path) -> str:
    return "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])


def test_a_lesson_installs_what_it_imports_where_it_can_be_had(tmp_path: Path) -> None:
    public = website.sources_of(tmp_path, None)
    own = public._replace(pyodide="../javascript/", graphviz="../javascript/viz.js")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        copy = tmp_path / path.name
        firsts = []
        for sources, lacking in ((public, set()), (own, {"matplotlib"}), (own, {"matplotlib", "numpy"})):
            shutil.copy(path, copy)
            website.lessons._add_first_cell(copy, lacking, sources)
            firsts.append(cells_of(copy))
        code = website.lessons._code(path)
        plots = "import matplotlib" in code
        assert ("matplotlib" in firsts[0].partition("%pip")[2].splitlines()[0]) == plots
        assert ("leave_out_plots()" in firsts[1]) == ("leave_out_plots()" in firsts[2]) == plots
        assert "left_out" not in firsts[0]


@needs_lessons
def test_lesson_6_trains_in_a_browser(lesson: dict[str, Any]) -> None:
    kinds, texts = zip(*[output for cell in outputs(lesson["06_compile"]) for output in cell])
    assert "application/vnd.jupyter.error" not in kinds
    (found,) = [text for text in texts if text.startswith("fit: ")]
    assert int(found.split()[1]) > 0
    assert [text for text in texts if "t1 = " in text]  # the matrix form, found without machine code


@needs_lessons
def test_a_lesson_leads_back_to_the_first_page(lesson: dict[str, Any]) -> None:
    page = lesson["01_expressions"]
    page.locator("#home").click()
    page.locator("h1", has_text="Derivatives, number by number").wait_for()


def test_by_default_pyodide_comes_from_its_public_host(tmp_path: Path) -> None:
    sources = website.sources_of(tmp_path, None)
    settings = json.dumps(website.lessons.configuration(sources))
    assert sources.pyodide.startswith("https://")
    assert f'"{sources.pyodide}pyodide.mjs"' in settings
    assert '"disablePyPIFallback": false' in settings
