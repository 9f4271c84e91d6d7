"""The four formulas of backpropagation in plain floats, to hold against what the graph finds.

Nothing in the package computes a gradient with them: they are what textbooks derive by hand for a network of fully
connected layers, and what the graph of single numbers gives without being told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd import Value, exp, fsum, logsumexp, sigmoid, tanh
from autograd.labels import notation
from nn.layers import MLP, signals


class LayerGradients(NamedTuple):
    """δ_j, ∂J/∂b_j and ∂J/∂w_jk for the neurons j and the inputs k of one layer."""

    delta: list[float]
    bias: list[float]
    weight: list[list[float]]

    def flat(self) -> list[float]:
        """All these derivatives in one list."""
        return [*self.delta, *self.bias, *[w for row in self.weight for w in row]]


# σ(z), and σ'(z) from z and a = σ(z)
ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float, float], float]]] = {
    "sigmoid": (sigmoid, lambda z, a: a * (1.0 - a)),
    "tanh": (tanh, lambda z, a: 1.0 - a * a),
    "relu": (lambda z: max(z, 0.0), lambda z, a: float(z > 0.0)),
    "identity": (lambda z: z, lambda z, a: 1.0),
}

# The cost J as a formula, and the list of ∂J/∂a_j from the outputs a and the targets y
COSTS: dict[str, tuple[str, Callable[[list[float], Sequence[float]], list[float]]]] = {
    "half_mse_loss": ("1/(2k) Σ (a − y)²", lambda a, y: [(p - t) / len(a) for p, t in zip(a, y)]),
    "mse_loss": ("1/k Σ (a − y)²", lambda a, y: [2.0 * (p - t) / len(a) for p, t in zip(a, y)]),
    "cross_entropy": ("−Σ y log softmax(a)", lambda a, y: [exp(p - logsumexp(a)) - t for p, t in zip(a, y)]),
}


def by_formulas(model: MLP, x: Sequence[float], y: Sequence[float], loss: str) -> list[LayerGradients]:
    """The gradients of the loss of one sample, layer by layer from the first, by the four formulas."""
    weights = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers]
    biases = [[neuron.b.data for neuron in layer.neurons] for layer in model.layers]
    rules = [ACTIVATIONS[str(layer.neurons[0].activation)] for layer in model.layers]

    inputs, slopes = [list(x)], []  # of each layer: a of the layer before, and σ'(z)
    for W, b, (activation, slope) in zip(weights, biases, rules):
        z = [fsum([w * v for w, v in zip(row, inputs[-1])]) + bias for row, bias in zip(W, b)]
        inputs.append([activation(number) for number in z])
        slopes.append([slope(number, a) for number, a in zip(z, inputs[-1])])

    pull = COSTS[loss][1](inputs[-1], y)  # ∂J/∂a of the last layer
    found = []
    for W, a, slope_of in zip(reversed(weights), reversed(inputs[:-1]), reversed(slopes)):
        delta = [p * s for p, s in zip(pull, slope_of)]  # 1 and 2: δ = ∂J/∂a · σ'(z)
        found.append(LayerGradients(delta, delta, [[v * d for v in a] for d in delta]))  # 3: δ;  4: a δ
        pull = [fsum([row[k] * d for row, d in zip(W, delta)]) for k in range(len(a))]  # the sum in 2: Σ w δ
    return found[::-1]


def by_graph(
    model: MLP, x: Sequence[float], y: Any, loss: Callable[[Any, Any], Any]
) -> tuple[list[LayerGradients], list[list[Value]]]:
    """The same gradients from the graph, and the nodes of the activations; δ is the gradient of the node z."""
    model.zero_grad()
    zs, activations = signals(model.layers, [Value(a, notation("x", None, k)) for k, a in enumerate(x, start=1)])
    loss(activations[-1], y).backward()
    found = []
    for layer, weighted in zip(model.layers, zs):
        weight = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        found.append(LayerGradients([z.grad for z in weighted], [neuron.b.grad for neuron in layer.neurons], weight))
    return found, activations
