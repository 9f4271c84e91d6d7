"""``autograd.compile``: record a function once, afterwards run what was derived from its graph."""

from __future__ import annotations

import sys
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from functools import update_wrapper
from itertools import repeat
from operator import is_
from typing import Any, NoReturn

from autograd import ops
from autograd.compiler.arguments import flat_shape, is_plain, labels_of, numbers_of, positional
from autograd.compiler.arguments import structure as structure_of
from autograd.compiler.builder import collector_paused
from autograd.compiler.kernels import BACKENDS
from autograd.compiler.mapping import map_points
from autograd.compiler.outside import names_outside
from autograd.compiler.program import Program
from autograd.compiler.python_source import PythonKernel
from autograd.compiler.record import (
    Recording,
    advice,
    as_node,
    first_difference,
    leaves_for,
    record,
    recording_of,
    run,
)
from autograd.compiler.variants import Plan, PointPlan, Variant, Variants
from autograd.errors import PrimitiveError
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.modes import current_modes, open_contexts, switched
from autograd.modes import recording as recording_on
from autograd.ops import Op
from autograd.trees import rebuild
from autograd.value import Value

__all__ = ["Compiled", "compile_function"]


class Compiled:
    """A compiled function: see ``autograd.compile``.

    Attributes:
        recordings: how often the function was recorded.
        variants: the recordings that are kept, for each structure of the arguments.
    """

    def __init__(self, f: Callable[..., Any], backend: str = "auto") -> None:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        if not callable(f):
            raise TypeError(f"expected a function, or a Value and inputs=[...], not {f!r}")
        self.f: Callable[..., Any] = f.f if isinstance(f, Compiled) else f
        self.backend = backend
        self.recordings = 0
        self.variants: defaultdict[Any, Variants] = defaultdict(Variants)
        self.latest: Plan | PointPlan | None = None
        self._lock = threading.RLock()
        self._warned = False
        self._outside = names_outside(self.f)
        self._seen = self._outside()
        self._fast: Callable[..., Any] | None = None
        update_wrapper(self, self.f, updated=())  # the attributes of an object are its own

    # ---- calls -----------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The value as a node whose parents are the captured leaves and every argument that is a Value.

        ``backward``, optimisers and eager code around it work as if the function had been run on Values.
        """
        if open_contexts.count and current_modes().recorder is not None:
            return self.f(*args, **keywords)  # another recording wants the graph itself
        args = positional(self.f, args, keywords)
        structure, leaves = structure_of(args)
        if open_contexts.count and current_modes().strict:
            return self._graph(args, leaves)
        numbers = numbers_of(leaves)
        recording = not open_contexts.count or current_modes().recording
        chosen = tuple([i for i, x in enumerate(leaves) if isinstance(x, Value)]) if recording else ()
        found = self._run(args, structure, numbers, recording, chosen)
        if found is None:
            return self._graph(args, leaves)
        variant, (value, by_arguments, by_parameters) = found
        out = Value(value)
        if recording:
            parents = (*variant.recording.parameters, *[leaves[i] for i in chosen])
            partials = (*by_parameters, *[by_arguments[i] for i in chosen])
            if parents:
                out.parents, out.partials = parents, partials
                out.op = _CompiledCall(variant.recording, leaves, chosen, parents, value)
        return out

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[float, tuple[Any, ...]]:
        """The value as a float, and the gradients: one entry per argument, shaped like it.

        What is given by name has its entry in the place that the signature says; those that can be given by name only
        are together in a dictionary, the last entry.

        >>> from autograd import compile
        >>> compile(lambda x, w: x * w[0] + w[1]).value_and_grad(2.0, [3.0, 4.0])
        (10.0, (3.0, [2.0, 1.0]))
        """
        self._look_outside()
        if open_contexts.count and current_modes().strict:
            args = positional(self.f, args, keywords)
            return self.by_graph(args, structure_of(args)[1])
        return (self._fast or self._value_and_grad)(*args, **keywords)

    def _graph(self, args: Sequence[Any], given: Sequence[Any]) -> Value:
        """The function as it is: for ``strict()``, which looks at each operation, and where no recording fits."""
        return as_node(run(self.f, args, leaves_for(given, self._labels(args), keep=True)))

    def by_graph(self, args: Sequence[Any], given: Sequence[Any]) -> tuple[float, tuple[Any, ...]]:
        """The same as ``value_and_grad`` without the compiler.

        Args:
            args: the arguments in the order of the signature.
            given: the numbers and Values in them.
        """
        with switched(recorder=None, recording=True) if open_contexts.count else nullcontext():
            leaves = leaves_for(given, self._labels(args))
            output = as_node(run(self.f, args, leaves))
            supply = iter(gradients(output, leaves))
        return output._data, tuple([rebuild(arg, supply) for arg in args])

    def _labels(self, args: Sequence[Any]) -> Iterable[str]:
        """Names of the numbers, for the errors of ``strict()``."""
        return labels_of(self.f, args) if open_contexts.count else repeat("")

    def _value_and_grad(self, *args: Any, **keywords: Any) -> tuple[float, tuple[Any, ...]]:
        """The general way: any kind of arguments, and guards."""
        args = positional(self.f, args, keywords)
        structure, leaves = structure_of(args)
        if self._fast is None and self._make_fast(args, structure):
            return self.value_and_grad(*args)
        numbers = numbers_of(leaves)
        found = self._run(args, structure, numbers, False, tuple(range(len(numbers))))
        if found is None:
            return self.by_graph(args, leaves)
        _, (value, by_arguments, _) = found
        supply = iter(by_arguments)
        return value, tuple([rebuild(arg, supply) for arg in args])

    def _make_fast(self, args: Sequence[Any], structure: Any) -> bool:
        """From now on let machine code take arguments of this shape, if it can do all there is to do."""
        variants = self.variants[structure]
        if self.backend == "python" or not all(map(is_plain, args)) or not (variants.kept or variants.would_pay()):
            return False
        variant = self.variant(structure, 0, args)
        if variant.has_lanes or variant.recording.guards or variant.recording.parameters:
            return False
        plan = variant.point_plan()
        if not isinstance(plan.kernel, PythonKernel):
            supply = iter(range(1, plan.kernel.outputs))
            result = (0, tuple([rebuild(arg, supply) for arg in args]))
            self._fast = plan.kernel.caller([flat_shape(arg) for arg in args], result, self._value_and_grad)
            self.latest = plan
        return self._fast is not None

    def variant(self, structure: Any, number: int, args: Sequence[Any]) -> Variant:
        """A variant for arguments of this structure, recorded at ``args`` if there are not so many yet."""
        kept = self.variants[structure].kept
        return kept[number] if number < len(kept) else self.record(args, structure)

    def map(self, *arrays: Any) -> tuple[Any, tuple[Any, ...]]:
        """A function of scalars at N points, given as one array of N numbers per argument.

        Returns:
            values[N], and per argument the gradients[N]; numpy arrays if numpy is installed, else lists.

        >>> from autograd import compile
        >>> values, (dx,) = compile(lambda x: x * x).map([1.0, 2.0, 3.0])
        >>> list(map(float, values)), list(map(float, dx))
        ([1.0, 4.0, 9.0], [2.0, 4.0, 6.0])
        """
        self._look_outside()
        return map_points(self, arrays)

    def _run(
        self,
        args: Sequence[Any],
        structure: Any,
        numbers: list[float],
        by_parameters: bool,
        by_arguments: tuple[int, ...],
    ) -> tuple[Variant, tuple[float, list[float], list[float]]] | None:
        """The first variant whose guards hold, and what it gives; a new one if that would pay, else None."""
        self._look_outside()
        variants = self.variants[structure]
        variants.calls += 1
        for variant in variants.kept:
            plan = variant.plan(by_parameters, by_arguments)
            result = plan.run(numbers, variant.live())
            if result is not None:
                self.latest = plan
                variants.hits += 1
                return variant, result
        if not variants.would_pay():
            self.warn_of_graph(variants, f"{variants.calls} calls")
            return None
        variant = self.record(args, structure)
        plan = self.latest = variant.plan(by_parameters, by_arguments)
        result = plan.run(numbers, variant.live())
        return None if result is None else (variant, result)  # None: a number that was read differs by rounding

    def _look_outside(self) -> None:
        """Forget what was recorded if a name that the function reads from outside has another object since."""
        outside = self._outside()
        if not all(map(is_, outside, self._seen)):
            if self._fast is None:
                for variants in self.variants.values():
                    variants.kept = []
            else:  # of its calls nobody knows how many there were
                self._fast = None
                self.variants.clear()
            self._seen = outside

    def record(self, args: Sequence[Any], structure: Any) -> Variant:
        """Record the function at these arguments, and keep the recording."""
        with collector_paused():
            variant = Variant(record(self.f, args), self.backend)
        with self._lock:
            self.recordings += 1
            # What is outside may be newer than the function, and the function may have changed it just now.
            self._outside = names_outside(self.f)
            self._seen = self._outside()
            self.variants[structure].add(variant)
        return variant

    def warn_of_graph(self, variants: Variants, calls: str) -> None:
        """Say once that what none of these recordings fits is evaluated without the compiler, and why."""
        with self._lock:
            if self._warned:
                return
            self._warned = True
        if len(variants.kept) > 1:
            why = advice(first_difference(*[variant.recording for variant in variants.kept[-2:]]))
        else:
            why = "reads something from outside that is another object each time: pass it as an argument"
        depth, frame = 1, sys._getframe()
        while frame.f_back and frame.f_globals.get("__name__", "").startswith("autograd."):
            depth, frame = depth + 1, frame.f_back
        warnings.warn(
            f"{getattr(self.f, '__name__', 'the function')} was recorded {variants.recorded} times in {calls}; where "
            f"no recording fits it runs without the compiler, many times slower: it {why}",
            RuntimeWarning,
            stacklevel=depth,
        )

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
        if self.latest is None:
            return repr(self)
        program = self._latest().program
        try:
            from autograd.compiler.arrange import arrange
        except ImportError:
            return str(program)
        return str(arrange(program, fewest=2))

    # ---- methods, copies -------------------------------------------------------------------------------------------
    def __get__(self, instance: Any, owner: Any = None) -> Compiled:
        """As a method: compiled for each object apart, which keeps it in its attribute ``_compiled``."""
        if instance is None:
            return self
        kept: dict[str, Compiled] = vars(instance).setdefault("_compiled", {})
        name = self.f.__qualname__
        if name not in kept:
            kept[name] = Compiled(self.f.__get__(instance, owner), self.backend)
        return kept[name]

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        f = deepcopy(self.f, memo)  # a function is its own copy, the method of a copy is not the same method
        return self if f is self.f else Compiled(f, self.backend)

    def __reduce__(self) -> str | tuple[Any, ...]:
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return str(name)  # a decorated function, found where it is defined
        return Compiled, (self.f, self.backend)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.f, '__name__', 'function')}, recorded {self.recordings} times>"


class _CompiledCall(Op):
    """The primitive of one call: its derivatives are those that it computed; as a graph, those of the recording."""

    def __init__(
        self,
        recording: Recording,
        leaves: Sequence[Any],
        chosen: Sequence[int],
        parents: Sequence[Value],
        data: float,
    ) -> None:
        at = tuple([parent._data for parent in parents])

        def again(*operands: Any) -> Any:
            """The recorded graph of other captured leaves and arguments."""
            inputs = [*recording.parameters, *[recording.arguments[i] for i in chosen]]
            return replayed(recording.output, dict(zip([*recording.arguments, *inputs], [*leaves, *operands])))

        def value(*numbers: float) -> float:
            return data if numbers == at else as_node(again(*numbers))._data  # eagerly it would differ by rounding

        def partials(result: Any, *operands: Any) -> Sequence[Any]:
            with recording_on():
                # Nodes of their own, since one operand may have been computed from another.
                nodes = [ops.identity(as_node(x)) for x in operands]
                is_graph = any(isinstance(x, Value) for x in operands)
                return gradients(as_node(again(*nodes)), nodes, create_graph=is_graph)

        super().__init__("compiled", value, partials)
        self.again = again

    def __call__(self, *operands: Any) -> Any:
        """The recorded graph itself, of the operands: a replay, which may be compiled, has no use for this one call."""
        return self.again(*operands)

    def __reduce__(self) -> NoReturn:
        raise PrimitiveError("cannot save the result of a compiled function with its graph: save it.detach()")


def replayed(output: Value, place: dict[Value, Any]) -> Any:
    """A graph once more, with other numbers or nodes in the place of some of its nodes."""
    for node in topological_order(output):
        if node.parents and node not in place:
            apply = ops.where if node.op is ops.select else node.op  # the side not taken is no parent
            place[node] = apply(*[place.get(parent, parent) for parent in node.parents])
            if isinstance(place[node], Value):
                place[node].label = node.label
    return place.get(output, output)


def compile_function(
    f: Callable[..., Any] | Value, *, inputs: Sequence[Value] | None = None, backend: str = "auto"
) -> Compiled:
    """Compile a function of numbers, or a graph that exists already: the function ``autograd.compile``.

    The function is run once on Values, at the arguments of the first call.  From the recorded graph the compiler finds
    the loop over samples and the matrices of the layers, differentiates by the rows of the derivative table, and emits
    machine code (or Python source, where llvmlite is not installed).  Later calls run that.

    Args:
        f: a function of numbers, nested lists, dictionaries or numpy arrays that returns one Value; it may use Values
            from outside (parameters), which are read at each call.  A method, or a model.  Or a Value, the root of a
            graph.
        inputs: with a graph: the leaves that become the arguments, in order.
        backend: "auto", or "native" or "python" to insist on one.

    An argument that is an int may be an index, the end of a ``range``, or compared with ``==``; each such use is a
    decision, like ``if`` and ``max``: a call for which it would be another one records the function again.  If it
    decides differently at nearly every call, so that recordings are hardly ever used again, such calls run without the
    compiler, with the same result; a warning says why.

    Numbers and lists from outside are part of the recording.  It is made again when one of the function's own outside
    names (a global, a name of an enclosing function, an attribute of a method's object) stands for another object.
    What a function that it calls reads from outside, a list that is changed in place, random numbers drawn inside and
    the time stay as they were: pass such things as arguments.

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
    graph: Value = f
    if any(isinstance(node.op, _CompiledCall) for node in topological_order(f)):
        graph = replayed(f, {})  # with the graphs of these calls in their place
    recording = recording_of(graph, leaves)

    def replay(*args: Any) -> Any:
        if len(args) != len(leaves):
            raise TypeError(f"this graph has {len(leaves)} inputs, but {len(args)} arguments were given")
        return replayed(graph, dict(zip(leaves, args)))

    compiled = Compiled(replay, backend)
    compiled.variants[len(leaves)] = Variants([Variant(recording, backend)])
    compiled.recordings = 1
    return compiled
