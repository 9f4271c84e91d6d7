"""Splitting arrays for readers: the parameters of a program are one array, but W², b², W³ and b³ to whoever reads it.

An array of leaves or of sums falls into pieces where nothing reads, or adds, across: its members are cut wherever no
index map passes.  A member that everybody reads alone becomes an array of its own, which is a plain number in print.

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
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.program.indices import Index
from autograd.compiler.textbook.singles import singled
from autograd.labels import stem

__all__ = ["Pieces", "split"]

Span = tuple[int, int]  # first member, and the one behind the last


class Pieces(NamedTuple):
    """A program whose leaves and sums are split.

    Attributes:
        program: The program, whose outputs are the parts of all outputs, one after the other.
        parts: The number of parts of each output of the program as it was.
    """

    program: Program
    parts: list[int]


def split(program: Program, tables: bool = False) -> Pieces:
    """Cut leaves and sums into pieces that nothing reads across, each sum as early as it can be computed.

    Args:
        program: The program to split.
        tables: Whether small classes that read others without any order are taken apart, too.
    """
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
        return array._replace(
            size=end - first,
            operands=tuple([self._moved(x) if isinstance(x, Read) else x for x in array.operands]),
            terms=tuple(
                [
                    terms._replace(
                        owner=self._shifted(terms.owner, first), factors=tuple(map(self._moved, terms.factors))
                    )
                    for terms in _inside(array, span)
                ]
            ),
            data=array.data if array.kind is Kind.SCATTER else array.data[first:end],
        )

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
