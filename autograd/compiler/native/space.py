"""What a step reads and over which index space it runs, in the form that the code generator wants."""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiler.arrays import Array, ArrayProgram, Step, View

__all__ = ["Space", "known_number", "lanes_of", "plain", "reads_own_row", "space_of"]


class Space(NamedTuple):
    """The index space of a step: i < ni, j < nj, and so many lanes."""

    ni: int
    nj: int
    lanes: int


def lanes_of(step: Step, arrays: list[Array]) -> int:
    """The number of lanes a step runs over; of a reduction that is what it sums over."""
    lanes = arrays[step.target].lanes
    if step.kind == "reduce":
        for view in step.operands:
            lanes = max(lanes, arrays[view.array].lanes)
    return lanes


def space_of(step: Step, arrays: list[Array]) -> Space:
    """The index space of a step."""
    return Space(step.ni, step.nj, lanes_of(step, arrays))


def plain(view: View, ni: int, nj: int) -> View:
    """The same view with steps of 0 where there is nothing to step over."""
    if (ni > 1 or not view.step_i) and (nj > 1 or not view.step_j):
        return view
    return View(view.array, view.start, view.step_i if ni > 1 else 0, view.step_j if nj > 1 else 0)


def reads_own_row(view: View, ni: int, nj: int) -> bool:
    """Whether at (i, j) the view reads row i * nj + j, the one that a step over the same space has written there."""
    return view.start == 0 and (ni == 1 or view.step_i == nj) and (nj == 1 or view.step_j == 1)


def known_number(program: ArrayProgram, view: View, ni: int, nj: int) -> float | None:
    """The number that a view reads everywhere if that is a uniform constant."""
    array = program.arrays[view.array]
    if array.kind != "constant" or array.lanes > 1:
        return None
    view = plain(view, ni, nj)
    if view.step_i or view.step_j:
        numbers = {repr(number) for number in array.payload}  # repr tells 0.0 from -0.0, and nan is nan
        return float(array.payload[0]) if len(numbers) == 1 else None
    return float(array.payload[view.start])
