"""Folded drawings: what goes into a box, and the derivatives between boxes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from autograd import DrawingError, Value, draw_dot, fsum, grad, sumprod
from autograd.graph import topological_order
from autograd.labels import textbook
from autograd.viz.pictures import draw
from autograd.viz.pictures import render as rendering
from autograd.viz.pictures.figure import Figure, Graph, spread
from autograd.viz.pictures.keys import LEVELS
from nn import MLP


def figure_of(roots: list[Value], **options: Any) -> Figure:
    return draw.figure_of(Graph(roots), **options)


def titles(figure: Figure) -> list[str]:
    return [box.title for box in figure.boxes]


def label(figure: Figure, tail: str, head: str) -> str:
    (found,) = [a for a in figure.arrows if a.tail.title.startswith(tail) and a.head.title.startswith(head)]
    return found.label(figure.graph.spec)


def batch_loss(samples: int = 10) -> Value:
    """The mean squared error of a 2-3-1 network over a few samples, with a penalty on its weights."""
    model = MLP(2, [3, 1], activation="tanh", seed=1)
    losses = [(model([i / samples, 1.0]) - i) ** 2 for i in range(samples)]
    loss: Value = sum(losses[1:], losses[0]) / samples
    loss.label = "loss"
    loss.backward()
    return loss


def test_layers_of_a_network_over_all_samples() -> None:
    figure = figure_of([batch_loss()], fold="layer")
    assert titles(figure) == [
        "2 inputs  ×10",
        "layer 2: 3 neurons  ×10",
        "layer 3: 1 neuron  ×10",
        "z³₁ - …  ×10",
        "…**2  ×10",
        "Σ",
        "loss = …/10",
    ]
    assert figure.boxes[1].lines[2] == "9 parameters"
    assert len(figure.boxes[1].nodes) == 9 + 10 * 3 * 2


def test_neurons_keep_a_box_each() -> None:
    figure = figure_of([batch_loss()], fold="neuron")
    assert sorted(title for title in titles(figure) if title.startswith("a²")) == [
        f"a²{'₁₂₃'[i]}: neuron {i + 1} of layer 2  ×10" for i in range(3)
    ]


def test_a_whole_model_becomes_one_box() -> None:
    assert titles(figure_of([batch_loss()], fold="model"))[:2] == ["2 inputs  ×10", "model: 1 output  ×10"]


@pytest.mark.parametrize("nouts", [[4, 1], [4, 3]])
def test_an_output_that_is_drawn_is_a_neuron_of_its_layer(nouts: list[int]) -> None:
    output = MLP(2, nouts, activation="tanh", seed=1)([1.0, 2.0])
    roots = output if isinstance(output, list) else [output]
    count = {1: "1 neuron", 3: "3 neurons"}[nouts[-1]]
    assert titles(figure_of(roots, fold="layer")) == ["2 inputs", "layer 2: 4 neurons", f"layer 3: {count}"]
    assert titles(figure_of(roots, fold="model"))[1].startswith(f"model: {nouts[-1]} output")


def test_indices_above_nine_are_one_index() -> None:
    model = MLP(2, [12, 1], activation="tanh", seed=1)
    figure = figure_of([model([1.0, 2.0])], fold="neuron")
    assert "a²₁₂: neuron 12 of layer 2" in titles(figure)
    assert len(figure.boxes) == 1 + 12 + 1
    assert textbook("w²₁₁,₂") == ("w", "2", ("11", "2"))


def test_the_arrow_between_two_boxes_is_the_total_derivative() -> None:
    model = MLP(2, [3, 1], activation="tanh", output="sigmoid", seed=1)
    y = model([0.5, -1.0])
    nodes = {node.label: node for node in topological_order(y)}
    figure = figure_of([y * y], fold="neuron")
    for neuron in ("a²₁", "a²₂", "a²₃"):
        (expected,) = grad(y, nodes[neuron])
        assert label(figure, neuron, "a³₁") == f"{expected:.4g}"


def test_the_arrow_between_layers_spans_all_derivatives() -> None:
    loss = batch_loss()
    nodes = topological_order(loss)
    derivatives = [
        d for z in nodes if z.label == "z³₁" for p, d in zip(z.parents, z.partials) if p.label.startswith("a²")
    ]
    assert len(derivatives) == 30
    figure = figure_of([loss], fold="layer")
    assert label(figure, "layer 2", "layer 3") == f"{min(derivatives):.4g} … {max(derivatives):.4g}"


def test_the_gradients_of_a_box_span_those_of_its_nodes() -> None:
    loss = batch_loss()
    layer = figure_of([loss], fold="layer").boxes[1]
    gradients = [node.grad for node in topological_order(loss) if node.label[:2] in ("w²", "b²")]
    assert layer.lines[3] == f"their grad {min(gradients):.4g} … {max(gradients):.4g}"
    fresh = figure_of([MLP(2, [3, 1], seed=1)([1.0, 2.0])], fold="layer")
    assert fresh.boxes[1].lines[1] == "grad not computed"


def test_a_weight_used_outside_of_its_layer_stays_inside_and_sends_an_arrow() -> None:
    model = MLP(1, [2, 1], activation="tanh", seed=1)
    loss = (model([1.0]) - 1) ** 2 + 0.1 * fsum([p * p for p in model.parameters()])
    figure = figure_of([loss], fold="layer")
    twice = [2 * p.data for p in model.parameters()[:4]]
    assert label(figure, "layer 2", "…*…  ×4") == spread(twice)


def test_partial_sums_of_a_sum_are_one_box() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(8)]
    total = sum((x.sin() for x in xs[1:]), xs[0].sin())
    total = total * 2
    assert titles(figure_of([total], fold="repeat"))[-2:] == ["Σ", "…*2"]


def test_repeated_structure_is_found_in_any_graph() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    loss = fsum([(a * x + b).sin() for x in range(50)])
    figure = figure_of([loss], fold="repeat")
    assert titles(figure) == ["a", "a*…  ×50", "b", "… + b  ×50", "sin(…)  ×50", "Σ of 50"]
    assert label(figure, "a", "a*…") == "0 … 49"


def test_expressions_fold_to_named_values() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    c = (a * b).sin() + a**2
    c.label = "c"
    d = (c * b).exp()
    figure = figure_of([d], fold="expression")
    assert sorted(titles(figure)) == ["a", "b", "c = sin(a*b) + a**2", "exp(c*b)"]
    assert label(figure, "b", "exp") == f"{(d * c).data:.4g}"
    assert label(figure, "a", "c") == f"{grad(c, a)[0]:.4g}"
    assert label(figure, "b", "c") == f"{grad(c, b)[0]:.4g}"


def test_small_graphs_are_not_folded_and_large_ones_are() -> None:
    x = Value(0.5, "x")
    y = x
    for _ in range(59):
        y = y.sin()
    assert len(figure_of([y]).boxes) == 60
    assert figure_of([y]).notice == ""
    folded = figure_of([y.sin()])
    assert len(folded.boxes) <= 60
    assert folded.notice.startswith("61 nodes folded by ")
    assert len(figure_of([y.sin()], fold=None).boxes) == 61


def test_a_drawing_in_which_no_box_holds_two_nodes_does_not_say_that_it_is_folded() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    assert figure_of([x * y], fold="layer").notice == ""
    assert figure_of([(x * y).exp()], fold="model").notice == ""
    assert figure_of([x * y + 1], fold="layer").notice == "5 nodes folded by layer into 4 boxes"


def test_layers_are_drawn_where_neurons_would_be_a_tangle_of_arrows() -> None:
    def level(nouts: list[int]) -> str:
        notice = figure_of([MLP(2, nouts, activation="tanh", seed=1)([1.0, 2.0])]).notice
        return notice.split(" folded by ")[1].split()[0]

    assert level([6, 5, 1]) == "neuron"
    assert level([8, 8, 1]) == "layer"
    assert level([16, 3, 1]) == "layer"


def test_leaves_whose_labels_differ_in_their_index_do_the_same_work() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(100)]
    total = sum(x * x for x in xs)
    assert titles(figure_of([total])) == ["x0 … x99  ×100", "x*x  ×100", "Σ"]
    other = [Value(1.0, chr(97 + i)) for i in range(26)]
    assert "leaf" not in " ".join(titles(figure_of([fsum([a * a for a in other])], fold="repeat")))


def test_a_column_of_boxes_higher_than_a_page_is_folded() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(40)]
    assert len(figure_of([fsum([x.sin() for x in xs])]).boxes) == 3
    assert len(figure_of([fsum([x.sin() for x in xs])], fold="expression").boxes) == 41


def test_of_a_long_chain_the_last_steps_are_drawn() -> None:
    y = x = Value(0.5, "x")
    for i in range(300):
        y = y.sin() if i % 2 else y * 1.1
    figure = figure_of([y])
    assert titles(figure)[0] == "436 more nodes"
    assert figure.notice == "451 nodes folded by distance into 16 boxes"
    assert figure.boxes[-1].nodes == [y]
    assert titles(figure_of([y], fold="expression"))[0] == x.label


def test_above_3000_nodes_all_are_drawn_only_by_force() -> None:
    x = Value(0.5, "x")
    y = x
    for _ in range(3_000):
        y = y.sin()
    assert len(figure_of([y], fold=None).boxes) <= 60
    assert "force=True lays out all" in figure_of([y], fold=None).notice
    assert len(figure_of([y], fold=None, force=True).boxes) == 3_001
    assert 'nslimit="1"' in draw_dot(y, fold=None, force=True).source.replace("nslimit=1", 'nslimit="1"')


def test_numbers_on_many_arrows_do_not_hold_up_the_layout() -> None:
    def source(size: int) -> str:
        y = x = Value(0.5, "x")
        for _ in range(size):
            y = y.sin()
        return draw_dot(y + x, fold=None).source

    for size, attribute in ((100, "label"), (600, "xlabel"), (1_500, "tooltip")):
        assert source(size).splitlines()[-2].split("[")[1].startswith(f"{attribute}=")


def irregular(size: int) -> Value:
    """A graph of named nodes in which no two do the same work and every node is used twice."""
    y, z = Value(0.5, "x"), Value(0.25, "y")
    for i in range(size):
        y, z = y * z + i, (z - y).sin() if i % 2 else (z + y).cos()
        y.label, z.label = f"y{i}", f"z{i}"
    return y * z


def test_what_cannot_be_folded_is_cut() -> None:
    figure = figure_of([irregular(200)], max_nodes=20)
    assert len(figure.boxes) == 20
    assert figure.boxes[0].title.endswith("more nodes")
    assert figure.boxes[-1].nodes == figure.graph.roots
    assert sum(len(box.nodes) for box in figure.boxes) == len(figure.graph.order)
    drawn = set(figure.boxes)
    assert all(arrow.tail in drawn and arrow.head in drawn for arrow in figure.arrows)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("build", [batch_loss, lambda: irregular(20), lambda: Value(1.0)])
def test_every_node_is_in_one_box(build: Callable[[], Value], level: str) -> None:
    root = build()
    figure = figure_of([root], fold=level)
    nodes = [node for box in figure.boxes for node in box.nodes]
    assert len(nodes) == len(set(nodes)) == len(topological_order(root))
    position = {box: i for i, box in enumerate(figure.boxes)}
    assert all(position[arrow.tail] < position[arrow.head] for arrow in figure.arrows)


def test_a_network_of_16000_nodes_is_a_readable_figure() -> None:
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    outputs = [model([i / 230, 1.0]) for i in range(230)]
    loss = fsum([(y - 1) ** 2 for y in outputs]) / 230
    figure = figure_of([loss])
    assert len(figure.graph.order) > 16_000
    assert 5 < len(figure.boxes) <= 60
    assert len(figure.arrows) <= 120


def test_a_graph_far_deeper_or_wider_than_python_can_recurse_folds() -> None:
    deep = Value(0.5, "x")
    for _ in range(31_000):  # of fewer, the last nodes of a chain would be drawn
        deep = deep.sin()
    assert len(figure_of([deep]).boxes) == 2
    wide = fsum([Value(1.0) for _ in range(20_000)])
    assert titles(figure_of([wide])) == ["1  ×20,000", "Σ of 20,000"]


@pytest.mark.parametrize("options", [{"fold": "rows"}, {"max_nodes": 1}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fold must be None, 'auto', 'neuron'|max_nodes must be at least 2"):
        draw_dot(Value(1.0), **options)  # type: ignore[arg-type]


def test_a_layout_that_fails_shows_a_folded_drawing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rendering.render

    def slow(source: str, format: str, *, timeout: float, dpi: float) -> bytes:
        if source.count(" -> ") > 100:
            raise rendering.LayoutError(f"the layout was stopped after {timeout:g} s")
        return real(source, format, timeout=timeout, dpi=dpi)

    monkeypatch.setattr("autograd.viz.pictures.dot.render", slow)
    drawing = draw_dot(sumprod([Value(1.0)] * 100, [2.0] * 100).sin(), fold=None, timeout=3)
    with pytest.warns(UserWarning, match="stopped after 3 s; drawn folded instead"):
        svg = drawing.pipe("svg", encoding="utf-8")
    assert "103 nodes folded" in svg
    assert "(the layout was stopped after 3 s)" in svg


def test_a_small_drawing_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise rendering.LayoutError("no")

    monkeypatch.setattr("autograd.viz.pictures.dot.render", fail)
    with warnings.catch_warnings(), pytest.raises(DrawingError):
        draw_dot(Value(1.0)).pipe()


def test_the_magnitude_of_gradients_widens_arrows() -> None:
    a, b = Value(1.0, "a"), Value(100.0, "b")
    y = a * b
    assert "penwidth" not in draw_dot(y, gradients=True).source  # not computed yet
    y.backward()
    source = draw_dot(y, gradients=True).source
    assert 'n0 -> n2 [label=100 color="#a63f00" penwidth=5.0]' in source.replace(
        "penwidth=5 ", "penwidth=5.0 "
    ).replace("penwidth=5]", "penwidth=5.0]")
    assert "penwidth=0.95" in source
