"""The four formulas, as the demonstration shows them beside the graph."""

from __future__ import annotations

import random

import pytest

from nn import MLP
from nn.cli.demo import ACTIVATIONS, COSTS, by_formulas, by_graph
from nn.losses import LOSSES


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", ["sigmoid", "identity"])
@pytest.mark.parametrize("sizes", [[3, 4, 2], [2, 1], [2, 3, 1, 3]])
def test_graph_and_formulas_agree(loss: str, activation: str, output: str, sizes: list[int]) -> None:
    rng = random.Random(1)
    model = MLP(sizes[0], sizes[1:], activation=activation, output=output)
    for p in model.parameters():
        p.data = rng.gauss(0, 1)
    x, y = [rng.gauss(0, 1) for _ in range(sizes[0])], [1.0] + [0.0] * (sizes[-1] - 1)
    formulas = by_formulas(model, x, y, loss)
    graph, activations = by_graph(model, x, y, LOSSES[loss])
    assert [len(layer) for layer in activations] == sizes[1:]
    for found, expected in zip(graph, formulas, strict=True):
        assert found.delta == pytest.approx(expected.delta, rel=1e-12, abs=1e-14)
        assert found.bias == pytest.approx(expected.bias, rel=1e-12, abs=1e-14)
        for row, expected_row in zip(found.weight, expected.weight, strict=True):
            assert row == pytest.approx(expected_row, rel=1e-12, abs=1e-14)
        assert found.flat() == [*found.delta, *found.bias, *[w for row in found.weight for w in row]]


def test_an_activation_of_ones_own_has_the_errors_of_the_one_that_it_is() -> None:
    own = MLP(2, [3, 2], activation=lambda z: 1.0 / (1.0 + (-z).exp()), seed=0)
    named = MLP(2, [3, 2], activation="sigmoid", seed=0)
    graph, _ = by_graph(own, [0.5, -1.0], [1.0, 0.0], LOSSES["mse_loss"])
    for found, expected in zip(graph, by_formulas(named, [0.5, -1.0], [1.0, 0.0], "mse_loss"), strict=True):
        assert found.flat() == pytest.approx(expected.flat(), rel=1e-12)


def test_a_wrong_slope_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    monkeypatch.setitem(ACTIVATIONS, "tanh", (ACTIVATIONS["tanh"][0], lambda z, a: 1.0 - a))
    graph, _ = by_graph(model, [0.5, 0.5], [1.0], LOSSES["mse_loss"])
    formulas = by_formulas(model, [0.5, 0.5], [1.0], "mse_loss")
    assert graph[0].delta != pytest.approx(formulas[0].delta, rel=1e-3)
