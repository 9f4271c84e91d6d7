"""What a batch does to a model, measured sample by sample: outputs, losses, gradients, slopes of the activations.

The measurements that ``nn.doctor`` judges.  Nothing is left changed: gradients come from ``autograd.grad``, which does
not touch ``.grad``, and steps of the optimiser are taken back.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import Value, grad, no_grad
from autograd.display import listed
from nn.chance import not_drawn
from nn.data import first_not_finite, numbers_of
from nn.layers import layer_of
from nn.optim import Optimizer

MOST_SAMPLES, FEWEST_SAMPLES = 256, 8
GRADIENTS_AT_MOST = 500_000  # samples times parameters: two or three seconds


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or a note."""

    kind: str  # the name of the illness, in two or three words
    severity: str  # "error" if training cannot work like this, "warning" if it suffers, "note" if it may be all right
    where: tuple[str, ...]  # the names of the parameters, neurons, layers or features that have it
    sentence: str  # with the numbers that were measured
    remedy: str  # the advice to the user

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}\n  {self.remedy}"


Result = tuple[list[Finding], str]


def aligned(outputs: Sequence[float], target: Any) -> list[tuple[int, float]]:
    """The place of each output with its target number; nothing if the target is the index of a class, or unknown."""
    numbers = numbers_of(target)
    return list(enumerate(numbers)) if numbers is not None and len(numbers) == len(outputs) else []


@dataclass
class Unit:
    """One place of the model's graph with a local derivative that is 0 or close to it, over all samples."""

    name: str  # the label of the node, or its expression
    layer: str  # the part of the model that it belongs to
    op: str  # the name of its primitive
    kind: str  # what ``diagnose`` calls it, such as "dead ReLU"
    reason: str  # why the derivative is small
    output: int | None  # its place among the outputs of the model; None inside
    samples: list[int] = field(default_factory=list)  # those in which it is so


@dataclass
class Layer:
    """A part of the model, such as the layer of an MLP, with the errors that arrive there."""

    name: str  # "layer 2" in an MLP, else its path
    members: list[int]  # the positions of its parameters
    # The root mean square, over samples and neurons, of δ = ∂J/∂z: the gradient of the nodes that use them.
    error: float = 0.0


