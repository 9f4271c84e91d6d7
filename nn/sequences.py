"""Parts for sequences, under the names that PyTorch gives them: memories that go from step to step, and attention."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from autograd import constant, linear, relu, sigmoid, softmax, sumprod, tanh
from nn.module import Module
from nn.options import check_name, whole_number
from nn.parts import Linear, parameters, within


class RNNCell(Module):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh): one step of a recurrent network.

    All numbers start uniform between ±1/sqrt(hidden_size).  The generator ``rng`` draws them, by default the module
    ``random``; without ``bias`` there is no b.  The ``nonlinearity`` may be "relu" instead of "tanh".

    >>> cell, h = RNNCell(1, 2), None
    >>> for x in ([0.5], [1.0], [-0.5]):
    ...     h = cell(x, h)
    >>> len(h)
    2
    """

    gates = 1  # how many rows of weights each number of h has

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, rng: Any = None
    ) -> None:
        check_name("nonlinearity", nonlinearity, ["tanh", "relu"], "write a module of your own")
        self.hidden_size, self.activation = whole_number("hidden_size", hidden_size, 1), nonlinearity
        draw, rows = within(1.0 / sqrt(hidden_size), rng), self.gates * hidden_size
        self.weight_ih = parameters("w", draw, rows, whole_number("input_size", input_size, 1))
        self.weight_hh = parameters("u", draw, rows, hidden_size)
        self.bias_ih, self.bias_hh = (parameters(name, draw, rows) if bias else None for name in ("b", "c"))

    def weighted(self, x: Sequence[Any], h: Sequence[Any]) -> list[Any]:
        """W_ih x + b_ih + W_hh h + b_hh.

        >>> len(RNNCell(1, 2).weighted([0.5], [0.0, 0.0]))
        2
        """
        return [a + b for a, b in zip(*self._sides(x, h), strict=True)]

    def _sides(self, x: Sequence[Any], h: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """W_ih x + b_ih and W_hh h + b_hh."""
        none = [constant(0.0)] * len(self.weight_ih)
        return linear(x, self.weight_ih, self.bias_ih or none), linear(h, self.weight_hh, self.bias_hh or none)

    def __call__(self, x: Sequence[Any], h: Sequence[Any] | None = None) -> Any:
        activate = {"tanh": tanh, "relu": relu}[self.activation]
        return [activate(z) for z in self.weighted(x, [0.0] * self.hidden_size if h is None else h)]


class GRUCell(RNNCell):
    """One step of a gated recurrent unit: gates say how much of h enters the new content n, and how much of h stays.

        r, z = σ(…)        each from its own rows of W_ih x + b_ih + W_hh h + b_hh, in the order r z n
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))
        h' = (1 − z) n + z h

    Source: K. Cho and others, "Learning Phrase Representations using RNN Encoder–Decoder" (2014).

    The arguments are those of ``RNNCell``.

    >>> cell, h = GRUCell(1, 2), None
    >>> for x in ([0.5], [1.0], [-0.5]):
    ...     h = cell(x, h)
    >>> len(h)
    2
    """

    gates = 3

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, rng=rng)

    def __call__(self, x: Sequence[Any], h: Sequence[Any] | None = None) -> list[Any]:
        size = self.hidden_size
        h = [0.0] * size if h is None else h
        from_x, from_h = self._sides(x, h)
        r, z = ([sigmoid(from_x[k] + from_h[k]) for k in range(gate * size, (gate + 1) * size)] for gate in (0, 1))
        n = [tanh(from_x[2 * size + k] + r[k] * from_h[2 * size + k]) for k in range(size)]
        return [(1.0 - z[k]) * n[k] + z[k] * h[k] for k in range(size)]


