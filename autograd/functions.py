"""Functions of several numbers that are one node each: floats in, float out; a Value among them, a Value out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import mul
from typing import Any

from autograd import ops
from autograd.modes import open_contexts
from autograd.value import Value

__all__ = ["clip", "elu", "fsum", "leaky_relu", "logsumexp", "prod", "softmax", "sumprod"]

_new = object.__new__


def sumprod(p: Sequence[Any], q: Sequence[Any], start: Any = None) -> Any:
    """Σ p_i q_i (+ start) as one node: a neuron's z = Σ w_i a_i + b with 2n + 1 parents.

    Args:
        p, q: two sequences of the same length.
        start: a term to add, such as a bias.

    Raises:
        ValueError: the lengths differ.

    >>> from autograd import Value
    >>> w, b = [Value(1.0), Value(2.0)], Value(0.5)
    >>> z = sumprod(w, [3.0, 4.0], b)
    >>> z.backward(); z.data, [v.grad for v in w], b.grad
    (11.5, [3.0, 4.0], 1.0)
    """
    if len(p) != len(q):
        raise ValueError(f"sumprod needs two sequences of the same length, got {len(p)} and {len(q)}")
    if not open_contexts.count:
        try:
            xs, ys, z = [v._data for v in p], [v._data for v in q], start._data
        except AttributeError:  # a plain number among them, or no start
            pass
        else:  # the same as below, 1.6x faster: this is what a neural network spends its time on
            out: Value = _new(Value)
            out._data = sum(map(mul, xs, ys), z)
            out.grad = 0
            out.label = ""
            out.op = ops.sum_of_products
            out.parents = (*p, *q, start)
            out.partials = (*ys, *xs, 1.0)
            return out
    return ops.sum_of_products(*p, *q) if start is None else ops.sum_of_products(*p, *q, start)


def fsum(xs: Iterable[Any]) -> Any:
    """Σ x_i as one node, rounded once like ``math.fsum``; 0.0 for no terms."""
    return ops.sum_of(*xs)


def prod(xs: Iterable[Any]) -> Any:
    """Π x_i as one node; the gradient needs no division, so zeros among the factors do no harm.

    >>> from autograd import Value
    >>> xs = [Value(0.0), Value(3.0), Value(4.0)]
    >>> y = prod(xs); y.backward(); [x.grad for x in xs]
    [12.0, 0.0, 0.0]
    """
    return ops.product_of(*xs)


def logsumexp(xs: Iterable[Any]) -> Any:
    """log Σ e^x_i as one node, without overflow; -inf for no terms."""
    return ops.log_sum_exp(*xs)


def softmax(xs: Iterable[Any]) -> list[Any]:
    """[e^x_i / Σ e^x_j for each i], without overflow.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    terms = list(xs)
    total = logsumexp(terms)
    return [ops.exp(x - total) for x in terms]


def clip(x: Any, low: Any = float("-inf"), high: Any = float("inf")) -> Any:
    """x, but at least low and at most high; at a bound the gradient still goes to x."""
    return ops.clip(x, low, high)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x where x > 0, else negative_slope * x."""
    return ops.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where x > 0, else alpha * (e^x - 1)."""
    return ops.elu(x, alpha)
