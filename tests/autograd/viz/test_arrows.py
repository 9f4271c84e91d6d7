"""Every picture says the truth about its arrows: each curve ends at its boxes, each number belongs to its arrow.

The pictures are read as they are shown: the SVG of drawings and of pages, with the outlines, curves and texts in it.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from autograd import Value, draw_dot, fsum
from autograd.graph import topological_order
from autograd.viz.pictures.figure import Figure, Graph, scalar_figure
from autograd.viz.pictures.fold import folded_figure
from autograd.viz.pictures.keys import LEVELS, NETWORK_LEVELS, keys_of
from autograd.viz.pictures.layout import Layout, layout_of
from autograd.viz.text.notation import Names, number, reading_order
from nn import MLP, half_mse_loss, make_moons
from tests.support.browser import Open, cubic, network
from tests.support.graphs import random_graph

NEAR = 4.0  # pixels between the end of a curve and the outline of its box, which may be round or doubled
Point = tuple[float, float]


class Shown(NamedTuple):
    """An arrow as it is shown: the names of its boxes, the two ends of its curve, and the number on it."""

    tail: str
    head: str
    start: Point
    end: Point
    number: str


class Picture(NamedTuple):
    """A picture as it is shown.

    Attributes:
        outlines: left, top, right and bottom of each box.
        texts: the lines of each box.
        arrows: in the order of the picture.
    """

    outlines: dict[str, tuple[float, float, float, float]]
    texts: dict[str, list[str]]
    arrows: list[Shown]


# ---- reading a picture -----------------------------------------------------------------------------------------------
def picture_of(svg: str) -> Picture:
    """Read the SVG of a drawing or of a page."""
    outlines, texts, arrows = {}, {}, []
    for element in ElementTree.fromstring(re.sub(r"(?s)<!DOCTYPE.*?>|xlink:", "", svg)).iter():
        name = element.get("data-node")
        if name is not None:
            assert name not in outlines
            outlines[name], texts[name] = outline_of(element), texts_in(element)
        if "data-tail" in element.attrib:
            start, end = ends_of(element)
            arrows.append(
                Shown(element.attrib["data-tail"], element.attrib["data-head"], start, end, "".join(texts_in(element)))
            )
    return Picture(outlines, texts, arrows)


def texts_in(element: ElementTree.Element) -> list[str]:
    return [(found.text or "").replace("\u00a0", " ").strip() for found in element.iter() if found.tag.endswith("text")]


def points_in(text: str) -> list[Point]:
    numbers = [float(found) for found in re.findall(r"-?\d+\.?\d*", text)]
    return list(zip(numbers[::2], numbers[1::2]))


def outline_of(box: ElementTree.Element) -> tuple[float, float, float, float]:
    ((dx, dy),) = points_in(box.get("transform", "0 0"))
    points = []
    for element in box.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "polygon":
            points += points_in(element.attrib["points"])
        elif kind == "path" and element.get("class") != "sheet":
            points += points_in(element.attrib["d"])
        elif kind == "rect":
            x, y, width, height = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
            points += [(x, y), (x + width, y + height)]
    xs, ys = zip(*points)
    return min(xs) + dx, min(ys) + dy, max(xs) + dx, max(ys) + dy


def ends_of(arrow: ElementTree.Element) -> tuple[Point, Point]:
    """Where an arrow begins, and where its point is: that of its head, if it has one."""
    (path,) = [element for element in arrow.iter() if element.tag.endswith("path")]
    points = points_in(path.attrib["d"])
    if "c" in path.attrib["d"]:  # each curve is written from where the last one ended
        points.append((sum(x for x, _ in [points[0], *points[3::3]]), sum(y for _, y in [points[0], *points[3::3]])))
    heads = [element for element in arrow.iter() if element.tag.endswith("polygon")]
    tips = [point for head in heads for point in points_in(head.attrib["points"])]
    return points[0], max(tips, key=lambda tip: math.dist(tip, points[-1]), default=points[-1])


def distance(point: Point, outline: tuple[float, float, float, float]) -> float:
    """How far a point is from the outline of a box, inside or outside of it."""
    (x, y), (left, top, right, bottom) = point, outline
    dx, dy = max(left - x, x - right), max(top - y, y - bottom)
    return math.hypot(max(dx, 0.0), max(dy, 0.0)) if max(dx, dy) > 0 else -max(dx, dy)


def pages_of(open_page: Open, root: Value, **options: Any) -> dict[str, tuple[Picture, dict[str, Any]]]:
    """The pictures of a page as the browser shows them at the end of the walk, each with its data, by level."""
    page = open_page(root, **options)
    found = page.evaluate("""DATA.levels.map((level, i) => {
      app.choose(i);
      app.go(app.walk.length);
      return [level, new XMLSerializer().serializeToString(app.picture.svg)];
    })""")
    return {level["name"]: (picture_of(svg), level) for level, svg in found}


# ---- graphs of every kind --------------------------------------------------------------------------------------------
def squares() -> Value:
    """Arrows side by side between two boxes, and constants."""
    a, b = Value(3.0, "a"), Value(0.5, "b")
    return (a * a * a - 2.0) * (b + b) ** 2 + a**3


def deep(layers: list[int], samples: int) -> Value:
    """The loss of a network over a few samples."""
    X, y = make_moons(max(samples, 2), noise=0.1, seed=1)
    model = MLP(2, layers, activation="tanh", output="sigmoid", seed=1)
    loss: Value = half_mse_loss([model(x) for x in X[:samples]], y[:samples])
    loss.label = "J"
    return loss


def recurrent() -> Value:
    """A network whose output is its next input, so that the boxes of its parts would stand in a circle."""
    model = MLP(1, [2, 1], activation="tanh", seed=2)
    state: Any = Value(0.5, "x₁")
    for _ in range(3):
        state = model([state.sin() + 1.0])
    return state * 2.0


def skipping() -> Value:
    """A network with an arrow past a layer: the order of arrows is not that of layers."""
    model = MLP(2, [3, 2], activation="tanh", seed=3)
    inputs = [Value(0.5, "x₁"), Value(-1.0, "x₂")]
    return fsum([out * x for out, x in zip(model(inputs), inputs)])


GRAPHS: dict[str, Callable[[], Value]] = {
    "a leaf": lambda: Value(2.0, "x"),
    "shared": cubic,
    "squares": squares,
    **{f"random {seed}": lambda seed=seed: random_graph(seed) for seed in range(4)},  # type: ignore[misc]
    "a network": network,
    "a batch": lambda: deep([3, 2, 1], 4),
    "deep": lambda: deep([3, 3, 3, 3, 1], 1),
    "moons": lambda: deep([8, 8, 1], 2),
    "recurrent": recurrent,
    "skipping": skipping,
}
kinds = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS.keys())


def assert_curves_end_at_their_boxes(picture: Picture) -> None:
    for arrow in picture.arrows:
        assert distance(arrow.start, picture.outlines[arrow.tail]) < NEAR, arrow
        assert distance(arrow.end, picture.outlines[arrow.head]) < NEAR, arrow


def numbers_on(figure: Figure) -> Counter[tuple[str, str, str]]:
    """What the arrows of a figure must show, by the first lines of their boxes."""
    title = {box: box.title or box.lines[0] for box in figure.boxes}
    return Counter((title[a.tail], title[a.head], a.label(figure.graph.spec)) for a in figure.arrows)


def numbers_in(picture: Picture) -> Counter[tuple[str, str, str]]:
    title = {name: texts[0] for name, texts in picture.texts.items()}
    return Counter((title[arrow.tail], title[arrow.head], arrow.number) for arrow in picture.arrows)


def numbers_of_nodes(root: Value) -> Counter[tuple[str, str, str]]:
    """What the arrows must show where each box is one number: straight from the nodes."""
    order = reading_order(root)
    index = {node: f"n{i}" for i, node in enumerate(order)}
    return Counter(
        (index[parent], index[node], "" if parent.op.name == "constant" else number(partial))
        for node in order
        for parent, partial in zip(node.parents, node.partials)
    )


def assert_each_box_is_a_node(picture: Picture, root: Value) -> None:
    order = reading_order(root)
    names = Names(order, ".4g")
    assert picture.texts.keys() == {f"n{i}" for i in range(len(order))}
    for i, node in enumerate(order):
        lines = picture.texts[f"n{i}"]
        assert lines[0] == names.title[node] or not node.label
        assert f"data {node.data:.4g}" in lines or lines == [number(node.data)]


# ---- drawings --------------------------------------------------------------------------------------------------------
@kinds
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_drawing_of_numbers(build: Callable[[], Value], rankdir: str) -> None:
    root = build()
    picture = picture_of(draw_dot(root, fold=None, force=True, rankdir=rankdir).pipe("svg", encoding="utf-8"))
    assert_each_box_is_a_node(picture, root)
    assert_curves_end_at_their_boxes(picture)
    assert Counter((a.tail, a.head, a.number) for a in picture.arrows) == numbers_of_nodes(root)


@kinds
@pytest.mark.parametrize("level", LEVELS)
def test_a_folded_drawing(build: Callable[[], Value], level: str) -> None:
    graph = Graph([build()])
    picture = picture_of(draw_dot(graph.roots, fold=level).pipe("svg", encoding="utf-8"))
    assert_curves_end_at_their_boxes(picture)
    assert numbers_in(picture) == numbers_on(folded_figure(graph, keys_of(graph.order, graph.roots, level)))


def test_a_drawing_of_what_is_nearest_to_the_output() -> None:
    root = deep([8, 8, 1], 2)
    picture = picture_of(draw_dot(root, fold=None, max_nodes=40).pipe("svg", encoding="utf-8"))
    assert_curves_end_at_their_boxes(picture)


# From the texts of each box, how far they are from its frame on the left and on the right.
MARGINS = """() => [...document.querySelectorAll("svg .node")].flatMap((node) => {
  const frames = [...node.querySelectorAll("path, polygon")].map((shape) => shape.getBBox());
  const inner = frames.reduce((a, b) => (a.width < b.width ? a : b));
  return [...node.querySelectorAll("text")].map((text) => text.getBBox())
    .flatMap((box) => [box.x - inner.x, inner.x + inner.width - box.x - box.width]);
})"""


def test_no_text_of_a_drawing_touches_its_frame(open_tab: Open) -> None:
    """Graphviz knows the widths of Helvetica; the font of the screen is another one."""
    n, k, a = Value(-7.0, "n<b>&"), Value(-1e-12, "k"), Value(2.5e7, "A")
    root = (a * (n - k) ** 2 + n).tanh() * n / k + (n * n + 1.0).log() - (a <= n) + (a == n)
    root.label = "r"
    root.backward()
    page = open_tab(lambda url: False)
    for drawn in (root, cubic(), network()):
        page.set_content(draw_dot(drawn, fold=None).pipe("svg", encoding="utf-8"))
        margins = page.evaluate(MARGINS)
        assert len(margins) > 20
        assert min(margins) > 2.0


# ---- pages -----------------------------------------------------------------------------------------------------------
@kinds
def test_a_page(open_page: Open, build: Callable[[], Value]) -> None:
    root = build()
    graph = Graph([root])
    pages = pages_of(open_page, root)
    for name, (picture, level) in pages.items():
        assert_curves_end_at_their_boxes(picture)
        ends = [[f"n{tail}", f"n{head}"] for tail, head, *_ in level["arrows"]]
        assert [[arrow.tail, arrow.head] for arrow in picture.arrows] == ends
        if name != "number":
            assert [box["t"] for box in level["boxes"]] == [texts[0] for texts in picture.texts.values()]
            assert numbers_in(picture) == numbers_on(folded_figure(graph, keys_of(graph.order, [root], name)))
            assert [arrow.number for arrow in picture.arrows] == [label for *_, label in level["arrows"]]
    picture, level = pages["number"]
    assert_each_box_is_a_node(picture, root)
    assert Counter((a.tail, a.head, a.number) for a in picture.arrows) == numbers_of_nodes(root)
    assert [a.number for a in picture.arrows if a.number] == [
        number(float(partial)) for tail, _, partial, *_ in level["arrows"] if level["boxes"][tail]["k"] != "constant"
    ]


@pytest.mark.parametrize("level", [*NETWORK_LEVELS, "number"])
def test_the_numbers_of_a_page_add_up_to_its_gradients(open_page: Open, level: str) -> None:
    """Nothing but the picture is read: the gradient in a box is the sum over its arrows."""
    root = deep([3, 2, 1], 1)
    picture, _ = pages_of(open_page, root, digits=15)[level]
    grads = {name: [line[5:] for line in texts if line.startswith("grad ")] for name, texts in picture.texts.items()}
    checked = 0
    for name, texts in grads.items():
        leaving = [arrow for arrow in picture.arrows if arrow.tail == name]
        terms = [(grads[arrow.head][0], arrow.number) for arrow in leaving]
        if terms and texts and not any("…" in text for text in [*texts, *sum(terms, ())]):  # one number each
            checked += 1
            expected = math.fsum([float(upstream) * float(local) for upstream, local in terms])
            assert float(texts[0]) == pytest.approx(expected, rel=1e-12)
    assert checked >= {"model": 3, "layer": 3, "neuron": 8, "number": 25}[level]


@pytest.mark.parametrize("seed", range(3))
def test_boxes_and_arrows_cannot_be_moved_after_the_layout(seed: int) -> None:
    """The picture and its data refer to arrows by their place; the order is that of the walk from the beginning."""
    graph = Graph([random_graph(seed), deep([3, 1], 2)])
    for figure in [scalar_figure(graph), *[folded_figure(graph, keys_of(graph.order, graph.roots, n)) for n in LEVELS]]:
        assert isinstance(figure.boxes, tuple)
        assert isinstance(figure.arrows, tuple)
        if len(figure.boxes) < len(graph.order):
            place = {box: i for i, box in enumerate(figure.boxes)}
            heads = [place[arrow.head] for arrow in figure.arrows]
            assert heads == sorted(heads, reverse=True)


def test_the_check_notices_two_arrows_that_changed_places(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def exchanged(figure: Figure, **options: Any) -> Layout:
        layout = layout_of(figure, **options)
        return layout._replace(curves=[*layout.curves[1:], layout.curves[0]])

    monkeypatch.setattr("autograd.viz.pagedata.layout_of", exchanged)
    picture, _ = pages_of(open_page, cubic())["number"]
    with pytest.raises(AssertionError):
        assert_curves_end_at_their_boxes(picture)


# ---- in the browser --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("build", [cubic, squares, network, lambda: deep([8, 8, 1], 2)])
def test_the_walk_lights_the_arrow_it_speaks_of(open_page: Open, build: Callable[[], Value]) -> None:
    page = open_page(build())
    wrong = page.evaluate("""() => {
      const wrong = [];
      app.pictures.forEach((picture, level) => {
        app.choose(level);
        for (let position = picture.walk.start + 1; position <= picture.walk.length; position += 1) {
          app.go(position);
          const lit = [...picture.svg.querySelectorAll(".e.now")];
          const { arrow } = picture.walk.steps[position - picture.walk.start - 1];
          const { tail, head } = picture.walk.arrows[arrow];
          const same = lit.length === 1 && lit[0].dataset.tail === `n${tail}` && lit[0].dataset.head === `n${head}`;
          const box = picture.svg.querySelector(`.b.now`);
          const number = lit[0].querySelector("text");
          const shown = number && getComputedStyle(number).visibility === "visible";
          const isTold = picture.svg.classList.contains("badged") && picture.badge.factors.textContent !== "";
          if (number && shown === isTold) wrong.push([level, position, "number"]);  // or the product with it
          if (!same || box.dataset.node !== `n${tail}`) wrong.push([level, position]);
        }
      });
      return wrong;
    }""")
    assert wrong == []
    assert len(page.evaluate("() => app.pictures.map((picture) => picture.walk.steps.length)")) >= 1


def test_drawings_of_random_networks_between_numbers(open_page: Open) -> None:
    """The sizes are random, so that arrows cross in ways that nobody thought of."""
    rng = random.Random(5)
    for _ in range(4):
        root = deep([rng.randint(1, 4) for _ in range(rng.randint(1, 3))] + [1], 1)
        assert len(topological_order(root)) < 200
        for picture, level in pages_of(open_page, root).values():
            assert len(picture.arrows) == len(level["arrows"])
            assert_curves_end_at_their_boxes(picture)
