"""A network as a program for PyTorch, for those who outgrow single numbers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from nn.layers import ACTIVATIONS, MLP, Layer, Neuron

__all__ = ["to_torch"]

_WIDTH = 100  # of a line, in characters

# What computes each activation in PyTorch, as ours does; identity needs nothing.  PyTorch's softplus takes x for
# log(1 + e^x) from a threshold of 20 on, which is off by 2e-9; from 40 on it is so to the last bit.
_TORCH = {
    "sigmoid": "torch.nn.Sigmoid()", "tanh": "torch.nn.Tanh()", "relu": "torch.nn.ReLU()",
    "leaky_relu": "torch.nn.LeakyReLU(0.01)", "elu": "torch.nn.ELU(1.0)",
    "softplus": "torch.nn.Softplus(threshold=40)", "silu": "torch.nn.SiLU()", "gelu": "torch.nn.GELU()", "sin": "Sin()",
}  # fmt: skip

_LINEAR = """\
def linear(weight, bias):
    layer = torch.nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight, dtype=torch.float64))
        layer.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    return layer
"""
_SIN = """\
class Sin(torch.nn.Module):
    def forward(self, z):
        return torch.sin(z)
"""


def to_torch(model: Any) -> str:
    """The source of a ``torch.nn.Sequential`` that computes what a network computes, in double precision.

    The weights stand in it to the last bit, as ``torch.nn.Linear`` keeps them: a row per neuron.  It takes a tensor of
    one sample or of many, and always gives a tensor, where an MLP with one output gives the Value alone.  (For the
    expression that one graph computes, with its numbers, there is ``autograd.viz.to_torch``.)

    Args:
        model: an ``MLP``, a ``Layer`` or a ``Neuron``.

    Raises:
        TypeError: it is a module of your own, or no module.
        ValueError: an activation is a function of your own, or a weight is nan or infinite.

    >>> from nn import MLP
    >>> print(to_torch(MLP(2, [3, 1], activation="tanh", init="zeros")))
    import torch
    <BLANKLINE>
    <BLANKLINE>
    def linear(weight, bias):
        layer = torch.nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight, dtype=torch.float64))
            layer.bias.copy_(torch.tensor(bias, dtype=torch.float64))
        return layer
    <BLANKLINE>
    <BLANKLINE>
    model = torch.nn.Sequential(
        linear(
            weight=[
                [0.0, 0.0],
                [0.0, 0.0],
                [0.0, 0.0],
            ],
            bias=[0.0, 0.0, 0.0],
        ),
        torch.nn.Tanh(),
        linear(
            weight=[
                [0.0, 0.0, 0.0],
            ],
            bias=[0.0],
        ),
    )
    """
    modules: list[str] = []
    for number, neurons in enumerate(_layers(model), start=2):
        modules.append(_linear(neurons))
        activation = _activation(number, neurons)
        if activation != "identity":
            modules.append(f"    {_TORCH[activation]},\n")
    parts = ["import torch\n", _LINEAR, *([_SIN] if f"    {_TORCH['sin']},\n" in modules else [])]
    return "\n\n".join([*parts, f"model = torch.nn.Sequential(\n{''.join(modules)})"])


def _layers(model: Any) -> list[list[Neuron]]:
    """The neurons of each layer."""
    layers = model.layers if type(model) is MLP else [model]
    found = [[layer] if type(layer) is Neuron else layer.neurons for layer in layers if type(layer) in (Neuron, Layer)]
    if len(found) < len(layers) or any(type(neuron) is not Neuron for neurons in found for neuron in neurons):
        raise TypeError(
            f"to_torch writes an MLP, a Layer or a Neuron, not {type(model).__name__}: only the code of a module of "
            "your own says what it computes; write it with torch, and give it the numbers of state_dict()"
        )
    return found


def _activation(layer: int, neurons: Sequence[Neuron]) -> str:
    names = {neuron.activation for neuron in neurons}
    for name in names:
        if name not in ACTIVATIONS:
            own = getattr(name, "__name__", name)
            raise ValueError(f"layer {layer} has the activation {own}: to_torch knows {', '.join(ACTIVATIONS)}")
    if len(names) > 1:
        raise ValueError(f"the neurons of layer {layer} have different activations: {', '.join(map(str, names))}")
    return str(names.pop())


def _linear(neurons: Sequence[Neuron]) -> str:
    for parameter in [p for neuron in neurons for p in neuron.parameters()]:
        if not math.isfinite(parameter.data):
            raise ValueError(f"{parameter.label} is {parameter.data}: the training diverged")
    rows = [_wrapped([w.data for w in neuron.w], " " * 12) for neuron in neurons]
    bias = _wrapped([neuron.b.data for neuron in neurons], " " * 8, "bias=")
    return "".join(["    linear(\n        weight=[\n", *rows, "        ],\n", bias, "    ),\n"])


def _wrapped(numbers: Sequence[float], indent: str, name: str = "") -> str:
    """A list on one line, or on several if it is too long; ``repr`` gives a float back to the last bit."""
    text = ", ".join(map(repr, numbers))
    if len(line := f"{indent}{name}[{text}],\n") <= _WIDTH:
        return line
    inside = " " * 4 + indent
    lines = textwrap.wrap(text, _WIDTH, initial_indent=inside, subsequent_indent=inside, break_on_hyphens=False)
    return "\n".join([f"{indent}{name}[", *lines, f"{indent}],\n"])
