"""Drawings of a graph: the DOT text, the kinds of boxes, and escaping."""

from __future__ import annotations

import base64
import html
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import graphviz
import pytest

import autograd
from autograd import Value, fsum, sumprod
from autograd.graph import topological_order
from autograd.viz import draw_dot, explain, page, save, to_latex
from nn import MLP, half_mse_loss
from tests.support.graphs import HOSTILE


def body(drawing: graphviz.Digraph) -> list[str]:
    """The statements of a drawing without the defaults at its top."""
    return [line.strip() for line in drawing.source.splitlines()[4:-1]]


def product() -> Value:
    return Value(-4.0, "a") * Value(2.0, "b")


def test_the_dot_text_of_a_product_before_and_after_backward() -> None:
    c = product()
    leaf = 'color="#0072b2" fillcolor="#ddeefa" style="rounded,filled"]'
    output = 'color="#00795a" fillcolor="#d6f2e6" peripheries=2 style=filled]'
    assert body(draw_dot(c)) == [
        r'n0 [label="a\ndata -4\ngrad not computed" ' + leaf,
        r'n1 [label="b\ndata 2\ngrad not computed" ' + leaf,
        r'n2 [label="a*b\ndata -8\ngrad not computed" ' + output,
        "n0 -> n2 [label=2]",
        "n1 -> n2 [label=-4]",
    ]
    c.backward()
    assert body(draw_dot(c)) == [
        r'n0 [label="a\ndata -4\ngrad 2" ' + leaf,
        r'n1 [label="b\ndata 2\ngrad -4" ' + leaf,
        r'n2 [label="a*b\ndata -8\ngrad 1" ' + output,
        "n0 -> n2 [label=2]",
        "n1 -> n2 [label=-4]",
    ]


def test_the_square_of_a_node_has_two_arrows() -> None:
    a = Value(3.0, "a")
    assert body(draw_dot(a * a))[-2:] == ["n0 -> n1 [label=3]", "n0 -> n1 [label=3]"]


def test_a_gradient_of_zero_is_not_a_gradient_that_was_not_computed() -> None:
    a = Value(0.0, "a")
    y = a * a
    y.backward()
    assert r"grad 0" in draw_dot(y).source
    assert "not computed" not in draw_dot(y).source


def test_behind_a_dead_relu_gradients_are_computed_and_zero() -> None:
    w, b = Value(-3.0, "w"), Value(-1.0, "b")
    y = sumprod([w, w, w], [1.0, 2.0, 3.0], b).relu()
    y.backward()
    assert [w.grad, b.grad] == [0.0, 0.0]
    assert "not computed" not in draw_dot(y).source


def test_a_constant_is_dashed_and_has_neither_gradient_nor_derivative() -> None:
    text = body(draw_dot(Value(2.0, "x") * 3))
    assert text[1] == 'n1 [label=3 color="#8a8a8a" fillcolor="#f6f6f6" style="filled,dashed"]'
    assert text[4] == 'n1 -> n2 [color="#5c5c5c" style=dashed]'


def test_parameters_are_found_by_label_or_given() -> None:
    w, x = Value(0.5, "w²₁₃"), Value(2.0, "x")
    y = w * x
    parameter = "diagonals"
    assert [parameter in line for line in body(draw_dot(y))[:3]] == [True, False, False]
    assert [parameter in line for line in body(draw_dot(y, parameters=[x]))[:3]] == [False, True, False]


def test_a_model_gives_its_parameters() -> None:
    class Model:
        def parameters(self) -> list[Value]:
            return [x]

    x = Value(2.0, "x")
    assert "diagonals" in draw_dot(x * 2, parameters=Model()).source


def test_several_roots_share_one_drawing() -> None:
    a = Value(2.0, "a")
    drawing = draw_dot([a * 2, a * 5])
    assert drawing.source.count("peripheries=2") == 2
    assert drawing.source.count('"a\\n') == 1


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_kinds_are_told_apart_without_colour(theme: str) -> None:
    x, w = Value(2.0, "x"), Value(1.0, "w²₁₁")
    source = draw_dot((x * w + 3).exp(), theme=theme).source
    for outline in ("rounded,filled", "filled,diagonals", "filled,dashed", "peripheries=2"):
        assert source.count(outline) == 1


