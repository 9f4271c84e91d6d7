"""The recorder: what is told of every node and of every decision while a function runs to be recorded.

y = x * 2                on_node(y)                  the node belongs to the recording
if y > 0:                truth(y > 0), on_branch     a guard: y > 0 was true
math.floor(y.data)       data(y), on_read            a guard: the number was 3.0
y.backward()             on_backward                 a change

The nodes become a ``Graph``, in which each has a number.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, chain, compress, count, filterfalse, islice
from operator import attrgetter
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from autograd import ops
from autograd.compiler.recording.choosing import Choices, member, original
from autograd.compiler.recording.columns import Formula, recorded_rows
from autograd.compiler.recording.effects import Changes
from autograd.compiler.recording.traced import TracedBool, TracedFloat
from autograd.compiler.recording.written import NotReplayableError
from autograd.micrograd import refusal
from autograd.modes import recorders
from autograd.ops import Binary, Op, Traced
from autograd.value import Value, constant


def _once(z: Any, number: Any, line: Any) -> tuple[float, float]:
    """The derivatives of ``GIVEN``, whose own derivatives nobody knows."""
    if isinstance(z, Value):
        raise refusal("given", "has no rule for its derivatives")
    return 0.0, 1.0


GIVEN = Binary("given", lambda number, line: number, _once)  # a number whose gradient goes to the operands of a line


class Guard(NamedTuple):
    """What a decision was based on: the truth of a comparison, or a number that was read."""

    node: Value
    found: float  # 1.0 or 0.0 for a truth
    is_truth: bool
    line: str = ""  # where it was taken first, as "file:line"

    @property
    def place(self) -> str:
        """Where it was taken, in words; empty if nobody knows."""
        return _in_words(self.line)


class Recorder:
    """What a thread has in its ``autograd.modes`` while a function is recorded: every node tells it what happens to it.

    Args:
        plain_truths: Whether a comparison must be True or False itself, since the code compares it with these.
        changes: The changes that the function makes.
    """

    def __init__(self, plain_truths: bool, changes: Changes) -> None:
        self.changes = changes
        # The decisions, by the node that was looked at and whether its truth was asked or its number.
        self.guards: dict[tuple[Value, bool], Guard] = {}
        # The nodes that the function made, in order; what else they were computed from is captured as it is.
        self.nodes: dict[Value, None] = {}
        self.dropped: list[Value] = []  # the nodes that became plain floats, to which no gradient goes
        self.strangers: set[int] = set()  # the ids of the nodes that other threads made meanwhile
        self.missed = False  # whether another thread read a number that the function computed
        self.numbers: dict[int, TracedFloat] = {}  # what ``data`` gave, by the id of the node
        self.places: dict[tuple[int, int], Value] = {}  # what ``place`` gave
        self.plain_truths = plain_truths
        self._formulas: dict[str, Formula] = {}
        # Whether the function may catch Python's errors for quotients and powers of floats.
        self.catches_arithmetic = False
        self.wants_nodes = False  # whether the function wants of plain numbers in the arguments what only a Value has
        self.refused = ""  # what the function does that a program cannot do; empty if it does nothing of that kind
        self.bounds: dict[Value, int] = {}  # how large ints can be at most, see ``exact``
        self.outside: dict[int, Any] = {}  # by id, the objects that the function can see besides its arguments
        self.remembered: dict[Any, Any] = {}  # what functions with a cache gave for numbers of this call
        self.caches: dict[int, tuple[Any, bool]] = {}  # by id, those that it called, and whether it made them itself
        self.copies: set[int] = set()  # the ids of the lists and dictionaries that stand for those in the arguments
        self.choices = Choices()  # the nodes that the function chose by numbers of the call
        self.function_runs = True  # whether the function is at work, and not what records it
        # By id, the lists from which rows were chosen by a number of the call, and these, with what was in each.
        self.contents: dict[int, tuple[list[Any], tuple[Any, ...]]] = {}
        self.numpy: Any = None  # the package, if there are numbers of it among the arguments

    def refuse(self, reason: str) -> NoReturn:
        """The function is about to do what a program cannot do, also if it catches this error."""
        place = _in_words(_line())
        self.refused = f"{reason} ({place})" if place else reason
        raise NotReplayableError(self.refused)

    def knows(self, x: Any) -> bool:
        """Whether something is a number of the recorded call."""
        return isinstance(x, Traced) or (isinstance(x, Value) and x in self.nodes)

    def on_node(self, node: Value) -> None:
        """A node was made in this thread."""
        self.nodes[node] = None

    def truth(self, comparison: Value) -> Any:
        """The truth of a comparison: a guard as soon as it decides something."""
        return bool(TracedBool(comparison)) if self.plain_truths else TracedBool(comparison)

    def number(self, node: Value) -> Any:
        """A node as a number that the function goes on with, and that is computed anew by each call."""
        return TracedFloat(node)

    def data(self, node: Value) -> Any:
        """The number of a node without its gradient."""
        if node.op is ops.constant:
            return node._data
        if id(node) not in self.numbers:
            self.numbers[id(node)] = TracedFloat(node.detach())
        return self.numbers[id(node)]

    def member(self, xs: Any, i: Any) -> Any:
        """``xs[i]`` for a traced index."""
        return member(xs, i, self)

    def place(self, index: Value, n: int) -> Value:
        """An index into n members, counted from the front; that there is such a member is a guard."""
        found = self.places.get((id(index), n))
        if found is None:
            self.on_branch(Value.apply(ops.less, (abs(index + 0.5), n)))  # -n ≤ index ≤ n - 1
            below = Value.apply(ops.less, (index, 0.0))
            found = self.places[id(index), n] = below.select(index + n, index)
        return found

    def each(self, f: Callable[..., Any], rows: Iterable[Any], *shared: Any) -> list[Any]:
        """``f(*row, *shared)`` for each row, of an elementwise function."""
        return recorded_rows(self, f, rows, shared)

    def formula(self, steps: Sequence[tuple[Op, Sequence[Any]]]) -> Formula:
        """The operation that does these: the same object for the same steps."""
        return self._formulas.setdefault(repr(steps), Formula(steps))

    def on_derivatives(self, node: Value, children: Sequence[Value], derivatives: Sequence[Any]) -> None:
        """``Value(number, children, derivatives)``: a number whose gradient goes to Σ derivative · child, as it is."""
        if not derivatives or self.nodes.pop(node, node) is not None:
            self.refuse("computes by a _backward closure: make that operation an @autograd.primitive")
        number = node.parents[0] if node.parents else constant(node._data)
        slopes = [Value.apply(ops.detached, (constant(x),)) for x in derivatives]
        line = Value.apply(ops.sum_of_products, [*slopes, *children])
        node.op, node.partials = GIVEN, (0.0, 1.0)
        node.parents = Value.apply(ops.detached, (number,)), line
        self.on_node(node)

    def on_drop(self, node: Value) -> None:
        """The number of a node became a plain float, to which no gradient goes."""
        self.dropped.append(node)

    def on_text(self, node: Value) -> None:
        """A Value became a text, with its number, which is a guard, and its gradient."""
        if node not in self.nodes or node in self.changes.targets:
            self.refuse("turns a Value that it did not compute into text: write its .data or its .grad")
        self.on_read(node)

    def on_other_thread(self, made: Value | None, read: Value | None) -> None:
        """Another thread made a node, or read the number of one: it must be none of the function's own."""
        if made is not None:
            self.strangers.add(id(made))
            read = next((parent for parent in made.parents if parent in self.nodes), None)
        self.missed |= read is not None and read in self.nodes

    def on_set(self, node: Value, data: Any) -> None:
        """``node.data = data``."""
        node = original(node)
        self.numbers.pop(id(node), None)
        self.changes.on_set(node, data)
        for outdated in self.choices.on_set(node, self.changes.owner):
            self.numbers.pop(id(outdated), None)

    def on_backward(self, root: Value, gradient: Any) -> None:
        """``root.backward(gradient)``."""
        self.function_runs = False
        try:
            self.changes.on_backward(root, gradient)
        finally:
            self.function_runs = True

    def on_gradients(self, roots: Sequence[Value], inputs: Sequence[Value]) -> list[Value]:
        """``autograd.grad(roots, inputs)``; gives the nodes that the inputs are."""
        inputs = list(map(original, inputs))
        self.changes.on_gradients(roots, inputs)
        return inputs

    def on_branch(self, node: Value) -> None:
        """The truth of a number decided something: a guard."""
        if (node, True) not in self.guards:
            self.guards[node, True] = Guard(node, float(node._data != 0.0), True, _line())

    def on_read(self, node: Value) -> None:
        """A number was read as a plain one, which may decide anything: a guard."""
        if node.op is ops.constant or (node, False) in self.guards:
            return
        # That nan is not equal to itself is the guard for nan, which is equal to no number.
        is_nan = node._data != node._data
        looked = Value.apply(ops.equal, (node, node)) if is_nan else node
        self.guards[node, False] = Guard(looked, looked._data, is_nan, _line())
        if node._data == 0.0:  # which is equal to -0.0, and not the same to x.hex(), atan2 or a text
            self.on_branch(Value.apply(ops.less, (0.0, 1.0 / node)))


