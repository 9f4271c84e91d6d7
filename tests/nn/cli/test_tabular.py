"""A network with what its numbers mean: saved in one piece, scored as scikit-learn does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nn import MLP, Standardizer, cross_entropy, load_iris, mse_loss
from nn.cli.tabular import TABULAR_LOSSES, TabularModel
from nn.tables import Table

IRIS = load_iris()


def classifier(loss: str = "cross_entropy") -> TabularModel:
    model = MLP(4, [3, 3], activation="tanh", seed=1)
    return TabularModel(
        model, "species", IRIS.feature_names, IRIS.class_names, loss, Standardizer.fit(IRIS.features)
    )  # fmt: skip


def regressor() -> TabularModel:
    """y = 10 + 2 (x - 1) for every x."""
    line = MLP(1, [1], init="zeros")
    line.parameters()[0].data = 1.0
    return TabularModel(line, "y", ["x"], [], "mse_loss", Standardizer([1.0], [2.0]), Standardizer([10.0], [4.0]))


@pytest.mark.parametrize("trained", [classifier(), classifier("half_mse_loss"), regressor()])
def test_what_is_saved_is_loaded(trained: TabularModel, tmp_path: Path) -> None:
    trained.save(tmp_path / "m.json")
    again = TabularModel.load(tmp_path / "m.json")
    assert again.model.state_dict() == trained.model.state_dict()
    for name in ("task", "target", "feature_names", "class_names", "loss", "scaling", "target_scaling"):
        assert getattr(again, name) == getattr(trained, name)


def test_numbers_are_predicted_in_the_unit_of_the_column() -> None:
    trained = regressor()
    assert trained.predictions(trained.outputs([[1.0], [3.0], [0.0]])) == [10.0, 14.0, 8.0]
    assert trained.as_trained([10.0, 14.0]) == [0.0, 1.0]
    assert trained.targets(Table("t", ["y", "x"], [(2, ["5", "1"])])) == [5.0]


def test_the_scores_of_numbers() -> None:
    # predictions 10, 14 and 8 for targets 10, 13 and 10
    trained = regressor()
    found = trained.scores(trained.outputs([[1.0], [3.0], [0.0]]), [10.0, 13.0, 10.0])
    assert found == pytest.approx({
        "samples": 3, "loss": (0 + 1 + 4) / 16 / 3, "r2": 1 - 5 / 6, "rmse": math.sqrt(5 / 3),
    })  # fmt: skip


def test_no_square_overflows() -> None:
    trained = TabularModel(
        regressor().model, "y", ["x"], [], "l1_loss", Standardizer([0.0], [1.0]), Standardizer([0.0], [1e200])
    )
    found = trained.scores(trained.outputs([[0.0], [1.0]]), [2e200, 1e200])
    assert (found["loss"], found["rmse"], found["r2"]) == pytest.approx((1.0, math.sqrt(2) * 1e200, -7.0))


def test_the_scores_of_classes() -> None:
    trained = classifier()
    outputs = trained.outputs(IRIS.features)
    found = trained.scores(outputs, IRIS.targets)
    assert found["samples"] == 150
    assert found["loss"] == pytest.approx(cross_entropy(outputs, IRIS.targets))
    names = trained.predictions(outputs)
    right = sum(name == IRIS.class_names[y] for name, y in zip(names, IRIS.targets, strict=True))
    assert found["accuracy"] == right / 150
    assert set(names) <= set(IRIS.class_names)


def test_squared_errors_of_classes_are_those_to_vectors() -> None:
    trained = classifier("mse_loss")
    assert trained.as_trained([2, 0]) == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    (output,) = trained.outputs(IRIS.features[:1])
    assert trained.scores([output], [1])["loss"] == mse_loss(output, [0.0, 1.0, 0.0])


def test_probabilities_are_the_softmax() -> None:
    (shares,) = classifier().probabilities([[0.0, math.log(2.0), 1000.0 * -1]])
    assert shares == pytest.approx([1 / 3, 2 / 3, 0.0])


def test_the_first_loss_of_each_task_suits_it() -> None:
    assert [names[0] for names in TABULAR_LOSSES.values()] == ["cross_entropy", "mse_loss"]
