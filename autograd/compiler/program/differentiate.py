"""Differentiation of a program over classes: the engine's own backward sweep, with the rows of the derivative table.

Unlike a node, an array reads its operands through index maps.  So differentiation only has to add the transpose of an
index map.  If y[m] = f(x[i[m]]), then the adjoint of a member of x is a sum over all m that read this member.  A sum of
products is a list of terms (owner, i, j); its derivative with respect to a factor is the same list with other roles:

    y[owner] += w[i] x[j]        w̄[i] += ȳ[owner] x[j]        x̄[j] += ȳ[owner] w[i]

Therefore both derivatives of a matrix product are matrix products.  The transpose of a GATHER is a SCATTER that uses
the same number k, and vice versa:

    y[m] = x[j[k[m], m]]          x̄[j[k[m], m]] += ȳ[m]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from autograd import ops
from autograd.branches import LinearMap
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Array, Kind, Operand, Read, Terms, choice_of, reached, reads_of
from autograd.compiler.program.indices import Index
from autograd.functional import NOTHING
from autograd.graph import sweep


def differentiate(builder: Builder, output: Operand, inputs: Sequence[Read]) -> list[Operand]:
    """Append the derivatives of one number with respect to whole arrays to the program in a builder.

    Returns:
        An operand for each input, of the input's size; 0.0 if the output does not depend on the input.
    """
    if not isinstance(output, Read):
        return [0.0] * len(inputs)
    nodes = _graph(builder, output.array, [read.array for read in inputs])
    root = nodes.get(output.array)
    if root is None:
        return [0.0] * len(inputs)
    order = [nodes[number] for number in sorted(nodes)]
    taken = _branches(builder, order, root, output.index)
    size, batched = root.array.size, root.array.batched
    seed = _Adjoint(builder, size, batched)
    if size == 1:
        seed.known = 1.0
    else:
        seed.terms = [Terms(output.index, (builder.spread(1.0, 1),), batched)]
    adjoint = sweep(order, {root: seed}, lambda node: _edges(builder, node, taken.get(node)), NOTHING)
    # Several arrays may share one adjoint: in z = W x + b, those of z and b.  Arrays with labels, then later ones, give
    # it its name.
    for node in sorted(order, key=lambda node: (node.number not in builder.labels, -node.number)):
        found = adjoint[node]
        read = found.operand if isinstance(found, _Adjoint) else None
        if isinstance(read, Read) and read.index.is_identity and not builder.arrays[read.array].kind.is_leaf:
            builder.adjoints.setdefault(read.array, node.number)
    results: list[Operand] = []
    for read in inputs:
        found = adjoint[nodes[read.array]] if read.array in nodes else None
        results.append(found.operand if isinstance(found, _Adjoint) else 0.0)
    return results


class _Node:
    """An array as a node of the graph for the sweep; it has a parent for each of its reads."""

    __slots__ = ("array", "grad", "number", "parents", "reads")

    def __init__(self, number: int, array: Array, reads: list[tuple[int, Read]], parents: tuple[_Node, ...]) -> None:
        self.number = number
        self.array = array
        self.reads = reads  # with the position of each among all reads of the array
        self.parents = parents
        self.grad: Any = None


def _graph(builder: Builder, output: int, inputs: Iterable[int]) -> dict[int, _Node]:
    """A node for each array on a path from an input to the output."""
    nodes: dict[int, _Node] = {}
    wanted = set(inputs)
    for number in sorted(reached(builder.arrays, [output])):
        array = builder.arrays[number]
        if number in wanted:
            nodes[number] = _Node(number, array, [], ())
        elif array.op not in (ops.detached, ops.largest):
            reads = [(k, read) for k, read in enumerate(reads_of(array)) if read.array in nodes]
            if reads:
                nodes[number] = _Node(number, array, reads, tuple([nodes[read.array] for _, read in reads]))
    return nodes


class _Adjoint:
    """The adjoint of an array, collected during the sweep: a list of terms, some from each array that reads it."""

    __slots__ = ("batched", "builder", "known", "size", "terms")

    def __init__(self, builder: Builder, size: int, batched: bool, terms: Sequence[Terms] = ()) -> None:
        self.builder, self.size, self.batched = builder, size, batched
        self.terms = list(terms)
        self.known: Operand | None = None

    @property
    def operand(self) -> Operand:
        """The sum of all terms, which is written into the program when it is first needed."""
        if self.known is None:
            self.known = self.builder.sum(self.size, self.terms, batched=self.batched)
        return self.known

    def __add__(self, other: Any) -> _Adjoint:
        if other is NOTHING:
            return self
        return _Adjoint(self.builder, self.size, self.batched, self.terms + other.terms)

    def __mul__(self, edge: Any) -> Any:
        return edge(self) if isinstance(edge, LinearMap) else NOTHING


class _Transposed(LinearMap):
    """From an array to one that it reads: what gives this one's part of the adjoint, from the adjoint of the first."""

    __slots__ = ("part",)

    def __init__(self, part: Callable[..., _Adjoint]) -> None:
        self.part = part

    def __call__(self, adjoint: Any) -> _Adjoint:
        return self.part(adjoint.operand)


