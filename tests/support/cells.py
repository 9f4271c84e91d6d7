"""A notebook with everything that shows itself in a cell."""

from __future__ import annotations

import json
from pathlib import Path

SOURCES = {
    "show": """from autograd import Value, compile, draw_dot, gradcheck
from autograd.viz import explain, page, show, theme, to_latex
from nn import MLP, LivePlot, fit, make_xor, sweep
a, b = Value(-4.0, "a"), Value(2.0, "b")
c = a * b + b**3
c.label = "c"
show(c)""",
    "page": "page(c)",
    "value": "c.backward()\nb",
    "drawing": "draw_dot(c)",
    "dark drawing": "_ = theme('dark')\ndraw_dot(c)",
    "ledger": "_ = theme('')\nexplain(b)",
    "formula": "to_latex(c)",
    "module": "model = MLP(2, [4, 1], activation='tanh', seed=1)\nmodel",
    "live": """live = LivePlot(samples=lambda: [f"epoch {len(live.history)}"], interval=0.0)
history = fit(model, *make_xor(), epochs=3, progress=False, callbacks=[live])""",
    "history": "history",
    "curve": "history.plot();",
    "figure": """from nn import figures_as_svg
import matplotlib.pyplot as plt
figures_as_svg()
plt.figure(figsize=(4, 3))
plt.plot([1, 2, 4], color="black", label="by hand")
plt.legend()
plt.title("A figure of one's own")
plt.show()""",
    "compiled": "f = compile(lambda x, y: x * y + x.sin())\nf(1.0, 2.0)\nf",
    "report": "gradcheck(lambda x: x * x, [3.0])",
    "sweep": """def network(seed):
    return MLP(2, [1], seed=seed)
sweep(network, {"seed": [0, 1]}, make_xor(), epochs=2, progress=False)""",
}


def written(path: Path) -> Path:
    """The notebook as a file, not run yet."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [cell | {"id": name, "source": source} for name, source in SOURCES.items()]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path
