"""Loop nests over memory: dimensions i, j and lanes, the innermost taken in whole vectors.

Two dimensions become one where every operand goes on in memory without a jump. What does not change in an inner loop is
loaded outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from autograd.compiler.native.code import Code
from autograd.compiler.native.space import Space

__all__ = ["Access", "Loops", "Nest", "make_nest"]

_UNROLLED = 48  # instructions in an unrolled body, about
_PARTS = 4  # running sums of one total: an addition takes 4 cycles, and can begin in each


class Access(NamedTuple):
    """What an operand or a result touches: first ``offset`` behind ``base``; ``strides`` lead on along i, j, lanes."""

    base: str
    offset: int
    strides: tuple[int, ...]


class Nest(NamedTuple):
    """A loop nest.

    Attributes:
        sizes: how many steps each loop has, from the outside in.
        parts: which of the dimensions i, j, lanes (0, 1, 2) each loop runs over.
        lanes: how many steps of the innermost are taken at a time.
    """

    sizes: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]
    lanes: int

    def strides(self, access: Access) -> list[int]:
        """From one step of each loop to the next; of joined dimensions the innermost tells."""
        return [access.strides[part[-1]] for part in self.parts]


def make_nest(space: Space, accesses: Sequence[Access], vectors: Sequence[Access], width: int, reduces: bool) -> Nest:
    """The loops for a space: no loop of one step, adjacent dimensions joined where all accesses allow it.

    Args:
        space: the index space.
        accesses: everything that is loaded or stored.
        vectors: those that are stored as vectors if the nest runs in vectors.
        width: of a vector.
        reduces: whether something is summed over the lanes, so that these need a loop of their own.
    """
    full = (space.ni, space.nj, -(-space.lanes // width) * width if space.lanes > 1 else 1)
    sizes: list[int] = []
    parts: list[tuple[int, ...]] = []
    for d in (2, 1, 0):
        if full[d] == 1:
            continue
        alone = not sizes or (reduces and parts[0] == (2,))
        if not alone and all(a.strides[d] == sizes[0] * a.strides[parts[0][-1]] for a in accesses):
            sizes[0] *= full[d]
            parts[0] = (d, *parts[0])
        else:
            sizes.insert(0, full[d])
            parts.insert(0, (d,))
    nest = Nest(tuple(sizes), tuple(parts), width)
    if space.lanes == 1:
        # The last vector of a row must not enter the next row, which is read later.
        whole = len(sizes) == 1 or (sizes and sizes[-1] % width == 0)
        if (
            not whole
            or any(nest.strides(a)[-1] not in (0, 1) for a in accesses)
            or any(nest.strides(a)[-1] != 1 for a in vectors)
        ):
            return nest._replace(lanes=1)
    return nest


class Loops:
    """Writes the code of a nest: what is loaded, computed and stored in its innermost loop.

    ``code.lines`` is the body of that loop; loads may go to an outer one.  The body is written ``unroll`` times, for
    vectors that follow each other: ``shift`` says how far from the first one it is.

    Args:
        code: where the lines go.
        nest: which loops.
        cost: of the body, in instructions: short ones are unrolled.
    """

    def __init__(self, code: Code, nest: Nest, cost: int = _UNROLLED) -> None:
        self.code, self.nest = code, nest
        self.depth = len(nest.sizes)
        blocks = -(-nest.sizes[-1] // nest.lanes) if nest.sizes else 1
        self.unroll = max(n for n in range(1, 17) if n == 1 or (blocks % n == 0 and n * cost <= _UNROLLED))
        self.shift = 0
        self.before: list[list[str]] = [[] for _ in range(self.depth)]  # of loop d, outside of it
        self.after: list[str] = []  # behind the innermost loop
        self.stores: list[str] = []
        self.sums: dict[tuple[Access, int], tuple[str, str]] = {}  # part of a total: before, after the innermost loop
        self._mask = ""

    def _single(self, d: int) -> bool:
        """Whether loop d has one iteration and is not written."""
        return d == self.depth - 1 and self.nest.sizes[d] <= self.nest.lanes * self.unroll

    def _at_level(self, level: int) -> list[str]:
        return self.before[level] if level < self.depth else self.code.lines

    def address(self, access: Access, levels: int | None = None) -> str:
        """The pointer to what an access touches inside so many loops (all), computed loop by loop."""
        code = self.code
        levels = self.depth if levels is None else levels
        pointer = access.base
        inside = code.lines
        code.lines = self._at_level(0)
        if access.offset:
            pointer = code.let(f"getelementptr double, ptr {pointer}, i64 {access.offset}")
        for d, stride in enumerate(self.nest.strides(access)[:levels]):
            code.lines = self._at_level(d + 1) if d + 1 < self.depth else inside
            if stride and not self._single(d):
                index = f"%i{d}" if stride == 1 else code.let(f"mul i64 %i{d}, {stride}")
                pointer = code.let(f"getelementptr double, ptr {pointer}, i64 {index}")
            if stride and self.shift and d == self.depth - 1:
                pointer = code.let(f"getelementptr double, ptr {pointer}, i64 {self.shift * stride}")
        code.lines = inside
        return pointer

    def load(self, access: Access) -> str:
        """The value of an operand at the place where the innermost loop stands."""
        code, strides = self.code, self.nest.strides(access)
        level = max((d + 1 for d, stride in enumerate(strides) if stride), default=0)
        pointer = self.address(access, level)
        inside = code.lines
        code.lines = self._at_level(level)
        value = self._fetch(pointer, access)
        code.lines = inside
        return value

    def load_at(self, pointer: str, access: Access, index: str, stride: int) -> str:
        """The operand so many strides behind a pointer, in a loop that the caller writes inside the innermost one."""
        moved = self.code.let(f"mul i64 {index}, {stride}")
        return self._fetch(self.code.let(f"getelementptr double, ptr {pointer}, i64 {moved}"), access)

    def _fetch(self, pointer: str, access: Access) -> str:
        code, strides = self.code, self.nest.strides(access)
        if code.lanes > 1 and strides and strides[-1]:
            return code.let(f"load {code.type}, ptr {pointer}, align 8")
        return code.broadcast(code.let(f"load double, ptr {pointer}, align 8"))

    def store(self, access: Access, value: str) -> None:
        """Store a result; at the end of the body, so that loads need not wait."""
        pointer = self.address(access)
        self.stores.append(f"  store {self.code.type} {value}, ptr {pointer}, align 8")

    def moves(self, access: Access) -> bool:
        """Whether an access changes within the innermost loop."""
        return bool(self.nest.sizes) and self.nest.strides(access)[-1] != 0

    def accumulate(self, access: Access, term: Callable[[str], str], lanes: int) -> None:
        """Sum over the innermost loop: ``term`` adds this iteration's vector to a total; padding does not count."""
        code = self.code
        number = self.shift // code.lanes
        part = access, number % _PARTS
        first = "zeroinitializer" if self._single(self.depth - 1) else f"%sum{len(self.sums)}"
        first, total = self.sums.get(part, (first, first))
        new = term(total)
        if lanes % code.lanes and number == self.unroll - 1:
            new = code.select(self._inside(lanes), new, total)
        self.sums[part] = first, new

    def _finish_sums(self) -> None:
        """Add up the parts, then the lanes, and store the totals behind the loop."""
        code = self.code
        body, code.lines = code.lines, self.after
        totals: dict[Access, str] = {}
        for (access, _), (_, new) in self.sums.items():
            totals[access] = code.add(totals[access], new) if access in totals else new
        for access, total in totals.items():
            result = code.sum_of_lanes(total)
            code.do(f"store double {result}, ptr {self._pointer_behind(access)}, align 8")
        code.lines = body

    def _pointer_behind(self, access: Access) -> str:
        code = self.code
        pointer = access.base
        if access.offset:
            pointer = code.let(f"getelementptr double, ptr {pointer}, i64 {access.offset}")
        for d, stride in enumerate(self.nest.strides(access)[:-1]):
            if stride:
                index = code.let(f"mul i64 %i{d}, {stride}")
                pointer = code.let(f"getelementptr double, ptr {pointer}, i64 {index}")
        return pointer

    def _inside(self, lanes: int) -> str:
        """Which lanes of this vector exist; only the last one has others."""
        if not self._mask:
            code, d = self.code, self.depth - 1
            there = ["i1 true" if k < lanes % code.lanes else "i1 false" for k in range(code.lanes)]
            tail = f"<{', '.join(there)}>"
            if self._single(d):
                self._mask = tail
            else:
                last = code.let(f"icmp eq i64 %i{d}, {lanes - lanes % code.lanes - self.shift}")
                every = code.splat("i1", "true")
                self._mask = code.let(f"select i1 {last}, {code.truth} {tail}, {code.truth} {every}")
        return self._mask

    def lines(self) -> list[str]:
        """The finished nest."""
        self._finish_sums()
        lines = self.code.lines + self.stores
        behind = self.after
        for d in range(self.depth - 1, -1, -1):
            if not self._single(d):
                lines = self._loop(d, lines)
            lines = self.before[d] + lines
            if d == self.depth - 1:
                lines += behind
        return lines

    def _loop(self, d: int, body: list[str]) -> list[str]:
        kind = self.code.type
        innermost = d == self.depth - 1
        step = self.nest.lanes * self.unroll if innermost else 1
        sums = self.sums.values() if innermost else ()
        return [
            f"  br label %enter{d}", f"enter{d}:", f"  br label %loop{d}", f"loop{d}:",
            f"  %i{d} = phi i64 [0, %enter{d}], [%next{d}, %latch{d}]",
            *(f"  {total} = phi {kind} [zeroinitializer, %enter{d}], [{new}, %latch{d}]" for total, new in sums),
            *body,
            f"  br label %latch{d}", f"latch{d}:",
            f"  %next{d} = add i64 %i{d}, {step}",
            f"  %more{d} = icmp ult i64 %next{d}, {self.nest.sizes[d]}",
            f"  br i1 %more{d}, label %loop{d}, label %end{d}", f"end{d}:",
        ]  # fmt: skip
