"""Losses as modules: the functions, with options; and names that PyTorch has and this package has not."""

from __future__ import annotations

from typing import Any

import pytest

import autograd
import nn
from autograd.names import advice_of
from nn import MLP, Module, accuracy, cross_entropy, fit, load_iris, log_softmax, nll_loss
from nn.losses import loss_named

Z, Y = [[0.3, -1.2, 2.0], [0.1, 0.4, -0.7]], [0, 2]
P, T = [0.2, 0.9], [1.0, 0.0]


@pytest.mark.parametrize(
    ("criterion", "function", "options", "input", "target"),
    [
        ("MSELoss", "mse_loss", {"reduction": "sum"}, P, T),
        ("L1Loss", "l1_loss", {"reduction": "none"}, P, T),
        ("HuberLoss", "huber_loss", {"delta": 0.3}, P, T),
        ("BCELoss", "binary_cross_entropy", {"reduction": "sum"}, P, T),
        ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", {"pos_weight": 3.0}, P, T),
        ("CrossEntropyLoss", "cross_entropy", {"label_smoothing": 0.2, "reduction": "none"}, Z, Y),
        ("NLLLoss", "nll_loss", {"reduction": "sum"}, Z, Y),
    ],
)
def test_a_criterion_is_its_function_and_that_of_pytorch(
    criterion: str, function: str, options: dict[str, Any], input: Any, target: Any
) -> None:
    kind, f = getattr(nn, criterion), getattr(nn, function)
    assert kind()(input, target) == f(input, target)
    assert kind(**options)(input, target) == f(input, target, **options) != f(input, target)
    assert loss_named(kind()) is f
    assert isinstance(kind(), Module)
    assert kind().parameters() == []
    torch = pytest.importorskip("torch")
    given = {name: torch.tensor(x) if name == "pos_weight" else x for name, x in options.items()}
    theirs = getattr(torch.nn, criterion)(**given)(torch.tensor(input), torch.tensor(target))
    assert f(input, target, **options) == pytest.approx(theirs.tolist(), rel=1e-6)


def test_the_negative_log_likelihood_of_log_softmax_is_the_cross_entropy() -> None:
    rows = [log_softmax(row) for row in Z]
    assert nll_loss(rows, Y) == pytest.approx(cross_entropy(Z, Y), rel=1e-14)
    with pytest.raises(ValueError, match="must be an index from 0 to 2, or one probability per class, not 3"):
        nll_loss(rows, [0, 3])


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("compile", [False, True])
def test_fit_takes_a_criterion(options: dict[str, float], compile: bool) -> None:
    iris = load_iris()
    losses = []
    for loss in (nn.CrossEntropyLoss(**options), lambda z, y: cross_entropy(z, y, **options)):
        model = MLP(4, [3], seed=0)
        history = fit(model, iris.features, iris.targets, loss=loss, epochs=2, compile=compile, progress=False)
        losses.append(history.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_accuracy_knows_the_threshold_of_a_criterion() -> None:
    """After BCELoss the outputs are probabilities, whose threshold is ½ instead of 0."""
    model = MLP(1, [1], output="sigmoid", init="zeros")
    X, y = [[-1.0], [-2.0], [1.0], [2.0]], [0.0, 0.0, 1.0, 1.0]
    history = fit(model, X, y, loss=nn.BCELoss(), metrics=["accuracy"], epochs=50, progress=False)
    assert history.metrics["accuracy"][-1] == 1.0 == accuracy([model(x) for x in X], y, threshold=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.CrossEntropyLoss(weight=[1.0]),
            r"no argument 'weight'.*lambda z, y: weight\[y\] \* nn\.cross_entropy",
        ),
        (lambda: nn.MSELoss(reductoin="sum"), r"MSELoss\(\) takes no argument 'reductoin'; did you mean 'reduction'"),
    ],
)
def test_an_option_that_a_criterion_does_not_have(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_smoothing_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"label_smoothing must be from 0 to 1, got 1\.5"):
        cross_entropy(Z, Y, label_smoothing=1.5)


# --- names that are not here ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (nn, "Parameter", r"any leaf Value in an attribute is a parameter, as in self\.w = Value\(0\.5\)"),
        (nn, "ModuleList", "a plain list or dictionary in an attribute will do"),
        (nn, "functional", "its functions are in nn"),
        (nn.optim, "lr_scheduler", "schedules are in nn itself"),
        (nn.optim, "Adagrad", r"help\(nn\.Optimizer\)"),
        (nn.init, "kaiming_normal_", "set the numbers yourself"),
        (autograd, "clamp", "it is called clip here"),
        (autograd, "tensor", r"Value\(2\.0\)"),
    ],
)
def test_a_name_of_pytorch_says_what_to_write_instead(module: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': .*{message}"):
        getattr(module, name)


def test_no_advice_is_about_a_name_that_is_here() -> None:
    for module in (nn, autograd):
        assert [name for name in advice_of(module.__name__) if name in module.__all__] == []


def test_an_unknown_name_is_only_unknown() -> None:
    with pytest.raises(AttributeError, match=r"^module 'nn' has no attribute 'Relu'$") as caught:
        nn.Relu  # type: ignore[attr-defined]  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("Relu", nn)  # by which Python adds: Did you mean: 'ReLU'?
    assert not hasattr(nn, "_Parameter")


def test_a_class_of_a_user_keeps_the_function_of_the_class_above() -> None:
    class Mine(nn.MSELoss):
        pass

    class Bent(nn.Tanh):
        pass

    assert Mine()([1.0], [3.0]) == 4.0
    assert repr(Mine(reduction="sum")) == "Mine(reduction='sum')"
    assert Bent()([0.0]) == [0.0]
