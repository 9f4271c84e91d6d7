"""A graph and its derivative as formulas: what they say, and that what they say is true."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from autograd import (
    Value,
    atan2,
    clip,
    fsum,
    grad,
    hypot,
    logsumexp,
    maximum,
    ops,
    primitive,
    prod,
    softmax,
    sumprod,
)  # fmt: skip
from autograd.functional import gradients
from autograd.graph import topological_order
from autograd.viz import to_latex, to_latex_gradient
from autograd.viz.text.algebra import Expression, Function, Number, Product, Sum, Symbol, simplify
from autograd.viz.text.formula import Formulas
from autograd.viz.text.typeset import latex_name
from nn import MLP
from tests.support.graphs import HOSTILE, random_graph

Build = Callable[[Value, Value], Value]
SIN, COS = r"\sin\left(x\right)", r"\cos\left(x\right)"

# An expression, how it is written, and its derivative by x.
FORMULAS: list[tuple[Build, str, str]] = [
    (lambda x, y: x**3, "x^{3}", "3 x^{2}"),
    (lambda x, y: x * x, "x^{2}", "2 x"),
    (lambda x, y: 3 * x - y, "3 x - y", "3"),
    (lambda x, y: x * y + x, "x y + x", "1 + y"),
    (lambda x, y: x / y, r"\frac{x}{y}", r"\frac{1}{y}"),
    (lambda x, y: 1 / x, r"\frac{1}{x}", r"-\frac{1}{x^{2}}"),
    (lambda x, y: x**0.5, r"\sqrt{x}", r"\frac{1}{2 \sqrt{x}}"),
    (lambda x, y: x.sqrt(), r"\sqrt{x}", r"\frac{1}{2 \sqrt{x}}"),
    (lambda x, y: x.cbrt(), r"\sqrt[3]{x}", r"\frac{1}{3 \sqrt[3]{x}^{2}}"),
    (lambda x, y: x.sin(), SIN, COS),
    (lambda x, y: x**2 * x.sin(), f"x^{{2}} {SIN}", f"2 x {SIN} + x^{{2}} {COS}"),
    (lambda x, y: x.sin() ** 2 + x.cos() ** 2, f"{SIN}^{{2}} + {COS}^{{2}}", "0"),
    (lambda x, y: x.exp() ** 2, r"\left(e^{x}\right)^{2}", "2 e^{2 x}"),
    (lambda x, y: (x * x + 1).log(), r"\ln\left(x^{2} + 1\right)", r"\frac{2 x}{x^{2} + 1}"),
    (lambda x, y: x.sigmoid(), r"\sigma\left(x\right)",
     r"\sigma\left(x\right) \left(1 - \sigma\left(x\right)\right)"),
    (lambda x, y: x.tanh(), r"\tanh\left(x\right)", r"1 - \tanh\left(x\right)^{2}"),
    (lambda x, y: x.relu(), r"\operatorname{ReLU}\left(x\right)", r"\mathbf{1}_{x > 0}"),
    (lambda x, y: x.abs(), r"\left|x\right|", r"\operatorname{sgn}\left(x\right)"),
    (lambda x, y: x.atan(), r"\arctan\left(x\right)", r"\frac{1}{1 + x^{2}}"),
    (lambda x, y: x.asin(), r"\arcsin\left(x\right)", r"\frac{1}{\sqrt{1 - x^{2}}}"),
    (lambda x, y: hypot(x, y), r"\sqrt{x^{2} + y^{2}}", r"\frac{x}{\sqrt{x^{2} + y^{2}}}"),
    (lambda x, y: atan2(x, y), r"\operatorname{atan2}\left(x, y\right)", r"\frac{y}{y^{2} + x^{2}}"),
    (lambda x, y: x**y, "x^{y}", "y x^{y - 1}"),
    (lambda x, y: 2**x, "2^{x}", r"0.6931 \cdot 2^{x}"),
    (lambda x, y: x**x, "x^{x}", r"x^{x} + x^{x} \ln\left(x\right)"),
    (lambda x, y: -((x + 1) ** 2), r"-\left(x + 1\right)^{2}", r"-2 \left(x + 1\right)"),
    (lambda x, y: (x - y) * (x + y), r"\left(x - y\right) \left(x + y\right)", "2 x"),
    (lambda x, y: x - (y - x), r"x - \left(y - x\right)", "2"),
    (lambda x, y: prod([x, x, y]), "x^{2} y", "2 y x"),
    (lambda x, y: sumprod([x, 2.0], [3.0, y], x), "3 x + 2 y + x", "4"),
    (lambda x, y: fsum([x, y, 1.0]), "x + y + 1", "1"),
    (lambda x, y: logsumexp([x, y]), r"\ln\left(e^{x} + e^{y}\right)", r"\frac{e^{x}}{e^{x} + e^{y}}"),
    (lambda x, y: maximum(x, y), r"\max\left(x, y\right)", "0"),
    (lambda x, y: clip(x, 0, 1), r"\operatorname{clip}\left(x, 0, 1\right)", "1"),
    (lambda x, y: x.log1p(), r"\ln\left(1 + x\right)", r"\frac{1}{1 + x}"),
    (lambda x, y: 1e-7 * x, "10^{-7} x", "10^{-7}"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "expected", "derivative"), FORMULAS)
def test_expressions_and_derivatives_as_in_a_textbook(build: Build, expected: str, derivative: str) -> None:
    x, y = Value(0.7, "x"), Value(2.0, "y")
    root = build(x, y)
    assert to_latex(root).removeprefix("y = ").split(" = ")[0] == expected
    assert to_latex_gradient(root, wrt=x).split(" = ")[1] == derivative


def evaluate(expression: Expression) -> float:
    """The number that an expression stands for."""
    if isinstance(expression, Number | Symbol):
        return expression.value
    if isinstance(expression, Sum):
        return sum(coefficient * evaluate(term) for term, coefficient in expression.terms)
    if isinstance(expression, Product):
        powers = [ops.TABLE["power"].value(evaluate(base), evaluate(e)) for base, e in expression.factors]
        return expression.coefficient * math.prod(powers)
    assert isinstance(expression, Function)
    numbers = [evaluate(argument) for argument in expression.arguments]
    return (
        math.exp(numbers[0] - numbers[1]) if expression.name == "share" else ops.TABLE[expression.name].value(*numbers)
    )


def formula_of_gradient(root: Value, wrt: Value) -> Expression:
    (derivative,) = gradients(root, wrt, create_graph=True)
    given = set(topological_order(root))
    formulas = Formulas(topological_order(derivative), ".4g", given=given, variable=wrt, tidy=simplify)
    return formulas.expression(derivative)


UNARY = [op for op in ops.TABLE.values() if isinstance(op, ops.Unary) and op.name != "identity"]


@pytest.mark.parametrize("at", [0.3, 0.7, -0.4, 1.3, -2.5])
@pytest.mark.parametrize("op", UNARY, ids=lambda op: op.name)
def test_the_formula_of_every_function_gives_the_gradient_of_the_engine(op: ops.Unary, at: float) -> None:
    x = Value(at, "x")
    root = op(x * 1.25 + 0.1) * x
    (expected,) = grad(root, x)
    assert evaluate(formula_of_gradient(root, x)) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("at", [(0.7, 2.0), (1.5, 0.3), (-0.6, 2.0), (2.0, -1.5)])
@pytest.mark.parametrize(
    "name", ["power", "div", "atan2", "hypot", "logaddexp", "maximum", "minimum", "leaky_relu", "elu"]
)
def test_the_formula_of_functions_of_two_operands_too(name: str, at: tuple[float, float]) -> None:
    x, y = Value(at[0], "x"), Value(at[1], "y")
    for wrt in (x, y):
        root = ops.TABLE[name](x * y, y + x / 3) + x
        (expected,) = grad(root, wrt)
        assert evaluate(formula_of_gradient(root, wrt)) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(12))
def test_the_formula_of_random_graphs_gives_the_gradient_of_the_engine(seed: int) -> None:
    root = random_graph(seed, size=14)
    for leaf in [node for node in topological_order(root) if node.label]:
        (expected,) = grad(root, leaf)
        assert evaluate(formula_of_gradient(root, leaf)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_terms_that_cancel_keep_the_factors_inside_of_their_roots() -> None:
    """h² - h² with h = √(2x²): one of the two was collected as 2x², the other one as x²."""
    x = Value(0.25, "x")
    h = hypot(x, x)
    root = sumprod([h, h, h], [h, -h, 0.5], h)
    written = Formulas(topological_order(root), ".4g").expression(root)
    assert evaluate(simplify(written)) == pytest.approx(root.data, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_simplifying_does_not_change_the_number(seed: int) -> None:
    root = random_graph(seed, size=14)
    raw = Formulas(topological_order(root), ".4g").expression(root)
    assert evaluate(raw) == pytest.approx(root.data, rel=1e-12)
    assert evaluate(simplify(raw)) == pytest.approx(root.data, rel=1e-9)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a: a - 0, "a - 0 = 2 - 0 = 2"),
        (lambda a: (a - 0) ** 2, r"\left(a - 0\right)^{2} = \left(2 - 0\right)^{2} = 4"),
        (lambda a: a + 0, "a + 0 = 2 + 0 = 2"),
        (lambda a: a - -3, "a + 3 = 2 + 3 = 5"),
    ],
)
def test_a_zero_keeps_the_sign_that_was_written(build: Callable[[Value], Value], expected: str) -> None:
    assert to_latex(build(Value(2.0, "a"))) == expected


def test_a_leaf_alone() -> None:
    x, y = Value(3.0, "x"), Value(2.0, "y")
    assert to_latex(y) == "y = 2"
    assert to_latex_gradient(y, wrt=x) == r"\frac{\partial y}{\partial x} = 0"
    assert to_latex_gradient(y, wrt=y) == r"\frac{\partial y}{\partial y} = 1"


def test_symbols_come_first_and_then_the_numbers() -> None:
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    c = a * b + b**3
    c.label = "c"
    assert to_latex(c) == r"c = a b + b^{3} = -4 \cdot 2 + 2^{3} = 0"
    assert to_latex_gradient(c, wrt=a) == r"\frac{\partial c}{\partial a} = b = 2"


def test_a_weight_of_a_network_reads_as_the_chain_rule() -> None:
    model = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", seed=3)
    loss = (model([1.0, 2.0]) - 1) ** 2 / 2
    loss.label = "J"
    w = model.layers[0].neurons[0].w[1]
    text = to_latex_gradient(loss, wrt=w)
    assert text.split(" = ")[:2] == [
        r"\frac{\partial J}{\partial w^{2}_{12}}",
        r"\left(a^{3}_{1} - 1\right) a^{3}_{1} \left(1 - a^{3}_{1}\right) w^{3}_{11} "
        r"a^{2}_{1} \left(1 - a^{2}_{1}\right) x_{2}",
    ]
    lines = to_latex(loss).splitlines()
    assert lines[1].startswith(r"J &= \frac{\left(a^{3}_{1} - 1\right)^{2}}{2} = ")
    assert lines[3].startswith(r"z^{3}_{1} &= w^{3}_{11} a^{2}_{1} + w^{3}_{12} a^{2}_{2} + b^{3}_{1} = ")


def test_labels_are_written_out_where_asked() -> None:
    x = Value(0.5, "x")
    h = x * 3
    h.label = "h"
    y = h**2
    assert to_latex(y, expand=True).startswith(r"\left(3 x\right)^{2} = ")
    assert to_latex_gradient(y, wrt=x).split(" = ")[1] == "6 h"
    assert to_latex_gradient(y, wrt=x, expand=True).split(" = ")[1] == "18 x"
    assert to_latex_gradient(y, wrt=h).split(" = ")[1] == "2 h"


def test_large_shared_parts_and_deep_ones_get_a_line_of_their_own() -> None:
    y = Value(0.5, "x")
    for _ in range(100):
        y = y.sin()
    lines = to_latex(y).splitlines()
    assert len(lines) == 2 + 3
    assert all(len(line) < 2_000 for line in lines)
    z = Value(0.5, "x")
    for i in range(60):
        z = z * z + i  # doubles in size each time if it were written out
    assert len(to_latex(z)) < 20_000


def test_a_formula_that_nobody_could_read_is_refused() -> None:
    y = Value(0.5, "x")
    for _ in range(10_000):
        y = y.sin()
    with pytest.raises(ValueError, match=r"the formula would have \d+ lines: label fewer Values"):
        to_latex(y)


def test_sums_of_many_terms_are_shortened() -> None:
    root = fsum([Value(float(i), f"x{i}") for i in range(50)])
    assert to_latex(root).split(" = ")[0].endswith(r"x_{6} + \cdots + x_{48} + x_{49}")


def test_an_unlabelled_variable_still_has_a_derivative() -> None:
    x = Value(3.0)
    assert to_latex_gradient(x * x, wrt=x) == r"\frac{\partial y}{\partial x} = 2 x = 2 \cdot 3 = 6"


def test_a_primitive_of_ones_own_is_written_by_name() -> None:
    @primitive(lambda y, x: 3 * x**2, name="my_cube")
    def cube(x: float) -> float:
        return x**3

    x = Value(2.0, "x")
    assert to_latex(cube(x)).split(" = ")[0] == r"\operatorname{my\_cube}\left(x\right)"
    assert to_latex_gradient(cube(x), wrt=x).split(" = ")[1] == "3 x^{2}"


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_in_formulas(label: str) -> None:
    x = Value(2.0, label)
    for text in (to_latex(x * 3), to_latex_gradient(x * x, wrt=x)):
        assert "</script" not in text
        assert text.replace(r"\{", "").count("{") == text.replace(r"\}", "").count("}")


@pytest.mark.parametrize("root", [1.0, None, "x"])
def test_only_values_have_formulas(root: object) -> None:
    with pytest.raises(TypeError, match="to_latex needs a Value"):
        to_latex(root)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="to_latex_gradient needs a Value"):
        to_latex_gradient(Value(1.0), wrt=root)  # type: ignore[arg-type]


@pytest.mark.parametrize(("build", "expected", "derivative"), FORMULAS)
def test_a_typesetter_accepts_the_formulas(build: Build, expected: str, derivative: str) -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib is not installed")
    parser = mathtext.MathTextParser("path")
    x, y = Value(0.7, "x"), Value(2.0, "y")
    root = build(x, y)
    for text in (to_latex(root), to_latex_gradient(root, wrt=x)):
        assert parser.parse(f"${text}$").width > 0


def test_the_softmax_cross_entropy_simplifies() -> None:
    xs = [Value(0.1, "x1"), Value(0.7, "x2")]
    p = softmax(xs)[0]
    text = to_latex_gradient(p, wrt=xs[0]).split(" = ")[1]
    share = r"\frac{e^{x_{1}}}{e^{x_{1}} + e^{x_{2}}}"
    assert text == rf"{share} - \left({share}\right)^{{2}}"


@pytest.mark.parametrize("taken", ["x", "x0", "y"])
def test_a_node_without_a_label_never_gets_the_name_of_another(taken):
    """∂y/∂x = 0 would be false, were x another node than the one without a label."""
    named = [Value(2.0, label) for label in dict.fromkeys([taken, "x", "y"])]
    root = fsum(named) * 3
    left, *_ = to_latex_gradient(root, wrt=Value(1.0)).partition(" = ")
    assert not any(f"\\partial {latex_name(node.label)}}}" in left for node in named)
    assert "\\partial y_{0}" in left


def test_sums_on_the_left_have_no_brackets_and_the_zero_of_sum_is_not_shown():
    """What Python adds up one by one is read as one sum; a sum on the right keeps its brackets."""
    x, z = Value(3.0, "x"), Value(1.0, "z")
    assert to_latex(sum([x, z, x * z])).startswith("x + z + x z = ")
    assert to_latex(sum([x, z]) - x - (z + 2)).startswith(r"x + z - x - \left(z + 2\right) = ")
    assert to_latex(0 - x).startswith("-x = ")
    assert to_latex(x + 0).startswith("x + 0 = ")
