"""Recording: run a function once on Values and keep the graph, with every decision that its data took.

What a recorded function decides by looking at a number (``if x > 0``, ``max(a, b)``, ``x.data``) is right for that
number only.  Each such look becomes a *guard*: a node and what was found there.  A later call whose guards do not
hold must be recorded again.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from operator import attrgetter
from sys import getrefcount
from typing import Any, NamedTuple

from autograd import ops
from autograd.compiler.recording.arguments import arguments_of
from autograd.compiler.recording.choosing import check_rows, settled
from autograd.compiler.recording.codenames import asks_for_class, catches_arithmetic, compares_with_true
from autograd.compiler.recording.effects import Changes, Effects, through_updates
from autograd.compiler.recording.outside import Outside
from autograd.compiler.recording.recorder import Graph, Guard, Recorder, at_work, graph_of
from autograd.compiler.recording.results import (
    Form,
    alone,
    copied,
    depends_on,
    is_structure,
    several,
    taken_apart,
)
from autograd.compiler.recording.rewriting import rewritten
from autograd.compiler.recording.running import Copies, RaisedError, inputs_for, labels_of, run
from autograd.compiler.recording.traced import IntLeaf, node_of
from autograd.compiler.recording.written import NotReplayableError
from autograd.errors import CompileError
from autograd.graph import leaves as leaves_of
from autograd.graph import topological_order
from autograd.methods import kinds
from autograd.modes import switched
from autograd.trees import FIXED, holds_numpy
from autograd.value import Value, constant, new_node

_parents = attrgetter("parents")


class Recording(NamedTuple):
    """A function's graph: its outputs, the leaves that stand for its arguments, the nodes it captured, its guards."""

    outputs: list[Value]
    arguments: list[Value]
    parameters: list[Value]
    guards: list[Guard]
    nodes: Graph = Graph()  # what the function computed and the outputs or guards depend on, in order
    dropped: str = ""  # the name of an argument that became a plain float, so that its gradient would be wrong
    form: Form | None = None  # of what the function returns, if that is not one number
    changed: Form | None = None  # of lists and dictionaries in the arguments afterwards; its nodes are the last outputs
    numbers: Sequence[Value] = ()  # leaves of plain numbers that each call reads where they are
    effects: Effects = Effects()  # what the function changes
    wants_nodes: bool = False  # whether the function wants of plain numbers in the arguments what only a Value has

    @property
    def output(self) -> Value:
        """The first output; most functions have this one only."""
        return self.outputs[0]

    def alone(self, outputs: Sequence[int]) -> Recording:
        """The same of some of the outputs alone, without what the function changes."""
        wanted: list[Value] = [self.outputs[k] for k in outputs]
        nodes: Sequence[Value] = self.nodes
        if self.effects.updates:
            wanted, nodes = through_updates(wanted, nodes, self.effects.updates)
        graph = graph_of(nodes).followed([*wanted, *[guard.node for guard in self.guards]])
        return self._replace(outputs=wanted, nodes=graph, form=None, changed=None, effects=Effects())

    def weighted(self, outputs: Sequence[int]) -> Recording:
        """The same of one output: Σ weight · output over some of them; the weights are more arguments at the end.

        With the gradients of a loss with respect to the outputs as weights, its derivatives are those of the loss: one
        program serves for all outputs.  This is a vector-Jacobian product.
        """
        alone = self.alone(outputs)
        weights = [Value(0.0) for _ in outputs]
        total = new_node(0.0, ops.sum_of_products, (*alone.outputs, *weights), ())
        nodes = Graph([*alone.nodes, total])
        return alone._replace(outputs=[total], arguments=[*self.arguments, *weights], nodes=nodes)


