"""Grouping: a recorded graph becomes a program over classes.

    members.py            the nodes               → classes: which nodes do the same, and the operands of each node
    ``ordered``, here     the columns of a class  → its members in an order that makes index maps simple
    ``group``, here       classes and columns     → arrays of a program

The members of a class keep the order in which the function computed them, except that loops may be exchanged: loops
with large steps become outer loops, and loops over samples innermost loops, where machine code computes eight members
at a time.  Leaves are ordered by their first use.

    z[sample][neuron] = Σ w[neuron] x[sample]          members by neuron, then by sample, whichever was the outer loop

So the weighted inputs of all neurons of a layer, for all samples, are one class, and the products q·k of all pairs of
tokens are another: a graph of 100,000 nodes usually has fewer than 100 classes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count, groupby, repeat
from math import inf, nan, prod
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Array, Kind, Operand, Read, Terms
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.indices import Index, common_dims, loops, renumbered, taken
from autograd.compiler.program.members import Class, Members, members_by_name
from autograd.compiler.recording.columns import Formula
from autograd.compiler.recording.effects import GRADIENT, UPDATED
from autograd.value import Value

# ---- the order of members --------------------------------------------------------------------------------------------
Lists = dict[tuple[int, ...], list[Index]]
Columns = tuple[list[Index], Lists]  # the operands of an operation, and the terms of a sum


def ordered(found: Class, orders: Sequence[Order], weights: int) -> Columns:
    """Choose the order of a class, and return its columns with all members renumbered.

    Args:
        found: The class.
        orders: The orders of all classes.
        weights: The number of classes of parameters, which come first.
    """
    # Classes come in the order of computation, so that operands already have their new numbers.  Only leaves do not:
    # they get new numbers here, at their first use.
    for k, column in zip(found.operands, found.columns):
        orders[k].first_read(column)
    operands = [renumbered(Index(column), orders[k].numbers) for k, column in zip(found.operands, found.columns)]
    lists: Lists = {}
    for key, terms in found.lists.items():
        owner, *factors = map(Index, terms)
        nest = common_dims([loops(column) for column in (owner, *factors)])
        for k, factor, steps in zip(key, factors, nest[1][1:] if nest else repeat(())):
            samples = _samples(key[0] < weights, nest) if nest else []
            orders[k].first_read(_inside_out(factor, nest[0], steps, samples) if nest else factor)
        lists[key] = [owner, *[renumbered(column, orders[k].numbers) for k, column in zip(key, factors)]]
    # Then the class itself: the best order of its members follows from the new numbers of their operands.
    order = orders[found.number]
    order.choose(found.count, _wanted(found, operands, lists, weights))
    if not isinstance(order.members, range):
        operands = [Index(taken(column.places, order.members)) for column in operands]
        lists = {key: [renumbered(owner, order.numbers), *factors] for key, (owner, *factors) in lists.items()}
    return operands, lists


class Order:
    """The order of the members of a class."""

    def __init__(self) -> None:
        # The new number of each member; leaves are entered at their first use.
        self.numbers: Any = defaultdict(count().__next__)
        self.members: Any = None  # the member with each new number

    def first_read(self, places: Iterable[int]) -> None:
        """Number the leaves among these that have no number yet."""
        if self.members is None:
            deque(map(self.numbers.__getitem__, places), maxlen=0)

    def complete(self, size: int) -> list[int]:
        """Complete the order of a class of leaves: those that are never read go last."""
        self.first_read(range(size))
        self.numbers.default_factory = None
        self.members = list(self.numbers)
        found: list[int] = self.members
        return found

    def choose(self, size: int, numbers: list[int] | None) -> None:
        """Set the new numbers of the members; None keeps the old ones."""
        self.members = range(size)
        self.numbers = range(size)
        if numbers is not None:
            self.numbers = numbers
            self.members = sorted(range(size), key=numbers.__getitem__)


# ---- the order of loops ----------------------------------------------------------------------------------------------
def _wanted(found: Class, operands: list[Index], lists: Lists, weights: int) -> list[int] | None:
    """The new number of each member, if its loops are better in another order; else None."""
    if found.count < 4:
        return None
    # An operation: the loops that produce the columns of all its operands.
    if not lists:
        nest = common_dims([loops(column) for column in operands])
        return _by_steps(nest[0], nest[1], ()) if nest else None
    # A sum: the first list of terms that loops produce, where products with a parameter come first.
    for key in sorted(lists, key=lambda key: (len(key) == 1, key)):
        nest = common_dims([loops(column) for column in lists[key]])
        if nest is None:
            continue
        # In some loops the owner changes: they run over the members.  In the other loops, the terms of one sum are
        # added.  The loops over the members must visit all members in order.
        turns, (owner, *factors) = nest
        outer = [k for k, step in enumerate(owner) if step]
        members = tuple([turns[k] for k in outer])
        if prod(members) != found.count or [owner[k] for k in outer] != _strides(members):
            continue
        samples = [k for k, step in enumerate(_samples(key[0] < weights, nest)) if step]
        steps = [tuple([column[k] for k in outer]) for column in factors]
        return _by_steps(members, steps, [outer.index(k) for k in samples if k in outer])
    return _by_first_terms(found, lists)


def _by_first_terms(found: Class, lists: Lists) -> list[int] | None:
    """The new numbers for sums of different lengths: the operands of each sum's first term may show the loops."""
    for owner, *factors in lists.values():
        firsts = [t for t, number in enumerate(owner) if not t or owner[t - 1] != number]
        if [owner[t] for t in firsts] != list(range(found.count)):
            continue
        dims = [loops(taken(column.places, firsts)) for column in factors]
        nest = common_dims([found_loops for found_loops in dims if found_loops is not None])
        if nest is not None and len(nest[0]) > 1:
            return _by_steps(nest[0], nest[1], ())
    return None


