"""One recording of a function, and what is made from it: programs with gradients, and the kernels that run them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from math import isfinite
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.collector import collector_paused
from autograd.compiler.backends import native_available
from autograd.compiler.calls.budget import MOST, Budget, thread_time
from autograd.compiler.calls.replay import EagerPlan, at_recording, evaluated, stepped
from autograd.compiler.calls.steps import live_numbers, recorded, step, write
from autograd.compiler.recording.arguments import NUMBERS
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.results import floats_of, several
from autograd.compiler.recording.traced import drops_gradient
from autograd.compiler.residence import Residence
from autograd.errors import PrimitiveError
from autograd.graph import Leaves
from autograd.value import Value

MOST_IN_ALL = 64  # recordings kept for a function
FEW_NODES = 300  # in a recording that is worth a look at its program, which must have at most
_FEW = 256  # local derivatives of all results of a call
_MANY = 32  # parameters that machine code reads together,
_PAYS = 3  # from so many calls on
BY_GRAPH = 4  # calls of a small function by the recorded graph, before it is compiled
_BY_GRAPH_IN_ALL = 10_000  # operands that these calls may have together: compiling costs as much as ten times that
BUILTIN_FROM = 4  # calls of value_and_grad before it becomes a builtin function
TINY = 100  # operands in a function that is called faster as Python source than as machine code

if TYPE_CHECKING:
    from autograd.compiler.calls.plans import Plan, PointPlan, StepPlan
    from autograd.compiler.machine.objects import Numbers

_parents = attrgetter("parents")
FIRST: Mapping[int, float] = MappingProxyType({0: 1.0})  # the weights of outputs: the first one alone


def _plans() -> Any:
    """The module that compiles: to import it takes longer than the first calls of a small function."""
    import autograd.compiler.calls.plans

    return autograd.compiler.calls.plans


class Evaluated(NamedTuple):
    """What a call gave."""

    values: list[float]  # the outputs
    # The derivatives of the first one; None if they wait for somebody to ask for them. Those of parameters may be an
    # array.
    by_arguments: list[float] | None
    by_parameters: Sequence[float] | None
    live: Sequence[float]  # the numbers that the call read where they were: the parameters, and others


class Variant:
    """One recording of a function, and the plans made from it so far.

    Args:
        recording: The recording of the function.
        backend: The backend that is to run it.
        outside: Everything that the function saw besides its arguments.
        budget: The budget in which the time that compiling takes is noted.
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
        self.recording, self.name = recording, name
        self.has_effects = recording.effects.any
        kind = tuple if any(node.parents for node in recording.parameters) else Leaves
        self.captured: tuple[Any, ...] = kind(recording.parameters)
        labels = [node.label if node.parents else "" for node in recording.outputs]
        self.labels = labels if any(labels) else []  # of the outputs
        self.calls = 0
        self._reads = 0  # how often the data of the captured leaves was wanted
        self._native: Numbers | None = None  # what reads it by machine code
        self.backend = backend
        # How many calls are made by the graph, and what makes the others.
        self._by_graph, self._later = _stages(recording) if backend == "auto" else (0, backend)
        self.outside = outside
        self.budget = budget
        self.residence = residence
        self.plans: dict[Any, Any] = {}
        self.only_first = False  # whether of many results only the first got a gradient the last time
        self.seconds = 0.0  # of compiling

    def are_leaves(self, given: Sequence[Value]) -> bool:
        """Whether these Values, and what the function captured, are leaves, each of them once."""
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
        """From now on machine code reads the data of many parameters, and adds to their gradients."""
        recording, leaves = self.recording, self.captured
        alone = not recording.numbers and recording.effects.outside is None and not self.has_effects
        if len(leaves) < _MANY or not alone or not isinstance(leaves, Leaves) or self.backend == "python":
            return
        if native_available(notice=False):
            from autograd.compiler.machine.objects import Numbers, can_read

            if can_read():
                self._native = leaves.native = Numbers(leaves)

    def plan(self, by_parameters: bool, by_arguments: tuple[int, ...], weighted: bool = False) -> Plan | EagerPlan:
        """The plan for the gradients by the captured leaves and/or by some arguments.

        Args:
            by_parameters: Whether to differentiate with respect to what the function captured.
            by_arguments: Positions of the numbers to differentiate with respect to.
            weighted: Whether to differentiate Σ weight · output, whose weights are given behind the arguments, instead
                of the first output.
        """
        by = by_parameters, bool(by_arguments)

        def recording() -> Recording:
            if weighted:
                return self._weighted
            return self._first if self.has_effects else self.recording

        if self.calls <= self._by_graph:
            return EagerPlan(partial(evaluated, recording(), differentiated=any(by)), recording(), by)
        made: Plan = self._planned((*by, weighted), lambda: _plans().Plan(recording(), by, self._later))
        return made

    @cached_property
    def _first(self) -> Recording:
        return self.recording.alone([0])

    @cached_property
    def _weighted(self) -> Recording:
        return self.recording.weighted(self.differentiable)

    @cached_property
    def differentiable(self) -> list[int]:
        """The numbers of the outputs that a gradient can go to."""
        forms = [form for form in (self.recording.form, self.recording.changed) if form is not None]
        kinds = [kind for form in forms for kind in form.kinds]
        if self.recording.form is None:
            kinds = [Value, *kinds]
        return [k for k, kind in enumerate(kinds) if kind is Value]

    def gives_many(self, operands: int) -> bool:
        """Whether its results have many local derivatives together: then its call is a node (``calls.together``)."""
        results = len(self.differentiable)
        return results > 1 and results * operands > _FEW

    def step_plan(self) -> StepPlan | EagerPlan:
        """The plan for the outputs and what the function changes."""
        recording, residence = self.recording, self.residence or Residence()
        if self.calls <= self._by_graph:
            return EagerPlan(partial(step, recording, partial(stepped, recording)), recording)
        deferrable = self.outside.deferrable
        made: StepPlan = self._planned("step", lambda: _plans().StepPlan(recording, self._later, residence, deferrable))
        return made

    def evaluate(
        self, by_parameters: bool, by_arguments: tuple[int, ...], numbers: Sequence[float], given: Sequence[Any]
    ) -> Evaluated | None:
        """What a call gives; None if it decides otherwise.  All that it changes is changed then."""
        self.calls += 1
        try:
            if self.has_effects:
                stepped = self.step_plan().run(numbers, given)
                return None if stepped is None else Evaluated(stepped[0], None, None, stepped[1])
            live = self.live(given)
            differentiated = self.only_first or not self.gives_many(len(self.captured) + len(by_arguments))
            by = (by_parameters, by_arguments) if differentiated else (False, ())
            found = None if live is None else self.plan(*by).run(numbers, live)
        except PrimitiveError:  # the guards may be the reason why the function itself does not come there
            return None
        if live is None or found is None:
            return None
        values, with_arguments, with_parameters = found
        if not differentiated:
            return Evaluated(values, None, None, live)
        return Evaluated(values, with_arguments, with_parameters, live)

    def at_recording(self, given: Sequence[Any]) -> Evaluated:
        """What the call gives that was recorded, for which the function need not run again."""
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
        """The derivatives of Σ weight · output at a call that is over, with respect to arguments and parameters.

        Args:
            by_parameters: Whether to differentiate with respect to what the function captured.
            by_arguments: Positions of the numbers to differentiate with respect to.
            numbers: The numbers in the arguments.
            live: The numbers that the call read where they were.
            weights: Of the outputs, by their numbers; the first one alone, if nothing is said.
        """
        if weights == FIRST:
            found = self.plan(by_parameters, by_arguments).run(numbers, live)
        else:
            every = [weights.get(k, 0.0) for k in self.differentiable]
            found = self.plan(by_parameters, by_arguments, weighted=True).run([*numbers, *every], live)
        slopes = None if found is None else (found[1][: len(numbers)], floats_of(found[2]))
        if slopes is None or (len(weights) < len(self.differentiable) and not isfinite(sum(map(sum, slopes)))):
            # A guard on a number that is now rounded in another way; or 0 · inf, for a result that has no weight.
            recording = self.recording.weighted([*weights])._replace(guards=[])
            found = evaluated(recording, [*numbers, *weights.values()], live)
            assert found is not None  # there are no guards
            slopes = found[1][: len(numbers)], found[2]
        return slopes

    @property
    def pays_builtin(self) -> bool:
        """Whether ``value_and_grad`` was called often enough to become a builtin function."""
        return self.backend == "native" or self.calls >= BUILTIN_FROM

    def point_plan(self) -> PointPlan:
        """The plan for value and gradient at points given as plain numbers."""
        made: PointPlan = self._planned("points", lambda: _plans().PointPlan(self.recording, self.backend))
        return made

    def _planned(self, key: Any, make: Callable[[], Any]) -> Any:
        found = self.plans.get(key)
        if found is None:
            started = thread_time()
            with collector_paused():
                found = self.plans[key] = make()
            self.recording.nodes.forget()
            seconds = thread_time() - started
            self.budget.spent += seconds
            self.seconds += seconds
        return found

    def check_gradients(self) -> None:
        """Refuse the gradient of several numbers, and of arguments that became plain floats.

        Raises:
            TypeError: The function uses ``float(x)``, or a function of ``math``, on an argument; or it returns a list.
        """
        if self.recording.form is not None and not self.recording.form.is_number:
            raise several(self.recording.form.template)
        if self.recording.dropped:
            raise drops_gradient(self.recording.dropped)

    def live(self, given: Sequence[Any]) -> Sequence[float] | None:
        """The numbers that a call with these arguments reads where they are; None if there is something else."""
        self._reads += 1
        if self._reads == max(_PAYS, self._by_graph + 1):
            self._make_native()
        found = self._native.read() if self._native is not None else None
        return live_numbers(self.recording, given) if found is None else found


