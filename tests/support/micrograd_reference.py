"""Record the losses of micrograd's demo: the numbers in micrograd_reference.json, with which test_demos.py compares.

    python -m tests.support.micrograd_reference        # in an environment with micrograd; made with micrograd 0.1.0

100 points of two moons, 2-16-16-1, hinge loss and L2 penalty, 100 steps on all points with a falling learning rate.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from nn import make_moons

STEPS, SEED = 100, 1337
FILE = Path(__file__).with_suffix(".json")


def moons() -> tuple[list[list[float]], list[int]]:
    """The points, and -1 or 1 for each."""
    X, classes = make_moons(100, noise=0.1, seed=SEED)
    return X, [2 * c - 1 for c in classes]


def rate(step: int) -> float:
    """The learning rate of a step."""
    return 1.0 - 0.9 * step / STEPS


def demo_loss(model: Any, X: Any, y: Any, number: Any) -> Any:
    """The loss as the demo writes it."""
    scores = [model(list(map(number, x))) for x in X]
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + 1e-4 * sum(p * p for p in model.parameters())


def record() -> list[float]:
    """The loss before every step."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    X, y = moons()
    random.seed(SEED)
    model, found = MLP(2, [16, 16, 1]), []
    for k in range(STEPS):
        total = demo_loss(model, X, y, Value)
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= rate(k) * p.grad
        found.append(total.data)
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=0) + "\n", encoding="utf-8")
