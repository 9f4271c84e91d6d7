"""Numbers that a function reads and changes outside: entries of lists and dictionaries, attributes, names around it.

Such a number is no constant of the recording.  While the function is recorded, a traced number stands there; at each
call the program gets what is there then, and afterwards what the program computed is put there.  In a place there may
be lists, tuples and dictionaries of numbers instead, if the function puts new ones there: an optimiser's state.

    state["step"] += 1          while it is recorded: state["step"] is a traced 7, then the node of 7 + 1
    state["note"] = "warm"      a text: each call puts the same one there
                                a call: read state["step"], run the program, write its result and "warm"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import getitem
from typing import Any

from autograd.compiler.recording.arguments import form
from autograd.compiler.recording.exact import all_small
from autograd.compiler.recording.logs import Logs, grown
from autograd.compiler.recording.looks import END, NO_KEY
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.traced import TracedFloat, TracedInt
from autograd.compiler.recording.watches import Difference
from autograd.compiler.recording.written import (
    PLAIN,
    NotReplayableError,
    Place,
    Written,
    no_number,
    put_all,
)  # fmt: skip
from autograd.ops import leaf
from autograd.trees import all_floats, rebuild
from autograd.value import Value, new_node

__all__ = ["NotReplayableError", "Places", "Reader", "TreeReader", "by_key", "changed_numbers"]


def _is_number(x: Any) -> bool:
    return type(x) is float or type(x) is int


def _numbers(x: Any) -> list[Any] | None:
    """The numbers in a place, in order; None if there is anything else."""
    if type(x) in (list, tuple) and all_floats(x):
        return list(x)
    if type(x) in (list, tuple, dict):
        found: list[Any] = []
        for item in x.values() if type(x) is dict else x:
            inside = _numbers(item)
            if inside is None:
                return None
            found += inside
        return found
    return [x] if _is_number(x) else None


def _flat(tree: Any) -> list[Any]:
    """Everything in lists, tuples and dictionaries."""
    if type(tree) not in (list, tuple, dict):
        return [tree]
    return [x for item in (tree.values() if type(tree) is dict else tree) for x in _flat(item)]


def by_key(places: Iterable[Place]) -> dict[tuple[int, Any], Place]:
    """The places by container and key."""
    return {(id(place.space), place.key): place for place in places}


def changed_numbers(outsides: Iterable[Outside]) -> dict[tuple[int, Any], Place]:
    """Numbers outside that somebody has changed since, such as a learning rate: they may change again."""
    differences = chain.from_iterable([outside.differences() or () for outside in dict.fromkeys(outsides)])
    return by_key([_place(x) for x in differences if _is_number(x.seen) and _is_number(x.now)])


def _place(x: Difference) -> Place:
    return Place(x.space, x.key, x.name)


class Places:
    """What a function can see outside and may change, while it is recorded.

    Args:
        outside: Everything that it can see.
        live: The places of numbers that it is known to change, by container and key.
    """

    def __init__(self, outside: Outside, live: Sequence[Place]) -> None:
        self.outside, self.live = outside, [place for place in live if place.key is not END]
        self._logs = Logs(outside, [(place.space, place.name) for place in live if place.key is END])
        self.discovered: list[Place] = []  # places of numbers that it turned out to change
        self._before: list[Any] = []
        self._marks: list[Any] = []
        self._leaves: list[list[Value]] = []
        self._only_set: list[Difference] = []

    def install(self) -> Iterable[Value]:
        """Put traced numbers into the live places, and return the leaves of these numbers."""
        self._only_set = self.outside.only_set()
        for place in self.live:
            before = place.get()
            numbers = _numbers(before)
            if numbers is None or not all_small(numbers):
                raise NotReplayableError(f"keeps something in {place.name} that is no number, or an int beyond 2**46")
            leaves = [new_node(float(number), leaf, (), ()) for number in numbers]
            traced = [TracedInt(node) if type(x) is int else TracedFloat(node) for x, node in zip(numbers, leaves)]
            self._before.append(before)
            self._leaves.append(leaves)
            self._marks.append(traced[0] if _is_number(before) else rebuild(before, traced))
        put_all(self.live, self._marks)
        self._logs.install()
        return chain.from_iterable(self._leaves)

    def restore(self) -> None:
        """Put everything back."""
        self.outside.put_back()
        for space, key, _, before, _ in self._only_set:
            if before is NO_KEY:
                space.pop(key, None)
            else:
                space[key] = before
        put_all(self.live[: len(self._before)], self._before)

    def written(self) -> Written:
        """The objects that the function left in the live places, and elsewhere.

        Raises:
            NotReplayableError: It left something that a program cannot make.
        """
        # What the function appends to a list.  One that has grown without a stand-in in its place may be of that kind:
        # then the function is recorded once more, which tells whether it also reads it.
        found = Written(self.outside.seen)
        for target, name, items in self._logs.remove():
            found.add(Place(target, END, name), items)
        differences = self.outside.differences()
        if differences is None and (lists := grown(self.outside)):
            self.discovered += [Place(target, END, name) for target, name in lists]
            return found
        # What is watched and differs.  A number that was changed makes its place a live one, and the function is
        # recorded once more.  A text, a truth or None is put there by each call.
        if differences is None:
            raise NotReplayableError(
                f"changes the length or the keys of {self.outside.changed()}: return what it puts there, and put it "
                "there outside"
            )
        for difference in differences:
            seen, now = difference.seen, difference.now
            if _numbers(seen) is not None and type(now) is not bool:
                self.discovered.append(_place(difference))
            elif type(now) in PLAIN and type(seen) in PLAIN:
                found.add(_place(difference), now)
            else:
                raise no_number(difference.name)
        # Names that the code sets and never reads, which nobody watches.
        for space, key, name, before, _ in self._only_set:
            now = space.get(key, NO_KEY)
            if now is NO_KEY and before is not NO_KEY:
                raise NotReplayableError(f"deletes {name}")
            if now is not before:
                found.add(Place(space, key, name), now)
        # The live places: where the function put something, the nodes of that.
        for place, mark, nodes in zip(self.live, self._marks, self._leaves):
            now = place.get()
            if now is not mark:
                found.add(place, now)
            elif [getattr(x, "node", x) for x in _flat(mark)] != nodes:
                raise NotReplayableError(f"changes in place what it also replaces by something new: {place.name}")
        return found

    def read(self, used: set[Value]) -> tuple[list[Value], Reader | None]:
        """The leaves that are used of the numbers that a call reads, and a function that reads these numbers.

        It looks at all places, since a function may ask what is there without using the numbers.
        """
        if not self.live:
            return [], None
        pairs = list(zip(self.live, self._before))
        places = [place for place, before in pairs if _is_number(before)]
        kinds = [type(before) for before in self._before if _is_number(before)]
        trees = [TreeReader(place, before) for place, before in pairs if not _is_number(before)]
        singles = [nodes[0] for (_, before), nodes in zip(pairs, self._leaves) if _is_number(before)]
        numbers = [node for (_, before), nodes in zip(pairs, self._leaves) if not _is_number(before) for node in nodes]
        leaves = [*singles, *numbers]
        wanted = [k for k, node in enumerate(leaves) if node in used]
        return [leaves[k] for k in wanted], Reader(places, kinds, trees, wanted)


class Reader:
    """Reads the numbers of a call that are kept outside.

    Attributes:
        places: Of single numbers.
        kinds: What each is, int or float.
        trees: Lists, tuples and dictionaries of numbers.
        wanted: Which of all these numbers are wanted.
    """

    def __init__(
        self, places: Sequence[Place], kinds: Sequence[type], trees: Sequence[TreeReader], wanted: Sequence[int]
    ) -> None:
        self.places, self.kinds = places, list(kinds)
        self._spaces, self._keys = [place.space for place in places], [place.key for place in places]
        sides = {place.is_item for place in places}
        self._get: Any = None if len(sides) > 1 else getitem if True in sides else getattr
        self._any_int = int in kinds
        self.trees, self.wanted = trees, wanted

    def __call__(self) -> list[float] | None:
        """The numbers, in the order of the leaves; None if there is something else."""
        try:
            if self._get is None:
                found: list[Any] = [place.get() for place in self.places]
            else:  # one call into C
                found = list(map(self._get, self._spaces, self._keys))
        except (LookupError, AttributeError):
            return None
        if list(map(type, found)) != self.kinds:
            return None
        if self._any_int and not all_small(found):
            return None
        for tree in self.trees:
            inside = tree.read()
            if inside is None:
                return None
            found += inside
        return found if len(found) == len(self.wanted) else [found[k] for k in self.wanted]


class TreeReader:
    """A list, tuple or dictionary of numbers in a place, which must be of the same form at each call."""

    def __init__(self, place: Place, before: Any) -> None:
        self.place, self._form = place, form(before)
        self.kinds = list(map(type, _numbers(before) or []))
        self.count = len(self.kinds)
        self.size = (len(before), len(before[0])) if _fast(before) is not None else None

    def read(self) -> list[Any] | None:
        """The numbers; None if there is something else."""
        try:
            tree = self.place.get()
        except (LookupError, AttributeError):
            return None
        if self.size is not None and (found := _fast(tree)) is not None:
            return found if self.size == (len(tree), len(tree[0])) else None
        found = _numbers(tree)
        alike = (
            found is not None and all_small(found) and form(tree) == self._form and list(map(type, found)) == self.kinds
        )
        return found if alike else None


def _fast(tree: Any) -> list[float] | None:
    """The numbers of a list of tuples of one length, 10x faster."""
    if type(tree) is list and tree and set(map(type, tree)) == {tuple} and len(set(map(len, tree))) == 1:
        numbers = list(chain.from_iterable(tree))
        return numbers if set(map(type, numbers)) == {float} else None
    return None
