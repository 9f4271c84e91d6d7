"""A compiled function: it is recorded once, and then runs the program that was made from its graph."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import lru_cache, update_wrapper
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from threading import get_ident
from typing import TYPE_CHECKING, Any

from autograd import display
from autograd.compiler.backends import BACKENDS
from autograd.compiler.calls.budget import MOST, thread_time
from autograd.compiler.calls.mapping import map_points
from autograd.compiler.calls.nodes import Nodes
from autograd.compiler.calls.objects import Methods, Objects
from autograd.compiler.calls.recordings import Uncompiled, recording_now
from autograd.compiler.calls.report import heading, report, shortened
from autograd.compiler.calls.variants import FEW_NODES, Evaluated, Variant
from autograd.compiler.recording import arguments
from autograd.compiler.recording.arguments import Apart, arguments_of, parts_of_call, positional, refilled
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.results import Plain
from autograd.modes import Modes, current_modes, open_contexts
from autograd.trees import NumpyKindError, ObjectError, OwnKindError, rebuild
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.calls.plans import Plan, PointPlan, StepPlan
    from autograd.compiler.calls.replay import EagerPlan
    from autograd.compiler.program.classes import Program

_STEP = "step"  # the request for a call with all its effects; other requests say what to differentiate


class Compiled(Uncompiled):
    """A compiled function: see ``autograd.compile``."""

    def __init__(self, f: Callable[..., Any], backend: str = "auto") -> None:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        self._binding: Any = type(f) if isinstance(f, (classmethod, staticmethod)) else None
        function = f.__func__ if isinstance(f, (classmethod, staticmethod)) else f
        if not callable(function):
            raise TypeError(f"expected a function, or a Value and inputs=[...], not {function!r}")
        if any(is_one(function) for is_one in (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)):
            raise TypeError(
                f"{getattr(function, '__name__', 'this')} is a generator or an async function, which runs in parts: "
                "compile a function that computes one part, and call that inside"
            )
        super().__init__(function.f if isinstance(function, Compiled) else function, backend)
        self._latest: tuple[Variant, Any] | None = None  # the recording that served the last call, and the request
        self._fast: tuple[Callable[..., Any], Outside] | None = None  # machine code, and all that its recording read
        self._is_proved = False  # whether a program served the last call, and is known to pay: no clock is needed
        self._apart = Apart()
        self.objects = Objects(self.f, lambda function: Compiled(function, backend))
        self._methods: OrderedDict[int, tuple[Any, Compiled]] = OrderedDict()
        update_wrapper(self, self.f, updated=())  # without a copy of the function's __dict__

    # ---- calls -----------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The result of the function.

        The parents of a Value in it are the captured leaves and every argument that is a Value.  So ``backward``,
        optimisers and eager code around the call work as if the function itself had run.
        """
        modes = current_modes() if open_contexts.count else None
        if modes is not None and modes.recorder is not None:
            return self.f(*args, **keywords)  # this call is part of another function's recording, which needs the graph
        found = self._called(modes, args, keywords)
        return Plain(found) if type(found) is float else found

    def _called(self, modes: Modes | None, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        args = positional(self.f, args, keywords) if keywords else args
        budget = self.budget
        if budget.rest > 0 and modes is None:
            budget.rest -= 1
            budget.misses += 1
            return self.directly(args)
        started = 0.0 if self._is_proved else thread_time()
        try:
            parts = parts_of_call(args)
        except (ObjectError, OwnKindError, OverflowError) as error:
            parts, refused = None, error
        if parts is None:  # outside the `except`: errors of the function would show that error as their context
            compiled, rest = self.objects.compiled(args)
            return self.as_it_is(args, refused) if compiled is None else compiled(*rest)
        structure, leaves, numbers, chosen = parts
        if modes is not None and modes.strict:
            return self.graph(args, leaves)
        recording = modes is None or modes.recording
        chosen = chosen if recording else ()
        found = None if modes is not None or chosen else self._settled(args, structure, numbers, leaves)
        early = self._early(structure) if found is None else None
        if found is None and early is None:
            found = self._run(args, structure, numbers, leaves, recording, chosen, may_wait=True)
        if found is not None:
            result = Nodes(found[0], leaves, numbers, chosen if recording else None, found[1]).results(args)
            if started:
                self._is_proved = found[0].served(thread_time() - started)
                if not found[0].plans:  # it was replayed, which takes longer than the function
                    budget.looked(thread_time() - started)
            return result
        raised = self.raised.pop(get_ident(), None)
        looked = thread_time()
        result = self.directly(args, leaves, raised=raised is not None)
        seconds = thread_time() - looked
        in_all = budget.ran(structure, seconds, looked - started if started else 0.0)
        self._is_proved = False
        if early is not None:
            early.ran(seconds, in_all)
        if self.never:
            self.warn_of_graph(structure, f"{budget.calls} calls")
            budget.rest = sys.maxsize
        if raised is not None:  # the function raised while it was recorded, but not in the plain call
            self.was_refused(structure, raised)
        return result

    def _settled(
        self, args: Sequence[Any], structure: Any, numbers: list[float], given: list[Any]
    ) -> tuple[Variant, Evaluated] | None:
        """What ``_run`` gives for a training step whose machine code is there, by the shortest way.

        None if there is more to find out: several recordings to choose from, say.
        """
        kept = self.kept.by_structure.get(structure, ())
        variant: Variant | None = kept[0] if len(kept) == 1 else None
        if variant is None or variant.settled is None or not self.are_apart(args, structure, given):
            return None
        found = variant.settled(numbers, given) if variant.outside.holds() else None
        if found is None:
            return None
        variant.calls += 1
        self.budget.hits += 1
        self._latest = variant, _STEP
        return variant, Evaluated(found[0], None, None, found[1])

    def _early(self, structure: Any) -> Variant | None:
        """The recording of this structure, if there is one only, and calls run without the compiler for now."""
        kept = self.variants.get(structure, ())
        early = kept[0] if len(kept) == 1 and kept[0].is_early else None
        self.budget.misses += early is not None
        return early

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[float, tuple[Any, ...]]:
        """The value as a float, and the gradients: one entry per argument, shaped like it; None for a string.

        Entries have the order of the signature.  The gradients of keyword-only arguments form a dictionary, which is
        the last entry.

        >>> from autograd import compile
        >>> compile(lambda x, w: x * w[0] + w[1]).value_and_grad(2.0, [3.0, 4.0])
        (10.0, (3.0, [2.0, 1.0]))
        """
        if open_contexts.count and current_modes().strict:
            return self.by_graph(args := positional(self.f, args, keywords), arguments.structure(args)[1])
        fast = self._fast  # read once, since another thread may set it to None
        if fast is not None:
            if fast[1].holds():
                self.budget.hits += 1
                found: tuple[float, tuple[Any, ...]] = fast[0](*args, **keywords)
                return found
            self._fast = None
        return self._value_and_grad(*args, **keywords)

    def _value_and_grad(self, *args: Any, **keywords: Any) -> tuple[float, tuple[Any, ...]]:
        """``value_and_grad`` for arguments of any kind, and for functions with guards."""
        args = positional(self.f, args, keywords)
        if self.asks_for_values is None:
            self._note_code(self._seen())
        try:
            if self.asks_for_values:  # then its arguments are Values, as for ``autograd.value_and_grad``
                args = tuple([rebuild(arg, map(_as_value, arguments_of(arg))) for arg in args])
            apart = self._apart(args, self.backend != "python" and not self.has_effects)
        except NumpyKindError:  # such as float32: the function is differentiated at floats
            return self._value_and_grad(*[rebuild(arg, arguments_of(arg)) for arg in args])
        except ObjectError:
            apart = None
        if apart is None:
            return self.objects.value_and_grad(args)
        structure, leaves, numbers = apart
        fresh = None
        if self._fast is None and self.backend != "python" and all(map(arguments.is_plain, args)):
            variant = next(self.kept.holding(structure), None)
            if variant is None and self.would_pay(structure):
                variant = fresh = self.recorded(args, structure)
                if variant is None:
                    return self.by_graph(args, leaves)
            if variant is not None:
                variant.check_gradients()
                if variant.pays_builtin and variant.outside.holds() and self._make_fast(variant, args):
                    return self.value_and_grad(*args)
        every = _every(len(numbers))
        found = self._run(args, structure, numbers, leaves, False, every, fresh)
        if found is None:
            started = thread_time()
            gradients = self.by_graph(args, parts_of_call(args)[1])
            self.budget.ran(structure, thread_time() - started)
            return gradients
        variant, result = found
        variant.check_gradients()
        derivatives = result.by_arguments or variant.gradients(False, every, numbers, result.live)[0]
        return result.values[0], refilled(args, structure, leaves, derivatives)

    def _make_fast(self, variant: Variant, args: Sequence[Any]) -> bool:
        """Let machine code take arguments of this shape from now on, if a call only returns a number and a gradient."""
        recording = variant.recording
        if (
            len(recording.nodes) > FEW_NODES
            or recording.guards
            or recording.parameters
            or recording.numbers
            or recording.changed
            or recording.effects.outside
            or recording.effects.any
        ):
            return False
        supply = iter(range(1, 1 + len(variant.recording.arguments)))
        result = (0, tuple([rebuild(arg, supply) for arg in args]))
        call = variant.point_plan().caller(tuple(args), result, self._value_and_grad)
        if call is None:
            return False
        self._fast, self._latest = (call, variant.outside), (variant, None)
        return True

    def map(self, *arrays: Any) -> tuple[Any, tuple[Any, ...]]:
        """Evaluate a function of scalars, and its gradient, at N points: one array of N numbers per argument.

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
        given: list[Any],
        by_parameters: bool,
        by_arguments: tuple[int, ...],
        fresh: Variant | None = None,
        *,
        may_wait: bool = False,
    ) -> tuple[Variant, Evaluated] | None:
        """The first variant whose guards hold, and its results; a new variant if recording pays, else None.

        Args:
            args: The arguments in the order of the signature.
            structure: The structure of the arguments.
            numbers: The numbers in the arguments.
            given: The numbers in the arguments, where a Value stays a Value.
            by_parameters: Whether to differentiate with respect to the captured leaves.
            by_arguments: Positions of the numbers to differentiate with respect to.
            fresh: A recording of this same call, if there is one.
            may_wait: Whether the call may run without the compiler if its structure has not been frequent enough yet.
        """
        asked = by_parameters, by_arguments
        if not self.are_apart(args, structure, given):
            return None
        if fresh is None:
            for variant in self.kept.holding(structure):
                if variant.has_effects and not recording_now():
                    continue  # inside no_grad(), backward() sets no gradients, but the recording would
                result = variant.evaluate(*asked, numbers, given)
                if result is not None:
                    self.kept.served(structure, variant)
                    self._latest = variant, _STEP if variant.has_effects else asked
                    self.budget.hits += 1
                    return variant, result
            if may_wait and self.budget.must_wait(structure):
                return None
            fresh = self.recorded(args, structure) if self.would_pay(structure) else None
            if fresh is None or not self.are_apart(args, structure, given):
                return None
        self._latest = fresh, _STEP if fresh.has_effects else asked
        return fresh, fresh.first(*asked, numbers, given)

    # ---- looking inside --------------------------------------------------------------------------------------------
    @property
    def latest(self) -> Plan | PointPlan | StepPlan | EagerPlan:
        """The plan of the last call that a recording served."""
        if self._latest is None and self.objects.last is not None:
            return self.objects.last.latest  # type: ignore[no-any-return]
        if self._latest is None:
            raise ValueError("nothing is recorded yet: call the function once")
        variant, asked = self._latest
        if asked is _STEP:
            return variant.step_plan()
        return variant.plan(*asked) if asked else variant.point_plan()

    @property
    def program(self) -> Program:
        """The program of the last call, gradient included; printing it shows one line per instruction."""
        return self.latest.program

    def report(self) -> str:
        """A text to print: each recording, why it was made, the decisions that it depends on, times and sizes."""
        return report(self)

    def source(self) -> str:
        """The program as Python source: the forward lines, then the lines of the backward pass."""
        from autograd.compiler.python.writer import python_source

        return python_source(self.latest.program)

    def __str__(self) -> str:
        """The program of the recording that was used last, in matrix form where one is found."""
        if self._latest is None:
            return str(self.objects.last or repr(self))
        from autograd.compiler.textbook.matrix_form import matrix_form

        return heading(self.kept.all()) + shortened(matrix_form(self.program))

    def _repr_html_(self) -> str:
        head = repr(self).strip("<>")
        return display.program(str(self), head) if self._latest is not None else display.program("not called yet", head)

    # ---- methods, copies -------------------------------------------------------------------------------------------
    def __get__(self, instance: Any, owner: Any = None) -> Compiled:
        """A method is compiled separately for each object.

        An object with a ``__dict__`` keeps its compiled methods in its attribute ``_compiled``.  For other objects
        (classes, objects with slots), this function keeps the compiled methods of the last 16.
        """
        if self._binding is staticmethod:
            return self
        if self._binding is classmethod:
            instance = owner or type(instance)
        if instance is None:
            return self
        self.bound, space = True, getattr(instance, "__dict__", None)
        if isinstance(space, dict):
            own = space.get("_compiled")
            if not isinstance(own, Methods) or own.owner is not instance:
                own = space["_compiled"] = Methods(instance)
            if self not in own:
                own[self] = Compiled(self.f.__get__(instance, owner), self.backend)
            return own[self]  # type: ignore[no-any-return]
        with self._lock:
            if id(instance) not in self._methods:
                self._methods[id(instance)] = instance, Compiled(self.f.__get__(instance, owner), self.backend)
            self._methods.move_to_end(id(instance))
            while len(self._methods) > MOST:
                self._methods.popitem(last=False)
            return self._methods[id(instance)][1]

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        f = deepcopy(self.f, memo)  # a function is its own copy, but the method of a copied object is a new method
        return self if f is self.f else Compiled(f, self.backend)

    def __reduce__(self) -> str | tuple[Any, ...]:
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return str(name)  # a decorated function is pickled by its name
        return Compiled, (self.f, self.backend)

    def __repr__(self) -> str:
        count = self.recordings + sum([x.recordings for x in self.objects.known.values()])
        return f"<compiled {getattr(self.f, '__name__', 'function')}, recorded {count} time{'s' * (count != 1)}>"


def _as_value(x: Any) -> Any:
    return Value(x) if type(x) is float else x


@lru_cache(16)
def _every(count: int) -> tuple[int, ...]:
    return tuple(range(count))
