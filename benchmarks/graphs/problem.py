"""Programs drawn at random, as lists of instructions, and what they compute from plain floats.

An instruction is (operation, operands): the name of an operation and the numbers of earlier nodes. The first nodes are
the inputs. The result of a program is the sum of all nodes that no instruction uses, so that every node counts.
"""

from __future__ import annotations

import math
import random
from typing import Any

Instruction = tuple[str, tuple[int, ...]]


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def softmax(*xs: float) -> list[float]:
    exps = [math.exp(x - max(xs)) for x in xs]
    return [e / sum(exps) for e in exps]


FLOATS: dict[str, Any] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "softplus": softplus,
    "sum": lambda *xs: sum(xs),
    "product": lambda x, y: x * y,
    "softmax": softmax,
}
BOUND = 3.0  # larger results are drawn again, so that nothing overflows


def unstructured(operations: int = 100_000, inputs: int = 100) -> dict[str, Any]:
    """Return a program of + − × sin cos tanh whose operands are any two earlier nodes."""
    kinds = {"add": 2, "sub": 2, "mul": 2, "sin": 1, "cos": 1, "tanh": 1}
    return _drawn(random.Random(1337), kinds, operations, inputs, reach=None)


def west(nodes: int = 10_000, inputs: int = 100, number: int = 3, evaluations: int = 100) -> dict[str, Any]:
    """Return different programs of softplus, sum, product and softmax, and the points to evaluate each at.

    The problem is that of A. Rogozhnikov, "Fastest Autograd in the West" (2023), with operands drawn at random
    from the last 100 nodes.
    """
    rng = random.Random(1337)
    kinds = {"softplus": 1, "sum": 4, "product": 2, "softmax": 4}
    programs = [_drawn(rng, kinds, nodes, inputs, reach=100) for _ in range(number)]
    points = [[rng.uniform(-1, 1) for _ in range(inputs)] for _ in range(evaluations)]
    return {"programs": programs, "points": points}


def _drawn(rng: random.Random, kinds: dict[str, int], nodes: int, inputs: int, reach: int | None) -> dict[str, Any]:
    """Return a program of ``nodes`` nodes beside its inputs; ``kinds`` are operations and their numbers of operands."""
    point = [rng.uniform(-1, 1) for _ in range(inputs)]
    values, instructions = list(point), []
    unused = dict.fromkeys(range(inputs))
    while len(values) < inputs + nodes:
        kind = rng.choice(list(kinds))
        first = 0 if reach is None else max(0, len(values) - reach)
        operands = tuple(rng.randrange(first, len(values)) for _ in range(kinds[kind]))
        result = FLOATS[kind](*[values[i] for i in operands])
        results = result if isinstance(result, list) else [result]
        if max(map(abs, results)) > BOUND:
            continue
        instructions.append((kind, operands))
        for i in operands:
            unused.pop(i, None)
        unused.update(dict.fromkeys(range(len(values), len(values) + len(results))))
        values += results
    return {"instructions": instructions, "unused": list(unused), "point": point}


def run(program: dict[str, Any], functions: dict[str, Any], inputs: Any) -> Any:
    """Return the result of a program, with these functions for its operations."""
    nodes = list(inputs)
    for kind, operands in program["instructions"]:
        result = functions[kind](*[nodes[i] for i in operands])
        if kind == "softmax":
            nodes.extend(result)
        else:
            nodes.append(result)
    return functions["sum"](*[nodes[i] for i in program["unused"]])


def long_list(length: int = 8_000) -> list[float]:
    """Return many numbers that are one argument."""
    rng = random.Random(1337)
    return [rng.uniform(-1, 1) for _ in range(length)]
