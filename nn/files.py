"""Documents on disk: JSON and CSV, written in one piece and read without executing anything."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from autograd.errors import AutogradError
from autograd.files import write_file

__all__ = ["FileError", "read_document", "replace_not_finite", "write_csv", "write_document", "write_text"]

FilePath = str | os.PathLike[str]


class FileError(AutogradError, ValueError):
    """A saved file cannot be used; the message names the file, the place in it, and what is wrong there.

    >>> read_document("no such file.json", "model", 1)
    Traceback (most recent call last):
        ...
    nn.files.FileError: cannot read no such file.json: No such file or directory
    """


def write_text(path: FilePath, text: str) -> None:
    """Write a UTF-8 file in one piece: whoever reads it sees the old content or the new, never half of it.

    Raises:
        FileError: the file cannot be written; an old file of that name is as it was.
    """
    try:
        write_file(path, text.encode())
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:  # a path with a zero byte, half of a character
        raise FileError(f"cannot write {path}: {error}") from error


def write_csv(path: FilePath, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal lengths as a CSV file with their names in the first line; floats read back to the bit.

    Raises:
        FileError: the file cannot be written; an old file of that name is as it was.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, text.getvalue())


def write_document(path: FilePath, kind: str, version: int, content: dict[str, Any]) -> None:
    """Write a dictionary as JSON, with a head that says of what kind and version it is.

    Floats are written so that they read back to the bit.

    Raises:
        FileError: the content holds something that JSON has no form for, or the file cannot be written.
    """
    document = {"format": kind, "version": version, **content}
    try:
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise FileError(f"cannot write {path}: {error}: only finite numbers, text, lists and dictionaries") from error
    write_text(path, text + "\n")


def read_document(path: FilePath, kind: str, version: int) -> dict[str, Any]:
    """Read back what ``write_document`` wrote.

    Raises:
        FileError: the file cannot be read, is not JSON, or is of another kind or of a later version.
    """

    def refuse_constant(name: str) -> NoReturn:
        raise FileError(f"{path}: {name} is not a number that JSON knows")

    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        document = json.loads(text, parse_constant=refuse_constant)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}, byte {error.start}: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise FileError(f"{path}, line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise FileError(f"{path}: lists nested too deeply for a {kind}") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        found = document.get("format") if isinstance(document, dict) else None
        raise FileError(f"{path}: not a {kind}" + (f" but a {found}" if isinstance(found, str) else ""))
    found = document.get("version")
    if type(found) is not int or not 1 <= found <= version:
        raise FileError(f"{path}: version {found!r} of a {kind}: this program reads up to version {version}")
    return document


def replace_not_finite(content: Any, replacement: Callable[[float], Any]) -> Any:
    """Content for JSON, which has no form for nan and infinity: with what stands for them.

    >>> replace_not_finite({"loss": [0.5, float("inf")]}, repr)
    {'loss': [0.5, 'inf']}
    """
    if isinstance(content, dict):
        return {name: replace_not_finite(part, replacement) for name, part in content.items()}
    if isinstance(content, (list, tuple)):
        return [replace_not_finite(part, replacement) for part in content]
    return replacement(content) if isinstance(content, float) and not math.isfinite(content) else content
