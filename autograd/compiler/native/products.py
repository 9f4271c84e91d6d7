"""Sums of products over rows or lanes as calls of matrix product kernels, where the views fit one; else plain loops.

product  C[i, l] = Σ_j P[i, j] Q[j, l] (+ S[i, l])     P uniform, Q over lanes (or one column): z = W a + b
reduce   C[i, j] = Σ_l X[i, l] Y[j, l]                 δ aᵀ
"""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiler.arrays import ArrayProgram, Step, View
from autograd.compiler.native.code import Code, Functions
from autograd.compiler.native.layout import Layout
from autograd.compiler.native.loops import Access, Loops, make_nest
from autograd.compiler.native.matmul import Matrix, declarations, emit_matmul
from autograd.compiler.native.space import Space, lanes_of, plain
from autograd.compiler.program import DOT

__all__ = ["Product", "Products", "as_product", "is_matrix_product", "product_loops"]


class Product(NamedTuple):
    """C[m, n] = A[m, k] B[k, n] + S[m, n], each operand with its place and strides."""

    m: int
    n: int
    k: int
    operands: tuple[tuple[str, int], ...]  # (base, offset) of C, A, B and S if there is one
    strides: tuple[Matrix, ...]


def is_matrix_product(program: ArrayProgram, step: Step) -> bool:
    """Whether a reduction is one matrix product, of more than one row or column."""
    return step.kind == "reduce" and step.op is DOT and step.ni * step.nj > 1 and _factors(program, step) is not None


def _factors(program: ArrayProgram, step: Step) -> tuple[View, View] | None:
    """Left and right factor of the product a step is, or None."""
    lanes = lanes_of(step, program.arrays)
    x, y = (plain(view, step.ni, step.nj) for view in step.operands[:2])
    wide = [program.arrays[view.array].lanes > 1 for view in (x, y)]
    for left, right, wide_left, wide_right in ((x, y, wide[0], wide[1]), (y, x, wide[1], wide[0])):
        if step.kind == "product":
            if not wide_left and right.step_i == 0 and wide_right == (lanes > 1):
                return left, right
        elif wide_left and wide_right and left.step_j == 0 and right.step_i == 0:
            return left, right
    return None


def as_product(program: ArrayProgram, step: Step, layout: Layout) -> Product | None:
    """A step as a matrix product in terms of memory, if it is one."""
    factors = _factors(program, step)
    if factors is None:
        return None
    left, right = (layout.places[view.array] for view in factors)
    c = layout.places[step.target]
    a_view, b_view = factors
    operands = [(c.base, c.offset), (left.base, left.row(a_view.start)), (right.base, right.row(b_view.start))]
    if step.kind == "reduce":
        strides = [
            Matrix(step.nj * c.stride, c.stride),
            Matrix(a_view.step_i * left.stride, 1),
            Matrix(1, b_view.step_j * right.stride),
        ]
        return Product(step.ni, step.nj, right.lanes, tuple(operands), tuple(strides))
    strides = [
        Matrix(c.stride, c.lane_step),
        Matrix(a_view.step_i * left.stride, a_view.step_j * left.stride),
        Matrix(b_view.step_j * right.stride, right.lane_step),
    ]
    if len(step.operands) == 3:
        s_view = plain(step.operands[2], step.ni, 1)
        s = layout.places[s_view.array]
        operands.append((s.base, s.row(s_view.start)))
        strides.append(Matrix(s_view.step_i * s.stride, s.lane_step))
    return Product(step.ni, layout.padded(c.lanes) if c.lanes > 1 else 1, step.nj, tuple(operands), tuple(strides))


class Products:
    """The kernels of one module: products of equal sizes and strides share one."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._names: dict[object, str] = {}
        self._pieces: list[str] = []

    def call(self, product: Product) -> list[str]:
        """The lines that compute one product.

        Raises:
            ValueError: there is no kernel for these strides.
        """
        key = product._replace(operands=()), len(product.operands)
        name = self._names.get(key)
        if name is None:
            name = f"product{len(self._names)}"
            c, a, b, *start = product.strides
            self._pieces.append(
                emit_matmul(
                    name, product.m, product.n, product.k, c, a, b, start=start[0] if start else None, lanes=self.width
                )
            )
            self._names[key] = name
        lines = [
            f"  %p{i} = getelementptr double, ptr {base}, i64 {offset}"
            for i, (base, offset) in enumerate(product.operands)
        ]
        pointers = [f"ptr %p{i}" for i in range(len(product.operands))] + ["ptr poison"]
        return [*lines, f"  call void @{name}({', '.join(pointers[:4])})"]

    def text(self) -> str:
        """The kernels and what they call."""
        return declarations(self.width) + "".join(self._pieces)


def product_loops(program: ArrayProgram, step: Step, layout: Layout, functions: dict[int, Functions]) -> list[str]:
    """A sum of products in plain loops: over i and the lanes outside, over j inside.  Right for any views."""

    def touched(view: View) -> tuple[Access, int]:
        view, place = plain(view, step.ni, step.nj), layout.places[view.array]
        return Access(place.base, place.row(view.start), (view.step_i * place.stride, 0, place.lane_step)), (
            view.step_j * place.stride
        )

    result, _ = touched(View(step.target, 0, 1))
    factors = [touched(view) for view in step.operands[:2]]
    starts = [touched(view)[0] for view in step.operands[2:]]
    space = Space(step.ni, 1, lanes_of(step, program.arrays))
    accesses = [result, *starts, *(factor for factor, _ in factors)]
    nest = make_nest(space, accesses, [result], layout.width, False)
    code = Code(functions[nest.lanes])
    loops = Loops(code, nest)
    start = loops.load(starts[0]) if starts else "zeroinitializer" if nest.lanes > 1 else code.value(0.0)
    pointers = [loops.address(factor) for factor, _ in factors]
    for line in (
        "br label %enter.j",
        "enter.j:",
        "br label %loop.j",
        "loop.j:",
        "%j = phi i64 [0, %enter.j], [%next.j, %loop.j]",
        f"%total = phi {code.type} [{start}, %enter.j], [%new, %loop.j]",
    ):
        code.do(line)
    x, y = (loops.load_at(pointer, factor, "%j", stride) for pointer, (factor, stride) in zip(pointers, factors))
    for line in (
        f"%new = fadd {code.type} %total, {code.mul(x, y)}",
        "%next.j = add i64 %j, 1",
        f"%more.j = icmp ult i64 %next.j, {step.nj}",
        "br i1 %more.j, label %loop.j, label %end.j",
        "end.j:",
    ):
        code.do(line)
    loops.store(result, "%new")
    return loops.lines()
