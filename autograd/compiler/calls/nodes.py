"""What a call of a compiled function gives: nodes, as if the function had been run on Values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from autograd.compiler.calls.replay import CompiledCall
from autograd.compiler.calls.variants import Evaluated, Variant
from autograd.compiler.recording.results import LazyPartials, floats_of
from autograd.value import Value, new_node, unrecorded

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
            found = result.by_parameters
            if chosen:
                self.first = (*floats_of(found), *[result.by_arguments[i] for i in chosen])
            else:
                self.first = LazyPartials(len(found), partial(floats_of, found), found)

    def node(self, k: int) -> Value:
        """Output number k; derivatives that are not known are computed when somebody asks for them."""
        variant = self.variant
        label = variant.labels[k] if variant.labels else ""
        if self.chosen is None or not self.parents:
            alone = unrecorded(self.values[k])
            alone.label = label
            return alone
        op = CompiledCall(
            variant.alone, k, len(variant.captured), self.leaves, self.numbers, self.chosen, self.live, self.values[k]
        )
        known = self.first if k == 0 else None
        partials = LazyPartials(len(self.parents), partial(self._partials, k)) if known is None else known
        out = new_node(self.values[k], op, self.parents, partials)
        out.label = label
        return out

    def _partials(self, k: int) -> Sequence[float]:
        chosen = self.chosen or ()
        by_arguments, by_parameters = self.variant.gradients(True, chosen, self.numbers, self.live, k)
        return *by_parameters, *[by_arguments[i] for i in chosen]
