"""What does a scalar node cost when a graph is recorded and differentiated eagerly?"""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from harness import Bar, Contestant, Question, Reading, Work, main
from problems import SEED, moons_problem

Problem = dict[str, Any]


# --- micrograd's demo: loss and all gradients of 2-16-16-1 on 100 points, hinge + L2 -------------
def demo_loss(model: Any, value: Callable[[float], Any], problem: Problem) -> Any:
    """Return the loss as micrograd's demo notebook writes it, for any of its drop-in models."""
    scores = [model([value(v) for v in x]) for x in problem["X"]]
    losses = [(1 + -y * s).relu() for y, s in zip(problem["y"], scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + problem["l2"] * sum(p * p for p in model.parameters())


def demo(mlp: Callable[..., Any], value: Callable[[float], Any], problem: Problem) -> Work:
    """Return the demo's step; the weights are the model's own draws from ``random``."""
    random.seed(SEED)
    model = mlp(2, [16, 16, 1])

    def step() -> float:
        total = demo_loss(model, value, problem)
        model.zero_grad()
        total.backward()
        return float(total.data)

    return Work(lambda: [step(), *(p.grad for p in model.parameters())], step)


class ElementaryMLP:
    """A network with one node per + and per *, on any scalar type."""

    def __init__(self, layers: Any, value: Callable[[float], Any]) -> None:
        self.layers = [[[value(p) for p in neuron] for neuron in layer] for layer in layers]

    def __call__(self, x: list[Any]) -> Any:
        for depth, layer in enumerate(self.layers):
            x = [sum((w * v for w, v in zip(neuron, x)), neuron[-1]) for neuron in layer]
            if depth < len(self.layers) - 1:
                x = [z.relu() for z in x]
        return x[0]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for neuron in layer for p in neuron]


def ours(problem: Problem) -> Work:
    """nn.MLP and n-ary sums: one node per neuron's z, one for the sum of the losses, one for the penalty."""
    from autograd import Value, fsum, sumprod
    from nn import MLP

    random.seed(SEED)
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()

    def step() -> float:
        scores = [model(x) for x in problem["X"]]
        losses = [(1 - y * s).relu() for y, s in zip(problem["y"], scores, strict=True)]
        total = fsum(losses) / len(losses) + problem["l2"] * sumprod(parameters, parameters)
        assert isinstance(total, Value)
        model.zero_grad()
        total.backward()
        return total.data

    return Work(lambda: [step(), *(p.grad for p in parameters)], step)


def ours_demo(problem: Problem) -> Work:
    """The demo's code to the letter, with the import changed."""
    from autograd import Value
    from nn import MLP

    return demo(MLP, Value, problem)


def ours_elementary(problem: Problem) -> Work:
    """The same graph that micrograd builds: one node per + and per *."""
    from autograd import Value

    model = ElementaryMLP(problem["layers"], Value)
    parameters = model.parameters()

    def step() -> float:
        total = demo_loss(model, Value, problem)
        for p in parameters:
            p.grad = 0.0
        total.backward()
        return float(total.data)

    return Work(lambda: [step(), *(p.grad for p in parameters)], step)


def micrograd(problem: Problem) -> Work:
    """micrograd with its own MLP."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return demo(MLP, Value, problem)


def torch_scalars(problem: Problem) -> Work:
    """PyTorch with one 0-d tensor per scalar."""
    import torch

    torch.set_num_threads(1)
    model = ElementaryMLP(problem["layers"], lambda p: torch.tensor(p, dtype=torch.float64, requires_grad=True))
    parameters = model.parameters()

    def step() -> float:
        total = demo_loss(model, lambda v: torch.tensor(v, dtype=torch.float64), problem)
        for p in parameters:
            p.grad = None
        total.backward()
        return float(total.item())

    return Work(lambda: [step(), *(p.grad.item() for p in parameters)], step)


def ours_without_gradients(problem: Problem) -> Work:
    """The control: our forward pass inside ``no_grad``; the answer still comes from a full step."""
    from autograd import no_grad
    from nn import MLP

    full = ours(problem)
    random.seed(SEED)
    model = MLP(2, [16, 16, 1])

    def forward() -> None:
        with no_grad():
            for x in problem["X"]:
                model(x)

    return Work(full.answer, forward)


def floats(problem: Problem) -> Work:
    """The control of controls: the elementary forward pass on plain Python floats."""
    full = ours_elementary(problem)
    layers = problem["layers"]

    def forward() -> None:
        for x in problem["X"]:
            for depth, layer in enumerate(layers):
                x = [sum((w * v for w, v in zip(neuron, x)), neuron[-1]) for neuron in layer]
                if depth < len(layers) - 1:
                    x = [z if z > 0 else 0.0 for z in x]

    return Work(full.answer, forward)


# --- a long chain: cost of a node, and whether it grows with the graph ---------------------------
def chain(x: Any, a: Any, b: Any, nodes: int) -> Any:
    """Return a·v + b applied ``nodes``/2 times: at a = b = ½ it stays at 1, and so do its gradients.

    The derivatives tend to ∂v/∂a = v/(1 − a) = 2 and ∂v/∂b = 1/(1 − a) = 2 for any length.
    """
    for _ in range(nodes // 2):
        x = x * a
        x = x + b
    return x


def chain_of(value: Callable[[float], Any], nodes: int) -> Work:
    """Return the work of recording, differentiating and freeing a chain."""
    a, b = value(0.5), value(0.5)

    def run() -> list[float]:
        for leaf in (a, b):
            leaf.grad = leaf.grad and leaf.grad * 0  # 0 or, before PyTorch's first pass, None
        end = chain(value(1.0), a, b, nodes)
        end.backward()
        return [float(end.data), float(a.grad), float(b.grad)]

    return Work(run, run, per=nodes)


def ours_10_000(_: None) -> Work:
    from autograd import Value

    return chain_of(Value, 10_000)


def ours_1_000_000(_: None) -> Work:
    from autograd import Value

    return chain_of(Value, 1_000_000)


def micrograd_10_000(_: None) -> Work:
    """micrograd walks the graph recursively: the chain needs Python's limit raised."""
    from micrograd.engine import Value

    sys.setrecursionlimit(100_000)
    return chain_of(Value, 10_000)


def torch_10_000(_: None) -> Work:
    import torch

    torch.set_num_threads(1)
    return chain_of(lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True), 10_000)


