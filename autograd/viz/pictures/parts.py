"""Which nodes belong to which part of a model: an embedding, a norm, a recurrent cell, an attention, a layer.

The model says in which part each parameter is (``autograd.holders``); the graph says the rest:

    y = g·(x/size)          a node that applies parameters of one part belongs to it
    h = tanh(y)             so does the activation of it
    h' = tanh(w·x + u·h)    so does all that lies between two uses of the part, through which a memory goes

What leads to one part only, as x/size does, is added to it by ``keys``, as in any other group; a sum of what two parts
have computed, as behind each block of a transformer, is a box of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

from autograd import ops
from autograd.holders import Place
from autograd.labels import label_of, textbook
from autograd.value import Value

APPLYING = {ops.sum_of_products, ops.sum_of, ops.add, ops.sub, ops.mul}  # operations by which parts use parameters


class Part(NamedTuple):
    """The key of a part of a model."""

    level: str  # "neuron", "layer" or "model"
    model: int  # see ``Place``, as for the others
    path: str = ""
    kind: str = ""
    row: int | None = None  # of its parameters, for the level of neurons

    def __str__(self) -> str:
        name = self.path if self.row is None else f"{self.path} {self.row + 1}".strip()
        return f"{name}: {self.kind}" if name else self.kind


def are_told_by_places(places: Mapping[Value, Place]) -> bool:
    """Whether labels do not tell the parts: some have no number of a layer, or two parameters have the same label."""
    counts = Counter([label_of(leaf) for leaf in places])
    return any(n > 1 or (found := textbook(label)) is None or not found.layer for label, n in counts.items())


def homes_in_parts(
    order: Sequence[Value], roots: Collection[Value], places: Mapping[Value, Place], level: str
) -> dict[Value, Part]:
    """The part of each parameter, and of each node that is known to be in a part."""
    homes = {leaf: _part(place, level) for leaf, place in places.items()}
    rows = rows_of(order, places)
    uses = Counter([parent for node in order for parent in node.parents])
    for node in order:
        part = _applied(node, places, homes) or _activated(node, places, homes, rows, uses)
        if part is not None:
            homes[node] = part
    _add_what_lies_between(order, homes)
    _add_last_step(order, roots, homes, places)
    return homes


def _part(place: Place, level: str) -> Part:
    if level == "model":
        return Part(level, place.model, kind=place.model_kind)
    row = place.indices[0] if level == "neuron" and place.indices else None
    return Part(level, place.model, place.part, place.kind, row)


def _weights(node: Value, places: Mapping[Value, Place]) -> list[Value]:
    """The parameters that a node applies; in a sum of products w·x + b the second factors are what they apply to."""
    if node.op not in APPLYING:
        return []
    operands = node.parents
    if node.op is ops.sum_of_products:
        left, _, rest = ops.factors(operands)
        operands = (*left, *rest)
        if not any(parent in places for parent in operands):
            operands = node.parents
    return [parent for parent in operands if parent in places]


def _applied(node: Value, places: Mapping[Value, Place], homes: Mapping[Value, Part]) -> Part | None:
    """The part whose parameters a node applies, if it is one."""
    found = {homes[leaf] for leaf in _weights(node, places)}
    return found.pop() if len(found) == 1 else None


def _activated(
    node: Value, places: Mapping[Value, Place], homes: Mapping[Value, Part], rows: Mapping[Value, int],
    uses: Mapping[Value, int],
) -> Part | None:  # fmt: skip
    """The part of a node that only goes on with what a part has computed: an activation, or a sum of the same row."""
    found = {homes.get(parent) for parent in node.parents}
    if len(found) != 1 or None in found or any(parent in places or uses[parent] > 1 for parent in node.parents):
        return None
    is_sum = node.op is ops.add and node in rows
    return found.pop() if len(node.parents) == 1 or is_sum else None


def rows_of(nodes: Sequence[Value], places: Mapping[Value, Place]) -> dict[Value, int]:
    """The row of the parameters that a node is computed with; none where it is not the same for all of them."""
    rows: dict[Value, int] = {}
    inside = set(nodes)
    for node in nodes:
        found: set[int | None] = {places[leaf].indices[0] for leaf in _weights(node, places) if places[leaf].indices}
        if not found:
            found = {rows.get(parent) for parent in node.parents if parent.parents and parent in inside}
        if len(found) == 1 and (row := found.pop()) is not None:
            rows[node] = row
    return rows


def joins(order: Sequence[Value], homes: Mapping[Value, Part]) -> set[Value]:
    """The sums of two numbers that come from different parts."""
    bit = {part: 1 << i for i, part in enumerate(dict.fromkeys(homes.values()))}
    sources: dict[Value, int] = {}  # the parts that a number comes from, as bits
    found = set()
    for node in order:
        from_parents = [sources[parent] for parent in node.parents]
        sources[node] = bit[homes[node]] if node in homes else 0
        if node not in homes:
            for source in from_parents:
                sources[node] |= source
            if node.op is ops.add and all(from_parents) and from_parents[0] != from_parents[1]:
                found.add(node)
    return found


# ---- memories and attention: what goes through a part again ---------------------------------------------------------
def _add_what_lies_between(order: Sequence[Value], homes: dict[Value, Part]) -> None:
    """Add what lies on a way from a part to itself.

    A part that is used again behind other parts, as an embedding that also gives the logits, keeps its parameters only:
    as one box, it would depend on what depends on it.
    """
    # Each part is a bit.  One walk finds the parts that a node depends on, and one walk back those that depend on it; a
    # node lies between two uses of a part if that part is in both.  If another part lies between them as well, the two
    # uses cannot be one box: such a part is interrupted.
    bit = {part: 1 << i for i, part in enumerate(dict.fromkeys(homes.values()))}
    before: dict[Value, int] = {}
    after: dict[Value, int] = {}
    for node in order:
        before[node] = 0
        for parent in node.parents:
            before[node] |= before[parent] | (bit[homes[parent]] if parent in homes else 0)
    for node in reversed(order):
        after.setdefault(node, 0)
        own = after[node] | (bit[homes[node]] if node in homes else 0)
        for parent in node.parents:
            after[parent] = after.get(parent, 0) | own
    interrupted = 0
    for node in order:
        around = before[node] & after[node]
        if node in homes and node.parents:
            interrupted |= around & ~bit[homes[node]]
    split = {part for part, own in bit.items() if own & interrupted}
    parts = list(bit)
    for node in order:
        around = before[node] & after[node] & ~interrupted
        if node.parents and node not in homes and around:
            homes[node] = parts[(around & -around).bit_length() - 1]
        elif node.parents and homes.get(node) in split:
            del homes[node]


def _add_last_step(
    order: Sequence[Value], roots: Collection[Value], homes: dict[Value, Part], places: Mapping[Value, Place]
) -> None:
    """Add the end of the last step of a memory, which does with numbers of the part what earlier steps did."""

    def work(node: Value) -> tuple[Hashable, ...]:
        return node.op, *["number" if p.op is ops.constant else homes.get(p) for p in node.parents]

    def is_inside(node: Value) -> bool:
        return bool(node.parents) and not any(parent in places for parent in node.parents)

    done = {(homes[node], work(node)) for node in order if node in homes and is_inside(node)}
    outputs = set(roots)
    for node in order:
        if node not in homes and is_inside(node) and node not in outputs and not label_of(node):
            found = {homes.get(parent) for parent in node.parents if parent.op is not ops.constant}
            if len(found) == 1 and (part := found.pop()) is not None and (part, work(node)) in done:
                homes[node] = part
