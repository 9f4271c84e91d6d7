"""Matrix products of fixed size as kernels: faster than the general sum, and worth compiling for a long training."""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.matmul import Matrix, declarations, emit_matmul
from autograd.compiler.machine.texts import base_of
from autograd.compiler.program.nests import Table

__all__ = ["MatmulKernel", "product_of"]

_WORTH = 4096  # multiplications; below that the general kernel is as fast


class MatmulKernel(NamedTuple):
    """C[m, n] = A[m, k] B[k, n], with what C starts from.

    Attributes:
        sizes: M, n and k.
        strides: The strides of C, A, B, and perhaps of S, along their rows and along their columns.
        accumulate: Whether to add to what is in C.
        lanes: The number of lanes of a vector.
    """

    sizes: tuple[int, int, int]
    strides: tuple[tuple[int, int], ...]
    accumulate: bool
    lanes: int

    def text(self, name: str, functions: Functions) -> str:
        """The function. Its descriptor is that of a sum; it reads only the places in it."""
        functions.pieces.setdefault("matrix products", declarations(self.lanes))
        columns = len(self.strides)
        lines = [
            "  %d.1 = getelementptr i64, ptr %d, i64 1",
            "  %row = load ptr, ptr %d.1, align 8",
            "  %d.2 = getelementptr i64, ptr %d, i64 2",
            "  %given0 = load i64, ptr %d.2, align 8",
        ]
        for c in range(columns):
            lines += [
                *base_of(c),
                f"  %cell{c} = getelementptr i64, ptr %row, i64 {3 + c}",
                f"  %at{c} = load i64, ptr %cell{c}, align 8",
                f"  %p{c} = getelementptr double, ptr %base{c}, i64 %at{c}",
            ]
        pointers = ", ".join([*[f"ptr %p{c}" for c in range(columns)], *["ptr poison"] * (4 - columns)])
        body = "\n".join([*lines, f"  call void @{name}.product({pointers})", "  ret void"])
        head = f"define void @{name}(ptr %f, ptr %x, ptr %d) {host().attributes} {{"
        return self.product(f"{name}.product") + f"{head}\n{body}\n}}\n"

    def product(self, name: str) -> str:
        """The function of the pointers to C, A, B and S.

        Raises:
            ValueError: The strides fit no scheme.
        """
        m, n, k = self.sizes
        c, a, b, *start = [Matrix(*strides) for strides in self.strides]
        begins = start[0] if start else None
        return emit_matmul(name, m, n, k, c, a, b, start=begins, accumulate=self.accumulate, lanes=self.lanes)


def product_of(table: Table, factors: tuple[str, ...], fresh: bool) -> MatmulKernel | None:
    """The matrix product that a sum is; None if it is none, or too small to be worth it."""
    if len(table.rows) != 1 or factors not in (("bg", "ub"), ("ugb", "ubg")):
        return None
    m, n, k = table.rows[0][:3]
    by_m, by_n, by_k = table.loops
    if m * n * k < _WORTH:
        return None
    strides = [(by_m[0], by_n[0]), (by_m[1], by_k[1]), (by_k[2], by_n[2])]
    if len(by_m) > 3:
        strides.append((by_m[3], by_n[3]))
    kernel = MatmulKernel((m, n, k), tuple(strides), not fresh and len(by_m) == 3, host().lanes)
    try:
        kernel.product("fits")
    except ValueError:  # no contiguous direction in common
        return None
    return kernel