def test_numbers_are_written_as_asked() -> None:
    assert r"x\ndata 0.333333\n" in draw_dot(Value(1 / 3, "x") * 2, number_format=".6f").source


def test_names_are_labels_or_short_expressions_or_numbers() -> None:
    a, b = Value(2.0, "a"), Value(5.0, "b")
    long = (a * b + a / b) * (a - b) * (a + b)
    long_label = long + 1
    long_label.label = "total"
    source = draw_dot(long_label).source
    for title in ("a*b", "a/b", "a*b + a/b", "(a*b + a/b)*(a - b)", "a + b", "total = v8 + 1"):
        assert title in source


def test_a_numbered_name_is_none_that_a_label_has() -> None:
    """As in a simulation whose velocities are v0, v1, …"""
    velocities = [Value(1.0 + i, f"v{i}") for i in range(9)]
    total = fsum([a * b for a, b in itertools.pairwise(velocities)])
    root = total * total + total.tanh()
    shown = draw_dot(root).source, str(explain(velocities[0], root)), str(to_latex(root * root.exp() * root.tanh()))
    assert "n20 = (Σ of 8)*(Σ of 8)" in shown[0]
    assert shown[1].startswith("∂n20/∂v0 = ")
    assert "n_{9} &=" in shown[2]


@pytest.mark.parametrize("number", [0, 7, 2.5])
def test_a_label_that_is_a_number_is_shown_and_stays_one(number: Any) -> None:
    x = Value(2.0, "x")
    square = x * x
    square.label = number
    y = square * 3
    shown = draw_dot(y).source, page(y).html, str(explain(x, y)), str(to_latex(y)), square._repr_html_()
    assert all(str(number) in text for text in shown)
    assert f"{number} = x*x" in shown[0]
    assert square.label is number


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda a, b: -(a**b), "-a**b"),
        (lambda a, b: (-a) ** b, "(-a)**b"),
        (lambda a, b: (a**b) ** 2, "(a**b)**2"),
        (lambda a, b: a ** (b**2), "a**b**2"),
        (lambda a, b: a - (b - 1), "a - (b - 1)"),
        (lambda a, b: a / (b * a), "a/(b*a)"),
        (lambda a, b: a * -3, "a*(-3)"),
        (lambda a, b: a - (-b), "a - (-b)"),
        (lambda a, b: a + (-b) * a, "a + (-b*a)"),
        (lambda a, b: a**-2, "a**(-2)"),
        (lambda a, b: (-3) ** a, "(-3)**a"),
        (lambda a, b: -(a + b), "-(a + b)"),
        (lambda a, b: a.maximum(b), "maximum(a, b)"),
    ],
)
def test_expressions_have_the_parentheses_that_they_need(build, text: str) -> None:  # type: ignore[no-untyped-def]
    node = build(Value(2.0, "a"), Value(3.0, "b"))
    order = topological_order(node)
    assert autograd.viz.text.notation.Names(order).name[node] == text
    assert eval(text, {"a": 2.0, "b": 3.0, "maximum": max}) == node.data


@pytest.mark.parametrize(
    ("build", "title"),
    [
        (lambda x, y: (x + y).sin().exp() * x.hypot(y), "r = exp(sin(x + y))*hypot(x, y)"),
        (lambda x, y: fsum([x, y, x, y]), "r = x + y + x + y"),
        (lambda x, y: fsum([x, y, x, y, -3]), "r = Σ of 5"),
        (lambda x, y: autograd.prod([x, y + 1, -y]), "r = x*(y + 1)*(-y)"),
        (lambda x, y: sumprod([x, -2], [y, y]), "r = x*y + (-2*y)"),
        (lambda x, y: sumprod([x, y, x], [1, 2, y], y), "r = Σ …·… + y"),
        (lambda x, y: sumprod([x] * 3, [x] * 3), "r = Σ x²"),
        (lambda x, y: sumprod([x, x], [y, y], 1.0), "r = Σ x·y + b"),
        (lambda x, y: autograd.logsumexp([x, y, x]), "r = logsumexp(x, y, x)"),
    ],
)
def test_titles_say_what_is_computed(build, title: str) -> None:  # type: ignore[no-untyped-def]
    r = build(Value(2.0, "x"), Value(3.0, "y"))
    r.label = "r"
    assert f'"{title}\\n' in draw_dot(r).source


