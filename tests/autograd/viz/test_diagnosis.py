"""Why a gradient is zero, huge or nan, and what is cut off behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from autograd import Value, clip, grad, maximum, ops, sumprod
from autograd.graph import topological_order
from autograd.viz import diagnose
from nn import MLP
from tests.support.graphs import HOSTILE, random_graph


def x_at(data: float) -> Value:
    return Value(data, "x")


@pytest.mark.parametrize(
    ("root", "kind", "leaves"),
    [
        (x_at(-0.5).relu(), "dead ReLU", ["x"]),
        (x_at(0.0).relu(), "dead ReLU", ["x"]),
        (x_at(5.0) * 0.0, "product with 0", ["x"]),
        (sumprod([x_at(1.0)], [0.0]), "product with 0", ["x"]),
        (clip(x_at(5.0), 0, 1), "clipped", ["x"]),
        (maximum(x_at(1.0), 2.0), "not the larger one", ["x"]),
        (x_at(1.0).minimum(0.5), "not the smaller one", ["x"]),
        (ops.detached(x_at(5.0)), "detached", ["x"]),
        (x_at(0.3).floor(), "step function", ["x"]),
        (x_at(1.0) ** 0, "zero derivative", ["x"]),
        (x_at(1000.0).sigmoid(), "saturated sigmoid", ["x"]),
        (x_at(9.0).sigmoid(), "saturated sigmoid", []),
        (x_at(-6.0).tanh(), "saturated tanh", []),
        (x_at(1e-5).log(), "steep", []),
        (x_at(0.0).log(), "infinite", []),
        (x_at(-1.0).log(), "nan", []),
    ],
)
def test_one_cause_is_named_with_what_it_cuts_off(root: Value, kind: str, leaves: list[str]) -> None:
    found = diagnose(root)
    assert [finding.kind for finding in found.findings] == [kind]
    assert [leaf.label for leaf in found.behind(*found.findings)] == leaves
    assert [leaf.label for leaf in found.cut_off] == leaves


@pytest.mark.parametrize(
    "build", [lambda: x_at(0.5) * 3, lambda: random_graph(4), lambda: x_at(1.0), lambda: Value(2.0)]
)
def test_a_healthy_graph_has_no_findings(build: Callable[[], Value]) -> None:
    found = diagnose(build())
    assert found.findings == []
    assert repr(found).endswith("leaves get a finite gradient")


def dying_network() -> Value:
    """A ReLU network of which the first neuron of the second layer is off, whatever comes in."""
    model = MLP(2, [2, 1], activation="relu", seed=1)
    for neuron, bias in zip(model.layers[0].neurons, (-100.0, 100.0)):
        neuron.b.data = bias
    y: Value = model([1.0, 2.0])
    return y


def test_a_dead_neuron_cuts_off_its_weights_and_the_weight_that_it_feeds() -> None:
    root = dying_network()
    found = diagnose(root)
    assert repr(found).splitlines() == [
        "product with 0: z³₁ = Σ w·a + b, the other factor is 0",
        "  no useful gradient for: w³₁₁",
        "dead ReLU: a²₁ = ReLU(z²₁), its input is not above 0, so it passes no gradient",
        "  no useful gradient for: w²₁₁, w²₁₂, b²₁",
        "4 of 9 leaves get no gradient",
    ]
    leaves = found.leaves
    assert [leaf in found.cut_off for leaf in leaves] == [g == 0.0 for g in grad(root, leaves)]


def test_a_leaf_with_another_way_to_the_output_is_not_cut_off() -> None:
    x = x_at(-1.0)
    found = diagnose(x.relu() + x)
    assert [finding.kind for finding in found.findings] == ["dead ReLU"]
    assert found.behind(*found.findings) == found.cut_off == []


def test_what_is_already_cut_off_is_not_blamed_again() -> None:
    x = x_at(-1.0)
    assert [f.node.op.name for f in diagnose((x.relu() * 2).relu()).findings] == ["relu"]
    assert [f.kind for f in diagnose((x * 2).relu() * x.relu()).findings] == ["product with 0", "product with 0"]


def test_everywhere_lists_what_is_cut_off_further_on_too() -> None:
    x = x_at(-1.0)
    root = (x.relu() * 2).relu()
    assert [f.kind for f in diagnose(root, everywhere=True).findings] == ["dead ReLU", "dead ReLU"]
    healthy = diagnose(random_graph(4), everywhere=True)
    assert healthy.findings == diagnose(random_graph(4)).findings == []


def test_a_gradient_that_grows_or_fades_on_a_long_way_is_noted_once() -> None:
    y = x = x_at(1.0)
    for _ in range(40):
        y = y * 3
    (finding,) = diagnose(y).findings
    assert (finding.kind, finding.operand) == ("grown huge", None)
    assert abs(finding.number) <= 1e6 < 3 * abs(finding.number)
    y = x
    for _ in range(40):
        y = y * 0.5
    assert [f.kind for f in diagnose(y).findings] == ["faded away"]


def test_zero_times_infinity_is_found() -> None:
    z = Value(0.0, "z")
    found = diagnose(z.sqrt() * z)
    assert [finding.kind for finding in found.findings] == ["product with 0", "product with 0", "nan"]
    assert repr(found).endswith("1 of 1 leaves get a gradient of nan or inf: z")
    assert math.isnan(found.gradients[z])


@pytest.mark.parametrize("seed", range(5))
def test_leaves_are_cut_off_exactly_where_every_path_has_a_zero(seed: int) -> None:
    root = random_graph(seed).relu() - random_graph(seed + 1).relu() * random_graph(seed + 2).floor()
    found = diagnose(root)
    reached = {root}
    for node in reversed(topological_order(root)):
        if node in reached:
            reached |= {parent for parent, partial in zip(node.parents, node.partials) if partial}
    assert found.alive == reached
    assert found.gradients == dict(zip(topological_order(root), grad(root, topological_order(root))))


def test_no_gradient_is_touched() -> None:
    root = dying_network()
    diagnose(root)
    assert all(type(node.grad) is int for node in topological_order(root))


def test_the_drawing_marks_the_places_and_fades_what_is_cut_off() -> None:
    found = diagnose(dying_network())
    source = found.draw().source
    assert source.count(r"\ndead ReLU\"".replace('\\"', '"')) == 1
    assert source.count("penwidth=2.5") == 2
    assert source.count("style=dotted") == len([n for n in found.gradients if n not in found.alive])
    assert "1 × dead ReLU" in found.draw(fold="layer").source


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_in_the_table(label: str) -> None:
    table = ElementTree.fromstring(f"<div>{diagnose(Value(-1.0, label).relu())._repr_html_()}</div>")
    assert {element.tag for element in table.iter()} == {"div", "table", "thead", "tbody", "tr", "th", "td", "p"}


def test_a_long_list_is_shortened() -> None:
    ws = [Value(1.0, f"w{i}") for i in range(100)]
    assert "w0, w1, w2, w3, w4, w5 and 94 more" in repr(diagnose(sumprod(ws, [0.0] * 100)))


def test_only_values_are_diagnosed() -> None:
    with pytest.raises(TypeError, match="diagnose needs a Value"):
        diagnose(1.0)  # type: ignore[arg-type]
