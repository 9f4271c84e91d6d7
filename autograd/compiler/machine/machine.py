"""A program as machine code: a table of kernels and descriptors, run over a frame of memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.classes import Array, Kind, Operand, Program, Read, Terms
from autograd.compiler.indices import Index
from autograd.compiler.machine.library import KernelKey, addresses, runner
from autograd.compiler.machine.texts import MapKernel, SumKernel
from autograd.compiler.native.jit import host
from autograd.compiler.nests import Column, Table, map_nest, sum_nest
from autograd.compiler.schedule import Region, schedule, stored

__all__ = ["Machine"]

_LITERAL = {"0.0", "1.0", "-1.0", "0.5", "2.0", "inf"}  # known to the code; other numbers are data of the descriptor


class Machine:
    """A program that runs as machine code, for any number of threads at a time.

    Args:
        program: what to run.
        batch: how many samples the batched arrays hold.
    """

    def __init__(self, program: Program, batch: int = 1) -> None:
        self.program, self.batch = program, batch
        self.steps = schedule(program)
        self.kept = stored(program, self.steps)
        self.base: dict[int, int] = {}
        self.size = 0
        for number in sorted(self.kept):
            self.base[number] = self.size
            self.size += -(-self._length(number) // 8) * 8
        self.kernels: list[KernelKey] = []
        self.descriptors: list[Any] = []
        self.tables: list[Any] = []
        for step in self.steps:
            if isinstance(step, Region):
                self._region(step)
            else:
                self._sum(step)
        words = np.array([d.ctypes.data for d in self.descriptors], dtype=np.int64)
        self.table = np.ascontiguousarray(np.stack([np.array(addresses(self.kernels), dtype=np.int64), words], axis=1))
        self.template = self._template()
        self.free: list[Any] = []

    def _length(self, number: int) -> int:
        array = self.program.arrays[number]
        return array.size * (self.batch if array.batched else 1)

    def _column(self, array: int, places: Sequence[int]) -> Column:
        return Column(places, self.base[array], self.batch if self.program.arrays[array].batched else 1)

    def _template(self) -> Any:
        frame = _aligned(self.size)
        for number in self.base:
            array = self.program.arrays[number]
            if array.kind is Kind.CONSTANT:
                frame[self.base[number] : self.base[number] + array.size] = array.data
        return frame

    # ---- steps -----------------------------------------------------------------------------------------------------
    def _add(self, kernel: KernelKey, table: Table, numbers: Sequence[float] = (), flag: int | None = None) -> None:
        rows = np.array(table.rows, dtype=np.int64)
        self.tables.append(rows)
        words = np.array([len(rows), rows.ctypes.data, *[s for loop in table.loops for s in loop]], dtype=np.int64)
        more = np.array(numbers, dtype=float).view(np.int64)
        if flag is not None:
            more = np.append(more, flag)
        self.descriptors.append(np.concatenate([words, more]))
        self.kernels.append(kernel)

    def _region(self, region: Region) -> None:
        arrays = self.program.arrays
        position = {number: k for k, number in enumerate(region.arrays)}
        columns: dict[Read, int] = {}
        numbers: list[float] = []
        steps = []
        for number in region.arrays:
            array = arrays[number]
            operands = [self._operand(array, k, position, columns, numbers) for k in range(len(array.operands))]
            steps.append((array.op.name, tuple(operands)))  # type: ignore[union-attr]
        stores = [number for number in region.arrays if number in self.kept]
        every = range(region.size)
        touched = [self._column(read.array, read.index) for read in columns]
        touched += [self._column(number, every) for number in stores]
        table = map_nest(touched, self.batch if region.batched else 1)
        lanes = host().lanes if max(row[1] for row in table.rows) > 1 else 1
        kinds = [_kind(stride) if lanes > 1 else "g" for stride in table.loops[1]]
        loads, kept = kinds[: len(columns)], kinds[len(columns) :]
        kernel = MapKernel(
            tuple(steps), tuple(loads), tuple([(position[n], kind) for n, kind in zip(stores, kept)]), lanes
        )
        self._add(kernel, table, numbers)

    def _operand(
        self, array: Array, k: int, position: dict[int, int], columns: dict[Read, int], numbers: list[float]
    ) -> tuple[str, float]:
        operand = array.operands[k]
        if isinstance(operand, Read):
            if operand.array in position and operand.index.is_identity:
                return "register", position[operand.array]
            return "column", columns.setdefault(operand, len(columns))
        if repr(operand) in _LITERAL or (array.op is ops.constant_power and k == 1):
            return "literal", operand
        numbers.append(operand)
        return "number", len(numbers) - 1

    def _sum(self, number: int) -> None:
        array = self.program.arrays[number]
        batch = self.batch
        parts = []
        for terms in array.terms:
            owner = self._column(number, terms.owner)
            columns = [owner, *[self._column(read.array, read.index) for read in terms.factors]]
            way, table, complete = sum_nest(columns, batch if terms.batched else 1)
            places = terms.owner.places
            first, last = min(places), max(places)
            dense = complete and len(set(places)) == last + 1 - first
            parts.append((way, table, dense, first, last + 1))
        parts.sort(key=lambda part: (not part[2], part[3] - part[4]))
        written: list[tuple[int, int]] = []
        fresh = []
        for _, _, dense, first, end in parts:
            alone = all(end <= low or high <= first for low, high in written)
            fresh.append(dense and alone)
            if fresh[-1]:
                written.append((first, end))
        gaps = _gaps(written, array.size)
        for first, end in gaps:
            self._zero(number, first, end)
        for (way, table, *_), new in zip(parts, fresh):
            self._terms(way, table, new)

    def _terms(self, way: str, table: Table, fresh: bool) -> None:
        lanes = host().lanes if way else 1
        along = table.loops[1 if way == "n" else 2]
        factors = []
        for c in range(1, len(along)):
            kind = "u" if along[c] else "b"
            factors.append(kind + ("b" if way == "n" and table.loops[0][c] == 0 else "g"))
        key = tuple(factors) if way == "n" else ("u",) * len(factors)
        self._add(SumKernel(way, key, lanes), table, flag=int(not fresh))

    def _zero(self, number: int, first: int, end: int) -> None:
        scale = self.batch if self.program.arrays[number].batched else 1
        column = Column(range(first, end), self.base[number], scale)
        table = map_nest([column], scale)
        self._add(MapKernel((("identity", (("literal", 0.0),)),), (), ((0, _kind(table.loops[1][0])),), host().lanes), table)

    # ---- runs ------------------------------------------------------------------------------------------------------
    def frame(self) -> Any:
        """Memory for one evaluation at a time, constants filled in."""
        frame = _aligned(self.size)
        frame[:] = self.template
        return frame

    def fill(self, frame: Any, kind: Kind, numbers: Any) -> None:
        """Give the leaves of a kind their numbers: numbers[data of the member], or [that, sample] if batched."""
        for number in self.base:
            array = self.program.arrays[number]
            if array.kind is kind:
                block = np.asarray(numbers, dtype=float)[np.asarray(array.data)]
                frame[self.base[number] : self.base[number] + block.size] = block.ravel()

    def run(self, frame: Any) -> None:
        """Evaluate once."""
        runner()(frame.ctypes.data, self.table.ctypes.data, len(self.table))

    def read(self, frame: Any, operand: Operand) -> Any:
        """The numbers of an output."""
        if not isinstance(operand, Read):
            return np.array([operand])
        base = self.base[operand.array]
        block = frame[base : base + self._length(operand.array)]
        if self.program.arrays[operand.array].batched:
            block = block.reshape(-1, self.batch)
        return block[np.asarray(operand.index.places)]

    def __call__(self, arguments: Sequence[float], parameters: Sequence[float]) -> list[Any]:
        frame = self.free.pop() if self.free else self.frame()
        self.fill(frame, Kind.ARGUMENT, arguments)
        self.fill(frame, Kind.PARAMETER, parameters)
        self.run(frame)
        found = [self.read(frame, output) for output in self.program.outputs]
        self.free.append(frame)
        return found


def _kind(stride: int) -> str:
    return {0: "b", 1: "u"}.get(stride, "g")


def _gaps(written: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """What intervals leave open of 0 … size."""
    gaps, at = [], 0
    for first, end in sorted(written):
        if first > at:
            gaps.append((at, first))
        at = max(at, end)
    return [*gaps, (at, size)] if at < size else gaps


def _aligned(size: int) -> Any:
    raw = np.zeros(size + 16)
    first = -raw.ctypes.data % 64 // 8
    return raw[first : first + size]
