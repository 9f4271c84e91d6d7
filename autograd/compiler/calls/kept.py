"""The recordings of a function that are kept, in the order in which a call tries them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.compiler.calls.budget import MOST
from autograd.compiler.calls.variants import Variant
from autograd.compiler.recording.arguments import NUMBERS
from autograd.compiler.recording.outside import Outside
from autograd.value import Value

MOST_IN_ALL = 64  # recordings kept for a function


class Variants:
    """The recordings of a function that are kept, by the structure of the arguments."""

    def __init__(self) -> None:
        self.by_structure: dict[Any, list[Variant]] = {}
        self._ages: deque[tuple[Any, Variant]] = deque()  # the oldest first

    def add(self, structure: Any, variant: Variant) -> None:
        """Keep another variant; if there are too many, drop the one that served longest ago."""
        kept = self.by_structure.get(structure, [])
        variant.is_further = bool(kept)
        self._ages.append((structure, variant))
        self.by_structure[structure] = [variant, *kept]
        if len(kept) == MOST:
            self.forget(structure, kept[-1])
        elif len(self._ages) > MOST_IN_ALL:
            self.forget(*self._ages[0])

    def served(self, structure: Any, variant: Variant) -> None:
        """Note that a variant served a call: the next call tries it first."""
        kept = self.by_structure.get(structure, ())
        if kept and kept[0] is not variant:
            self.by_structure[structure] = [variant, *[other for other in kept if other is not variant]]

    def all(self) -> list[Variant]:
        """All variants that are kept, safe against other threads that add to them meanwhile."""
        return [variant for kept in list(self.by_structure.values()) for variant in kept]

    def apart(self, given: Sequence[Any]) -> bool:
        """Whether the Values are distinct, and none of them is also captured by the function."""
        if NUMBERS.issuperset(map(type, given)):
            return True
        values = [x for x in given if isinstance(x, Value)]
        captured = [p for variant in self.all() for p in variant.recording.parameters]
        return len(set(values)) == len(values) and set(values).isdisjoint(captured)

    def forget(self, structure: Any, variant: Variant) -> None:
        """Drop a variant."""
        self._ages = deque([age for age in self._ages if age[1] is not variant])
        left = [other for other in self.by_structure.pop(structure, ()) if other is not variant]
        if left:
            self.by_structure[structure] = left

    def holding(self, structure: Any) -> Iterator[Variant]:
        """The variants for a structure that were recorded with the same things outside as there are now."""
        kept = self.by_structure.get(structure, ())
        if len(kept) == 1:  # the most frequent case
            return iter(kept if kept[0].outside.holds() else ())
        return self._holding(kept)

    @staticmethod
    def _holding(kept: Sequence[Variant]) -> Iterator[Variant]:
        looked: dict[Outside, bool] = {}  # most variants share one `Outside`
        for variant in kept:
            outside = variant.outside
            if outside not in looked:
                looked[outside] = outside.holds()
            if looked[outside]:
                yield variant
