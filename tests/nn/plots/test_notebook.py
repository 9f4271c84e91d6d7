"""Figures as a notebook shows them: light or dark, small, and described in words."""

from __future__ import annotations

import base64
import io
import pickle
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'scalar-autograd[notebooks]'")

import matplotlib.pyplot as plt

from autograd.viz import theme
from nn import History, plot_attention, plot_history
from nn.plots.style import figure_as_html
from tests.support.browser import colours_of, fresh_page, started_chromium  # noqa: F401 - a fixture


def picture_in(html: str) -> str:
    """The SVG of an image in HTML."""
    return base64.b64decode(re.findall(r"base64,([^']*)", html)[0]).decode()


def curve() -> Any:
    return plot_history(History(loss=[0.5, 0.3, 0.2], lr=[0.1] * 3, seconds=[0.0] * 3)).figure


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("dark", [False, True])
def test_a_figure_is_as_dark_as_what_is_around_it_and_can_be_read(chromium: Any, dark: bool) -> None:
    page = fresh_page(chromium, color_scheme="light" if dark else "dark")  # the notebook decides, not the system
    page.set_content(f"<body data-jp-theme-light='{str(not dark).lower()}'>{curve()._repr_html_()}")
    shades = [sum(bytes.fromhex(colour[1:])) / 3 for colour in colours_of(page, page.locator("img"))]
    corner = sum(bytes.fromhex(colours_of(page, page.locator("img"), 2, 2, 1, 1)[0][1:])) / 3
    assert (corner < 40) if dark else (corner > 250)
    assert (max(shades) > 220) if dark else (min(shades) < 20)
    page.close()


def test_white_numbers_on_strong_cells_stay_white_in_the_dark(chromium: Any) -> None:
    figure = plot_attention([[1.0, 0.0], [0.5, 0.5]], ["a", "b"]).figure
    page = fresh_page(chromium, color_scheme="dark")
    page.set_content(f"<body>{figure_as_html(figure)}")
    page.set_content(f"<body>{picture_in(figure_as_html(figure) or '')}")  # in the page itself, where it can be asked
    found = page.evaluate(
        "[...document.querySelectorAll('g[style*=\"fill: #ffffff\"]')].map((g) => getComputedStyle(g).fill)"
    )
    assert found
    assert {*found} == {"rgb(255, 255, 255)"}
    page.close()


def test_a_theme_that_was_chosen_holds_for_figures_too() -> None:
    assert "@media (prefers-color-scheme:dark)" in picture_in(curve()._repr_html_())
    before = theme("dark")
    try:
        dark = picture_in(curve()._repr_html_())
        theme("light")
        light = picture_in(curve()._repr_html_())
    finally:
        theme(before)
    assert "@media" not in dark
    assert "fill:#15181c!important" in dark
    assert "#15181c" not in light


def test_a_figure_of_another_style_stays_as_it_is() -> None:
    with plt.style.context("dark_background"):
        assert "!important" not in picture_in(curve()._repr_html_())


def test_it_says_what_it_shows_and_an_empty_one_shows_nothing() -> None:
    assert "alt='Figure, loss, epoch'" in curve()._repr_html_()
    assert figure_as_html(plt.figure()) is None


def test_it_is_smaller_than_matplotlibs_own_and_can_be_pickled() -> None:
    figure = curve()
    written = picture_in(figure._repr_html_())
    assert not re.search(r' (d|x|y)="[^"]*\d\.\d{3}', written)
    assert "<metadata" not in written
    again = pickle.loads(pickle.dumps(figure))
    assert "<path" in picture_in(again._repr_html_())


def test_only_places_are_rounded() -> None:
    """Letters keep their size, and texts their digits."""
    with plt.rc_context({"svg.fonttype": "none"}):
        figure, ax = plt.subplots()
        ax.plot([0.0, 2e-4], [0.123456, 2.345678])
        ax.set_xticks([1e-4, 1.5e-4, 2e-4])
        text = picture_in(figure_as_html(figure) or "")
    assert re.findall(r">(0\.000\d+)<", text) == ["0.00010", "0.00015", "0.00020"]
    figure, ax = plt.subplots()
    ax.set_title("Letters")
    file = io.StringIO()
    figure.savefig(file, format="svg")
    assert set(re.findall(r"scale\([^)]*\)", picture_in(figure_as_html(figure) or ""))) == set(
        re.findall(r"scale\([^)]*\)", file.getvalue())
    )
