"""Writing programs: registers that compute like numbers, so that the rows of the derivative table write instructions.

The builder folds constants, leaves out steps that change nothing (x * 1, x + 0), never writes the same step twice, and
drops what no output needs.

>>> before = Program.parse('''
... %0 = argument 0
... %1 = constant 2.0
... %2 = constant 3.0
... %3 = mul %1 %2
... %4 = constant 1.0
... %5 = mul %0 %4
... %6 = sin %5
... %7 = sin %0
... %8 = mul %6 %7
... %9 = cos %8
... %10 = mul %3 %8
... return %10''')
>>> builder = Builder()
>>> where = builder.copy(before)
>>> print(builder.program([where[10]]))
%0        = argument 0
%1        = constant 6.0
%2        = sin %0
%3        = mul %2 %2
%4        = mul %1 %3
return %4
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from autograd import ops
from autograd.branches import LinearMap
from autograd.compiler.program import DOT, TOTAL, Instruction, Program
from autograd.ops import Binary, Number, Op

__all__ = ["Builder", "Register", "collector_paused"]


class Builder:
    """A program being written."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.labels: dict[int, str] = {}
        self.adjoints: dict[int, int] = {}  # as in Program
        self._written: dict[Any, int] = {}

    def emit(self, op: Op, operands: tuple[int, ...] = (), lanes: int | None = None, payload: Any = None) -> int:
        """The register that holds ``op`` of these operands: an earlier one if there is one."""
        summed = op is TOTAL or op is DOT
        if lanes is None:
            lanes = 1 if summed else max([self.instructions[i].lanes for i in operands], default=1)
        if operands and not summed:
            same = self._simplified(op, operands, lanes)
            if same is not None and self.instructions[same].lanes == lanes:
                return same
        key = (op, operands, lanes, repr(payload) if op is ops.constant else payload)
        register = self._written.get(key)
        if register is None:
            register = self._written[key] = len(self.instructions)
            self.instructions.append(Instruction(op, operands, lanes, payload))
        return register

    def append(self, instruction: Instruction) -> int:
        """Write a step as it is, one that cannot be simplified and is not written yet."""
        self.instructions.append(instruction)
        return len(self.instructions) - 1

    def constant(self, number: float) -> int:
        """The register of a uniform constant."""
        return self.emit(ops.constant, (), 1, float(number))

    def number(self, register: int) -> float | None:
        """The number that a register always holds, if it is a uniform constant."""
        op, _, _, payload = self.instructions[register]
        return payload if op is ops.constant and payload.__class__ is float else None

    def _simplified(self, op: Op, operands: tuple[int, ...], lanes: int) -> int | None:
        """A register that holds the same without a new step.  Only what is true of every float: x * 0 is not 0."""
        if op is ops.identity:
            return operands[0]
        numbers = [self.number(operand) for operand in operands]
        if lanes == 1 and None not in numbers:
            return self.constant(op.value(*numbers))
        if op is ops.mul:
            for number, other in zip(numbers, reversed(operands)):
                if number == 1.0:
                    return other
                if number == -1.0:
                    return self.emit(ops.neg, (other,))
        elif op is ops.add and 0.0 in numbers:
            return operands[1 - numbers.index(0.0)]
        elif op is ops.div and numbers[1] == 1.0:
            return operands[0]
        elif op is ops.neg and self.instructions[operands[0]].op is ops.neg:
            return self.instructions[operands[0]].operands[0]
        elif op is ops.constant_power and numbers[1] == 1.0:
            return operands[0]
        elif op is ops.constant_power and numbers[1] == 2.0:
            return self.emit(ops.mul, (operands[0], operands[0]))
        elif op is ops.select and numbers[0] is not None:
            return operands[1] if numbers[0] else operands[2]
        elif op is ops.select and numbers[1:] == [1.0, 0.0] and self.instructions[operands[0]].op in ops.COMPARISONS:
            return operands[0]
        elif op is ops.select and operands[1] == operands[2]:
            return operands[1]
        return None

    def copy(self, program: Program) -> list[int]:
        """Append another program; where each of its registers went."""
        where: list[int] = []
        for op, operands, lanes, payload in program.instructions:
            where.append(self.emit(op, tuple([where[operand] for operand in operands]), lanes, payload))
        self.take_names(program, where)
        return where

    def take_names(self, program: Program, where: Sequence[int]) -> None:
        """Name the registers as in a program whose own went ``where`` (-1: nowhere)."""
        for i, label in program.labels.items():
            if where[i] >= 0:
                self.labels.setdefault(where[i], label)
        for i, of in program.adjoints.items():
            if where[i] >= 0 and where[of] >= 0:
                self.adjoints.setdefault(where[i], where[of])

    def program(self, outputs: Iterable[int]) -> Program:
        """What was written, without the steps that no output needs."""
        outputs = list(outputs)
        needed = [False] * len(self.instructions)
        stack = list(outputs)
        while stack:
            register = stack.pop()
            if not needed[register]:
                needed[register] = True
                stack.extend(self.instructions[register].operands)
        if all(needed):
            return Program(self.instructions, outputs, self.labels, self.adjoints)
        where: dict[int, int] = {}
        kept: list[Instruction] = []
        for i, (op, operands, lanes, payload) in enumerate(self.instructions):
            if needed[i]:
                where[i] = len(kept)
                kept.append(Instruction(op, tuple([where[operand] for operand in operands]), lanes, payload))
        labels = {where[i]: label for i, label in self.labels.items() if needed[i]}
        adjoints = {where[i]: where[of] for i, of in self.adjoints.items() if needed[i] and needed[of]}
        return Program(kept, [where[output] for output in outputs], labels, adjoints)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cyclic collector, which has nothing to find in a program but looks through it again and again."""
    enabled = gc.isenabled()
    try:  # Ctrl-C may come at any point: it must not leave the collector off
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


def _operator(op: Op) -> Callable[..., Any]:
    def method(self: Register, *others: Any) -> Register:
        return Register.apply(op, (self, *others))

    return method


def _reflected(op: Binary) -> Callable[[Register, Any], Register]:
    def method(self: Register, other: Any) -> Register:
        return Register.apply(op, (other, self))

    return method


class Register(Number):
    """A register as a number: arithmetic on it writes instructions."""

    __slots__ = ("builder", "index")

    def __init__(self, builder: Builder, index: int) -> None:
        self.builder = builder
        self.index = index

    @classmethod
    def apply(cls, op: Op, operands: Sequence[Any]) -> Register:
        builder = next(x.builder for x in operands if isinstance(x, Register))
        indices = [x.index if isinstance(x, Register) else builder.constant(x) for x in operands]
        return Register(builder, builder.emit(op, tuple(indices)))

    def select(self, x: Any, y: Any) -> Register:
        return Register.apply(ops.select, (self, x, y))

    __add__, __radd__ = _operator(ops.add), _reflected(ops.add)
    __sub__, __rsub__ = _operator(ops.sub), _reflected(ops.sub)
    __rmul__ = _reflected(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div), _reflected(ops.div)
    __neg__, __abs__ = _operator(ops.neg), _operator(ops.abs)
    __lt__, __gt__ = _operator(ops.less), _reflected(ops.less)
    __le__, __ge__ = _operator(ops.less_equal), _reflected(ops.less_equal)

    def __mul__(self, other: Any) -> Register:
        return other(self) if isinstance(other, LinearMap) else Register.apply(ops.mul, (self, other))

    def __pow__(self, exponent: Any) -> Register:
        return Register.apply(ops.power if isinstance(exponent, Register) else ops.constant_power, (self, exponent))

    __rpow__ = _reflected(ops.power)

    def __bool__(self) -> NoReturn:
        raise TypeError("a rule of a primitive branches on data with `if`: write it with autograd.where")

    @property
    def lanes(self) -> int:
        """How many lanes it has; 1 if uniform."""
        return self.builder.instructions[self.index].lanes
