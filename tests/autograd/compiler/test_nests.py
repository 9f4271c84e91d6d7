"""Whatever the index maps are, the loops of a nest touch every place in memory once, and say truly how they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler.program.nests import Column, Table, _from_zero, _sum_nest, map_nest, nest_of, sum_nest

BATCHES = st.sampled_from([1, 2, 8, 9])


def expected(columns: Sequence[Column], batch: int) -> Counter[tuple[int, ...]]:
    """The places in memory that belong together."""
    return Counter(
        tuple([column.base + place * column.scale + (sample if column.scale > 1 else 0) for column, place in row])
        for places in zip(*[column.places for column in columns])
        for row in [list(zip(columns, places))]
        for sample in range(batch)
    )


def touched(table: Table) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """The row, the turns of the loops, and the places of the columns."""
    depth = len(table.loops)
    for number, row in enumerate(table.rows):
        turns, starts = row[:depth], row[depth:]
        for turn in product(*map(range, turns)):
            moved = [sum(k * strides[c] for k, strides in zip(turn, table.loops)) for c in range(len(starts))]
            yield number, turn, tuple([start + by for start, by in zip(starts, moved)])


def members(draw: st.DrawFn, count: int) -> list[int]:
    """A line, a grid, or any list."""
    way = draw(st.sampled_from(["grid", "grid", "table"]))
    if way == "table":
        return draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    inner = draw(st.sampled_from([n for n in (1, 2, 3, 4, 6) if count % n == 0]))
    outer_step, step = draw(st.sampled_from([(inner, 1), (0, 1), (1, 0), (0, 0), (2, 5), (1, count // inner)]))
    return [outer_step * (k // inner) + step * (k % inner) for k in range(count)]


@st.composite
def places(draw: st.DrawFn, columns: int) -> tuple[list[Column], int]:
    batch, count = draw(BATCHES), draw(st.sampled_from([1, 2, 3, 6, 12, 24]))
    scales = [draw(st.sampled_from([1, batch])) for _ in range(columns)]
    return [Column(members(draw, count), 1000 * k, scale) for k, scale in enumerate(scales)], batch


@given(places(3))
def test_operations_touch_every_place(given_columns: tuple[list[Column], int]) -> None:
    columns, batch = given_columns
    table = map_nest(columns, batch)
    assert len(table.loops) == 2
    assert Counter(place for _, _, place in touched(table)) == expected(columns, batch)


@given(places(3), st.booleans())
def test_sums_touch_every_term_and_know_whether_they_are_complete(
    given_columns: tuple[list[Column], int], one: bool
) -> None:
    columns, batch = given_columns
    columns = columns[: 2 if one else 3]
    way, table, complete = sum_nest(columns, len(columns) - 1, batch)
    assert len(table.loops) == 3
    found = list(touched(table))
    assert Counter(place for _, _, place in found) == expected(columns, batch)
    along = table.loops[1 if way == "n" else 2]
    if way == "n":  # in vectors over sums that are next to each other
        assert along[0] == 1
        assert set(along[1:]) <= {0, 1}
    elif way == "k":  # in vectors along one sum
        assert along[0] == 0
        assert set(along[1:]) == {1}
    assert table.loops[2][0] == 0  # the innermost loop stays within a sum
    sums: dict[int, set[tuple[int, ...]]] = {}
    for row, (m, n, _), place in found:
        sums.setdefault(place[0], set()).add((row, m, n))
    if complete:
        assert all(len(cells) == 1 for cells in sums.values())
    if way:  # rows run one after the other, but the sums of one row side by side
        for cells in sums.values():
            assert len(cells) == len({row for row, _, _ in cells})


def test_ragged_outer_products_are_one_row_for_each_block() -> None:
    """What each token passes to the keys of all earlier ones: k[j, d] += s[i, j] q[i, d], with d along the rows."""
    tokens, width = 5, 4
    terms = [(i, j, d) for i in range(tokens) for j in range(i + 1) for d in range(width)]
    k = Column([tokens * d + j for i, j, d in terms], 0)
    s = Column([i * (i + 1) // 2 + j for i, j, d in terms], 100)
    q = Column([tokens * d + i for i, j, d in terms], 200)
    way, table, complete = sum_nest([k, s, q], 2)
    assert (way, complete, len(table.rows)) == ("n", False, tokens)
    assert Counter(place for _, _, place in touched(table)) == expected([k, s, q], 1)


def test_a_matrix_product_is_one_row() -> None:
    i, j, k = 5, 8, 3
    z = Column([a * j + b for a in range(i) for b in range(j) for _ in range(k)], 0)
    w = Column([a * k + c for a in range(i) for _ in range(j) for c in range(k)], 100)
    x = Column([c * j + b for _ in range(i) for b in range(j) for c in range(k)], 200)
    way, table, complete = sum_nest([z, w, x], 2)
    assert (way, complete) == ("n", True)
    assert table == Table([(8, 3, 0), (1, 0, 1), (0, 1, 8)], [(5, 8, 3, 0, 100, 200)])


def test_the_steps_of_a_recurrence_are_arranged_once_and_moved() -> None:
    _from_zero.cache_clear()
    for step in range(20):
        z = Column([16 * step + j for j in range(16) for _ in range(16)], 7)
        w = Column(range(100, 356), 50)
        x = Column([16 * (20 - step) + k for _ in range(16) for k in range(16)], 400, 2)
        assert sum_nest([z, w, x], 2, 2) == _sum_nest([z, w, x], 2, 2)
    assert _from_zero.cache_info().misses == 1


def test_a_batch_is_the_innermost_loop_and_joins_what_goes_on_in_memory() -> None:
    nest = nest_of([Column(range(4), 0, 8), Column(range(4), 100, 8)], 8)
    assert [(loop.turns, loop.strides) for loop in nest.loops] == [(32, (1, 1))]
    nest = nest_of([Column(range(4), 0, 8), Column(range(4), 100)], 8)
    assert [(loop.turns, loop.strides) for loop in nest.loops] == [(4, (8, 1)), (8, (1, 0))]


def test_ragged_sums_are_rows_of_a_table() -> None:
    owners = [i for i in range(6) for _ in range(i + 1)]
    terms = [j for i in range(6) for j in range(i + 1)]
    nest = nest_of([Column(owners, 0), Column(terms, 10)])
    assert nest.ragged
    _, table, complete = sum_nest([Column(owners, 0), Column(terms, 10)], 1)
    assert complete
    assert len(table.rows) == 6
