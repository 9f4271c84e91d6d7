"""The machine code of the steps of a program, as LLVM IR: one function for each *kind* of step.

A function knows which operations it does and along which strides of 0 or 1 it runs in vectors.  How many turns its
loops take, where everything lies and what the other strides are it reads from a descriptor, so that all lengths of a
sequence, all steps of a recurrence and models of all widths share it.

    void @kernel(ptr frame, ptr data, ptr descriptor)

    frame         the memory of an evaluation
    data          where the numbers of its arguments are
    descriptor    the number of rows, the address of the first row, which columns are in the data (a bit each), the
                  strides of the columns by each loop, numbers
    row           the turns of the loops, then the place in the frame at which each column begins
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.native.code import Code, Functions, Operand
from autograd.compiler.native.jit import host
from autograd.compiler.native.lowering import lower
from autograd.ops import TABLE

__all__ = ["ExactKernel", "MapKernel", "SumKernel"]


class MapKernel(NamedTuple):
    """What the loop of a region computes.

    Attributes:
        steps: for each operation its name and its operands: ("register", number of a step), ("column", number),
            ("number", number of a number in the descriptor) or ("literal", the number).
        loads: how each column that is read advances: "u" by 1, "b" not at all, "g" by another stride.
        stores: the same for columns that are written, each with the step whose result it takes.
        lanes: members at a time.
    """

    steps: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    loads: tuple[str, ...]
    stores: tuple[tuple[int, str], ...]
    lanes: int

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _MapText(self, name, functions).text()


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


class ExactKernel(NamedTuple):
    """Exact sums, rounded once, or largest terms: loops over members (columns: sum, first term) and over the terms."""

    name: str = "exact_sum"
    lanes: int = 1

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        functions.pieces.setdefault(*_TOGETHER[self.name])
        text = _Text(name, functions, 2, "uu")
        sums, terms = text.moved("%p0", "%m", "%s0.0"), text.moved("%p1", "%m", "%s0.1")
        text.code.do(f"call void @{self.name}(ptr {sums}, ptr {terms}, i64 %n1, i64 %s1.1)")
        return "\n".join([
            *text.head(),
            "  br label %m.loop", "m.loop:", "  %m = phi i64 [0, %row], [%m.next, %m.loop]",
            *text.taken(),
            "  %m.next = add i64 %m, 1", "  %m.more = icmp ult i64 %m.next, %n0",
            "  br i1 %m.more, label %m.loop, label %row.last", "row.last:",
            *text.tail(),
        ]) + "\n"  # fmt: skip


class _Text:
    """The head of a function: rows, turns and places."""

    def __init__(self, name: str, functions: Functions, loops: int, kinds: Sequence[str]) -> None:
        self.name, self.code = name, Code(functions)
        self.loops, self.columns = loops, len(kinds)
        self.words = 3 + self.loops * self.columns  # where the numbers of a descriptor begin
        self.lanes = functions.lanes

    def head(self, numbers: int = 0) -> list[str]:
        lines = [
            f"define void @{self.name}(ptr %f, ptr %x, ptr %d) {host().attributes} {{",
            "  %rows = load i64, ptr %d, align 8",
            "  %d.1 = getelementptr i64, ptr %d, i64 1",
            "  %first = load ptr, ptr %d.1, align 8",
        ]
        lines += self._word("%given", "i64", 2)
        for c in range(self.columns):
            lines += [
                f"  %bit{c} = and i64 %given, {1 << c}",
                f"  %is{c} = icmp eq i64 %bit{c}, 0",
                f"  %base{c} = select i1 %is{c}, ptr %f, ptr %x",
            ]
            for d in range(self.loops):
                lines += self._word(f"%s{d}.{c}", "i64", 3 + d * self.columns + c)
        for number in range(numbers):
            lines += self._word(f"%number{number}", "double", self.words + number)
        lines += [
            "  br label %row",
            "row:",
            "  %r = phi i64 [0, %0], [%r.next, %row.end]",
            "  %place = phi ptr [%first, %0], [%place.next, %row.end]",
        ]
        for d in range(self.loops):
            lines += self._cell(f"%n{d}", d)
        for c in range(self.columns):
            lines += self._cell(f"%at{c}", self.loops + c)
            lines.append(f"  %p{c} = getelementptr double, ptr %base{c}, i64 %at{c}")
        return lines

    @staticmethod
    def _word(name: str, kind: str, place: int) -> list[str]:
        return [
            f"  {name}.at = getelementptr i64, ptr %d, i64 {place}",
            f"  {name} = load {kind}, ptr {name}.at, align 8",
        ]

    @staticmethod
    def _cell(name: str, place: int) -> list[str]:
        return [
            f"  {name}.at = getelementptr i64, ptr %place, i64 {place}",
            f"  {name} = load i64, ptr {name}.at, align 8",
        ]

    def tail(self) -> list[str]:
        return [
            "  br label %row.end",
            "row.end:",
            "  %r.next = add i64 %r, 1",
            f"  %place.next = getelementptr i64, ptr %place, i64 {self.loops + self.columns}",
            "  %more = icmp ult i64 %r.next, %rows",
            "  br i1 %more, label %row, label %end",
            "end:",
            "  ret void",
            "}",
        ]

    # ---- vectors ---------------------------------------------------------------------------------------------------
    def mask(self, index: str, count: str) -> str:
        """Which lanes of the vector at an index exist."""
        code, lanes = self.code, self.lanes
        left = code.let(f"sub i64 {count}, {index}")
        one = code.let(f"insertelement <{lanes} x i64> poison, i64 {left}, i64 0")
        lefts = code.let(
            f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer"
        )
        return code.let(f"icmp ult <{lanes} x i64> {self.iota()}, {lefts}")

    def iota(self) -> str:
        return "<" + ", ".join([f"i64 {k}" for k in range(self.lanes)]) + ">"

    def load(self, pointer: str, mask: str) -> str:
        code, kind = self.code, self.code.type
        if self.lanes == 1:
            return code.let(f"load double, ptr {pointer}, align 8")
        symbol = self.declared(f"llvm.masked.load.v{self.lanes}f64.p0", f"{kind}", f"ptr, i32, {code.truth}, {kind}")
        return code.let(f"call {kind} {symbol}(ptr {pointer}, i32 8, {code.truth} {mask}, {kind} zeroinitializer)")

    def store(self, value: str, pointer: str, mask: str) -> None:
        code, kind = self.code, self.code.type
        if self.lanes == 1:
            code.do(f"store double {value}, ptr {pointer}, align 8")
            return
        symbol = self.declared(f"llvm.masked.store.v{self.lanes}f64.p0", "void", f"{kind}, ptr, i32, {code.truth}")
        code.do(f"call void {symbol}({kind} {value}, ptr {pointer}, i32 8, {code.truth} {mask})")

    def gather(self, pointer: str, stride: str, mask: str) -> str:
        code, kind, lanes = self.code, self.code.type, self.lanes
        symbol = self.declared(
            f"llvm.masked.gather.v{lanes}f64.v{lanes}p0", kind, f"<{lanes} x ptr>, i32, {code.truth}, {kind}"
        )
        pointers = self._pointers(pointer, stride)
        return code.let(
            f"call {kind} {symbol}(<{lanes} x ptr> {pointers}, i32 8, {code.truth} {mask}, {kind} zeroinitializer)"
        )

    def scatter(self, value: str, pointer: str, stride: str, mask: str) -> None:
        code, kind, lanes = self.code, self.code.type, self.lanes
        symbol = self.declared(
            f"llvm.masked.scatter.v{lanes}f64.v{lanes}p0", "void", f"{kind}, <{lanes} x ptr>, i32, {code.truth}"
        )
        pointers = self._pointers(pointer, stride)
        code.do(f"call void {symbol}({kind} {value}, <{lanes} x ptr> {pointers}, i32 8, {code.truth} {mask})")

    def _pointers(self, pointer: str, stride: str) -> str:
        code, lanes = self.code, self.lanes
        one = code.let(f"insertelement <{lanes} x i64> poison, i64 {stride}, i64 0")
        strides = code.let(
            f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer"
        )
        offsets = code.let(f"mul <{lanes} x i64> {strides}, {self.iota()}")
        return code.let(f"getelementptr double, ptr {pointer}, <{lanes} x i64> {offsets}")

    def declared(self, symbol: str, result: str, arguments: str) -> str:
        self.code.functions.pieces.setdefault(symbol, f"declare {result} @{symbol}({arguments})")
        return "@" + symbol

    def moved(self, pointer: str, index: str, stride: str) -> str:
        """A pointer so many strides further on."""
        code = self.code
        return code.let(f"getelementptr double, ptr {pointer}, i64 {code.let(f'mul i64 {index}, {stride}')}")

    def taken(self) -> list[str]:
        """The lines that the code has so far, which it then forgets."""
        lines, self.code.lines = self.code.lines, []
        return lines


# Where only such operations are done, whole vectors have a loop of their own, without a mask.
_LIGHT = {
    "add", "sub", "mul", "div", "neg", "identity", "detached", "abs", "square", "relu", "step", "sign", "leaky_relu",
    "less", "less_equal", "equal", "select", "maximum", "minimum",
}  # fmt: skip


class _MapText(_Text):
    def __init__(self, kernel: MapKernel, name: str, functions: Functions) -> None:
        super().__init__(name, functions, 2, [*kernel.loads, *[kind for _, kind in kernel.stores]])
        self.kernel = kernel

    def text(self) -> str:
        kernel, code = self.kernel, self.code
        numbers = [n for _, operands in kernel.steps for kind, n in operands if kind == "number"]
        lines = self.head(1 + int(max(numbers, default=-1)))
        pointers = [self.moved(f"%p{c}", "%i", f"%s0.{c}") for c in range(self.columns)]
        loaded: dict[int, str] = {}
        for c, kind in enumerate(kernel.loads):
            if kind == "b":
                loaded[c] = code.broadcast(code.let(f"load double, ptr {pointers[c]}, align 8"))
        self.splats = [code.broadcast(f"%number{n}") for n in range(1 + int(max(numbers, default=-1)))]
        outer = self.taken()
        light = self.lanes > 1 and all(op in _LIGHT for op, _ in kernel.steps)
        whole = self._members("%j", pointers, loaded, masked=self.lanes > 1 and not light)
        rest = self._members("%full", pointers, loaded, masked=True) if light else []
        end = "%full" if light else "%n1"
        lines += [
            "  br label %outer", "outer:", "  %i = phi i64 [0, %row], [%i.next, %outer.end]",
            *outer,
            f"  %full = and i64 %n1, {-self.lanes}", "  %any = icmp ne i64 %full, 0",
            f"  br i1 {'%any' if light else 'true'}, label %inner, label %rest",
            "inner:", "  %j = phi i64 [0, %outer], [%j.next, %inner]",
            *whole,
            f"  %j.next = add i64 %j, {self.lanes}", f"  %j.more = icmp ult i64 %j.next, {end}",
            "  br i1 %j.more, label %inner, label %rest",
            "rest:", "  %part = icmp ult i64 %full, %n1",
            f"  br i1 {'%part' if light else 'false'}, label %last, label %outer.end",
            "last:", *rest, "  br label %outer.end",
            "outer.end:", "  %i.next = add i64 %i, 1", "  %i.more = icmp ult i64 %i.next, %n0",
            "  br i1 %i.more, label %outer, label %row.last", "row.last:",
        ]  # fmt: skip
        return "\n".join([*lines, *self.tail()]) + "\n"

    def _members(self, index: str, pointers: list[str], outside: dict[int, str], *, masked: bool) -> list[str]:
        """The lines that compute the vector of members at an index."""
        kernel, code = self.kernel, self.code
        mask = self.mask(index, "%n1") if masked else ""
        kinds = [*kernel.loads, *[kind for _, kind in kernel.stores]]
        at = list(pointers)
        for c, kind in enumerate(kinds):
            if kind == "u":
                at[c] = code.let(f"getelementptr double, ptr {at[c]}, i64 {index}")
            elif kind == "g":
                at[c] = self.moved(at[c], index, f"%s1.{c}")
        loaded = dict(outside)
        every = self.code.splat("i1", "true")
        for c, kind in enumerate(kernel.loads):
            if kind == "u" or (kind == "g" and self.lanes == 1):
                loaded[c] = self.load(at[c], mask) if mask else code.let(f"load {code.type}, ptr {at[c]}, align 8")
            elif kind == "g":
                loaded[c] = self.gather(at[c], f"%s1.{c}", mask or every)
        registers: list[Operand] = []
        for op, operands in kernel.steps:
            registers.append(lower(TABLE[op])(code, *[self._operand(x, loaded, registers) for x in operands]))
        for c, (step, kind) in enumerate(kernel.stores, start=len(kernel.loads)):
            value = code.value(registers[step])
            if kind == "g" and self.lanes > 1:
                self.scatter(value, at[c], f"%s1.{c}", mask or every)
            elif mask:
                self.store(value, at[c], mask)
            else:
                code.do(f"store {code.type} {value}, ptr {at[c]}, align 8")
        return self.taken()

    def _operand(self, operand: tuple[str, float], loaded: dict[int, str], registers: Sequence[Operand]) -> Operand:
        kind, number = operand
        if kind == "register":
            return registers[int(number)]
        if kind == "column":
            return loaded[int(number)]
        return self.splats[int(number)] if kind == "number" else number


_TILE = 4, 2  # rows and columns of a tile of sums along the terms
_ROWS = 8  # of a tile of sums: each is a vector register, and each of their additions waits 4 cycles for the last


class _SumText(_Text):
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


# What additions lose is kept in partial sums that do not overlap, smallest first (Shewchuk 1997, as math.fsum); at the
# end they are added from the largest down until the next one no longer matters, but for a tie. A double has room for at
# most 40 of them. Where something is not finite, the terms are simply added; that is
# done, after all terms were made smaller in case that only a partial sum was too large.
EXACT_SUM = """define internal void @exact_sum(ptr %to, ptr %terms, i64 %count, i64 %stride) noinline {
  %first = call double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double 1.0)
  %size = call double @llvm.fabs.f64(double %first)
  %finite = fcmp olt double %size, 0x7FF0000000000000
  br i1 %finite, label %end, label %again
