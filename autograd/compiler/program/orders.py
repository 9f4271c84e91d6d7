"""In which order the members of a class stand, so that the index maps between classes are simple.

Members stand in the order in which the function computed them, but for loops that are better run through in another
order: those with large steps go outside, and those over samples innermost, where machine code takes eight members at a
time.  Leaves are numbered in the order in which they are first read.

    z[sample][neuron] = Σ w[neuron] x[sample]          members by neuron, then by sample, whatever loop was outside
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count, repeat
from math import prod
from typing import Any

from autograd.compiler.program.indices import Index, common_dims, loops, renumbered, taken
from autograd.compiler.program.members import Class

__all__ = ["Columns", "Order", "ordered"]

Lists = dict[tuple[int, ...], list[Index]]
Columns = tuple[list[Index], Lists]  # of an operation, and of a sum


def ordered(found: Class, orders: Sequence[Order]) -> Columns:
    """The columns of a class in the new numbers, after its own order was chosen.

    Args:
        found: the class.
        orders: those of all classes; those of the classes that it reads are known, or grow if they are leaves.
    """
    for k, column in zip(found.operands, found.columns):
        orders[k].first_read(column)
    operands = [renumbered(Index(column), orders[k].numbers) for k, column in zip(found.operands, found.columns)]
    lists: Lists = {}
    for key, terms in found.lists.items():
        owner, *factors = map(Index, terms)
        nest = common_dims([loops(column) for column in (owner, *factors)])
        for k, factor, steps in zip(key, factors, nest[1][1:] if nest else repeat(())):
            orders[k].first_read(factor if not nest else _inside_out(factor, nest[0], steps, _samples(key, nest)))
        lists[key] = [owner, *[renumbered(column, orders[k].numbers) for k, column in zip(key, factors)]]
    order = orders[found.number]
    order.choose(found.count, _wanted(found, operands, lists))
    if not isinstance(order.members, range):
        operands = [Index(taken(column.places, order.members)) for column in operands]
        lists = {key: [renumbered(owner, order.numbers), *factors] for key, (owner, *factors) in lists.items()}
    return operands, lists


class Order:
    """The order of the members of a class.

    Attributes:
        numbers: the new number of each member; those of leaves grow as they are read.
        members: the member that each new number belongs to.
    """

    def __init__(self) -> None:
        self.numbers: Any = {}
        self.members: Any = None

    def first_read(self, places: Iterable[int]) -> None:
        """Number the leaves that are read for the first time."""
        if self.members is None:
            numbers = self.numbers
            numbers.update(zip([place for place in dict.fromkeys(places) if place not in numbers], count(len(numbers))))

    def complete(self, size: int) -> list[int]:
        """All leaves are read that will be: the others go last."""
        self.first_read(range(size))
        self.members = list(self.numbers)
        found: list[int] = self.members
        return found

    def choose(self, size: int, numbers: list[int] | None) -> None:
        """Take these numbers for the members; None: as they are."""
        self.members = range(size)
        self.numbers = range(size)
        if numbers is not None:
            self.numbers = numbers
            self.members = sorted(range(size), key=numbers.__getitem__)


# ---- the order of loops ----------------------------------------------------------------------------------------------
def _wanted(found: Class, operands: list[Index], lists: Lists) -> list[int] | None:
    """The new number of each member, if its loops are better run through in another order."""
    if found.count < 4:
        return None
    # An operation: the loops that all of its operands run through.
    if not lists:
        nest = common_dims([loops(column) for column in operands])
        return _by_steps(nest[0], nest[1], ()) if nest else None
    # A sum: the first list of terms that has loops, products with a parameter before others.
    for key in sorted(lists, key=lambda key: (len(key) == 1, key)):
        nest = common_dims([loops(column) for column in lists[key]])
        if nest is None:
            continue
        # The loops in which the owner moves on are those of the members; in the others terms of one sum are added.
        # They must number all members, one after the other.
        turns, (owner, *factors) = nest
        outer = [k for k, step in enumerate(owner) if step]
        members = tuple([turns[k] for k in outer])
        if prod(members) != found.count or [owner[k] for k in outer] != _strides(members):
            continue
        samples = [k for k, step in enumerate(_samples(key, nest)) if step]
        steps = [tuple([column[k] for k in outer]) for column in factors]
        return _by_steps(members, steps, [outer.index(k) for k in samples if k in outer])
    return _by_first_terms(found, lists)


def _by_first_terms(found: Class, lists: Lists) -> list[int] | None:
    """The same for sums of different lengths: what the first term of each reads may show the loops."""
    for owner, *factors in lists.values():
        firsts = [t for t, number in enumerate(owner) if not t or owner[t - 1] != number]
        if [owner[t] for t in firsts] != list(range(found.count)):
            continue
        dims = [loops(taken(column.places, firsts)) for column in factors]
        nest = common_dims([found_loops for found_loops in dims if found_loops is not None])
        if nest is not None and len(nest[0]) > 1:
            return _by_steps(nest[0], nest[1], ())
    return None


def _samples(key: tuple[int, ...], nest: Any) -> list[bool]:
    """Which loops are over samples: another sum for each turn, but the same parameter."""
    _, (owner, *factors) = nest
    if key[0] != 0:
        return [False] * len(owner)
    return [step != 0 and factors[0][k] == 0 for k, step in enumerate(owner)]


def _inside_out(
    column: Sequence[int], turns: Sequence[int], steps: Sequence[int], samples: Sequence[bool]
) -> list[int]:
    """The members that a column reads, loops over samples innermost."""
    inner = [k for k, step in enumerate(steps) if step and samples[k]]
    outer = [k for k, step in enumerate(steps) if step and not samples[k]]
    places = [column[0]]
    for k in (*outer, *inner):
        places = [place + turn * steps[k] for place in places for turn in range(turns[k])]
    return places


def _by_steps(turns: Sequence[int], columns: Sequence[Sequence[int]], samples: Sequence[int]) -> list[int] | None:
    """New numbers for members in nested loops: loops with large steps outside, those over samples inside."""
    largest = [max([abs(column[k]) for column in columns], default=0) for k in range(len(turns))]
    wanted = sorted(range(len(turns)), key=lambda k: (k in samples, -largest[k]))
    if wanted == list(range(len(turns))):
        return None
    strides = dict(zip(wanted, _strides([turns[k] for k in wanted])))
    numbers = [0]
    for k, n in enumerate(turns):
        numbers = [number + turn * strides[k] for number in numbers for turn in range(n)]
    return numbers


def _strides(turns: Sequence[int]) -> list[int]:
    """How many members one turn of each of these loops takes."""
    strides = [1]
    for n in reversed(turns[1:]):
        strides.append(strides[-1] * n)
    return strides[::-1]
