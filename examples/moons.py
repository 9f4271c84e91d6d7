"""Micrograd's demo: a network of 337 parameters learns to tell two half moons apart.

After demo.ipynb of A. Karpathy's micrograd (2020): the loop over samples, the hinge loss, the penalty and the step are
written out. The decorator is all that was added.
"""

import autograd
from nn import MLP, make_moons

X, labels = make_moons(100, noise=0.1)
y = [2 * label - 1 for label in labels]  # -1 or 1
model = MLP(2, [16, 16, 1], activation="relu", seed=1337)
parameters = model.parameters()


@autograd.compile
def loss():
    scores = [model(x) for x in X]
    # The margin of a sample is y·score, and it should be at least 1.
    losses = [(1 - yi * score).relu() for yi, score in zip(y, scores)]
    data_loss = sum(losses) / len(losses)
    penalty = 1e-4 * sum(p * p for p in parameters)
    right = sum((yi > 0) == (score.data > 0) for yi, score in zip(y, scores))
    return data_loss + penalty, right / len(y)


def train(steps=100):
    """Gradient descent with a falling learning rate; returns the losses and the last accuracy."""
    losses = []
    for k in range(steps):
        total, accuracy = loss()
        model.zero_grad()
        total.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in parameters:
            p.data -= learning_rate * p.grad
        losses.append(total.data)
    return losses, accuracy


if __name__ == "__main__":
    losses, accuracy = train()
    print(f"{len(parameters)} parameters, loss {losses[0]:.3f} -> {losses[-1]:.3f}, {accuracy:.0%} right")
