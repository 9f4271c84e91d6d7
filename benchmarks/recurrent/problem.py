"""A sequence of 8 noisy waves with one number to be predicted at each step, and the initial weights of each cell."""

from __future__ import annotations

import math
import random
from typing import Any

INPUTS = 8
GATES = {"rnn": 1, "gru": 3, "lstm": 4}  # rows of the matrices are WIDTH for each gate


def problem(cell: str, width: int, steps: int) -> dict[str, Any]:
    """Return the inputs xs[t][i], the targets ys[t] and the weights of a cell and of its linear readout."""
    rng = random.Random(1337)
    rows, scale = GATES[cell] * width, 1 / math.sqrt(width)

    def matrix(rows: int, columns: int) -> list[list[float]]:
        return [[rng.uniform(-scale, scale) for _ in range(columns)] for _ in range(rows)]

    xs = [[math.sin((i + 1) * 0.1 * t) + rng.gauss(0, 0.1) for i in range(INPUTS)] for t in range(steps)]
    return {
        "cell": cell,
        "xs": xs,
        "ys": [math.cos(0.3 * t) for t in range(steps)],
        "weights": {
            "input": matrix(rows, INPUTS),
            "state": matrix(rows, width),
            "bias": matrix(1, rows),
            "state_bias": matrix(1, rows),
            "readout": matrix(1, width),
        },
    }