def _edges(builder: Builder, node: _Node, taken: Any) -> list[Any]:
    """The contribution of an array's adjoint to the adjoint of each operand."""
    array = node.array
    if array.kind is Kind.SUM:
        return [_Transposed(partial(_of_sum, builder, array, position, read, taken)) for position, read in node.reads]
    if not array.kind.is_leaf and array.kind is not Kind.MAP:
        return [
            _Transposed(partial(_of_choice, builder, array, read, taken)) if k else NOTHING for k, read in node.reads
        ]
    if array.kind.is_leaf or array.op in ops.COMPARISONS:
        return [NOTHING] * len(node.reads)
    here = Rows(builder, Read(node.number, builder.identity(array.size)))
    operands = [wrapped(builder, operand) for operand in array.operands]
    if array.op is ops.select:
        sides = _sides(operands[0])
        return [
            _Transposed(partial(_of_map, builder, array, read, 1.0, both(taken, sides[k]))) if k else NOTHING
            for k, read in _by_operand(node)
        ]
    local = array.op.partials(here, *operands)  # type: ignore[union-attr]
    return [_Transposed(partial(_of_map, builder, array, read, local[k], taken)) for k, read in _by_operand(node)]


def _sides(condition: Any) -> dict[int, Any]:
    """For each of the two operands of a ``select`` that it chooses from, the condition that it is the chosen one."""
    return {1: condition.select(1.0, 0.0), 2: condition.select(0.0, 1.0)}


def both(taken: Any, side: Any) -> Any:
    """The condition of a branch inside a branch: both are taken."""
    if isinstance(taken, Rows):
        return taken.select(side, 0.0)
    return side if taken is None or taken else 0.0


def _by_operand(node: _Node) -> list[tuple[int, Read]]:
    """The reads of a MAP, each with the position of its operand."""
    positions = [k for k, operand in enumerate(node.array.operands) if isinstance(operand, Read)]
    return [(positions[k], read) for k, read in node.reads]


def _where(builder: Builder, taken: Any, product: Operand) -> Operand:
    """A product where its branch is taken, and 0 elsewhere: there it may be inf or nan."""
    if taken is None:
        return product
    return builder.map(ops.select, [taken.read if isinstance(taken, Rows) else taken, product, 0.0])


