"""The users of a node.  A node knows its operands but not its users, so that all living objects are searched."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from autograd.value import Value
from autograd.viz.facts.order import reading_order
from autograd.viz.text.notation import Names

__all__ = ["names_of", "users_of"]

MOST_NUMBERED = 3_000  # nodes of a graph that may have been drawn with numbers for names


def names_of(node: Value, users: Sequence[Value], spec: str) -> Names:
    """Names for a node and its users; where these would be mere numbers, the names in a drawing of the whole graph."""
    order = reading_order(*users, node)
    names = Names(order, spec)
    if not names.numbered.isdisjoint([node, *users]) and len(order) <= MOST_NUMBERED:
        whole = reading_order(*_outputs([*users, node]))
        return Names(whole, spec) if len(whole) <= MOST_NUMBERED else names
    return names


def _outputs(nodes: Sequence[Value]) -> list[Value]:
    """The last results that were computed from these nodes, in graphs that backward has run on."""
    users: dict[Value, list[Value]] = {}
    # A list of users in each node would cost every node memory and the walk time; this search takes 13 ms among 76,000
    # objects (Python with numpy, matplotlib and both packages), and only where somebody asks about a node.
    for user in gc.get_objects():
        if issubclass(type(user), Value) and type(user.grad) is not int:  # isinstance would ask dead proxies
            for parent in user.parents:
                users.setdefault(parent, []).append(user)
    found = dict.fromkeys(nodes)
    to_visit = [*nodes]
    while to_visit:
        further = [user for user in users.get(to_visit.pop(), ()) if user not in found]
        found |= dict.fromkeys(further)
        to_visit += further
    return [node for node in found if node not in users]


def users_of(node: Value) -> list[Value]:
    """The nodes computed directly from this one.

    A node that held its users would be a cycle, which is not freed at once; Python's collector knows them without.
    """
    holders = [holder for holder in gc.get_referrers(node) if type(holder) is tuple]
    found = gc.get_referrers(*holders) if holders else []
    return [user for user in found if isinstance(user, Value) and any(user.parents is tuple_ for tuple_ in holders)]
