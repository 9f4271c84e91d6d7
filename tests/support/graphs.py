"""Graphs and labels that what draws and explains is tried on."""

from __future__ import annotations

import random

from autograd import Value, sumprod

HOSTILE = ["</script><b>bold</b>", '"];x', "a\\nb\\", "&lt;&amp;", "<b>x</b>", "line\nbreak", "\x00\x01\ud800", "]]>"]


def random_graph(seed: int, size: int = 30) -> Value:
    """An expression with shared nodes, constants and operations of one to seven operands."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.5, 2.0), label) for label in "abc"]
    for _ in range(size):
        x, y = rng.choice(nodes), rng.choice(nodes)
        nodes.append(
            rng.choice(
                [
                    lambda x=x, y=y: x + y,
                    lambda x=x, y=y: x * y / 4.0,
                    lambda x=x: x.sin(),
                    lambda x=x: 2.0 - x,
                    lambda x=x: x.tanh() ** 2,
                    lambda x=x, y=y: sumprod([x, y, x], [y, x, 0.5], y),
                ]
            )()
        )
    return nodes[-1] + nodes[-2]
