"""Writes programs over classes: its arrays compute like numbers, so that the rows of the table write programs.

The builder folds constants, omits operations without effect (x * 1, x + -0.0), never writes the same array twice,
applies an operation before its operand is repeated (``cos(x[i])`` becomes ``cos(x)[i]``), and drops unused arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import nan
from typing import Any, NoReturn

from autograd import ops
from autograd.branches import LinearMap
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, Terms, reached
from autograd.compiler.program.indices import Index, common_step, taken
from autograd.ops import Binary, Number, Op


class Builder:
    """A program being written."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.labels: dict[int, list[str]] = {}
        self.adjoints: dict[int, int] = {}
        self._written: dict[Any, int] = {}
        self._indices: dict[Any, Index] = {}

    # ---- index maps ------------------------------------------------------------------------------------------------
    def index(self, places: Sequence[int]) -> Index:
        """The index map with these numbers: always the same object for the same numbers."""
        if isinstance(places, Index):
            return places
        key: Any = places
        if not isinstance(places, range):
            step = places[1] - places[0] if len(places) > 1 else 1
            line = range(places[0], places[0] + step * len(places), step) if step and len(places) else None
            key = line if line is not None and list(line) == list(places) else tuple(places)
        found = self._indices.get(key)
        if found is None:
            found = self._indices[key] = Index(key)
        return found

    def adopted(self, index: Index) -> Index:
        """The index map with the same numbers as another one, whose loops are reused if they are known."""
        found = self.index(index.places)
        if "dims" in vars(index):
            vars(found).setdefault("dims", index.dims)
        return found

    def identity(self, size: int) -> Index:
        """The index map that reads member i at position i."""
        return self.index(range(size))

    def read(self, array: Operand, places: Sequence[int]) -> Read:
        """An operand, read again through another index map."""
        assert isinstance(array, Read)
        if isinstance(places, Index) and array.index.is_identity:
            return Read(array.array, places)
        return Read(array.array, self.index(taken(array.index.places, places)))

    def terms(self, owner: Sequence[int], *factors: Operand) -> Terms:
        """The terms of a sum, as ``Terms``."""
        reads = tuple([factor for factor in factors if isinstance(factor, Read)])
        return Terms(self.index(owner), reads, any(self.is_batched(read) for read in reads))

    def spread(self, operand: Operand, size: int) -> Read:
        """An operand as a Read of ``size`` positions; a number becomes a constant that all positions read."""
        if isinstance(operand, Read):
            return operand
        return self.read(self.leaf(Kind.CONSTANT, [operand]), self.index([0] * size))

    # ---- arrays ----------------------------------------------------------------------------------------------------
    def append(self, array: Array) -> Read:
        """Write an array, unless the program already has the same one."""
        key = (
            array._replace(data=array.data if array.kind is Kind.SCATTER else (), op=None),
            array.op and id(array.op),
            array.kind.value,
            repr(array.operands) if any(isinstance(x, float) for x in array.operands) else None,
        )
        number = None if array.kind.is_leaf else self._written.get(key)
        if number is None:
            number = self._written[key] = len(self.arrays)
            self.arrays.append(array)
        return Read(number, self.identity(array.size))

    def leaf(self, kind: Kind, data: Sequence[Any], *, batched: bool = False) -> Read:
        """Write an array of given numbers: arguments, parameters or constants."""
        return self.append(Array(kind, len(data), batched, data=data))

    def is_batched(self, operand: Operand) -> bool:
        """Whether an operand has different numbers for each sample of a batch."""
        return isinstance(operand, Read) and self.arrays[operand.array].batched

    def map(self, op: Op, operands: Sequence[Operand], size: int = 1) -> Operand:
        """Write an operation on each member.

        Args:
            op: A row of the derivative table.
            operands: Numbers, and reads of the same length.
            size: The size of the result, if all operands are numbers.
        """
        operands = [self.known(operand) for operand in operands]
        same = self._simplified(op, operands)
        if same is not None:
            return same
        reads = [operand for operand in operands if isinstance(operand, Read)]
        if not reads:
            return op.value(*operands)
        index = reads[0].index
        source = self.arrays[reads[0].array].size
        if (
            not index.is_identity
            and source == index.distinct  # at a member that is not read, the operation could give inf or nan
            and all(read.index is index and self.arrays[read.array].size == source for read in reads)
        ):
            every = self.identity(source)
            inner = self.map(op, [Read(x.array, every) if isinstance(x, Read) else x for x in operands])
            return self.read(inner, index) if isinstance(inner, Read) else inner
        batched = any(self.arrays[read.array].batched for read in reads)
        return self.append(Array(Kind.MAP, len(index), batched, op, tuple(operands)))

    def sum(
        self,
        size: int,
        terms: Sequence[Terms],
        *,
        batched: bool | None = None,
        exact: bool = False,
        op: Op | None = None,
    ) -> Operand:
        """Write sums of products; short sums with one term per list become plain operations."""
        if batched is None:
            batched = any(part.batched for part in terms)
        if batched:
            terms = [part if part.batched else part._replace(batched=True) for part in terms]
        if not exact or len(terms) == 1:
            plain = self._without_sum(size, terms, batched)
            if plain is not None:
                return plain
        return self.append(Array(Kind.SUM, size, batched, op=op, terms=tuple(terms), exact=exact))

    def _without_sum(self, size: int, terms: Sequence[Terms], batched: bool) -> Operand | None:
        """The sums as additions, if every member has exactly one term in each list; else None."""
        if any(len(part.owner) != size or (part.batched and not batched) for part in terms):
            return None
        if len(terms) > 8:
            return None
        parts: list[Operand] = []
        for part in terms:
            factors = list(part.factors)
            if not part.owner.is_identity:
                if not part.owner.is_one_to_one:
                    return None
                back = sorted(range(size), key=part.owner.places.__getitem__)
                factors = [self.read(factor, back) for factor in factors]
            parts.append(self.map(ops.mul, factors) if len(factors) == 2 else factors[0])
        total = parts[0]
        for more in parts[1:]:
            total = self.map(ops.add, [total, more])
        if batched and not self.is_batched(total):
            return None
        return total

    # ---- choices at run time ---------------------------------------------------------------------------------------
    def gather(self, chosen: Operand, candidates: Read, size: int) -> Operand:
        """Write a GATHER: y[m] = candidates[k, m] with k = chosen[m].

        Args:
            chosen: The selecting number k for each m, or one known number.
            candidates: The members to select from: for each k, one for each m.
            size: The number of members m.
        """
        chosen, count = self.known(chosen), len(candidates.index) // size
        if not isinstance(chosen, Read):
            first = int(chosen) * size if 0.0 <= chosen < count else -1
            return self.read(candidates, range(first, first + size)) if first >= 0 else nan
        step = common_step(candidates.index.places, size)
        if step == 0:  # all candidates are the same
            return self.read(candidates, range(size))
        if step is None:  # the rows of candidates are not equally spaced; those of a copy are
            copy = Array(Kind.MAP, len(candidates.index), self.is_batched(candidates), ops.identity, (candidates,))
            candidates = self.append(copy)
        batched = self.is_batched(chosen) or self.is_batched(candidates)
        return self.append(Array(Kind.GATHER, size, batched, operands=(chosen, candidates)))

    def scatter(self, chosen: Operand, sent: Operand, places: Index, *, batched: bool) -> tuple[Read, int]:
        """Write a SCATTER, the transpose of ``gather``: y[places[k, m]] += sent[m] with k = chosen[m].

        Args:
            chosen: The selecting number k for each m.
            sent: The number to add for each m, or one number for all.
            places: The candidates, as members of an array: for each k, one for each m.
            batched: Whether each sample has its own sums; otherwise the samples are added up.

        Returns:
            The sums for all members from the lowest to the highest candidate, and the lowest candidate.
        """
        first = places.first
        moved = self.index(places.places if not first else [place - first for place in places.places])
        size = max([len(x.index) for x in (chosen, sent) if isinstance(x, Read)], default=1)
        operands = (self.spread(chosen, size), self.spread(sent, size))
        return self.append(Array(Kind.SCATTER, places.end - first, batched, operands=operands, data=moved)), first

    # ---- simplification --------------------------------------------------------------------------------------------
    def known(self, operand: Operand) -> Operand:
        """The operand itself; or, if it reads constants that are all equal, their number."""
        if isinstance(operand, Read) and (array := self.arrays[operand.array]).kind is Kind.CONSTANT:
            numbers = {repr(array.data[i]) for i in set(operand.index.places)}
            if len(numbers) == 1:
                return float(array.data[operand.index[0]])
        return operand

    def _simplified(self, op: Op, operands: list[Operand]) -> Operand | None:
        """The result, if it needs no new array; all rules used hold for every float (x * 0 is not always 0)."""
        numbers = [None if isinstance(operand, Read) else operand for operand in operands]
        if op is ops.identity:
            return operands[0]
        if op is ops.mul:
            for number, other in zip(numbers, reversed(operands)):
                if number == 1.0:
                    return other
                if number == -1.0:
                    return self.map(ops.neg, [other])
        elif op is ops.add and any(repr(number) == "-0.0" for number in numbers):
            return operands[1 - numbers.index(0.0)]
        elif op is ops.div and numbers[1] == 1.0:
            return operands[0]
        elif op is ops.neg and (inner := self._op(operands[0])) is not None and inner.op is ops.neg:
            return self._through(operands[0], inner.operands[0])
        elif op is ops.constant_power and numbers[1] == 1.0:
            return operands[0]
        elif op is ops.constant_power and numbers[1] == 2.0:
            return self.map(ops.mul, [operands[0], operands[0]])
        elif op is ops.select:
            return self._selected(operands, numbers)
        return None

    def _selected(self, operands: list[Operand], numbers: list[Any]) -> Operand | None:
        if numbers[0] is not None:
            return operands[1] if numbers[0] else operands[2]
        condition = self._op(operands[0])
        if numbers[1:] == [1.0, 0.0] and condition is not None and condition.op in ops.COMPARISONS:
            return operands[0]
        return operands[1] if operands[1] == operands[2] else None

    def _op(self, operand: Operand) -> Array | None:
        return self.arrays[operand.array] if isinstance(operand, Read) else None

    def _through(self, outer: Operand, inner: Operand) -> Operand:
        """``inner``, read through the index map of ``outer``."""
        return self.read(inner, outer.index) if isinstance(inner, Read) and isinstance(outer, Read) else inner

    # ---- the result ------------------------------------------------------------------------------------------------
    def program(self, outputs: Iterable[Operand]) -> Program:
        """The program with these outputs, without the arrays that no output uses; parameters stay."""
        outputs = list(outputs)
        roots = [output.array for output in outputs if isinstance(output, Read)]
        roots += [number for number, array in enumerate(self.arrays) if array.kind is Kind.PARAMETER]
        kept = sorted(reached(self.arrays, roots))
        where = {old: new for new, old in enumerate(kept)}

        def moved(read: Read) -> Read:
            return Read(where[read.array], read.index)

        if len(kept) == len(self.arrays):
            return Program(list(self.arrays), outputs, dict(self.labels), dict(self.adjoints))
        arrays = [self.arrays[number].reading(moved) for number in kept]
        outputs = [moved(output) if isinstance(output, Read) else output for output in outputs]
        labels = {where[k]: names for k, names in self.labels.items() if k in where}
        adjoints = {where[k]: where[of] for k, of in self.adjoints.items() if k in where and of in where}
        return Program(arrays, outputs, labels, adjoints)


