"""Cells in JupyterLab as somebody sees them, light and dark: pages, drawings, and everything that shows itself.

Needs Chromium and JupyterLab, which `dev` brings along.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import PATIENCE, ROOT
from tests.support.browser import colours_of, fresh_page, gradients_on, started_chromium  # noqa: F401 - a fixture
from tests.support.cells import SOURCES, written
from tests.support.jupyter import CHATTER, Lab, start_all, wait_for_all

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jupyterlab") is None, reason="JupyterLab is not installed: pip install '.[dev]'"
)
SCHEMES = ["light", "dark"]


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """The address of a JupyterLab on this machine that shows a folder, with settings of its own."""
    for plugin, chosen in {
        "apputils-extension/themes": {"adaptive-theme": True},  # as light or dark as the browser is
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        path = folder / ".settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(chosen))
    own = {"JUPYTERLAB_SETTINGS_DIR": ".settings", "JUPYTERLAB_WORKSPACES_DIR": ".workspaces",
           "JUPYTER_CONFIG_DIR": ".config", "JUPYTER_DATA_DIR": ".data", "JUPYTER_RUNTIME_DIR": ".runtime"}  # fmt: skip
    environment = os.environ | {name: str(folder / value) for name, value in own.items()}
    environment |= {"PYTHONPATH": os.fspath(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0",
               f"--notebook-dir={folder}", "--IdentityProvider.token=", "--LabApp.extension_manager=readonly",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
               f"--LabApp.labextensions_path={folder / '.extensions'}"]  # fmt: skip  # none: JupyterLite's fails here
    log = folder / ".log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, env=environment, stderr=stream)
    try:
        yield _address(log, server)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    """Where a server listens, as it says when it does."""
    while server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()):
            return found[0]
        time.sleep(0.05)
    return pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module", name="labs")
def notebooks_that_ran(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Lab]]:
    """The notebook, run twice at the same time: light and dark; nothing may complain or ask another host."""
    folder = tmp_path_factory.mktemp("lab")
    trouble: list[str] = []
    labs = {}
    for scheme in SCHEMES:
        written(folder / f"{scheme}.ipynb")
    with jupyterlab(folder) as address:
        for scheme in SCHEMES:
            page = fresh_page(chromium, color_scheme=scheme, viewport={"width": 1280, "height": 900})
            page.on("console", lambda said: CHATTER.search(said.text) or trouble.append(f"{said.type}: {said.text}"))
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.context.on("request", lambda asked: _is_here(asked.url, address) or trouble.append(asked.url))
            page.goto(f"{address}lab/workspaces/{scheme}/tree/{scheme}.ipynb")
            labs[scheme] = Lab(page, [*SOURCES])
        for lab in labs.values():
            start_all(lab.page)
        for lab in labs.values():
            wait_for_all(lab.page)
        yield labs
        for lab in labs.values():
            lab.page.close()
    assert trouble == [], trouble


def _is_here(url: str, address: str) -> bool:
    return url.startswith((address, address.replace("http", "ws"), "data:", "about:", f"blob:{address}"))


@pytest.fixture(name="lab", params=SCHEMES)
def light_or_dark(request: pytest.FixtureRequest, labs: dict[str, Lab]) -> Lab:
    lab = labs[request.param]
    assert lab.page.evaluate("document.body.dataset.jpThemeLight") == str(request.param == "light").lower()
    return lab


def test_no_cell_fails(lab: Lab) -> None:
    assert lab.page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


@pytest.mark.parametrize("name", ["show", "page"])
def test_a_page_can_be_stepped_through_in_its_cell(lab: Lab, name: str) -> None:
    frame = lab.frame(name)
    frame.locator("#last").click()
    assert gradients_on(frame) == [2.0, 8.0, 1.0, None, 1.0, 1.0]
    assert (sum(lab.colour(frame.locator("body"), "backgroundColor")) < 3 * 128) == lab.is_dark
    height, inside = lab.heights(name)
    assert abs(height - inside) <= 2  # the page has no scroll bar of its own, and leaves no gap


def test_a_value_shows_its_label_data_and_gradient(lab: Lab) -> None:
    assert lab.texts("value", "td") == ["b", "leaf", "2.0", "8"]


@pytest.mark.parametrize("name", ["drawing", "dark drawing"])
def test_a_drawing_is_as_dark_as_the_notebook_or_as_the_theme_that_was_chosen(lab: Lab, name: str) -> None:
    red, green, blue = lab.corner_of_image(name)
    assert (red + green + blue < 3 * 128) == (lab.is_dark or name == "dark drawing")


@pytest.mark.parametrize("name", ["live", "curve", "figure"])
def test_a_figure_of_matplotlib_is_as_dark_as_the_notebook(lab: Lab, name: str) -> None:
    assert lab.outputs(name).count() == 1
    assert (sum(lab.corner_of_image(name)) < 3 * 128) == lab.is_dark
    ink = [sum(bytes.fromhex(colour[1:])) for colour in colours_of(lab.page, lab.output(name).locator("img"))]
    assert (max(ink) > 3 * 220) if lab.is_dark else (min(ink) < 3 * 35)  # the axes and their numbers


def test_a_drawing_keeps_the_size_at_which_it_can_be_read(lab: Lab) -> None:
    image = lab.output("drawing").locator("img")
    natural = image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
    box = image.bounding_box()
    assert [round(box["width"]), round(box["height"])] == pytest.approx(natural, abs=1)


def test_explanations_and_checks_are_texts(lab: Lab) -> None:
    assert "12" in lab.output("ledger").inner_text()
    lab.output("report").get_by_text("agree with finite differences").wait_for()


def test_a_formula_is_typeset(lab: Lab) -> None:
    box = lab.output("formula").locator("mjx-container").bounding_box()
    assert box["width"] > 40


def test_a_model_shows_its_layers(lab: Lab) -> None:
    texts = lab.texts("module", "td")
    assert [text for text in texts if "2 → 4" in text]
    assert [text for text in texts if "tanh" in text.lower()]


def test_a_history_shows_its_curve(lab: Lab) -> None:
    assert "3 epochs" in lab.output("history").inner_text()
    assert lab.output("history").locator("svg polyline, svg path").first.bounding_box()["width"] > 50


def test_a_live_plot_is_one_picture_that_was_replaced(lab: Lab) -> None:
    assert lab.outputs("live").count() == 1
    assert lab.output("live").locator("img").bounding_box()["width"] > 300


def test_a_compiled_function_shows_its_equations(lab: Lab) -> None:
    assert "sin(x)" in lab.output("compiled").inner_text()


def test_a_sweep_is_a_table(lab: Lab) -> None:
    assert lab.texts("sweep", "th")[0] == "seed"
    assert sorted(lab.texts("sweep", "tr td:first-child")) == ["0", "1"]


@pytest.mark.parametrize("name", [*SOURCES])
def test_all_text_stands_out_from_what_is_behind_it(lab: Lab, name: str) -> None:
    assert [found for found in lab.contrasts(name) if found[1] < 4.5] == []
