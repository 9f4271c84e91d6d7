"""The site as a visitor meets it: served from this machine, in a real browser, with nothing from another host.

The playground needs Chromium, and the npm packages `pyodide` and `@viz-js/viz` as `test_webassembly` does.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from autograd import grad
from autograd.viz.pictures.theme import THEMES, Kind
from autograd.viz.text.notation import reading_order
from tests.support.browser import gradients_on, started_chromium  # noqa: F401 - a fixture
from tests.support.javascript import MODULES
from tests.support.site import Visit, built_and_served, visited, website  # noqa: F401 - fixtures

needs_pyodide = pytest.mark.skipif(MODULES is None, reason="needs: npm install pyodide @viz-js/viz")
OUTPUTS = [THEMES[name].looks[Kind.OUTPUT].fill for name in ("light", "dark")]
runner = website.runner


@pytest.fixture(scope="module", name="playground")
def playground_that_is_ready(visit: Visit) -> Any:
    """One visit for all tests: to load Python takes most of the time."""
    page = visit("playground/")
    wait(page, "Done.")  # the first example runs by itself
    return page


def wait(page: Any, status: str) -> None:
    """Wait until the playground says something else than that it is busy, or until it is busy, if that is asked for."""
    busy = "Running" if status != "Running" else "Done"
    page.wait_for_function("busy => !document.getElementById('status').textContent.match(busy)", arg=f"{busy}|loading")
    assert page.locator("#status").text_content().startswith(status), page.locator("#error").text_content()


def run(page: Any, program: str, status: str = "Done.") -> None:
    page.locator("#program").fill(program)
    page.locator("#program").press("Control+Enter")
    wait(page, status)


def frame(page: Any, at: int = 0) -> Any:
    """The page of a graph in the playground, when it is drawn."""
    found = page.locator("iframe").nth(at).element_handle().content_frame()
    found.wait_for_selector("svg.graph:not([hidden]) .b")
    return found


def last_gradients(page: Any) -> list[float | None]:
    """The gradients that the page of a graph shows at its last step, number by number."""
    if page.locator("#levels >> text=number").count():
        page.locator("#levels >> text=number").click()
    page.locator("#last").click()
    return gradients_on(page)


def width_needed(page: Any) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


@needs_pyodide
def test_the_first_example_is_there_without_a_click(playground: Any) -> None:
    assert last_gradients(frame(playground)) == [2.0, 8.0, 1.0, None, 1.0, 1.0]


@needs_pyodide
def test_a_formula_gets_numbers_and_a_page(playground: Any) -> None:
    run(playground, "w*x + b")
    assert "w = 0.5, x = 1, b = 1.5" in playground.locator("#output").text_content()
    assert sorted(map(float, last_gradients(frame(playground)))) == [0.5, 1.0, 1.0, 1.0, 1.0]


@needs_pyodide
@pytest.mark.parametrize("name", ["neuron", "xor", "attention"])
def test_an_example_gives_the_numbers_of_python(playground: Any, name: str) -> None:
    playground.locator("#example").select_option(name)
    wait(playground, "Done.")
    root = runner.value_of(website.examples()[name])
    order = reading_order(root)
    expected = [None if node.op.name == "constant" else found for node, found in zip(order, grad(root, order))]
    assert last_gradients(frame(playground)) == [near(found) for found in expected]


def near(expected: float | None) -> Any:
    """The same, but for the last digits of exp and tanh, in which C libraries differ."""
    return expected if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-12)


@needs_pyodide
def test_show_adds_pages(playground: Any) -> None:
    run(
        playground,
        "from autograd import Value\nfrom autograd.viz import show\nfor x in (1, 2):\n    show(Value(x, 'x') * 3)",
    )
    assert playground.locator("iframe").count() == 2
    assert 3.0 in last_gradients(frame(playground, 1))


@needs_pyodide
def test_an_error_names_the_line_and_leads_to_it(playground: Any) -> None:
    run(playground, "x = 1\ny = x.grad\n", "Your program failed.")
    problem = playground.locator("#error").text_content()
    assert problem.startswith("Line 2")
    assert problem.endswith("AttributeError: 'int' object has no attribute 'grad'")
    playground.locator("#there").press("Enter")
    chosen = playground.evaluate(
        "() => { const p = document.activeElement; return p.value.slice(p.selectionStart, p.selectionEnd); }"
    )
    assert chosen == "y = x.grad"


@needs_pyodide
def test_a_program_that_does_not_end_can_be_stopped(playground: Any) -> None:
    run(playground, "while True: pass", "Running")
    playground.locator("#stop").press("Enter")
    wait(playground, "Ready.")
    run(playground, "print('again')")
    assert playground.locator("#output").text_content() == "again\n"


@needs_pyodide
def test_enter_indents_and_tab_leaves(playground: Any) -> None:
    editor = playground.locator("#program")
    editor.fill("")
    editor.press_sequentially("def f():")
    editor.press("Enter")
    editor.press_sequentially("return 1")
    assert editor.input_value() == "def f():\n    return 1"
    editor.press("Tab")
    assert playground.evaluate("document.activeElement.id") == "run"


@needs_pyodide
def test_a_program_in_the_address_is_not_run_unasked(visit: Visit) -> None:
    page = visit("playground/#program=print(1%20%2B%201)")
    assert page.locator("#program").input_value() == "print(1 + 1)"
    wait(page, "Ready.")
    assert page.locator("#output").is_hidden()


@needs_pyodide
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "playground/", "gallery/"])
def test_a_narrow_screen_needs_no_scrolling_sideways(visit: Visit, path: str, scheme: str) -> None:
    page = visit(path, size=(320, 640), scheme=scheme)
    assert width_needed(page) <= 320
    red = int(page.evaluate("getComputedStyle(document.body).backgroundColor").split("(")[1].split(",")[0])
    assert (red > 128) == (scheme == "light")


@needs_pyodide
@pytest.mark.parametrize("name", website.EXAMPLES)
def test_each_page_of_the_gallery_opens(visit: Visit, name: str) -> None:
    page = visit("gallery/")
    page.locator(f"a[href='{name}.html']").click()
    page.wait_for_selector("svg.graph:not([hidden]) .b")
    assert page.locator("#title").text_content() == website.about(website.examples()[name])[0]
    page.locator("#gallery").click()
    page.locator("h1", has_text="Gallery").wait_for()


@needs_pyodide
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_each_picture_of_the_gallery_is_seen_whole_in_letters_that_can_be_read(
    visit: Visit, scheme: str, width: int
) -> None:
    page = visit("gallery/", size=(width, 800), scheme=scheme)
    assert width_needed(page) <= width
    for name in website.EXAMPLES:
        image = page.locator(f"img[src='{name}-light.svg']")
        image.scroll_into_view_if_needed()
        assert image.evaluate("image => image.currentSrc").endswith(f"{name}-{scheme}.svg")
        assert image.evaluate("image => [image.clientWidth, image.clientHeight]") == image.evaluate(
            "image => [image.naturalWidth, image.naturalHeight]"  # a pixel is a pixel
        )
        text = page.request.get(image.evaluate("image => image.currentSrc")).text()
        assert min(map(float, re.findall(r'<text [^>]*font-size="([\d.]+)"', text))) >= 10
        assert sum(text.count(f'<polygon fill="{fill}"') for fill in OUTPUTS) == 1  # down to the output
        frame = page.locator(".scroll", has=image)
        area, room = image.bounding_box(), frame.bounding_box()
        if width == 1280:  # at once
            assert room["x"] <= area["x"]
            assert area["x"] + area["width"] <= room["x"] + room["width"]
        else:  # by scrolling, which the keyboard can do, too
            frame.focus()
            frame.evaluate("frame => frame.scrollTo(frame.scrollWidth, 0)")
            area = image.bounding_box()
            assert area["x"] + area["width"] <= room["x"] + room["width"] + 1
