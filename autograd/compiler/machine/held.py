"""Which numbers of a step live in the memory of machine code, and which Python reads and writes at each call.

held     data and gradients of Values, an optimiser's state (``Deferred``): written back when somebody looks
         lists of plain numbers, whose readers cannot be noticed: machine code reads and writes them at each call
the rest single numbers (a counter, a learning rate) and all else from outside: Python reads and writes them
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

from autograd.compiler.backends import UnsupportedError
from autograd.compiler.machine.native.jit import available
from autograd.compiler.recording.places import Reader, Source
from autograd.compiler.recording.record import Recording
from autograd.compiler.recording.written import Part
from autograd.ops import constant
from autograd.value import Value

_FEW = 256  # up to so many Values that are only read are not held: each call reads them
_MANY = 8  # a list with at least so many numbers is read and written as a whole


class Held:
    """The numbers that a recording reads and writes, sorted by where they may stay between calls.

    Each number has a key.  All recordings of a function give a number the same key, and keep the same keys in the same
    order, so that they can share one memory:

        ("data", p), ("grad", p)                   the data or gradient of a Value p
        (id of the container, key, 0, 1, 2, …)     a number in a list, dictionary or object outside

    A *live number* is a number that the recording reads, given by its position among all such numbers.

    Attributes:
        data: Values whose data is held.
        grads: Values whose gradient is held.
        trees: The state of optimisers.
        columns: Lists of floats.
        keys: The keys of all held numbers: data, gradients, state, lists.
        leaves: For the key of a number that the recording reads, its live number.
        sources: For the key of a number that the recording writes: the list of the effects' outputs, and the position.
        constants: Values whose gradient is set to the same number at each call, and these numbers.
        looked: Values whose data each call reads, and their live numbers.
        read: Reads the rest of the numbers outside; None if there is no such number.
        read_leaves: The live numbers of what ``read`` reads.
        parts: What each call writes elsewhere.
        part_sources: The outputs of ``parts``, as in ``sources``.

    Raises:
        UnsupportedError: A parameter is an argument of the call, or a gradient is no number.
    """

    def __init__(self, recording: Recording, deferrable: Iterable[tuple[int, Any]]) -> None:
        effects = recording.effects
        groups = (*[targets for targets, _ in (effects.data, effects.gradients, effects.constants)], effects.reads)
        if int in {*map(type, chain.from_iterable(groups))}:
            raise UnsupportedError("a parameter is an argument")
        if not {*map(type, effects.constants[1])} <= {int, float}:
            raise UnsupportedError("a gradient is set to something that is no number")
        self.constants: tuple[list[Any], Sequence[Any]] = (list(effects.constants[0]), effects.constants[1])
        self.leaves: dict[Any, int] = {}
        self.sources: dict[Any, tuple[int, int]] = {}
        self.parts: list[Part] = []
        self.part_sources: list[tuple[int, int]] = []
        read = effects.outside
        self._number_leaves(recording, read)
        self.trees = _trees(read, effects.written.parts, set(deferrable))
        self.columns = _columns(recording, read, effects.written.parts) if available() else []
        self._number_sources(recording)
        self._of_values(recording)
        keys: list[Any] = [*zip(repeat("data"), self.data), *zip(repeat("grad"), self.grads)]
        for tree in self.trees:
            keys += zip(repeat(id(tree.place.space)), repeat(tree.place.key), range(tree.count))
        for column in self.columns:
            keys += zip(repeat(id(column)), range(len(column)), repeat(0))
        self.keys = keys
        self._of_the_rest(read)

    def _number_leaves(self, recording: Recording, read: Reader | None) -> None:
        first = len(recording.parameters)
        self.leaves.update(zip(zip(repeat("data"), recording.parameters), range(first)))
        self.leaves.update(zip(zip(repeat("grad"), recording.effects.reads), range(first, first + 2**60)))
        if read is not None:
            keys = list(_keys_of(read.sources))
            first += len(recording.effects.reads)
            self.leaves.update([(keys[k], first + number) for number, k in enumerate(read.wanted)])

    def _number_sources(self, recording: Recording) -> None:
        effects, number = recording.effects, 0
        for name, (targets, nodes) in (("data", effects.data), ("grad", effects.gradients)):
            if nodes:
                self.sources.update(zip(zip(repeat(name), targets), zip(repeat(number), range(len(nodes)))))
                number += 1
        held = {(id(tree.place.space), tree.place.key) for tree in self.trees}
        lists = {id(column) for column in self.columns}
        at = 0
        for part in effects.written.parts:
            space, key, count = id(part.place.space), part.place.key, len(part.nodes)
            if space in lists or (space, key) in held:
                self.sources.update(
                    zip(zip(repeat(space), repeat(key), range(count)), zip(repeat(number), range(at, at + count)))
                )
            else:
                self.parts.append(part)
                self.part_sources += zip(repeat(number), range(at, at + count))
            at += count

    def _of_values(self, recording: Recording) -> None:
        effects = recording.effects
        written: dict[Any, None] = dict.fromkeys(effects.data[0])
        grads: set[Any] = {*effects.reads, *effects.gradients[0], *effects.constants[0]}
        # A few Values that are only read stay plain Values, which each call reads.  Many of them are held like those
        # that are written, since reading a Value takes longer than computing one.  A Value whose gradient is held must
        # be held itself: reading its data would write the gradient back at each call.
        only_read = [p for p in recording.parameters if p not in written and p not in grads]
        looked = only_read if len(only_read) <= _FEW else []
        self.looked = looked, [self.leaves["data", p] for p in looked]
        kept = set(looked)
        data: set[Any] = {*written, *[p for p in recording.parameters if p not in kept]}
        self.data: list[Value] = sorted(data, key=id)
        self.grads: list[Value] = sorted(grads, key=id)

    @property
    def whose(self) -> Any:
        """The Values, states and lists that hold the numbers.

        If these are equal for two recordings, then so are the keys, and the recordings can share one memory.
        """
        trees = [(id(tree.place.space), tree.place.key, tree.rows) for tree in self.trees]
        return self.data, self.grads, trees, [(id(column), len(column)) for column in self.columns]

    def _of_the_rest(self, read: Reader | None) -> None:
        self.read: Reader | None = None
        self.read_leaves: list[int] = []
        if read is None:
            return
        lists, held = {id(column) for column in self.columns}, {*map(id, self.trees)}
        rest = [x for x in read.sources if id(x) not in held and id(x.place.space) not in lists]
        if rest:
            keys = list(_keys_of(rest))
            wanted = [k for k, key in enumerate(keys) if key in self.leaves]
            self.read, self.read_leaves = Reader(rest, wanted), [self.leaves[keys[k]] for k in wanted]


def _keys_of(sources: Sequence[Source]) -> Iterator[Any]:
    """The keys of all numbers that are read, in order."""
    for source in sources:
        yield from zip(repeat(id(source.place.space)), repeat(source.place.key), range(source.count))


def _trees(read: Reader | None, parts: Sequence[Part], deferrable: set[tuple[int, Any]]) -> list[Source]:
    """The lists of tuples that may be deferred: the function keeps them, or replaces them by lists of the same size."""
    widths = {(id(part.place.space), part.place.key): (part.width, len(part.nodes)) for part in parts}
    found = []
    for tree in read.sources if read else ():
        key = id(tree.place.space), tree.place.key
        rows, width = tree.rows
        if key in deferrable and rows and widths.get(key, (width, tree.count)) == (width, tree.count):
            found.append(tree)
    return sorted(found, key=lambda tree: (id(tree.place.space), tree.place.key))


def _columns(recording: Recording, read: Reader | None, parts: Sequence[Part]) -> list[list[float]]:
    """The lists of floats whose members the function reads, and perhaps changes, one by one."""
    known = {*recording.arguments}
    others = {
        id(part.place.space)
        for part in parts
        if part.width != 0 or part.nodes[0] in known or part.nodes[0].op is constant
    }
    lists: dict[int, list[Any]] = {}
    counts: dict[int, int] = {}
    for place, kind, *_ in read.sources if read else ():
        if type(place.space) is list and kind is float:
            lists[id(place.space)] = place.space
            counts[id(place.space)] = counts.get(id(place.space), 0) + 1
    chosen = [k for k, x in lists.items() if k not in others and counts[k] == len(x) >= _MANY]
    return [lists[k] for k in sorted(chosen)]
