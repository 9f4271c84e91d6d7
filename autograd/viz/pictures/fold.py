"""Folding: many nodes become one box, which shows its outputs and their derivatives with respect to its inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from autograd import ops
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.value import Value
from autograd.viz.pictures.figure import Arrow, Box, Figure, Graph, spread
from autograd.viz.pictures.keys import INPUTS, NETWORK_LEVELS, OTHER_LEVELS, Module, is_network, keys_of
from autograd.viz.pictures.parts import Part
from autograd.viz.pictures.theme import Kind
from autograd.viz.text.notation import Names, expression, reading_order, shorten, stem
from autograd.writer import Text

TALLEST = 24  # boxes that feed one: more stand in a column higher than a page
MOST_INSIDE = 1_000_000  # nodes to visit for the derivatives of boxes; arrows beyond that go without
Keys = dict[Value, Hashable]


def best_level(graph: Graph, most: int) -> tuple[str, Keys]:
    """The level of folding with the most detail that is legible, and its keys; if none is, that with the fewest boxes.

    Legible are at most this many boxes with as many arrows (two layers of eight neurons have 64 between them), and not
    more than ``TALLEST`` boxes beside each other in front of one.
    """
    sizes: dict[str, tuple[int, int, int]] = {}
    found: dict[str, Keys] = {}
    for level in NETWORK_LEVELS if is_network(graph.order, graph.places) else OTHER_LEVELS:
        keys = found[level] = keys_of(graph.order, graph.roots, level, graph.places)
        ends = {(keys[parent], keys[node]) for node in graph.order for parent in node.parents}
        into = Counter([head for tail, head in ends if tail != head])
        sizes[level] = len(set(keys.values())), into.total(), max(into.values(), default=0)
        if _run_in_circles(ends):
            del sizes[level]
    fitting = [level for level, (*size, widest) in sizes.items() if max(size) <= most and widest <= TALLEST]
    best = max(fitting, key=sizes.__getitem__) if fitting else min(sizes, key=sizes.__getitem__)
    return best, found[best]


def _run_in_circles(ends: Iterable[tuple[Hashable, Hashable]]) -> bool:
    """Whether boxes depend on each other, as neurons of a memory do, so that no order of them exists."""
    sorter: TopologicalSorter[Hashable] = TopologicalSorter()
    for tail, head in ends:
        if tail != head:
            sorter.add(head, tail)
    try:
        sorter.prepare()
    except CycleError:
        return True
    return False


def folded_figure(graph: Graph, keys: Keys) -> Figure:
    """One box per key of ``keys_of``."""
    members: dict[Hashable, list[Value]] = {}
    for node in graph.order:
        members.setdefault(keys[node], []).append(node)
    # The exits of a box are the nodes that other boxes read: it shows their numbers, and its arrows their derivatives.
    exits = _exits(graph, keys)
    boxes = {key: graph.marked(_box(key, nodes, exits, graph)) for key, nodes in members.items()}
    arrows = _arrows(graph, keys, boxes)
    _differentiate(arrows, members, exits, keys)
    tails: dict[Box, list[Box]] = {}
    for arrow in arrows.values():
        tails.setdefault(arrow.head, []).append(arrow.tail)
    for box, parents in tails.items():
        box.parents = tuple(parents)
    ordered = reading_order(*[boxes[keys[root]] for root in graph.roots])
    place = {box: i for i, box in enumerate(ordered)}
    backward = sorted(arrows.values(), key=lambda arrow: -place[arrow.head])
    return Figure(graph, tuple(ordered), tuple(backward))


def _exits(graph: Graph, keys: Keys) -> set[Value]:
    """The nodes that another box uses, and the roots."""
    found = set(graph.roots)
    for node in graph.order:
        own = keys[node]
        found.update([parent for parent in node.parents if keys[parent] != own])
    return found


# ---- arrows ----------------------------------------------------------------------------------------------------------
def _arrows(graph: Graph, keys: Keys, boxes: dict[Hashable, Box]) -> dict[tuple[Hashable, Hashable], Arrow]:
    """One arrow from a box to each that uses it."""
    arrows: dict[tuple[Hashable, Hashable], Arrow] = {}
    for node in graph.order:
        head = keys[node]
        for parent, partial in zip(node.parents, node.partials):
            tail = keys[parent]
            if tail != head:
                arrow = arrows.get((tail, head))
                if arrow is None:
                    arrow = arrows[tail, head] = Arrow(boxes[tail], boxes[head], is_constant=True)
                arrow.is_constant &= graph.kinds[parent] is Kind.CONSTANT
                arrow.add_flow(graph.flow(node, parent, partial))
    return arrows


def _differentiate(
    arrows: dict[tuple[Hashable, Hashable], Arrow], members: dict[Hashable, list[Value]], exits: set[Value], keys: Keys
) -> None:
    """Give the arrows the derivatives of each output of a box with respect to all inputs of the box."""
    visited = 0
    for head, nodes in members.items():
        inputs = {parent for node in nodes for parent in node.parents if keys[parent] != head}
        for node in nodes:
            if node in exits and node.parents:
                if visited > MOST_INSIDE:
                    return
                order = topological_order(node, known=inputs)
                visited += len(order)
                # The walk of ``backward``, but from this output to the inputs of the box and no further.
                found = {node: 1.0}
                for inner in reversed(order):
                    for parent, partial in zip(inner.parents, inner.partials):
                        found[parent] = found.get(parent, 0.0) + found[inner] * partial
                for parent in inputs & found.keys():
                    arrows[keys[parent], head].derivatives.append(found[parent])


# ---- boxes -----------------------------------------------------------------------------------------------------------
def _box(key: Hashable, nodes: list[Value], exits: set[Value], graph: Graph) -> Box:
    kinds, names = graph.kinds, graph.names
    parameters = [node for node in nodes if kinds[node] is Kind.PARAMETER]
    shown = [node for node in nodes if node in exits and kinds[node] is not Kind.PARAMETER] or parameters
    lines = [f"data {spread([node._data for node in shown], names.spec)}"]
    if shown[0].op.name == "compiled call":  # its results have the numbers
        lines.clear()
    elif any(kinds[node] is not Kind.CONSTANT for node in shown):
        lines.append(f"grad {graph.spread_of_gradients(shown)}")
    kind = kinds[shown[-1]]
    if isinstance(key, (Module, Part)):
        if len(parameters) < len(nodes) and parameters:
            lines.append(f"{len(parameters):,} parameters")
            lines.append(f"their grad {graph.spread_of_gradients(parameters)}")
        kind = kind if key is INPUTS else Kind.GROUP
        return Box(kind, _module_title(key, shown), lines, nodes, shown=shown, parameters=parameters)
    title = _pattern(shown, names, _is_sum_of_sums(shown[0], nodes))
    if len(shown) > 1:
        title += f"  ×{len(shown):,}"
    is_group = kind is Kind.OPERATION and sum(kinds[node] is not Kind.CONSTANT for node in nodes) > 1
    return Box(Kind.GROUP if is_group else kind, title, lines, nodes, shown=shown, parameters=parameters)


def _pattern(nodes: Sequence[Value], names: Names, nested: bool) -> str:
    """The common expression of nodes of the same structure, with … where they differ or have no name.

    They are ``nested`` if each is a sum of sums, or a product of products.
    """
    first = nodes[0]
    if not first.parents:
        if _same_names(nodes, names):
            return names.title[first]
        return f"{names.name[first]} … {names.name[nodes[-1]]}" if stem(nodes) else first.op.name
    if first.op.name == "compiled output" and len(nodes) > 1:
        return f"{first.op.symbol} … {nodes[-1].op.symbol}"
    has_label = bool(label_of(first)) and _same_names(nodes, names)
    if nested:
        text = "Σ" if first.op is ops.add else "Π"
    else:
        operands = [_common(same, names) for same in zip(*[node.parents[:4] for node in nodes])]
        is_anonymous = first.op in (ops.sum_of, ops.product_of) and Text("…") in operands
        text = expression(first, [] if is_anonymous else operands, names.spec).text  # Σ of 3 rather than … + … + …
    return f"{names.name[first]} = {text}" if has_label else text


def _is_sum_of_sums(node: Value, nodes: Sequence[Value]) -> bool:
    if node.op not in (ops.add, ops.mul):
        return False
    inside = set(nodes)
    return any(parent.op is node.op and parent in inside for parent in node.parents)


def _same_names(nodes: Sequence[Value], names: Names) -> bool:
    return len({names.name[node] for node in nodes}) == 1


def _common(nodes: Sequence[Value], names: Names) -> Text:
    first = nodes[0]
    if first in names.numbered or not _same_names(nodes, names):
        return Text(stem(nodes) or "…")
    return names.text[first]


def _module_title(key: Module | Part, outputs: Sequence[Value]) -> str:
    if isinstance(key, Part):
        return str(key)
    distinct = len({label_of(node) for node in outputs})
    copies = len(outputs) // distinct
    times = f"  ×{copies:,}" if copies > 1 else ""
    if key.level == "neuron":
        return f"{shorten(label_of(outputs[0]))}: {key}{times}"
    what = {"layer": "neuron", "inputs": "input", "model": "output"}[key.level]
    where = "" if key is INPUTS else f"{key}: "
    return f"{where}{distinct} {what}{'s' * (distinct > 1)}{times}"


# ---- what still does not fit -----------------------------------------------------------------------------------------
def cut(figure: Figure, most: int) -> Figure:
    """At most this many boxes: those nearest to the output; all others become one."""
    if len(figure.boxes) <= most:
        return figure
    hidden = figure.boxes[: len(figure.boxes) - most + 1]
    nodes = [node for box in hidden for node in box.nodes]
    rest = Box(Kind.GROUP, f"{len(nodes):,} more nodes", [], nodes)
    away = set(hidden)
    inside = [arrow for arrow in figure.arrows if arrow.tail not in away]
    merged: dict[Box, Arrow] = {}
    for arrow in figure.arrows:
        if arrow.tail in away and arrow.head not in away:
            merged.setdefault(arrow.head, Arrow(rest, arrow.head, is_constant=True)).merge(arrow)
    for box in figure.boxes[len(hidden) :]:
        box.parents = tuple(dict.fromkeys([rest if parent in away else parent for parent in box.parents]))
    place = {box: i for i, box in enumerate(figure.boxes)}
    backward = sorted([*inside, *merged.values()], key=lambda arrow: -place[arrow.head])
    return replace(figure, boxes=(rest, *figure.boxes[len(hidden) :]), arrows=tuple(backward))
