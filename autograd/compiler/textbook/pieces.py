"""Splitting arrays for readers: the parameters of a program are one array, but W², b², W³ and b³ to whoever reads it.

An array of leaves or of sums falls into pieces where nothing reads, or adds, across: its members are cut wherever no
index map passes.  A member that everybody reads alone becomes an array of its own, which is a plain number in print.
Small classes become single numbers where a list of them would hide a formula rather than show it.

>>> from autograd.compiler.program.builder import Builder
>>> from autograd.compiler.program.classes import Kind
>>> builder = Builder()
>>> x = builder.leaf(Kind.ARGUMENT, range(3))
>>> first, others = builder.read(x, [0]), builder.read(x, [1, 2])
>>> product = builder.sum(1, [builder.terms([0, 0], builder.read(first, [0, 0]), others)])
>>> print(split(builder.program([product])).program)
a0 [1] = argument 0
a1 [2] = argument 1 2
a2 [1] = Σ a0[2: 0] a1 over 2: 0
return a2
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from autograd import ops
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.program.indices import Index
from autograd.labels import stem

# ---- single numbers --------------------------------------------------------------------------------------------------
MOST_MEMBERS = 8
MOST_TERMS = 24
_ONE = Index(range(1))


def singled(program: Program, tables: bool) -> tuple[Program, list[int]]:
    """Write small classes member by member; return the program, and how many outputs each output has become.

    In sin(x) + sin(y) the two sines are one class, and so are x and y.  Members of different names become arrays of
    their own, and so does what is computed from them, as long as no class is larger than a few members.  With
    ``tables``, this also happens to classes that read some members of others here and there.

    >>> from autograd.compiler.program.builder import Builder
    >>> builder = Builder()
    >>> x = builder.leaf(Kind.ARGUMENT, range(2))
    >>> builder.labels[0] = ["x", "y"]
    >>> sines = builder.map(ops.sin, [x])
    >>> program = builder.program([builder.sum(1, [builder.terms([0, 0], sines)])])
    >>> print(singled(program, False)[0])
    a0 [1] = argument 0
    a1 [1] = argument 1
    a2 [1] = sin a0
    a3 [1] = sin a1
    a4 [1] = add a2 a3
    return a4
    """
    return _Singles(program, _closed(program, _small(program), tables)).written()


class _Singles:
    def __init__(self, program: Program, apart: set[int]) -> None:
        self.program, self.apart = program, apart
        self.where: dict[tuple[int, int], int] = {}  # by array and member; member -1 for a whole array
        self.arrays: list[Array] = []
        self.labels: dict[int, list[str]] = {}

    def written(self) -> tuple[Program, list[int]]:
        program = self.program
        for number, array in enumerate(program.arrays):
            named = program.labels.get(number)
            for member in range(array.size) if number in self.apart else [-1]:
                self.arrays.append(array.reading(self._read) if member < 0 else self._member(array, member))
                new = self.where[number, member] = len(self.arrays) - 1
                if named:
                    self.labels[new] = [named[member]] if member >= 0 else named
        adjoints = {}
        for (number, member), new in self.where.items():
            of = program.adjoints.get(number, -1)
            places = [(of, member), (of, 0), (of, -1)] if program.arrays[number].size == 1 else [(of, member)]
            primal = next((self.where[place] for place in places if place in self.where), None)
            if primal is not None:
                adjoints[new] = primal
        outputs = [self._output(output) for output in program.outputs]
        parts = [part for output in outputs for part in output]
        return Program(self.arrays, parts, self.labels, adjoints), list(map(len, outputs))

    def _read(self, read: Read) -> Read:
        """A read in the new numbers: of a whole array, or of the one member of an array that was taken apart."""
        if read.array in self.apart:
            return Read(self.where[read.array, read.index[0]], _ONE)
        return Read(self.where[read.array, -1], read.index)

    def _member(self, array: Array, member: int) -> Array:
        operands = [self._place(x, member) if isinstance(x, Read) else x for x in array.operands]
        products = [
            [self._place(factor, k) for factor in terms.factors]
            for terms in array.terms
            for k, owner in enumerate(terms.owner)
            if owner == member
        ]
        if products and not array.exact:
            return self._added(products)
        terms = tuple([Terms(_ONE, tuple(factors)) for factors in products])
        return array._replace(size=1, operands=tuple(operands), terms=terms, data=array.data[member : member + 1])

    def _place(self, read: Read, k: int) -> Read:
        """Place k of what is read."""
        return self._read(Read(read.array, Index(range(read.index[k], read.index[k] + 1))))

    def _added(self, products: list[list[Read]]) -> Array:
        """A sum of single numbers as operations. All but the last are written already."""
        total: Array | None = None
        for factors in products:
            term = factors[0]
            if len(factors) == 2:
                term = self._written(Array(Kind.MAP, 1, False, ops.mul, tuple(factors)))
            op, operands = (ops.identity, (term,)) if total is None else (ops.add, (self._written(total), term))
            total = Array(Kind.MAP, 1, False, op, operands)
        assert total is not None
        return total

    def _written(self, array: Array) -> Read:
        if array.op is ops.identity and isinstance(array.operands[0], Read):
            return array.operands[0]
        self.arrays.append(array)
        return Read(len(self.arrays) - 1, _ONE)

    def _output(self, output: Operand) -> list[Operand]:
        if not isinstance(output, Read):
            return [output]
        if output.array not in self.apart:
            return [self._read(output)]
        return [self._place(output, k) for k in range(len(output.index))]


def _readers(program: Program) -> Iterator[tuple[int, Read]]:
    """The reads of several members of an array at once, with the numbers of the arrays that read."""
    for number, array in enumerate(program.arrays):
        for read in reads_of(array):
            if len(read.index) > 1:
                yield number, read


def _small(program: Program) -> set[int]:
    """The classes that can be taken apart: small ones that only such classes read."""
    small = {
        number
        for number, array in enumerate(program.arrays)
        if 1 < array.size <= MOST_MEMBERS or (array.size == 1 and array.kind is Kind.SUM)
        if array.kind not in (Kind.GATHER, Kind.SCATTER)
        if not array.batched and sum([len(terms.owner) for terms in array.terms]) <= MOST_TERMS
        if not any(terms.batched for terms in array.terms)
    }
    before = -1
    while len(small) != before:
        before = len(small)
        small -= {read.array for number, read in _readers(program) if number not in small}
    return small


def _closed(program: Program, small: set[int], tables: bool) -> set[int]:
    """The small classes that are better taken apart, with all classes that read them."""
    apart: set[int] = set()
    for number, read in _readers(program):
        labels = program.labels.get(read.array)
        if read.array in small and labels and len({stem(labels[place]) for place in read.index}) > 1:
            apart.add(read.array)
        source = program.arrays[read.array]
        some = source.kind in (Kind.MAP, Kind.SUM) and len(set(read.index)) < source.size > 1
        if tables and number in small and (some or read.index.dims is None):
            apart.add(number)
    before = -1
    while len(apart) != before:
        before = len(apart)
        apart |= {number for number, read in _readers(program) if read.array in apart}
        pairs = [pair for pair in program.adjoints.items() if set(pair) & apart]
        apart |= {k for pair in pairs for k in pair if set(pair) <= small}
    return apart


# ---- pieces ----------------------------------------------------------------------------------------------------------
Span = tuple[int, int]  # first member, and the one behind the last


class Pieces(NamedTuple):
    """A program whose leaves and sums are split."""

    program: Program  # its outputs are the parts of all outputs, one after the other
    parts: list[int]  # the number of parts of each output of the program as it was


def split(program: Program, tables: bool = False) -> Pieces:
    """Cut leaves and sums into pieces that nothing reads across, each sum as early as it can be computed."""
    single, counts = singled(program, tables)
    pieces = _Splitter(single).pieces()
    rest = iter(pieces.parts)
    return pieces._replace(parts=[sum([next(rest) for _ in range(count)]) for count in counts])


class _Splitter:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.spans = self._joined_spans()
        self.indices: dict[tuple[Index, int], Index] = {}

    # ---- where to cut ----------------------------------------------------------------------------------------------
    def _joined_spans(self) -> list[list[Span]]:
        """For each array the members that belong together."""
        arrays = self.program.arrays
        spans: list[set[Span]] = [set() for _ in arrays]
        for number, array in enumerate(arrays):
            for read in reads_of(array):
                spans[read.array].add(_span(read.index))
            for terms in array.terms:
                spans[number].add(_span(terms.owner))
            if (not array.kind.is_leaf and array.kind is not Kind.SUM) or array.exact:
                spans[number].add((0, array.size))
        for adjoint, of in self.program.adjoints.items():  # w and ∂w are cut at the same places
            if arrays[adjoint].size == arrays[of].size:
                spans[adjoint] = spans[of] = spans[adjoint] | spans[of]
        reads = [output for output in self.program.outputs if isinstance(output, Read)]
        whole = {output.array for output in reads if self._is_whole(output)}
        for output in reads:
            if not self._is_whole(output):
                spans[output.array].add(_span(output.index))
        return [
            _merged(found, array.size, number in whole, self.program.labels.get(number))
            for number, (array, found) in enumerate(zip(arrays, spans))
        ]

    def _is_whole(self, read: Read) -> bool:
        """Whether all members are read in order."""
        return read.index.is_identity and len(read.index) == self.program.arrays[read.array].size

    # ---- the new arrays --------------------------------------------------------------------------------------------
    def pieces(self) -> Pieces:
        """The program in pieces."""
        program = self.program
        found: list[tuple[int, int, Span]] = []  # the last array that it reads, the array, the members
        for number, array in enumerate(program.arrays):
            for span in self.spans[number]:
                reads = [read.array for terms in _inside(array, span) for read in terms.factors]
                found.append((max(reads, default=number) if array.terms else number, number, span))
        found.sort()
        self.where = {(number, span[0]): new for new, (_, number, span) in enumerate(found)}
        arrays = [self._piece(program.arrays[number], span) for _, number, span in found]
        labels = {
            self.where[number, first]: program.labels[number][first:end]
            for _, number, (first, end) in found
            if number in program.labels
        }
        adjoints = {
            self.where[number, span[0]]: self.where[of, span[0]]
            for _, number, span in found
            if (of := program.adjoints.get(number)) is not None and (of, span[0]) in self.where
        }
        outputs = [self._output(output) for output in program.outputs]
        parts = [part for output in outputs for part in output]
        return Pieces(Program(arrays, parts, labels, adjoints).verify(), list(map(len, outputs)))

    def _piece(self, array: Array, span: Span) -> Array:
        first, end = span
        terms = [terms._replace(owner=self._shifted(terms.owner, first)) for terms in _inside(array, span)]
        data = array.data if array.kind is Kind.SCATTER else array.data[first:end]
        return array._replace(size=end - first, terms=tuple(terms), data=data).reading(self._moved)

    def _moved(self, read: Read) -> Read:
        lowest = _span(read.index)[0]
        spans = self.spans[read.array]
        first = spans[bisect_right(spans, lowest, key=lambda span: span[0]) - 1][0]
        return Read(self.where[read.array, first], self._shifted(read.index, first))

    def _shifted(self, index: Index, first: int) -> Index:
        """An index map into a piece; equal maps are one object."""
        if first == 0:
            return index
        if (index, first) not in self.indices:
            places = index.places
            if isinstance(places, range):
                new: Sequence[int] = range(places.start - first, places.stop - first, places.step)
            else:
                new = [place - first for place in places]
            self.indices[index, first] = Index(new)
        return self.indices[index, first]

    def _output(self, output: Operand) -> list[Operand]:
        if not isinstance(output, Read):
            return [output]
        if not self._is_whole(output):
            return [self._moved(output)]
        spans = self.spans[output.array]
        return [Read(self.where[output.array, first], Index(range(end - first))) for first, end in spans]


def _span(index: Index) -> Span:
    places = index.places
    return min(places), max(places) + 1


def _inside(array: Array, span: Span) -> list[Terms]:
    return [terms for terms in array.terms if span[0] <= min(terms.owner.places) < span[1]]


def _merged(spans: Iterable[Span], size: int, whole: bool, labels: Sequence[str] | None) -> list[Span]:
    """The spans, overlapping ones merged; if the whole array is a result, also what no span covers."""
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and first < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((first, end))
    if not whole:
        return merged
    complete: list[Span] = []
    at = 0
    for first, end in [*merged, (size, size)]:
        complete += [(at, first)] * (at < first) + [(first, end)] * (first < end)
        at = max(at, end)
    return complete if labels is None else [cut for span in complete for cut in _by_stem(span, labels, merged)]


def _by_stem(span: Span, labels: Sequence[str], read: Sequence[Span]) -> list[Span]:
    """A span that nothing reads, cut where the names change."""
    first, end = span
    cuts = [k for k in range(first + 1, end) if stem(labels[k]) != stem(labels[k - 1])] if span not in read else []
    return list(zip([first, *cuts], [*cuts, end]))