class Probe:
    """What a batch does to a model: each sample is computed and differentiated once.

    The arguments are those of ``fit``, but that the loss is a function.
    """

    def __init__(
        self, model: Any, loss: Callable[[Any, Any], Any], X: Sequence[Any], y: Sequence[Any],
        optimizer: Optimizer | None = None,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer = model, loss, optimizer
        named = dict(model.named_parameters()) if hasattr(model, "named_parameters") else {}
        self.paths = {parameter: path for path, parameter in named.items()}
        self.own = len(named)
        for i, parameter in enumerate(optimizer.parameters if optimizer else ()):
            self.paths.setdefault(parameter, f"parameter {i} of the optimizer")
        self.parameters = list(self.paths)  # those of the model, then those that only the optimiser has
        if not self.parameters:
            raise ValueError("the model has no parameters: give a Module that has some, or the optimizer that has them")
        self.names = [p.label or self.paths[p] for p in self.parameters]
        if len(set(self.names)) < len(self.names):  # labels of layers that no network has numbered
            self.names = [f"{p.label} ({self.paths[p]})" if p.label else self.paths[p] for p in self.parameters]
        self.X, self.y, self.total = *_chosen(X, y, len(self.parameters)), len(X)
        self.outputs: list[list[float]] = []  # of each sample
        self.losses: list[float] = []
        self.reached: set[Value] = set()  # the parameters that are in the graph of some sample's loss
        self.layers = self._layers()  # those furthest from the output first
        self.not_finite = self._not_finite()
        if not self.not_finite:
            self._measure()

    def _not_finite(self) -> tuple[str, str] | None:
        """The first nan or infinity among parameters and data: its place, and the number."""
        if broken := [name for name, p in zip(self.names, self.parameters) if not math.isfinite(p.data)]:
            return "parameters", listed(broken)
        for what, rows in (("sample", self.X), ("target", self.y)):
            if bad := first_not_finite(rows):
                return f"{what} {bad[0]}", f"{bad[2]}"
        return None

    # ---- every sample --------------------------------------------------------------------------------------------
    def _measure(self) -> None:
        self.gradient = [0.0] * len(self.parameters)  # of the mean loss
        self.nonzero = [False] * len(self.parameters)  # whether the gradient is other than 0 in some sample
        self.norms: list[float] = []  # the length of each sample's gradient
        self.aligned = True  # all samples have the same graph, so that a neuron is the same node in each
        found: dict[tuple[int, int, str], Unit] = {}
        errors: dict[str, list[float]] = {}
        with not_drawn(self.model):
            for i, (x, target) in enumerate(zip(self.X, self.y)):
                outputs, cost = self._run(x, target)
                self.losses.append(cost.data)
                self.outputs.append([output.data for output in outputs])
                order = self._look(i, outputs, cost, found)
                self._differentiate(cost, order, errors)
                ops = [node.op for node in order]
                if i == 0:
                    first, self._first = ops, order
                    self.output_ops = [output.op.name for output in outputs]
                self.aligned &= ops == first
        self._sort_layers(self._first)
        for layer in self.layers:
            squares = [error * error for error in errors.get(layer.name, [0.0])]
            layer.error = math.sqrt(math.fsum(squares) / len(squares))
        place = {layer.name: i for i, layer in enumerate(self.layers)}
        units = sorted(found.values(), key=lambda unit: (place.get(unit.layer, -1), len(unit.name), unit.name))
        self.units = units if self.aligned else []

    def _differentiate(self, cost: Value, order: list[Value], errors: dict[str, list[float]]) -> None:
        """The gradients of one sample, by the parameters and by the nodes that use them."""
        uses = [(node, parent) for node in order for parent in node.parents if parent in self.paths]
        users = {node: layer_of(parent, self.paths[parent]) for node, parent in uses}
        gradients = grad(cost, [*self.parameters, *users])
        for layer, error in zip(users.values(), gradients[len(self.parameters) :]):
            errors.setdefault(layer, []).append(error)
        for i, g in enumerate(gradients[: len(self.parameters)]):
            self.gradient[i] += g / len(self.X)
            self.nonzero[i] |= g != 0.0
        self.norms.append(math.hypot(*gradients[: len(self.parameters)]))

    def _run(self, x: Any, target: Any) -> tuple[list[Value], Value]:
        output = self.model(x)
        outputs = list(output) if isinstance(output, (list, tuple)) else [output]
        for node in outputs:
            if not isinstance(node, Value):
                raise TypeError(
                    f"the model gave {node!r} of type {type(node).__name__}, not a Value: does it use .data?"
                )
        cost = self.loss(output, target)
        if not isinstance(cost, Value):
            raise TypeError(f"the loss gave {cost!r}, which depends on no parameter: does the model use any?")
        return outputs, cost

    def _look(
        self, sample: int, outputs: list[Value], cost: Value, found: dict[tuple[int, int, str], Unit]
    ) -> list[Value]:
        """Note the small slopes between the parameters and the outputs; returns the nodes of that graph, in order."""
        from autograd.viz import diagnose

        diagnosis = diagnose(outputs, everywhere=True)
        order = list(diagnosis.gradients)
        position = {node: i for i, node in enumerate(order)}
        self.reached.update(position.keys() & self.paths.keys())
        for finding in diagnosis.findings:
            if finding.operand is None or finding.kind.startswith("product"):
                continue
            key = (position[finding.node], position[finding.operand], finding.kind)
            unit = found.get(key)
            if unit is None:
                output = outputs.index(finding.node) if finding.node in outputs else None
                name, layer = self._place(finding.node, diagnosis.names.title[finding.node])
                unit = found[key] = Unit(name, layer, finding.node.op.name, finding.kind, finding.reason, output)
            if unit.samples[-1:] != [sample]:
                unit.samples.append(sample)
        if self.reached != self.paths.keys():  # a penalty in the loss is a path, too
            self.reached.update(diagnose(cost).gradients.keys() & self.paths.keys())
        return order

    def _place(self, node: Value, title: str) -> tuple[str, str]:
        """The name of a node, and the layer of the parameter nearest to it."""
        near = list(node.parents)
        for candidate in near:  # the list grows on the way, so that the nearest nodes come first
            if candidate in self.paths:
                return node.label or title, layer_of(candidate, self.paths[candidate])
            if len(near) < 1000:
                near += candidate.parents
        return node.label or title, ""

    def count(self, layer: str, op: str) -> int:
        """The number of nodes of a primitive in a layer, for one sample."""
        return sum(self._place(node, "")[1] == layer for node in self._first if node.op.name == op)

    def _layers(self) -> list[Layer]:
        groups: dict[str, list[int]] = {}
        for i, parameter in enumerate(self.parameters[: self.own]):
            groups.setdefault(layer_of(parameter, self.paths[parameter]), []).append(i)
        return [Layer(name, members) for name, members in groups.items()]

    def _sort_layers(self, order: Sequence[Value]) -> None:
        """Sort the layers: those that are furthest from the output come first."""
        distance = dict.fromkeys(order, 0)
        for node in reversed(order):
            for parent in node.parents:
                distance[parent] = max(distance[parent], distance[node] + 1)
        self.layers.sort(key=lambda layer: -max(distance.get(self.parameters[i], 0) for i in layer.members))

    # ---- steps of the optimiser ----------------------------------------------------------------------------------
    def moved(self, factor: float = 1.0, steps: int = 1) -> list[float]:
        """The parameters after some steps of the optimiser on this batch, with its rate times a factor.

        They are nan where a step cannot be computed.  Parameters, gradients and the optimiser are put back.
        """
        assert self.optimizer is not None
        before, state = [(p.data, p.grad) for p in self.parameters], self.optimizer.state_dict()
        try:
            self.optimizer.lr *= factor
            for k in range(steps):
                for parameter, g in zip(self.parameters, self._mean_gradient() if k else self.gradient):
                    parameter.grad = g
                self.optimizer.step()
            return [parameter.data for parameter in self.parameters]
        except (ArithmeticError, ValueError):
            return [math.nan for _ in self.parameters]
        finally:
            self.optimizer.load_state_dict(state)
            for parameter, (number, g) in zip(self.parameters, before):
                parameter.data, parameter.grad = number, g

    def _mean_gradient(self) -> list[float]:
        with not_drawn(self.model):
            rows = [grad(self.loss(self.model(x), target), self.parameters) for x, target in zip(self.X, self.y)]
        return [math.fsum(column) / len(rows) for column in zip(*rows)]

    def loss_at(self, numbers: Sequence[float]) -> float:
        """The mean loss of the samples with these parameters; infinite where it cannot be computed."""
        before = [parameter.data for parameter in self.parameters]
        try:
            for parameter, number in zip(self.parameters, numbers):
                parameter.data = number
            with not_drawn(self.model), no_grad():
                losses = [self.loss(self.model(x), target) for x, target in zip(self.X, self.y)]
            mean = math.fsum([loss.data for loss in losses]) / len(losses)
        except (ArithmeticError, ValueError):  # math.fsum of inf and -inf, a probability of nan
            mean = math.inf
        finally:
            for parameter, number in zip(self.parameters, before):
                parameter.data = number
        return mean if math.isfinite(mean) else math.inf


def _chosen(X: Sequence[Any], y: Sequence[Any], parameters: int) -> tuple[list[Any], list[Any]]:
    """All samples, or as many of them as take seconds, picked at random (always the same)."""
    limit = min(MOST_SAMPLES, max(FEWEST_SAMPLES, GRADIENTS_AT_MOST // parameters))
    indices = range(len(X)) if len(X) <= limit else sorted(random.Random(0).sample(range(len(X)), limit))
    return [X[i] for i in indices], [y[i] for i in indices]
