"""Grouping: a recorded graph becomes a program over classes, in one pass over its nodes.

Two nodes are of one class if they are the same operation on operands of the same classes.  Leaves of one kind are all
of one class, whichever parameters they are, and a sum is known by the *set* of the classes of its terms, however many
there are.  So the weighted inputs of all neurons of a layer, for all samples, are one class, and the products q·k of
all pairs of tokens are another: a graph of 100,000 nodes usually has fewer than 100 classes.

    c = a * b + a          two nodes, of which the product is used once    one sum: {(leaf, leaf), (leaf,)}

Members stand in the order in which the function computed them, but that loops over samples go innermost, where machine
code takes eight of them at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from math import inf, nan, prod
from operator import attrgetter
from typing import Any

from autograd import ops
from autograd.compiler.builder import Builder
from autograd.compiler.classes import Array, Kind, Operand, Read, Terms
from autograd.compiler.differentiate import differentiate
from autograd.compiler.effects import GRADIENT, UPDATED
from autograd.compiler.indices import common_dims, loops, taken
from autograd.errors import AutogradError
from autograd.value import Value

__all__ = ["TooManyClassesError", "group", "most_classes"]

_TERMS = {ops.add, ops.mul, ops.sum_of_products}
_SUMS = {"sum": None, "exact sum": None, "largest": ops.largest}
# The classes 0 to 3; the last one is of plain numbers, which are read at each call like parameters.
_LEAVES = (Kind.PARAMETER, Kind.ARGUMENT, Kind.CONSTANT, Kind.PARAMETER)


class TooManyClassesError(AutogradError):
    """A graph in which few nodes do the same: it is better run node by node, as a tape."""


def most_classes(nodes: int) -> int:
    """With more classes than that, a graph of so many nodes is better run node by node.

    A tape takes 9 ns for each node.  A program over classes takes 1 to 3 ns for each node and 20 ns for each class, but
    1 to 10 ms for each class before it starts.  So with 16 nodes in a class it pays after 20,000 evaluations.

    >>> most_classes(1_459)         # dynamic programming, 15 times 15 cells, has 620: a tape
    91
    >>> most_classes(44_066)        # a recurrent network, 64 steps, has 135: a program over classes
    2754
    """
    return max(64, nodes // 16)


def group(
    outputs: Sequence[Sequence[Value]],
    arguments: Sequence[Value],
    parameters: Sequence[Value],
    nodes: Sequence[Value],
    *,
    numbers: Sequence[Value] = (),
    batched: bool = False,
    most: float = inf,
) -> tuple[Builder, list[Operand], dict[Kind, Read]]:
    """Write the graph of some nodes as a program over classes.

    Args:
        outputs: lists of nodes; each list becomes one output.
        arguments: leaves whose numbers each call brings along.
        parameters: nodes whose numbers are read where they are; what they were computed from does not belong to it.
        nodes: all nodes with operands that belong to it, in the order of their creation.
        numbers: more leaves, whose numbers come behind those of the parameters.
        batched: whether there are arguments for each sample of a batch; the graph is that of one sample.
        most: with more classes than that it is given up.

    Returns:
        The builder with the program in it, the outputs, and the arrays of the leaves.

    Raises:
        TooManyClassesError: there are more than ``most``.
    """
    grouping = _Grouping(list(chain.from_iterable(outputs)), arguments, parameters, nodes, numbers, most)
    return grouping.written(outputs, batched)


class _Class:
    """Nodes that do the same.

    Attributes:
        key: what they do.
        members: how many.
        columns: for an operation the members that each operand reads; for a sum, by the classes of the factors, the
            owners and the members of each factor, term by term.
    """

    __slots__ = ("columns", "count", "exponent", "key", "labels", "lists", "op", "operands")

    def __init__(self, key: Any, op: Any, operands: tuple[Any, ...]) -> None:
        self.key, self.op, self.operands = key, op, operands
        self.count = 0
        self.exponent: float | None = None
        self.columns: list[list[int]] = [[] for operand in operands]
        self.lists: dict[tuple[int, ...], list[list[int]]] = {}
        self.labels: list[str] = []


class _Grouping:
    def __init__(
        self,
        roots: Sequence[Value],
        arguments: Sequence[Value],
        parameters: Sequence[Value],
        nodes: Sequence[Value],
        numbers: Sequence[Value],
        most: float,
    ) -> None:
        self.most = most
        self.classes: list[_Class] = [_Class(kind, None, ()) for kind in _LEAVES]
        self.known: dict[Any, int] = {}
        self.class_of: dict[Value, int] = {}
        self.place_of: dict[Value, int] = {}
        self.constants: list[float] = []
        for number, leaves in ((0, parameters), (1, arguments), (3, numbers)):
            self.class_of.update(zip(leaves, repeat(number)))
            self.place_of.update(zip(leaves, range(len(leaves))))
            self.classes[number].count = len(leaves)
            self.classes[number].labels = list(map(attrgetter("label"), leaves))
        uses = Counter(chain.from_iterable(map(attrgetter("parents"), nodes)))
        leaves = [node for node in chain(uses, roots) if not node.parents or node.op is ops.constant]
        pinned = set(roots)
        # Sums and products that only one other sum reads are terms of that sum.
        added = set(chain.from_iterable([node.parents for node in nodes if node.op is ops.add]))
        added.difference_update(pinned, [node for node, times in uses.items() if times > 1])
        self.absorbed = {node for node in added if node.op in _TERMS}
        self._constants([node for node in dict.fromkeys(leaves) if node not in self.class_of])
        self._walk([node for node in nodes if node not in self.absorbed])

    # ---- the pass over the nodes ------------------------------------------------------------------------------------
    def _constants(self, nodes: list[Value]) -> None:
        self.class_of.update(zip(nodes, repeat(2)))
        self.place_of.update(zip(nodes, range(len(nodes))))
        self.constants = list(map(attrgetter("_data"), nodes))
        self.classes[2].count = len(nodes)

    def _walk(self, order: list[Value]) -> None:
        for node in order:
            op, parents = node.op, node.parents
            if op is ops.add:
                self._write_sum(node, self._terms(node), "sum")
            elif op is ops.sum_of_products:
                self._write_sumprod(node, parents)
            elif op is ops.sum_of:
                kind = "exact sum" if len(parents) > 2 else "sum"  # two numbers are rounded once anyway
                self._write_sum(node, [(parent,) for parent in parents], kind)
            elif op is ops.largest:
                self._write_sum(node, [(parent,) for parent in parents], "largest")
            elif op is ops.constant_power:
                self._write_map(node, op, parents[:1], parents[1]._data)
            else:
                self._write_map(node, op, parents)

    def _terms(self, node: Value) -> list[tuple[Value, ...]]:
        """The terms of a sum, from the last to the first: those of the sums and products that belong to it, too."""
        absorbed, add, mul, zero = self.absorbed, ops.add, ops.mul, ops.constant
        found: list[tuple[Value, ...]] = []
        stack = [node]
        while stack:
            inner = stack.pop()
            if inner.op is not add:
                found += self._sumprod_terms(inner.parents)[::-1]
                continue
            left, right = inner.parents
            for parent in (right, left):
                if parent in absorbed:
                    if parent.op is mul:
                        found.append(parent.parents)
                    elif parent is left or left not in absorbed or left.op is mul:
                        stack.append(parent)
                    else:  # two sums: the right one comes first
                        stack += [left, parent]
                        break
                elif not (parent.op is zero and parent._data == 0.0):
                    found.append((parent,))
        found.reverse()
        return found or [(node.parents[0],)]

    @staticmethod
    def _sumprod_terms(parents: tuple[Value, ...]) -> list[Any]:
        ps, qs, start = ops.factors(parents)
        return [*zip(ps, qs), *[(x,) for x in start]]

    # ---- members ----------------------------------------------------------------------------------------------------
    def _member(self, node: Value, key: Any, op: Any, operands: tuple[Any, ...]) -> _Class:
        """The class of a node, which becomes its newest member."""
        number = self.known.get(key)
        if number is None:
            number = self.known[key] = len(self.classes)
            if number >= self.most:
                raise TooManyClassesError(f"more than {self.most} classes")
            self.classes.append(_Class(key, op, operands))
        found = self.classes[number]
        self.class_of[node] = number
        self.place_of[node] = found.count
        found.count += 1
        found.labels.append(node.label)
        return found

    def _write_map(self, node: Value, op: Any, parents: tuple[Value, ...], exponent: float | None = None) -> None:
        classes = tuple([self.class_of[parent] for parent in parents])
        found = self._member(node, (op, classes, exponent and repr(exponent)), op, classes)
        found.exponent = exponent
        for column, parent in zip(found.columns, parents):
            column.append(self.place_of[parent])

    def _write_sum(self, node: Value, terms: list[tuple[Value, ...]], kind: str) -> None:
        lists: dict[tuple[int, ...], list[tuple[Value, ...]]] = {}
        class_of = self.class_of
        pairs = len(terms) > 2 and {*map(len, terms)} == {2}
        classes = [{*map(class_of.__getitem__, column)} for column in zip(*terms)] if pairs else []
        if [*map(len, classes)] == [1, 1]:  # most sums have one kind of product only: 3x faster
            ((i,), (j,)) = classes
            lists[min(i, j), max(i, j)] = terms if i <= j else [(y, x) for x, y in terms]
        else:
            for term in terms:
                key = tuple([class_of[x] for x in term])
                if len(key) == 2 and key[1] < key[0]:
                    term, key = term[::-1], key[::-1]
                lists.setdefault(key, []).append(term)
        # Of the largest number the first is another one than the others: it may be nan.
        first = next(iter(lists)) if kind == "largest" else None
        found = self._member(node, (kind, frozenset(lists), first), kind, ())
        for key, part in lists.items():
            self._extend(found, key, *zip(*part))

    def _write_sumprod(self, node: Value, parents: tuple[Value, ...]) -> None:
        """The same for the sum of products of a neuron, 4x faster: most have one kind of product only."""
        ps, qs, start = ops.factors(parents)
        classes = set(map(self.class_of.__getitem__, ps)), set(map(self.class_of.__getitem__, qs))
        if len(classes[0]) != 1 or len(classes[1]) != 1:
            self._write_sum(node, self._sumprod_terms(parents), "sum")
            return
        (i,), (j,) = classes
        if j < i:
            i, j, ps, qs = j, i, qs, ps
        keys = {(i, j)} | {(self.class_of[x],) for x in start}
        found = self._member(node, ("sum", frozenset(keys), None), "sum", ())
        self._extend(found, (i, j), ps, qs)
        for x in start:
            self._extend(found, (self.class_of[x],), [x])

    def _extend(self, found: _Class, key: tuple[int, ...], *factors: Sequence[Value]) -> None:
        """Add terms to the newest member of a sum."""
        columns = found.lists.setdefault(key, [[] for _ in range(1 + len(key))])
        columns[0].extend(repeat(found.count - 1, len(factors[0])))
        for column, nodes in zip(columns[1:], factors):
            column.extend(map(self.place_of.__getitem__, nodes))

    # ---- the program ------------------------------------------------------------------------------------------------
    def written(
        self, outputs: Sequence[Sequence[Value]], batched: bool
    ) -> tuple[Builder, list[Operand], dict[Kind, Read]]:
        """The classes as arrays of a program, their members in the order that makes the index maps simple."""
        orders = [_Order() for _ in self.classes]
        steps = []  # for each class its columns, in the new numbers of the classes that they read
        for number, found in enumerate(self.classes):
            if number >= len(_LEAVES):
                steps.append(self._ordered(number, found, orders))
        builder = Builder()
        read: list[Operand] = []
        for number, kind in enumerate(_LEAVES):
            order = orders[number].complete(self.classes[number].count)
            first = self.classes[0].count if number == 3 else 0
            data = self.constants if kind is Kind.CONSTANT else range(first, first + len(order))
            sampled = batched and kind is Kind.ARGUMENT
            read.append(builder.leaf(kind, taken(data, order), batched=sampled) if order else 0.0)
        for found, (operands, lists) in zip(self.classes[len(_LEAVES) :], steps):
            read.append(self._array(builder, found, operands, lists, read))
        for number, (found, operand) in enumerate(zip(self.classes, read)):
            if any(found.labels) and isinstance(operand, Read) and operand.index.is_identity:
                builder.labels.setdefault(operand.array, taken(found.labels, orders[number].members))
        results = [self._gathered(builder, nodes, orders, read) for nodes in outputs]
        leaves = {kind: x for kind, x in zip(_LEAVES[:3], read) if isinstance(x, Read)}
        return builder, results, leaves

    def _array(
        self,
        builder: Builder,
        found: _Class,
        operands: list[list[int]],
        lists: dict[tuple[int, ...], list[list[int]]],
        read: list[Operand],
    ) -> Operand:
        if found.op is GRADIENT:
            return _gradients(builder, [read[k] for k in found.operands], operands)
        if found.op not in _SUMS:
            given = [_places(builder, read[k], places) for k, places in zip(found.operands, operands)]
            if found.op is ops.take:
                return _chosen(builder, given[0], given[1:], found.count)
            if found.exponent is not None:
                given.append(found.exponent)
            if found.op is UPDATED:  # a leaf for derivatives, hence an array even if it is known
                return builder.append(
                    Array(Kind.MAP, found.count, op=UPDATED, operands=(builder.spread(given[0], found.count),))
                )
            return builder.map(found.op, given, found.count)
        terms = []
        for key, (owner, *factors) in lists.items():
            reads = [_places(builder, read[k], places) for k, places in zip(key, factors)]
            terms.append(_terms(builder, owner, reads))
        return builder.sum(found.count, terms, exact=found.op != "sum", op=_SUMS[found.op])

    def _gathered(self, builder: Builder, nodes: Sequence[Value], orders: list[_Order], read: list[Operand]) -> Operand:
        """Some nodes as one output."""
        groups: dict[int, list[int]] = {}
        for k, node in enumerate(nodes):
            groups.setdefault(self.class_of[node], []).append(k)
        parts = []
        for number, wanted in groups.items():
            places = taken(orders[number].numbers, [self.place_of[nodes[k]] for k in wanted])
            parts.append((wanted, _places(builder, read[number], places)))
        if len(parts) == 1:
            return parts[0][1]
        return builder.sum(len(nodes), [_terms(builder, wanted, [part]) for wanted, part in parts])

    # ---- the order of members ---------------------------------------------------------------------------------------
    def _ordered(
        self, number: int, found: _Class, orders: list[_Order]
    ) -> tuple[list[list[int]], dict[tuple[int, ...], list[list[int]]]]:
        """The columns of a class in the new numbers, after its own order was chosen."""
        for k, column in zip(found.operands, found.columns):
            orders[k].first_read(column)
        operands = [taken(orders[k].numbers, column) for k, column in zip(found.operands, found.columns)]
        lists = {}
        for key, (owner, *factors) in found.lists.items():
            nest = common_dims([loops(column) for column in (owner, *factors)])
            for k, column, steps in zip(key, factors, nest[1][1:] if nest else repeat(())):
                orders[k].first_read(column if not nest else _inside_out(column, nest[0], steps, _samples(key, nest)))
            lists[key] = [owner, *[taken(orders[k].numbers, column) for k, column in zip(key, factors)]]
        order = orders[number]
        order.choose(found.count, self._wanted(found, operands, lists))
        if order.members is not None and not isinstance(order.members, range):
            operands = [taken(column, order.members) for column in operands]
            lists = {key: [taken(order.numbers, owner), *factors] for key, (owner, *factors) in lists.items()}
        return operands, lists

    def _wanted(
        self, found: _Class, operands: list[list[int]], lists: dict[tuple[int, ...], list[list[int]]]
    ) -> list[int] | None:
        """The new number of each member, if its loops are better run through in another order."""
        if found.count < 4:
            return None
        if not lists:
            nest = common_dims([loops(column) for column in operands])
            return _by_steps(nest[0], nest[1], ()) if nest else None
        for key in sorted(lists, key=lambda key: (len(key) == 1, key)):  # products with a parameter first
            nest = common_dims([loops(column) for column in lists[key]])
            if nest is None:
                continue
            turns, (owner, *factors) = nest
            outer = [k for k, step in enumerate(owner) if step]
            members = tuple([turns[k] for k in outer])
            if prod(members) != found.count or [owner[k] for k in outer] != _strides(members):
                continue
            samples = [k for k, step in enumerate(_samples(key, nest)) if step]
            steps = [tuple([column[k] for k in outer]) for column in factors]
            return _by_steps(members, steps, [outer.index(k) for k in samples if k in outer])
        return self._by_first_terms(found, lists)

    @staticmethod
    def _by_first_terms(found: _Class, lists: dict[tuple[int, ...], list[list[int]]]) -> list[int] | None:
        """The same for sums of different lengths: what the first term of each reads may show the loops."""
        for owner, *factors in lists.values():
            firsts = [t for t, number in enumerate(owner) if not t or owner[t - 1] != number]
            if [owner[t] for t in firsts] != list(range(found.count)):
                continue
            dims = [loops(taken(column, firsts)) for column in factors]
            nest = common_dims([found_loops for found_loops in dims if found_loops is not None])
            if nest is not None and len(nest[0]) > 1:
                return _by_steps(nest[0], nest[1], ())
        return None


class _Order:
    """The order of the members of a class.

    Attributes:
        numbers: the new number of each member.
        members: the member that each new number belongs to.
    """

    def __init__(self) -> None:
        self.numbers: Any = _Growing()
        self.members: Any = None

    def first_read(self, places: Iterable[int]) -> None:
        """Leaves are numbered in the order in which they are first read."""
        if self.members is None:
            self.numbers.add(places)

    def complete(self, count: int) -> list[int]:
        """All leaves are read that will be: the others go last."""
        self.numbers.add(range(count))
        self.members = list(self.numbers.order)
        found: list[int] = self.members
        return found

    def choose(self, count: int, numbers: list[int] | None) -> None:
        self.members = range(count)
        self.numbers = range(count)
        if numbers is not None:
            self.numbers = numbers
            self.members = sorted(range(count), key=numbers.__getitem__)


class _Growing:
    """Numbers for members in the order in which they come."""

    def __init__(self) -> None:
        self.order: dict[int, int] = {}

    def add(self, places: Iterable[int]) -> None:
        for place in dict.fromkeys(places):
            if place not in self.order:
                self.order[place] = len(self.order)

    def __getitem__(self, place: int) -> int:
        return self.order[place]


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
    for k, count in enumerate(turns):
        numbers = [number + turn * strides[k] for number in numbers for turn in range(count)]
    return numbers


def _strides(turns: Sequence[int]) -> list[int]:
    """How many members one turn of each of these loops takes."""
    strides = [1]
    for count in reversed(turns[1:]):
        strides.append(strides[-1] * count)
    return strides[::-1]


def _places(builder: Builder, operand: Operand, places: Sequence[int]) -> Operand:
    return builder.read(operand, builder.index(places)) if isinstance(operand, Read) else operand


def _gradients(builder: Builder, operands: Sequence[Operand], places: Sequence[Sequence[int]]) -> Operand:
    """Derivatives of some numbers with respect to others, as plain numbers: each of one root and one leaf.

    Args:
        builder: with the program in it.
        operands: the arrays of the roots and of the leaves.
        places: for each derivative the member that is its root, and the one that is its leaf.
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
    """Terms of a sum, of which a factor may be a known number."""
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
    """What a number chooses among several, for each of so many members.

    All candidates must be members of one array.  Where they are of several, so much is gathered from each of these, and
    the number chooses once more, which of the results it is:

        [x0, y1, x2][k]    is    [x0, x0, x2][k] if [1, 0, 1][k] else [y1, y1, y1][k]
    """
    numbers = [k for k, x in enumerate(candidates) if not isinstance(x, Read)]
    arrays: dict[int, dict[int, Read]] = {}  # the candidates in each, by their numbers
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
