"""The data and formulas that several benchmarks share, in plain Python and free of any library."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

SEED = 1337


def moons(samples: int = 100, noise: float = 0.1) -> tuple[list[list[float]], list[int]]:
    """Return two interleaved half circles with classes -1 and +1, as scikit-learn draws them."""
    rng = random.Random(SEED)
    points, classes = [], []
    half = samples // 2
    for i in range(samples):
        angle = math.pi * (i % half) / (half - 1)
        upper = i < half
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        points.append([x + rng.gauss(0, noise), y + rng.gauss(0, noise)])
        classes.append(-1 if upper else 1)
    return points, classes


def layers(sizes: list[int], scaled: bool = True) -> list[list[list[float]]]:
    """Return for each layer its neurons as [w_1 … w_n, bias], weights uniform.

    ``scaled=False`` draws what micrograd's MLP draws after ``random.seed(SEED)``;
    otherwise weights are divided by sqrt(n), which keeps wide layers out of saturation.
    """
    rng = random.Random(SEED)
    return [
        [[rng.uniform(-1, 1) / (math.sqrt(n) if scaled else 1) for _ in range(n)] + [0.0] for _ in range(m)]
        for n, m in itertools.pairwise(sizes)
    ]


def moons_problem(activation: str = "relu") -> dict[str, Any]:
    """Return micrograd's demo: 100 points, 2-16-16-1, hinge loss, L2 penalty on all parameters."""
    points, classes = moons()
    return {
        "X": points, "y": classes, "layers": layers([2, 16, 16, 1], scaled=False),
        "activation": activation, "loss": "hinge", "l2": 1e-4, "rate": 0.1,
    }  # fmt: skip


def classifier_problem(sizes: list[int], activation: str, samples: int = 64) -> dict[str, Any]:
    """Return random images and classes for a network of these sizes, mean cross-entropy from logits."""
    rng = random.Random(SEED)
    return {
        "X": [[rng.random() for _ in range(sizes[0])] for _ in range(samples)],
        "y": [rng.randrange(sizes[-1]) for _ in range(samples)],
        "layers": layers(sizes),
        "activation": activation, "loss": "cross_entropy", "l2": 0.0, "rate": 0.1,
    }  # fmt: skip


def flat(network: list[list[list[float]]]) -> list[float]:
    """Return all parameters in one list, neuron by neuron, weights before the bias."""
    return [float(p) for layer in network for neuron in layer for p in neuron]


def expression(m: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """Return a smooth function of five numbers: exactly 90 operations of the namespace ``m``.

    Five rounds of 15 operations mix all variables, 15 more join them; every result is used
    once or twice and all values stay between -4 and 4, so no overflow and no dead code.
    """
    for _ in range(5):
        a, b, c, d, e = (
            m.sin(b * c) * 0.5 + d,
            m.tanh(c - e),
            d / (e * e + 1.0),
            m.exp(-(a * a)),
            m.sqrt(b * b + 1.0),
        )
    return m.log(a * a + 1.0) + m.cos(b) * c + d**3 - m.sin(d + e) / (m.exp(-a) + 2.0)


POINT = (0.3, -1.1, 0.7, 1.9, -0.4)


def points(number: int) -> list[list[float]]:
    """Return coordinates for ``expression``: five lists, each of ``number`` values in -2 … 2."""
    rng = random.Random(SEED)
    return [[rng.uniform(-2, 2) for _ in range(number)] for _ in range(5)]


class Counter:
    """A number that counts the operations done with it: shows that ``expression`` has 90."""

    operations = 0

    def _count(self, *_: object) -> Counter:
        Counter.operations += 1
        return self

    __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __truediv__ = __pow__ = __neg__ = _count
    sin = cos = tanh = exp = sqrt = log = _count


def count_operations() -> int:
    """Return the number of operations in ``expression``."""
    Counter.operations = 0
    expression(Counter(), *[Counter()] * 5)
    return Counter.operations
