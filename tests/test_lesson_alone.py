"""A lesson that is alone, as on Colab: its first cell installs what is missing, and HIPS autograd is no riddle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

FOLDER = ROOT / "notebooks"


def first_cell(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


FIRST_CELLS = [first_cell(path) for path in sorted(FOLDER.glob("*.ipynb"))]

# A notebook in which %pip is said aloud, and makes a folder visible in which the package then is.
SHELL = """
import os, sys
from importlib.machinery import PathFinder
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
pip, cell, installed = sys.argv[1:]

# A copy of the package that is installed here must not be found, unless the test gives a folder with one.
find = PathFinder.find_spec
hidden = not any(os.path.isdir(os.path.join(path, "autograd")) for path in os.environ["PYTHONPATH"].split(os.pathsep))
def find_spec(name, path=None, target=None):
    return None if hidden and name in ("autograd", "nn") else find(name, path, target)
PathFinder.find_spec = find_spec

def install(line):
    global hidden
    hidden = False
    print("pip", line)
    sys.path.insert(0, installed)
shell.register_magic_function(install, magic_name="pip")
for code in (cell, "from lesson import check\\ncheck('1.1', 4)"):
    shell.run_cell(code)
"""


def run(tmp_path: Path, *path: Path) -> str:
    """What the first cell prints, and then an exercise; packages are found along a path of folders."""
    pytest.importorskip("IPython", reason="needs IPython: pip install 'scalar-autograd[notebooks]'")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(os.fspath, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": os.fspath(tmp_path / "ipython"),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SHELL, "", FIRST_CELLS[0], os.fspath(ROOT)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_first_cell_is_short_and_the_same_in_all_lessons() -> None:
    assert len(FIRST_CELLS) == 10
    assert set(FIRST_CELLS) == {FIRST_CELLS[0]}
    assert len(FIRST_CELLS[0].splitlines()) <= 8


def test_beside_the_other_files_it_does_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, FOLDER, ROOT) == "Right.\n"


def test_alone_it_installs_the_package_and_exercises_are_checked(tmp_path: Path) -> None:
    assert run(tmp_path) == 'pip install --quiet "scalar-autograd[notebooks]"\nRight.\n'


def test_a_folder_of_lessons_without_the_package_gets_it(tmp_path: Path) -> None:
    assert run(tmp_path, FOLDER) == 'pip install --quiet "scalar-autograd[notebooks]"\nRight.\n'


def test_another_autograd_that_comes_first_is_named_with_what_to_do(tmp_path: Path) -> None:
    other = tmp_path / "other" / "autograd"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("from .tracer import primitive\n")
    (other / "tracer.py").write_text("primitive = None\n")
    said = run(tmp_path, other.parent, FOLDER, ROOT)
    assert "another package than scalar-autograd" in said
    assert "`pip uninstall autograd`" in said
    assert "pip install --quiet" not in said
