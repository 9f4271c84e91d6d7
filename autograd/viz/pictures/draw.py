"""Draw a graph with Graphviz: one box per Value, one arrow per operand; or folded, if there are too many."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import graphviz

from autograd.files import write_file
from autograd.value import Value
from autograd.viz.pictures.dot import Drawing, drawing_of
from autograd.viz.pictures.figure import Figure, Graph, scalar_figure
from autograd.viz.pictures.fold import best_level, cut, folded_figure
from autograd.viz.pictures.keys import LEVELS, keys_of
from autograd.viz.pictures.render import DPI, render
from autograd.viz.pictures.theme import chosen_theme, theme_named
from autograd.viz.text.notation import nodes_of

LEGIBLE = 60  # boxes on a page, with as many arrows; of single numbers, with twice as many
ENDING = 16  # boxes of a long chain: its last nodes, and one for all before
FEASIBLE = 3_000  # boxes that are laid out in about a second, if there are not many more arrows than boxes


def draw_dot(
    root: Value | Sequence[Value],
    format: str = "svg",
    rankdir: str = "LR",
    *,
    theme: str | None = None,
    number_format: str = ".4g",
    parameters: Any = None,
    fold: str | None = "auto",
    max_nodes: int = LEGIBLE,
    gradients: bool = False,
    notes: Mapping[Value, str] | None = None,
    faded: Collection[Value] = (),
    force: bool = False,
    timeout: float = 30.0,
    dpi: float = DPI,
) -> Drawing:
    """Draw the graph that a Value was computed by; a notebook shows the result.

    Every Value is a box with its name, its data and its gradient, every operand an arrow with the local derivative
    ∂result/∂operand.  The gradient of a node is the sum over its arrows of the gradient they lead to times the number
    on them.  Leaves are rounded, parameters have cut corners, constants are dashed, the output has a double outline.
    A folded box stands for many nodes, and an arrow to it carries ∂out/∂in, from the smallest to the largest.
    In an SVG, ``data-node`` of a box is its name in the DOT text (n0, n1, …); ``data-tail`` and ``data-head`` of an
    arrow are the names of the boxes that it leads from and to.

    Args:
        root: The output, or several.
        format: Default format of ``render`` and ``pipe``: svg, png, pdf (with a system Graphviz).
        rankdir: "LR" from left to right, or "TB" from top to bottom.
        theme: Colours: "light", "dark" or "print"; by default those chosen by ``autograd.viz.theme``, or else those of
            the notebook that shows the drawing.
        number_format: Format of numbers, as in ``format(x, ".4g")``.
        parameters: The model, or the Values, to show as parameters; by default those of models that are in use,
            and leaves labelled like a network's weights and biases (w²₁₃, b²₁).
        fold: "neuron", "layer" or "model" (the parts of a network made by ``nn``, over all samples), "repeat" (what
            does the same work on different data), "expression" (a labelled Value with all that only it uses), None
            (one box per Value), or "auto": one box per Value up to ``max_nodes``, and the best of these above.
        max_nodes: Largest number of boxes with fold="auto".
        gradients: Whether arrows show the magnitude of the gradient by their width and colour.
        notes: A line of text for each Value that is marked.
        faded: Values that are drawn as unimportant.
        force: Whether more than 3,000 boxes are laid out; without it they are folded.
        timeout: Seconds for the layout; after them a folded drawing is shown, with a notice.
        dpi: Pixels per inch of a PNG or JPEG, such as 200 for a slide.

    Raises:
        TypeError: The root is no Value.
        ValueError: An option that does not exist, or a resolution that is not positive.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> c = a * b
    >>> c.backward()
    >>> print(draw_dot(c).source)  # doctest: +NORMALIZE_WHITESPACE
    digraph autograd { ...
        n0 [label="a\\ndata -4\\ngrad 2" ...]
        n1 [label="b\\ndata 2\\ngrad -4" ...]
        n2 [label="a*b\\ndata -8\\ngrad 1" ...]
        n0 -> n2 [label=2]
        n1 -> n2 [label=-4]
    }
    <BLANKLINE>
    """
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"rankdir must be LR, RL, TB or BT, got {rankdir!r}")
    if not 0 < dpi < math.inf:
        raise ValueError(f"dpi must be a positive number of pixels per inch, got {dpi}")
    colours = theme_named(theme or chosen_theme() or "light")
    look = partial(drawing_of, theme=colours, format=format, rankdir=rankdir, gradients=gradients)
    roots = nodes_of(root, "draw_dot")
    graph = Graph(roots, parameters=parameters, spec=number_format, notes=notes, faded=faded)
    figure = figure_of(graph, fold=fold, max_nodes=max_nodes, force=force)
    drawing = look(figure)
    drawing.timeout, drawing.dpi = timeout, dpi
    drawing.follows = not (theme or chosen_theme())
    if len(figure.boxes) > LEGIBLE:

        def simpler(reason: str) -> Drawing:
            smaller = figure_of(graph)
            smaller.notice = f"{smaller.notice} ({reason})"
            shown = look(smaller)
            shown.dpi = dpi
            return shown

        drawing.simpler = simpler
    return drawing


def figure_of(graph: Graph, *, fold: str | None = "auto", max_nodes: int = LEGIBLE, force: bool = False) -> Figure:
    """The boxes and arrows of a drawing; the options are those of ``draw_dot``."""
    if fold not in ("auto", None, *LEVELS):
        raise ValueError(f"fold must be None, 'auto', {', '.join(map(repr, LEVELS))}, got {fold!r}")
    if max_nodes < 2:
        raise ValueError(f"max_nodes must be at least 2, got {max_nodes}")
    size = len(graph.order)
    most = max_nodes if fold == "auto" else size if force else FEASIBLE
    arrows = sum([len(node.parents) for node in graph.order])
    if fold in ("auto", None) and size <= most and (fold is None or arrows <= 2 * most):
        return scalar_figure(graph)
    if fold in ("auto", None):
        fold_level, keys = best_level(graph, min(most, max_nodes))
    else:
        fold_level, keys = fold, keys_of(graph.order, graph.roots, fold, graph.places)
    if fold != "expression" and fold_level == "expression" and len(set(keys.values())) <= 2 and size <= 10 * FEASIBLE:
        figure, fold_level = cut(scalar_figure(graph), min(ENDING, max_nodes)), "distance"  # all is one long chain
    else:
        figure = folded_figure(graph, keys)
        is_dense = len(figure.arrows) > 2 * FEASIBLE and not force
        figure = cut(figure, max_nodes if fold is None or is_dense else most)
    if len(figure.boxes) < size:
        how = f"by {fold_level}" if fold_level != "repeat" else "by repeated structure"
        figure.notice = f"{size:,} nodes folded {how} into {len(figure.boxes)} boxes"
    if figure.notice and fold is None:
        figure.notice += "; force=True lays out all of them"
    return figure


def save(picture: Value | Sequence[Value] | graphviz.Digraph, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a drawing, or draw a Value and save that; the ending of the path chooses the format.

    Args:
        picture: A drawing from ``draw_dot``, or a Value to draw.
        path: A path that ends in .svg, .png, .jpg, .pdf (with a system Graphviz), or .dot or .gv for the DOT text.
        options: Options of ``draw_dot``, if a Value is given.

    Raises:
        ValueError: The ending is none of these.
        DrawingError: No Graphviz was found, or it failed; nothing is written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Value(2.0, "x") * 3, f"{folder}/graph.svg").name
    'graph.svg'
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png", "jpg", "jpeg", "pdf", "dot", "gv"):
        raise ValueError(f"cannot tell the format of {os.fspath(path)!r}: end it in .svg, .png, .jpg, .pdf or .dot")
    drawing = picture if isinstance(picture, graphviz.Digraph) else draw_dot(picture, **options)
    if suffix in ("dot", "gv"):
        content = drawing.source.encode()
    else:
        content = drawing.pipe(suffix) if isinstance(drawing, Drawing) else render(drawing.source, suffix)
    return write_file(path, content)
