"""``.ci/run`` follows the README, and fails when one of its commands does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PATIENCE, ROOT

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not (shutil.which("bash") and shutil.which("git")), reason="needs bash and git"
)


def run_ci(folder: Path, *commands: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Commit a README with these commands to a new repository and run ``.ci/run`` there."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "README.md").write_text("".join(f"```sh\n{command}\n```\n" for command in commands))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "test"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # no browser, no Pyodide
    environment |= {"NODE_PATH": "here already", "PATH": path + environment["PATH"]}
    return subprocess.run(
        ["bash", ".ci/run"], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


def test_a_main_job_that_fails_fails_the_run(tmp_path: Path) -> None:
    run = run_ci(tmp_path, "echo begun && exit 7", "echo '1 passed'")
    assert run.returncode == 7
    assert "begun" in run.stdout
    assert "1 passed\n" not in run.stdout.splitlines(keepends=True)


def test_tests_that_fail_fail_the_run(tmp_path: Path) -> None:
    run = run_ci(tmp_path, "true", "echo '1 failed, 3 passed' && exit 7")
    assert run.returncode == 7
    assert "lint" not in run.stdout


def test_running_no_test_fails_the_run(tmp_path: Path) -> None:
    run = run_ci(tmp_path, "true", "echo 'no tests ran'")
    assert run.returncode == 1
    assert "ran no test" in run.stderr


@pytest.mark.parametrize("commands", [[], ["true"], ["true"] * 3, ["true", "true\ntrue"]])
def test_any_number_of_commands_but_two_fails_the_run(tmp_path: Path, commands: list[str]) -> None:
    run = run_ci(tmp_path, *commands)
    assert run.returncode == 1
    assert "exactly two commands" in run.stderr


def test_only_what_is_committed_is_seen(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("stray\n")
    (tmp_path / "stray").touch()
    assert run_ci(tmp_path, "! test -e stray && exit 7", "true").returncode == 7


def test_dot_is_hidden_but_its_neighbours_are_not(tmp_path: Path) -> None:
    tools, repository = tmp_path / "tools", tmp_path / "repository"
    repository.mkdir()
    tools.mkdir()
    for name in ("dot", "neighbour"):
        (tools / name).write_text("#!/bin/sh\nexit 0\n")
        (tools / name).chmod(0o755)
    run = run_ci(repository, "! command -v dot && neighbour && exit 7", "true", path=f"{tools}{os.pathsep}")
    assert run.returncode == 7
