"""A convolution network reads handwritten digits: plain loops over the pixels.

The digits are those of scikit-learn, 8 by 8 pixels each (E. Alpaydin and C. Kaynak, 1998).
"""

import random

from sklearn.datasets import load_digits

import autograd
from autograd import Value, linear, logsumexp, no_grad, relu
from nn import Adam

FILTERS, SIZE = 4, 3
rng = random.Random(0)
images, digits = (array.tolist() for array in load_digits(return_X_y=True))
images = [[[pixel / 16 for pixel in image[start : start + 8]] for start in range(0, 64, 8)] for image in images]

filters = [[[Value(rng.gauss(0, 0.4)) for _ in range(SIZE)] for _ in range(SIZE)] for _ in range(FILTERS)]
weights = [[Value(rng.gauss(0, 0.2)) for _ in range(9 * FILTERS)] for _ in range(10)]
biases = [Value(0.0) for _ in range(10)]
parameters = [w for matrix in [*filters, weights] for row in matrix for w in row] + biases
optimizer = Adam(parameters, lr=0.01)


def match(f, image, y, x):
    return relu(sum(f[i][j] * image[y + i][x + j] for i in range(SIZE) for j in range(SIZE)))


def scores(image):
    features = []
    for f in filters:
        found = [[match(f, image, y, x) for x in range(6)] for y in range(6)]
        for y, x in [(y, x) for y in (0, 2, 4) for x in (0, 2, 4)]:  # the mean of 2 by 2
            features.append((found[y][x] + found[y][x + 1] + found[y + 1][x] + found[y + 1][x + 1]) / 4)
    return linear(features, weights, biases)


@autograd.compile
def step(images, digits):
    outputs = [scores(image) for image in images]
    loss = sum(logsumexp(z) - z[digit] for z, digit in zip(outputs, digits)) / len(digits)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(steps=1000, size=8):
    batches = [[rng.randrange(1500) for _ in range(size)] for _ in range(steps)]
    return [step([images[i] for i in batch], [digits[i] for i in batch]).data for batch in batches]


if __name__ == "__main__":
    losses = train()
    print(f"loss {losses[0]:.2f} -> {sum(losses[-50:]) / 50:.2f}")
    with no_grad():
        read = [scores(image) for image in images[1500:]]
    right = sum(max(z, key=lambda zi: zi.data) is z[digit] for z, digit in zip(read, digits[1500:]))
    print(f"{right} of {len(read)} digits that it has not seen are right")
