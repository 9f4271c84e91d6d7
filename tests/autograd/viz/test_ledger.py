"""Explanations of a gradient: the terms it is the sum of, and the paths it came along."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from autograd import Value, compile, draw_dot, exp, fsum, grad, log, sumprod
from autograd.graph import topological_order
from autograd.viz import Ledger, Paths, explain
from autograd.viz.facts.steps import count_paths, finite_difference, replay, strongest_paths
from autograd.viz.text.typeset import latex_name, latex_number
from nn import MLP
from tests.support.graphs import HOSTILE, random_graph


def ledger(node: Value) -> Ledger:
    found = explain(node)
    assert isinstance(found, Ledger)
    return found


def paths(node: Value, loss: Value, k: int = 5) -> Paths:
    found = explain(node, loss, k=k)
    assert isinstance(found, Paths)
    return found


# ---- explain(v) ------------------------------------------------------------------------------------------------------
def test_a_gradient_is_taken_apart_into_local_times_upstream() -> None:
    b = Value(2.0, "b")
    c = b * 3 + b * 5
    c.backward()
    assert repr(explain(b)) == "b.grad = 8 = 3·1 (via b*3) + 5·1 (via b*5)"


def test_both_uses_of_a_square_are_listed() -> None:
    a = Value(3.0, "a")
    y = a * a
    y.backward()
    assert repr(explain(a)) == "a.grad = 6 = 3·1 (via a*a) + 3·1 (via a*a)"


@pytest.mark.parametrize("seed", range(3))
def test_the_terms_of_every_node_add_up_to_its_gradient(seed: int) -> None:
    root = random_graph(seed, size=8)
    root.backward()
    for node in topological_order(root):
        if node is not root:
            assert sum(term.contribution for term in ledger(node).terms) == pytest.approx(node.grad, abs=1e-14)
            assert ledger(node).remainder == 0.0


def test_the_uses_of_a_leaf_by_compiled_functions_are_found() -> None:
    x, y = Value(2.0), Value(3.0)
    product = compile(lambda x, y: x * y)(x, y)
    (product * 5).backward()
    assert [(term.via, term.local, term.upstream) for term in ledger(x).terms] == [(product, 3.0, 5.0)]


def test_before_backward_there_is_nothing_to_explain() -> None:
    b = Value(2.0, "b")
    c = b * 3
    assert repr(explain(b)) == "b.grad is not computed: call backward() on what was computed from it"
    assert c.data == 6.0


def test_uses_that_backward_did_not_reach_are_left_out() -> None:
    b = Value(2.0, "b")
    c, other = b * 3, b * 7
    c.backward()
    assert repr(explain(b)) == "b.grad = 3 = 3·1 (via b*3)"
    assert other.grad == 0


def test_the_output_says_that_backward_started_there() -> None:
    c = Value(2.0, "b") * 3
    c.label = "c"
    c.backward()
    assert repr(explain(c)) == "c.grad = 1: backward started here"


def test_what_earlier_calls_added_is_told_apart() -> None:
    b = Value(2.0, "b")
    c = b * 3
    c.backward()
    c.backward()
    assert repr(explain(b)) == "b.grad = 6 = 3·1 (via b*3) + 3 from elsewhere"
    del c
    assert repr(explain(b)) == "b.grad = 6: the graph that it comes from is gone"


def test_long_sums_are_shortened_to_their_largest_terms() -> None:
    w = Value(1.0, "w")
    total = sumprod([w * i for i in range(100)], [1.0] * 100)
    total.backward()
    text = repr(explain(w))
    assert text.startswith("w.grad = 4950 = 88·1 (via w*88)")
    assert text.endswith(f"99·1 (via w*99) + {4950 - sum(range(88, 100))} from 88 more")


@pytest.mark.parametrize(
    ("x", "function", "text"),
    [
        (1000.0, exp, "x.grad = inf = inf·1 (via exp(x))"),
        (0.0, log, "x.grad = inf = inf·1 (via log(x))"),
        (0.0, lambda x: x.log() * 0.0, "x.grad = nan = inf·0 (via log(x))"),
    ],
)
def test_an_infinite_gradient_comes_from_where_it_comes_from(
    x: float, function: Callable[[Value], Value], text: str
) -> None:
    leaf = Value(x, "x")
    y = function(leaf)
    y.backward()
    assert repr(explain(leaf)) == text
    leaf.grad += 1.0  # beside infinity nobody can tell
    assert ledger(leaf).remainder == 0.0


def test_what_came_from_elsewhere_is_told_from_what_is_infinite() -> None:
    b = Value(2.0, "b")
    c = b * 3
    c.backward()
    b.grad = math.inf
    assert repr(explain(b)) == "b.grad = inf = 3·1 (via b*3) + inf from elsewhere"


def test_infinite_terms_of_both_signs_can_be_listed() -> None:
    b = Value(0.0, "b")
    y = fsum([b.log() * i for i in range(-10, 10)])
    y.backward()
    assert repr(explain(b)).endswith(" from 8 more")
    text = repr(explain(b, y))
    assert "= 1·(-10)·inf = -inf" in text
    assert "the other 15 are not listed" in text


def test_a_negative_number_that_is_not_the_first_has_parentheses() -> None:
    b = Value(2.0, "b")
    c, d = b * -3, b * -5
    (c - d).backward()
    b.grad -= 13.1
    assert repr(explain(b)) == "b.grad = -11.1 = -3·1 (via b*(-3)) + (-5)·(-1) (via b*(-5)) + (-13.1) from elsewhere"


def test_a_node_that_is_a_number_has_the_number_of_the_drawing() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    z = (x * y).exp().sin().tanh().cos() * (x + y).cos().exp().sin()
    r = (x.sin() + y.cos() + z) * z
    r.backward()
    assert repr(explain(z)) == "v14.grad = 0.9745 = 1·0.2746 (via v15) + 0.6999·1 (via v15*v14)"
    assert "∂v15/∂v14" in repr(explain(z, r))
    assert all(
        title in draw_dot(r).source for title in ("v14 = v9*sin(exp(cos(x + y)))", "v15 = sin(x) + cos(y) + v14")
    )


def test_what_else_lives_in_the_process_is_left_alone() -> None:
    gone: set[int] = set()
    dead = weakref.proxy(gone)  # raises whatever it is asked for
    del gone
    x = Value(1.0, "x")
    z = x.exp().sin().cos().tanh().exp()
    y = z * z
    y.backward()
    assert repr(explain(z)).endswith("(via exp(v4)*exp(v4))")
    with pytest.raises(ReferenceError):
        bool(dead)


# ---- explain(w, loss) ------------------------------------------------------------------------------------------------
def test_the_chain_of_one_neuron_reads_as_in_the_textbook() -> None:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    z = w * x
    z.label = "z"
    a = z.sigmoid()
    a.label = "a"
    c = (a - 1) ** 2
    c.label = "C"
    text = repr(explain(w, c))
    assert text.splitlines()[1] == ("  1. ∂C/∂(a - 1) · ∂(a - 1)/∂a · ∂a/∂z · ∂z/∂w = -0.5379·1·0.1966·2 = -0.2115")
    assert text.startswith("∂C/∂w = -0.2115, the sum of 1 path\n")
    assert text.endswith("finite differences give -0.2115")


def variables(root: Value) -> list[Value]:
    """The nodes by which one differentiates: a constant exponent, say, has the partial 0 by convention."""
    return [node for node in topological_order(root) if node.op.name != "constant"]


def all_paths(node: Value, root: Value) -> list[float]:
    """The products of all paths, by brute force."""
    if root is node:
        return [1.0]
    return [
        partial * product for parent, partial in zip(root.parents, root.partials) for product in all_paths(node, parent)
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_strongest_paths_are_those_of_a_full_list(seed: int, k: int) -> None:
    root = random_graph(seed, size=10)
    for leaf in variables(root)[:3]:
        every = sorted(all_paths(leaf, root), key=abs, reverse=True)
        found = paths(leaf, root, k)
        assert found.count == len(every)
        assert [path.product for path in found.paths] == pytest.approx(every[:k], rel=1e-12)
        assert found.remainder == pytest.approx(sum(every[k:]), abs=1e-12)
        assert found.gradient == grad(root, leaf)[0]
        assert found.finite_difference == pytest.approx(found.gradient, rel=1e-6, abs=1e-8)


def test_each_path_leads_from_the_node_to_the_output() -> None:
    root = random_graph(1)
    leaf = topological_order(root)[0]
    for path in paths(leaf, root, 20).paths:
        assert (path.nodes[0], path.nodes[-1]) == (leaf, root)
        for tail, head, partial in zip(path.nodes, path.nodes[1:], path.partials):
            assert (tail, partial) in list(zip(head.parents, head.partials))
        assert path.product == pytest.approx(math.prod(path.partials))


def test_more_paths_than_could_be_listed_are_counted_and_the_strongest_found() -> None:
    y = x = Value(1.1, "x")
    for _ in range(200):
        y = y + y.sin()
    found = paths(x, y, 3)
    assert found.count == 2**200
    assert [path.product for path in found.paths] == sorted([p.product for p in found.paths], key=abs, reverse=True)
    assert "the other 1.6e60 add up to" in repr(found)


def test_a_network_has_a_path_for_every_choice_of_neurons() -> None:
    model = MLP(2, [3, 4, 1], activation="tanh", seed=1)
    y = model([1.0, 2.0])
    found = paths(model.layers[0].neurons[0].w[0], y, 4)
    assert found.count == 4
    z = {node.label: node for node in topological_order(y)}
    for path in found.paths:
        assert [z[label] for label in ("w²₁₁", "z²₁", "a²₁")] == path.nodes[:3]


def test_no_path_and_the_path_of_no_steps() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    assert repr(explain(y, x)) == "∂x/∂y = 0: no path leads there"
    assert paths(x, x).paths[0] == ([x], [], 1.0)
    assert repr(explain(x, x)).splitlines()[0] == "∂x/∂x = 1, the sum of 1 path"


def test_a_nan_on_the_way_comes_first() -> None:
    x = Value(-1.0, "x")
    y = x * 2 + x.log() + x * 100
    with_nan = paths(x, y, 1).paths[0]
    assert math.isnan(with_nan.product)


def test_a_long_chain_is_shortened() -> None:
    y = x = Value(0.5, "x")
    for _ in range(5_000):
        y = y.sin()
    text = repr(explain(x, y))
    assert " · … · " in text
    assert len(text) < 1_000


@pytest.mark.parametrize(("node", "loss"), [(1.0, None), (None, Value(1.0)), (Value(1.0), 3.0)])
def test_only_values_are_explained(node: object, loss: object) -> None:
    with pytest.raises(TypeError, match="explain needs a Value"):
        explain(node, loss)  # type: ignore[arg-type]


def test_k_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        explain(Value(1.0), Value(1.0), k=0)


# ---- the walks underneath --------------------------------------------------------------------------------------------
def test_a_graph_is_replayed_with_other_numbers_and_stays_as_it_is() -> None:
    a, b = Value(2.0), Value(5.0)
    inner = a * b
    root = inner + b
    order = topological_order(root)
    assert replay(order, {b: 7.0}) == {b: 7.0, inner: 14.0, root: 21.0}
    assert replay(order, {inner: 1.0}) == {inner: 1.0, root: 6.0}
    assert (a.data, b.data, root.data) == (2.0, 5.0, 15.0)


@pytest.mark.parametrize("seed", range(4))
def test_finite_differences_agree_with_the_gradient(seed: int) -> None:
    root = random_graph(seed)
    order = topological_order(root)
    for node in variables(root):
        (expected,) = grad(root, node)
        assert finite_difference(order, root, node) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("x", [1e-34, -1e-12, 3e-9, 0.0, 1.0, -2e7, 4e30])
def test_finite_differences_of_numbers_of_any_size(x: float) -> None:
    """Such as those of physics in SI units: the step is a part of the number, else it would jump over a pole."""
    leaf, mass = Value(x, "x"), Value(9.1e-31, "m")
    for root in (leaf**2 * 9.87 / (2 * mass), (leaf * 3.0) * mass, *([1 / leaf] if x else [])):
        for node in (leaf, mass):
            (expected,) = grad(root, node)
            found = explain(node, root)
            assert isinstance(found, Paths)
            assert found.finite_difference == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_counting_and_listing_agree_on_a_grid() -> None:
    x = Value(1.0)
    rows = [[x for _ in range(4)] for _ in range(4)]
    for i, j in itertools.product(range(1, 4), range(1, 4)):
        rows[i][j] = rows[i - 1][j] + rows[i][j - 1]
    order = topological_order(rows[3][3])
    count = count_paths(x, rows[3][3], order)
    assert count == len(strongest_paths(x, rows[3][3], order, 1_000)) == int(grad(rows[3][3], x)[0])


# ---- rich forms ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_in_html_and_latex(label: str) -> None:
    a = Value(3.0, label)
    c = a * a
    c.label = label
    c.backward()
    for found in (explain(a), explain(a, c)):
        page = ElementTree.fromstring(found._repr_html_())
        assert {element.tag for element in page.iter()} <= {"table", "thead", "tbody", "tr", "th", "td", "b"}
        assert "</script" not in found.to_latex()
        assert found.to_latex().count("{") - found.to_latex().count(r"\{") == (
            found.to_latex().count("}") - found.to_latex().count(r"\}")
        )


def test_the_table_of_a_ledger_holds_its_numbers() -> None:
    b = Value(2.0, "b")
    c = b * 3 + b * 5
    c.backward()
    cells = [cell.text for cell in ElementTree.fromstring(ledger(b)._repr_html_()).iter("td")]
    assert cells[:8] == ["b*3", "3", "1", "3", "b*5", "5", "1", "5"]
    assert ElementTree.fromstring(ledger(b)._repr_html_()).findall(".//b")[1].text == "8"


def test_a_ledger_and_paths_as_formulas() -> None:
    b = Value(2.0, "w²₁₃")
    c = b * -3
    c.label = "C"
    c.backward()
    assert ledger(b).to_latex() == (r"\mathrm{grad}\,w^{2}_{13} = \underbrace{(-3) \cdot 1}_{\text{via }C} = -3")
    assert paths(b, c).to_latex() == (
        "\\begin{aligned}\n"
        "\\frac{\\partial C}{\\partial w^{2}_{13}} &= -3 \\\\\n"
        "&\\quad \\frac{\\partial C}{\\partial w^{2}_{13}} = (-3) = -3\n"
        "\\end{aligned}"
    )


@pytest.mark.parametrize(
    ("label", "latex"),
    [
        ("a", "a"), ("δ²₁", r"\delta^{2}_{1}"), ("Σ", r"\Sigma"), ("λ", r"\lambda"), ("x12", "x_{12}"),
        ("x_1", "x_{1}"),         ("w²₁₀,₃", "w^{2}_{10,3}"), ("loss", r"\mathrm{loss}"),
        ("a b", r"\text{a b}"), ("50%", r"\text{50\%}"),
        ("a_b", r"\text{a\_b}"), ("é", r"\text{é}"), ("¹", r"\text{¹}"),
    ],
)  # fmt: skip
def test_labels_become_names_of_variables(label: str, latex: str) -> None:
    assert latex_name(label) == latex


@pytest.mark.parametrize(
    ("x", "latex"), [(2.0, "2"), (-1e-9, r"-10^{-9}"), (math.nan, r"\text{nan}"), (-math.inf, r"-\infty")]
)
def test_numbers_in_formulas(x: float, latex: str) -> None:
    assert latex_number(x) == latex


def test_swapped_arguments_are_pointed_out() -> None:
    b = Value(2.0, "b")
    c = b * 3 + b.sin()
    c.label = "c"
    assert str(explain(c, b)) == "∂b/∂c = 0: no path leads there; the node comes first, then the loss"
    assert explain(c, b).gradient == 0.0  # type: ignore[union-attr]
    assert "no path leads there" not in str(explain(b, c))
