"""The machine code of choices at run time: members of an array that numbers choose, or send numbers to."""

from __future__ import annotations

from math import nan
from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions, literal
from autograd.compiler.machine.texts import KernelText

__all__ = ["ChoiceKernel"]


class ChoiceKernel(NamedTuple):
    """What the loops of a GATHER or a SCATTER do.

    The columns are the results, the numbers that choose, and the first candidates; of a SCATTER the first candidates
    of the results, the numbers that choose, and what is sent.  The descriptor has two numbers: how far apart the
    candidates are in memory, and how many there are.

    Attributes:
        scatter: Whether it is a SCATTER.
        lanes: More than 1 where the inner loop runs through whole rows, as of a table of embeddings: one number chooses
            for all members, and what it chooses lies next to each other.
    """

    scatter: bool
    lanes: int

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        return _ChoiceText(self, name, functions).text()


class _ChoiceText(KernelText):
    def __init__(self, kernel: ChoiceKernel, name: str, functions: Functions) -> None:
        super().__init__(name, functions, 2, ["g"] * 3)
        self.kernel = kernel

    def text(self) -> str:
        code, rows = self.code, self.lanes > 1
        at = [self.moved(f"%p{c}", "%i", f"%s0.{c}") for c in range(3)]
        if rows:  # what holds for the whole row is found before it
            far, inside = self._distance(at[1])
        outer = self.taken()
        if rows:
            at = [code.let(f"getelementptr double, ptr {x}, i64 %j") for x in at]
        else:
            at = [self.moved(x, "%j", f"%s1.{c}") for c, x in enumerate(at)]
            far, inside = self._distance(at[1])
        mask = self.mask("%j", "%n1") if rows else ""
        if self.kernel.scatter:
            self._send(at[2], code.let(f"getelementptr double, ptr {at[0]}, i64 {far}"), inside, mask)
        else:
            found = self.load(code.let(f"getelementptr double, ptr {at[2]}, i64 {far}"), mask)
            self.store(code.let(f"select i1 {inside}, {code.type} {found}, {code.type} {code.value(nan)}"), at[0], mask)
        return "\n".join([
            *self.head(2),
            "  br label %outer", "outer:", "  %i = phi i64 [0, %row], [%i.next, %outer.end]",
            *outer,
            "  br label %inner", "inner:", "  %j = phi i64 [0, %outer], [%j.next, %inner]",
            *self.taken(),
            f"  %j.next = add i64 %j, {self.lanes}", "  %j.more = icmp ult i64 %j.next, %n1",
            "  br i1 %j.more, label %inner, label %outer.end",
            "outer.end:", "  %i.next = add i64 %i, 1", "  %i.more = icmp ult i64 %i.next, %n0",
            "  br i1 %i.more, label %outer, label %row.last", "row.last:",
            *self.tail(),
        ]) + "\n"  # fmt: skip

    def _distance(self, place: str) -> tuple[str, str]:
        """How far what a number chooses is from the first candidate, and whether there is such a one."""
        code = self.code
        number = code.let(f"load double, ptr {place}, align 8")
        above = code.let(f"fcmp oge double {number}, {literal(0.0)}")
        below = code.let(f"fcmp olt double {number}, %number1")
        inside = code.let(f"and i1 {above}, {below}")
        safe = code.let(f"select i1 {inside}, double {number}, double {literal(0.0)}")
        step = code.let("fptosi double %number0 to i64")
        return code.let(f"mul i64 {step}, {code.let(f'fptosi double {safe} to i64')}"), inside

    def _send(self, source: str, target: str, inside: str, mask: str) -> None:
        """Add a number to its target, one after the other, so that sums are rounded in the same way in every run."""
        code = self.code
        sent = code.let(f"select i1 {inside}, {code.type} {self.load(source, mask)}, {code.type} {code.value(-0.0)}")
        self.store(code.add(self.load(target, mask), sent), target, mask)
