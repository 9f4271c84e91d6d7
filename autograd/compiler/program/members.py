"""Finds the nodes that do the same: one pass over a recorded graph sorts its nodes into classes.

Two nodes belong to one class if they apply the same operation to operands of the same classes.  All leaves of one kind
form one class.  The class of a sum depends only on the *set* of the classes of its terms, not on how many there are.  A
product or sum that is used only once, as a term of a sum, belongs to that sum:

    c = a * b + a          two nodes, but one sum, with the terms {(leaf, leaf), (leaf,)}

A node is given by its number in the graph (``numbered.py``).  The pass is written for speed, with one look-up for each
operand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, compress, count, filterfalse, repeat
from math import inf
from operator import attrgetter, is_, not_
from typing import Any

from autograd import ops
from autograd.compiler.backends import TooManyClassesError
from autograd.compiler.program.classes import Kind
from autograd.compiler.program.indices import taken
from autograd.compiler.recording.recorder import graph_of
from autograd.labels import label_of, stem
from autograd.value import Value

_ADD, _MUL, _SUMPROD = 1, 2, 3
_KINDS: dict[Any, int] = {ops.add: _ADD, ops.mul: _MUL, ops.sum_of_products: _SUMPROD}  # terms of sums
_label, _data = attrgetter("label"), attrgetter("_data")


class Class:
    """Nodes that do the same.

    Args:
        number: The number of the class.
        op: A row of the table, or "sum", "exact sum" or "largest"; for leaves, their ``Kind``.
        operands: For an operation, the class of each operand.
        exponent: The exponent of a ``constant_power``, which is part of the operation.
    """

    __slots__ = ("columns", "count", "data", "exponent", "labels", "lists", "nodes", "number", "op", "operands")

    def __init__(self, number: int, op: Any, operands: tuple[Any, ...] = (), exponent: float | None = None) -> None:
        self.number, self.op, self.operands, self.exponent = number, op, operands, exponent
        self.count = 0  # the number of members
        self.nodes: list[int] = []  # the nodes of the members, in the order of their creation; empty for leaves
        # For an operation: a list for each operand, with the member of the operand's class that each member reads.
        self.columns: list[list[int]] = [[] for operand in operands]
        # For a sum: its terms, by the classes of their factors.  A list of terms is [owners, first factors, second
        # factors]: term t adds member first[t], times member second[t] if there is one, to the sum owners[t].
        self.lists: dict[tuple[int, ...], list[list[int]]] = {}
        self.labels: Sequence[str] = []  # the labels of the members
        self.data: Sequence[Any] = []  # for leaves, each member's position among the numbers of the call; constants


class Members:
    """The classes of a graph, and for each node its class and its position among the members of the class.

    Args:
        roots: The nodes that are outputs.
        arguments, parameters, numbers: Leaves.
        nodes: The nodes of the graph that have operands, in the order of their creation.
        most: The largest number of classes allowed.
        names: The name of each leaf, if leaves with different names belong to different classes; else None.

    Raises:
        TooManyClassesError: The graph has more than ``most`` classes.
    """

    def __init__(
        self,
        roots: Sequence[Value],
        arguments: Sequence[Value],
        parameters: Sequence[Value],
        nodes: Sequence[Value],
        numbers: Sequence[Value],
        most: float,
        names: Mapping[Value, Hashable] | None = None,
    ) -> None:
        self.most, self.names = most, names
        self.classes: list[Class] = []
        self.known: dict[Any, Class] = {}
        self.graph = graph = graph_of(nodes)
        self._ops, self._operands, self._starts = graph.ops, graph.operands, graph.starts
        self._more = graph.more(chain(arguments, parameters, numbers, roots))
        count = len(graph.number) + len(self._more)
        self.class_of, self.place_of = [-1] * count, [0] * count
        known = {*arguments, *parameters, *numbers}
        constants = list(filterfalse(known.__contains__, chain(graph.others, self._more)))
        self.leaves = [*parameters, *arguments, *constants, *numbers]
        values = list(map(_data, constants))
        behind = range(len(parameters), len(parameters) + len(numbers))
        self._leaves(Kind.PARAMETER, parameters, range(len(parameters)))
        self.weights = len(self.classes)  # the first classes, of parameters
        self._leaves(Kind.ARGUMENT, arguments, range(len(arguments)))
        places = self._leaves(Kind.CONSTANT, constants, values)
        self.plain = len(self.classes)  # the first class of plain numbers, which are read at each call like parameters
        self._leaves(Kind.PARAMETER, numbers, behind)
        self.leaf_classes = len(self.classes)
        self._zeros = {k for k, x in zip(places, values) if repr(x) == "0.0"}
        self._absorbed = self._find_absorbed(graph.numbers_of(roots, self._more))
        self._walk()
        for found in self.classes[self.leaf_classes :]:
            found.labels = list(map(_label, map(graph.__getitem__, found.nodes)))

    def where(self, nodes: Sequence[Value]) -> list[tuple[int, int]]:
        """The class of each node, and its position among the members."""
        return [(self.class_of[k], self.place_of[k]) for k in self.graph.numbers_of(nodes, self._more)]

    def _leaves(self, kind: Kind, leaves: Sequence[Value], data: Sequence[Any]) -> list[int]:
        """Make leaves of one kind a class, or a class for each name, and return the numbers of these nodes."""
        numbers = self.graph.numbers_of(leaves, self._more)
        groups: list[Sequence[int]] = [range(len(leaves))]
        if self.names is not None:
            by_name: dict[Hashable, list[int]] = {}
            for place, leaf in enumerate(leaves):
                by_name.setdefault(self.names[leaf], []).append(place)
            groups = [*by_name.values()]
        for members in groups:
            found = Class(len(self.classes), kind)
            for place, k in enumerate(taken(numbers, members)):
                self.class_of[k], self.place_of[k] = found.number, place
            found.count, found.data = len(members), taken(data, members)
            found.labels = list(map(_label, taken(leaves, members)))
            self.classes.append(found)
        return numbers

    def uses(self) -> dict[Value, frozenset[Any]]:
        """For each leaf, the classes that read it, and as which operand or factor."""
        found: dict[tuple[int, int], set[Any]] = {}
        for reader in self.classes:
            columns: list[tuple[Any, int, list[int]]] = []  # (use, class that is read, members that are read)
            for k, (number, column) in enumerate(zip(reader.operands, reader.columns)):
                columns.append((min(k, 1) if reader.op is ops.take else k, number, column))  # all candidates are alike
            for key, (_, *factors) in reader.lists.items():
                columns += [((key, k), number, column) for k, (number, column) in enumerate(zip(key, factors))]
            for use, number, column in columns:
                if number < self.leaf_classes:
                    for place in set(column):
                        found.setdefault((number, place), set()).add((reader.number, use))
        return {leaf: frozenset(found.get(where, ())) for leaf, where in zip(self.leaves, self.where(self.leaves))}

    def _find_absorbed(self, roots: Iterable[int]) -> bytearray:
        """For each node that belongs to the one sum that reads it, its kind (_ADD, _MUL, _SUMPROD); for others, 0."""
        operands, starts, count = self._operands, self._starts, len(self.class_of)
        reads = self.graph.reads
        kinds = dict.fromkeys(self._ops, 0) | _KINDS
        kind = bytearray(map(kinds.__getitem__, self._ops)) + bytes(count - len(self._ops))
        found = bytearray(count)
        for start in compress(starts, map(is_, self._ops, repeat(ops.add))):
            x, y = operands[start], operands[start + 1]
            if reads[x] == 1:
                found[x] = kind[x]
            if reads[y] == 1:
                found[y] = kind[y]
        for k in roots:
            found[k] = 0
        return found

    # ---- the pass over the nodes ------------------------------------------------------------------------------------
    def _walk(self) -> None:
        known, class_of, place_of, operands, starts = (
            self.known, self.class_of, self.place_of, self._operands, self._starts
        )  # fmt: skip
        special = {ops.add, ops.sum_of_products, ops.sum_of, ops.largest, ops.constant_power}
        for k in compress(range(len(self._ops)), map(not_, self._absorbed)):
            op = self._ops[k]
            if op in special:
                self._write_special(k, op)
                continue
            # An operation.  Two operands are the most frequent case, and written without loops or calls.
            start, end = starts[k], starts[k + 1]
            if end - start == 2:
                x, y = operands[start], operands[start + 1]
                key: Any = op, class_of[x], class_of[y]
                found = known.get(key) or self._new(key, op, key[1:])
                columns = found.columns
                columns[0].append(place_of[x])
                columns[1].append(place_of[y])
            else:
                read = operands[start:end]
                key = op, *map(class_of.__getitem__, read)
                found = known.get(key) or self._new(key, op, key[1:])
                for column, place in zip(found.columns, map(place_of.__getitem__, read)):
                    column.append(place)
            class_of[k] = found.number
            place_of[k] = found.count
            found.count += 1
            found.nodes.append(k)

    def _write_special(self, node: int, op: Any) -> None:
        """Enter a sum, or a ``constant_power``, whose exponent is part of the operation."""
        if op is ops.add:
            self._write_sum(node, "sum", *self._terms(node))
            return
        read = self._operands[self._starts[node] : self._starts[node + 1]]
        if op is ops.sum_of_products:
            self._write_sum(node, "sum", *ops.factors(read))
        elif op is ops.sum_of:
            # A sum of two terms is rounded only once in any case.
            self._write_sum(node, "exact sum" if len(read) > 2 else "sum", [], [], read)
        elif op is ops.largest:
            self._write_sum(node, "largest", [], [], read)
        else:
            base, exponent = read[0], self.graph[node].parents[1]._data
            key = op, self.class_of[base], repr(exponent)
            found = self.known.get(key) or self._new(key, op, (self.class_of[base],), exponent)
            found.columns[0].append(self.place_of[base])
            self._add(found, node)

    # ---- members ----------------------------------------------------------------------------------------------------
    def _new(self, key: Any, op: Any, operands: tuple[int, ...] = (), exponent: float | None = None) -> Class:
        """Make a new class."""
        if len(self.classes) >= self.most:
            raise TooManyClassesError(f"more than {self.most} classes")
        found = self.known[key] = Class(len(self.classes), op, operands, exponent)
        self.classes.append(found)
        return found

    def _add(self, found: Class, node: int) -> None:
        """Make a node the next member of a class."""
        self.class_of[node] = found.number
        self.place_of[node] = found.count
        found.count += 1
        found.nodes.append(node)

    # ---- sums -------------------------------------------------------------------------------------------------------
    def _terms(self, node: int) -> tuple[list[int], list[int], list[int]]:
        """The terms of a sum, including those of the sums and products that belong to it.

        Returns:
            The first factors of all products, their second factors, and the terms that are not products, all in the
            order of the sum.
        """
        absorbed, operands, starts, zeros = self._absorbed, self._operands, self._starts, self._zeros
        firsts: list[int] = []  # these three are collected from the last term to the first
        seconds: list[int] = []
        singles: list[int] = []
        stack = [node]
        while stack:
            inner = stack.pop()
            start = starts[inner]
            if absorbed[inner] == _SUMPROD:
                for found, part in zip((firsts, seconds, singles), ops.factors(operands[start : starts[inner + 1]])):
                    found += part[::-1]
                continue
            left, right = operands[start], operands[start + 1]
            # Python's ``sum`` over products makes a chain: product, sum, product, sum, …  It is walked back at once.
            first = inner
            while left == first - 2 and right == first - 1 and absorbed[right] == _MUL and absorbed[left] == _ADD:
                first = left
                start -= 4
                left, right = operands[start], operands[start + 1]
            if first != inner:
                begin, end = start + 2, starts[inner]
                firsts += operands[begin:end:4][::-1]
                seconds += operands[begin + 1 : end : 4][::-1]
            for parent in (right, left):
                kind = absorbed[parent]
                if kind == _MUL:
                    start = starts[parent]
                    firsts.append(operands[start])
                    seconds.append(operands[start + 1])
                elif not kind:
                    if parent not in zeros:
                        singles.append(parent)
                elif parent is left or absorbed[left] not in (_ADD, _SUMPROD):
                    stack.append(parent)
                else:  # both operands are sums: continue with the right one
                    stack += [left, parent]
                    break
        if not firsts and not singles:
            singles = [operands[starts[node]]]
        return firsts[::-1], seconds[::-1], singles[::-1]

    def _write_sum(
        self, node: int, kind: str, firsts: Sequence[int], seconds: Sequence[int], singles: Sequence[int]
    ) -> None:
        """Enter a sum of products, given by their first and second factors, and of single terms."""
        class_of = self.class_of
        lists: dict[tuple[int, ...], tuple[Sequence[int], ...]] = {}
        # In most sums all products have factors of the same two classes: 3x faster than one product at a time.
        left, right = set(map(class_of.__getitem__, firsts)), set(map(class_of.__getitem__, seconds))
        if len(left) == len(right) == 1:
            (i,), (j,) = left, right
            lists[min(i, j), max(i, j)] = (firsts, seconds) if i <= j else (seconds, firsts)
        else:
            for x, y in zip(firsts, seconds):
                if class_of[y] < class_of[x]:
                    x, y = y, x
                pair: Any = lists.setdefault((class_of[x], class_of[y]), ([], []))
                pair[0].append(x)
                pair[1].append(y)
        others = dict.fromkeys(map(class_of.__getitem__, singles))
        for i in others:
            lists[(i,)] = (singles if len(others) == 1 else [x for x in singles if class_of[x] == i],)
        # For the largest number, the class of the first term matters, too: only the first can make ``max`` return nan.
        name = (kind, frozenset(lists), next(iter(lists)) if kind == "largest" else None)
        found = self.known.get(name) or self._new(name, kind)
        for key, factors in lists.items():
            columns = found.lists.setdefault(key, [[] for _ in range(1 + len(key))])
            columns[0].extend(repeat(found.count, len(factors[0])))
            for column, members in zip(columns[1:], factors):
                column.extend(map(self.place_of.__getitem__, members))
        self._add(found, node)


_SMALL = 100  # classes of a program that may be told apart in any case
_FEW = 8  # if more names differ only in their final digits, such as w0 … w39, these leaves are one class


def members_by_name(
    roots: Sequence[Value],
    arguments: Sequence[Value],
    parameters: Sequence[Value],
    nodes: Sequence[Value],
    numbers: Sequence[Value],
    most: float,
) -> Members:
    """The classes of a graph for a printed program, in which W², b², W³ and b³ are different leaves.

    Leaves belong to different classes if their labels differ, apart from indices, or if different classes read them.
    Since the classes that read different leaves become different, too, this is repeated until nothing changes.  Where
    that tells more and more apart, as from the borders of a grid inwards, it is done once only.

    Raises:
        TooManyClassesError: Even without names, the graph has more than ``most`` classes.
    """
    made = partial(Members, roots, arguments, parameters, nodes, numbers)
    plain = made(most)
    stems = {leaf: stem(label_of(leaf)) for leaf in plain.leaves}
    letters = Counter([name.rstrip("0123456789") for name in {*stems.values()}])
    many = {letter for letter, times in letters.items() if times > _FEW}
    names: dict[Value, Hashable] = {
        leaf: letter if (letter := name.rstrip("0123456789")) in many else name for leaf, name in stems.items()
    }
    found: list[Members] = []
    before = -1
    while len(kinds := dict.fromkeys(names.values())) > before:
        before, number = len(kinds), dict(zip(kinds, count()))
        found.append(made(inf, {leaf: number[name] for leaf, name in names.items()}))
        if len(found) > 2 and len(found[-1].classes) > max(_SMALL, 2 * len(plain.classes)):
            return found[1]
        names = {leaf: (number[names[leaf]], use) for leaf, use in found[-1].uses().items()}
    return found[-1]
