"""Documents on disk: JSON and CSV, written in one piece and read without executing anything."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from reprlib import Repr
from typing import Any, NoReturn

from autograd.errors import AutogradError
from autograd.files import check_writable as check_file
from autograd.files import write_file

FilePath = str | os.PathLike[str]


class FileError(AutogradError, ValueError):
    """A saved file cannot be used; the message names the file, the place in it, and what is wrong there.

    >>> read_document("no such file.json", "model", 1)
    Traceback (most recent call last):
        ...
    nn.files.FileError: cannot read no such file.json: No such file or directory
    """


@contextmanager
def file_errors(what: str, path: FilePath) -> Iterator[None]:
    """In this context an error of the system becomes a ``FileError`` that says what cannot be done with which file."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot {what} {path}: {error.strerror or error}") from error
    except ValueError as error:  # a path with a zero byte, half of a character
        raise FileError(f"cannot {what} {path}: {error}") from error


def write_text(path: FilePath, text: str) -> None:
    """Write a UTF-8 file in one piece: whoever reads it sees the old content or the new, never half of it."""
    with file_errors("write", path):
        write_file(path, text.encode())


def check_writable(path: FilePath) -> None:
    """Find out whether ``write_text`` would succeed, before the work whose result it is to write."""
    with file_errors("write", path):
        check_file(path)


def csv_of(columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns of equal lengths as CSV with their names in the first line; floats read back to the bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def write_document(path: FilePath, kind: str, version: int, content: dict[str, Any]) -> None:
    """Write a dictionary as JSON, with its kind, its version, and a checksum of all that it says.

    Floats are written so that they read back to the bit.

    Raises:
        FileError: The content holds something that JSON has no form for, or the file cannot be written.
    """
    try:
        # What would not read back is not written either.
        document = _parse(json.dumps({"format": kind, "version": version, **content}, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise FileError(f"cannot write {path}: {error}: only finite numbers, text, lists and dictionaries") from error
    document[_CHECKSUM] = _checksum(document)
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read_document(path: FilePath, kind: str, version: int, *, sealed: bool = False) -> dict[str, Any]:
    """Read back what ``write_document`` wrote.

    Args:
        path: The file.
        kind: The kind of document that it is to be.
        version: The latest version that can be read.
        sealed: Whether the checksum must be there.  Without one, the file may have been changed on purpose.

    Raises:
        FileError: The file cannot be read, is not JSON, is of another kind or of a later version, or was changed since
            it was written.
    """
    with file_errors("read", path):
        content = Path(path).read_bytes()
    try:
        document = _parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FileError(f"{path}, byte {error.start}: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise FileError(
            f"{path}, line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}; it should hold a {kind}"
        ) from error
    except RecursionError as error:
        raise FileError(f"{path}: lists nested too deeply for a {kind}") from error
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        found = document.get("format") if isinstance(document, dict) else None
        is_a_name = isinstance(found, str) and found.isprintable() and len(found) < 80
        raise FileError(f"{path}: not a {kind}" + (f" but a {found}" if is_a_name else ""))
    found = document.get("version")
    if type(found) is not int or not 1 <= found <= version:
        raise FileError(f"{path}: version {brief(found)} of a {kind}: this program reads up to version {version}")
    checksum = document.pop(_CHECKSUM, None)
    if checksum != _checksum(document) and (sealed or checksum is not None):
        way = "" if sealed else f', or remove "{_CHECKSUM}" from it if you changed the rest on purpose'
        told = "it has no checksum" if checksum is None else "its checksum says so"
        raise FileError(f"{path}: the content is not what was saved, {told}: take another copy of the file{way}")
    return document


_CHECKSUM = "checksum"
_DEEPEST = 100  # lists in lists; far below the depth at which Python's recursion fails
_LONGEST = 300  # digits of an integer; one of more than 308 has no float


def _checksum(document: dict[str, Any]) -> str:
    """A checksum of the values, not of the text: a file may be indented differently or get other line ends."""
    return f"{zlib.crc32(json.dumps(document, sort_keys=True).encode()):08x}"


def _parse(text: str) -> Any:
    """JSON as its standard has it, with numbers that floats can hold."""
    document = json.loads(
        text, parse_constant=_no_constant, parse_int=_integer, parse_float=_float, object_pairs_hook=_object
    )
    level = [document]
    for _ in range(_DEEPEST):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, (dict, list))]
        level = [inner for part in parts for inner in part]
    if level:
        raise RecursionError(f"lists nested more than {_DEEPEST} deep")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST:
        raise ValueError(f"an integer of {len(digits)} digits is too large to be a number here")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{brief(digits)} is too large to be a number here")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"the name {brief(twice)} occurs twice in one object")
    return found


def brief(content: Any) -> str:
    """The ``repr`` of something from a file, in about 80 letters."""
    return _BRIEF.repr(content)


_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 80
_BRIEF.maxlist = _BRIEF.maxdict = 10
_BRIEF.maxlevel = 3


def replace_not_finite(content: Any, replacement: Callable[[float], Any]) -> Any:
    """Content for JSON, with replacements for nan and infinity, for which JSON has no form."""
    if isinstance(content, dict):
        return {name: replace_not_finite(part, replacement) for name, part in content.items()}
    if isinstance(content, (list, tuple)):
        return [replace_not_finite(part, replacement) for part in content]
    return replacement(content) if isinstance(content, float) and not math.isfinite(content) else content
