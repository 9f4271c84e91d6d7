"""Pages in a browser: one for all modules of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import opened_pages, opened_tabs, running_chromium

__all__ = ["opened_pages", "opened_tabs"]  # fixtures


@pytest.fixture(scope="package", name="chromium")
def started_chromium() -> Iterator[Any]:
    """The browser, started once: that takes longer than most tests."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="package", name="tabs")
def open_tabs() -> list[Any]:
    """The tabs that no test uses now."""
    return []
