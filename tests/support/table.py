"""The derivative table, for tests that add rows to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograd.ops import TABLE


@pytest.fixture(autouse=True)
def the_table_is_left_as_it_was() -> Iterator[None]:
    """Rows that a test adds are gone after it, in every module that imports this fixture."""
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)
