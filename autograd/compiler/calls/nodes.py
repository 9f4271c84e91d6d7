"""What a call of a compiled function gives: nodes, as if the function had been run on Values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from autograd.compiler.calls.replay import CompiledCall
from autograd.compiler.calls.variants import Evaluated, Variant
from autograd.compiler.recording.results import LazyPartials
from autograd.value import Value

__all__ = ["Nodes"]


class Nodes:
    """What one call gives, as nodes whose parents are the captured leaves and some arguments.

    Args:
        variant: the recording that served.
        leaves: the numbers and Values in the arguments.
        numbers: their numbers.
        chosen: which of them are Values; None inside ``no_grad()``.
        result: what the call gave.
    """

    def __init__(
        self,
        variant: Variant,
        leaves: list[Any],
        numbers: list[float],
        chosen: tuple[int, ...] | None,
        result: Evaluated,
    ) -> None:
        self.variant, self.leaves, self.numbers, self.chosen = variant, leaves, numbers, chosen
        self.values, self.live = result.values, result.live
        self.parents = (*variant.captured, *[leaves[i] for i in chosen]) if chosen else variant.captured
        self.first: Sequence[float] | None = None
        if result.by_arguments is not None and result.by_parameters is not None:
            self.first = (*result.by_parameters, *[result.by_arguments[i] for i in chosen or ()])

    def node(self, k: int) -> Value:
        """Output number k; derivatives that are not known are computed when somebody asks for them."""
        out = Value(self.values[k])
        recorded_node = self.variant.recording.outputs[k]
        out.label = recorded_node.label if recorded_node.parents else ""
        if self.chosen is not None and self.parents:
            lazy = k or self.first is None
            out.parents = self.parents
            out.partials = LazyPartials(len(self.parents), lambda: self._partials(k)) if lazy else self.first or ()
            recorded = partial(self.variant.alone, k)
            out.op = CompiledCall(
                recorded, len(self.variant.captured), self.leaves, self.numbers, self.chosen, self.live, self.values[k]
            )
        return out

    def _partials(self, k: int) -> Sequence[float]:
        chosen = self.chosen or ()
        by_arguments, by_parameters = self.variant.gradients(True, chosen, self.numbers, self.live, k)
        return *by_parameters, *[by_arguments[i] for i in chosen]
