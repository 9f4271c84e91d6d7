"""How long the views of a graph take, from 30 to 65,000 nodes: text, picture, page, explanation.

The graph is the loss of a network; every contestant answers with the loss and with the gradient of one weight, as its
view shows it. The control is ``backward`` alone. A picture of each node by itself is laid out up to 3,000 nodes; above
that a drawing is folded, which is what a user gets.
"""

from __future__ import annotations

import json
import re
from typing import Any

from harness import Contestant, Question, Work, main

# Inputs, layers and samples of networks whose loss has about so many nodes.
SIZES = {
    30: (2, [3, 1], 1), 300: (8, [14, 8, 1], 1), 1_000: (13, [23, 23, 1], 1), 3_000: (28, [38, 38, 1], 1),
    65_000: (2, [16, 16, 1], 920),
}  # fmt: skip
DIGITS = ".17g"  # all of them, so that a view can be held against the engine


def build(shape: tuple[int, list[int], int]) -> tuple[Any, Any]:
    """Return the loss and the weight whose gradient is asked for."""
    from autograd import fsum
    from nn import MLP

    nin, nouts, samples = shape
    model = MLP(nin, nouts, activation="tanh", seed=1)
    outputs = [model([(i + j) / (samples + nin) for j in range(nin)]) for i in range(samples)]
    loss = fsum([(y - 1) ** 2 for y in outputs]) / samples
    loss.label = "loss"
    return loss, model.layers[-1].neurons[0].b


def backward(shape: Any) -> Work:
    """The control."""
    loss, weight = build(shape)

    def run() -> list[float]:
        weight.grad = 0.0
        loss.backward()
        return [loss.data, weight.grad]

    return Work(run, run)


def dot(shape: Any) -> Work:
    """The DOT text."""
    from autograd.viz import draw_dot

    loss, weight = build(shape)
    loss.backward()

    def answer() -> list[float]:
        text = draw_dot(loss, number_format=DIGITS, fold=None, force=True).source
        (shown,) = re.findall(rf'label="{weight.label}\\ndata [^\\]+\\ngrad ([^"]+)"', text)
        return [loss.data, float(shown)]

    return Work(answer, lambda: draw_dot(loss, fold=None).source)


def svg(shape: Any) -> Work:
    """The picture that a notebook shows: of every node up to 3,000, folded above."""
    from autograd.viz import draw_dot

    loss, weight = build(shape)
    loss.backward()
    return Work(lambda: [loss.data, weight.grad], lambda: draw_dot(loss, fold=None, timeout=600).pipe("svg"))


def folded(shape: Any) -> Work:
    """The picture that a notebook shows by default: at most 60 boxes."""
    from autograd.viz import draw_dot

    loss, weight = build(shape)
    loss.backward()
    return Work(lambda: [loss.data, weight.grad], lambda: draw_dot(loss).pipe("svg"))


def page(shape: Any) -> Work:
    """The page to step through."""
    from autograd.viz.pages import page

    loss, weight = build(shape)

    def answer() -> list[float]:
        text = page(loss, max_nodes=4_000, timeout=600).html
        data = json.loads(text.split('id="data">')[1].split("</script>")[0])
        level = data["levels"][-1]
        if not level["scalar"]:  # too large for a box each
            loss.backward()
            return [data["output"], weight.grad]
        names = [box["n"] for box in level["boxes"]]
        steps = [after for arrow, _, after in level["steps"] if names[level["arrows"][arrow][0]] == weight.label]
        return [data["output"], steps[-1]]

    return Work(answer, lambda: page(loss, timeout=600).html)


def explanation(shape: Any) -> Work:
    """The five strongest paths from a weight to the loss, with finite differences."""
    from autograd.viz import explain

    loss, weight = build(shape)

    def run() -> list[float]:
        found = explain(weight, loss)
        return [loss.data, found.gradient]

    return Work(run, run)


def diagnosis(shape: Any) -> Work:
    """Where gradients die or blow up."""
    from autograd.viz import diagnose

    loss, weight = build(shape)
    return Work(lambda: [loss.data, diagnose(loss).gradients[weight]], lambda: diagnose(loss).findings)


VIEWS = [
    Contestant("backward (control)", "ours", backward),
    Contestant("draw_dot: the DOT text", "ours", dot),
    Contestant("draw_dot: every node as SVG, above 3,000 folded", "ours", svg),
    Contestant("draw_dot: SVG of at most 60 boxes", "ours", folded),
    Contestant("write_html (each node up to 1,500)", "ours", page),
    Contestant("explain(w, loss)", "ours", explanation),
    Contestant("diagnose(loss)", "ours", diagnosis),
]

if __name__ == "__main__":
    main([
        Question(f"views of a graph of about {size:,} nodes", lambda shape=shape: shape, VIEWS, tolerance=1e-12)
        for size, shape in SIZES.items()
    ])  # fmt: skip
