"""Build the site: ``python website/make_site.py public`` writes it into the folder ``public``, for any web server.

The parts are a playground, the lessons, a gallery of pages, and the guides with the reference; ``--parts`` builds some
of them.  Python in the browser (Pyodide) and Graphviz as WebAssembly come from a public host, or from the site itself:
``--node-modules`` names a folder with the packages ``pyodide`` and ``@viz-js/viz`` of npm, which are copied.  What
notebooks need beside Pyodide is then added from the package index, while the site is built.

The playground and the gallery need what the package needs; the guides need the extra docs, the lessons the extra site.
"""

from __future__ import annotations

import argparse
import ast
import html
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

import lessons  # noqa: E402 - after the path
import runner  # noqa: E402
from sources import Sources, sources_of  # noqa: E402

from autograd import Value, draw_dot  # noqa: E402
from autograd.viz import page  # noqa: E402
from autograd.viz.pictures.theme import THEMES  # noqa: E402

EXAMPLES = ("expression", "neuron", "xor", "attention", "gpt")


class Part(NamedTuple):
    """A part of the site: what its card on the first page says, and what building it does."""

    title: str
    about: str
    work: str
    build: Callable[[Path, Sources, list[str]], None]


def main(arguments: list[str] | None = None) -> None:
    """Build the parts that were asked for, and a first page that leads to them."""
    parser = argparse.ArgumentParser(description="Build the site into a folder that any web server can serve.")
    parser.add_argument("folder", type=Path, help="Folder that the site is written into; files in it are replaced.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="Parts to build; default: all.")
    parser.add_argument(
        "--node-modules", type=Path, metavar="FOLDER",
        help="Folder with the npm packages pyodide and @viz-js/viz, for a site that loads nothing from other hosts.",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    build(given.folder, given.parts, given.node_modules)


def build(folder: Path, parts: Iterable[str], node_modules: Path | None = None) -> None:
    """Build parts of the site.

    Args:
        folder: Folder that the site is written into.
        parts: Names of the parts.
        node_modules: Folder with the npm packages, or None for those of a public host.
    """
    chosen = [name for name in PARTS if name in set(parts)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.css").write_text((HERE / "site.css").read_text().replace("{{colours}}", _colours()))
    cards = [f"<li><h2><a href='{name}/'>{PARTS[name].title}</a></h2>{PARTS[name].about}</li>" for name in chosen]
    introduction = (
        "<h1>Derivatives, number by number</h1><p>A small engine for reverse-mode differentiation, to be seen.</p>"
    )
    _write(folder / "index.html", "Home", f"{introduction}<ul class='cards'>{''.join(cards)}</ul>", chosen)
    sources = sources_of(folder, node_modules)
    if {"playground", "lessons"} & set(chosen):
        print("Wheels of the package and of what it needs (pip)", flush=True)
        wheels(folder / "wheels")
    for name in chosen:
        print(f"{PARTS[name].title}: {PARTS[name].work}", flush=True)
        PARTS[name].build(folder / name, sources, chosen)
    print(f"Done. To look at it: {Path(sys.executable).name} -m http.server --directory {folder}")


# ---- what the parts share --------------------------------------------------------------------------------------------
def _colours() -> str:
    """The colours of the drawings as variables of CSS, light and dark."""
    rules = []
    for name in ("light", "dark"):
        theme = THEMES[name]
        link, field = ("#0b57d0", "#00000008") if name == "light" else ("#8ab4f8", "#ffffff10")
        variables = {
            "background": theme.background, "text": theme.text, "faint": theme.faint, "arrow": theme.arrow,
            "alarm": theme.alarm, "link": link, "field": field,
            "hair": f"color-mix(in srgb, {theme.faint} 35%, transparent)",
        }  # fmt: skip
        rules.append(":root { " + " ".join(f"--{key}: {value};" for key, value in variables.items()) + " }")
    return f":root {{ color-scheme: light dark; }}\n{rules[0]}\n@media (prefers-color-scheme: dark) {{ {rules[1]} }}"


def _write(path: Path, title: str, main: str, parts: list[str], head: str = "") -> None:
    """Write a page of the site, with the links to its parts."""
    is_home = path.parent.name not in parts
    up = "" if is_home else "../"
    links = [("./" if is_home else "../", "Home", is_home)]
    links += [(f"{up}{name}/", PARTS[name].title, path.parent.name == name) for name in parts]
    anchors = [f"<a href='{to}'{' aria-current=page' if here else ''}>{text}</a>" for to, text, here in links]
    slots = {"title": title, "up": up, "head": head, "navigation": "".join(anchors), "main": main}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_filled((HERE / "page.html").read_text(encoding="utf-8"), slots), encoding="utf-8")


def _filled(template: str, slots: dict[str, str]) -> str:
    """A template with its ``{{slots}}`` filled; what is put in is not searched again."""
    first, *pieces = template.split("{{")
    return first + "".join(slots[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces))


def wheels(folder: Path) -> None:
    """Put the wheels into a folder that Python in the browser installs: the one of this checkout, and a few more.

    The package needs graphviz.  Pyodide has neither comm, which its kernel for notebooks needs, nor micrograd, which a
    lesson compares with.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copy:  # setuptools leaves its files where it builds
        for name in ("autograd", "nn"):
            shutil.copytree(ROOT / name, Path(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--wheel-dir", str(folder.resolve()), copy, "comm", "micrograd"], check=True)


def examples() -> dict[str, str]:
    """The text of each example."""
    return {name: (HERE / "examples" / f"{name}.py").read_text(encoding="utf-8") for name in EXAMPLES}


def about(source: str) -> tuple[str, str]:
    """The title of an example and what it is about: the two halves of the first line of its docstring."""
    line = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
    title, _, rest = line.partition(": ")
    return title, rest if rest[1:3] == " =" else rest[:1].upper() + rest[1:]  # a formula keeps its small letter


def wheels_of_playground(folder: Path) -> list[Path]:
    """The package and what it needs."""
    return sorted([*folder.glob("graphviz-*.whl"), *folder.glob("scalar_autograd-*.whl")])


# ---- the parts -------------------------------------------------------------------------------------------------------
def build_playground(folder: Path, sources: Sources, parts: list[str]) -> None:
    """The editor, with Python in a worker and the page of the graph beside it."""
    texts = examples()
    settings = {
        "pyodide": sources.pyodide, "graphviz": sources.graphviz, "examples": texts,
        "wheels": [f"../wheels/{path.name}" for path in wheels_of_playground(folder.parent / "wheels")],
    }  # fmt: skip
    options = [f"<option value='{name}'>{html.escape(about(text)[0])}</option>" for name, text in texts.items()]
    slots = {"options": "".join(options), "settings": json.dumps(settings).replace("<", "\\u003c")}
    main = _filled((HERE / "playground/main.html").read_text(encoding="utf-8"), slots)
    head = "<link rel='stylesheet' href='playground.css'>"
    _write(folder / "index.html", PARTS["playground"].title, main, parts, head)
    for name in ("playground.js", "playground.css", "worker.js"):
        shutil.copy(HERE / "playground" / name, folder / name)
    shutil.copy(HERE / "runner.py", folder / "runner.py")


BACK = "<a id='gallery' href='./'>Gallery</a>"


WIDEST = 1_100  # pixels that a card of the gallery has room for


def _card_picture(root: Value, theme: str) -> str:
    """The drawing of a graph for a card, with as much detail as the card has room for; a pixel is a pixel."""
    for fold in ("auto", "layer", "model"):
        svg = draw_dot(root, fold=fold, theme=theme).pipe("svg", encoding="utf-8")
        ((width, height),) = re.findall(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', svg)
        if float(width) <= WIDEST:
            break
    return svg.replace(f'width="{width}pt" height="{height}pt"', f'width="{width}" height="{height}"')


def build_gallery(folder: Path, sources: Sources, parts: list[str]) -> None:
    """The page of each example, and a picture that leads to it."""
    folder.mkdir(parents=True, exist_ok=True)
    cards = []
    for name, source in examples().items():
        title, rest = about(source)
        with redirect_stdout(io.StringIO()):  # what an example prints belongs to the playground
            root = runner.value_of(source)
            root.backward()
        text = page(root, title=title).html.replace('<div class="tools">', f'<div class="tools">{BACK}', 1)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
        for theme in ("dark", "light"):
            (folder / f"{name}-{theme}.svg").write_text(_card_picture(root, theme), encoding="utf-8")
        image = (  # a narrow screen scrolls it in its frame: made smaller, its text could not be read
            f"<div class='scroll' tabindex='0' role='region' aria-label='Picture of {html.escape(title)}'>"
            f"<picture><source media='(prefers-color-scheme: dark)' srcset='{name}-dark.svg'>"
            f"<img src='{name}-light.svg' alt='Graph of: {html.escape(title)}'></picture></div>"
        )
        again = f" <a href='../playground/#example={name}'>Change it</a>" if "playground" in parts else ""
        cards.append(
            f"<li><h2><a href='{name}.html'>{html.escape(title)}</a></h2><p>{html.escape(rest)}</p>{image}{again}</li>"
        )
    main = f"<h1>Gallery</h1><p>Pages to step through.</p><ul class='wide cards'>{''.join(cards)}</ul>"
    _write(folder / "index.html", PARTS["gallery"].title, main, parts)


def build_reference(folder: Path, sources: Sources, parts: list[str]) -> None:
    """The guides and the reference, by Sphinx; its warnings are errors."""
    sphinx = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--tag", "in_site"]
    subprocess.run([*sphinx, str(ROOT / "docs"), str(folder)], check=True)


PARTS: dict[str, Any] = {
    "playground": Part(
        "Playground", "Write a formula or a program, and step through its graph.", "its files", build_playground
    ),
    "lessons": Part(
        "Lessons",
        "Notebooks that run in this browser (JupyterLite).",
        "JupyterLite (half a minute)",
        lessons.build_lessons,
    ),
    "gallery": Part(
        "Gallery", "From an expression to a GPT, each as a page.", f"pages of {len(EXAMPLES)} examples", build_gallery
    ),
    "reference": Part(
        "Guides and reference", "How to do it, and every public name.", "Sphinx (a minute)", build_reference
    ),
}

if __name__ == "__main__":
    main()
