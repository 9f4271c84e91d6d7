"""What ``python -m nn`` shows: a network trained on a table, and its gradients beside the textbook's formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd import Value, exp, fsum, logsumexp, sigmoid, tanh
from autograd.display import curves, say
from autograd.errors import DrawingError
from autograd.labels import notation
from autograd.viz import draw_dot, save
from nn.cli.tabular import Experiment, check_classes, note
from nn.data import argmax, one_hot, read_csv
from nn.datasets import load_iris
from nn.files import FileError, check_writable, file_errors, write_text
from nn.layers import MLP, signals
from nn.losses import LOSSES
from nn.training import History
from nn.training.history import epoch_lines


# ---- the four formulas of backpropagation in plain floats ------------------------------------------------------------
# Textbooks derive them by hand for fully connected layers.  Nothing in the package computes a gradient with them: they
# are here to hold against what the graph of single numbers gives without being told.
class LayerGradients(NamedTuple):
    """δ_j, ∂J/∂b_j and ∂J/∂w_jk for the neurons j and the inputs k of one layer."""

    delta: list[float]
    bias: list[float]
    weight: list[list[float]]

    def flat(self) -> list[float]:
        """All these derivatives in one list."""
        return [*self.delta, *self.bias, *[w for row in self.weight for w in row]]


# σ(z), and σ'(z) from z and a = σ(z)
ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float, float], float]]] = {
    "sigmoid": (sigmoid, lambda z, a: a * (1.0 - a)),
    "tanh": (tanh, lambda z, a: 1.0 - a * a),
    "relu": (lambda z: max(z, 0.0), lambda z, a: float(z > 0.0)),
    "identity": (lambda z: z, lambda z, a: 1.0),
}

# The cost J as a formula, and the list of ∂J/∂a_j from the outputs a and the targets y
COSTS: dict[str, tuple[str, Callable[[list[float], Sequence[float]], list[float]]]] = {
    "half_mse_loss": ("1/(2k) Σ (a − y)²", lambda a, y: [(p - t) / len(a) for p, t in zip(a, y)]),
    "mse_loss": ("1/k Σ (a − y)²", lambda a, y: [2.0 * (p - t) / len(a) for p, t in zip(a, y)]),
    "cross_entropy": ("−Σ y log softmax(a)", lambda a, y: [exp(p - logsumexp(a)) - t for p, t in zip(a, y)]),
}


def by_formulas(model: MLP, x: Sequence[float], y: Sequence[float], loss: str) -> list[LayerGradients]:
    """The gradients of the loss of one sample, layer by layer from the first, by the four formulas."""
    weights = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers]
    biases = [[neuron.b.data for neuron in layer.neurons] for layer in model.layers]
    rules = [ACTIVATIONS[str(layer.neurons[0].activation)] for layer in model.layers]

    inputs, slopes = [list(x)], []  # of each layer: a of the layer before, and σ'(z)
    for W, b, (activation, slope) in zip(weights, biases, rules):
        z = [fsum([w * v for w, v in zip(row, inputs[-1])]) + bias for row, bias in zip(W, b)]
        inputs.append([activation(number) for number in z])
        slopes.append([slope(number, a) for number, a in zip(z, inputs[-1])])

    pull = COSTS[loss][1](inputs[-1], y)  # ∂J/∂a of the last layer
    found = []
    for W, a, slope_of in zip(reversed(weights), reversed(inputs[:-1]), reversed(slopes)):
        delta = [p * s for p, s in zip(pull, slope_of)]  # 1 and 2: δ = ∂J/∂a · σ'(z)
        found.append(LayerGradients(delta, delta, [[v * d for v in a] for d in delta]))  # 3: δ;  4: a δ
        pull = [fsum([row[k] * d for row, d in zip(W, delta)]) for k in range(len(a))]  # the sum in 2: Σ w δ
    return found[::-1]


def by_graph(
    model: MLP, x: Sequence[float], y: Any, loss: Callable[[Any, Any], Any]
) -> tuple[list[LayerGradients], list[list[Value]]]:
    """The same gradients from the graph, and the nodes of the activations; δ is the gradient of the node z."""
    model.zero_grad()
    zs, activations = signals(model.layers, [Value(a, notation("x", None, k)) for k, a in enumerate(x, start=1)])
    loss(activations[-1], y).backward()
    found = []
    for layer, weighted in zip(model.layers, zs):
        weight = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        found.append(LayerGradients([z.grad for z in weighted], [neuron.b.grad for neuron in layer.neurons], weight))
    return found, activations


# ---- the demonstration -----------------------------------------------------------------------------------------------
# What suits standardized features; the squared errors are means over the outputs behind a sigmoid: small gradients.
LEARNING_RATES = {"half_mse_loss": 2.0, "mse_loss": 1.0, "cross_entropy": 0.1}
_NEURONS_SHOWN = 6
_FILES = ["model.json", "loss.svg", "neuron.dot", "neuron.svg"]


def demo(
    *,
    data: str | None = None,
    target: str = "species",
    hidden: Sequence[int] = (5,),
    activation: str = "sigmoid",
    loss: str = "half_mse_loss",
    epochs: int = 100,
    batch_size: int = 10,
    lr: float | None = None,
    seed: int = 0,
    out: str = "nn-demo",
) -> None:
    """Train, print what came out and what one sample's gradients are, write the files."""
    folder = Path(out)
    check_folder(folder)
    table = load_iris() if data is None else read_csv(data, target)
    check_classes(
        table, str(data), target,
        ask="this demonstration needs classes: python -m nn train --task regression predicts numbers",
    )  # fmt: skip
    experiment = Experiment.on(
        table, "Iris" if data is None else Path(data).name, target, loss=loss, hidden=hidden, seed=seed,
        test_size=1 / 3, activation=activation, output="identity" if loss == "cross_entropy" else "sigmoid",
    )  # fmt: skip
    say(experiment.introduction(f"J = {COSTS[loss][0]}, mini-batches of {batch_size}"), flush=True)

    def accuracy() -> str:
        return f"   accuracy {experiment.scores()['train']['accuracy']:6.1%}"

    history, worse = experiment.train(
        "sgd", LEARNING_RATES[loss] if lr is None else lr, epochs=epochs, batch_size=batch_size, seed=seed,
        progress=False, callbacks=[epoch_lines(epochs, accuracy)],
    )  # fmt: skip
    if worse:
        note(worse)
    say("\n".join(["", *experiment.results()]))
    say(f"This is one random split (seed {seed}); another seed gives other numbers.\n")
    text, neuron = gradients(experiment)
    say(f"{text}\n")
    for line in write(folder, experiment, history, neuron):
        say(line)


