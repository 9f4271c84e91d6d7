"""Functions of a few numbers at one point or at many: machine code with nothing of Python in between."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.machine.arguments import builtin
from autograd.compiler.machine.machine import Machine
from autograd.compiler.machine.native.code import Code
from autograd.compiler.machine.native.code import Operand as Register
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.machine.native.vector_math import VectorMath
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, choice_of

BLOCK = 4096  # points at a time: a few hundred kilobytes for a function of a few numbers


def caller(program: Program, args: tuple[Any, ...], result: Any, slow: Callable[..., Any]) -> Callable[..., Any] | None:
    """A builtin function that evaluates a program, number by number; None where the interpreter has no room for one.

    Args:
        program: A program that reads arguments only, and is not batched.
        args: The arguments of a call.
        result: The result of the function, in terms of the numbers of all outputs, one after the other.
        slow: A bound method, held weakly: it is called with arguments of another form.
    """
    method = weakref.WeakMethod(slow)

    def other(*args: Any, **keywords: Any) -> Any:
        found = method()
        if found is None:
            raise ReferenceError("the compiled function is gone")
        return found(*args, **keywords)

    text, outputs = _straight_line(program)
    return builtin("value_and_grad", text, args, outputs, result, other)


def _straight_line(program: Program) -> tuple[str, int]:
    """``void kernel(ptr inputs, ptr outputs)`` with one register for every number, and how many outputs."""
    functions = VectorMath(1)
    code = Code(functions)
    registers: list[list[Register]] = []

    def number(operand: Operand, place: int) -> Register:
        return registers[operand.array][operand.index[place]] if isinstance(operand, Read) else operand

    def computed(array: Array, member: int) -> Register:
        if array.op is None:
            raise TypeError(f"{array.kind} is no operation")
        return lower(array.op)(code, *[number(operand, member) for operand in array.operands])

    for array in program.arrays:
        if array.kind is Kind.MAP:
            registers.append([computed(array, member) for member in range(array.size)])
        elif array.kind is Kind.SUM:
            registers.append(_sums(code, array, number))
        elif array.kind is Kind.GATHER:
            registers.append([_chosen(code, array, member, number) for member in range(array.size)])
        elif array.kind is Kind.SCATTER:
            registers.append(_sent(code, array, number))
        elif array.kind is Kind.CONSTANT:
            registers.append([float(x) for x in array.data])
        else:
            places = [code.let(f"getelementptr double, ptr %in, i64 {k}") for k in array.data]
            registers.append([code.let(f"load double, ptr {place}, align 8") for place in places])
    count = 0
    for output in program.outputs:
        for place in range(len(output.index) if isinstance(output, Read) else 1):
            to = code.let(f"getelementptr double, ptr %out, i64 {count}")
            code.do(f"store double {code.value(number(output, place))}, ptr {to}, align 8")
            count += 1
    body = "\n".join(code.lines)
    head = f"define void @kernel(ptr %in, ptr %out) {host().attributes} {{"
    return f"{functions.text()}{head}\n{body}\n  ret void\n}}\n", count


def _sums(code: Code, array: Array, number: Callable[[Operand, int], Register]) -> list[Register]:
    totals: list[Register | None] = [None] * array.size
    for terms in array.terms:
        for place, owner in enumerate(terms.owner):
            x = [number(factor, place) for factor in terms.factors]
            before = totals[owner]
            if before is not None and array.op is not None:
                totals[owner] = lower(array.op)(code, before, x[0])
            elif before is None:
                totals[owner] = x[0] if len(x) == 1 else code.mul(x[0], x[1])
            else:
                totals[owner] = code.add(before, x[0]) if len(x) == 1 else code.fma(x[0], x[1], before)
    return [0.0 if total is None else total for total in totals]


def _chosen(code: Code, array: Array, member: int, number: Callable[[Operand, int], Register]) -> Register:
    """One of several registers."""
    choice = choice_of(array)
    candidates = [number(array.operands[1], k * array.size + member) for k in range(choice.count)]
    return lower(ops.take)(code, number(choice.chosen, member), *candidates)


def _sent(code: Code, array: Array, number: Callable[[Operand, int], Register]) -> list[Register]:
    """The sum that a SCATTER sends to each register."""
    choice = choice_of(array)
    size = len(choice.chosen.index)
    totals: list[Register] = [0.0] * array.size
    for place, to in enumerate(choice.places):
        k, member = divmod(place, size)
        here = lower(ops.equal)(code, code.call("floor", number(choice.chosen, member)), float(k))
        sent = lower(ops.select)(code, here, number(array.operands[1], member), 0.0)
        totals[to] = code.add(totals[to], sent)
    return totals


class Points:
    """The outputs of a batched program at many points, in blocks of as many as the machine code takes at once."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.memory: list[tuple[Any, Any]] = []

    def __call__(self, columns: Any, parameters: Any) -> list[Any]:
        """The outputs [output][point] at points whose numbers are given as [argument][point]."""
        machine, lanes, columns = self.machine, self.machine.batch, np.asarray(columns)
        count = columns.shape[1]
        try:
            frame, data = self.memory.pop()  # another thread may take the last one at any time
        except IndexError:
            frame, data = machine.frame(), machine.data()
        machine.fill(frame, Kind.PARAMETER, np.asarray(parameters, dtype=float))
        outputs = [np.empty((len(x.index) if isinstance(x, Read) else 1, count)) for x in machine.program.outputs]
        block = np.empty((len(columns), lanes))
        for first in range(0, count, lanes):
            here = slice(first, min(first + lanes, count))
            size = here.stop - first
            block[:, :size] = columns[:, here]
            block[:, size:] = block[:, :1]  # as harmless as a point that counts
            machine.fill(data, Kind.ARGUMENT, block)
            machine.run(frame, data)
            for found, output in zip(outputs, machine.program.outputs):
                numbers = machine.read(frame, data, output)
                found[:, here] = numbers[:, :size] if numbers.ndim == 2 else numbers[:, None]
        self.memory.append((frame, data))
        return [row for found in outputs for row in found]
