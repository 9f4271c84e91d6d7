"""A Kalman filter finds how noisy its data are: maximum likelihood, by the gradient.

The yearly flow of the Nile at Aswan from 1871 to 1970, as a level that wanders (variance q a year) and is measured with
errors (variance r). J. Durbin and S. J. Koopman (2012, section 2.10) find r = 15099 and q = 1469.
"""

import math

import autograd
from autograd import Value, log
from nn import Adam

NILE = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
]  # fmt: skip

log_q, log_r = Value(math.log(5000.0)), Value(math.log(5000.0))
parameters = [log_q, log_r]
optimizer = Adam(parameters, lr=0.1)


def surprises(q, r, flows):
    """By how much each year differs from what the filter expects, with the variance that it expects."""
    level, variance = flows[0], r
    for flow in flows[1:]:
        variance = variance + q
        yield flow - level, variance + r
        gain = variance / (variance + r)
        level = level + gain * (flow - level)
        variance = variance * (1 - gain)


@autograd.compile
def step(flows):
    # Surprises are normally distributed: -log of their likelihood, without the constant.
    loss = sum(log(spread) + e**2 / spread for e, spread in surprises(log_q.exp(), log_r.exp(), flows)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(steps=300):
    return [step(NILE).data for _ in range(steps)]


if __name__ == "__main__":
    losses = train()
    print(f"-log likelihood {losses[0]:.3f} -> {losses[-1]:.3f}")
    print(f"r = {math.exp(log_r.data):.0f}, q = {math.exp(log_q.data):.0f}")