class LSTMCell(RNNCell):
    """One step of a long short-term memory: gates decide what its memory c forgets, takes in, and gives out.

        i, f, o = σ(…), g = tanh(…)        each from its own rows of W_ih x + b_ih + W_hh h + b_hh, in the order i f g o
        c' = f c + i g
        h' = o tanh(c')

    Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory" (1997); F. A. Gers (2000) for f.

    The arguments are those of ``RNNCell``; h and c have the same length.

    >>> cell, state = LSTMCell(1, 2), None
    >>> for x in ([0.5], [1.0], [-0.5]):
    ...     state = cell(x, state)
    >>> h, c = state; len(h), len(c)
    (2, 2)
    """

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, rng=rng)

    def __call__(self, x: Sequence[Any], state: Any = None) -> tuple[list[Any], list[Any]]:
        n = self.hidden_size
        h, c = ([0.0] * n, [0.0] * n) if state is None else state
        if not hasattr(c, "__len__"):
            raise TypeError("the state of an LSTMCell is a pair of lists, (h, c)")
        if len(c) != n:
            raise ValueError(f"this LSTMCell remembers {n} numbers, but c has {len(c)}")
        z = self.weighted(x, h)
        i, f, o = ([sigmoid(a) for a in z[gate * n : (gate + 1) * n]] for gate in (0, 1, 3))
        g = [tanh(a) for a in z[2 * n : 3 * n]]
        c = [f[k] * c[k] + i[k] * g[k] for k in range(n)]
        return [o[k] * tanh(c[k]) for k in range(n)], c


class MultiheadAttention(Module):
    """For each row of the query, a weighted sum of the rows of the value: Σ_t softmax_t(q · k_t / sqrt(d)) v_t.

    Each of ``num_heads`` heads uses its own part of q = W_q x + b_q, k and v, with d = embed_dim / num_heads numbers.
    The results of the heads are concatenated and go through ``out_proj``.

    The generator ``rng`` draws the weights, by default the module ``random``; without ``bias`` there is no b.

    Source: A. Vaswani and others, "Attention Is All You Need" (2017).

    >>> attention = MultiheadAttention(4, 2)
    >>> rows = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    >>> out, weights = attention(rows, rows, rows, is_causal=True)
    >>> len(out), len(out[0]), [[a > 0 for a in row] for row in weights]
    (3, 4, [[True, False, False], [True, True, False], [True, True, True]])
    """

    def __init__(self, embed_dim: int, num_heads: int, *, bias: bool = True, rng: Any = None) -> None:
        n, self.num_heads = whole_number("embed_dim", embed_dim, 1), whole_number("num_heads", num_heads, 1)
        if n % self.num_heads:
            raise ValueError(f"embed_dim must be a multiple of num_heads, got {n} and {num_heads}")
        self.in_proj_weight = parameters("w", within(sqrt(6.0 / (n + 3 * n)), rng), 3 * n, n)
        self.in_proj_bias = parameters("b", lambda: 0.0, 3 * n) if bias else None
        self.out_proj = Linear(n, n, bias, rng=rng)
        for b in self.out_proj.bias or ():
            b.data = 0.0

    def __call__(
        self, query: Sequence[Any], key: Sequence[Any], value: Sequence[Any], *, is_causal: bool = False
    ) -> tuple[list[list[Any]], list[list[Any]]]:
        """The rows that attention gives, and its weights, the mean over the heads, for each row of the query.

        Args:
            query, key, value: Lists of rows; all three the same for self-attention.
            is_causal: Whether row t sees only the rows up to t.
        """
        if len(key) != len(value):
            raise ValueError(f"key and value need the same number of rows, but there are {len(key)} and {len(value)}")
        size = len(self.in_proj_weight) // 3
        q, k, v = (self._projected(rows, part * size) for part, rows in enumerate((query, key, value)))
        d = size // self.num_heads
        found: list[list[Any]] = [[] for _ in q]
        weights = [[0.0 for _ in k] for _ in q]
        for head in (slice(start, start + d) for start in range(0, size, d)):
            for t, row in enumerate(q):
                seen = range(min(t + 1, len(k)) if is_causal else len(k))
                shares = softmax([sumprod(row[head], k[s][head]) / sqrt(d) for s in seen])
                found[t] += [sumprod(shares, column) for column in zip(*[v[s][head] for s in seen], strict=True)]
                weights[t][: len(seen)] = [w + a / self.num_heads for w, a in zip(weights[t], shares)]
        return self.out_proj(found), weights

    def _shape(self) -> tuple[str, str]:
        n = len(self.in_proj_weight) // 3
        return f"{n} → {n}, {self.num_heads} heads", ""

    def _projected(self, rows: Sequence[Any], start: int) -> list[list[Any]]:
        """q, k or v of each row: the part of the weights from this row on."""
        n = len(self.in_proj_weight) // 3
        weight, bias = self.in_proj_weight[start : start + n], (self.in_proj_bias or [0.0] * 3 * n)[start : start + n]
        return [linear(row, weight, bias) for row in rows]
