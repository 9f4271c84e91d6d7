"""Typical user code, which mypy --strict checks and the tests run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from autograd import (
    NumericError,
    Value,
    exp,
    fsum,
    grad,
    maximum,
    no_grad,
    primitive,
    sin,
    softmax,
    strict,
    sumprod,
)
from autograd.functional import hessian, jvp, value_and_grad
from autograd.ops import TABLE
from nn import (
    MLP,
    SGD,
    Dataset,
    History,
    Module,
    Standardizer,
    StepLR,
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


@primitive(lambda y, x: 2 * x * y, name="test_typed_bell")
def bell(x: float) -> float:
    return math.exp(x * x)


del TABLE["test_typed_bell"]  # the other tests know nothing of it


def rosenbrock(v: Sequence[Value]) -> Value:
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


@no_grad()
def mean(values: Sequence[Value]) -> float:
    total: Value = fsum(values)
    return total.data / len(values)


def test_functions_take_and_give_floats_or_values() -> None:
    x = Value(0.5)
    number: float = sin(0.5) + exp(1.0) + maximum(1.0, 2.0)
    node: Value = sin(x) + exp(x) * maximum(x, 2.0) + maximum(2.0, x)
    neuron: Value = sumprod([x, node], [1.0, 2.0], 0.5).tanh()
    shares: list[Value] = softmax([x, node, neuron])
    squashed: Value = neuron.sigmoid().clip(0.1, 0.9).leaky_relu()
    assert number > 0
    assert node > neuron
    assert mean(shares) == pytest.approx(1 / 3)
    assert squashed.data < 0.9


def test_derivatives() -> None:
    x, y = Value(2.0), Value(3.0)
    dx, dy = grad(x * y, [x, y])
    assert (dx, dy) == (3.0, 2.0)
    f: Callable[..., tuple[Any, Any]] = value_and_grad(rosenbrock)
    value, gradient = f([1.0, 1.0])
    rows: list[list[float]] = hessian(rosenbrock)([1.0, 1.0])
    _, slope = jvp(lambda t: t * t, (3.0,), (1.0,))
    assert (value, gradient, rows[1][1], slope) == (0.0, [0.0, 0.0], 200.0, 6.0)
    assert grad(bell(x), x)[0] == pytest.approx(4 * math.exp(4.0))


def test_switches() -> None:
    with strict(), pytest.raises(NumericError):
        Value(-1.0).log()
    with no_grad():
        leaf: Value = Value(2.0) * 3
    origin: str | None = leaf.origin
    assert origin is None


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


def largest_error(outputs: list[float], targets: list[float]) -> float:
    return max(abs(a - y) for a, y in zip(outputs, targets, strict=True))


def test_validation_is_typed(tmp_path: Path) -> None:
    line = Line()
    X, y = [[x / 10] for x in range(20)], [x / 5 for x in range(20)]
    optimizer = SGD(line.parameters(), lr=0.1)
    history = fit(
        line,
        X,
        y,
        optimizer=optimizer,
        schedule=StepLR(optimizer, 20),
        epochs=30,
        validation_split=0.2,
        metrics=["l1_loss", largest_error],
        early_stopping=True,
        checkpoint=tmp_path / "line.json",
        progress=False,
        callbacks=[lambda so_far: None],
    )
    best: int | None = history.best_epoch
    errors: list[float] = history.metrics["largest_error"]
    history.to_csv(tmp_path / "history.csv")
    assert best is not None
    assert errors[best - 1] < errors[0]


# ---- what mypy must refuse -------------------------------------------------------------------------------------------
WRONG = """
from autograd import Value, no_grad, sin, maximum, sumprod
x = Value(2.0)
Value("3")                              # arg-type
x.data = "3"                            # assignment
x.gradient                              # attr-defined
x.backward("1")                         # arg-type
a: int = x * 2                          # assignment
b: int = -x                             # assignment
c: float = sin(x)                       # assignment
d: Value = sin(0.5)                     # assignment
sin("x")                                # call-overload
maximum(x, "1")                         # call-overload
e: str = (x < 1)                        # assignment
f: list[float] = x.parents              # assignment
sumprod([x])                            # call-arg
x.sin(1)                                # call-arg

@no_grad()
def g(v: Value) -> float:
    return v.data

h: Value = g(x)                         # assignment
"""


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """Else everything above could be of type Any."""
    api = pytest.importorskip("mypy.api")
    root = Path(__file__).resolve().parent.parent
    file = tmp_path / "wrong.py"
    file.write_text(WRONG, encoding="utf-8")
    config = root / "setup.cfg"
    cache = root / ".mypy_cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(root))
        out, _, _ = api.run(
            ["--strict", "--config-file", str(config), "--no-pretty", "--cache-dir", str(cache), str(file)]
        )
    expected = {n: line.split("#")[1].strip() for n, line in enumerate(WRONG.split("\n"), 1) if "#" in line}
    found = {
        int(line.split(":")[1]): line.rpartition("[")[2].rstrip("]")
        for line in out.splitlines()
        if f"{file.name}:" in line and ": error:" in line  # the cache may know the file by an earlier path
    }
    assert found == expected, out
