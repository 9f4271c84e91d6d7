"""Calls that run without the compiler: inside ``strict()``, and where no recording fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import repeat
from typing import Any

from autograd.compiler.calls.recordings import Recordings
from autograd.compiler.recording.arguments import called, structure
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import as_node
from autograd.compiler.recording.results import is_plain_number, is_structure, taken_apart
from autograd.compiler.recording.running import containers_in, inputs_for, labels_of, put_back, run
from autograd.compiler.recording.traced import node_of
from autograd.errors import CompileError
from autograd.functional import gradients
from autograd.modes import open_contexts, switched
from autograd.trees import rebuild
from autograd.value import Value

__all__ = ["Uncompiled"]


class Uncompiled(Recordings):
    """A function that can also be called as it is, with the same results."""

    _outside: Outside | None = None

    def graph(self, args: Sequence[Any], given: Sequence[Any]) -> Any:
        """The function as it is: for ``strict()``, which looks at each operation, and where no recording fits."""
        direct = not self.are_apart(args, structure(args)[0], given)  # copies would be apart
        if direct or self._may_change_something() or self._seen().reads("type"):
            result = called(self.f, args)  # what it puts somewhere, or asks for its type, must be a plain number
            known = result is None or is_structure(result) or self.kept.gives_number(given) or self._updates()
            return result if known else as_node(result)
        inputs = inputs_for(given, self._labels(args), keep=True)
        result, copies = run(self.f, args, inputs)
        if contents := copies.changed():
            changed, found = taken_apart(contents, (), copies.known)
            new = [x if kind is Value else kind(x._data) for kind, x in zip(changed.kinds, found)]
            put_back(changed, new, given, args)
        leaves = list(map(node_of, inputs))
        if not is_structure(result) and not is_plain_number(result, leaves):
            return as_node(result)
        form, nodes = taken_apart(result, leaves)
        return form.filled([x if kind is Value else kind(x._data) for kind, x in zip(form.kinds, nodes)])

    def as_it_is(self, args: Sequence[Any]) -> Any:
        """What the function gives for numbers of which it may ask more than a stand-in could answer."""
        self.budget.misses += 1
        return called(self.f, args)

    def are_apart(self, args: Sequence[Any], kind: Any, given: Sequence[Any]) -> bool:
        """Whether a program can make a call: all that the function may change has one name only.

        Args:
            args: The arguments of the call.
            kind: Their structure.
            given: The numbers and Values in them.
        """
        if self.has_effects and not self.kept.apart(given):
            return False
        if not (self.changes_arguments or self.lists):
            return True
        ids = list(map(id, containers_in(args, kind)))
        if not self.changes_arguments:
            return self.lists.isdisjoint(ids)
        outsides = {variant.outside for variant in self.kept.all()} or {self._seen()}
        return len({*ids}) == len(ids) and all(outside.seen.keys().isdisjoint(ids) for outside in outsides)

    def _may_change_something(self) -> bool:
        """Whether calls have effects, as far as the code tells."""
        return self.has_effects or self._updates()

    def _updates(self) -> bool:
        """Whether the code can set data and gradients of Values."""
        outside = self._seen()
        return outside.sets("grad") or outside.sets("data") or "backward" in outside.names

    def _seen(self) -> Outside:
        """What the function can see, and the names in all of its code: the same object as long as all is as it was."""
        known = self._outside
        if known is None or (known.changed() if known.never else not known.holds()):
            known = self._outside = Outside(self.f)
        return known

    def by_graph(self, args: Sequence[Any], given: Sequence[Any]) -> tuple[float, tuple[Any, ...]]:
        """The same as ``value_and_grad`` without the compiler."""
        if self.has_effects and self._updates():
            raise CompileError(
                "this call changes something outside of the function and cannot be recorded, so that value_and_grad "
                "cannot be computed: call the function itself"
            )
        if self.changes_arguments and not self.are_apart(args, structure(args)[0], given):
            raise CompileError(
                "this call changes a list or dictionary that it is given twice, or that the function also knows by "
                "itself, so that value_and_grad cannot be computed: give it a copy, or call the function itself"
            )
        with switched(recorder=None, recording=True) if open_contexts.count else nullcontext():
            inputs = inputs_for(given, self._labels(args), differentiated=True)
            output = as_node(run(self.f, args, inputs)[0])
            supply = iter(gradients(output, list(map(node_of, inputs))))
        return output._data, tuple([rebuild(arg, supply, fixed=False) for arg in args])

    def _labels(self, args: Sequence[Any]) -> Iterable[str]:
        """Names of the numbers, for the errors of ``strict()``."""
        return labels_of(self.f, args) if open_contexts.count else repeat("")
