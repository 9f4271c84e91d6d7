"""Where leaves are kept: a module announces itself, so that a drawing can name the parts of the model it shows.

A graph knows its leaves and not the model that they are parameters of.  The model knows both, and is found from here as
long as it is in use: it is not kept alive.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

__all__ = ["Place", "announce", "places_of"]


class Place(NamedTuple):
    """The place of a parameter in a model."""

    model: int  # its number among the models that the graph has parameters of
    model_kind: str  # the name of its class
    part: str  # the path of attributes to a layer, or something as large; empty for the model itself
    kind: str  # the class of the part
    array: str  # the list in the part, such as weight
    indices: tuple[int, ...]  # the position in the list, and in the lists inside


_known: WeakValueDictionary[int, Any] = WeakValueDictionary()


def announce(holder: Any) -> None:
    """Let ``places_of`` find a holder for as long as somebody uses it.

    Its method ``modules()`` gives it and all holders inside, and ``_places()`` pairs of a leaf and a ``Place``.
    """
    _known[id(holder)] = holder


def places_of(leaves: Collection[Any]) -> dict[Any, Place]:
    """The place of each leaf that a model in use holds; where a model is inside of another one, the outer one counts.

    >>> model = Sequential(Linear(1, 2, bias=False), Linear(2, 1))
    >>> places_of([model[1].weight[0][1]])[model[1].weight[0][1]]._replace(model=0)
    Place(model=0, model_kind='Sequential', part='1', kind='Linear', array='weight', indices=(0, 1))
    """
    # A list of references is made in one step, whatever other threads announce meanwhile.
    holders = [holder for reference in _known.valuerefs() if (holder := reference()) is not None]
    places: dict[int, list[tuple[Any, Place]]] = {}
    inside: set[int] = set()
    for number, holder in enumerate(holders):
        # A model of a user may be half made, and its attributes may do anything: then it names no parts.
        try:
            parts, places[number] = list(holder.modules()), list(holder._places())
        except Exception:
            continue
        inside.update([id(part) for part in parts if part is not holder])
    found: dict[Any, Place] = {}
    for number, here in places.items():
        if id(holders[number]) not in inside:
            for leaf, place in here:
                if leaf in leaves:
                    found.setdefault(leaf, place._replace(model=number))
    return found
