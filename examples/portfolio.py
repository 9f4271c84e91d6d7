"""How much money in which asset? The gradient of a portfolio's return per risk says where to put more.

Shares are a softmax, so that they add up to 1 and none is negative. Where the ratio is best, each asset
that is held gives the same extra return for the risk that it adds. The numbers are made up, of a usual size.
"""

import autograd
from autograd import Value, softmax, sqrt
from nn import SGD

ASSETS = ["stocks", "small caps", "bonds", "gold", "property"]
RETURNS = [0.065, 0.085, 0.025, 0.035, 0.055]  # a year, above the rate that is safe
RISKS = [0.16, 0.23, 0.06, 0.17, 0.14]  # standard deviations
CORRELATIONS = [
    [1.00, 0.85, 0.10, 0.05, 0.60],
    [0.85, 1.00, 0.00, 0.05, 0.60],
    [0.10, 0.00, 1.00, 0.25, 0.20],
    [0.05, 0.05, 0.25, 1.00, 0.10],
    [0.60, 0.60, 0.20, 0.10, 1.00],
]
COVARIANCES = [[c * a * b for c, b in zip(row, RISKS)] for row, a in zip(CORRELATIONS, RISKS)]

parameters = [Value(0.0) for _ in ASSETS]
optimizer = SGD(parameters, lr=2.0)


def risk(shares):
    """The standard deviation of the portfolio's return."""
    return sqrt(sum(a * sum(c * b for c, b in zip(row, shares)) for a, row in zip(shares, COVARIANCES)))


@autograd.compile
def step():
    shares = softmax(parameters)
    ratio = sum(share * r for share, r in zip(shares, RETURNS)) / risk(shares)
    optimizer.zero_grad()
    (-ratio).backward()
    optimizer.step()
    return ratio


def train(steps=500):
    return [step().data for _ in range(steps)]


if __name__ == "__main__":
    ratios = train()
    print(f"return / risk {ratios[0]:.3f} -> {ratios[-1]:.3f}")
    shares = [Value(share.data) for share in softmax(parameters)]
    risk(shares).backward()
    for name, share, r in zip(ASSETS, shares, RETURNS):
        print(f"{name:10} {share.data:5.1%}, extra return / extra risk {r / share.grad:.3f}")