def test_a_title_with_long_labels_still_shows_the_operation() -> None:
    price, amount = Value(2.0, "the price of electricity at noon"), Value(3.0, "kilowatt-hours in a year")
    total = price * amount
    total.label = "total"
    assert "total = the price o…*kilowatt-ho…" in draw_dot(total).source


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_and_never_markup(label: str, tmp_path: Path) -> None:
    x = Value(1.0, label)
    svg = ElementTree.fromstring(draw_dot(x * 2).pipe("svg"))
    shown = " ".join("".join(c if c.isprintable() else "�" for c in " ".join(label.split())).split())
    texts = [element.text for element in svg.iter() if element.tag.endswith("text")]
    assert shown in texts
    assert len([e for e in svg.iter() if e.tag.endswith("}g") and e.get("class") == "node"]) == 3


def test_a_drawing_is_a_digraph_that_a_notebook_shows() -> None:
    drawing = draw_dot(product())
    assert isinstance(drawing, graphviz.Digraph)
    bundle = drawing._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == (
        "Computation graph of a*b = -8, 3 nodes. Backward: a*b starts with 1; a gets 2·1 = 2; b gets -4·1 = -4."
    )
    assert set(drawing._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(drawing._repr_mimebundle_(exclude={"text/plain"})) == {"image/svg+xml", "text/html"}


@pytest.mark.parametrize("theme", [None, "light", "dark"])
def test_its_html_is_an_image_that_follows_what_is_around_it_unless_a_theme_was_chosen(theme: str | None) -> None:
    drawing = draw_dot(Value(2.0, "'<&\"'") * 3, theme=theme)
    found = drawing._repr_html_()
    style, source = found.partition("<img")[0], re.findall(r"src='data:image/svg\+xml;base64,([^']*)'", found)
    assert bool(style) == (theme is None)
    svg = base64.b64decode(*source).decode()
    assert ElementTree.fromstring(re.sub(r"(?s)<!DOCTYPE.*?>|xlink:", "", svg)).tag.endswith("svg")
    assert ("prefers-color-scheme" in svg) == (theme is None)
    assert html.unescape(*re.findall(r" alt='([^']*)'", found)) == drawing.alt_text


@pytest.mark.parametrize(("steps", "smallest", "largest"), [(1, 1.0, 1.0), (6, 0.6, 0.99), (50, 0.6, 0.6)])
def test_a_notebook_shrinks_a_wide_drawing_to_its_page(steps: int, smallest: float, largest: float) -> None:
    y = Value(0.5, "x")
    for _ in range(steps):
        y = y.sin()
    drawing = draw_dot(y)
    shown, saved = (ElementTree.fromstring(svg) for svg in (drawing._repr_svg_(), drawing.pipe("svg")))
    size = [[float(svg.get(name, "").removesuffix("pt")) for name in ("width", "height")] for svg in (shown, saved)]
    (width, height), (whole_width, whole_height) = size
    assert smallest - 1e-4 < width / whole_width < largest + 1e-4
    assert height / whole_height == pytest.approx(width / whole_width, rel=1e-4)
    assert shown.get("viewBox") == saved.get("viewBox")


def test_pictures_of_pixels_have_the_resolution_asked_for(tmp_path: Path) -> None:
    def width(**options: Any) -> int:
        return int.from_bytes(save(product(), tmp_path / "c.png", **options).read_bytes()[16:20], "big")

    assert width(dpi=288) == pytest.approx(3 * width(), abs=3)
    assert draw_dot(product(), dpi=288).pipe("svg") == draw_dot(product()).pipe("svg")
    for dpi in (0, -96.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="dpi must be a positive number"):
            draw_dot(product(), dpi=dpi)


def test_fonts_of_other_widths_come_last_so_that_text_stays_inside_its_box() -> None:
    elements = ElementTree.fromstring(draw_dot(product()).pipe("svg")).iter()
    (listed,) = {element.get("font-family") for element in elements} - {None}
    assert listed.startswith("Helvetica,Arial,")
    assert listed.endswith(",sans-serif")


def test_the_picture_says_what_it_shows() -> None:
    svg = ElementTree.fromstring(draw_dot(Value(2.0, "<b>") * 2).pipe("svg"))
    assert svg.get("role") == "img"
    assert next(iter(svg)).text == (
        "Computation graph of <b>*2 = 4, 3 nodes. Backward: <b>*2 starts with 1; <b> gets 2·1 = 2."
    )


@pytest.mark.parametrize("orientation", ["LR", "RL", "TB", "BT"])
def test_the_graph_runs_in_the_direction_asked_for(orientation: str) -> None:
    source = draw_dot(product(), rankdir=orientation).source
    assert f"rankdir={orientation}" in source
    assert ('[label=" 2"]' in source) == (orientation in ("TB", "BT"))  # beside an upright arrow


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rankdir": "left"}, "rankdir must be LR, RL, TB or BT, got 'left'"), ({"theme": "pink"}, "choose one of light")],
)
def test_a_wrong_option_is_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_dot(product(), **options)


