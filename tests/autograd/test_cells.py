"""What a notebook shows of Values, checks, compiled functions, formulas and drawings."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest

from autograd import Value, compile, display, draw_dot, gradcheck, primitive, sin
from autograd.viz import page, theme, to_latex, to_latex_gradient
from autograd.viz.pictures.theme import THEMES, Kind
from tests.support.browser import colours_of, cubic, fresh_page, started_chromium  # noqa: F401 - the fixture


def cells_of(text: str) -> list[list[str]]:
    """The rows of a table, as texts."""

    class Rows(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[list[str]] = []

        def handle_starttag(self, tag: str, attributes: Any) -> None:
            if tag == "tr":
                self.rows.append([])
            elif tag in ("td", "th"):
                self.rows[-1].append("")

        def handle_data(self, data: str) -> None:
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] += data

    parser = Rows()
    parser.feed(text)
    return parser.rows


# ---- Values ----------------------------------------------------------------------------------------------------------
def test_a_value_shows_its_label_expression_data_and_gradient() -> None:
    c = cubic()
    assert cells_of(c._repr_html_())[1:] == [["c", "a*b + b**3", "0.0", "not computed"]]
    c.backward()
    (b,) = {parent for product in c.parents for parent in product.parents if parent.label == "b"}
    assert cells_of(b._repr_html_())[1:] == [["b", "leaf", "2.0", "8"]]
    assert cells_of((b * 1.0)._repr_html_())[1][1] == "b*1"


def test_a_label_is_text() -> None:
    x = Value(2.0, "<script>alert(1)</script>")
    shown = (x * 3)._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_the_value_of_a_large_graph_shows_what_it_was_computed_by() -> None:
    x = y = Value(0.5, "x")
    for _ in range(6_000):
        y = y.sin()
    y.label = "y"
    assert cells_of((y * x)._repr_html_())[1][1] == "y*x"


def test_a_value_of_another_type_is_shown_too() -> None:
    class Money(Value):
        __slots__ = ()

    assert cells_of(Money(2.0, "m")._repr_html_())[1][0] == "m"


# ---- checks, programs, formulas --------------------------------------------------------------------------------------
def test_a_check_shows_its_verdict_and_each_wrong_derivative() -> None:
    assert gradcheck(lambda x, y: x * sin(y), [2.0, 0.5])._repr_html_() == (
        "<p>2 of 2 derivatives agree with finite differences</p>"
    )
    wrong = primitive(lambda y, x: 3 * x, name="wrong_in_a_cell")(lambda x: x**2)
    report = gradcheck(wrong, 2.0, raise_exception=False)
    assert cells_of(report._repr_html_())[1:] == [["wrong", str(report.wrong[0])]]


def test_a_compiled_function_shows_its_equations() -> None:
    f = compile(lambda x, y: x * y + x)
    assert "not called yet" in f._repr_html_()
    f(1.0, 2.0)
    assert f"<pre>{f}</pre>" in f._repr_html_()
    assert "J = x y + x" in f._repr_html_()


def test_formulas_are_texts_that_a_notebook_typesets() -> None:
    c = cubic()
    b = next(parent for product in c.parents for parent in product.parents if parent.label == "b")
    for formula in (to_latex(c), to_latex_gradient(c, wrt=b)):
        assert isinstance(formula, str)
        assert formula._repr_latex_() == f"$\\displaystyle {formula}$"  # type: ignore[attr-defined]


# ---- curves ----------------------------------------------------------------------------------------------------------
def test_a_curve_goes_through_its_numbers() -> None:
    svg = display.curves({"loss": [4.0, 1.0, 2.0]})
    (points,) = re.findall(r'points="([^"]+)"', svg)
    xs, ys = zip(*[map(float, point.split(",")) for point in points.split()])
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1])
    assert ys[1] > ys[2] > ys[0]  # down is larger
    assert (ys[1] - ys[0]) / (ys[1] - ys[2]) == pytest.approx(3.0, rel=0.01)
    assert {"4", "1", "loss", "epoch 1", "3"} <= set(re.findall(r">([^<>]+)</text>", svg))


@pytest.mark.parametrize(
    ("values", "lines"), [([], 0), ([nan, inf], 0), ([1.0], 1), ([2.0, 2.0], 1), ([1.0, nan, 2.0, inf, 3.0, 4.0], 3)]
)
def test_numbers_that_are_not_finite_leave_a_gap(values: list[float], lines: int) -> None:
    svg = display.curves({"loss": values})
    assert svg.count("<polyline") == lines
    assert "nan" not in svg.replace("from", "").partition("aria-label")[0]
    assert "inf" not in re.sub(r'aria-label="[^"]*"', "", svg)


def test_names_at_the_ends_of_curves_do_not_lie_over_each_other() -> None:
    svg = display.curves({"loss": [1.0, 0.5], "val_loss": [1.0, 0.5], "third": [0.0, 0.51]})
    heights = sorted(float(y) for y in re.findall(r'y="(\d+)" fill="#', svg))
    assert all(below - above >= 11 for above, below in pairwise(heights))


# ---- one theme for all -----------------------------------------------------------------------------------------------
@pytest.fixture(name="chosen")
def restored_theme() -> Any:
    before = theme()
    yield theme
    theme(before)


def test_a_theme_is_chosen_once_for_all(chosen: Any) -> None:
    c = cubic()
    dark = draw_dot(c, theme="dark").source
    assert draw_dot(c).source != dark
    assert 'data-theme=""' in page(c).html
    assert chosen("dark") == ""
    assert draw_dot(c).source == dark
    assert draw_dot(c, theme="light").source != dark
    assert 'data-theme="dark"' in page(c).html
    assert "<style>" not in draw_dot(c)._repr_html_()
    assert chosen("print") == "dark"
    assert 'data-theme="light"' in page(c).html
    with pytest.raises(ValueError, match="unknown theme 'pink'"):
        chosen("pink")
    assert chosen() == "print"
    assert "<style>" in draw_dot(c)._repr_html_()
    assert "<style>" not in draw_dot(c, theme="light")._repr_html_()


@pytest.mark.parametrize(
    ("scheme", "around", "expected"),
    [
        ("light", "", "light"),
        ("dark", "", "dark"),
        ("dark", 'data-jp-theme-light="true"', "light"),
        ("light", 'data-jp-theme-light="false"', "dark"),
        ("light", 'class="vscode-dark"', "dark"),
        ("dark", 'class="vscode-light"', "light"),
    ],
)
def test_a_drawing_is_as_light_or_dark_as_the_notebook(chromium: Any, scheme: str, around: str, expected: str) -> None:
    page = fresh_page(chromium, color_scheme=scheme)
    page.set_content(f"<html><body {around}>{draw_dot(cubic())._repr_html_()}</body></html>")
    colours = colours_of(page, page.locator("img"))
    for name in ("light", "dark"):
        leaf = THEMES[name].looks[Kind.LEAF]
        assert (leaf.fill in colours) == (leaf.line in colours) == (name == expected)
    page.close()