def record(
    f: Callable[..., Any],
    args: Sequence[Any],
    outside: Outside | None = None,
    *,
    several: bool = False,
    changes: Changes | None = None,
) -> Recording:
    """Run ``f`` once with traced numbers and fresh leaves in the place of the numbers in ``args``.

    Args:
        f: A function that returns one number, or numbers in any structure.
        args: The arguments of the run.
        outside: Everything that the function can read besides its arguments.
        several: Whether ``f`` returns a list of which each member is an output of its own.
        changes: The changes that are allowed; None: a function that changes a Value is refused.

    Returns:
        The recording, from which later calls are computed.

    Raises:
        CompileError: The function does something that a replay could not do.
        RaisedError: It raises an error; without ``changes`` that error itself is raised.
    """
    outside = outside or Outside(f)
    if changes is None:
        try:
            recording = record(f, args, outside, several=several, changes=Changes(outside))
        except RaisedError as error:
            raise error.__cause__ or error from None
        _check_unchanged(recording)
        return recording
    recorder = Recorder(any(map(compares_with_true, outside.codes)), changes)
    recorder.catches_arithmetic = suppress in map(type, outside.seen.values()) or any(
        map(catches_arithmetic, outside.codes)
    )
    recorder.outside = outside.seen
    recorder.numpy = sys.modules["numpy"] if holds_numpy(args) else None
    given = [x for arg in args for x in arguments_of(arg)]
    _check_attributes(outside, [x for x in given if isinstance(x, Value)])
    inputs = inputs_for(given, labels_of(f, args))
    if recorder.numpy and any(map(asks_for_class, outside.codes)):
        raise NotReplayableError("asks for the type of a number that may be a numpy number")
    leaves = list(map(node_of, inputs))
    recorder.nodes.update(dict.fromkeys(leaves))
    with changes.watched(recorder.nodes, leaves, given), at_work(recorder):
        output, copies = _run(f, args, given, inputs, outside, recorder)
        effects = changes.effects()
        if changes.places is not None and changes.places.discovered:  # it is recorded again, with traced numbers there
            return Recording([], [], [], [], effects=effects)
    outputs, form, left = _results(output, copies, leaves, several, effects.any, outside.seen)
    # Leaves that the function made and kept nowhere are constants.  Whether it kept one is told by counting references,
    # so that nothing here may refer to what it returned.
    del output, inputs, copies
    for leaf in leaves:
        recorder.nodes.pop(leaf, None)
    for leaf in _forgotten(recorder.nodes):
        leaf.op = ops.constant
    recording = _graph(outputs, leaves, recorder, changes, effects)
    lost = depends_on(recorder.dropped, set(leaves))
    dropped = "" if lost is None else lost.label or "x"
    return recording._replace(dropped=dropped, form=form, changed=left, wants_nodes=recorder.wants_nodes)


def _run(
    f: Callable[..., Any],
    args: Sequence[Any],
    given: Sequence[Any],
    inputs: Sequence[Any],
    outside: Outside,
    recorder: Recorder,
) -> tuple[Any, Copies]:
    """Run the function while each node that is made in this thread tells the recorder, and its code is the rewritten.

    Returns:
        What it returned, and the copies that it got of lists and dictionaries in its arguments.
    """
    with switched(recorder=recorder, recording=True, strict=False), rewritten(outside.functions):
        if recorder.plain_truths:
            inputs = [x.read() if isinstance(y, bool) else x for x, y in zip(inputs, given)]
        try:
            output, copies = run(f, args, inputs)
            known = {*outside.seen, *map(id, map(node_of, inputs))}
            output = copied(output, lambda x: settled(x, known))
            check_rows(recorder)
        finally:  # also where the function has caught the error
            if recorder.refused:
                raise NotReplayableError(recorder.refused) from None
    return output, copies


def _results(
    output: Any, copies: Copies, leaves: list[Value], several: bool, has_effects: bool, outside: dict[int, Any]
) -> tuple[list[Value], Form | None, Form | None]:
    """The outputs: what the function returned, and what it left in lists and dictionaries of its arguments.

    Returns:
        The outputs, the form of what it returned, and the form of what it left.
    """
    contents = copies.changed()
    form = left = None
    if several:
        outputs = [as_node(x) for x in output]
    elif isinstance(output, Value):
        form, outputs = alone(output, leaves, outside), [output]
    else:
        form, outputs = taken_apart(output, leaves, outside=outside)
    if contents:
        left, computed = taken_apart(contents, (), copies.known)  # a Value only where it is one without
        outputs += computed
    return outputs, form, left


def _graph(
    outputs: list[Value], leaves: list[Value], recorder: Recorder, changes: Changes, effects: Effects
) -> Recording:
    """The graph of all that is wanted of a call.

    Of the leaves that it captured, those that stand for plain numbers outside are read in another way than parameters.

    Raises:
        NotReplayableError: Some of it was computed in another thread.
    """
    outputs = list(map(changes.updated, outputs))
    effects = effects._replace(updates=changes.updates(outputs))
    more = [node for nodes in (*effects.outputs, effects.updates.values()) for node in nodes]
    recording = recording_of([*outputs, *more], leaves, list(recorder.guards.values()), recorder.nodes)
    numbers, effects = changes.read(recording.parameters, effects)
    known = set(numbers)
    parameters = [node for node in recording.parameters if node not in known]
    recording = recording._replace(outputs=outputs, parameters=parameters, numbers=numbers, effects=effects)
    if recorder.missed or not recorder.strangers.isdisjoint(map(id, recording.parameters)):
        raise NotReplayableError("computes with Values in another thread, which is not recorded")
    return recording


def _check_attributes(outside: Outside, given: Sequence[Value]) -> None:
    """Refuse a function that may ask the Values in its arguments for more than numbers, which another call may have.

    Raises:
        NotReplayableError: It reads labels, or attributes that a subclass of the program's has; or it asks an array
            for its dtype, which an array of stand-ins has not.
    """
    if outside.reads("dtype"):
        raise NotReplayableError("asks for the dtype of an array, which differs while the function is recorded")
    names = {"label"} if given else set()
    for x in given if kinds else ():
        for space in (vars(cls) for cls in type(x).__mro__ if cls in kinds):
            names.update([name for name, found in space.items() if not callable(found)])
        names.update(getattr(x, "__dict__", ()))
    read = next(filter(outside.reads, sorted(names)), "")
    if read:
        raise NotReplayableError(f"reads the attribute {read} of Values, which may differ from call to call")


