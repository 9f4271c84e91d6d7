"""The steps of a program as kernels and what they run with: this is where index maps meet memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.machine.library import Kernel
from autograd.compiler.machine.loops import GATHER, SCATTER, together
from autograd.compiler.machine.maps import MapKernel
from autograd.compiler.machine.memory import Memory
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.machine.sums import SumKernel
from autograd.compiler.program.classes import Array, Kind, Program, Read, Terms, choice_of
from autograd.compiler.program.nests import Column, Table, map_nest, sum_nest
from autograd.compiler.program.schedule import Region, Step

_LITERAL = {"0.0", "1.0", "-1.0", "0.5", "2.0", "inf"}  # known to the code; other numbers are data of the descriptor


class Call(NamedTuple):
    """A kernel and what it runs with."""

    kernel: Kernel
    table: Table  # turns, places and strides
    columns: Sequence[Column] = ()  # the columns that the kernel reads and writes
    numbers: tuple[float, ...] = ()  # plain numbers among the operands
    # Whole numbers of the descriptor: whether sums are added to what is there, how far candidates are apart.
    flags: tuple[int, ...] = ()


def lowered(
    program: Program,
    steps: Sequence[Step],
    kept: set[int],
    memory: Memory,
    batch: int,
    instead: Mapping[int, Column] = MappingProxyType({}),
) -> list[Call]:
    """The calls that compute a program.

    Results that are written ``instead`` into other places may differ from the recorded numbers by rounding.

    Raises:
        UnsupportedError: A primitive that a user has defined.
    """
    lowering = _Lowering(program, kept, memory, batch, instead)
    for step in steps:
        if isinstance(step, Region):
            lowering.region(step)
        elif program.arrays[step].exact:
            lowering.exact_sum(step)
        elif program.arrays[step].kind is Kind.SUM:
            lowering.sum(step)
        else:
            lowering.choice(step)
    return lowering.calls


def copied(source: Column, target: Column, batch: int = 1) -> Call:
    """The call that copies numbers from one place to another."""
    table = map_nest([source, target], batch)
    kinds = [_kind(stride) for stride in table.loops[1]]
    kernel = MapKernel((("identity", (("column", 0),)),), (kinds[0],), ((0, kinds[1]),), host().lanes)
    return Call(kernel, table, [source, target])


class _Lowering:
    def __init__(
        self,
        program: Program,
        kept: set[int],
        memory: Memory,
        batch: int,
        instead: Mapping[int, Column],
    ) -> None:
        self.program, self.kept, self.memory, self.batch, self.instead = program, kept, memory, batch, instead
        self.calls: list[Call] = []

    def column(self, array: int, places: Sequence[int]) -> Column:
        """The places of an array in memory."""
        found = self.program.arrays[array]
        scale = self.batch if found.batched else 1
        return Column(places, self.memory.base[array], scale, found.kind is Kind.ARGUMENT)

    # ---- regions ---------------------------------------------------------------------------------------------------
    def region(self, region: Region) -> None:
        """One call for the operations of a region."""
        position = {number: k for k, number in enumerate(region.arrays)}
        columns: dict[Read, int] = {}
        numbers: list[float] = []
        steps = []
        for number in region.arrays:
            array = self.program.arrays[number]
            assert array.op is not None
            lower(array.op)  # raises for a primitive that only Python can evaluate
            operands = [self._operand(array, k, position, columns, numbers) for k in range(len(array.operands))]
            steps.append((array.op.name, tuple(operands)))
        stores = [number for number in region.arrays if number in self.kept]
        touched = [self.column(read.array, read.index) for read in columns]
        touched += [self.instead.get(number) or self.column(number, range(region.size)) for number in stores]
        table = map_nest(touched, self.batch if region.batched else 1)
        lanes = host().lanes if max(row[1] for row in table.rows) > 1 else 1
        kinds = [_kind(stride) if lanes > 1 else "g" for stride in table.loops[1]]
        kept = tuple([(position[number], kind) for number, kind in zip(stores, kinds[len(columns) :])])
        if stores and all(number in self.instead for number in stores):
            steps = [_with_inverse(op, operands, kinds) for op, operands in steps]
        kernel = MapKernel(tuple(steps), tuple(kinds[: len(columns)]), kept, lanes)
        self.calls.append(Call(kernel, table, touched, tuple(numbers)))

    def _operand(
        self, array: Array, k: int, position: dict[int, int], columns: dict[Read, int], numbers: list[float]
    ) -> tuple[str, float]:
        operand = array.operands[k]
        if isinstance(operand, Read):
            if operand.array in position and operand.index.is_identity:
                return "register", position[operand.array]
            return "column", columns.setdefault(operand, len(columns))
        if repr(operand) in _LITERAL or (array.op is ops.constant_power and k == 1):
            return "literal", operand
        numbers.append(operand)
        return "number", len(numbers) - 1

    # ---- sums ------------------------------------------------------------------------------------------------------
    def sum(self, number: int) -> None:
        """One call for each list of terms; what no list writes afresh is set to 0 first."""
        array = self.program.arrays[number]
        if _is_put_together(array):
            for terms in array.terms:
                (read,) = terms.factors
                source, target = self.column(read.array, read.index), self.column(number, terms.owner)
                self.calls.append(copied(source, target, self.batch if array.batched else 1))
            return
        # The longest list of terms comes first.  A list with one term for each sum, such as biases, is what another
        # list over the same sums may start from: then it needs no call of its own.
        lists = sorted(array.terms, key=lambda terms: -len(terms.owner))
        starts: dict[Any, list[Terms]] = {}
        for terms in lists:
            if len(terms.factors) == 1 and terms.owner.is_one_to_one:
                starts.setdefault(_span(terms), []).append(terms)
        parts: list[_Part] = []
        used: set[int] = set()  # by id
        for terms in lists:
            if id(terms) in used:
                continue
            alone = terms.owner.is_one_to_one  # one term for each sum, which starts from no other
            found = [] if alone else [start for start in starts.get(_span(terms), ()) if _starts(start, terms)]
            if found:
                starts[_span(terms)].remove(found[0])
                used.add(id(found[0]))
            parts.append(self._part(number, terms, found[0] if found else None))
        # A call that completes its sums writes them afresh, if no call before it has touched one of them; all others
        # add to what is there.
        parts.sort(key=lambda part: (not part.dense, part.first - part.end))
        written: list[tuple[int, int]] = []  # by calls that do not add to what is there
        touched = bytearray(array.size)  # members
        calls = []
        for part in parts:
            fresh = part.dense and touched.find(1, part.first, part.end) < 0
            touched[part.first : part.end] = b"\1" * (part.end - part.first)
            if fresh:
                written.append((part.first, part.end))
            elif part.start is not None:  # a sum with a start of its own would forget what is there
                apart = self._part(number, part.terms, None), self._part(number, part.start, None)
                calls += [call for one in apart for call in one.calls(False)]
                continue
            calls += part.calls(fresh)
        for first, end in _gaps(written, array.size):
            self.zero(number, first, end)
        self.calls += _joined(calls)

    def _part(self, number: int, terms: Terms, start: Terms | None) -> _Part:
        columns = [self.column(number, terms.owner), *[self.column(r.array, r.index) for r in terms.factors]]
        batch = self.batch if terms.batched else 1
        places = terms.owner
        first, end = places.first, places.end
        if start is not None:
            (read,) = start.factors
            place = dict(zip(start.owner.places, read.index.places))
            begins = self.column(read.array, [place[owner] for owner in places.places])
            way, table, complete = sum_nest([*columns, begins], len(terms.factors), batch)
            if complete and places.distinct == end - first and way:
                return _Part(True, first, end, way, table, [*columns, begins], terms, start)
            plain, other = self._part(number, start, None), self._part(number, terms, None)
            return plain._replace(more=(other,))
        way, table, complete = sum_nest(columns, len(terms.factors), batch)
        return _Part(complete and places.distinct == end - first, first, end, way, table, columns, terms)

    def zero(self, number: int, first: int, end: int) -> None:
        """Members of an array set to 0."""
        column = self.column(number, range(first, end))
        table = map_nest([column], column.scale)
        store = _kind(table.loops[1][0])
        kernel = MapKernel((("identity", (("literal", 0.0),)),), (), ((0, store),), host().lanes)
        self.calls.append(Call(kernel, table, [column]))

    def exact_sum(self, number: int) -> None:
        """The terms copied together, owner by owner, then an exact sum of those of each."""
        array = self.program.arrays[number]
        batch = self.batch if array.batched else 1
        scratch = self.memory.scratch
        terms = sorted([(owner, k, t) for k, part in enumerate(array.terms) for t, owner in enumerate(part.owner)])
        for k, part in enumerate(array.terms):
            read = part.factors[0]
            mine = [place for place, (_, j, _) in enumerate(terms) if j == k]
            source = self.column(read.array, [read.index[terms[place][2]] for place in mine])
            self.calls.append(copied(source, Column(mine, scratch, batch), batch))
        starts = [place for place, (owner, _, _) in enumerate(terms) if not place or terms[place - 1][0] != owner]
        rows: list[tuple[int, ...]] = []
        for place, end in zip(starts, [*starts[1:], len(terms)]):
            to = self.memory.base[number] + terms[place][0] * batch
            rows.append((batch, end - place, to, scratch + place * batch))
        if len(starts) < array.size:
            self.zero(number, 0, array.size)
        self.calls.append(Call(together("largest" if array.op else "exact_sum"), Table([(1, 1), (0, batch)], rows)))

    # ---- choices at run time ---------------------------------------------------------------------------------------
    def choice(self, number: int) -> None:
        """A GATHER, whose numbers choose members, or a SCATTER, whose numbers say where something is added."""
        array, choice = self.program.arrays[number], choice_of(self.program.arrays[number])
        chosen, other = choice.chosen, array.operands[1]
        assert isinstance(other, Read)
        size, scatter = len(chosen.index), array.kind is Kind.SCATTER
        first = choice.places.places[:size]
        columns = [
            self.column(number, first if scatter else range(size)),
            self.column(chosen.array, chosen.index),
            self.column(other.array, other.index if scatter else first),
        ]
        if scatter:
            self.zero(number, 0, array.size)
        scales = [column.scale for column in columns]
        table = map_nest(columns, self.batch if max(scales) > 1 else 1)
        step = (choice.places[size] - first[0]) * (scales[0] if scatter else scales[2])
        self.calls.append(Call(SCATTER if scatter else GATHER, table, columns, (float(choice.count),), (step,)))


def _with_inverse(op: str, operands: tuple[Any, ...], kinds: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    """An operation of a region; what is divided by the same number in all turns is multiplied by its inverse.

    That rounds twice: an update of parameters may do so, but not what a floor or a comparison looks at.
    """
    if op == "div" and operands[1][0] == "column" and kinds[operands[1][1]] == "b":
        return op, (operands[0], ("inverse", operands[1][1]))
    return op, operands


class _Part(NamedTuple):
    """A list of terms as a call."""

    dense: bool  # whether it completes the sums from ``first`` to ``end``, each in one place
    first: int
    end: int
    way: str
    table: Table
    # The columns of the owners, of the factors, and perhaps of the numbers that the sums start from.
    columns: list[Column]
    terms: Terms  # the list itself
    start: Terms | None = None  # the column that the sums start from; None if there is none
    more: tuple[Any, ...] = ()  # parts that are added afterwards

    def calls(self, fresh: bool) -> list[Call]:
        """The call of the kernel, and the calls for terms that are added afterwards."""
        way, table, count = self.way, self.table, len(self.terms.factors)
        along = table.loops[1 if way == "n" else 2]
        kinds = [
            ("u" if along[c] else "b", ["b" if loop[c] == 0 else "g" for loop in table.loops[:2]])
            for c in range(1, 1 + count)
        ]
        order, factors = _variant(way, kinds)
        start = ""
        if len(self.columns) > 1 + count:
            start = "u" if way == "n" and along[-1] else "b"
        kept = [0, *[1 + k for k in order], *range(1 + count, len(self.columns))]
        table = table.of_columns(kept)
        kernel = SumKernel(way, factors, start, host().lanes if way else 1)
        call = Call(kernel, table, [self.columns[c] for c in kept], flags=(int(not fresh),))
        return [call, *[more for part in self.more for more in part.calls(False)]]


def _variant(way: str, kinds: Sequence[tuple[str, list[str]]]) -> tuple[list[int], tuple[str, ...]]:
    """The order of the factors of a sum, and how its kernel loads them: few kernels serve all sums.

    A factor that is the same in all rows may be loaded as if it were not; only in matrix products is that a loss.
    """
    order = list(range(len(kinds)))
    if way == "n":
        order.sort(key=lambda k: kinds[k][0])
        if [kinds[k][0] for k in order] == ["b", "u"] and kinds[order[1]][1][0] == "b":
            return order, ("bg", "ub")
        return order, tuple([kinds[k][0] + "g" for k in order])
    if way == "k" and len(kinds) == 2:
        for i, j in ((0, 1), (1, 0)):
            if kinds[i][1][1] == "b" and kinds[j][1][0] == "b":
                return [i, j], ("ugb", "ubg")
    return order, ("ugg" if way == "k" else "u",) * len(kinds)


def _is_put_together(array: Array) -> bool:
    """Whether each member is one number from elsewhere."""
    if any(len(terms.factors) != 1 or terms.batched != array.batched for terms in array.terms):
        return False
    places = [owner for terms in array.terms for owner in terms.owner]
    return len(places) == array.size == len(set(places))


def _joined(calls: list[Call]) -> list[Call]:
    """Calls that add to the same sums in the same way as rows of one."""
    result: list[Call] = []
    for call in calls:
        last = result[-1] if result else None
        if last and call.flags == last.flags == (1,) and _alike(call, last):
            result[-1] = last._replace(table=Table(last.table.loops, [*last.table.rows, *call.table.rows]))
        else:
            result.append(call)
    return result


def _alike(call: Call, other: Call) -> bool:
    same = call.kernel == other.kernel and call.table.loops == other.table.loops
    return same and [column.data for column in call.columns] == [column.data for column in other.columns]


def _span(terms: Terms) -> tuple[int, int, int]:
    return terms.owner.first, terms.owner.end, terms.owner.distinct


def _starts(start: Terms, terms: Terms) -> bool:
    """Whether these terms, one for each sum, may be what the sums of some products start from."""
    return start.batched == terms.batched and set(start.owner.places) == set(terms.owner.places)


def _kind(stride: int) -> str:
    return {0: "b", 1: "u"}.get(stride, "g")


def _gaps(written: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """The parts of the range 0 … size that no interval covers."""
    gaps, at = [], 0
    for first, end in sorted(written):
        if first > at:
            gaps.append((at, first))
        at = max(at, end)
    return [*gaps, (at, size)] if at < size else gaps
