"""Networks on the page: layers show what they hold as heat maps, and the arrows between neurons can be told apart."""

from __future__ import annotations

import random
from typing import Any

import pytest

from autograd import Value, fsum, viz
from autograd.viz.pictures.figure import Graph
from autograd.viz.pictures.fold import folded_figure
from autograd.viz.pictures.heat import heat_maps
from autograd.viz.pictures.keys import keys_of
from nn import MLP, Module
from tests.support.browser import Open, area_of, cubic, press, settle

HERE = "svg.graph:not([hidden])"


def batch(widths: tuple[int, ...] = (5, 4, 1), samples: int = 4) -> tuple[Module, Value]:
    rng = random.Random(1)
    model = MLP(2, [*widths], activation="tanh", seed=1)
    for parameter in model.parameters():  # biases, too
        parameter.data = rng.uniform(-1.0, 1.0)
    outputs = [model([rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)]) for _ in range(samples)]
    loss: Value = fsum([(output - rng.uniform(-1.0, 1.0)) ** 2 for output in outputs])
    loss.label = "J"
    loss.backward()
    return model, loss


# ---- which numbers are in which cell ---------------------------------------------------------------------------------
def test_a_layer_holds_its_numbers_in_rows_of_neurons() -> None:
    model, loss = batch()
    graph = Graph([loss])
    figure = folded_figure(graph, keys_of(graph.order, graph.roots, "layer"))
    found = {box.title: {it.title: it for it in heat_maps(box)} for box in figure.boxes}
    assert [*found["layer 2: 5 neurons  ×4"]] == ["W", "∂W", "b", "∂b", "a", "δ"]
    labels = {p.label: p for p in model.parameters()}
    second = found["layer 3: 4 neurons  ×4"]
    assert second["W"].grid == [[labels[f"w³{'₁₂₃₄'[i]}{'₁₂₃₄₅'[j]}"] for j in range(5)] for i in range(4)]
    assert second["∂b"].grid == [[labels[f"b³{'₁₂₃₄'[i]}"]] for i in range(4)]
    assert [[node.label for node in row] for row in second["a"].grid] == [[f"a³{i}"] * 4 for i in "₁₂₃₄"]
    assert [[node.label for node in row] for row in second["δ"].grid] == [[f"z³{i}"] * 4 for i in "₁₂₃₄"]
    (x,) = found["2 inputs  ×4"].values()
    assert (x.title, len(x.grid), len(x.grid[0]), x.is_gradient) == ("x", 2, 4, False)


def test_maps_have_room_in_their_box_and_do_not_touch() -> None:
    _, loss = batch((16, 9, 1), samples=7)
    graph = Graph([loss])
    for box in folded_figure(graph, keys_of(graph.order, graph.roots, "layer")).boxes:
        maps = heat_maps(box)
        edge = -box.room[0] / 2
        for it in maps:
            width, height = len(it.grid[0]) * it.cell, len(it.grid) * it.cell
            assert edge <= it.x
            edge = it.x + width
            assert edge <= box.room[0] / 2 + 0.01
            assert 0 < height <= -it.y <= box.room[1]


def test_what_is_no_layer_or_too_large_for_a_picture_has_no_map() -> None:
    for root, first in ((cubic(), "c ="), (MLP(70, [2, 1], seed=1)([0.1] * 70), "layer 2")):
        graph = Graph([root])
        boxes = folded_figure(graph, keys_of(graph.order, graph.roots, "layer")).boxes
        (box,) = (box for box in boxes if box.title.startswith(first))
        assert heat_maps(box) == []
        assert box.room == (0.0, 0.0)


# ---- what is seen ----------------------------------------------------------------------------------------------------
def colours_of(page: Any, layer: str, title: str) -> list[list[list[int]]]:
    """Red, green, blue and opacity of each cell of a map, as the browser draws it."""
    box = page.locator(f"{HERE} .b", has_text=layer)
    heat = box.locator(".heat").filter(has=page.locator(f"text='{title}'"))
    found: list[list[list[int]]] = heat.locator("image").evaluate("""async (element) => {
      const image = new Image();
      image.src = element.getAttribute("href");
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      return [...Array(image.height).keys()].map((y) => [...Array(image.width).keys()].map((x) =>
        [...context.getImageData(x, y, 1, 1).data]));
    }""")
    return found


