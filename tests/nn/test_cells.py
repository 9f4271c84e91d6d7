"""What a notebook shows of models, histories and sweeps."""

from __future__ import annotations

from autograd import Value
from nn import MLP, Linear, Module, Sequential
from nn.training.history import History
from nn.training.sweeps import Run, Sweep
from tests.autograd.test_cells import cells_of

HEAD = ["part", "kind", "shape", "parameters", "activation"]


def test_a_network_shows_a_line_per_layer() -> None:
    model = MLP(2, [3, 1], activation="tanh")
    assert cells_of(model._repr_html_()) == [
        HEAD,
        ["layers.0", "Layer", "2 → 3", "9", "tanh"],
        ["layers.1", "Layer", "3 → 1", "4", "identity"],
    ]
    assert "<caption>MLP: 13 parameters</caption>" in model._repr_html_()
    assert cells_of(model.layers[0]._repr_html_())[1:] == [["", "Layer", "2 → 3", "9", "tanh"]]
    assert cells_of(model.layers[0].neurons[0]._repr_html_())[1:] == [["", "Neuron", "2 → 1", "3", "tanh"]]


def test_parts_and_own_modules_show_what_they_hold() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.scale = [Value(1.0), Value(2.0)]
            self.inner = Sequential(Linear(2, 3), Linear(3, 1, bias=False))

    assert cells_of(Own()._repr_html_()) == [
        HEAD,
        ["", "Own", "scale 2", "2", ""],
        ["inner.0", "Linear", "weight 3 × 2, bias 3", "9", ""],
        ["inner.1", "Linear", "weight 1 × 3", "3", ""],
    ]


def test_all_parameters_of_a_table_together_are_those_of_the_model() -> None:
    for model in (MLP(4, [3, 5, 2]), Sequential(Linear(2, 2), MLP(2, [2, 4]))):
        counts = [int(row[3]) for row in cells_of(model._repr_html_())[1:]]
        assert sum(counts) == len(model.parameters())


def test_a_history_shows_its_curves() -> None:
    history = History(loss=[1.0, 0.5], val_loss=[1.1, 0.7], lr=[0.1] * 2, seconds=[0.0] * 2)
    assert history._repr_svg_().count("<polyline") == 2
    assert history._repr_html_().startswith("<p>History(2 epochs, loss 1 → 0.5")
    assert history._repr_svg_() in history._repr_html_()
    assert History()._repr_html_() == "<p>History(0 epochs)</p>"


def test_a_sweep_shows_its_table_the_best_first() -> None:
    sweep = Sweep([Run({"lr": 0.1}, 0.5), Run({"lr": 1.0}, error="NumericError"), Run({"lr": 0.2}, 0.25)], MLP)
    assert [row[:2] for row in cells_of(sweep._repr_html_())] == [
        ["lr", "loss"],
        ["0.2", "0.25"],
        ["0.1", "0.5"],
        ["1", "nan"],
    ]
