"""The page in a notebook: its text inside of another page, its height, its colours, and where `show` shows it."""

from __future__ import annotations

import html
import sys
import webbrowser
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograd import Value
from autograd.viz import Page, page, show, write_html
from tests.support.browser import Open, cubic, fresh_page, network
from tests.support.graphs import HOSTILE


# ---- the object ------------------------------------------------------------------------------------------------------
class Frame(HTMLParser):
    """The tags of a text with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


@pytest.mark.parametrize("label", ["c", "it's", *HOSTILE])
def test_a_notebook_gets_the_whole_page_in_one_frame(label: str) -> None:
    c = cubic()
    c.label = label
    made = page(c)
    ((tag, attributes),) = Frame(made._repr_html_()).found
    assert tag == "iframe"
    assert attributes["srcdoc"] == made.html
    assert {"title", "style", "srcdoc", "allow"} == set(attributes)  # no address: nothing is fetched


def test_a_frame_is_hardly_longer_than_the_page() -> None:
    made = page(cubic())
    assert len(made._repr_html_()) < 1.05 * len(made.html)
    assert len(made._repr_html_()) < 120_000


def test_a_page_is_written_as_write_html_writes_it(tmp_path: Path) -> None:
    made = page(cubic(), title="cube", digits=3)
    assert made.save(tmp_path / "a.html") == tmp_path / "a.html"
    write_html(cubic(), tmp_path / "b.html", title="cube", digits=3)
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == made.html
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(ValueError, match=r"end '.*graph\.svg' in \.html"):
        made.save(tmp_path / "graph.svg")


def test_as_text_it_says_how_to_see_it() -> None:
    assert repr(page(cubic())) == "<page to step through a graph: save(path) writes it, a notebook shows it>"


# ---- show ------------------------------------------------------------------------------------------------------------
@pytest.fixture(name="opened")
def opened_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No notebook is running; the addresses that the browser is asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    for name in ("IPython", "marimo"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return addresses


def run_ipython(monkeypatch: pytest.MonkeyPatch, shell: str) -> list[Any]:
    """Pretend that a shell of IPython runs; what it is asked to display."""
    displayed: list[Any] = []
    ipython: Any = ModuleType("IPython")
    display: Any = ModuleType("IPython.display")
    ipython.get_ipython = lambda: type(shell, (), {})()
    ipython.display = display
    display.display = displayed.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return displayed


def test_in_a_notebook_it_is_displayed(monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> None:
    displayed = run_ipython(monkeypatch, "ZMQInteractiveShell")
    show(cubic(), title="here")
    assert [type(shown) for shown in displayed] == [Page]
    assert "<title>here</title>" in displayed[0].html
    assert opened == []


def test_in_marimo_it_is_displayed(monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> None:
    marimo: Any = ModuleType("marimo")
    displayed: list[Any] = []
    marimo.running_in_notebook = lambda: True
    marimo.output = ModuleType("marimo.output")
    marimo.output.append = displayed.append
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    show(cubic())
    assert [type(shown) for shown in displayed] == [Page]
    assert opened == []


@pytest.mark.parametrize("shell", ["", "TerminalInteractiveShell"])
def test_elsewhere_the_browser_opens_it(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    displayed = run_ipython(monkeypatch, shell) if shell else []
    show(cubic())
    assert displayed == []
    (address,) = opened
    path = Path(address.removeprefix("file://"))
    assert path.read_text(encoding="utf-8") == page(cubic()).html
    assert capsys.readouterr().out == f"opened {path}\n"


def test_without_a_browser_it_says_where_the_page_is(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    show(Value(2.0, "x"))
    said, _, path = capsys.readouterr().out.strip().rpartition(" ")
    assert said == "no browser was found; the page is"
    assert Path(path).exists()
    assert opened == []


# ---- in the browser --------------------------------------------------------------------------------------------------
@pytest.fixture(name="notebook")
def opened_notebooks(open_tab: Open, tmp_path: Path) -> Open:
    """Open a page that looks like a notebook with the pages of graphs in it."""

    def show_in(
        *roots: Value, background: str = "white", width: int = 1000, scheme: str = "light", charset: str = "utf-8"
    ) -> Any:
        cells = "".join([f"<p>cell</p>{page(root)._repr_html_()}" for root in roots])
        path = tmp_path / "notebook.html"
        path.write_text(
            f"<!doctype html><meta charset='{charset}'><body style='background: {background}'><div>{cells}</div>"
            "<p style='height: 2000px'>end</p>",
            encoding="utf-8",
        )
        opened = open_tab(lambda url: url in (path.as_uri(), "data:,"), scheme=scheme, size=(width, 900))
        opened.goto(path.as_uri())
        opened.wait_for_function("[...Array(frames.length).keys()].map((i) => frames[i]).every((frame) => frame.app)")
        return opened

    return show_in


def inside(opened: Any, script: str) -> list[Any]:
    return [frame.evaluate(script) for frame in opened.frames if frame != opened.main_frame]


@pytest.mark.parametrize("width", [420, 700, 1000, 1600])
def test_its_height_fits(notebook: Any, width: int) -> None:
    opened = notebook(cubic(), network(), width=width)
    assert inside(opened, "() => document.documentElement.scrollHeight <= innerHeight") == [True, True]
    assert inside(opened, "() => document.documentElement.scrollWidth <= innerWidth") == [True, True]
    small, large = inside(opened, "() => byId('stage').clientHeight")
    assert 160 <= small <= 560
    assert small <= large <= 560
    small, large = inside(opened, "() => innerHeight")
    assert small < 700


@pytest.mark.parametrize("width", [700, 1000])
def test_the_panel_comes_beside_a_wide_picture_when_something_is_to_be_seen_in_it(notebook: Any, width: int) -> None:
    opened = notebook(network(), width=width)
    frame = opened.frames[1]

    def share() -> float:
        found: float = frame.evaluate("() => byId('stage').clientWidth / innerWidth")
        return found

    assert share() > 0.99
    assert frame.locator("#panel").is_hidden()
    box = frame.locator(".b:visible").first
    box.click()
    assert frame.locator("#panel h2").inner_text() == box.locator(".t").text_content()
    assert share() < 0.8
    opened.keyboard.press("Escape")
    assert share() > 0.99
    frame.click("#help")
    assert frame.locator("#panel").is_visible()
    frame.click("#view summary")
    frame.click("#details")
    assert frame.locator("#panel").is_hidden()
    frame.click("#quiz")  # hidden by the user, it stays hidden
    assert frame.locator("#panel").is_hidden()


def test_the_panel_stays_beside_a_picture_that_can_be_read_there(notebook: Any) -> None:
    opened = notebook(cubic())
    assert inside(opened, "() => byId('panel').checkVisibility()") == [True]


def test_it_runs_in_a_file_whose_encoding_is_misread(notebook: Any) -> None:
    # A file that names no encoding is read by a guess, which depends on how it arrives: here the guess is always wrong.
    opened = notebook(Value(2.0, "Δ") * 3, charset="windows-1252")
    assert inside(opened, "() => document.body.textContent.includes('Δ')") == [True]


def test_a_frame_that_is_laid_out_after_its_scripts_ran_is_drawn_with_what_is_measured_then(
    chromium: Any, tmp_path: Path
) -> None:
    """As in a sandbox of another origin, in which Colab shows what a cell returns, and in a tab behind another."""
    tab, trouble = fresh_page(chromium), []
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    cell = html.escape(page(cubic())._repr_html_())
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f'<iframe sandbox="allow-scripts" hidden width="900" height="600" srcdoc="{cell}"></iframe>')
    tab.goto(notebook.as_uri())
    tab.locator("iframe").evaluate("frame => { frame.hidden = false; }")
    opened = tab.frame_locator("iframe").frame_locator("iframe")
    opened.locator("#last").click()
    assert opened.locator(".badge text").all_text_contents()[2] == "+= 12"
    room = opened.locator("#stage .b").evaluate_all("boxes => boxes.map((box) => box.getBBox().width)")
    assert min(room) > 40.0
    assert opened.locator("body").evaluate("() => app.picture.areas.length === 6 && Boolean(app.picture.found)")
    assert trouble == []
    tab.close()


def test_a_small_picture_is_shown_whole_in_a_cell_of_its_size(notebook: Any) -> None:
    opened = notebook(cubic())
    (room,) = inside(
        opened, "() => [...document.querySelectorAll('.b')].map((box) => box.getBoundingClientRect().bottom)"
    )
    (bottom,) = inside(opened, "() => byId('stage').getBoundingClientRect().bottom")
    assert max(room) < bottom < max(room) + 120  # no hole below it


@pytest.mark.parametrize(
    ("background", "theme"),
    [("white", "light"), ("#111111", "dark"), ("oklch(0.2 0.02 250)", "dark"), ("transparent", "light")],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_as_light_or_dark_as_the_notebook(notebook: Any, background: str, theme: str, scheme: str) -> None:
    opened = notebook(cubic(), background=background, scheme=scheme)
    assert inside(opened, "() => document.documentElement.dataset.theme") == [theme]


def test_it_follows_the_theme_of_the_notebook_until_one_is_chosen(notebook: Any) -> None:
    opened = notebook(cubic(), network())
    themes = "() => document.documentElement.dataset.theme"
    opened.evaluate("document.body.style.background = 'black'")
    for i in range(2):
        opened.wait_for_function(f"frames[{i}].document.documentElement.dataset.theme === 'dark'")
    opened.frames[1].click("#view summary")
    opened.frames[1].click("#theme")
    assert inside(opened, themes) == ["light", "dark"]
    opened.evaluate("document.body.style.background = 'white'")
    opened.wait_for_function("frames[1].document.documentElement.dataset.theme === 'light'")
    opened.evaluate("document.body.style.background = 'black'")
    opened.wait_for_function("frames[1].document.documentElement.dataset.theme === 'dark'")
    assert inside(opened, themes) == ["light", "dark"]


def test_the_wheel_scrolls_the_notebook_and_zooms_only_with_control(notebook: Any) -> None:
    opened = notebook(cubic())
    scale = "() => app.picture.goal.scale"
    (before,) = inside(opened, scale)
    opened.mouse.move(300, 200)
    opened.mouse.wheel(0, 150)
    opened.wait_for_function("scrollY === 150")  # all of it: what is still to come would be added to the next place
    assert inside(opened, scale) == [before]
    opened.evaluate("scrollTo(0, 0)")
    opened.wait_for_function("scrollY === 0")
    opened.keyboard.down("Control")
    opened.mouse.wheel(0, -150)
    opened.wait_for_function(f"frames[0].app.picture.goal.scale > {before}")
    opened.keyboard.up("Control")


def test_pages_in_one_notebook_do_not_meet(notebook: Any) -> None:
    opened = notebook(cubic(), cubic())
    opened.frames[1].click("#last")
    assert inside(opened, "() => byId('count').textContent") == ["backward 5 of 5", "forward 0 of 3"]
    opened.frames[2].click(".b")
    opened.keyboard.press("ArrowRight")
    assert inside(opened, "() => byId('count').textContent") == ["backward 5 of 5", "forward 1 of 3"]
