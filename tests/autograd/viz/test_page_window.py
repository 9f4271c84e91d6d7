"""The page in windows of all sizes: what is seen of a graph, and that nothing covers anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value, fsum, grad
from nn import MLP
from tests.support.browser import Open, area_of, cubic, is_in_the_stage, network, press, settle, window_of

SIZES = [(1280, 800), (800, 600), (640, 400), (390, 844), (320, 640), (320, 256)]


def test_the_window_follows_the_walk_through_a_picture_too_large_to_read(open_page: Open) -> None:
    page = open_page(network())
    assert page.locator("#follow").get_attribute("aria-pressed") == "true"
    start = window_of(page)
    assert start[2] > 1.0
    press(page, "ArrowRight", 30)
    assert window_of(page) != start
    assert is_in_the_stage(page, ".b.now:visible")
    page.click("#fit")
    assert window_of(page)[2] < 0.8
    seen = page.locator("svg.graph:not([hidden]) .b").count()
    assert all(is_in_the_stage(page, f"svg.graph:not([hidden]) .b >> nth={i}") for i in range(seen))
    assert page.locator("#follow").get_attribute("aria-pressed") == "false"


def test_a_long_graph_opens_at_its_leaves_and_every_jump_is_followed(open_page: Open) -> None:
    x = y = Value(0.5, "x")
    for _ in range(100):
        y = y.sin() * 1.1
    page = open_page(y)
    assert is_in_the_stage(page, "#stage .b.leaf")
    assert window_of(page)[2] > 1.0
    press(page, "End")
    assert is_in_the_stage(page, ".b.leaf.now")
    page.locator("#position").fill("201")  # the output has its gradient
    assert is_in_the_stage(page, "#stage .b.output.now")
    press(page, "Home")
    assert is_in_the_stage(page, "#stage .b.leaf")
    page.click("#last")
    assert page.locator("#stage .b.leaf .g").text_content() == f"grad {grad(y, [x])[0]:.4g}"
    page.click("#fit")
    whole = window_of(page)
    press(page, "Home")
    assert window_of(page) == whole
    press(page, "f")
    assert is_in_the_stage(page, "#stage .b.leaf")


def test_a_window_that_glides_is_not_lost_when_steps_come_fast(open_page: Open) -> None:
    page = open_page(network(), motion="no-preference")
    page.click("#levels >> text=number")
    press(page, "ArrowRight", 60)
    settle(page)
    assert is_in_the_stage(page, ".b.now:visible")
    moves = page.evaluate("""() => new Promise((done) => {
      const { picture } = app;
      let moves = 0;
      picture.put = (window) => { moves += 1; Picture.prototype.put.call(picture, window); };
      for (const x of [100, 200, 300]) picture.glide({ ...picture.goal, x });
      requestAnimationFrame(() => done(moves));
    })""")
    assert moves == 1  # in each frame: one glide ends another
    settle(page)
    assert page.evaluate("app.picture.window.x") == 300


def seventeen() -> Value:
    """Too many columns for any window: the output is out of sight to begin with."""
    a, b, d, e, k, x = (Value(0.5 + 0.3 * i, name) for i, name in enumerate("abdekx"))
    c = (a * b).tanh() + b**-0.5 / a
    root = (e * x / k + (c * c + d + 1.0).log()) * x.sin() + (-k).exp() * c
    root.label = "r"
    return root


def frame_of_map(page: Any) -> tuple[float, float, float, float]:
    """Which part of the small picture is framed: left, top, right, bottom, as shares of it."""
    left, top, right, bottom = area_of(page, ".map")
    a, b, c, d = area_of(page, ".map .frame")
    return (
        (a - left) / (right - left),
        (b - top) / (bottom - top),
        (c - left) / (right - left),
        (d - top) / (bottom - top),
    )


@pytest.mark.parametrize("size", [(1300, 900), (1100, 700), (390, 844), (320, 640)])
def test_what_is_out_of_sight_is_seen_small_and_can_be_reached_there(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(seventeen(), size=size)
    outer, inner = area_of(page, "#stage"), area_of(page, ".map")
    assert outer[0] <= inner[0] < inner[2] <= outer[2]
    assert outer[1] <= inner[1] < inner[3] <= outer[3]
    assert not is_in_the_stage(page, "#stage .b.output")
    assert not page.locator(".map .output").evaluate("it => it.getBBox().width === 0")
    before = frame_of_map(page)
    assert before[2] - before[0] < 0.9
    left, top, right, bottom = inner
    page.mouse.click(right - 6, (top + bottom) / 2)
    assert is_in_the_stage(page, "#stage .b.output")
    assert frame_of_map(page)[2] == pytest.approx(1.0, abs=0.03)
    assert page.locator("#follow").get_attribute("aria-pressed") == "false"
    page.mouse.move(right - 6, (top + bottom) / 2)
    page.mouse.down()
    page.mouse.move(left + 6, (top + bottom) / 2, steps=5)
    page.mouse.up()
    assert frame_of_map(page)[0] == pytest.approx(0.0, abs=0.03)
    assert page.locator("#panel h2").inner_text() == "How to read this"  # nothing was selected


def test_the_walk_is_marked_on_the_small_picture_which_goes_when_all_is_seen(open_page: Open) -> None:
    page = open_page(seventeen())
    places = []
    for _ in range(4):
        press(page, "ArrowRight", 4)
        places.append(area_of(page, ".map .now"))
        a, b, c, d = area_of(page, ".map .frame")
        left, top, right, bottom = places[-1]
        assert a <= (left + right) / 2 <= c
        assert b <= (top + bottom) / 2 <= d
    assert len(set(places)) == 4
    press(page, "0")
    assert page.locator(".map").is_hidden()
    assert all(is_in_the_stage(page, f"#stage .b >> nth={i}") for i in range(page.locator("#stage .b").count()))
    press(page, "+", 5)
    assert page.locator(".map").is_visible()
    small = open_page(cubic())
    assert small.locator(".map").is_hidden()


@pytest.mark.parametrize("build", [seventeen, network])
def test_no_room_is_wasted_beyond_the_edges_of_a_picture(open_page: Open, build: Callable[[], Value]) -> None:
    page = open_page(build())
    for _ in range(12):
        left, top, scale = window_of(page)
        width, height = [side * scale for side in page.evaluate("app.picture.full.slice(2)")]
        w, h = page.evaluate("app.picture.size")
        for start, length, room in ((left, width, w), (top, height, h)):
            if length > room:
                assert start < 1.0
                assert start + length > room - 1.0
        press(page, "ArrowRight", 3)


def test_the_wheel_zooms_and_dragging_moves_without_selecting(open_page: Open) -> None:
    page = open_page(cubic())
    before = window_of(page)
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -300)
    page.wait_for_function("(before) => app.picture.window.scale > before", arg=before[2] + 0.001)  # in the background
    zoomed = window_of(page)
    page.mouse.down()
    page.mouse.move(360, 320, steps=4)
    page.mouse.up()
    assert window_of(page) == pytest.approx([zoomed[0] + 60.0, zoomed[1] + 20.0, zoomed[2]])
    assert page.locator("#panel h2").inner_text() == "How to read this"


def test_two_fingers_zoom(open_page: Open) -> None:
    page = open_page(cubic(), size=(390, 844))
    before = window_of(page)
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *points: tuple[int, int]) -> None:
        touch.send("Input.dispatchTouchEvent", {
            "type": kind, "touchPoints": [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)],
        })  # fmt: skip

    fingers("touchStart", (170, 200), (210, 200))
    for reach in range(20, 61, 5):
        fingers("touchMove", (190 - reach, 200), (190 + reach, 200))
    fingers("touchEnd")
    x, y, scale = window_of(page)
    assert scale / before[2] == pytest.approx(3.0, rel=0.05)
    stage = page.locator("#stage").bounding_box()
    for found, old, middle in ((x, before[0], 190 - stage["x"]), (y, before[1], 200 - stage["y"])):
        assert found == pytest.approx(middle + (old - middle) * 3.0, abs=8.0)
    assert page.locator("#panel h2").inner_text() == "How to read this"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("title", ["", "A very long title " * 12])
def test_nothing_is_cut_off_or_printed_over_another_part(open_page: Open, size: tuple[int, int], title: str) -> None:
    root = network()
    root.label = "the total cost of the whole installation including shipping"
    page = open_page(root, size=size, title=title)
    for level in range(4):
        page.evaluate(f"app.choose({level})")
        press(page, "End")
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        areas = [area_of(page, part) for part in ("header", "#stage", "#panel", "footer")]
        for i, (left, top, right, bottom) in enumerate(areas):
            assert right - left > 60.0
            assert bottom - top > 30.0
            for a, b, c, d in areas[:i]:
                assert min(right - a, c - left, bottom - b, d - top) < 1.0
        for inner, outer in (("#speed", "footer"), ("#count", "footer"), ("#caption", "footer"), ("#help", "header")):
            (left, top, right, bottom), (a, b, c, d) = area_of(page, inner), area_of(page, outer)
            assert a <= left < right <= c
            assert b <= top < bottom <= d


@pytest.mark.parametrize("size", SIZES)
def test_no_word_for_the_speed_is_cut_off(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(cubic(), size=size)
    width, needed = page.evaluate("""() => {
      const speed = document.getElementById("speed");
      const free = speed.cloneNode(true);  // as wide as its longest word
      free.style.cssText = "position: absolute; max-width: none; min-width: 0; flex: none";
      speed.parentNode.append(free);
      return [speed.offsetWidth, free.offsetWidth];
    }""")
    assert 60 < needed <= width


@pytest.mark.parametrize("size", SIZES[:4])
def test_a_small_graph_is_all_seen_beside_the_buttons(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(cubic(), size=size)
    _, top, _, _ = area_of(page, ".zoom")
    for step in range(10):
        assert page.locator("#follow").get_attribute("aria-pressed") == "false"
        assert is_in_the_stage(page, f".b >> nth={step % 6}")
        assert area_of(page, f".b >> nth={step % 6}")[3] <= top
        press(page, "ArrowRight")
    page.set_viewport_size({"width": size[0] - 60, "height": size[1] - 60})
    page.wait_for_function("(width) => innerWidth === width", arg=size[0] - 60)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert all(is_in_the_stage(page, f".b >> nth={i}") for i in range(6))


@pytest.mark.parametrize("at", ["", "#step=8"])
@pytest.mark.parametrize("build", [cubic, network])
def test_on_a_phone_the_buttons_lie_over_no_box(open_page: Open, build: Callable[[], Value], at: str) -> None:
    """The picture is larger than the window: what would be below the buttons is out of sight, as beyond an edge."""
    page = open_page(build(), size=(320, 640), at=at)
    settle(page)
    left, top, right, bottom = area_of(page, ".zoom")
    assert (left, right, bottom) == pytest.approx((0, 320, area_of(page, "#stage")[3]), abs=1)
    places = [[x, y] for x in range(int(left) + 2, int(right) - 2, 10) for y in range(int(top) + 2, int(bottom) - 2, 6)]
    assert len(places) > 100
    covered = "(places) => places.filter(([x, y]) => !document.elementFromPoint(x, y).closest('.zoom'))"
    assert page.evaluate(covered, places) == []
    assert page.locator(".zoom").evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(255, 255, 255)"


def test_what_an_arrow_shows_covers_no_box_and_not_the_arrow(open_page: Open) -> None:
    x = Value(2.0, "x")
    for root in (cubic(), (x * 3 + 1).tanh(), network()):
        page = open_page(root)
        page.evaluate("app.choose(DATA.levels.length - 1)")
        press(page, "End")
        fired = 0
        while page.locator("svg.graph:not([hidden]) .e.now").count():
            fired += 1
            covered = page.evaluate("""() => {
              const { badge, areas, places } = app.picture;
              const texts = [badge.factors, badge.product].map((text) => areaOf(text));
              const points = places.trails[app.state.step.arrow].map(({ x, y }) => [x, y, x, y]);
              return texts.some((text) => areas.some((box) => overlap(text, box) > 3)
                || points.some(([x, y]) => text[0] < x && x < text[2] && text[1] + 3 < y && y < text[3] - 3));
            }""")
            assert not covered
            press(page, "ArrowLeft")
        assert fired == page.evaluate("app.walk.steps.length")


def tangle() -> Value:
    """Sixty numbers, each made of two of the last dozen."""
    rng = random.Random(3)
    nodes = [Value(rng.uniform(-2.0, 2.0), letter) for letter in "abcdefgh"]
    while len(nodes) < 60:
        p, q = rng.sample(nodes[-12:], 2)
        nodes.append(rng.choice([p * q, p + q, p.tanh(), p - q, p / (q * q + 1)]))
    return fsum(nodes[-6:])


# What is wrong with the numbers that are seen beside arrows: they lie on another arrow, or are nearer to one.
MISPLACED = """() => {
  const { svg, arrows, badge } = app.picture;
  window.points ??= arrows.map((arrow) => {
    const path = arrow.querySelector("path");
    const length = path.getTotalLength();
    return Array.from({ length: Math.ceil(length / 6) + 1 }, (_, i) => path.getPointAtLength(Math.min(length, 6 * i)));
  });
  const isSeen = (text) => getComputedStyle(text).visibility === "visible" && text.textContent;
  const seen = arrows.flatMap((arrow, i) => [...arrow.querySelectorAll("text")].filter(isSeen)
    .map((text) => [i, text.textContent, areaOf(text)]));
  const told = svg.classList.contains("badged") ? [badge.factors, badge.product] : [];
  const lines = told.filter((text) => text.textContent);
  const areas = lines.map((text) => areaOf(text));
  if (lines.length) {
    const outer = [0, 1].map((k) => Math.min(...areas.map((area) => area[k])));
    outer.push(...[2, 3].map((k) => Math.max(...areas.map((area) => area[k]))));
    seen.push([app.state.step.arrow, lines.map((text) => text.textContent).join(" "), outer]);
  }
  const wrong = seen.filter(([own, , area]) => {
    const inner = grown(area, -1, -2);
    const away = points.map((some) => gapTo(inner, some));
    return away.some((gap, i) => i !== own && (gap === 0 || gap < away[own] - 2));
  });
  return [seen.length, lines.length, wrong.map(([own, text]) => text)];
}"""


@pytest.mark.parametrize(
    "build",
    [cubic, network, tangle, lambda: (MLP(2, [3, 1], seed=0)([0.5, -1.0]) - 1) ** 2],
    ids=["cubic", "network", "tangle", "neurons"],
)
def test_each_number_beside_an_arrow_is_seen_to_be_its_own(open_page: Open, build: Callable[[], Value]) -> None:
    page = open_page(build(), at="#level=number")
    press(page, "End")
    arrows, length = page.evaluate(
        "[app.walk.arrows.filter(({ tail }) => app.walk.boxes[tail].k !== 'constant').length, app.walk.length]"
    )
    told = 0
    steps = range(page.evaluate("app.walk.start"), length + 1)
    for step in steps[:: 1 + len(steps) // 24]:
        page.evaluate("step => app.go(step)", step)
        seen, lines, misplaced = page.evaluate(MISPLACED)
        assert misplaced == []
        assert seen >= 0.9 * arrows  # few are hidden
        told += lines > 0
    assert told >= 2  # with their whole arithmetic


def test_a_number_without_room_is_seen_when_its_box_is_pointed_at(open_page: Open) -> None:
    page = open_page((MLP(2, [4, 4, 1], activation="tanh", seed=0)([0.5, -1.0]) - 1.0) ** 2, at="#level=number")
    press(page, "End")
    stray = page.locator("svg.graph:not([hidden]) .e.stray")
    assert 0 < stray.count() < 5
    text = stray.first.locator("text")
    assert text.evaluate("text => getComputedStyle(text).visibility") == "hidden"
    tail = int(stray.first.get_attribute("data-tail").removeprefix("n"))
    page.evaluate("box => app.picture.boxes[box].focus()", tail)
    assert text.evaluate("text => getComputedStyle(text).visibility") == "visible"


def test_the_numbers_of_a_long_arrow_are_where_the_window_is(open_page: Open) -> None:
    x = y = Value(0.5, "x")
    for _ in range(30):
        y = y.sin()
    page = open_page(x * y)
    press(page, "End")
    while page.locator("#caption span").inner_text().split(" +=")[0] != "grad x" or page.evaluate("app.state.done") > 2:
        press(page, "ArrowLeft")  # to the arrow that crosses the whole picture
    arrow = page.locator(".e.now").bounding_box()
    assert arrow["width"] > 3_000.0
    for text in range(3):
        assert is_in_the_stage(page, f".badge text >> nth={text}")


def test_texts_are_not_wider_than_their_boxes(open_page: Open) -> None:
    price, tax = Value(1e-300, "the price of electricity at noon on the longest day"), Value(-2.0 / 3, "W" * 50)
    page = open_page(price * tax + tax.tanh() / 3e-7, digits=17)
    press(page, "End")
    room = page.locator("svg.graph .b").evaluate_all("""boxes => boxes.flatMap((box) => {
      const outline = [...box.querySelectorAll("rect, polygon")].at(-1).getBBox().width;
      return [...box.querySelectorAll("text")].map((text) => outline - text.getBBox().width);
    })""")
    assert min(room) > 9.0
