"""Names, initial weights and Adam's constants, in plain Python and free of any library."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

WIDTH, HEADS, POSITIONS, HIDDEN = 16, 4, 16, 64
HEAD = WIDTH // HEADS  # numbers per head
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(LETTERS)  # the token before the first letter and after the last one
VOCABULARY = len(LETTERS) + 1
SHAPES = {
    "token": (VOCABULARY, WIDTH),
    "position": (POSITIONS, WIDTH),
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "output": (WIDTH, WIDTH),
    "up": (HIDDEN, WIDTH),
    "down": (WIDTH, HIDDEN),
    "logits": (VOCABULARY, WIDTH),
}
RATE, BETA1, BETA2, EPSILON = 0.01, 0.85, 0.99, 1e-8  # Adam
EPSILON_NORM = 1e-5

Weights = dict[str, list[list[float]]]


def weights() -> Weights:
    """Return the initial weights: one matrix per name, normally distributed."""
    rng = random.Random(1337)
    return {
        name: [[rng.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in SHAPES.items()
    }


def tokens(name: str) -> list[int]:
    """Return a name as numbers, with the boundary on both sides: n letters make n + 1 positions."""
    return [BOUNDARY, *map(LETTERS.index, name), BOUNDARY]


def one_hot(token: int) -> list[float]:
    """Return a token as a vector of zeros with a single one."""
    return [float(token == i) for i in range(VOCABULARY)]


def stream(number: int = 32) -> dict[str, Any]:
    """Return a training set of names drawn from the file: 4 to 10 positions each, as names are."""
    names = (Path(__file__).parents[2] / "nn" / "names.txt").read_text().split()  # those of nn.load_names
    return {"weights": weights(), "texts": [tokens(n) for n in random.Random(1337).sample(names, number)]}


def lengths() -> dict[str, Any]:
    """Return one text for each number of positions from 2 to 16."""
    return {"weights": weights(), "texts": [tokens("christopherjames"[:n]) for n in range(1, POSITIONS)]}


def longest() -> dict[str, Any]:
    """Return one text of 16 positions."""
    return {"weights": weights(), "texts": [tokens("muhammadibrahim")]}


def twice_as_long() -> dict[str, Any]:
    """Return one text of 32 positions, and a model that has so many."""
    rng = random.Random(1337)
    rows = [[rng.gauss(0, 0.08) for _ in range(WIDTH)] for _ in range(2 * POSITIONS)]
    return {"weights": weights() | {"position": rows}, "texts": [tokens("muhammadibrahimchristopherjames")[:33]]}


def padded(texts: list[list[int]], positions: int = POSITIONS) -> tuple[list[list[int]], list[int]]:
    """Return the texts filled up to one length, and their numbers of positions: for peers that compute with arrays."""
    return [text + [BOUNDARY] * (positions + 1 - len(text)) for text in texts], [len(text) - 1 for text in texts]


def flat(matrices: dict[str, Any]) -> list[float]:
    """Return all numbers of the matrices in one list, in the order of ``SHAPES``."""
    return [float(x) for name in SHAPES for row in matrices[name] for x in row]
