"""Numbers that a function reads and changes outside: entries of lists and dictionaries, attributes, names around it.

Such a number is no constant of the recording.  While the function is recorded, a traced number stands there; at each
call the program gets what is there then, and afterwards what the program computed is put there.  In a place there may
be lists, tuples and dictionaries of numbers instead, if the function puts new ones there: an optimiser's state.

    state["step"] += 1          while it is recorded: state["step"] is a traced 7, then the node of 7 + 1
    state["note"] = "warm"      a text: each call puts the same one there
                                a call: read state["step"], run the program, write its result and "warm"
    losses.append(loss.data)    while it is recorded: a stand-in for the list notes what is appended
                                a call: the list gets this call's number, whatever is in it

The stand-in for a list tells when anything else is done with it.  Then its length and its members are part of what the
function computes, which a program cannot know: such a function runs without the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from operator import getitem, is_
from typing import Any, NamedTuple, NoReturn

from autograd.compiler.recording.arguments import are_tokens, plain_numbers
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.traced import TracedFloat, TracedInt, node_of
from autograd.compiler.recording.watches import NO_KEY, UNSET, Difference
from autograd.compiler.recording.written import (
    END,
    PLAIN,
    NotReplayableError,
    Part,
    Place,
    in_rows,
    no_number,
    part_of,
    put_all,
)  # fmt: skip
from autograd.ops import leaf
from autograd.trees import flatten, rebuild
from autograd.value import Value, new_node


def by_key(places: Iterable[Place]) -> dict[tuple[int, Any], Place]:
    """The places by container and key."""
    return {(id(place.space), place.key): place for place in places}


def changed_numbers(outsides: Iterable[Outside]) -> dict[tuple[int, Any], Place]:
    """Numbers outside that somebody has changed since, such as a learning rate: they may change again."""
    differences = chain.from_iterable([outside.differences() or () for outside in dict.fromkeys(outsides)])
    kinds = {float, int}
    return by_key([Place(*x[:3]) for x in differences if type(x.seen) in kinds and type(x.now) in kinds])


def _hidden(outside: Outside) -> list[Difference]:
    """The names that a function sets and never reads, with what is there from now on.

    UNSET takes the place of a text, a truth or a number, so that it shows if the function sets the same one anew.
    """
    found = outside.only_set()
    for k, x in enumerate(found):
        if type(x.seen) in PLAIN and not outside.is_dynamic:
            x.space[x.key] = UNSET
            found[k] = x._replace(now=UNSET)
    return found


class Source(NamedTuple):
    """A place with numbers that each call reads: one number, or lists, tuples and dictionaries of numbers."""

    place: Place
    kind: type  # that of what is there
    shape: Any  # its structure
    count: int  # type: ignore[assignment]  # how many numbers it has; replaces tuple.count
    rows: tuple[int, int]  # how many tuples of floats, and how long they are, if it is a list of such; else 0, 0

    @property
    def get(self) -> Callable[[], Any]:
        """What gets the object that is there."""
        place = self.place
        if self.kind not in (float, int):
            return place.get
        return partial(getitem if place.is_item else getattr, place.space, place.key)  # 3x faster

    def read(self) -> list[Any] | None:
        """The numbers; None if there is something else."""
        return Reader([self], range(self.count))()


class _Live(NamedTuple):
    """A source in which traced numbers stand while the function is recorded."""

    source: Source
    before: Any  # what was there
    mark: Any  # what stands there now
    leaves: list[Value]  # of the traced numbers in it


class Places:
    """What a function can see outside and may change, while it is recorded.

    Args:
        outside: Everything that it can see.
        live: The places of numbers that it is known to change, by container and key.
    """

    def __init__(self, outside: Outside, live: Sequence[Place]) -> None:
        self.outside, self._places = outside, [place for place in live if place.key is not END]
        self._logs = [Log(place, _places_of(place.space, outside)) for place in live if place.key is END]
        self.discovered: list[Place] = []  # places of numbers that it turned out to change
        self._live: list[_Live] = []
        self._hidden: list[Difference] = []

    def install(self) -> Iterable[Value]:
        """Put traced numbers into the live places, and return the leaves of these numbers."""
        self._hidden = _hidden(self.outside)
        for place in self._places:
            before = place.get()
            found = plain_numbers([before])
            if found is None:
                what = "something that is no number, or an int beyond 2**46"
                if any(isinstance(x, Value) for x in flatten(before)):
                    what = "Values, which a program cannot make: store their .data"
                raise NotReplayableError(f"stores in {place.name} {what}")
            (shape,), numbers = found
            leaves = [new_node(float(number), leaf, (), ()) for number in numbers]
            traced = [TracedInt(node) if type(x) is int else TracedFloat(node) for x, node in zip(numbers, leaves)]
            rows = (len(before), len(before[0])) if in_rows(before, float) is not None else (0, 0)
            source = Source(place, type(before), shape, len(numbers), rows)
            self._live.append(_Live(source, before, rebuild(before, traced), leaves))
        put_all(self._places, [live.mark for live in self._live])
        for log in self._logs:
            _install(log)
        return chain.from_iterable([live.leaves for live in self._live])

    def restore(self) -> None:
        """Put everything back."""
        self.outside.put_back(self._hidden)
        put_all([live.source.place for live in self._live], [live.before for live in self._live])

    def written(self) -> list[Part]:
        """The objects that the function left in the live places, and elsewhere.

        Raises:
            NotReplayableError: It left something that a program cannot make.
        """
        seen = self.outside.seen
        # What the function appends to a list.  One that has grown without a stand-in in its place may be of that kind:
        # then the function is recorded once more, which tells whether it also reads it.
        found = [part_of(log._end, items, seen) for log in self._logs if (items := _remove(log))]
        differences = self.outside.differences()
        if differences is None and (lists := grown(self.outside)):
            self.discovered += lists
            return found
        # What is watched and differs.  A number that was changed makes its place a live one, and the function is
        # recorded once more.  A text, a truth or None is put there by each call.
        if differences is None:
            raise NotReplayableError(
                f"changes the length or the keys of {self.outside.changed()}: return the new items, and add them "
                "outside the function"
            )
        for space, key, name, before, now in differences:
            if plain_numbers([before]) is not None and type(now) is not bool:
                self.discovered.append(Place(space, key, name))
            elif type(now) in PLAIN and type(before) in PLAIN:
                found.append(part_of(Place(space, key, name), now, seen))
            else:
                raise no_number(name)
        # Names that the code sets and never reads, which nobody watches.
        for space, key, name, before, mark in self._hidden:
            now = space.get(key, NO_KEY)
            if now is NO_KEY and before is not NO_KEY:
                raise NotReplayableError(f"deletes {name}")
            if now is not mark:
                found.append(part_of(Place(space, key, name), now, seen))
        # The live places: where the function put something, the nodes of that.
        for live in self._live:
            place, now = live.source.place, live.source.place.get()
            if now is not live.mark:
                found.append(part_of(place, now, seen))
            elif list(map(node_of, flatten(now))) != live.leaves:
                raise NotReplayableError(f"changes {place.name} in place, and also replaces it by a new object")
        return found

    def read(self, used: set[Value]) -> tuple[list[Value], Reader | None]:
        """The leaves of those live numbers that are used, and what reads these numbers at each call.

        The reader looks at all live places: a function may ask what is there without using the number.
        """
        if not self._live:
            return [], None
        leaves = [node for live in self._live for node in live.leaves]
        wanted = [k for k, node in enumerate(leaves) if node in used]
        return [leaves[k] for k in wanted], Reader([live.source for live in self._live], wanted)


class Reader:
    """Reads the numbers of a call that are kept outside, as those in the arguments of a call are read.

    Attributes:
        sources: Where they are.
        wanted: Which of all the numbers there are wanted.
    """

    def __init__(self, sources: Sequence[Source], wanted: Sequence[int]) -> None:
        self.sources, self.wanted = sources, wanted
        self._gets = [source.get for source in sources]
        self._kinds = [source.kind for source in sources]
        self._shape = tuple([source.shape for source in sources])
        self._single = {float, int}.issuperset(self._kinds)
        self._ints = [k for k, kind in enumerate(self._kinds) if kind is int]

    def __call__(self) -> list[float] | None:
        """The numbers, in the order of the leaves; None if there is something else."""
        try:
            numbers: list[Any] = [get() for get in self._gets]
        except (LookupError, AttributeError):
            return None
        if list(map(type, numbers)) != self._kinds:
            return None
        if not self._single:
            found = plain_numbers(numbers)
            if found is None or found[0] != self._shape:
                return None
            numbers = found[1]
        elif self._ints and not are_tokens([numbers[k] for k in self._ints]):
            return None
        return numbers if len(numbers) == len(self.wanted) else [numbers[k] for k in self.wanted]


# ---- lists to which the function only appends ------------------------------------------------------------------------
class Log:
    """In the place of a list or a deque while a function is recorded."""

    def __init__(self, end: Place, places: list[Place] | None) -> None:
        self._end, self._places = end, places  # the end of the list, and where the list stands
        self._target, self._items, self._read = end.space, list[Any](), False

    def append(self, x: Any) -> None:
        """Note one more member."""
        self._items.append(x)

    def extend(self, xs: Iterable[Any]) -> None:
        """Note several."""
        self._items.extend(xs)

    def __iadd__(self, xs: Iterable[Any]) -> Log:
        self._items.extend(xs)
        return self

    @property  # type: ignore[misc]  # isinstance(log, list) holds, and the cases of a match for lists ask for its length
    def __class__(self) -> Any:
        return type(self._target)

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(self)


def _refuse(log: Log, *_: Any) -> NoReturn:
    log._read = True
    raise NotReplayableError(
        f"appends to {log._end.name} and also reads it or changes it in another way: do one of the two after the call, "
        "with the result of the function"
    )


_REFUSED = (
    "len iter getitem setitem delitem contains reversed bool eq ne lt le gt ge hash add radd mul rmul imul repr str "
    "format reduce reduce_ex dir copy sizeof"
)
for _name in _REFUSED.split():
    setattr(Log, f"__{_name}__", _refuse)
Sequence.register(Log)


def _install(log: Log) -> None:
    """Put the stand-in into the places of the list.

    Raises:
        NotReplayableError: The list is also where nothing can be put, such as in a tuple.
    """
    if log._places is None:
        raise NotReplayableError(f"appends to {log._end.name}, which it also reaches by another name: use one name")
    put_all(log._places, [log] * len(log._places))


def _remove(log: Log) -> list[Any]:
    """Put the list back where the function left the stand-in, and return what is to be appended to it.

    Raises:
        NotReplayableError: The list was used otherwise.
    """
    left = [place for place in log._places or () if place.get() is log]
    put_all(left, [log._target] * len(left))
    if log._read:
        _refuse(log)
    return log._items


def grown(outside: Outside) -> list[Place]:
    """The ends of the lists that have more members than they had, and are the same otherwise."""
    lists = [watch for watch in outside.watches if type(watch.keys) is range]
    longer = [x for x in lists if len(x.space) > len(x.seen) and all(map(is_, x.space, x.seen))]
    return [Place(x.space, END, str(x.names)) for x in longer]


def _places_of(target: Any, outside: Outside) -> list[Place] | None:
    """Where a list stands; None if there are other ways to it."""
    found = {}
    for watch in outside.watches:
        if not watch.identical and len(watch.keys) == len(watch.seen):
            for key, x in zip(watch.keys, watch.seen):
                if x is target and key is not NO_KEY:
                    found[id(watch.space), key] = Place(watch.space, key, str(watch.names))
    return [*found.values()] if len(found) == outside.met.get(id(target), 0) else None
