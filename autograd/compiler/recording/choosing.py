"""What a function chooses by a number of the call, such as a member of a list by its index.

Without the compiler Python does that itself.  In a recording the choice is made anew at every replay: ``xs[i]`` is a
gather (the row ``take`` of the table) and ``max`` a chain of selections (``allowed.py``), so that no decision has to
be guarded.

>>> from autograd import Value, compile, take
>>> table = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
>>> f = compile(lambda i, x: take(table, i)[1] * max(x, 0.0))
>>> [f(i, 10.0).data for i in (0, 1, -2)], f.recordings
([20.0, 40.0, 20.0], 1)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Sequence
from operator import is_
from typing import Any

from autograd import ops
from autograd.compiler.recording.exact import EXACT
from autograd.compiler.recording.traced import TracedBool, TracedFloat, TracedInt, node_of
from autograd.graph import walking
from autograd.modes import current_modes
from autograd.ops import Traced
from autograd.value import Value

_CONTAINERS = (list, dict)
_FEW = 256  # lists of different lengths; of more than these, an index selects one by a decision
_CHANGED = "changes a list of a list of lists, of which it has selected one by a number of the call"
_data, _grad = vars(Value)["_data"], vars(Value)["grad"]  # where a node keeps its number and its gradient


class Chosen(Value):
    """One of several nodes.  It passes for the one that was chosen where it matters which that is; this is a decision.

    It is equal to that one, and has its hash and its gradient.  What is computed from its number is no decision.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Value) and _original(self) is _original(other))

    def __hash__(self) -> int:
        # The package's own dictionaries tell nodes apart.
        asked_here = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] == "autograd"
        return object.__hash__(self if asked_here or _no_function_runs() else _original(self))

    @property
    def grad(self) -> Any:
        """The gradient of the one that was chosen; while gradients are being computed, its own."""
        return _grad.__get__(self) if _no_function_runs() else _original(self).grad

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if _no_function_runs():
            _grad.__set__(self, gradient)
        else:
            _original(self).grad = gradient


class Outdated(Chosen):
    """One of several nodes, of which one has another number since."""

    __slots__ = ()

    @property
    def _data(self) -> Any:  # type: ignore[override]
        """The number that the node had when it was chosen, for what was computed before."""
        recorder = current_modes().recorder
        if recorder is not None and recorder.function_runs:
            recorder.refuse("uses a Value that it selected by a number of the call, after it set .data of one")
        return _data.__get__(self)


class Choices:
    """The nodes that were chosen in a recording, by the nodes that they were chosen from."""

    def __init__(self) -> None:
        self._new: list[Value] = []
        self._by_candidate: dict[Value, list[Value]] = {}

    def add(self, node: Value) -> None:
        """Note one more."""
        self._new.append(node)

    def on_set(self, candidate: Value, owner: Callable[[Value], Value]) -> Iterator[Value]:
        """A node gets another number: what was chosen, from it among others, may no longer be used.

        Args:
            candidate: The node.
            owner: A function that gives the parameter that a number was set to.
        """
        for node in self._new:
            for parent in node.parents[1:]:
                self._by_candidate.setdefault(owner(parent), []).append(node)
        self._new.clear()
        for node in self._by_candidate.pop(candidate, ()):
            if type(node) is Chosen:
                node.__class__ = Outdated
                yield node
                yield from self.on_set(node, owner)


def _no_function_runs() -> bool:
    recorder = current_modes().recorder
    return recorder is None or not recorder.function_runs or walking._is_owned()  # type: ignore[attr-defined]


def original(x: Any) -> Any:
    """The object itself or, if it is one of several nodes or lists, the one that was chosen: a decision."""
    if type(x) is Row and current_modes().recorder is not None:
        return original(x._lists[x._place.read()])
    return _original(x) if isinstance(x, Chosen) else x


