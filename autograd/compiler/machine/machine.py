"""A program as machine code: a table of kernels and descriptors, run over a frame of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from struct import Struct, pack
from typing import Any, NamedTuple

import numpy as np

from autograd.compiler.machine.library import Kernel, addresses, runner
from autograd.compiler.machine.lower import Call, copied, lowered
from autograd.compiler.machine.memory import Elsewhere, aligned, last_regions, memory_of
from autograd.compiler.machine.texts import words_of_bits
from autograd.compiler.program.classes import Array, Kind, Operand, Program, Read, choice_of
from autograd.compiler.program.indices import Index
from autograd.compiler.program.nests import Column
from autograd.compiler.program.schedule import schedule, stored

_SOON = 10_000  # operations: some microseconds
_SHORT = 32  # numbers that are handled as a list
Listed = tuple[Kernel, Any, Any]  # a kernel, the words that it finds its work in, and the table that they point to


class Machine:
    """A program that runs as machine code, for any number of threads at a time: each has a frame of its own.

    Attributes:
        copied: How many numbers are carried over by copies.

    Args:
        program: The program to run.
        batch: The number of samples in the batched arrays.
        carried: Pairs (number of an output, leaf): the output takes the place of the leaf for the next evaluation.
        elsewhere: The array with the parameters, leaf 0, if they are not in the frame.  Then outputs are not
            carried over at the end of an evaluation, but when the second function that ``bound`` gives is called; what
            nothing else needs is only computed then, straight into the places of the leaves.
    """

    def __init__(
        self,
        program: Program,
        batch: int = 1,
        carried: Sequence[tuple[int, Read]] = (),
        *,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.program, self.batch = program, batch
        apart = elsewhere is not None
        steps = schedule(program)
        last, places = last_regions(program, steps, carried) if apart else ([], {})
        first = [step for step in steps if step not in last]
        kept = stored(program, steps) | {read.array for _, read in carried}
        whole = [
            (new.array, old.array)
            for number, old in carried
            if not apart
            and isinstance(new := program.outputs[number], Read)
            and new.index.is_identity
            and old.index.is_identity
            and len(old.index) == program.arrays[old.array].size
        ]
        self.memory = memory_of(program, [*first, *last], kept - places.keys(), batch, whole)
        self._frame: Any = None
        self._elsewhere: dict[int, Any] = {}  # the memory of arrays that are not in the frame
        if elsewhere is not None:
            self._place(elsewhere)
        self.calls = lowered(program, first, kept, self.memory, batch)
        pairs = [(program.outputs[number], old) for number, old in carried]
        pairs = [(new, old) for new, old in pairs if not isinstance(new, Read) or new.array not in places]
        self.copied = sum([len(old.index) for _, old in pairs])
        carrying = self._carried(pairs)
        if apart:
            columns = {number: Column(where, self.memory.base[0]) for number, where in places.items()}
            carrying = [*lowered(program, last, kept, self.memory, batch, instead=columns), *carrying]
        else:
            self.calls += carrying
        self._keep: list[Any] = []
        self._short = operations(program) * batch < _SOON
        self.table = self._table(_listed(self.calls))
        self.carrying = self._table(_listed(carrying if apart else []))
        self._leaves = [
            (
                array.kind,
                slice(base := self.memory.base[number], base + array.size),
                np.asarray(array.data) if array.kind is Kind.CONSTANT else selector(array.data),
            )
            for number, array in enumerate(program.arrays)
            if number in self.memory.base and array.kind.is_leaf and number not in self._elsewhere
        ]
        self._selectors: dict[Index, Any] = {}  # of the outputs
        self._free: list[tuple[Any, Any, Callable[[], None]]] = []  # append and pop are atomic

    def __getstate__(self) -> dict[str, Any]:
        """What runs the program in another process: index maps, which nobody reads then, are left out."""
        arrays = [
            Array(array.kind, array.size, array.batched, data=array.data if array.kind.is_leaf else ())
            for array in self.program.arrays
        ]
        state = {name: getattr(self, name) for name in ("batch", "memory", "copied", "_short", "_leaves")}
        return state | {"program": Program(arrays, self.program.outputs), "listed": _listed(self.calls)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        listed = state.pop("listed")
        vars(self).update(state)
        self._frame, self._elsewhere, self._selectors = None, {}, {}
        self._keep, self._free, self.calls = [], [], []
        self.table, self.carrying = self._table(listed), self._table([])

    def _place(self, elsewhere: Elsewhere) -> None:
        """Let the frame be memory that other programs use, too, and the leaves be elsewhere.

        The machine code finds an array by its distance from the beginning of the frame, wherever it is.
        """
        memory, arrays = self.memory, self.program.arrays
        # Numbers that are to be copied aside, all parameters at most, come behind.
        self._frame = frame = elsewhere.scratch(memory.size - memory.leaves + len(elsewhere.parameters))
        base: dict[int, int] = {}
        for number, place in memory.base.items():
            kind = arrays[number].kind
            if kind is Kind.CONSTANT or kind is Kind.PARAMETER:
                here = elsewhere.parameters
                if kind is Kind.CONSTANT:
                    here = aligned(len(arrays[number].data))
                    here[:] = arrays[number].data
                self._elsewhere[number] = here
                base[number] = (here.ctypes.data - frame.ctypes.data) // frame.itemsize
            else:
                base[number] = place if kind is Kind.ARGUMENT else place - memory.leaves
        self.memory = memory._replace(
            base=base, size=memory.size - memory.leaves, scratch=memory.scratch - memory.leaves, leaves=0
        )

    def _carried(self, pairs: Sequence[tuple[Operand, Read]]) -> list[Call]:
        """The calls that put outputs into the places of leaves, at the end of an evaluation.

        An output may be the old number of another leaf: a rule may keep the parameter as it was before the step.  Such
        an output is copied aside before anything is replaced.
        """
        replaced = {old.array for _, old in pairs}
        aside, calls = [], []
        for new, old in pairs:
            if not isinstance(new, Read):
                raise ValueError(f"the number {new} is carried over: it must be an array")
            if self.memory.aliases.get(new.array) == old.array:  # computed where it belongs
                continue
            given = self.program.arrays[new.array].kind is Kind.ARGUMENT
            source = Column(new.index, self.memory.base[new.array], data=given)
            if new.array in replaced:
                kept = Column(range(len(new.index)), self.memory.size)
                self.memory = self.memory._replace(size=self.memory.size + len(new.index))
                aside.append(copied(source, kept))
                source = kept
            calls.append(copied(source, Column(old.index, self.memory.base[old.array])))
        return [*aside, *calls]

    def _table(self, listed: Sequence[Listed]) -> Any:
        """The addresses of some kernels and of what they run with."""
        self._keep += listed
        for _, words, rows in listed:
            words[1] = rows.ctypes.data
        where = np.array([words.ctypes.data for _, words, _ in listed], dtype=np.int64)
        code = np.array(addresses([kernel for kernel, _, _ in listed]), dtype=np.int64)
        return np.ascontiguousarray(np.stack([code, where], axis=1))

    # ---- memory ----------------------------------------------------------------------------------------------------
    def frame(self) -> Any:
        """Memory for one evaluation at a time, constants filled in."""
        if self._frame is not None:
            return self._frame
        frame = aligned(self.memory.size)
        self.fill(frame, Kind.CONSTANT, None)
        return frame

    def data(self, evaluations: int = 1) -> Any:
        """Memory for the arguments of so many evaluations, [evaluations, size]."""
        return aligned(evaluations, self.memory.data)

    def fill(self, memory: Any, kind: Kind, numbers: Any) -> None:
        """Give the leaves of a kind their numbers.

        Args:
            memory: A frame; for arguments the data.
            kind: The kind of leaves.
            numbers: The numbers of the call [number], or of a batch [number, sample]; many evaluations add an axis.
        """
        for leaf, here, places in self._leaves:
            if leaf is kind is Kind.ARGUMENT and self.batch > 1:
                block = numbers[..., places, :]
                block = block.reshape(*block.shape[:-2], -1)
                memory[..., here.start : here.start + block.shape[-1]] = block
            elif leaf is kind:
                memory[..., here] = places if kind is Kind.CONSTANT else numbers[..., places]

    def taken(self, frame: Any, kind: Kind, numbers: Any) -> Any:
        """The numbers of the leaves of a kind as they are in a frame, put into those of the call."""
        for leaf, here, places in self._leaves:
            if leaf is kind:
                numbers[places] = frame[here]
        return numbers

    def read(self, frame: Any, data: Any, operand: Operand) -> Any:
        """The numbers of an output after an evaluation: [member], or [member, sample]."""
        if not isinstance(operand, Read):
            return np.array([operand])
        array = self.program.arrays[operand.array]
        memory = data[-1] if array.kind is Kind.ARGUMENT else self._elsewhere.get(operand.array, frame)
        base = 0 if operand.array in self._elsewhere else self.memory.base[operand.array]
        if not array.batched:
            block = memory[base : base + array.size]
        else:
            block = memory[base : base + array.size * self.batch].reshape(array.size, self.batch)
        index = operand.index
        if index.is_identity and len(index) == array.size:
            return block
        if index not in self._selectors:
            self._selectors[index] = selector(index.places)
        return block[self._selectors[index]]

    # ---- runs ------------------------------------------------------------------------------------------------------
    def run(self, frame: Any, data: Any, times: int = 1, *, noted: int = 0) -> Any:
        """Evaluate once or many times.

        Args:
            frame: A frame of this machine.
            data: The arguments [times, size]; if there are those of one evaluation only, they serve all.
            times: The number of evaluations.
            noted: number of the output, of one member, to note after each.

        Returns:
            The notes [times].
        """
        notes = np.empty(times)
        watched = self.program.outputs[noted]
        place = 0
        if isinstance(watched, Read):
            place = self.memory.base[watched.array] + watched.index[0]
            if self.program.arrays[watched.array].kind is Kind.ARGUMENT:
                watched, place = data[:, place].copy(), 0
        stride = self.memory.data if len(data) > 1 else 0
        block = _block(frame, data, self.table, notes, stride, times, place)  # which lives until the call is over
        runner()(block.ctypes.data)
        return notes if isinstance(watched, Read) else np.broadcast_to(np.array(watched, dtype=float), (times,))

    def bound(self, frame: Any, data: Any) -> tuple[Callable[[], None], Callable[[], None]]:
        """A function that evaluates once with this memory, and one that carries outputs over, with the lock held.

        So does a short evaluation: another thread that gets the lock meanwhile keeps it for milliseconds.
        """
        note = np.empty(1)

        def call(table: Any, *, locked: bool) -> Callable[[], None]:
            block = _block(frame, data, table, note)
            self._keep.append(block)
            return partial(runner(locked=locked), block.ctypes.data)

        self._keep.append((frame, data, note))
        return call(self.table, locked=self._short), call(self.carrying, locked=True)

    def place(self, operand: Operand) -> int | None:
        """Where in the frame the first number of an output is; None if it is elsewhere."""
        if not isinstance(operand, Read) or operand.array in self._elsewhere:
            return None
        given = self.program.arrays[operand.array].kind is Kind.ARGUMENT
        return None if given else self.memory.base[operand.array] + operand.index[0]

    def places(self, kind: Kind) -> tuple[list[int], list[int]]:
        """The numbers of a call that are leaves of a kind, and where each is in memory."""
        numbers: list[int] = []
        found: list[int] = []
        for number, array in enumerate(self.program.arrays):
            if array.kind is kind and number in self.memory.base:
                base = self.memory.base[number]
                numbers += array.data
                found += range(base, base + array.size)
        return numbers, found

    def __call__(self, arguments: Any, parameters: Any) -> list[Any]:
        """The outputs at these numbers; those of a few numbers each as lists."""
        try:
            frame, data, evaluate = self._free.pop()  # another thread may take the last one at any time
        except IndexError:
            frame, data, evaluate = self._memory()
        try:
            if self.batch > 1:
                self.fill(data, Kind.ARGUMENT, np.asarray(arguments, dtype=float))
            else:
                _put(data[0], self._given[0], arguments)
            _put(frame, self._given[1], parameters)
            evaluate()
            few, spans, others = self._divided
            numbers = frame[few].tolist()
            found = [numbers[span] for span in spans]
            for k in others:
                found[k] = self.read(frame, data, self.program.outputs[k]).copy()
            return found
        finally:
            self._free.append((frame, data, evaluate))

    def _memory(self) -> tuple[Any, Any, Callable[[], None]]:
        frame, data = self.frame(), self.data()
        return frame, data, self.bound(frame, data)[0]

    @cached_property
    def _given(self) -> tuple[_Given | None, _Given | None]:
        """Where the arguments and the parameters of a call belong; None if the program reads none of them."""
        return self._given_of(Kind.ARGUMENT), self._given_of(Kind.PARAMETER)

    def _given_of(self, kind: Kind) -> _Given | None:
        pairs = sorted(zip(*self.places(kind)))
        if not pairs:
            return None
        numbers, places = zip(*pairs)
        every = numbers == tuple(range(len(numbers)))
        return _Given(selector(numbers), selector(places), len(numbers) if every else None)

    @cached_property
    def _divided(self) -> tuple[Any, list[slice], list[int]]:
        """Where in the frame all numbers of short outputs are; which of these make up each output; the other outputs.

        All of them are read at once, 10x faster than one by one.
        """
        places: list[int] = []
        spans: list[slice] = []
        others = []
        for k, x in enumerate(self.program.outputs):
            before = len(places)
            if isinstance(x, Read) and self._is_short(x):
                places += [self.memory.base[x.array] + place for place in x.index.places]
            else:
                others.append(k)
            spans.append(slice(before, len(places)))
        return np.array(places, dtype=int), spans, others

    def _is_short(self, x: Read) -> bool:
        """Whether an output is a few numbers of the frame."""
        return len(x.index) <= _SHORT and self.place(x) is not None and not self.program.arrays[x.array].batched


class _Given(NamedTuple):
    """Where the numbers of a call belong."""

    chosen: Any  # those of them that the program reads
    places: Any  # the places of these in memory
    size: int | None  # the number of numbers in a call of which all are read; None if one before the last is left out


def _put(memory: Any, given: _Given | None, numbers: Any) -> None:
    """Put the numbers of a call where they belong, as far as they are read."""
    if given is None:
        return
    count = len(numbers)
    if (count != given.size or count > _SHORT) and not isinstance(numbers, np.ndarray):
        numbers = np.frombuffer(pack(f"{count}d", *numbers))  # 3x faster than asarray
    memory[given.places] = numbers if count == given.size else numbers[given.chosen]


def _block(frame: Any, data: Any, table: Any, notes: Any, stride: int = 0, times: int = 1, noted: int = 0) -> Any:
    """The block of words that the loop over the steps of a table takes, see ``runner``."""
    first = frame.ctypes.data, data.ctypes.data, stride, times, noted, notes.ctypes.data
    return np.array([*first, table.ctypes.data, len(table)], dtype=np.int64)


def operations(program: Program) -> int:
    """How many operations on single numbers a program does."""
    sums = sum([len(terms.owner) for array in program.arrays for terms in array.terms])
    choices = [len(choice_of(array).places) for array in program.arrays if array.kind in (Kind.GATHER, Kind.SCATTER)]
    return sums + sum(choices) + sum([array.size for array in program.arrays if array.kind is Kind.MAP])


def selector(places: Sequence[int]) -> Any:
    """The index that takes these places out of an array: a slice where they are next to each other."""
    if len(places) and [*places] == [*range(places[0], places[0] + len(places))]:
        return slice(places[0], places[0] + len(places))
    return np.array(places, dtype=int)


def writer(memory: Any, places: Sequence[int]) -> Callable[[Sequence[float]], None]:
    """A function that puts numbers into places of an array; for a few neighbours it is 5x faster than numpy."""
    chosen = selector(places)
    if not isinstance(chosen, slice):
        found: Callable[[Sequence[float]], None] = partial(memory.__setitem__, chosen)
        return found
    put, view, first = Struct(f"{len(places)}d").pack_into, memoryview(memory), 8 * chosen.start
    return lambda numbers: put(view, first, *numbers)


def _listed(calls: Sequence[Call]) -> list[Listed]:
    return [(call.kernel, *_descriptor(call)) for call in calls]


def _descriptor(call: Call) -> tuple[Any, Any]:
    """The words that a kernel finds its work in, and the table that they point to."""
    rows = np.array(call.table.rows, dtype=np.int64)
    strides = [stride for loop in call.table.loops for stride in loop]
    given = words_of_bits([column.data for column in call.columns])
    head = np.array([len(rows), 0, *given, *strides], dtype=np.int64)  # 0: where the table will be
    numbers = np.array(call.numbers, dtype=float).view(np.int64)
    return np.concatenate([head, numbers, np.array(call.flags, dtype=np.int64)]), rows
