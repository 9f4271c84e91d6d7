"""From DOT to a picture: by a renderer of one's own, a ``dot`` program, or Graphviz as WebAssembly.

Everything that draws goes through ``render``, which takes the first of these that there is.

WebAssembly is for Python in a browser (Pyodide, JupyterLite).  The JavaScript package ``@viz-js/viz`` is Graphviz,
translated.  An instance of it is the global variable ``viz``, which either the page around Python has set, or
``load_renderer``.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from autograd.errors import DrawingError

DPI = 96.0  # what Graphviz takes if it is told nothing
PIXELS = ("png", "jpg", "jpeg")
_WHEEL = "graphviz-pure"
NO_PROGRAMS = ("emscripten", "wasi", "ios")  # platforms on which Python cannot start a program
BROWSERS = ("emscripten",)
ADDRESS = "https://cdn.jsdelivr.net/npm/@viz-js/viz@3.31.0/dist/viz.js"

# Makes a picture of DOT text, given that and a format.
Renderer = Callable[[str, str], "bytes | str"]
_own: Renderer | None = None


class LayoutError(DrawingError):
    """The program gave up on a graph, or took too long; it may manage a smaller one."""


def dot_program() -> Path:
    """The program that does the layout: ``dot`` on PATH, or else the one that the wheel graphviz-pure carries.

    Raises:
        DrawingError: There is neither; the message names both remedies.
    """
    found = shutil.which("dot") or _in_wheel()
    if not found:
        raise DrawingError(
            'drawing needs Graphviz: either pip install "scalar-autograd[draw]", '
            "or install Graphviz so that `dot` is on PATH (https://graphviz.org/download)"
        )
    return Path(found)


def _in_wheel() -> Path | None:
    # The wheel's own list of files finds the program also where the environment is not activated.
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    programs = [Path(str(file.locate())) for file in files if file.stem == _WHEEL and file.suffix in ("", ".exe")]
    return next((program.resolve() for program in programs if program.is_file()), None)


def set_renderer(renderer: Renderer | None) -> None:
    """Use a function to draw from now on, instead of the Graphviz that is found.

    This is for platforms without Graphviz, or for a Graphviz that runs elsewhere, such as on a server.

    Args:
        renderer: A function of DOT text and a format that returns the picture as bytes or text.  Drawings ask for the
            format "svg" unless they are told otherwise; pages ask for "json0", which is Graphviz's layout as JSON.
            None restores the Graphviz that is found.

    Raises:
        TypeError: The renderer cannot be called.

    >>> from autograd import draw_dot
    >>> set_renderer(lambda source, format: f"{len(source.splitlines())} lines of DOT as {format}")
    >>> draw_dot(Value(2.0, "x")).pipe("png", encoding="utf-8")
    '6 lines of DOT as png'
    >>> set_renderer(None)
    """
    global _own  # one for the whole process, as the program on PATH is
    if renderer is not None and not callable(renderer):
        raise TypeError(f"a renderer must be a function of DOT text and a format, not {renderer!r}")
    _own = renderer


def render(source: str, format: str = "svg", *, timeout: float = 30.0, dpi: float = DPI) -> bytes:
    """Lay out a graph written in DOT and return the picture, in any format that Graphviz can write.

    After the ``timeout`` in seconds the program is stopped; nothing else than a program can be.

    Raises:
        DrawingError: There is no Graphviz, it cannot write this format, it failed, or it took too long.
    """
    if _own is not None:
        return _by_own(_own, source, format)
    if sys.platform in NO_PROGRAMS:
        return _by_webassembly(source, format)
    return _by_program(source, format, timeout, dpi)


def _by_own(renderer: Renderer, source: str, format: str) -> bytes:
    picture = renderer(source, format)
    if isinstance(picture, str):
        return picture.encode()
    if not isinstance(picture, (bytes, bytearray)):
        raise TypeError(f"the renderer set by set_renderer must return bytes or text, not {type(picture).__name__}")
    return bytes(picture)


def _by_webassembly(source: str, format: str) -> bytes:
    if sys.platform not in BROWSERS:
        raise DrawingError(
            f"drawing needs Graphviz, and on this platform ({sys.platform}) Python cannot start programs: give "
            "autograd.viz.set_renderer a function that draws DOT text, or draw draw_dot(…).source elsewhere"
        )
    from js import Object, globalThis
    from pyodide.ffi import can_run_sync, run_sync, to_js

    # A page that has only loaded the module has the global variable Viz, and no instance of it yet.  To make one takes
    # waiting, which not every browser lets Python do.
    if not hasattr(globalThis, "viz") and hasattr(globalThis, "Viz") and can_run_sync():
        globalThis.viz = run_sync(globalThis.Viz.instance())
    if getattr(globalThis, "viz", None) is None:
        raise DrawingError(
            "drawing needs Graphviz, which a browser has to load: run `await autograd.viz.load_renderer()` once, "
            "in a cell of its own"
        )
    answer = globalThis.viz.render(source, to_js({"format": format}, dict_converter=Object.fromEntries))
    if not answer.output:
        raise _failure("Graphviz", format, "; ".join([found.message for found in answer.errors]))
    return str(answer.output).encode()


async def load_renderer(address: str = ADDRESS) -> None:
    """Load Graphviz into the browser that this Python runs in; once, before the first picture.

    Write ``await load_renderer()`` in a cell of its own.

    Args:
        address: Address of the module ``@viz-js/viz``, for pages that load nothing from other hosts.

    Raises:
        DrawingError: Python does not run in a browser, where Graphviz is a program.

    >>> import asyncio
    >>> try:
    ...     asyncio.run(load_renderer())
    ... except DrawingError:
    ...     print("Graphviz is a program here")
    Graphviz is a program here
    """
    if sys.platform not in BROWSERS:
        raise DrawingError("load_renderer is for Python in a browser; here the installed Graphviz is used without it")
    from js import globalThis
    from pyodide.code import run_js

    module = await run_js("(address) => import(address)")(address)
    globalThis.viz = await module.instance()


def _by_program(source: str, format: str, timeout: float, dpi: float) -> bytes:
    program = dot_program()
    command = [str(program), f"-T{format}", *([f"-Gdpi={dpi:g}"] if format in PIXELS else [])]
    try:
        # stderr is captured: graphviz-pure warns about the width of every label outside of ASCII.
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise LayoutError(f"the layout was stopped after {timeout:g} s: draw less, or raise timeout=") from None
    except OSError as error:
        raise DrawingError(f"{program} could not be run: {error}") from error
    if done.returncode != 0 or not done.stdout:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise _failure(program.name, format, complaint)
    return done.stdout


def _failure(who: str, format: str, complaint: str) -> DrawingError:
    """The error for what a Graphviz complained about."""
    if "not recognized" in complaint and sys.platform in NO_PROGRAMS:
        return DrawingError(f"{who} cannot write {format} in a browser: save as svg")
    if "not recognized" in complaint:
        return DrawingError(
            f"{who} cannot write {format}: save as svg or png, "
            "or install Graphviz (https://graphviz.org/download), which writes pdf too"
        )
    return LayoutError(f"{who} failed: {complaint[:500]}")
