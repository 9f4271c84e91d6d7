"""Graphviz where Python itself runs in a browser (Pyodide, JupyterLite): as WebAssembly, by way of JavaScript.

The JavaScript package ``@viz-js/viz`` is Graphviz, translated.  An instance of it is the global variable ``viz``, which
either the page around Python has set, or ``load_renderer``.
"""

from __future__ import annotations

import sys
from typing import Any

from autograd.errors import DrawingError

__all__ = ["ADDRESS", "BROWSERS", "drawn", "load_renderer", "loaded"]

BROWSERS = ("emscripten",)  # what sys.platform is there
ADDRESS = "https://cdn.jsdelivr.net/npm/@viz-js/viz@3.31.0/dist/viz.js"


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
        raise DrawingError("load_renderer is for Python in a browser: here Graphviz is a program, and found by itself")
    from js import globalThis
    from pyodide.code import run_js

    module = await run_js("(address) => import(address)")(address)
    globalThis.viz = await module.instance()


def loaded() -> Any:
    """The instance of ``@viz-js/viz``; None if there is none.

    A page that has only loaded the module, and not made an instance, has the global variable ``Viz``.  To make an
    instance takes waiting, which not every browser lets Python do.
    """
    from js import globalThis
    from pyodide.ffi import can_run_sync, run_sync

    if not hasattr(globalThis, "viz") and hasattr(globalThis, "Viz") and can_run_sync():
        globalThis.viz = run_sync(globalThis.Viz.instance())
    return getattr(globalThis, "viz", None)


def drawn(viz: Any, source: str, format: str) -> tuple[str, str]:
    """A picture of DOT text and what Graphviz complained about; the picture is empty if it failed."""
    from js import Object
    from pyodide.ffi import to_js

    answer = viz.render(source, to_js({"format": format}, dict_converter=Object.fromEntries))
    return answer.output or "", "; ".join([found.message for found in answer.errors])