def settled(x: Any, known: Container[int]) -> Any:
    """What the caller gets for x: if it is one of several nodes that the caller may have, the one that was chosen.

    Args:
        x: A number or node of a result.
        known: The ids of nodes that the caller may have.
    """
    stack = [x]
    while stack:
        node = stack.pop()
        if isinstance(node, Chosen):
            stack += node.parents[1:]
        elif id(node) in known and node is not x:
            return original(x)
    return x


def chosen_node(node: Value) -> Value:
    """A node that stands for one of its parents, as one that passes for that."""
    if type(node) is Value:  # a program's own subclass stays what it is
        node.__class__ = Chosen
        if (recorder := current_modes().recorder) is not None:
            recorder.choices.add(node)
    return node


def _original(node: Value) -> Value:
    """The node that was chosen."""
    recorder = current_modes().recorder
    while isinstance(node, Chosen):
        question, *candidates = node.parents
        if node.op is ops.take:
            if recorder is not None:
                recorder.on_read(question)
            node = candidates[int(question._data)]
        else:
            if recorder is not None:
                recorder.on_branch(question)
            node = candidates[not question._data]
    return node if recorder is None else recorder.changes.owner(node)


# ---- one of two ------------------------------------------------------------------------------------------------------
def of_two_kinds(items: Sequence[Any]) -> bool:
    """Whether these are plain numbers, among them an int of the call and a float: the result is now one, now the other.

    An int of the program, such as the 0 of ``max(x, 0)``, is taken for a float: that it was none could be seen in a
    text only.
    """
    if any(isinstance(x, Value) for x in items) or not any(isinstance(x, Traced) and isinstance(x, int) for x in items):
        return False
    return len({bool if isinstance(x, bool) else int if isinstance(x, int) else float for x in items}) > 1


def may_be_chosen(x: Any) -> bool:
    """Whether a selection has x itself as its result: an int that a float holds, and no bool."""
    if isinstance(x, bool):
        return False
    return isinstance(x, (Value, Traced, float)) or (isinstance(x, int) and abs(x) <= EXACT)


def choice(condition: Any, x: Any, y: Any) -> Any:
    """``x if condition else y``: of two numbers or Values a selection, of anything else a decision."""
    alike = may_be_chosen(x) and may_be_chosen(y) and not of_two_kinds((x, y))
    if not alike or x is y:
        return x if condition else y
    chosen = condition.select(x, y)
    return chosen_node(chosen) if isinstance(chosen, Value) else chosen


# ---- members of lists ------------------------------------------------------------------------------------------------
def member(xs: Any, i: Any, recorder: Any) -> Any:
    """``xs[i]`` for a traced int: a gather if the members are numbers, Values, or lists of these that are alike.

    Raises:
        IndexError: There is no such member, as in Python.
    """
    if not isinstance(i, TracedInt) or type(xs) not in (list, tuple, Row):
        return xs[i]
    n, number = len(xs), int(i.node._data)
    if _is_regular(xs):
        if not -n <= number < n:
            return xs[i.read()]  # an IndexError, for this index
        return _gathered(recorder.place(i.node, n), xs, i)
    if not -n <= number < n <= _FEW or not isinstance(xs[number], (list, tuple)):
        return xs[i]
    # Lists of different lengths: that the index selects one as long as this one is the decision.
    row = xs[number]
    alike = [type(x) is type(row) and len(x) == len(row) for x in xs]
    rows = [x if is_alike else row for x, is_alike in zip(xs, alike)]
    if sum(alike) == 1 or not _is_regular(rows):
        return xs[i]
    place = recorder.place(i.node, n)
    recorder.on_branch(Value.apply(ops.take, [place, *map(float, alike)]))
    return _gathered(place, rows, i)


def _is_regular(xs: Sequence[Any]) -> bool:
    """Whether these are numbers, or lists of the same length of such."""
    kinds = {*map(type, xs)}
    if len(kinds) == 1 and kinds <= {list, tuple, Row}:
        return len({*map(len, xs)}) == 1 and all(map(_is_regular, zip(*xs)))
    if not xs or not all(issubclass(kind, (Value, Traced, int, float)) for kind in kinds):
        return False
    if any(issubclass(kind, Value) for kind in kinds):
        return True
    whole = {isinstance(x, int) for x in xs}
    if len({isinstance(x, bool) for x in xs}) > 1 or len(whole) > 1:  # the result would be now one, now the other
        return False
    return whole == {False} or all(abs(node_of(x)._data if isinstance(x, Traced) else x) <= EXACT for x in xs)


