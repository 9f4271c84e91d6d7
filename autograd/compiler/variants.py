"""One recording of a function, and what is made from it: programs with gradients, and the kernels that run them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import add
from time import perf_counter
from typing import Any, TypeVar

from autograd.compiler.builder import Builder, collector_paused
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import Kernel, kernel_for, point_kernel_for
from autograd.compiler.lanes import find_lanes
from autograd.compiler.outside import Outside
from autograd.compiler.program import ARGUMENT, PARAMETER, Program
from autograd.compiler.python_source import PythonKernel
from autograd.compiler.record import Recording, program_of
from autograd.compiler.traced import drops_gradient

__all__ = ["FEW", "MOST", "MOST_IN_ALL", "Budget", "Plan", "PointPlan", "Variant", "Variants"]

MOST = 16  # recordings kept for one structure of the arguments; the oldest goes first
MOST_IN_ALL = 64  # recordings kept for a function
FEW = 3  # recordings that may serve no other call than their own
_CHEAP = 1.0  # seconds of compiling that nobody has to save first

P = TypeVar("P", "Plan", "PointPlan")


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


class PointPlan:
    """Value, guards and one gradient per number of the arguments, for a program without lanes."""

    def __init__(self, program: Program, numbers: int, parameters: int, backend: str) -> None:
        builder = Builder()
        registers = [i for i, step in enumerate(program.instructions) if step.op is ARGUMENT]
        where, found = derivatives(program, program.outputs[0], registers, builder)
        by_number = {program.instructions[i].payload: d for i, d in zip(registers, found)}
        gradients = [by_number.get(i) for i in range(numbers)]
        zero = builder.constant(0.0)
        outputs = [*[where[i] for i in program.outputs], *[zero if d is None else d for d in gradients]]
        self.program = flatten(builder.program(outputs)).verify()
        self.kernel: Any = point_kernel_for(self.program, numbers, parameters, backend)

    def at(self, columns: Sequence[Any], parameters: Sequence[float]) -> list[Any]:
        """Every output at N points: one array of N numbers per argument."""
        if not isinstance(self.kernel, PythonKernel):
            self.kernel.refresh(parameters)
            found: list[Any] = self.kernel.at(columns)
            return found
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
        return self._planned(key, lambda: Plan(self.program, by_parameters, by_arguments, self.backend))

    def point_plan(self) -> PointPlan:
        """The plan for value and gradient at points given as plain numbers."""
        numbers, parameters = len(self.recording.arguments), len(self.recording.parameters)
        return self._planned("points", lambda: PointPlan(self.scalar, numbers, parameters, self.backend))

    def _planned(self, key: Any, make: Callable[[], P]) -> P:
        if key not in self.plans:
            started = perf_counter()
            with collector_paused():
                self.plans[key] = make()
            self.budget.spent += perf_counter() - started
        found: P = self.plans[key]
        return found

    @property
    def has_lanes(self) -> bool:
        """Whether a loop over samples was found."""
        return any(step.lanes > 1 for step in self.program.instructions)

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
