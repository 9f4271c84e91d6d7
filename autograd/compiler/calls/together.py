"""One node for a call that returns many numbers: the only parent of each of these numbers.

    w, x  ──►  call  ──►  y₁, y₂, …  ──►  loss

``backward`` visits all y before it visits the call.  The gradient of the call collects the gradients of the results,
ȳ₁, ȳ₂, …  Then one run of one program computes the local derivatives of the call, Σ ȳₖ ∂yₖ/∂w for each w: a
vector-Jacobian product.  Without the node of the call, each y would need its own backward pass over the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum, nan
from typing import Any, overload

from autograd import ops
from autograd.compiler.calls.replay import CompiledCall, replayed_together
from autograd.compiler.calls.variants import FIRST, Variant
from autograd.compiler.recording.record import as_node
from autograd.functional import gradients
from autograd.graph import walking
from autograd.modes import recording
from autograd.ops import Op


class Call:
    """A finished call, with all that its derivatives need.

    Attributes:
        adjoints: The gradients of the results in the last backward pass through this call.
    """

    __slots__ = ("_found", "adjoints", "chosen", "leaves", "live", "numbers", "values", "variant")

    def __init__(
        self,
        variant: Variant,
        leaves: list[Any],
        numbers: list[float],
        chosen: tuple[int, ...],
        values: list[float],
        live: Sequence[float],
    ) -> None:
        self.variant, self.leaves, self.numbers, self.chosen = variant, leaves, numbers, chosen
        self.values, self.live = values, live
        self.adjoints: Adjoints | None = None
        self._found: tuple[Adjoints | None, Sequence[float]] = None, ()

    @property
    def at(self) -> list[float]:
        """The numbers of the results' parents: of the captured leaves, then of the Values in the arguments."""
        return [*self.live[: len(self.variant.captured)], *[self.numbers[i] for i in self.chosen]]

    def slopes(self, weights: Mapping[int, float]) -> Sequence[float]:
        """The derivatives of Σ weight · result with respect to the parents of the results."""
        by_arguments, by_parameters = self.variant.gradients(True, self.chosen, self.numbers, self.live, weights)
        return *by_parameters, *[by_arguments[i] for i in self.chosen]

    def pulled_back(self) -> Sequence[float]:
        """The derivatives of Σ ȳ y with respect to the parents, for the gradients ȳ of the last backward pass."""
        adjoints = self.adjoints
        if adjoints is None:
            return [0.0] * len(self.at)
        if self._found[0] is not adjoints:
            weights = adjoints.by_output
            self.variant.only_first = weights.keys() == FIRST.keys()
            self._found = adjoints, self.slopes(weights)
        return self._found[1]

    def again(self, outputs: Sequence[int], operands: Sequence[Any]) -> list[Any]:
        """The recorded graph of some results, applied to other captured leaves and arguments."""
        recording = self.variant.recording.alone(outputs)
        inputs = [*recording.parameters, *[recording.arguments[i] for i in self.chosen]]
        known = [*recording.numbers, *recording.arguments, *inputs]
        numbers = map(float, self.live[len(recording.parameters) :])
        return replayed_together(recording.outputs, dict(zip(known, [*numbers, *self.leaves, *operands])))


class Adjoints(float):
    """The gradient of the node of a call: the number 1, which carries the gradients ȳ of all results.

    The node stands for the number Σ ȳ y, where the gradients ȳ are constants.  To first order, the loss changes as much
    as this number does, so its gradient is 1.  ``backward`` adds up what the results pass on, as for any other node.

    >>> call = type("", (), {})()
    >>> gradient = 0.0
    >>> with walking:
    ...     gradient += 3.0 * Share(call, 1)
    ...     gradient += 5.0 * Share(call, 0)
    >>> gradient, gradient.by_output, call.adjoints is gradient
    (1.0, {1: 3.0, 0: 5.0}, True)
    """

    by_output: dict[int, Any]
    _call: Any

    def __radd__(self, other: Any) -> Adjoints:  # the first result that arrives: 0.0 + adjoints
        if walking._is_owned():  # type: ignore[attr-defined]  # only a backward walk stores adjoints in the call
            self._call.adjoints = self
            self._call = None  # no reference cycle
        return self

    def __add__(self, other: Any) -> Adjoints:
        total = Adjoints(1.0)
        total.by_output, total._call = dict(self.by_output), self._call
        return total.__iadd__(other)

    def __iadd__(self, other: Any) -> Adjoints:
        for output, upstream in getattr(other, "by_output", {}).items():
            self.by_output[output] = self.by_output[output] + upstream if output in self.by_output else upstream
        if walking._is_owned() and getattr(other, "_call", None) is not None:  # type: ignore[attr-defined]
            # A deep copy of the call may be part of the same walk.  The one that got a share last gets the adjoints,
            # since the walk visits a call right after one of its results.
            other._call.adjoints = self
        return self


