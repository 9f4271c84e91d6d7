"""Which nodes do the same: one pass over a recorded graph sorts them into classes.

Two nodes are of one class if they are the same operation on operands of the same classes.  Leaves of one kind are all
of one class, whichever parameters they are, and a sum is known by the *set* of the classes of its terms, however many
there are.

    c = a * b + a          two nodes, of which the product is used once    one sum: {(leaf, leaf), (leaf,)}

This is the one pass over nodes as objects: from here on there are only lists of numbers.  It is written for speed, with
one look-up for each operand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any

from autograd import ops
from autograd.compiler.program.classes import Kind
from autograd.errors import AutogradError
from autograd.value import Value

__all__ = ["LEAVES", "Class", "Members", "TooManyClassesError"]

# The classes 0 to 3; the last one is of plain numbers, which are read at each call like parameters.
LEAVES = (Kind.PARAMETER, Kind.ARGUMENT, Kind.CONSTANT, Kind.PARAMETER)
_TERMS = {ops.add, ops.mul, ops.sum_of_products}
_parents, _label, _data = attrgetter("parents"), attrgetter("label"), attrgetter("_data")


class TooManyClassesError(AutogradError):
    """A graph in which few nodes do the same: it is better run node by node, as a tape."""


class Class:
    """Nodes that do the same.

    Attributes:
        nodes: The members, in the order of their creation; empty for leaves.
        count: The number of members.
        op: A row of the table, or "sum", "exact sum" or "largest".
        operands: Of an operation: the class of each operand.
        columns: Of an operation: for each operand the member that is read, member by member.
        exponent: The exponent of a ``constant_power``, which belongs to the operation.
        lists: Of a sum: its terms, by the classes of their factors.  A list of terms is [owners, first factors, second
            factors]: term t adds member first[t], times member second[t] if there is one, to the sum owners[t].
        labels: The labels of the members.
    """

    __slots__ = ("columns", "count", "exponent", "labels", "lists", "nodes", "number", "op", "operands")

    def __init__(self, number: int, op: Any, operands: tuple[Any, ...] = (), exponent: float | None = None) -> None:
        self.number, self.op, self.operands, self.exponent = number, op, operands, exponent
        self.count = 0
        self.nodes: list[Value] = []
        self.columns: list[list[int]] = [[] for operand in operands]
        self.lists: dict[tuple[int, ...], list[list[int]]] = {}
        self.labels: list[str] = []


class Members:
    """The classes of a graph, and for each node its class and its place there.

    Args:
        roots: nodes whose numbers are wanted.
        arguments, parameters, numbers: leaves.
        nodes: all nodes with operands that belong to the graph, in the order of their creation.
        most: The largest number of classes allowed.

    Raises:
        TooManyClassesError: there are more than ``most``.
    """

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
        self.classes = [Class(number, kind) for number, kind in enumerate(LEAVES)]
        self.known: dict[Any, Class] = {}
        self.class_of: dict[Value, int] = {}
        self.place_of: dict[Value, int] = {}
        uses = Counter(chain.from_iterable(map(_parents, nodes)))
        leaves = dict.fromkeys([node for node in chain(uses, roots) if not node.parents or node.op is ops.constant])
        for number, given in ((0, parameters), (1, arguments), (3, numbers)):
            self._leaves(number, given)
        constants = [node for node in leaves if node not in self.class_of]
        self._leaves(2, constants)
        self.constants = list(map(_data, constants))
        # Sums and products that only one other sum reads are terms of that sum.
        added = set(chain.from_iterable([node.parents for node in nodes if node.op is ops.add]))
        added.difference_update(roots, [node for node, times in uses.items() if times > 1])
        self.absorbed = {node for node in added if node.op in _TERMS}
        self._walk([node for node in nodes if node not in self.absorbed])
        for found in self.classes[len(LEAVES) :]:
            found.labels = list(map(_label, found.nodes))

    def _leaves(self, number: int, leaves: Sequence[Value]) -> None:
        self.class_of.update(zip(leaves, repeat(number)))
        self.place_of.update(zip(leaves, range(len(leaves))))
        found = self.classes[number]
        found.count, found.labels = len(leaves), list(map(_label, leaves))

    # ---- the pass over the nodes ------------------------------------------------------------------------------------
    def _walk(self, order: list[Value]) -> None:
        known, class_of, place_of = self.known, self.class_of, self.place_of
        special = {ops.add, ops.sum_of_products, ops.sum_of, ops.largest, ops.constant_power}
        for node in order:
            op, parents = node.op, node.parents
            if op in special:
                self._write_special(node, op, parents)
                continue
            # An operation: most have one or two operands, for which nothing is called here.
            if len(parents) == 2:
                x, y = parents
                key: Any = op, class_of[x], class_of[y]
                found = known.get(key) or self._new(key, op, key[1:])
                columns = found.columns
                columns[0].append(place_of[x])
                columns[1].append(place_of[y])
            else:
                key = op, *map(class_of.__getitem__, parents)
                found = known.get(key) or self._new(key, op, key[1:])
                for column, place in zip(found.columns, map(place_of.__getitem__, parents)):
                    column.append(place)
            class_of[node] = found.number
            place_of[node] = found.count
            found.count += 1
            found.nodes.append(node)

    def _write_special(self, node: Value, op: Any, parents: tuple[Value, ...]) -> None:
        """A sum, or an operation of which an operand belongs to what it does."""
        if op is ops.add:
            self._write_sum(node, self._terms(node), "sum")
        elif op is ops.sum_of_products:
            self._write_sumprod(node, parents)
        elif op is ops.sum_of:
            kind = "exact sum" if len(parents) > 2 else "sum"  # two numbers are rounded once anyway
            self._write_sum(node, [(parent,) for parent in parents], kind)
        elif op is ops.largest:
            self._write_sum(node, [(parent,) for parent in parents], "largest")
        else:
            base, exponent = parents[0], parents[1]._data
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

    def _add(self, found: Class, node: Value) -> None:
        """One more member of a class."""
        self.class_of[node] = found.number
        self.place_of[node] = found.count
        found.count += 1
        found.nodes.append(node)

    # ---- sums -------------------------------------------------------------------------------------------------------
    def _terms(self, node: Value) -> list[tuple[Value, ...]]:
        """The terms of a sum, from the first to the last: those of the sums and products that belong to it, too."""
        absorbed, add, mul, constant = self.absorbed, ops.add, ops.mul, ops.constant
        found: list[tuple[Value, ...]] = []  # from the last one to the first
        stack = [node]
        while stack:
            inner = stack.pop()
            if inner.op is not add:
                found += self._sumprod_terms(inner.parents)[::-1]
                continue
            left, right = inner.parents
            # What Python's ``sum`` writes: a sum on the left, a product on the right.
            while right in absorbed and right.op is mul and left in absorbed and left.op is add:
                found.append(right.parents)
                left, right = left.parents
            for parent in (right, left):
                if parent in absorbed:
                    if parent.op is mul:
                        found.append(parent.parents)
                    elif parent is left or left not in absorbed or left.op is mul:
                        stack.append(parent)
                    else:  # two sums: the right one comes first
                        stack += [left, parent]
                        break
                elif not (parent.op is constant and parent._data == 0.0):
                    found.append((parent,))
        found.reverse()
        return found or [(node.parents[0],)]

    @staticmethod
    def _sumprod_terms(parents: tuple[Value, ...]) -> list[Any]:
        ps, qs, start = ops.factors(parents)
        return [*zip(ps, qs), *[(x,) for x in start]]

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
        name = (kind, frozenset(lists), first)
        found = self.known.get(name) or self._new(name, kind)
        for key, part in lists.items():
            self._extend(found, key, *zip(*part))
        self._add(found, node)

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
        name = ("sum", frozenset({(i, j)} | {(self.class_of[x],) for x in start}), None)
        found = self.known.get(name) or self._new(name, "sum")
        self._extend(found, (i, j), ps, qs)
        for x in start:
            self._extend(found, (self.class_of[x],), [x])
        self._add(found, node)

    def _extend(self, found: Class, key: tuple[int, ...], *factors: Sequence[Value]) -> None:
        """Add terms to the next member of a sum."""
        columns = found.lists.setdefault(key, [[] for _ in range(1 + len(key))])
        columns[0].extend(repeat(found.count, len(factors[0])))
        for column, nodes in zip(columns[1:], factors):
            column.extend(map(self.place_of.__getitem__, nodes))
