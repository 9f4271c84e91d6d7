"""What the tests of the commands of ``python -m nn`` share: two tables, models for them, and ways to run a command."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nn.__main__ import main
from tests.support import PATIENCE, ROOT

FRUIT = "weight,width,fruit\n" + "".join(
    f"{weight + i},{width + i / 10},{fruit}\n"
    for fruit, weight, width in [("apple", 150, 7), ("cherry", 6, 1), ("pear", 150, 1)]
    for i in range(12)
)
LINE = "x,y\n" + "".join(f"{x},{1000 + 50 * x}\n" for x in range(40))


@pytest.fixture(name="folder")
def folder_with_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with two tables."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fruit.csv").write_text(FRUIT)
    (tmp_path / "line.csv").write_text(LINE)
    return tmp_path


@pytest.fixture(name="models", scope="session")
def folder_with_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model for each table, trained once for the tests that only use them."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "fruit.csv").write_text(FRUIT)
    (folder / "line.csv").write_text(LINE)
    train_fruit, train_line = str(folder / "fruit.json"), str(folder / "line.json")
    assert main(["train", str(folder / "fruit.csv"), "--target", "fruit", "--out", train_fruit]) == 0
    line = ["train", str(folder / "line.csv"), "--target", "y", "--task", "regression", "--hidden", "--lr", "0.1"]
    assert main([*line, "--out", train_line]) == 0
    return folder


@pytest.fixture(name="trained")
def folder_with_both(folder: Path, models: Path) -> Path:
    """The folder to work in, with the tables and the models."""
    for name in ("fruit.json", "line.json"):
        (folder / name).write_bytes((models / name).read_bytes())
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of the command line."""
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def as_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def in_a_process(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "nn", *arguments], cwd=folder, env=environment, timeout=PATIENCE, check=False,
        **{"stderr": subprocess.PIPE} | options,
    )  # fmt: skip
