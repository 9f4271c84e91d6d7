"""Grouping: a recorded graph becomes a program over classes.

    members.py    the nodes                   → classes: which nodes do the same, and what each of them reads
    orders.py     the columns of a class      → its members in the order that makes index maps simple
    group.py      classes and columns         → arrays of a program

So the weighted inputs of all neurons of a layer, for all samples, are one class, and the products q·k of all pairs of
tokens are another: a graph of 100,000 nodes usually has fewer than 100 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import inf, nan, prod

from autograd import ops
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Array, Kind, Operand, Read, Terms
from autograd.compiler.program.differentiate import differentiate
from autograd.compiler.program.indices import Index, taken
from autograd.compiler.program.members import LEAVES, Class, Members
from autograd.compiler.program.orders import Columns, Order, ordered
from autograd.compiler.recording.columns import Formula
from autograd.compiler.recording.effects import GRADIENT, UPDATED
from autograd.value import Value

__all__ = ["group", "most_classes"]

_SUMS = {"sum": None, "exact sum": None, "largest": ops.largest}


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
        most: The largest number of classes allowed.

    Returns:
        The builder with the program in it, the outputs, and the arrays of the leaves.

    Raises:
        TooManyClassesError: there are more than ``most``.
    """
    roots = list(chain.from_iterable(outputs))
    return _written(Members(roots, arguments, parameters, nodes, numbers, most), outputs, batched)


# ---- the program -----------------------------------------------------------------------------------------------------
def _written(
    members: Members, outputs: Sequence[Sequence[Value]], batched: bool
) -> tuple[Builder, list[Operand], dict[Kind, Read]]:
    """The classes as arrays of a program."""
    classes = members.classes
    orders = [Order() for _ in classes]
    columns = [ordered(found, orders) for found in classes[len(LEAVES) :]]
    builder = Builder()
    # Leaves first: those that somebody reads in the order of reading, the others behind them.
    read: list[Operand] = []  # each class as an array, its members in their new order
    for found, kind, order in zip(classes, LEAVES, orders):
        order.complete(found.count)
        first = classes[0].count if found.number == 3 else 0
        data = members.constants if kind is Kind.CONSTANT else range(first, first + found.count)
        sampled = batched and kind is Kind.ARGUMENT
        read.append(builder.leaf(kind, taken(data, order.members), batched=sampled) if found.count else 0.0)
    for found, columns_of in zip(classes[len(LEAVES) :], columns):
        read.append(_array(builder, found, columns_of, read))
    for found, operand, order in zip(classes, read, orders):
        if any(found.labels) and isinstance(operand, Read) and operand.index.is_identity:
            builder.labels.setdefault(operand.array, taken(found.labels, order.members))
    results = [_output(builder, members, nodes, orders, read) for nodes in outputs]
    leaves = {kind: x for kind, x in zip(LEAVES[:3], read) if isinstance(x, Read)}
    return builder, results, leaves


def _array(builder: Builder, found: Class, columns: Columns, read: list[Operand]) -> Operand:
    """One class as an array."""
    operands, lists = columns
    if found.op is GRADIENT:
        return _gradients(builder, [read[k] for k in found.operands], operands)
    if found.op in _SUMS:
        terms = []
        for key, (owner, *factors) in lists.items():
            reads = [_places(builder, read[k], places) for k, places in zip(key, factors)]
            terms.append(_terms(builder, builder.adopted(owner), reads))
        return builder.sum(found.count, terms, exact=found.op != "sum", op=_SUMS[found.op])
    given = [_places(builder, read[k], places) for k, places in zip(found.operands, operands)]
    if found.op is ops.take:
        return _chosen(builder, given[0], given[1:], found.count)
    if found.op is UPDATED:  # a leaf for derivatives, hence an array even if it is known
        spread = builder.spread(given[0], found.count)
        return builder.append(Array(Kind.MAP, found.count, op=UPDATED, operands=(spread,)))
    if isinstance(found.op, Formula):
        result = found.op(*[wrapped(builder, operand) for operand in given])
        return result.read if isinstance(result, Rows) else float(result)
    if found.exponent is not None:
        given.append(found.exponent)
    return builder.map(found.op, given, found.count)


def _output(
    builder: Builder, members: Members, nodes: Sequence[Value], orders: Sequence[Order], read: list[Operand]
) -> Operand:
    """Some nodes as one output."""
    groups: dict[int, list[int]] = {}
    found = members.where(nodes)
    for k, (number, _) in enumerate(found):
        groups.setdefault(number, []).append(k)
    parts = []
    for number, wanted in groups.items():
        places = taken(orders[number].numbers, [found[k][1] for k in wanted])
        parts.append((wanted, _places(builder, read[number], places)))
    if len(parts) == 1:
        return parts[0][1]
    return builder.sum(len(nodes), [_terms(builder, wanted, [part]) for wanted, part in parts])


def _places(builder: Builder, operand: Operand, places: Sequence[int]) -> Operand:
    if not isinstance(operand, Read):
        return operand
    return builder.read(operand, builder.adopted(places) if isinstance(places, Index) else builder.index(places))


def _gradients(builder: Builder, operands: Sequence[Operand], places: Sequence[Sequence[int]]) -> Operand:
    """Derivatives of some numbers with respect to others, as plain numbers: each of one root and one leaf.

    Args:
        builder: The builder with the program in it.
        operands: the arrays of the roots and of the leaves.
        places: The root and the leaf of each derivative, as members of their classes.
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
