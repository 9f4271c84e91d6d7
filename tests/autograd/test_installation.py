"""HIPS autograd has our import name, and installers write both packages into one folder: we say so, and what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from autograd.names import OF_HIPS, warn_if_mixed
from tests.support import ROOT

# The modules of HIPS autograd 1.9.1 at its top, and one of its folders; what is in them does not matter here.
HIPS = (
    "__init__", "builtins", "core", "differential_operators", "extend", "test_util", "tracer", "util", "wrap_util",
    "numpy/__init__", "numpy/numpy_wrapper",
)  # fmt: skip
REMEDIES = ("an environment of its own", "pip install --force-reinstall --no-deps scalar-autograd")


def install_ours(folder: Path) -> None:
    for name in ("autograd", "nn"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=ignored)


def install_hips(folder: Path) -> None:
    for name in HIPS:
        path = folder / "autograd" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (folder / "autograd/__init__.py").write_text("from .differential_operators import grad\n")
    (folder / "autograd/differential_operators.py").write_text("def grad(fun): ...\n")


def uninstall_hips(folder: Path) -> None:
    for name in HIPS:
        (folder / "autograd" / f"{name}.py").unlink()


def run(folder: Path, program: str) -> tuple[int, str]:
    """The exit code and what is printed, with this folder and the standard library alone on the path."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{program}"
    done = subprocess.run(
        [sys.executable, "-ES", "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def says_what_to_do(text: str) -> bool:
    return "HIPS autograd" in text and all(remedy in text for remedy in REMEDIES)


USE = """
from autograd import Value, grad
from nn import MLP
x = Value(3.0)
print(grad(x * x, x), len(MLP(2, [1]).parameters()))
"""


def test_ours_alone_says_nothing(tmp_path: Path) -> None:
    install_ours(tmp_path)
    assert run(tmp_path, USE) == (0, "(6.0,) 3\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_mixed(ROOT / "autograd")


def test_ours_after_hips_works_and_warns(tmp_path: Path) -> None:
    install_hips(tmp_path)
    install_ours(tmp_path)
    code, text = run(tmp_path, USE)
    assert (code, "(6.0,) 3" in text, says_what_to_do(text)) == (0, True, True)
    assert text.count("UserWarning") == 1
    assert "<string>:3: UserWarning" in text  # the line of the user that imports autograd


@pytest.mark.parametrize("program", ["import nn", "import nn.layers", "from nn import MLP", "import autograd, nn"])
def test_hips_after_ours_is_an_error_of_nn(tmp_path: Path, program: str) -> None:
    install_ours(tmp_path)
    install_hips(tmp_path)
    code, text = run(tmp_path, program)
    assert (code, "ImportError: `import autograd` gives another package" in text, says_what_to_do(text)) == (
        1,
        True,
        True,
    )


def test_hips_in_a_folder_before_ours_is_an_error_of_nn(tmp_path: Path) -> None:
    install_ours(tmp_path / "ours")
    install_hips(tmp_path / "hips")
    code, text = run(tmp_path / "ours", f"sys.path.insert(0, {str(tmp_path / 'hips')!r})\nimport nn")
    assert (code, says_what_to_do(text), str(tmp_path / "hips") in text) == (1, True, True)


@pytest.mark.parametrize("first", [install_ours, install_hips])
def test_what_is_left_after_hips_was_uninstalled_is_an_error_of_nn(tmp_path: Path, first: object) -> None:
    """The file that both had is gone: Python makes an empty package of the rest."""
    for install in (install_ours, install_hips) if first is install_ours else (install_hips, install_ours):
        install(tmp_path)
    uninstall_hips(tmp_path)
    code, text = run(tmp_path, "import nn")
    assert (code, says_what_to_do(text)) == (1, True)
    install_ours(tmp_path)  # the second remedy
    assert run(tmp_path, USE) == (0, "(6.0,) 3\n")


def test_the_files_that_are_looked_for_are_none_of_ours() -> None:
    assert set(OF_HIPS) <= {f"{name}.py" for name in HIPS}
    assert not [name for name in OF_HIPS if (ROOT / "autograd" / name).exists()]
