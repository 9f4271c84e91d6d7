"""The page to step through a graph: the file itself, and how it works in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, fsum, grad, strict
from autograd.graph import topological_order
from autograd.viz import render as rendering
from autograd.viz import write_html
from autograd.viz.notation import number
from autograd.viz.order import reading_order
from autograd.viz.page import DELTAS, html_page
from nn import MLP
from tests.test_viz_dot import HOSTILE
from tests.test_viz_steps import random_graph

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def cubic() -> Value:
    """c = a b + b³ at a = -4, b = 2: value 0, gradients 2 and 8."""
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    c = a * b + b**3
    c.label = "c"
    return c


def network() -> Value:
    """The half mean squared error of a 2-3-2 network for one sample."""
    model = MLP(2, [3, 2], activation="tanh", output="sigmoid", seed=3)
    loss: Value = fsum([(a - y) ** 2 for a, y in zip(model([1.0, 2.0]), [0.0, 1.0])]) / 4
    loss.label = "J"
    return loss


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


def test_the_page_is_one_file_that_refers_to_nothing_outside() -> None:
    elements = Elements(html_page(cubic()))
    for _, attributes in elements.found:
        assert not {"src", "srcset", "action", "onclick", "onload"} & set(attributes)
        assert attributes.get("href") in (None, "data:,")
    text = elements.content["script"] + elements.content["style"]
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]  # a namespace, not an address
    for forbidden in ("fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "@import", "WebSocket"):
        assert forbidden not in text


def test_only_its_own_script_and_style_may_run() -> None:
    elements = Elements(html_page(cubic()))
    (policy,) = [attributes["content"] for tag, attributes in elements.found if "http-equiv" in attributes]
    assert policy is not None
    assert "default-src 'none'" in policy
    for kind in ("script", "style"):
        digest = hashlib.sha256(elements.content[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_the_steps_in_the_file_are_those_of_backward() -> None:
    root = random_graph(3)
    order = reading_order(root)
    (level,) = data_of(html_page(root))["levels"]
    assert [box["v"] for box in level["boxes"]] == [node.data for node in order]
    received: dict[int, float] = dict.fromkeys(level["roots"], 1.0)
    for arrow, _, after in level["steps"]:
        received[level["arrows"][arrow][0]] = after
    assert {order[i]: grad_ for i, grad_ in received.items()} == {
        node: d for node, d in zip(order, grad(root, order)) if node.op.name != "constant"
    }


def test_no_gradient_of_the_graph_is_read_or_written() -> None:
    c = cubic()
    before = html_page(c)
    assert all(type(node.grad) is int for node in topological_order(c))
    c.backward()
    c.backward()
    assert html_page(c) == before


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_in_the_page(label: str) -> None:
    a = Value(2.0, label)
    with strict():
        c = a * 3
    c.label = label
    elements = Elements(html_page(c, title=label))
    assert [tag for tag, _ in elements.found] == [tag for tag, _ in Elements(html_page(Value(2.0, "a") * 3)).found]


def test_a_graph_of_200_nodes_takes_less_than_300_kb(tmp_path: Path) -> None:
    sizes = range(400, 20_000, 400)
    root = next(graph for graph in (random_graph(1, size) for size in sizes) if len(topological_order(graph)) >= 200)
    assert write_html(root, tmp_path / "graph.html").stat().st_size < 300_000


def test_labels_of_many_arrows_are_in_the_middle_of_them() -> None:
    few, many = (svg_labels(MLP(3, [n, 1], activation="tanh", seed=1)([1.0, 2.0, 3.0])) for n in (2, 40))
    assert (len(few), len(many)) == (7 * 2 + 1, 7 * 40 + 1)
    assert 0.0 < min(many) < max(many) < 1_000.0


def svg_labels(root: Value) -> list[float]:
    """Where the numbers on the arrows of the last picture are, from the left."""
    svg = html_page(root).split('<svg class="graph"')[-1]
    return [float(x) for x in re.findall(r'<g class="e"><path d="[^"]+"/><text x="([^"]+)"', svg)]


def test_large_graphs_are_shown_folded_with_a_notice() -> None:
    y = Value(0.5, "x")
    for _ in range(200):
        y = y.sin()
    data = data_of(html_page(y, max_nodes=50))
    assert data["notice"] == "201 numbers are too many for a box each."
    assert [level["name"] for level in data["levels"]] == ["expression"]


def test_the_page_starts_with_the_most_detail_that_is_legible() -> None:
    for layers, start in (([3, 1], "number"), ([30, 1], "neuron"), ([30, 30, 1], "layer")):
        data = data_of(html_page(MLP(2, layers, activation="tanh", seed=1)([1.0, 2.0])))
        assert data["levels"][data["level"]]["name"] == start


def test_a_level_that_cannot_be_laid_out_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rendering.render

    def fail(source: str, *args: Any, **kwargs: Any) -> bytes:
        if source.count("[width") > 20:
            raise rendering.LayoutError("too much")
        return real(source, *args, **kwargs)

    monkeypatch.setattr("autograd.viz.layout.render", fail)
    data = data_of(html_page(network()))
    assert [level["name"] for level in data["levels"]] == ["model", "layer", "neuron"]
    assert data["notice"].endswith(" numbers are too many for a box each.")
    with pytest.raises(rendering.LayoutError, match=r"no picture of this graph of \d+ nodes could be laid out in 3 s"):
        html_page(fsum([Value(1.0, letter).sin() for letter in "abcdefghijklmnopqrstuvwxyz"]), timeout=3)


def test_numbers_that_json_does_not_know() -> None:
    x = Value(0.0, "x")
    (level,) = data_of(html_page(x.log() * 0.0))["levels"]
    assert [box["v"] for box in level["boxes"]] == [0, "-inf", 0, "nan"]


def test_the_line_that_recorded_a_node_is_in_the_page_if_it_is_known() -> None:
    a = Value(2.0, "a")
    with strict():
        c = a * 3  # this very line
    boxes = data_of(html_page(c))["levels"][0]["boxes"]
    assert boxes[-1]["s"].startswith("test_viz_page.py, line ")
    assert boxes[-1]["s"].endswith(": c = a * 3  # this very line")


@pytest.mark.parametrize("digits", [0, 18])
def test_the_number_of_digits_is_checked(digits: int) -> None:
    with pytest.raises(ValueError, match="digits must be between 1 and 17"):
        html_page(Value(1.0), digits=digits)


# ---- in the browser --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a graph in a fresh profile; afterwards nothing may have complained or left the page."""
    trouble: list[str] = []
    contexts = []

    def show(root: Value, *, motion: str = "reduce", scheme: str = "light", **options: Any) -> Any:
        path = write_html(root, tmp_path / "graph.html", **options)
        context = browser.new_context(
            color_scheme=scheme, reduced_motion=motion, viewport={"width": 1200, "height": 760}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(dialog.message))
        page.on("request", lambda request: request.url in (path.as_uri(), "data:,") or trouble.append(request.url))
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert trouble == []


