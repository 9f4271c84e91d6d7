"""The recordings of a function: when it is recorded, how often, and which of them are kept."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from autograd.collector import collector_paused
from autograd.compiler.calls.budget import Budget, thread_time
from autograd.compiler.calls.objects import Objects
from autograd.compiler.calls.report import Entry, cause_of, reason
from autograd.compiler.calls.variants import MOST_IN_ALL, Variant, Variants
from autograd.compiler.recording.effects import Changes
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.places import Places, by_key, changed_numbers
from autograd.compiler.recording.record import Recording, record
from autograd.compiler.recording.running import RaisedError
from autograd.compiler.recording.written import NotReplayableError, Place
from autograd.compiler.residence import Residence
from autograd.locks import renew_in_child
from autograd.modes import current_modes, open_contexts
from autograd.provenance import depth_of_caller

__all__ = ["Recordings", "recording_now"]


class Recordings:
    """The recordings of a function.

    Attributes:
        f: The function.
        backend: What is to run them.
        recordings: How often it was recorded.
        refused: How often that was in vain.
        entries: Why the last of them were made.
        kept: The recordings that can be used again.
        budget: Whether to record once more.
        has_effects: Whether the function turned out to change something.
        changes_arguments: Whether it changes lists or dictionaries in its arguments.
        lists: The ids of those outside that it changes.
        changes: What it changed itself when it was recorded.
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
        self.has_effects = self.changes_arguments = False
        self.lists: frozenset[int] = frozenset()
        self.never = self.changes = ""
        self._lock = threading.RLock()
        renew_in_child(self, "_lock", threading.RLock)
        self._warned = False
        self._places: dict[tuple[int, Any], Place] = {}  # of numbers outside that it changes
        self._residence = Residence()

    @property
    def variants(self) -> dict[Any, list[Variant]]:
        """The recordings that are kept, by the structure of the arguments."""
        return self.kept.by_structure

    def recorded(self, args: Sequence[Any], structure: Any) -> Variant | None:
        """A recording of a call; None if it does what a program cannot do, or raises an error."""
        try:
            return self.record(args, structure)
        except NotReplayableError as error:
            self.changes = str(error)
            return None

    def would_pay(self, structure: Any) -> bool:
        """Whether to record a call that no recording serves; if not, a warning says why, once."""
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
            variant = Variant(recording, self.backend, outside, self.budget, self._residence)
            self.changes_arguments = self.changes_arguments or recording.changed is not None
            self.lists |= recording.effects.lists
            cause = cause_of(variant, self.variants.get(structure, ()), self.entries, args)
            self.entries.append(Entry(self.recordings, cause, variant, seconds))
            self.changes = outside.changed()
            if outside.never:
                self.never = outside.never
            elif not self.changes:
                self.kept.add(structure, variant)
        return variant

    def _run_recorded(self, args: Sequence[Any], structure: Any) -> tuple[Recording, Outside]:
        """Record, and once more each time that the function turns out to change a number outside.

        Raises:
            NotReplayableError: It does something that a program cannot do, or raises an error.
        """
        self._residence.release()
        if self.has_effects:
            self._places.update(changed_numbers([variant.outside for variant in self.kept.all()]))
        self._places = {key: place for key, place in self._places.items() if place.is_there()}
        while True:
            known = dict.fromkeys([variant.outside for variant in self.kept.all()])
            live = frozenset(self._places)
            outside = next((x for x in known if x.live == live and x.holds()), None) or Outside(self.f, live)
            if outside.never:  # known before it has run: to run it twice would take two items of an iterator
                self.never = outside.never
                raise NotReplayableError(outside.never)
            places = Places(outside, [*self._places.values()])
            gradients = outside.sets("grad") or not {"grad", "backward"}.isdisjoint(outside.names)
            changes = Changes(
                outside.values,
                places,
                gradients=gradients,
                labels=outside.sets("label"),
                differentiates=recording_now(),
            )
            drawn, rewind = outside.generators.states(), outside.generators.rewind()
            started = thread_time()
            try:
                recording = record(self.f, args, outside, changes=changes)
            except RaisedError:
                rewind()
                raise
            except NotReplayableError:
                rewind()
                self.has_effects = True
                with self._lock:
                    self.recordings += 1
                    self.refused += 1
                    self.budget.add(structure, thread_time() - started)
                raise
            self.has_effects = self.has_effects or recording.effects.any
            if not places.discovered:
                break
            rewind()
            self._places.update(by_key(places.discovered))
        if outside.generators.states() != drawn:
            outside.never = (
                "draws random numbers, or reads or writes a stream: do that outside, and pass numbers as arguments"
            )
            if recording.effects.any:
                rewind()
                self.never = outside.never
                raise NotReplayableError(outside.never)
        return recording, outside

    def warn_of_graph(self, structure: Any, calls: str) -> None:
        """Say once that what none of these recordings fits is evaluated without the compiler, and why."""
        with self._lock:
            if self._warned:
                return
            self._warned = True
        times = (
            ("not recorded", "recorded once")[self.recordings]
            if self.recordings < 2
            else f"recorded {self.recordings} times"
        )
        warnings.warn(
            f"{getattr(self.f, '__name__', 'the function')} was {times} in {calls}; where no recording fits, it runs "
            f"without the compiler, many times slower. Reason: it {reason(self, structure)}",
            RuntimeWarning,
            stacklevel=depth_of_caller(),
        )


def recording_now() -> bool:
    """Whether nodes are recorded, as they are not inside ``no_grad()``."""
    return not open_contexts.count or current_modes().recording
