"""Draw a graph with Graphviz: one box per Value, one arrow per operand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import graphviz

from autograd import ops
from autograd.graph import topological_order
from autograd.value import Value
from autograd.viz.notation import Names, gradient, nodes_of, number, parameters_of
from autograd.viz.render import render, write_bytes
from autograd.viz.theme import Kind, Theme, theme_named

__all__ = ["Drawing", "draw_dot", "save"]

FONT = "Helvetica"  # the one sans-serif whose widths every Graphviz knows, with font libraries and without


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # graphviz ships no types
    """A ``graphviz.Digraph`` that needs no system Graphviz: it finds the program of the wheel graphviz-pure too."""

    alt_text = ""

    def pipe(self, format: str | None = None, *, encoding: str | None = None, timeout: float = 30.0) -> Any:
        """The picture as bytes, or as text if an encoding is given."""
        picture = _picture(self, format or self.format, timeout)
        return picture.decode(encoding) if encoding else picture

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
    ) -> str:
        """Write the DOT text and the picture beside it, as ``graphviz.Digraph.render``; returns the picture's path."""
        picture = self.pipe(format)
        source = self.save(filename, directory=directory)
        path = f"{source}.{format or self.format}"
        write_bytes(path, picture)
        if cleanup:
            os.unlink(source)
        if view:
            self._view(path, format=format or self.format, quiet=False)
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        bundle = {"image/svg+xml": self._repr_svg_(), "text/plain": self.alt_text or repr(self)}
        return {
            kind: text
            for kind, text in bundle.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }

    def _repr_svg_(self) -> str:
        return str(self.pipe("svg", encoding="utf-8"))


def draw_dot(
    root: Value | Sequence[Value],
    format: str = "svg",
    rankdir: str = "LR",
    *,
    theme: str = "light",
    number_format: str = ".4g",
    parameters: Any = None,
) -> Drawing:
    """Draw the graph that a Value was computed by; a notebook shows the result.

    Every Value is a box with its name, its data and its gradient, every operand an arrow with the local derivative
    ∂result/∂operand.  The gradient of a node is the sum over its arrows of the gradient they lead to times the number
    on them.  Leaves are rounded, parameters have cut corners, constants are dashed, the output has a double outline.

    Args:
        root: the output, or several.
        format: what ``render`` and ``pipe`` make by default: svg, png, pdf (with a system Graphviz).
        rankdir: "LR" from left to right, or "TB" from top to bottom.
        theme: "light", "dark" or "print".
        number_format: how numbers are written, as in ``format(x, ".4g")``.
        parameters: the model, or the Values, to show as parameters; by default the leaves labelled like a network's
            weights and biases (w²₁₃, b²₁).

    Raises:
        TypeError: the root is no Value.
        ValueError: a rankdir, theme or number format that does not exist.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> c = a * b
    >>> c.backward()
    >>> print(draw_dot(c).source)  # doctest: +NORMALIZE_WHITESPACE
    digraph autograd { ...
        n2 [label="a*b\\ndata -8\\ngrad 1" ...]
        n1 [label="a\\ndata -4\\ngrad 2" ...]
        n0 [label="b\\ndata 2\\ngrad -4" ...]
        n1 -> n2 [label=2]
        n0 -> n2 [label=-4]
    }
    <BLANKLINE>
    """
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"rankdir must be LR, RL, TB or BT, got {rankdir!r}")
    roots = nodes_of(root, "draw_dot")
    order = topological_order(*roots)
    names = Names(order, number_format)
    kinds = kinds_of(order, roots, parameters)
    colours = theme_named(theme)
    drawing = Drawing("autograd", format=format, **_defaults(colours, rankdir))
    identity = {node: f"n{i}" for i, node in enumerate(order)}
    for node in reversed(order):  # Graphviz then keeps the first operand above the second
        text = _box_text(node, names.title[node], kinds[node], number_format)
        drawing.node(identity[node], _quoted(text), **colours.looks[kinds[node]].attributes())
    for node in reversed(order):
        for parent, partial in zip(node.parents, node.partials):
            if kinds[parent] is Kind.CONSTANT:  # nobody asks for the derivative by a constant
                drawing.edge(identity[parent], identity[node], style="dashed", color=colours.faint)
            else:
                drawing.edge(identity[parent], identity[node], label=number(partial, number_format))
    drawing.alt_text = _alt_text(roots, order, names)
    return drawing


