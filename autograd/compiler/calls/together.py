"""A call that gives many numbers: a node of its own, and each of the numbers has that node as its only parent.

    w, x  ──►  call  ──►  y₁, y₂, …  ──►  loss

``backward`` arrives at all y before it arrives at the call.  The gradient of the call collects theirs, ȳ₁, ȳ₂, …, and
only then one run of one program computes the local derivatives of the call: Σ ȳₖ ∂yₖ/∂w for each w.  This is a
vector-Jacobian product.  Without that node each y would need a pass of its own over the whole function.
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
    """A call that is over.

    Attributes:
        adjoints: The gradients of the results, in the last backward pass that came here.
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
        """The numbers of the parents of the results: of what was captured, then of the Values in the arguments."""
        return [*self.live[: len(self.variant.captured)], *[self.numbers[i] for i in self.chosen]]

    def slopes(self, weights: Mapping[int, float]) -> Sequence[float]:
        """The derivatives of Σ weight · result with respect to the parents of the results."""
        by_arguments, by_parameters = self.variant.gradients(True, self.chosen, self.numbers, self.live, weights)
        return *by_parameters, *[by_arguments[i] for i in self.chosen]

    def pulled_back(self) -> Sequence[float]:
        """The derivatives for the gradients that the results have."""
        adjoints = self.adjoints
        if adjoints is None:
            return [0.0] * len(self.at)
        if self._found[0] is not adjoints:
            weights = adjoints.by_output
            self.variant.only_first = weights.keys() == FIRST.keys()
            self._found = adjoints, self.slopes(weights)
        return self._found[1]

    def again(self, outputs: Sequence[int], operands: Sequence[Any]) -> list[Any]:
        """The recorded graph of results, for other captured leaves and arguments."""
        recording = self.variant.recording.alone(outputs)
        inputs = [*recording.parameters, *[recording.arguments[i] for i in self.chosen]]
        known = [*recording.numbers, *recording.arguments, *inputs]
        numbers = map(float, self.live[len(recording.parameters) :])
        return replayed_together(recording.outputs, dict(zip(known, [*numbers, *self.leaves, *operands])))


class Adjoints(float):
    """The gradient of the node of a call: 1, and with it the gradients of the results.

    A call stands for the number Σ ȳ y, where the gradients ȳ count as constants, and the loss changes as that does.
    ``backward`` adds up what the results pass on, as for any other node.

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

    def __radd__(self, other: Any) -> Adjoints:  # the first to arrive
        if walking._is_owned():  # type: ignore[attr-defined]  # elsewhere a sum is a sum
            self._call.adjoints = self
            self._call = None  # so that the two do not hold each other
        return self

    def __add__(self, other: Any) -> Adjoints:
        total = Adjoints(1.0)
        total.by_output, total._call = dict(self.by_output), self._call
        return total.__iadd__(other)

    def __iadd__(self, other: Any) -> Adjoints:
        for output, upstream in getattr(other, "by_output", {}).items():
            self.by_output[output] = self.by_output[output] + upstream if output in self.by_output else upstream
        if walking._is_owned() and getattr(other, "_call", None) is not None:  # type: ignore[attr-defined]
            # A deep copy of the call may be in the same walk: that one of the two counts which a result came to last,
            # since the walk comes to a call right behind one of its results.
            other._call.adjoints = self
        return self


class _Share:
    """What a gradient is multiplied by on its way from a result to the call, where it stays apart from the others."""

    def __init__(self, call: Any, output: int) -> None:
        self._call, self._output = call, output

    def __rmul__(self, upstream: Any) -> Adjoints:
        adjoints = Adjoints(1.0)
        adjoints.by_output, adjoints._call = {self._output: upstream}, self._call
        return adjoints


class Share(_Share, float):
    """The local derivative of a result with respect to the call: 1, and which result it is."""

    def __new__(cls, call: Any, output: int) -> Share:
        return float.__new__(cls, 1.0)


class Output(Op):
    """The primitive of one of many results: takes it out of the call."""

    name = "compiled output"

    def __init__(self, call: Call, output: int) -> None:
        self._call, self._output = call, output

    def value(self, change: float) -> float:
        """The number that the call gave, and by how much that changed."""
        return self._call.values[self._output] + change

    def partials(self, result: Any, call: Any) -> Sequence[Any]:
        """What takes a gradient, a number or a node, to the call."""
        return (_Share(self._call, self._output),)  # no float, with which a Value would be multiplied

    def __call__(self, results: Any) -> Any:
        """The recorded graph itself."""
        return results[self._call.variant.differentiable.index(self._output)]

    symbol = CompiledCall.symbol
    __reduce__ = CompiledCall.__reduce__


class PulledBack(Sequence[float]):
    """The local derivatives of a call, for the gradients that its results have."""

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
    """The primitive of a call that gives many numbers: the change of Σ ȳ y, so 0 at the operands of the call."""

    name = "compiled call"

    def __init__(self, call: Call) -> None:
        super().__init__(call, 0)

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The name of the function."""
        return str(self._call.variant.name)

    def value(self, *operands: float) -> float:
        """0 at the operands of the call; at others how much Σ ȳ y is larger there, nan where there are no ȳ yet."""
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
        """Derivatives as nodes, which wait for the gradients of the results."""
        found: list[Sequence[Any]] = []

        def pulled_back(adjoints: Adjoints) -> Sequence[Any]:
            if not found:
                found.append(self._pulled_back(adjoints.by_output, operands))
            return found[0]

        return [_Later(pulled_back, k) for k in range(len(operands))]

    def _pulled_back(self, adjoints: Mapping[int, Any], operands: Sequence[Any]) -> Sequence[Any]:
        with recording():
            # Nodes of their own, since one operand may have been computed from another.
            nodes = [ops.identity(as_node(x)) for x in operands]
            results = [as_node(y) for y in self._call.again([*adjoints], nodes)]
            return gradients(results, nodes, grad_outputs=[*adjoints.values()], create_graph=True)

    def __call__(self, *operands: Any) -> Any:
        """The recorded graphs of all results."""
        return self._call.again(self._call.variant.differentiable, operands)


class _Later:
    """A derivative that is known when the gradient of the call is, with which it is multiplied."""

    def __init__(self, pulled_back: Callable[[Adjoints], Sequence[Any]], k: int) -> None:
        self._pulled_back, self._k = pulled_back, k

    def __rmul__(self, adjoints: Adjoints) -> Any:
        return self._pulled_back(adjoints)[self._k]
