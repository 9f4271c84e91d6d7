"""The page in front of a class: legible from the last row, with a link to a step, on paper, and with less around it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from autograd import Value, viz
from tests.support.browser import (
    Open,
    area_of,
    cubic,
    focus_of,
    fresh_page,
    gradients_on,
    network,
    press,
    settle,
)  # fmt: skip

PROJECTORS = [(1280, 720), (1920, 1080)]


def height_of_letters(page: Any, selector: str) -> float:
    """The size of a font on the screen, in pixels."""
    found: float = page.locator(selector).first.evaluate(
        """(element) => parseFloat(getComputedStyle(element).fontSize)
          * (element.ownerSVGElement ? element.getScreenCTM().a : 1)"""
    )
    return found


# ---- how large -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", PROJECTORS)
@pytest.mark.parametrize("build", [cubic, network])
def test_labels_can_be_read_from_the_last_row(open_page: Open, size: tuple[int, int], build: Any) -> None:
    """A letter a fiftieth as high as the picture can be read from six times the height of the screen."""
    page = open_page(build(), size=size, at="#hide=panel+controls&type=2")
    settle(page)
    for selector in ("svg.graph:not([hidden]) .b text", "#caption span"):
        assert height_of_letters(page, selector) >= size[1] / 50


@pytest.mark.parametrize("size", [*PROJECTORS, (800, 600), (320, 640)])
def test_a_small_graph_opens_as_a_whole(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(Value(2.0, "a") * Value(3.0, "b"), size=size)
    left, top, right, bottom = area_of(page, "#stage")
    for i in range(3):
        a, b, c, d = area_of(page, f"#stage .b >> nth={i}")
        assert left <= a < c <= right
        assert top <= b < d <= bottom


def test_larger_type_makes_all_letters_larger_and_the_picture_nearer(open_page: Open) -> None:
    page = open_page(network())
    selectors = ("h1", "#caption span", "#caption small", "#panel h2", "#panel p", "#count", "#next")
    before = [height_of_letters(page, selector) for selector in selectors]
    press(page, "y")
    assert [height_of_letters(page, s) for s in selectors] == pytest.approx([1.25 * x for x in before], rel=0.01)
    press(page, "y", 2)
    assert [height_of_letters(page, s) for s in selectors] == pytest.approx(before)


# ---- less around it --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(1200, 760), (390, 844), (320, 640)])
def test_what_is_hidden_gives_its_room_to_the_picture_and_comes_back(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(cubic(), size=size)
    whole = area_of(page, "#stage")
    press(page, "d")
    assert page.locator("#panel").is_hidden()
    wider = area_of(page, "#stage")
    assert (wider[2] - wider[0]) * (wider[3] - wider[1]) > 1.2 * (whole[2] - whole[0]) * (whole[3] - whole[1])
    press(page, "c")
    for part in ("header", ".transport"):
        assert page.locator(part).is_hidden()
    assert page.locator("#caption").is_visible()
    assert focus_of(page) == "uncover"
    press(page, "ArrowRight")  # works without its button
    assert page.locator("#caption span").inner_text() == "a*b = -4*2 = -8"
    page.click("#uncover")
    press(page, "d")
    assert area_of(page, "#stage") == whole
    assert page.locator("header").is_visible()


def test_the_menu_is_worked_with_the_keyboard_and_closes_when_it_is_left(open_page: Open) -> None:
    page = open_page(cubic())
    page.focus("#view summary")
    press(page, "Enter")
    press(page, "Tab", 3)
    assert focus_of(page) == "details"
    press(page, "Enter")
    assert page.locator("#panel").is_hidden()
    assert page.locator("#details").inner_text().startswith("Show the details")
    press(page, "Tab", 5)
    assert page.locator(".menu").is_hidden()
    page.click("#view summary")
    page.locator("#stage").click(position={"x": 5, "y": 5})
    assert page.locator(".menu").is_hidden()


@pytest.mark.parametrize("size", [(1200, 760), (320, 640), (320, 256)])
def test_the_menu_is_inside_of_the_window(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(cubic(), size=size)
    page.click("#view summary")
    left, _, right, bottom = area_of(page, ".menu")
    assert 0 <= left < right <= size[0]
    assert bottom <= max(size[1], page.evaluate("document.documentElement.scrollHeight"))
    for button in ("theme", "larger", "details", "controls", "full", "print"):
        a, _, b, _ = area_of(page, f"#{button}")
        assert left <= a < b <= right


def test_full_screen_and_back(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "e")
    page.wait_for_function("() => document.fullscreenElement !== null")
    page.wait_for_function("() => document.getElementById('full').getAttribute('aria-pressed') === 'true'")
    press(page, "e")
    page.wait_for_function("() => document.fullscreenElement === null")


# ---- the address -----------------------------------------------------------------------------------------------------
def address_of(page: Any) -> str:
    page.wait_for_function("() => location.hash.slice(1) === app.address.text()")
    found: str = page.evaluate("location.hash")
    return found


def test_a_link_opens_at_its_step(open_page: Open) -> None:
    page = open_page(cubic(), at="#step=7")
    assert page.locator("#caption span").inner_text() == "grad a += 1 × 2 = 2"
    assert page.locator("#count").get_attribute("title") == "Step 7 of 9"


def test_the_address_has_the_whole_state_and_a_link_brings_it_back(open_page: Open) -> None:
    page = open_page(network())
    assert address_of(page) == ""
    page.click("#levels >> text=number")
    press(page, "ArrowRight", 12)
    page.click("#fit")
    page.locator("svg.graph:not([hidden]) .b.parameter").first.click()
    page.locator("#moved").fill("-0.125")
    page.locator("#moved").blur()
    for key in "tyd":
        press(page, key)
    there = address_of(page)
    assert re.fullmatch(
        r"#(level=number&)?step=12&select=(\d+)&data=\2:-0.125&theme=dark&type=1&hide=panel", there.replace("%2C", ",")
    )

    def state(page: Any) -> Any:
        return page.evaluate("""[app.level, app.position, app.selected, app.numbers.data, document.title,
            document.documentElement.dataset.theme, document.documentElement.className,
            getComputedStyle(document.body).fontSize]""")

    other = open_page(network(), at=there)
    assert state(other) == state(page)
    assert gradients_on(other) == gradients_on(page)
    assert address_of(other) == there


def test_a_new_address_in_the_bar_is_followed(open_page: Open) -> None:
    page = open_page(cubic(), at="#step=3&data=1:5")
    page.evaluate("location.hash = '#step=9&select=1'")
    page.wait_for_function("() => app.position === 9")
    assert page.locator("#gradient").inner_text() == "8"
    page.evaluate("location.hash = ''")
    page.wait_for_function("() => app.position === 0")
    assert page.evaluate("app.selected") is None


@pytest.mark.parametrize(
    "at",
    ["#step=-1&level=42&select=99&theme=pink&type=9&hide=all", "#step=x&data=0:a 7:1 : 99:2,x", "#%%%", "#data=3:9"],
)
def test_an_address_that_makes_no_sense_opens_the_page_as_it_is(open_page: Open, at: str) -> None:
    page = open_page(cubic(), at=at)
    assert page.evaluate("[app.position, app.selected, app.live.differs]") == [0, None, False]
    assert page.locator("h1").inner_text() == "c = 0"
    assert page.locator("header").is_visible()


def test_a_page_in_a_notebook_leaves_the_address_alone(chromium: Any) -> None:
    page = fresh_page(chromium)
    page.clock.install()
    inner = viz.page(cubic()).html
    page.set_content("<iframe style='width: 900px; height: 500px'></iframe>")
    page.locator("iframe").evaluate("(frame, text) => { frame.srcdoc = text; }", inner)
    frame = page.frame_locator("iframe")
    frame.locator("#next").click()
    frame.locator(".b.leaf").first.click()
    frame.locator("#moved").fill("3")
    assert frame.locator("h1").inner_text() == "c = 14"
    page.clock.run_for(600)  # longer than the address waits
    assert page.url == "about:blank"
    page.close()


# ---- paper -----------------------------------------------------------------------------------------------------------
def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_every_step_is_printed_on_a_page_of_its_own(open_page: Open) -> None:
    page = open_page(cubic(), scheme="dark", at="#step=4")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    page.click("#view summary")
    page.click("#print")
    assert page.evaluate("window.printed")
    assert page.evaluate("app.position") == 4
    captions = page.locator("#paper section p:first-of-type").all_text_contents()
    assert len(captions) == 10
    assert captions[1] == "a*b = -4*2 = -8"
    assert captions[9] == "grad b += 1 × 12 = 12"
    assert not [key for key in ("→", "Space") if key in page.locator("#paper").inner_text()]  # paper has no keys
    shown = page.locator("#paper section:nth-child(10) .b .g").all_text_contents()
    assert shown == ["grad 2", "grad 8", "grad 1", "grad 1", "grad 1"]
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#stage").is_hidden()
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 10
    page.emulate_media(media="screen")
    page.wait_for_function("() => !document.getElementById('paper').children.length")
    assert page.locator("#paper").is_hidden()


def test_too_many_steps_are_not_printed_and_it_says_so(open_page: Open) -> None:
    x = y = Value(0.5, "x")
    for _ in range(300):
        y = y.sin() * 1.1
    page = open_page(y)
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    page.click("#view summary")
    page.click("#print")
    assert page.evaluate("window.printed") is None
    assert page.locator("#caption span").inner_text() == "Every step is too much to print here."
    assert x.label == "x"
