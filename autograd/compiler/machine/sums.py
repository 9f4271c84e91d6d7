"""The machine code of sums of products: in vectors over sums next to each other, or over the terms of one sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.texts import KernelText


class SumKernel(NamedTuple):
    """What the loops of a sum of products do."""

    way: str  # "n": vectors of members, "k": vectors of terms, "": one at a time
    # The way in which each factor advances along the vector: "u" by 1 or "b" not at all; along m: "b" for one that is
    # the same in all rows, and therefore loaded once; for way "k" along n, too.
    factors: tuple[str, ...]
    start: str  # the way in which the column that the sums start from advances along the vector; empty without one
    lanes: int  # the number of lanes of a vector

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _SumText(self, name, functions).text()


# Sums are computed in tiles, because each addition waits 4 cycles for the last one to the same sum, and because what is
# loaded serves several sums.  Along the members a tile has 4 rows (a power of two) of 2 vectors; rows that are left
# come one by one, 4 vectors wide.  Along the terms it has 4 rows of 3 columns; columns that are left come one by one.
_ROWS, _VECTORS = (4, 2), 4
_TILE, _COLUMNS = 4, 3


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
        flag = self._word("%adds", "i64", self.words)
        lines[4:4] = [*flag, "  %fresh = icmp eq i64 %adds, 0"]
        body = {"n": self._along_members, "k": self._along_terms, "": self._one_by_one}[self.kernel.way]()
        return "\n".join([*lines, *body, *self.tail()]) + "\n"

    # ---- vectors of members ----------------------------------------------------------------------------------------
    def _along_members(self) -> list[str]:
        """Rows in tiles of four, two vectors of members each; then row by row, four vectors each."""
        return [
            f"  %whole = and i64 %n0, {-_ROWS[0]}", "  %tiled = icmp ne i64 %whole, 0",
            "  br i1 %tiled, label %many.loop, label %rest",
            *self._tiles("many", *_ROWS, first="0, %row", end="%whole", then="rest"),
            "rest:", "  %left = icmp ult i64 %whole, %n0", "  br i1 %left, label %one.loop, label %row.last",
            *self._tiles("one", 1, _VECTORS, first="%whole, %rest", end="%n0", then="row.last"),
            "row.last:",
        ]  # fmt: skip

    def _tiles(self, name: str, rows: int, vectors: int, *, first: str, end: str, then: str) -> list[str]:
        """Tiles of ``rows`` times ``vectors``, for the rows from ``first`` to ``end`` and for all members."""
        code = self.code
        lines = [f"{name}.loop:", f"  %{name} = phi i64 [{first}], [%{name}.next, %{name}.row]"]
        columns = [self.moved(f"%p{c}", f"%{name}", f"%s0.{c}") for c in range(self.columns)]
        lines += [
            *self.taken(),
            f"  br label %{name}.n.loop",
            f"{name}.n.loop:", f"  %{name}.n = phi i64 [0, %{name}.loop], [%{name}.n.next, %{name}.stored]",
        ]  # fmt: skip
        kinds = ["u", *self.kernel.factors, self.kernel.start]
        at = [
            code.let(f"getelementptr double, ptr {x}, i64 %{name}.n") if kinds[c][0] == "u" else x
            for c, x in enumerate(columns)
        ]
        return [
            *lines,
            *self._tile(name, rows, vectors, at),
            f"  %{name}.n.next = add i64 %{name}.n, {vectors * self.lanes}",
            f"  %{name}.n.more = icmp ult i64 %{name}.n.next, %n1",
            f"  br i1 %{name}.n.more, label %{name}.n.loop, label %{name}.row",
            f"{name}.row:",
            f"  %{name}.next = add i64 %{name}, {rows}", f"  %{name}.more = icmp ult i64 %{name}.next, {end}",
            f"  br i1 %{name}.more, label %{name}.loop, label %{then}",
        ]  # fmt: skip

    def _tile(self, name: str, rows: int, vectors: int, columns: list[str]) -> list[str]:
        """The sums of a tile: from their starts through all terms into memory.

        Args:
            name: The name of the tile.
            rows: The number of its rows, or 1 with several vectors.
            vectors: The number of vectors in a row.
            columns: The pointers to what each column has for the first of the sums.
        """
        code, factors, kinds = self.code, self.factors, ["u", *self.kernel.factors, self.kernel.start]
        masks = [self.mask(f"%{name}.n", "%n1", vector * self.lanes) for vector in range(vectors)]
        at = [columns]
        for _ in range(rows - 1):
            at.append([code.let(f"getelementptr double, ptr {x}, i64 %s0.{c}") for c, x in enumerate(at[-1])])
        cells = [(r, v) for r in range(rows) for v in range(vectors)]

        def loaded(place: str, c: int, vector: int, mask: str) -> str:
            """A vector of a column; one that does not advance along the members is the same for all."""
            if kinds[c][0] == "u":
                return self.load(self.further(place, vector * self.lanes), mask)
            return code.broadcast(code.let(f"load double, ptr {place}, align 8"))

        if self.kernel.start:
            starts = [loaded(at[r][-1], self.columns - 1, v, masks[v]) for r, v in cells]
        else:
            none = code.splat("i1", "false")
            kept = [code.let(f"select i1 %fresh, {code.truth} {none}, {code.truth} {mask}") for mask in masks]
            starts = [loaded(at[r][0], 0, v, kept[v]) for r, v in cells]
        before = self.taken()
        # What is the same in all rows, or in all vectors, is loaded once.
        values: dict[tuple[int, int, int], str] = {}
        for c in factors:
            for r in range(1 if kinds[c][1] == "b" else rows):
                place = code.let(f"getelementptr double, ptr {at[r][c]}, i64 %{name}.o{c}")
                for v in range(vectors if kinds[c][0] == "u" else 1):
                    values[c, r, v] = loaded(place, c, v, masks[v])
        sums = []
        for r, v in cells:
            x = [
                values.get((c, r, v)) or values.get((c, 0, v)) or values.get((c, r, 0)) or values[c, 0, 0]
                for c in factors
            ]
            total = f"%{name}.s{r}.{v}"
            sums.append(code.fma(x[0], x[1], total) if len(x) == 2 else code.add(total, x[0]))
        body = self.taken()
        return [
            *before,
            f"  br label %{name}.k", f"{name}.k:",
            f"  %{name}.t = phi i64 [0, %{name}.n.loop], [%{name}.t.next, %{name}.k]",
            *[
                f"  %{name}.s{r}.{v} = phi {code.type} [{start}, %{name}.n.loop], [{new}, %{name}.k]"
                for (r, v), start, new in zip(cells, starts, sums)
            ],
            *[f"  %{name}.o{c} = phi i64 [0, %{name}.n.loop], [%{name}.o{c}.next, %{name}.k]" for c in factors],
            *body,
            *[f"  %{name}.o{c}.next = add i64 %{name}.o{c}, %s2.{c}" for c in factors],
            f"  %{name}.t.next = add i64 %{name}.t, 1", f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %n2",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.end", f"{name}.end:",
            *self._stored(name, [list(zip(sums[v::vectors], [x[0] for x in at])) for v in range(vectors)], masks),
        ]  # fmt: skip

    def _stored(self, name: str, vectors: list[list[tuple[str, str]]], masks: list[str]) -> list[str]:
        """Store what each vector of members has in each row: the last one in part, those behind it not at all."""
        lines = []
        for v, cells in enumerate(vectors):
            here, then = f"{name}.v{v}", f"{name}.v{v + 1}" if v + 1 < len(vectors) else f"{name}.stored"
            first = self.code.let(f"add i64 %{name}.n, {v * self.lanes}")
            whole = self.whole(first, "%n1")
            some = self.code.let(f"icmp ult i64 {first}, %n1")
            lines += [*self.taken(), f"  br i1 {whole}, label %{here}.whole, label %{here}.any", f"{here}.whole:"]
            for value, place in cells:
                self.store(value, self.further(place, v * self.lanes))
            lines += [*self.taken(), f"  br label %{then}"]
            lines += [f"{here}.any:", f"  br i1 {some}, label %{here}.part, label %{name}.stored", f"{here}.part:"]
            for value, place in cells:
                self.store(value, self.further(place, v * self.lanes), masks[v])
            lines += [*self.taken(), f"  br label %{name}.stored", f"{then}:"]
        return lines

    # ---- vectors of terms ------------------------------------------------------------------------------------------
    def _along_terms(self) -> list[str]:
        """Dot products, for three columns at a time if that saves loads; then for those that remain one by one.

        All whole vectors of terms are added first, then those lanes of the last one that exist: without AVX-512 a mask
        in the inner loop would take half as long again.
        """
        several = any(kind[2] == "b" for kind in self.kernel.factors)
        return [
            f"  %whole = and i64 %n2, {-self.lanes}", "  %any = icmp ne i64 %whole, 0",
            "  %some = icmp ult i64 %whole, %n2",
            "  br label %n.loop", "n.loop:", "  %n = phi i64 [0, %row], [%n.next, %n.end]",
            *(self._columns() if several else ["  br label %one.in", *self._dots("one", 1), "n.end:"]),
            f"  %n.next = add i64 %n, {'%n.wide' if several else 1}", "  %n.more = icmp ult i64 %n.next, %n1",
            "  br i1 %n.more, label %n.loop, label %row.last", "row.last:",
        ]  # fmt: skip

    def _columns(self) -> list[str]:
        """The dot products of three columns, or those of one where fewer remain."""
        return [
            f"  %n.last = add i64 %n, {_COLUMNS}", "  %n.several = icmp ule i64 %n.last, %n1",
            "  br i1 %n.several, label %several.in, label %one.in",
            *self._dots("several", _COLUMNS), *self._dots("one", 1),
            "n.end:", f"  %n.wide = select i1 %n.several, i64 {_COLUMNS}, i64 1",
        ]  # fmt: skip

    def _dots(self, name: str, columns: int) -> list[str]:
        """All rows of some columns, in tiles of sums, each a vector over the terms until the end.

        Behind the last row a tile computes that one again.
        """
        code, factors = self.code, self.factors
        rows = [f"%{name}"]
        for r in range(1, _TILE):
            here = code.let(f"add i64 %{name}, {r}")
            inside = code.let(f"icmp ult i64 {here}, %n0")
            rows.append(code.let(f"select i1 {inside}, i64 {here}, i64 {rows[-1]}"))
        numbers = ["%n", *[code.let(f"add i64 %n, {n}") for n in range(1, columns)]]

        def at(c: int, row: int, column: int) -> str:
            return self.moved(self.moved(f"%p{c}", numbers[column], f"%s1.{c}"), rows[row], f"%s0.{c}")

        # A factor that is the same in all rows, or in all columns, is loaded once for all of them.
        kinds = self.kernel.factors
        places = {}
        for c in factors:
            for r in range(_TILE if kinds[c - 1][1] != "b" else 1):
                for n in range(columns if kinds[c - 1][2] != "b" else 1):
                    places[c, r, n] = at(c, r, n)
        before = self.taken()
        cells = [(r, n) for r in range(_TILE) for n in range(columns)]
        terms, totals = self._terms(name, cells, places)
        starts = self.columns - 1 if self.kernel.start else 0
        self._store_sums([(at(0, *x), at(starts, *x) if starts else "", total) for x, total in zip(cells, totals)])
        return [
            f"{name}.in:", f"  br label %{name}.loop",
            f"{name}.loop:", f"  %{name} = phi i64 [0, %{name}.in], [%{name}.next, %{name}.end]",
            *before, *terms, *self.taken(),
            f"  %{name}.next = add i64 %{name}, {_TILE}", f"  %{name}.more = icmp ult i64 %{name}.next, %n0",
            f"  br i1 %{name}.more, label %{name}.loop, label %n.end",
        ]  # fmt: skip

    def _terms(
        self, name: str, cells: list[tuple[int, int]], places: dict[tuple[int, int, int], str]
    ) -> tuple[list[str], list[str]]:
        """From block ``loop`` to block ``end`` of a tile: all terms of its sums; and the names of the sums.

        Args:
            name: The name of the tile.
            cells: The row and the column of each sum.
            places: Where the terms begin, by factor, row and column.
        """
        code, kind = self.code, self.code.type

        def added(to: str, at: str, mask: str = "") -> list[str]:
            """The sums, once the vector of terms at a place is added to each."""
            loaded = {
                key: self.load(code.let(f"getelementptr double, ptr {place}, i64 {at}"), mask)
                for key, place in places.items()
            }
            sums = []
            for r, n in cells:
                x = [loaded[c, r if (c, r, 0) in loaded else 0, n if (c, 0, n) in loaded else 0] for c in self.factors]
                total = f"%{name}.{to}{r}.{n}"
                sums.append(code.fma(x[0], x[1], total) if len(x) == 2 else code.add(total, x[0]))
            return sums

        def merged(to: str, first: str, before: Sequence[str], second: str, after: Sequence[str]) -> list[str]:
            """Sums that come from one of two blocks."""
            return [
                f"  %{name}.{to}{r}.{n} = phi {kind} [{x}, %{name}.{first}], [{y}, %{name}.{second}]"
                for (r, n), x, y in zip(cells, before, after)
            ]

        zeros = ["zeroinitializer"] * len(cells)
        sums = added("s", f"%{name}.t")
        whole = self.taken()
        last = added("r", "%whole", self.mask("%whole", "%n2"))
        part = self.taken()
        return [
            f"  br i1 %any, label %{name}.k, label %{name}.rest", f"{name}.k:",
            f"  %{name}.t = phi i64 [0, %{name}.loop], [%{name}.t.next, %{name}.k]",
            *merged("s", "loop", zeros, "k", sums),
            *whole,
            f"  %{name}.t.next = add i64 %{name}.t, {self.lanes}",
            f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %whole",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.rest", f"{name}.rest:",
            *merged("r", "loop", zeros, "k", sums),
            f"  br i1 %some, label %{name}.part, label %{name}.end", f"{name}.part:",
            *part,
            f"  br label %{name}.end", f"{name}.end:",
            *merged("z", "rest", [f"%{name}.r{r}.{n}" for r, n in cells], "part", last),
        ], [f"%{name}.z{r}.{n}" for r, n in cells]  # fmt: skip

    def _store_sums(self, sums: list[tuple[str, str, str]]) -> None:
        """Add up the lanes of several vectors, as a tree over all of them at once, and store the totals.

        All starts are read before any total is stored, so that a row that is there twice gets the same total twice.

        Args:
            sums: The place of each sum, the place that it starts from (if that is another one), and its vector.
        """
        code = self.code
        starts = [self._start(place, begin) for place, begin, _ in sums]
        for first in range(0, len(sums), self.lanes):
            group = sums[first : first + self.lanes]
            totals = code.sums_of_lanes([total for _, _, total in group])
            for k, (place, _, _) in enumerate(group):
                result = code.let(f"extractelement {code.type} {totals}, i64 {k}")
                total = code.let(f"fadd double {starts[first + k]}, {result}")
                code.do(f"store double {total}, ptr {place}, align 8")

    def _start(self, place: str, begin: str) -> str:
        """The number that a single sum starts from."""
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
