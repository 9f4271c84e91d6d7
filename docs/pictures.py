"""Make the pictures of README and guides: .venv/bin/python docs/pictures.py (extras draw, notebooks, compile).

expression.svg   the graph of a*b + b**3 with its gradients
moons.svg        the decision boundary of a trained network
folded.svg       the loss over 100 samples, a box per layer
page.png         the page of write_html in the middle of a backward pass (needs playwright and a Chromium)
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import matplotlib  # noqa: E402 - after the path

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from autograd import Value, draw_dot  # noqa: E402
from autograd.viz import save, write_html  # noqa: E402
from nn import MLP, Adam, binary_cross_entropy_with_logits, fit, make_moons, plot_boundary  # noqa: E402


def expression() -> None:
    """The first ten lines of the README."""
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c = a * b + b**3
    c.label = "c"
    c.backward()
    save(draw_dot(c), FOLDER / "expression.svg")


def moons() -> None:
    """The network of the README, the plane coloured by its output."""
    X, y = make_moons(100, noise=0.1)
    model = MLP(2, [16, 16, 1], activation="tanh", init="xavier_uniform", seed=0)
    optimizer = Adam(model.parameters(), lr=0.02)
    fit(model, X, y, loss="binary_cross_entropy_with_logits", optimizer=optimizer, epochs=50, progress=False)
    ax = plot_boundary(model, X, y, plt.subplots(figsize=(5, 3.2), layout="constrained")[1])
    matplotlib.rcParams["svg.hashsalt"] = "moons"
    ax.figure.savefig(FOLDER / "moons.svg", metadata={"Date": None})


def folded() -> None:
    """The loss of the README over all samples: thousands of nodes."""
    X, y = make_moons(100, noise=0.1)
    model = MLP(2, [16, 16, 1], activation="tanh", init="xavier_uniform", seed=0)
    loss = sum([binary_cross_entropy_with_logits(model(x), t) for x, t in zip(X, y)]) / len(X)
    loss.label = "loss"
    loss.backward()
    save(draw_dot(loss, fold="layer", rankdir="TB"), FOLDER / "folded.svg")


def page() -> None:
    """The first expression, nine steps into its page."""
    from playwright.sync_api import sync_playwright

    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c = a * b + b**3
    c.label = "c"
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = write_html(c, Path(folder, "page.html"), title="c = a*b + b**3")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        view = browser.new_page(viewport={"width": 900, "height": 560})
        view.goto(path.as_uri())
        for _ in range(9):
            view.keyboard.press("ArrowRight")
        view.wait_for_timeout(400)  # the dot is on its way
        view.screenshot(path=FOLDER / "page.png")
        browser.close()


if __name__ == "__main__":
    for make in (expression, moons, folded, page):
        make()
    for path in sorted(FOLDER.glob("*.svg")):
        path.write_text(re.sub(r"[ \t]+\n", "\n", path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
