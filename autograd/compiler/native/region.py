"""One loop nest for many steps: values stay in registers from step to step, only what others read is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograd.compiler.arrays import ArrayProgram, Step, View
from autograd.compiler.native.code import Code, Functions, Operand
from autograd.compiler.native.layout import Layout
from autograd.compiler.native.loops import Access, Loops, Nest, make_nest
from autograd.compiler.native.lowering import SIMPLE, lower
from autograd.compiler.native.space import Space, known_number, plain
from autograd.compiler.program import DOT

__all__ = ["region_body"]


def region_body(
    program: ArrayProgram,
    steps: Sequence[Step],
    space: Space,
    again: Mapping[int, Step],
    layout: Layout,
    functions: dict[int, Functions],
) -> list[str]:
    """The lines of a function that runs steps over one space.

    Args:
        program: to look arrays up in.
        steps: what to run, in order.
        space: over which.
        again: arrays that are not kept, and the steps that compute them where they are read.
        layout: places of the arrays that are kept.
        functions: to be called at each vector width.
    """
    return _Region(program, _with_repeated(steps, again), space, layout, functions).lines()


def _with_repeated(steps: Sequence[Step], again: Mapping[int, Step]) -> list[Step]:
    """The steps, each behind those that compute its operands again."""
    known = {step.target for step in steps}
    result: list[Step] = []

    def add(step: Step) -> None:
        for view in step.operands:
            if view.array in again and view.array not in known:
                known.add(view.array)
                add(again[view.array])
        result.append(step)

    for step in steps:
        add(step)
    return result


class _Region:
    def __init__(
        self,
        program: ArrayProgram,
        steps: Sequence[Step],
        space: Space,
        layout: Layout,
        functions: dict[int, Functions],
    ) -> None:
        self.program, self.steps, self.space, self.layout = program, steps, space, layout
        inside = {step.target for step in steps}
        self.operands = [[self._source(view, inside) for view in step.operands] for step in steps]
        results = [step for step in steps if step.target in layout.places]
        self.results = {step.target: self._access(View(step.target, 0, step.nj, 1)) for step in results}
        sources = [source for row in self.operands for source in row if isinstance(source, View)]
        self.loads = {view: self._access(view) for view in sources}
        nest = self._nest()
        self.code = Code(functions[nest.lanes])
        self.loops = Loops(self.code, nest, sum(1 if step.op.name in SIMPLE else 40 for step in steps))
        self.registers: dict[int, Operand] = {}  # array -> what the region has computed for it
        self.loaded: dict[View, str] = {}

    def _source(self, view: View, inside: set[int]) -> int | float | View:
        """Where an operand comes from: a step of the region (by its array), a number, or memory."""
        if view.array in inside:
            return view.array
        number = known_number(self.program, view, self.space.ni, self.space.nj)
        return plain(view, self.space.ni, self.space.nj) if number is None else number

    def _access(self, view: View) -> Access:
        place = self.layout.places[view.array]
        view = plain(view, self.space.ni, self.space.nj)
        strides = view.step_i * place.stride, view.step_j * place.stride, place.lane_step
        return Access(place.base, place.row(view.start), strides)

    def _nest(self) -> Nest:
        maps = [self.results[step.target] for step in self.steps if step.kind == "map" and step.target in self.results]
        return make_nest(
            self.space,
            [*self.loads.values(), *self.results.values()],
            maps,
            self.layout.width,
            any(step.kind == "reduce" for step in self.steps),
        )

    def lines(self) -> list[str]:
        for number in range(self.loops.unroll):
            self.loops.shift = number * self.code.lanes
            self.loaded = {view: x for view, x in self.loaded.items() if not self.loops.moves(self.loads[view])}
            self._body()
        return self.loops.lines()

    def _body(self) -> None:
        self.registers.clear()
        for step, sources in zip(self.steps, self.operands):
            operands = [self._operand(source) for source in sources]
            if step.kind == "map":
                self.registers[step.target] = lower(step.op)(self.code, *operands)
            elif step.target in self.results:
                self._reduce(step, operands)
        for target, result in self.registers.items():
            if target in self.results:
                self.loops.store(self.results[target], self.code.value(result))

    def _operand(self, source: int | float | View) -> Operand:
        if isinstance(source, View):
            if source not in self.loaded:
                self.loaded[source] = self.loops.load(self.loads[source])
            return self.loaded[source]
        return source if isinstance(source, float) else self.registers[source]

    def _reduce(self, step: Step, operands: Sequence[Operand]) -> None:
        """Σ over lanes: a vector of sums, started anew for each row, added up after the lanes."""

        def term(total: str) -> str:
            if step.op is DOT:
                return self.code.fma(operands[0], operands[1], total)
            return self.code.add(total, operands[0])

        self.loops.accumulate(self.results[step.target], term, self.space.lanes)
