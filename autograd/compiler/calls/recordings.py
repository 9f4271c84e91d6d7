"""The recordings of a function: when to record it, which recordings to keep, and how a call runs without one."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import repeat
from typing import Any

from autograd.collector import collector_paused
from autograd.compiler.calls.budget import Budget, thread_time
from autograd.compiler.calls.kept import MOST_IN_ALL, Variants
from autograd.compiler.calls.objects import Objects
from autograd.compiler.calls.reasons import Entry, cause_of, reason
from autograd.compiler.calls.variants import Variant
from autograd.compiler.recording.arguments import called, structure
from autograd.compiler.recording.codenames import asks_for_kind
from autograd.compiler.recording.effects import Changes
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.places import Places, by_key, changed_numbers
from autograd.compiler.recording.record import Recording, as_node, record
from autograd.compiler.recording.results import taken_apart
from autograd.compiler.recording.running import RaisedError, containers_in, inputs_for, labels_of, put_back, run
from autograd.compiler.recording.traced import node_of
from autograd.compiler.recording.watches import Watch
from autograd.compiler.recording.written import NotReplayableError, Place
from autograd.compiler.residence import Residence
from autograd.errors import CompileError
from autograd.functional import gradients
from autograd.locks import renew_in_child
from autograd.modes import current_modes, open_contexts, switched
from autograd.provenance import depth_of_caller
from autograd.trees import ObjectError, holds_numpy, rebuild
from autograd.value import Value

__all__ = ["Entry", "Recordings", "Uncompiled", "recording_now"]

_DRAWS = "draws random numbers, or reads or writes a stream: do that outside, and pass numbers as arguments"


class Recordings:
    """The recordings of a function.

    Attributes:
        f: The function.
        backend: The backend that runs its programs.
        recordings: How often it was recorded.
        refused: How many of these recordings had to be given up.
        entries: The last recordings, with the reason for each.
        kept: The recordings that can be used again.
        budget: Decides whether another recording would pay.
        has_effects: Whether the function is known to change something.
        changes_arguments: Whether it changes lists or dictionaries in its arguments.
        takes_numbers: Whether it did with plain numbers what Python's own can do.
        asks_for_values: Whether it may ask of a number whether it is a Value; None if nobody has looked yet.
        bound: Whether it was called as the method of an object, which has a compiled method of its own.
        lists: The ids of lists and dictionaries from outside that it changes.
        changes: The change that made its last recording useless, as a text; empty if there was none.
        raised: For each thread whose recording ended with an error of the function, the seconds it took.
        never: Why its recordings cannot be used again; empty if they can.
        objects: The compiled functions for the objects among the arguments (``calls.objects``).
    """

    objects: Objects

    def __init__(self, f: Callable[..., Any], backend: str) -> None:
        self.f, self.backend = f, backend
        self.recordings = self.refused = 0
        self.entries: deque[Entry] = deque(maxlen=MOST_IN_ALL)
        self.kept = Variants()
        self.budget = Budget()
        self.has_effects = self.changes_arguments = self.bound = False
        self.takes_numbers = True
        self.asks_for_values: bool | None = None
        self.lists: frozenset[int] = frozenset()
        self.never = self.changes = ""
        self._lock = threading.RLock()
        renew_in_child(self, "_lock", threading.RLock)
        self._warned: set[str] = set()
        self.raised: dict[int, float] = {}
        self._awaited: set[str] = set()  # modules that a call without the compiler could import
        self._places: dict[tuple[int, Any], Place] = {}  # where it changes numbers outside
        self._residence = Residence()

    @property
    def variants(self) -> dict[Any, list[Variant]]:
        """The recordings that are kept, by the structure of the arguments."""
        return self.kept.by_structure

    @property
    def captures(self) -> bool:
        """Whether some recording uses Values that are not among the arguments."""
        return any(variant.recording.parameters for variant in self.kept.all())

    def _note_code(self, outside: Outside) -> None:
        self.asks_for_values = any(map(asks_for_kind, outside.codes))

    def recorded(self, args: Sequence[Any], structure: Any) -> Variant | None:
        """A recording of this call; None if the function raises an error, or does what a program cannot do."""
        started = thread_time()
        try:
            return self.record(args, structure)
        except NotReplayableError as error:
            self.changes = str(error)
            if isinstance(error, RaisedError):  # the caller finds out whether a plain call raises, too
                self.raised[threading.get_ident()] = thread_time() - started
            return None

    def would_pay(self, structure: Any) -> bool:
        """Whether to record a call that no recording serves.  If not, a warning says why, once per function."""
        self.budget.misses += 1
        if not self.never and self.budget.would_pay(structure, len(self.variants.get(structure, ()))):
            return True
        self.warn_of_graph(structure, f"{self.budget.calls} calls")
        return False

    @collector_paused()
    def record(self, args: Sequence[Any], structure: Any) -> Variant:
        """Record the function at these arguments, and keep the recording if it can be used again."""
        started = thread_time()
        recording, outside = self._run_recorded(args, structure)
        with self._lock:
            self.recordings += 1
            seconds = thread_time() - started
            self.budget.add(structure, seconds)
            name = getattr(self.f, "__name__", "").replace("<lambda>", "") or "compiled"
            variant = Variant(recording, self.backend, outside, self.budget, self._residence, name)
            self.changes_arguments = self.changes_arguments or recording.changed is not None
            self.takes_numbers &= not recording.wants_nodes
            self.lists |= recording.effects.lists
            self._note_code(outside)
            cause = cause_of(variant, self.variants.get(structure, ()), self.entries, args)
            self.entries.append(Entry(self.recordings, cause, variant, seconds))
            self.changes = outside.changed()
            if outside.never:
                self.never = outside.never
            elif not self.changes:
                self.kept.add(structure, variant)
        return variant

    def _run_recorded(self, args: Sequence[Any], structure: Any) -> tuple[Recording, Outside]:
        """Record the function, and repeat this whenever it turns out to change one more number outside.

        Raises:
            NotReplayableError: The function does something that a program cannot do, or raises an error.
        """
        self._residence.release()
        if self.has_effects:
            self._places.update(changed_numbers([variant.outside for variant in self.kept.all()]))
        self._places = {key: place for key, place in self._places.items() if place.is_there()}
        while True:
            known = dict.fromkeys([variant.outside for variant in self.kept.all()])
            live = frozenset(self._places)
            outside = next((x for x in known if x.live == live and x.holds()), None) or Outside(self.f, live)
            if outside.never:  # known before the function runs: a second run would take a second item of an iterator
                self.never = outside.never
                raise NotReplayableError(outside.never)
            if new := outside.missing - self._awaited:  # what it does to such a module could not be taken back
                self._awaited |= new
                raise NotReplayableError(f"imports {min(new)} for the first time")
            places = Places(outside, [*self._places.values()])
            changes = Changes(outside, places, differentiates=recording_now())
            drawn, rewind = outside.generators.states(), outside.generators.rewind()
            started = thread_time()
            try:
                recording = record(self.f, args, outside, changes=changes)
            except RaisedError:
                rewind()
                raise
            except NotReplayableError:
                if outside.generators.states() != drawn:  # it will draw in other calls, too: none needs to be tried
                    self.never = outside.never = _DRAWS
                rewind()
                self.was_refused(structure, thread_time() - started)
                raise
            self.has_effects = self.has_effects or recording.effects.any
            if not places.discovered:
                break
            rewind()
            self._places.update(by_key(places.discovered))
        if outside.generators.states() != drawn:
            outside.never = _DRAWS
            if recording.effects.any:
                rewind()
                self.never = outside.never
                raise NotReplayableError(outside.never)
        return recording, outside

    def was_refused(self, structure: Any, seconds: float) -> None:
        """Note that a recording had to be given up."""
        self.has_effects = True
        with self._lock:
            self.recordings += 1
            self.refused += 1
            self.budget.add(structure, seconds)

    def warn_of_graph(self, structure: Any, calls: str) -> None:
        """Warn once that calls which no recording fits run without the compiler, and say why."""
        times = {0: "not recorded", 1: "recorded once"}.get(self.recordings, f"recorded {self.recordings} times")
        self.warn(
            "recordings",
            f"was {times} in {calls}; calls that no recording fits run without the compiler. "
            f"Reason: it {reason(self, structure)}",
        )

    def warn(self, about: str, text: str) -> None:
        """Warn about the function, once for each topic."""
        with self._lock:
            if about in self._warned:
                return
            self._warned.add(about)
        name = getattr(self.f, "__name__", "the function")
        warnings.warn(f"{name} {text}", RuntimeWarning, stacklevel=depth_of_caller())


def _lacks_attribute_of_value(error: Exception) -> bool:
    """Whether a plain number was asked for what only a Value has."""
    is_number = isinstance(error, AttributeError) and isinstance(error.obj, (float, int))
    return is_number and hasattr(Value, getattr(error, "name", None) or "")


def recording_now() -> bool:
    """Whether nodes are recorded: everywhere except inside ``no_grad()``."""
    return not open_contexts.count or current_modes().recording


# ---- calls that run without the compiler: inside ``strict()``, and where no recording fits ---------------------------
class Uncompiled(Recordings):
    """A function that can also run without the compiler, with the same results."""

    _outside: Outside | None = None
    _told: tuple[Outside | None, tuple[bool, bool]] = None, (False, False)  # see `_told_by_code`

    def directly(self, args: Sequence[Any], given: Sequence[Any] | None = None, *, raised: bool = False) -> Any:
        """A call without the compiler, with plain numbers as arguments if the recordings show that they suffice.

        Values in place of the numbers would cost as much as the function itself.  They are needed if the function uses
        an attribute that only a Value has.
        """
        if (raised or (self.takes_numbers and self.entries)) and not self.has_effects:
            try:
                return called(self.f, args)
            except (AttributeError, ArithmeticError) as error:
                # Perhaps an unrecorded branch needs a Value, or 1 / 0.0 is inf.  A second run must not change more.
                needs_value = isinstance(error, ArithmeticError) or _lacks_attribute_of_value(error)
                if not (needs_value and self.entries and self.entries[-1].variant.outside.holds()):
                    raise
                self.takes_numbers = isinstance(error, ArithmeticError)
        return self.graph(args, structure(args)[1] if given is None else given)

    def graph(self, args: Sequence[Any], given: Sequence[Any]) -> Any:
        """A call without the compiler: inside ``strict()``, which checks each operation, or if no recording fits."""
        # The function usually gets Values in place of its numbers.  It must get the arguments themselves if it changes
        # something, if they hold numbers of numpy, or if it may store a number or ask for its type.
        direct = self.has_effects or holds_numpy(args) or not self.are_apart(args, structure(args)[0], given)
        if direct or any(self._told_by_code()):
            return called(self.f, args)
        inputs = inputs_for(given, self._labels(args), keep=True)
        result, copies = run(self.f, args, inputs)
        if contents := copies.changed():
            changed, found = taken_apart(contents, (), copies.known)
            new = [x if kind is Value else kind(x._data) for kind, x in zip(changed.kinds, found)]
            put_back(changed, new, given, args)
        if isinstance(result, Value):
            return result
        form, nodes = taken_apart(result, list(map(node_of, inputs)))
        return form.filled([x if kind is Value else kind(x._data) for kind, x in zip(form.kinds, nodes)])

    def as_it_is(self, args: Sequence[Any], refused: Exception) -> Any:
        """The result for arguments that cannot be recorded, such as numpy's ``float32``.

        Args:
            args: The arguments.
            refused: The error that says why the call cannot be recorded.
        """
        self.budget.misses += 1
        if not isinstance(refused, ObjectError):
            self.warn("arguments", f"runs without the compiler for such arguments, many times slower: {refused}")
        return called(self.f, args)

    def are_apart(self, args: Sequence[Any], kind: Any, given: Sequence[Any]) -> bool:
        """Whether no object that the function may change is given twice, or is given and also known to the function.

        Args:
            args: The arguments of the call.
            kind: The structure of the arguments.
            given: The numbers and Values in the arguments.
        """
        if self.has_effects and not self.kept.apart(given):
            return False
        if not (self.changes_arguments or self.lists):
            return True
        ids = list(map(id, containers_in(args, kind)))
        if not self.changes_arguments:
            return self.lists.isdisjoint(ids)
        outsides = {variant.outside for variant in self.kept.all()} or {self._seen()}
        return len({*ids}) == len(ids) and all(outside.seen.keys().isdisjoint(ids) for outside in outsides)

    def _updates(self) -> bool:
        """Whether the code can set data and gradients of Values."""
        return self._told_by_code()[0]

    def _told_by_code(self) -> tuple[bool, bool]:
        """Whether the code can set data or gradients of Values, and whether it uses ``type``.

        The search can take longer than a call.  It is repeated only if something other than a number has changed.
        """
        seen, told = self._told
        if seen is None or not (seen.holds() or all(map(Watch.holds_but_for_numbers, seen.watches))):
            seen = self._seen()
            updates = seen.sets("grad") or seen.sets("data") or "backward" in seen.names
            told = updates, seen.reads("type")
            self._told = seen, told
        return told

    def _seen(self) -> Outside:
        """All that the function can read outside, and the names in its code; cached until something changes."""
        known = self._outside
        if known is None or (known.changed() if known.never else not known.holds()):
            known = self._outside = Outside(self.f)
        return known

    def by_graph(self, args: Sequence[Any], given: Sequence[Any]) -> tuple[float, tuple[Any, ...]]:
        """``value_and_grad`` without the compiler."""
        self.raised.pop(threading.get_ident(), None)
        if self.has_effects and self._updates():
            raise CompileError(
                "this call changes something outside of the function and cannot be recorded, so value_and_grad cannot "
                "be computed: call the function itself"
            )
        if self.changes_arguments and not self.are_apart(args, structure(args)[0], given):
            raise CompileError(
                "this call changes a list or dictionary that is passed twice, or that the function also uses from "
                "outside, so value_and_grad cannot be computed: pass a copy, or call the function itself"
            )
        with switched(recorder=None, recording=True) if open_contexts.count else nullcontext():
            inputs = inputs_for(given, self._labels(args), differentiated=True)
            output = as_node(run(self.f, args, inputs)[0])
            supply = iter(gradients(output, list(map(node_of, inputs))))
        return output._data, tuple([rebuild(arg, supply, fixed=False) for arg in args])

    def _labels(self, args: Sequence[Any]) -> Iterable[str]:
        """Names of the numbers in the arguments, for the errors of ``strict()``."""
        return labels_of(self.f, args) if open_contexts.count else repeat("")
