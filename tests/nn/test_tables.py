"""Tables: columns by name, as numbers and as labels (what files are refused is in ``test_data``)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nn.data import read_csv
from nn.tables import DataError, Table, read_table

TABLE = Table("t.csv", ["a", "kind", "b"], [(2, ["1", "x", "2.5"]), (4, ["-3", "y", "1e2"])])


def test_columns_are_found_by_name_in_the_order_asked_for() -> None:
    assert TABLE.numbers(["b", "a"]) == [[2.5, 1.0], [100.0, -3.0]]
    assert TABLE.numbers([]) == [[], []]
    assert TABLE.labels("kind") == ["x", "y"]
    assert TABLE.class_indices("kind", ["y", "z", "x"]) == [2, 0]


def test_a_label_of_no_class_is_refused_by_place() -> None:
    with pytest.raises(DataError, match=r"^t.csv, line 4, column 'kind': 'y' is none of the classes: they are 'x'$"):
        TABLE.class_indices("kind", ["x"])


def test_a_column_of_text_is_refused_by_place() -> None:
    with pytest.raises(DataError, match=r"^t.csv, line 2, column 'kind': 'x' is not a number"):
        TABLE.numbers(["a", "kind"])


def test_an_open_file_is_read_and_named() -> None:
    assert read_table(io.BytesIO(b"a,b\n1,2\n")) == Table("data", ["a", "b"], [(2, ["1", "2"])])
    with pytest.raises(DataError, match=r"^data, line 2: the row has 1 fields but the header has 2$"):
        read_table(io.BytesIO(b"a,b\n1\n"))


def test_an_open_file_of_the_disk_has_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,kind\n1,x\n2,y\n")
    with open(path, "rb") as file:
        assert read_csv(file, "kind") == read_csv(path, "kind")
    path.write_bytes(b"")
    with open(path, "rb") as file, pytest.raises(DataError) as error:
        read_table(file)
    assert str(error.value).startswith(f"{path}: the file is empty")


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match=r"^cannot read data: Input/output error$"):
        read_table(Broken())


@pytest.mark.parametrize(
    ("needed", "hint"),
    [
        ("petal_lenght", ": did you mean 'petal length'?"),
        ("PETAL WIDTH", ": did you mean 'Petal Width'?"),
        ("kind", ": did you mean 'Kinds'?"),
        ("colour", ":"),
        ("", ":"),
    ],
)
def test_a_column_with_nearly_this_name_is_offered(needed: str, hint: str) -> None:
    with pytest.raises(DataError) as error:
        read_table(io.BytesIO(b"petal length,Petal Width,Kinds\n1,2,x\n"), needed=[needed])
    columns = "'petal length', 'Petal Width', 'Kinds'"
    assert str(error.value) == f"data: there is no column {needed!r}{hint} the columns are {columns}"


def test_reading_takes_time_in_proportion_to_the_columns() -> None:
    """Counted in comparisons of names: with n columns, most of them dropped, there were n² of them."""
    compared = 0

    class Name(str):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    n = 300
    names = [f"c{i}" for i in range(n)]
    file = io.BytesIO(f"{','.join(names)},y\n{'1,' * n}2\n".encode())
    data = read_csv(file, "y", task="regression", drop=[Name(name) for name in names[:-20]])
    assert data.feature_names == names[-20:]
    table = Table("t.csv", [Name(name) for name in names], [(2, ["1"] * n)])
    assert table.numbers([Name(name) for name in names]) == [[1.0] * n]
    assert 0 < compared < 10 * n


def test_a_column_that_is_needed_must_be_there() -> None:
    with pytest.raises(DataError, match=r"^data: there is no column 'c': the columns are 'a', 'b'$"):
        read_table(io.BytesIO(b"a,b\n1,2\n"), needed=["a", "c"])
    with pytest.raises(DataError, match="columns must be separated by commas"):
        read_table(io.BytesIO(b"a:b\n1:2\n"), needed=["a"])


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_what_else_separates_columns_is_named(mark: str, name: str) -> None:
    with pytest.raises(DataError, match=f"the columns are separated by {name}, not by commas: save the table"):
        read_table(io.BytesIO(f"a{mark}b\n1{mark}2\n".encode()), needed=["b"])


def test_a_header_of_numbers_is_a_missing_header() -> None:
    with pytest.raises(DataError, match=r"the columns are '1\.5', 'x'; is the header line missing\?"):
        read_table(io.BytesIO(b"1.5,x\n2.5,y\n"), needed=["kind"])


def test_a_number_that_never_changes_cannot_be_learned(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,price\n1,7\n2,7\n")
    with pytest.raises(DataError, match=r"column 'price' is 7 in every row: there is nothing to learn"):
        read_csv(path, target="price", task="regression")
    path.write_text("a,price\n1,7\n")
    assert read_csv(path, target="price", task="regression").targets == [7.0]


MESSY = b"""name,weight,colour,size,kind
n0,,red,1,a
n1,2,blue,,b
n2,,red,2,a
n3,4,green,inf,b
"""


def test_all_cells_that_are_no_numbers_are_told_at_once_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(MESSY)
    with pytest.raises(DataError) as error:
        read_csv(path, "kind")
    text = str(error.value)
    assert text.startswith(f"{path}, line 2, column 'name': 'n0' is not a number (4 such cells); also ")
    for part in ("'weight' has 2 empty cells, the first in line 2", "'colour' has 4 cells like 'red' in line 2",
                 "'size' has 1 empty cell, the first in line 3", "'size' has 1 cell like 'inf' in line 5",
                 "(--drop name colour)", "(--skip-empty)", "replace what is not finite"):  # fmt: skip
        assert part in text
    assert "\n" not in text


def test_the_ways_out_work(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(MESSY.replace(b"inf", b"3") + b"n4,5,red,6,a\n")
    data = read_csv(path, "kind", drop=["name", "colour"], skip_empty=True)
    assert (data.features, data.targets, data.class_names) == ([[4.0, 3.0], [5.0, 6.0]], [1, 0], ["a", "b"])


def test_a_column_that_a_network_needs_is_not_to_be_dropped() -> None:
    table = Table("t.csv", ["my size", "kind"], [(2, ["x", "a"]), (3, ["y", "b"])])
    with pytest.raises(DataError) as needed:
        table.numbers(["my size"])
    with pytest.raises(DataError) as free:
        table.numbers(["my size"], may_drop=True)
    assert "--drop" not in str(needed.value)
    assert str(free.value).endswith("encode or remove the column (--drop 'my size')")


def test_rows_with_empty_cells_are_left_out_on_request() -> None:
    table = Table("t.csv", ["a", "b", "c"], [(2, ["1", "", ""]), (3, ["2", "3", ""]), (4, ["", "5", "6"])])
    assert table.without_empty(["a", "b"]).rows == [(3, ["2", "3", ""])]
    assert table.without_empty(["a"]).numbers(["a"]) == [[1.0], [2.0]]
    with pytest.raises(DataError, match="each of its 3 rows has an empty cell"):
        table.without_empty(["a", "b", "c"])