def kinds_of(order: Iterable[Value], roots: Sequence[Value], parameters: Any = None) -> dict[Value, Kind]:
    """What each node is in the graph of the roots."""
    chosen = parameters_of(parameters, order)
    outputs = set(roots)

    def kind(node: Value) -> Kind:
        if node.parents:
            return Kind.OUTPUT if node in outputs else Kind.OPERATION
        if node.op is ops.constant:
            return Kind.CONSTANT
        return Kind.PARAMETER if node in chosen else Kind.LEAF

    return {node: kind(node) for node in order}


def save(picture: Value | Sequence[Value] | graphviz.Digraph, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a drawing, or draw a Value and save that; the ending of the path chooses the format.

    Args:
        picture: what ``draw_dot`` returned, or a Value to draw.
        path: ends in .svg, .png, .jpg, .pdf (with a system Graphviz), or .dot or .gv for the DOT text.
        options: for ``draw_dot``, if a Value is given.

    Raises:
        ValueError: the ending is none of these.
        DrawingError: no Graphviz was found, or it failed; nothing is written.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png", "jpg", "jpeg", "pdf", "dot", "gv"):
        raise ValueError(f"cannot tell the format of {os.fspath(path)!r}: end it in .svg, .png, .jpg, .pdf or .dot")
    drawing = picture if isinstance(picture, graphviz.Digraph) else draw_dot(picture, **options)
    is_text = suffix in ("dot", "gv")
    content = drawing.source.encode() if is_text else _picture(drawing, suffix)
    return write_bytes(path, content)


def _defaults(theme: Theme, rankdir: str) -> dict[str, dict[str, str]]:
    return {
        "graph_attr": {"rankdir": rankdir, "bgcolor": theme.background, "nodesep": "0.2", "ranksep": "0.45"},
        "node_attr": {
            "shape": "box", "fontname": FONT, "fontsize": "11", "fontcolor": theme.text,
            "margin": "0.1,0.06", "height": "0.3",
        },
        "edge_attr": {
            "fontname": FONT, "fontsize": "10", "fontcolor": theme.text, "color": theme.arrow, "arrowsize": "0.7",
        },
    }  # fmt: skip


def _box_text(node: Value, title: str, kind: Kind, spec: str) -> list[str]:
    data = number(node._data, spec)
    if kind is Kind.CONSTANT:
        return [title] if title == data else [title, f"data {data}"]
    lines = [f"data {data}", f"grad {gradient(node, spec)}"]
    return lines if title == data and kind is Kind.LEAF else [title, *lines]


def _quoted(lines: Iterable[str]) -> str:
    """Lines of text as a DOT label in which nothing is markup: no escapes, no entities, no HTML."""
    escaped = [line.replace("\\", "\\\\").replace("&", "&amp;") for line in lines]
    return graphviz.nohtml("\\n".join(escaped))  # type: ignore[no-any-return]


def _alt_text(roots: Sequence[Value], order: Sequence[Value], names: Names) -> str:
    outputs = ", ".join([f"{names.name[root]} = {number(root._data, names.spec)}" for root in roots])
    return f"Computation graph of {outputs}: {len(order)} nodes."


def _picture(drawing: graphviz.Digraph, format: str, timeout: float = 30.0) -> bytes:
    picture = render(drawing.source, format, timeout=timeout)
    text = getattr(drawing, "alt_text", "")
    return _with_alt_text(picture, text) if text and format == "svg" else picture


def _with_alt_text(svg: bytes, text: str) -> bytes:
    """Name an SVG for those who cannot see it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    start = svg.index(b"<svg ")
    end = svg.index(b">", start)
    return svg[:end] + b' role="img">' + f"<desc>{escaped}</desc>".encode() + svg[end + 1 :]
