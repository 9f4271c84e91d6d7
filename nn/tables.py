"""Comma-separated files: the cells as text, and columns of them as numbers or as labels.

Every message names the file and, where there is one, the line and the column.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import BinaryIO, NoReturn

from autograd import AutogradError
from autograd.terminal import listed

__all__ = ["DataError", "DataFile", "Table", "listing", "read_table", "shorten"]

DataFile = str | os.PathLike[str] | BinaryIO


class DataError(AutogradError, ValueError):
    """The data cannot be used as they are; the message says where, why, and what to do.

    >>> from nn import train_test_split
    >>> train_test_split([[1.0], [2.0]], [0], test_size=1)
    Traceback (most recent call last):
        ...
    nn.tables.DataError: X has 2 samples but y has 1 targets: give one target per sample
    """


@dataclass(frozen=True)
class Table:
    """The cells of a file, without spaces around them.

    Attributes:
        name: The name of the file.
        header: The name of each column.
        rows: The number of the line in the file, and the cells, of each row.

    >>> table = Table("fruit.csv", ["weight", "fruit"], [(2, ["150", "apple"]), (3, ["6", "cherry"])])
    >>> table.numbers(["weight"]), table.labels("fruit")
    ([[150.0], [6.0]], ['apple', 'cherry'])
    """

    name: str
    header: list[str]
    rows: list[tuple[int, list[str]]]

    def numbers(self, columns: Sequence[str]) -> list[list[float]]:
        """The numbers of each row in these columns, in this order.

        Raises:
            DataError: A cell holds no finite number.
        """
        place_of = {name: at for at, name in enumerate(self.header)}
        places = [(name, place_of[name]) for name in columns]
        return [[self._number(row[at], line, name) for name, at in places] for line, row in self.rows]

    def labels(self, column: str) -> list[str]:
        """The text of each row in a column.

        Raises:
            DataError: A cell is empty.
        """
        at = self.header.index(column)
        for line, row in self.rows:
            if not row[at]:
                self._refuse(line, column, "the label is empty: fill it in or remove the row")
        return [row[at] for _, row in self.rows]

    def class_indices(self, column: str, class_names: Sequence[str]) -> list[int]:
        """The index of each row's label among the classes.

        Raises:
            DataError: A cell is empty, or its label is not among them.
        """
        index = {name: i for i, name in enumerate(class_names)}
        labels = self.labels(column)
        for (line, _), label in zip(self.rows, labels, strict=True):
            if label not in index:
                known = listing(class_names)
                self._refuse(line, column, f"{shorten(label)} is none of the classes: they are {known}")
        return [index[label] for label in labels]

    def _number(self, cell: str, line: int, column: str) -> float:
        if not cell:
            self._refuse(line, column, "the cell is empty: fill it in or remove the row")
        try:
            number = float("not a number" if "_" in cell else cell)  # float() would read 1_0 as 10
        except ValueError:
            self._refuse(line, column, f"{shorten(cell)} is not a number: encode or remove the column")
        if not math.isfinite(number):
            self._refuse(line, column, f"{shorten(cell)} is not finite: replace it or remove the row")
        return number

    def _refuse(self, line: int, column: str, reason: str) -> NoReturn:
        raise DataError(f"{self.name}, line {line}, column {column!r}: {reason}") from None


def read_table(file: DataFile, needed: Iterable[str] = ()) -> Table:
    """Read a comma-separated UTF-8 file with a header line.

    Args:
        file: The path, or a file that is open for reading bytes, such as ``sys.stdin.buffer``.
        needed: Columns that must be there.

    Raises:
        DataError: The file cannot be read, is no table with one name per column, or lacks a column.

    >>> import io
    >>> read_table(io.BytesIO(b"weight,fruit\\n150, apple\\n"))
    Table(name='data', header=['weight', 'fruit'], rows=[(2, ['150', 'apple'])])
    """
    name = os.fspath(file) if isinstance(file, (str, os.PathLike)) else str(getattr(file, "name", "data"))
    (_, header), *rows = _rows(name, _text(name, _content(name, file)))
    _check_header(name, header, needed)
    _check_rows(name, header, rows)
    return Table(name, header, rows)


def _content(name: str, file: DataFile) -> bytes:
    try:
        if not isinstance(file, (str, os.PathLike)):
            return file.read()
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error


def _text(name: str, content: bytes) -> str:
    if b"\0" in content:
        raise DataError(f"{name}: the file holds zero bytes, so it is not UTF-8 text: export it as CSV (UTF-8)")
    try:
        return content.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text: save the file as CSV (UTF-8)"
        ) from error


def _rows(name: str, text: str) -> list[tuple[int, list[str]]]:
    """Every row that is not blank, header first, with the number of its last line; cells are stripped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, [cell.strip() for cell in row]) for row in reader if row)
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: not valid CSV: {error}") from error
    if not rows:
        raise DataError(f"{name}: the file is empty: a header line and rows of data are needed")
    return rows


_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # what else stands between columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_header(name: str, header: list[str], needed: Iterable[str]) -> None:
    known = set(header)
    for column in needed:
        if column not in known:
            if len(header) == 1 and (other := next((mark for mark in _MARKS if mark in header[0]), None)):
                remedy = "save the table with commas (and a decimal point)"
                raise DataError(f"{name}: the columns are separated by {_MARKS[other]}, not by commas: {remedy}")
            similar = {name.casefold(): name for name in reversed(header)}
            meant = [similar[name] for name in get_close_matches(column.casefold(), similar, n=1)]
            hint = f": did you mean {shorten(meant[0])}?" if meant else ":"
            hint += f" the columns are {listing(header)}"
            hint += "; columns must be separated by commas" if len(header) == 1 else ""
            hint += "; is the header line missing?" if any(map(_is_number, header)) else ""
            raise DataError(f"{name}: there is no column {column!r}{hint}")
    if "" in header:
        raise DataError(f"{name}, line 1: column {header.index('') + 1} has no name")
    repeated, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"{name}, line 1: {count} columns are named {repeated!r}: rename or remove one")


def _check_rows(name: str, header: list[str], rows: list[tuple[int, list[str]]]) -> None:
    if not rows:
        raise DataError(f"{name}: there is a header line but no row of data below it")
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(f"{name}, line {line}: the row has {len(row)} fields but the header has {len(header)}")


def shorten(cell: str) -> str:
    """A cell in quotes, for a message."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


def listing(names: Sequence[str]) -> str:
    """Up to ten names in quotes, for a message."""
    return listed(list(map(shorten, names)), most=10)
