"""Examples in docstrings are programs of a user, though they stand in modules of the packages."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def name_of_examples(doctest_namespace: dict[str, Any]) -> None:
    """Give functions of an example a module of their own: what the packages read themselves is not looked at."""
    doctest_namespace["__name__"] = "example"
