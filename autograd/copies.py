"""Copying and pickling a graph, of any depth: node by node in topological order, without recursion."""

from __future__ import annotations

import copy
from typing import Any

from autograd.graph import topological_order
from autograd.ops import Op

_OF_EVERY_NODE = {"_data", "grad", "label", "op", "parents", "partials", "__dict__", "__weakref__"}


def deepcopy(root: Any, memo: dict[int, Any]) -> Any:
    """Copy a node for ``copy.deepcopy``; nodes that are copied together stay connected."""
    stack = [root]  # no topological_order, which does not end at what was copied before: a list of nodes would be slow
    while stack:
        node = stack.pop()
        if id(node) in memo:
            continue
        if missing := [parent for parent in node.parents if id(parent) not in memo]:
            stack += [node, *missing]
            continue
        kind, attributes, *state = _leaf_state(node)
        twin = memo[id(node)] = _restore_leaf(kind, {}, *state)
        twin.parents, twin.partials = tuple([memo[id(parent)] for parent in node.parents]), node.partials
        for name, attribute in attributes.items():  # which may refer to the node itself
            setattr(twin, name, copy.deepcopy(attribute, memo))
    return memo[id(root)]


def reduce(root: Any) -> tuple[Any, ...]:
    """Describe a node to ``pickle``, with its whole graph; several nodes of a pickle share only their leaves."""
    if not root.parents:
        return _restore_leaf, _leaf_state(root)
    order = topological_order(root)
    position = {node: i for i, node in enumerate(order)}
    return _restore_graph, ([node if not node.parents else _state(node, position) for node in order],)


def _state(node: Any, position: dict[Any, int]) -> tuple[Any, ...]:
    parents = tuple([position[parent] for parent in node.parents])
    return *_leaf_state(node), parents, node.partials


def _leaf_state(node: Any) -> tuple[Any, ...]:
    return node.__class__, _own_attributes(node), node._data, node.label, node.grad, node.op


def _own_attributes(node: Any) -> dict[str, Any]:
    """The attributes that a subclass adds to its nodes, in a dictionary and in slots."""
    found = dict(getattr(node, "__dict__", {}))
    for kind in type(node).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in _OF_EVERY_NODE and hasattr(node, name):
                found[name] = getattr(node, name)
    return found


def _restore_leaf(kind: Any, attributes: dict[str, Any], data: float, label: str, grad: float, op: Op) -> Any:
    out = kind.__new__(kind)  # a subclass may be made from other arguments, and keep more
    for name, attribute in attributes.items():
        setattr(out, name, attribute)
    out._data, out.label, out.grad, out.op = data, label, grad, op
    out.parents = out.partials = ()
    return out


def _restore_graph(states: list[Any]) -> Any:
    nodes: list[Any] = []
    for state in states:
        if isinstance(state, tuple):
            *leaf, parents, partials = state
            node = _restore_leaf(*leaf)
            node.parents, node.partials = tuple([nodes[i] for i in parents]), partials
            nodes.append(node)
        else:
            nodes.append(state)
    return nodes[-1]
