"""The machine code of sums of products: in vectors over sums next to each other, or over the terms of one sum."""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiler.machine.texts import KernelText
from autograd.compiler.native.code import Functions

__all__ = ["SumKernel"]


class SumKernel(NamedTuple):
    """What the loops of a sum of products do.

    Attributes:
        way: "n": vectors of members, "k": vectors of terms, "": one at a time.
        factors: for each factor how it advances along the vector: "u" by 1 or "b" not at all, and along m: "b" for one
            that is the same in all rows, and therefore loaded once; for way "k" along n, too.
        start: how what the sums start from advances along the vector, if it is a column of its own, else empty.
        lanes: of a vector.
    """

    way: str
    factors: tuple[str, ...]
    start: str
    lanes: int

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _SumText(self, name, functions).text()


_TILE = 4, 2  # rows and columns of a tile of sums along the terms
_ROWS = 8  # of a tile of sums: each is a vector register, and each of their additions waits 4 cycles for the last


class _SumText(KernelText):
    """Loops m (rows), n and k: c[m, n] = start + Σ_k a[m, n, k] b[m, n, k].

    Behind the strides the descriptor says whether sums start at 0 (0) or at what is there (1).
    """

    def __init__(self, kernel: SumKernel, name: str, functions: Functions) -> None:
        super().__init__(name, functions, 3, ["u", *kernel.factors, *([kernel.start] if kernel.start else [])])
        self.kernel = kernel
        self.factors = range(1, 1 + len(kernel.factors))

    def text(self) -> str:
        lines = self.head()
        lines[-1:-1] = []
        flag = self._word("%adds", "i64", self.words)
        lines[4:4] = [*flag, "  %fresh = icmp eq i64 %adds, 0"]
        body = {"n": self._along_members, "k": self._along_terms, "": self._one_by_one}[self.kernel.way]()
        return "\n".join([*lines, *body, *self.tail()]) + "\n"

    # ---- vectors of members ----------------------------------------------------------------------------------------
    def _along_members(self) -> list[str]:
        code = self.code
        mask = self.mask("%n", "%n1")
        truth = code.truth
        kept = code.let(f"select i1 %fresh, {truth} zeroinitializer, {truth} {mask}")
        columns = []
        for c in range(self.columns):
            kind = ["u", *self.kernel.factors, self.kernel.start][c]
            moves = kind[0] == "u"
            columns.append(code.let(f"getelementptr double, ptr %p{c}, i64 %n") if moves else f"%p{c}")
        head = self.taken()
        many = self._rows_of_members("many", _ROWS, columns, mask, kept)
        one = self._rows_of_members("one", 1, columns, mask, kept)
        return [
            "  br label %n.loop", "n.loop:", "  %n = phi i64 [0, %row], [%n.next, %n.end]",
            *head,
            f"  %few = icmp ult i64 %n0, {_ROWS}",
            "  br i1 %few, label %one.test, label %many.loop",
            "many.loop:", "  %many = phi i64 [0, %n.loop], [%many.next, %many.end]",
            *many,
            f"  %many.next = add i64 %many, {_ROWS}", f"  %many.last = add i64 %many.next, {_ROWS}",
            "  %many.more = icmp ule i64 %many.last, %n0",
            "  br i1 %many.more, label %many.loop, label %one.test",
            "one.test:", "  %left = phi i64 [0, %n.loop], [%many.next, %many.end]",
            "  %some = icmp ult i64 %left, %n0", "  br i1 %some, label %one.loop, label %n.end",
            "one.loop:", "  %one = phi i64 [%left, %one.test], [%one.next, %one.end]",
            *one,
            "  %one.next = add i64 %one, 1", "  %one.more = icmp ult i64 %one.next, %n0",
            "  br i1 %one.more, label %one.loop, label %n.end",
            "n.end:", f"  %n.next = add i64 %n, {self.lanes}", "  %n.more = icmp ult i64 %n.next, %n1",
            "  br i1 %n.more, label %n.loop, label %row.last", "row.last:",
        ]  # fmt: skip

    def _rows_of_members(self, name: str, rows: int, columns: list[str], mask: str, kept: str) -> list[str]:
        code, kind = self.code, self.code.type
        first = [self.moved(column, f"%{name}", f"%s0.{c}") for c, column in enumerate(columns)]
        at = [first]
        for _ in range(rows - 1):
            at.append([code.let(f"getelementptr double, ptr {x}, i64 %s0.{c}") for c, x in enumerate(at[-1])])
        if not self.kernel.start:
            starts = [self.load(at[r][0], kept) for r in range(rows)]
        elif self.kernel.start == "u":
            starts = [self.load(at[r][-1], mask) for r in range(rows)]
        else:
            starts = [code.broadcast(code.let(f"load double, ptr {at[r][-1]}, align 8")) for r in range(rows)]
        before = self.taken()
        factors = self.factors
        shared = [c for c in factors if self.kernel.factors[c - 1][1] == "b"]
        values: dict[tuple[int, int], str] = {}
        for c in factors:
            for r in range(1 if c in shared else rows):
                place = code.let(f"getelementptr double, ptr {at[r][c]}, i64 %{name}.o{c}")
                if self.kernel.factors[c - 1][0] == "u":
                    values[c, r] = self.load(place, mask)
                else:
                    values[c, r] = code.broadcast(code.let(f"load double, ptr {place}, align 8"))
        sums = []
        for r in range(rows):
            x = [values[c, 0 if c in shared else r] for c in factors]
            before_sum = f"%{name}.s{r}"
            sums.append(code.fma(x[0], x[1], before_sum) if len(x) == 2 else code.add(before_sum, x[0]))
        body = self.taken()
        phis = [
            f"  %{name}.s{r} = phi {kind} [{start}, %{name}.loop], [{new}, %{name}.k]"
            for r, (start, new) in enumerate(zip(starts, sums))
        ]
        phis += [f"  %{name}.o{c} = phi i64 [0, %{name}.loop], [%{name}.o{c}.next, %{name}.k]" for c in factors]
        steps = [f"  %{name}.o{c}.next = add i64 %{name}.o{c}, %s2.{c}" for c in factors]
        for r, total in enumerate(sums):
            self.store(total, at[r][0], mask)
        after = self.taken()
        return [
            *before,
            f"  br label %{name}.k", f"{name}.k:",
            f"  %{name}.t = phi i64 [0, %{name}.loop], [%{name}.t.next, %{name}.k]",
            *phis, *body, *steps,
            f"  %{name}.t.next = add i64 %{name}.t, 1", f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %n2",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.end", f"{name}.end:",
            *after,
        ]  # fmt: skip

    # ---- vectors of terms ------------------------------------------------------------------------------------------
    def _along_terms(self) -> list[str]:
        """Tiles of rows by columns, then what is left of the rows, one sum at a time."""
        tile = self._dots("tile", *_TILE)
        one = self._dots("one", 1, 1)
        rows, columns = _TILE
        return [
            "  br label %n.loop", "n.loop:", "  %n = phi i64 [0, %row], [%n.next, %n.end]",
            f"  %n.last = add i64 %n, {columns}", "  %n.fits = icmp ule i64 %n.last, %n1",
            f"  %m.fits = icmp ule i64 {rows}, %n0", "  %fits = and i1 %n.fits, %m.fits",
            f"  %wide = select i1 %n.fits, i64 {columns}, i64 1",
            "  br i1 %fits, label %tile.loop, label %rest",
            "tile.loop:", "  %tile = phi i64 [0, %n.loop], [%tile.next, %tile.end]", "  %tile.n = add i64 %n, 0",
            *tile,
            f"  %tile.next = add i64 %tile, {rows}", f"  %tile.last = add i64 %tile.next, {rows}",
            "  %tile.more = icmp ule i64 %tile.last, %n0",
            "  br i1 %tile.more, label %tile.loop, label %rest",
            "rest:", "  %done = phi i64 [0, %n.loop], [%tile.next, %tile.end]",
            "  %some = icmp ult i64 %done, %n0", "  br i1 %some, label %column.loop, label %n.end",
            "column.loop:", "  %column = phi i64 [0, %rest], [%column.next, %column.end]",
            "  %one.n = add i64 %n, %column", "  br label %one.loop",
            "one.loop:", "  %one = phi i64 [%done, %column.loop], [%one.next, %one.end]",
            *one,
            "  %one.next = add i64 %one, 1", "  %one.more = icmp ult i64 %one.next, %n0",
            "  br i1 %one.more, label %one.loop, label %column.end",
            "column.end:", "  %column.next = add i64 %column, 1", "  %column.more = icmp ult i64 %column.next, %wide",
            "  br i1 %column.more, label %column.loop, label %n.end",
            "n.end:", "  %n.next = add i64 %n, %wide", "  %n.more = icmp ult i64 %n.next, %n1",
            "  br i1 %n.more, label %n.loop, label %row.last", "row.last:",
        ]  # fmt: skip

    def _dots(self, name: str, rows: int, columns: int) -> list[str]:
        """A tile of sums, each a vector over the terms until the end."""
        code, kind = self.code, self.code.type
        factors = self.factors

        def at(c: int, row: int, column: int) -> str:
            place = self.moved(f"%p{c}", f"%{name}.n", f"%s1.{c}")
            place = self.moved(place, f"%{name}", f"%s0.{c}")
            for d, turn in ((0, row), (1, column)):
                if turn:
                    place = code.let(f"getelementptr double, ptr {place}, i64 {code.let(f'mul i64 %s{d}.{c}, {turn}')}")
            return place

        # A factor that is the same in all rows, or in all columns, is loaded once for all of them.
        kinds = self.kernel.factors
        places = {}
        for c in factors:
            for r in range(rows if kinds[c - 1][1] != "b" else 1):
                for n in range(columns if kinds[c - 1][2] != "b" else 1):
                    places[c, r, n] = at(c, r, n)
        before = self.taken()
        mask = self.mask(f"%{name}.t", "%n2")
        loaded = {
            key: self.load(code.let(f"getelementptr double, ptr {place}, i64 %{name}.t"), mask)
            for key, place in places.items()
        }
        cells = [(r, n) for r in range(rows) for n in range(columns)]
        sums = {}
        for r, n in cells:
            x = [loaded[c, r if (c, r, 0) in loaded else 0, n if (c, 0, n) in loaded else 0] for c in factors]
            total = f"%{name}.s{r}.{n}"
            sums[r, n] = code.fma(x[0], x[1], total) if len(x) == 2 else code.add(total, x[0])
        body = self.taken()
        phis = [
            f"  %{name}.s{r}.{n} = phi {kind} [zeroinitializer, %{name}.loop], [{new}, %{name}.k]"
            for (r, n), new in sums.items()
        ]
        starts = self.columns - 1 if self.kernel.start else 0
        self._store_sums([(at(0, r, n), at(starts, r, n) if starts else "", sums[r, n]) for r, n in cells])
        after = self.taken()
        return [
            *before,
            f"  br label %{name}.k", f"{name}.k:",
            f"  %{name}.t = phi i64 [0, %{name}.loop], [%{name}.t.next, %{name}.k]",
            *phis, *body,
            f"  %{name}.t.next = add i64 %{name}.t, {self.lanes}",
            f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %n2",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.end", f"{name}.end:",
            *after,
        ]  # fmt: skip

    def _store_sums(self, sums: list[tuple[str, str, str]]) -> None:
        """Add up the lanes of several vectors, as a tree over all of them at once, and store the totals.

        Args:
            sums: of each the place, the place of what it starts from (if that is another one), and the vector.
        """
        code = self.code
        for first in range(0, len(sums), self.lanes):
            group = sums[first : first + self.lanes]
            totals = code.sums_of_lanes([total for _, _, total in group])
            for k, (place, begin, _) in enumerate(group):
                result = code.let(f"extractelement {code.type} {totals}, i64 {k}")
                total = code.let(f"fadd double {self._start(place, begin)}, {result}")
                code.do(f"store double {total}, ptr {place}, align 8")

    def _start(self, place: str, begin: str) -> str:
        """What a single sum starts from."""
        old = self.code.let(f"load double, ptr {begin or place}, align 8")
        return old if begin else self.code.let(f"select i1 %fresh, double 0.0, double {old}")

    # ---- no vectors ------------------------------------------------------------------------------------------------
    def _one_by_one(self) -> list[str]:
        code = self.code
        rows = [self.moved(f"%p{c}", "%m", f"%s0.{c}") for c in range(self.columns)]
        outer = self.taken()
        at = [self.moved(rows[c], "%n", f"%s1.{c}") for c in range(self.columns)]
        start = self._start(at[0], at[-1] if self.kernel.start else "")
        middle = self.taken()
        x = [code.let(f"load double, ptr %q{c}, align 8") for c in self.factors]
        total = code.let(f"fmul double {x[0]}, {x[1]}") if len(x) == 2 else x[0]
        new = code.let(f"fadd double %sum, {total}")
        inner = self.taken()
        phis = [f"  %q{c} = phi ptr [{at[c]}, %n.loop], [%q{c}.next, %k.loop]" for c in self.factors]
        steps = [f"  %q{c}.next = getelementptr double, ptr %q{c}, i64 %s2.{c}" for c in self.factors]
        return [
            "  br label %m.loop", "m.loop:", "  %m = phi i64 [0, %row], [%m.next, %m.end]",
            *outer,
            "  br label %n.loop", "n.loop:", "  %n = phi i64 [0, %m.loop], [%n.next, %n.end]",
            *middle,
            "  br label %k.loop", "k.loop:", "  %k = phi i64 [0, %n.loop], [%k.next, %k.loop]",
            f"  %sum = phi double [{start}, %n.loop], [{new}, %k.loop]",
            *phis, *inner, *steps,
            "  %k.next = add i64 %k, 1", "  %k.more = icmp ult i64 %k.next, %n2",
            "  br i1 %k.more, label %k.loop, label %n.end",
            "n.end:", f"  store double {new}, ptr {at[0]}, align 8",
            "  %n.next = add i64 %n, 1", "  %n.more = icmp ult i64 %n.next, %n1",
            "  br i1 %n.more, label %n.loop, label %m.end",
            "m.end:", "  %m.next = add i64 %m, 1", "  %m.more = icmp ult i64 %m.next, %n0",
            "  br i1 %m.more, label %m.loop, label %row.last", "row.last:",
        ]  # fmt: skip