class _Share:
    """The local derivative of a result with respect to the call: a gradient times it becomes ``Adjoints``."""

    def __init__(self, call: Any, output: int) -> None:
        self._call, self._output = call, output

    def __rmul__(self, upstream: Any) -> Adjoints:
        adjoints = Adjoints(1.0)
        adjoints.by_output, adjoints._call = {self._output: upstream}, self._call
        return adjoints


class Share(_Share, float):
    """The same as a float: the number 1, which knows its result."""

    def __new__(cls, call: Any, output: int) -> Share:
        return float.__new__(cls, 1.0)


class Output(Op):
    """The primitive of one of many results: it selects the result from the call."""

    name = "compiled output"

    def __init__(self, call: Call, output: int) -> None:
        self._call, self._output = call, output

    def value(self, change: float) -> float:
        """The result of the call, plus a change of the call's number."""
        return self._call.values[self._output] + change

    def partials(self, result: Any, call: Any) -> Sequence[Any]:
        """The local derivative with respect to the call, for gradients that are numbers or nodes."""
        return (_Share(self._call, self._output),)  # not a float: Value * float would be an ordinary product

    def __call__(self, results: Any) -> Any:
        """The recorded graph of this result."""
        return results[self._call.variant.differentiable.index(self._output)]

    symbol = CompiledCall.symbol
    __reduce__ = CompiledCall.__reduce__


class PulledBack(Sequence[float]):
    """The local derivatives of a call, computed when ``backward`` reads them: see ``Call.pulled_back``."""

    def __init__(self, call: Call, count: int) -> None:
        self._call, self._count = call, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, k: int) -> float: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[float]: ...
    def __getitem__(self, k: Any) -> Any:
        return self._call.pulled_back()[k]

    def __iter__(self) -> Iterator[float]:
        return iter(self._call.pulled_back())


class Together(CompiledCall):
    """The primitive of a call that returns many numbers: the change of Σ ȳ y, which is 0 at the call's own operands."""

    name = "compiled call"

    def __init__(self, call: Call) -> None:
        super().__init__(call, 0)

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The name of the function."""
        return str(self._call.variant.name)

    def value(self, *operands: float) -> float:
        """0 at the call's own operands; at other operands, the increase of Σ ȳ y, or nan if ȳ is not known yet."""
        call = self._call
        if [*operands] == call.at:
            return 0.0
        if call.adjoints is None:
            return nan
        weights = call.adjoints.by_output
        return fsum(
            weight * (as_node(y)._data - call.values[k])
            for (k, weight), y in zip(weights.items(), call.again([*weights], operands))
        )

    def partials(self, result: Any, *operands: Any) -> Sequence[Any]:
        """Derivatives as nodes; they are made when the gradients of the results are known."""
        found: list[Sequence[Any]] = []

        def pulled_back(adjoints: Adjoints) -> Sequence[Any]:
            if not found:
                found.append(self._pulled_back(adjoints.by_output, operands))
            return found[0]

        return [_Later(pulled_back, k) for k in range(len(operands))]

    def _pulled_back(self, adjoints: Mapping[int, Any], operands: Sequence[Any]) -> Sequence[Any]:
        with recording():
            # Each operand is copied to a new node, since one operand may have been computed from another.
            nodes = [ops.identity(as_node(x)) for x in operands]
            results = [as_node(y) for y in self._call.again([*adjoints], nodes)]
            return gradients(results, nodes, grad_outputs=[*adjoints.values()], create_graph=True)

    def __call__(self, *operands: Any) -> Any:
        """The recorded graphs of all results."""
        return self._call.again(self._call.variant.differentiable, operands)


class _Later:
    """A local derivative that is computed when it is multiplied by the gradient of the call."""

    def __init__(self, pulled_back: Callable[[Adjoints], Sequence[Any]], k: int) -> None:
        self._pulled_back, self._k = pulled_back, k

    def __rmul__(self, adjoints: Adjoints) -> Any:
        return self._pulled_back(adjoints)[self._k]
