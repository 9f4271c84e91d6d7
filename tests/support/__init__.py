"""What tests of several modules share: references, random expressions, a browser, ways to run the command line."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the checkout
