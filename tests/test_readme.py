"""Every code block of the README and of the pages in ``docs`` runs, and prints what it says.

``python`` blocks run in order in one namespace, as a reader would type them.  What one prints is claimed by
``# prints …`` at the ends of its lines, or by a ``text`` block right after it.  ``console`` blocks hold commands after
``$``, each followed by its output.  ``sh`` blocks are the two set-up commands, which only ``.ci/run`` carries out, and
a ``powershell`` block is the first of them in the words of Windows.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT

PYTHON = ".venv/bin/python"
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
ROOMS = [f"nn/{name}" for name in ("cli", "diagnosis", "lessons", "plots", "training")]
PACKAGES = ["autograd", "autograd/compiler", "autograd/viz", "nn", *ROOMS]
FOLDERS = ["benchmarks", "notebooks", "tests", *PACKAGES]
GUIDES = [*PAGES, "CONTRIBUTING.md", *[f"{folder}/README.md" for folder in FOLDERS]]
WITHOUT_CODE = {"docs/comparison.md"}  # tables of what others do


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line number of its first line."""

    language: str
    text: str
    line: int


def page_named(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    fenced = re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", page, flags=re.MULTILINE)
    return [Block(m[1], m[2], page.count("\n", 0, m.start(2)) + 1) for m in fenced]


def claimed(block: Block, following: Block | None) -> str:
    """What the page says that a ``python`` block prints."""
    if following and following.language == "text":
        return following.text
    return "".join(f"{said}\n" for said in re.findall(r"# prints (.*)$", block.text, flags=re.MULTILINE))


def run_python(page: str, name: str = "page") -> Iterator[tuple[int, str, str]]:
    """Run the ``python`` blocks of a page; for each its line, what it claims to print, and what it prints."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = blocks(page)
    for block, following in zip(found, [*found[1:], None], strict=False):
        if block.language == "python":
            padded = "\n" * (block.line - 1) + block.text  # so that a traceback shows the line of the page
            linecache.cache[name] = len(padded), None, padded.splitlines(True), name  # as for a cell of a notebook
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(padded, name, "exec"), namespace)
            yield block.line, claimed(block, following), output.getvalue()


def run_console(page: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run the commands of the ``console`` blocks; for each itself, the output it claims, and its output."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    for block in blocks(page):
        if block.language == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, flags=re.MULTILINE):
                program, *arguments = shlex.split(command)
                assert program == PYTHON, f"only {PYTHON} can be run here, not {program}"
                run = subprocess.run(
                    [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8"
                )
                assert run.returncode == 0, run.stderr
                yield command, expected, run.stdout


def test_the_readme_gives_exactly_two_set_up_commands() -> None:
    commands = [block.text for block in blocks(page_named("README.md")) if block.language == "sh"]
    assert len(commands) == 2
    for command, extra, job in zip(commands, ["draw", "test"], ["nn", "pytest -n logical"], strict=True):
        assert command.count("\n") == 1
        assert "sudo" not in command
        create, install, run = command.strip().split(" && ")
        assert create == "python3 -m venv .venv"
        assert install == f'.venv/bin/python -m pip install ".[{extra}]"'
        assert run == f".venv/bin/python -m {job}"


def test_the_first_command_is_there_for_powershell_too() -> None:
    """PowerShell 5, which Windows comes with, has no ``&&``."""
    page = blocks(page_named("README.md"))
    (said,) = (block.text for block in page if block.language == "powershell")
    first = next(block.text for block in page if block.language == "sh")
    windows = first.replace("python3", "py").replace(PYTHON, PYTHON.replace("bin", "Scripts").replace("/", "\\"))
    assert said == windows.replace(" &&", ";")


def test_the_readme_is_for_half_an_hour() -> None:
    assert page_named("README.md").count("\n") <= 220


def test_the_readme_says_how_long_the_core_is() -> None:
    said = {
        name: int(lines)
        for name, lines in re.findall(
            r"\(autograd/(\w+\.py)\) \((?:about )?(\d+)(?: lines)?\)", page_named("README.md")
        )
    }
    assert {*said} == {"ops.py", "value.py", "graph.py"}
    for name, lines in said.items():
        assert abs((ROOT / "autograd" / name).read_text(encoding="utf-8").count("\n") - lines) <= 0.1 * lines + 10, name


def test_the_picture_of_the_whole_is_what_its_script_draws() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "overview.py"))["overview"]()
    assert drawn == (ROOT / "docs" / "overview.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_readme_of_a_package_is_short(package: str) -> None:
    assert page_named(f"{package}/README.md").count("\n") <= 40


@pytest.mark.parametrize("package", PACKAGES)
def test_the_readme_of_a_package_names_its_modules_and_packages(package: str) -> None:
    folder = ROOT / package
    names = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    names += [f"{path.parent.name}/" for path in folder.glob("*/__init__.py")]
    assert names
    assert [name for name in names if f"`{name}`" not in page_named(f"{package}/README.md")] == []


@pytest.mark.parametrize("folder", ["batches", "calls", "machine", "program", "python", "recording", "textbook"])
def test_the_docstring_of_a_folder_of_the_compiler_names_its_modules(folder: str) -> None:
    init = ROOT / "autograd" / "compiler" / folder / "__init__.py"
    said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    assert [path.name for path in init.parent.glob("[!_]*.py") if f"``{path.name}``" not in said] == []


@pytest.mark.parametrize("name", GUIDES)
def test_python_is_called_the_same_everywhere(name: str) -> None:
    """Said once, in the README: ``.venv/bin/python``, in every command of every page."""
    commands = re.findall(
        r"^(?:\$ |    )?([^\s`]*(?:python3?|pip|jupyter|pytest)) (?:-m|-c|\w)", page_named(name), flags=re.MULTILINE
    )
    commands += re.findall(r"`(\S*(?:python3?|pip|jupyter|pytest)) (?:-m|-c|install)", page_named(name))
    assert {*commands} <= {PYTHON, "python3", "%pip"}  # the last one in a notebook


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_of_a_kind_that_is_checked(name: str) -> None:
    found = blocks(page_named(name))
    assert 2 * len(found) == len(re.findall(r"^\s*```", page_named(name), flags=re.MULTILINE))
    languages = {block.language for block in found}
    assert languages <= {"sh", "powershell", "python", "text", "console"}
    assert languages & {"python", "console"} or name in WITHOUT_CODE
    for before, block in zip([None, *found], found, strict=False):
        assert block.language != "text" or (before and before.language == "python"), f"line {block.line}"


@pytest.mark.parametrize("name", PAGES)
def test_python_blocks_print_what_they_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a block may write files
    shutil.copy(ROOT / "nn" / "iris.csv", tmp_path)  # a table to work on
    results = list(run_python(page_named(name), name))
    assert len(results) == page_named(name).count("```python\n")
    for line, said, printed in results:
        assert printed == said, f"the block at {name}, line {line}"


@pytest.mark.parametrize("name", PAGES)
def test_console_blocks_print_what_they_say(name: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "nn" / "iris.csv", tmp_path)  # a table to work on
    for command, said, printed in run_console(page_named(name), tmp_path):
        assert printed == said, f"$ {command}"


def headings(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", GUIDES)
def test_links_within_the_repository_lead_somewhere(name: str) -> None:
    page = page_named(name)
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page, flags=re.DOTALL | re.MULTILINE)
    for target, heading in re.findall(r"\]\((?!https?://)([^)#]*)(#[^)]*)?\)", text):
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), target
        assert not heading or heading[1:] in headings(path.read_text(encoding="utf-8")), heading


@pytest.mark.parametrize("name", GUIDES)
def test_paths_of_the_repository_exist(name: str) -> None:
    """What stands in code quotes and begins with one of our folders is a file or a folder, or several of them."""
    for path in re.findall(r"`((?:autograd|nn|tests|docs|notebooks|benchmarks)/[^` ]*)`", page_named(name)):
        assert any(ROOT.glob(path)), path


def test_tests_that_the_overview_names_exist() -> None:
    named = {*re.findall(r"`(test_\w+)`", page_named("tests/README.md"))}
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (\w+)", path.read_text("utf-8"), re.M)
    }
    assert named <= there | tests


# --- the runner itself ----------------------------------------------------------------------------------------------

PAGE = """
```python
x = 2
print(x)  # prints 2
```

```python
print(x + 1)
print("a  b")
```

```text
3
a  b
```

```console
$ .venv/bin/python -c "print(1 + 1)"
2
$ .venv/bin/python -c ""
```
"""


def test_the_runner_accepts_a_page_that_is_right(tmp_path: Path) -> None:
    assert [(said, printed) for _, said, printed in run_python(PAGE)] == [("2\n", "2\n"), ("3\na  b\n", "3\na  b\n")]
    assert [(said, printed) for _, said, printed in run_console(PAGE, tmp_path)] == [("2\n", "2\n"), ("", "")]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("# prints 2", "# prints 3"), ("  # prints 2", ""), ("3\na", "3\nc"), ("x = 2", "x = 2; print()")],
)
def test_the_runner_notices_a_wrong_claim(right: str, wrong: str) -> None:
    assert PAGE.replace(right, wrong) != PAGE
    assert any(said != printed for _, said, printed in run_python(PAGE.replace(right, wrong)))


def test_the_runner_notices_a_block_that_fails_and_names_its_line() -> None:
    with pytest.raises(NameError) as error:
        list(run_python(PAGE.replace("x = 2", "y = 2")))
    assert error.traceback[-1].lineno + 1 == 4  # pytest counts lines from 0


def test_the_runner_notices_a_command_that_fails_or_prints_something_else(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        list(run_console(PAGE.replace('""', '"1/0"'), tmp_path))
    ((_, said, printed), _) = run_console(PAGE.replace("1 + 1", "1 + 2"), tmp_path)
    assert said != printed