def assert_coloured(cells: list[list[list[int]]], numbers: list[list[float]]) -> None:
    most = max(abs(x) for row in numbers for x in row)
    assert [len(row) for row in cells] == [len(row) for row in numbers]
    for row, xs in zip(cells, numbers):
        for (red, _, blue, opacity), x in zip(row, xs):
            assert opacity == pytest.approx(255 * abs(x) / most, abs=2)
            if opacity > 20:
                assert (red > blue) == (x > 0)  # orange above zero, blue below


def weights_of(model: Module, layer: str, rows: int, columns: int, what: str = "data") -> list[list[float]]:
    labels = {p.label: p for p in model.parameters()}
    digits = "₁₂₃₄₅₆₇₈₉"
    return [[getattr(labels[f"w{layer}{i}{j}"], what) for j in digits[:columns]] for i in digits[:rows]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_a_layer_are_those_of_its_numbers(open_page: Open, scheme: str) -> None:
    model, loss = batch()
    page = open_page(loss, scheme=scheme)
    page.click("#levels >> text=layer")
    press(page, "End")
    assert_coloured(colours_of(page, "layer 3", "W"), weights_of(model, "³", 4, 5))
    assert_coloured(colours_of(page, "layer 3", "∂W"), weights_of(model, "³", 4, 5, "grad"))
    press(page, "s")
    moved = [[w - 0.1 * g for w, g in zip(*rows)]
             for rows in zip(weights_of(model, "³", 4, 5), weights_of(model, "³", 4, 5, "grad"))]  # fmt: skip
    assert_coloured(colours_of(page, "layer 3", "W"), moved)


def test_pointing_at_a_cell_shows_its_number(open_page: Open) -> None:
    model, loss = batch()
    page = open_page(loss)
    page.click("#levels >> text=layer")
    press(page, "End")
    settle(page)
    for title, what in (("W", "data"), ("∂W", "grad")):
        heat = (
            page.locator(f"{HERE} .b", has_text="layer 2").locator(".heat").filter(has=page.locator(f"text='{title}'"))
        )
        image = heat.locator("image").bounding_box()
        numbers = weights_of(model, "²", 5, 2, what)
        for row, column in ((0, 0), (1, 1), (4, 0)):
            page.mouse.move(
                image["x"] + (column + 0.5) * image["width"] / 2, image["y"] + (row + 0.5) * image["height"] / 5
            )
            name = f"{'∂/∂' * (what == 'grad')}w²{'₁₂₃₄₅'[row]}{'₁₂'[column]}"
            assert page.locator(".tip-text:visible").inner_text() == f"{name} = {numbers[row][column]:.4g}"
            a, b, c, d = area_of(page, ".tip-text:visible")
            left, above, far, below = area_of(page, "#stage")
            assert left <= a < c <= far
            assert above <= b < d <= below
    page.mouse.move(2, 2)
    assert page.locator(".tip-text:visible").count() == 0


def test_gradients_are_not_shown_before_backward_gets_there(open_page: Open) -> None:
    _, loss = batch()
    page = open_page(loss)
    page.click("#levels >> text=layer")
    gradients = page.locator(f"{HERE} .b", has_text="layer 2").locator(".heat.gradient")
    assert gradients.count() == 3
    for key, seen in (("Home", False), ("End", True), ("Home", False)):
        press(page, key)
        assert [gradients.nth(i).is_visible() for i in range(3)] == [seen] * 3
    assert page.locator(f"{HERE} .b.off .heat:visible").count() == 0


def test_all_numbers_of_a_layer_are_in_tables_for_the_keyboard(open_page: Open) -> None:
    model, loss = batch()
    page = open_page(loss)
    page.click("#levels >> text=layer")
    press(page, "End")
    press(page, "g")
    for _ in range(10):
        if page.evaluate("document.activeElement.textContent").startswith("layer 2"):
            break
        press(page, "ArrowLeft")
    press(page, "Enter")
    page.locator("#panel summary").first.focus()
    press(page, "Enter")
    rows = page.locator("#panel table[aria-label='W, 5 × 2'] tr")
    cells = [rows.nth(i).locator("td").all_text_contents() for i in range(5)]
    assert cells == [[f"{x:.4g}" for x in row] for row in weights_of(model, "²", 5, 2)]
    press(page, "s")  # the table stays open, with the numbers of now
    first = page.locator("#panel table[aria-label='W, 5 × 2'] td").first
    (w, g) = (weights_of(model, "²", 5, 2, what)[0][0] for what in ("data", "grad"))
    assert first.inner_text() == f"{w - 0.1 * g:.4g}"
    assert first.is_visible()


def test_a_network_too_large_for_its_numbers_brings_those_of_its_maps(open_page: Open) -> None:
    model, loss = batch((9, 9, 1), samples=3)
    page = open_page(loss, max_nodes=60)
    assert page.evaluate("app.numbers") is None
    page.click("#levels >> text=layer")
    press(page, "End")
    shown = [[float(f"{x:.4g}") for x in row] for row in weights_of(model, "³", 9, 9)]
    assert_coloured(colours_of(page, "layer 3", "W"), shown)


# ---- the bundle ------------------------------------------------------------------------------------------------------
def test_of_a_bundle_those_arrows_have_numbers_that_end_at_the_neuron_pointed_at(open_page: Open) -> None:
    _, loss = batch((6, 6, 1))
    page = open_page(loss)
    page.click("#levels >> text=neuron")
    press(page, "End")
    press(page, "0")
    assert page.locator(f"{HERE} .e:not(.now) text:visible").count() == 0
    box = page.locator(f"{HERE} .b", has_text="neuron 4 of layer 2")
    name = box.get_attribute("data-node")
    box.hover(position={"x": 20, "y": 10})
    near = page.locator(f"{HERE} .e.near")
    ends = near.evaluate_all("arrows => arrows.map((arrow) => [arrow.dataset.tail, arrow.dataset.head])")
    assert len(ends) == 7  # from the inputs, and to six neurons
    assert all(name in pair for pair in ends)
    assert page.locator(f"{HERE} .e.near text:visible").count() == 6  # the inputs are constants
    page.mouse.move(2, 2)
    assert near.count() == 0
    box.focus()  # with the keyboard, too
    assert near.count() == 7


def test_the_labels_of_one_neuron_are_between_the_layers_and_apart(open_page: Open) -> None:
    _, loss = batch((6, 6, 1))
    page = open_page(loss)
    page.click("#levels >> text=neuron")
    press(page, "End")
    press(page, "0")
    page.locator(f"{HERE} .b", has_text="neuron 2 of layer 2").hover(position={"x": 20, "y": 10})
    labels = [area.bounding_box() for area in page.locator(f"{HERE} .e.near text:visible").all()]
    boxes = [area.bounding_box() for area in page.locator(f"{HERE} .b > rect:first-of-type").all()]

    def overlap(a: Any, b: Any) -> bool:
        return (
            min(a["x"] + a["width"], b["x"] + b["width"]) > max(a["x"], b["x"]) + 1
            and min(a["y"] + a["height"], b["y"] + b["height"]) > max(a["y"], b["y"]) + 1
        )

    assert not any(overlap(label, box) for label in labels for box in boxes)
    assert not any(overlap(a, b) for i, a in enumerate(labels) for b in labels[:i])


# ---- weight ----------------------------------------------------------------------------------------------------------
def test_the_page_of_the_readme_takes_no_more_than_120_kb() -> None:
    assert len(viz.page(cubic()).html.encode()) <= 120_000
