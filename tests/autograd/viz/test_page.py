"""The page to step through a graph: the file itself, and how it works in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, fsum, grad, strict, viz
from autograd.graph import topological_order
from autograd.viz import write_html
from autograd.viz.facts.steps import adjoints
from autograd.viz.pagedata import levels_of
from autograd.viz.pages import DELTAS
from autograd.viz.pictures import render as rendering
from autograd.viz.pictures.figure import Graph
from autograd.viz.text.notation import number, reading_order
from nn import MLP
from tests.support.browser import Open, cubic, gradients_on, network, press
from tests.support.graphs import HOSTILE, random_graph


# ---- the file --------------------------------------------------------------------------------------------------------
class Elements(HTMLParser):
    """The elements of a page with their attributes, and the content of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.content: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.found[-1] if self.found else ("", {})
        if tag in ("script", "style"):
            self.content.setdefault(attributes.get("id") or tag, data)


def data_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Elements(text).content["data"])
    return found


def levels_in(root: Value) -> list[dict[str, Any]]:
    """The levels of a page before they are packed."""
    graph = Graph([root])
    graph.grad_of = adjoints([root], graph.order).__getitem__
    return levels_of(graph, 1_500, 30.0)[0]


def test_the_page_is_one_file_that_refers_to_nothing_outside() -> None:
    elements = Elements(viz.page(cubic()).html)
    for _, attributes in elements.found:
        assert not {"src", "srcset", "action", "onclick", "onload"} & set(attributes)
        assert attributes.get("href") in (None, "data:,")
    text = elements.content["script"] + elements.content["style"]
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]  # a namespace, not an address
    for forbidden in ("fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "@import", "WebSocket"):
        assert forbidden not in text


def test_only_its_own_script_and_style_may_run() -> None:
    elements = Elements(viz.page(cubic()).html)
    (policy,) = [attributes["content"] for tag, attributes in elements.found if "http-equiv" in attributes]
    assert policy is not None
    assert "default-src 'none'" in policy
    for kind in ("script", "style"):
        digest = hashlib.sha256(elements.content[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_the_steps_in_the_file_are_those_of_backward() -> None:
    root = random_graph(3)
    order = reading_order(root)
    (level,) = levels_in(root)
    assert [box["v"] for box in level["boxes"]] == [node.data for node in order]
    received: dict[int, float] = dict.fromkeys(level["roots"], 1.0)
    for arrow, _, after in level["steps"]:
        received[level["arrows"][arrow][0]] = after
    assert {order[i]: grad_ for i, grad_ in received.items()} == {
        node: d for node, d in zip(order, grad(root, order)) if node.op.name != "constant"
    }


def test_no_gradient_of_the_graph_is_read_or_written() -> None:
    c = cubic()
    before = viz.page(c).html
    assert all(type(node.grad) is int for node in topological_order(c))
    c.backward()
    c.backward()
    assert viz.page(c).html == before


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_in_the_page(label: str) -> None:
    a = Value(2.0, label)
    with strict():
        c = a * 3
    c.label = label
    elements = Elements(viz.page(c, title=label).html)
    assert [tag for tag, _ in elements.found] == [tag for tag, _ in Elements(viz.page(Value(2.0, "a") * 3).html).found]


def test_a_graph_of_200_nodes_takes_less_than_200_kb(tmp_path: Path) -> None:
    sizes = range(400, 20_000, 400)
    root = next(graph for graph in (random_graph(1, size) for size in sizes) if len(topological_order(graph)) >= 200)
    assert write_html(root, tmp_path / "graph.html").stat().st_size < 200_000


def test_labels_of_many_arrows_are_in_the_middle_of_them() -> None:
    few, many = (svg_labels(MLP(3, [n, 1], activation="tanh", seed=1)([1.0, 2.0, 3.0])) for n in (2, 40))
    assert (len(few), len(many)) == (7 * 2 + 1, 7 * 40 + 1)
    assert 0.0 < min(many) < max(many) < 1_000.0


def svg_labels(root: Value) -> list[float]:
    """Where the numbers on the arrows of the last picture are, from the left."""
    return [x for x in levels_in(root)[-1]["g"]["labels"][::2] if x is not None]


def test_large_graphs_are_shown_folded_with_a_notice() -> None:
    y = Value(0.5, "x")
    for _ in range(200):
        y = y.sin()
    data = data_of(viz.page(y, max_nodes=50).html)
    assert data["notice"] == "201 numbers are too many for a box each."
    assert [level["name"] for level in data["levels"]] == ["expression"]


def test_the_page_starts_with_the_most_detail_that_is_legible() -> None:
    for layers, start in (([3, 1], "number"), ([30, 1], "neuron"), ([30, 30, 1], "layer")):
        data = data_of(viz.page(MLP(2, layers, activation="tanh", seed=1)([1.0, 2.0])).html)
        assert data["levels"][data["level"]]["name"] == start


def test_a_level_that_cannot_be_laid_out_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rendering.render

    def fail(source: str, *args: Any, **kwargs: Any) -> bytes:
        if source.count("[width") > 20:
            raise rendering.LayoutError("too much")
        return real(source, *args, **kwargs)

    monkeypatch.setattr("autograd.viz.pictures.layout.render", fail)
    data = data_of(viz.page(network()).html)
    assert [level["name"] for level in data["levels"]] == ["model", "layer", "neuron"]
    assert data["notice"].endswith(" numbers are too many for a box each.")
    with pytest.raises(rendering.LayoutError, match=r"no picture of this graph of \d+ nodes could be laid out in 3 s"):
        viz.page(fsum([Value(1.0, letter).sin() for letter in "abcdefghijklmnopqrstuvwxyz"]), timeout=3)


def test_numbers_that_json_does_not_know() -> None:
    x = Value(0.0, "x")
    (level,) = data_of(viz.page(x.log() * 0.0).html)["levels"]
    assert [box["v"] for box in level["boxes"]] == [0, "-inf", 0, "nan"]


def test_the_line_that_recorded_a_node_is_in_the_page_if_it_is_known() -> None:
    a = Value(2.0, "a")
    with strict():
        c = a * 3  # this very line
    boxes = levels_in(c)[0]["boxes"]
    assert boxes[-1]["s"].startswith(f"{Path(__file__).name}, line ")
    assert boxes[-1]["s"].endswith(": c = a * 3  # this very line")


@pytest.mark.parametrize("name", ["graph.txt", "graph", "graph.svg"])
def test_the_path_must_end_in_html(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"end '.*{re.escape(name)}' in \.html"):
        write_html(cubic(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("digits", [0, 18])
def test_the_number_of_digits_is_checked(digits: int) -> None:
    with pytest.raises(ValueError, match="digits must be between 1 and 17"):
        viz.page(Value(1.0), digits=digits)


# ---- in the browser --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("build", [cubic, network, lambda: random_graph(5), lambda: Value(2.0, "x")])
def test_at_the_end_the_numbers_are_those_of_the_engine(open_page: Open, build: Callable[[], Value]) -> None:
    root = build()
    order = reading_order(root)
    page = open_page(root)
    press(page, "End")
    expected = [None if n.op.name == "constant" else d for n, d in zip(order, grad(root, order))]
    assert gradients_on(page) == expected
    shown = page.locator("svg.graph:not([hidden]) .b .g").all_text_contents()
    assert shown == [f"grad {d:.4g}" for d in expected if d is not None]


def test_stepping_to_the_end_and_back_shows_every_step(open_page: Open) -> None:
    page = open_page(cubic())
    captions = []
    while page.locator("#next").is_enabled():
        captions.append(page.locator("#caption span").inner_text())
        page.click("#next")
    captions.append(page.locator("#caption span").inner_text())
    assert captions == [
        "The leaves hold the numbers to start from.",
        "a*b = -4*2 = -8",
        "b**3 = 2**3 = 8",
        "c = a*b + b**3 = -8 + 8 = 0",
        "grad c = 1",
        "grad a*b += 1 × 1 = 1",
        "grad b**3 += 1 × 1 = 1",
        "grad a += 1 × 2 = 2",
        "grad b += 1 × (-4) = -4",
        "grad b += 1 × 12 = 12",
    ]
    end = gradients_on(page)
    for caption in reversed(captions[:-1]):
        page.click("#back")
        assert page.locator("#caption span").inner_text() == caption
    assert gradients_on(page) == [None] * 6
    press(page, "End")
    assert gradients_on(page) == end


def test_an_arrow_that_fires_shows_its_product_and_the_running_sum(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "ArrowRight", 8)
    assert page.locator(".badge text").all_text_contents() == ["1 × (-4) = -4", "", "+= -4"]
    assert page.locator(".e.now").count() == 1
    press(page, "ArrowRight")
    assert page.locator(".badge text").all_text_contents() == ["1 × 12 = 12", "", "+= 12"]
    assert page.locator("#caption small").inner_text() == (
        "the gradient of b**3 times ∂(b**3)/∂b = 3b² = 3·2² = 12; grad b is now 8, complete"
    )


def test_what_is_not_computed_yet_is_not_shown(open_page: Open) -> None:
    page = open_page(cubic())
    assert page.locator(".b.off").count() == 3
    assert page.locator(".b.off .d").first.evaluate("line => getComputedStyle(line).visibility") == "hidden"
    press(page, "ArrowRight", 2)
    assert page.locator(".b.off").count() == 1


def test_a_box_shows_its_ledger(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "ArrowRight", 8)
    page.locator(".b", has_text="data 2").click()
    assert page.locator("#panel h2").inner_text() == "b"
    first = "1 × (-4) = -4 via a*b\n∂(a*b)/∂b = a = -4"
    assert page.locator("#ledger li").all_inner_texts() == [first, "… via b**3", "so far -4"]
    press(page, "ArrowRight")
    second = "1 × 12 = 12 via b**3\n∂(b**3)/∂b = 3b² = 3·2² = 12"
    assert page.locator("#ledger li").all_inner_texts() == [first, second, "= 8"]
    assert page.locator("#gradient").inner_text() == "8"
    page.click("#ledger button >> text=b**3")
    assert page.locator("#panel h2").inner_text() == "b**3"


def test_all_paths_to_the_output_are_highlighted(open_page: Open) -> None:
    page = open_page(cubic())
    page.locator(".b", has_text="data -4").click()
    page.click("#paths")
    assert page.locator(".b.on .t").all_text_contents() == ["a", "a*b", "c = a*b + b**3"]
    assert page.locator(".e.on").count() == 2
    press(page, "p")
    assert page.locator(".on").count() == 0


def test_a_nudge_is_compared_with_gradient_times_change(open_page: Open) -> None:
    page = open_page(cubic())
    page.locator(".b", has_text="data 2").click()
    for i, delta in enumerate(DELTAS):
        page.locator("#nudge").fill(str(i))
        real = -4.0 * (2.0 + delta) + (2.0 + delta) ** 3
        assert page.locator("#predicted").inner_text() == f"{8 * delta:.4g}"
        assert page.locator("#real").inner_text() == f"{real:.4g}"


def test_nothing_is_said_before_it_is_computed(open_page: Open) -> None:
    page = open_page(cubic())
    label = "boxes => boxes.map((box) => box.getAttribute('aria-label'))"
    assert page.locator("#stage .b").evaluate_all(label)[-1] == "c = a*b + b**3, not computed yet"
    page.locator("#stage .b.output").click()
    assert page.locator("#data-of").inner_text() == page.locator("#gradient").inner_text() == "not computed yet"
    assert page.locator("#ledger li").first.inner_text() == "1, when backward starts here"
    press(page, "ArrowRight", 4)
    assert page.locator("#stage .b").evaluate_all(label)[-1] == "c = a*b + b**3, data 0, grad 1"
    assert page.locator("#data-of").inner_text() == "0"
    assert page.locator("#ledger li").first.inner_text() == "1, since backward starts here"
    assert page.locator("#position").get_attribute("aria-valuetext") == "backward 0 of 5"
    assert page.locator("svg.graph").get_attribute("aria-label") == "Computation graph of c = 0, 6 nodes"


def test_the_panel_has_all_digits_below_those_of_the_drawing(open_page: Open) -> None:
    x = Value(1 / 3, "x")
    page = open_page(x * math.inf + x)
    page.locator("#stage .b.leaf").click()
    assert page.locator("#data-of").inner_text().split() == ["0.3333", "0.3333333333333333"]
    press(page, "End")
    assert page.locator("#gradient").inner_text() == "inf"
    assert page.locator(".plot").count() == 0
    assert (
        page.locator("#nudge-answer p").inner_text() == "The output is inf: no change of it can be measured or drawn."
    )


def test_the_plot_of_a_nudge_has_a_scale(open_page: Open) -> None:
    page = open_page(cubic())
    page.locator(".b", has_text="data 2").click()
    heights = [-4.0 * (2.0 + delta) + (2.0 + delta) ** 3 for delta in DELTAS] + [-8.0, 8.0]  # with the tangent's ends
    shown = page.locator(".plot text").all_text_contents()
    assert shown == [number(max(heights)), number(min(heights)), "-1", "0", "+1"]


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_harm_nothing_in_the_browser(open_page: Open, label: str) -> None:
    a = Value(2.0, label)
    page = open_page(a * a, title=label)
    press(page, "End")
    assert gradients_on(page) == [4, 1]
    page.locator(".b").first.click()
    assert page.locator("#panel b, #panel script").count() == 0
    shown = "".join(c if c.isprintable() else "�" for c in " ".join(label.split()))
    assert page.locator("#panel h2").inner_text() == shown


def test_numbers_are_written_as_python_writes_them(open_page: Open) -> None:
    rng = random.Random(1)
    numbers = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-12, 12) for _ in range(500)] + [
        0.0,
        -0.0,
        1e22,
        5e-324,
        12345.0,
    ]
    page = open_page(cubic())
    assert page.evaluate("numbers => numbers.map((x) => format(x))", numbers) == [number(x) for x in numbers]
    assert page.evaluate("[NaN, Infinity, -Infinity].map((x) => format(x))") == ["nan", "inf", "-inf"]
    numbers += [1e15, 123456789012345680.0, 1e16, 1e-4, 9.9e-5]
    exact = [repr(x + 0.0).removesuffix(".0") for x in numbers]
    assert page.evaluate("numbers => numbers.map((x) => exact(x))", numbers) == exact


def test_a_thousand_nodes_open_and_step(open_page: Open) -> None:
    root = MLP(14, [24, 24, 1], activation="tanh", seed=1)([1.0] * 14) ** 2
    order = reading_order(root)
    assert len(order) >= 1_000
    page = open_page(root)
    page.click("#levels >> text=number")
    press(page, "End")
    assert gradients_on(page) == [None if n.op.name == "constant" else d for n, d in zip(order, grad(root, order))]
    press(page, "ArrowLeft", 3)
    assert page.locator("#count").inner_text().startswith("backward ")
