"""Programs of a few thousand operations, as people write them: loops over time, matrices, tables, trees.

Each is a function, the arguments of a call, and the Values that it knows by itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from autograd import Value

__all__ = ["LONG_PROGRAMS"]

Made = tuple[Callable[..., Any], tuple[Any, ...], list[Value]]
_draw = random.Random(1).uniform


def _matrix(rows: int, columns: int) -> list[list[float]]:
    return [[_draw(-0.5, 0.5) for _ in range(columns)] for _ in range(rows)]


def _values(x: Any) -> Any:
    return [_values(item) for item in x] if isinstance(x, list) else Value(x)


def _flat(x: Any) -> list[Value]:
    return [value for item in x for value in _flat(item)] if isinstance(x, list) else [x]


def _times(rows: list[list[Any]], xs: list[Any]) -> list[Any]:
    return [sum(a * x for a, x in zip(row, xs)) for row in rows]


def fourier(n: int = 16) -> Made:
    """A fast Fourier transform, and a weighted power spectrum."""
    signal = _values(_matrix(2, n))

    def transform(re: list[Any], im: list[Any]) -> tuple[list[Any], list[Any]]:
        n = len(re)
        if n == 1:
            return re, im
        even, odd = transform(re[::2], im[::2]), transform(re[1::2], im[1::2])
        turned = []
        for k, (x, y) in enumerate(zip(*odd)):
            c, s = math.cos(2 * math.pi * k / n), math.sin(2 * math.pi * k / n)
            turned.append((c * x + s * y, c * y - s * x))
        pairs = list(zip(*even, turned))
        return (
            [x + u for x, _, (u, _) in pairs] + [x - u for x, _, (u, _) in pairs],
            [y + v for _, y, (_, v) in pairs] + [y - v for _, y, (_, v) in pairs],
        )

    def power(weights: list[float]) -> Any:
        re, im = transform(*signal)
        return sum(w * (x * x + y * y) for w, x, y in zip(weights, re, im))

    return power, (_matrix(1, n)[0],), _flat(signal)


def kalman(steps: int = 80) -> Made:
    """The likelihood of a series by a Kalman filter of one state."""
    process, measurement = Value(0.1), Value(0.5)

    def likelihood(ys: list[float]) -> Any:
        x, p, total = 0.0, 1.0, 0.0
        for y in ys:
            p = p + process
            s = p + measurement
            error, gain = y - x, p / s
            total = total + s.log() + error * error / s
            x, p = x + gain * error, (1 - gain) * p
        return total

    return likelihood, (_matrix(1, steps)[0],), [process, measurement]


def predators(steps: int = 60) -> Made:
    """Lotka and Volterra's equations, by Runge and Kutta's method."""
    rates = _values([1.1, 0.4, 0.4, 0.1])

    def slope(x: Any, y: Any) -> tuple[Any, Any]:
        return rates[0] * x - rates[1] * x * y, rates[3] * x * y - rates[2] * y

    def distance(x: Any, y: Any) -> Any:
        h, total = 0.05, 0.0
        for _ in range(steps):
            a, b = slope(x, y)
            c, d = slope(x + h / 2 * a, y + h / 2 * b)
            e, f = slope(x + h / 2 * c, y + h / 2 * d)
            u, v = slope(x + h * e, y + h * f)
            x, y = x + h / 6 * (a + 2 * c + 2 * e + u), y + h / 6 * (b + 2 * d + 2 * f + v)
            total = total + (x - 2) ** 2 + (y - 1) ** 2
        return total

    return distance, (1.0, 1.0), rates


def bodies(count: int = 4, steps: int = 12) -> Made:
    """Bodies that attract each other."""
    masses = _values([1.0, 0.5, 0.3, 0.2][:count])

    def spread(start: list[list[float]]) -> Any:
        places: list[list[Any]] = [list(row) for row in start]
        speeds: list[list[Any]] = [[0.0, 0.0] for _ in start]
        for _ in range(steps):
            for i in range(count):
                for j in range(count):
                    if i != j:
                        by = [a - b for a, b in zip(places[j], places[i])]
                        pull = masses[j] * (by[0] * by[0] + by[1] * by[1] + 0.01) ** -1.5
                        speeds[i] = [v + 0.01 * pull * x for v, x in zip(speeds[i], by)]
            places = [[x + 0.01 * v for x, v in zip(*pair)] for pair in zip(places, speeds)]
        return sum(x * x + y * y for x, y in places)

    return spread, (_matrix(count, 2),), masses


def hidden_states(states: int = 4, steps: int = 20) -> Made:
    """The forward algorithm of a hidden Markov model, in logarithms."""
    moves, signs = _values(_matrix(states, states)), _values(_matrix(states, 3))

    def log_sum_exp(xs: list[Any]) -> Any:
        top = max(x.data for x in xs)
        return sum((x - top).exp() for x in xs).log() + top

    def loss(scale: float) -> Any:
        a = [[x - log_sum_exp(row) for x in row] for row in moves]
        b = [[x * scale - log_sum_exp(row) for x in row] for row in signs]
        alpha = [row[0] - math.log(states) for row in b]
        for t in range(1, steps):
            alpha = [log_sum_exp([p + row[s] for p, row in zip(alpha, a)]) + b[s][t % 3] for s in range(states)]
        return -log_sum_exp(alpha)

    return loss, (1.0,), _flat([moves, signs])


def transport(n: int = 6, turns: int = 8) -> Made:
    """Sinkhorn's algorithm for optimal transport."""
    costs = _values(_matrix(n, n))

    def total(epsilon: float) -> Any:
        kernel = [[(-c / epsilon).exp() for c in row] for row in costs]
        u: list[Any] = [1.0] * n
        v: list[Any] = u
        for _ in range(turns):
            v = [1.0 / x for x in _times([list(column) for column in zip(*kernel)], u)]
            u = [1.0 / x for x in _times(kernel, v)]
        return sum(u[i] * kernel[i][j] * v[j] * costs[i][j] for i in range(n) for j in range(n))

    return total, (0.5,), _flat(costs)


