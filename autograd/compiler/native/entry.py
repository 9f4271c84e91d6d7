"""Ways into the code of a program: one evaluation, a training loop, a call with Python floats, a map over points."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.native.jit import host
from autograd.compiler.native.layout import Layout
from autograd.compiler.native.moves import Move, copy_lines

__all__ = ["Rows", "point_entry", "points_entry", "run_entry", "steps_entry"]

Rows = Sequence[tuple[int, int]]  # (array, row)

_STACK = 8192  # doubles of a frame that may lie on the stack: 64 kB


def run_entry() -> str:
    """``void run(ptr frame)``: evaluate once."""
    return f"""define void @run(ptr %f) {host().attributes} {{
  call void @main(ptr %f, ptr %f)
  call void @carry(ptr %f, ptr %f)
  ret void
}}
"""


def steps_entry(recorded: Sequence[tuple[str, int]]) -> str:
    """``void steps(ptr frame, ptr data, i64 stride, i64 count, ptr recorded)``: a training loop.

    Step k finds its arguments k * stride doubles behind ``data``.
    """
    notes = []
    for number, (base, offset) in enumerate(recorded):
        notes += [
            f"  %p{number} = getelementptr double, ptr {base}, i64 {offset}",
            f"  %v{number} = load double, ptr %p{number}, align 8",
            f"  %q{number} = getelementptr double, ptr %notes, i64 {number}",
            f"  store double %v{number}, ptr %q{number}, align 8",
        ]
    return f"""define void @steps(ptr %f, ptr %data, i64 %stride, i64 %count, ptr %recorded) {host().attributes} {{
  br label %test
test:
  %k = phi i64 [0, %0], [%next, %step]
  %x = phi ptr [%data, %0], [%x.next, %step]
  %notes = phi ptr [%recorded, %0], [%notes.next, %step]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %step, label %end
step:
  call void @main(ptr %f, ptr %x)
{chr(10).join(notes)}
  call void @carry(ptr %f, ptr %x)
  %next = add i64 %k, 1
  %x.next = getelementptr double, ptr %x, i64 %stride
  %notes.next = getelementptr double, ptr %notes, i64 {len(recorded)}
  br label %test
end:
  ret void
}}
"""


def point_entry(layout: Layout, size: int, inputs: Rows, parameters: Rows, outputs: Rows) -> str:
    """``void kernel(ptr inputs, ptr outputs, ptr parameters)`` on plain doubles, as ``pycall.builtin`` wants it."""
    take, return_memory = _frame(size)
    read, tables = _copied("in", layout, inputs, "%in")
    live, more = _copied("live", layout, parameters, "%live")
    lines = [*take, *read, *live, "  call void @main(ptr %f, ptr %f)"]
    for number, (array, row) in enumerate(outputs):
        place = layout.places[array]
        base = "%f" if place.base == "%x" else place.base
        moves = [Move(number, base, place.row(row), 1)]
        lines += copy_lines(f"out{number}", moves, "%out")[0]
    body = "\n".join([*lines, *return_memory])
    return (
        f"{tables}{more}{_MEMORY}"
        f"define internal void @kernel(ptr %in, ptr %out, ptr %live) {host().attributes} {{\n"
        f"{body}\n  ret void\n}}\n"
    )


def points_entry(layout: Layout, size: int, inputs: Rows, parameters: Rows, outputs: Rows, parameter_block: str) -> str:
    """``void kernel(ptr pointers, i64 count)``: evaluate at many points, one per lane (or one at a time).

    Pointers lead to the numbers of each input, then to the room for each output.  A last block that is not full takes
    the first of its points several times.
    """
    lanes = max((layout.places[array].lanes for array, _ in inputs), default=1)
    kind, mask = (f"<{lanes} x double>", f"<{lanes} x i1>") if lanes > 1 else ("double", "i1")
    take, return_memory = _frame(size)
    live, tables = _copied("live", layout, parameters, parameter_block)
    head = [*take, *live]
    for number in range(len(inputs) + len(outputs)):
        head += [
            f"  %cell{number} = getelementptr ptr, ptr %pointers, i64 {number}",
            f"  %data{number} = load ptr, ptr %cell{number}",
        ]
    body: list[str] = []
    for number, (array, row) in enumerate(inputs):
        body += [
            f"  %from{number} = getelementptr double, ptr %data{number}, i64 %i",
            f"  %to{number} = getelementptr double, ptr %f, i64 {layout.places[array].row(row)}",
        ]
        if lanes > 1:
            body += [
                f"  %one{number} = load double, ptr %from{number}, align 8",
                *_splat(f"%all{number}", f"%one{number}", "double", lanes),
                f"  %x{number} = call {kind} @llvm.masked.load.v{lanes}f64.p0(ptr %from{number}, i32 8, "
                f"{mask} %mask, {kind} %all{number})",
            ]
        else:
            body.append(f"  %x{number} = load double, ptr %from{number}, align 8")
        body.append(f"  store {kind} %x{number}, ptr %to{number}, align 8")
    body.append("  call void @main(ptr %f, ptr %f)")
    for number, (array, row) in enumerate(outputs):
        place = layout.places[array]
        base = "%f" if place.base == "%x" else place.base
        body += [
            f"  %found{number} = getelementptr double, ptr {base}, i64 {place.row(row)}",
            f"  %put{number} = getelementptr double, ptr %data{len(inputs) + number}, i64 %i",
        ]
        if lanes == 1:
            body += [
                f"  %y{number} = load double, ptr %found{number}, align 8",
                f"  store double %y{number}, ptr %put{number}, align 8",
            ]
            continue
        if place.lanes == 1:
            body += [
                f"  %same{number} = load double, ptr %found{number}, align 8",
                *_splat(f"%y{number}", f"%same{number}", "double", lanes),
            ]
        else:
            body.append(f"  %y{number} = load {kind}, ptr %found{number}, align 8")
        body.append(
            f"  call void @llvm.masked.store.v{lanes}f64.p0({kind} %y{number}, ptr %put{number}, i32 8, {mask} %mask)"
        )
    return (
        tables
        + _MEMORY
        + _masked(lanes)
        + "\n".join(
            [
                f"define internal void @kernel(ptr %pointers, i64 %count) {host().attributes} {{",
                *head,
                "  br label %test",
                "test:",
                "  %i = phi i64 [0, %0], [%next, %block]",
                "  %more = icmp ult i64 %i, %count",
                "  br i1 %more, label %block, label %end",
                "block:",
                *(_block_mask(lanes) if lanes > 1 else []),
                *body,
                f"  %next = add i64 %i, {lanes}",
                "  br label %test",
                "end:",
                *return_memory,
                "  ret void",
                "}",
                "",
            ]
        )
    )


def _copied(name: str, layout: Layout, rows: Rows, source: str) -> tuple[list[str], str]:
    """Copy consecutive doubles behind ``source`` into rows of the frame."""
    moves = [Move(layout.places[array].row(row), source, k, 1) for k, (array, row) in enumerate(rows)]
    return copy_lines(name, moves)


_MEMORY = "declare ptr @malloc(i64)\ndeclare void @free(ptr)\n"


def _frame(size: int) -> tuple[list[str], list[str]]:
    """Lines that take memory for a frame, and that give it back."""
    if size <= _STACK:
        return [f"  %f = alloca double, i64 {size}, align 64"], []
    return [
        f"  %raw = call ptr @malloc(i64 {8 * size + 64})",
        "  %address = ptrtoint ptr %raw to i64",
        "  %beyond = add i64 %address, 63",
        "  %line = and i64 %beyond, -64",
        "  %f = inttoptr i64 %line to ptr",
    ], ["  call void @free(ptr %raw)"]


def _splat(name: str, value: str, kind: str, lanes: int) -> list[str]:
    vector = f"<{lanes} x {kind}>"
    return [
        f"  {name}.first = insertelement {vector} poison, {kind} {value}, i64 0",
        f"  {name} = shufflevector {vector} {name}.first, {vector} poison, <{lanes} x i32> zeroinitializer",
    ]


def _block_mask(lanes: int) -> list[str]:
    """Which lanes of a block stand for points."""
    numbers = ", ".join(f"i64 {k}" for k in range(lanes))
    return [
        "  %left = sub i64 %count, %i",
        *_splat("%lefts", "%left", "i64", lanes),
        f"  %mask = icmp ult <{lanes} x i64> <{numbers}>, %lefts",
    ]


def _masked(lanes: int) -> str:
    if lanes == 1:
        return ""
    kind, mask = f"<{lanes} x double>", f"<{lanes} x i1>"
    return (
        f"declare {kind} @llvm.masked.load.v{lanes}f64.p0(ptr, i32, {mask}, {kind})\n"
        f"declare void @llvm.masked.store.v{lanes}f64.p0({kind}, ptr, i32, {mask})\n"
    )
