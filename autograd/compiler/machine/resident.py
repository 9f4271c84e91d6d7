"""A step of training whose parameters and state stay in the memory of its machine code from call to call.

An evaluation computes the new numbers beside the old ones.  Only when the guards hold, and nothing more can go wrong,
one call into C puts them into the places of the old ones, and writes what cannot stay: lists of plain numbers, and
single numbers outside.  Several recordings of a function, for arguments of different lengths say, take over from each
other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any

import numpy as np

from autograd.collector import collector_paused
from autograd.compiler.machine.held import Held
from autograd.compiler.machine.layout import Layout
from autograd.compiler.machine.machine import writer
from autograd.compiler.program.classes import Kind
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.written import Puts
from autograd.compiler.residence import Residence, put_back, residences_of
from autograd.value import Value

_data, _grad = attrgetter("_data"), attrgetter("grad")
_MOST_LOADS = 8  # so many more calls that had to load the numbers than calls that found them here: stop keeping them,
_AGAIN = 64  # but try once more at every so many loads
_FEW = 16  # numbers that are written elsewhere without a look at the collector


class ResidentStep:
    """The machine code of a recording that changes something.

    Raises:
        TooManyClassesError: There are more classes than ``most``.
    """

    def __init__(self, recording: Recording, held: Held, residence: Residence, most: float) -> None:
        self.held, self.residence = held, residence
        self._arguments, self._outputs = len(recording.arguments), len(recording.outputs)
        self.layout = layout = Layout(recording, held, residence.homes, most)
        self.home, machine = layout.home, layout.machine
        self.frame, self._memory = machine.frame(), machine.data()
        self._evaluate, self._carry = machine.bound(self.frame, self._memory)
        self._puts = Puts(held.parts)
        self._many = len(held.part_sources) > _FEW
        self._loads = self._stays = 0
        slots = layout.slots
        self._reads = recording.effects.reads
        self._reads_at = np.array([self.home.slots["grad", p] for p in self._reads], dtype=int)
        self._put_looked, self._put_rest = [
            writer(self.home.frame, [slots.get(number, self.home.nowhere) for number in numbers])
            for numbers in (held.looked[1], held.read_leaves)
        ]
        self._looked, self._read = held.looked[0], held.read
        live = len(recording.parameters) + len(recording.numbers)
        self._before = _Known(live, layout.leaves, self.home.frame)
        # Which numbers of the arguments the program reads, or None for all in their order; and where they belong.
        numbers, places = machine.places(Kind.ARGUMENT)
        self._given = None if numbers == list(range(self._arguments)) else numbers
        self._put_numbers = writer(self._memory[0], places)
        # Where the results are in the frame, or None if some are elsewhere.
        where = [machine.place(x) for x in layout.results]
        self._results_at = None if None in where else np.array(where, dtype=int)

    # ---- a call ----------------------------------------------------------------------------------------------------
    def __call__(
        self, numbers: Sequence[float], given: Sequence[Any] = ()
    ) -> tuple[list[float], Sequence[float]] | None:
        """The outputs at these arguments, and the live numbers before, once everything is changed.

        Returns:
            None if a guard does not hold, or if there is something else where the numbers were; nothing is changed.
        """
        looked = list(map(_data, self._looked))  # before locking: they may be in other residences
        with self.residence.lock:
            if not self._must_load():
                return self._step(numbers, looked, False)
        locked = {self.residence}
        while True:
            with ExitStack() as stack:
                for residence in sorted(locked, key=id):  # in one order: two threads cannot wait for each other
                    stack.enter_context(residence.lock)
                loads = self._must_load()
                strangers = residences_of(self.home.values) - locked if loads else set()
                if not strangers:
                    return self._step(numbers, looked, loads)
            locked |= strangers

    def _step(
        self, numbers: Sequence[float], looked: list[float], loads: bool
    ) -> tuple[list[float], Sequence[float]] | None:
        residence, home = self.residence, self.home
        rest = self._read() if self._read is not None else None
        if self._read is not None and rest is None:
            return None
        if loads:
            residence.release()
        try:
            residence.running = True
            if loads:
                if not self._load():
                    return None
            else:
                self._stays += 1
            if home.lists is not None and not home.lists.read():
                return None
            if looked:
                self._put_looked(looked)
            if rest:
                self._put_rest(rest)
            if numbers:
                self._put_numbers(numbers if self._given is None else [numbers[k] for k in self._given])
            self._evaluate()
            results = self._results()
            if self.layout.guarded and results.pop(self._outputs) != 0.0:
                return None
            before = self._before.now()
            if loads or self._many:  # new tuples take the place of as many old ones: there is nothing to collect
                with collector_paused():
                    self._finish(loads, results[self._outputs :])
            else:
                self._finish(loads, results[self._outputs :])
            return results[: self._outputs], before
        finally:
            residence.stopped()

    def _results(self) -> list[float]:
        if self._results_at is not None:
            found: list[float] = self.frame[self._results_at].tolist()
            return found
        machine = self.layout.machine
        return [float(machine.read(self.frame, self._memory, x)[0]) for x in self.layout.results]

    def _finish(self, loads: bool, numbers: Sequence[float]) -> None:
        """Change everything, by one call into C that Ctrl-C cannot split."""
        # The iterators are put together first, which changes nothing.
        held, home, residence = self.held, self.home, self.residence
        calls: list[Iterator[Any]] = [iter(self._carry, None)]  # calls it once, since it returns None
        if home.lists is not None:  # the only step that may lack memory comes before the first change
            calls.insert(0, iter(home.lists.reserve, None))
        if residence.constants is not held.constants:
            calls.append(map(setattr, (residence,), ("constants",), (held.constants,)))
        if home.lists is not None:
            calls.append(iter(home.lists.write, None))
        if held.parts:
            calls.append(self._puts.calls(numbers))
        if loads and self._pays() and {*map(type, home.values)} <= {Value}:
            calls.append(residence.entered(home, [tree.place for tree in held.trees]))
        elif loads:
            calls.append(self._written_back())
        # Now all of them run.
        deque(chain.from_iterable(calls), maxlen=0)

    def _written_back(self) -> Iterator[Any]:
        """The calls that write all numbers where they belong."""
        data, grads, lists = self.home.numbers()
        places = [tree.place for tree in self.held.trees]
        trees = [map(place.space.__setitem__, (place.key,), found) for place, found in zip(places, lists)]
        return chain(put_back(self.home, data, grads, self.held.constants), *trees)

    def _pays(self) -> bool:
        """Whether to keep the numbers, which does not pay if somebody looks at them after each call."""
        return self._loads <= _MOST_LOADS + self._stays or self._loads % _AGAIN == 0

    # ---- numbers from elsewhere --------------------------------------------------------------------------------------
    def _must_load(self) -> bool:
        """Whether the numbers are elsewhere."""
        return self.residence.ahead is not self.home or not self.residence.defers()

    def _load(self) -> bool:
        """Take the numbers from where they belong; whether they are numbers still, of the same form."""
        home, held = self.home, self.held
        self._loads += 1
        grads = list(map(_grad, self._reads))
        if not all(issubclass(kind, (int, float)) for kind in {*map(type, grads)}):
            return False
        home.frame[home.data_at] = list(map(_data, home.data))
        home.frame[self._reads_at] = grads
        for tree, places in zip(held.trees, home.trees_at):
            found = tree.read()
            if found is None:
                return False
            home.frame[places] = found
        return True


class _Known:
    """Where some of the live numbers of a recording are in a frame."""

    def __init__(self, count: int, places: dict[int, int], frame: Any) -> None:
        numbers = sorted(places, key=places.__getitem__)
        self.count, self.numbers = count, np.array(numbers, dtype=int)
        where = np.array([places[number] for number in numbers], dtype=int)
        ends = [*(np.flatnonzero(np.diff(where) != 1) + 1).tolist(), len(where)] if numbers else []
        self._blocks = [memoryview(frame[where[a] : where[a] + b - a]) for a, b in pairwise([0, *ends])]

    def now(self) -> _Before:
        """These numbers as they are now."""
        return _Before(self, list(map(memoryview.tobytes, self._blocks)))


class _Before(Sequence[float]):
    """The live numbers of a call; only those that somebody may ask for are known."""

    __slots__ = ("_blocks", "_found", "_known")

    def __init__(self, known: _Known, blocks: list[bytes]) -> None:
        self._known, self._blocks = known, blocks
        self._found: list[float] | None = None

    def __len__(self) -> int:
        return self._known.count

    def __getitem__(self, k):  # type: ignore[no-untyped-def]
        if self._found is None:
            found = np.full(self._known.count, np.nan)  # whoever asks for another one shall notice
            found[self._known.numbers] = np.frombuffer(b"".join(self._blocks))
            self._found, self._blocks = found.tolist(), []
        return self._found[k]
