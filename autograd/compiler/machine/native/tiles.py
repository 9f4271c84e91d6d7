"""LLVM IR of loops and of the register tiles inside matrix products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autograd.compiler.machine.native.code import Code, Functions
from autograd.compiler.machine.native.jit import host

_POINTERS = "ptr noalias %c, ptr noalias %a, ptr noalias %b, ptr noalias %s"


def define_function(name: str, lines: Sequence[str]) -> str:
    """``void @name(ptr c, ptr a, ptr b, ptr s)``."""
    body = "\n  ".join(lines)
    return f"define internal void @{name}({_POINTERS}) {host().attributes} {{\n  {body}\n  ret void\n}}\n"


def rows_loop(name: str, parameters: str, count: int, body: Sequence[str]) -> str:
    """A function that runs ``body`` for row %i = 0, 1, ..., count - 1."""
    inside = "\n  ".join(body)
    return (
        f"define internal void @{name}({parameters}) {host().attributes} {{\n"
        "  br label %row\nrow:\n  %i = phi i64 [0, %0], [%next, %row]\n"
        f"  {inside}\n  %next = add i64 %i, 1\n  %more = icmp ult i64 %next, {count}\n"
        "  br i1 %more, label %row, label %end\nend:\n  ret void\n}\n"
    )


def offset(to: str, base: str, terms: Sequence[tuple[str, int]], constant: int, label: int) -> list[str]:
    """%<to><label> = base + constant + sum of index * stride, in doubles."""
    lines, total = [], str(constant)
    for i, (index, stride) in enumerate(terms):
        lines.append(f"{to}.s{i}.{label} = mul i64 {index}, {stride}")
        lines.append(f"{to}.t{i}.{label} = add i64 {to}.s{i}.{label}, {total}")
        total = f"{to}.t{i}.{label}"
    return [*lines, f"{to}{label} = getelementptr double, ptr {base}, i64 {total}"]


def double_loop(label: int, outer: tuple[int, int], inner: tuple[int, int], body: Sequence[Sequence[str]]) -> list[str]:
    """Run ``body`` for %n<label> over ``outer`` = (count, step) and, inside, %m<label> over ``inner``."""
    return [
        f"br label %on{label}.in",
        f"on{label}.in:",
        f"br label %on{label}",
        f"on{label}:",
        f"%n{label} = phi i64 [0, %on{label}.in], [%n{label}.next, %on{label}.end]",
        f"br label %om{label}",
        f"om{label}:",
        f"%m{label} = phi i64 [0, %on{label}], [%m{label}.next, %om{label}]",
        *(line for part in body for line in part),
        f"%m{label}.next = add i64 %m{label}, {inner[1]}",
        f"%m{label}.more = icmp ult i64 %m{label}.next, {inner[0] * inner[1]}",
        f"br i1 %m{label}.more, label %om{label}, label %on{label}.end",
        f"on{label}.end:",
        f"%n{label}.next = add i64 %n{label}, {outer[1]}",
        f"%n{label}.more = icmp ult i64 %n{label}.next, {outer[0] * outer[1]}",
        f"br i1 %n{label}.more, label %on{label}, label %done{label}",
        f"done{label}:",
    ]


class Tile(Code):
    """Lines of one micro-kernel."""

    def __init__(self, lanes: int) -> None:
        super().__init__(Functions(lanes))

    def at(self, base: str, offset: int) -> str:
        return self.let(f"getelementptr double, ptr {base}, i64 {offset}") if offset else base

    def mask(self, active: int) -> str:
        return "<" + ", ".join(f"i1 {'true' if i < active else 'false'}" for i in range(self.lanes)) + ">"

    def load(self, base: str, offset: int, active: int) -> str:
        """A vector of which the first ``active`` lanes exist; the others are 0."""
        pointer = self.at(base, offset)
        if active == self.lanes:
            return self.let(f"load {self.type}, ptr {pointer}, align 8")
        return self.let(
            f"call {self.type} @llvm.masked.load.v{self.lanes}f64.p0(ptr {pointer}, i32 8, "
            f"<{self.lanes} x i1> {self.mask(active)}, {self.type} zeroinitializer)"
        )

    def store(self, value: str, base: str, offset: int, active: int) -> None:
        pointer = self.at(base, offset)
        if active == self.lanes:
            self.lines.append(f"store {self.type} {value}, ptr {pointer}, align 8")
        else:
            self.lines.append(
                f"call void @llvm.masked.store.v{self.lanes}f64.p0({self.type} {value}, "
                f"ptr {pointer}, i32 8, <{self.lanes} x i1> {self.mask(active)})"
            )

    def repeated(self, base: str, offset: int) -> str:
        """One number of the memory in every lane."""
        return self.broadcast(self.let(f"load double, ptr {self.at(base, offset)}, align 8"))

    def store_piece(
        self,
        vector: str,
        first: int,
        count: int,
        base: str,
        offset: int,
        stride: int,
        start: tuple[str, int, int] | None = None,
    ) -> None:
        """Write lanes first, first + 1, ... to base[offset], base[offset + stride], ..., plus what is at ``start``."""
        kind = f"<{count} x double>"
        if count > 1 and (stride != 1 or (start and start[2] != 1)):
            for i in range(count):
                moved = start and (start[0], start[1] + i * start[2], 1)
                self.store_piece(vector, first + i, 1, base, offset + i * stride, 1, moved)
            return
        order = ", ".join(f"i32 {first + i}" for i in range(count))
        piece = self.let(f"shufflevector {self.type} {vector}, {self.type} poison, <{count} x i32> <{order}>")
        pointer = self.at(base, offset)
        if start:
            piece = self.let(f"fadd {kind} {piece}, {self.let(f'load {kind}, ptr {self.at(*start[:2])}, align 8')}")
        self.lines.append(f"store {kind} {piece}, ptr {pointer}, align 8")

    def define(self, name: str) -> str:
        return define_function(name, self.lines)


def k_loop(
    t: Tile,
    count: int,
    cells: Sequence[tuple[int, int]],
    start: Mapping[tuple[int, int], str],
    advance: tuple[int, int],
    step: Callable[[], list[str]],
) -> list[str]:
    """Sums %s<i>.<j> over ``count`` steps; %a.now and %b.now move by ``advance`` doubles a step."""
    mark = len(t.lines)
    total = step()
    body, t.lines[mark:] = t.lines[mark:], []
    t.lines += [
        "br label %k.in",
        "k.in:",
        "br label %k.loop",
        "k.loop:",
        "%k = phi i64 [0, %k.in], [%k.next, %k.loop]",
        "%a.now = phi ptr [%a, %k.in], [%a.next, %k.loop]",
        "%b.now = phi ptr [%b, %k.in], [%b.next, %k.loop]",
    ]
    t.lines += [
        f"%s{i}.{j} = phi {t.type} [{start[i, j]}, %k.in], [{value}, %k.loop]"
        for (i, j), value in zip(cells, total, strict=True)
    ]
    t.lines += body
    t.lines += [
        f"%a.next = getelementptr double, ptr %a.now, i64 {advance[0]}",
        f"%b.next = getelementptr double, ptr %b.now, i64 {advance[1]}",
        "%k.next = add i64 %k, 1",
        f"%k.more = icmp ult i64 %k.next, {count}",
        "br i1 %k.more, label %k.loop, label %k.end",
        "k.end:",
    ]
    return total
