"""Lynx and hare: the constants of a differential equation, fitted through its solution.

    hares' = (a - b lynx) hares,   lynx' = (d hares - c) lynx          (A. J. Lotka, 1925; V. Volterra, 1926)

The data are thousands of pelts that the Hudson's Bay Company took from 1900 to 1920. The solution is computed by the
method of Runge and Kutta, and the gradient goes through all of its steps.
"""

from math import exp, log

import autograd
from autograd import Value
from nn import Adam

HARES = "30 47.2 70.2 77.4 36.3 20.6 18.1 21.4 22 25.4 27.1 40.3 57 76.6 52.3 19.5 11.2 7.6 14.6 16.2 24.7"
LYNX = "4 6.1 9.8 35.2 59.4 41.7 19 13 8.3 9.1 7.4 8 12.3 19.5 45.7 51.1 29.7 15.8 9.7 10.1 8.6"
pelts = [[float(hares), float(lynx)] for hares, lynx in zip(HARES.split(), LYNX.split())]
START = {"a": 0.7, "b": 0.03, "c": 0.7, "d": 0.02, "hares": 30.0, "lynx": 5.0}  # the last two: in 1900
parameters = [Value(log(start), label=name) for name, start in START.items()]
optimizer = Adam(parameters, lr=0.01)


def slope(state, a, b, c, d):
    hares, lynx = state
    return [(a - b * lynx) * hares, (d * hares - c) * lynx]


def runge_kutta(state, h, *constants):
    k1 = slope(state, *constants)
    k2 = slope([s + h / 2 * k for s, k in zip(state, k1)], *constants)
    k3 = slope([s + h / 2 * k for s, k in zip(state, k2)], *constants)
    k4 = slope([s + h * k for s, k in zip(state, k3)], *constants)
    return [s + h / 6 * (p + 2 * q + 2 * r + t) for s, p, q, r, t in zip(state, k1, k2, k3, k4)]


@autograd.compile
def loss(pelts):
    a, b, c, d, *state = [p.exp() for p in parameters]
    total = 0
    for year in pelts:
        total += sum((s / measured).log() ** 2 for s, measured in zip(state, year))  # errors are relative
        for _ in range(5):
            state = runge_kutta(state, 1 / 5, a, b, c, d)
    return total


def train(steps=600):
    losses = []
    for _ in range(steps):
        losses.append(loss(pelts))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    return [value.data for value in losses]


if __name__ == "__main__":
    losses = train()
    print(f"squared error {losses[0]:.2f} -> {losses[-1]:.2f}")
    print(", ".join(f"{p.label} = {exp(p.data):.3g}" for p in parameters))
