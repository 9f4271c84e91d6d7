"""The site of the guides and the reference: ``.venv/bin/python -m sphinx docs site`` (needs the extra docs).

``.ci/run`` builds it with warnings as errors, among them links that lead nowhere.  ``tests/test_reference.py`` checks
that the reference has every public name.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import autograd  # noqa: E402 - after the path

project = "scalar-autograd"
author = "scalar-autograd contributors"
version = release = autograd.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_parser"]
html_theme = "furo"
html_title = "scalar-autograd"
pygments_style = "tango"
pygments_dark_style = "github-dark"
templates_path = ["_templates"]
# On the site, where these pages are a folder (``sphinx -t in_site``), a link leads back to the first page.
html_sidebars = {
    "**": [
        *(["sidebar/home.html"] if tags.has("in_site") else []),  # noqa: F821 - Sphinx defines it
        "sidebar/brand.html", "sidebar/search.html", "sidebar/scroll-start.html", "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}  # fmt: skip
myst_heading_anchors = 3  # those that GitHub gives, where the guides are read as well

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
napoleon_use_ivar = True
napoleon_use_rtype = False


def as_text(line: str) -> str:
    """A line of a docstring whose |x| is an absolute value, not a substitution of reStructuredText."""
    parts = line.split("``")  # every second one is code
    return "``".join(part if i % 2 else part.replace("|", "\\|") for i, part in enumerate(parts))


def on_docstring(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Formulas, which stand indented after a blank line, are shown as they are written."""
    written, doctest = [], False
    for before, line in zip(["", *lines], list(lines), strict=False):
        doctest = line.lstrip().startswith(">>>") or (doctest and bool(line.strip()))
        formula = line.startswith("    ") and not before.strip() and not doctest
        written += [".. code-block:: text", "", line] if formula else [line if doctest else as_text(line)]
    lines[:] = written


def on_source(app: Sphinx, name: str, source: list[str]) -> None:
    """Files of the repository have no page on the site: a link to one becomes its path."""
    source[0] = re.sub(r"\[([^]]*)\]\(\.\./([^)]*)\)", r"\1 (`\2`)", source[0])


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", on_docstring, priority=400)  # before napoleon
    app.connect("source-read", on_source)