def ours_chain_without_gradients(_: None) -> Work:
    """The control: the same arithmetic on Values inside ``no_grad``."""
    from autograd import Value, no_grad

    full = chain_of(Value, 10_000)
    x, a, b = Value(1.0), Value(0.5), Value(0.5)

    def run() -> None:
        with no_grad():
            chain(x, a, b, 10_000)

    return Work(full.answer, run, per=10_000)


# --- memory --------------------------------------------------------------------------------------
def bytes_per_node(value: Callable[[float], Any], moment: str, nodes: int = 200_000) -> Reading:
    """Return a reading of what tracemalloc sees per node at a moment of the chain's life.

    After "freed" some 100 kB remain: Python keeps up to 2,000 tuples of each length for reuse.
    """
    a, b = value(0.5), value(0.5)

    def read() -> float:
        a.grad = b.grad = 0.0
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        end = chain(value(1.0), a, b, nodes)
        if moment != "recorded":
            tracemalloc.reset_peak()
            end.backward()
        if moment == "freed":
            del end
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return ((peak if moment == "peak" else now) - before) / nodes

    return Reading(chain_of(value, 10_000).answer, read)


def ours_recorded(_: None) -> Reading:
    from autograd import Value

    return bytes_per_node(Value, "recorded")


def ours_differentiated(_: None) -> Reading:
    from autograd import Value

    return bytes_per_node(Value, "differentiated")


def ours_peak(_: None) -> Reading:
    from autograd import Value

    return bytes_per_node(Value, "peak")


def ours_freed(_: None) -> Reading:
    from autograd import Value

    return bytes_per_node(Value, "freed")


def micrograd_recorded(_: None) -> Reading:
    from micrograd.engine import Value

    sys.setrecursionlimit(1_000_000)
    return bytes_per_node(Value, "recorded")


QUESTIONS = [
    Question(
        "micrograd's demo: loss and gradients, 100 moons, 2-16-16-1, hinge + L2",
        data=moons_problem,
        contestants=[
            Contestant("ours", "ours", ours),
            Contestant("ours, demo unchanged", "ours", ours_demo),
            Contestant("ours, elementary", "ours", ours_elementary),
            Contestant("micrograd", "micrograd", micrograd),
            Contestant("PyTorch 0-d", "torch", torch_scalars),
            Contestant("control: no_grad", "ours", ours_without_gradients),
            Contestant("control: floats", "ours", floats),
        ],
        unit="step",
        bars=[Bar("ours", 1 / 60, "micrograd"), Bar("ours, elementary", 1 / 12, "micrograd")],
    ),
    Question(
        "cost of a node: a chain of * and + recorded, differentiated, freed",
        data=lambda: None,
        contestants=[
            Contestant("ours, 10,000", "ours", ours_10_000),
            Contestant("ours, 1,000,000", "ours", ours_1_000_000),
            Contestant("micrograd, 10,000", "micrograd", micrograd_10_000),
            Contestant("PyTorch 0-d, 10,000", "torch", torch_10_000),
            Contestant("control: no_grad", "ours", ours_chain_without_gradients),
        ],
        unit="node",
        bars=[Bar("ours, 1,000,000", 1.5, "ours, 10,000")],
    ),
    Question(
        "memory of a node: a chain of * and +",
        data=lambda: None,
        contestants=[
            Contestant("ours, recorded", "ours", ours_recorded),
            Contestant("ours, after backward", "ours", ours_differentiated),
            Contestant("ours, peak of backward", "ours", ours_peak),
            Contestant("ours, freed", "ours", ours_freed),
            Contestant("micrograd, recorded", "micrograd", micrograd_recorded),
        ],
        unit="bytes",
        seconds=False,
        bars=[Bar("ours, recorded", 260), Bar("ours, after backward", 260), Bar("ours, freed", 1)],
    ),
]

if __name__ == "__main__":
    main(QUESTIONS)
