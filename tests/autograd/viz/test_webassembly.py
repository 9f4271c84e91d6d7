"""Python in JavaScript: pictures by Graphviz as WebAssembly are those of the program, and pages are the same file.

Needs node and the packages `pyodide` and `@viz-js/viz` (npm install pyodide @viz-js/viz), in the folder that NODE_PATH
names or in node_modules here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import graphviz
import pytest

from tests.support import PATIENCE, ROOT
from tests.support.javascript import MODULES

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or MODULES is None, reason="needs node, and: npm install pyodide @viz-js/viz"
)

NODE = """
import { loadPyodide } from "%(modules)s/pyodide/pyodide.mjs";
const python = await loadPyodide({ stdout: () => {} });
python.mountNodeFS("/project", "%(root)s");
python.mountNodeFS("/packages", "%(packages)s");
python.runPython(`import sys; sys.path[:0] = ["/project", "/packages"]; sys.dont_write_bytecode = True`);
python.globals.set("address", "file://%(modules)s/@viz-js/viz/dist/viz.js");
console.log(await python.runPythonAsync(`%(code)s`));
"""
# The same on both sides.
PICTURES = """
from autograd import Value, draw_dot, fsum
from autograd.viz.pages import page
from nn import MLP

def cubic():
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    c = a * b + b**3
    c.label = "c"
    c.backward()
    return c

def network():
    model = MLP(2, [3, 2], activation="tanh", output="sigmoid", seed=3)
    loss = fsum([(a - y) ** 2 for a, y in zip(model([1.0, 2.0]), [0.0, 1.0])]) / 4
    loss.label = "J"
    return loss

def pictures():
    found = {}
    for build in (cubic, network):
        root = build()
        found[build.__name__] = draw_dot(root).pipe("svg", encoding="utf-8")
        found[build.__name__ + ", folded"] = draw_dot(root, fold="layer", theme="dark").pipe("svg", encoding="utf-8")
        found[build.__name__ + ", page"] = page(root).html
    return found
"""
THERE = """
import json
from autograd import DrawingError, Value, draw_dot
from autograd.viz import load_renderer

def complaint(format):
    try:
        draw_dot(Value(2.0, "x")).pipe(format)
    except DrawingError as error:
        return str(error)

found = {"before": complaint("svg"), "python": sys.version_info[:2], "platform": sys.platform}
await load_renderer(address)
found |= {"after": complaint("svg"), "png": complaint("png"), "pictures": pictures()}
json.dumps(found)
"""


@pytest.fixture(scope="module", name="there")
def what_pyodide_finds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("pyodide")
    package = Path(graphviz.__file__).parent
    shutil.copytree(package, folder / "packages" / package.name)
    code = (PICTURES + THERE).replace("\\", "\\\\")
    script = folder / "run.mjs"
    script.write_text(NODE % {"modules": MODULES, "root": ROOT, "packages": folder / "packages", "code": code})
    done = subprocess.run(["node", script], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", name="here")
def what_the_program_draws() -> dict[str, str]:
    namespace: dict[str, Any] = {}
    exec(PICTURES, namespace)
    found: dict[str, str] = namespace["pictures"]()
    return found


def version_in(svg: str) -> str:
    found = re.search(r"graphviz version (\d+\.\d+\.\d+)", svg)
    assert found is not None
    return found[1]


def test_it_runs_in_javascript(there: dict[str, Any]) -> None:
    assert there["platform"] == "emscripten"
    assert there["python"] >= [3, 12]


def test_before_graphviz_is_loaded_the_error_says_how_to(there: dict[str, Any]) -> None:
    assert "run `await autograd.viz.load_renderer()` once" in there["before"]
    assert there["after"] is None


def test_what_cannot_be_drawn_in_a_browser_is_named(there: dict[str, Any]) -> None:
    assert there["png"] == "Graphviz cannot write png in a browser: save as svg"


@pytest.mark.parametrize("name", ["cubic", "cubic, folded", "network", "network, folded"])
def test_a_drawing_is_the_one_of_the_program(there: dict[str, Any], here: dict[str, str], name: str) -> None:
    by_program, by_webassembly = here[name], there["pictures"][name]
    if version_in(by_program) != version_in(by_webassembly):
        pytest.skip(f"Graphviz {version_in(by_program)} here, {version_in(by_webassembly)} there")
    without = [re.sub(r"(?s)<!--.*?-->", "", svg) for svg in (by_program, by_webassembly)]
    assert without[0] == without[1]


def rounded(page: str) -> str:
    """A page with 12 digits of each number: in the last ones the C libraries of the two platforms differ."""
    return re.sub(r"-?\d+\.\d{12,}(e-?\d+)?", lambda found: f"{float(found[0]):.12g}", page)


@pytest.mark.parametrize("name", ["cubic", "network"])
def test_a_page_is_the_same_file(there: dict[str, Any], here: dict[str, str], name: str) -> None:
    if version_in(here[name]) != version_in(there["pictures"][name]):
        pytest.skip(f"Graphviz {version_in(here[name])} here, {version_in(there['pictures'][name])} there")
    page, expected = there["pictures"][f"{name}, page"], here[f"{name}, page"]
    if name == "cubic":  # nothing but sums and products
        assert page == expected
    assert rounded(page) == rounded(expected)
