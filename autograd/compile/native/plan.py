"""The plan of a program's machine code: the order of its steps, and what is kept in memory where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from autograd.compile.arrays import ArrayProgram, Step
from autograd.compile.native.jit import codegen_level
from autograd.compile.native.layout import Layout
from autograd.compile.native.lowering import lower
from autograd.compile.native.products import is_matrix_product
from autograd.compile.native.schedule import schedule
from autograd.compile.native.space import known_number, reads_own_row

__all__ = ["Carried", "Plan"]

Carried = Sequence[tuple[int, tuple[int, int]]]  # output number -> (array, row)

_REGION = {2: 400, 0: 3000}  # steps in one function, by the level of the code generator


class Plan:
    """The stages of a program and the layout of its memory.

    Args:
        program: the steps.
        carried: outputs that replace rows of arguments or parameters at the end of an evaluation.
        width: doubles in a vector.

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
        self.layout = Layout(program.arrays, self._kept(), self._batch(), self._shared(), width)

    def _alone(self, step: Step) -> bool:
        return step.kind in ("product", "gather") or is_matrix_product(self.program, step)

    # ---- memory ----------------------------------------------------------------------------------------------------
    @cached_property
    def _stage_of(self) -> dict[int, int]:
        """Which stage writes an array."""
        steps = self.program.steps
        return {steps[k].target: number for number, stage in enumerate(self.stages) for k in stage.steps}

    def _kept(self) -> set[int]:
        """The arrays that need memory: what comes from outside, goes outside, or passes from stage to stage."""
        program = self.program
        kept = {k for k, array in enumerate(program.arrays) if array.kind in ("argument", "parameter")}
        kept |= {array for array, _ in program.outputs}
        for number, stage in enumerate(self.stages):
            for k in stage.steps:
                step = program.steps[k]
                if stage.space is None:
                    kept |= {step.target, *(view.array for view in step.operands), *(array for array, _ in step.rows)}
                    continue
                for view in step.operands:
                    if self._stage_of.get(view.array) != number and (
                        known_number(program, view, step.ni, step.nj) is None
                    ):
                        kept.add(view.array)
        return kept

    def _state(self) -> set[int]:
        return {array for _, (array, _) in self.carried}

    def _batch(self) -> set[int]:
        """The arguments that a training loop reads from its data: all but those that are carried over."""
        arguments = {k for k, array in enumerate(self.program.arrays) if array.kind == "argument"}
        return arguments - self._state()

    def _shared(self) -> dict[int, int]:
        """Carried arrays that are computed in the very memory of what they replace: a weight update needs no copy."""
        replaces: dict[int, set[tuple[int, int, int]]] = {}
        for output, (array, row) in self.carried:
            source, source_row = self.program.outputs[output]
            replaces.setdefault(source, set()).add((source_row, array, row))
        shared: dict[int, int] = {}
        for source, rows in replaces.items():
            old = min(array for _, array, _ in rows)
            new_array, old_array = self.program.arrays[source], self.program.arrays[old]
            whole = rows == {(row, old, row) for row in range(new_array.rows)}
            if (whole and new_array.kind == "computed" and new_array[:2] == old_array[:2]
                    and old not in shared.values() and self._read_before(old, source)):
                shared[source] = old
        return shared

    def _read_before(self, old: int, new: int) -> bool:
        """Whether each row of ``old`` is last read where the same row of ``new`` is computed, or earlier."""
        if any(array == old for array, _ in self.program.outputs):
            return False
        writing = self._stage_of[new]
        if self.stages[writing].space is None:
            return False
        for number, stage in enumerate(self.stages[writing:], writing):
            for step in (self.program.steps[k] for k in stage.steps):
                views = [view for view in step.operands if view.array == old]
                if any(array == old for array, _ in step.rows) or (views and number > writing):
                    return False
                if any(not reads_own_row(view, step.ni, step.nj) for view in views):
                    return False
        return all(step.kind == "map" for step in (self.program.steps[k] for k in self.stages[writing].steps)
                   if step.target == new)