def _line() -> str:
    """The line of the program that runs now, outside of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("autograd", "nn"):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _in_words(line: str) -> str:
    file, _, number = line.rpartition(":")
    return f"{os.path.basename(file)}, line {number}" if number else ""


@contextmanager
def at_work(recorder: Recorder) -> Iterator[None]:
    """Let other threads tell the recorder what they do to its nodes."""
    recorders.append(recorder)
    try:
        yield
    finally:
        recorders.remove(recorder)


# ---- the nodes of a recording ----------------------------------------------------------------------------------------
_parents, _op = attrgetter("parents"), attrgetter("op")


class Graph(list[Value]):
    """Nodes with operands, each behind those that it reads; the passes over 100,000 nodes look at numbers of these.

    x, w leaves; y = x * w; z = y + x          number: y 0, z 1, x 2, w 3          operands: 2 3, 0 2
    """

    @cached_property
    def _numbered(self) -> tuple[dict[Value, int], list[int]]:
        number = defaultdict(int, zip(self, count()))
        number.default_factory = count(len(number)).__next__  # of others, as they are first read
        operands = list(map(number.__getitem__, chain.from_iterable(map(_parents, self))))
        number.default_factory = None
        return number, operands

    @property
    def number(self) -> dict[Value, int]:
        """The number of each node, then of all else that is read, in the order of the first read."""
        return self._numbered[0]

    @property
    def operands(self) -> list[int]:
        """The numbers of the operands of all nodes, one after the other."""
        return self._numbered[1]

    @property
    def others(self) -> list[Value]:
        """The nodes that are read but do not belong to the graph."""
        return list(islice(self.number, len(self), None))

    @cached_property
    def starts(self) -> list[int]:
        """Where the operands of each node begin, and at last where those of the last one end."""
        return list(accumulate(map(len, map(_parents, self)), initial=0))

    @cached_property
    def ops(self) -> list[Any]:
        """The operation of each node."""
        return list(map(_op, self))

    @cached_property
    def reads(self) -> Counter[int]:
        """How often each number is read."""
        return Counter(self.operands)

    def followed(self, roots: Iterable[Value]) -> Graph:
        """The nodes that these depend on, in their order."""
        number, operands, starts, inside = self.number, self.operands, self.starts, len(self)
        wanted = [number[root] for root in roots if root in number]
        if len({*operands, *wanted}) == len(number):  # nothing was computed in vain: 4x faster to see than to follow
            return self
        needed = bytearray(len(number))
        for k in wanted:
            needed[k] = True
        for k in range(inside - 1, -1, -1):
            if needed[k]:
                for operand in operands[starts[k] : starts[k + 1]]:
                    needed[operand] = True
        kept = list(compress(range(inside), needed))
        read = list(chain.from_iterable([operands[starts[k] : starts[k + 1]] for k in kept]))
        kept += dict.fromkeys([k for k in read if k >= inside])
        now = dict(zip(kept, count()))
        found = Graph(compress(self, needed))
        every = list(number)
        vars(found)["_numbered"] = {every[k]: new for k, new in now.items()}, list(map(now.__getitem__, read))
        return found

    def more(self, nodes: Iterable[Value]) -> dict[Value, int]:
        """Numbers for those of these that have none: leaves that no node reads."""
        unread = dict.fromkeys(filterfalse(self.number.__contains__, nodes))
        return dict(zip(unread, count(len(self.number))))

    def numbers_of(self, nodes: Iterable[Value], more: dict[Value, int]) -> list[int]:
        """The numbers of some nodes, which may be among ``more``."""
        if not more:
            return list(map(self.number.__getitem__, nodes))
        number = self.number
        return [more[node] if node in more else number[node] for node in nodes]

    def forget(self) -> None:
        """Let go of what can be made again."""
        vars(self).clear()


def graph_of(nodes: Iterable[Value]) -> Graph:
    """Nodes as a graph."""
    return nodes if isinstance(nodes, Graph) else Graph(nodes)