def _of_map(builder: Builder, array: Array, read: Read, local: Any, taken: Any, above: Operand) -> _Adjoint:
    """From an operation to one operand: the adjoint times the local derivative, added to the members that were read."""
    target = builder.arrays[read.array]
    factors: list[Operand] = [above, local.read if isinstance(local, Rows) else local]
    merges = not read.index.is_one_to_one or (array.batched and not target.batched)
    if taken is not None or not merges or not all(isinstance(x, Read) for x in factors):
        factors = [_where(builder, taken, builder.map(ops.mul, factors, array.size))]
    reads = [builder.spread(factor, array.size) for factor in factors]
    return _Adjoint(builder, target.size, target.batched, [Terms(read.index, tuple(reads), array.batched)])


def _of_sum(builder: Builder, array: Array, position: int, read: Read, taken: Any, above: Operand) -> _Adjoint:
    """From a sum to one factor of its terms: the same terms with the roles of owner and factor exchanged."""
    target = builder.arrays[read.array]
    terms, position = _part(array, position)
    count = len(terms.owner)
    if isinstance(above, Read):
        above = builder.read(above, terms.owner)
    factors: list[Operand] = [above, *[factor for j, factor in enumerate(terms.factors) if j != position]]
    if not isinstance(above, Read) or taken is not None:
        product = builder.map(ops.mul, factors, count) if len(factors) == 2 else above
        if isinstance(taken, Rows):
            taken = Rows(builder, builder.read(taken.read, terms.owner))
        factors = [_where(builder, taken, product)]
    reads = [builder.spread(factor, count) for factor in factors]
    return _Adjoint(builder, target.size, target.batched, [Terms(read.index, tuple(reads), terms.batched)])


def _of_choice(builder: Builder, array: Array, read: Read, taken: Any, above: Operand) -> _Adjoint:
    """From a GATHER to its candidates, or from a SCATTER to the numbers that it adds: the transpose."""
    target, choice = builder.arrays[read.array], choice_of(array)
    above = _where(builder, taken, above)
    if array.kind is Kind.SCATTER:
        size, places = len(read.index), builder.read(builder.spread(above, array.size), choice.places)
        back = builder.spread(builder.gather(choice.chosen, places, size), size)
        terms = Terms(read.index, (back,), builder.is_batched(back))
        return _Adjoint(builder, target.size, target.batched, [terms])
    sums, first = builder.scatter(choice.chosen, above, choice.places, batched=target.batched)
    owner = builder.index(range(first, first + len(sums.index)))
    return _Adjoint(builder, target.size, target.batched, [Terms(owner, (sums,), target.batched)])


def _branches(builder: Builder, order: Sequence[_Node], root: _Node, output: Index) -> dict[_Node, Any]:
    """For each array of which the output uses only some members: a mask that is not 0 at these members.

        a2 = log a1                      the output uses member m of a2 only where a0[m] is 1, so the mask of a2 is a0,
        a3 = select a0 a2 0.0            and so is the mask of a1: the derivative 1 / 0 of log does not reach a1

    Where a branch of a ``select`` is not taken, its local derivatives may be inf or nan, and the upstream gradient 0
    times inf would be nan (see ``autograd.branches``).  The same holds for members that only a condition, a guard or
    another output uses.
    """
    found: dict[_Node, Any] = {}
    reads: dict[_Node, list[_Edge]] = {node: [] for node in order}
    reads[root].append(_Edge(output, None, root.array.batched))
    for node in reversed(order):
        if not node.parents:  # a leaf
            continue
        here = _taken_here(builder, node, reads[node])
        if here is not None:
            found[node] = here
        groups = _groups(node, here, reads[node])
        for (position, read), parent in zip(node.reads, node.parents):
            edge = _edge(builder, node, position, read, here) if parent.parents else None
            if edge is not None:
                read_by = [frozenset(map(read.index.places.__getitem__, members)) for members in groups]
                reads[parent].append(edge._replace(groups=read_by))
    return found


class _Edge(NamedTuple):
    """A use of some members of an array by another array."""

    places: Index  # these members
    taken: Any  # the mask, which is 0 where the edge does not count; None if it counts everywhere
    batched: bool  # whether the mask differs from sample to sample
    # Sets of members of which at least one is used, because an index selects among numbers computed from them.
    groups: Sequence[frozenset[int]] = ()


