"""The results of a compiled call as nodes, as if the function had run on Values.

The parents of a result are the captured leaves and the Values in the arguments.  If the call has not computed the local
derivatives of a result, they are computed when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from autograd.compiler.calls.replay import CompiledCall
from autograd.compiler.calls.together import Call, Output, PulledBack, Share, Together
from autograd.compiler.calls.variants import Evaluated, Variant
from autograd.compiler.recording.results import LazyPartials, floats_of
from autograd.compiler.recording.running import put_back
from autograd.graph import Leaves
from autograd.modes import current_modes, in_transformation
from autograd.value import Value, new_node, unrecorded


class Nodes:
    """Makes the nodes of one call."""

    __slots__ = ("call", "first", "parents", "together")

    def __init__(
        self,
        variant: Variant,
        leaves: list[Any],
        numbers: list[float],
        chosen: tuple[int, ...] | None,
        result: Evaluated,
    ) -> None:
        self.call = Call(variant, leaves, numbers, chosen or (), result.values, result.live)
        self.parents = variant.captured
        self.first: Sequence[float] | None = None  # the local derivatives of the first result, if they were computed
        self.together: Value | None = None  # the node of the call, if it has many results
        slopes, found = result.by_arguments, result.by_parameters
        if not chosen:
            if slopes is not None and found is not None:
                is_list = isinstance(found, list)
                self.first = tuple(found) if is_list else LazyPartials(len(found), partial(floats_of, found), found)
        else:
            given = tuple([leaves[i] for i in chosen])
            self.parents = (*self.parents, *given) if self.parents else given
            if variant.are_leaves(given):
                self.parents = Leaves(self.parents)
            if slopes is not None and found is not None:
                self.first = (*floats_of(found), *[slopes[i] for i in chosen])
        if chosen is None:
            self.parents = ()
        elif variant.gives_many(len(self.parents)) and not in_transformation():
            self.together = new_node(0.0, Together(self.call), self.parents, PulledBack(self.call, len(self.parents)))

    def results(self, args: Sequence[Any]) -> Any:
        """What the function returns; this also applies the function's changes to lists in the arguments."""
        values, recording = self.call.values, self.call.variant.recording
        form, changed = recording.form, recording.changed
        if changed is not None:
            places = enumerate(changed.kinds, len(values) - len(changed.kinds))
            new = [self.node(k) if kind is Value else kind(values[k]) for k, kind in places]
            put_back(changed, new, self.call.leaves, args)
        if form is None:
            return self.node(0)
        new = [self.node(k) if kind is Value else kind(values[k]) for k, kind in enumerate(form.kinds)]
        return form.filled(new, self.call.leaves)

    def node(self, k: int) -> Value:
        """Output k as a node; derivatives that the call has not computed are computed when somebody reads them."""
        call, together = self.call, self.together
        labels, number = call.variant.labels, call.values[k]
        if not self.parents:
            out = Value(number) if current_modes().recording else unrecorded(number)
        elif k == 0 and self.first is not None:
            out = new_node(number, CompiledCall(call, k), self.parents, self.first)
        elif together is not None:
            out = new_node(number, Output(call, k), (together,), (Share(call, k),))
        else:
            partials = LazyPartials(len(self.parents), partial(call.slopes, {k: 1.0}))
            out = new_node(number, CompiledCall(call, k), self.parents, partials)
        if labels:
            out.label = labels[k]
        return out