def _samples(weighted: bool, nest: Any) -> list[bool]:
    """For each loop, whether it runs over samples: each turn has its own sum, but all turns read the same parameter."""
    _, (owner, *factors) = nest
    if not weighted:
        return [False] * len(owner)
    return [step != 0 and factors[0][k] == 0 for k, step in enumerate(owner)]


def _inside_out(
    column: Sequence[int], turns: Sequence[int], steps: Sequence[int], samples: Sequence[bool]
) -> list[int]:
    """The members that a column reads, with loops over samples innermost."""
    inner = [k for k, step in enumerate(steps) if step and samples[k]]
    outer = [k for k, step in enumerate(steps) if step and not samples[k]]
    places = [column[0]]
    for k in (*outer, *inner):
        places = [place + turn * steps[k] for place in places for turn in range(turns[k])]
    return places


def _by_steps(turns: Sequence[int], columns: Sequence[Sequence[int]], samples: Sequence[int]) -> list[int] | None:
    """New numbers for members in nested loops: loops with large steps outside, loops over samples inside."""
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
    """The number of members in one turn of each of these loops."""
    strides = [1]
    for n in reversed(turns[1:]):
        strides.append(strides[-1] * n)
    return strides[::-1]


# ---- arrays of a program ---------------------------------------------------------------------------------------------
_SUMS = {"sum": None, "exact sum": None, "largest": ops.largest}


