"""Record what PyTorch's parts of networks compute: the numbers in torch_parts.json, with which test_parts.py compares.

    python tests/support/torch_parts.py        # in an environment with torch; made with torch 2.13.0, float64

A case is a part by the name that PyTorch and this project share, its arguments, and the inputs of three samples.  All
of its parameters are set by one formula.  Of each sample the outputs are noted, and the gradients of Σ m_i y_i with
respect to the inputs and to the parameters, where m_i is another formula; then the parameters after ten steps that make
the mean squared error of the samples small.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS, RATE = 10, 0.05
FILE = Path(__file__).with_suffix(".json")


def wave(count: int, phase: float) -> list[float]:
    """Numbers between -0.9 and 0.9 without a pattern that a part could profit from."""
    return [0.9 * math.sin(1.7 * i + phase) for i in range(count)]


def shaped(numbers: list[float], *shape: int) -> Any:
    """A flat list as lists in lists."""
    if len(shape) < 2:
        return numbers
    size = len(numbers) // shape[0]
    return [shaped(numbers[i * size : (i + 1) * size], *shape[1:]) for i in range(shape[0])]


def inputs(*shape: int) -> list[Any]:
    """Three samples of this shape."""
    return [shaped(wave(math.prod(shape), 0.3 + sample), *shape) for sample in range(3)]


def case(name: str, part: str, samples: list[Any], *args: Any, **options: Any) -> dict[str, Any]:
    return {"name": name, "part": part, "samples": samples, "args": list(args), "options": options}


ACTIVATIONS = ["Identity", "ReLU", "Sigmoid", "Tanh", "SiLU", "Softplus", "LeakyReLU", "ELU", "GELU"]
CASES = [
    case("Linear", "Linear", inputs(3), 3, 2),
    case("Linear, no bias", "Linear", inputs(3), 3, 2, bias=False),
    case("Linear, rows", "Linear", inputs(4, 3), 3, 2),
    case("Embedding", "Embedding", [[3, 0, 3], [1, 1, 4], [2, 0, 1]], 5, 2),
    case("LayerNorm", "LayerNorm", inputs(4), 4),
    case("LayerNorm, rows", "LayerNorm", inputs(2, 4), 4, eps=0.1),
    case("LayerNorm, no bias", "LayerNorm", inputs(4), 4, bias=False),
    case("LayerNorm, not affine", "LayerNorm", inputs(4), 4, elementwise_affine=False),
    case("RMSNorm", "RMSNorm", inputs(4), 4),
    case("RMSNorm, rows", "RMSNorm", inputs(2, 4), 4, eps=0.1),
    case("Dropout, nothing dropped", "Dropout", inputs(4), 0.0),
    *[case(name, name, inputs(2, 3)) for name in ACTIVATIONS],
    case("LeakyReLU, slope", "LeakyReLU", inputs(4), 0.3),
    case("ELU, alpha", "ELU", inputs(4), 0.3),
    case("GELU, tanh", "GELU", inputs(4), approximate="tanh"),
    case("Softmax", "Softmax", inputs(2, 3), dim=-1),
    case("LogSoftmax", "LogSoftmax", inputs(2, 3), dim=-1),
    case("RNNCell", "RNNCell", inputs(3, 2), 2, 3),
    case("RNNCell, relu", "RNNCell", inputs(3, 2), 2, 3, nonlinearity="relu"),
    case("RNNCell, no bias", "RNNCell", inputs(3, 2), 2, 3, bias=False),
    case("GRUCell", "GRUCell", inputs(3, 2), 2, 3),
    case("GRUCell, no bias", "GRUCell", inputs(3, 2), 2, 3, bias=False),
    case("LSTMCell", "LSTMCell", inputs(3, 2), 2, 3),
    case("LSTMCell, no bias", "LSTMCell", inputs(3, 2), 2, 3, bias=False),
    case("MultiheadAttention", "MultiheadAttention", inputs(3, 4), 4, 2),
    case("MultiheadAttention, causal", "MultiheadAttention", inputs(3, 4), 4, 2),
    case("MultiheadAttention, no bias", "MultiheadAttention", inputs(3, 4), 4, 1, bias=False),
    case("Conv2d", "Conv2d", inputs(2, 4, 5), 2, 3, 2),
    case("Conv2d, all options", "Conv2d", inputs(1, 4, 5), 1, 2, [2, 3], stride=2, padding=1, bias=False),
]


# Large ones, so that the spread of their first numbers can be compared.
FRESH: dict[str, list[Any]] = {
    "Linear": [40, 300], "Embedding": [100, 30], "LayerNorm": [5], "RMSNorm": [5], "RNNCell": [20, 300],
    "GRUCell": [10, 100], "LSTMCell": [10, 75], "MultiheadAttention": [32, 4], "Conv2d": [4, 300, 3],
}  # fmt: skip


def on_sample(given: dict[str, Any], part: Callable[..., Any], x: Any, mask: Any = None) -> Any:
    """What a part makes of a sample: cells read its rows one after the other, attention looks at its rows from itself.

    Args:
        given: the case.
        part: PyTorch's, or ours.
        x: the sample.
        mask: what tells PyTorch's attention to be causal; None for ours.
    """
    if given["part"] == "MultiheadAttention":
        causal = given["name"].endswith("causal")
        options = {} if mask is None else {"attn_mask": mask if causal else None}
        return part(x, x, x, is_causal=causal, **options)
    if not given["part"].endswith("Cell"):
        return part(x)
    state: Any = None
    for row in x:
        state = part(row, state)
    return state


def targets(count: int) -> list[float]:
    """What the outputs of a sample, as one flat list, should become."""
    return wave(count, 2.5)


def record(given: dict[str, Any]) -> dict[str, Any]:
    import torch

    args = [tuple(a) if isinstance(a, list) else a for a in given["args"]]
    part = getattr(torch.nn, given["part"])(*args, **given["options"])
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.copy_(torch.tensor(wave(parameter.numel(), 1.1)).reshape(parameter.shape))

    def outputs(x: Any) -> Any:
        mask = torch.triu(torch.full((len(x), len(x)), -math.inf), 1) if given["part"] == "MultiheadAttention" else None
        found = on_sample(given, part, x, mask)
        return torch.cat([one.flatten() for one in found]) if isinstance(found, tuple) else found.flatten()

    noted: dict[str, Any] = {"outputs": [], "input_gradients": [], "gradients": []}
    names = [name for name, _ in part.named_parameters()]
    tensors = [torch.tensor(x) for x in given["samples"]]
    for x in tensors:
        if x.is_floating_point():
            x.requires_grad_()
        part.zero_grad()
        y = outputs(x)
        (y * torch.tensor(wave(y.numel(), 0.7))).sum().backward()
        noted["outputs"].append(y.tolist())
        noted["input_gradients"].append(None if x.grad is None else x.grad.flatten().tolist())
        noted["gradients"].append({name: part.get_parameter(name).grad.flatten().tolist() for name in names})
    if names:
        optimizer = torch.optim.SGD(part.parameters(), lr=RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            errors = [outputs(x.detach()) for x in tensors]
            loss = sum(((y - torch.tensor(targets(y.numel()))) ** 2).mean() for y in errors) / len(tensors)
            loss.backward()
            optimizer.step()
        noted["trained"] = {name: part.get_parameter(name).flatten().tolist() for name in names}
    return noted


def spread(name: str) -> dict[str, list[float]]:
    """How many numbers each parameter of a fresh part has, their mean, their standard deviation, the largest size."""
    import torch

    torch.manual_seed(0)
    named = getattr(torch.nn, name)(*FRESH[name]).named_parameters()
    return {
        name: [p.numel(), p.mean().item(), p.std(correction=0).item(), p.abs().max().item()] for name, p in named
    }  # fmt: skip


if __name__ == "__main__":
    import torch

    torch.set_default_dtype(torch.float64)
    cases: dict[str, Any] = {given["name"]: record(given) for given in CASES}
    cases["fresh"] = {name: spread(name) for name in FRESH}
    FILE.write_text(json.dumps(cases, indent=0) + "\n", encoding="utf-8")