def option(steps: int = 20) -> Made:
    """The price of an option on a binomial tree."""
    price, volatility = Value(100.0), Value(0.2)

    def value(strike: float, time: float) -> Any:
        dt = time / steps
        up = (volatility * dt**0.5).exp()
        down = 1 / up
        p = (1 + 0.03 * dt - down) / (up - down)
        level = [(price * up**j * down ** (steps - j) - strike).relu() for j in range(steps + 1)]
        while len(level) > 1:
            level = [p * high + (1 - p) * low for low, high in pairwise(level)]
        return level[0]

    return value, (100.0, 1.0), [price, volatility]


def soft_tree(depth: int = 4) -> Made:
    """A tree of soft decisions, by recursion."""
    weights = _values(_matrix(1, 2 ** (depth + 1) - 1)[0])

    def walk(i: int, x: Any) -> Any:
        if 2 * i + 2 >= len(weights):
            return weights[i]
        p = (weights[i] * x).sigmoid()
        return p * walk(2 * i + 1, x) + (1 - p) * walk(2 * i + 2, x)

    return lambda x: walk(0, x), (0.7,), weights


def triangular(n: int = 7) -> Made:
    """Cholesky's decomposition of a matrix, and a solve."""
    roots = _values(_matrix(n, n))

    def log_likelihood(y: list[float]) -> Any:
        a = [[sum(p * q for p, q in zip(x, z)) + (i == j) for j, z in enumerate(roots)] for i, x in enumerate(roots)]
        lower: list[list[Any]] = []
        for i in range(n):
            row: list[Any] = []
            for j in range(i):
                row.append((a[i][j] - sum(p * q for p, q in zip(row, lower[j]))) / lower[j][j])
            row.append((a[i][i] - sum(p * p for p in row)).sqrt())
            lower.append(row)
        z: list[Any] = []
        for i in range(n):
            z.append((y[i] - sum(p * q for p, q in zip(lower[i], z))) / lower[i][i])
        return 0.5 * sum(x * x for x in z) + sum(lower[i][i].log() for i in range(n))

    return log_likelihood, (_matrix(1, n)[0],), _flat(roots)


def many_parameters(count: int = 40, steps: int = 12) -> Made:
    """A chain that never does the same twice in a row, with a parameter for each link."""
    weights = _values(_matrix(1, count)[0])
    links: list[Callable[[Any, Any], Any]] = [
        lambda x, w: x * w + 1.0,
        lambda x, w: (x + w).sin(),
        lambda x, w: (x - w).tanh() / (1.5 + w),
        lambda x, w: (x * x + w * w + 0.5).sqrt(),
        lambda x, w: (x * w).exp() - x,
    ]

    def chain(x: Any) -> Any:
        for k in range(count * steps // 4):
            x = links[k * k % 5](x, weights[k * 7 % count])
        return x

    return chain, (0.3,), weights


_ALL: list[Callable[[], Made]] = [
    fourier, kalman, predators, bodies, hidden_states, transport, option, soft_tree, triangular, many_parameters,
]  # fmt: skip
LONG_PROGRAMS = {f.__name__: f for f in _ALL}
