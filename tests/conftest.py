"""Settings shared by all tests."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from autograd.compiler.calls import budget, stages

os.environ["AUTOGRAD_CACHE"] = "off"  # each run compiles what it tests

# A shell that runs the tests in the background tells them to ignore Ctrl-C, which some of them press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test depends on time, nor does the making of its examples; all else stays as Hypothesis decides (where CI is
# set: the same examples in each run).
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="module")
def compiling_takes_no_time() -> Iterator[None]:
    """When a function is recorded or compiled depends on no clock here; ``test_budget`` tests how it does elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "_LONG", math.inf)
        patch.setattr(budget, "_CHEAP", math.inf)
        patch.setattr(budget, "_LOOKING", math.inf)
        patch.setattr(budget, "_SHARE", 0.0)
        patch.setattr(budget, "_TWICE", 0.0)
        patch.setattr(stages, "PATIENCE", 0.0)
        patch.setattr(stages, "_TRIALS", math.inf)
        yield
