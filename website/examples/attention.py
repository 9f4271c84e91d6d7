"""An attention head: the last of three rows looks at all of them and takes what fits it."""

import random

from autograd import Value, fsum
from nn import MultiheadAttention

attention = MultiheadAttention(2, 1, bias=False, rng=random.Random(0))
rows = [[Value(x, f"x{t}{k}") for k, x in enumerate(row)] for t, row in enumerate([(1, 0), (0, 1), (1, 1)])]
out, weights = attention(rows[-1:], rows, rows)
print("weights of the rows:", [f"{share.data:.2f}" for share in weights[0]])

loss = fsum([(a - target) ** 2 for a, target in zip(out[0], (1, -1), strict=True)]) / 2
loss.label = "J"
loss
