"""A network learns the solution of a differential equation from the equation alone.

    u'' = -u,   u(0) = 0,   u'(0) = 1                    whose solution is sin t

There are no data: the loss is how badly u'' + u = 0 holds at some points. u'' is the derivative of the derivative of
the network with respect to its input, and the loss is differentiated once more (M. Raissi and others, 2019).
"""

import math

import autograd
from autograd import Value, no_grad
from nn import MLP, Adam

POINTS = [0.2 * i for i in range(17)]  # from 0 to 3.2
model = MLP(1, [8, 1], activation="tanh", init="xavier_uniform", seed=0)
parameters = model.parameters()
optimizer = Adam(parameters, lr=0.02)


def u(t):
    """Whatever the network says, u(0) = 0 and u'(0) = 1."""
    return t + t * t * model([t])


def residual(t):
    (slope,) = autograd.grad(u(t), [t], create_graph=True)
    (curvature,) = autograd.grad(slope, [t], create_graph=True)
    return curvature + u(t)


@autograd.compile
def step(points):
    loss = sum(residual(Value(t)) ** 2 for t in points) / len(points)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(steps=1000):
    return [step(POINTS).data for _ in range(steps)]


if __name__ == "__main__":
    losses = train()
    with no_grad():
        error = max(abs(u(t).data - math.sin(t)) for t in POINTS)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.2g}, largest difference from sin t {error:.4f}")