def gradients_on(page: Any) -> list[float | None]:
    found: list[float | None] = page.locator("svg.graph:not([hidden]) .b").evaluate_all(
        "boxes => boxes.map(box => 'grad' in box.dataset ? Number(box.dataset.grad) : null)"
    )
    return found


def window_of(page: Any) -> list[float]:
    """How far the picture is moved to the right and down, and its scale."""
    transform = page.locator("svg.graph:not([hidden])").evaluate("svg => svg.style.transform")
    return [float(number) for number in re.findall(r"-?[\d.]+", transform)]


def press(page: Any, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)


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
    assert page.locator(".badge text").all_text_contents() == ["1 × (-4)", "= -4", "+= -4"]
    assert page.locator(".e.now").count() == 1
    press(page, "ArrowRight")
    assert page.locator(".badge text").all_text_contents() == ["1 × 12", "= 12", "+= 12"]
    assert page.locator("#caption small").inner_text() == (
        "the gradient of b**3 times ∂(b**3)/∂b; grad b is now 8, complete"
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
    assert page.locator("#ledger li").all_inner_texts() == ["1 × (-4) = -4 via a*b", "… via b**3", "so far -4"]
    press(page, "ArrowRight")
    assert page.locator("#ledger li").all_inner_texts() == ["1 × (-4) = -4 via a*b", "1 × 12 = 12 via b**3", "= 8"]
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


def test_the_quiz_hides_gradients_and_checks_answers(open_page: Open) -> None:
    page = open_page(cubic())
    page.click("#quiz")
    assert page.locator(".b .g").all_text_contents() == ["grad ?", "grad ?", "grad ?", "grad ?", "grad 1"]
    assert gradients_on(page) == [None, None, None, None, None, 1]
    page.click("#ask")
    assert page.locator("#panel h2").nth(1).inner_text() == "b**3"
    page.fill("#answer", "2")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text().startswith("Not yet.")
    page.fill("#answer", "one")
    page.click("#check")
    assert page.locator("#verdict").inner_text().startswith("Please enter a number")
    page.fill("#answer", "3/3")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text() == "Right: 1."
    assert page.locator("#score").inner_text() == "1 right, 3 of 4 to go"
    press(page, "Enter")  # the next question
    page.click("#reveal")
    assert page.locator("#score").inner_text() == "1 right, 2 of 4 to go"
    for name, answer in (("b", "8.0"), ("a", "2")):
        page.click("#ask")
        assert page.locator("#panel h2").nth(1).inner_text() == name
        page.fill("#answer", answer)
        page.click("#check")
    assert "All gradients found." in page.locator("#panel").inner_text()
    page.click("#quiz")
    assert gradients_on(page) == [None] * 6


def test_everything_can_be_done_with_the_keyboard(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "ArrowRight", 9)
    press(page, "ArrowLeft")
    assert page.locator("#count").inner_text() == "backward 4 of 5"
    press(page, "g")
    title = "() => document.activeElement.querySelector('.t').textContent"
    walked = [page.evaluate(title)]
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"):
        press(page, key)
        walked.append(page.evaluate(title))
    assert walked[0] == "c = a*b + b**3"
    assert len(set(walked)) >= 4
    press(page, "Enter")
    assert page.locator("#panel h2").inner_text() == walked[-1]
    press(page, "p")
    assert page.locator("svg.paths").count() == 1
    press(page, "Escape")
    assert page.locator("#panel h2").inner_text() == "How to read this"
    press(page, "Home")
    assert page.locator("#count").inner_text() == "forward 0 of 3"
    press(page, "q")
    assert page.locator("#quiz").get_attribute("aria-pressed") == "true"
    press(page, "q")
    press(page, "t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    press(page, "?")
    assert page.evaluate("document.activeElement.id") == "keys"
    seen = window_of(page)
    press(page, "+")
    assert window_of(page) != seen
    press(page, "0")
    assert window_of(page) == seen


def test_play_runs_to_the_end_and_pauses(open_page: Open) -> None:
    page = open_page(cubic())
    page.select_option("#speed", "60")
    press(page, "Escape")
    press(page, " ")
    page.get_by_text("backward 5 of 5").wait_for()
    page.locator("#play[aria-label=Play]").wait_for()
    assert gradients_on(page) == [2, 8, 1, None, 1, 1]
    press(page, " ")
    press(page, " ")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_the_dot_on_the_arrow_respects_reduced_motion(open_page: Open) -> None:
    for motion, visible in (("reduce", False), ("no-preference", True)):
        page = open_page(cubic(), motion=motion)
        press(page, "ArrowRight", 5)
        if visible:
            page.wait_for_selector(".pulse[visibility=visible]")
        else:
            assert page.locator(".pulse[visibility=hidden]").count() == 1


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")])
def test_dark_mode_is_respected(open_page: Open, scheme: str, background: str) -> None:
    page = open_page(network(), scheme=scheme)
    press(page, "End")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    assert len(page.screenshot()) > 10_000


def test_a_network_can_be_seen_by_model_layer_neuron_and_number(open_page: Open) -> None:
    page = open_page(network())
    assert page.locator("#levels button").all_inner_texts() == ["model", "layer", "neuron", "number"]
    sizes = []
    for level in ("model", "layer", "neuron", "number"):
        page.click(f"#levels >> text={level}")
        press(page, "End")
        assert page.locator("svg.graph:not([hidden]) .b.off").count() == 0
        sizes.append(page.locator("svg.graph:not([hidden]) .b").count())
        page.locator("svg.graph:not([hidden]) .b").first.click()
        assert page.locator("#panel h2").count() == 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(topological_order(network()))


def test_the_window_follows_the_walk_through_a_picture_too_large_to_read(open_page: Open) -> None:
    page = open_page(network())
    assert page.locator("#follow").get_attribute("aria-pressed") == "true"
    whole = window_of(page)
    press(page, "ArrowRight", 30)
    assert window_of(page) != whole
    area, stage = page.locator(".b.now:visible").bounding_box(), page.locator("#stage").bounding_box()
    assert stage["x"] < area["x"] < stage["x"] + stage["width"]
    page.click("#fit")
    assert window_of(page) == whole


def test_the_wheel_zooms_and_dragging_moves_without_selecting(open_page: Open) -> None:
    page = open_page(cubic())
    before = window_of(page)
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -300)
    zoomed = before
    while zoomed[2] <= before[2]:  # the wheel is handled in the background
        zoomed = window_of(page)
    page.mouse.down()
    page.mouse.move(360, 320, steps=4)
    page.mouse.up()
    assert window_of(page) == pytest.approx([zoomed[0] + 60.0, zoomed[1] + 20.0, zoomed[2]])
    assert page.locator("#panel h2").inner_text() == "How to read this"


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
