"""What tests of several modules share: references, random expressions, a browser, ways to run the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # of the checkout
PATIENCE = 300.0  # seconds: on the slowest machine, what is waited for comes sooner, or never


def numbers(model: Any) -> list[float]:
    """The number of each parameter of a model."""
    return [parameter.data for parameter in model.parameters()]
