"""The array program: instructions that do the same to many registers, as one step over arrays.

A *row* is one register: one number, or one per lane.  An array is a block of rows of one width.  A step runs over an
index space (i, j); a ``View`` says which row of an array an operand reads at (i, j), as an affine function:

    row = start + i * step_i + j * step_j

so that a row used everywhere has both steps 0, the neurons of a layer have step_i = 1, and the weight matrix of a layer
has (step_i, step_j) = (number of inputs, 1).  Steps come in three kinds, by what they sum over:

    map      out[i, j] = op(x[i, j], y[i, j], ...)               each lane for itself
    product  out[i]    = Σ_j p[i, j] q[i, j] (+ s[i])            a matrix product if p is uniform and q has step_i 0
    reduce   out[i, j] = Σ_lanes x[i, j] y[i, j]                 (or Σ_lanes x[i, j]); δ aᵀ if steps are (1,0) and (0,1)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from autograd.compiler.printing import matrix_form
from autograd.ops import Op

__all__ = ["Array", "ArrayProgram", "Step", "View"]


class Array(NamedTuple):
    """A block of rows.

    Attributes:
        rows: how many.
        lanes: numbers in each row, 1 if uniform.
        kind: "argument" (filled by the caller before each run), "parameter" (likewise), "constant", or "computed".
        payload: constant: a tuple per row, of a number or of a tuple of one number per lane; argument and parameter:
            per row what the instruction had as its payload.
        labels: what each row is called, for the printer; none if no row has a label.
    """

    rows: int
    lanes: int
    kind: str
    payload: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()


class View(NamedTuple):
    """Which row of an array is read at (i, j): ``start + i * step_i + j * step_j``."""

    array: int
    start: int
    step_i: int = 0
    step_j: int = 0

    @classmethod
    def of_all(cls, array: int, ni: int, nj: int) -> View:
        """All rows of an array in their order: row ``i * nj + j`` at (i, j)."""
        return cls(array, 0, nj if ni > 1 else 0, 1 if nj > 1 else 0)


class Step(NamedTuple):
    """One instruction over arrays; the result of (i, j) is row ``i * nj + j`` of the target, of i row i (product).

    Attributes:
        op: a row of the derivative table (map), ``ops.sum_of_products`` (product), TOTAL or DOT (reduce), or
            ``ops.identity`` with ``rows`` given: copy these rows, in order, into the target.
        kind: "map", "product", "reduce" or "gather".
        target: the array that is written; every array is written by one step only.
        ni, nj: the index space.
        operands: for a product (p, q) or (p, q, s).
        rows: gather: pairs (array, row).
    """

    op: Op
    kind: str
    target: int
    ni: int
    nj: int
    operands: tuple[View, ...] = ()
    rows: tuple[tuple[int, int], ...] = ()


class ArrayProgram(NamedTuple):
    """Arrays, the steps in order, and for each output of the program where it is: (array, row)."""

    arrays: list[Array]
    steps: list[Step]
    outputs: list[tuple[int, int]]

    def __str__(self) -> str:
        """The steps in matrix form, one line each."""
        return matrix_form(self)
