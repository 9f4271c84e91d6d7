"""Soft-DTW: how far are two curves apart if time may be stretched? And the mean of three curves in this sense.

    R[i][j] = (x_i - y_j)² + softmin(R[i-1][j-1], R[i-1][j], R[i][j-1]),    softmin(a, …) = -γ log Σ exp(-a/γ)

Of three bumps that come early, later and last, the usual mean is low and broad; the curve that is nearest to them by
soft-DTW is a bump like them (M. Cuturi and M. Blondel, 2017).
"""

import math

import autograd
from autograd import Value, logsumexp
from nn import Adam

GAMMA, LENGTH = 0.1, 20
curves = [[math.exp(-(((i - centre) / 2) ** 2)) for i in range(LENGTH)] for centre in (6, 10, 13)]
mean = [sum(numbers) / len(curves) for numbers in zip(*curves)]
parameters = [Value(number) for number in mean]  # the curve that is sought
optimizer = Adam(parameters, lr=0.05)


def soft_dtw(x, y):
    above = []
    for xi in x:
        row = []
        for j, yj in enumerate(y):
            ways = above[max(j - 1, 0) : j + 1] + row[-1:]  # fewer at the border, none at the start
            detour = -GAMMA * logsumexp([-r / GAMMA for r in ways]) if ways else 0.0
            row.append((xi - yj) ** 2 + detour)
        above = row
    return above[-1]


@autograd.compile
def loss(curves):
    return sum(soft_dtw(parameters, curve) for curve in curves) / len(curves)


def train(steps=200):
    losses = []
    for _ in range(steps):
        value = loss(curves)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.data)
    return losses


if __name__ == "__main__":
    losses = train()
    print(f"mean distance {losses[0]:.2f} -> {losses[-1]:.2f}")
    print(f"highest points: of the curves {max(curves[0]):.2f}, of their usual mean {max(mean):.2f}, of ours", end=" ")
    print(f"{max(p.data for p in parameters):.2f}")
