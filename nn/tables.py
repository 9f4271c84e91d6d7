"""Comma-separated files: the cells as text, and columns of them as numbers or as labels.

Every message names the file and, where there is one, the line and the column.
"""

from __future__ import annotations

import csv
import io
import math
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import BinaryIO, NoReturn

from autograd import AutogradError
from autograd.display import listed

DataFile = str | os.PathLike[str] | BinaryIO


class DataError(AutogradError, ValueError):
    """The data cannot be used as they are; the message says where, why, and what to do.

    >>> train_test_split([[1.0], [2.0]], [0], test_size=1)
    Traceback (most recent call last):
        ...
    nn.tables.DataError: X has 2 samples but y has 1 targets: give one target per sample
    """


@dataclass(frozen=True)
class Table:
    """The cells of a file, without spaces around them.

    >>> table = Table("fruit.csv", ["weight", "fruit"], [(2, ["150", "apple"]), (3, ["6", "cherry"])])
    >>> table.numbers(["weight"]), table.labels("fruit")
    ([[150.0], [6.0]], ['apple', 'cherry'])
    """

    name: str  # of the file
    header: list[str]  # the name of each column
    rows: list[tuple[int, list[str]]]  # of each row the number of its line in the file, and the cells

    def numbers(self, columns: Sequence[str], *, may_drop: bool = False) -> list[list[float]]:
        """The numbers of each row in these columns, in this order.

        If cells hold no finite number, the error tells all columns that have such cells, and how to do without them if
        the user ``may_drop`` some.
        """
        place_of = {name: at for at, name in enumerate(self.header)}
        places = [place_of[name] for name in columns]
        found = [[number_in(row[at]) for at in places] for _, row in self.rows]
        if not all(math.isfinite(number) for numbers in found for number in numbers):
            self._refuse_cells(columns, places, may_drop)
        return found

    def without_empty(self, columns: Sequence[str]) -> Table:
        """The table without the rows in which a cell of these columns is empty."""
        places = [self.header.index(name) for name in columns]
        rows = [(line, row) for line, row in self.rows if all(row[at] for at in places)]
        if not rows:
            raise DataError(f"{self.name}: each of its {len(self.rows)} rows has an empty cell: drop a column instead")
        return Table(self.name, self.header, rows)

    def labels(self, column: str) -> list[str]:
        """The text of each row in a column, of which none may be empty."""
        at = self.header.index(column)
        for line, row in self.rows:
            if not row[at]:
                self._refuse(line, column, "the label is empty: fill it in or remove the row (--skip-empty)")
        return [row[at] for _, row in self.rows]

    def classes(self, column: str) -> list[str]:
        """The different labels in a column, in the order of numbers if all are numbers, else of texts.

        Raises:
            DataError: A cell is empty, or one number is spelled in two ways, as 2 and 2.0 or 2,5 beside 2.0.
        """
        labels = dict.fromkeys(self.labels(column))
        spelled: dict[float, str] = {}
        for label in labels:
            number = number_in(label.replace(",", "."))
            if not math.isfinite(number):
                continue
            first = next(iter(spelled.values()), label)
            other = spelled.setdefault(number, label)
            if other != label or ("," in first) != ("," in label):
                line = next(line for line, row in self.rows if row[self.header.index(column)] == label)
                known = first if other == label else other
                self._refuse(line, column, f"{label!r} beside {known!r}: spell the numbers of classes in one way")
        try:
            return sorted(labels, key=lambda label: (float(label), label))
        except ValueError:
            return sorted(labels)

    def class_indices(self, column: str, class_names: Sequence[str]) -> list[int]:
        """The index of each row's label among the classes."""
        index = {name: i for i, name in enumerate(class_names)}
        labels = self.labels(column)
        for (line, _), label in zip(self.rows, labels, strict=True):
            if label not in index:
                known = listing(class_names)
                self._refuse(line, column, f"{shorten(label)} is none of the classes: they are {known}")
        return [index[label] for label in labels]

    def _refuse_cells(self, columns: Sequence[str], places: Sequence[int], may_drop: bool) -> NoReturn:
        """Say all that is wrong with some columns: the first cell in full, of all others how many there are."""
        wrong: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for line, row in self.rows:
            for name, at in zip(columns, places):
                if not math.isfinite(number_in(row[at])):
                    wrong.setdefault((name, _kind_of(row[at])), []).append((line, row[at]))
        (column, kind), cells = next(iter(wrong.items()))
        line, cell = cells[0]
        reason = f"{shorten(cell)} is not {kind}" if cell else "the cell is empty"
        if len(cells) > 1:
            reason += f" ({len(cells):,} such cells)"
        others = [f"{shorten(name)} has {_counted(kind, cells)}" for (name, kind), cells in [*wrong.items()][1:]]
        more = f"; also {listed(others, most=5)}" if others else ""
        self._refuse(line, column, f"{reason}{more}: {_way_out(wrong, may_drop)}")

    def _refuse(self, line: int, column: str, reason: str) -> NoReturn:
        raise DataError(f"{self.name}, line {line}, column {column!r}: {reason}") from None


