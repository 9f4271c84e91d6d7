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
from itertools import accumulate, chain, pairwise, repeat, tee
from operator import attrgetter
from typing import Any

import numpy as np

from autograd.compiler.collecting import collector_paused
from autograd.compiler.held import Held
from autograd.compiler.machine.layout import Layout
from autograd.compiler.machine.machine import selector
from autograd.compiler.program.classes import Kind, Read
from autograd.compiler.recording.places import Puts
from autograd.compiler.recording.record import Recording
from autograd.compiler.residence import Residence, put_back, residences_of
from autograd.value import Value

__all__ = ["ResidentStep"]

_data, _grad = attrgetter("_data"), attrgetter("grad")
_list_of, _put_all = np.ndarray.tolist, list.__setitem__
_MOST_LOADS = 8  # so many more calls that had to load the numbers than calls that found them here: stop keeping them,
_AGAIN = 64  # but try once more at every so many loads
_MOST_SLICES = 24  # with more of them numbers are moved one by one
_FEW = 16  # numbers that are written elsewhere without a look at the collector
_MOST_TRANSFERS = 16  # from other recordings that are remembered


class ResidentStep:
    """The machine code of a recording that changes something.

    Attributes:
        values, data, grads: See ``Resident``.

    Args:
        recording: What to compute.
        held: Which of its numbers may stay.
        residence: What guards them.
    """

    def __init__(self, recording: Recording, held: Held, residence: Residence) -> None:
        self.held, self.residence = held, residence
        self.data, self.grads = held.data, held.grads
        self.values: list[Value] = list(dict.fromkeys([*held.data, *held.grads]))
        self.live = len(recording.parameters) + len(recording.numbers)
        self._arguments, self._outputs = len(recording.arguments), len(recording.outputs)
        self._reads = recording.effects.reads
        self.layout = layout = Layout(recording, held)
        machine = layout.machine
        self.frame, self._memory = machine.frame(), machine.data()
        self._evaluate, self._carry = machine.bound(self.frame, self._memory)
        self._puts = Puts(held.parts)
        self._many = (
            len(held.part_sources) > _FEW
        )  # new tuples take the place of as many old ones, which are no garbage
        self._loads = self._stays = 0
        self._settled = False  # whether numbers that are always the same are in their slots
        self._transfers: dict[int, tuple[ResidentStep, list[tuple[Any, Any]] | None]] = {}
        self._lay_out()

    def _lay_out(self) -> None:
        """Where in the frame everything is."""
        held, layout = self.held, self.layout
        slots = np.array([layout.slots[key] for key in held.keys], dtype=int)
        trees = [rows * width for rows, width in (tree.size for tree in held.trees)]
        sizes = [len(self.data), len(self.grads), *trees, *map(len, held.columns)]
        parts = [slots[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]
        self._slots = slots
        self._data_at, self._grads_at = parts[:2]
        self._trees_at, self._columns_at = parts[2 : 2 + len(trees)], parts[2 + len(trees) :]
        self._reads_at = np.array([layout.slots["grad", p] for p in self._reads], dtype=int)
        numbers, places = layout.machine.places(Kind.PARAMETER)
        at = dict(zip(numbers, places))
        self._looked_at = np.array([at[number] for number in held.looked[1]], dtype=int)
        self._rest_at = np.array([at[number] for number in held.read_leaves], dtype=int)
        numbers, places = layout.machine.places(Kind.ARGUMENT)
        # Which numbers of the arguments the program reads, or None for all in their order; and where they belong.
        self._given = None if numbers == list(range(self._arguments)) else numbers
        self._given_at = selector(places)
        self._before = _Known(self.live, layout.leaves)
        self._results_at = self._in_frame(layout.results)

    def _in_frame(self, results: Sequence[Any]) -> Any:
        """Where results are in the frame; None if some are not there."""
        machine = self.layout.machine
        if any(not isinstance(x, Read) or machine.program.arrays[x.array].kind is Kind.ARGUMENT for x in results):
            return None
        return np.array([machine.memory.base[x.array] + x.index[0] for x in results], dtype=int)

    # ---- a call ----------------------------------------------------------------------------------------------------
    def __call__(
        self, numbers: Sequence[float], given: Sequence[Any] = ()
    ) -> tuple[list[float], Sequence[float]] | None:
        """The outputs at these arguments, and the live numbers before, once everything is changed.

        Args:
            numbers: The numbers in the arguments.
            given: The numbers and Values there.

        Returns:
            None if a guard does not hold, or if there is something else where the numbers were; nothing is changed.
        """
        looked = list(map(_data, self.held.looked[0]))  # outside of the lock: they may be in another residence
        with self.residence.lock:
            loads = self._must_load()
            if not loads:
                return self._step(numbers, looked, loads)
        locked = {self.residence}
        while True:
            with ExitStack() as stack:
                for residence in sorted(locked, key=id):  # in one order: two threads cannot wait for each other
                    stack.enter_context(residence.lock)
                loads = self._must_load()
                strangers = residences_of(self.values) - locked if loads else set()
                if not strangers:
                    return self._step(numbers, looked, loads)
            locked |= strangers

    def _step(
        self, numbers: Sequence[float], looked: list[float], loads: bool
    ) -> tuple[list[float], Sequence[float]] | None:
        residence, frame = self.residence, self.frame
        rest = self.held.read() if self.held.read is not None else []
        if rest is None:
            return None
        if loads:
            residence.release()
        try:
            residence.running = True
            if not (self._load() if loads else self._arrive()):
                return None
            if looked:
                frame[self._looked_at] = looked
            if rest:
                frame[self._rest_at] = rest
            if numbers:
                self._memory[0, self._given_at] = numbers if self._given is None else [numbers[k] for k in self._given]
            self._evaluate()
            results = self._results()
            if self.layout.guarded and results.pop(self._outputs) != 0.0:
                return None
            before = self._before.at(frame)
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
        held, residence = self.held, self.residence
        calls: list[Iterator[Any]] = [iter(self._carry, None)]  # calls it once, since it returns None
        if not self._settled:
            places, always = self.layout.fixed
            calls.append(map(self.frame.__setitem__, (places,), (always,)))
            calls.append(map(setattr, (residence,), ("constants",), (held.constants,)))
        written: Iterator[list[float]] = iter(())
        if held.columns:
            lists, written = tee(map(_list_of, map(self.frame.take, self._columns_at)))
            calls.append(map(_put_all, held.columns, repeat(slice(None)), lists))
        if held.parts:
            calls.append(self._puts.calls(numbers))
        if loads and self._pays() and {*map(type, self.values)} <= {Value}:
            calls.append(residence.entered(self, held.trees))
        elif loads:
            calls.append(self._written_back())
        # Now all of them run.
        deque(chain.from_iterable(calls), maxlen=0)
        self._settled = True
        residence.written = list(written)

    def _written_back(self) -> Iterator[Any]:
        """The calls that write all numbers where they belong."""
        data, grads, lists = self.numbers()
        trees = [map(tree.space.__setitem__, (tree.key,), found) for tree, found in zip(self.held.trees, lists)]
        return chain(put_back(self, data, grads, self.held.constants), *trees)

    def _pays(self) -> bool:
        """Whether to keep the numbers, which does not pay if somebody looks at them after each call."""
        return self._loads <= _MOST_LOADS + self._stays or self._loads % _AGAIN == 0

    # ---- numbers from elsewhere --------------------------------------------------------------------------------------
    def _must_load(self) -> bool:
        """Whether the numbers are not in the frame of a machine that has all of them and no others."""
        ahead = self.residence.ahead
        if ahead is None:
            return True
        return not ((ahead is self or self._transfer(ahead) is not None) and self.residence.defers())

    def _arrive(self) -> bool:
        """Take the numbers over, if another machine has them; whether the lists are lists of floats still."""
        self._stays += 1
        ahead: Any = self.residence.ahead
        if ahead is not self:
            for target, source in self._transfer(ahead) or ():
                self.frame[target] = ahead.frame[source]
            self._settled = False
            self.residence.ahead = self
        return self.held.columns == self.residence.written or self._load_columns()

    def _load(self) -> bool:
        """Take the numbers from where they belong; whether they are numbers still, of the same form."""
        self._loads += 1
        self._settled = False
        grads = list(map(_grad, self._reads))
        if not all(issubclass(kind, (int, float)) for kind in {*map(type, grads)}):
            return False
        self.frame[self._data_at] = list(map(_data, self.data))
        self.frame[self._reads_at] = grads
        for tree, places in zip(self.held.trees, self._trees_at):
            found = tree.reader.read()
            if found is None:
                return False
            self.frame[places] = found
        return self._load_columns()

    def _load_columns(self) -> bool:
        for column, places in zip(self.held.columns, self._columns_at):
            if len(column) != len(places) or {*map(type, column)} != {float}:
                return False
            self.frame[places] = column
        return True

    def _transfer(self, other: Any) -> list[tuple[Any, Any]] | None:
        """Which places of the frame of another machine belong into which of this one; None if it has other numbers."""
        if id(other) not in self._transfers:
            if len(self._transfers) == _MOST_TRANSFERS:
                del self._transfers[next(iter(self._transfers))]
            same = self.held.whose == other.held.whose
            self._transfers[id(other)] = other, _runs(self._slots, other._slots) if same else None
        return self._transfers[id(other)][1]

    # ---- what somebody wants to see ----------------------------------------------------------------------------------
    def numbers(self) -> tuple[Iterator[float], Iterator[float], list[Iterator[list[Any]]]]:
        """The data, the gradients, and each list of state: what is in the frame when somebody asks for the first."""
        trees: list[Iterator[list[Any]]] = [
            map(list, (zip(*[self._lazily(places)] * tree.size[1]),))
            for tree, places in zip(self.held.trees, self._trees_at)
        ]
        return self._lazily(self._data_at), self._lazily(self._grads_at), trees

    def _lazily(self, places: Any) -> Iterator[float]:
        return chain.from_iterable(map(_list_of, map(self.frame.take, (places,))))


def _runs(targets: Any, sources: Any) -> list[tuple[slice, Any]]:
    """Pairs of places as pairs of slices; where these would be many, slices of the first and places of the second."""
    order = np.argsort(targets)
    targets, sources = targets[order], sources[order]
    steps = np.diff(targets) != 1
    both = np.flatnonzero(steps | (np.diff(sources) != 1)) + 1
    few = len(both) < _MOST_SLICES
    bounds = [0, *(both if few else np.flatnonzero(steps) + 1).tolist(), len(targets)]
    first, other = targets.tolist(), sources.tolist()
    return [
        (slice(first[a], first[a] + b - a), slice(other[a], other[a] + b - a) if few else sources[a:b])
        for a, b in pairwise(bounds)
        if a < b
    ]


class _Known:
    """Where some of the live numbers of a recording are.

    Args:
        count: How many live numbers there are.
        places: By number the place in a frame.
    """

    def __init__(self, count: int, places: dict[int, int]) -> None:
        numbers = sorted(places, key=places.__getitem__)
        self.count, self.numbers = count, np.array(numbers, dtype=int)
        where = np.array([places[number] for number in numbers], dtype=int)
        self._slices = [source for _, source in _runs(np.arange(len(where)), where)]

    def at(self, frame: Any) -> _Before:
        """These numbers as they are now."""
        return _Before(self, [frame[place].copy() for place in self._slices])


class _Before(Sequence[float]):
    """The live numbers of a call, of which only those are known that anybody may ask for."""

    def __init__(self, known: _Known, blocks: list[Any]) -> None:
        self._known, self._blocks = known, blocks
        self._found: list[float] | None = None

    def __len__(self) -> int:
        return self._known.count

    def __getitem__(self, k):  # type: ignore[no-untyped-def]
        if self._found is None:
            found = np.zeros(self._known.count)
            if self._blocks:
                found[self._known.numbers] = np.concatenate(self._blocks)
            self._found, self._blocks = found.tolist(), []
        return self._found[k]
