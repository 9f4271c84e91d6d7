"""Local derivatives as formulas: what they say, and that it is the number on the arrow."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

import autograd as ag
from autograd import Value, ops, primitive, strict
from autograd.graph import topological_order
from autograd.viz import explain
from autograd.viz.text.formula import LocalDerivative, local_derivatives
from autograd.viz.text.notation import Names
from nn import MLP
from tests.autograd.viz.test_page import levels_in
from tests.support.browser import Open, cubic, press
from tests.support.graphs import random_graph


def derivatives(node: Value) -> list[LocalDerivative]:
    return local_derivatives(node, Names(topological_order(node)))


def texts(node: Value) -> list[str]:
    return [str(derivative) for derivative in derivatives(node)]


def leaves() -> tuple[Value, Value]:
    return Value(-4.0, "a"), Value(2.0, "b")


# ---- what they say ---------------------------------------------------------------------------------------------------
def test_the_example_of_the_first_lesson() -> None:
    a, b = leaves()
    assert texts(b**3)[0] == "∂(b**3)/∂b = 3b² = 3·2² = 12"
    assert texts(a * b) == ["∂(a*b)/∂a = b = 2", "∂(a*b)/∂b = a = -4"]
    assert texts(a + b) == ["∂(a + b)/∂a = 1", "∂(a + b)/∂b = 1"]
    assert texts(a - b)[1] == "∂(a - b)/∂b = -1"
    assert texts(a / b) == ["∂(a/b)/∂a = 1/b = 1/2 = 0.5", "∂(a/b)/∂b = -a/b² = -(-4)/2² = 1"]


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (ag.exp, "exp(b) = exp(2) = 7.389"),
        (ag.log, "1/b = 1/2 = 0.5"),
        (ag.sqrt, "1/(2·√b) = 1/(2·√2) = 0.3536"),
        (ag.tanh, "1 - tanh(b)² = 1 - tanh(2)² = 0.07065"),
        (ag.sigmoid, "σ(b)·(1 - σ(b)) = σ(2)·(1 - σ(2)) = 0.105"),
        (ag.relu, "step(b) = step(2) = 1"),
        (ag.sin, "cos(b) = cos(2) = -0.4161"),
        (ag.square, "2b = 2·2 = 4"),
        (lambda b: 3.0 / b, "-3/b² = -3/2² = -0.75"),
        (lambda b: 2.0**b, "0.6931·2^b = 0.6931·2² = 2.773"),
        (lambda b: b**-0.5, "-1/(2b^1.5) = -1/(2·2^1.5) = -0.1768"),
        (lambda b: -b, "-1"),
    ],
)
def test_a_row_of_the_table(build: object, text: str) -> None:
    node = build(leaves()[1])  # type: ignore[operator]
    (found,) = [found for found in derivatives(node) if found.tail == "b"]
    assert found.steps == text


def test_a_result_with_a_label_is_a_symbol_as_in_the_textbook() -> None:
    z = Value(0.5, "z²₁")
    a = z.sigmoid()
    a.label = "a²₁"
    assert texts(a) == ["∂a²₁/∂z²₁ = a²₁·(1 - a²₁) = 0.6225·(1 - 0.6225) = 0.235"]
    b = z.tanh()
    b.label = "b²₁"
    assert texts(b) == ["∂b²₁/∂z²₁ = 1 - (b²₁)² = 1 - 0.4621² = 0.7864"]


def test_an_operand_without_a_label_is_written_out() -> None:
    a, b = leaves()
    assert texts((a * b) ** 2)[0] == "∂((a*b)**2)/∂(a*b) = 2·(a*b) = 2·(-8) = -16"
    assert texts((a + b) * b)[1] == "∂((a + b)*b)/∂b = (a + b) = -2"


def test_a_node_twice_in_one_operation() -> None:
    b = leaves()[1]
    assert texts(b * b) == ["∂(b*b)/∂b = b = 2", "∂(b*b)/∂b = b = 2"]


def test_the_weighted_sum_of_a_neuron() -> None:
    model = MLP(2, [1], activation="tanh", output="tanh", seed=1)
    a = model([Value(0.5, "x₁"), Value(-1.0, "x₂")])
    (z,) = a.parents
    assert [found.symbols for found in derivatives(z)] == ["x₁", "x₂", "w²₁₁", "w²₁₂", ""]
    assert [str(found).partition(" = ")[0] for found in derivatives(z)][-1] == "∂z²₁/∂b²₁"


def test_in_latex() -> None:
    b = leaves()[1]
    assert derivatives(b**3)[0].latex == r"3 b^{2} = 3 \cdot 2^{2} = 12"


# ---- that it is the number -------------------------------------------------------------------------------------------
def evaluated(text: str) -> float:
    """A formula with its numbers put in, read by Python."""
    for sign, code in (
        ("²", "**2"),
        ("³", "**3"),
        ("·", "*"),
        ("^", "**"),
        ("√", "sqrt"),
        ("σ", "sigmoid"),
        ("ln", "log"),
    ):
        text = text.replace(sign, code)
    names = {
        name: getattr(ag, name)
        for name in ("sqrt", "sigmoid", "exp", "log", "sin", "cos", "tanh", "cosh", "sinh", "tan")
    }
    return float(eval(text, {"__builtins__": {}}, names))


@pytest.mark.parametrize("seed", range(20))
def test_the_numbers_give_the_number_on_the_arrow(seed: int) -> None:
    root = random_graph(seed)
    order = topological_order(root)
    names = Names(order, ".17g")
    checked = 0
    for node in order:
        for derivative, partial in zip(local_derivatives(node, names), node.partials):
            assert float(derivative.value) == partial
            if derivative.numbers:
                checked += 1
                assert evaluated(derivative.numbers) == pytest.approx(partial, rel=1e-9)
    assert checked > 5


ROWS = [
    row for row in ops.TABLE.values() if row not in (ops.constant, ops.frozen, ops.leaf) and row not in ops.COMPARISONS
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_of_every_row_each_derivative_has_its_recorded_number(row: ops.Op) -> None:
    rng = random.Random(1)
    for count in (1, 2, 3):
        operands = [Value(rng.uniform(0.2, 0.9), name) for name in "xyz"[:count]]
        try:
            node = row(*operands)
        except TypeError:  # it takes another number of operands
            continue
        if len(node.parents) == count:
            break
    found = derivatives(node)
    assert len(found) == len(node.parents) > 0
    for derivative, partial in zip(found, node.partials):
        assert derivative.value == f"{partial + 0.0:.4g}"
        assert derivative.steps.endswith(derivative.value)
        assert len(derivative.symbols) <= 60


def test_data_that_changed_since_gives_no_formula_that_contradicts_the_number() -> None:
    b = Value(2.0, "b")
    cube = b**3
    b.data = 5.0
    assert texts(cube)[0] == "∂(b**3)/∂b = 12"


# ---- where there is none ---------------------------------------------------------------------------------------------
def test_a_primitive_of_ones_own_has_the_formula_of_its_rule() -> None:
    twice = primitive(lambda y, x: 2.0 * x, name="local_half_square")(lambda x: x * x)
    assert [found.steps for found in derivatives(twice(Value(3.0, "x")))] == ["2x = 2·3 = 6"]


@pytest.mark.parametrize("rule", [lambda y, x: math.cos(x), lambda y, x: {3.0: 1.5}[x], lambda y, x: float(x)])
def test_a_rule_for_floats_only_has_its_number(rule: object) -> None:
    own = primitive(rule, name="local_floats_only")(lambda x: x)  # type: ignore[arg-type]
    (found,) = derivatives(own(Value(3.0, "x")))
    assert (found.symbols, found.steps) == ("", found.value)


def test_nan_and_infinity_have_their_number() -> None:
    x = Value(0.0, "x")
    assert texts(x.log()) == ["∂(log(x))/∂x = 1/x = 1/0 = inf"]
    assert texts(Value(-1.0, "x").log()) == ["∂(log(x))/∂x = nan"]
    with strict():
        assert derivatives(Value(2.0, "x").log())[0].steps == "1/x = 1/2 = 0.5"


def test_a_long_sum_of_products_has_numbers_only() -> None:
    xs = [Value(1.0, f"x{i}") for i in range(300)]
    node = ag.sumprod(xs, [*reversed(xs)])
    assert {found.symbols for found in derivatives(node)} == {""}


# ---- where it is shown -----------------------------------------------------------------------------------------------
def test_explain_says_where_the_number_comes_from() -> None:
    c = cubic()
    c.backward()
    b = c.parents[1].parents[0]
    assert repr(explain(b, formulas=True)).splitlines() == [
        "b.grad = 8 = -4·1 (via a*b) + 12·1 (via b**3)",
        "  ∂(a*b)/∂b = a = -4",
        "  ∂(b**3)/∂b = 3b² = 3·2² = 12",
    ]
    assert "<td>3b² = 3·2² = 12</td>" in explain(b)._repr_html_()
    assert r"\left(3 b^{2} = 3 \cdot 2^{2} = 12\right) \cdot 1" in explain(b, formulas=True).to_latex()
    assert repr(explain(b, c, formulas=True)).splitlines()[1:3] == [
        "  1. ∂c/∂(b**3) · ∂(b**3)/∂b = 1·12 = 12",
        "     ∂(b**3)/∂b = 3b² = 3·2² = 12",
    ]


def test_every_arrow_of_a_page_has_its_own_formula() -> None:
    for seed in range(3):
        root = random_graph(seed)
        (level,) = levels_in(root)
        found = {}
        for tail, head, _, *formula in level["arrows"]:
            found.setdefault((level["boxes"][head]["n"], level["boxes"][tail]["n"]), []).append(formula)
        order = topological_order(root)
        names = Names(order)
        assert sum(map(len, found.values())) == sum(len(node.parents) for node in order)
        assert sum(bool(formula) for formulas in found.values() for formula in formulas) == sum(
            bool(derivative.symbols) for node in order for derivative in local_derivatives(node, names)
        )


def test_the_caption_and_the_panel_say_it(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "End")
    assert page.locator("#caption small").inner_text() == (
        "the gradient of b**3 times ∂(b**3)/∂b = 3b² = 3·2² = 12; grad b is now 8, complete"
    )
    page.locator(".b", has_text="data 2").click()
    assert page.locator("#ledger small").all_inner_texts() == ["∂(a*b)/∂b = a = -4", "∂(b**3)/∂b = 3b² = 3·2² = 12"]
    page.click("#back")
    assert page.locator("#ledger small").all_inner_texts() == ["∂(a*b)/∂b = a = -4"]


# ---- the quiz --------------------------------------------------------------------------------------------------------
def numbers_on_arrows(page: Any) -> list[str]:
    found: list[str] = page.locator("svg.graph:not([hidden]) .e text").all_text_contents()
    return found


def test_the_quiz_of_local_derivatives_hides_the_numbers_on_the_arrows(open_page: Open) -> None:
    page = open_page(cubic())
    shown = numbers_on_arrows(page)
    assert shown == ["1", "1", "2", "-4", "12"]
    press(page, "q")
    assert numbers_on_arrows(page) == shown
    page.click("#quiz-local")
    assert numbers_on_arrows(page) == ["?"] * 5
    assert page.locator(".b .g").all_text_contents() == ["grad ?", "grad ?", "grad ?", "grad ?", "grad 1"]
    assert page.locator("#score").inner_text() == "0 right, 5 of 5 to go"
    for answer in ("1", "1", "2", "-4"):
        page.click("#ask")
        page.keyboard.type(answer)
        press(page, "Enter")
        assert page.locator("#verdict").inner_text().startswith("Right: ")
        assert page.evaluate("document.activeElement.id") == "ask"  # so that Enter goes on
    assert numbers_on_arrows(page) == ["1", "1", "2", "-4", "?"]


def test_an_answer_to_the_quiz_is_told_with_its_formula(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "q")
    page.click("#quiz-local")
    for _ in range(4):
        page.click("#ask")
        page.click("#reveal")
    page.click("#ask")
    assert page.locator("#panel p", has_text="What is").inner_text() == "What is ∂(b**3)/∂b, the number on the arrow?"
    assert page.locator(".e.now text").text_content() == "?"
    assert page.evaluate("document.activeElement.id") == "answer"
    page.keyboard.type("6")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text().startswith("Not yet.")
    assert numbers_on_arrows(page)[-1] == "?"
    page.fill("#answer", "12")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text() == "Right: 3b² = 3·2² = 12."
    assert page.locator("#score").inner_text() == "1 right, 0 of 5 to go"
    assert numbers_on_arrows(page) == ["1", "1", "2", "-4", "12"]
    assert page.locator(".b .g").all_text_contents() == ["grad 2", "grad 8", "grad 1", "grad 1", "grad 1"]
    assert page.evaluate("document.activeElement.id") == "quiz"


def test_nothing_of_the_quiz_stays_when_it_ends(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "q")
    page.click("#quiz-local")
    page.click("#ask")
    page.click("#quiz-gradients")
    assert numbers_on_arrows(page) == ["1", "1", "2", "-4", "12"]
    assert page.locator("#score").inner_text() == "0 right, 4 of 4 to go"
    page.click("#quiz-local")
    press(page, "q")
    assert numbers_on_arrows(page) == ["1", "1", "2", "-4", "12"]
    assert page.locator(".e.now").count() == 0
    press(page, "q")
    assert page.locator("#quiz-gradients").get_attribute("aria-pressed") == "true"
