"""The page to step through a graph, in a notebook, a browser or a file; and what a notebook shows of a single Value."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograd import cells
from autograd.files import write_file
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.value import Value
from autograd.viz.pages import html_page
from autograd.viz.text.notation import Names, expression, gradient, shorten
from autograd.writer import Text

HEIGHT = 480  # pixels in a notebook, until the page has measured what it needs
MOST_NAMED = 5_000  # nodes of a graph, up to which each is given its name
LONGEST = 80  # letters of an expression


@dataclass(frozen=True)
class Page:
    """A page to step through a graph; a notebook shows it as the result of a cell.

    Attributes:
        html: The whole page as text; it needs no network, no server and no other file.

    >>> c = Value(2.0, "x") * 3
    >>> page(c)
    <page to step through a graph: save(path) writes it, a notebook shows it>
    """

    html: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page into a file, in one piece.

        Args:
            path: Ends in .html.

        Returns:
            The path.

        Raises:
            ValueError: The path does not end in .html.

        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page(Value(2.0, "x") * 3).save(f"{folder}/graph.html").name
        'graph.html'
        """
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"this writes a page: end {os.fspath(path)!r} in .html")
        return write_file(path, self.html.encode())

    def __repr__(self) -> str:
        return "<page to step through a graph: save(path) writes it, a notebook shows it>"

    def _repr_html_(self) -> str:
        # The page has a document of its own, so that nothing in it meets anything of the notebook.  Of the two kinds
        # of quotes, single ones are rare in it: each " in the text would take six characters.  All is ASCII: where a
        # file does not name its encoding, a browser guesses it, and scripts read with a wrong guess are not run.
        text = self.html.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")
        text = text.encode("ascii", "xmlcharrefreplace").decode()
        style = f"width: 100%; height: {HEIGHT}px; border: 0; border-radius: 6px"
        return f"<iframe title='Computation graph' style='{style}' allow='fullscreen' srcdoc='{text}'></iframe>"


def page(root: Value | Sequence[Value], **options: Any) -> Page:
    """Make a page on which the forward and backward pass of a graph can be stepped through.

    Each step of backward shows upstream × local = contribution and the sum that it is added to; a box shows where its
    gradient comes from, the line that recorded it (for graphs recorded inside ``strict()``), all paths to the output,
    and what a small change of a leaf does.  A leaf with a label can be dragged or typed: all numbers follow, computed
    by the page itself, where every operation is one of the package.  "Learn" takes steps of gradient descent.  The
    graph stays as it was recorded: an ``if`` keeps the side that it took.  In the quiz, gradients are hidden until they
    are worked out.  Graphs of networks can be looked at by model, layer, neuron or number; a layer, or any other part
    of a model that is in use, shows its parameters, what it computes, and their gradients as heat maps.  No ``.grad``
    is read or written: the page shows a pass of its own.

    Args:
        root: The output, or several (whose sum is differentiated).
        **options: ``title``; ``digits``, how many significant digits numbers have (4); ``parameters`` as in
            ``draw_dot``; ``max_nodes``, up to which every number has a box (1,500); ``timeout``, the seconds for a
            layout (30).

    Returns:
        The page: a notebook shows it, ``save(path)`` writes it.

    Raises:
        DrawingError: No Graphviz was found, or no picture could be laid out.

    >>> b = Value(2.0, "b")
    >>> "grad" in page(b**3).html
    True
    """
    return Page(html_page(root, **options))


def show(root: Value | Sequence[Value], **options: Any) -> None:
    """Show the page of a graph, with the options of ``page``: below the cell of a notebook, or else in the browser.

    >>> from unittest import mock
    >>> with mock.patch("webbrowser.open", return_value=True):      # in place of a real browser
    ...     show(Value(2.0, "x") * 3)
    opened ...graph.html
    """
    made = page(root, **options)
    display = _display_of_notebook()
    if display is not None:
        display(made)
        return
    path = made.save(Path(tempfile.mkdtemp(prefix="autograd-"), "graph.html"))
    opened = webbrowser.open(path.as_uri())
    print(f"{'opened' if opened else 'no browser was found; the page is'} {path}")


def write_html(root: Value | Sequence[Value], path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page of a graph into a file: ``page(root, **options).save(path)``.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_html(Value(2.0, "x") * 3, f"{folder}/graph.html").name
    'graph.html'
    """
    return page(root, **options).save(path)


def _display_of_notebook() -> Callable[[Page], Any] | None:
    """A function that shows an object below the running cell of a notebook; None elsewhere."""
    marimo = sys.modules.get("marimo")
    if marimo is not None and marimo.running_in_notebook():
        found: Callable[[Page], Any] = marimo.output.append
        return found
    if cells.notebook() is None:
        return None
    from IPython.display import display

    return display


def summary_html(value: Value) -> str:
    """The label, the expression, the data and the gradient of a Value, as a table.

    >>> a, b = Value(-4.0, "a"), Value(2.0, "b")
    >>> print(summary_html(a * b).replace("<tr>", "\\n<tr>"))
    <table><thead>
    <tr><th>label</th><th>expression</th><th>data</th><th>gradient</th></tr></thead><tbody>
    <tr><td></td><td>a*b</td><td>-8.0</td><td>not computed</td></tr></tbody></table>
    """
    written = shorten(_expression(value), LONGEST) if value.parents else value.op.name
    row = [shorten(label_of(value)), written, repr(value._data), gradient(value.grad, ".17g")]
    return cells.table(["label", "expression", "data", "gradient"], [row])


def _expression(value: Value) -> str:
    order = topological_order(value)
    if len(order) <= MOST_NAMED:
        names = Names(order)
        operands = [names.text[parent] for parent in value.parents]
    else:
        operands = [Text(shorten(label_of(parent)) or "…") for parent in value.parents[:4]]
    return expression(value, operands).text
