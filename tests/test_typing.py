"""Typical user code, which mypy --strict checks and the tests run."""

from __future__ import annotations

from autograd import Value
from nn import (
    MLP,
    SGD,
    Dataset,
    History,
    Module,
    Standardizer,
    fit,
    half_mse_loss,
    load_iris,
    make_moons,
    minibatches,
    one_hot,
    predict,
    read_csv,
    train_test_split,
)


def polynomial(x: Value, coefficients: list[float]) -> Value:
    result = Value(0.0)
    for c in coefficients:
        result = result * x + c
    return result


def descend(x: Value, steps: int, learning_rate: float = 0.1) -> float:
    for _ in range(steps):
        x.grad = 0.0
        cost = (x - 3) ** 2 + 1.0
        cost.backward()
        x.data -= learning_rate * x.grad
    return x.data


def test_expressions_of_values_and_numbers() -> None:
    x = Value(2.0, label="x")
    y: Value = 1 / (1 + (-x).exp()) + abs(x) - 2**x
    total: Value = sum([x, y], Value(0.0))
    total.backward()
    numbers: tuple[float, float] = (x.data, x.grad)
    parents: tuple[Value, ...] = total.parents
    assert numbers[0] == 2.0
    assert len(parents) == 2
    assert x < Value(3.0)


def test_a_polynomial_is_differentiated() -> None:
    x = Value(2.0)
    polynomial(x, [1.0, 0.0, -3.0]).backward()
    assert x.grad == 4.0


def test_gradient_descent_finds_the_minimum() -> None:
    assert abs(descend(Value(0.0), steps=100) - 3.0) < 1e-6


def test_data_are_plain_lists() -> None:
    iris: Dataset[int] = load_iris()
    X_train, X_test, y_train, y_test = train_test_split(iris.features, iris.targets, test_size=1 / 3, stratify=True)
    X: list[list[float]] = Standardizer.fit(X_train).transform(X_test)
    targets: list[list[float]] = one_hot(y_train, len(iris.class_names))
    batches: list[list[int]] = minibatches(len(targets), batch_size=16)
    points, labels = make_moons(10)
    sums: list[float] = [px + label for (px, _), label in zip(points, labels, strict=True)]
    assert len(X) == len(y_test) == 50
    assert sum(map(len, batches)) == 100
    assert len(sums) == 10


def read_prices(path: str) -> list[float]:
    prices: Dataset[float] = read_csv(path, "price", task="regression")
    return prices.targets


class Line(Module):
    def __init__(self) -> None:
        self.slope, self.intercept = Value(0.0), Value(0.0)

    def __call__(self, x: list[float]) -> Value:
        return self.slope * x[0] + self.intercept


def test_models_and_training_are_typed() -> None:
    line = Line()
    optimizer = SGD(line.parameters(), lr=0.5)
    history: History = fit(line, [[0.0], [1.0]], [1.0, 3.0], optimizer=optimizer, epochs=50, progress=False)
    losses: list[float] = history.loss
    network = MLP(2, [3, 2], activation="tanh")
    loss: Value = half_mse_loss(network([0.5, Value(1.0)]), [0.0, 1.0])
    loss.backward()
    gradients: list[float] = [parameter.grad for parameter in network.parameters()]
    state: dict[str, float] = network.state_dict()
    assert losses[-1] < losses[0]
    assert len(gradients) == len(state) == 17
    assert len(predict(network, [[0.0, 0.0]])[0]) == 2
