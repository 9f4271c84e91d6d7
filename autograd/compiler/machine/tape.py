"""A tape: the nodes of a graph one after the other, for graphs in which hardly two nodes do the same.

Where grouping finds thousands of classes of one or two members, there is nothing for machine code to gain.  Then each
node is an operation and the numbers of its operands, and two loops run over them, forward and back; both call one
function for each operation (see ``Case``), which all tapes share.  So a tape costs about a microsecond a node, and
what it computes is what the engine does, in the same order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, partial
from itertools import accumulate, chain, compress, count, islice
from operator import attrgetter, not_
from typing import Any, NamedTuple

import numpy as np

from autograd import ops
from autograd.compiler.backends import UnsupportedError
from autograd.compiler.machine.library import Kernel, Written, addresses
from autograd.compiler.machine.loops import LISTS
from autograd.compiler.machine.native.code import Code, Functions
from autograd.compiler.machine.native.code import Operand as Name
from autograd.compiler.machine.native.jit import host
from autograd.compiler.machine.native.lowering import lower
from autograd.compiler.program.builder import Builder, Rows, wrapped
from autograd.compiler.program.classes import Kind, Operand, Read
from autograd.compiler.recording.columns import Formula
from autograd.compiler.recording.effects import GRADIENT, UPDATED
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.recorder import Guard
from autograd.graph import topological_order
from autograd.ops import TABLE, Op
from autograd.value import Value, constant, new_node

_op, _parents, _data = attrgetter("op"), attrgetter("parents"), attrgetter("_data")


class Outcome(NamedTuple):
    """What one run of a tape gives."""

    outputs: list[float]  # the numbers of the outputs
    violated: int  # the number of guards that do not hold
    by_arguments: Any  # the gradient of the first output with respect to the arguments
    by_parameters: Any  # the same with respect to the parameters


class Tape:
    """A recorded graph that runs node by node, for any number of threads at a time.

    Raises:
        UnsupportedError: A primitive that a user has defined.
    """

    def __init__(self, recording: Recording) -> None:
        leaves = [*recording.arguments, *recording.parameters, *recording.numbers]
        self.arguments, self.leaves = len(recording.arguments), len(leaves)
        guarded = [guard.node for guard in recording.guards]
        order = topological_order(*recording.outputs, *guarded, known=leaves)
        parents = list(map(_parents, order))
        steps = list(compress(order, parents))
        constants = list(compress(order, map(not_, parents)))
        number = dict(zip(chain(leaves, constants, steps), count()))
        parents = list(filter(None, parents))
        self.size, self.steps = len(number), len(steps)
        ends = np.fromiter(accumulate(map(len, parents), initial=0), np.int64, self.steps + 1)
        self.operands = np.fromiter(map(number.__getitem__, chain.from_iterable(parents)), np.int32, ends[-1])
        self.ends = ends
        self.scratch = 1 + max(map(len, parents), default=0)
        self._write(steps)
        self.outputs = np.array([number[output] for output in recording.outputs], dtype=np.int64)
        self.guards = _Guards(recording.guards, [number[node] for node in guarded])
        self.constants = np.fromiter(map(_data, constants), float, len(constants))
        self.free: list[_Frame] = []

    def _write(self, steps: Sequence[Value]) -> None:
        """The operation code of each step, and the functions that belong to the codes."""
        used: list[Any] = [ops.detached if op is UPDATED else op for op in map(_op, steps)]
        if ops.constant_power in used:
            used = [(op, _exponent(node)) if op is ops.constant_power else op for op, node in zip(used, steps)]
        cases = {key: case_of(*key) if isinstance(key, tuple) else case_of(key) for key in dict.fromkeys(used)}
        code = dict(zip(dict.fromkeys(cases.values()), count()))
        codes = {key: code[case] for key, case in cases.items()}
        self.codes = np.fromiter(map(codes.__getitem__, used), np.int32, self.steps)
        found = addresses([*chain.from_iterable(code), *_LOOPS])[:-2]
        self.functions = np.array(found, dtype=np.int64).reshape(-1, 2)

    def __call__(self, arguments: Sequence[float], parameters: Sequence[float], *, gradient: bool = True) -> Outcome:
        """Evaluate once.

        Args:
            arguments: A number for each argument of the recording.
            parameters: A number for each of its parameters, and of the numbers that it reads where they are.
            gradient: Whether to differentiate the first output, too; if not, the gradients are 0.
        """
        try:
            frame = self.free.pop()  # another thread may take the last one at any time
        except IndexError:
            frame = _Frame(self)
        frame.values[: self.arguments] = arguments
        frame.values[self.arguments : self.leaves] = parameters
        frame.forward()
        frame.adjoints.fill(0.0)
        if gradient:
            frame.reached.fill(0)
            frame.adjoints[self.outputs[0]] = frame.reached[self.outputs[0]] = 1
            frame.backward()
        outputs = frame.values[self.outputs].tolist()
        found = frame.adjoints[: self.leaves].copy()
        result = Outcome(outputs, self.guards.violated(frame.values), found[: self.arguments], found[self.arguments :])
        self.free.append(frame)
        return result


class TapedStep:
    """A recording that changes something, as two tapes: one for the gradient, one for all that comes after it.

    Args:
        recording: A recording of a function that calls ``backward()`` once at most.

    Raises:
        UnsupportedError: It calls it more often, or differentiates with respect to something computed.
    """

    def __init__(self, recording: Recording) -> None:
        slopes = [node for node in recording.nodes if node.op is GRADIENT]
        roots = list(dict.fromkeys([node.parents[0] for node in slopes]))
        by = [node.parents[1] for node in slopes]
        place = dict(zip([*recording.arguments, *recording.parameters, *recording.numbers], count()))
        if len(roots) > 1 or not place.keys() >= {*by}:
            raise UnsupportedError("it differentiates more than once")
        self._by = np.array([place[leaf] for leaf in by], dtype=int)
        self._gradient = Tape(recording._replace(outputs=roots, guards=[])) if roots else None
        self._lists = [recording.outputs, *filter(None, recording.effects.outputs)]
        self._roots = [root for root in roots if root not in place]  # whose numbers are known then
        known = [*recording.numbers, *slopes, *self._roots]
        outputs, guards = _without_formulas(
            list(chain.from_iterable(self._lists)), recording.guards, [*place, *slopes, *self._roots]
        )
        self._rest = Tape(recording._replace(outputs=outputs, guards=guards, numbers=known))

    def __call__(self, numbers: Sequence[float], live: Sequence[float]) -> tuple[list[float], list[list[float]]] | None:
        """The outputs, and the numbers that the effects need; None if a guard does not hold."""
        known = list(live)
        if self._gradient is not None:
            found = self._gradient(numbers, live)
            known += np.concatenate([found.by_arguments, found.by_parameters])[self._by].tolist()
            known += found.outputs[: len(self._roots)]
        rest = self._rest(numbers, known, gradient=False)
        if rest.violated:
            return None
        supply = iter(rest.outputs)
        outputs, *lists = [list(islice(supply, len(nodes))) for nodes in self._lists]
        return outputs, lists


def _without_formulas(outputs: list[Value], guards: list[Guard], known: list[Value]) -> tuple[list[Value], list[Guard]]:
    """The same nodes with the operations of formulas, such as the rules of optimisers, one by one."""
    place: dict[Value, Value] = {}
    for node in topological_order(*outputs, *[guard.node for guard in guards], known=known):
        parents = tuple([place.get(parent, parent) for parent in node.parents])
        if isinstance(node.op, Formula):
            found = list(parents)
            for op, places in node.op.steps:
                operands = [found[x[0]] if type(x) is tuple else constant(float(x)) for x in places]
                found.append(new_node(0.0, op, tuple(operands), ()))
            place[node] = found[-1]
        elif parents != node.parents:
            place[node] = new_node(node._data, node.op, parents, ())
    moved = [guard._replace(node=place.get(guard.node, guard.node)) for guard in guards]
    return [place.get(node, node) for node in outputs], moved


def _exponent(node: Value) -> float | None:
    number = node.parents[1]
    return number._data if number.op is ops.constant else None


class _Frame:
    """Memory for one evaluation at a time."""

    def __init__(self, tape: Tape) -> None:
        self.values, self.adjoints = np.zeros(tape.size), np.zeros(tape.size)
        self.reached, self.scratch = np.zeros(tape.size, dtype=np.uint8), np.zeros(tape.scratch)
        self.values[tape.leaves : tape.leaves + len(tape.constants)] = tape.constants
        arrays = (tape.functions, tape.codes, tape.ends, tape.operands, self.values)
        words = *[array.ctypes.data for array in arrays], tape.steps, tape.size - tape.steps, self.scratch.ctypes.data
        forward, backward = _runners()
        self.forward = partial(forward, *words)
        self.backward = partial(backward, *words, self.adjoints.ctypes.data, self.reached.ctypes.data)


class _Guards:
    """What was decided when the graph was recorded."""

    def __init__(self, guards: Sequence[Guard], numbers: Sequence[int]) -> None:
        self.numbers = np.array(numbers, dtype=np.int64)
        self.found = np.array([guard.found for guard in guards])
        self.is_truth = np.array([guard.is_truth for guard in guards], dtype=bool)

    def violated(self, values: Any) -> int:
        """How many decisions would be other ones now."""
        if not len(self.numbers):
            return 0
        now = values[self.numbers]
        now = np.where(self.is_truth, now != 0.0, now)
        return int(np.count_nonzero(now != self.found))


# Each node calls the function of its operation; backward only those do that an adjoint was passed to.
_FORWARD = """
def forward(functions, codes, ends, operands, values, steps, first, scratch) -> None:
    for k in range(steps):
        function = word[functions + 16 * int32[codes + 4 * k]]
        begin = word[ends + 8 * k]
        count = word[ends + 8 * k + 8] - begin
        z = double.call(function, values, operands + 4 * begin, count, scratch)
        double[values + 8 * (first + k)] = z
