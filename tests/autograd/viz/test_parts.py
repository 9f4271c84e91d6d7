"""Parts of models in drawings and pages: which nodes are in which box, and which numbers in which heat map."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import nn
from autograd import Value, draw_dot, fsum, softmax, square, sumprod, tanh
from autograd.holders import places_of
from autograd.viz.pagedata import levels_of
from autograd.viz.pictures.figure import Box, Figure, Graph
from autograd.viz.pictures.fold import best_level, folded_figure
from autograd.viz.pictures.heat import HeatMap, heat_maps
from autograd.viz.pictures.keys import keys_of

Rows = list[list[Any]]


def rows(n: int, m: int, seed: int = 1) -> Rows:
    rng = random.Random(seed)
    return [[rng.uniform(-1.0, 1.0) for _ in range(m)] for _ in range(n)]


def loss_of(numbers: Sequence[Value]) -> Value:
    """A root that is no part of a model."""
    root = fsum([square(y - 0.5) for y in numbers])
    root.label = "J"
    root.backward()
    return root


def figure_of(root: Value, level: str = "layer") -> Figure:
    graph = Graph([root])
    return folded_figure(graph, keys_of(graph.order, graph.roots, level))


def maps_of(figure: Figure) -> dict[str, dict[str, HeatMap]]:
    """The heat maps by the title of the box, and by their own."""
    return {box.title: {it.title: it for it in found} for box in figure.boxes
            if (found := heat_maps(box, figure.graph.places))}  # fmt: skip


def titles(boxes: Sequence[Box]) -> list[str]:
    return [box.title for box in boxes]


# ---- each part of nn: what it holds is what its heat maps show -------------------------------------------------------
def of_linear(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part = nn.Linear(3, 2, rng=rng)
    out = part(rows(4, 3))
    return part, {"W": part.weight, "b": part.bias}, out


def of_layer_norm(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part = nn.LayerNorm(3)
    return part, {"g": part.weight, "b": part.bias}, part(rows(4, 3))


def of_rms_norm(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part = nn.RMSNorm(3)
    return part, {"g": part.weight}, part(rows(4, 3))


def of_rnn(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part, h, out = nn.RNNCell(2, 3, rng=rng), None, []
    for x in rows(4, 2):
        out.append(h := part(x, h))
    return part, {"W": part.weight_ih, "U": part.weight_hh, "b": part.bias_ih, "c": part.bias_hh}, out


def of_lstm(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part, state, out = nn.LSTMCell(2, 3, rng=rng), None, []
    for x in rows(4, 2):
        state = part(x, state)
        out.append(state[0])
    return part, {"W": part.weight_ih, "U": part.weight_hh, "b": part.bias_ih, "c": part.bias_hh}, out


def of_attention(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part = nn.MultiheadAttention(4, 2, rng=rng)
    x = rows(3, 4)
    out, _ = part(x, x, x, is_causal=True)
    held = {
        "in_proj_weight": part.in_proj_weight, "in_proj_bias": part.in_proj_bias,
        "out_proj.weight": part.out_proj.weight, "out_proj.bias": part.out_proj.bias,
    }  # fmt: skip
    return part, held, out


def of_convolution(rng: Any) -> tuple[nn.Module, dict[str, Any], Rows]:
    part = nn.Conv2d(1, 2, (2, 3), rng=rng)
    channels = part([rows(3, 4)])
    flat = [[w for channel in kernel for row in channel for w in row] for kernel in part.weight]
    places = [[a for row in channel for a in row] for channel in channels]
    return part, {"W": flat, "b": part.bias}, [list(column) for column in zip(*places)]


PARTS = [of_linear, of_layer_norm, of_rms_norm, of_rnn, of_lstm, of_attention, of_convolution]


@pytest.mark.parametrize("build", PARTS)
@pytest.mark.parametrize("is_last", [False, True], ids=["all rows are read", "the last row is read"])
def test_each_part_is_one_box_that_shows_what_it_holds(build: Callable[..., Any], is_last: bool) -> None:
    part, held, out = build(random.Random(2))
    remembers = isinstance(part, nn.RNNCell)
    head = nn.Linear(len(out[0]), 1)
    read = out[-1:] if is_last else out
    figure = figure_of(loss_of([head(row)[0] for row in read]))
    name = type(part).__name__
    named = [title for title in titles(figure.boxes) if title == name]
    assert len(named) == 1 + isinstance(part, nn.Linear)
    box = figure.boxes[0]
    assert box.title == name
    own = heat_maps(box, figure.graph.places)
    maps = {it.title: it for it in own}
    shown = read if not remembers else out  # what a memory held at each step
    for symbol, numbers in held.items():
        grid = [row if isinstance(row, list) else [row] for row in numbers]
        for title, is_gradient in ((symbol, False), (f"∂{symbol}", True)):
            assert maps[title].is_gradient is is_gradient
            used = [[w for w in row if w in set(box.parameters)] for row in grid]
            assert maps[title].grid == [row for row in used if row]
    assert maps["a"].grid == [list(row) for row in zip(*shown)]
    derivatives = maps.get("δ") or maps["∂a"]
    assert derivatives.is_gradient
    assert [len(row) for row in derivatives.grid] == [len(shown)] * len(out[0])
    assert len(own) == 2 * len(held) + 2


def test_delta_belongs_to_the_sum_before_the_activation() -> None:
    part, rng = nn.Linear(2, 3), random.Random(1)
    sums = part([rng.random(), rng.random()])
    loss = loss_of([tanh(z) for z in sums])
    figure = figure_of(loss)
    (maps,) = maps_of(figure).values()
    assert maps["δ"].grid == [[z] for z in sums]
    assert [node.op.name for (node,) in maps["a"].grid] == ["tanh"] * 3


def test_the_numbers_of_an_embedding_are_those_looked_up() -> None:
    embedding, linear = nn.Embedding(5, 2), nn.Linear(2, 1)
    figure = figure_of(loss_of([linear(embedding(i))[0] for i in (3, 1, 3)]))
    maps = maps_of(figure)["Embedding"]
    assert maps["E"].grid == maps["∂E"].grid == [embedding.weight[1], embedding.weight[3]]
    assert titles(figure.boxes)[:2] == ["Embedding", "Linear"]


# ---- models of several parts -----------------------------------------------------------------------------------------
class Block(nn.Module):
    def __init__(self, width: int) -> None:
        self.norm_1, self.attention = nn.RMSNorm(width), nn.MultiheadAttention(width, 2, bias=False)
        self.norm_2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 6), nn.Linear(6, width)

    def __call__(self, x: Rows) -> Rows:
        normal = self.norm_1(x)
        x = added(x, self.attention(normal, normal, normal, is_causal=True)[0])
        hidden = [[z.relu() for z in row] for row in self.up(self.norm_2(x))]
        return added(x, self.down(hidden))


class GPT(nn.Module):
    def __init__(self, blocks: int) -> None:
        self.letters, self.places = nn.Embedding(5, 4), nn.Embedding(3, 4)
        self.blocks = [Block(4) for _ in range(blocks)]
        self.logits = nn.Linear(4, 5, bias=False)

    def __call__(self, text: list[int]) -> Rows:
        x = added(self.letters(text), self.places(range(len(text))))
        for block in self.blocks:
            x = block(x)
        rows: Rows = self.logits(x)
        return rows


def added(x: Rows, y: Rows) -> Rows:
    return [[a + b for a, b in zip(*both)] for both in zip(x, y, strict=True)]


def test_a_gpt_is_its_parts_by_their_names_with_the_sums_between_them() -> None:
    model = GPT(2)
    loss = nn.cross_entropy(model([1, 4, 0])[-1], 2)
    figure = figure_of(loss)
    blocks = [
        [f"blocks.{i}.norm_1: RMSNorm", f"blocks.{i}.attention: MultiheadAttention", "… + …  ×4" if i else "… + …  ×12",
         f"blocks.{i}.norm_2: LayerNorm", f"blocks.{i}.up: Linear", f"blocks.{i}.down: Linear",
         "… + …  ×4" if i else "… + …  ×12"] for i in range(2)]  # fmt: skip
    named = titles(figure.boxes)
    assert named[:3] == ["letters: Embedding", "places: Embedding", "e + e  ×12"]
    assert named[3:17] == [*blocks[0], *blocks[1]]
    assert named[17] == "logits: Linear"
    assert len(maps_of(figure)) == 3 + 2 * 5
    assert titles(figure_of(loss, "model").boxes)[0] == "GPT"
    assert sum(map(len, (box.parameters for box in figure.boxes))) == len(figure.graph.places)


def test_parts_of_two_models_with_the_same_labels_are_told_apart() -> None:
    actor, critic = nn.MLP(2, [3, 1], seed=1), nn.MLP(2, [3, 1], seed=2)
    figure = figure_of(loss_of([actor([1.0, 2.0]) * critic([2.0, 1.0])]))
    found = titles(figure.boxes)
    assert found.count("layers.0: Layer") == found.count("layers.1: Layer") == 2
    assert titles(figure_of(loss_of([actor([1.0, 2.0])])).boxes)[1] == "layer 2: 3 neurons"  # labels tell


def test_a_table_that_is_also_the_last_matrix_keeps_its_parameters_only() -> None:
    table, linear = nn.Embedding(4, 3), nn.Linear(3, 3)
    hidden = [tanh(z) for z in linear(table(2))]
    loss = nn.cross_entropy([sumprod(row, hidden) for row in table.weight], 1)
    figure = figure_of(loss)
    assert titles(figure.boxes)[:3] == ["Embedding", "Linear", "Σ e·x  ×4"]
    assert not any(arrow.head is figure.boxes[0] for arrow in figure.arrows)


def test_attention_written_by_hand_is_in_the_part_that_reads_it() -> None:
    q, k, v, out = (nn.Linear(2, 2, bias=False) for _ in range(4))
    model = nn.Sequential(q, k, v, out)  # which names them 0, 1, 2, 3
    x = rows(3, 2)
    shares = [softmax([sumprod(q(x[t]), k(other)) for other in x]) for t in range(3)]
    mixed = [[sumprod(row, column) for column in zip(*v(x))] for row in shares]
    figure = figure_of(loss_of([a for row in out(mixed) for a in row]))
    assert len(model) == 4
    assert titles(figure.boxes)[:4] == ["0: Linear", "1: Linear", "2: Linear", "3: Linear"]
    assert titles(figure.boxes[3].parents) == ["0: Linear", "1: Linear", "2: Linear"]


def test_every_derivative_between_parts_is_that_of_the_graph() -> None:
    """The arrows of a box carry the derivatives that take the gradients of its outputs to those of its inputs."""
    model = GPT(1)
    figure = figure_of(nn.cross_entropy(model([1, 4, 0])[-1], 2))
    order = {node for box in figure.boxes for node in box.nodes}
    assert order == set(figure.graph.order)
    assert sum(len(box.nodes) for box in figure.boxes) == len(order)
    assert all(arrow.derivatives for arrow in figure.arrows if not arrow.is_constant)


# ---- what cannot be told ---------------------------------------------------------------------------------------------
def test_labels_of_several_parts_are_no_layer_once_their_model_is_gone() -> None:
    def made() -> Value:
        first, second = nn.Linear(2, 3), nn.Linear(3, 1)
        return loss_of(second([tanh(z) for z in first([1.0, 2.0])]))

    root = made()
    gc.collect()
    graph = Graph([root])
    assert graph.places == {}
    assert best_level(graph, 60)[0] in ("repeat", "expression")
    levels, _ = levels_of(graph, 1_500, 30.0)
    assert [level["name"] for level in levels] == ["number"]


def test_a_memory_has_no_level_of_neurons_since_they_run_in_circles() -> None:
    cell, h = nn.RNNCell(2, 3), None
    for x in rows(4, 2):
        h = cell(x, h)
    assert h is not None
    levels, _ = levels_of(Graph([loss_of(h)]), 1_500, 30.0)
    assert [level["name"] for level in levels] == ["model", "layer", "number"]


def test_a_module_without_arguments_still_says_that_it_takes_none() -> None:
    with pytest.raises(TypeError, match=r"Module\(\) takes no arguments"):
        nn.Module(1)


def test_a_broken_module_elsewhere_breaks_no_drawing() -> None:
    class Broken(nn.Module):
        def modules(self) -> Any:
            raise RuntimeError("not ready")

    broken, layer = Broken(), nn.Linear(2, 1)
    x = Value(2.0, label="x")
    assert "x" in draw_dot((x * x).tanh()).source
    assert places_of(set(layer.parameters())).keys() == set(layer.parameters())
    assert broken is not None  # it was in use all the time