@pytest.mark.parametrize("root", [3.0, None, "a", [1.0]])
def test_only_values_are_drawn(root: object) -> None:
    with pytest.raises(TypeError, match="draw_dot needs a Value"):
        draw_dot(root)  # type: ignore[arg-type]


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one Value"):
        draw_dot([])


def test_a_neuron_draws_in_textbook_notation(tmp_path: Path) -> None:
    w = [Value(0.1, "w²₁₁"), Value(-0.2, "w²₁₂")]
    z = sumprod(w, [3.0, 2.0], Value(0.5, "b²₁"))
    z.label = "z²₁"
    a = z.sigmoid()
    a.label = "a²₁"
    source = draw_dot(a).source
    assert r"a²₁ = sigmoid(z²₁)\n" in source
    assert r"z²₁ = Σ w·x + b\n" in source
    assert save(a, tmp_path / "a.svg").read_text(encoding="utf-8").count(">w²₁₁</text>") == 1


def test_the_package_offers_draw_dot_without_importing_graphviz() -> None:
    program = (
        "import sys, autograd; print('graphviz' in sys.modules); autograd.draw_dot; print('graphviz' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\nTrue\n"
    with pytest.raises(AttributeError, match="no attribute 'drawdot'"):
        _ = autograd.drawdot  # type: ignore[attr-defined]


# ---- where boxes go --------------------------------------------------------------------------------------------------
def places(roots: Value | list[Value], rankdir: str = "LR", **options: Any) -> dict[str, tuple[float, float]]:
    """The first line of each box, and where the picture has it: how far along the arrows, and how far down."""
    found = {}
    for node in ElementTree.fromstring(draw_dot(roots, rankdir=rankdir, **options).pipe("svg")).iter():
        if node.tag.endswith("}g") and node.get("class") == "node":
            first = next(part for part in node if part.tag.endswith("}text"))
            x, y = float(first.get("x", "")), float(first.get("y", ""))
            found[str(first.text)] = (x, y) if rankdir == "LR" else (y, x)
    return found


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("nouts", [[3, 1], [4, 3]])
def test_inputs_and_neurons_are_drawn_in_the_order_of_their_indices(nouts: list[int], rankdir: str) -> None:
    outputs = MLP(2, nouts, activation="sigmoid", seed=0)([0.5, -1.0])
    across = {title: y for title, (_, y) in places(outputs, rankdir, fold=None).items()}
    for prefix, count in (("x", 2), ("a²", nouts[0]), ("z²", nouts[0]), ("z³", nouts[1])):
        column = [y for title, y in sorted(across.items()) if title.startswith(prefix)]
        assert len(column) == count
        assert column == sorted(column)


def test_folded_neurons_are_drawn_in_the_order_of_their_indices() -> None:
    loss = half_mse_loss(MLP(4, [5, 3], activation="sigmoid", seed=0)([0.5, -1.0, 0.2, 0.3]), [1, 0, 0])
    found = sorted(places(loss, fold="neuron").items())
    for prefix, count in (("a²", 5), ("z³₁: z³₂: z³₃:", 3)):
        column = [y for title, (_, y) in found if title[: len(prefix)] == prefix or title[:4] in prefix.split()]
        assert len(column) == count
        assert column == sorted(column)


def test_operands_and_outputs_are_drawn_in_the_order_written() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    found = places([a * b, a + b])
    assert found["a"][1] < found["b"][1]
    assert found["a*b"][1] < found["a + b"][1]
    found = places(b.exp() - a.sin())
    assert found["exp(b)"][1] < found["sin(a)"][1]