again:
  %small = call double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double 0x3BF0000000000000)
  %second = fmul double %small, 0x43F0000000000000
  br label %end
end:
  %sum = phi double [%first, %0], [%second, %again]
  store double %sum, ptr %to, align 8
  ret void
}
define internal double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double %scale) noinline {
  %parts = alloca double, i64 64, align 8
  br label %term
term:
  %t = phi i64 [0, %0], [%t.next, %kept]
  %from = phi ptr [%terms, %0], [%from.next, %kept]
  %used = phi i64 [0, %0], [%used.next, %kept]
  %plain = phi double [0.0, %0], [%plain.next, %kept]
  %more = icmp ult i64 %t, %count
  br i1 %more, label %take, label %finish
take:
  %given = load double, ptr %from, align 8
  %new = fmul double %given, %scale
  %plain.next = fadd double %plain, %new
  br label %part
part:
  %k = phi i64 [0, %take], [%k.next, %combine]
  %x = phi double [%new, %take], [%high, %combine]
  %left = phi i64 [0, %take], [%left.next, %combine]
  %any = icmp ult i64 %k, %used
  br i1 %any, label %combine, label %kept
combine:
  %at = getelementptr double, ptr %parts, i64 %k
  %y = load double, ptr %at, align 8
  %high = fadd double %x, %y
  %back = fsub double %high, %x
  %rest = fsub double %high, %back
  %lost.x = fsub double %x, %rest
  %lost.y = fsub double %y, %back
  %lost = fadd double %lost.x, %lost.y
  %is = fcmp une double %lost, 0.0
  %to.part = getelementptr double, ptr %parts, i64 %left
  store double %lost, ptr %to.part, align 8
  %one = zext i1 %is to i64
  %left.next = add i64 %left, %one
  %k.next = add i64 %k, 1
  br label %part
kept:
  %last = getelementptr double, ptr %parts, i64 %left
  store double %x, ptr %last, align 8
  %used.all = add i64 %left, 1
  %full = icmp ugt i64 %used.all, 62
  %used.next = select i1 %full, i64 62, i64 %used.all
  %t.next = add i64 %t, 1
  %from.next = getelementptr double, ptr %from, i64 %stride
  br label %term
finish:
  %none = icmp eq i64 %used, 0
  br i1 %none, label %done, label %top
top:
  %top.k = sub i64 %used, 1
  %top.at = getelementptr double, ptr %parts, i64 %top.k
  %top.x = load double, ptr %top.at, align 8
  br label %down
down:
  %d.k = phi i64 [%top.k, %top], [%d.next, %inexact]
  %d.x = phi double [%top.x, %top], [%d.high, %inexact]
  %rest.any = icmp ugt i64 %d.k, 0
  br i1 %rest.any, label %lower, label %sum
lower:
  %d.next = sub i64 %d.k, 1
  %d.at = getelementptr double, ptr %parts, i64 %d.next
  %d.y = load double, ptr %d.at, align 8
  %d.high = fadd double %d.x, %d.y
  %d.back = fsub double %d.high, %d.x
  %d.low = fsub double %d.y, %d.back
  %exact = fcmp oeq double %d.low, 0.0
  br i1 %exact, label %inexact, label %tie
inexact:
  br label %down
tie:
  %below = icmp ugt i64 %d.next, 0
  br i1 %below, label %sign, label %sum
sign:
  %b.k = sub i64 %d.next, 1
  %b.at = getelementptr double, ptr %parts, i64 %b.k
  %b = load double, ptr %b.at, align 8
  %b.up = fcmp ogt double %b, 0.0
  %low.up = fcmp ogt double %d.low, 0.0
  %b.down = fcmp olt double %b, 0.0
  %low.down = fcmp olt double %d.low, 0.0
  %ups = and i1 %b.up, %low.up
  %downs = and i1 %b.down, %low.down
  %alike = or i1 %ups, %downs
  %twice = fmul double %d.low, 2.0
  %moved = fadd double %d.high, %twice
  %moved.by = fsub double %moved, %d.high
  %fits = fcmp oeq double %moved.by, %twice
  %up = and i1 %alike, %fits
  %result = select i1 %up, double %moved, double %d.high
  br label %sum
sum:
  %total = phi double [%d.x, %down], [%d.high, %tie], [%result, %sign]
  %size = call double @llvm.fabs.f64(double %total)
  %finite = fcmp olt double %size, 0x7FF0000000000000
  %chosen = select i1 %finite, double %total, double %plain
  br label %done
done:
  %value = phi double [0.0, %finish], [%chosen, %sum]
  ret double %value
}
declare double @llvm.fabs.f64(double)
"""
LARGEST = """define internal void @largest(ptr %to, ptr %terms, i64 %count, i64 %stride) noinline {
  %first = load double, ptr %terms, align 8
  br label %test
test:
  %t = phi i64 [1, %0], [%t.next, %term]
  %best = phi double [%first, %0], [%best.next, %term]
  %from = phi ptr [%terms, %0], [%at, %term]
  %more = icmp ult i64 %t, %count
  br i1 %more, label %term, label %end
term:
  %at = getelementptr double, ptr %from, i64 %stride
  %x = load double, ptr %at, align 8
  %is = fcmp olt double %best, %x
  %best.next = select i1 %is, double %x, double %best
  %t.next = add i64 %t, 1
  br label %test
end:
  store double %best, ptr %to, align 8
  ret void
}
"""
_TOGETHER = {"exact_sum": ("exact sum", EXACT_SUM), "largest": ("largest", LARGEST)}
