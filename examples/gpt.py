"""A GPT learns to write names, in loops over single numbers. The model is that of A. Karpathy's microgpt (2026)."""

import random

import autograd
from nn import Adam, load_names

LETTERS, WIDTH, HEAD, rng = "abcdefghijklmnopqrstuvwxyz.", 16, 4, random.Random(1)  # a name is between dots
SIZES = {"letter": (27, 16), "position": (16, 16), "query": (16, 16), "key": (16, 16), "value": (16, 16)}
SIZES |= {"mix": (16, 16), "up": (64, 16), "down": (16, 64), "output": (27, 16)}
w = {name: [[autograd.Value(rng.gauss(0, 0.08)) for _ in range(n)] for _ in range(m)] for name, (m, n) in SIZES.items()}
optimizer = Adam([p for matrix in w.values() for row in matrix for p in row], lr=0.01, betas=(0.85, 0.99))


def linear(x, rows):
    return [autograd.sumprod(row, x) for row in rows]


def norm(x):
    scale = (autograd.sumprod(x, x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def next_letter(token, position, keys, values):
    x = norm([a + b for a, b in zip(w["letter"][token], w["position"][position])])
    h = norm(x)
    query, found = linear(h, w["query"]), []  # what is asked for is compared with what each letter so far offers
    keys.append(linear(h, w["key"]))
    values.append(linear(h, w["value"]))
    for head in [slice(start, start + HEAD) for start in range(0, WIDTH, HEAD)]:  # each has numbers of its own
        shares = autograd.softmax([autograd.sumprod(query[head], key[head]) / HEAD**0.5 for key in keys])
        found += [autograd.sumprod(shares, column) for column in zip(*[value[head] for value in values])]
    x = [a + b for a, b in zip(x, linear(found, w["mix"]))]
    hidden = [z.relu() for z in linear(norm(x), w["up"])]
    return autograd.softmax(linear([a + b for a, b in zip(x, linear(hidden, w["down"]))], w["output"]))


@autograd.compile
def step(tokens):
    keys, values, n = [], [], len(tokens) - 1
    loss = -sum(next_letter(tokens[i], i, keys, values)[tokens[i + 1]].log() for i in range(n)) / n
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def train(steps=500):
    return [step([LETTERS.index(c) for c in f".{name}."]).data for name in rng.choices(load_names(), k=steps)]


if __name__ == "__main__":
    losses = train()
    print(f"loss {losses[0]:.2f} -> {sum(losses[-100:]) / 100:.2f}")
    for _ in range(10):
        name, keys, values = ".", [], []
        while len(name) < 16 and name.count(".") < 2:
            p = next_letter(LETTERS.index(name[-1]), len(name) - 1, keys, values)
            name += rng.choices(LETTERS, [pi.data**2 for pi in p])[0]  # squared: rare letters are rarer still
        print(name.strip("."))