def most_classes(nodes: int) -> int:
    """The number of classes above which a graph with this many nodes is better run node by node, as a tape.

    A tape takes 9 ns for each node.  A program over classes takes 1 to 3 ns for each node and 20 ns for each class, and
    compiling it takes 1 to 10 ms for each class.  So with 16 nodes in a class, it pays after 20,000 evaluations.

    >>> most_classes(1_459)         # dynamic programming, 15 times 15 cells, has 620: a tape
    91
    >>> most_classes(44_066)        # a recurrent network, 64 steps, has 135: a program over classes
    2754
    """
    return max(64, nodes // 16)


class Groups(NamedTuple):
    """The graph of some nodes as a program over classes."""

    builder: Builder  # contains the program
    members: Members
    orders: list[Order]
    arrays: list[Operand]  # the array of each class, with its members in their new order

    def output(self, nodes: Sequence[Value]) -> Operand:
        """Write some nodes as one output."""
        builder, groups = self.builder, dict[int, list[int]]()
        found = self._found(nodes)
        for k, (number, _) in enumerate(found):
            groups.setdefault(number, []).append(k)
        parts = [
            (wanted, _places(builder, self.arrays[number], [found[k][1] for k in wanted]))
            for number, wanted in groups.items()
        ]
        if len(parts) == 1:
            return parts[0][1] if len(nodes) == 1 else builder.spread(parts[0][1], len(nodes))
        return builder.sum(len(nodes), [_terms(builder, wanted, [part]) for wanted, part in parts])

    def pieces(self, nodes: Sequence[Value], instead: Mapping[int, Operand] = MappingProxyType({})) -> list[Operand]:
        """Some nodes as several consecutive outputs, which needs no array to gather them in.

        Args:
            nodes: The nodes.
            instead: For the numbers of some arrays, operands that replace them, such as their adjoints.
        """
        arrays = [instead.get(x.array, x) if isinstance(x, Read) else x for x in self.arrays]
        found: list[Operand] = []
        for number, run in groupby(self._found(nodes), key=itemgetter(0)):
            places = [place for _, place in run]
            operand = _places(self.builder, arrays[number], places)
            found += [operand] if isinstance(operand, Read) else [operand] * len(places)
        return found

    def leaves(self, kind: Kind) -> list[Read]:
        """The arrays of a kind of leaves, without those of plain numbers from outside."""
        leaves = zip(self.members.classes[: self.members.plain], self.arrays)
        return [x for found, x in leaves if found.op is kind and isinstance(x, Read)]

    def _found(self, nodes: Sequence[Value]) -> list[tuple[int, int]]:
        """The class of each node, and its new number in the class."""
        return [(number, self.orders[number].numbers[place]) for number, place in self.members.where(nodes)]


def group(
    outputs: Sequence[Sequence[Value]],
    arguments: Sequence[Value],
    parameters: Sequence[Value],
    nodes: Sequence[Value],
    *,
    numbers: Sequence[Value] = (),
    batched: bool = False,
    most: float = inf,
    by_name: bool = False,
) -> Groups:
    """Write the graph of some nodes as a program over classes.

    Args:
        outputs: Lists of nodes that are outputs.
        arguments: Leaves whose numbers each call supplies.
        parameters: Nodes whose current numbers each call reads; the graph ends at them, even if they were computed.
        nodes: The nodes of the graph that have operands, in the order of their creation.
        numbers: More leaves, whose numbers follow those of the parameters.
        batched: Whether the graph is that of one sample of a batch, and each sample has its own arguments.
        most: The largest number of classes allowed.
        by_name: Whether leaves with different names belong to different classes, which suits a printed program.

    Raises:
        TooManyClassesError: The graph has more than ``most`` classes.
    """
    sort = members_by_name if by_name else Members
    return _written(sort(list(chain.from_iterable(outputs)), arguments, parameters, nodes, numbers, most), batched)


# ---- the program -----------------------------------------------------------------------------------------------------
def _written(members: Members, batched: bool) -> Groups:
    """Write the classes as arrays of a program."""
    leaves, others = members.classes[: members.leaf_classes], members.classes[members.leaf_classes :]
    orders = [Order() for _ in members.classes]
    columns = [ordered(found, orders, members.weights) for found in others]
    builder = Builder()
    read: list[Operand] = []  # the array of each class, with its members in their new order
    for found, order in zip(leaves, orders):
        places, sampled = order.complete(found.count), batched and found.op is Kind.ARGUMENT
        read.append(builder.leaf(found.op, taken(found.data, places), batched=sampled) if found.count else 0.0)
    for found, columns_of in zip(others, columns):
        read.append(_array(builder, found, columns_of, read))
    for found, operand, order in zip(members.classes, read, orders):
        if any(found.labels) and isinstance(operand, Read) and operand.index.is_identity:
            builder.labels.setdefault(operand.array, taken(found.labels, order.members))
    return Groups(builder, members, orders, read)


def _array(builder: Builder, found: Class, columns: Columns, read: list[Operand]) -> Operand:
    """Write one class as an array."""
    operands, lists = columns
    if found.op is GRADIENT:
        return _gradients(builder, [read[k] for k in found.operands], operands)
    if found.op in _SUMS:
        terms = []
        for key, (owner, *factors) in lists.items():
            reads = [_places(builder, read[k], places) for k, places in zip(key, factors)]
            terms.append(_terms(builder, builder.adopted(owner), reads))
        total = builder.sum(found.count, terms, exact=found.op != "sum", op=_SUMS[found.op])
        # A sum of one term is 0.0 + x, as written by Python's ``sum``, which is not x for -0.0.
        alone = found.op == "sum" and len(terms) == 1 and len(terms[0].owner) == found.count
        return builder.map(ops.add, [total, 0.0]) if alone else total
    given = [_places(builder, read[k], places) for k, places in zip(found.operands, operands)]
    if found.op is ops.take:
        return _chosen(builder, given[0], given[1:], found.count)
    if found.op is UPDATED:  # derivatives treat it as a leaf, so it is an array even if its number is known
        spread = builder.spread(given[0], found.count)
        return builder.append(Array(Kind.MAP, found.count, op=UPDATED, operands=(spread,)))
    if isinstance(found.op, Formula):
        result = found.op(*[wrapped(builder, operand) for operand in given])
        return result.read if isinstance(result, Rows) else float(result)
    if found.exponent is not None:
        given.append(found.exponent)
    return builder.map(found.op, given, found.count)


def _places(builder: Builder, operand: Operand, places: Sequence[int]) -> Operand:
    if not isinstance(operand, Read):
        return operand
    return builder.read(operand, builder.adopted(places) if isinstance(places, Index) else builder.index(places))


def _gradients(builder: Builder, operands: Sequence[Operand], places: Sequence[Sequence[int]]) -> Operand:
    """The derivatives that a recorded ``backward`` wrote, detached: each of one root with respect to one leaf.

    Args:
        builder: The builder with the program in it.
        operands: The array of the roots, and the array of the leaves.
        places: The roots and the leaves of the derivatives, as members of their classes.
    """
    roots, leaves = operands
    if not isinstance(roots, Read) or not isinstance(leaves, Read):
        return 0.0
    every = Read(leaves.array, builder.identity(builder.arrays[leaves.array].size))
    parts = []
    for root in dict.fromkeys(places[0]):
        members = [k for k, place in enumerate(places[0]) if place == root]
        (found,) = differentiate(builder, builder.read(roots, [root]), [every])
        found = builder.spread(builder.map(ops.detached, [found]), len(every.index))
        parts.append((members, builder.read(found, taken(leaves.index.places, [places[1][k] for k in members]))))
    if len(parts) == 1:
        return parts[0][1]
    return builder.sum(len(places[0]), [_terms(builder, members, [part]) for members, part in parts])


def _terms(builder: Builder, owner: Sequence[int], factors: Sequence[Operand]) -> Terms:
    """The terms of a sum; some of the factors may be plain numbers."""
    known = [builder.known(factor) for factor in factors]
    numbers = [x for x in known if not isinstance(x, Read)]
    reads = [x for x in known if isinstance(x, Read)]
    if not numbers:
        return builder.terms(owner, *reads)
    if not reads:
        constant = builder.leaf(Kind.CONSTANT, [prod(numbers)])
        return builder.terms(owner, builder.read(constant, builder.index([0] * len(owner))))
    return builder.terms(owner, builder.map(ops.mul, [reads[0], numbers[0]]))


def _chosen(builder: Builder, chosen: Operand, candidates: Sequence[Operand], size: int) -> Operand:
    """For each member of a class, the candidate that a number selects.

    The candidates of a GATHER must be members of one array.  If they belong to several arrays, each array gets a GATHER
    of its own, and the number also selects among their results:

        [x0, y1, x2][k]    is    [x0, x0, x2][k] if [1, 0, 1][k] else [y1, y1, y1][k]
    """
    numbers = [k for k, x in enumerate(candidates) if not isinstance(x, Read)]
    arrays: dict[int, dict[int, Read]] = {}  # for each array, its candidates by position
    if numbers:
        constants = builder.leaf(Kind.CONSTANT, [candidates[k] for k in numbers])
        arrays[constants.array] = {k: builder.read(constants, [n] * size) for n, k in enumerate(numbers)}
    for k, x in enumerate(candidates):
        if isinstance(x, Read):
            arrays.setdefault(x.array, {})[k] = x
    result: Operand | None = None
    for number, known in arrays.items():
        other = next(iter(known.values()))
        reads = [known.get(k, other).index.places for k in range(len(candidates))]
        found = builder.gather(chosen, Read(number, builder.index(list(chain.from_iterable(reads)))), size)
        if result is not None:
            here = builder.leaf(Kind.CONSTANT, [float(k in known) for k in range(len(candidates))])
            flags = [k for k in range(len(candidates)) for _ in range(size)]
            found = builder.map(ops.select, [builder.gather(chosen, builder.read(here, flags), size), found, result])
        result = found
    return nan if result is None else result
