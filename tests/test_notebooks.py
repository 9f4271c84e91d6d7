"""Every lesson runs from top to bottom, its assertions hold, and its folded solutions are right."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import PATIENCE, ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def tagged(notebook: dict[str, Any], tag: str) -> list[Any]:
    return [cell for cell in notebook["cells"] if tag in cell["metadata"].get("tags", [])]


def source(cell: Any) -> str:
    return "".join(cell["source"])


def solution_of(cell: Any) -> str:
    (code,) = re.findall(r"```python\n(.*?)\n```", source(cell), flags=re.DOTALL)
    return str(code)


def printed(cell: Any) -> str:
    return "".join("".join(out.get("text", "")) for out in cell.get("outputs", []))


# A kernel takes two seconds to start, so the lessons share one.  What they leave there is cleared away before the next.
AS_IN_A_NEW_KERNEL = """exec('''
import random, sys
for name in list(sys.modules):
    if name.partition(".")[0] in ("autograd", "nn", "lesson", "answers"):
        del sys.modules[name]
if "matplotlib.pyplot" in sys.modules:
    sys.modules["matplotlib.pyplot"].close("all")
    sys.modules["matplotlib"].rcdefaults()
random.seed()
get_ipython().run_line_magic("reset", "-f")
''', {"get_ipython": get_ipython})"""


@pytest.fixture(scope="module", name="kernel")
def kernel_of_all_lessons() -> Iterator[Any]:
    """A kernel that the first lesson starts."""
    client = pytest.importorskip("jupyter_client", reason="needs nbclient: pip install 'scalar-autograd[test]'")
    for package in ("ipykernel", "matplotlib", "numpy", "llvmlite"):
        pytest.importorskip(package, reason=f"needs {package}: pip install 'scalar-autograd[notebooks]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.fspath(ROOT))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        kernel = client.AsyncKernelManager(kernel_name="python3")
        yield kernel
        asyncio.run(kernel.shutdown_kernel(now=True))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_solutions_are_right(path: Path, kernel: Any) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient: pip install 'scalar-autograd[test]'")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient: pip install 'scalar-autograd[test]'")

    notebook = nbformat.read(path, as_version=4)
    solutions = []
    for position, cell in reversed(list(enumerate(notebook.cells))):
        if "solution" in cell.metadata.get("tags", []):  # run it like a cell, right after the unsolved exercise
            solutions.append(nbformat.v4.new_code_cell(solution_of(cell)))
            notebook.cells.insert(position, solutions[-1])
    notebook.cells.insert(0, nbformat.v4.new_code_cell(AS_IN_A_NEW_KERNEL))
    client = nbclient.NotebookClient(
        notebook, kernel, timeout=PATIENCE, startup_timeout=PATIENCE,
        resources={"metadata": {"path": os.fspath(FOLDER)}},
    )  # fmt: skip
    client.execute()

    for exercise in tagged(notebook, "exercise"):
        assert printed(exercise) == "Your turn: replace the dots and run this cell again.\n"
    for solution in solutions:
        assert printed(solution).endswith("Right.\n"), solution.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_is_committed_as_executed_and_small(path: Path) -> None:
    notebook = read(path)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    assert path.stat().st_size < 400_000
    assert any("assert " in source(cell) for cell in code)


def test_the_script_of_a_committed_page_is_the_one_that_its_policy_allows() -> None:
    """Otherwise the browser refuses it: all levels of the drawing lie on each other, and no button works."""
    pages = 0
    for path in NOTEBOOKS:
        for cell in read(path)["cells"]:
            for out in cell.get("outputs", []):
                for document in re.findall(r"srcdoc='([^']*)'", "".join(out.get("data", {}).get("text/html", ""))):
                    page = html.unescape(document)
                    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
                    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
                    assert re.findall(r"script-src 'sha256-([^']+)'", page) == hashes != [], path.name
                    pages += 1
    assert pages == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_is_followed_by_its_solution_folded_away(path: Path) -> None:
    cells = read(path)["cells"]
    exercises = [i for i, cell in enumerate(cells) if "exercise" in cell["metadata"].get("tags", [])]
    assert exercises
    for i in exercises:
        assert source(cells[i + 1]).startswith("<details>\n<summary>Solution</summary>\n")
        assert source(cells[i + 1]).endswith("</details>")
        assert source(cells[i]).splitlines()[-1] == solution_of(cells[i + 1]).splitlines()[-1]  # the same check


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_asks_and_keeps_its_answer_out_of_sight(path: Path) -> None:
    lesson = int(path.stem[:2])
    for i, cell in enumerate(tagged(read(path), "exercise"), start=1):
        last = source(cell).splitlines()[-1]
        assert re.fullmatch(rf'check\("{lesson}\.{i}", [a-z_(, )]+\)', last), (
            last
        )  # a name and nothing to compare it with


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_line_of_output_is_so_long_that_a_word_is_broken(path: Path) -> None:
    for cell in read(path)["cells"]:
        assert [line for line in printed(cell).splitlines() if len(line) > 96] == []


def test_the_index_lists_every_lesson_in_order() -> None:
    assert len(NOTEBOOKS) == 10
    assert list(dict.fromkeys(re.findall(r"\]\((\d\d_\w+\.ipynb)\)", INDEX))) == [path.name for path in NOTEBOOKS]


def test_links_between_lessons_lead_somewhere() -> None:
    for path in NOTEBOOKS:
        for cell in read(path)["cells"]:
            if cell["cell_type"] == "markdown":
                for target in re.findall(r"\]\((?!https?://|#)([^)#]+)\)", source(cell)):
                    assert (FOLDER / target).exists(), f"{path.name}: {target}"
