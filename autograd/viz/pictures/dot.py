"""A figure as DOT: the ``graphviz.Digraph`` that a notebook shows."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import graphviz

from autograd.files import write_file
from autograd.viz.pictures.figure import Arrow, Box, Figure, alt_text
from autograd.viz.pictures.layout import text_width
from autograd.viz.pictures.render import DPI, LayoutError, render
from autograd.viz.pictures.theme import Theme, image_of

FONT = "Helvetica"  # the one sans-serif whose widths every Graphviz knows, with font libraries and without
# What a browser shows instead where there is no Helvetica: of its widths, so that text stays inside its box.
_FAMILIES = "Helvetica,Arial,Liberation Sans,Nimbus Sans,DejaVu Sans Condensed,sans-serif"
SIZE = 11.0  # of letters, in points
CLEARANCE = 8.0  # points between the longest line of a box and its frame, both sides together
NARROWEST = 54.0  # points: no box is narrower (Graphviz's own default)
WIDE_SIGNS = frozenset("+<>=^~&%#")
# Making room for the numbers on arrows takes 3x the time of all else; then they go where there is room; and to more
# boxes than anybody reads at once they are shown by the mouse.
FEW, MANY = 400, 1_000
DENSE = 24  # arrows from which on rows are as far apart as on a page: half as many numbers are nearer to another arrow
PAGE = 650.0  # points across in a notebook
SMALLEST = 0.6  # of the size at which text is easy to read
LARGE = 3_000  # boxes from which on the layout is told to hurry: 4 s instead of 10 to 40 for 10,000


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # graphviz ships no types
    """A ``graphviz.Digraph`` that needs no system Graphviz: it finds the program of the wheel graphviz-pure too.

    Attributes:
        alt_text: Description of the drawing in words.
        timeout: Seconds after which a layout is stopped.
        dpi: Pixels per inch of a PNG or JPEG.
        follows: Whether a notebook shows it as light or dark as the notebook is.
        simpler: A function that makes the drawing to show instead if the layout fails.

    >>> from autograd import draw_dot
    >>> drawing = draw_dot(Value(2.0, "x") * 3)
    >>> isinstance(drawing, Drawing), drawing.source.splitlines()[0]
    (True, 'digraph autograd {')
    """

    alt_text: str = ""
    timeout: float = 30.0
    dpi: float = DPI
    follows: bool = False
    simpler: Callable[[str], Drawing] | None = None

    def pipe(self, format: str | None = None, *, encoding: str | None = None) -> Any:
        """The picture as bytes, or as text if an encoding is given.

        >>> from autograd import draw_dot
        >>> "<svg" in draw_dot(Value(2.0, "x") * 3).pipe("svg", encoding="utf-8")
        True
        """
        kind = format or self.format
        try:
            picture = render(self.source, kind, timeout=self.timeout, dpi=self.dpi)
        except LayoutError as error:
            if self.simpler is None:
                raise
            warnings.warn(f"{error}; drawn folded instead", stacklevel=2)
            picture = self.simpler(str(error)).pipe(kind)
        else:
            if kind == "svg":
                picture = _said_once(_with_identities(picture))
                if self.alt_text:
                    picture = _with_alt_text(picture, self.alt_text)
        return picture.decode(encoding) if encoding else picture

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
    ) -> str:
        """Write the picture, and the DOT text beside it: ``graph.svg`` and ``graph.gv``.

        Args:
            filename: The name of the file, with or without the ending of the format.
            directory: The folder, which must be there; by default the current one.
            view: Whether to show the picture, too.
            cleanup: Whether to write the picture alone.
            format: The format; by default that of ``draw_dot``.

        Returns:
            The path of the picture.

        Raises:
            DrawingError: No Graphviz was found, or it failed; nothing is written.
            OSError: A file cannot be written, for example since there is no such folder.

        >>> import pathlib, tempfile
        >>> from autograd import draw_dot
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = draw_dot(Value(2.0, "x") * 3).render("graph", directory=folder)
        ...     pathlib.Path(path).name
        'graph.svg'
        """
        kind = format or self.format
        target = os.path.join(directory or self.directory or "", filename or self.filename).removesuffix(f".{kind}")
        path = f"{target}.{kind}"
        write_file(path, self.pipe(kind))
        if not cleanup:
            write_file(target if target.endswith((".gv", ".dot")) else f"{target}.gv", self.source.encode())
        if view:
            self._view(path, format=format or self.format, quiet=False)
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        picture = self._repr_svg_()
        text = self.alt_text or repr(self)
        page = image_of(picture, text, follows=self.follows)
        bundle = {"text/html": page, "image/svg+xml": picture, "text/plain": text}
        chosen = [kind for kind in bundle if (not include or kind in include) and kind not in (exclude or ())]
        return {kind: bundle[kind] for kind in chosen}

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])

    def _repr_svg_(self) -> str:
        return _fitted(self.pipe("svg", encoding="utf-8"))


def drawing_of(
    figure: Figure, theme: Theme, *, format: str = "svg", rankdir: str = "LR", gradients: bool = False
) -> Drawing:
    """The DOT of a figure; the options are those of ``draw_dot``."""
    drawing = Drawing("autograd", format=format, **_defaults(theme, rankdir))
    if len(figure.arrows) > DENSE:
        drawing.attr(nodesep="0.27")
    if len(figure.boxes) > LARGE:
        drawing.attr(newrank="true", nslimit="1", nslimit1="1")
    if figure.notice:
        drawing.attr(label=_quoted([figure.notice]), fontname=FONT, fontsize="10", fontcolor=theme.faint)
    identity = figure.identity
    for box in figure.boxes:
        drawing.node(identity[box], _quoted(box.text), **_box_style(box, theme))
    size, gap = len(figure.boxes), " " if rankdir in ("TB", "BT") else ""  # beside an upright arrow, not on it
    place = "label" if size <= FEW else "xlabel" if size <= MANY else "tooltip"
    strongest = max([arrow.flow or 0.0 for arrow in figure.arrows], default=0.0) if gradients else 0.0
    for arrow in figure.read_arrows():
        style = _arrow_style(arrow, theme, strongest)
        if text := arrow.label(figure.graph.spec):
            style[place] = _quoted([gap + text])
        drawing.edge(identity[arrow.tail], identity[arrow.head], **style)
    drawing.alt_text = alt_text(figure)
    return drawing


def _box_style(box: Box, theme: Theme) -> dict[str, str]:
    style = theme.looks[box.kind].attributes()
    # Graphviz knows the widths of Helvetica only; in the font that a browser shows instead, these signs are wider.
    widths = [text_width(line, SIZE) + CLEARANCE for line in box.text if not WIDE_SIGNS.isdisjoint(line)]
    if max(widths, default=0.0) > NARROWEST:
        style["width"] = f"{max(widths) / 72:.2f}"
    if box.notes:
        style |= {"color": theme.alarm, "penwidth": "2.5"}
    elif box.is_faded:
        style |= {"fillcolor": theme.background, "color": theme.faint, "fontcolor": theme.faint, "style": "dotted"}
    return style


def _arrow_style(arrow: Arrow, theme: Theme, strongest: float) -> dict[str, str]:
    if arrow.is_constant:
        return {"style": "dashed", "color": theme.faint}
    if not strongest or arrow.flow is None:
        return {}
    share = (arrow.flow / strongest) ** 0.5  # the square root keeps small gradients visible
    return {"penwidth": f"{0.5 + 4.5 * share:.2g}", "color": theme.ramp[round(share * (len(theme.ramp) - 1))]}


def _defaults(theme: Theme, rankdir: str) -> dict[str, dict[str, str]]:
    return {
        "graph_attr": {
            "rankdir": rankdir, "ordering": "in", "bgcolor": theme.background, "nodesep": "0.2", "ranksep": "0.45",
        },
        "node_attr": {
            "shape": "box", "fontname": FONT, "fontsize": f"{SIZE:g}", "fontcolor": theme.text,
            "margin": "0.1,0.06", "height": "0.3",
        },
        "edge_attr": {
            "fontname": FONT, "fontsize": "10", "fontcolor": theme.text, "color": theme.arrow, "arrowsize": "0.7",
        },
    }  # fmt: skip


def _quoted(lines: Iterable[str]) -> str:
    """Lines of text as a DOT label in which nothing is markup: no escapes, no entities, no HTML."""
    escaped = [line.replace("\\", "\\\\").replace("&", "&amp;") for line in lines]
    label: str = graphviz.nohtml("\\n".join(escaped))
    return label


def _fitted(svg: str) -> str:
    """An SVG that is shrunk to the width of a notebook's page, but not so far that nobody can read it."""

    def shrunk(size: re.Match[str]) -> str:
        width, height = map(float, size.groups())
        scale = max(SMALLEST, min(1.0, PAGE / width))
        return f'<svg width="{scale * width:g}pt" height="{scale * height:g}pt"'

    return re.sub(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', shrunk, svg, count=1)


def _with_identities(svg: bytes) -> bytes:
    """Say of each box which it is (``data-node``), and of each arrow between which it leads.

    Graphviz writes the names of boxes as titles, which a browser would show under the mouse: n0, and n0&#45;&gt;n2 for
    an arrow.
    """
    title = rb">\s*<title>%s</title>"
    svg = re.sub(rb'(<g id="node\d+" class="node")' + title % rb"(n\d+)", rb'\1 data-node="\2">', svg)
    arrow = title % rb"(n\d+)&#45;&gt;(n\d+)"
    return re.sub(rb'(<g id="edge\d+" class="edge")' + arrow, rb'\1 data-tail="\2" data-head="\3">', svg)


def _said_once(svg: bytes) -> bytes:
    """Say once for all texts what Graphviz says of each, and give them their fonts; places have one decimal."""
    svg = re.sub(rb"<!-- n\d+(&#45;&gt;n\d+)? -->\n", b"", svg)
    of_texts = b' xml:space="preserve" text-anchor="middle"'
    first, graph, rest = svg.partition(b'<g id="graph0"')
    if not graph:
        return svg
    family = f' font-family="{_FAMILIES}"'.encode()
    rest = rest.replace(b"<text" + of_texts, b"<text").replace(b' font-family="Helvetica,sans-Serif"', b"")
    colours = Counter(re.findall(rb'<text [^>]*( fill="[^"]*")>', rest)).most_common(1)
    for colour, _ in colours:  # of nearly all texts; shapes have their own
        rest = re.sub(rb"(<text [^>]*)" + re.escape(colour) + b">", rb"\1>", rest)
        of_texts += colour
    rest = re.sub(rb' (?:d|points|x|y)="[^"]*"', lambda found: re.sub(rb"(\.\d)\d", rb"\1", found[0]), rest)
    return first + graph + of_texts + family + rest


def _with_alt_text(svg: bytes, text: str) -> bytes:
    """Name an SVG for those who cannot see it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    inside = f'role="img"><desc>{escaped}</desc>'.encode()
    return re.sub(rb"<svg\b([^>]*)>", lambda found: b"<svg" + found[1] + b" " + inside, svg, count=1)