def _groups(node: _Node, taken: Any, edges: list[_Edge]) -> Sequence[Iterable[int]]:
    """Sets of positions in an array's reads, at least one of which counts, if it is not known that all of them do."""
    array = node.array
    if array.kind not in (Kind.MAP, Kind.GATHER) or (taken is not None and array.op is ops.select):
        return ()
    members: Sequence[Iterable[int]] = [members for edge in edges for members in edge.groups]
    if array.kind is Kind.MAP:
        return members if taken is not None else ()
    if taken is None:
        members = [(member,) for member in range(array.size)]
    candidates = range(choice_of(array).count)
    return [[k * array.size + member for k in candidates for member in group] for group in members]


def _edge(builder: Builder, node: _Node, position: int, read: Read, here: Any) -> _Edge | None:
    """The edge from an array to an array that it reads; None if no gradient flows along it."""
    taken, array = here, node.array
    if not array.kind.is_leaf and array.kind not in (Kind.MAP, Kind.SUM):
        return _chosen_edge(builder, array, read, here) if position else None
    if array.kind is Kind.SUM:
        if isinstance(taken, Rows):
            taken = Rows(builder, builder.read(taken.read, _part(node.array, position)[0].owner))
    elif node.array.op in ops.COMPARISONS:
        return None
    elif node.array.op is ops.select:
        operand = [k for k, x in enumerate(node.array.operands) if isinstance(x, Read)][position]
        condition = wrapped(builder, node.array.operands[0])
        if operand == 0:
            return None
        if isinstance(condition, Rows):
            taken = both(taken, _sides(condition)[operand])
    return _Edge(read.index, taken, node.array.batched)


def _chosen_edge(builder: Builder, array: Array, read: Read, here: Any) -> _Edge:
    """The edge from a GATHER to its candidates, where the selected ones count; or from a SCATTER to its numbers."""
    choice, size = choice_of(array), len(read.index)
    number = here.read if isinstance(here, Rows) else 1.0 if here is None else here
    if array.kind is Kind.SCATTER:
        if isinstance(number, Read):
            here = wrapped(builder, builder.gather(choice.chosen, builder.read(number, choice.places), size))
        return _Edge(read.index, here, array.batched)
    batched = builder.arrays[read.array].batched
    sums, first = builder.scatter(choice.chosen, number, choice.places, batched=batched)
    return _Edge(builder.index(range(first, first + len(sums.index))), Rows(builder, sums), batched)


def _part(array: Array, position: int) -> tuple[Terms, int]:
    """The terms that contain the read at ``position`` among all reads of a sum, and the position of this factor."""
    for terms in array.terms:
        if position < len(terms.factors):
            return terms, position
        position -= len(terms.factors)
    raise IndexError(position)


def _taken_here(builder: Builder, node: _Node, edges: list[_Edge]) -> Any:
    """The mask of an array: for each member, how many of its uses count; None if every member has one that counts."""
    size = node.array.size
    if any(edge.taken is None and edge.places.distinct == size for edge in edges):
        return None
    always = set().union(*[edge.places.places for edge in edges if edge.taken is None])
    always.update([next(iter(group)) for edge in edges for group in edge.groups if len(group) == 1])
    if len(always) == size:
        return None
    if all(edge.taken is None for edge in edges):
        return Rows(builder, builder.leaf(Kind.CONSTANT, [float(member in always) for member in range(size)]))
    terms = []
    for edge in edges:
        number = 1.0 if edge.taken is None else edge.taken.read if isinstance(edge.taken, Rows) else edge.taken
        spread = builder.spread(number, len(edge.places))
        terms.append(Terms(edge.places, (spread,), edge.batched or node.array.batched))
    taken = wrapped(builder, builder.sum(size, terms, batched=node.array.batched))
    return taken if isinstance(taken, Rows) or taken == 0.0 else None
