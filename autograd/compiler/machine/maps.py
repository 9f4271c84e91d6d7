"""The machine code of loops over members: the operations of a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions, Operand
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.machine.texts import KernelText
from autograd.ops import TABLE

_LONG = 50  # lines for a vector of members; what is longer is not written a second time for the last vector


class MapKernel(NamedTuple):
    """What the loop of a region computes."""

    # The name and the operands of each operation: ("register", number of a step), ("column", number), ("number", number
    # of a number in the descriptor), ("literal", the number), or, for a divisor, ("inverse", number of a column that
    # does not advance).
    steps: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    # The way in which each column that is read advances: "u" by 1, "b" not at all, "g" by another stride.
    loads: tuple[str, ...]
    # The same for columns that are written, each with the step whose result it takes.
    stores: tuple[tuple[int, str], ...]
    lanes: int  # members at a time

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _MapText(self, name, functions).text()


class _MapText(KernelText):
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
        self.inverses = {
            int(n): self._inverse(loaded[int(n)])
            for _, operands in kernel.steps
            for kind, n in operands
            if kind == "inverse"
        }
        self.splats = [code.broadcast(f"%number{n}") for n in range(1 + int(max(numbers, default=-1)))]
        outer = self.taken()
        if self.lanes == 1:
            inner = self._loop(self._members("%j", pointers, loaded), "%n1", "%outer.end")
        elif len(members := self._members("%j", pointers, loaded)) > _LONG:
            inner = self._loop(self._members("%j", pointers, loaded, mask=True), "%n1", "%outer.end")
        else:  # whole vectors have a loop of their own, without a mask
            rest = self._members("%full", pointers, loaded, mask=True)
            inner = [
                f"  %full = and i64 %n1, {-self.lanes}", "  %any = icmp ne i64 %full, 0",
                "  br i1 %any, label %inner.in, label %rest", "inner.in:",
                *self._loop(members, "%full", "%rest"),
                "rest:", "  %part = icmp ult i64 %full, %n1", "  br i1 %part, label %last, label %outer.end",
                "last:", *rest, "  br label %outer.end",
            ]  # fmt: skip
        lines += [
            "  br label %outer", "outer:", "  %i = phi i64 [0, %row], [%i.next, %outer.end]",
            *outer, *inner,
            "outer.end:", "  %i.next = add i64 %i, 1", "  %i.more = icmp ult i64 %i.next, %n0",
            "  br i1 %i.more, label %outer, label %row.last", "row.last:",
        ]  # fmt: skip
        return "\n".join([*lines, *self.tail()]) + "\n"

    def _loop(self, members: list[str], end: str, then: str) -> list[str]:
        """The loop over the vectors of members before the end."""
        return [
            "  br label %inner.first", "inner.first:", "  br label %inner",
            "inner:", "  %j = phi i64 [0, %inner.first], [%j.next, %inner.end]",
            *members,
            "  br label %inner.end", "inner.end:",
            f"  %j.next = add i64 %j, {self.lanes}", f"  %j.more = icmp ult i64 %j.next, {end}",
            f"  br i1 %j.more, label %inner, label {then}",
        ]  # fmt: skip

    def _members(self, index: str, pointers: list[str], outside: dict[int, str], *, mask: bool = False) -> list[str]:
        """The lines that compute the vector of members at an index.

        Args:
            index: The index of the first of them.
            pointers: Pointers to the first member of each column.
            outside: The registers of the columns that are loaded already.
            mask: Whether only some lanes exist.
        """
        kernel, code = self.kernel, self.code
        at = list(pointers)
        for c, kind in enumerate([*kernel.loads, *[kind for _, kind in kernel.stores]]):
            if kind == "u":
                at[c] = code.let(f"getelementptr double, ptr {at[c]}, i64 {index}")
            elif kind == "g":
                at[c] = self.moved(at[c], index, f"%s1.{c}")
        lanes = self.mask(index, "%n1") if mask else ""
        registers: list[Operand] = []
        loaded = self._loads(at, lanes)
        for op, operands in kernel.steps:
            if any(kind == "inverse" for kind, _ in operands):
                scale, inverse = self.inverses[int(operands[1][1])]
                dividend = self._operand(operands[0], outside | loaded, registers)
                registers.append(code.mul(code.mul(dividend, scale), inverse))
                continue
            values = [self._operand(x, outside | loaded, registers) for x in operands]
            registers.append(lower(TABLE[op])(code, *values))
        results = [code.value(registers[step]) for step, _ in kernel.stores]
        if mask and index == "%j":  # in a loop over all vectors: a store with a mask takes long
            code.do(f"br i1 {self.whole(index, '%n1')}, label %whole, label %part")
            code.block("whole")
            self._stores(results, at, "")
            code.do("br label %inner.end")
            code.block("part")
        self._stores(results, at, lanes)
        return self.taken()

    def _inverse(self, x: str) -> tuple[str, str]:
        """The two factors whose product is 1/x, to multiply by one after the other instead of dividing by x.

        The inverse of a number below 2**-1022 may be infinite.  So such a number, and what it divides, is scaled first.
        """
        code = self.code
        scale = code.where("olt", code.abs(x), 2.0**-900, 2.0**200, 1.0)
        return scale, code.div(1.0, code.mul(x, scale))

    def _loads(self, at: list[str], mask: str) -> dict[int, str]:
        """The numbers of the columns that advance from turn to turn."""
        every = self.code.splat("i1", "true")
        loaded = {}
        for c, kind in enumerate(self.kernel.loads):
            if kind == "u" or (kind == "g" and self.lanes == 1):
                loaded[c] = self.load(at[c], mask)
            elif kind == "g":
                loaded[c] = self.gather(at[c], f"%s1.{c}", mask or every)
        return loaded

    def _stores(self, values: Sequence[str], at: list[str], mask: str) -> None:
        every = self.code.splat("i1", "true")
        for c, (value, (_, kind)) in enumerate(zip(values, self.kernel.stores), start=len(self.kernel.loads)):
            if kind == "g" and self.lanes > 1:
                self.scatter(value, at[c], f"%s1.{c}", mask or every)
            else:
                self.store(value, at[c], mask)

    def _operand(self, operand: tuple[str, float], loaded: dict[int, str], registers: Sequence[Operand]) -> Operand:
        kind, number = operand
        if kind == "register":
            return registers[int(number)]
        if kind == "column":
            return loaded[int(number)]
        return self.splats[int(number)] if kind == "number" else number
