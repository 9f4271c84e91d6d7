"""The lessons in JupyterLite: run in a real browser, with nothing from another host, they give what is committed.

Needs Chromium, the npm packages `pyodide` and `@viz-js/viz`, and what builds the lessons: pip install ".[site]".
"""

from __future__ import annotations

import importlib.util
import json
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
