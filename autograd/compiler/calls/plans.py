"""Plans: the programs that are compiled from a recording, with gradients, and the kernels that run them.

This module imports everything that compiling needs.  So it is imported only when something is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from itertools import compress
from math import inf
from typing import TYPE_CHECKING, Any

from autograd.compiler.backends import Kernel, TooManyClassesError, UnsupportedError, first_that_can
from autograd.compiler.calls.reuse import reused
from autograd.compiler.calls.steps import Stepped, step
from autograd.compiler.pipeline import Assembled, assemble, assemble_by_name, inlined
from autograd.compiler.program.classes import Kind, Program
from autograd.compiler.program.group import most_classes
from autograd.compiler.python.writer import PythonKernel
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.results import floats_of
from autograd.compiler.residence import Residence

if TYPE_CHECKING:
    from autograd.compiler.machine.resident import ResidentStep
    from autograd.compiler.machine.tape import Tape

_SMALL = 600  # a program with more operations does not become a builtin function

# The outputs, and the derivatives of the first one with respect to all arguments and to all parameters.
Found = tuple[list[float], list[float], Sequence[float]]


def program_of(recording: Recording, by: tuple[bool, bool] = (False, False)) -> Program:
    """The program over classes."""
    return assemble_by_name(recording, _kinds(by), by_class=True).program


def _kinds(by: tuple[bool, bool]) -> list[Kind]:
    return list(compress((Kind.PARAMETER, Kind.ARGUMENT), by))


class Plan:
    """Computes the value, the guards and the gradients of a recording.

    Args:
        recording: The recording.
        by: Whether to differentiate with respect to captured leaves, and to arguments.
        backend: The backend that is to run it.
        most: The largest number of classes that become Python source.

    Attributes:
        run: Maps the numbers in the arguments and in the captured leaves to value and gradients; None if a guard does
            not hold.
    """

    def __init__(self, recording: Recording, by: tuple[bool, bool], backend: str, most: float = inf) -> None:
        self.recording, self.by, self.wanted, self.most = recording, by, _kinds(by), most
        self.run: Callable[[Sequence[float], Sequence[float]], Found | None] = reused(
            "plan",
            recording,
            (by, backend),
            lambda name: first_that_can(partial(self._natively, name), self._in_python, backend),
        )

    @cached_property
    def program(self) -> Program:
        """The program over classes."""
        return program_of(self.recording, self.by)

    def _natively(self, name: str) -> Any:
        from autograd.compiler.machine.library import kept
        from autograd.compiler.machine.machine import Machine
        from autograd.compiler.machine.tape import Tape

        def made() -> _ByClasses:
            assembled = assemble(self.recording, self.wanted, most=most_classes(len(self.recording.nodes)))
            return self._calls(assembled, Machine(inlined(assembled.program)))

        try:
            return kept(name, made)
        except TooManyClassesError:
            return partial(_by_tape, Tape(self.recording), bool(self.wanted), len(self.recording.parameters))

    def _in_python(self) -> Any:
        assembled = assemble_by_name(self.recording, self.wanted, most=self.most)
        return self._calls(assembled, PythonKernel(inlined(assembled.program)))

    def _calls(self, assembled: Assembled, kernel: Kernel) -> _ByClasses:
        return _ByClasses(assembled, kernel, len(self.recording.parameters))


class _ByClasses:
    """Calls the kernel of an assembled program.

    Args:
        assembled: The program.
        kernel: The kernel that runs it.
        count: The number of captured leaves; in a call, plain numbers from outside follow their numbers.
    """

    def __init__(self, assembled: Assembled, kernel: Kernel, count: int) -> None:
        self.kernel, self.count = kernel, count
        self.outputs, self.guarded = assembled.outputs, assembled.guarded
        place = {kind: k for k, kind in enumerate(assembled.gradients, assembled.outputs + assembled.guarded)}
        self.by_arguments, self.by_parameters = place.get(Kind.ARGUMENT), place.get(Kind.PARAMETER)

    def __call__(self, numbers: Sequence[float], live: Sequence[float]) -> Found | None:
        found = self.kernel(numbers, live)
        if self.guarded and found[self.outputs][0] != 0.0:
            return None
        values = [float(output[0]) for output in found[: self.outputs]]
        by_arguments = [0.0] * len(numbers) if self.by_arguments is None else floats_of(found[self.by_arguments])
        by_parameters = [0.0] * self.count if self.by_parameters is None else found[self.by_parameters]
        return values, by_arguments, by_parameters


def _by_tape(
    tape: Tape, gradient: bool, count: int, numbers: Sequence[float], parameters: Sequence[float]
) -> Found | None:
    found = tape(numbers, parameters, gradient=gradient)
    if found.violated:
        return None
    return found.outputs, found.by_arguments.tolist(), found.by_parameters[:count]


class PointPlan:
    """Computes value, guards and one derivative per number in the arguments: at one point, or at many."""

    def __init__(self, recording: Recording, backend: str) -> None:
        self.recording = recording
        self._is_native = False
        self.at: Callable[[Sequence[Any], Sequence[float]], list[Any]] = first_that_can(
            self._natively, self._in_python, backend
        )

    @cached_property
    def program(self) -> Program:
        """The program over classes."""
        return program_of(self.recording, (False, True))

    def _natively(self) -> Any:
        from autograd.compiler.machine.machine import Machine
        from autograd.compiler.machine.points import BLOCK, Points

        points = Points(Machine(inlined(assemble(self.recording, [Kind.ARGUMENT], batched=True).program), BLOCK))
        self._is_native = True
        return points

    def _in_python(self) -> Any:
        kernel = PythonKernel(inlined(assemble_by_name(self.recording, [Kind.ARGUMENT]).program))

        def at(columns: Sequence[Any], parameters: Sequence[float]) -> list[Any]:
            rows = [[x for output in kernel(point, parameters) for x in output] for point in zip(*columns)]
            return [list(column) for column in zip(*rows)]

        return at

    def caller(self, args: tuple[Any, ...], result: Any, slow: Callable[..., Any]) -> Callable[..., Any] | None:
        """A builtin function for arguments of this form; None if the program is too long or has no machine code."""
        if not self._is_native:
            return None
        from autograd.compiler.machine.machine import operations
        from autograd.compiler.machine.points import caller

        program = inlined(assemble(self.recording, [Kind.ARGUMENT]).program)
        if operations(program) > _SMALL:
            return None
        try:
            return caller(program, args, result, slow)
        except UnsupportedError:
            return None


class StepPlan:
    """Computes the outputs of a recording, its guards, and the numbers of its effects.

    Attributes:
        run: Makes a call; None if a guard does not hold, or if a number from outside is no number now.
        resident: The same, if it keeps numbers in the memory of machine code from call to call; else None.
    """

    def __init__(
        self,
        recording: Recording,
        backend: str,
        residence: Residence,
        deferrable: Iterable[tuple[int, Any]],
        most: float = inf,
    ) -> None:
        self.recording, self.most = recording, most
        self._residence, self._deferrable = residence, deferrable
        self.resident: ResidentStep | None = None
        self.run: Callable[[Sequence[float], Sequence[Any]], Stepped | None] = first_that_can(
            self._natively, self._in_python, backend
        )

    @cached_property
    def program(self) -> Program:
        """The program over classes."""
        return program_of(self.recording)

    def _natively(self) -> Any:
        from autograd.compiler.machine.tape import TapedStep

        try:
            return self._by_classes(most_classes(len(self.recording.nodes)))
        except TooManyClassesError:
            try:
                return partial(step, self.recording, TapedStep(self.recording))
            except UnsupportedError:
                return self._by_classes(inf)

    def _by_classes(self, most: float) -> Any:
        from autograd.compiler.machine.held import Held
        from autograd.compiler.machine.machine import Machine
        from autograd.compiler.machine.resident import ResidentStep

        recording = self.recording
        try:
            held = Held(recording, self._deferrable)
        except UnsupportedError:
            assembled = assemble(recording, most=most)
            return self._with(assembled, Machine(inlined(assembled.program)))
        self.resident = ResidentStep(recording, held, self._residence, most)
        return self.resident

    def _in_python(self) -> Any:
        assembled = assemble_by_name(self.recording, most=self.most)
        return self._with(assembled, PythonKernel(inlined(assembled.program)))

    def _with(self, assembled: Assembled, kernel: Kernel) -> Any:
        return partial(step, self.recording, partial(_run, assembled, len(self.recording.outputs), kernel))


def _run(
    assembled: Assembled, count: int, kernel: Kernel, numbers: Sequence[float], live: Sequence[float]
) -> tuple[list[float], list[list[float]]] | None:
    outputs = kernel(numbers, live)
    if assembled.guarded and outputs[assembled.outputs][0] != 0.0:
        return None
    lists = [list(x) if isinstance(x, (list, tuple)) else x.tolist() for x in outputs[count : assembled.outputs]]
    return [float(x[0]) for x in outputs[:count]], lists
