"""A network as a program for PyTorch, for those who outgrow single numbers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from autograd import Value
from nn import activations, parts, sequences
from nn.layers import ACTIVATIONS, MLP, Layer, Neuron
from nn.module import Module

_WIDTH = 100  # of a line, in characters

_FILLED = """\
def filled(part, tensors):
    part = part.double()
    with torch.no_grad():
        for name, numbers in tensors.items():
            part.get_parameter(name).copy_(torch.tensor(numbers, dtype=torch.float64))
    return part
"""
_SIN = """\
class Sin(torch.nn.Module):
    def forward(self, z):
        return torch.sin(z)
"""


def to_torch(model: Any) -> str:
    """The source of a ``torch.nn.Sequential`` that computes what a network computes, in double precision.

    The weights are equal to the last bit, in the layout of ``torch.nn.Linear``: a row per neuron.  The network takes
    one sample or many, and always returns a tensor, while an MLP with one output returns the Value alone.  (For the
    expression that one graph computes, with its numbers, there is ``autograd.viz.to_torch``.)

    The model is an ``MLP``, a ``Layer`` or a ``Neuron``; or a ``Sequential`` or another module with PyTorch's name,
    which becomes PyTorch's module with the same numbers.

    Raises:
        TypeError: It is a module of your own, or no module.
        ValueError: An activation is a function of your own, or a weight is nan or infinite.

    >>> print(to_torch(MLP(2, [1, 1], activation="tanh", init="zeros")).partition("model = ")[2])
    torch.nn.Sequential(
        filled(torch.nn.Linear(2, 1), {
            "weight": [
                [0.0, 0.0],
            ],
            "bias": [0.0],
        }),
        torch.nn.Tanh(),
        filled(torch.nn.Linear(1, 1), {
            "weight": [
                [0.0],
            ],
            "bias": [0.0],
        }),
    )
    """
    source = _part(model, "")
    helpers = [_FILLED, *([_SIN] if "Sin()" in source else [])]
    return "\n\n".join(["import torch\n", *helpers, f"model = {source}"])


def _part(part: Any, indent: str) -> str:
    """The expression that makes a part in PyTorch, with its numbers; its further lines are indented."""
    inside = indent + " " * 4
    if type(part) is parts.Sequential:
        return _sequential([_part(inner, inside) for inner in part], indent)
    if type(part) in (MLP, Layer, Neuron):
        layers = part.layers if type(part) is MLP else [part]
        made = [step for i, layer in enumerate(layers, start=2) for step in _layer(layer, i, inside)]
        return _sequential(made, indent)
    if type(part) not in _ARGUMENTS:
        raise _stranger(part)
    return _filled(f"{type(part).__name__}({_ARGUMENTS[type(part)](part)})", _tensors(part), indent)


def _layer(layer: Any, number: int, indent: str) -> Iterator[str]:
    """A layer, or a neuron alone: a Linear, and the activation behind it."""
    neurons = [layer] if type(layer) is Neuron else layer.neurons if type(layer) is Layer else []
    if not neurons or any(type(neuron) is not Neuron for neuron in neurons):
        raise _stranger(layer)
    tensors = [("weight", [neuron.w for neuron in neurons]), ("bias", [neuron.b for neuron in neurons])]
    yield _filled(f"Linear({len(neurons[0].w)}, {len(neurons)})", tensors, indent)
    names = list(dict.fromkeys(neuron.activation for neuron in neurons))
    if own := [getattr(name, "__name__", name) for name in names if name not in ACTIVATIONS]:
        raise ValueError(f"layer {number} has the activation {own[0]}: to_torch knows {', '.join(ACTIVATIONS)}")
    if len(names) > 1:
        raise ValueError(f"the neurons of layer {number} have different activations: {', '.join(map(str, names))}")
    if names != ["identity"]:
        # ACTIVATIONS has PyTorch's names of the parts; only the sine is none.
        yield "Sin()" if names == ["sin"] else _part(getattr(activations, ACTIVATIONS[str(names[0])])(), indent)


def _stranger(part: Any) -> TypeError:
    kind = getattr(part, "__name__", type(part).__name__)
    return TypeError(
        f"to_torch writes an MLP, a Layer, a Neuron, and parts with PyTorch's names, not {kind}: only the code of a "
        "module of your own says what it computes; write it with torch, and give it the numbers of state_dict()"
    )


# ---- the text --------------------------------------------------------------------------------------------------------
def _sequential(made: Iterable[str], indent: str) -> str:
    lines = "".join([f"{indent}    {part},\n" for part in made])
    return f"torch.nn.Sequential(\n{lines}{indent})"


def _filled(made: str, tensors: Iterable[tuple[str, Any]], indent: str) -> str:
    """A part of PyTorch with our numbers."""
    entries = "".join([_tensor(name, numbers, indent + " " * 4) for name, numbers in tensors])
    return f"filled(torch.nn.{made}, {{\n{entries}{indent}}})" if entries else f"torch.nn.{made}"


def _tensors(part: Module) -> Iterator[tuple[str, Any]]:
    """The parameters by PyTorch's names, in lists of the shapes that its tensors have."""
    for name, held in vars(part).items():
        if isinstance(held, Module):
            yield from ((f"{name}.{inner}", numbers) for inner, numbers in _tensors(held))
        elif isinstance(held, list):
            yield name, held