def _stages(recording: Recording) -> tuple[int, str]:
    """How many calls of a function are made by the graph, and by what the others are."""
    operands = 1 + len(recording.nodes.operands)
    calls = min(BY_GRAPH, _BY_GRAPH_IN_ALL // operands)
    return calls if calls >= _PAYS else 0, "python" if operands <= TINY else "auto"


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

    def all(self) -> list[Variant]:
        """Every one that is kept, whatever else another thread adds meanwhile."""
        return [variant for kept in list(self.by_structure.values()) for variant in kept]

    def gives_number(self, given: Sequence[Any]) -> bool:
        """Whether a plain number that the function returns has no gradient."""
        if not any(isinstance(x, float) for x in given):
            return True
        forms = [variant.recording.form for variant in self.all()]
        return any(form is not None and form.is_number for form in forms)

    def apart(self, given: Sequence[Any]) -> bool:
        """Whether no Value is given twice, or is given and also one that the function knows by itself."""
        if NUMBERS.issuperset(map(type, given)):
            return True
        values = [x for x in given if isinstance(x, Value)]
        captured = [p for variant in self.all() for p in variant.recording.parameters]
        return len(set(values)) == len(values) and set(values).isdisjoint(captured)

    def _forget(self, age: tuple[Any, Variant]) -> None:
        structure, variant = age
        self._ages.remove(age)
        left = [other for other in self.by_structure.pop(structure) if other is not variant]
        if left:
            self.by_structure[structure] = left

    def holding(self, structure: Any) -> Iterator[Variant]:
        """Those for a structure that saw from outside what is there now."""
        kept = self.by_structure.get(structure, ())
        if len(kept) == 1:  # as for most functions
            return iter(kept if kept[0].outside.holds() else ())
        return self._holding(kept)

    @staticmethod
    def _holding(kept: Sequence[Variant]) -> Iterator[Variant]:
        looked: dict[Outside, bool] = {}  # most have seen the same
        for variant in kept:
            outside = variant.outside
            if outside not in looked:
                looked[outside] = outside.holds()
            if looked[outside]:
                yield variant
