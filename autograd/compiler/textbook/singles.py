"""Small classes as single numbers, where a list of them would hide a formula rather than show it.

In sin(x) + sin(y) the two sines are one class, and so are x and y.  Members of different names become arrays of their
own, and so does what is computed from them, as long as no class is larger than a few members:

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

from __future__ import annotations

from collections.abc import Iterator

from autograd import ops
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.program.indices import Index
from autograd.labels import stem

__all__ = ["singled"]

MOST_MEMBERS = 8
MOST_TERMS = 24
_ONE = Index(range(1))


def singled(program: Program, tables: bool) -> tuple[Program, list[int]]:
    """Write small classes member by member.

    Args:
        program: The program, with whole classes.
        tables: Whether classes are taken apart that read some members of others here and there, too.

    Returns:
        The program, its outputs in parts, and how many parts each output has.
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
                self.arrays.append(self._whole(array) if member < 0 else self._member(array, member))
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

    def _whole(self, array: Array) -> Array:
        terms = [x._replace(factors=tuple([self._read(factor) for factor in x.factors])) for x in array.terms]
        operands = [self._read(x) if isinstance(x, Read) else x for x in array.operands]
        return array._replace(operands=tuple(operands), terms=tuple(terms))

    def _read(self, read: Read) -> Read:
        """What reads a whole array, or one member of an array in parts."""
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
        """A sum of single numbers as operations, all of which but the last are written."""
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
    """What reads several members of an array at once."""
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
    """Those that are better taken apart, and all that read them."""
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
