"""``autograd.compile``: record a function once, afterwards run what was derived from its graph."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import update_wrapper
from operator import is_
from typing import Any

from autograd.compiler.builder import Builder, collector_paused
from autograd.compiler.derive import derivatives
from autograd.compiler.flatten import flatten
from autograd.compiler.kernels import BACKENDS, Kernel, kernel_for, point_kernel_for
from autograd.compiler.lanes import find_lanes
from autograd.compiler.mapping import map_points
from autograd.compiler.program import ARGUMENT, PARAMETER, Program
from autograd.compiler.python_source import PythonKernel
from autograd.compiler.record import Recording, arguments_of, program_of, rebuilt, record, recording_of
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.modes import current_modes, open_contexts
from autograd.ops import Op
from autograd.value import Value

__all__ = ["Compiled", "compile_function"]

MOST_VARIANTS = 16  # recordings kept per shape of the arguments; the one used longest ago goes first


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
        for (op, payload), gradient in zip(self.sources, outputs[1 + self.guarded :]):
            if op is PARAMETER:
                by_parameters[payload] += gradient
            elif isinstance(payload, tuple):
                lanes = gradient if isinstance(gradient, list) else [gradient] * len(payload)
                for source, number in zip(payload, lanes):
                    if isinstance(source, int):
                        by_arguments[source] += number
            else:
                by_arguments[payload] += gradient
        return outputs[0], by_arguments, by_parameters


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
    """One recording of a function, and the plans made from it so far."""

    def __init__(self, recording: Recording, backend: str) -> None:
        self.recording = recording
        self.backend = backend
        self.scalar = flatten(program_of(recording))
        self.program = find_lanes(self.scalar).verify()
        self.plans: dict[Any, Any] = {}

    def plan(self, by_parameters: bool, by_arguments: tuple[int, ...]) -> Plan:
        """The plan for the gradients by the captured leaves and/or by some arguments."""
        return self._planned(  # type: ignore[no-any-return]
            (by_parameters, by_arguments), lambda: Plan(self.program, by_parameters, by_arguments, self.backend)
        )

    def point_plan(self) -> PointPlan:
        """The plan for value and gradient at points given as plain numbers."""
        numbers, parameters = len(self.recording.arguments), len(self.recording.parameters)
        return self._planned(  # type: ignore[no-any-return]
            "points", lambda: PointPlan(self.scalar, numbers, parameters, self.backend)
        )

    def _planned(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self.plans:
            with collector_paused():
                self.plans[key] = make()
        return self.plans[key]

    @property
    def has_lanes(self) -> bool:
        """Whether a loop over samples was found."""
        return any(step.lanes > 1 for step in self.program.instructions)

    def live(self) -> list[float]:
        """The data of the captured leaves, as it is now."""
        return [parameter._data for parameter in self.recording.parameters]


class Compiled:
    """A compiled function: see ``autograd.compile``.

    Attributes:
        recordings: how often the function was recorded.
    """

    def __init__(self, f: Callable[..., Any], backend: str = "auto") -> None:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        if not callable(f):
            raise TypeError(f"expected a function, or a Value and inputs=[...], not {f!r}")
        self.f = f
        self.backend = backend
        self.recordings = 0
        self.calls = 0
        self.variants: dict[Any, list[Variant]] = {}
        self.latest: Plan | PointPlan | None = None
        self._lock = threading.RLock()
        self._warned = False
        self._outside = _names_outside(f)
        self._seen = self._outside()
        self._fast: Callable[..., Any] | None = None
        update_wrapper(self, f)

    # ---- calls -----------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any) -> Any:
        """The value as a node whose parents are the captured leaves and every argument that is a Value.

        ``backward``, optimisers and eager code around it work as if the function had been run on Values.
        """
        if open_contexts.count and (current_modes().recorder is not None or current_modes().strict):
            return self.f(*args)  # another recording wants the graph itself, strict() each operation
        structure, leaves = _structure(args)
        numbers = [x.data if isinstance(x, Value) else x for x in leaves]
        recording = not open_contexts.count or current_modes().recording
        chosen = tuple([i for i, x in enumerate(leaves) if isinstance(x, Value)]) if recording else ()
        variant, (value, by_arguments, by_parameters) = self._run(args, structure, numbers, recording, chosen)
        out = Value(value)
        if recording:
            parents = (*variant.recording.parameters, *[leaves[i] for i in chosen])
            partials = (*by_parameters, *[by_arguments[i] for i in chosen])
            if parents:
                out.parents, out.partials = parents, partials
                at = tuple([parent._data for parent in parents])
                out.op = _CompiledCall(self, args, leaves, chosen, len(by_parameters), at, value)
        return out

    def value_and_grad(self, *args: Any) -> tuple[float, tuple[Any, ...]]:
        """The value as a float, and the gradients: one entry per argument, shaped like it.

        >>> from autograd import compile
        >>> compile(lambda x, w: x * w[0] + w[1]).value_and_grad(2.0, [3.0, 4.0])
        (10.0, (3.0, [2.0, 1.0]))
        """
        self._look_outside()
        fast = self._fast
        if fast is not None:
            return fast(*args)  # type: ignore[no-any-return]
        return self._value_and_grad(*args)

    def _value_and_grad(self, *args: Any) -> tuple[float, tuple[Any, ...]]:
        """The general way: any kind of arguments, and guards."""
        structure, leaves = _structure(args)
        if self._fast is None and self._make_fast(args, structure):
            return self.value_and_grad(*args)
        numbers = [x.data if isinstance(x, Value) else x for x in leaves]
        _, (value, by_arguments, _) = self._run(args, structure, numbers, False, tuple(range(len(numbers))))
        supply = iter(by_arguments)
        return value, tuple([_shaped(arg, supply) for arg in args])

    def _make_fast(self, args: Sequence[Any], structure: Any) -> bool:
        """From now on let machine code take arguments of this shape, if it can do all there is to do."""
        if self.backend == "python" or not all(map(_is_plain, args)):
            return False
        variant = self.variant(structure, 0, args)
        if variant.has_lanes or variant.recording.guards or variant.recording.parameters:
            return False
        plan = variant.point_plan()
        if not isinstance(plan.kernel, PythonKernel):
            supply = iter(range(1, plan.kernel.outputs))
            result = (0, tuple([rebuilt(arg, supply) for arg in args]))
            self._fast = plan.kernel.caller([_point_shape(arg) for arg in args], result, self._value_and_grad)
            self.latest = plan
        return self._fast is not None

    def variant(self, structure: Any, number: int, args: Sequence[Any]) -> Variant:
        """A variant for arguments of this structure, recorded at ``args`` if there are not so many yet."""
        variants = self.variants.setdefault(structure, [])
        return variants[number] if number < len(variants) else self.record(args, structure)

    def map(self, *arrays: Any) -> tuple[Any, tuple[Any, ...]]:
        """A function of scalars at N points, given as one array of N numbers per argument.

        Returns:
            values[N], and per argument the gradients[N]; numpy arrays if numpy is installed, else lists.

        >>> from autograd import compile
        >>> values, (dx,) = compile(lambda x: x * x).map([1.0, 2.0, 3.0])
        >>> list(map(float, values)), list(map(float, dx))
        ([1.0, 4.0, 9.0], [2.0, 4.0, 6.0])
        """
        return map_points(self, arrays)

    def _run(
        self,
        args: Sequence[Any],
        structure: Any,
        numbers: list[float],
        by_parameters: bool,
        by_arguments: tuple[int, ...],
    ) -> tuple[Variant, tuple[float, list[float], list[float]]]:
        """The first variant whose guards hold, and what it gives; a new one if there is none."""
        self._look_outside()
        self.calls += 1
        variants = self.variants.setdefault(structure, [])
        for variant in list(variants):
            plan = variant.plan(by_parameters, by_arguments)
            result = plan.run(numbers, variant.live())
            if result is not None:
                self.latest = plan
                return variant, result
        variant = self.record(args, structure)
        plan = self.latest = variant.plan(by_parameters, by_arguments)
        result = plan.run(numbers, variant.live())
        if result is None:  # a number that was read differs by rounding: what was recorded is right for it
            output = variant.recording.output
            return variant, self._eagerly(variant, output)
        return variant, result

    def _look_outside(self) -> None:
        """Forget what was recorded if a name that the function reads from outside has another object since."""
        outside = self._outside()
        if not all(map(is_, outside, self._seen)):
            self.variants.clear()
            self._fast = None
            self._seen = outside

    def _eagerly(self, variant: Variant, output: Value) -> tuple[float, list[float], list[float]]:
        recording = variant.recording
        found = gradients(output, [*recording.arguments, *recording.parameters])
        n = len(recording.arguments)
        return output._data, list(found[:n]), list(found[n:])

    def record(self, args: Sequence[Any], structure: Any) -> Variant:
        """Record the function at these arguments, and keep the recording."""
        with collector_paused():
            variant = Variant(record(self.f, args), self.backend)
        with self._lock:
            self.recordings += 1
            variants = self.variants.setdefault(structure, [])
            variants.append(variant)
            del variants[:-MOST_VARIANTS]
            if self.calls >= 10 and self.recordings > self.calls // 2 and not self._warned:
                self._warned = True
                warnings.warn(
                    f"{getattr(self.f, '__name__', 'the function')} was recorded {self.recordings} times in "
                    f"{self.calls} calls: it decides by its data (if, max, .data) differently almost every time; "
                    "write such a decision with autograd.where, maximum or relu",
                    RuntimeWarning,
                    stacklevel=4,
                )
        return variant

    # ---- looking inside --------------------------------------------------------------------------------------------
    @property
    def program(self) -> Program:
        """The program of the last call, gradient included; it prints one line per instruction."""
        return self._latest().program

    def source(self) -> str:
        """The same program as Python source: the forward lines, then the backward pass that was derived."""
        return PythonKernel(self._latest().program).source

    def _latest(self) -> Plan | PointPlan:
        if self.latest is None:
            raise ValueError("nothing is recorded yet: call the function once")
        return self.latest

    def __str__(self) -> str:
        """The program in matrix form, as far as one is found; without numpy instruction by instruction."""
        program = self._latest().program
        try:
            from autograd.compiler.arrange import arrange
        except ImportError:
            return str(program)
        return str(arrange(program, fewest=2))

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return self

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.f, '__name__', 'function')}, recorded {self.recordings} times>"


class _CompiledCall(Op):
    """The primitive of one call: its derivatives are those that it computed; as a graph, those of the function."""

    def __init__(
        self,
        compiled: Compiled,
        args: Sequence[Any],
        leaves: list[Any],
        chosen: tuple[int, ...],
        parameters: int,
        at: tuple[float, ...],
        data: float,
    ) -> None:
        def again(*operands: Any) -> Value:
            """The function on the operands in place of the arguments that were Values."""
            supply = list(leaves)
            for i, operand in zip(chosen, operands[parameters:]):
                supply[i] = operand
            numbers = iter(supply)
            out = compiled.f(*[rebuilt(arg, numbers) for arg in args])
            return out if isinstance(out, Value) else Value(out)

        def partials(result: Any, *operands: Any) -> Sequence[Any]:
            nodes = [x if isinstance(x, Value) else Value(x) for x in operands]
            return gradients(again(*nodes), nodes, create_graph=True)

        def value(*numbers: float) -> float:
            return data if numbers == at else again(*numbers)._data  # eagerly it would differ by rounding

        super().__init__("compiled", value, partials)


def _names_outside(f: Callable[..., Any]) -> Callable[[], list[Any]]:
    """A function that looks up what the names that ``f`` reads from outside stand for: globals and closed-over ones."""
    code, space = getattr(f, "__code__", None), getattr(f, "__globals__", {})
    names = [name for name in code.co_names if name in space] if code else []
    cells = getattr(f, "__closure__", None) or ()

    def look_up() -> list[Any]:
        return [space.get(name) for name in names] + [cell.cell_contents for cell in cells]

    return look_up


def _structure(args: Sequence[Any]) -> tuple[Any, list[Any]]:
    """What kind of call this is (hashable), and its numbers and Values in order."""
    if all(arg.__class__ is float for arg in args):
        return len(args), list(args)
    leaves = [x for i, arg in enumerate(args) for x in arguments_of(arg, f"argument {i}")]
    shapes = tuple([_shape(arg) for arg in args])
    return shapes if any(shapes) else len(args), leaves


def _is_plain(arg: Any) -> bool:
    """Whether an argument is what machine code can take apart: floats, or lists of them."""
    return arg.__class__ is float or (isinstance(arg, (list, tuple)) and len(arg) > 0 and all(map(_is_plain, arg)))


def _point_shape(arg: Any) -> Any:
    return tuple(map(_point_shape, arg)) if isinstance(arg, (list, tuple)) else None


def _shape(arg: Any) -> Any:
    if isinstance(arg, (list, tuple)):
        if all(x.__class__ is float for x in arg):
            return type(arg), len(arg)
        return type(arg), tuple([_shape(x) for x in arg])
    return getattr(arg, "shape", ()) if hasattr(arg, "flat") else ()


def _shaped(arg: Any, supply: Any) -> Any:
    """The next numbers in the shape of an argument: a number, lists, or a numpy array of floats."""
    out = rebuilt(arg, supply)
    return out.astype(float) if hasattr(out, "astype") else out


def compile_function(
    f: Callable[..., Any] | Value, *, inputs: Sequence[Value] | None = None, backend: str = "auto"
) -> Compiled:
    """Compile a function of numbers, or a graph that exists already: the function ``autograd.compile``.

    The function is run once on Values, at the arguments of the first call.  From the recorded graph the compiler finds
    the loop over samples and the matrices of the layers, differentiates by the rows of the derivative table, and emits
    machine code (or Python source, where llvmlite is not installed).  Later calls run that.

    Args:
        f: a function of numbers, nested lists or numpy arrays that returns one Value; it may use Values from outside
            (parameters), which are read at each call.  Or a Value, the root of a graph.
        inputs: with a graph: the leaves that become the arguments, in order.
        backend: "auto", or "native" or "python" to insist on one.

    Numbers and lists from outside are part of the recording.  It is made again when one of the function's own outside
    names (a global, or a name of an enclosing function) stands for another object.  What a function that it calls
    reads from outside, a list that is changed in place, and random numbers drawn inside stay as they were: pass such
    things as arguments.

    Raises:
        TypeError: arguments that are no numbers, or a function that does not return one number.

    >>> from autograd import Value, compile
    >>> w = Value(3.0)
    >>> @compile
    ... def loss(x, y):
    ...     return (w * x - y) ** 2
    >>> loss(2.0, 5.0).data
    1.0
    >>> out = loss(2.0, 5.0); out.backward(); w.grad         # 2 (w x - y) x
    4.0
    >>> loss.value_and_grad(2.0, 5.0)
    (1.0, (6.0, -2.0))
    """
    if not isinstance(f, Value):
        if inputs is not None:
            raise TypeError("inputs= goes with a graph: compile(root, inputs=[...]); a function gets its arguments")
        return Compiled(f, backend)
    leaves = list(inputs or [])
    recording = recording_of(f, leaves)

    def replay(*args: Any) -> Value:
        if len(args) != len(leaves):
            raise TypeError(f"this graph has {len(leaves)} inputs, but {len(args)} arguments were given")
        place: dict[Value, Any] = dict(zip(leaves, args))
        for node in topological_order(f):
            if node.parents:
                place[node] = node.op(*[place.get(parent, parent) for parent in node.parents])
        return place.get(f, f)  # type: ignore[no-any-return]

    compiled = Compiled(replay, backend)
    compiled.variants[len(leaves)] = [Variant(recording, backend)]
    compiled.recordings = 1
    return compiled
