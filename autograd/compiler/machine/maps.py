"""The machine code of a region: one loop in which all its operations are done, member by member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.machine.texts import KernelText
from autograd.compiler.native.code import Functions, Operand
from autograd.compiler.native.lowering import lower
from autograd.ops import TABLE

__all__ = ["MapKernel"]


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


# Where only such operations are done, whole vectors have a loop of their own, without a mask.
_LIGHT = {
    "add", "sub", "mul", "div", "neg", "identity", "detached", "abs", "square", "relu", "step", "sign", "leaky_relu",
    "less", "less_equal", "equal", "select", "maximum", "minimum",
}  # fmt: skip


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