def check_folder(out: Path) -> None:
    """Find out whether the files can be written, before training."""
    folder = out.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there == folder and not out.is_dir():
        raise FileError(f"cannot write into {out}: it is a file, not a folder")
    if not there.is_dir():
        raise FileError(f"cannot make the folder {out}: {there} is a file")
    for name in _FILES if there == folder else folder.relative_to(there).parts[:1]:
        check_writable(there / name)


def gradients(experiment: Experiment) -> tuple[str, Value]:
    """A table of one sample's gradients, from the graph and by the four formulas; and a neuron to draw."""
    network, (X, y) = experiment.network, experiment.rows["test"]
    model, loss, names = network.model, LOSSES[network.loss], network.class_names
    costs = list(map(loss, network.outputs(X), network.as_trained(y)))
    worst = argmax(costs)
    (x,), (vector,) = network.scaling.transform([X[worst]]), one_hot([y[worst]], len(names))
    graph, activations = by_graph(model, x, vector, loss)
    formula = by_formulas(model, x, vector, network.loss)

    lines = [f"The held-out sample with the largest loss, class {names[y[worst]]!r}: J = {costs[worst]:.6f}", ""]
    lines.append(f"{'':32}{'from the graph':>18}{'by the formula':>20}{'difference':>13}")
    for i in reversed(range(len(graph))):
        for name, found, expected in _rows(i + 2, i == len(graph) - 1, graph[i], formula[i]):
            lines.append(f"{name:32}{found:+18.10e}{expected:+20.10e}{abs(found - expected):13.1e}")
        lines.append("")
    pairs = [pair for g, f in zip(graph, formula) for pair in zip(g.flat(), f.flat())]
    largest = max(abs(found - expected) for found, expected in pairs)
    lines.append(f"Largest difference among all {len(pairs)}, shown or not: {largest:.1e}")
    return "\n".join(lines), activations[0][0]


def _rows(layer: int, last: bool, graph: LayerGradients, formula: LayerGradients) -> Iterator[tuple[str, float, float]]:
    """δ of the neurons of a layer, then the bias and the weights of its first neuron."""
    for j, (found, expected) in enumerate(zip(graph.delta[:_NEURONS_SHOWN], formula.delta), start=1):
        cost = f"∂J/∂{notation('a', layer, j)}"
        pull = cost if last else f"Σ {notation('w', layer + 1)}ₘ{notation('', None, j)} {notation('δ', layer + 1)}ₘ"
        yield f"{notation('δ', layer, j)} = {pull} · σ'({notation('z', layer, j)})", found, expected
    delta = notation("δ", layer, 1)
    yield f"∂J/∂{notation('b', layer, 1)} = {delta}", graph.bias[0], formula.bias[0]
    for k, (found, expected) in enumerate(zip(graph.weight[0][:_NEURONS_SHOWN], formula.weight[0]), start=1):
        source = notation("x", None, k) if layer == 2 else notation("a", layer - 1, k)
        yield f"∂J/∂{notation('w', layer, 1, k)} = {source} {delta}", found, expected


def write(out: Path, experiment: Experiment, history: History, neuron: Value) -> Iterator[str]:
    """Write the files, and say of each what it is."""
    with file_errors("make the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    experiment.network.save(out / "model.json")
    yield f"{out / 'model.json'}   the trained network"
    write_text(out / "loss.svg", curves({"loss J": history.loss}, background="white"))
    yield f"{out / 'loss.svg'}   the loss curve"
    drawing = draw_dot(neuron, parameters=experiment.network.model)
    write_text(out / "neuron.dot", drawing.source)
    yield f"{out / 'neuron.dot'}   the first hidden neuron as a graph, with that sample's gradients"
    try:
        save(drawing, out / "neuron.svg")
    except DrawingError as error:
        note(f"neuron.svg was not drawn: {error}")
    else:
        yield f"{out / 'neuron.svg'}   the same, drawn"
