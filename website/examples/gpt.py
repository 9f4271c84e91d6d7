"""A small GPT: a block of attention and a block of two layers, and the loss of the letter that comes after "em"."""

import random

from nn import Embedding, Linear, Module, MultiheadAttention, RMSNorm, cross_entropy

LETTERS = ".aem"


class Block(Module):
    """Attention, then two layers; each adds to what goes through."""

    def __init__(self, width, rng):
        self.norm_1, self.attention = RMSNorm(width), MultiheadAttention(width, 2, bias=False, rng=rng)
        self.norm_2, self.up, self.down = RMSNorm(width), Linear(width, 8, rng=rng), Linear(8, width, rng=rng)

    def __call__(self, rows):
        normal = self.norm_1(rows)
        found, _ = self.attention(normal, normal, normal, is_causal=True)
        rows = added(rows, found)
        hidden = [[z.relu() for z in row] for row in self.up(self.norm_2(rows))]
        return added(rows, self.down(hidden))


class GPT(Module):
    """The next letter from all letters so far."""

    def __init__(self, width=4, length=4, rng=None):
        self.letters, self.places = Embedding(len(LETTERS), width, rng=rng), Embedding(length, width, rng=rng)
        self.block, self.logits = Block(width, rng), Linear(width, len(LETTERS), bias=False, rng=rng)

    def __call__(self, text):
        rows = added(self.letters([LETTERS.index(letter) for letter in text]), self.places(range(len(text))))
        return self.logits(self.block(rows))


def added(rows, others):
    """The sum of two lists of rows."""
    return [[a + b for a, b in zip(row, other, strict=True)] for row, other in zip(rows, others, strict=True)]


model = GPT(rng=random.Random(0))
print(model)
loss = cross_entropy(model(".em")[-1], LETTERS.index("m"))
loss.label = "J"
loss
