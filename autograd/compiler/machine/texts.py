"""The machine code of the steps of a program, as LLVM IR: one function for each *kind* of step.

A function knows which operations it does and along which strides of 0 or 1 it runs in vectors.  How many turns its
loops take, where everything lies and what the other strides are it reads from a descriptor, so that all lengths of a
sequence, all steps of a recurrence and models of all widths share it.

    void @kernel(ptr frame, ptr data, ptr descriptor)

    frame         the memory of an evaluation
    data          where the numbers of its arguments are
    descriptor    the number of rows, the address of the first row, which columns are in the data (a bit each, 62 to a
                  word), the strides of the columns by each loop, numbers
    row           the turns of the loops, then the place in the frame at which each column begins
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.machine.native.code import Code, Functions
from autograd.compiler.machine.native.jit import host

_BITS = 62  # in a word


def words_of_bits(given: Sequence[bool]) -> list[int]:
    """One bit for each column, put into words."""
    return [
        sum([1 << bit for bit, is_given in enumerate(given[first : first + _BITS]) if is_given])
        for first in range(0, max(len(given), 1), _BITS)
    ]


class KernelText:
    """The head of a function: rows, turns and places."""

    def __init__(self, name: str, functions: Functions, loops: int, kinds: Sequence[str]) -> None:
        self.name, self.code = name, Code(functions)
        self.loops, self.columns = loops, len(kinds)
        self.bits = len(words_of_bits([False] * self.columns))
        self.words = 2 + self.bits + self.loops * self.columns  # where the numbers of a descriptor begin
        self.lanes = functions.lanes

    def head(self, numbers: int = 0) -> list[str]:
        lines = [
            f"define void @{self.name}(ptr %f, ptr %x, ptr %d) {host().attributes} {{",
            "  %rows = load i64, ptr %d, align 8",
            "  %d.1 = getelementptr i64, ptr %d, i64 1",
            "  %first = load ptr, ptr %d.1, align 8",
        ]
        for k in range(self.bits):
            lines += self._word(f"%given{k}", "i64", 2 + k)
        for c in range(self.columns):
            word, bit = divmod(c, _BITS)
            lines += [  # the column is in the frame, or in the data if its bit is set
                f"  %bit{c} = and i64 %given{word}, {1 << bit}",
                f"  %is{c} = icmp eq i64 %bit{c}, 0",
                f"  %base{c} = select i1 %is{c}, ptr %f, ptr %x",
            ]
            for d in range(self.loops):
                lines += self._word(f"%s{d}.{c}", "i64", 2 + self.bits + d * self.columns + c)
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
    def whole(self, index: str, count: str) -> str:
        """Whether all lanes of the vector at an index exist."""
        return self.code.let(f"icmp ule i64 {self.code.let(f'add i64 {index}, {self.lanes}')}, {count}")

    def mask(self, index: str, count: str, further: int = 0) -> str:
        """The mask of the lanes that exist in the vector that begins ``further`` places behind an index."""
        code, lanes = self.code, self.lanes
        left = code.let(f"sub i64 {count}, {index}")
        one = code.let(f"insertelement <{lanes} x i64> poison, i64 {left}, i64 0")
        lefts = code.let(
            f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer"
        )
        return code.let(f"icmp slt <{lanes} x i64> {self.iota(further)}, {lefts}")

    def iota(self, first: int = 0) -> str:
        return "<" + ", ".join([f"i64 {first + k}" for k in range(self.lanes)]) + ">"

    def load(self, pointer: str, mask: str = "") -> str:
        """Load a vector, or those lanes that exist."""
        code, kind = self.code, self.code.type
        if not mask or self.lanes == 1:
            return code.let(f"load {kind}, ptr {pointer}, align 8")
        symbol = self.declared(f"llvm.masked.load.v{self.lanes}f64.p0", f"{kind}", f"ptr, i32, {code.truth}, {kind}")
        return code.let(f"call {kind} {symbol}(ptr {pointer}, i32 8, {code.truth} {mask}, {kind} zeroinitializer)")

    def store(self, value: str, pointer: str, mask: str = "") -> None:
        """Store a vector, or those lanes that exist: without AVX-512 that takes 12 times as long."""
        code, kind = self.code, self.code.type
        if not mask or self.lanes == 1:
            code.do(f"store {kind} {value}, ptr {pointer}, align 8")
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

    def further(self, pointer: str, numbers: int) -> str:
        """A pointer moved on by a number of doubles."""
        return self.code.let(f"getelementptr double, ptr {pointer}, i64 {numbers}") if numbers else pointer

    def moved(self, pointer: str, index: str, stride: str) -> str:
        """A pointer moved on by a number of strides."""
        code = self.code
        return code.let(f"getelementptr double, ptr {pointer}, i64 {code.let(f'mul i64 {index}, {stride}')}")

    def taken(self) -> list[str]:
        """The lines that the code has so far, which it then forgets."""
        lines, self.code.lines = self.code.lines, []
        return lines
