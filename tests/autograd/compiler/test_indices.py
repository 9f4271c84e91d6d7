"""Loops are found again in lists of members, and give back the very lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.compiler.program.indices import Dims, Index, common_blocks, common_dims, loops, taken

LOOPS = st.lists(st.tuples(st.integers(1, 5), st.integers(-9, 9)), max_size=4)
LISTS = st.lists(st.integers(0, 6), min_size=1, max_size=20)


def places_of(start: int, dims: Sequence[tuple[int, int]]) -> list[int]:
    """The members that nested loops visit."""
    turns = [range(count) for count, _ in dims]
    return [start + sum(k * step for k, (_, step) in zip(place, dims)) for place in product(*turns)]


@pytest.mark.parametrize(
    ("places", "dims"),
    [
        ([3], ((1, 0),)),
        ([0, 1, 2], ((3, 1),)),
        ([4, 2, 0], ((3, -2),)),
        ([5, 5, 5], ((3, 0),)),
        ([0, 1, 2, 10, 11, 12], ((2, 10), (3, 1))),
        ([0, 3, 1, 4, 2, 5], ((3, 1), (2, 3))),
        ([0, 1, 0, 1], ((2, 0), (2, 1))),
        ([0, 0, 1, 1, 0, 0, 1, 1], ((2, 0), (2, 1), (2, 0))),
        ([0, 1, 3], None),
        ([0, 1, 1, 3], None),
        ([0, 1, 2, 3, 4, 6], None),
        ([0, 0, 0, 1, 1, 1, 2, 2, 3], None),
        (range(2, 11, 3), ((3, 3),)),
    ],
)
def test_the_loops_of_a_list(places: Sequence[int], dims: Dims | None) -> None:
    assert loops(places) == dims
    assert Index(places).dims == dims


@given(st.integers(0, 99), LOOPS)
def test_loops_are_always_found_and_give_the_list(start: int, dims: list[tuple[int, int]]) -> None:
    places = places_of(start, dims)
    found = loops(places)
    assert found is not None
    assert prod(turns for turns, _ in found) == len(places)
    assert places_of(start, found) == places


@given(LISTS)
def test_loops_that_are_found_in_any_list_give_that_list(places: list[int]) -> None:
    found = loops(places)
    assert found is None or places_of(places[0], found) == places


def test_an_index_knows_what_it_reads() -> None:
    assert Index(range(4)).is_identity
    assert not Index([0, 1, 2, 3]).is_identity  # the builder makes a range of it
    assert not Index(range(1, 4)).is_identity
    assert (Index([2, 2, 0]).distinct, Index(range(3)).distinct) == (2, 3)
    assert Index([2, 1, 0]).is_one_to_one
    assert not Index([2, 1, 2]).is_one_to_one
    assert Index([1]) != Index([1])  # one object for one list: see Builder.index


def test_loops_that_explain_several_lists_at_once() -> None:
    assert common_dims([((6, 1),), ((2, 1), (3, 0))]) == ((2, 3), [(3, 1), (1, 0)])
    assert common_dims([((12, 1),), ((3, 4), (4, 1)), ((2, 1), (6, 0))]) is None  # turns of 4 and of 6
    assert common_dims([((4, 1),), None]) is None


@given(LOOPS, LOOPS)
def test_common_loops_give_every_list(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    second = [(turns, step) for (turns, _), (_, step) in zip(first, [*second, *[(1, 1)] * 4])]
    columns = [places_of(0, dims) for dims in (first, second)]
    found = common_dims([loops(column) for column in columns])
    assert found is not None
    turns, steps = found
    for column, its_steps in zip(columns, steps):
        assert places_of(0, list(zip(turns, its_steps))) == column


def rows_of(blocks: Any) -> list[tuple[int, ...]]:
    rows = []
    for outer, inner, *starts in blocks.table:
        for i, j in product(range(outer), range(inner)):
            rows.append(tuple([start + i * by + j * step for start, (by, step) in zip(starts, blocks.steps)]))
    return rows


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=24))
def test_blocks_are_any_lists(rows: list[tuple[int, int]]) -> None:
    assert rows_of(common_blocks([list(column) for column in zip(*rows)])) == rows


def test_ragged_sums_are_few_blocks() -> None:
    """The terms of a causal attention: 1 for the first token, 2 for the second, and so on."""
    owners = [i for i in range(9) for _ in range(i + 1)]
    keys = [j for i in range(9) for j in range(i + 1)]
    blocks = common_blocks([owners, keys])
    assert len(blocks.table) == 9
    assert rows_of(blocks) == list(zip(owners, keys))


@given(LISTS)
def test_members_of_members(places: list[int]) -> None:
    letters = "abcdefg"
    assert taken(letters, places) == [letters[k] for k in places]
    assert taken(range(7), places) == places
    assert taken(range(5, 12), places) == [5 + k for k in places]
    assert taken(letters, []) == []
