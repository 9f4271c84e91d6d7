"""The machine code of single nodes, as LLVM IR: one function for each operation, forward and back.

    double @forward(ptr values, ptr operands, i64 count, ptr scratch)
    void @backward(ptr values, ptr adjoints, ptr reached, ptr operands, i64 count, double z, double above, ptr scratch)

Operands are the numbers of nodes.  Forward gives the value of the row.  Backward adds to the adjoint of each operand
what is above times the row's own local derivative, and notes that the operand was reached.
"""

from __future__ import annotations

from typing import NamedTuple

from autograd import ops
from autograd.compiler.machine.library import Kernel
from autograd.compiler.machine.loops import LISTS
from autograd.compiler.machine.native.code import Code, Functions
from autograd.compiler.machine.native.code import Operand as Name
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Read
from autograd.ops import TABLE, Op

# Exponents that are part of the code, which multiplies; all others are data.
_KNOWN = {0.5, -0.5, *[float(n) for n in range(-8, 9) if n]}


class Case(NamedTuple):
    """An operation of up to three operands in one direction, as the key of a kernel."""

    name: str  # the name of the row
    backward: bool  # whether it is what the row does to adjoints
    exponent: float | None = None  # the exponent of a ``constant_power``, if the code knows it
    lanes: int = 1  # always one number at a time

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        op, code = TABLE[self.name], Code(functions)
        arity = 1 if isinstance(op, ops.Unary) else 2 if isinstance(op, ops.Binary) else 3
        places = [_number(code, k) for k in range(arity)]
        xs: list[Name] = [_double(code, "%v", place) for place in places]
        if self.exponent is not None:
            xs[1] = self.exponent
        if self.backward:
            head, result = "void", "void"
            arguments = "ptr %v, ptr %a, ptr %r, ptr %o, i64 %n, double %z, double %above, ptr %s"
            for place, local in zip(places, _local_derivatives(code, op, xs)):
                _pass_on(code, place, local)
        else:
            head, arguments = "double", "ptr %v, ptr %o, i64 %n, ptr %s"
            result = f"double {code.value(lower(op)(code, *xs))}"
        lines = "\n".join(code.lines)
        return f"define {head} @{name}({arguments}) {host().attributes} {{\n{lines}\n  ret {result}\n}}\n"


def case_of(op: Op, exponent: float | None = None) -> tuple[Kernel, Kernel]:
    """Forward and backward of one operation.

    Raises:
        UnsupportedError: A primitive that a user has defined.
    """
    lower(op)
    if op.name in LISTS:
        return LISTS[op.name]
    known = exponent if exponent in _KNOWN else None
    return Case(op.name, False, known), Case(op.name, True, known)


def _number(code: Code, k: int) -> str:
    """The number of the node that is operand k."""
    place = code.let(f"getelementptr i32, ptr %o, i64 {k}")
    return code.let(f"zext i32 {code.let(f'load i32, ptr {place}, align 4')} to i64")


def _double(code: Code, array: str, number: str) -> str:
    return code.let(f"load double, ptr {code.let(f'getelementptr double, ptr {array}, i64 {number}')}, align 8")


def _pass_on(code: Code, number: str, derivative: Name) -> None:
    """Add to the adjoint of an operand."""
    share = "%above" if derivative == 1.0 else code.mul("%above", derivative)
    total = code.add(_double(code, "%a", number), share)
    code.do(f"store double {total}, ptr {code.let(f'getelementptr double, ptr %a, i64 {number}')}, align 8")
    code.do(f"store i8 1, ptr {code.let(f'getelementptr i8, ptr %r, i64 {number}')}, align 1")


def _local_derivatives(code: Code, op: Op, xs: list[Name]) -> list[Name]:
    """The local derivatives of a row, written by the row itself; none where no gradient goes through it."""
    if op in ops.COMPARISONS or op is ops.detached:
        return []
    builder = Builder()
    leaves = [builder.leaf(Kind.ARGUMENT, [k]) for k in range(1 + len(xs))]
    z, *operands = [wrapped(builder, leaf) for leaf in leaves]
    found = op.partials(z, *[x if isinstance(x, float) else operand for x, operand in zip(xs, operands)])
    program = builder.program([x.read if isinstance(x, Rows) else float(x) for x in found])
    names: list[Name] = []

    def name(x: Operand) -> Name:
        return names[x.array] if isinstance(x, Read) else x

    for array in program.arrays:
        if array.op is None:
            names.append(["%z", *xs][array.data[0]])
        else:
            names.append(lower(array.op)(code, *map(name, array.operands)))
    return list(map(name, program.outputs))[: 1 if op is ops.constant_power else None]
