"""The memory in which the numbers of a step stay, the same for all recordings of a function that keep the same numbers.

Names have different lengths, so that a function is recorded several times, and a call of one recording follows a call
of another.  All of them find the parameters and the state of the optimiser in the same places:

    home      the numbers that stay, in the order in which the first recording reads them; spare room for others
    scratch   everything that a call computes on the way
    constants, and the arguments of a call: each recording has its own
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np

from autograd.compiler.held import Held
from autograd.compiler.machine.lists import Lists
from autograd.compiler.machine.memory import aligned
from autograd.value import Value

__all__ = ["Home"]

_list_of = np.ndarray.tolist
_SPARE = 512  # single numbers that a call reads elsewhere and puts behind the others
_GROWTH = 1.5  # of the scratch memory, when a recording needs more


class Home:
    """The numbers that stay.

    Attributes:
        values, data, grads: See ``Resident``.
        frame: The memory.
        slots: For each key of a number its place there.
        size: How many places are taken.
        nowhere: A place that nobody reads.
        data_at, grads_at, trees_at: The places of data, gradients and state.
        lists: The lists of floats, which each call reads and writes; None if there are none.

    Args:
        held: The numbers that stay.
        slots: The place of each of them.
        others: The number of single numbers that the first recording puts behind them.
    """

    def __init__(self, held: Held, slots: dict[Any, int], others: int) -> None:
        self.whose = held.whose
        self.data, self.grads = held.data, held.grads
        self.values: list[Value] = list(dict.fromkeys([*held.data, *held.grads]))
        self.slots, self.size = slots, max(slots.values(), default=-1) + 1
        self.frame = aligned(self.size + max(others, _SPARE) + 1)
        self.nowhere = len(self.frame) - 1
        self._scratch = aligned(0)
        places = np.array([slots[key] for key in held.keys], dtype=int)
        self._tree_widths = [tree.size[1] for tree in held.trees]
        trees = [rows * width for rows, width in (tree.size for tree in held.trees)]
        sizes = [len(self.data), len(self.grads), *trees, *map(len, held.columns)]
        parts = [places[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]
        self.data_at, self.grads_at = parts[:2]
        self.trees_at, columns_at = parts[2 : 2 + len(trees)], parts[2 + len(trees) :]
        self.lists = Lists(held.columns, columns_at, self.frame) if held.columns else None

    def has_room(self, count: int) -> bool:
        """Whether there is room for this many more single numbers."""
        return self.size + count <= self.nowhere

    def scratch(self, size: int) -> Any:
        """Memory for what a call computes; it may hold anything."""
        if len(self._scratch) < size:
            self._scratch = aligned(int(size * _GROWTH))
        return self._scratch

    def numbers(self) -> tuple[Iterator[float], Iterator[float], list[Iterator[list[Any]]]]:
        """The data, the gradients and each list of state, as they are when somebody first asks for one of them."""
        trees: list[Iterator[list[Any]]] = [
            map(list, (zip(*[self._lazily(places)] * width),))
            for width, places in zip(self._tree_widths, self.trees_at)
        ]
        return self._lazily(self.data_at), self._lazily(self.grads_at), trees

    def _lazily(self, places: Any) -> Iterator[float]:
        return chain.from_iterable(map(_list_of, map(self.frame.take, (places,))))
