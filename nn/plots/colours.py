"""Colours and markers that people with any colour vision can tell apart, on white and on a dark background."""

from __future__ import annotations

__all__ = ["COLOURS", "MARKERS", "ON_DARK"]

# Okabe and Ito (2008): people with any colour vision can tell them apart; each has a marker or a dash of its own, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8a8a")
ON_DARK = ("#56b4e9", "#f58a36", "#2cc79b", "#dd97c0", "#4c9be8", "#f0e442", "#a8adb3")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
