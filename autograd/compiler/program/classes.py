"""The representation of a compiled program: arrays, and index maps between them.

All nodes of a recorded graph that are computed in the same way form one array: the weighted inputs of a layer for all
neurons and samples, or the products q·k of all pairs of tokens.  The kinds of arrays are

    ARGUMENT, PARAMETER    numbers that each call supplies
    CONSTANT               numbers that the program contains
    MAP                    y[m] = op(x[i[m]], ...)                          an operation on each member
    SUM                    y[m] = Σ x[i[t]] z[j[t]] over the terms t with owner[t] = m
    GATHER                 y[m] = x[j[k[m], m]]                             the member that a number k selects in a call
    SCATTER                y[j[k[m], m]] += x[m]                            the transpose of GATHER

In a GATHER and a SCATTER, each member m has n candidates j[0, m], …, j[n - 1, m].  The list of candidates has a row
j[k, 0], j[k, 1], … for each k.  The rows are equally spaced: each row is the previous one plus a fixed step, so that
the program only has to multiply k by this step.  For a k outside 0 … n - 1, a GATHER gives nan, a SCATTER adds nothing.

An operand is a plain number or a ``Read``: an array, and the member to read at each position.  A *batched* array has
one block of members for each sample of a batch.  A SUM that is not batched also adds up the samples.

>>> from autograd import ops
>>> from autograd.compiler.program.builder import Builder
>>> builder = Builder()
>>> x = builder.leaf(Kind.ARGUMENT, range(3))
>>> w = builder.leaf(Kind.PARAMETER, range(6))
>>> z = builder.sum(2, [builder.terms([0, 0, 0, 1, 1, 1], w, builder.read(x, [0, 1, 2, 0, 1, 2]))])
>>> y = builder.map(ops.tanh, [z])
>>> print(builder.program([y]))
a0 [3] = argument 0 … 2
a1 [6] = parameter 0 … 5
a2 [2] = Σ a1 a0[2×3: 0 1] over 2×3: 1 0
a3 [2] = tanh a2
return a3
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from autograd.compiler.program.indices import Index, common_step
from autograd.errors import AutogradError
from autograd.ops import Op


class ProgramError(AutogradError):
    """A program that breaks a rule of the format: a bug in this package, found before anything runs."""


class Kind(Enum):
    """How an array gets its numbers."""

    ARGUMENT = "argument"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    MAP = "map"
    SUM = "sum"
    GATHER = "gather"
    SCATTER = "scatter"

    __hash__ = object.__hash__  # 5x faster than the hash of the name

    @property
    def is_leaf(self) -> bool:
        """Whether the numbers are given, not computed from other arrays."""
        return self in (Kind.ARGUMENT, Kind.PARAMETER, Kind.CONSTANT)


class Read(NamedTuple):
    """The members of an array that are read, in order."""

    array: int
    index: Index  # type: ignore[assignment]  # replaces tuple.index


Operand = Read | float


class Terms(NamedTuple):
    """Some terms of the sums of an array: for each t, the product of the factors is added to member owner[t]."""

    owner: Index  # the sum that each term belongs to
    factors: tuple[Read, ...]  # one or two numbers per term
    batched: bool = False  # whether there is such a term for each sample of a batch


class Array(NamedTuple):
    """An array of a program; all its members are computed in the same way."""

    kind: Kind  # how the numbers are computed
    size: int  # the number of members
    batched: bool = False  # whether there is one block of members for each sample of a batch
    # MAP: the row of the derivative table.  SUM: ``ops.largest`` for the largest term instead of the sum.
    op: Op | None = None
    # MAP: the operands.  GATHER: the selecting numbers k, and all candidates.  SCATTER: the selecting numbers k, and
    # the numbers to add.
    operands: tuple[Operand, ...] = ()
    terms: tuple[Terms, ...] = ()  # SUM: the terms
    # SUM: whether a member needs all its terms at once: for the largest term, or for an exact sum (``fsum``).
    exact: bool = False
    # CONSTANT: the numbers.  ARGUMENT and PARAMETER: the position of each member among the numbers of the call.
    # SCATTER: the candidates, an ``Index``.
    data: Sequence[Any] = ()

    def reading(self, moved: Callable[[Read], Read]) -> Array:
        """The same array, with every read replaced by ``moved(read)``."""
        return self._replace(
            operands=tuple([moved(x) if isinstance(x, Read) else x for x in self.operands]),
            terms=tuple([terms._replace(factors=tuple(map(moved, terms.factors))) for terms in self.terms]),
        )


class Choice(NamedTuple):
    """The candidates of a GATHER or a SCATTER, and the numbers that select among them.

    Attributes:
        chosen: The selecting numbers k.
        places: The candidates: for each k, one for each member.
        count: The number of candidates of each member.
    """

    chosen: Read
    places: Index
    count: int  # type: ignore[assignment]  # replaces tuple.count


def choice_of(array: Array) -> Choice:
    """The ``Choice`` of a GATHER or a SCATTER."""
    chosen, other = array.operands
    assert isinstance(chosen, Read)
    assert isinstance(other, Read)
    places: Any = other.index if array.kind is Kind.GATHER else array.data
    return Choice(chosen, places, len(places) // len(chosen.index))


def reads_of(array: Array) -> Iterator[Read]:
    """All reads of an array: its operands, and the factors of its terms."""
    for operand in array.operands:
        if isinstance(operand, Read):
            yield operand
    for terms in array.terms:
        yield from terms.factors


def reached(arrays: Sequence[Array], roots: Iterable[int]) -> set[int]:
    """The roots and all arrays that they are computed from; arrays are given by their numbers."""
    stack = list(roots)
    found = set(stack)
    while stack:
        for read in reads_of(arrays[stack.pop()]):
            if read.array not in found:
                found.add(read.array)
                stack.append(read.array)
    return found


class Program(NamedTuple):
    """Arrays in the order of computation, and the outputs.

    Attributes:
        arrays: The arrays; each reads only earlier ones.
        outputs: The results; each is a number, or some members of an array.
        labels: For arrays with labels, the label of each member.
        adjoints: For each array of adjoints, the array whose adjoints they are.
        parts: For each result, the number of consecutive outputs that form it; empty if each output is a result.
    """

    arrays: list[Array]
    outputs: list[Operand]
    labels: dict[int, list[str]] = {}  # noqa: RUF012 - never changed in place
    adjoints: dict[int, int] = {}  # noqa: RUF012 - never changed in place
    parts: Sequence[int] = ()

    def verify(self) -> Program:
        """Check every rule of the format, and return the program itself.

        Raises:
            ProgramError: An array reads a member that does not exist or is not computed yet, or lengths differ.
        """
        for number, array in enumerate(self.arrays):
            for read in reads_of(array):
                self._check(number, read)
            if array.kind is Kind.MAP:
                self._check_map(number, array)
            elif array.kind is Kind.SUM:
                self._check_sum(number, array)
            elif not array.kind.is_leaf:
                self._check_choice(number, array)
            elif len(array.data) != array.size:
                raise ProgramError(f"a{number} has {len(array.data)} numbers for {array.size} members")
        for output in self.outputs:
            if isinstance(output, Read):
                self._check(len(self.arrays), output)
        return self

    def _check(self, number: int, read: Read) -> None:
        if not 0 <= read.array < number:
            raise ProgramError(f"a{number} reads a{read.array}, which is not computed yet")
        size, places = self.arrays[read.array].size, read.index.places
        if len(places) and not (min(places) >= 0 and max(places) < size):
            raise ProgramError(f"a{number} reads members {min(places)} to {max(places)} of the {size} of a{read.array}")

    def _check_map(self, number: int, array: Array) -> None:
        for read in reads_of(array):
            if len(read.index) != array.size:
                raise ProgramError(
                    f"a{number} has {array.size} members, but reads a{read.array} {len(read.index)} times"
                )
            if self.arrays[read.array].batched and not array.batched:
                raise ProgramError(f"a{number} is not batched, but reads a{read.array}, which is")

    def _check_sum(self, number: int, array: Array) -> None:
        for terms in array.terms:
            lengths = {len(terms.owner), *[len(read.index) for read in terms.factors]}
            if len(lengths) != 1 or not 1 <= len(terms.factors) <= 2:
                raise ProgramError(f"a{number} adds products of {len(terms.factors)} factors, of lengths {lengths}")
            if not (min(terms.owner.places) >= 0 and max(terms.owner.places) < array.size):
                raise ProgramError(f"a{number} has no member {max(terms.owner.places)}, only {array.size}")
            if array.batched and not terms.batched:
                raise ProgramError(f"a{number} is batched, but not its terms")
            if any(self.arrays[read.array].batched for read in terms.factors) and not terms.batched:
                raise ProgramError(f"a{number} adds terms that are batched as if they were not")

    def _check_choice(self, number: int, array: Array) -> None:
        choice = choice_of(array)
        places, count = choice.places.places, choice.count
        if count * len(choice.chosen.index) != len(places) or count < 2:
            raise ProgramError(f"a{number} chooses {len(choice.chosen.index)} times among {len(places)} candidates")
        if common_step(places, len(choice.chosen.index)) is None:
            raise ProgramError(f"a{number} chooses among candidates that are not in equal steps")
        if array.kind is Kind.GATHER and len(choice.chosen.index) != array.size:
            raise ProgramError(f"a{number} has {array.size} members, but chooses {len(choice.chosen.index)} times")
        if array.kind is Kind.SCATTER:
            sent = array.operands[1]
            if not isinstance(sent, Read) or len(sent.index) != len(choice.chosen.index):
                raise ProgramError(f"a{number} does not send one number for each choice")
            if not 0 <= min(places) <= max(places) < array.size:
                raise ProgramError(f"a{number} has no member {max(places)}, only {array.size}")
        elif any(self.arrays[read.array].batched for read in reads_of(array)) and not array.batched:
            raise ProgramError(f"a{number} is not batched, but reads what is")

    def __str__(self) -> str:
        """One line for each array, and a last line with the outputs."""
        lines = [f"a{number} {_extent(array)} = {_line(array)}" for number, array in enumerate(self.arrays)]
        return "\n".join([*lines, "return " + " ".join(map(_operand, self.outputs))])


def _extent(array: Array) -> str:
    return f"[{array.size}{' × batch' if array.batched else ''}]"


def _line(array: Array) -> str:
    if array.kind is Kind.MAP and array.op is not None:
        return " ".join([array.op.name, *map(_operand, array.operands)])
    if array.kind is Kind.SUM:
        sums = [
            f"Σ {' '.join(map(_operand, terms.factors))} over {_loops(terms.owner)}"
            + (" and the batch" if terms.batched and not array.batched else "")
            for terms in array.terms
        ]
        return ("largest of " if array.op else "exactly " if array.exact else "") + " + ".join(sums)
    if array.kind is Kind.GATHER:
        chosen, candidates = map(_operand, array.operands)
        return f"{candidates} at {chosen}"
    if array.kind is Kind.SCATTER:
        chosen, sent = map(_operand, array.operands)
        return f"{sent} sent to {_loops(choice_of(array).places)} at {chosen}"
    data = array.data
    shown = " ".join(map(str, data)) if len(data) <= 2 else f"{data[0]} … {data[-1]}"
    return f"{array.kind.value} {shown}"


def _operand(operand: Operand) -> str:
    if not isinstance(operand, Read):
        return repr(operand)
    return f"a{operand.array}" + ("" if operand.index.is_identity else f"[{_loops(operand.index)}]")


def _loops(index: Index) -> str:
    """An index map as text: the turns and the steps of its loops, or the length of its table."""
    if index.dims is None:
        return f"table of {len(index)}"
    start = f"{index.places[0]} + " if index.places[0] else ""
    return f"{start}{'×'.join(str(n) for n, _ in index.dims)}: {' '.join(str(step) for _, step in index.dims)}"