def _operator(op: Op) -> Callable[..., Any]:
    def method(self: Rows, *others: Any) -> Any:
        return Rows.apply(op, (self, *others))

    return method


def _reflected(op: Binary) -> Callable[[Rows, Any], Any]:
    def method(self: Rows, other: Any) -> Any:
        return Rows.apply(op, (other, self))

    return method


class Rows(Number):
    """An array that acts as a number: arithmetic on it writes arrays into the program."""

    __slots__ = ("builder", "read")

    def __init__(self, builder: Builder, read: Read) -> None:
        self.builder = builder
        self.read = read

    @classmethod
    def apply(cls, op: Op, operands: Sequence[Any]) -> Any:
        builder = next((x.builder for x in operands if isinstance(x, Rows)), None)
        given = [x.read if isinstance(x, Rows) else float(x) for x in operands]
        return op.value(*given) if builder is None else wrapped(builder, builder.map(op, given))

    def select(self, x: Any, y: Any) -> Any:
        return Rows.apply(ops.select, (self, x, y))

    __add__, __radd__ = _operator(ops.add), _reflected(ops.add)
    __sub__, __rsub__ = _operator(ops.sub), _reflected(ops.sub)
    __rmul__ = _reflected(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div), _reflected(ops.div)
    __neg__, __abs__ = _operator(ops.neg), _operator(ops.abs)
    __lt__, __gt__ = _operator(ops.less), _reflected(ops.less)
    __le__, __ge__ = _operator(ops.less_equal), _reflected(ops.less_equal)

    def __mul__(self, other: Any) -> Any:
        return other(self) if isinstance(other, LinearMap) else Rows.apply(ops.mul, (self, other))

    def __pow__(self, exponent: Any) -> Any:
        return Rows.apply(ops.power if isinstance(exponent, Rows) else ops.constant_power, (self, exponent))

    __rpow__ = _reflected(ops.power)

    def __bool__(self) -> NoReturn:
        raise TypeError("a rule of a primitive branches on data with `if`: write it with autograd.where")


def wrapped(builder: Builder, operand: Operand) -> Any:
    """An operand as a number that the rows of the table can compute with."""
    return Rows(builder, operand) if isinstance(operand, Read) else operand
