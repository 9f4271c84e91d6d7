"""Where the npm packages are with which Python runs in JavaScript."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import ROOT

MODULES = next(
    (
        folder
        for folder in map(Path, [*os.environ.get("NODE_PATH", "").split(os.pathsep), ROOT / "node_modules"])
        if (folder / "pyodide/pyodide.mjs").exists() and (folder / "@viz-js/viz/dist/viz.js").exists()
    ),
    None,
)
