"""The machine code of the steps of a program, as LLVM IR: one function for each *kind* of step.

A function knows which operations it does and along which strides of 0 or 1 it runs in vectors.  How many turns its loops
take, where everything lies and what the other strides are it reads from a descriptor, so that all lengths of a sequence,
all steps of a recurrence and models of all widths share it.

    void @kernel(ptr frame, ptr descriptor)

    descriptor    the number of rows, the address of the first row, the strides of the columns by each loop, numbers
    row           the turns of the loops, then the place in the frame at which each column begins
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.native.code import Code, Functions, Operand
from autograd.compiler.native.jit import host
from autograd.compiler.native.lowering import lower
from autograd.ops import TABLE

__all__ = ["MapKernel", "SumKernel", "Where"]


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
        factors: for each factor how it advances along the vector: "u" by 1 or "b" not at all; along m, "b" as well for
            one that is the same in all rows (only for way "n").
        lanes: of a vector.
    """

    way: str
    factors: tuple[str, ...]
    lanes: int

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _SumText(self, name, functions).text()


class Where(NamedTuple):
    """The places of what a descriptor holds, in words of 8 bytes."""

    loops: int
    columns: int

    @property
    def words(self) -> int:
        """Where the numbers begin."""
        return 2 + self.loops * self.columns


