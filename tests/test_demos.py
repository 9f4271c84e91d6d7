"""What training must be able to do: micrograd's demo loss by loss, two spirals, handwritten digits."""

from __future__ import annotations

import random
from typing import Any

import pytest

from autograd import Value
from autograd import compile as compiled
from nn import (
    MLP,
    SGD,
    Adam,
    accuracy,
    fit,
    hinge_loss,
    l2_penalty,
    make_moons,
    make_spirals,
    predict,
    train_test_split,
)

STEPS = 100


def rate(step: int) -> float:
    return 1.0 - 0.9 * step / STEPS


@pytest.fixture(scope="module")
def moons() -> tuple[list[list[float]], list[int]]:
    X, classes = make_moons(100, noise=0.1, seed=1337)
    return X, [2 * c - 1 for c in classes]


@pytest.fixture(scope="module")
def by_micrograd(moons: Any) -> list[float]:
    """The losses of micrograd's demo: 2-16-16-1, hinge loss and L2 penalty, a falling learning rate."""
    engine, nets = pytest.importorskip("micrograd.engine"), pytest.importorskip("micrograd.nn")
    random.seed(1337)
    model, found = nets.MLP(2, [16, 16, 1]), []
    for k in range(STEPS):
        total = demo_loss(model, *moons, engine.Value)
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= rate(k) * p.grad
        found.append(total.data)
    return found


def demo_loss(model: Any, X: Any, y: Any, number: Any) -> Any:
    """The demo's own code."""
    scores = [model(list(map(number, x))) for x in X]
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + 1e-4 * sum(p * p for p in model.parameters())


def model_of_the_demo() -> MLP:
    random.seed(1337)
    return MLP(2, [16, 16, 1])


@pytest.mark.parametrize("compile", [False, True])
def test_the_demo_as_micrograd_writes_it(moons: Any, by_micrograd: list[float], compile: bool) -> None:
    model, found = model_of_the_demo(), []

    def loss() -> Value:
        return demo_loss(model, *moons, Value)  # type: ignore[no-any-return]

    evaluate = compiled(loss) if compile else loss
    for k in range(STEPS):
        total = evaluate()
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= rate(k) * p.grad
        found.append(total.data)
    assert found == pytest.approx(by_micrograd, abs=1e-12, rel=0)


@pytest.mark.parametrize("compile", [False, True])
def test_the_demo_by_fit(moons: Any, by_micrograd: list[float], compile: bool) -> None:
    model = model_of_the_demo()
    sgd = SGD(model.parameters(), lr=rate(0))
    history = fit(
        model, *moons, loss=lambda score, y: hinge_loss(score, y) + 1e-4 * l2_penalty(model.parameters()),
        optimizer=sgd, epochs=STEPS, batch_size=None, compile=compile, progress=False,
        callbacks=[lambda history: setattr(sgd, "lr", rate(len(history)))],
    )  # fmt: skip
    assert history.loss == pytest.approx(by_micrograd, abs=1e-12, rel=0)
    assert accuracy(predict(model, moons[0]), moons[1]) == 1.0


def test_two_spirals_are_told_apart() -> None:
    options: dict[str, Any] = {"noise": 0.02, "turns": 1.5}
    X, y = make_spirals(200, seed=0, **options)
    model = MLP(2, [16, 16, 1], activation="tanh", init="xavier_uniform", seed=0)
    fit(
        model, X, [float(c) for c in y], loss="binary_cross_entropy_with_logits",
        optimizer=Adam(model.parameters(), lr=0.02), epochs=2000, batch_size=None, progress=False,
    )  # fmt: skip
    assert accuracy(predict(model, X), y) == 1.0
    X, y = make_spirals(200, seed=1, **options)
    assert accuracy(predict(model, X), y) >= 0.99


def test_handwritten_digits_are_read() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    X, X_test, y, y_test = train_test_split(
        (digits.data / 16.0).tolist(), digits.target.tolist(), test_size=0.2, seed=0, stratify=True
    )
    model = MLP(64, [32, 10], activation="tanh", init="xavier_uniform", seed=0)
    fit(
        model, X, y, loss="cross_entropy", optimizer=Adam(model.parameters(), lr=3e-3), epochs=60, progress=False,
    )  # fmt: skip
    assert accuracy(predict(model, X_test), y_test) >= 0.97
