"""What a recorded function changes: parameters, gradients, and numbers that it keeps outside.

    value.backward()                 p.grad  is a node of its own, "the derivative of the value with respect to p"
    p.data -= lr * p.grad            from here on p is another number, which gradients go to as to p before
    m[i] = beta * m[i] + p.grad      a number that the function reads and changes: an input and an output

While the function is recorded, ``p.grad`` and the entries of such lists hold traced numbers, so that nothing has to be
told when somebody reads or writes them.  At the end of the recording everything is put back as it was.  What stood
there are the *effects*: outputs of the program, which are written back after each call.

A derivative is not differentiated here, node by node, but where the program is written, class by class: its node says
which one it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from autograd import ops
from autograd.compiler.recording.choosing import Chosen
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.places import Places, Reader
from autograd.compiler.recording.traced import TracedFloat, node_of
from autograd.compiler.recording.written import NotReplayableError, Place, Puts, part_of
from autograd.compiler.residence import set_data
from autograd.errors import CompileError
from autograd.graph import restore, topological_order
from autograd.modes import current_modes
from autograd.ops import Binary, Op, Traced, Unary
from autograd.value import Value, constant, new_node

Target = Value | int  # a parameter, or the number of the argument that is one


def _gradient(*_: Any) -> NoReturn:
    raise CompileError(
        "a gradient that backward() wrote inside a compiled function is a plain number, which has no derivative: "
        "to differentiate a gradient, use autograd.grad(..., create_graph=True)"
    )


GRADIENT = Op("gradient", _gradient, lambda z, root, leaf: (0.0, 0.0))  # of the root with respect to the leaf
UPDATED = Unary("updated", float, lambda y, x: 0.0)  # a parameter whose data was set to x: a leaf to backward()
_ENDS = frozenset((GRADIENT, UPDATED, ops.detached))  # where backward() ends, since they are numbers
SET = Binary("set", lambda x, p: x, lambda z, x, p: (0.0, 1.0))  # a parameter that is x now, for gradients of results


class Unknown:
    """In the place of the gradient of a node that is no leaf, which a program does not compute."""

    def refuse(self, *_: Any) -> NoReturn:
        raise NotReplayableError(
            "reads the gradient of an argument that is a number, or of an intermediate result: use autograd.grad"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = refuse
    __neg__ = __abs__ = __pow__ = __float__ = __int__ = __bool__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __round__ = __format__ = __repr__ = __str__ = refuse


_UNKNOWN: Any = Unknown()


class Effects(NamedTuple):
    """The changes that a call makes outside of the function."""

    # Parameters whose number it sets, and the nodes of these numbers.
    data: tuple[Sequence[Target], Sequence[Value]] = ((), ())
    # Parameters whose gradient it computes, and the nodes.
    gradients: tuple[Sequence[Target], Sequence[Value]] = ((), ())
    # Parameters whose gradient it sets to something that is no number of the program, such as 0, and that.
    constants: tuple[Sequence[Target], Sequence[Any]] = ((), ())
    # The parameters whose gradient it reads, as many as the first of the recording's numbers.
    reads: Sequence[Target] = ()
    outside: Reader | None = None  # the numbers that it reads elsewhere, the rest of the recording's numbers
    written: Puts = Puts(())  # what it sets elsewhere
    through: frozenset[int] = frozenset()  # the arguments at which its derivatives end, so that they must be leaves
    # Updated numbers that a result is computed from, and the parameters that they are of.
    updates: Mapping[Value, Value] = MappingProxyType({})

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.data[0] or self.gradients[0] or self.constants[0] or self.written.parts)

    @property
    def lists(self) -> frozenset[int]:
        """The ids of the lists and dictionaries outside that a call changes."""
        return frozenset([id(part.place.space) for part in self.written.parts if part.place.is_item])

    @property
    def outputs(self) -> list[Sequence[Value]]:
        """The nodes to compute, those that are not there yet."""
        return [self.data[1], self.gradients[1], [node for part in self.written.parts for node in part.nodes]]


class Changes:
    """The changes that a function makes while it is recorded, and how to take them back.

    Args:
        outside: Everything that the function can see besides its arguments.
        places: What of this it may change, besides Values; None: nobody looks at that.
        differentiates: Whether ``backward()`` has an effect; inside ``no_grad()`` it has none.
    """

    def __init__(self, outside: Outside, places: Places | None = None, *, differentiates: bool = True) -> None:
        self.places, self.differentiates, self.values = places, differentiates, outside.values
        self.labels = outside.sets("label")  # whether its code does, as also for gradients
        self.gradients = outside.sets("grad") or not {"grad", "backward"}.isdisjoint(outside.names)
        self._labels: dict[Value, str] = {}  # of these and of the arguments, as they were
        self.targets: dict[Value, Target] = {}  # the argument that a leaf stands for
        self.plain: set[Value] = set()  # leaves of plain numbers
        self.nodes: dict[Value, None] = {}
        # For each parameter whose gradient is watched: what stood there, and the traced number that stands there now.
        self._gradients: dict[Value, Any] = {}
        self._marks: dict[Value, Any] = {}
        # For each parameter that was set: its number before, and its newest version, an UPDATED node.  For each version
        # the parameter that it is a version of.
        self._data: dict[Value, float] = {}
        self._latest: dict[Value, Value] = {}
        self._computed: set[Value] = set()  # the stand-ins for arguments that were computed
        self._through: set[int] = set()  # the positions of the arguments at which derivatives end
        self._versions: dict[Value, Value] = {}
        # What ``_settle`` has to do still: (the number of nodes when a parameter was set, the parameter, its version);
        # which versions were the newest at the last node that it has seen; and how many nodes it has seen.
        self._events: deque[tuple[int, Value, Value]] = deque()
        self._current: dict[Value, Value] = {}
        self._settled = 0
        self._inside: list[Value] = []  # nodes whose gradient is not known

    # ---- before and after ------------------------------------------------------------------------------------------
    @contextmanager
    def watched(self, nodes: dict[Value, None], leaves: Sequence[Value], given: Sequence[Any]) -> Iterator[None]:
        """For a while there are traced numbers where the function reads numbers that it changes."""
        try:
            self._begin(nodes, leaves, given)
            yield
        finally:
            try:
                self._restore()
            except BaseException:  # Ctrl-C: once more from the beginning
                self._restore()
                raise

    def _begin(self, nodes: dict[Value, None], leaves: Sequence[Value], given: Sequence[Any]) -> None:
        self.nodes = nodes
        for number, (leaf, x) in enumerate(zip(leaves, given)):
            if isinstance(x, Value):
                self.targets[leaf] = number
                if x.parents:
                    self._computed.add(leaf)
                leaf.grad = x.grad
            else:
                self.plain.add(leaf)
        for p in [*self.values, *self.targets] if self.gradients else ():
            self._watch(p)
        self._labels = {p: p.label for p in [*self.values, *self.targets]} if self.labels else {}
        self.plain.update(self.places.install() if self.places is not None else ())

    def _watch(self, p: Value) -> None:
        """From now on the gradient of this parameter is a traced number."""
        before: Any = p.grad
        if p in self._marks or not isinstance(before, (int, float)):
            return
        leaf = new_node(float(before), ops.leaf, (), ())
        self._gradients[p] = before
        self.plain.add(leaf)
        self._marks[p] = p.grad = TracedFloat(leaf)  # type: ignore[assignment]

    def _restore(self) -> None:
        """Put everything back as it was."""
        restore([*self._gradients], [*self._gradients.values()])
        restore(self._inside, [0] * len(self._inside))
        self._inside = []  # whoever counts references to nodes counts those of the program only
        deque(map(set_data, self._data, self._data.values()), maxlen=0)  # one call into C, which Ctrl-C cannot split
        deque(map(setattr, self._labels, repeat("label"), self._labels.values()), maxlen=0)
        if self.places is not None:
            self.places.restore()

    def effects(self) -> Effects:
        """The changes that are to be written after each call."""
        self._settle()
        gradients, constants = [], []
        for p, mark in self._marks.items():
            now: Any = p.grad
            if now is mark:
                continue
            if isinstance(now, Traced):
                gradients.append((self._target(p), now.node))
            elif isinstance(now, (int, float, type(None))):
                constants.append((self._target(p), now))
            else:
                raise NotReplayableError(f"sets a gradient to {type(now).__name__}, which is no number")
        data = [(self._target(p), version.parents[0]) for p, version in self._latest.items()]
        written = self.places.written() if self.places is not None else []
        for p, label in self._labels.items():
            if p.label != label:
                if p in self.targets:
                    raise NotReplayableError("sets the label of an argument: set it before the call")
                written.append(part_of(Place(p, "label", "a label"), p.label, {}))
        return Effects(
            _columns(data),
            _columns(gradients),
            _columns(constants),
            (),
            None,
            Puts(written),
            through=frozenset(self._through),
        )

    def read(self, leaves: Sequence[Value], effects: Effects) -> tuple[list[Value], Effects]:
        """The leaves of numbers that a call reads besides parameters, and the effects with what reads them."""
        used = set(leaves)
        own = {mark.node: p for p, mark in self._marks.items() if mark.node in used}
        others, read = self.places.read(used) if self.places is not None else ([], None)
        return [*own, *others], effects._replace(reads=[self._target(p) for p in own.values()], outside=read)

    def _target(self, p: Value) -> Target:
        return self.targets.get(p, p)

    def updated(self, node: Value) -> Value:
        """A result: for a parameter that was set, what it was set to last."""
        return self._latest.get(node, node)

    def owner(self, node: Value) -> Value:
        """A node or, for what a parameter was set to, that parameter."""
        return self._versions.get(node, node)

    def updates(self, outputs: Iterable[Value]) -> dict[Value, Value]:
        """The updated numbers to which a gradient of these outputs goes, and the parameters that they are of."""
        found, needed, first = {}, set(outputs), next(iter(self._versions), None)
        for node in reversed(self.nodes if self._versions else {}):
            if node in needed:
                if node in self._versions:
                    found[node] = self._versions[node]
                elif node.op not in _ENDS:
                    needed.update(node.parents)
            if node is first:
                break
        return found

    # ---- while the function runs -----------------------------------------------------------------------------------
    def on_set(self, p: Value, data: Any) -> None:
        """``p.data = data``."""
        if p in self.nodes and p not in self.targets:
            current_modes().recorder.refuse("sets .data of a Value that it made itself, such as a copy of a parameter")
        number = node_of(data) if isinstance(data, Traced) else constant(ops.as_float(data))
        version = new_node(number._data, UPDATED, (number,), (0.0,))
        self.nodes[version] = None
        self._data.setdefault(p, p._data)
        self._versions[version], self._latest[p] = p, version
        self._events.append((len(self.nodes), p, version))
        p._data = number._data

    def on_backward(self, root: Value, gradient: Any) -> None:
        """``root.backward(gradient)``."""
        if not self.differentiates:
            raise NotReplayableError("calls backward() inside no_grad()")
        self._settle()
        inside = []
        adjoints = self._adjoints(root)
        self.ends_at(adjoints)
        for node, slope in reversed(adjoints.items()):
            if node.parents and node.op not in _ENDS:
                if node not in self.nodes:
                    raise NotReplayableError("calls backward() on a Value that was computed outside")
                inside.append(node)
            elif node in self.plain:
                inside.append(node)  # a number has no gradient
            elif node in self._versions or node in self.targets or (not node.parents and node not in self.nodes):
                self._add(root, node, slope, gradient)
            elif not node.parents:
                inside.append(node)
        inside = [node for node in inside if not isinstance(node, Chosen)]  # which has the gradient of the one chosen
        self._inside += inside
        restore(inside, repeat(_UNKNOWN, len(inside)))  # type: ignore[arg-type]

    def ends_at(self, nodes: Iterable[Value]) -> None:
        """A derivative ends at the arguments among these nodes, instead of going on to what they were computed from."""
        for node in self.targets.keys() & nodes:
            if node in self._computed:
                raise NotReplayableError(
                    "calls backward() or grad() on what depends on an argument that was computed outside: compute it "
                    "inside, or call backward() outside"
                )
            if isinstance(number := self.targets[node], int):
                self._through.add(number)

    def on_gradients(self, roots: Sequence[Value], inputs: Sequence[Value]) -> None:
        """``autograd.grad(roots, inputs)``."""
        self.ends_at(topological_order(*roots))
        if not self._current.keys().isdisjoint(inputs):  # nodes no longer refer to the parameter itself
            raise NotReplayableError("calls autograd.grad after backward() and a change of .data: use only one of them")

    def _add(self, root: Value, leaf: Value, slope: float, gradient: Any) -> None:
        """Add a derivative to the gradient of a parameter."""
        if leaf.op is ops.constant:
            return
        p = self._versions.get(leaf, leaf)
        self._watch(p)
        before: Any = p.grad
        if p not in self._marks:
            name = p.label or "a Value"
            raise TypeError(f"the gradient of {name} was set to {before!r}: set it to 0.0 before backward")
        node = new_node(slope, GRADIENT, (root, leaf), (0.0, 0.0))
        self.nodes[node] = None
        added: Any = TracedFloat(node)
        if not (gradient.__class__ is float and gradient == 1.0):
            added = added * gradient
        plain = type(before) in (int, float) and before == 0
        p.grad = added if plain else before + added

    def _adjoints(self, root: Value) -> dict[Value, float]:
        """The derivatives of a node with respect to each that it depends on, as numbers of this call, the last first.

        A node was computed from the data that there was then.  The nodes stand in the order of their creation, hence
        none before its parents.
        """
        before = self._data
        adjoint = {} if root.op in _ENDS else {root: 1.0}
        get = adjoint.get
        for node in reversed(self.nodes):
            above = get(node)
            if above is None or not node.parents or node.op in _ENDS:
                continue
            op = node.op
            if op is ops.add:  # most nodes are sums and products
                x, y = node.parents
                adjoint[x] = get(x, 0.0) + above
                adjoint[y] = get(y, 0.0) + above
            elif op is ops.mul and not before:
                x, y = node.parents
                adjoint[x] = get(x, 0.0) + above * y._data
                adjoint[y] = get(y, 0.0) + above * x._data
            else:
                numbers = [before.get(parent, parent._data) for parent in node.parents]
                for parent, partial in zip(node.parents, node.partials or op.partials(node._data, *numbers)):
                    adjoint[parent] = get(parent, 0.0) + above * partial
        return adjoint

    def _settle(self) -> None:
        """Let nodes that were computed from a parameter after it was set be computed from that version of it.

        y = p * 2;  p.data = 5.0;  z = p * 3          y has the parent p, and z, too
                                                      z has the parent UPDATED(5.0) instead
        """
        nodes, events, current = [*self.nodes], self._events, self._current
        start = self._settled if current or not events else max(self._settled, events[0][0])
        for position, node in enumerate(nodes[start:] if current or events else (), start):
            while events and events[0][0] <= position:
                _, p, version = events.popleft()
                current[p] = version
            # A derivative says itself with respect to which version it is.
            if node.op is not GRADIENT and not current.keys().isdisjoint(node.parents):
                node.parents = tuple([current.get(parent, parent) for parent in node.parents])
        self._settled = len(nodes)


def through_updates(
    outputs: Sequence[Value], nodes: Sequence[Value], updates: Mapping[Value, Value]
) -> tuple[list[Value], list[Value]]:
    """Results, and the nodes that they need in order, such that gradients of them go on to parameters that were set.

    Derivatives inside of the call end at an updated number.  So what the results are computed from, starting at updated
    numbers, is here once more.
    """
    again: dict[Value, Value] = {}
    found = []
    for node in nodes:
        found.append(node)
        if node in updates:
            copy = new_node(node._data, SET, (node, updates[node]), ())
        elif node.op not in _ENDS and not again.keys().isdisjoint(node.parents):
            copy = new_node(node._data, node.op, tuple([again.get(parent, parent) for parent in node.parents]), ())
            copy.label = node.label
        else:
            continue
        again[node] = copy
        found.append(copy)
    return [again.get(output, output) for output in outputs], found


def _columns(pairs: Sequence[tuple[Target, Any]]) -> tuple[Sequence[Target], Sequence[Any]]:
    """All first and all second members."""
    return [target for target, _ in pairs], [x for _, x in pairs]
