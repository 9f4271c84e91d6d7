"""Small classes as single numbers, where a list of them would hide a formula rather than show it.

In sin(x) + sin(y) the two sines are one class, and so are x and y.  Members of different names become arrays of their own,
and so does what is computed from them, as long as no class is larger than a few members:

>>> from autograd.compiler.classbuilder import Builder
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
a4 [1] = Σ a2 over 1: 1 + Σ a3 over 1: 1
return a4
"""

from __future__ import annotations

from collections.abc import Iterator

from autograd import ops
from autograd.compiler.classes import Array, Kind, Operand, Program, Read, Terms, reads_of
from autograd.compiler.indices import Index
from autograd.compiler.labels import stem

__all__ = ["singled"]

MOST_MEMBERS = 8
MOST_TERMS = 24
_ONE = Index(range(1))


def singled(program: Program, tables: bool) -> tuple[Program, list[int]]:
    """Write small classes member by member.

    Args:
        program: with whole classes.
        tables: whether classes are taken apart that read others without any order, too.

    Returns:
        The program, its outputs in parts, and how many parts each output has.
    """
    apart = _closed(program, _small(program), tables)
    where: dict[tuple[int, int], int] = {}  # by array and member; member -1 for a whole array
    arrays: list[Array] = []
    labels: dict[int, list[str]] = {}

    def moved(operand: Operand, k: int | None) -> Operand:
        """An operand, or its place k alone."""
        if not isinstance(operand, Read):
            return operand
        if k is None:
            single = operand.array in apart
            return Read(where[operand.array, operand.index[0] if single else -1], _ONE if single else operand.index)
        place = operand.index[k]
        if operand.array in apart:
            return Read(where[operand.array, place], _ONE)
        return Read(where[operand.array, -1], Index(range(place, place + 1)))

    def reads(terms: Terms, k: int | None) -> tuple[Read, ...]:
        return tuple([x for x in [moved(factor, k) for factor in terms.factors] if isinstance(x, Read)])

    for number, array in enumerate(program.arrays):
        named = program.labels.get(number)
        for member in range(array.size) if number in apart else [-1]:
            where[number, member] = len(arrays)
            if named:
                labels[len(arrays)] = [named[member]] if member >= 0 else named
            if member < 0:
                new = array._replace(
                    operands=tuple([moved(x, None) for x in array.operands]),
                    terms=tuple([terms._replace(factors=reads(terms, None)) for terms in array.terms]),
                )
            else:
                alone = [
                    Terms(_ONE, reads(terms, k))
                    for terms in array.terms
                    for k, j in enumerate(terms.owner)
                    if j == member
                ]
                operands = tuple([moved(x, member) for x in array.operands])
                data = array.data[member : member + 1]
                new = array._replace(size=1, operands=operands, terms=tuple(alone), data=data)
            arrays.append(new)
    adjoints = {
        new: where[of, member]
        for (number, member), new in where.items()
        if (of := program.adjoints.get(number)) is not None and (of, member) in where
    }
    outputs = [
        [moved(x, k) for k in range(len(x.index))] if isinstance(x, Read) and x.array in apart else [moved(x, None)]
        for x in program.outputs
    ]
    parts = [part for output in outputs for part in output]
    return Program(arrays, parts, labels, adjoints), list(map(len, outputs))


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
        if 1 < array.size <= MOST_MEMBERS or (array.size == 1 and array.kind is Kind.SUM and not array.exact)
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
        if tables and number in small and read.index.dims is None:
            apart.add(number)
    before = -1
    while len(apart) != before:
        before = len(apart)
        apart |= {number for number, read in _readers(program) if read.array in apart}
        pairs = [pair for pair in program.adjoints.items() if set(pair) & apart]
        apart |= {k for pair in pairs for k in pair if set(pair) <= small}
    return apart
