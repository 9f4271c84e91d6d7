"""Documents on disk: written in one piece, read without trust."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from autograd.errors import AutogradError
from nn.files import FileError, read_document, write_document, write_text

KIND = "test document"


def read(path: Path, content: str | bytes) -> dict[str, object]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(path, KIND, 2)


def test_what_is_written_reads_back_to_the_bit(tmp_path: Path) -> None:
    numbers = [0.1, -1e-320, 1.7976931348623157e308, 1 / 3, -0.0]
    write_document(tmp_path / "d.json", KIND, 1, {"numbers": numbers, "text": "δ²₁"})
    document = read_document(tmp_path / "d.json", KIND, 1)
    assert document == {"format": KIND, "version": 1, "numbers": numbers, "text": "δ²₁"}
    assert str(document["numbers"]) == str(numbers)  # also the sign of -0.0


def test_a_file_is_replaced_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"cannot write .*a\.txt: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("target.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "target.txt").read_text() == "new"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*nowhere.*: No such file or directory"):
        write_text(tmp_path / "nowhere" / "a.txt", "text")


@pytest.mark.parametrize("content", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path, content: object) -> None:
    with pytest.raises(FileError, match="only finite numbers, text, lists and dictionaries"):
        write_document(tmp_path / "d.json", KIND, 1, {"content": content})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"line 1, column 1: not valid JSON: Expecting value; it should hold a test document$"),
        ('{"format": "test document",\n "version": }', r"line 2, column 13: not valid JSON: Expecting value"),
        (b'{"format": "\xff"}', r"byte 12: not UTF-8 text"),
        ("[1, 2]", r"not a test document$"),
        ('"text"', r"not a test document$"),
        ('{"format": ["test document"]}', r"not a test document$"),
        ('{"format": "recipe", "version": 1}', r"not a test document but a recipe"),
        ('{"format": "test document"}', r"version None of a test document: this program reads up to version 2"),
        ('{"format": "test document", "version": 3}', r"version 3 of a test document"),
        ('{"format": "test document", "version": 0}', r"version 0 of a test document"),
        ('{"format": "test document", "version": true}', r"version True of a test document"),
        ('{"format": "test document", "version": 1, "x": NaN}', r"NaN is not a number that JSON knows"),
        ('{"format": "test document", "version": 1, "x": -Infinity}', r"-Infinity is not a number that JSON knows"),
        ("[" * 100_000, r"lists nested too deeply for a test document"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(FileError, match=message) as error:
        read(tmp_path / "d.json", content)
    assert "d.json" in str(error.value)


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*d\.json: No such file or directory"):
        read_document(tmp_path / "d.json", KIND, 1)


def test_earlier_versions_are_read(tmp_path: Path) -> None:
    assert read(tmp_path / "d.json", json.dumps({"format": KIND, "version": 1}))["version"] == 1


def test_the_error_is_one_of_the_package_and_a_value_error() -> None:
    assert issubclass(FileError, AutogradError)
    assert issubclass(FileError, ValueError)
