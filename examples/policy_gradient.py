"""Policy gradient: a network learns by trying to balance a pole on a cart (A. G. Barto and others, 1983).

An action becomes likelier in proportion to what came after it: REINFORCE (R. J. Williams, 1992).
"""

from math import cos, exp, sin
from random import Random

import autograd
from nn import MLP, Adam, log_softmax

rng = Random(0)
policy = MLP(4, [16, 2], activation="tanh", init="xavier_uniform", seed=0)
scores = autograd.compile(policy)
parameters = policy.parameters()
optimizer = Adam(parameters, lr=0.02)


@autograd.compile
def reinforce(state, action, advantage):
    loss = -advantage * log_softmax(policy(state))[action]
    loss.backward()  # gradients add up over an episode
    return loss


def push(state, action):
    """The cart 1/50 s later: place, speed, angle of the pole, and how fast it turns."""
    x, speed, angle, turn = state
    force = ((10.0 if action else -10.0) + 0.05 * turn**2 * sin(angle)) / 1.1
    bend = (9.8 * sin(angle) - force * cos(angle)) / (0.5 * (4 / 3 - 0.1 * cos(angle) ** 2 / 1.1))
    force -= 0.05 * bend * cos(angle) / 1.1
    return [x + 0.02 * speed, speed + 0.02 * force, angle + 0.02 * turn, turn + 0.02 * bend]


def episode(limit=200):
    state, path = [rng.uniform(-0.05, 0.05) for _ in range(4)], []
    while len(path) < limit and abs(state[0]) < 2.4 and abs(state[2]) < 0.2:
        action = rng.choices([0, 1], [exp(z.data) for z in scores(state)])[0]
        path.append((state, action))
        state = push(state, action)
    return path


def train(steps=80):
    paths = []
    for _ in range(steps):
        paths.append(episode())
        returns = [(1 - 0.98**n) / 0.02 for n in range(len(paths[-1]), 0, -1)]  # a reward of 1 a step, discounted
        mean = sum(returns) / len(returns)
        optimizer.zero_grad()
        for (state, action), r in zip(paths[-1], returns):
            reinforce(state, action, (r - mean) / mean)
        optimizer.step()
    return [len(path) for path in paths]


if __name__ == "__main__":
    lengths = train()
    means = [sum(lengths[i : i + 20]) / 20 for i in range(0, 80, 20)]
    print("upright for", *map(round, means), "steps of 200, means of 20 episodes each")
