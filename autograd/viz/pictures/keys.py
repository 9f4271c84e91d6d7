"""Which nodes belong together: the parts of a network, the insides of expressions, and repeated structure.

Every node gets a key; those of one key become one box of a folded drawing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd import ops
from autograd.holders import Place, places_of
from autograd.labels import Textbook, label_of, textbook
from autograd.value import Value
from autograd.viz.pictures.parts import Part, are_told_by_places, homes_in_parts, joins
from autograd.viz.text.notation import stem

# From the most detail to the least, for networks and for anything else.
NETWORK_LEVELS = ("neuron", "layer", "model")
OTHER_LEVELS = ("repeat", "expression")
LEVELS = NETWORK_LEVELS + OTHER_LEVELS


class Module(NamedTuple):
    """The key of a part of a network."""

    level: str
    layer: str = ""
    neuron: str = ""

    def __str__(self) -> str:
        if self.level not in ("neuron", "layer"):
            return self.level
        parts = [f"{name} {index}" for name, index in (("neuron", self.neuron), ("layer", self.layer)) if index]
        return " of ".join(parts) or self.level


class Own(NamedTuple):
    """The home of a node outside of all modules, and of the nodes that are inside the expression of that node."""

    node: Value


INPUTS = Module("inputs")
_MIXED = object()


def is_network(order: Sequence[Value], places: Mapping[Value, Place]) -> bool:
    """Whether a graph has parts of a network: parameters of a model in use, or labels that say where they belong.

    Labels that two parameters have, and that name no layer, do not: they are those of several parts.
    """
    if places:
        return True
    leaves = [label_of(node) for node in order if node.op is ops.leaf and label_of(node)]
    found = {label: it for label in {label_of(node) for node in order} if (it := textbook(label))}
    twice = [label for label, n in Counter(leaves).items() if n > 1 and label in found]
    return bool(found) and all(found[label].layer for label in twice)


def keys_of(
    order: Sequence[Value], roots: Sequence[Value], level: str, places: Mapping[Value, Place] | None = None
) -> dict[Value, Hashable]:
    """The key of every node; each root keeps a box of its own, or that of the part of a network that it is in.

    The level is "neuron", "layer" or "model", which are parts of a network over all samples, by textbook labels or,
    where these do not tell them apart, by the model that the parameters are in; or "repeat", nodes that do the same
    work on different data; or "expression", a labelled node with all that is used for it alone.  The places of the
    parameters of models in use are looked for if they are not given.
    """
    # Each node first gets a home: a module of the network, or the node that it is a part of (Own).  Homes that are
    # nodes are then told apart by what they do, so that nodes that do the same on different data have the same key.
    if places is None:
        places = places_of({node for node in order if not node.parents}) if level in NETWORK_LEVELS else {}
    homes = _homes(order, roots, level, places)
    structure: dict[Hashable, Hashable] = {}  # each structure by a number: nested tuples would grow without end
    kind: dict[Value, Hashable] = {root: ("root", i) for i, root in enumerate(roots)}
    for node in order:
        if isinstance(homes[node], (Module, Part)):
            kind[node] = homes[node]
        elif node not in kind:
            found = Own(node) if level == "expression" else _structure(node, kind, level)
            kind[node] = structure.setdefault(found, ("repeat", len(structure)))
    return {node: kind[home.node] if isinstance(home := homes[node], Own) else home for node in order}


def _homes(
    order: Sequence[Value], roots: Sequence[Value], level: str, places: Mapping[Value, Place]
) -> dict[Value, Any]:
    """The home of each node: its module, or the home of its only user if it is a part of that, or the node itself."""
    homes: dict[Value, Any] = {}
    users: dict[Value, Any] = {}  # the home of all that use a node, if they have the same
    modules: dict[str, Module | None] = {"": None}  # the same few labels come back in every sample
    outputs = set(roots)
    is_network = bool(places) and level in NETWORK_LEVELS
    parts = homes_in_parts(order, roots, places, level) if is_network and are_told_by_places(places) else None
    alone = outputs if parts is None else outputs | joins(order, parts)
    # Users come before what they use, so that the home of a node's users is known when the walk arrives at the node.
    for node in reversed(order):
        label = label_of(node)
        if label not in modules:
            modules[label] = _module(textbook(label), level)
        home: Any = modules[label]
        if parts is not None:
            home = parts.get(node) or (home if home is INPUTS else None)
        if home is None:
            user = users.get(node, _MIXED)
            home = user if node not in alone and _is_inside(node, user, level) else Own(node)
        homes[node] = home
        for parent in node.parents:
            users[parent] = home if users.get(parent, home) == home else _MIXED
    return homes


def _module(found: Textbook | None, level: str) -> Module | None:
    if found is None or level not in NETWORK_LEVELS:
        return None
    if found.symbol == "x" and not found.layer:
        return INPUTS
    if level == "model":
        return Module(level)
    return Module(level, found.layer, found.indices[0] if level == "neuron" and found.indices else "")


def _is_inside(node: Value, user: Any, level: str) -> bool:
    """Whether a node is a part of what uses it: a number in an expression, a partial sum, the inside of a module."""
    if user is _MIXED or label_of(node):
        return False
    if node.op is ops.constant:
        return True
    if not node.parents:
        return False
    if isinstance(user, (Module, Part)) or level == "expression":
        return True
    return node.op is user.node.op and node.op in (ops.add, ops.mul)


def _structure(node: Value, kind: dict[Value, Hashable], level: str) -> Hashable:
    """The structure that a node shares with those that do the same work on other data."""
    if not node.parents:
        label = label_of(node)
        return node.op.name, label if level != "repeat" else "" if textbook(label) else stem([node])
    runs: list[list[Any]] = []  # operands of one structure side by side are counted, not listed
    for parent in node.parents:
        found = kind[parent]
        if runs and runs[-1][0] == found:
            runs[-1][1] += 1
        else:
            runs.append([found, 1])
    return (node.op.name, "" if level == "repeat" else label_of(node), *map(tuple, runs))
