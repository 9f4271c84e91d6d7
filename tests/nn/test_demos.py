"""What training must be able to do: micrograd's demo loss by loss, two spirals, handwritten digits."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from autograd import Value
from autograd import compile as compiled
from nn import MLP, SGD, Adam, accuracy, fit, make_spirals, predict, train_test_split
from nn.losses import hinge_loss, l2_penalty
from tests.support.micrograd_reference import FILE, SEED, STEPS, demo_loss, moons, rate

LOSSES = json.loads(FILE.read_text(encoding="utf-8"))


def model_of_the_demo() -> MLP:
    random.seed(SEED)
    return MLP(2, [16, 16, 1])


@pytest.mark.parametrize("compile", [False, True])
def test_the_demo_as_micrograd_writes_it(compile: bool) -> None:
    (X, y), model, found = moons(), model_of_the_demo(), []
    steps = STEPS if compile else 40  # a mistake in a step is seen in the next

    def loss() -> Value:
        return demo_loss(model, X, y, Value)  # type: ignore[no-any-return]

    evaluate = compiled(loss) if compile else loss
    for k in range(steps):
        total = evaluate()
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= rate(k) * p.grad
        found.append(total.data)
    assert found == pytest.approx(LOSSES[:steps], abs=1e-12, rel=0)


@pytest.mark.parametrize("compile", [False, True])
def test_the_demo_by_fit(compile: bool) -> None:
    (X, y), model = moons(), model_of_the_demo()
    parameters, steps = model.parameters(), STEPS if compile else 20  # by graphs the penalty of each sample takes long
    sgd = SGD(parameters, lr=rate(0))
    history = fit(
        model, X, y, loss=lambda score, y: hinge_loss(score, y) + 1e-4 * l2_penalty(parameters),
        optimizer=sgd, epochs=steps, batch_size=None, compile=compile, progress=False,
        callbacks=[lambda history: setattr(sgd, "lr", rate(len(history)))],
    )  # fmt: skip
    assert history.loss == pytest.approx(LOSSES[:steps], abs=1e-12, rel=0)
    if compile:
        assert accuracy(predict(model, X), y) == 1.0


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
