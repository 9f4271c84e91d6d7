"""The nodes of a recording and their numbers: the passes over 100,000 nodes look at numbers instead of objects.

x, w leaves; y = x * w; z = y + x          number: y 0, z 1, x 2, w 3          operands: 2 3, 0 2
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate, chain, compress, count, filterfalse, islice
from operator import attrgetter
from typing import Any

from autograd.value import Value

_parents, _op = attrgetter("parents"), attrgetter("op")


class Graph(list[Value]):
    """Nodes with operands, each behind those that it reads."""

    @cached_property
    def _numbered(self) -> tuple[dict[Value, int], list[int]]:
        number = defaultdict(int, zip(self, count()))
        number.default_factory = count(len(number)).__next__  # of others, as they are first read
        operands = list(map(number.__getitem__, chain.from_iterable(map(_parents, self))))
        number.default_factory = None
        return number, operands

    @property
    def number(self) -> dict[Value, int]:
        """The number of each node, then of all else that is read, in the order of the first read."""
        return self._numbered[0]

    @property
    def operands(self) -> list[int]:
        """The numbers of the operands of all nodes, one after the other."""
        return self._numbered[1]

    @property
    def others(self) -> list[Value]:
        """The nodes that are read but do not belong to the graph."""
        return list(islice(self.number, len(self), None))

    @cached_property
    def starts(self) -> list[int]:
        """Where the operands of each node begin, and at last where those of the last one end."""
        return list(accumulate(map(len, map(_parents, self)), initial=0))

    @cached_property
    def ops(self) -> list[Any]:
        """The operation of each node."""
        return list(map(_op, self))

    @cached_property
    def reads(self) -> Counter[int]:
        """How often each number is read."""
        return Counter(self.operands)

    def followed(self, roots: Iterable[Value]) -> Graph:
        """The nodes that these depend on, in their order."""
        number, operands, starts, inside = self.number, self.operands, self.starts, len(self)
        wanted = [number[root] for root in roots if root in number]
        if len({*operands, *wanted}) == len(number):  # nothing was computed in vain: 4x faster to see than to follow
            return self
        needed = bytearray(len(number))
        for k in wanted:
            needed[k] = True
        for k in range(inside - 1, -1, -1):
            if needed[k]:
                for operand in operands[starts[k] : starts[k + 1]]:
                    needed[operand] = True
        kept = list(compress(range(inside), needed))
        read = list(chain.from_iterable([operands[starts[k] : starts[k + 1]] for k in kept]))
        kept += dict.fromkeys([k for k in read if k >= inside])
        now = dict(zip(kept, count()))
        found = Graph(compress(self, needed))
        every = list(number)
        vars(found)["_numbered"] = {every[k]: new for k, new in now.items()}, list(map(now.__getitem__, read))
        return found

    def more(self, nodes: Iterable[Value]) -> dict[Value, int]:
        """Numbers for those of these that have none: leaves that no node reads."""
        unread = dict.fromkeys(filterfalse(self.number.__contains__, nodes))
        return dict(zip(unread, count(len(self.number))))

    def numbers_of(self, nodes: Iterable[Value], more: dict[Value, int]) -> list[int]:
        """The numbers of some nodes, which may be among ``more``."""
        if not more:
            return list(map(self.number.__getitem__, nodes))
        number = self.number
        return [more[node] if node in more else number[node] for node in nodes]

    def forget(self) -> None:
        """Let go of what can be made again."""
        vars(self).clear()


def graph_of(nodes: Iterable[Value]) -> Graph:
    """Nodes as a graph."""
    return nodes if isinstance(nodes, Graph) else Graph(nodes)
