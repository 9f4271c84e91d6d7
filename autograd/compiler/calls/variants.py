"""One recording of a function, and the plans made from it: programs with gradients, and the kernels that run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from math import isfinite
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.collector import collector_paused
from autograd.compiler.backends import TooManyClassesError, native_available
from autograd.compiler.calls.budget import Budget, thread_time
from autograd.compiler.calls.replay import EagerPlan, at_recording, evaluated, stepped
from autograd.compiler.calls.stages import FEW_CLASSES, PAYS, Stages
from autograd.compiler.calls.steps import Stepped, live_numbers, recorded, step, write
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.results import floats_of, several
from autograd.compiler.recording.traced import drops_gradient
from autograd.compiler.residence import Residence
from autograd.errors import PrimitiveError
from autograd.graph import Leaves
from autograd.value import Value

FEW_NODES = 300  # a recording with more nodes does not become a builtin function
_FEW = 256  # if the results have more local derivatives together, the call becomes a node
_MANY = 32  # if there are so many parameters, machine code reads them all at once

if TYPE_CHECKING:
    from autograd.compiler.calls.plans import Plan, PointPlan, StepPlan
    from autograd.compiler.machine.objects import Numbers

_parents = attrgetter("parents")
FIRST: Mapping[int, float] = MappingProxyType({0: 1.0})  # weights of the outputs that select the first one


def _plans() -> Any:
    """The module that compiles, imported late: its import takes longer than the first calls of a small function."""
    import autograd.compiler.calls.plans

    return autograd.compiler.calls.plans


class Evaluated(NamedTuple):
    """The results of a call."""

    values: list[float]  # the outputs
    # The derivatives of the first output, with respect to parameters perhaps as an array; None if not computed yet.
    by_arguments: list[float] | None
    by_parameters: Sequence[float] | None
    live: Sequence[float]  # the numbers that the call read from Python's objects: the parameters, then the others


class Variant(Stages):
    """One recording of a function, and the plans made from it so far.

    Args:
        recording: The recording of the function.
        backend: The backend that runs it.
        outside: Everything that the function read besides its arguments.
        budget: The budget that the time of compiling is added to.
        residence: The guard of numbers that stay in the memory of machine code; None if nothing is changed.
        name: The name of the function.
    """

    def __init__(
        self,
        recording: Recording,
        backend: str,
        outside: Outside,
        budget: Budget,
        residence: Residence | None = None,
        name: str = "compiled",
    ) -> None:
        super().__init__(recording, backend, budget)
        self.name = name
        kind = tuple if any(node.parents for node in recording.parameters) else Leaves
        self.captured: tuple[Any, ...] = kind(recording.parameters)
        labels = [node.label if node.parents else "" for node in recording.outputs]
        self.labels = labels if any(labels) else []  # of the outputs
        self._reads = 0  # how often the data of the captured leaves was read
        self._native: Numbers | None = None  # reads this data by machine code
        self.outside = outside
        self.residence = residence
        self.only_first = False  # whether the last backward pass used only the first of several results
        self.seconds = 0.0  # the time of compiling
        # The machine code of a training step whose numbers stay in its memory, once it is there.
        self.settled: Callable[[Sequence[float], Sequence[Any]], Stepped | None] | None = None

    def are_leaves(self, given: Sequence[Value]) -> bool:
        """Whether these Values and the captured ones are distinct leaves."""
        return (
            isinstance(self.captured, Leaves)
            and not any(map(_parents, given))
            and len({*given}) == len(given)
            and self._known.isdisjoint(given)
        )

    @cached_property
    def _known(self) -> frozenset[Value]:
        return frozenset(self.captured)

    def _make_native(self) -> None:
        """If there are many parameters, let machine code read their data and add to their gradients from now on."""
        recording, leaves = self.recording, self.captured
        alone = not recording.numbers and recording.effects.outside is None and not self.has_effects
        if len(leaves) < _MANY or not alone or not isinstance(leaves, Leaves) or self.backend == "python":
            return
        if native_available(notice=False):
            from autograd.compiler.machine.objects import Numbers, can_read

            if can_read():
                self._native = leaves.native = Numbers(leaves)

    def plan(self, by_parameters: bool, by_arguments: tuple[int, ...], weighted: bool = False) -> Plan | EagerPlan:
        """The plan for the value and the gradients that are asked for.

        Args:
            by_parameters: Whether to differentiate with respect to the captured leaves.
            by_arguments: Positions of the numbers to differentiate with respect to.
            weighted: Whether to differentiate Σ weight · output instead of the first output; the weights are passed
                after the arguments.
        """
        by = by_parameters, bool(by_arguments)

        def recording() -> Recording:
            if weighted:
                return self._weighted
            return self._first if self.has_effects else self.recording

        made: Plan | None = self._staged((*by, weighted), lambda *how: _plans().Plan(recording(), by, *how))
        return made or EagerPlan(partial(evaluated, recording(), differentiated=any(by)), recording(), by)

    @cached_property
    def _first(self) -> Recording:
        return self.recording.alone([0])

    @cached_property
    def _weighted(self) -> Recording:
        return self.recording.weighted(self.differentiable)

    @cached_property
    def differentiable(self) -> list[int]:
        """The positions of the outputs that can have a gradient."""
        forms = [form for form in (self.recording.form, self.recording.changed) if form is not None]
        kinds = [kind for form in forms for kind in form.kinds]
        if self.recording.form is None:
            kinds = [Value, *kinds]
        return [k for k, kind in enumerate(kinds) if kind is Value]

    def gives_many(self, operands: int) -> bool:
        """Whether the results have many local derivatives together: then a call is a node, see ``calls.together``."""
        results = len(self.differentiable)
        return results > 1 and results * operands > _FEW

    def step_plan(self) -> StepPlan | EagerPlan:
        """The plan for the outputs and the effects of the function."""
        if self.is_final and (known := self.plans.get("step")) is not None:
            return known  # type: ignore[no-any-return]
        recording, residence = self.recording, self.residence or Residence()
        made: StepPlan | None = self._staged(
            "step",
            lambda backend, *most: _plans().StepPlan(recording, backend, residence, self.outside.deferrable, *most),
        )
        if made is not None and self.is_final and not recording.effects.through:
            self.settled = made.resident
        return made or EagerPlan(partial(step, recording, partial(stepped, recording)), recording)

    def evaluate(
        self,
        by_parameters: bool,
        by_arguments: tuple[int, ...],
        numbers: Sequence[float],
        given: Sequence[Any],
    ) -> Evaluated | None:
        """The results of a call, with all its effects done; None, and no effect, if a guard does not hold."""
        if self.is_final:
            found = self._evaluated(by_parameters, by_arguments, numbers, given)
            self.calls += found is not None
            return found
        self.calls += 1
        is_timed = self.has_no_program(self.calls) or self.waiting()
        started, compiling = thread_time() if is_timed else 0.0, self.seconds
        found = self._evaluated(by_parameters, by_arguments, numbers, given)
        seconds = thread_time() - started - (self.seconds - compiling) if is_timed else 0.0
        if found is None:
            self.calls -= 1
        else:
            self.took += seconds
        return found

    def _evaluated(
        self, by_parameters: bool, by_arguments: tuple[int, ...], numbers: Sequence[float], given: Sequence[Any]
    ) -> Evaluated | None:
        through = self.recording.effects.through
        if through and any(given[k].parents for k in through):  # the derivatives would have to go on
            return None
        try:
            if self.has_effects:
                stepped = self.step_plan().run(numbers, given)
                return None if stepped is None else Evaluated(stepped[0], None, None, stepped[1])
            live = self.live(given)
            differentiated = self.only_first or not self.gives_many(len(self.captured) + len(by_arguments))
            needed = differentiated and not (by_parameters and not self.differentiable)
            by = (by_parameters, by_arguments) if needed else (False, ())
            found = None if live is None else self.plan(*by).run(numbers, live)
        except PrimitiveError:  # perhaps a guard fails, and the function would not come to this operation
            return None
        if live is None or found is None:
            return None
        values, with_arguments, with_parameters = found
        if not differentiated:
            return Evaluated(values, None, None, live)
        return Evaluated(values, with_arguments, with_parameters, live)

    def first(
        self, by_parameters: bool, by_arguments: tuple[int, ...], numbers: Sequence[float], given: Sequence[Any]
    ) -> Evaluated:
        """The results of the call that was recorded, for which the function must not run again.

        If something outside has changed since, or if machine code rounds a guarded number differently, they are those
        of the recording.
        """
        self.calls += 1
        found = None
        if not self.has_no_program(self.calls) and not self.is_early and self.outside.holds():
            found = self._evaluated(by_parameters, by_arguments, numbers, given)
        return found or self._at_recording(given)

    def _at_recording(self, given: Sequence[Any]) -> Evaluated:
        live = [node._data for node in (*self.recording.parameters, *self.recording.numbers)]
        if not self.has_effects:
            return Evaluated(*at_recording(self.recording), live)
        values, lists = recorded(self.recording)
        write(self.recording.effects, lists, given)
        return Evaluated(values, None, None, live)

    def gradients(
        self,
        by_parameters: bool,
        by_arguments: tuple[int, ...],
        numbers: Sequence[float],
        live: Sequence[float],
        weights: Mapping[int, float] = FIRST,
    ) -> tuple[list[float], list[float]]:
        """The derivatives of Σ weight · output for an earlier call, with respect to arguments and parameters.

        Args:
            by_parameters: Whether to differentiate with respect to the captured leaves.
            by_arguments: Positions of the numbers to differentiate with respect to.
            numbers: The numbers in the arguments of that call.
            live: The other numbers that the call read.
            weights: The weight of each output, by position; by default the first output has weight 1.
        """
        if weights == FIRST:
            found = self.plan(by_parameters, by_arguments).run(numbers, live)
        else:
            every = [weights.get(k, 0.0) for k in self.differentiable]
            found = self.plan(by_parameters, by_arguments, weighted=True).run([*numbers, *every], live)
        slopes = None if found is None else (found[1][: len(numbers)], floats_of(found[2]))
        if slopes is None or (len(weights) < len(self.differentiable) and not isfinite(sum(map(sum, slopes)))):
            # A guarded number was rounded differently this time, or an output without a weight gave 0 · inf.
            recording = self.recording.weighted([*weights])._replace(guards=[])
            found = evaluated(recording, [*numbers, *weights.values()], live)
            assert found is not None  # there are no guards
            slopes = found[1][: len(numbers)], found[2]
        return slopes

    def point_plan(self) -> PointPlan:
        """The plan for value and gradient at points, which are given as plain numbers."""
        made: PointPlan = self._planned("points", lambda: _plans().PointPlan(self.recording, self.backend))
        return made

    def _staged(self, key: Any, make: Callable[..., Any]) -> Any:
        """The plan for a call; None if the call replays the graph.

        As long as it is too early for machine code, calls after the first ones run as Python source, if it is short.

        Args:
            key: The name of the plan.
            make: A function that makes the plan, given a backend and perhaps the largest number of classes allowed.
        """
        if self.is_final:
            return self._planned(key, lambda: make(self.later))
        if self.has_no_program(self.calls):
            return None
        if self.later == "python" or not self.waiting():
            self.is_final = True
            return self._planned(key, lambda: make(self.later))
        try:
            return None if self.is_irregular else self._planned((key, "early"), lambda: make("python", FEW_CLASSES))
        except TooManyClassesError:
            self.is_irregular = True
            return None

    def _planned(self, key: Any, make: Callable[[], Any]) -> Any:
        found = self.plans.get(key)
        if found is None:
            started = thread_time()
            try:
                with collector_paused():
                    found = self.plans[key] = make()
                    self.made()
            finally:
                self.recording.nodes.forget()
                seconds = thread_time() - started
                self.budget.compiled(seconds)
                self.seconds += seconds
        return found

    def check_gradients(self) -> None:
        """Check that ``value_and_grad`` can be computed.

        Raises:
            TypeError: The function returns several numbers, or it turns an argument into a plain float, by ``float(x)``
                or a function of ``math``.
        """
        if self.recording.form is not None and not self.recording.form.is_number:
            raise several(self.recording.form.template)
        if self.recording.dropped:
            raise drops_gradient(self.recording.dropped)

    def live(self, given: Sequence[Any]) -> Sequence[float] | None:
        """The current numbers that a call with these arguments reads outside; None if one of them is no number now."""
        self._reads += not self.waits
        if self._reads == max(PAYS, self.calls_by_graph + 1):
            self._make_native()
        found = self._native.read() if self._native is not None else None
        return live_numbers(self.recording, given) if found is None else found
