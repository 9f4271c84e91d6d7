"""Settings shared by all tests."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ["AUTOGRAD_CACHE"] = "off"  # each run compiles what it tests

# No test depends on time; all else stays as Hypothesis decides (where CI is set: the same examples in each run).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
