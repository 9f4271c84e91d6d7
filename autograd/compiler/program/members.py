"""Which nodes do the same: one pass over a recorded graph sorts them into classes.

Two nodes are of one class if they are the same operation on operands of the same classes.  Leaves of one kind are all
of one class, whichever parameters they are, and a sum is known by the *set* of the classes of its terms, however many
there are.

    c = a * b + a          two nodes, of which the product is used once    one sum: {(leaf, leaf), (leaf,)}

Nodes are known by their numbers in the graph (``numbered.py``).  It is written for speed, with one look-up for each
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
from autograd.compiler.recording.numbered import graph_of
from autograd.labels import label_of, stem
from autograd.value import Value

_ADD, _MUL, _SUMPROD = 1, 2, 3
_KINDS: dict[Any, int] = {ops.add: _ADD, ops.mul: _MUL, ops.sum_of_products: _SUMPROD}  # terms of sums
_label, _data = attrgetter("label"), attrgetter("_data")


class Class:
    """Nodes that do the same.

    Args:
        number: Its number among the classes.
        op: A row of the table, or "sum", "exact sum" or "largest"; of leaves their ``Kind``.
        operands: Of an operation: the class of each operand.
        exponent: The exponent of a ``constant_power``, which belongs to the operation.
    """

    __slots__ = ("columns", "count", "data", "exponent", "labels", "lists", "nodes", "number", "op", "operands")

    def __init__(self, number: int, op: Any, operands: tuple[Any, ...] = (), exponent: float | None = None) -> None:
        self.number, self.op, self.operands, self.exponent = number, op, operands, exponent
        self.count = 0  # of members
        self.nodes: list[int] = []  # the numbers of the members, in the order of their creation; empty for leaves
        # Of an operation: for each operand the member that is read, member by member.
        self.columns: list[list[int]] = [[] for operand in operands]
        # Of a sum: its terms, by the classes of their factors.  A list of terms is [owners, first factors, second
        # factors]: term t adds member first[t], times member second[t] if there is one, to the sum owners[t].
        self.lists: dict[tuple[int, ...], list[list[int]]] = {}
        self.labels: Sequence[str] = []  # of the members
        self.data: Sequence[Any] = []  # of leaves: which number of the call each member is; of constants the number


class Members:
    """The classes of a graph, and for each node, by its number, its class and its place there.

    Args:
        roots: Nodes whose numbers are wanted.
        arguments, parameters, numbers: Leaves.
        nodes: The nodes with operands that belong to the graph, in the order of their creation.
        most: The largest number of classes allowed.
        names: Leaves of different names are of different classes; None if names do not matter.

    Raises:
        TooManyClassesError: There are more than ``most``.
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
        """The class of each node, and its place there."""
        return [(self.class_of[k], self.place_of[k]) for k in self.graph.numbers_of(nodes, self._more)]

    def _leaves(self, kind: Kind, leaves: Sequence[Value], data: Sequence[Any]) -> list[int]:
        """Leaves of one kind as a class, or as one for each name; returns their numbers."""
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
        """Which classes read each leaf, and as what."""
        found: dict[tuple[int, int], set[Any]] = {}
        for reader in self.classes:
            columns: list[tuple[Any, int, list[int]]] = []  # as what a class reads members of another one
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
        """What each node is that is a term of the one sum that reads it: a sum or a product.  All others are 0."""
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
            # An operation: most have one or two operands, for which nothing is called here.
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
        """A sum, or an operation of which an operand belongs to what it does."""
        if op is ops.add:
            self._write_sum(node, "sum", *self._terms(node))
            return
        read = self._operands[self._starts[node] : self._starts[node + 1]]
        if op is ops.sum_of_products:
            self._write_sum(node, "sum", *ops.factors(read))
        elif op is ops.sum_of:
            self._write_sum(node, "exact sum" if len(read) > 2 else "sum", [], [], read)  # two are rounded once anyway
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
        """A class that nobody has been in yet."""
        if len(self.classes) >= self.most:
            raise TooManyClassesError(f"more than {self.most} classes")
        found = self.known[key] = Class(len(self.classes), op, operands, exponent)
        self.classes.append(found)
        return found

    def _add(self, found: Class, node: int) -> None:
        """One more member of a class."""
        self.class_of[node] = found.number
        self.place_of[node] = found.count
        found.count += 1
        found.nodes.append(node)

    # ---- sums -------------------------------------------------------------------------------------------------------
    def _terms(self, node: int) -> tuple[list[int], list[int], list[int]]:
        """The terms of a sum, those of the sums and products that belong to it among them.

        Returns:
            The first factors of all products, their second factors, and the terms that are no products, each from the
            first to the last.
        """
        absorbed, operands, starts, zeros = self._absorbed, self._operands, self._starts, self._zeros
        firsts: list[int] = []  # from the last one to the first
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
            # What Python's ``sum`` writes: a sum on the left, a product on the right, one node behind the other.
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
                else:  # two sums: the right one comes first
                    stack += [left, parent]
                    break
        if not firsts and not singles:
            singles = [operands[starts[node]]]
        return firsts[::-1], seconds[::-1], singles[::-1]

    def _write_sum(
        self, node: int, kind: str, firsts: Sequence[int], seconds: Sequence[int], singles: Sequence[int]
    ) -> None:
        """A sum of products, of which the factors are given, and of single numbers."""
        class_of = self.class_of
        lists: dict[tuple[int, ...], tuple[Sequence[int], ...]] = {}
        # Most sums have one kind of product only, and one kind of other term: 3x faster than one by one.
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
        # Of the largest number the first is another one than the others: it may be nan.
        name = (kind, frozenset(lists), next(iter(lists)) if kind == "largest" else None)
        found = self.known.get(name) or self._new(name, kind)
        for key, factors in lists.items():
            columns = found.lists.setdefault(key, [[] for _ in range(1 + len(key))])
            columns[0].extend(repeat(found.count, len(factors[0])))
            for column, members in zip(columns[1:], factors):
                column.extend(map(self.place_of.__getitem__, members))
        self._add(found, node)


_FEW = 8  # names that differ only in the digits at their ends: more of them, such as w0 … w39, are one class


def members_by_name(
    roots: Sequence[Value],
    arguments: Sequence[Value],
    parameters: Sequence[Value],
    nodes: Sequence[Value],
    numbers: Sequence[Value],
    most: float,
) -> Members:
    """The classes of a graph as a reader has them: W², b², W³ and b³ are different leaves.

    Leaves are told apart by their labels, but for indices, and by what reads them, as long as there are more of them
    then: what reads different leaves is different, too.

    Raises:
        TooManyClassesError: There are more than ``most`` before names are looked at.
    """
    made = partial(Members, roots, arguments, parameters, nodes, numbers)
    stems = {leaf: stem(label_of(leaf)) for leaf in made(most).leaves}
    letters = Counter([name.rstrip("0123456789") for name in {*stems.values()}])
    many = {letter for letter, times in letters.items() if times > _FEW}
    names: dict[Value, Hashable] = {
        leaf: letter if (letter := name.rstrip("0123456789")) in many else name for leaf, name in stems.items()
    }
    before = -1
    while len(kinds := dict.fromkeys(names.values())) > before:
        before, number = len(kinds), dict(zip(kinds, count()))
        members = made(inf, {leaf: number[name] for leaf, name in names.items()})
        names = {leaf: (number[names[leaf]], use) for leaf, use in members.uses().items()}
    return members