def _check_unchanged(recording: Recording) -> None:
    """Refuse a function that reads gradients, or sets data or gradients.

    Raises:
        CompileError: It does, which later evaluations would not do again.
    """
    if recording.effects.data[0]:
        raise CompileError("this function cannot set .data, since later calls would not do it: compute a new Value")
    if recording.effects.any or recording.numbers:
        raise CompileError(
            "this function cannot set .grad, and so cannot call zero_grad() or backward(), nor read .grad, since later "
            "calls would not repeat that: do it outside, before the call"
        )


def _forgotten(nodes: dict[Value, None]) -> list[Value]:
    """The leaves among the nodes of a recording that nothing but these refers to.

    A number that a function makes a Value (``Value(x)``, as micrograd wants its inputs) is data; but a parameter that
    it makes and keeps, in an attribute say, may be changed later.
    """
    made = [node for node in nodes if not node.parents and node.op is not ops.constant]
    if not made:
        return []
    uses = Counter(map(id, chain.from_iterable([node.parents for node in nodes])))
    leaves = [Value(0.0), *made]
    del made
    unknown, *counts = [getrefcount(leaf) - uses[id(leaf)] for leaf in leaves]  # of the first only this list knows,
    return [leaf for leaf, count in zip(leaves[1:], counts) if count == unknown + 1]  # of the others ``nodes``, too


def as_node(output: Any) -> Value:
    """What a function returned, as a node.

    Raises:
        TypeError: It is not one number.
    """
    output = node_of(output)
    if isinstance(output, Value):
        return output
    if is_structure(output) or isinstance(output, FIXED):
        raise several(output)
    return constant(output)


def recording_of(
    output: Value | Sequence[Value],
    arguments: list[Value],
    guards: Sequence[Guard] = (),
    inside: dict[Value, None] | None = None,
) -> Recording:
    """A graph with the leaves that are to be its arguments.

    Args:
        output: Its root, or several of them.
        arguments: Leaves of it.
        guards: The decisions that were taken on the way.
        inside: The nodes that belong to it; others are captured as they are, like leaves.  None: all belong to it.
    """
    known = set(arguments)
    if len(known) < len(arguments):
        raise CompileError(f"an input is given twice among {len(arguments)} inputs")
    for argument in arguments:
        if argument.parents:
            raise CompileError(f"an input must be a leaf, but {argument!r} is the result of {argument.op.name}")
    outputs = [output] if isinstance(output, Value) else list(output)
    roots = dict.fromkeys([*outputs, *[guard.node for guard in guards]])
    if inside is None:
        inside = dict.fromkeys(topological_order(*roots))
    nodes = list(filter(_parents, inside))
    while nodes and nodes[-1] not in roots:  # such as parameters that were set, and not read again
        nodes.pop()
    graph = Graph(nodes).followed(roots)
    others = dict.fromkeys([*graph.others, *[node for node in roots if node not in graph.number]])  # as they are used
    captured = [node for node in others if node not in known and node.op is not ops.constant]
    return Recording(outputs, arguments, captured, list(guards), graph)


def first_difference(before: Recording, after: Recording) -> Guard | None:
    """The first decision that two recordings of a function took differently; up to there they are the same."""
    for one, other in zip(before.guards, after.guards):
        if (one.found, one.is_truth) != (other.found, other.is_truth):
            return other
    return None


def advice(guard: Guard | None) -> str:
    """How a function decides by its data, and how to avoid that.

    >>> advice(record(lambda x, n: x**2 if n == 1 else x, [1.0, 1]).guards[0])
    'decides by its data (the int n is compared, or is a key, the end of a range, or an index into lists ...
    """
    place = f". The decision is in {guard.place}" if guard is not None and guard.place else ""
    behind = [] if guard is None else [leaf for leaf in leaves_of(guard.node) if leaf.op is not ops.constant]
    if behind and all(isinstance(leaf, IntLeaf) for leaf in behind):  # it is computed from int arguments only
        name = behind[0].label or "number"
        return (
            f"decides by its data (the int {name} is compared, or is a key, the end of a range, or an index into lists "
            "of different lengths or of other things than numbers): give class labels as vectors (nn.one_hot), or "
            f"choose with autograd.where({name} == 0, ...){place}"
        )
    if behind and guard is not None and not guard.is_truth and all(leaf._data % 1.0 == 0.0 for leaf in behind):
        return (
            "decides by its data (a whole number from outside is a key, the end of a range, or an index into lists of "
            f"different lengths or of other things than numbers): pass what it selects as an argument{place}"
        )
    return (
        "decides by its data (if, max, sorted, .data, math.fsum, math.hypot): write that with autograd.where, maximum "
        f"or relu. For a number without its gradient, write x.detach() instead of x.data{place}"
    )
