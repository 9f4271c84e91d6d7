"""Differentiation of a program: the rows of the derivative table applied to its registers, by the engine's one sweep.

What a program has and a graph has not is lanes.  A uniform register that is used in every lane has, by the sum rule,
the sum over the lanes as its adjoint.  That, and that a branch not taken gets nothing, is all there is to add.

>>> before = Program.parse('''
... %0 [3] = argument (0, 1, 2)    # x
... %1     = parameter 0           # w
... %2 [3] = mul %1 %0             # z
... %3 [3] = tanh %2               # a
... %4     = total %3
... return %4''')
>>> builder = Builder()
>>> where, (by_w,) = derivatives(before, 4, [1], builder)
>>> print(builder.program([where[4], by_w]))
%0    [3] = argument (0, 1, 2)    # x
%1        = parameter 0    # w
%2    [3] = mul %1 %0    # z
%3    [3] = tanh %2    # a
%4        = total %3
%5        = constant 1.0
%6    [3] = mul %3 %3
%7    [3] = sub %5 %6    # tanh'(z)
%8        = dot %7 %0    # ∂w
return %4 %8
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd import ops
from autograd.branches import LinearMap, Where, conditions
from autograd.compiler.builder import Builder, Register
from autograd.compiler.program import DOT, TOTAL, Instruction, Program
from autograd.functional import NOTHING
from autograd.graph import sweep
from autograd.ops import Unary

__all__ = ["derivatives", "differentiate"]


class _Summed(LinearMap):
    """The derivative by a uniform number that is used in every lane: the sum over the lanes."""

    __slots__ = ("derivative", "lanes")

    def __init__(self, derivative: Any, lanes: int) -> None:
        self.derivative = derivative
        self.lanes = lanes

    def __call__(self, adjoint: Register) -> Register:
        derivative = self.derivative
        if isinstance(derivative, Register) and derivative.lanes > 1:
            if adjoint.lanes > 1:
                return Register.apply(DOT, (adjoint, derivative))
            return adjoint * Register.apply(TOTAL, (derivative,))
        if isinstance(derivative, LinearMap):
            return _total(derivative(adjoint), self.lanes)
        scaled: Register = _total(adjoint, self.lanes) * derivative
        return scaled


def _total(x: Register, lanes: int) -> Register:
    return Register.apply(TOTAL, (x,)) if x.lanes > 1 else x * float(lanes)


class _Node:
    """A register in the graph that is swept."""

    __slots__ = ("grad", "lanes", "parents", "positions", "register")

    def __init__(self, register: int, parents: tuple[_Node, ...], positions: tuple[int, ...], lanes: int) -> None:
        self.register = register
        self.parents = parents
        self.positions = positions  # which operands the parents are
        self.lanes = lanes
        self.grad: Any = None


def derivatives(
    program: Program, output: int, inputs: Sequence[int], builder: Builder
) -> tuple[list[int], list[int | None]]:
    """Copy a program into the builder and write the derivatives of one register by others behind it.

    Returns:
        Where the registers of the program went; and for each input the register of the derivative, which has lanes
        if the input has (None: the output does not depend on it).
    """
    where = builder.copy(program)
    return where, differentiate(builder, where[output], [where[i] for i in inputs])


def differentiate(builder: Builder, output: int, inputs: Sequence[int]) -> list[int | None]:
    """Write the derivatives of one register by others behind what is written: see ``derivatives``."""
    written = len(builder.instructions)
    nodes = _graph(builder, output, inputs)
    root = nodes.get(output)
    if root is None:
        return [None] * len(inputs)
    order = list(nodes.values())
    taken = _conditions(builder, order, root)

    def partials(node: _Node) -> list[Any]:
        if not node.parents:
            return []
        op, operands, _, _ = builder.instructions[node.register]
        if op is ops.select:
            local: Sequence[Any] = (0.0, 1.0, 1.0)  # the condition on the edge does the rest
        else:
            local = op.partials(Register(builder, node.register), *[Register(builder, i) for i in operands])
            if isinstance(op, Unary) and (x := builder.labels.get(operands[0])):
                _name(builder.labels, local[0], written, f"{op.name}'({x})")
        chosen = [local[position] for position in node.positions]
        if taken:
            edges = zip(node.positions, chosen)
            chosen = [d if (on := taken.get((node, position))) is None else Where(on, d) for position, d in edges]
        if node.lanes > 1:
            chosen = [d if p.lanes > 1 else _Summed(d, node.lanes) for p, d in zip(node.parents, chosen)]
        return chosen

    seed = Register(builder, builder.constant(1.0))
    adjoint = sweep(order, {root: seed}, partials, NOTHING)
    for labelled in (True, False):  # one register may be several adjoints: δ = ∂z is ∂b too
        for node in reversed(order):
            if (node.register in builder.labels) is labelled:
                _name(builder.adjoints, adjoint[node], written, node.register)
    found: list[int | None] = []
    for i in inputs:
        derivative = adjoint.get(nodes[i]) if i in nodes else None
        found.append(derivative.index if isinstance(derivative, Register) else None)
    return found


def _name(names: dict[int, Any], number: Any, written: int, name: Any) -> None:
    """Note what a number is, if it is a register that differentiation wrote."""
    if isinstance(number, Register) and number.index >= written and number.builder.number(number.index) is None:
        names.setdefault(number.index, name)


def _graph(builder: Builder, output: int, inputs: Sequence[int]) -> dict[int, _Node]:
    """A node for each register on a way from an input to the output."""
    instructions = builder.instructions
    depends = [False] * (output + 1)
    for i in inputs:
        if i <= output:
            depends[i] = True
    for i in range(output + 1):
        depends[i] = depends[i] or any(depends[operand] for _, operand in _differentiated(instructions[i]))
    on_the_way = [False] * (output + 1)
    on_the_way[output] = depends[output]
    for i in range(output, -1, -1):
        if on_the_way[i]:
            for _, operand in _differentiated(instructions[i]):
                on_the_way[operand] = depends[operand]
    nodes: dict[int, _Node] = {}
    for i in range(output + 1):
        if on_the_way[i]:
            edges = [(k, operand) for k, operand in _differentiated(instructions[i]) if on_the_way[operand]]
            parents = tuple([nodes[operand] for _, operand in edges])
            nodes[i] = _Node(i, parents, tuple([k for k, _ in edges]), instructions[i].lanes)
    return nodes


def _differentiated(instruction: Instruction) -> list[tuple[int, int]]:
    """The operands with their positions, without those that only decide something: eagerly they are no parents."""
    op, operands, _, _ = instruction
    if op in ops.COMPARISONS:
        return []
    return [*enumerate(operands)][op is ops.select :]


def _conditions(builder: Builder, order: list[_Node], root: _Node) -> dict[tuple[_Node, int], Register]:
    """For each edge that only some branch of a ``select`` uses: the register that says whether it was taken."""

    def edges(node: _Node) -> Iterable[tuple[int, _Node]]:
        return zip(node.positions, node.parents)

    def chosen(node: _Node) -> Register | None:
        op, operands, _, _ = builder.instructions[node.register]
        return Register(builder, operands[0]) if op is ops.select else None

    def seen(parent: _Node, taken: Register) -> Register:
        """To a number that is used in every lane: how many lanes took it, which is not 0 if any did."""
        return Register.apply(TOTAL, (taken,)) if taken.lanes > parent.lanes else taken

    has_branches = any(builder.instructions[node.register].op is ops.select for node in order)
    return conditions(order, [root], edges, chosen, seen) if has_branches else {}