def _gathered(place: Value, xs: Sequence[Any], i: Any) -> Any:
    if isinstance(xs[0], (list, tuple)):
        columns = [_gathered(place, column, i) for column in zip(*xs)]
        return tuple(columns) if type(xs[0]) is tuple else Row(columns, xs, i)
    node = Value.apply(ops.take, [place, *map(node_of, xs)])
    if any(isinstance(x, Value) for x in xs):
        return chosen_node(node)
    return (TracedBool if isinstance(xs[0], bool) else TracedInt if isinstance(xs[0], int) else TracedFloat)(node)


class Row(list[Any]):
    """A list that was chosen from others.

    To change it would change one of these, and nobody knows in advance which one.  So neither it nor one of these may
    change from now on: such a function runs without the compiler.
    """

    def __init__(self, members: Sequence[Any], lists: Any = (), index: Any = 0) -> None:
        super().__init__(members)
        self._lists, self._place = tuple(lists), index  # as they are now: the list of lists may change, too
        if (recorder := current_modes().recorder) is not None:
            for x in (self, *lists):
                if id(x) not in recorder.contents:
                    recorder.contents[id(x)] = x, tuple(x)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def __copy__(self) -> list[Any]:
        return list(self)


def changing(x: Any) -> Any:
    """A list or another container, which is about to be changed: not one that rows were chosen from.

    Raises:
        NotReplayableError: It is such a list, or a row.
    """
    recorder = current_modes().recorder
    if recorder is not None and id(x) in recorder.contents:
        recorder.refuse(_CHANGED)
    return x


def check_rows(recorder: Any) -> None:
    """Refuse a function that has changed such a list in a way that nobody saw, with ``heapq.heappush(row, x)`` say.

    Raises:
        NotReplayableError: It did.
    """
    for x, before in recorder.contents.values():
        if len(x) != len(before) or not all(map(is_, x, before)):
            recorder.refuse(_CHANGED)


def _changing(name: str) -> Any:
    def method(self: Row, *args: Any, **keywords: Any) -> Any:
        return getattr(list, name)(changing(self), *args, **keywords)

    return method


CHANGING = frozenset(["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"])
for _name in (*CHANGING, "__setitem__", "__delitem__", "__iadd__", "__imul__"):
    setattr(Row, _name, _changing(_name))


# ---- identities -----------------------------------------------------------------------------------------------------
def identical(x: Any, y: Any) -> bool:
    """``x is y``: of a truth that is computed from the arguments a decision, since there are two truths only.

    Raises:
        NotReplayableError: One is an argument, or a list in one: another call may be given the same object twice.
    """
    if x is y:
        return True
    if TracedBool in (type(x), type(y)) and isinstance(x, bool) and isinstance(y, bool):
        return bool(x) is bool(y)
    recorder = current_modes().recorder
    one, other = original(x), original(y)
    if one is not x or other is not y:
        return identical(one, other)
    copies = set() if recorder is None else recorder.copies
    if isinstance(x, _CONTAINERS) and isinstance(y, _CONTAINERS) and not copies.isdisjoint((id(x), id(y))):
        recorder.refuse("asks whether a list or dictionary in the arguments is a certain one")
    if isinstance(x, tuple) and isinstance(y, tuple) and any(isinstance(v, (Traced, Chosen)) for v in (*x, *y)):
        recorder.refuse("asks whether a tuple of numbers of the call is a certain one")  # which may have been selected
    given = {} if recorder is None else recorder.changes.targets
    if isinstance(x, Value) and isinstance(y, Value) and not given.keys().isdisjoint((x, y)):
        recorder.refuse("asks whether an argument is a certain Value")
    return False
