"""The page to step through a graph: one HTML file with everything in it, for notebooks and browsers without network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from autograd.display import notebook, table
from autograd.files import write_file
from autograd.graph import topological_order
from autograd.labels import label_of
from autograd.value import Value
from autograd.viz.facts.steps import adjoints
from autograd.viz.pagedata import DELTAS, levels_of, packed
from autograd.viz.pictures.draw import LEGIBLE
from autograd.viz.pictures.figure import Graph
from autograd.viz.pictures.theme import THEMES, Theme, chosen_theme
from autograd.viz.text.notation import Names, expression, gradient, nodes_of, number, shorten
from autograd.writer import Text

# The scripts, in the order in which they build on each other.
SCRIPTS = (
    "ieee.js", "primitives.js", "unpack.js", "model.js", "replay.js", "pane.js", "drawn.js", "places.js", "badge.js",
    "view.js", "panel.js", "heat.js", "nudge.js", "live.js", "quiz.js", "overview.js", "stage.js", "keyboard.js",
    "print.js", "look.js", "address.js", "embed.js", "main.js",
)  # fmt: skip
HEIGHT = 480  # pixels in a notebook, until the page has measured what it needs
MOST_NAMED = 5_000  # nodes of a graph, up to which each is given its name
LONGEST = 80  # letters of an expression


@dataclass(frozen=True)
class Page:
    """A page to step through a graph; a notebook shows it as the result of a cell.

    >>> c = Value(2.0, "x") * 3
    >>> page(c)
    <page to step through a graph: save(path) writes it, a notebook shows it>
    """

    html: str = field(repr=False)  #: the whole page as text; it needs no network, no server and no other file

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page into a file, in one piece, and return its path.

        Raises:
            ValueError: The path does not end in .html.

        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page(Value(2.0, "x") * 3).save(f"{folder}/graph.html").name
        'graph.html'
        """
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a page is an HTML file: end {os.fspath(path)!r} in .html")
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


def page(
    root: Value | Sequence[Value],
    *,
    title: str = "",
    digits: int = 4,
    parameters: Any = None,
    max_nodes: int = 1_500,
    timeout: float = 30.0,
) -> Page:
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
        title: Title; by default what the outputs are.
        digits: Number of significant digits of numbers.
        parameters: The model, or the Values, to show as parameters, as in ``draw_dot``.
        max_nodes: Number of nodes up to which every number has a box.
        timeout: Seconds for a layout.

    Returns:
        The page: a notebook shows it, ``save(path)`` writes it.

    Raises:
        DrawingError: No Graphviz was found, or no picture could be laid out.
        ValueError: ``digits`` is not from 1 to 17.

    >>> b = Value(2.0, "b")
    >>> "grad" in page(b**3).html
    True
    """
    roots = nodes_of(root, "a page")
    if not 1 <= digits <= 17:
        raise ValueError(f"digits must be between 1 and 17, got {digits}")
    graph = Graph(roots, parameters=parameters, spec=f".{digits}g")
    gradients = adjoints(roots, graph.order)
    graph.grad_of = gradients.__getitem__
    levels, notice = levels_of(graph, max_nodes, timeout)
    outputs = ", ".join([f"{graph.names.name[node]} = {number(node._data, graph.spec)}" for node in roots])
    legible = [i for i, it in enumerate(levels) if _crowd(it) <= LEGIBLE]
    data = {
        "digits": digits, "deltas": DELTAS, "levels": [packed(level) for level in levels],
        "level": max(legible, default=0), "notice": notice, "title": shorten(title, 200),
    }  # fmt: skip
    return Page(_assembled(shorten(title or outputs, 200), data))


def _crowd(level: dict[str, Any]) -> float:
    """The number of things to look at: boxes or arrows, of which twice as many are legible between single numbers."""
    return max(len(level["boxes"]), len(level["arrows"]) / (2 if level["scalar"] else 1))


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
    if notebook() is None:
        return None
    from IPython.display import display

    return display


# ---- the file --------------------------------------------------------------------------------------------------------
def _assembled(title: str, data: dict[str, Any]) -> str:
    script = '"use strict";\nconst DATA = JSON.parse(document.getElementById("data").textContent);\n'
    script = "\n".join([script, *[_smaller(_asset(name)) for name in SCRIPTS]])
    style = _smaller(_asset("page.css")).replace("{{colours}}", _colours())
    parts = {
        "title": html.escape(title), "style": style, "script": script,
        "theme": {"": "", "dark": "dark"}.get(chosen_theme(), "light"),
        "style_hash": _hash(style), "script_hash": _hash(script), "data": _json(data),
    }  # fmt: skip
    page = _asset("page.html")
    pieces = page.split("{{")
    return pieces[0] + "".join([parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:])])


def _asset(name: str) -> str:
    return files("autograd.viz").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _smaller(text: str) -> str:
    """A script or a style without comment lines, a fifth of it, and the spaces at the beginning of lines, a tenth."""
    return re.sub(r"(?m)^ *//.*\n|^ +", "", text)


def _hash(text: str) -> str:
    """The hash by which a browser knows a script of ours; it runs no other, such as one smuggled in by a label."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(data: Any) -> str:
    """JSON that cannot end the element it is in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _colours() -> str:
    light, dark = _variables(THEMES["light"]), _variables(THEMES["dark"])
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f":root[data-theme=light] {{ color-scheme: light; {light} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        f"@media print {{ :root, :root[data-theme] {{ color-scheme: light; {light} }} }}"  # ink on white paper
    )


def _variables(theme: Theme) -> str:
    names = {"background": theme.background, "text": theme.text, "faint": theme.faint, "arrow": theme.arrow}
    names |= {"accent": theme.alarm, "hair": f"color-mix(in srgb, {theme.faint} 35%, transparent)"}
    for kind, look in theme.looks.items():
        names |= {f"{kind.value}-fill": look.fill, f"{kind.value}-line": look.line}
    return " ".join([f"--{name}: {value};" for name, value in names.items()])


# ---- a single Value --------------------------------------------------------------------------------------------------
def summary_html(value: Value) -> str:
    """The label, the expression, the data and the gradient of a Value, as a table."""
    written = shorten(_expression(value), LONGEST) if value.parents else value.op.name
    row = [shorten(label_of(value)), written, repr(value._data), gradient(value.grad, ".17g")]
    return table(["label", "expression", "data", "gradient"], [row])


def _expression(value: Value) -> str:
    order = topological_order(value)
    if len(order) <= MOST_NAMED:
        names = Names(order)
        operands = [names.text[parent] for parent in value.parents]
    else:
        operands = [Text(shorten(label_of(parent)) or "…") for parent in value.parents[:4]]
    return expression(value, operands).text
