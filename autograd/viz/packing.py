"""The data of a page made small: nothing is written that the page can tell from the rest (``assets/unpack.js``).

A level of detail becomes one from which the script makes the same level again, number by number and letter by letter.
Kinds are numbers; texts that come back are in a table; a local derivative that is the number of an operand, as those of
a product are, says which operand; the steps of backward follow from the arrows.
"""

from __future__ import annotations

import math
import re
from typing import Any

from autograd.viz.pictures.theme import Kind
from autograd.viz.text.notation import number

KINDS = [kind.value for kind in Kind]
SHARED = ("o", "f", "p", "s")  # texts of a box that are often those of another one
Level = dict[str, Any]


def json_number(x: float) -> float | int | str:
    """A number in JSON, which has no words for nan and the infinities."""
    if not math.isfinite(x):
        return number(x)
    return int(x) if x == int(x) and abs(x) < 1e15 and math.copysign(1.0, x) > 0 else x


def packed(level: Level) -> Level:
    """A level in fewer letters; the page unpacks it.

    >>> from autograd.viz.pagedata import levels_of
    >>> from autograd.viz.pictures.figure import Graph
    >>> root = Value(2.0, "x") * Value(3.0, "y")
    >>> graph = Graph([root])
    >>> graph.grad_of = dict(zip(graph.order, [3.0, 2.0, 1.0])).__getitem__
    >>> packed(levels_of(graph, 10, 30.0)[0][0])["arrows"]
    [[0, 2, '1!'], [1, 2, '0!']]
    """
    texts: dict[str, int] = {}

    def shared(text: str) -> int:
        return texts.setdefault(text, len(texts))

    found = dict(level)
    found["boxes"] = [_box(box, shared) for box in level["boxes"]]
    if level["scalar"]:
        found["arrows"] = _arrows(level, shared)
        if _same(level["steps"], _steps(level)):
            del found["steps"]
    elif level["steps"] == [[i] for i, (_, _, label) in enumerate(level["arrows"]) if label]:
        del found["steps"]
    return found | {"x": list(texts)}


def _box(box: Level, shared: Any) -> Level:
    found = {key: shared(value) if key in SHARED else value for key, value in box.items()}
    found["k"] = KINDS.index(box["k"])
    if box["t"] == box["n"]:
        del found["t"]
    if "h" in box:  # the maps of numbers and of their gradients have the same cells
        grids = [grid for _, _, grid, *_ in box["h"]]
        found["h"] = [[title, is_gradient, first if (first := grids.index(grid)) < i else grid, *place]
                      for i, (title, is_gradient, grid, *place) in enumerate(box["h"])]  # fmt: skip
    return found


def _arrows(level: Level, shared: Any) -> list[list[Any]]:
    """The arrows.  In place of a derivative, "1" is the number of the operand 1; "1!" says so in the formula, too."""
    boxes = level["boxes"]
    operands: dict[int, list[int]] = {}
    for tail, head, *_ in level["arrows"]:
        operands.setdefault(head, []).append(tail)
    found = []
    for tail, head, local, *formula in level["arrows"]:
        same = [i for i, other in enumerate(operands[head]) if _same(boxes[other]["v"], local)]
        named = [i for i in same if formula == [_atom(boxes[operands[head][i]]["n"]), f"⟨{i} 0l⟩"]]
        if named:
            found.append([tail, head, f"{named[0]}!"])
        else:
            number = str(same[0]) if same and not isinstance(local, int) else local
            found.append([tail, head, number, *formula[:1], *map(shared, formula[1:])])
    return found


def _atom(name: str) -> str:
    """A name as a factor, as the script writes it."""
    return f"({name})" if re.search(r"[ +*/(-]", name) else name


def _same(a: Any, b: Any) -> bool:
    """Whether two pieces of data are the same to the bit: 0.0 and -0.0 are not."""
    return repr(a) == repr(b)


def _steps(level: Level) -> list[list[Any]]:
    """The steps of backward, as the script computes them from the arrows."""
    grads = [0.0] * len(level["boxes"])
    for root in level["roots"]:
        grads[root] = 1.0
    found: list[list[Any]] = []
    for i, (tail, head, local, *_) in enumerate(level["arrows"]):
        if level["boxes"][tail]["k"] != Kind.CONSTANT.value:
            contribution = grads[head] * float(local)
            grads[tail] += contribution
            found.append([i, json_number(contribution), json_number(grads[tail])])
    return found
