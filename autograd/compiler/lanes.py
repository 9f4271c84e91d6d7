"""Finding the loop over samples: terms of a sum that do the same work on different data become lanes.

Two registers have the same *shape* if they are the same operations on the same parameters; which data (arguments and
plain numbers) they work on does not matter.  Terms of equal shape are walked in lockstep from the sum down: a tuple of
one register per term becomes one instruction over lanes, unless it is the same register every time, which is uniform.

>>> before = Program.parse('''
... %0 = parameter 0    # w
... %1 = argument 0
... %2 = argument 1
... %3 = argument 2
... %4 = mul %0 %1
... %5 = mul %0 %2
... %6 = mul %0 %3
... %7 = tanh %4
... %8 = tanh %5
... %9 = tanh %6
... %10 = fsum %7 %8 %9
... return %10''')
>>> print(find_lanes(before, fewest=3))
%0        = parameter 0    # w
%1    [3] = argument (0, 1, 2)
%2    [3] = mul %0 %1
%3    [3] = tanh %2
%4        = total %3
return %4
"""

from __future__ import annotations

from typing import Any

from autograd import ops
from autograd.compiler.builder import Builder
from autograd.compiler.labels import common
from autograd.compiler.program import ARGUMENT, TOTAL, Instruction, Program
from autograd.ops import Op

__all__ = ["find_lanes", "spread"]

FEWEST = 16  # lanes that are worth it: below, straight-line code is as fast


def find_lanes(program: Program, fewest: int = FEWEST) -> Program:
    """The same program with its repeated parts over lanes.

    Args:
        program: without lanes; its sums flattened.
        fewest: the number of equal terms that are worth it.
    """
    return _Lanes(program, fewest).run()


def spread(program: Program, lanes: int) -> tuple[Builder, list[int]]:
    """A program of one sample over many: each argument gets lanes, and what depends on it with it."""
    builder = Builder()
    where: list[int] = []
    for op, operands, _, payload in program.instructions:
        mapped = tuple([where[operand] for operand in operands])
        wide = op is ARGUMENT or any(builder.instructions[operand].lanes > 1 for operand in mapped)
        where.append(builder.append(Instruction(op, mapped, lanes if wide else 1, payload)))
    builder.take_names(program, where)
    return builder, [where[output] for output in program.outputs]


