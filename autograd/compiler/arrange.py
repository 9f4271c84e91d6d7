"""Finding the matrices: registers that do the same with different weights become the rows of an array.

Two registers are of one *class* if they are the same operations on leaves of the same kind, whichever parameters
these are: the neurons of a layer, their errors, the gradients of their weights.  A class becomes one step over an
array.  What its members read is an affine view of other arrays (where a loop made it), else it is copied together.
In this form the sums of products of a layer are a matrix product, z = W a, and the gradients of the
weights are another, δ aᵀ: nobody wrote them so.

>>> before = Program.parse('''
... %0 [9] = argument (0, 2, 4, 6, 8, 10, 12, 14, 16)    # x₁
... %1 [9] = argument (1, 3, 5, 7, 9, 11, 13, 15, 17)    # x₂
... %2 = parameter 0    # w²₁₁
... %3 = parameter 1    # w²₁₂
... %4 = parameter 2    # w²₂₁
... %5 = parameter 3    # w²₂₂
... %6 [9] = sumprod %2 %3 %0 %1    # z²₁
... %7 [9] = sumprod %4 %5 %0 %1    # z²₂
... %8 [9] = tanh %6    # a²₁
... %9 [9] = tanh %7    # a²₂
... return %8 %9''')
>>> print(arrange(before, fewest=2))
# arguments x
# parameters W²
# each line holds in each of 9 lanes, Σ adds the lanes up
z² = W² x
a² = tanh(z²)
return a²
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.arrays import Array, ArrayProgram, Step, View
from autograd.compiler.program import ARGUMENT, DOT, PARAMETER, TOTAL, Program

__all__ = ["affine_view", "arrange", "index_space"]

FEWEST = 4  # rows that are worth an array; fewer stay apart, as straight-line code

Rows = Any  # an integer array: which row each member (or each member's term) reads


def arrange(program: Program, fewest: int | None = None) -> ArrayProgram:
    """The program as steps over arrays.

    Args:
        program: what to arrange.
        fewest: the number of registers that are worth an array; without lanes there is no time to gain, and by default
            every register stays alone.
    """
    if fewest is None:
        has_lanes = any(instruction.lanes > 1 for instruction in program.instructions)
        fewest = FEWEST if has_lanes else len(program) + 1
    return _Arrangement(program, fewest).run()


class _Arrangement:
    def __init__(self, program: Program, fewest: int) -> None:
        self.program = program
        self.instructions = program.instructions
        self.fewest = fewest
        self.arrays: list[Array] = []
        self.steps: list[Step] = []
        self.class_of: list[int] = []
        self.array_of = [-1] * len(program)
        self.row_of = [0] * len(program)
        self.gathers: dict[tuple[tuple[int, int], ...], int] = {}

    def run(self) -> ArrayProgram:
        for members in self._classes():
            op, _, lanes, _ = self.instructions[members[0]]
            if op is ops.constant or op is ARGUMENT or op is PARAMETER:
                for group in [members] if op is ARGUMENT else self._by_first_use(members):
                    self._leaves(op.name, group)
            elif lanes == 1 and op not in (DOT, TOTAL) and len(members) < self.fewest:
                for member in members:
                    self._alone(member)
            elif op is ops.sum_of_products and len(self.instructions[members[0]].operands) // 2 >= self.fewest:
                self._apart(members, self._product_key, self._product)
            elif op is DOT:
                self._apart(members, self._operand_arrays, self._dot)
            else:
                self._apart(members, self._operand_arrays, self._map)
        outputs = [(self.array_of[i], self.row_of[i]) for i in self.program.outputs]
        return ArrayProgram(self.arrays, self.steps, outputs)

    # ---- classes ---------------------------------------------------------------------------------------------------
    def _classes(self) -> list[list[int]]:
        """Registers of one class together; a class stands behind those that its members read."""
        known: dict[Any, int] = {}
        members: list[list[int]] = []
        class_of = self.class_of = []
        for i, (op, operands, lanes, payload) in enumerate(self.instructions):
            key: tuple[Any, ...] = (op, lanes, *[class_of[operand] for operand in operands])
            if op is ops.constant and lanes == 1:  # over lanes it is data, whichever numbers these are
                key += (repr(payload),)
            number = known.setdefault(key, len(members))
            if number == len(members):
                members.append([])
            members[number].append(i)
            class_of.append(number)
        return members

    def _by_first_use(self, members: list[int]) -> Iterable[list[int]]:
        """Leaves apart by what reads them first: the weights of each layer, its biases, ..."""
        if len(members) == 1 or self.fewest > len(self.program):
            return [members]
        groups: dict[Any, list[int]] = {}
        for member in members:
            groups.setdefault(self._first_use.get(member), []).append(member)
        return groups.values()

    @cached_property
    def _first_use(self) -> dict[int, tuple[int, int]]:
        """For each register the class that reads it first, and as what."""
        use: dict[int, tuple[int, int]] = {}
        for i, (op, operands, _, _) in enumerate(self.instructions):
            n = len(operands) // 2
            for k, operand in enumerate(operands):
                if operand not in use:
                    use[operand] = self.class_of[i], k // max(n, 1) if op is ops.sum_of_products else k
        return use

    def _apart(self, members: list[int], key: Any, write: Any) -> None:
        """Write the members in groups that read the same arrays; small groups one by one."""
        groups: dict[Any, list[int]] = {}
        for member in members:
            groups.setdefault(key(member), []).append(member)
        for group in groups.values():
            if len(group) < self.fewest:
                for member in group:
                    write([member])
            else:
                write(group)

    def _operand_arrays(self, i: int) -> tuple[int, ...]:
        return tuple([self.array_of[operand] for operand in self.instructions[i].operands])

    def _product_key(self, i: int) -> tuple[Any, ...]:
        """Rows of a matrix product read the same right-hand side."""
        ps, qs, start = ops.factors(self.instructions[i].operands)
        return tuple(sorted(qs)), tuple(sorted({self.array_of[x] for x in ps})), *[self.array_of[x] for x in start]

    # ---- leaves ----------------------------------------------------------------------------------------------------
    def _leaves(self, kind: str, members: list[int]) -> None:
        if kind == "constant":
            members = members[::-1]  # a recording meets the operands of a node last first
        else:
            members = sorted(members, key=lambda i: _first(self.instructions[i].payload))
        payload = tuple([self.instructions[i].payload for i in members])
        self._define(members, Array(len(members), self.instructions[members[0]].lanes, kind, payload))

    def _define(self, members: Sequence[int], array: Array) -> int:
        for row, member in enumerate(members):
            self.array_of[member], self.row_of[member] = len(self.arrays), row
        return self._append(array, [self.program.name(member) for member in members])

    def _append(self, array: Array, labels: Sequence[str]) -> int:
        self.arrays.append(array._replace(labels=tuple(labels) if any(labels) else ()))
        return len(self.arrays) - 1

    def _computed(self, members: Sequence[int]) -> int:
        return self._define(members, Array(len(members), self.instructions[members[0]].lanes, "computed"))

    # ---- steps -----------------------------------------------------------------------------------------------------
    def _alone(self, i: int) -> None:
        op, operands, _, _ = self.instructions[i]
        views = tuple([View(self.array_of[operand], self.row_of[operand]) for operand in operands])
        self.steps.append(Step(op, "map", self._computed([i]), 1, 1, views))

    def _rows(self, operands: Rows) -> Rows:
        return np.array([self.row_of[i] for i in operands.ravel().tolist()], dtype=int).reshape(operands.shape)

    def _map(self, members: list[int]) -> None:
        op = self.instructions[members[0]].op
        operands = np.array([self.instructions[i].operands for i in members])
        rows = self._rows(operands)
        order = np.lexsort(rows.T[::-1])
        members, operands, rows = [members[i] for i in order], operands[order], rows[order]
        ni, nj = index_space(rows)
        views = tuple([self._view(operands[:, k], ni, nj) for k in range(operands.shape[1])])
        kind = "reduce" if op is TOTAL else "map"
        self.steps.append(Step(op, kind, self._computed(members), ni, nj, views))

    def _dot(self, members: list[int]) -> None:
        operands = np.array([self.instructions[i].operands for i in members])
        rows = self._rows(operands)
        order = np.lexsort(rows.T[::-1])
        ni, nj = [len(np.unique(column)) for column in rows.T]
        if not ni * nj == len(members) == len(np.unique(rows, axis=0)):  # no full grid: pairs of rows
            ni, nj = len(members), 1
        members = [members[i] for i in order]
        x, y = operands[order].T
        views = (self._view(x, ni, nj), self._view(y, ni, nj))
        self.steps.append(Step(DOT, "reduce", self._computed(members), ni, nj, views))

    def _product(self, members: list[int]) -> None:
        terms = []
        for member in members:
            ps, qs, rest = ops.factors(self.instructions[member].operands)
            pairs = sorted(zip(qs, ps), key=self._place)
            terms.append(([p for _, p in pairs], [q for q, _ in pairs], rest))
        first = np.array([self.row_of[p[0]] for p, _, _ in terms])
        order = np.argsort(first, kind="stable")
        members = [members[i] for i in order]
        p, q, start = (np.array([terms[i][k] for i in order]) for k in range(3))
        ni, nj = p.shape
        views = [self._view(p.ravel(), ni, nj), self._view(q.ravel(), ni, nj)]
        if start.size:
            views.append(self._view(start.ravel(), ni, 1))
        self.steps.append(Step(ops.sum_of_products, "product", self._computed(members), ni, nj, tuple(views)))

    def _place(self, pair: tuple[int, int]) -> tuple[int, ...]:
        q, p = pair
        return self.array_of[q], self.row_of[q], self.array_of[p], self.row_of[p]

    # ---- views -----------------------------------------------------------------------------------------------------
    def _view(self, registers: Rows, ni: int, nj: int) -> View:
        """What an operand reads at (i, j), the registers being given row by row; copied together if not affine."""
        arrays = [self.array_of[i] for i in registers.tolist()]
        rows = self._rows(registers)
        if arrays.count(arrays[0]) == len(arrays):
            view = affine_view(arrays[0], rows, ni, nj)
            if view is not None:
                return view
        grid = registers.reshape(ni, nj)
        if ni > 1 and (grid == grid[0]).all():
            return View.of_all(self._gathered(grid[0]), 1, nj)
        if nj > 1 and (grid == grid[:, :1]).all():
            return View.of_all(self._gathered(grid[:, 0]), ni, 1)
        return View.of_all(self._gathered(registers), ni, nj)

    def _gathered(self, registers: Rows) -> int:
        """The array in which these registers are copied together."""
        places = tuple([(self.array_of[i], self.row_of[i]) for i in registers.tolist()])
        if places not in self.gathers:
            lanes = max(self.arrays[array].lanes for array, _ in places)
            labels = [self.program.name(i) for i in registers.tolist()]
            target = self.gathers[places] = self._append(Array(len(places), lanes, "computed"), labels)
            self.steps.append(Step(ops.identity, "gather", target, len(places), 1, (), places))
        return self.gathers[places]


def _first(payload: float | tuple[float, ...]) -> float:
    return payload[0] if isinstance(payload, tuple) else payload


def affine_view(array: int, rows: Rows, ni: int, nj: int) -> View | None:
    """These rows of an array, member by member, as a view; None if they are not affine."""
    steps = _affine(rows, ni, nj)
    return None if steps is None else View(array, int(rows[0]), *steps)


def _affine(rows: Rows, ni: int, nj: int) -> tuple[int, int] | None:
    """The steps by i and j, if the rows are ``start + i * step_i + j * step_j``."""
    grid = rows.reshape(ni, nj)
    step_i = int(grid[1, 0] - grid[0, 0]) if ni > 1 else 0
    step_j = int(grid[0, 1] - grid[0, 0]) if nj > 1 else 0
    expected = grid[0, 0] + step_i * np.arange(ni)[:, None] + step_j * np.arange(nj)
    return (step_i, step_j) if (grid == expected).all() else None


def index_space(rows: Rows) -> tuple[int, int]:
    """The shape (ni, nj) in which every operand is affine, if there is one; rows: member by operand."""
    count = len(rows)
    for column in rows.T:
        if _affine(column, count, 1) is None:
            steps = np.diff(column)
            nj = int(np.argmax(steps != steps[0])) + 1
            if count % nj == 0 and all(_affine(other, count // nj, nj) is not None for other in rows.T):
                return count // nj, nj
    return count, 1
