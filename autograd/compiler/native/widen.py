"""A program of one point as a program of many: what depends on the inputs gets lanes."""

from __future__ import annotations

from collections.abc import Collection

from autograd.compiler.arrays import ArrayProgram

__all__ = ["widened"]


def widened(program: ArrayProgram, inputs: Collection[int], lanes: int) -> ArrayProgram | None:
    """The program at ``lanes`` points at once, with the same arrays; None if it has lanes already.

    Args:
        program: for one point.
        inputs: the arrays that differ from point to point.
        lanes: how many points.
    """
    if any(array.lanes > 1 for array in program.arrays):
        return None
    wide = set(inputs)
    for step in program.steps:
        if any(view.array in wide for view in step.operands) or any(array in wide for array, _ in step.rows):
            wide.add(step.target)
    arrays = [array._replace(lanes=lanes) if k in wide else array for k, array in enumerate(program.arrays)]
    return program._replace(arrays=arrays)
