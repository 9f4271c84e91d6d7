"""A page to step through a graph: one HTML file with everything in it, for a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from autograd.value import Value
from autograd.viz.facts.steps import adjoints
from autograd.viz.pagedata import DELTAS, levels_of, packed
from autograd.viz.pictures.draw import LEGIBLE
from autograd.viz.pictures.figure import Graph
from autograd.viz.pictures.theme import THEMES, Theme, chosen_theme
from autograd.viz.text.notation import nodes_of, number, shorten

# The scripts, in the order in which they build on each other.
SCRIPTS = (
    "ieee.js", "primitives.js", "unpack.js", "model.js", "replay.js", "pane.js", "drawn.js", "badge.js", "view.js",
    "panel.js", "heat.js", "nudge.js", "live.js", "quiz.js", "overview.js", "stage.js", "keyboard.js", "print.js",
    "look.js", "address.js", "embed.js", "main.js",
)  # fmt: skip


def html_page(
    root: Value | Sequence[Value],
    *,
    title: str = "",
    digits: int = 4,
    parameters: Any = None,
    max_nodes: int = 1_500,
    timeout: float = 30.0,
) -> str:
    """The text of the page: see ``page``."""
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
    return _assembled(shorten(title or outputs, 200), data)


def _crowd(level: dict[str, Any]) -> float:
    """The number of things to look at: boxes or arrows, of which twice as many are legible between single numbers."""
    return max(len(level["boxes"]), len(level["arrows"]) / (2 if level["scalar"] else 1))


# ---- the file --------------------------------------------------------------------------------------------------------
def _assembled(title: str, data: dict[str, Any]) -> str:
    script = '"use strict";\nconst DATA = JSON.parse(document.getElementById("data").textContent);\n'
    script = "\n".join([script, *[_without_indents(_without_comments(_asset(name))) for name in SCRIPTS]])
    style = _without_indents(_asset("page.css")).replace("{{colours}}", _colours())
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


def _without_comments(script: str) -> str:
    """A script without its comment lines, which would be a fifth of it in every page."""
    return re.sub(r"(?m)^ *//.*\n", "", script)


def _without_indents(text: str) -> str:
    """A script or a style without the spaces at the beginning of its lines, a tenth of it."""
    return re.sub(r"(?m)^ +", "", text)


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