class _Lanes:
    def __init__(self, program: Program, fewest: int) -> None:
        self.program = program
        self.instructions = program.instructions
        self.fewest = fewest
        self.builder = Builder()
        self.shape = self._shapes()
        self.of_lockstep: dict[tuple[int, ...], int] = {}
        self.of_register: dict[int, int] = {}

    def _shapes(self) -> list[int]:
        """For each register a number that it shares with those that do the same work; 0 for data."""
        known: dict[Any, int] = {}
        shapes: list[int] = []
        for op, operands, _, payload in self.instructions:
            if op is ops.constant or op is ARGUMENT:
                shapes.append(0)
                continue
            key: tuple[Any, ...] = (op, payload, *[shapes[operand] for operand in operands])
            if op is ops.constant_power:  # x**2 and x**3 are different work
                key += (self.instructions[operands[1]].payload,)
            shapes.append(known.setdefault(key, len(known) + 1))
        return shapes

    def run(self) -> Program:
        for i in self._needed_alone():
            op, operands, lanes, payload = self.instructions[i]
            if op is ops.sum_of or op is ops.sum_of_products:
                self.of_register[i] = self._sum(i)
            else:
                mapped = tuple([self.of_register[operand] for operand in operands])
                self.of_register[i] = self.builder.emit(op, mapped, lanes, payload)
        self.builder.take_names(self.program, [self.of_register.get(i, -1) for i in range(len(self.program))])
        return self.builder.program([self.of_register[output] for output in self.program.outputs])

    # ---- which terms of a sum become lanes -------------------------------------------------------------------------
    def _terms(self, i: int) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """The terms of a sum, as (x,) or (p, q), and its start."""
        op, operands, _, _ = self.instructions[i]
        if op is ops.sum_of:
            return [(x,) for x in operands], ()
        ps, qs, start = ops.factors(operands)
        return list(zip(ps, qs)), tuple(start)

    def _groups(self, i: int) -> tuple[list[list[tuple[int, ...]]], list[tuple[int, ...]]]:
        """The terms of a sum by shape: groups large enough to become lanes, and the rest."""
        by_shape: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        terms, _ = self._terms(i)
        if len(terms) < self.fewest:
            return [], terms
        for term in terms:
            by_shape.setdefault(tuple([self.shape[x] for x in term]), []).append(term)
        large = [group for group in by_shape.values() if len(group) >= self.fewest]
        chosen = {id(term) for group in large for term in group}
        return large, [term for term in terms if id(term) not in chosen]

    def _needed_alone(self) -> list[int]:
        """The registers that are needed as they are, not only as one lane of something, in order."""
        needed: set[int] = set()
        stack = list(self.program.outputs)
        in_lockstep: set[int] = set()
        while stack:
            i = stack.pop()
            if i in needed:
                continue
            needed.add(i)
            op, operands, _, _ = self.instructions[i]
            if op is ops.sum_of or op is ops.sum_of_products:
                large, rest = self._groups(i)
                stack.extend(x for term in rest for x in term)
                stack.extend(self._terms(i)[1])
                for group in large:
                    for members in zip(*group):
                        stack.extend(self._uniform_below(members, in_lockstep))
            else:
                stack.extend(operands)
        return sorted(needed)

    def _uniform_below(self, members: tuple[int, ...], seen: set[int]) -> list[int]:
        """The registers that a lockstep walk down from these members meets as the same in every lane."""
        uniform: list[int] = []
        stack = [members]
        while stack:
            members = stack.pop()
            first = members[0]
            if first == members[-1] and members.count(first) == len(members):
                uniform.append(first)
            elif members not in self.of_lockstep:
                self.of_lockstep[members] = -1  # met, not written yet
                stack.extend(zip(*[self.instructions[member].operands for member in members]))
        return uniform

    # ---- writing ---------------------------------------------------------------------------------------------------
    def _sum(self, i: int) -> int:
        op, operands, lanes, payload = self.instructions[i]
        large, rest = self._groups(i)
        if not large:
            mapped = tuple([self.of_register[operand] for operand in operands])
            return self.builder.emit(op, mapped, lanes, payload)
        emit = self.builder.emit
        totals = []
        for group in large:
            factors = [self._lockstep(members) for members in zip(*group)]
            term = factors[0] if len(factors) == 1 else emit(ops.mul, tuple(factors))
            if self.builder.instructions[term].lanes > 1:
                totals.append(emit(TOTAL, (term,), 1))
            else:  # n times the same number
                totals.append(emit(ops.mul, (term, self.builder.constant(float(len(group))))))
        for single in rest:
            mapped = tuple([self.of_register[x] for x in single])
            totals.append(mapped[0] if len(mapped) == 1 else emit(ops.mul, mapped))
        totals.extend(self.of_register[x] for x in self._terms(i)[1])
        return self._added(totals)

    def _added(self, terms: list[int]) -> int:
        if len(terms) == 1:
            return terms[0]
        op: Op = ops.add if len(terms) == 2 else ops.sum_of
        return self.builder.emit(op, tuple(terms))

    def _lockstep(self, root: tuple[int, ...]) -> int:
        """One register over lanes for a tuple of registers of equal shape, and for all that they need."""
        stack = [root]
        while stack:
            members = stack[-1]
            if self._written(members) is not None:
                stack.pop()
                continue
            op = self.instructions[members[0]].op
            if op is ops.constant or op is ARGUMENT:
                self._write(members, self._data(members))
                continue
            operands = list(zip(*[self.instructions[member].operands for member in members]))
            missing = [operand for operand in operands if self._written(operand) is None]
            if missing:
                stack.extend(missing)
                continue
            mapped: Any = tuple([self._written(operand) for operand in operands])
            self._write(members, self.builder.emit(op, mapped))
        found = self._written(root)
        assert found is not None
        return found

    def _write(self, members: tuple[int, ...], register: int) -> None:
        self.of_lockstep[members] = register
        labels = self.program.labels
        if members[0] in labels and (label := common([labels.get(member, "") for member in members])):
            self.builder.labels.setdefault(register, label)

    def _written(self, members: tuple[int, ...]) -> int | None:
        register = self.of_lockstep.get(members, -1)
        if register >= 0:
            return register
        first = members[0]
        if first == members[-1] and members.count(first) == len(members):
            return self.of_register[first]
        return None

    def _data(self, members: tuple[int, ...]) -> int:
        """A column of data: per lane the index of an argument, or a plain number."""
        payload = tuple([self.instructions[member].payload for member in members])
        if any(self.instructions[member].op is ARGUMENT for member in members):
            return self.builder.emit(ARGUMENT, (), len(members), payload)
        if len(set(map(repr, payload))) == 1:  # 0.0 and -0.0 are not the same
            return self.builder.constant(payload[0])
        return self.builder.emit(ops.constant, (), len(members), payload)
