"""The GPT as plain loops over numbers: for our Values, and for any class in the manner of micrograd.

``w`` is a dictionary of matrices, each a list of rows. A text comes as integers, as one writes it
(``loss``), or as one-hot vectors (``loss_one_hot``), where no index depends on the text.
"""

from __future__ import annotations

from typing import Any

from gpt.problem import EPSILON_NORM, HEAD, WIDTH


def linear(x: Any, rows: Any) -> Any:
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in rows]


def rmsnorm(x: Any) -> Any:
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + EPSILON_NORM) ** -0.5
    return [xi * scale for xi in x]


def softmax(z: Any) -> Any:
    top = max(zi.data for zi in z)  # a shift that cancels: no gradient flows through it
    exps = [(zi - top).exp() for zi in z]
    total = sum(exps)
    return [e / total for e in exps]


def softmax_unshifted(z: Any) -> Any:
    exps = [zi.exp() for zi in z]
    total = sum(exps)
    return [e / total for e in exps]


def attention(q: Any, keys: Any, values: Any, softmax: Any) -> Any:
    """Each head looks at all positions so far."""
    out = []
    for start in range(0, WIDTH, HEAD):
        part = range(start, start + HEAD)
        scores = [sum(q[j] * k[j] for j in part) / HEAD**0.5 for k in keys]
        shares = softmax(scores)
        out += [sum(share * v[j] for share, v in zip(shares, values)) for j in part]
    return out


def next_letter(w: Any, x: Any, keys: Any, values: Any, softmax: Any) -> Any:
    """Return the logits of the next letter; ``keys`` and ``values`` grow by one position."""
    x = rmsnorm(x)
    residual, x = x, rmsnorm(x)
    keys.append(linear(x, w["key"]))
    values.append(linear(x, w["value"]))
    x = attention(linear(x, w["query"]), keys, values, softmax)
    x = [a + b for a, b in zip(linear(x, w["output"]), residual)]
    residual, x = x, rmsnorm(x)
    x = [h.relu() for h in linear(x, w["up"])]
    x = [a + b for a, b in zip(linear(x, w["down"]), residual)]
    return linear(x, w["logits"])


def loss(w: Any, text: Any) -> Any:
    """Return the mean of −log p(next token) of a text of integers."""
    keys: Any = []
    values: Any = []
    losses = []
    for position in range(len(text) - 1):
        token, target = text[position], text[position + 1]
        x = [t + p for t, p in zip(w["token"][token], w["position"][position])]
        shares = softmax(next_letter(w, x, keys, values, softmax))
        losses.append(-shares[target].log())
    return sum(losses) / len(losses)


def loss_one_hot(w: Any, text: Any) -> Any:
    """The same of a text of one-hot vectors: a row of the table is a sum over all of its rows."""
    keys: Any = []
    values: Any = []
    losses = []
    for position in range(len(text) - 1):
        token, target = text[position], text[position + 1]
        row = [sum(hot * t[j] for hot, t in zip(token, w["token"])) for j in range(WIDTH)]
        x = [t + p for t, p in zip(row, w["position"][position])]
        shares = softmax_unshifted(next_letter(w, x, keys, values, softmax_unshifted))
        losses.append(-sum(hot * share for hot, share in zip(target, shares)).log())
    return sum(losses) / len(losses)