_EMPTY, _TEXT, _INFINITE = "there", "a number", "finite"  # what a cell is not


def number_in(cell: str) -> float:
    """The number in a cell; nan if there is none."""
    try:
        return float("nan" if "_" in cell else cell)  # float() would read 1_0 as 10
    except ValueError:
        return math.nan


def _kind_of(cell: str) -> str:
    if not cell:
        return _EMPTY
    is_infinite = math.isinf(number_in(cell)) or cell.lower().lstrip("+-") == "nan"
    return _INFINITE if is_infinite else _TEXT


def _counted(kind: str, cells: Sequence[tuple[int, str]]) -> str:
    """How many cells of a column are wrong, and which is the first."""
    line, cell = cells[0]
    cells_of = f"{len(cells):,} {'empty ' if kind == _EMPTY else ''}cell{'s' if len(cells) > 1 else ''}"
    if kind == _EMPTY:
        return f"{cells_of}, the first in line {line}"
    return f"{cells_of} like {shorten(cell)} in line {line}"


def _way_out(wrong: Iterable[tuple[str, str]], may_drop: bool) -> str:
    """What to do about cells that are no numbers, by the columns that have such cells and what they are not."""
    texts = [name for name, kind in wrong if kind == _TEXT]
    kinds = {kind for _, kind in wrong}
    option = f" (--drop {shlex.join(texts)})" if may_drop and len(texts) <= 5 else ""
    ways = [f"encode or remove the column{'s' if len(texts) > 1 else ''}{option}"] if texts else []
    ways += ["fill in empty cells or remove their rows (--skip-empty)"] if _EMPTY in kinds else []
    ways += ["replace what is not finite or remove the row"] if _INFINITE in kinds else []
    return "; ".join(ways)


def read_table(file: DataFile, needed: Iterable[str] = ()) -> Table:
    r"""Read a comma-separated UTF-8 file with a header line: a path, or a file that is open for reading bytes.

    Raises:
        DataError: The file cannot be read, is no table with one name per column, or lacks a ``needed`` column.

    >>> import io
    >>> read_table(io.BytesIO(b"weight,fruit\n150, apple\n"))
    Table(name='data', header=['weight', 'fruit'], rows=[(2, ['150', 'apple'])])
    """
    name = os.fspath(file) if isinstance(file, (str, os.PathLike)) else str(getattr(file, "name", "data"))
    (_, header), *rows = _rows(name, _text(name, file))
    _check_header(name, header, needed)
    _check_rows(name, header, rows)
    return Table(name, header, rows)


def _text(name: str, file: DataFile) -> str:
    """The text of a UTF-8 file, which error messages call ``name``."""
    try:
        if isinstance(file, (str, os.PathLike)):
            with open(file, "rb") as opened:
                content = opened.read()
        else:
            content = file.read()
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error
    if b"\0" in content:
        raise DataError(f"{name}: the file holds zero bytes, so it is not UTF-8 text: save it as CSV (UTF-8)")
    try:
        return content.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise DataError(f"{name}, line {line}: {byte} is not UTF-8 text: save the file as CSV (UTF-8)") from error


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
            hint += "; is the header line missing?" if any(math.isfinite(number_in(name)) for name in header) else ""
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
