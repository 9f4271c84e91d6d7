"""The line chart: a well-formed picture whose line and ticks are where they belong."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from nn.cli.chart import HEIGHT, WIDTH, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def chart(values: list[float], title: str = "t", y_label: str = "J") -> ElementTree.Element:
    return ElementTree.fromstring(line_chart(values, title=title, x_label="epoch", y_label=y_label))


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def points(svg: ElementTree.Element) -> list[tuple[float, float]]:
    (line,) = svg.iter(f"{SVG}polyline")
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+),([\d.-]+)", line.get("points", ""))]


def height_of(svg: ElementTree.Element, tick: str) -> float:
    """Where the grid line of a tick is."""
    (text,) = [element for element in svg.iter(f"{SVG}text") if element.text == tick]
    return float(text.get("y", "")) - 4


def test_the_line_has_a_point_per_value_at_its_height() -> None:
    svg = chart([40.0, 20.0, 10.0, 0.0])
    found = points(svg)
    assert len(found) == 4
    steps = [b - a for (a, _), (b, _) in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.11)
    for (_, y), tick in zip(found, ["40", "20", "10", "0"], strict=True):
        assert y == pytest.approx(height_of(svg, tick), abs=0.11)


@pytest.mark.parametrize(
    "values",
    [
        [0.14, 0.1, 0.015], [1e-9, 1e-10], [3e8, 1e5], [0.0, 0.0], [5.0], [-1.0, 2.0], [-3.0, -2.0], [1.0] * 1000,
        [1e300, 1.0], [0.1] * 2, [7.0, 3.0, 2.0],
    ],
)  # fmt: skip
def test_everything_is_inside_of_the_picture(values: list[float]) -> None:
    svg = chart(values)
    for x, y in points(svg):
        assert 0 <= x <= WIDTH
        assert 40 <= y <= HEIGHT - 50
    ticks = [t for t in texts(svg) if re.fullmatch(r"-?[\d.]+(e[+-]\d+)?", t)]
    assert len(set(ticks)) >= 3 or len(values) == 1
    for element in svg.iter(f"{SVG}text"):
        assert 0 <= float(element.get("x", "0")) <= WIDTH


def test_the_ticks_are_round_numbers_without_trailing_dust() -> None:
    assert [t for t in texts(chart([0.137, 0.02])) if t.startswith("0.")] == [
        "0.00", "0.02", "0.04", "0.06", "0.08", "0.10", "0.12", "0.14",
    ]  # fmt: skip


def test_one_value_is_a_dot() -> None:
    assert len(list(chart([2.0]).iter(f"{SVG}circle"))) == 1


def test_text_is_escaped_and_the_picture_has_a_name() -> None:
    svg = chart([1.0, 2.0], title="a < b & c", y_label="<J>")
    assert svg.find(f"{SVG}title").text == "a < b & c"  # type: ignore[union-attr]
    assert "<J>" in texts(svg)
    assert svg.get("role") == "img"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_cannot_be_drawn_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, and all of them finite"):
        chart(values)
