"""Clipping: gradients that are too long are shortened, between ``backward`` and the optimiser's step.

Names and rules are those of ``torch.nn.utils``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce

from autograd import Value, clip, fsum, maximum, where
from nn.options import refuse_model


def _listed(name: str, parameters: Iterable[Value]) -> list[Value]:
    refuse_model(name, parameters)
    return [parameters] if isinstance(parameters, Value) else list(parameters)


def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Limit every gradient to between -clip_value and clip_value, in place.

    Args:
        parameters: The parameters whose gradients are limited.
        clip_value: The largest absolute value allowed.

    Raises:
        ValueError: ``clip_value`` is not positive.

    >>> x = Value(0.0)
    >>> x.grad = -3.0
    >>> clip_grad_value_([x], 1.0); x.grad
    -1.0
    """
    if not clip_value > 0:
        raise ValueError(f"clip_value must be positive, got {clip_value}")
    for parameter in _listed("clip_grad_value_", parameters):
        parameter.grad = clip(parameter.grad, -clip_value, clip_value)


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float, norm_type: float = 2.0) -> float:
    """Shorten the vector of all gradients to a norm of at most ``max_norm``, in place.

        g ← g min(1, max_norm / ‖g‖)

    Args:
        parameters: The parameters whose gradients are the vector.
        max_norm: The largest norm allowed.
        norm_type: The p of the p-norm; ``math.inf`` for the largest absolute value.

    Returns:
        The norm as it was.

    Raises:
        ValueError: ``max_norm`` or ``norm_type`` is not positive.

    >>> x, y = Value(0.0), Value(0.0)
    >>> x.grad, y.grad = 3.0, 4.0
    >>> clip_grad_norm_([x, y], max_norm=1.0), round(x.grad, 6), round(y.grad, 6)
    (5.0, 0.6, 0.8)
    """
    if not (max_norm > 0 and norm_type > 0):
        raise ValueError(f"max_norm and norm_type must be positive, got {max_norm} and {norm_type}")
    clipped = _listed("clip_grad_norm_", parameters)
    sizes = [abs(parameter.grad) for parameter in clipped]
    largest = reduce(maximum, sizes, 0.0)
    norm = largest
    if 0.0 < largest < math.inf and norm_type != math.inf:  # scaled, so that no power overflows
        norm = largest * fsum((size / largest) ** norm_type for size in sizes) ** (1.0 / norm_type)
    scale = max_norm / (norm + 1e-6)  # PyTorch's guard against a division by 0
    shorter = where(scale < 1.0, scale, 1.0)
    for parameter in clipped:
        parameter.grad *= shorter
    return norm
