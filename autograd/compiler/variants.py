"""One recording of a function, and what is made from it: programs with gradients, and the kernels that run them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import add
from time import thread_time
from typing import Any, TypeVar

from autograd.compiler.builder import Builder, collector_paused
from autograd.compiler.classes import Kind
from autograd.compiler.classes import Program as ClassProgram
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import Kernel, kernel_for, native_available
from autograd.compiler.lanes import find_lanes
from autograd.compiler.native import UnsupportedError
from autograd.compiler.native.lowering import lower
from autograd.compiler.outside import Outside
from autograd.compiler.pipeline import assemble, inlined
from autograd.compiler.program import ARGUMENT, PARAMETER, Program
from autograd.compiler.python_source import PythonKernel
from autograd.compiler.record import Recording, program_of
from autograd.compiler.traced import drops_gradient

__all__ = ["FEW", "MOST", "MOST_IN_ALL", "Budget", "Plan", "PointPlan", "Variant", "Variants"]

MOST = 16  # recordings kept for one structure of the arguments; the oldest goes first
MOST_IN_ALL = 64  # recordings kept for a function
FEW = 3  # recordings that may serve no other call than their own
FEW_NODES = 300  # of a function that may be small enough for that:
_SMALL = 600  # operations of a function that is called with nothing of Python in between
_CHEAP = 1.0  # seconds of compiling that nobody has to save first

P = TypeVar("P", "Plan", "ClassPlan", "PointPlan", "PythonPointPlan")


class Plan:
    """A program that also computes the gradients by some inputs, and the kernel that runs it.

    The outputs of the program are the value, the number of guards that do not hold (if there are any), and the
    gradients in the order of ``sources``: of each, the payload of the instruction it belongs to.
    """

    def __init__(self, program: Program, by_parameters: bool, by_arguments: Sequence[int], backend: str) -> None:
        registers = [
            i
            for i, step in enumerate(program.instructions)
            if (step.op is PARAMETER and by_parameters)
            or (step.op is ARGUMENT and not _arguments(step.payload).isdisjoint(by_arguments))
        ]
        builder = Builder()
        where, found = derivatives(program, program.outputs[0], registers, builder)
        pairs = [(i, d) for i, d in zip(registers, found) if d is not None]
        outputs = [*[where[i] for i in program.outputs], *[d for _, d in pairs]]
        self.guarded = len(program.outputs) > 1
        self.sources = [(program.instructions[i].op, program.instructions[i].payload) for i, _ in pairs]
        self._places = [_evenly_spaced(payload) for _, payload in self.sources]
        self.program = flatten(builder.program(outputs)).verify()
        self.kernel: Kernel = kernel_for(self.program, backend)

    def run(
        self, numbers: Sequence[float], parameters: Sequence[float]
    ) -> tuple[float, list[float], list[float]] | None:
        """The value and the derivatives by all arguments and by all parameters; None if a guard does not hold."""
        outputs = self.kernel(numbers, parameters)
        if self.guarded and outputs[1] != 0.0:
            return None
        by_arguments = [0.0] * len(numbers)
        by_parameters = [0.0] * len(parameters)
        for (op, payload), places, gradient in zip(self.sources, self._places, outputs[1 + self.guarded :]):
            if op is PARAMETER:
                by_parameters[payload] += gradient
            elif isinstance(payload, tuple):
                lanes = gradient if isinstance(gradient, list) else [gradient] * len(payload)
                if places:  # 2x faster than one by one
                    by_arguments[places] = map(add, by_arguments[places], lanes)
                    continue
                for source, number in zip(payload, lanes):
                    if isinstance(source, int):
                        by_arguments[source] += number
            else:
                by_arguments[payload] += gradient
        return outputs[0], by_arguments, by_parameters


def _evenly_spaced(payload: Any) -> slice | None:
    """Where the numbers of the lanes stand among those of all arguments, if a slice can say it."""
    if not isinstance(payload, tuple) or not all(isinstance(source, int) for source in payload) or len(payload) < 2:
        return None
    first, last, step = payload[0], payload[-1], payload[1] - payload[0]
    return slice(first, last + 1, step) if step > 0 and payload == tuple(range(first, last + 1, step)) else None


def _arguments(payload: Any) -> set[int]:
    return {source for source in payload if isinstance(source, int)} if isinstance(payload, tuple) else {payload}


class ClassPlan:
    """The value, the guards and the gradients of a recording as machine code over its classes."""

    def __init__(self, recording: Recording, by_parameters: bool, by_arguments: Sequence[int], old: Any) -> None:
        from autograd.compiler.machine.machine import Machine

        wanted = [Kind.PARAMETER] * by_parameters + [Kind.ARGUMENT] * bool(by_arguments)
        assembled = assemble(recording, wanted)
        self.guarded = assembled.guarded
        self.kernel = Machine(inlined(assembled.program))
        self._gradients = assembled.gradients
        self._old = old

    def run(
        self, numbers: Sequence[float], parameters: Sequence[float]
    ) -> tuple[float, list[float], list[float]] | None:
        """The value and the derivatives by all arguments and by all parameters; None if a guard does not hold."""
        outputs = self.kernel(numbers, parameters)
        if self.guarded and outputs[1][0] != 0.0:
            return None
        by = {Kind.ARGUMENT: [0.0] * len(numbers), Kind.PARAMETER: [0.0] * len(parameters)}
        for kind, gradient in zip(self._gradients, outputs[1 + self.guarded :]):
            by[kind] = gradient.tolist()
        return float(outputs[0][0]), by[Kind.ARGUMENT], by[Kind.PARAMETER]

    @property
    def program(self) -> Program:
        """The same as a flat program, to be printed."""
        found: Program = self._old().program
        return found


class PointPlan:
    """Value, guards and one gradient per number of the arguments: at one point, or at many."""

    def __init__(self, recording: Recording, old: Any) -> None:
        self.recording = recording
        self._old = old

    @cached_property
    def single(self) -> ClassProgram:
        """The program of one point."""
        return inlined(assemble(self.recording, [Kind.ARGUMENT]).program)

    @cached_property
    def _points(self) -> Any:
        from autograd.compiler.machine.points import points

        return points(inlined(assemble(self.recording, [Kind.ARGUMENT], batched=True).program))

    @property
    def is_small(self) -> bool:
        """Whether machine code for each single number is worth its compilation."""
        from autograd.compiler.machine.points import operations

        return operations(self.single) <= _SMALL

    def caller(self, shapes: Sequence[Any], result: Any, slow: Callable[..., Any]) -> Callable[..., Any] | None:
        """A builtin function of arguments of these shapes."""
        from autograd.compiler.machine.points import caller

        return caller(self.single, shapes, result, slow)

    def at(self, columns: Sequence[Any], parameters: Sequence[float]) -> list[Any]:
        """Every output at N points: one array of N numbers per argument."""
        found: list[Any] = self._points(columns, parameters)
        return found

    @property
    def program(self) -> Program:
        """The same as a flat program, to be printed."""
        found: Program = self._old().program
        return found


class PythonPointPlan:
    """The same where there is no machine code."""

    def __init__(self, program: Program, numbers: int) -> None:
        builder = Builder()
        registers = [i for i, step in enumerate(program.instructions) if step.op is ARGUMENT]
        where, found = derivatives(program, program.outputs[0], registers, builder)
        by_number = {program.instructions[i].payload: d for i, d in zip(registers, found)}
        gradients = [by_number.get(i) for i in range(numbers)]
        zero = builder.constant(0.0)
        outputs = [*[where[i] for i in program.outputs], *[zero if d is None else d for d in gradients]]
        self.program = flatten(builder.program(outputs)).verify()
        self.kernel: Any = PythonKernel(self.program)

    is_small = False

    def at(self, columns: Sequence[Any], parameters: Sequence[float]) -> list[Any]:
        """Every output at N points: one array of N numbers per argument."""
        rows = [self.kernel(point, parameters) for point in zip(*columns)]
        return [list(column) for column in zip(*rows)] or [[] for _ in self.program.outputs]


class Variant:
    """One recording of a function, and the plans made from it so far.

    Args:
        recording: Of the function.
        backend: What is to run it.
        outside: What the function saw besides its arguments.
        budget: Where to note the time that compiling takes.
    """

    def __init__(self, recording: Recording, backend: str, outside: Outside, budget: Budget) -> None:
        self.recording = recording
        self.backend = backend
        self.outside = outside
        self.budget = budget
        self.plans: dict[Any, Any] = {}

    @cached_property
    def scalar(self) -> Program:
        """The program of the recording without a loop over samples."""
        return flatten(program_of(self.recording))

    @cached_property
    def program(self) -> Program:
        """The program with the loop over samples, if one was found."""
        return find_lanes(self.scalar).verify()

    def plan(self, by_parameters: bool, by_arguments: tuple[int, ...]) -> Plan:
        """The plan for the gradients by the captured leaves and/or by some arguments."""
        key = (by_parameters, by_arguments)

        def old() -> Plan:
            return Plan(self.program, by_parameters, by_arguments, self.backend)

        def make() -> Any:
            if self.backend == "python" or not (self.backend == "native" or native_available()):
                return old()
            try:
                return ClassPlan(self.recording, by_parameters, by_arguments, old)
            except UnsupportedError:
                return old()

        return self._planned(key, make)

    def point_plan(self) -> PointPlan:
        """The plan for value and gradient at points given as plain numbers."""

        def old() -> PythonPointPlan:
            return PythonPointPlan(self.scalar, len(self.recording.arguments))

        def make() -> Any:
            if self.backend == "python" or not (self.backend == "native" or native_available()):
                return old()
            plan = PointPlan(self.recording, old)
            try:
                for array in plan.single.arrays:
                    if array.op is not None:
                        lower(array.op)
            except UnsupportedError:
                return old()
            return plan

        return self._planned("points", make)

    def _planned(self, key: Any, make: Callable[[], P]) -> P:
        if key not in self.plans:
            started = thread_time()
            with collector_paused():
                self.plans[key] = make()
            self.budget.spent += thread_time() - started
        found: P = self.plans[key]
        return found

    def check_gradients(self) -> None:
        """Refuse the gradient of arguments that became plain floats.

        Raises:
            TypeError: the function uses ``float(x)``, or a function of ``math``, on an argument.
        """
        if self.recording.dropped:
            raise drops_gradient(self.recording.dropped)

    def live(self) -> list[float]:
        """The data of the captured leaves, as it is now."""
        return [parameter._data for parameter in self.recording.parameters]


class Variants:
    """The recordings of a function that are kept, by the structure of the arguments of the call."""

    def __init__(self) -> None:
        self.by_structure: dict[Any, list[Variant]] = {}
        self._ages: deque[tuple[Any, Variant]] = deque()  # the oldest first

    def add(self, structure: Any, variant: Variant) -> None:
        """Keep one more, and forget the oldest of too many."""
        kept = self.by_structure.get(structure, [])
        self._ages.append((structure, variant))
        self.by_structure[structure] = [*kept, variant]
        if len(kept) == MOST:
            self._forget(next(age for age in self._ages if age[1] is kept[0]))
        elif len(self._ages) > MOST_IN_ALL:
            self._forget(self._ages[0])

    def _forget(self, age: tuple[Any, Variant]) -> None:
        structure, variant = age
        self._ages.remove(age)
        left = [other for other in self.by_structure.pop(structure) if other is not variant]
        if left:
            self.by_structure[structure] = left

    def holding(self, structure: Any) -> Iterator[Variant]:
        """Those for a structure that saw from outside what is there now."""
        looked: dict[Outside, bool] = {}  # most have seen the same
        for variant in self.by_structure.get(structure, ()):
            outside = variant.outside
            if outside not in looked:
                looked[outside] = outside.holds()
            if looked[outside]:
                yield variant


class Budget:
    """Whether another recording of a function would pay.

    To record and compile costs as much as up to some hundred calls without the compiler, which are right, too.  So it
    is done as long as recordings serve again, else each time the calls have doubled; and where it takes long, only
    if compiling has cost less than it has saved, or than ten calls.

    Attributes:
        hits: How many calls were served by a recording that was there.
        misses: How many were not.
        recorded: How many recordings there were.
        cost: Seconds that the function takes without the compiler.
        spent: Seconds that compiling has taken.
    """

    def __init__(self) -> None:
        self.hits = self.misses = self.recorded = 0
        self.cost = self.spent = 0.0
        self._structures: set[Any] = set()
        self._at = 0  # the number of calls at the last recording

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return self.hits + self.misses

    def add(self, structure: Any, seconds: float) -> None:
        """Note one more recording, which took so long."""
        self.recorded += 1
        if len(self._structures) < MOST:
            self._structures.add(structure)
        self.cost = seconds
        self._at = self.calls

    def would_pay(self, structure: Any, kept: int) -> bool:
        """Whether to record once more.

        Args:
            structure: The structure of the arguments.
            kept: The number of recordings that there are for it.
        """
        if self.spent > max(_CHEAP, self.cost * max(self.hits, 10)):
            return False
        if structure not in self._structures and len(self._structures) < MOST:  # sequences have different lengths
            return True
        return (kept < MOST and self.recorded <= FEW + self.hits) or self.calls >= 2 * self._at
