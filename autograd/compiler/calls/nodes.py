"""What a call of a compiled function gives: nodes, as if the function had been run on Values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from autograd.compiler.calls.replay import CompiledCall
from autograd.compiler.calls.variants import Evaluated, Variant
from autograd.compiler.recording.results import LazyPartials, floats_of
from autograd.graph import Leaves
from autograd.value import Value, new_node, unrecorded

__all__ = ["Nodes"]


class Nodes:
    """What one call gives, as nodes whose parents are the captured leaves and some arguments.

    Args:
        variant: The recording that served.
        leaves: The numbers and Values in the arguments.
        numbers: Their numbers.
        chosen: The positions of the Values among them; None inside ``no_grad()``.
        result: The numbers that the call gave.
    """

    __slots__ = ("chosen", "first", "leaves", "live", "numbers", "parents", "values", "variant")

    def __init__(
        self,
        variant: Variant,
        leaves: list[Any],
        numbers: list[float],
        chosen: tuple[int, ...] | None,
        result: Evaluated,
    ) -> None:
        self.variant, self.leaves, self.numbers, self.chosen = variant, leaves, numbers, chosen
        self.values, by_arguments, by_parameters, self.live = result
        self.first: Sequence[float] | None = None
        captured = variant.captured
        if not chosen:
            self.parents = captured
            if by_arguments is not None and by_parameters is not None:
                found = by_parameters
                array = None if isinstance(found, list) else found
                self.first = LazyPartials(len(found), partial(floats_of, found), array)
        else:
            given = tuple([leaves[i] for i in chosen])
            self.parents = (*captured, *given) if captured else given
            if variant.are_leaves(given):
                self.parents = Leaves(self.parents)
            if by_arguments is not None and by_parameters is not None:
                slopes = tuple([by_arguments[i] for i in chosen])
                self.first = (*floats_of(by_parameters), *slopes) if captured else slopes

    def node(self, k: int) -> Value:
        """Output number k; derivatives that are not known are computed when somebody asks for them."""
        labels = self.variant.labels
        if self.chosen is None or not self.parents:
            out = unrecorded(self.values[k])
        else:
            known = self.first if k == 0 else None
            partials = LazyPartials(len(self.parents), partial(self._partials, k)) if known is None else known
            out = new_node(self.values[k], CompiledCall(self, k), self.parents, partials)
        if labels:
            out.label = labels[k]
        return out

    def _partials(self, k: int) -> Sequence[float]:
        chosen = self.chosen or ()
        by_arguments, by_parameters = self.variant.gradients(True, chosen, self.numbers, self.live, k)
        return *by_parameters, *[by_arguments[i] for i in chosen]