class _Text:
    """The head of a function: rows, turns and places."""

    def __init__(self, name: str, functions: Functions, loops: int, columns: int) -> None:
        self.name, self.code = name, Code(functions)
        self.loops, self.columns = loops, columns
        self.where = Where(loops, columns)
        self.lanes = functions.lanes

    def head(self, numbers: int = 0) -> list[str]:
        lines = [
            f"define void @{self.name}(ptr %f, ptr %d) {host().attributes} {{",
            "  %rows = load i64, ptr %d, align 8",
            "  %d.1 = getelementptr i64, ptr %d, i64 1",
            "  %first = load ptr, ptr %d.1, align 8",
        ]
        for d in range(self.loops):
            for c in range(self.columns):
                lines += self._word(f"%s{d}.{c}", "i64", 2 + d * self.columns + c)
        for number in range(numbers):
            lines += self._word(f"%number{number}", "double", self.where.words + number)
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
            lines.append(f"  %p{c} = getelementptr double, ptr %f, i64 %at{c}")
        return lines

    @staticmethod
    def _word(name: str, kind: str, place: int) -> list[str]:
        return [f"  {name}.at = getelementptr i64, ptr %d, i64 {place}", f"  {name} = load {kind}, ptr {name}.at, align 8"]

    @staticmethod
    def _cell(name: str, place: int) -> list[str]:
        return [f"  {name}.at = getelementptr i64, ptr %place, i64 {place}", f"  {name} = load i64, ptr {name}.at, align 8"]

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
        lefts = code.let(f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")
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
        strides = code.let(f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")
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


class _MapText(_Text):
    def __init__(self, kernel: MapKernel, name: str, functions: Functions) -> None:
        super().__init__(name, functions, 2, len(kernel.loads) + len(kernel.stores))
        self.kernel = kernel

    def text(self) -> str:
        kernel, code = self.kernel, self.code
        numbers = [n for _, operands in kernel.steps for kind, n in operands if kind == "number"]
        lines = self.head(1 + int(max(numbers, default=-1)))
        kinds = [*kernel.loads, *[kind for _, kind in kernel.stores]]
        pointers = [self.moved(f"%p{c}", "%i", f"%s0.{c}") for c in range(self.columns)]
        loaded: dict[int, str] = {}
        for c, kind in enumerate(kernel.loads):
            if kind == "b":
                loaded[c] = code.broadcast(code.let(f"load double, ptr {pointers[c]}, align 8"))
        self.splats = [code.broadcast(f"%number{n}") for n in range(1 + int(max(numbers, default=-1)))]
        outer = self.taken()
        mask = self.mask("%j", "%n1") if self.lanes > 1 else ""
        for c, kind in enumerate(kinds):
            if kind == "u":
                pointers[c] = code.let(f"getelementptr double, ptr {pointers[c]}, i64 %j")
            elif kind == "g":
                pointers[c] = self.moved(pointers[c], "%j", f"%s1.{c}")
        for c, kind in enumerate(kernel.loads):
            if kind == "u" or (kind == "g" and self.lanes == 1):
                loaded[c] = self.load(pointers[c], mask)
            elif kind == "g":
                loaded[c] = self.gather(pointers[c], f"%s1.{c}", mask)
        registers: list[Operand] = []
        for op, operands in kernel.steps:
            registers.append(lower(TABLE[op])(code, *[self._operand(x, loaded, registers) for x in operands]))
        for c, (step, kind) in enumerate(kernel.stores, start=len(kernel.loads)):
            value = code.value(registers[step])
            if kind == "g" and self.lanes > 1:
                self.scatter(value, pointers[c], f"%s1.{c}", mask)
            else:
                self.store(value, pointers[c], mask)
        inner = self.taken()
        lines += [
            "  br label %outer", "outer:", "  %i = phi i64 [0, %row], [%i.next, %outer.end]",
            *outer,
            "  br label %inner", "inner:", "  %j = phi i64 [0, %outer], [%j.next, %inner]",
            *inner,
            f"  %j.next = add i64 %j, {self.lanes}", "  %j.more = icmp ult i64 %j.next, %n1",
            "  br i1 %j.more, label %inner, label %outer.end",
            "outer.end:", "  %i.next = add i64 %i, 1", "  %i.more = icmp ult i64 %i.next, %n0",
            "  br i1 %i.more, label %outer, label %row.last", "row.last:",
        ]  # fmt: skip
        return "\n".join([*lines, *self.tail()]) + "\n"

    def _operand(self, operand: tuple[str, float], loaded: dict[int, str], registers: Sequence[Operand]) -> Operand:
        kind, number = operand
        if kind == "register":
            return registers[int(number)]
        if kind == "column":
            return loaded[int(number)]
        return self.splats[int(number)] if kind == "number" else number


_ROWS = 8  # of a tile of sums: each is a vector register, and each of their additions waits 4 cycles for the last


class _SumText(_Text):
    """Loops m (rows), n and k: c[m, n] = start + Σ_k a[m, n, k] b[m, n, k].

    Behind the strides the descriptor says whether sums start at 0 (0) or at what is there (1).
    """

    def __init__(self, kernel: SumKernel, name: str, functions: Functions) -> None:
        super().__init__(name, functions, 3, 1 + len(kernel.factors))
        self.kernel = kernel

    def text(self) -> str:
        lines = self.head()
        lines[-1:-1] = []
        flag = self._word("%adds", "i64", self.where.words)
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
            moves = c == 0 or self.kernel.factors[c - 1][0] == "u"
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
        starts = [self.load(at[r][0], kept) for r in range(rows)]
        before = self.taken()
        factors = range(1, self.columns)
        shared = [c for c in factors if self.kernel.factors[c - 1][1] == "b"]
        now = {}
        for c in factors:
            for r in range(1 if c in shared else rows):
                now[c, r] = f"%{name}.p{c}.{r}"
        values: dict[tuple[int, int], str] = {}
        for c, r in now:
            if self.kernel.factors[c - 1][0] == "u":
                values[c, r] = self.load(now[c, r], mask)
            else:
                values[c, r] = code.broadcast(code.let(f"load double, ptr {now[c, r]}, align 8"))
        sums = []
        for r in range(rows):
            x = [values[c, 0 if c in shared else r] for c in factors]
            before_sum = f"%{name}.s{r}"
            sums.append(code.fma(x[0], x[1], before_sum) if len(x) == 2 else code.add(before_sum, x[0]))
        body = self.taken()
        phis = [f"  %{name}.s{r} = phi {kind} [{start}, %{name}.loop], [{new}, %{name}.k]" for r, (start, new) in enumerate(zip(starts, sums))]
        steps = []
        for (c, r), pointer in now.items():
            phis.append(f"  {pointer} = phi ptr [{at[r][c]}, %{name}.loop], [{pointer}.next, %{name}.k]")
            steps.append(f"  {pointer}.next = getelementptr double, ptr {pointer}, i64 %s2.{c}")
        for r, total in enumerate(sums):
            self.store(total, at[r][0], mask)
        after = self.taken()
        return [
            *before,
            f"  br label %{name}.k", f"{name}.k:", f"  %{name}.t = phi i64 [0, %{name}.loop], [%{name}.t.next, %{name}.k]",
            *phis, *body, *steps,
            f"  %{name}.t.next = add i64 %{name}.t, 1", f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %n2",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.end", f"{name}.end:",
            *after,
        ]  # fmt: skip

    # ---- vectors of terms ------------------------------------------------------------------------------------------
    def _along_terms(self) -> list[str]:
        four = self._dots("four", 4)
        one = self._dots("one", 1)
        return [
            "  br label %n.loop", "n.loop:", "  %n = phi i64 [0, %row], [%n.next, %n.end]",
            "  %few = icmp ult i64 %n0, 4", "  br i1 %few, label %one.test, label %four.loop",
            "four.loop:", "  %four = phi i64 [0, %n.loop], [%four.next, %four.end]",
            *four,
            "  %four.next = add i64 %four, 4", "  %four.last = add i64 %four.next, 4",
            "  %four.more = icmp ule i64 %four.last, %n0",
            "  br i1 %four.more, label %four.loop, label %one.test",
            "one.test:", "  %left = phi i64 [0, %n.loop], [%four.next, %four.end]",
            "  %some = icmp ult i64 %left, %n0", "  br i1 %some, label %one.loop, label %n.end",
            "one.loop:", "  %one = phi i64 [%left, %one.test], [%one.next, %one.end]",
            *one,
            "  %one.next = add i64 %one, 1", "  %one.more = icmp ult i64 %one.next, %n0",
            "  br i1 %one.more, label %one.loop, label %n.end",
            "n.end:", "  %n.next = add i64 %n, 1", "  %n.more = icmp ult i64 %n.next, %n1",
            "  br i1 %n.more, label %n.loop, label %row.last", "row.last:",
        ]  # fmt: skip

    def _dots(self, name: str, rows: int) -> list[str]:
        code, kind = self.code, self.code.type
        columns = [self.moved(f"%p{c}", "%n", f"%s1.{c}") for c in range(self.columns)]
        at = [[self.moved(column, f"%{name}", f"%s0.{c}") for c, column in enumerate(columns)]]
        for _ in range(rows - 1):
            at.append([code.let(f"getelementptr double, ptr {x}, i64 %s0.{c}") for c, x in enumerate(at[-1])])
        before = self.taken()
        mask = self.mask(f"%{name}.t", "%n2")
        sums = []
        for r in range(rows):
            x = []
            for c in range(1, self.columns):
                x.append(self.load(code.let(f"getelementptr double, ptr {at[r][c]}, i64 %{name}.t"), mask))
            total = f"%{name}.s{r}"
            sums.append(code.fma(x[0], x[1], total) if len(x) == 2 else code.add(total, x[0]))
        body = self.taken()
        phis = [f"  %{name}.s{r} = phi {kind} [zeroinitializer, %{name}.loop], [{new}, %{name}.k]" for r, new in enumerate(sums)]
        for r, total in enumerate(sums):
            result = code.sum_of_lanes(total)
            old = code.let(f"load double, ptr {at[r][0]}, align 8")
            start = code.let(f"select i1 %fresh, double 0.0, double {old}")
            new = code.let(f"fadd double {start}, {result}")
            code.do(f"store double {new}, ptr {at[r][0]}, align 8")
        after = self.taken()
        return [
            *before,
            f"  br label %{name}.k", f"{name}.k:", f"  %{name}.t = phi i64 [0, %{name}.loop], [%{name}.t.next, %{name}.k]",
            *phis, *body,
            f"  %{name}.t.next = add i64 %{name}.t, {self.lanes}",
            f"  %{name}.t.more = icmp ult i64 %{name}.t.next, %n2",
            f"  br i1 %{name}.t.more, label %{name}.k, label %{name}.end", f"{name}.end:",
            *after,
        ]  # fmt: skip

    # ---- no vectors ------------------------------------------------------------------------------------------------
    def _one_by_one(self) -> list[str]:
        code = self.code
        rows = [self.moved(f"%p{c}", "%m", f"%s0.{c}") for c in range(self.columns)]
        outer = self.taken()
        at = [self.moved(rows[c], "%n", f"%s1.{c}") for c in range(self.columns)]
        old = code.let(f"load double, ptr {at[0]}, align 8")
        start = code.let(f"select i1 %fresh, double 0.0, double {old}")
        middle = self.taken()
        x = [code.let(f"load double, ptr %q{c}, align 8") for c in range(1, self.columns)]
        total = code.let(f"fmul double {x[0]}, {x[1]}") if len(x) == 2 else x[0]
        new = code.let(f"fadd double %sum, {total}")
        inner = self.taken()
        phis = [f"  %q{c} = phi ptr [{at[c]}, %n.loop], [%q{c}.next, %k.loop]" for c in range(1, self.columns)]
        steps = [f"  %q{c}.next = getelementptr double, ptr %q{c}, i64 %s2.{c}" for c in range(1, self.columns)]
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
