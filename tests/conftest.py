"""Settings shared by all tests."""

from __future__ import annotations

from hypothesis import settings

# No test depends on time; all else stays as Hypothesis decides (where CI is set: the same examples in each run).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
