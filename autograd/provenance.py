"""Checks of gradients and, inside ``strict()``, of every result; and how their errors name a node."""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from autograd import ops
from autograd.errors import NumericError

_OURS = ("autograd", "nn")
_SHOWN = 6  # operands of one node in a message


class Located(tuple[float, ...]):
    """Local derivatives that know which line recorded them; other nodes need no room for a line."""

    origin: str


def located(partials: Iterable[float]) -> Located:
    """The local derivatives, with the file and line outside of these packages that is recording them."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame = frame.f_back
    out = Located(partials)
    out.origin = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return out


def depth_of_caller() -> int:
    """How far up the first function is that belongs to neither package: the line of the user, for a warning."""
    depth, frame = 0, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        depth, frame = depth + 1, frame.f_back
    return depth


def describe(node: Any) -> str:
    """A node in words, for a message: its operation, operands, label, and the line that recorded it."""
    operands = ", ".join([f"{p._data:g}" + (f" ({p.label!r})" if p.label else "") for p in node.parents[:_SHOWN]])
    if len(node.parents) > _SHOWN:
        operands += f", … {len(node.parents) - _SHOWN} more"
    text = f"{node.op.name}({operands})" if node.parents else f"leaf {node._data:g}"
    if node.label:
        text += f", node {node.label!r},"
    return text + (f" at {node.origin}" if node.origin else "")


def check_result(node: Any) -> None:
    """Raise if a new node, or one of its local derivatives, is nan or inf."""
    if not math.isfinite(node._data):
        raise NumericError(f"{describe(node)} gave {node._data}")
    for parent, partial in zip(node.parents, node.partials):
        if not math.isfinite(partial) and not _is_constant(parent):
            raise NumericError(f"{describe(node)}: the local derivative is {partial}")


def check_adjoints(adjoint: Mapping[Any, Any]) -> None:
    """Raise if a gradient became nan or inf."""
    for node, gradient in adjoint.items():
        if not math.isfinite(gradient) and not _is_constant(node):
            raise NumericError(f"in backward, the gradient of {describe(node)} became {gradient}")


def check_gradients(nodes: Iterable[Any]) -> None:
    """Raise if a gradient that someone set by hand is no number, since backward adds to it."""
    for node in nodes:
        if not isinstance(node.grad, numbers.Real):
            name = node.label or repr(node)
            message = f"the gradient of {name} was set to {node.grad!r}: set it to 0.0 before backward"
            raise TypeError(message) from None


def _is_constant(node: Any) -> bool:
    return node.op is ops.constant  # nobody asks for the derivative with respect to the 3 of `x * 3`
