"""Open pages in a real browser: for the tests of what `write_html` writes."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, fsum
from autograd.viz import write_html
from nn import MLP
from tests.support import PATIENCE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-smooth-scrolling",
]  # fmt: skip

Open = Callable[..., Any]


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


@contextmanager
def running_chromium() -> Iterator[Any]:
    """A browser, until the end of the block; tests skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1_000 * PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module", name="chromium")
def started_chromium() -> Iterator[Any]:
    """The browser of a module; it ends with it, since other tests cannot run coroutines while it is driven."""
    with running_chromium() as browser:
        yield browser


def fresh_page(chromium: Any, **options: Any) -> Any:
    """A page in a profile of its own, which ends with it."""
    page = chromium.new_page(**options)
    page.context.set_default_timeout(1_000 * PATIENCE)
    return page


@pytest.fixture(name="open_tab")
def opened_tabs(request: pytest.FixtureRequest, chromium: Any, tabs: list[Any]) -> Iterator[Open]:
    """Take a tab to open addresses in; afterwards nothing may have complained or asked for another address.

    What is tested here keeps nothing in the browser, so that the tabs of tests that passed are used again: a new
    profile takes three times as long as a page.
    """
    trouble: list[str] = []
    used: list[Any] = []
    failed = request.session.testsfailed

    def take(
        is_inside: Callable[[str], bool],
        motion: str = "reduce",
        scheme: str = "light",
        size: tuple[int, int] = (1200, 760),
    ) -> Any:
        tab = tabs.pop() if tabs else fresh_page(chromium, has_touch=True)
        used.append(tab)
        tab.set_viewport_size(dict(zip(("width", "height"), size)))
        tab.emulate_media(color_scheme=scheme, reduced_motion=motion, media="null")
        tab.mouse.move(0, 0)
        listen(tab, "console", lambda message: trouble.append(f"{message.type}: {message.text}"))
        listen(tab, "pageerror", lambda error: trouble.append(str(error)))
        listen(tab, "dialog", lambda dialog: trouble.append(dialog.message))
        listen(tab, "request", lambda asked: is_inside(asked.url) or trouble.append(asked.url))
        return tab

    def listen(tab: Any, event: str, listener: Callable[[Any], object]) -> None:
        tab.on(event, listener)
        undo.callback(tab.remove_listener, event, listener)

    with ExitStack() as undo:
        yield take
        for tab in used:  # what its page still does is told in this test, and nothing of it in the next one
            tab.goto("about:blank")
    if request.session.testsfailed == failed:
        tabs += used
    assert trouble == []


@pytest.fixture(name="open_page")
def opened_pages(open_tab: Open, tmp_path: Path) -> Open:
    """Open the page of a graph; the state in its address is given by ``at``, as in "#step=7"."""
    paths = (tmp_path / f"graph{i}.html" for i in count())

    def show(
        root: Value,
        *,
        motion: str = "reduce",
        scheme: str = "light",
        size: tuple[int, int] = (1200, 760),
        at: str = "",
        **options: Any,
    ) -> Any:
        address = write_html(root, next(paths), **options).as_uri()
        page = open_tab(lambda url: url.startswith("data:") or url.partition("#")[0] == address, motion, scheme, size)
        page.goto(address + at)
        return page

    return show


def gradients_on(page: Any) -> list[float | None]:
    found: list[float | None] = page.locator("svg.graph:not([hidden]) .b").evaluate_all(
        "boxes => boxes.map(box => 'grad' in box.dataset ? Number(box.dataset.grad) : null)"
    )
    return found


def window_of(page: Any) -> list[float]:
    """How far the picture is moved to the right and down, and its scale."""
    transform = page.locator("svg.graph:not([hidden])").evaluate("svg => svg.style.transform")
    return [float(number) for number in re.findall(r"-?[\d.]+", transform)]


def area_of(page: Any, selector: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of an element on the screen."""
    found = page.locator(selector).bounding_box()
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def is_in_the_stage(page: Any, selector: str) -> bool:
    left, top, right, bottom = area_of(page, "#stage")
    a, b, c, d = area_of(page, selector)
    return left <= a and top <= b and c <= right and d <= bottom


def colours_of(page: Any, image: Any, *area: int) -> list[str]:
    """The colours in an element as they are on the screen, as #ddeefa; of the area from x and y, so wide and high."""
    seen = base64.b64encode(image.screenshot()).decode()
    found: list[str] = page.evaluate(
        """async ([seen, area]) => {
          const image = new Image();
          image.src = `data:image/png;base64,${seen}`;
          await image.decode();
          const { width, height } = image;
          const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(...(area.length ? area : [0, 0, width, height]));
          const hex = (at) => [...data.slice(at, at + 3)].map((x) => x.toString(16).padStart(2, "0")).join("");
          return [...new Set([...Array(data.length / 4).keys()].map((i) => `#${hex(4 * i)}`))];
        }""",
        [seen, area],
    )
    return found


def settle(page: Any) -> None:
    """Wait until the window is where it goes."""
    page.evaluate("""() => new Promise((done) => {
      const look = () => (app.picture.gliding ? requestAnimationFrame(look) : done());
      look();
    })""")


def focus_of(page: Any) -> str:
    """The id of what has the focus, or the first line of a box."""
    found: str = page.evaluate(
        "() => document.activeElement.id || (document.activeElement.querySelector('.t') || {}).textContent || ''"
    )
    return found


def press(page: Any, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)
