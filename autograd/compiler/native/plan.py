"""The plan of a program's machine code: the order of its steps, and what is kept in memory where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.compiler.arrays import ArrayProgram, Step, View
from autograd.compiler.native.jit import codegen_level
from autograd.compiler.native.layout import Layout
from autograd.compiler.native.lowering import SIMPLE, lower
from autograd.compiler.native.products import is_matrix_product
from autograd.compiler.native.schedule import schedule
from autograd.compiler.native.sharing import Life, reuse, taken_over
from autograd.compiler.native.space import known_number, reads_own_row

__all__ = ["Carried", "Plan"]

Carried = Sequence[tuple[int, tuple[int, int]]]  # output number -> (array, row)

_REGION = {2: 400, 0: 3000}  # steps in one function, by the level of the code generator
# One instruction or two each: computed again where they are needed, they cost less than a store and a load.
_CHEAP = SIMPLE - {"div", "total", "dot"}
_MOST_AGAIN = 3  # cheap steps in a row


class Plan:
    """The stages of a program and the layout of its memory.

    Args:
        program: the steps.
        carried: outputs that replace rows of arguments or parameters at the end of an evaluation.
        width: doubles in a vector.

    Attributes:
        stages: the order of the steps.
        again: array -> the step that computes it, again in every region that reads it.
        replaced: computed array -> the array that it is carried over to, and in the memory of which it is computed.
        layout: places of the arrays that are kept in memory.

    Raises:
        UnsupportedError: a step has no machine code.
    """

    def __init__(self, program: ArrayProgram, carried: Carried, width: int) -> None:
        self.program, self.carried = program, carried
        for step in program.steps:
            if step.kind == "map":
                lower(step.op)
        size = sum(max(1, len(step.operands) - 1) for step in program.steps if not self._alone(step))
        self.level = codegen_level(size)
        self.stages = schedule(program, self._alone, _REGION[self.level])
        self.writer = {step.target: step for step in program.steps}
        self.stage_of = {program.steps[k].target: n for n, stage in enumerate(self.stages) for k in stage.steps}
        self.again: dict[int, Step] = {}
        self.state = {array for _, (array, _) in carried}
        self.returned = {array for array, _ in program.outputs}
        kept = self._kept()
        self.again = self._computed_again(kept)
        kept -= self.again.keys()
        batch = {k for k, array in enumerate(program.arrays) if array.kind == "argument"} - self.state
        self.layout = Layout(program.arrays, kept, batch, self._shared(kept), width)

    def _alone(self, step: Step) -> bool:
        return step.kind in ("product", "gather") or is_matrix_product(self.program, step)

    # ---- what is kept ----------------------------------------------------------------------------------------------
    def reads(self, number: int) -> Iterator[tuple[int, bool]]:
        """What a stage reads from memory: arrays, and whether at the row that it computes."""
        stage = self.stages[number]
        for step in (self.program.steps[k] for k in stage.steps):
            if stage.space is None:
                yield from ((view.array, False) for view in step.operands)
                yield from ((array, False) for array, _ in step.rows)
                continue
            for view in step.operands:
                if self.stage_of.get(view.array) != number:
                    yield from self._from_memory(step, view)

    def _from_memory(self, step: Step, view: View) -> Iterator[tuple[int, bool]]:
        if view.array in self.again:
            first = self.again[view.array]
            for operand in first.operands:
                yield from self._from_memory(first, operand)
        elif known_number(self.program, view, step.ni, step.nj) is None:
            yield view.array, reads_own_row(view, step.ni, step.nj)

    def _kept(self) -> set[int]:
        """The arrays that need memory: what comes from outside, goes outside, or passes from stage to stage."""
        kept = {k for k, array in enumerate(self.program.arrays) if array.kind in ("argument", "parameter")}
        kept |= self.returned
        for number, stage in enumerate(self.stages):
            kept.update(array for array, _ in self.reads(number))
            if stage.space is None:
                kept.add(self.program.steps[stage.steps[0]].target)
        return kept

    def _computed_again(self, kept: set[int]) -> dict[int, Step]:
        """Cheap maps of one array that is kept anyway need not be kept themselves."""
        again: dict[int, Step] = {}
        if self.level == 0:
            return again
        pinned = self.returned | self.state
        for number, stage in enumerate(self.stages):
            for step in (self.program.steps[k] for k in stage.steps):
                if stage.space is None:
                    pinned.update(view.array for view in step.operands)
                    pinned.update(array for array, _ in step.rows)
                    continue
                for view in step.operands:
                    other = self.stage_of.get(view.array, number)
                    own_row = reads_own_row(view, step.ni, step.nj)
                    if other != number and not (own_row and self.stages[other].space == stage.space):
                        pinned.add(view.array)
        for target in sorted(kept - pinned, key=lambda array: self.stage_of.get(array, -1)):
            if target in self.writer:
                steps, read = self._recipe(self.writer[target], kept - again.keys())
                if len(steps) <= _MOST_AGAIN and len(read) == 1 and not read & self.state:
                    again.update({step.target: step for step in steps})
        return again

    def _recipe(self, step: Step, kept: set[int], most: int = _MOST_AGAIN) -> tuple[list[Step], set[int]]:
        """The cheap steps that compute what a step computes from arrays that are kept, and those; too many if dear.

        It looks no further than ``most`` steps: through two operands each, all ways down would be exponentially many.
        """
        steps: list[Step] = [step]
        read: set[int] = set()
        if step.kind != "map" or step.op.name not in _CHEAP or most < 1:
            return steps * (_MOST_AGAIN + 1), read
        for view in step.operands:
            if known_number(self.program, view, step.ni, step.nj) is not None:
                continue
            if view.array in kept:
                read.add(view.array)
            else:
                more, others = self._recipe(self.writer[view.array], kept, most - len(steps))
                steps, read = steps + more, read | others
        return steps, read

    # ---- what shares memory ----------------------------------------------------------------------------------------
    def _shared(self, kept: set[int]) -> dict[int, int]:
        lives = {array: Life(self.stage_of.get(array, -1), -1, True) for array in kept}
        for number in range(len(self.stages)):
            for array, own_row in self.reads(number):
                lives[array] = lives[array].read(number, own_row)
        maps = {k for k, step in self.writer.items() if step.kind == "map"}
        moves = [(self.program.outputs[output], target) for output, target in self.carried]
        self.replaced = taken_over(self.program.arrays, moves, lives, maps, self.returned)
        computed = [k for k in kept if k in self.writer and k not in self.returned]
        return {**self.replaced, **reuse(self.program.arrays, computed, lives, maps)}
