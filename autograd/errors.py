"""The exceptions of the package: one base class, and a built-in one beside it where Python users expect that."""

from __future__ import annotations

__all__ = [
    "AutogradError", "DrawingError", "ExpressionError", "GradcheckError", "NumericError", "PrimitiveError",
    "StaleGraphError",
]  # fmt: skip


class AutogradError(Exception):
    """Base class of every error that this package raises on purpose."""


class NumericError(AutogradError, ArithmeticError):
    """Inside ``strict()``: an operation gave nan or inf, or was asked for a point outside its domain."""


class PrimitiveError(AutogradError):
    """A user's own primitive raised, or returned something that is not a value or not its partial derivatives."""


class GradcheckError(AutogradError, AssertionError):
    """A gradient disagrees with finite differences."""


class DrawingError(AutogradError, RuntimeError):
    """A graph could not be laid out: no Graphviz was found, or it failed, or took too long."""


class ExpressionError(AutogradError, ValueError):
    """A formula given as text has something in it that is not allowed, or its names and values do not match."""


class StaleGraphError(AutogradError, RuntimeError):
    """The number of a node was changed after it was used, and the old one is needed to differentiate again."""
