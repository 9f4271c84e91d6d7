"""Copies of rows: what a gather collects, and what an evaluation carries into the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.arrays import Step
from autograd.compiler.native.code import Code, Functions
from autograd.compiler.native.layout import Layout

__all__ = ["DECLARATIONS", "Move", "copy_lines", "gather_lines", "merge"]

_FEW = 16  # copies written one by one; more go through a table


class Move(NamedTuple):
    """Copy ``size`` doubles to offset ``target`` from offset ``source`` behind ``base``."""

    target: int
    base: str
    source: int
    size: int


DECLARATIONS = "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)\n"


def merge(moves: Sequence[Move]) -> list[Move]:
    """Join neighbours that go on without a jump on both sides."""
    merged: list[Move] = []
    for move in moves:
        last = merged[-1] if merged else None
        if last and last.base == move.base and move.target - last.target == move.source - last.source == last.size:
            merged[-1] = last._replace(size=last.size + move.size)
        else:
            merged.append(move)
    return merged


def gather_lines(name: str, step: Step, layout: Layout, functions: Functions) -> tuple[list[str], str]:
    """The lines that collect rows of several arrays in one, and their tables; a uniform row goes to every lane."""
    to = layout.places[step.target]
    moves: list[Move] = []
    code = Code(functions)
    for number, (array, row) in enumerate(step.rows):
        place = layout.places[array]
        if place.lanes == to.lanes:
            moves.append(Move(to.row(number), place.base, place.row(row), to.stride if to.lanes > 1 else 1))
            continue
        source = code.let(f"getelementptr double, ptr {place.base}, i64 {place.row(row)}")
        repeated = code.broadcast(code.let(f"load double, ptr {source}, align 8"))
        for lane in range(0, to.stride, code.lanes):
            target = code.let(f"getelementptr double, ptr %f, i64 {to.row(number) + lane}")
            code.do(f"store {code.type} {repeated}, ptr {target}, align 8")
    lines, tables = copy_lines(name, moves, to.base)
    return code.lines + lines, tables


def copy_lines(name: str, moves: Sequence[Move], to: str = "%f") -> tuple[list[str], str]:
    """The lines that copy, to offsets behind ``to``, and the tables they read.

    Every pair of target and source is either the same memory or does not overlap; names in the IR begin with ``name``.
    """
    moves = merge(moves)
    lines: list[str] = []
    tables = ""
    groups: dict[tuple[str, int], list[Move]] = {}
    for move in moves:
        groups.setdefault((move.base, move.size), []).append(move)
    for number, ((base, count), group) in enumerate(groups.items()):
        if len(group) <= _FEW:
            for k, move in enumerate(group):
                at = f".{name}.{number}.{k}"
                lines += [
                    f"  %to{at} = getelementptr double, ptr {to}, i64 {move.target}",
                    f"  %from{at} = getelementptr double, ptr {base}, i64 {move.source}",
                    *_copy(at, count),
                ]
        else:
            tables += _table(f"to.{name}.{number}", [move.target for move in group])
            tables += _table(f"from.{name}.{number}", [move.source for move in group])
            lines += _table_loop(f"{name}.{number}", to, base, count, len(group))
    return lines, tables


def _copy(at: str, count: int) -> list[str]:
    if count == 1:
        return [
            f"  %moved{at} = load double, ptr %from{at}, align 8",
            f"  store double %moved{at}, ptr %to{at}, align 8",
        ]
    return [
        f"  call void @llvm.memmove.p0.p0.i64(ptr align 8 %to{at}, ptr align 8 %from{at}, i64 {8 * count}, i1 false)"
    ]


def _table(name: str, offsets: Sequence[int]) -> str:
    return f"@{name} = internal constant [{len(offsets)} x i32] [{', '.join(f'i32 {o}' for o in offsets)}]\n"


def _table_loop(at: str, to: str, base: str, count: int, size: int) -> list[str]:
    lines = [
        f"  br label %enter.{at}",
        f"enter.{at}:",
        f"  br label %loop.{at}",
        f"loop.{at}:",
        f"  %k.{at} = phi i64 [0, %enter.{at}], [%next.{at}, %loop.{at}]",
    ]
    for side, memory in (("to", to), ("from", base)):
        name = f"{side}.{at}"
        lines += [
            f"  %cell.{name} = getelementptr i32, ptr @{name}, i64 %k.{at}",
            f"  %short.{name} = load i32, ptr %cell.{name}",
            f"  %offset.{name} = zext i32 %short.{name} to i64",
            f"  %{name} = getelementptr double, ptr {memory}, i64 %offset.{name}",
        ]
    lines += _copy(f".{at}", count)
    lines += [
        f"  %next.{at} = add i64 %k.{at}, 1",
        f"  %more.{at} = icmp ult i64 %next.{at}, {size}",
        f"  br i1 %more.{at}, label %loop.{at}, label %end.{at}",
        f"end.{at}:",
    ]
    return lines