def _tensor(name: str, held: list[Any], indent: str) -> str:
    """The numbers of one name, or of one row, as an entry of the dictionary of a part."""
    start = f'"{name}": ' if name else ""
    if isinstance(held[0], list):
        rows = "".join(_tensor("", row, indent + " " * 4) for row in held)
        return f"{indent}{start}[\n{rows}{indent}],\n"
    return _wrapped([_finite(parameter) for parameter in held], indent, start)


def _finite(parameter: Value) -> float:
    if not math.isfinite(parameter.data):
        raise ValueError(f"{parameter.label} is {parameter.data}: the training diverged")
    return parameter.data


def _wrapped(numbers: Sequence[float], indent: str, name: str = "") -> str:
    """A list on one line, or on several if it is too long; ``repr`` gives a float back to the last bit."""
    text = ", ".join(map(repr, numbers))
    if len(line := f"{indent}{name}[{text}],\n") <= _WIDTH:
        return line
    inside = " " * 4 + indent
    lines = textwrap.wrap(text, _WIDTH, initial_indent=inside, subsequent_indent=inside, break_on_hyphens=False)
    return "\n".join([f"{indent}{name}[", *lines, f"{indent}],\n"])


# ---- parts with PyTorch's names --------------------------------------------------------------------------------------
def _cell(part: Any) -> str:
    return f"{len(part.weight_ih[0])}, {part.hidden_size}, bias={bool(part.bias_ih)}"


def _convolution(part: Any) -> str:
    outputs, inputs, *window = len(part.weight), *map(len, (part.weight[0], part.weight[0][0], part.weight[0][0][0]))
    return f"{inputs}, {outputs}, {tuple(window)}, {part.stride}, {part.padding}, bias={bool(part.bias)}"


# For each part the arguments that make PyTorch's.
_ARGUMENTS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys(
        (activations.Identity, activations.ReLU, activations.Sigmoid, activations.SiLU, activations.Tanh),
        lambda part: "",
    ),
    # PyTorch's takes x for log(1 + e^x) from a threshold of 20 on, which is off by 2e-9; from 40 on that is exact.
    activations.Softplus: lambda part: "threshold=40",
    activations.ELU: lambda part: repr(part.alpha),
    activations.LeakyReLU: lambda part: repr(part.negative_slope),
    activations.GELU: lambda part: f"approximate={part.approximate!r}",
    activations.Softmax: lambda part: "dim=-1",
    activations.LogSoftmax: lambda part: "dim=-1",
    parts.Linear: lambda part: f"{len(part.weight[0])}, {len(part.weight)}, bias={bool(part.bias)}",
    parts.Embedding: lambda part: f"{len(part.weight)}, {len(part.weight[0])}",
    parts.Dropout: lambda part: repr(part.p),
    parts.LayerNorm: lambda part: f"{part.n}, {part.eps!r}, {bool(part.weight)}, bias={bool(part.bias)}",
    parts.RMSNorm: lambda part: f"{part.n}, {part.eps!r}, {bool(part.weight)}",
    parts.Conv2d: _convolution,
    sequences.RNNCell: lambda part: f"{_cell(part)}, nonlinearity={part.activation!r}",
    sequences.GRUCell: _cell,
    sequences.LSTMCell: _cell,
    sequences.MultiheadAttention: lambda part: (
        f"{len(part.in_proj_weight[0])}, {part.num_heads}, bias={bool(part.in_proj_bias)}"
    ),
}
