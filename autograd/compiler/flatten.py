"""Chains of additions become one sum, sums of products one ``sumprod``, and sums over lanes of products one ``dot``.

>>> before = Program.parse('''
... %0 [3] = argument (0, 1, 2)    # x
... %1 [3] = argument (3, 4, 5)    # y
... %2     = parameter 0           # w
... %3     = parameter 1           # v
... %4     = parameter 2           # b
... %5 [3] = mul %0 %2
... %6 [3] = mul %1 %3
... %7 [3] = add %5 %6
... %8 [3] = add %7 %4             # z
... %9 [3] = mul %8 %0
... %10    = total %9
... return %10''')
>>> print(flatten(before))
%0    [3] = argument (0, 1, 2)    # x
%1    [3] = argument (3, 4, 5)    # y
%2        = parameter 0    # w
%3        = parameter 1    # v
%4        = parameter 2    # b
%5    [3] = sumprod %2 %3 %0 %1 %4    # z
%6        = dot %5 %0
return %6
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd import ops
from autograd.compiler.builder import Builder
from autograd.compiler.program import DOT, PARAMETER, TOTAL, Instruction, Program

__all__ = ["flatten"]

_SUMS = (ops.add, ops.sum_of, ops.sum_of_products)


def flatten(program: Program) -> Program:
    """The same program with its sums in canonical form: what is added up only for one further sum joins that."""
    return _Flattening(program).run()


class _Flattening:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.instructions = program.instructions
        self.uses = program.uses()
        self.builder = Builder()
        self.where: list[int] = [-1] * len(program)  # -1: absorbed by the only step that uses it
        self.terms: dict[int, tuple[list[tuple[int, int]], list[int]]] = {}

    def run(self) -> Program:
        absorbed = self._plan()
        for i, (op, operands, lanes, payload) in enumerate(self.instructions):
            if i in absorbed:
                continue
            if i in self.terms:
                self.where[i] = self._sum(*self.terms[i])
            elif op is TOTAL and operands[0] in absorbed:
                x, y = self.instructions[operands[0]].operands
                self.where[i] = self.builder.emit(DOT, (self.where[x], self.where[y]), 1)
            else:
                mapped = tuple([self.where[operand] for operand in operands])
                self.where[i] = self.builder.append(Instruction(op, mapped, lanes, payload))
        self.builder.take_names(self.program, self.where)
        return self.builder.program([self.where[output] for output in self.program.outputs])

    def _plan(self) -> set[int]:
        """Decide, from the last step to the first, which sums to rewrite; returns the steps that they absorb."""
        absorbed: set[int] = set()
        for i in range(len(self.instructions) - 1, -1, -1):
            op, operands, _, _ = self.instructions[i]
            if i in absorbed:
                continue
            if op is TOTAL:
                product = operands[0]
                if self._joins(product, i, ops.mul) and all(
                    self.instructions[x].lanes > 1 for x in self.instructions[product].operands
                ):
                    absorbed.add(product)
            elif op in _SUMS and any(self._joins(x, i, *_SUMS, ops.mul) for x in self._added(i)):
                pairs, singles, inside = self._collect(i)
                if inside and (len(pairs) == 2 or len(pairs) + len(singles) > 2):
                    self.terms[i] = pairs, singles
                    absorbed |= inside
        return absorbed

    def _added(self, i: int) -> Sequence[int]:
        """The operands of a sum that it adds as they are."""
        op, operands, _, _ = self.instructions[i]
        return ops.factors(operands)[2] if op is ops.sum_of_products else operands

    def _joins(self, i: int, into: int, *kinds: ops.Op) -> bool:
        """Whether step i serves only step ``into`` and may be written as a part of it."""
        op, _, lanes, _ = self.instructions[i]
        width = self.instructions[into].lanes
        return op in kinds and self.uses[i] == 1 and (lanes == width or self.instructions[into].op is TOTAL)

    def _collect(self, root: int) -> tuple[list[tuple[int, int]], list[int], set[int]]:
        """The terms of a sum: pairs to be multiplied and single ones, and the steps that are left out for it."""
        pairs: list[tuple[int, int]] = []
        singles: list[int] = []
        inside: set[int] = set()
        stack = [root]
        while stack:
            i = stack.pop()
            op, operands, _, _ = self.instructions[i]
            if i != root and not self._joins(i, root, *_SUMS, ops.mul):
                singles.append(i)
                continue
            inside.add(i)
            if op is ops.mul:
                pairs.append(self._ordered(*operands))
            elif op is ops.sum_of_products:
                ps, qs, start = ops.factors(operands)
                pairs.extend(map(self._ordered, ps, qs))
                stack.extend(start)
            else:
                stack.extend(reversed(operands))
        inside.discard(root)
        return pairs, singles, inside

    def _ordered(self, x: int, y: int) -> tuple[int, int]:
        """The factors of a product, a weight first: parameters before uniform numbers before lanes."""

        def rank(i: int) -> tuple[bool, bool]:
            op, _, lanes, _ = self.instructions[i]
            return lanes > 1, op is not PARAMETER

        return (y, x) if rank(y) < rank(x) else (x, y)

    def _sum(self, pairs: list[tuple[int, int]], singles: list[int]) -> int:
        emit, where = self.builder.emit, self.where
        rest = tuple([where[i] for i in singles])
        if len(rest) > 2 or not pairs:
            rest = (emit(ops.sum_of, rest),)
        elif len(rest) == 2:
            rest = (emit(ops.add, rest),)
        if not pairs:
            return rest[0]
        if len(pairs) == 1:
            product = emit(ops.mul, (where[pairs[0][0]], where[pairs[0][1]]))
            return emit(ops.add, (product, *rest))
        return emit(ops.sum_of_products, (*[where[x] for x, _ in pairs], *[where[y] for _, y in pairs], *rest))
