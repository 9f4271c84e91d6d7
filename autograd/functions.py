"""Functions of several numbers that record one node each.  Given floats they return a float, given a Value a Value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import mul
from typing import Any, NoReturn

from autograd import ops
from autograd.methods import kind_of, kinds
from autograd.modes import current_modes, open_contexts
from autograd.ops import Traced
from autograd.value import Value, in_context


def sumprod(p: Sequence[Any], q: Sequence[Any], start: Any = None) -> Any:
    """Σ p_i q_i (+ start) as one node: a neuron's z = Σ w_i a_i + b with 2n + 1 parents.

    Args:
        p, q: Two sequences of the same length.
        start: A term to add, such as a bias.

    Raises:
        ValueError: The lengths differ.

    >>> w, b = [Value(1.0), Value(2.0)], Value(0.5)
    >>> z = sumprod(w, [3.0, 4.0], b)
    >>> z.backward(); z.data, [v.grad for v in w], b.grad
    (11.5, [3.0, 4.0], 1.0)
    """
    if len(p) != len(q):
        raise ValueError(f"sumprod needs two sequences of the same length, got {len(p)} and {len(q)}")
    return ops.sum_of_products(*p, *q) if start is None else ops.sum_of_products(*p, *q, start)


def linear(x: Sequence[Any], weights: Sequence[Sequence[Any]], biases: Sequence[Any]) -> list[Any]:
    """[Σ_k w_jk x_k + b_j for each j], one node each: the weighted inputs of a layer of neurons.

    The result is that of ``sumprod(w, x, b)`` for each neuron, 1.5x faster since the inputs are examined once.

    Args:
        x: The n inputs.
        weights: A row of n weights for each output.
        biases: One number for each output.

    Raises:
        ValueError: The lengths do not match.

    >>> linear([1.0, 2.0], [[3.0, 4.0], [5.0, 6.0]], [0.5, 0.0])
    [11.5, 17.0]
    """
    if len(weights) != len(biases):
        raise ValueError(f"linear needs a bias for each row of weights, got {len(biases)} for {len(weights)}")
    if other := {*map(len, weights)} - {len(x)}:
        raise ValueError(f"linear needs as many weights as inputs in every row, got {min(other)} for {len(x)} inputs")
    op, inputs = ops.sum_of_products, tuple(x)
    recorded, new = not open_contexts.count, object.__new__
    plain = not kinds or kind_of([*x, *biases, *chain.from_iterable(weights)]) is None
    if plain and inputs:
        # Networks spend their time here.  The row's value, its partials and the new node are written out: 2x faster.
        try:
            numbers = [v._data for v in inputs]
            flat = iter([v._data for w in weights for v in w])  # all weights; zip below cuts them into rows again
            out: list[Any] = []
            for w, b, row in zip(weights, biases, zip(*[flat] * len(numbers))):
                z = sum(map(mul, row, numbers), b._data)
                if recorded:
                    node: Value = new(Value)
                    node._data = z
                    node.grad = 0
                    node.label = ""
                    node.op = op
                    node.parents = (*w, *inputs, b)
                    node.partials = (*numbers, *row, 1.0)
                    out.append(node)
                else:
                    out.append(in_context(op, z, (*w, *inputs, b)))
            return out
        except AttributeError:  # a plain number among the operands
            pass
    return [op(*w, *inputs, b) for w, b in zip(weights, biases)]


def _terms(name: str, xs: Any, more: Sequence[Any]) -> list[Any]:
    """The members of what must be one list of numbers."""
    if more or isinstance(xs, (Value, int, float, Traced)):
        raise TypeError(f"{name} takes one list of numbers, as in {name}([x, y])")
    return list(xs)


def fsum(xs: Iterable[Any], *more: NoReturn) -> Any:
    """Σ x_i as one node, rounded once like ``math.fsum``; 0.0 for no terms.

    >>> fsum([1e100, 1.0, -1e100])
    1.0
    """
    return ops.sum_of(*_terms("fsum", xs, more))


def prod(xs: Iterable[Any], *more: NoReturn) -> Any:
    """Π x_i as one node; the gradient is computed without division, so that factors may be 0.

    >>> xs = [Value(0.0), Value(3.0), Value(4.0)]
    >>> y = prod(xs); y.backward(); [x.grad for x in xs]
    [12.0, 0.0, 0.0]
    """
    return ops.product_of(*_terms("prod", xs, more))


def logsumexp(xs: Iterable[Any], *more: NoReturn) -> Any:
    """log Σ e^x_i as one node, without overflow; -inf for no terms.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return ops.log_sum_exp(*_terms("logsumexp", xs, more))


def softmax(xs: Iterable[Any], *more: NoReturn) -> list[Any]:
    """[e^x_i / Σ e^x_j for each i], without overflow.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    terms = _terms("softmax", xs, more)
    total = logsumexp(terms)
    return [ops.exp(x - total) for x in terms]


def take(xs: Sequence[Any], i: Any) -> Any:
    """``xs[i]``; inside a compiled function, an index i that is an int argument may differ from call to call.

    Args:
        xs: A list or tuple of numbers, Values, or lists of these.
        i: An index; it may be negative.

    Raises:
        IndexError: The index is out of range.

    >>> from autograd import compile
    >>> f = compile(lambda xs, i: take(xs, i) ** 2)
    >>> f.value_and_grad([1.0, 2.0, 3.0], -1)
    (9.0, ([0.0, 0.0, 6.0], 0.0))
    """
    if isinstance(i, Traced) and open_contexts.count and (recorder := current_modes().recorder) is not None:
        return recorder.member(xs, i)
    return xs[i]


def clip(x: Any, low: Any = float("-inf"), high: Any = float("inf")) -> Any:
    """x, but at least low and at most high; at a bound the gradient still goes to x.

    >>> clip(2.0, 0.0, 1.0)
    1.0
    """
    return ops.clip(x, low, high)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x where x > 0, else negative_slope * x.

    >>> leaky_relu(-2.0), leaky_relu(2.0)
    (-0.02, 2.0)
    """
    return ops.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where x > 0, else alpha * (e^x - 1).

    >>> elu(2.0), elu(-1000.0)
    (2.0, -1.0)
    """
    return ops.elu(x, alpha)
