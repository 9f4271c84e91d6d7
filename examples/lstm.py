"""A long short-term memory learns a rhyme by heart: letter by letter it says what the next one will be."""

import random
from itertools import pairwise

import autograd
from autograd import logsumexp, no_grad
from nn import Adam, Embedding, Linear, LSTMCell, Module

TEXT = "peter piper picked a peck of pickled peppers; a peck of pickled peppers peter piper picked. "
LETTERS, WINDOW = sorted(set(TEXT)), 24
rng = random.Random(0)


class Reader(Module):
    def __init__(self, letters, width, hidden):
        self.embedding = Embedding(letters, width, rng=rng)
        self.cell = LSTMCell(width, hidden, rng=rng)
        self.readout = Linear(hidden, letters, rng=rng)

    def __call__(self, token, state):
        state = self.cell(self.embedding(token), state)
        return self.readout(state[0]), state


model = Reader(len(LETTERS), width=6, hidden=16)
parameters = model.parameters()
optimizer = Adam(parameters, lr=0.02)


@autograd.compile
def step(tokens):
    state, losses = None, []
    for token, target in pairwise(tokens):
        scores, state = model(token, state)
        losses.append(logsumexp(scores) - scores[target])  # -log of the probability of what comes
    loss = sum(losses) / len(losses)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(steps=600):
    """Each step reads a window that starts anywhere."""
    tokens = [LETTERS.index(letter) for letter in TEXT * 2]
    starts = [rng.randrange(len(TEXT)) for _ in range(steps)]
    return [step(tokens[start : start + WINDOW + 1]).data for start in starts]


if __name__ == "__main__":
    losses = train()
    print(f"loss {losses[0]:.2f} -> {sum(losses[-20:]) / 20:.2f}")
    said, state = "p", None
    with no_grad():
        for _ in range(89):
            scores, state = model(LETTERS.index(said[-1]), state)
            said += LETTERS[max(range(len(scores)), key=lambda i: scores[i].data)]  # the likeliest
    print(said)