"""
_BACKWARD = """
def backward(functions, codes, ends, operands, values, steps, first, scratch, adjoints, reached) -> None:
    k = steps
    while k > 0:
        k = k - 1
        node = first + k
        if byte[reached + node] != 0:
            function = word[functions + 16 * int32[codes + 4 * k] + 8]
            begin = word[ends + 8 * k]
            count = word[ends + 8 * k + 8] - begin
            z = double[values + 8 * node]
            above = double[adjoints + 8 * node]
            none.call(function, values, adjoints, reached, operands + 4 * begin, count, z, above, scratch)
"""
_LOOPS = (Written(_FORWARD), Written(_BACKWARD))


@cache
def _runners() -> tuple[Any, Any]:
    """The loops: ``forward(functions, codes, ends, operands, values, steps, first, scratch)``, and ``backward`` with
    adjoints and the bytes that say which of them were reached besides."""
    forward, backward = addresses(_LOOPS)
    pointer, number = ctypes.c_void_p, ctypes.c_size_t
    kinds = [*[pointer] * 5, number, number, pointer]
    return ctypes.CFUNCTYPE(None, *kinds)(forward), ctypes.CFUNCTYPE(None, *kinds, pointer, pointer)(backward)


# ---- single nodes ----------------------------------------------------------------------------------------------------
# One function for each operation, forward and back, as LLVM IR or as a plain loop (``loops``).  Operands are numbers of
# nodes.  Forward gives the value of the row.  Backward adds to the adjoint of each operand what is above times the
# row's own local derivative, and notes that the operand was reached.
#
#     double forward(values, operands, count, scratch)
#     void backward(values, adjoints, reached, operands, count, double z, double above, scratch)
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
