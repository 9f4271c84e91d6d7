"""What ``python -m nn generate`` does: a small GPT learns from lines of text, such as names, and writes new ones.

The model is the one of lesson 10, for any characters.  A line ends with a newline, which is a token like the others;
the model starts from one, and what it writes ends with the next one.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import autograd
from autograd import no_grad, relu
from autograd.errors import NumericError
from autograd.terminal import say
from nn.activations import each_number
from nn.datasets import load_names
from nn.losses import cross_entropy
from nn.module import Module
from nn.optim import Adam
from nn.parts import Embedding, Linear, RMSNorm
from nn.sequences import MultiheadAttention
from nn.tables import DataError, read_text

_END = "\n"
_MOST_CHARACTERS = 200  # each is a row of two tables


class Writer(Module):
    """A GPT of one layer with one head.  It scores the next character at every place of a text.

    Args:
        characters: The characters that it knows; the first one ends a line.
        places: The largest number of characters that it looks at, the last one included.
        width: The number of numbers that stand for a character.
        rng: The generator that draws the weights.

    >>> writer = Writer("\\nab", places=2, rng=random.Random(0))
    >>> len(writer.parameters()), [len(scores) for scores in writer([0, 1])]
    (576, [3, 3])
    """

    def __init__(self, characters: str, places: int, width: int = 8, *, rng: random.Random) -> None:
        self.characters, self.places = characters, places
        self.letter, self.position = Embedding(len(characters), width), Embedding(places, width)
        self.norm = RMSNorm(width, eps=1e-5, elementwise_affine=False)
        self.attention = MultiheadAttention(width, 1, bias=False)
        self.up, self.down = Linear(width, 2 * width, bias=False), Linear(2 * width, width, bias=False)
        self.output = Linear(width, len(characters), bias=False)
        for parameter in self.parameters():  # so small that at first all characters are about alike
            parameter.data = rng.gauss(0.0, 0.1)

    def __call__(self, tokens: Sequence[int]) -> list[list[Any]]:
        xs = _added(self.letter(tokens), self.position(range(len(tokens))))
        normal = self.norm(xs)
        found, _ = self.attention(normal, normal, normal, is_causal=True)
        xs = _added(xs, found)
        hidden = each_number(relu, self.up(self.norm(xs)))
        scores: list[list[Any]] = self.output(_added(xs, self.down(hidden)))
        return scores


def _added(rows: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [[a + b for a, b in zip(row, other)] for row, other in zip(rows, others)]


# ---- the text --------------------------------------------------------------------------------------------------------
def lines_of(path: str | None) -> list[str]:
    """The lines of a text file that are not empty, without spaces at their ends; without a file, the bundled names.

    The file is encoded as UTF-8; ``-`` is standard input.

    >>> len(lines_of(None))
    2003
    """
    if path is None:
        return load_names()
    name = "standard input" if path == "-" else path
    text = read_text(name, sys.stdin.buffer if path == "-" else path, "UTF-8")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise DataError(f"{name} has {len(lines)} line{'s' * (len(lines) != 1)} of text, and at least 2 are needed")
    characters = set("".join(lines))
    if len(characters) > _MOST_CHARACTERS:
        raise DataError(
            f"{name} has {len(characters)} different characters, and at most {_MOST_CHARACTERS} are possible"
        )
    return lines


# ---- learning and writing --------------------------------------------------------------------------------------------
def learn(writer: Writer, lines: Sequence[str], steps: int, lr: float, rng: random.Random) -> list[float]:
    """Train on windows that start where a line does, or anywhere in one that is longer than the window.

    Returns the loss of each step, which is one window: the mean of −log p over its places.

    >>> writer = Writer("\\nab", places=2, rng=random.Random(0))
    >>> losses = learn(writer, ["ab", "ab"], 40, 0.05, random.Random(0))
    >>> losses[-1] < 0.3 < losses[0]
    True
    """
    optimizer = Adam(writer.parameters(), lr=lr)

    @autograd.compile
    def step(tokens: list[int]) -> Any:
        scores = writer(tokens[:-1])
        loss = cross_entropy(scores, tokens[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    text = _END + _END.join(lines) + _END
    tokens = [writer.characters.index(c) for c in text]
    last = len(tokens) - writer.places - 1
    starts, began = [], 0
    for i, c in enumerate(text[: last + 1]):
        began = i if c == _END else began
        if c == _END or i - began >= writer.places:
            starts.append(i)
    starts = starts or [0]
    chosen = [rng.choice(starts) for _ in range(steps)]
    return [step(tokens[i : i + writer.places + 1]).data for i in chosen]


def write(writer: Writer, temperature: float, most: int, rng: random.Random) -> str:
    """Write a new line, drawing one character after the other, until it ends or has ``most`` characters.

    The ``temperature`` divides the logits: below 1, likely characters become likelier; above 1, all more alike.
    """
    tokens = [0]
    with no_grad():
        while len(tokens) <= most:
            scores = [z.data for z in writer(tokens[-writer.places :])[-1]]
            top = max(scores)
            weights = [math.exp((z - top) / temperature) for z in scores]
            (token,) = rng.choices(range(len(weights)), weights)
            if token == 0:
                break
            tokens.append(token)
    return "".join(writer.characters[token] for token in tokens[1:])


def generate(
    *,
    lines: str | None = None,
    number: int = 20,
    steps: int = 1000,
    temperature: float = 0.5,
    lr: float = 0.01,
    width: int = 8,
    seed: int = 0,
) -> None:
    """Train on lines of text, and print new ones."""
    learned = lines_of(lines)
    rng = random.Random(seed)
    characters = _END + "".join(sorted(set("".join(learned))))
    longest = max(map(len, learned))
    total = sum(len(line) + 1 for line in learned)
    writer = Writer(characters, min(longest + 1, 8, total), width, rng=rng)
    name = "the bundled names" if lines is None else "standard input" if lines == "-" else Path(lines).name
    _note(
        f"{name}: {len(learned):,} lines, {len(characters)} tokens; a GPT of {len(writer.parameters()):,} parameters"
        f" that looks back {writer.places} characters"
    )
    losses = learn(writer, learned, steps, lr, rng)
    end = losses[-min(100, steps) :]
    mean = math.fsum(end) / len(end)
    if not mean < math.log(len(characters)) + 1.0:  # worse than knowing nothing, or nan
        raise NumericError(f"the training diverged: the final loss is {mean:.3g}: try a smaller --lr than {lr:g}")
    _note(f"loss {math.log(len(characters)):.2f} for equally likely tokens, {mean:.2f} after {steps:,} steps")
    for _ in range(number):
        say(write(writer, temperature, 2 * longest, rng))


def _note(text: str) -> None:
    say(text, file=sys.stderr)
