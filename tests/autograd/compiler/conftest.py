"""Tests of the compiler compile in the first call: what comes before that has its own, ``test_first_calls.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograd.compiler.calls import stages
from autograd.compiler.recording import outside


@pytest.fixture(autouse=True, scope="module")
def compiled_at_once() -> Iterator[None]:
    """However small a function is, machine code runs its first call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "BY_GRAPH", 0)
        patch.setattr(stages, "PROVED", 0)
        patch.setattr(stages, "TINY", 0)
        patch.setattr(stages, "BUILTIN_FROM", 0)
        patch.setattr(outside, "MANY", 0)
        patch.setattr(outside, "IMPORTING", 0)
        yield
