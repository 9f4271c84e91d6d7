"""The compiler's program: a flat list of instructions, each a row of the derivative table applied to registers.

Register number i is the result of instruction number i.  A register is *uniform* (one number) or has *lanes* (one
number per sample, say); an operation on both kinds uses the uniform number in every lane.

>>> print(Program.parse('''
... %0 [3] = argument (0, 1, 2)    # x
... %1     = parameter 0           # w
... %2 [3] = mul %1 %0
... %3     = total %2              # the sum over the lanes
... return %3'''))
%0    [3] = argument (0, 1, 2)    # x
%1        = parameter 0    # w
%2    [3] = mul %1 %0
%3        = total %2    # the sum over the lanes
return %3
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import nan
from typing import Any, NamedTuple

from autograd import ops
from autograd.errors import AutogradError
from autograd.ops import Op

__all__ = ["ARGUMENT", "DOT", "PARAMETER", "TOTAL", "Instruction", "Program", "ProgramError"]


class ProgramError(AutogradError):
    """A program that breaks a rule of its own: a mistake in this package, found before anything runs."""


class _Extra(Op):
    """What an instruction can be besides a row of the table: programs only, so it travels by its name here."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _extra, (self.name,)


ARGUMENT = _Extra("argument", lambda: nan, lambda y: ())  # payload: its index, or where each lane comes from
PARAMETER = _Extra("parameter", lambda: nan, lambda y: ())  # payload: the number of the captured leaf
TOTAL = _Extra("total", lambda x: x, lambda z, x: (1.0,))  # Σ over lanes of x
DOT = _Extra("dot", lambda x, y: x * y, lambda z, x, y: (y, x))  # Σ over lanes of x y


def _extra(name: str) -> Op:
    return {op.name: op for op in (ARGUMENT, PARAMETER, TOTAL, DOT)}[name]


class Instruction(NamedTuple):
    """One step: ``op`` applied to registers, over so many lanes (1: uniform)."""

    op: Op
    operands: tuple[int, ...] = ()
    lanes: int = 1
    payload: Any = None  # constant: the number, or a tuple of one per lane; ARGUMENT, PARAMETER: see there


class Program:
    """Instructions, which registers are the results, and what the registers are called.

    Attributes:
        instructions: the steps in order.
        outputs: the registers that hold the results.
        labels: the names of registers that have one.
        adjoints: for a register that holds the derivative of the first output by another one: which.
    """

    __slots__ = ("adjoints", "instructions", "labels", "outputs")

    def __init__(
        self,
        instructions: Sequence[Instruction] = (),
        outputs: Iterable[int] = (),
        labels: dict[int, str] | None = None,
        adjoints: dict[int, int] | None = None,
    ) -> None:
        self.instructions = list(instructions)
        self.outputs = list(outputs)
        self.labels = labels or {}
        self.adjoints = adjoints or {}

    def __len__(self) -> int:
        return len(self.instructions)

    def name(self, register: int) -> str:
        """The label of a register, or ∂ and the label of the one it is the derivative by; empty without a label."""
        if register in self.labels:
            return self.labels[register]
        of = self.labels.get(self.adjoints.get(register, -1))
        return f"∂{of}" if of else ""

    def uses(self) -> list[int]:
        """How often each register is used, as an operand or as an output."""
        count = [0] * len(self.instructions)
        for instruction in self.instructions:
            for operand in instruction.operands:
                count[operand] += 1
        for output in self.outputs:
            count[output] += 1
        return count

    def verify(self) -> Program:
        """Check every rule of the format, and return the program itself.

        Raises:
            ProgramError: an operand that is not computed before it is used, or lanes that do not fit together.
        """
        for i, (op, operands, lanes, payload) in enumerate(self.instructions):
            if isinstance(payload, tuple) and len(payload) != lanes:
                raise ProgramError(f"%{i} = {op.name} has {len(payload)} numbers for {lanes} lanes")
            if not operands:
                continue
            if min(operands) < 0 or max(operands) >= i:
                raise ProgramError(f"%{i} = {op.name} uses a register that is not computed yet: {operands}")
            widths = {self.instructions[operand].lanes for operand in operands} - {1}
            if op is TOTAL or op is DOT:
                if lanes != 1 or len(widths) != 1:
                    raise ProgramError(f"%{i} = {op.name} sums over lanes {sorted(widths)} into {lanes}")
            elif lanes != max(widths, default=1) or len(widths) > 1:
                raise ProgramError(f"%{i} = {op.name} mixes lanes {sorted(widths)} into {lanes}")
        if any(not 0 <= output < len(self) for output in self.outputs):
            raise ProgramError(f"outputs {self.outputs} of a program of {len(self)} instructions")
        return self

    def __str__(self) -> str:
        """One line per instruction, outputs last."""
        width = len(f"%{len(self)}")
        lines = []
        for i, (op, operands, lanes, payload) in enumerate(self.instructions):
            lane = f"[{lanes}]" if lanes > 1 else ""
            what = " ".join([op.name, *[f"%{operand}" for operand in operands]])
            if payload is not None:
                what += f" {_shorten(payload)}"
            label = f"    # {name}" if (name := self.name(i)) else ""
            lines.append(f"{f'%{i}':<{width}} {lane:>6} = {what}{label}")
        return "\n".join([*lines, "return " + " ".join(f"%{output}" for output in self.outputs)])

    @classmethod
    def parse(cls, text: str) -> Program:
        """The program that prints like this.

        Raises:
            ProgramError: a line that is none.
        """
        program = cls()
        for line in filter(None, map(str.strip, text.splitlines())):
            if line.startswith("return"):
                program.outputs = [int(output) for output in re.findall(r"%(\d+)", line)]
            elif (match := _LINE.fullmatch(line)) and int(match[1]) == len(program):
                op = _LEAVES_AND_SUMS.get(match[3]) or ops.TABLE[match[3]]
                operands = tuple([int(operand) for operand in re.findall(r"\d+", match[4])])
                payload = _payload(match[5], op is ops.constant) if match[5] else None
                program.instructions.append(Instruction(op, operands, int(match[2] or 1), payload))
                if match[6]:
                    program.labels[len(program) - 1] = match[6]
            else:
                raise ProgramError(f"not the line of instruction {len(program)}: {line}")
        return program.verify()


_LEAVES_AND_SUMS = {op.name: op for op in (ARGUMENT, PARAMETER, TOTAL, DOT)}
_LINE = re.compile(r"%(\d+) *(?:\[(\d+)\])? *= (\w+)((?: %\d+)*)(?: ([^ #%][^#]*?))? *(?:# (.*))?")


def _payload(text: str, is_constant: bool) -> Any:
    if text.startswith("("):
        return tuple([_payload(part.strip(), is_constant) for part in text[1:-1].split(",")])
    return int(text) if text.isdecimal() and not is_constant else float(text)


def _shorten(payload: Any) -> str:
    if isinstance(payload, tuple) and len(payload) > 4:
        return f"({', '.join(map(str, payload[:3]))}, … {len(payload) - 3} more)"
    return str(payload)
